"""Compiled heat of a column of snow and soil: conduction with freezing and thawing at every node.

The enthalpy of a node is a function of its state alone,
    E = (C_s + c_i ice + c_w liquid)(T - T_f) - L ice     [J m-2],
liquid water at T_f counting nothing. A step finds the enthalpies that the heat flowing in leaves
behind (Newton in E: temperatures are a function of them, flat where ice melts), so that energy is
closed however far the iteration got. Water in soil freezes as its retention curve lets it: the
liquid that may stay at T is that at the head L (T - T_f)/(g T) of the Clapeyron equation (Fuchs et
al. 1978, 10.2136/sssaj1978.03615995004200030003x; Niu and Yang 2006, 10.1175/JHM538.1).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import Choice, chosen_by, kernel
from hydroda.models.kernels.column import (
    CONDUCTIVITY_OF_AIR,
    CONDUCTIVITY_OF_ICE,
    CONDUCTIVITY_OF_WATER,
    COUNT,
    DENSITY_OF_WATER,
    DZ,
    FREEZING,
    FUSION,
    GRAVITY,
    HEAT_OF_ICE,
    HEAT_OF_WATER,
    ICE,
    LIQ,
    PACK,
    PACK_DEPTH,
    SNOW,
    T,
)
from hydroda.models.kernels.soil import BrooksCorey, Gardner, VanGenuchten

# Rows of the work array (WORK, SNOW + layer): solid heat capacity [J m-2 K-1], factor of the
# sensible heat, water, thin snow and pores [kg m-2]; weight of new heat flux to the node below
# [J m-2 K-1] and heat gained from the old temperatures [J m-2]; enthalpy before and now [J m-2],
# temperature now [K], its slope with the enthalpy; two rows of the elimination.
(SOLID, FACTOR, WATER, THIN, PORES, PASS, GAINED, BEFORE, ENTHALPY, WARM, SLOPE, UPPER, CHANGE) = (
    range(13)
)
WORK = 13

MOST = 40  # iterations
PATIENT = 6  # of them before Newton steps start from halfway
AGREED = 1e-3  # [K], between the temperatures of the fluxes and those of the enthalpies
COLDEST = 100.0  # [K], below which no more water freezes
NOTHING = 1e-100  # [kg m-2], less of which has no temperature
# Last change of a depression of the freezing point [K], and as a part of it.
CLOSE, NEAR = 1e-9, 1e-4

LOG_WATER = math.log(CONDUCTIVITY_OF_WATER)
LOG_ICE = math.log(CONDUCTIVITY_OF_ICE)
LOG10 = 1.0 / math.log(10.0)
HEAD = FUSION / GRAVITY  # [m]
COLDER = HEAT_OF_WATER - HEAT_OF_ICE  # what melting adds to a heat capacity [J kg-1 K-1]


# Rows of the numbers of a soil (GROUND, layer): distance of the node below the top of its layer
# [m], porosity, heat capacity of the solids per volume of soil [J m-3 K-1], (1 - porosity) times
# the logarithm of the conductivity of the solids, conductivities dry and saturated [W m-1 K-1].
ABOVE, POROSITY, STONE, MATRIX, DRY, WET = range(6)
GROUND = 6


class Ground(NamedTuple):
    """Soil of one column: retention (token, coefficients) and numbers (GROUND, layer)."""

    soil: Any
    c: np.ndarray
    numbers: np.ndarray


@kernel
def ground(
    soil: Any, c: np.ndarray, above: np.ndarray, porosity: np.ndarray, thermal: np.ndarray
) -> Ground:
    """The soil of a column from distances of the nodes below the tops of their layers [m],
    porosity, both (layer,), and solid, matrix, dry, wet (4, layer) as in `soil_heat.Thermal`."""
    numbers = np.empty((GROUND, above.size))
    for i in range(above.size):
        numbers[ABOVE, i] = above[i]
        numbers[POROSITY, i] = porosity[i]
        for row in range(4):
            numbers[STONE + row, i] = thermal[row, i]
    return Ground(soil, c, numbers)


class Conduction(NamedTuple):
    """Choices: Kersten number, conductivity of snow, heat capacity of the top node; weight of the
    new temperatures in the fluxes (1 fully implicit, 0.5 Crank-Nicolson)."""

    kersten: Any
    snow: Any
    top: Any
    implicit: float


class Warmth(NamedTuple):
    """What a step did: rise [K] of the top that the flux saw, melt of thin snow [kg m-2], gain of
    energy [W m-2], flux + slope rise - stored [W m-2], iterations."""

    rise: float
    melt: float
    stored: float
    residual: float
    iterations: int


# ---------------------------------------------------------------------------------- conductivity


class Farouki(Choice):
    """Kersten number of Johansen 1975 for fine soils, as in CLM 4 (Oleson et al. 2010)."""


class CoteKonrad(NamedTuple):
    """Kersten number k S/(1 + (k - 1) S) (Côté and Konrad 2005, 10.1139/t04-106)."""

    unfrozen: float = 1.9
    frozen: float = 0.85


@kernel
def _kersten_farouki(token: Farouki, wetness: float, frozen: float) -> float:
    # CLM jumps from one form to the other at T_f; here they pass over with the part of ice.
    unfrozen = 0.0
    if frozen < 1.0 and wetness > 0.1:
        unfrozen = 1.0 + LOG10 * math.log(wetness)
    return unfrozen + frozen * (wetness - unfrozen)


@kernel
def _kersten_cote_konrad(token: CoteKonrad, wetness: float, frozen: float) -> float:
    k = token.unfrozen + frozen * (token.frozen - token.unfrozen)
    return k * wetness / (1.0 + (k - 1.0) * wetness)


class Jordan(Choice):
    """Conductivity of snow of Jordan 1991 (CRREL 91-16)."""


class Sturm(Choice):
    """Conductivity of snow of Sturm et al. 1997 (10.3189/S0022143000002781)."""


@kernel
def _snow_jordan(token: Jordan, density: float) -> float:
    return CONDUCTIVITY_OF_AIR + (7.75e-5 + 1.105e-6 * density) * density * (
        CONDUCTIVITY_OF_ICE - CONDUCTIVITY_OF_AIR
    )


@kernel
def _snow_sturm(token: Sturm, density: float) -> float:
    if density < 156.0:
        return 0.023 + 2.34e-4 * density
    return 0.138 - 1.01e-3 * density + 3.233e-6 * density * density


class WholeLayer(Choice):
    """The top node stores the heat of its layer."""


class Skin(NamedTuple):
    """The top node is nearer the surface than its layer's middle (CLM 3, 4 and CoLM: 0.34)."""

    share: float = 0.34


