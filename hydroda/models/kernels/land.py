"""A land column through time: what stands on the ground, the ground's heat, the soil's water.

One step of `surface` brings weather down to what the soil is offered and asked for; the soil moves
its water; `settle` books what it could give. The three-dimensional system calls the same functions
with its own flow between them. Letters and signs: fluxes to the air are positive, water is in
kg m-2 (mm), SI otherwise.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import kernel
from hydroda.models.kernels import canopy, heat, radiation, snow, water
from hydroda.models.kernels.column import (
    AGE,
    CANOPY,
    COUNT,
    DENSITY_OF_WATER,
    DZ,
    FREEZING,
    FUSION,
    ICE,
    LIQ,
    PACK,
    PACK_DEPTH,
    SNOW,
    T_LEAF,
    VAPORISATION,
    H,
    T,
)
from hydroda.models.kernels.soil import evaluate

RIME = 250.0  # density of frost on bare ground [kg m-3]


class Parts(NamedTuple):
    """The choices that all columns share; a part is a token, its type the choice."""

    split: Any  # of shortwave into visible and near infrared, direct and diffuse
    snow_albedo: Any
    roughness: Any
    burial: Any  # of leaves in snow
    stress: Any  # of plants
    humidity: Any  # of the ground
    canopy: Any  # numbers of interception and of the canopy air
    conduction: Any
    pack: Any
    runoff: Any
    bottom: Any
    curve: Any  # retention
    scheme: Any  # face fluxes
    numbers: Any  # of the soil water
    layers: Any
    phase: Any  # of precipitation
    place: Any  # heights of measurement


class Phase(NamedTuple):
    """Temperatures [K] below which precipitation is snow and above which it is rain."""

    all_snow: float
    all_rain: float


class Site(NamedTuple):
    """Heights of the measured wind, and temperature and humidity, above the ground [m]; carbon
    dioxide [mol mol-1]; conductivity that a soil at field capacity has [m s-1].
    """

    wind: float
    air: float
    co2: float
    field: float


class Plot(NamedTuple):
    """One column: its plants, its soil."""

    plant: canopy.Plant
    optics: radiation.Optics
    colour: radiation.SoilColour
    roots: np.ndarray  # (layer,) parts
    porosity: np.ndarray  # (layer,)
    ground: heat.Ground
    soil: Any
    field: float  # theta at field capacity / theta_s of the top layer


class Weather(NamedTuple):
    """Of one step: [kg m-2 s-1], [W m-2], [W m-2], [K], [kg kg-1], [m s-1], [Pa]."""

    precipitation: float
    shortwave: float
    longwave: float
    temperature: float
    humidity: float
    wind: float
    pressure: float


class Season(NamedTuple):
    """Cosine of the zenith angle, leaf and stem area index of one step; capacity of its leaves
    for photosynthesis relative to that of their type.
    """

    cosine: float
    leaves: float
    stems: float
    capacity: float


@kernel
def weather_at(rows: np.ndarray, step: int) -> Weather:
    """Weather of one step from rows (7, step)."""
    return Weather(
        rows[0, step], rows[1, step], rows[2, step], rows[3, step], rows[4, step], rows[5, step],
        rows[6, step],
    )  # fmt: skip


@kernel
def season_at(rows: np.ndarray, step: int) -> Season:
    """Season of one step from rows (4, step)."""
    return Season(rows[0, step], rows[1, step], rows[2, step], rows[3, step])


class Asked(NamedTuple):
    """What the surface brings to the soil and asks of it, and the fluxes if it gives all.

    Rates in kg m-2 s-1, energy in W m-2.
    """

    supply: float
    evaporation: float  # liquid from the ground
    transpiration: float
    vapour: float  # to the air from snow, ice and leaves, and dew (negative)
    sublimation: float  # the part of it from snow and ice
    interception: float  # the part of it from leaves
    sensible: float
    latent: float
    net_radiation: float
    ground_heat: float  # into the top node
    stored: float  # by snow and soil
    assimilation: float  # [umol m-2 s-1]


# --------------------------------------------------------------------------------------- one step


@kernel
def snowing(phase: Phase, temperature: float) -> float:
    """Part of the precipitation that falls as snow, linear between two temperatures."""
    part = (phase.all_rain - temperature) / (phase.all_rain - phase.all_snow)
    return min(max(part, 0.0), 1.0)


@kernel
def surface(
    parts: Parts,
    plot: Plot,
    x: np.ndarray,
    s: np.ndarray,
    share: np.ndarray,
    work: np.ndarray,
    weather: Weather,
    season: Season,
    seconds: float,
) -> Asked:
    """Leaves, snow and heat of one column through one step; x, s and share (layer,) are changed."""
    leaves, stems = canopy.exposed(
        parts.burial, plot.plant, season.leaves, season.stems, s[PACK_DEPTH]
    )
    rain = _precipitation(parts, plot, x, s, weather, leaves, stems, seconds)
    cover = snow.cover(parts.pack.cover, s[PACK_DEPTH], s[PACK], canopy.SOIL_ROUGHNESS)
    absorbed, incoming = _radiation(parts, plot, x, s, weather, season, leaves, stems, cover)

    top = SNOW - int(s[COUNT])
    frozen = _frozen_part(x, s, top)
    latent_heat = VAPORISATION + frozen * FUSION
    fluxes = _fluxes(parts, plot, x, s, share, weather, absorbed, leaves, stems, cover, seconds)
    s[T_LEAF] = fluxes.t_leaf
    s[CANOPY] = max(s[CANOPY] - seconds * fluxes.evaporation_leaf, 0.0)

    flux = (
        absorbed.ground
        + fluxes.longwave_ground
        - fluxes.sensible_ground
        - latent_heat * fluxes.evaporation_ground
    )
    slope = (
        fluxes.longwave_ground_dt
        - fluxes.sensible_ground_dt
        - latent_heat * fluxes.evaporation_ground_dt
    )
    warmth = heat.solve(parts.conduction, plot.ground, x, s, flux, slope, seconds, work)
    evaporation = fluxes.evaporation_ground + warmth.rise * fluxes.evaporation_ground_dt
    liquid, ice = _vapour(x, s, evaporation, frozen, seconds)
    outflow = snow.evolve(parts.pack, x, s, rain, heat.top_capacity(plot.ground, x, s), seconds)

    longwave_up = fluxes.longwave_up - warmth.rise * fluxes.longwave_ground_dt
    sensible = (
        fluxes.sensible_leaf + fluxes.sensible_ground + warmth.rise * fluxes.sensible_ground_dt
    )
    # Heat of vapour that nothing could give or take warms or cools the air; what melted snow has
    # too much for the soil the air keeps.
    ground_latent = VAPORISATION * (liquid + ice.vapour) + FUSION * ice.ice
    kept = outflow.warmth / seconds
    sensible += latent_heat * evaporation - ground_latent + kept
    return Asked(
        (outflow.water + warmth.melt) / seconds + max(-liquid, 0.0),
        max(liquid, 0.0),
        fluxes.transpiration,
        ice.vapour + fluxes.evaporation_leaf + min(liquid, 0.0),
        ice.vapour,
        fluxes.evaporation_leaf,
        sensible,
        ground_latent + VAPORISATION * (fluxes.evaporation_leaf + fluxes.transpiration),
        incoming - absorbed.reflected + weather.longwave - longwave_up,
        flux + slope * warmth.rise - kept,
        warmth.stored - kept,
        fluxes.assimilation,
    )


@kernel
def _precipitation(
    parts: Parts,
    plot: Plot,
    x: np.ndarray,
    s: np.ndarray,
    weather: Weather,
    leaves: float,
    stems: float,
    seconds: float,
) -> float:
    """Rain that reaches the ground [kg m-2 s-1]; snow is laid on it."""
    snowfall = snowing(parts.phase, weather.temperature) * weather.precipitation
    caught = canopy.intercept(
        parts.canopy, s[CANOPY], weather.precipitation - snowfall, snowfall, leaves, stems, seconds
    )
    s[CANOPY] = caught.water
    if caught.snow > 0.0:
        capacity = heat.top_capacity(plot.ground, x, s)
        snow.fall(parts.pack, x, s, caught.snow, weather.temperature, capacity, seconds)
    return caught.rain


@kernel
def _radiation(
    parts: Parts,
    plot: Plot,
    x: np.ndarray,
    s: np.ndarray,
    weather: Weather,
    season: Season,
    leaves: float,
    stems: float,
    cover: float,
) -> tuple[radiation.Absorbed, float]:
    """Shortwave that leaves and ground absorb, and what came in [W m-2]."""
    sky = radiation.split(parts.split, weather.shortwave, season.cosine)
    theta = (x[LIQ, SNOW] + x[ICE, SNOW]) / (DENSITY_OF_WATER * x[DZ, SNOW])
    albedo = radiation.ground_albedo(
        plot.colour, parts.snow_albedo, theta, cover, s[AGE], season.cosine
    )
    snowy = 0.0
    if s[T_LEAF] <= FREEZING:
        snowy = canopy.wet_fraction(parts.canopy, s[CANOPY], leaves, stems)
    full = radiation.absorb(plot.optics, sky, albedo, season.cosine, leaves, stems, snowy)
    absorbed = radiation.Absorbed(
        full.sun, full.shade, full.ground, full.reflected, full.par_sun, full.par_shade,
        full.lai_sun, full.lai_shade, season.capacity * full.vmax_sun,
        season.capacity * full.vmax_shade,
    )  # fmt: skip
    return absorbed, sky.vis_direct + sky.vis_diffuse + sky.nir_direct + sky.nir_diffuse


@kernel
def _fluxes(
    parts: Parts,
    plot: Plot,
    x: np.ndarray,
    s: np.ndarray,
    share: np.ndarray,
    weather: Weather,
    absorbed: radiation.Absorbed,
    leaves: float,
    stems: float,
    cover: float,
    seconds: float,
) -> canopy.Fluxes:
    """Exchange with the air at the old temperature of the ground; fills share (layer,)."""
    porosity = plot.porosity
    pores = DENSITY_OF_WATER * x[DZ, SNOW] * porosity[0] - x[ICE, SNOW]
    saturation = min(x[LIQ, SNOW] / pores, 1.0) if pores > 0.0 else 1.0
    soil = canopy.TopSoil(x[H, SNOW], saturation, plot.field, cover, s[PACK_DEPTH])
    t_ground = x[T, SNOW - int(s[COUNT])]
    moisture = canopy.ground_humidity(
        parts.humidity, t_ground, weather.humidity, weather.pressure, soil
    )
    ground = canopy.ground(t_ground, moisture, cover)
    btran = 0.0
    if leaves > 0.0:
        btran = canopy.stress(parts.stress, plot.plant, x, porosity, plot.roots, share)
    air = canopy.air(
        weather.temperature, weather.humidity, weather.pressure, weather.wind, weather.longwave,
        parts.place.co2, parts.place.wind, parts.place.air,
    )  # fmt: skip
    rough = canopy.roughness(parts.roughness, plot.plant, leaves, stems, ground.roughness)
    return canopy.fluxes(
        parts.canopy, plot.plant, air, ground, absorbed, rough, leaves, stems, s[CANOPY],
        s[T_LEAF], btran, seconds,
    )  # fmt: skip


@kernel
def _frozen_part(x: np.ndarray, s: np.ndarray, top: int) -> float:
    """Part of the ground's vapour that comes from ice, or settles as ice."""
    if x[T, top] >= FREEZING:
        return 0.0
    if top == SNOW and s[PACK] > 0.0:
        return 1.0
    held = x[ICE, top] + x[LIQ, top]
    return x[ICE, top] / held if held > 0.0 else 1.0


