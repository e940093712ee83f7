"""Leaves and ground of a land column: water on leaves, stomata, and what both give to the air.

Rain that leaves hold back, the stress and share of every layer in transpiration, sunlit and shaded
stomata (Collatz et al. 1991, 10.1016/0168-1923(91)90002-8, and 1992, 10.1071/PP9920519), humidity
of the ground, and the temperature of leaves at which they keep no energy. Formulas are those of
Oleson et al. (2010), CLM 4.0, NCAR/TN-478+STR, chapters 4, 5, 7 and 8, or (2004), CLM 3.0,
NCAR/TN-461+STR, where a token says so. Fluxes to the air are positive.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import Choice, chosen_by, kernel
from hydroda.models.kernels import turbulence
from hydroda.models.kernels.column import (
    DENSITY_OF_WATER,
    DZ,
    FREEZING,
    GAS_OF_AIR,
    GAS_OF_VAPOUR,
    GRAVITY,
    HEAT_OF_AIR,
    ICE,
    KARMAN,
    LIQ,
    SNOW,
    STEFAN_BOLTZMANN,
    VAPORISATION,
    H,
    T,
)
from hydroda.models.kernels.radiation import BARE, Absorbed
from hydroda.models.kernels.turbulence import VISCOSITY

RATIO = 0.622  # of the gas constants of air and vapour, as CLM rounds it
LAPSE = 0.0098  # temperature of air lifted dry [K m-1]
SOIL_ROUGHNESS, SNOW_ROUGHNESS = 0.01, 0.0024  # z0 for momentum [m]
SOIL_EMISSIVITY, SNOW_EMISSIVITY = 0.96, 0.97
LEAF_TRANSFER = 0.01  # C_v of the layer of air at leaves [m s-0.5]
BARE_TRANSFER, BARE_POWER = 0.13, 0.45  # Zeng & Dickinson (1998), 10.1175/1520-0442
UNFROZEN = -2.0  # roots take no water from soil colder than this [K below freezing]
GAS = 8.314  # [J mol-1 K-1]
PHOTONS = 4.6  # [umol J-1] of visible light
OXYGEN = 0.209  # [mol mol-1]
CO2_TOLERANCE = 1e-4  # of the CO2 inside leaves, in parts of that around
ALMOST = 10.0  # tolerances from which the last step of the leaf temperature reaches its end
LARGEST_STEP = 10.0  # of the leaf temperature in one iteration [K]
COLDEST = 160.0  # [K]


# -------------------------------------------------------------------------------- what comes in


class Plant(NamedTuple):
    """What a plant type is to the air: m, 1, umol m-2 s-1, heads in m (`plants.PlantType`).

    bottom, top: depths of snow between which its leaves are covered [m].
    """

    roughness: float
    displacement: float
    height: float
    leaf_size: float
    c3: float
    vmax: float
    quantum: float
    slope: float
    resting: float
    open_head: float
    closed_head: float
    bottom: float
    top: float


class Air(NamedTuple):
    """Weather at reference heights, which count from displacement [m]; SI units."""

    temperature: float
    potential: float
    virtual: float
    humidity: float
    pressure: float
    density: float
    wind: float
    longwave: float
    co2: float
    height_wind: float
    height_heat: float


class Settings(NamedTuple):
    """Numbers of the canopy that differ among models, and when its iteration ends.

    interception: most of the rain that leaves catch [1]; capacity [kg m-2 per m2 of leaf and stem];
    drag: transfer to the ground below dense leaves [1], and what stability takes of it [1];
    tolerance [W m-2], iterations.
    """

    interception: float = 0.25
    capacity: float = 0.1
    drag: float = 0.004
    drag_stability: float = 0.5
    tolerance: float = 0.1
    iterations: int = 20


class Roughness(NamedTuple):
    momentum: float
    displacement: float


class GroundHumidity(NamedTuple):
    """Specific humidity at the ground [kg kg-1], its derivative [K-1], the share of evaporation
    that soil lets through [1], and the leaf area of litter that no snow covers [1].
    """

    humidity: float
    humidity_dt: float
    factor: float
    litter: float


class Ground(NamedTuple):
    """The surface below the leaves: K, its humidity, emissivity [1], roughness [m]."""

    temperature: float
    moisture: GroundHumidity
    emissivity: float
    roughness: float


class Interception(NamedTuple):
    """Water on leaves [kg m-2], and rain and snow that reach the ground [kg m-2 s-1]."""

    water: float
    rain: float
    snow: float


class Fluxes(NamedTuple):
    """What leaves and ground exchange: K, W m-2, kg m-2 s-1; fluxes to the air are positive.

    Ground fluxes hold at the old ground temperature; the _dt are derivatives with it. The residual
    of the iteration [W m-2] is part of sensible_leaf.
    """

    t_leaf: float
    sensible_leaf: float
    sensible_ground: float
    evaporation_ground: float
    evaporation_leaf: float
    transpiration: float
    longwave_up: float
    longwave_ground: float
    sensible_ground_dt: float
    evaporation_ground_dt: float
    longwave_ground_dt: float
    friction: float
    resistance: float
    t_air: float
    q_air: float
    assimilation: float
    residual: float
    iterations: int


@kernel
def plant(row: np.ndarray) -> Plant:
    """Plant from the row of a table (`hydroda.models.plants`)."""
    return Plant(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10],
        row[11], row[12],
    )  # fmt: skip


@kernel
def saturation(temperature: float) -> tuple[float, float]:
    """Saturation vapour pressure [Pa] over water or, in frost, ice, and its slope [Pa K-1].

    Buck (1981), 10.1175/1520-0450(1981)020<1527:NEFCVP>2.0.CO;2, as ECMWF writes it.
    """
    kelvin = max(temperature, COLDEST)
    if kelvin >= 273.16:
        d = 1.0 / (kelvin - 32.19)
        e = 611.21 * math.exp(17.502 * (kelvin - 273.16) * d)
        return e, e * 17.502 * 240.97 * d * d
    d = 1.0 / (kelvin + 0.7)
    e = 611.21 * math.exp(22.587 * (kelvin - 273.16) * d)
    return e, e * 22.587 * 273.86 * d * d


@kernel
def saturation_humidity(temperature: float, pressure: float) -> tuple[float, float, float]:
    """Saturation specific humidity [kg kg-1], its slope [K-1], and vapour pressure [Pa]."""
    e, slope = saturation(temperature)
    e = min(e, 0.9 * pressure)
    d = 1.0 / (pressure - 0.378 * e)
    return RATIO * e * d, RATIO * pressure * d * d * slope, e


@kernel
def air(
    temperature: float,
    humidity: float,
    pressure: float,
    wind: float,
    longwave: float,
    co2: float,
    height_wind: float,
    height_heat: float,
) -> Air:
    """Weather with what follows from it (Oleson 2010 Eq. 5.8, 5.9)."""
    vapour = humidity * pressure / (RATIO + 0.378 * humidity)
    potential = temperature + LAPSE * height_heat
    return Air(
        temperature,
        potential,
        potential * (1.0 + 0.61 * humidity),
        humidity,
        pressure,
        (pressure - 0.378 * vapour) / (GAS_OF_AIR * temperature),
        wind,
        longwave,
        co2,
        height_wind,
        height_heat,
    )


@kernel
def ground(temperature: float, moisture: GroundHumidity, snow_cover: float) -> Ground:
    """The ground with the emissivity of its snow; snow sets the roughness where there is any."""
    return Ground(
        temperature,
        moisture,
        SOIL_EMISSIVITY + snow_cover * (SNOW_EMISSIVITY - SOIL_EMISSIVITY),
        SNOW_ROUGHNESS if snow_cover > 0.0 else SOIL_ROUGHNESS,
    )


# ---------------------------------------------------------------------------------- roughness


class FixedRoughness(Choice):
    """Roughness and displacement of the plant type, whatever its leaves (CLM 3, CoLM)."""


class DenseRoughness(NamedTuple):
    """Fading to bare ground with leaves and stems (Zeng & Wang 2007, 10.1175/JHM607.1; CLM 4)."""

    critical: float = 2.0


@kernel
def _fixed_roughness(
    token: FixedRoughness, plant: Plant, area: float, z0_ground: float
) -> Roughness:
    return Roughness(plant.roughness, plant.displacement)


@kernel
def _dense_roughness(
    token: DenseRoughness, plant: Plant, area: float, z0_ground: float
) -> Roughness:
    full = 1.0 - math.exp(-token.critical)
    v = (1.0 - math.exp(-min(area, token.critical))) / full
    rough = math.exp(v * math.log(plant.roughness) + (1.0 - v) * math.log(z0_ground))
    return Roughness(rough, plant.displacement * v)


ROUGHNESS: dict[type, Callable[..., Roughness]] = {
    FixedRoughness: _fixed_roughness,
    DenseRoughness: _dense_roughness,
}


@chosen_by(ROUGHNESS)
def _roughness(token: Any, plant: Plant, area: float, z0_ground: float) -> Roughness:
    return ROUGHNESS[type(token)](token, plant, area, z0_ground)


@kernel
def roughness(token: Any, plant: Plant, lai: float, sai: float, z0_ground: float) -> Roughness:
    """Roughness length for momentum and displacement height [m] of what stands above the snow."""
    if lai + sai < BARE:
        return Roughness(z0_ground, 0.0)
    return _roughness(token, plant, lai + sai, z0_ground)


# ------------------------------------------------------------------------------------ leaf area

LEAST = 0.05  # leaf or stem area index that counts


class BuriedByHeight(Choice):
    """Snow covers leaves between the bottom and the top of the plant (CLM 4)."""


class BuriedByRoughness(Choice):
    """Snow covers all leaves at ten times the roughness length, in proportion before (CoLM)."""


@kernel
def _buried_by_height(token: BuriedByHeight, plant: Plant, snow_depth: float) -> float:
    """Oleson et al. (2010), section 2.1.4; Wang & Zeng (2007), 10.1175/JHM603.1."""
    return min(max((snow_depth - plant.bottom) / (plant.top - plant.bottom), 0.0), 1.0)


@kernel
def _buried_by_roughness(token: BuriedByRoughness, plant: Plant, snow_depth: float) -> float:
    return min(0.1 * snow_depth / plant.roughness, 1.0)


BURIAL: dict[type, Callable[..., float]] = {
    BuriedByHeight: _buried_by_height,
    BuriedByRoughness: _buried_by_roughness,
}


@chosen_by(BURIAL)
def buried(token: Any, plant: Plant, snow_depth: float) -> float:
    """Share of leaves and stems under snow of a depth [m]."""
    return BURIAL[type(token)](token, plant, snow_depth)


@kernel
def exposed(
    token: Any, plant: Plant, lai: float, sai: float, snow_depth: float
) -> tuple[float, float]:
    """Leaf and stem area index above the snow; none where it is too little to count."""
    free = 1.0 - buried(token, plant, snow_depth) if snow_depth > 0.0 else 1.0
    lai *= free
    sai *= free
    return lai if lai >= LEAST else 0.0, sai if sai >= LEAST else 0.0


@kernel
def seasonal_leaves(lowest: float, highest: float, t_soil: float) -> float:
    """Leaf area index by the temperature [K] of the root zone (Dickinson et al. 1993; CoLM)."""
    cold = max(298.0 - t_soil, 0.0)
    return lowest + (highest - lowest) * max(1.0 - 0.0016 * cold * cold, 0.0)


# --------------------------------------------------------------------------------- interception


@kernel
def intercept(
    settings: Settings,
    water: float,
    rain: float,
    snow: float,
    lai: float,
    sai: float,
    dt: float,
) -> Interception:
    """Water that leaves catch, hold and let drip (Oleson 2010 Eq. 7.2 to 7.7).

    water [kg m-2]; rain, snow [kg m-2 s-1]. What drips is rain and snow in the shares that fell.
    """
    area = lai + sai
    fallen = rain + snow
    caught = settings.interception * (1.0 - math.exp(-0.5 * area)) if area >= BARE else 0.0
    held = water + caught * fallen * dt
    kept = min(held, settings.capacity * area if area >= BARE else 0.0)
    drip = (held - kept) / dt
    solid = snow / fallen if fallen > 0.0 else 0.0
    through = (1.0 - caught) * fallen + drip
    return Interception(kept, through - solid * through, solid * through)


@kernel
def wet_fraction(settings: Settings, water: float, lai: float, sai: float) -> float:
    """Share of leaves and stems that is wet (Oleson 2010 Eq. 7.8; Deardorff 1978)."""
    capacity = settings.capacity * (lai + sai)
    if water <= 0.0 or lai + sai < BARE:
        return 0.0
    if water >= capacity:
        return 1.0
    return math.pow(water / capacity, 2.0 / 3.0)


# --------------------------------------------------------------------------------- plant stress


class HeadStress(Choice):
    """Roots draw between the heads at which stomata open and close, those of the plant (CLM)."""


class SaturationStress(NamedTuple):
    """Roots draw in proportion to saturation between two values of it (ParFlow-CLM)."""

    wilting: float = 0.2
    field: float = 1.0


@kernel
def _head_stress(
    token: HeadStress, plant: Plant, head: float, saturation: float, free: float
) -> float:
    """Oleson et al. (2010) Eq. 8.11: of the pores the share without ice conducts."""
    return min(max((plant.closed_head - head) / (plant.closed_head - plant.open_head), 0), 1) * free


@kernel
def _saturation_stress(
    token: SaturationStress, plant: Plant, head: float, saturation: float, free: float
) -> float:
    return min(max((saturation - token.wilting) / (token.field - token.wilting), 0.0), 1.0)


STRESS: dict[type, Callable[..., float]] = {
    HeadStress: _head_stress,
    SaturationStress: _saturation_stress,
}


@chosen_by(STRESS)
def _stress(token: Any, plant: Plant, head: float, saturation: float, free: float) -> float:
    return STRESS[type(token)](token, plant, head, saturation, free)


@kernel
def stress(
    token: Any,
    plant: Plant,
    x: np.ndarray,
    porosity: np.ndarray,
    roots: np.ndarray,
    share: np.ndarray,
) -> float:
    """Wetness of the roots, 0 (wilted) to 1; `share` becomes each layer's part of transpiration.

    x (ROWS, SNOW + layer) of a column; porosity, roots, share (layer,). Layers colder than
    UNFROZEN or without liquid water give nothing.
    """
    wetness = 0.0
    for i in range(roots.size):
        j = SNOW + i
        share[i] = 0.0
        if x[T, j] <= FREEZING + UNFROZEN or roots[i] <= 0.0:
            continue
        pores = porosity[i] * x[DZ, j] * DENSITY_OF_WATER
        free = max(pores - x[ICE, j], 0.0) / pores
        part = _stress(token, plant, x[H, j], x[LIQ, j] / pores, free)
        share[i] = roots[i] * part
        wetness += share[i]
    if wetness > 1e-10:
        for i in range(roots.size):
            share[i] /= wetness
        return min(wetness, 1.0)
    for i in range(roots.size):
        share[i] = 0.0
    return 0.0


# ------------------------------------------------------------------------------- ground humidity


class KelvinHumidity(Choice):
    """Vapour in the pores in balance with the head of the top layer (CLM 3, CoLM)."""


class SakaguchiZeng(NamedTuple):
    """Balance with the head, through soil below field capacity and litter (CLM 4).

    Sakaguchi & Zeng (2009), 10.1029/2008JD010834; litter [leaf area], its depth [m].
    """

    litter: float = 0.5
    litter_depth: float = 0.05


class LinearSaturation(NamedTuple):
    """Saturated vapour, of which soil lets a share through that is linear in saturation
    (ParFlow-CLM).
    """

    residual: float = 0.0


class TopSoil(NamedTuple):
    """Head [m], liquid over pores [1], that ratio at field capacity [1], snow cover and depth."""

    head: float
    saturation: float
    field: float
    snow_cover: float
    snow_depth: float


@kernel
def _kelvin(head: float, temperature: float, cover: float) -> tuple[float, float]:
    """Relative humidity of the ground (Oleson 2010 Eq. 5.74, 5.75) and its slope [K-1]."""
    exponent = max(min(head, 0.0) * GRAVITY / (GAS_OF_VAPOUR * temperature), -100.0)
    alpha = math.exp(exponent)
    slope = -alpha * exponent / temperature
    return alpha + cover * (1.0 - alpha), (1.0 - cover) * slope


@kernel
def _kelvin_humidity(
    token: KelvinHumidity, temperature: float, q_air: float, pressure: float, top: TopSoil
) -> GroundHumidity:
    q, slope, _ = saturation_humidity(temperature, pressure)
    alpha, alpha_dt = _kelvin(top.head, temperature, top.snow_cover)
    if alpha * q < q_air < q:  # no dew falls on soil that is drier than the air
        return GroundHumidity(q_air, 0.0, 1.0, 0.0)
    if q_air >= q:  # dew settles as on water: with alpha q a dry soil would drink without an end
        return GroundHumidity(q, slope, 1.0, 0.0)
    return GroundHumidity(alpha * q, alpha * slope + alpha_dt * q, 1.0, 0.0)


@kernel
def _sakaguchi_zeng(
    token: SakaguchiZeng, temperature: float, q_air: float, pressure: float, top: TopSoil
) -> GroundHumidity:
    kelvin = _kelvin_humidity(KelvinHumidity(0), temperature, q_air, pressure, top)
    factor = 1.0
    if top.saturation < top.field and q_air <= kelvin.humidity:
        wave = 1.0 - math.cos(math.pi * max(top.saturation, 0.01) / top.field)
        factor = top.snow_cover + (1.0 - top.snow_cover) * 0.25 * wave * wave
    litter = token.litter * (1.0 - min(top.snow_depth / token.litter_depth, 1.0))
    return GroundHumidity(kelvin.humidity, kelvin.humidity_dt, factor, litter)


@kernel
def _linear_saturation(
    token: LinearSaturation, temperature: float, q_air: float, pressure: float, top: TopSoil
) -> GroundHumidity:
    q, slope, _ = saturation_humidity(temperature, pressure)
    part = (top.saturation - token.residual) / (1.0 - token.residual)
    factor = top.snow_cover + (1.0 - top.snow_cover) * min(max(part, 0.0), 1.0)
    return GroundHumidity(q, slope, 1.0 if q_air > q else factor, 0.0)


HUMIDITY: dict[type, Callable[..., GroundHumidity]] = {
    KelvinHumidity: _kelvin_humidity,
    SakaguchiZeng: _sakaguchi_zeng,
    LinearSaturation: _linear_saturation,
}


@chosen_by(HUMIDITY)
def ground_humidity(
    token: Any, temperature: float, q_air: float, pressure: float, top: TopSoil
) -> GroundHumidity:
    """Humidity at the ground [kg kg-1] at its temperature [K], under air of q_air and pressure."""
    return HUMIDITY[type(token)](token, temperature, q_air, pressure, top)


# -------------------------------------------------------------------------------------- stomata


class LeafRates(NamedTuple):
    """Temperature-dependent rates shared by all leaves of a canopy (Oleson 2010 Eq. 8.5 to 8.10).

    capacity: V over its value at 25 degC, stress included; kinetics: Kc (1 + O / Ko) [Pa];
    compensation point [Pa].
    """

    capacity: float
    kinetics: float
    compensation: float


class Stomata(NamedTuple):
    """Resistance [s m-1], assimilation [umol m-2 s-1], CO2 inside [Pa]."""

    resistance: float
    assimilation: float
    inside: float


@kernel
def leaf_rates(t_leaf: float, pressure: float, btran: float) -> LeafRates:
    tenth = 0.1 * (t_leaf - 298.15)
    kc = 30.0 * math.exp(0.7419373447293773 * tenth)  # 2.1 per 10 K
    ko = 30000.0 * math.exp(0.1823215567939546 * tenth)  # 1.2
    hot = math.exp((710.0 * t_leaf - 2.2e5) / (GAS * t_leaf))
    capacity = btran * math.exp(0.8754687373538999 * tenth) / (1.0 + hot)  # 2.4
    oxygen = OXYGEN * pressure
    return LeafRates(capacity, kc * (1.0 + oxygen / ko), 0.5 * kc / ko * 0.21 * oxygen)


@kernel
def assimilation(
    plant: Plant, rates: LeafRates, vmax: float, light: float, inside: float, pressure: float
) -> float:
    """CO2 fixed [umol m-2 s-1]: the least of what Rubisco, light and export or PEP allow.

    vmax at leaf temperature, light as electrons [umol m-2 s-1]; CO2 inside the leaf [Pa].
    (Oleson 2010 Eq. 8.2 to 8.4)
    """
    if plant.c3 > 0.5:
        surplus = max(inside - rates.compensation, 0.0)
        rubisco = vmax * surplus / (inside + rates.kinetics)
        electrons = light * surplus / (inside + 2.0 * rates.compensation)
        return min(rubisco, electrons, 0.5 * vmax)
    return min(vmax, light, 4000.0 * vmax * inside / pressure)


@kernel
def _open(
    plant: Plant,
    rate: float,
    resting: float,
    at_surface: float,
    humidity: float,
    boundary: float,
    pressure: float,
) -> float:
    """Stomatal resistance [m2 s umol-1] of Ball, Woodrow & Berry with the humidity at the leaf.

    The larger root of a quadratic (Oleson 2010 Eq. 8.23). humidity: of the canopy air over
    saturation at the leaf; boundary: resistance of the air at the leaf [m2 s umol-1].
    """
    q = plant.slope * rate * pressure / at_surface
    a = q * humidity + resting
    b = (q + resting) * boundary - 1.0
    root = math.sqrt(b * b + 4.0 * a * boundary)
    if b <= 0.0:
        return 0.5 * (root - b) / a
    return 2.0 * boundary / (b + root)


@kernel
def stomata(
    plant: Plant,
    rates: LeafRates,
    par: float,
    vmax: float,
    inside: float,
    humidity: float,
    boundary: float,
    btran: float,
    air: Air,
) -> Stomata:
    """Resistance and assimilation of leaves that absorb `par` [W m-2].

    vmax relative to the top leaf; inside: CO2 [Pa] to start from; boundary [s m-1]. The minimum
    conductance falls with the stress, so that wilted leaves are shut (CLM keeps it).
    """
    molar = air.pressure / (GAS * air.temperature) * 1e6  # [umol m-3]
    resting = plant.resting * btran
    if par <= 0.0 or rates.capacity <= 0.0 or vmax <= 0.0:
        return Stomata(molar / max(resting, 1e-6), 0.0, inside)
    around = air.co2 * air.pressure
    thin = boundary / molar
    fastest = plant.vmax * vmax * rates.capacity
    light = PHOTONS * plant.quantum * par
    rate, resistance, step, past = 0.0, 0.0, 0.0, 0.0
    low, high = 0.0, around
    for n in range(40):
        rate = assimilation(plant, rates, fastest, light, inside, air.pressure)
        surface = max(around - 1.37 * thin * air.pressure * rate, 0.05 * around)
        resistance = _open(plant, rate, resting, surface, humidity, thin, air.pressure)
        error = surface - 1.65 * resistance * air.pressure * rate - inside
        if abs(error) < CO2_TOLERANCE * around:
            break
        if error > 0.0:
            low = inside
        else:
            high = inside
        # What the leaf wants inside falls with what is there: the secant is steeper than -1.
        slope = -1.0 if n == 0 else min((error - past) / step, -1.0)
        past, step = error, -error / slope
        if not low < inside + step < high:
            step = 0.5 * (low + high) - inside
        inside += step
    return Stomata(resistance * molar, rate, inside)


# ------------------------------------------------------------------- balance of leaves and ground


class Paths(NamedTuple):
    """Conductances [m s-1] between air in the canopy and air above, leaves, ground; of vapour from
    the ground, from leaves all wet, and through stomata of dry leaves.
    """

    above: float
    leaf: float
    ground: float
    ground_vapour: float
    wet: float
    dry: float


class Balance(NamedTuple):
    """Energy that leaves gain [W m-2], its slope with their temperature, and the fluxes."""

    gain: float
    slope: float
    sensible: float
    evaporation: float
    transpiration: float
    t_air: float
    q_air: float
    vapour_path: float


@kernel
def balance(
    t_leaf: float,
    radiation: float,
    emission: float,
    humidity: tuple[float, float, float],
    paths: Paths,
    air: Air,
    ground: Ground,
    supply: float,
) -> Balance:
    """Energy balance of leaves at a temperature, air in the canopy eliminated.

    radiation absorbed [W m-2], emission over T^4, `humidity` saturated at t_leaf; supply: most that
    wet leaves can lose [kg m-2 s-1]. (Oleson 2010 Eq. 5.88 to 5.121)
    """
    base = paths.above + paths.ground
    t_base = (paths.above * air.potential + paths.ground * ground.temperature) / base
    exchanged = air.density * HEAT_OF_AIR * paths.leaf * base / (paths.leaf + base)
    sensible = exchanged * (t_leaf - t_base)

    base_q = paths.above + paths.ground_vapour
    q_base = paths.above * air.humidity + paths.ground_vapour * ground.moisture.humidity
    q_base /= base_q
    deficit = humidity[0] - q_base
    evaporation, transpiration, path = 0.0, 0.0, paths.wet + paths.dry
    if deficit <= 0.0:  # dew
        path = paths.leaf
        evaporation = air.density * path * base_q / (path + base_q) * deficit
    elif path > 0.0:
        total = air.density * path * base_q / (path + base_q) * deficit
        evaporation = total * paths.wet / path
        if evaporation > supply:
            evaporation, path = supply, paths.dry
            drawn = (air.density * base_q * deficit - supply) / (path + base_q)
            transpiration = path * drawn
        else:
            transpiration = total * paths.dry / path
    latent = VAPORISATION * air.density * path * base_q / (path + base_q) * humidity[1]
    cube = emission * t_leaf * t_leaf * t_leaf
    loss = sensible + VAPORISATION * (evaporation + transpiration)
    return Balance(
        radiation - cube * t_leaf - loss,
        4.0 * cube + exchanged + latent,
        sensible,
        evaporation,
        transpiration,
        t_base + sensible / (air.density * HEAT_OF_AIR * base),
        q_base + (evaporation + transpiration) / (air.density * base_q),
        path,
    )


@kernel
def ground_slopes(
    paths: Paths, air: Air, ground: Ground, vapour_path: float
) -> tuple[float, float]:
    """Derivatives of the ground's sensible heat [W m-2 K-1] and evaporation [kg m-2 s-1 K-1].

    With its temperature, while leaves and conductances stay as they are and the air in the canopy
    follows (Oleson 2010 Eq. 5.111, 5.112).
    """
    free = paths.above + paths.leaf
    free_q = paths.above + vapour_path
    return (
        air.density * HEAT_OF_AIR * paths.ground * free / (free + paths.ground),
        air.density
        * paths.ground_vapour
        * free_q
        / (free_q + paths.ground_vapour)
        * ground.moisture.humidity_dt,
    )


@kernel
def fluxes(
    settings: Settings,
    plant: Plant,
    air: Air,
    ground: Ground,
    absorbed: Absorbed,
    rough: Roughness,
    lai: float,
    sai: float,
    water: float,
    t_leaf: float,
    btran: float,
    dt: float,
) -> Fluxes:
    """Exchange of leaves and ground with the air over `dt` [s].

    lai, sai above the snow; water on leaves [kg m-2]; t_leaf: last step's [K]; btran: `stress`.
    """
    if lai + sai < BARE:
        return _bare_fluxes(settings, air, ground, absorbed)
    return _leaf_fluxes(
        settings, plant, air, ground, absorbed, rough, lai, sai, water, t_leaf, btran, dt
    )


@kernel
def _bare_fluxes(settings: Settings, air: Air, ground: Ground, absorbed: Absorbed) -> Fluxes:
    """Ground without leaves (Oleson 2010, section 5.2; Zeng & Dickinson 1998 for the heat)."""
    rough = ground.roughness
    log_wind = math.log(air.height_wind / rough)
    log_rough = math.log(air.height_heat / rough)
    warmer = air.potential - ground.temperature
    moister = air.humidity - ground.moisture.humidity
    virtual = _virtual(air, ground.temperature, ground.moisture.humidity)
    friction = KARMAN * max(air.wind, turbulence.CALM) / log_wind
    conductance, n = 0.0, 0
    while n < settings.iterations:
        n += 1
        reynolds = BARE_TRANSFER * math.pow(friction * rough / VISCOSITY, BARE_POWER)
        by = turbulence.exchange(
            virtual, air.virtual, air.wind, air.height_wind, air.height_heat, rough,
            rough * math.exp(-reynolds), log_wind, log_rough + reynolds,
        )  # fmt: skip
        friction = by.friction
        change = 1.0 / by.heat - conductance
        conductance += change
        if abs(change) * air.density * HEAT_OF_AIR * (abs(warmer) + 1.0) < 5.0 * settings.tolerance:
            break
    emitted = ground.emissivity * STEFAN_BOLTZMANN * ground.temperature**4
    net = ground.emissivity * air.longwave - emitted
    heat = air.density * HEAT_OF_AIR * conductance
    vapour = air.density * conductance * ground.moisture.factor
    return Fluxes(
        air.temperature, 0.0, -heat * warmer, -vapour * moister, 0.0, 0.0,
        air.longwave - net, net,
        heat, vapour * ground.moisture.humidity_dt, -4.0 * emitted / ground.temperature,
        friction, 1.0 / conductance, ground.temperature, ground.moisture.humidity, 0.0, 0.0, n,
    )  # fmt: skip


class Glow(NamedTuple):
    """Radiation of a canopy [W m-2]: what its leaves absorb, what they emit over T^4, what the
    ground below emits; the parts of longwave that pass and that leaves take [1].
    """

    absorbed: float
    emission: float
    black: float
    through: float
    veil: float


@kernel
def _glow(air: Air, ground: Ground, absorbed: Absorbed, area: float) -> Glow:
    """Oleson et al. (2010) Eq. 4.22 to 4.25."""
    through = math.exp(-area)
    veil = 1.0 - through  # emissivity of the canopy
    black = ground.emissivity * STEFAN_BOLTZMANN * ground.temperature**4
    mirror = 1.0 - ground.emissivity
    longwave = veil * (black + (1.0 + mirror * through) * air.longwave)
    emission = (2.0 - veil * mirror) * veil * STEFAN_BOLTZMANN
    return Glow(longwave + absorbed.sun + absorbed.shade, emission, black, through, veil)


class Breath(NamedTuple):
    """Conductance of dry leaves for vapour [m s-1], assimilation [umol m-2 s-1], CO2 inside sunlit
    and shaded leaves [Pa].
    """

    conductance: float
    assimilation: float
    sun: float
    shade: float


@kernel
def _breath(
    plant: Plant,
    air: Air,
    absorbed: Absorbed,
    last: Breath,
    t_leaf: float,
    saturated: float,
    q_air: float,
    boundary: float,
    btran: float,
) -> Breath:
    """Sunlit and shaded leaves, starting from the CO2 that was inside them.

    saturated: vapour pressure in leaves [Pa]; q_air: humidity in the canopy; boundary [s m-1].
    """
    rates = leaf_rates(t_leaf, air.pressure, btran)
    vapour = q_air * air.pressure / (RATIO + 0.378 * q_air)
    lowest = 0.25 if plant.c3 > 0.5 else 0.4
    relative = max(min(vapour / saturated, 1.0), lowest)
    sun = stomata(
        plant, rates, absorbed.par_sun, absorbed.vmax_sun, last.sun, relative, boundary, btran, air
    )
    shade = stomata(
        plant, rates, absorbed.par_shade, absorbed.vmax_shade, last.shade, relative, boundary,
        btran, air,
    )  # fmt: skip
    assimilated = absorbed.lai_sun * sun.assimilation
    assimilated += absorbed.lai_shade * shade.assimilation
    conductance = absorbed.lai_sun / (boundary + sun.resistance)
    conductance += absorbed.lai_shade / (boundary + shade.resistance)
    return Breath(conductance, assimilated, sun.inside, shade.inside)


@kernel
def _paths(
    by: turbulence.Exchange,
    moisture: GroundHumidity,
    below: float,
    leaves: float,
    wet: float,
    dry: float,
) -> Paths:
    """`below` and `leaves`: conductances of heat from the ground and all leaves [m s-1]; wet: part
    of the leaves; dry: conductance of vapour of dry ones.
    """
    hindered = 0.0
    if moisture.litter > 0.0:
        hindered = (1.0 - math.exp(-moisture.litter)) / (0.004 * by.friction)
    return Paths(
        1.0 / by.heat,
        leaves,
        below,
        moisture.factor / (1.0 / below + hindered),
        wet * leaves,
        (1.0 - wet) * dry,
    )


@kernel
def _leaf_fluxes(
    settings: Settings,
    plant: Plant,
    air: Air,
    ground: Ground,
    absorbed: Absorbed,
    rough: Roughness,
    lai: float,
    sai: float,
    water: float,
    t_leaf: float,
    btran: float,
    dt: float,
) -> Fluxes:
    """Newton steps for the leaf temperature, stability and stomata following it.

    What the last one leaves open goes into the sensible heat of the leaves, so energy closes.
    """
    area = lai + sai
    wet = wet_fraction(settings, water, lai, sai)
    glow = _glow(air, ground, absorbed, area)
    breathing = btran > 0.0 and lai > 0.0 and wet < 1.0
    inside = (0.7 if plant.c3 > 0.5 else 0.4) * air.co2 * air.pressure
    breath = Breath(0.0, 0.0, inside, inside)

    log_wind = math.log(air.height_wind / rough.momentum)
    log_heat = math.log(air.height_heat / rough.momentum)
    t_air = 0.5 * (ground.temperature + air.potential)
    q_air = 0.5 * (ground.moisture.humidity + air.humidity)
    virtual = _virtual(air, t_air, q_air)
    search = turbulence.begin()
    following, reach, gain, heat, n = t_leaf, LARGEST_STEP, 0.0, 0.0, 0
    while True:
        n += 1
        t_leaf = following
        by = turbulence.exchange(
            virtual, air.virtual, air.wind, air.height_wind, air.height_heat, rough.momentum,
            rough.momentum, log_wind, log_heat,
        )  # fmt: skip
        boundary = math.sqrt(plant.leaf_size / by.friction) / LEAF_TRANSFER
        humidity = saturation_humidity(t_leaf, air.pressure)
        if breathing:
            breath = _breath(
                plant, air, absorbed, breath, t_leaf, humidity[2], q_air, boundary, btran
            )
        below = _drag(settings, plant, ground, by.friction, glow.through, t_air) * by.friction
        paths = _paths(by, ground.moisture, below, area / boundary, wet, breath.conductance)
        now = balance(
            t_leaf, glow.absorbed, glow.emission, humidity, paths, air, ground, water / dt
        )
        lifted = air.density * HEAT_OF_AIR * paths.above * (now.t_air - air.potential)
        change = abs(now.gain) + abs(lifted - heat)
        # dew makes a kink that full steps can jump across for ever
        reach = 0.5 * reach if now.gain * gain < 0.0 else min(2.0 * reach, LARGEST_STEP)
        heat, gain = lifted, now.gain
        step = min(max(gain / now.slope, -reach), reach)
        following = max(t_leaf + step, COLDEST)
        if change < ALMOST * settings.tolerance or n >= settings.iterations:
            break
        # air in the canopy as the leaves will have it
        t_air = now.t_air + step * paths.leaf / (paths.leaf + paths.above + paths.ground)
        q_air = now.q_air + step * humidity[1] * now.vapour_path / (
            now.vapour_path + paths.above + paths.ground_vapour
        )
        found = _virtual(air, t_air, q_air)
        if n == 1:  # the first leaf temperature is a guess: no side to remember
            virtual = found
        else:
            search, virtual = turbulence.refine(search, virtual, found)
    return _found(air, ground, absorbed, glow, paths, by, breath, following, water / dt, n)


@kernel
def _found(
    air: Air,
    ground: Ground,
    absorbed: Absorbed,
    glow: Glow,
    paths: Paths,
    by: turbulence.Exchange,
    breath: Breath,
    t_leaf: float,
    supply: float,
    iterations: int,
) -> Fluxes:
    """All fluxes with leaves at t_leaf [K]."""
    humidity = saturation_humidity(t_leaf, air.pressure)
    now = balance(t_leaf, glow.absorbed, glow.emission, humidity, paths, air, ground, supply)
    leaf_longwave = glow.absorbed - absorbed.sun - absorbed.shade - glow.emission * t_leaf**4
    falling = glow.through * air.longwave + glow.veil * STEFAN_BOLTZMANN * t_leaf**4
    net = ground.emissivity * falling - glow.black
    sensible_dt, evaporation_dt = ground_slopes(paths, air, ground, now.vapour_path)
    return Fluxes(
        t_leaf,
        now.sensible + now.gain,
        air.density * HEAT_OF_AIR * paths.ground * (ground.temperature - now.t_air),
        air.density * paths.ground_vapour * (ground.moisture.humidity - now.q_air),
        now.evaporation,
        now.transpiration,
        air.longwave - leaf_longwave - net,
        net,
        sensible_dt,
        evaporation_dt,
        -4.0 * glow.black / ground.temperature,
        by.friction,
        by.heat,
        now.t_air,
        now.q_air,
        breath.assimilation,
        now.gain,
        iterations,
    )


@kernel
def _virtual(air: Air, t_surface: float, q_surface: float) -> float:
    """Virtual potential temperature of the air minus that of the surface [K] (Eq. 5.17)."""
    return (air.potential - t_surface) * (1.0 + 0.61 * air.humidity) + 0.61 * air.potential * (
        air.humidity - q_surface
    )


@kernel
def _drag(
    settings: Settings,
    plant: Plant,
    ground: Ground,
    friction: float,
    through: float,
    t_air: float,
) -> float:
    """Transfer coefficient between ground and air in the canopy (Oleson 2010 Eq. 5.98 to 5.102)."""
    bare = KARMAN / BARE_TRANSFER
    bare *= math.pow(ground.roughness * friction / VISCOSITY, -BARE_POWER)
    dense = settings.drag
    warmer = t_air - ground.temperature
    if warmer > 0.0 and settings.drag_stability > 0.0:
        stability = GRAVITY * plant.height * warmer / (t_air * friction * friction)
        dense /= 1.0 + settings.drag_stability * min(stability, 10.0)
    return through * bare + (1.0 - through) * dense
