"""Compiled snow on a land column: up to SNOW layers, the top one first.

Fall, vapour, percolation, compaction, combination and division keep water and enthalpy; heat and
melt are those of `heat`. Snow of less than THINNEST has no layer: it is `PACK` alone, as warm as
the soil below. Layers, their bounds and the forms of compaction and ageing follow Anderson 1976
(NOAA NWS 19), Jordan 1991 (CRREL 91-16) and Dai et al. 2003 (10.1175/BAMS-84-8-1013), as told in
the technical note of CLM 4 (Oleson et al. 2010, NCAR/TN-478+STR, chapter 7).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import Choice, chosen_by, kernel
from hydroda.models.kernels.column import (
    AGE,
    COUNT,
    DENSITY_OF_ICE,
    DENSITY_OF_WATER,
    DZ,
    FREEZING,
    FUSION,
    HEAT_OF_ICE,
    HEAT_OF_WATER,
    ICE,
    LIQ,
    PACK,
    PACK_DEPTH,
    ROWS,
    SNOW,
    T,
)
from hydroda.models.kernels.heat import enthalpy, ice_of, of_water

# By the place of a layer from the top [m]: one thinner than LEAST joins a neighbour; what exceeds
# MOST goes to the layer below; the lowest one splits in two above SPLIT.
LEAST = (0.010, 0.015, 0.025, 0.055, 0.115)
MOST = (0.02, 0.05, 0.11, 0.23, math.inf)
SPLIT = (0.03, 0.07, 0.18, 0.41, math.inf)
THINNEST = LEAST[0]
LIGHTEST = 0.1  # [kg m-2] ice of a layer
LIGHT, DENSE = 100.0, 500.0  # [kg m-3], between them snow that has no layers yet


class Compaction(NamedTuple):
    """Anderson's numbers: rate [s-1] of settling of light snow at T_f, its fall with cold [K-1] and
    with density above `firm` [m3 kg-1, kg m-3], factor of wet snow; viscosity [kg s m-2] and its
    growth with cold [K-1] and density [m3 kg-1]."""

    rate: float = 2.777e-6
    cold: float = 0.04
    dense: float = 0.046
    firm: float = 100.0
    wet: float = 2.0
    viscosity: float = 9e5
    stiff_cold: float = 0.08
    stiff_dense: float = 0.023


class Ageing(NamedTuple):
    """Dickinson et al. 1993's age: rate [s-1], activation [K], part that does not depend on
    warmth, and the fresh snow that makes the surface new [kg m-2]."""

    rate: float = 1e-6
    activation: float = 5000.0
    steady: float = 0.3
    renewing: float = 10.0


class Pack(NamedTuple):
    """Choices: cover, density of fresh snow, compaction, part of the pores that holds water,
    ageing."""

    cover: Any
    fresh: Any
    compaction: Compaction
    holding: float
    ageing: Ageing


class Lack(NamedTuple):
    """Liquid water and ice [kg m-2] that the snow neither took nor gave, with their signs; ice that
    it gave where liquid water was asked for and ran out."""

    liquid: float
    ice: float
    instead: float


class Outflow(NamedTuple):
    """Water [kg m-2] that leaves the snow, and its heat [J m-2] that the soil did not take."""

    water: float
    warmth: float


# --------------------------------------------------------------------------------- cover, density


class NiuYang(NamedTuple):
    """Cover tanh(depth/(2.5 z_0 (density/fresh)^melting)) (Niu and Yang 2007,
    10.1029/2007JD008674), with CLM 4's numbers."""

    fresh: float = 100.0
    melting: float = 1.0


class RoughCover(Choice):
    """Cover depth/(10 z_0 + depth): CoLM and CLM 3."""


@kernel
def _cover_niu_yang(token: NiuYang, depth: float, mass: float, roughness: float) -> float:
    if depth <= 0.0:
        return 0.0
    ratio = min(mass / depth, 800.0) / token.fresh
    if token.melting != 1.0:
        ratio **= token.melting
    reach = 2.5 * roughness * ratio
    return math.tanh(depth / reach) if depth < 20.0 * reach else 1.0