@kernel
def _factor_whole(token: WholeLayer, thickness: float, above: float, reach: float) -> float:
    return 1.0


@kernel
def _factor_skin(token: Skin, thickness: float, above: float, reach: float) -> float:
    return 0.5 * (above + token.share * reach) / thickness


KERSTEN: dict[type, Callable[..., float]] = {
    Farouki: _kersten_farouki,
    CoteKonrad: _kersten_cote_konrad,
}
OF_SNOW: dict[type, Callable[..., float]] = {Jordan: _snow_jordan, Sturm: _snow_sturm}
FACTORS: dict[type, Callable[..., float]] = {WholeLayer: _factor_whole, Skin: _factor_skin}


@chosen_by(KERSTEN)
def kersten(token: Any, wetness: float, frozen: float) -> float:
    """Kersten number of a saturation and the part of its water that is ice."""
    return float(KERSTEN[type(token)](token, wetness, frozen))


@chosen_by(OF_SNOW)
def of_snow(token: Any, density: float) -> float:
    """Conductivity [W m-1 K-1] of snow of a density [kg m-3]."""
    return float(OF_SNOW[type(token)](token, density))


@chosen_by(FACTORS)
def factor(token: Any, thickness: float, above: float, reach: float) -> float:
    """Part of the heat capacity of the top layer that its node has.

    `above` is the depth of its node, `reach` that of the node below [m].
    """
    return float(FACTORS[type(token)](token, thickness, above, reach))


