"""What stands on and under a soil column: plants, snow, the atmosphere and the bottom."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hydroda.errors import DeclarationError
from hydroda.models.kernels import runoff as tokens
from hydroda.models.kernels import soil as kernels
from hydroda.models.roots import ExponentialRoots, Roots
from hydroda.state import Variable
from hydroda.units import Amount, Duration, duration, magnitude

__all__ = [
    "FAO56",
    "Arithmetic",
    "Atmosphere",
    "DegreeDay",
    "Feddes",
    "FluxPotential",
    "FreeDrainage",
    "HeldHead",
    "Outlet",
    "Underground",
    "Upstream",
    "Vegetation",
    "WaterTable",
    "ZeroFlux",
]

Array = NDArray[np.float64]


def normalise(record: Any, units: dict[str, str]) -> None:
    """Turn the fields named in `units` of a frozen dataclass into SI numbers."""
    for name, unit in units.items():
        object.__setattr__(record, name, magnitude(getattr(record, name), unit, name))


# ------------------------------------------------------------------------------------ water stress


class Stress(ABC):
    """How drying, or wet, soil limits transpiration; `kernel` gives the numbers of the kernels."""

    @abstractmethod
    def kernel(self) -> kernels.Plant:
        """Heads of Feddes' trapezoid and of FAO-56's ramp."""


@dataclass(frozen=True)
class Feddes(Stress):
    """No uptake above head `wet` and below `wilting`, full from `full` to `decline`.

    Linear between.

    Feddes et al. 1978; the defaults are those of pasture.
    """

    wet: Amount = "-0.1 m"
    full: Amount = "-0.25 m"
    decline: Amount = "-5 m"
    wilting: Amount = "-80 m"

    def __post_init__(self) -> None:
        normalise(self, dict.fromkeys(("wet", "full", "decline", "wilting"), "m"))
        wet, full, decline, wilting = self._heads()
        if not 0.0 >= wet > full > decline > wilting:
            raise DeclarationError(
                "Feddes needs falling heads 0 >= wet > full > decline > wilting; got "
                f"{wet:g}, {full:g}, {decline:g}, {wilting:g} m"
            )

    def _heads(self) -> tuple[float, float, float, float]:
        return float(self.wet), float(self.full), float(self.decline), float(self.wilting)

    def kernel(self) -> kernels.Plant:
        wet, full, decline, wilting = self._heads()
        return kernels.Plant(wet, full, decline, wilting, wilting, wilting, 1.0)


@dataclass(frozen=True)
class FAO56(Stress):
    """Uptake falls linearly with theta once the part `p` of the available water is gone (Eq. 84).

    The available water lies between the heads of field capacity and wilting.
    """

    p: Amount = 0.5
    field_capacity: Amount = "-3.3 m"
    wilting: Amount = "-150 m"

    def __post_init__(self) -> None:
        normalise(self, {"p": "", "field_capacity": "m", "wilting": "m"})
        if not 0.0 <= float(self.p) < 1.0:
            raise DeclarationError(f"FAO56 needs 0 <= p < 1; got p={self.p}")
        if not 0.0 > float(self.field_capacity) > float(self.wilting):
            raise DeclarationError(
                "FAO56 needs heads 0 > field_capacity > wilting; got "
                f"{self.field_capacity} and {self.wilting}"
            )

    def kernel(self) -> kernels.Plant:
        wilting, full = float(self.wilting), float(self.field_capacity)
        return kernels.Plant(np.inf, np.inf, -np.inf, -np.inf, wilting, full, float(self.p))


# -------------------------------------------------------------------------------- plants and snow


@dataclass(frozen=True)
class Vegetation:
    """Plants: leaf area, roots, water stress.

    Potential evapotranspiration is the crop coefficient times the reference one (FAO-56); the part
    1 - exp(-extinction LAI) of it is the plants', first from wet leaves, then by transpiration, the
    rest is the soil's. Leaves hold `canopy_storage` of water per unit of leaf area. Leaf area and
    crop coefficient are one number, or twelve for the middles of the months.
    """

    leaf_area_index: float | tuple[float, ...] = 2.0
    crop_coefficient: float | tuple[float, ...] = 1.0
    extinction: float = 0.5
    canopy_storage: Amount = "0.2 mm"
    roots: Roots = field(default_factory=ExponentialRoots)
    stress: Stress = field(default_factory=Feddes)

    def __post_init__(self) -> None:
        normalise(self, {"canopy_storage": "m"})
        for name in ("leaf_area_index", "crop_coefficient"):
            values = np.asarray(getattr(self, name), float)
            if values.shape not in ((), (12,)) or values.min() < 0.0:
                raise DeclarationError(
                    f"{name} must be one number or twelve, none negative; got {getattr(self, name)}"
                )

    def leaf_area(self, times: NDArray[np.datetime64]) -> Array:
        """Leaf area index (time,)."""
        return _of_the_season(self.leaf_area_index, times)

    def crop(self, times: NDArray[np.datetime64]) -> Array:
        """Crop coefficient (time,)."""
        return _of_the_season(self.crop_coefficient, times)


def _of_the_season(value: float | tuple[float, ...], times: NDArray[np.datetime64]) -> Array:
    """One value per time; twelve are those of the middles of the months, linear between."""
    if np.ndim(value) == 0:
        return np.full(times.size, float(np.asarray(value)))
    year = times.astype("datetime64[Y]")
    start, end = (t.astype("datetime64[ns]").astype(np.int64) for t in (year, year + 1))
    months = 12.0 * (times.astype("datetime64[ns]").astype(np.int64) - start) / (end - start)
    return np.interp(months, np.arange(12) + 0.5, np.asarray(value, float), period=12.0)


@dataclass(frozen=True)
class DegreeDay:
    """Snow: falls below `all_snow`, rain above `all_rain`, melts in proportion to warmth.

    Snow holds `holding` of its ice as liquid water, which refreezes at `refreezing` times the melt
    rate of equal warmth (Bergström's HBV).
    """

    melt: Amount = "3 mm/K/day"
    melt_above: Amount = "273.15 K"
    all_snow: Amount = "272.15 K"
    all_rain: Amount = "275.15 K"
    refreezing: float = 0.05
    holding: float = 0.1

    def __post_init__(self) -> None:
        normalise(self, {"melt": "m/K/s"})
        normalise(self, dict.fromkeys(("melt_above", "all_snow", "all_rain"), "K"))
        if not float(self.all_snow) < float(self.all_rain):
            raise DeclarationError(
                f"all_snow must be colder than all_rain; got {self.all_snow} and {self.all_rain}"
            )

    def kernel(self) -> kernels.Cover:
        names = ("all_snow", "all_rain", "melt_above", "melt", "refreezing", "holding")
        return kernels.Cover(*(float(getattr(self, name)) for name in names))


# ---------------------------------------------------------------------------------- top and bottom


@dataclass(frozen=True)
class Atmosphere:
    """Rain and evaporation as far as the soil can pass them.

    Up to `ponding` of water stays on the surface, the rest runs off. The soil gives no more than
    it can bring to a surface at the head `dry`.
    """

    ponding: Amount = "0 mm"
    dry: Amount = "-150 m"

    def __post_init__(self) -> None:
        normalise(self, {"ponding": "m", "dry": "m"})
        if float(self.ponding) < 0.0 or float(self.dry) >= 0.0:
            raise DeclarationError(
                f"Atmosphere needs ponding >= 0 and dry < 0; got {self.ponding} and {self.dry}"
            )

    def top(self) -> tuple[float, float]:
        return float(self.dry), float(self.ponding)


class Bottom(ABC):
    """What happens below a column; the author writes `kernel`.

    A bottom with `parameters` that stand in the ensemble, so that members differ in them and they
    may be estimated, also writes `values` and `of_members`.
    """

    parameters: ClassVar[Mapping[str, Variable]] = {}

    @abstractmethod
    def kernel(self, depth: float) -> tuple[kernels.Bottom, float]:
        """Parts of the kinds of drainage of a column of `depth` [m], and the head at its bottom."""

    def values(self) -> dict[str, Array]:
        """The parameters as they stand in an ensemble dataset, by name."""
        return {}

    def of_members(self, depth: float, values: Mapping[str, Array]) -> tuple[Array, Array]:
        """Rate of drainage [s-1] and head at the bottom [m], (member, column) or shared."""
        bottom, below = self.kernel(depth)
        return np.full((1, 1), bottom.rate), np.full((1, 1), below)


class Underground(ABC):
    """What lies below a land column; the author writes `token`, and `store` if it holds water."""

    @abstractmethod
    def token(self) -> Any:
        """The choice as the kernels of land columns want it."""

    def store(self, below: float) -> float:
        """Water [mm] held with the water table `below` [m] the bottom of the column."""
        return 0.0


@dataclass(frozen=True)
class FreeDrainage(Bottom, Underground):
    """Water leaves by gravity: the flux is the conductivity of the lowest layer."""

    def kernel(self, depth: float) -> tuple[kernels.Bottom, float]:
        return kernels.Bottom(1.0, 0.0, 0.0), 0.0

    def token(self) -> tokens.FreeDrainage:
        return tokens.FreeDrainage()


@dataclass(frozen=True)
class ZeroFlux(Bottom, Underground):
    """Bedrock: nothing passes."""

    def kernel(self, depth: float) -> tuple[kernels.Bottom, float]:
        return kernels.Bottom(0.0, 0.0, 0.0), 0.0

    def token(self) -> tokens.ZeroFlux:
        return tokens.ZeroFlux()


@dataclass(frozen=True)
class HeldHead(Bottom):
    """The pressure head at the bottom, or at the top, is `head` at all times.

    At the top it replaces the atmosphere; what the soil takes then counts as negative runoff.
    """

    head: Amount

    def __post_init__(self) -> None:
        normalise(self, {"head": "m"})

    def kernel(self, depth: float) -> tuple[kernels.Bottom, float]:
        return kernels.Bottom(0.0, 1.0, 0.0), float(self.head)

    def top(self) -> tuple[float, float]:
        return float(self.head), -1.0


@dataclass(frozen=True)
class WaterTable(Bottom):
    """Groundwater stands at `depth` below the surface, in the column or beneath it."""

    depth: Amount

    def __post_init__(self) -> None:
        normalise(self, {"depth": "m"})

    def kernel(self, depth: float) -> tuple[kernels.Bottom, float]:
        return kernels.Bottom(0.0, 1.0, 0.0), depth - float(self.depth)


@dataclass(frozen=True)
class Outlet(Bottom):
    """Groundwater above `depth` runs off to a stream: flux = height above it / `resistance`.

    Both stand in the ensemble, as outlet_depth and log10_resistance, like the parameters of a soil.
    """

    depth: Amount
    resistance: Duration

    parameters: ClassVar[Mapping[str, Variable]] = {
        "outlet_depth": Variable("m", role="parameter", meaning="depth of the stream"),
        "log10_resistance": Variable(
            "log10(s)", bounds=(3.0, 12.0), role="parameter", meaning="resistance to the stream"
        ),
    }

    def __post_init__(self) -> None:
        normalise(self, {"depth": "m"})
        object.__setattr__(self, "resistance", duration(self.resistance, "resistance"))

    def kernel(self, depth: float) -> tuple[kernels.Bottom, float]:
        return kernels.Bottom(0.0, 0.0, 1.0 / self._seconds), depth - float(self.depth)

    def values(self) -> dict[str, Array]:
        return {
            "outlet_depth": np.array(float(self.depth)),
            "log10_resistance": np.array(np.log10(self._seconds)),
        }

    def of_members(self, depth: float, values: Mapping[str, Array]) -> tuple[Array, Array]:
        """1 / resistance [s-1] and height of the stream above the bottom [m]."""
        rate, level = 10.0 ** -values["log10_resistance"], depth - values["outlet_depth"]
        return _by_place(rate), _by_place(level)

    @property
    def _seconds(self) -> float:
        return float(duration(self.resistance, "resistance") / np.timedelta64(10**9, "ns"))


def _by_place(value: Array) -> Array:
    """(member,) or (member, column) as (member, column), in the layout of the kernels."""
    return np.array(value.reshape(value.shape + (1,) * (2 - value.ndim)), order="C")


# -------------------------------------------------------------------------------------- face fluxes


@dataclass(frozen=True)
class FluxPotential:
    """The flux between two cells by the matric flux potential: accurate in coarse cells."""

    token: ClassVar[tuple[int]] = kernels.FluxPotential()


@dataclass(frozen=True)
class Upstream:
    """Conductivity of the cell the water comes from, as in ParFlow."""

    token: ClassVar[tuple[int]] = kernels.Upstream()


@dataclass(frozen=True)
class Arithmetic:
    """Mean conductivity of both cells; overshoots on coarse fronts."""

    token: ClassVar[tuple[int]] = kernels.Arithmetic()
