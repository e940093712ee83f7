"""What a land column does with light, leaves and the air: choices, each with its numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.meteorology import daylight_hours
from hydroda.models.kernels import canopy as kernels
from hydroda.models.kernels import radiation
from hydroda.units import Amount, magnitude

__all__ = [
    "AgedSnow",
    "BuriedByHeight",
    "BuriedByRoughness",
    "CanopyNumbers",
    "CloudSplit",
    "DaylengthCapacity",
    "DenseRoughness",
    "FixedRoughness",
    "FixedSplit",
    "FluxSplit",
    "HeadStress",
    "KelvinHumidity",
    "LinearSaturation",
    "SakaguchiZeng",
    "SaturationStress",
    "SoilColour",
    "SteadyCapacity",
    "clm3_colour",
    "clm4_colour",
]

# Albedo of soils by colour class: dry visible, dry near infrared, saturated visible, saturated near
# infrared. Twenty classes: Lawrence & Chase (2007), 10.1029/2006JG000168; eight: Dickinson et al.
# (1993), NCAR/TN-387+STR, near infrared twice the visible.
TWENTY_COLOURS = (
    (0.36, 0.61, 0.25, 0.50),
    (0.34, 0.57, 0.23, 0.46),
    (0.32, 0.53, 0.21, 0.42),
    (0.31, 0.51, 0.20, 0.40),
    (0.30, 0.49, 0.19, 0.38),
    (0.29, 0.48, 0.18, 0.36),
    (0.28, 0.45, 0.17, 0.34),
    (0.27, 0.43, 0.16, 0.32),
    (0.26, 0.41, 0.15, 0.30),
    (0.25, 0.39, 0.14, 0.28),
    (0.24, 0.37, 0.13, 0.26),
    (0.23, 0.35, 0.12, 0.24),
    (0.22, 0.33, 0.11, 0.22),
    (0.20, 0.31, 0.10, 0.20),
    (0.18, 0.29, 0.09, 0.18),
    (0.16, 0.27, 0.08, 0.16),
    (0.14, 0.25, 0.07, 0.14),
    (0.12, 0.23, 0.06, 0.12),
    (0.10, 0.21, 0.05, 0.10),
    (0.08, 0.16, 0.04, 0.08),
)
EIGHT_COLOURS = tuple(
    (0.26 - 0.02 * i, 0.52 - 0.04 * i, 0.13 - 0.01 * i, 0.26 - 0.02 * i) for i in range(1, 9)
)


def _fraction(record: Any, *names: str) -> None:
    for name in names:
        value = getattr(record, name)
        if not 0.0 <= value <= 1.0:
            raise DeclarationError(
                f"{name} of {type(record).__name__} must be a fraction, 0 to 1; got {value}"
            )


def _amounts(record: Any, **units: str) -> None:
    """Turn fields of a frozen dataclass into SI numbers."""
    for name, unit in units.items():
        object.__setattr__(record, name, magnitude(getattr(record, name), unit, name))


# ---------------------------------------------------------------------------------------- radiation


@dataclass(frozen=True)
class FixedSplit:
    """The same share of shortwave visible and direct in all weather: CLM 3 and ParFlow-CLM."""

    visible: float = 0.5
    direct: float = 0.7

    def __post_init__(self) -> None:
        _fraction(self, "visible", "direct")

    def kernel(self) -> radiation.FixedSplit:
        return radiation.FixedSplit(float(self.visible), float(self.direct))


@dataclass(frozen=True)
class CloudSplit:
    """Shares from the cloud cover that shortwave and the sun's height betray: SiB and CoLM."""

    def kernel(self) -> radiation.CloudSplit:
        return radiation.CloudSplit(0.58)


@dataclass(frozen=True)
class FluxSplit:
    """Half visible, direct shares growing with the flux: CLM 4 driven by observed weather."""

    visible: float = 0.5

    def __post_init__(self) -> None:
        _fraction(self, "visible")

    def kernel(self) -> radiation.FluxSplit:
        return radiation.FluxSplit(float(self.visible))