@kernel
def conductivity(
    choice: Any, numbers: np.ndarray, i: int, ice: float, liquid: float, thickness: float
) -> float:
    """Conductivity [W m-1 K-1] of soil layer i: Johansen's form between dry and saturated.

    The saturated one is the geometric mean of solids, water and ice by volume.
    """
    water = ice + liquid
    room = DENSITY_OF_WATER * thickness * numbers[POROSITY, i]
    if water <= 1e-7 * room:
        return numbers[DRY, i]
    frozen = ice / water
    full = numbers[WET, i]
    if ice > 0.0:
        fluid = LOG_WATER + frozen * (LOG_ICE - LOG_WATER)
        full = math.exp(numbers[MATRIX, i] + numbers[POROSITY, i] * fluid)
    part = kersten(choice, min(water / room, 1.0), frozen)
    return numbers[DRY, i] + part * (full - numbers[DRY, i])


# ----------------------------------------------------------- liquid water that does not freeze
# Only theta and its slope of what `soil.evaluate` gives, and no view of the row of coefficients: at
# cold nodes this is most of the work.


@kernel
def _content_van_genuchten(
    token: VanGenuchten, c: np.ndarray, i: int, h: float
) -> tuple[float, float]:
    t = math.exp(c[i, 4] * math.log(-c[i, 3] * h))
    part = (c[i, 1] - c[i, 0]) * math.exp(-c[i, 5] * math.log1p(t))
    return c[i, 0] + part, part * c[i, 5] * c[i, 4] * t / (1.0 + t) / -h


@kernel
def _content_brooks_corey(
    token: BrooksCorey, c: np.ndarray, i: int, h: float
) -> tuple[float, float]:
    v = -c[i, 3] * h
    if v <= 1.0:
        return c[i, 1], 0.0
    part = (c[i, 1] - c[i, 0]) * math.exp(-c[i, 4] * math.log(v))
    return c[i, 0] + part, -c[i, 4] * part / h


@kernel
def _content_gardner(token: Gardner, c: np.ndarray, i: int, h: float) -> tuple[float, float]:
    part = (c[i, 1] - c[i, 0]) * math.exp(c[i, 3] * h)
    return c[i, 0] + part, part * c[i, 3]


CONTENT: dict[type, Callable[..., tuple[float, float]]] = {
    VanGenuchten: _content_van_genuchten,
    BrooksCorey: _content_brooks_corey,
    Gardner: _content_gardner,
}


@chosen_by(CONTENT)
def content(token: Any, c: np.ndarray, i: int, h: float) -> tuple[float, float]:
    """theta at a negative head [m] in layer i, and its slope [m-1]."""
    return CONTENT[type(token)](token, c, i, h)


@kernel
def supercooled(soil: Any, c: np.ndarray, i: int, t: float) -> tuple[float, float]:
    """Liquid water [kg m-3] that may stay in layer i at t < T_f, and its slope [kg m-3 K-1]."""
    warm = 1.0 / max(t, COLDEST)
    theta, slope = content(soil, c, i, HEAD * (t - FREEZING) * warm)
    return DENSITY_OF_WATER * theta, DENSITY_OF_WATER * slope * HEAD * FREEZING * warm * warm


# ------------------------------------------------------------------------- enthalpy of one node


class Node(NamedTuple):
    """A soil layer: thickness [m], pores [kg m-2], solids [J m-2 K-1], factor of the sensible heat,
    water [kg m-2]."""

    thickness: float
    pores: float
    solid: float
    scale: float
    water: float


@kernel
def enthalpy(solid: float, scale: float, ice: float, liquid: float, t: float) -> float:
    """[J m-2] of solids [J m-2 K-1], ice and liquid water [kg m-2] at t [K]."""
    capacity = solid + HEAT_OF_ICE * ice + HEAT_OF_WATER * liquid
    return scale * capacity * (t - FREEZING) - FUSION * ice


@kernel
def of_water(scale: float, water: float, e: float) -> tuple[float, float]:
    """Temperature of water or snow of enthalpy e, and dT/dE."""
    if water < NOTHING:
        return FREEZING, 0.0
    if e >= 0.0:
        slope = 1.0 / (scale * HEAT_OF_WATER * water)
        return FREEZING + slope * e, slope
    if e > -FUSION * water:
        return FREEZING, 0.0
    slope = 1.0 / (scale * HEAT_OF_ICE * water)
    return FREEZING + slope * (e + FUSION * water), slope