class Iced(NamedTuple):
    """Vapour to the air from snow and from ice in the soil, and the part of it that was ice."""

    vapour: float  # [kg m-2 s-1]
    ice: float


@kernel
def _vapour(
    x: np.ndarray, s: np.ndarray, evaporation: float, frozen: float, seconds: float
) -> tuple[float, Iced]:
    """Evaporation of the ground [kg m-2 s-1] that is left to liquid in the soil; and the rest.

    Snow gives and takes first, then ice in the top layer of the soil.
    """
    liquid, ice = (1.0 - frozen) * evaporation, frozen * evaporation
    from_snow, from_ice = 0.0, 0.0
    if s[PACK] > 0.0:
        lack = snow.vapour(x, s, -liquid, -ice, seconds)
        left_liquid, left_ice = -lack.liquid / seconds, -lack.ice / seconds
        from_snow, from_ice = liquid - left_liquid, ice - left_ice
        from_snow -= lack.instead / seconds
        from_ice += lack.instead / seconds
        liquid, ice = left_liquid, left_ice
    if ice > 0.0:
        taken = min(ice, x[ICE, SNOW] / seconds)
        x[ICE, SNOW] -= seconds * taken
        from_ice += taken
    elif ice < 0.0:
        s[PACK] -= seconds * ice  # frost on bare ground is thin snow
        s[PACK_DEPTH] -= seconds * ice / RIME
        from_ice += ice
    return liquid, Iced(from_snow + from_ice, from_ice)