@kernel
def _cover_rough(token: RoughCover, depth: float, mass: float, roughness: float) -> float:
    return depth / (10.0 * roughness + depth) if depth > 0.0 else 0.0


class AndersonDensity(Choice):
    """Fresh snow of 50 kg m-3 below -15 °C, growing to 169 at 2 °C (Anderson 1976)."""


class HedstromPomeroy(Choice):
    """Fresh snow of 67.92 + 51.25 e^((T - T_f)/2.59) kg m-3 (Hedstrom and Pomeroy 1998)."""


@kernel
def _fresh_anderson(token: AndersonDensity, air: float) -> float:
    warm = min(max(air - FREEZING + 15.0, 0.0), 17.0)
    return 50.0 + 1.7 * warm * math.sqrt(warm)


@kernel
def _fresh_hedstrom_pomeroy(token: HedstromPomeroy, air: float) -> float:
    return 67.92 + 51.25 * math.exp(min(air - FREEZING, 2.0) / 2.59)


COVER: dict[type, Callable[..., float]] = {NiuYang: _cover_niu_yang, RoughCover: _cover_rough}
FRESH: dict[type, Callable[..., float]] = {
    AndersonDensity: _fresh_anderson,
    HedstromPomeroy: _fresh_hedstrom_pomeroy,
}


@chosen_by(COVER)
def cover(token: Any, depth: float, mass: float, roughness: float) -> float:
    """Part of the ground under snow of a depth [m] and mass [kg m-2]; roughness [m]."""
    return float(COVER[type(token)](token, depth, mass, roughness))


@chosen_by(FRESH)
def fresh(token: Any, air: float) -> float:
    """Density [kg m-3] of snow that falls through air [K]."""
    return float(FRESH[type(token)](token, air))


# ------------------------------------------------------------------------------------------- fall


@kernel
def fall(
    pack: Any,
    x: np.ndarray,
    s: np.ndarray,
    snowfall: float,
    air: float,
    capacity: float,
    seconds: float,
) -> None:
    """Snow [kg m-2 s-1] of the temperature of the air [K], at most T_f, onto the column.

    capacity [J m-2 K-1] is that of the first soil layer with thin snow on it.
    """
    mass = snowfall * seconds
    if mass <= 0.0:
        return
    depth = mass / fresh(pack.fresh, air)
    cold = HEAT_OF_ICE * mass * min(air - FREEZING, 0.0)
    s[AGE] *= max(1.0 - mass / pack.ageing.renewing, 0.0)
    if s[COUNT] > 0.5:
        top = SNOW - int(s[COUNT])
        _add(x, top, mass, 0.0, depth, cold - FUSION * mass)
    else:
        _begin(x, s, mass, depth, cold, capacity)
    s[PACK] += mass
    s[PACK_DEPTH] += depth


@kernel
def _begin(
    x: np.ndarray, s: np.ndarray, mass: float, depth: float, cold: float, capacity: float
) -> None:
    """Snow on bare ground or thin snow: a first layer if it is thick enough."""
    warm = x[T, SNOW] - FREEZING
    thin = HEAT_OF_ICE * s[PACK]
    if s[PACK_DEPTH] + depth < THINNEST:
        x[T, SNOW] = FREEZING + (capacity * warm + cold) / (capacity + HEAT_OF_ICE * mass)
        return
    x[ICE, SNOW - 1] = s[PACK] + mass
    x[LIQ, SNOW - 1] = 0.0
    x[DZ, SNOW - 1] = s[PACK_DEPTH] + depth
    heat = thin * min(warm, 0.0) + cold
    x[T, SNOW - 1] = FREEZING + heat / (HEAT_OF_ICE * x[ICE, SNOW - 1])
    x[T, SNOW] = FREEZING + (capacity * warm - thin * min(warm, 0.0)) / (capacity - thin)
    s[COUNT] = 1.0