@kernel
def _of_soil(
    soil: Any, c: np.ndarray, i: int, node: Node, thin: float, e: float, guess: float
) -> tuple[float, float]:
    """Temperature of soil layer i, with `thin` snow on it, of enthalpy e; dT/dE.

    `guess` is near the temperature where the layer holds ice.
    """
    slope = 1.0 / (node.scale * (node.solid + HEAT_OF_WATER * node.water))
    e += FUSION * thin
    if e >= 0.0:
        if e < FUSION * thin:
            return FREEZING, 0.0
        return FREEZING + slope * (e - FUSION * thin), slope
    if thin > 0.0:
        solid = node.solid + HEAT_OF_ICE * thin
        node = Node(node.thickness, node.pores, solid, node.scale, node.water)
        slope = 1.0 / (node.scale * (solid + HEAT_OF_WATER * node.water))
    thawed = FREEZING + slope * e
    if node.water <= 0.0:
        return thawed, slope
    if e >= FUSION * (node.pores - node.water):
        return FREEZING, 0.0  # more water than pores: what is too much freezes as in the open
    return _below_freezing(soil, c, i, node, e, thawed, guess)


@kernel
def _below_freezing(
    soil: Any, c: np.ndarray, i: int, node: Node, e: float, thawed: float, guess: float
) -> tuple[float, float]:
    """Temperature where ice and the liquid the retention curve allows make up e; dT/dE.

    The enthalpy grows with the temperature, and is convex in it where there is ice; without ice it
    would be e at `thawed`, below which it is not.
    """
    low, high = thawed - 1e-9, FREEZING
    t = guess if low < guess < high else thawed
    slope = 0.0
    for _ in range(60):
        allowed, steep = supercooled(soil, c, i, t)
        liquid = min(node.thickness * allowed, node.water)
        ice = node.water - liquid
        capacity = node.scale * (node.solid + HEAT_OF_ICE * ice + HEAT_OF_WATER * liquid)
        excess = capacity * (t - FREEZING) - FUSION * ice - e
        if ice > 0.0:
            capacity += node.thickness * steep * (node.scale * COLDER * (t - FREEZING) + FUSION)
        slope = 1.0 / capacity
        if excess > 0.0:
            high = t
        else:
            low = t
        last = t
        t -= slope * excess
        if abs(t - last) <= CLOSE + NEAR * (FREEZING - last):
            break
        if not low < t < high:  # the middle of the logarithms of the depressions
            t = FREEZING - math.sqrt((FREEZING - low) * (FREEZING - high + 1e-6))
    return min(t, FREEZING), slope


@kernel
def ice_of(solid: float, scale: float, water: float, t: float, e: float) -> float:
    """Ice [kg m-2] that makes e the enthalpy at t, from 0 to all the water."""
    warmth = scale * (solid + HEAT_OF_WATER * water) * (t - FREEZING)
    ice = (warmth - e) / (FUSION + scale * COLDER * (t - FREEZING))
    return min(max(ice, 0.0), water)


# ------------------------------------------------------------------------------------ the column


@kernel
def solve(
    conduction: Any,
    ground: Any,
    x: np.ndarray,
    s: np.ndarray,
    flux: float,
    slope: float,
    seconds: float,
    work: np.ndarray,
) -> Warmth:
    """Heat of one step; x (ROWS, SNOW + layer) and the thin snow of s are changed in place.

    flux [W m-2] enters the top node at its old temperature, and changes by slope [W m-2 K-1].
    No heat passes the bottom.
    """
    top = SNOW - int(s[COUNT])
    numbers = ground.numbers
    _stores(conduction.top, numbers, x, s, top, work)
    _passes(conduction, numbers, x, top, seconds, work)
    old = x[T, top]
    _temperatures(ground.soil, ground.c, x, top, work, x, T)
    count = 0
    rise = 0.0
    while count < MOST:
        count += 1
        _correct(top, work, seconds * (flux - slope * old), seconds * slope)
        rise = work[WARM, top] - old
        if _temperatures(ground.soil, ground.c, x, top, work, work, WARM) <= AGREED:
            break
        if PATIENT <= count < MOST:
            _halve(top, work)
            _temperatures(ground.soil, ground.c, x, top, work, work, WARM)
    gain = 0.0
    for j in range(top, x.shape[1]):
        gain += work[ENTHALPY, j] - work[BEFORE, j]
    melt = _settle(x, s, top, work)
    stored = gain / seconds
    return Warmth(rise, melt, stored, flux + slope * rise - stored, count)