# ------------------------------------------------------------------------------------------- sums

# What one forecast adds up: water [kg m-2], energy [J m-2], carbon [umol m-2], the largest miss of
# the energy balance [W m-2].
(
    PRECIPITATION,
    EVAPORATION,
    TRANSPIRATION,
    INTERCEPTION,
    SUBLIMATION,
    INFILTRATION,
    SURFACE_RUNOFF,
    SUBSURFACE_RUNOFF,
    DRAINAGE,
    RECHARGE,
    NET_RADIATION,
    SENSIBLE,
    LATENT,
    GROUND_HEAT,
    STORED,
    ASSIMILATION,
    MISSED,
) = range(17)
SUMS = 17


@kernel
def settle(
    asked: Asked,
    precipitation: float,
    evaporation: float,
    transpiration: float,
    seconds: float,
    sums: np.ndarray,
) -> None:
    """Books one step; what the soil could not evaporate [kg m-2 s-1] warms the air instead."""
    kept_back = asked.evaporation - evaporation + asked.transpiration - transpiration
    latent = asked.latent - VAPORISATION * kept_back
    sensible = asked.sensible + VAPORISATION * kept_back
    missed = asked.net_radiation - sensible - latent - asked.stored
    sums[PRECIPITATION] += seconds * precipitation
    sums[EVAPORATION] += seconds * (asked.vapour + evaporation + transpiration)
    sums[TRANSPIRATION] += seconds * transpiration
    sums[INTERCEPTION] += seconds * asked.interception
    sums[SUBLIMATION] += seconds * asked.sublimation
    sums[NET_RADIATION] += seconds * asked.net_radiation
    sums[SENSIBLE] += seconds * sensible
    sums[LATENT] += seconds * latent
    sums[GROUND_HEAT] += seconds * asked.ground_heat
    sums[STORED] += seconds * asked.stored
    sums[ASSIMILATION] += seconds * asked.assimilation
    sums[MISSED] = max(sums[MISSED], abs(missed))