@kernel
def _add(x: np.ndarray, j: int, ice: float, liquid: float, depth: float, e: float) -> None:
    """Ice and liquid water [kg m-2] of enthalpy e [J m-2] into snow layer j."""
    e += enthalpy(0.0, 1.0, x[ICE, j], x[LIQ, j], x[T, j])
    water = x[ICE, j] + x[LIQ, j] + ice + liquid
    if water <= 0.0:
        return
    t, _ = of_water(1.0, water, e)
    x[T, j] = t
    x[ICE, j] = ice_of(0.0, 1.0, water, t, e) if e < 0.0 else 0.0
    x[LIQ, j] = water - x[ICE, j]
    x[DZ, j] = max(x[DZ, j] + depth, x[ICE, j] / DENSITY_OF_ICE + x[LIQ, j] / DENSITY_OF_WATER)


# ----------------------------------------------------------------------------------------- vapour


@kernel
def vapour(x: np.ndarray, s: np.ndarray, liquid: float, ice: float, seconds: float) -> Lack:
    """Dew and frost [kg m-2 s-1] on the top of the snow, evaporation and sublimation if negative.

    Ice sublimates where liquid water runs out. What a layer lacks the next one gives; what the snow
    could not comes back.
    """
    liquid *= seconds
    ice *= seconds
    instead = 0.0
    count = int(s[COUNT])
    if count == 0:
        return Lack(liquid, _thin_vapour(s, ice), instead)
    for j in range(SNOW - count, SNOW):
        new = x[LIQ, j] + liquid
        x[LIQ, j] = max(new, 0.0)
        old = x[ICE, j]
        more = min(max(-new, 0.0), max(old + ice, 0.0))
        liquid = min(new + more, 0.0)
        ice -= more
        instead += more
        new = old + ice
        x[ICE, j] = max(new, 0.0)
        if x[ICE, j] == 0.0:
            x[DZ, j] = x[LIQ, j] / DENSITY_OF_WATER
        elif new < old:  # what sublimates takes its room along
            x[DZ, j] = max(x[DZ, j] * new / old, x[LIQ, j] / DENSITY_OF_WATER)
        ice = min(new, 0.0)
        if liquid == 0.0 and ice == 0.0:
            break
    totals(x, s)
    return Lack(liquid, ice, instead)


@kernel
def _thin_vapour(s: np.ndarray, ice: float) -> float:
    if s[PACK] <= 0.0:
        return ice
    left = s[PACK] + ice
    if left <= 0.0:
        s[PACK] = 0.0
        s[PACK_DEPTH] = 0.0
        return left
    if ice < 0.0:
        s[PACK_DEPTH] *= left / s[PACK]
    s[PACK] = left
    return 0.0


# ------------------------------------------------------------------------------------- evolution


@kernel
def evolve(
    pack: Any, x: np.ndarray, s: np.ndarray, rain: float, capacity: float, seconds: float
) -> Outflow:
    """What leaves the snow in a step: rain on it, percolation, settling, layers.

    capacity [J m-2 K-1] is that of the first soil layer, which takes heat of snow that ends.
    """
    if s[COUNT] < 0.5:
        if s[PACK] > 0.0:
            _grow_old(pack.ageing, s, x[T, SNOW], seconds)
        else:
            s[AGE] = 0.0
        return Outflow(rain * seconds, 0.0)
    through = _percolate(pack.holding, x, s, rain * seconds, capacity)
    _settle(pack.compaction, x, s, seconds)
    rest = _combine(x, s, capacity)
    if s[COUNT] > 0.5:
        _divide(x, s)
        totals(x, s)
        _grow_old(pack.ageing, s, x[T, SNOW - int(s[COUNT])], seconds)
    return Outflow(through.water + rest.water, through.warmth + rest.warmth)


@kernel
def _soak(x: np.ndarray, water: float, t: float, capacity: float) -> float:
    """Heat [J m-2] that water at t [K] > T_f does not bring into the first layer of the soil.

    Both come to one temperature, no more: a pack that melts whole in a hot storm leaves many times
    the heat that dry ground of a centimetre can take.
    """
    thermal = HEAT_OF_WATER * water
    given = capacity * thermal / (capacity + thermal) * max(t - x[T, SNOW], 0.0)
    x[T, SNOW] += given / capacity
    return thermal * (t - FREEZING) - given