@kernel
def _stores(
    choice: Any, numbers: np.ndarray, x: np.ndarray, s: np.ndarray, top: int, work: np.ndarray
) -> None:
    """Solids, water and enthalpy of every node as the step finds them."""
    for j in range(top, x.shape[1]):
        work[SOLID, j] = 0.0
        if j >= SNOW:
            work[SOLID, j] = numbers[STONE, j - SNOW] * x[DZ, j]
            work[PORES, j] = DENSITY_OF_WATER * numbers[POROSITY, j - SNOW] * x[DZ, j]
        work[FACTOR, j] = 1.0
        work[THIN, j] = 0.0
        work[WATER, j] = x[ICE, j] + x[LIQ, j]
    if top == SNOW:
        work[THIN, top] = s[PACK]
    work[FACTOR, top] = _top_factor(choice, numbers, x, top)
    for j in range(top, x.shape[1]):
        thin = work[THIN, j]
        stone = work[SOLID, j] + HEAT_OF_ICE * thin
        e = enthalpy(stone, work[FACTOR, j], x[ICE, j], x[LIQ, j], x[T, j]) - FUSION * thin
        work[BEFORE, j] = e
        work[ENTHALPY, j] = e


@kernel
def _top_factor(choice: Any, numbers: np.ndarray, x: np.ndarray, top: int) -> float:
    if top + 1 >= x.shape[1]:
        return 1.0
    thickness = x[DZ, top]
    above = 0.5 * thickness if top < SNOW else numbers[ABOVE, 0]
    below = 0.5 * x[DZ, top + 1] if top + 1 < SNOW else numbers[ABOVE, top + 1 - SNOW]
    return factor(choice, thickness, above, thickness + below)


@kernel
def _passes(
    conduction: Any, numbers: np.ndarray, x: np.ndarray, top: int, seconds: float, work: np.ndarray
) -> None:
    """Conductances between the nodes, and the heat that the old temperatures move."""
    end = x.shape[1]
    new, old = conduction.implicit, 1.0 - conduction.implicit
    reach, last = 0.0, 1.0  # from the node above to this layer [m], conductivity there
    moved = 0.0
    for j in range(top, end):
        thickness = x[DZ, j]
        if j < SNOW:
            above = 0.5 * thickness
            here = of_snow(conduction.snow, (x[ICE, j] + x[LIQ, j]) / thickness)
        else:
            above = numbers[ABOVE, j - SNOW]
            here = conductivity(
                conduction.kersten, numbers, j - SNOW, x[ICE, j], x[LIQ, j], thickness
            )
        if j > top:
            pass_on = seconds * last * here / (reach * here + above * last)
            work[PASS, j - 1] = new * pass_on
            down = old * pass_on * (x[T, j - 1] - x[T, j])
            work[GAINED, j - 1] = moved - down
            moved = down
        reach, last = thickness - above, here
    work[PASS, end - 1] = 0.0
    work[GAINED, end - 1] = moved


@kernel
def _correct(top: int, work: np.ndarray, entering: float, slope: float) -> None:
    """One Newton step of the enthalpies, by elimination.

    Leaves in WARM the temperatures that the fluxes saw. entering + slope T [J m-2] enters at the
    top.
    """
    end = work.shape[1]
    above, above_slope, above_factor = 0.0, 0.0, 0.0
    for j in range(top, end):
        below = work[PASS, j]
        lost = above + below
        gain = work[BEFORE, j] - work[ENTHALPY, j] + work[GAINED, j]
        if j == top:
            lost -= slope
            gain += entering
        else:
            gain += above * work[WARM, j - 1]
        gain -= lost * work[WARM, j]
        off = 0.0
        if j + 1 < end:
            gain += below * work[WARM, j + 1]
            off = below * work[SLOPE, j + 1]
        carried = above * above_slope
        pivot = 1.0 / (1.0 + lost * work[SLOPE, j] - carried * above_factor)
        if j > top:
            gain += carried * work[CHANGE, j - 1]
        above_factor = off * pivot
        work[UPPER, j] = above_factor
        work[CHANGE, j] = gain * pivot
        above, above_slope = below, work[SLOPE, j]
    change = 0.0
    for j in range(end - 1, top - 1, -1):
        change = work[CHANGE, j] + work[UPPER, j] * change
        work[CHANGE, j] = change
        work[ENTHALPY, j] += change
        work[WARM, j] += work[SLOPE, j] * change