@kernel
def step(
    parts: Parts,
    plot: Plot,
    x: np.ndarray,
    s: np.ndarray,
    rows: water.Rows,
    share: np.ndarray,
    work: np.ndarray,
    weather: Weather,
    season: Season,
    seconds: float,
    sums: np.ndarray,
) -> bool:
    """One column through one step; False where its soil water was not found."""
    asked = surface(parts, plot, x, s, share, work, weather, season, seconds)
    for i in range(share.size):
        share[i] *= asked.transpiration
    moved = water.soil_water(
        plot.soil, parts.layers, parts.numbers, parts.runoff, parts.bottom, x, s, rows,
        asked.supply, asked.evaporation, share, seconds,
    )  # fmt: skip
    settle(
        asked,
        weather.precipitation,
        moved.evaporation / seconds,
        moved.transpiration / seconds,
        seconds,
        sums,
    )
    sums[INFILTRATION] += moved.infiltration
    sums[SURFACE_RUNOFF] += moved.surface
    sums[SUBSURFACE_RUNOFF] += moved.subsurface
    sums[DRAINAGE] += moved.drainage
    sums[RECHARGE] += moved.recharge
    return moved.steps >= 0


# -------------------------------------------------------------------------------------- ensembles


class Field(NamedTuple):
    """What columns differ in; arrays may have length 1 where members or columns share."""

    kind: np.ndarray  # (column,) row of the plant tables
    plants: np.ndarray  # (kind, number)
    optics: np.ndarray  # (kind, number)
    roots: np.ndarray  # (kind, layer)
    colour: np.ndarray  # (column, 4) albedos of the soil
    raw: np.ndarray  # (member, column, layer, parameter) of the retention
    porosity: np.ndarray  # (member, column, layer)
    thermal: np.ndarray  # (member, column, 4, layer): solid, matrix, dry, wet of the heat
    weather: np.ndarray  # (member, column, 7, step)
    season: np.ndarray  # (member, column, 4, step)