@kernel
def _percolate(
    holding: float, x: np.ndarray, s: np.ndarray, water: float, capacity: float
) -> Outflow:
    """Water through the layers, each of which freezes and holds what it can."""
    warmth = 0.0
    for j in range(SNOW - int(s[COUNT]), SNOW):
        if water > 0.0 or x[LIQ, j] > 0.0:
            _add(x, j, 0.0, water, 0.0, warmth)
        water = 0.0
        warmth = 0.0
        if x[LIQ, j] > 0.0:
            pores = x[DZ, j] - x[ICE, j] / DENSITY_OF_ICE
            held = holding * DENSITY_OF_WATER * pores if x[ICE, j] > 0.0 else 0.0
            water = max(x[LIQ, j] - held, 0.0)
            x[LIQ, j] -= water
            warmth = HEAT_OF_WATER * water * (x[T, j] - FREEZING)
    if warmth > 0.0:
        warmth = _soak(x, water, x[T, SNOW - 1], capacity)
    return Outflow(water, warmth)


@kernel
def _settle(numbers: Compaction, x: np.ndarray, s: np.ndarray, seconds: float) -> None:
    """Settling of new snow and yielding to the load above [m]."""
    load = 0.0
    for j in range(SNOW - int(s[COUNT]), SNOW):
        ice, liquid, depth = x[ICE, j], x[LIQ, j], x[DZ, j]
        mass = ice + liquid
        full = ice / DENSITY_OF_ICE + liquid / DENSITY_OF_WATER
        if ice > 0.0 and full < 0.999 * depth:
            density = ice / depth
            cold = FREEZING - x[T, j]
            rate = numbers.cold * cold + numbers.dense * max(density - numbers.firm, 0.0)
            settling = numbers.rate * math.exp(-rate)
            if liquid > 0.01 * depth:
                settling *= numbers.wet
            stiff = numbers.stiff_cold * cold + numbers.stiff_dense * density
            yielding = (load + 0.5 * mass) / numbers.viscosity * math.exp(-stiff)
            x[DZ, j] = max(depth / (1.0 + seconds * (settling + yielding)), full)
        load += mass


@kernel
def _grow_old(numbers: Ageing, s: np.ndarray, t: float, seconds: float) -> None:
    """Age of the surface: growth of grains by vapour, near melting, and dirt."""
    grains = math.exp(numbers.activation * (1.0 / FREEZING - 1.0 / min(t, FREEZING)))
    wet = grains * grains
    wet *= wet
    wet *= wet * grains * grains
    s[AGE] += numbers.rate * seconds * (grains + wet + numbers.steady)


@kernel
def totals(x: np.ndarray, s: np.ndarray) -> None:
    """Mass [kg m-2] and depth [m] of all snow, where it has layers."""
    count = int(s[COUNT])
    if count == 0:
        return
    mass, depth = 0.0, 0.0
    for j in range(SNOW - count, SNOW):
        mass += x[ICE, j] + x[LIQ, j]
        depth += x[DZ, j]
    s[PACK] = mass
    s[PACK_DEPTH] = depth


@kernel
def follow(x: np.ndarray, s: np.ndarray) -> None:
    """Layers and depth that fit the mass s[PACK] [kg m-2], as after an analysis has changed it.

    Layers grow and shrink alike at their densities and temperatures; the next `evolve` divides and
    combines them. Snow where none was is fresh, and as warm as the soil, at most T_f.
    """
    mass = max(s[PACK], 0.0)
    top = SNOW - int(s[COUNT])
    held = 0.0
    for j in range(top, SNOW):
        held += x[ICE, j] + x[LIQ, j]
    s[PACK] = mass
    if mass == 0.0:
        s[COUNT] = 0.0
        s[PACK_DEPTH] = 0.0
    elif held > 0.0:
        for j in range(top, SNOW):
            x[ICE, j] *= mass / held
            x[LIQ, j] *= mass / held
            x[DZ, j] *= mass / held
        totals(x, s)
    else:
        s[COUNT] = 0.0
        s[PACK_DEPTH] = min(max(s[PACK_DEPTH], mass / DENSE), mass / LIGHT)
        if s[PACK_DEPTH] >= THINNEST:
            _lay(x, s)


