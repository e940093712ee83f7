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
ZETA_TOLERANCE = 1e-3
FASTEST = 0.25  # a step of a search is not longer than the simple one over this
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

    flux: -u* theta_v* over that wind [K], positive upward: V^2 = wind^2 + (g z_i flux V /
    theta_v)^(2/3) (Oleson 2010 Eq. 5.27 to 5.29), a cubic in V^(2/3) with one positive root.
    """
    floor = max(wind, CALM)
    if flux <= 0.0:
        return floor
    lift = math.pow(GRAVITY * MIXED_LAYER * flux / virtual, 2.0 / 3.0)
    x = math.pow(floor * floor, 1.0 / 3.0) + math.sqrt(lift)
    for _ in range(2):
        x -= (x * (x * x - lift) - floor * floor) / (3.0 * x * x - lift)
    return x * math.sqrt(x)


@kernel
def _stable(bulk: float, a: float, b: float, log_wind: float, log_heat: float) -> float:
    """zeta up to 1 from a bulk Richardson number: zeta (log_heat + b zeta) = Ri (log_wind + a
    zeta)^2; more than 1 where there is none.
    """
    square = b - bulk * a * a
    linear = log_heat - 2.0 * bulk * a * log_wind
    constant = bulk * log_wind * log_wind
    root = linear * linear + 4.0 * square * constant
    if root < 0.0:
        return STABLEST
    below = linear + math.sqrt(root)
    return 2.0 * constant / below if below > 0.0 else STABLEST


@kernel
def exchange(
    difference: float,
    virtual: float,
    wind: float,
    height_wind: float,
    height_heat: float,
    rough_momentum: float,
    rough_heat: float,
    log_wind: float,
    log_heat: float,
    zeta: float,
) -> Exchange:
    """Friction and resistances between a surface and the air above it.

    difference: virtual potential temperature of the air minus that of the surface [K]; `virtual`
    that of the air; heights above displacement and roughness lengths [m]; log_wind = ln(height_wind
    / rough_momentum), log_heat = ln(height_heat / rough_heat); zeta to start from.
    """
    a, b = rough_momentum / height_wind, rough_heat / height_heat
    heights = height_heat / height_wind
    speed = max(wind, CALM)
    bulk = GRAVITY * height_wind * difference / (virtual * speed * speed)
    if difference >= 0.0:
        zeta = _stable(bulk, 5.0 * (1.0 - a), 5.0 * heights * (1.0 - b), log_wind, log_heat)
        zeta = min(zeta, 1.0)
    shape = wind_profile(zeta, a, log_wind)
    profile = heat_profile(zeta * heights, b, log_heat)
    if difference >= 0.0 and zeta < 1.0:
        return _exchange(speed, shape, profile, zeta)
    # Secant steps; the zeta found falls in size with that assumed, by less than itself.
    error, step = 0.0, 0.0
    for n in range(8):
        speed = gusty_wind(wind, -KARMAN * KARMAN * difference / (shape * profile), virtual)
        found = GRAVITY * height_wind * difference * shape * shape
        found /= virtual * speed * speed * profile
        found = min(max(found, UNSTABLEST), STABLEST)
        past, error = error, found - zeta
        if abs(error) < ZETA_TOLERANCE * (0.1 + abs(zeta)):
            break
        slope = -1.0 if n == 0 else min((error - past) / step, -0.5)
        target = min(max(zeta - error / slope, UNSTABLEST), STABLEST)
        if difference < 0.0:
            target = min(target, 0.2 * zeta)
        step = target - zeta
        if step == 0.0:
            break
        zeta = target
        shape = wind_profile(zeta, a, log_wind)
        profile = heat_profile(zeta * heights, b, log_heat)
    return _exchange(speed, shape, profile, zeta)


@kernel
def _exchange(speed: float, shape: float, profile: float, zeta: float) -> Exchange:
    friction = KARMAN * speed / shape
    return Exchange(
        friction, speed, speed / (friction * friction), profile / (KARMAN * friction), zeta
    )


class Search(NamedTuple):
    """A number tried, by how much what follows from it differs, and the same of the one before."""

    value: float
    error: float
    past: float
    past_error: float
    tried: int


@kernel
def begin() -> Search:
    return Search(0.0, 0.0, 0.0, 0.0, 0)


@kernel
def refine(search: Search, value: float, found: float) -> tuple[Search, float]:
    """The search for a number that follows from itself with one more trial, and what to try next.

    Simple iteration, sped up by the secant; once two trials lie on either side of the solution, the
    next is between them (regula falsi, Illinois), so it cannot jump between stable and unstable.
    """
    error = found - value
    if search.tried == 0:
        return Search(value, error, value, error, 1), found
    other, other_error = search.value, search.error
    if error * search.error > 0.0:
        if search.past_error * error < 0.0:  # the older trial still lies on the other side
            other, other_error = search.past, 0.5 * search.past_error
        else:
            rise = (error - search.error) / (value - search.value) if value != search.value else -1.0
            return (
                Search(value, error, search.value, search.error, search.tried + 1),
                value - error / min(rise, -FASTEST),
            )
    if error == other_error:
        return Search(value, error, other, other_error, search.tried + 1), found
    between = value - error * (value - other) / (error - other_error)
    return Search(value, error, other, other_error, search.tried + 1), between