@kernel
def _halve(top: int, work: np.ndarray) -> None:
    """Enthalpies half a Newton step back, where two kinks send it to and fro."""
    for j in range(top, work.shape[1]):
        work[ENTHALPY, j] -= 0.5 * work[CHANGE, j]


@kernel
def _temperatures(
    soil: Any, c: np.ndarray, x: np.ndarray, top: int, work: np.ndarray, near: np.ndarray, row: int
) -> float:
    """WARM and SLOPE of the enthalpies; the largest change of a temperature from near[row] [K]."""
    worst = 0.0
    for j in range(top, x.shape[1]):
        e, guess = work[ENTHALPY, j], near[row, j]
        if j < SNOW:
            t, slope = of_water(work[FACTOR, j], work[WATER, j], e)
        elif e >= 0.0 and work[THIN, j] == 0.0:
            slope = 1.0 / (work[FACTOR, j] * (work[SOLID, j] + HEAT_OF_WATER * work[WATER, j]))
            t = FREEZING + slope * e
        else:
            node = Node(x[DZ, j], work[PORES, j], work[SOLID, j], work[FACTOR, j], work[WATER, j])
            t, slope = _of_soil(soil, c, j - SNOW, node, work[THIN, j], e, guess)
        worst = max(worst, abs(t - guess))
        work[WARM, j] = t
        work[SLOPE, j] = slope
    return worst


@kernel
def _settle(x: np.ndarray, s: np.ndarray, top: int, work: np.ndarray) -> float:
    """Temperatures, ice and liquid water of the enthalpies; melt of thin snow [kg m-2]."""
    for j in range(top, x.shape[1]):
        x[T, j] = work[WARM, j]
        water = work[WATER, j]
        thin = work[THIN, j]
        e = work[ENTHALPY, j] + FUSION * thin
        solid = work[SOLID, j] + HEAT_OF_ICE * thin
        ice = 0.0
        if e < 0.0:
            ice = ice_of(solid, work[FACTOR, j], water, work[WARM, j], e)
        if j < SNOW and ice < x[ICE, j]:
            # Melting snow keeps the density of its ice (Anderson 1976; Oleson et al. 2010).
            x[DZ, j] = max(x[DZ, j] * ice / x[ICE, j], water / DENSITY_OF_WATER)
        x[ICE, j] = ice
        x[LIQ, j] = water - ice
    thin = work[THIN, top]
    if thin <= 0.0:
        return 0.0
    melt = min(max(work[ENTHALPY, top] / FUSION + thin, 0.0), thin)
    s[PACK_DEPTH] *= 1.0 - melt / thin
    s[PACK] = thin - melt
    return melt


@kernel
def energy(conduction: Any, ground: Any, x: np.ndarray, s: np.ndarray) -> float:
    """Enthalpy of snow and soil [J m-2]."""
    top = SNOW - int(s[COUNT])
    numbers = ground.numbers
    scale = _top_factor(conduction.top, numbers, x, top)
    total = 0.0
    for j in range(top, x.shape[1]):
        solid = 0.0 if j < SNOW else numbers[STONE, j - SNOW] * x[DZ, j]
        if j == top and top == SNOW:
            solid += HEAT_OF_ICE * s[PACK]
            total -= FUSION * s[PACK]
        total += enthalpy(solid, scale if j == top else 1.0, x[ICE, j], x[LIQ, j], x[T, j])
    return total


@kernel
def top_capacity(ground: Any, x: np.ndarray, s: np.ndarray) -> float:
    """Heat capacity [J m-2 K-1] of the first soil layer, with thin snow on it."""
    thin = s[PACK] if s[COUNT] < 0.5 else 0.0
    water = HEAT_OF_ICE * (x[ICE, SNOW] + thin) + HEAT_OF_WATER * x[LIQ, SNOW]
    return ground.numbers[STONE, 0] * x[DZ, SNOW] + water