@kernel
def _lay(x: np.ndarray, s: np.ndarray) -> None:
    """All the snow as one layer, which leaves the soil its temperature."""
    s[COUNT] = 1.0
    x[ICE, SNOW - 1] = s[PACK]
    x[LIQ, SNOW - 1] = 0.0
    x[DZ, SNOW - 1] = s[PACK_DEPTH]
    x[T, SNOW - 1] = min(x[T, SNOW], FREEZING)


# ---------------------------------------------------------------------------------------- layers


@kernel
def _combine(x: np.ndarray, s: np.ndarray, capacity: float) -> Outflow:
    """Thin and light layers join a neighbour; a last one becomes thin snow. What that lost."""
    j = SNOW - int(s[COUNT])
    while j < SNOW:
        top = SNOW - int(s[COUNT])
        if x[DZ, j] >= LEAST[j - top] and x[ICE, j] > LIGHTEST:
            j += 1
        elif top == SNOW - 1:
            if x[DZ, j] < THINNEST or x[ICE, j] <= LIGHTEST:
                return _end(x, s, capacity)
            break
        else:
            up = j == SNOW - 1 or (j > top and x[DZ, j - 1] < x[DZ, j + 1])
            _join(x, top, j - 1 if up else j)
            s[COUNT] -= 1.0
            j = top + 1  # places have changed: from the top again
    return Outflow(0.0, 0.0)


@kernel
def _join(x: np.ndarray, top: int, j: int) -> None:
    """Layer j into the one below; those above move down."""
    e = enthalpy(0.0, 1.0, x[ICE, j], x[LIQ, j], x[T, j])
    _add(x, j + 1, x[ICE, j], x[LIQ, j], x[DZ, j], e)
    for k in range(j, top, -1):
        for row in range(ROWS):
            x[row, k] = x[row, k - 1]


@kernel
def _end(x: np.ndarray, s: np.ndarray, capacity: float) -> Outflow:
    """The last layer becomes thin snow on the soil; its liquid water leaves."""
    j = SNOW - 1
    ice, liquid, warmth = x[ICE, j], x[LIQ, j], 0.0
    if x[T, j] > FREEZING:  # no ice is left
        warmth = _soak(x, liquid, x[T, j], capacity)
    else:
        heat = (HEAT_OF_ICE * ice + HEAT_OF_WATER * liquid) * (x[T, j] - FREEZING)
        warm = capacity * (x[T, SNOW] - FREEZING) + heat
        x[T, SNOW] = FREEZING + warm / (capacity + HEAT_OF_ICE * ice)
    s[COUNT] = 0.0
    s[PACK] = ice
    s[PACK_DEPTH] = x[DZ, j] if ice > 0.0 else 0.0
    return Outflow(liquid, warmth)


@kernel
def _divide(x: np.ndarray, s: np.ndarray) -> None:
    """What is too thick goes down; the lowest layer splits in two."""
    place = 0
    while place < int(s[COUNT]):
        top = SNOW - int(s[COUNT])
        j = top + place
        if j == SNOW - 1:
            if top > 0 and x[DZ, j] > SPLIT[place]:
                _split(x, top)
                s[COUNT] += 1.0
                continue
        elif x[DZ, j] > MOST[place]:
            _pass_down(x, j, 1.0 - MOST[place] / x[DZ, j])
        place += 1


@kernel
def _split(x: np.ndarray, top: int) -> None:
    for k in range(top, SNOW):
        for row in range(ROWS):
            x[row, k - 1] = x[row, k]
    for j in (SNOW - 2, SNOW - 1):
        x[ICE, j] *= 0.5
        x[LIQ, j] *= 0.5
        x[DZ, j] *= 0.5


@kernel
def _pass_down(x: np.ndarray, j: int, part: float) -> None:
    ice, liquid, depth = part * x[ICE, j], part * x[LIQ, j], part * x[DZ, j]
    x[ICE, j] -= ice
    x[LIQ, j] -= liquid
    x[DZ, j] -= depth
    _add(x, j + 1, ice, liquid, depth, enthalpy(0.0, 1.0, ice, liquid, x[T, j]))
