"""Turbulent exchange between a surface and the air above: Monin-Obukhov similarity.

Stability functions and their ranges of Zeng et al. (1998),
10.1175/1520-0442(1998)011<2628:IOBAAF>2.0.CO;2, as in Oleson et al. (2010), CLM 4.0,
NCAR/TN-478+STR, section 5.1. zeta is height over Obukhov length, negative when unstable.
"""

import math
from typing import NamedTuple

from hydroda.compiled import kernel
from hydroda.models.kernels.column import GRAVITY, KARMAN

MIXED_LAYER = 1000.0  # height of the convective boundary layer [m]
CALM = 1.0  # wind never acts as less [m s-1]
VISCOSITY = 1.5e-5  # of air [m2 s-1]
FREE_MOMENTUM, FREE_HEAT = -1.574, -0.465  # zeta below which convection is free
STABLEST, UNSTABLEST = 2.0, -100.0


class Exchange(NamedTuple):
    """Friction velocity [m s-1], wind with gusts [m s-1], resistances to momentum and to heat and
    vapour [s m-1], and zeta at the height of the wind [1].
    """

    friction: float
    wind: float
    momentum: float
    heat: float
    zeta: float


@kernel
def psi_momentum(zeta: float) -> float:
    """Integrated departure from the logarithm, for momentum and zeta <= 0."""
    if zeta > -2e-3:
        return -zeta * (4.0 + zeta * (20.0 + zeta * 160.0))
    x = math.sqrt(math.sqrt(1.0 - 16.0 * zeta))
    y = 0.5 * (1.0 + x)
    return math.log(y * y * 0.5 * (1.0 + x * x)) - 2.0 * math.atan(x) + 0.5 * math.pi


@kernel
def psi_heat(zeta: float) -> float:
    """Integrated departure from the logarithm, for heat and zeta <= 0."""
    if zeta > -2e-3:
        return -zeta * (8.0 + zeta * (48.0 + zeta * 1280.0 / 3.0))
    return 2.0 * math.log(0.5 * (1.0 + math.sqrt(1.0 - 16.0 * zeta)))


@kernel
def wind_profile(zeta: float, rough: float, log_height: float) -> float:
    """Wind times von Karman over friction velocity, at a height with ln(height / z0) = log_height.

    rough: z0 over height (Oleson 2010 Eq. 5.20 to 5.23).
    """
    if zeta < FREE_MOMENTUM:
        return (
            log_height
            + math.log(FREE_MOMENTUM / zeta)
            - psi_momentum(FREE_MOMENTUM)
            + 1.14 * (math.pow(-zeta, 1.0 / 3.0) - math.pow(-FREE_MOMENTUM, 1.0 / 3.0))
            + psi_momentum(zeta * rough)
        )
    if zeta < 0.0:
        return log_height - psi_momentum(zeta) + psi_momentum(zeta * rough)
    if zeta <= 1.0:
        return log_height + 5.0 * zeta * (1.0 - rough)
    return log_height + 4.0 * math.log(zeta) + 5.0 - 5.0 * zeta * rough + zeta - 1.0


@kernel
def heat_profile(zeta: float, rough: float, log_height: float) -> float:
    """Temperature difference times von Karman over its scale (Oleson 2010 Eq. 5.24 to 5.27)."""
    if zeta < FREE_HEAT:
        return (
            log_height
            + math.log(FREE_HEAT / zeta)
            - psi_heat(FREE_HEAT)
            + 0.8 * (math.pow(-FREE_HEAT, -1.0 / 3.0) - math.pow(-zeta, -1.0 / 3.0))
            + psi_heat(zeta * rough)
        )
    if zeta < 0.0:
        return log_height - psi_heat(zeta) + psi_heat(zeta * rough)
    if zeta <= 1.0:
        return log_height + 5.0 * zeta * (1.0 - rough)
    return log_height + 4.0 * math.log(zeta) + 5.0 - 5.0 * zeta * rough + zeta - 1.0


@kernel
def gusty_wind(wind: float, flux: float, virtual: float) -> float:
    """Wind [m s-1] that the surface feels: not below a calm, and with gusts when unstable.

    flux: friction velocity times the scale of virtual temperature [m s-1 K], negative upward.
    """
    floor = max(wind, CALM)
    if flux >= 0.0:
        return floor
    gust = math.pow(-GRAVITY * flux * MIXED_LAYER / virtual, 1.0 / 3.0)
    return math.sqrt(floor * floor + gust * gust)


@kernel
def first_zeta(
    wind: float, difference: float, virtual: float, height: float, log_height: float
) -> float:
    """zeta from the bulk Richardson number (Oleson 2010 Eq. 5.40 to 5.45).

    difference: virtual potential temperature of the air minus that of the surface [K].
    """
    speed = max(wind, CALM)
    if difference < 0.0:
        speed = math.sqrt(speed * speed + 0.25)
    bulk = GRAVITY * height * difference / (virtual * speed * speed)
    if bulk >= 0.0:
        return min(max(bulk * log_height / (1.0 - 5.0 * min(bulk, 0.19)), 0.01), STABLEST)
    return max(min(bulk * log_height, -0.01), UNSTABLEST)


@kernel
def exchange(
    zeta: float,
    wind: float,
    height_wind: float,
    height_heat: float,
    rough_momentum: float,
    rough_heat: float,
    log_wind: float,
    log_heat: float,
) -> Exchange:
    """Friction and resistances at a stability; `wind` with gusts [m s-1].

    Heights above displacement and roughness lengths [m]; log_wind = ln(height_wind /
    rough_momentum), log_heat = ln(height_heat / rough_heat).
    """
    friction = KARMAN * wind / wind_profile(zeta, rough_momentum / height_wind, log_wind)
    scaled = zeta * height_heat / height_wind
    profile = heat_profile(scaled, rough_heat / height_heat, log_heat)
    return Exchange(
        friction, wind, wind / (friction * friction), profile / (KARMAN * friction), zeta
    )


@kernel
def next_zeta(friction: float, scale: float, virtual: float, height: float) -> float:
    """zeta from friction velocity [m s-1] and the scale of virtual temperature [K].

    Bounded away from 0 on its side, and where the theory ends (Oleson 2010 Eq. 5.49).
    """
    zeta = height * KARMAN * GRAVITY * scale / (friction * friction * virtual)
    if zeta >= 0.0:
        return min(max(zeta, 0.01), STABLEST)
    return max(min(zeta, -0.01), UNSTABLEST)