@dataclass(frozen=True)
class AgedSnow:
    """Albedo of new snow, and the share of it that age takes (Dickinson et al. 1993)."""

    vis: float = 0.95
    nir: float = 0.65
    ageing_vis: float = 0.2
    ageing_nir: float = 0.5

    def __post_init__(self) -> None:
        _fraction(self, "vis", "nir", "ageing_vis", "ageing_nir")

    def kernel(self) -> radiation.AgedSnow:
        return radiation.AgedSnow(*(float(getattr(self, item.name)) for item in fields(self)))


@dataclass(frozen=True)
class SoilColour:
    """Albedo of dry and of saturated soil; between them it darkens by 0.4 per m3 m-3 of water."""

    dry_vis: float
    dry_nir: float
    wet_vis: float
    wet_nir: float

    def __post_init__(self) -> None:
        _fraction(self, "dry_vis", "dry_nir", "wet_vis", "wet_nir")

    def row(self) -> tuple[float, float, float, float]:
        return float(self.dry_vis), float(self.dry_nir), float(self.wet_vis), float(self.wet_nir)

    def kernel(self) -> radiation.SoilColour:
        return radiation.SoilColour(*self.row())


def clm4_colour(number: int) -> SoilColour:
    """Soil of colour class 1 (lightest) to 20 (darkest) of CLM 4."""
    return _colour(number, TWENTY_COLOURS)


def clm3_colour(number: int) -> SoilColour:
    """Soil of colour class 1 (lightest) to 8 (darkest) of CLM 3, CoLM and ParFlow-CLM."""
    return _colour(number, EIGHT_COLOURS)


def _colour(number: int, table: tuple[tuple[float, ...], ...]) -> SoilColour:
    if number not in range(1, len(table) + 1):
        raise DeclarationError(f"soil colour must be a class 1 to {len(table)}; got {number}")
    return SoilColour(*table[number - 1])


# ------------------------------------------------------------------------------------- what stands


@dataclass(frozen=True)
class FixedRoughness:
    """Roughness and displacement of the plant type in every season: CLM 3 and CoLM."""

    def kernel(self) -> kernels.FixedRoughness:
        return kernels.FixedRoughness(0)


@dataclass(frozen=True)
class DenseRoughness:
    """Roughness that fades to the ground below a leaf and stem area of `critical`: CLM 4."""

    critical: float = 2.0

    def __post_init__(self) -> None:
        if not self.critical > 0.0:
            raise DeclarationError(f"critical leaf area must be positive; got {self.critical}")

    def kernel(self) -> kernels.DenseRoughness:
        return kernels.DenseRoughness(float(self.critical))


@dataclass(frozen=True)
class BuriedByHeight:
    """Snow covers leaves between the bottom and the top of the plant: CLM 4."""

    def kernel(self) -> kernels.BuriedByHeight:
        return kernels.BuriedByHeight(0)


@dataclass(frozen=True)
class BuriedByRoughness:
    """Snow covers leaves in proportion to its depth, all of them at ten times z0: CoLM."""

    def kernel(self) -> kernels.BuriedByRoughness:
        return kernels.BuriedByRoughness(0)


@dataclass(frozen=True)
class CanopyNumbers:
    """What leaves catch and hold, and how the air below them exchanges with the ground.

    `interception`: most of the rain that leaves catch (0.25 in CLM 4, 1 in CLM 3 and CoLM);
    `capacity` per area of leaf and stem; `drag` of the ground below dense leaves, which a stable
    canopy divides by up to 1 + 10 `drag_stability` (0.5 in CLM 4, 0 before). The leaf temperature
    is iterated until leaves keep less than `tolerance`; what is left joins the sensible heat.
    """

    interception: float = 0.25
    capacity: Amount = "0.1 kg/m2"
    drag: float = 0.004
    drag_stability: float = 0.5
    tolerance: Amount = "0.1 W/m2"
    iterations: int = 20

    def __post_init__(self) -> None:
        _fraction(self, "interception")
        _amounts(self, capacity="kg/m2", tolerance="W/m2")
        if self.iterations < 1:
            raise DeclarationError(f"iterations must be at least 1; got {self.iterations}")
        for name in ("capacity", "drag", "tolerance"):
            if not getattr(self, name) > 0.0:
                raise DeclarationError(f"{name} must be positive; got {getattr(self, name)}")

    def kernel(self) -> kernels.Settings:
        return kernels.Settings(
            float(self.interception),
            float(self.capacity),
            float(self.drag),
            float(self.drag_stability),
            float(self.tolerance),
            int(self.iterations),
        )


