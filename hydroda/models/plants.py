"""Plant types: how they look to light and air, how they take up carbon and water, their roots.

Two tables: the IGBP classes as the Common Land Model has them, and the plant functional types of
CLM 4. A type is a record; `dataclasses.replace` makes another one of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.models.kernels import radiation
from hydroda.models.roots import Roots, ZengRoots
from hydroda.units import Amount, Magnitude, magnitude

__all__ = [
    "CLM4_TYPES",
    "IGBP_TYPES",
    "DatedLeaves",
    "Leaves",
    "MonthlyLeaves",
    "PlantType",
    "SeasonalLeaves",
    "clm4",
    "colm",
    "igbp",
    "monthly_leaves",
    "optics_rows",
    "plant_rows",
]

Array = NDArray[np.float64]

# ------------------------------------------------------------------------------------------ leaves


class Leaves(ABC):
    """Leaf and stem area through the year. Its author writes `area`."""

    @abstractmethod
    def area(
        self, time: NDArray[np.datetime64], latitude: float, t_soil: ArrayLike
    ) -> tuple[Array, Array]:
        """Leaf and stem area index at times, of t_soil [K] in the root zone (same shape)."""


@dataclass(frozen=True)
class MonthlyLeaves(Leaves):
    """Twelve values of each, held in the middle of the months, of the northern hemisphere.

    South of the equator they are half a year later. One value stands for all months.
    """

    lai: Sequence[float]
    sai: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("lai", "sai"):
            value = np.atleast_1d(np.asarray(getattr(self, name), float))
            if value.size not in (1, 12) or not (value >= 0.0).all():
                raise DeclarationError(
                    f"{name} must be 12 monthly values (or one), none negative; got {value}"
                )
            object.__setattr__(self, name, tuple(np.broadcast_to(value, 12).tolist()))

    def area(
        self, time: NDArray[np.datetime64], latitude: float, t_soil: ArrayLike = 0.0
    ) -> tuple[Array, Array]:
        place = _months(np.asarray(time, "datetime64[ns]")) - 0.5 + (6.0 if latitude < 0.0 else 0.0)
        first = np.floor(place).astype(int)
        part = place - first
        values = np.array([self.lai, self.sai])
        lai, sai = values[:, first % 12] * (1.0 - part) + values[:, (first + 1) % 12] * part
        return lai, sai


@dataclass(frozen=True)
class SeasonalLeaves(Leaves):
    """Leaf area between two values by the warmth of the soil, stems constant (BATS; CoLM)."""

    lowest: float
    highest: float
    sai: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.lowest <= self.highest and self.sai >= 0.0):
            raise DeclarationError(
                f"leaf area needs 0 <= lowest <= highest and sai >= 0; got {self.lowest}, "
                f"{self.highest}, {self.sai}"
            )

    def area(
        self, time: NDArray[np.datetime64], latitude: float, t_soil: ArrayLike
    ) -> tuple[Array, Array]:
        cold = np.maximum(298.0 - np.asarray(t_soil, float), 0.0)
        lai = self.lowest + (self.highest - self.lowest) * np.maximum(1.0 - 0.0016 * cold**2, 0.0)
        return lai, np.full_like(lai, self.sai)


@dataclass(frozen=True)
class DatedLeaves(Leaves):
    """Leaf and stem area as measured on days of the year ("month-day"), every year alike.

    Linear between the days, also from the last of a year to the first of the next; a number stands
    for all days.

    >>> DatedLeaves((("06-01", 0.0), ("07-20", 6.0), ("09-01", 5.0), ("10-01", 0.0)), sai=0.3)
    """

    lai: float | Sequence[tuple[str, float]]
    sai: float | Sequence[tuple[str, float]]

    def __post_init__(self) -> None:
        for name in ("lai", "sai"):
            pairs = _dated(getattr(self, name))
            days = [_part_of_year(_day(day)) for day, _ in pairs]
            if not days or min(value for _, value in pairs) < 0.0 or (np.diff(days) <= 0.0).any():
                raise DeclarationError(
                    f"{name} must be pairs of (month-day, area) in the order of the year, with "
                    f"none negative; got {getattr(self, name)!r}"
                )
            object.__setattr__(self, name, pairs)

    def area(
        self, time: NDArray[np.datetime64], latitude: float, t_soil: ArrayLike = 0.0
    ) -> tuple[Array, Array]:
        place = _part_of_year(np.asarray(time, "datetime64[ns]"))
        return _between(place, _dated(self.lai)), _between(place, _dated(self.sai))


def _dated(value: float | Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    if isinstance(value, (int, float)):
        return (("01-01", float(value)),)
    return tuple((day, float(area)) for day, area in value)


def _between(place: Array, pairs: Sequence[tuple[str, float]]) -> Array:
    days = [float(_part_of_year(_day(day))) for day, _ in pairs]
    return np.asarray(np.interp(place, days, [value for _, value in pairs], period=1.0))


def _day(text: str) -> np.datetime64:
    """The day of a common year."""
    try:
        return np.datetime64(f"2001-{text}", "ns")
    except ValueError:
        raise DeclarationError(f"days must be 'month-day' as '06-15'; got {text!r}") from None


def _part_of_year(time: Any) -> Array:
    """How much of its year has passed at a time [1]."""
    year = time.astype("datetime64[Y]")
    start = year.astype("datetime64[ns]")
    return np.asarray((time - start) / ((year + 1).astype("datetime64[ns]") - start))


def _months(time: NDArray[np.datetime64]) -> Array:
    """Months since January began, with the part of the present one."""
    month = time.astype("datetime64[M]")
    start = month.astype("datetime64[ns]")
    length = (month + 1).astype("datetime64[ns]") - start
    return month.astype(int) % 12 + (time - start) / length


# ------------------------------------------------------------------------------------- plant types

_UNITS = {
    "roughness": "m",
    "displacement": "m",
    "height": "m",
    "bottom": "m",
    "top": "m",
    "leaf_size": "m",
    "capacity": "umol m-2 s-1",
    "resting": "umol m-2 s-1",
    "open_head": "m",
    "closed_head": "m",
}


@dataclass(frozen=True, kw_only=True)
class PlantType:
    """A kind of plant cover.

    To the air: `roughness` length and `displacement` under full leaf, `height`, `leaf_size`; snow
    covers leaves between the depths `bottom` and `top`. To light: `orientation` of leaves (-1
    upright, 0 any, 1 level) and what leaves and stems reflect and transmit, (visible, near
    infrared). Photosynthesis: pathway `c3`, `capacity` of Rubisco at 25 degC at the top, fading
    into the canopy with `nitrogen_fading`, `quantum` efficiency; stomata: `slope` with
    photosynthesis, `resting` conductance, heads of the soil at which they are open and closed.
    """

    name: str
    roughness: Amount
    displacement: Amount
    height: Amount
    bottom: Amount
    top: Amount
    roots: Roots
    leaves: Leaves
    orientation: float
    leaf_reflects: tuple[float, float]
    stem_reflects: tuple[float, float]
    leaf_transmits: tuple[float, float]
    stem_transmits: tuple[float, float]
    leaf_size: Amount = field(default_factory=lambda: Magnitude(0.04, "m"))
    c3: bool = True
    capacity: Amount = field(default_factory=lambda: Magnitude(50.0, "umol m-2 s-1"))
    quantum: float = 0.06
    nitrogen_fading: float = 0.0
    slope: float = 9.0
    resting: Amount = field(default_factory=lambda: Magnitude(2000.0, "umol m-2 s-1"))
    open_head: Amount = field(default_factory=lambda: Magnitude(-0.1, "m"))
    closed_head: Amount = field(default_factory=lambda: Magnitude(-150.0, "m"))

    def __post_init__(self) -> None:
        for name, unit in _UNITS.items():
            value = getattr(self, name)
            if not (isinstance(value, Magnitude) and value.unit == unit):
                object.__setattr__(self, name, magnitude(value, unit, name))
        self._check()

    def _check(self) -> None:
        if not float(self.closed_head) < float(self.open_head) <= 0.0:
            raise DeclarationError(
                f"closed_head must be below open_head, both at most 0 m; got {self.closed_head}, "
                f"{self.open_head}"
            )
        if not 0.0 <= float(self.bottom) < float(self.top):
            raise DeclarationError(f"bottom must be below top; got {self.bottom}, {self.top}")
        for name in ("roughness", "height", "leaf_size", "capacity", "slope"):
            if not getattr(self, name) > 0.0:
                raise DeclarationError(f"{name} must be positive; got {getattr(self, name)}")
        for part in ("leaf", "stem"):
            for i in range(2):
                scattered = (
                    getattr(self, f"{part}_reflects")[i] + getattr(self, f"{part}_transmits")[i]
                )
                if not 0.0 <= scattered <= 1.0:
                    raise DeclarationError(
                        f"{part}_reflects + {part}_transmits must be in [0, 1]; got {scattered}"
                    )

    def plant_row(self) -> list[float]:
        """Numbers of `kernels.canopy.Plant`, in its order."""
        values = (
            self.roughness, self.displacement, self.height, self.leaf_size, self.c3,
            self.capacity, self.quantum, self.slope, self.resting, self.open_head,
            self.closed_head, self.bottom, self.top,
        )  # fmt: skip
        return [float(value) for value in values]

    def optics_row(self) -> list[float]:
        """Numbers of `kernels.radiation.Optics`, in its order."""
        chi = min(max(self.orientation, -0.4), 0.6)
        values = (
            chi, *self.leaf_reflects, *self.stem_reflects, *self.leaf_transmits,
            *self.stem_transmits, self.nitrogen_fading, *radiation.orientation(float(chi)),
        )  # fmt: skip
        return [float(value) for value in values]


def plant_rows(types: Sequence[PlantType]) -> Array:
    """Table (type, field) for `kernels.canopy.plant`."""
    return np.array([one.plant_row() for one in types])


def optics_rows(types: Sequence[PlantType]) -> Array:
    """Table (type, field) for `kernels.radiation.optics`."""
    return np.array([one.optics_row() for one in types])


def _m(value: float) -> Magnitude:
    return Magnitude(value, "m")


def _rate(value: float) -> Magnitude:
    return Magnitude(value, "umol m-2 s-1")


def _zeng(a: float, b: float) -> ZengRoots:
    return ZengRoots(Magnitude(a, "1/m"), Magnitude(b, "1/m"))


# ------------------------------------------------------------------------------------- leaf tables

# Monthly leaf and stem area index of the IGBP classes on the northern hemisphere, after the tables
# of the Noah-MP land model (NOAA-OWP/noah-owp-modular, parameters/MPTABLE.TBL, Apache-2.0).
_MONTHS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "evergreen needleleaf forests": (
        (4.0,) * 12,
        (0.4, 0.4, 0.4, 0.3, 0.4, 0.5, 0.5, 0.6, 0.6, 0.7, 0.6, 0.5),
    ),
    "evergreen broadleaf forests": ((4.5,) * 12, (0.5,) * 12),
    "deciduous needleleaf forests": (
        (0.0, 0.0, 0.0, 0.6, 1.2, 2.0, 2.6, 1.7, 1.0, 0.5, 0.2, 0.0),
        (0.3, 0.3, 0.3, 0.4, 0.4, 0.7, 1.3, 1.2, 1.0, 0.8, 0.6, 0.5),
    ),
    "deciduous broadleaf forests": (
        (0.0, 0.0, 0.3, 1.2, 3.0, 4.7, 4.5, 3.4, 1.2, 0.3, 0.0, 0.0),
        (0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.9, 1.2, 1.6, 1.4, 0.6, 0.4),
    ),
    "mixed forests": (
        (2.0, 2.0, 2.2, 2.6, 3.5, 4.3, 4.3, 3.7, 2.6, 2.2, 2.0, 2.0),
        (0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.7, 0.8, 1.0, 1.0, 0.5, 0.4),
    ),
    "closed shrublands": (
        (0.0, 0.0, 0.3, 0.9, 2.2, 3.5, 3.5, 2.5, 0.9, 0.3, 0.0, 0.0),
        (0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.6, 0.9, 1.2, 0.9, 0.4, 0.3),
    ),
    "open shrublands": (
        (0.0, 0.0, 0.2, 0.6, 1.5, 2.3, 2.3, 1.7, 0.6, 0.2, 0.0, 0.0),
        (0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0.6, 0.8, 0.7, 0.3, 0.2),
    ),
    "woody savannas": (
        (0.2, 0.2, 0.4, 1.0, 2.4, 4.1, 4.1, 2.7, 1.0, 0.4, 0.2, 0.2),
        (0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.7, 1.2, 1.4, 1.1, 0.5, 0.4),
    ),
    "savannas": (
        (0.3, 0.3, 0.5, 0.8, 1.8, 3.6, 3.8, 2.1, 0.9, 0.5, 0.3, 0.3),
        (0.3, 0.3, 0.3, 0.3, 0.3, 0.4, 0.8, 1.2, 1.3, 0.7, 0.4, 0.4),
    ),
    "grasslands": (
        (0.4, 0.5, 0.6, 0.7, 1.2, 3.0, 3.5, 1.5, 0.7, 0.6, 0.5, 0.4),
        (0.3, 0.3, 0.3, 0.3, 0.3, 0.4, 0.8, 1.3, 1.1, 0.4, 0.4, 0.4),
    ),
    "permanent wetlands": (
        (0.2, 0.3, 0.3, 0.5, 1.5, 2.9, 3.5, 2.7, 1.2, 0.3, 0.3, 0.2),
        (0.3, 0.3, 0.3, 0.3, 0.3, 0.4, 0.6, 0.9, 0.9, 0.6, 0.4, 0.3),
    ),
    "croplands": (
        (0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 1.5, 0.0, 0.0, 0.0),
        (0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.4, 0.5, 0.4, 0.3, 0.3, 0.3),
    ),
    "cropland mosaics": (
        (0.2, 0.3, 0.3, 0.4, 1.1, 2.5, 3.2, 2.2, 1.1, 0.3, 0.3, 0.2),
        (0.3, 0.3, 0.3, 0.3, 0.3, 0.4, 0.6, 0.9, 0.7, 0.3, 0.3, 0.3),
    ),
    "mixed tundra": (
        (0.6, 0.6, 0.7, 0.8, 1.2, 1.8, 1.8, 1.3, 0.8, 0.7, 0.6, 0.6),
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 0.6, 0.7, 0.5, 0.3, 0.2),
    ),
}


def monthly_leaves(name: str) -> MonthlyLeaves:
    """Leaves of an IGBP class (or "mixed tundra") by month, as Noah-MP tabulates them."""
    if name not in _MONTHS:
        raise DeclarationError(f"monthly_leaves knows {', '.join(_MONTHS)}; got {name!r}")
    return MonthlyLeaves(*_MONTHS[name])


# ------------------------------------------------------------------------------------ IGBP classes

_TREE, _GRASS = (0.16, 0.39, 0.001, 0.001), (0.36, 0.58, 0.22, 0.38)
# name: lai highest, lowest, sai, z0m, displacement, root a, root b, orientation, leaf reflects vis,
# nir, leaf transmits vis, nir, stem (reflects vis, nir, transmits vis, nir); from the vegetation
# table that comes with the Common Land Model (Dai et al. 2003, 10.1175/BAMS-84-8-1013).
_IGBP: dict[str, tuple[Any, ...]] = {
    "evergreen needleleaf forests": (
        6.0, 5.0, 2.0, 1.00, 11.0, 7.0, 2.0, 0.01, 0.07, 0.35, 0.05, 0.10, _TREE),
    "evergreen broadleaf forests": (
        6.0, 5.0, 2.0, 2.20, 23.0, 7.0, 1.0, 0.10, 0.10, 0.45, 0.05, 0.25, _TREE),
    "deciduous needleleaf forests": (
        6.0, 1.0, 2.0, 1.00, 11.0, 7.0, 2.0, 0.01, 0.07, 0.35, 0.05, 0.10, _TREE),
    "deciduous broadleaf forests": (
        6.0, 1.0, 2.0, 0.80, 13.0, 6.0, 2.0, 0.25, 0.10, 0.45, 0.05, 0.25, _TREE),
    "mixed forests": (
        6.0, 3.0, 2.0, 0.80, 13.0, 5.0, 1.5, 0.13, 0.08, 0.40, 0.05, 0.17, _TREE),
    "closed shrublands": (
        6.0, 2.0, 2.0, 0.10, 0.30, 6.0, 1.5, 0.13, 0.08, 0.40, 0.05, 0.17, _TREE),
    "open shrublands": (
        6.0, 1.0, 2.0, 0.10, 0.30, 5.0, 2.5, 0.13, 0.08, 0.40, 0.05, 0.17, _TREE),
    "woody savannas": (
        6.0, 2.0, 2.0, 0.70, 6.50, 6.0, 2.5, -0.08, 0.09, 0.49, 0.06, 0.21,
        (0.26, 0.48, 0.11, 0.19)),
    "savannas": (
        6.0, 1.0, 2.0, 0.10, 0.70, 5.0, 1.0, -0.3, 0.11, 0.58, 0.07, 0.25, _GRASS),
    "grasslands": (
        2.0, 0.5, 4.0, 0.03, 0.30, 1.0, 2.5, -0.3, 0.11, 0.58, 0.07, 0.25, _GRASS),
    "permanent wetlands": (
        6.0, 0.5, 2.0, 0.03, 0.30, 6.0, 2.0, -0.3, 0.11, 0.35, 0.07, 0.10,
        (0.36, 0.39, 0.22, 0.001)),
    "croplands": (
        6.0, 0.5, 0.5, 0.06, 0.30, 6.0, 2.5, -0.3, 0.11, 0.58, 0.07, 0.25, _GRASS),
    "urban": (
        5.0, 1.0, 2.0, 0.50, 3.00, 5.0, 2.0, -0.07, 0.09, 0.47, 0.06, 0.20,
        (0.24, 0.47, 0.09, 0.15)),
    "cropland mosaics": (
        6.0, 2.0, 2.0, 0.06, 0.30, 5.0, 2.0, -0.07, 0.09, 0.47, 0.06, 0.20,
        (0.24, 0.47, 0.09, 0.15)),
    "sparse vegetation": (
        6.0, 0.5, 2.0, 0.05, 0.10, 5.0, 2.0, -0.07, 0.09, 0.47, 0.06, 0.20,
        (0.24, 0.47, 0.09, 0.15)),
}  # fmt: skip
IGBP_TYPES = tuple(_IGBP)
# The numbers of IGBP, for those above; 15 (ice), 17 (water) and 18 (bare soil) carry no plants.
_IGBP_NUMBERS = {number: name for number, name in zip((*range(1, 15), 16), _IGBP, strict=True)}

# Capacity at the top of the canopy [umol m-2 s-1] in later CoLM, after Bonan et al. (2011),
# 10.1029/2010JG001593, Table 2.
_COLM_CAPACITY = {
    "evergreen needleleaf forests": 54.0,
    "evergreen broadleaf forests": 72.0,
    "deciduous needleleaf forests": 57.0,
    "croplands": 57.0,
    "cropland mosaics": 57.0,
}


def igbp(which: str | int) -> PlantType:
    """An IGBP class by name (`IGBP_TYPES`) or number, as the first Common Land Model has it.

    All classes photosynthesize alike in that version (as in ParFlow-CLM): C3, 33 umol m-2 s-1.
    """
    name = _IGBP_NUMBERS.get(which, which) if isinstance(which, int) else which
    if name not in _IGBP:
        raise DeclarationError(
            f"igbp knows the numbers 1-14 and 16 and the names {', '.join(_IGBP)}; got {which!r}"
        )
    top, low, sai, z0, d, a, b, chi, rv, rn, tv, tn, stem = _IGBP[str(name)]
    return PlantType(
        name=str(name),
        roughness=_m(z0),
        displacement=_m(d),
        height=_m(max(d / 0.67, 10.0 * z0)),
        bottom=_m(0.0),
        top=_m(10.0 * z0),
        roots=_zeng(a, b),
        leaves=SeasonalLeaves(low, top, sai),
        orientation=chi,
        leaf_reflects=(rv, rn),
        leaf_transmits=(tv, tn),
        stem_reflects=stem[:2],
        stem_transmits=stem[2:],
        capacity=_rate(33.0),
    )


def colm(which: str | int) -> PlantType:
    """An IGBP class with the photosynthesis of later CoLM: capacity by class, fading downwards."""
    plant = igbp(which)
    return replace(
        plant,
        capacity=_rate(_COLM_CAPACITY.get(plant.name, 52.0)),
        quantum=0.08,
        nitrogen_fading=0.5,
        resting=_rate(10000.0),
    )


# -------------------------------------------------------------------- plant functional types, CLM 4

_NEEDLE = (0.07, 0.35, 0.16, 0.39, 0.05, 0.10, 0.001, 0.001)
_BROAD = (0.10, 0.45, 0.16, 0.39, 0.05, 0.25, 0.001, 0.001)
_HERB = (0.11, 0.35, 0.31, 0.53, 0.05, 0.34, 0.120, 0.250)
# name: height, bottom, R_z0m, R_d, root a, root b, orientation, optics, capacity, nitrogen factor,
# open and closed head, monthly leaves of. Oleson et al. (2010), NCAR/TN-478+STR, Tables 2.2, 3.1,
# 5.1, 8.1 and 8.3; the leaf area index comes from a map there, here from `monthly_leaves`.
_CLM4: dict[str, tuple[Any, ...]] = {
    "needleleaf evergreen temperate tree": (
        17.0, 8.5, 0.055, 0.67, 7.0, 2.0, 0.01, _NEEDLE, 62.5, 0.72, -66.0, -255.0,
        "evergreen needleleaf forests"),
    "needleleaf evergreen boreal tree": (
        17.0, 8.5, 0.055, 0.67, 7.0, 2.0, 0.01, _NEEDLE, 62.6, 0.78, -66.0, -255.0,
        "evergreen needleleaf forests"),
    "needleleaf deciduous boreal tree": (
        14.0, 7.0, 0.055, 0.67, 7.0, 2.0, 0.01, _NEEDLE, 39.1, 0.79, -66.0, -255.0,
        "deciduous needleleaf forests"),
    "broadleaf evergreen tropical tree": (
        35.0, 1.0, 0.075, 0.67, 7.0, 1.0, 0.10, _BROAD, 55.0, 0.83, -66.0, -255.0,
        "evergreen broadleaf forests"),
    "broadleaf evergreen temperate tree": (
        35.0, 1.0, 0.075, 0.67, 7.0, 1.0, 0.10, _BROAD, 61.5, 0.71, -66.0, -255.0,
        "evergreen broadleaf forests"),
    "broadleaf deciduous tropical tree": (
        18.0, 10.0, 0.055, 0.67, 6.0, 2.0, 0.01, _BROAD, 41.0, 0.66, -35.0, -224.0,
        "woody savannas"),
    "broadleaf deciduous temperate tree": (
        20.0, 11.5, 0.055, 0.67, 6.0, 2.0, 0.25, _BROAD, 57.7, 0.64, -35.0, -224.0,
        "deciduous broadleaf forests"),
    "broadleaf deciduous boreal tree": (
        20.0, 11.5, 0.055, 0.67, 6.0, 2.0, 0.25, _BROAD, 57.7, 0.70, -35.0, -224.0,
        "deciduous broadleaf forests"),
    "broadleaf evergreen temperate shrub": (
        0.5, 0.1, 0.120, 0.68, 7.0, 1.5, 0.01, _NEEDLE, 61.7, 0.62, -83.0, -428.0,
        "closed shrublands"),
    "broadleaf deciduous temperate shrub": (
        0.5, 0.1, 0.120, 0.68, 7.0, 1.5, 0.25, _BROAD, 54.0, 0.60, -83.0, -428.0,
        "closed shrublands"),
    "broadleaf deciduous boreal shrub": (
        0.5, 0.1, 0.120, 0.68, 7.0, 1.5, 0.25, _BROAD, 54.0, 0.76, -83.0, -428.0,
        "open shrublands"),
    "c3 arctic grass": (
        0.5, 0.0, 0.120, 0.68, 11.0, 2.0, -0.30, _HERB, 78.2, 0.68, -74.0, -275.0,
        "mixed tundra"),
    "c3 grass": (
        0.5, 0.0, 0.120, 0.68, 11.0, 2.0, -0.30, _HERB, 78.2, 0.61, -74.0, -275.0,
        "grasslands"),
    "c4 grass": (
        0.5, 0.0, 0.120, 0.68, 11.0, 2.0, -0.30, _HERB, 51.6, 0.64, -74.0, -275.0,
        "savannas"),
    "c3 crop": (
        0.5, 0.0, 0.120, 0.68, 6.0, 3.0, -0.30, _HERB, 100.7, 0.61, -74.0, -275.0,
        "croplands"),
}  # fmt: skip
CLM4_TYPES = tuple(_CLM4)
SHORT = 0.2  # snow that covers grass and crops in CLM 4 [m]


def clm4(name: str) -> PlantType:
    """A plant functional type of CLM 4 by name (`CLM4_TYPES`)."""
    if name not in _CLM4:
        raise DeclarationError(f"clm4 knows {', '.join(_CLM4)}; got {name!r}")
    height, bottom, z0, d, a, b, chi, light, vmax, nitrogen, opened, closed, months = _CLM4[name]
    c4, needle = name.startswith("c4"), name.startswith("needleleaf")
    return PlantType(
        name=name,
        roughness=_m(z0 * height),
        displacement=_m(d * height),
        height=_m(height),
        bottom=_m(bottom),
        top=_m(height if bottom > 0.0 else SHORT),
        roots=_zeng(a, b),
        leaves=monthly_leaves(months),
        orientation=chi,
        leaf_reflects=light[0:2],
        stem_reflects=light[2:4],
        leaf_transmits=light[4:6],
        stem_transmits=light[6:8],
        c3=not c4,
        capacity=_rate(vmax * nitrogen),
        quantum=0.04 if c4 else 0.06,
        nitrogen_fading=0.3,
        slope=5.0 if c4 else 6.0 if needle else 9.0,
        open_head=_m(opened),
        closed_head=_m(closed),
    )