@kernel
def _field_saturation(curve: Any, c: np.ndarray, conductivity: float) -> float:
    """theta / theta_s at which a soil conducts so much [m s-1], by halving log10 of the suction."""
    low, high = -4.0, 5.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        if evaluate(curve, c, -math.pow(10.0, middle))[2] > conductivity:
            low = middle
        else:
            high = middle
    return evaluate(curve, c, -math.pow(10.0, high))[0] / c[1]


@kernel
def plot(parts: Parts, field: Field, m: int, i: int) -> Plot:
    """What column i of member m is made of."""
    raw = field.raw[min(m, field.raw.shape[0] - 1), min(i, field.raw.shape[1] - 1)]
    porosity = field.porosity[
        min(m, field.porosity.shape[0] - 1), min(i, field.porosity.shape[1] - 1)
    ]
    thermal = field.thermal[min(m, field.thermal.shape[0] - 1), min(i, field.thermal.shape[1] - 1)]
    kind = field.kind[min(i, field.kind.size - 1)]
    colour = field.colour[min(i, field.colour.shape[0] - 1)]
    soil = water.soil(parts.curve, parts.scheme, parts.layers, parts.numbers, raw)
    ground = heat.ground(parts.curve, soil.c, parts.layers.up, porosity, thermal)
    return Plot(
        canopy.plant(field.plants[kind]),
        radiation.optics(field.optics[kind]),
        radiation.SoilColour(colour[0], colour[1], colour[2], colour[3]),
        field.roots[kind],
        porosity,
        ground,
        soil,
        _field_saturation(parts.curve, soil.c[0], parts.place.field),
    )


@kernel
def forecast(
    parts: Parts,
    field: Field,
    seconds: float,
    x: np.ndarray,
    s: np.ndarray,
    sums: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Columns `first` to `last`, counted member after member, through all steps of the weather.

    x (member, column, ROWS, SNOW + layer), s (member, column, SCALARS) and sums (member, column,
    SUMS) are changed; sums[MISSED] is NaN where the soil water of a column was not found.
    """
    columns = x.shape[1]
    n = x.shape[3] - SNOW
    share, work = np.zeros(n), np.empty((heat.WORK, SNOW + n))
    for task in range(first, last):
        m, i = task // columns, task % columns
        here = plot(parts, field, m, i)
        rows = water.rows(n)
        sky = field.weather[min(m, field.weather.shape[0] - 1), min(i, field.weather.shape[1] - 1)]
        sun = field.season[min(m, field.season.shape[0] - 1), min(i, field.season.shape[1] - 1)]
        for k in range(sky.shape[1]):
            if not step(
                parts, here, x[m, i], s[m, i], rows, share, work, weather_at(sky, k),
                season_at(sun, k), seconds, sums[m, i],
            ):  # fmt: skip
                sums[m, i, MISSED] = math.nan
                break