# ------------------------------------------------------------------------------ leaves by season

SOLSTICES = 172.0, 355.0  # days of the year


@dataclass(frozen=True)
class SteadyCapacity:
    """Leaves have the capacity of their type on every day: CoLM."""

    def part(self, day_of_year: ArrayLike, latitude: ArrayLike) -> NDArray[np.float64]:
        """Capacity relative to that of the type [1]; days broadcast against latitude [degree]."""
        return np.ones(np.broadcast_shapes(np.shape(day_of_year), np.shape(latitude)))


@dataclass(frozen=True)
class DaylengthCapacity:
    """Capacity falls with the square of day length against the longest day, to `least`: CLM 4."""

    least: float = 0.01

    def __post_init__(self) -> None:
        _fraction(self, "least")

    def part(self, day_of_year: ArrayLike, latitude: ArrayLike) -> NDArray[np.float64]:
        """Capacity relative to that of the type [1]; days broadcast against latitude [degree]."""
        place = np.asarray(latitude, float)
        longest = np.maximum(*(daylight_hours(place, np.float64(day)) for day in SOLSTICES))
        ratio = daylight_hours(place, np.asarray(day_of_year, float)) / longest
        return np.clip(ratio**2, self.least, 1.0)


# ------------------------------------------------------------------------------ water for the air


@dataclass(frozen=True)
class HeadStress:
    """Roots draw between the heads at which stomata of the plant type open and close: CLM."""

    def kernel(self) -> kernels.HeadStress:
        return kernels.HeadStress(0)


@dataclass(frozen=True)
class SaturationStress:
    """Roots draw in proportion to saturation between `wilting` and `field`: ParFlow-CLM."""

    wilting: float = 0.2
    field: float = 1.0

    def __post_init__(self) -> None:
        _fraction(self, "wilting", "field")
        if not self.wilting < self.field:
            raise DeclarationError(f"wilting must be below field; got {self.wilting}, {self.field}")

    def kernel(self) -> kernels.SaturationStress:
        return kernels.SaturationStress(float(self.wilting), float(self.field))


@dataclass(frozen=True)
class KelvinHumidity:
    """Air in the pores of the top layer is in balance with its head: CLM 3 and CoLM."""

    def kernel(self) -> kernels.KelvinHumidity:
        return kernels.KelvinHumidity(0)


@dataclass(frozen=True)
class SakaguchiZeng:
    """In balance with the head, behind drying soil and litter: CLM 4 (10.1029/2008JD010834)."""

    litter: float = 0.5
    litter_depth: Amount = "5 cm"

    def __post_init__(self) -> None:
        _amounts(self, litter_depth="m")
        if not (self.litter >= 0.0 and float(self.litter_depth) > 0.0):
            raise DeclarationError(
                f"litter needs a leaf area of at least 0 and a depth above 0; got {self.litter}, "
                f"{self.litter_depth}"
            )

    def kernel(self) -> kernels.SakaguchiZeng:
        return kernels.SakaguchiZeng(float(self.litter), float(self.litter_depth))


@dataclass(frozen=True)
class LinearSaturation:
    """Evaporation of soil linear in saturation above `residual`: ParFlow-CLM."""

    residual: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.residual < 1.0:
            raise DeclarationError(f"residual saturation must be in [0, 1); got {self.residual}")

    def kernel(self) -> kernels.LinearSaturation:
        return kernels.LinearSaturation(float(self.residual))
