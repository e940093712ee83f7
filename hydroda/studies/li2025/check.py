"""Whether what is made is what the paper asks for: its numbers beside those of samples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.climate import DAYS, POTENTIAL, made_weather
from hydroda.catchments.rur.ground import (
    POROSITY,
    SOIL_LAYERS,
    UNITS,
    LandUse,
    SoilNoise,
    drawn_soils,
    northern,
)
from hydroda.catchments.rur.spread import Weighted
from hydroda.catchments.rur.stations import TABLE_1
from hydroda.catchments.rur.terrain import LAYERS
from hydroda.catchments.rur.wells import ASSIMILATED, CANDIDATES, VALIDATING
from hydroda.forcing import ForcingNoise
from hydroda.forcing.noise import LI_CORRELATION, Multiplicative
from hydroda.meteorology import FREEZING
from hydroda.obs.screening import distance_classes
from hydroda.rng import Streams
from hydroda.studies.report import Value

Array = NDArray[np.float64]

HOURS = 26304  # of three years
SERIES, FIELDS, PLACES = 24, 160, 300
MOUNTAINS, LOWLAND = 500.0, 120.0  # heights above and below which Li's figures are compared [m]


def catchment(rur: RurCatchment) -> list[Value]:
    """The figures of Li 2.1 to 2.3 beside the maps of a catchment."""
    return [*_ground(rur), *_climate(rur), *_stations(rur)]


def _value(table: str, row: str, unit: str, wanted: float | None, ours: float) -> Value:
    return Value(table, row, "made", unit, wanted, float(ours))


def _ground(rur: RurCatchment) -> Iterator[Value]:
    terrain, finest, ground = rur.terrain, rur.finest, rur.ground
    north = northern(terrain.places[1]) > 0.5
    yield _value("catchment", "area", "km2", 2354.0, terrain.area / 1e6)
    yield _value("catchment", "highest cell of 500 m", "m", 690.0, finest.heights.max())
    yield _value("catchment", "lowest cell of 500 m", "m", 15.0, finest.heights.min())
    yield _value("catchment", "layers", "1", 25, len(LAYERS))
    yield _value("catchment", "depth", "m", 100.0, sum(LAYERS))
    yield _value("catchment", "depth of ten layers", "m", 3.0, sum(LAYERS[:SOIL_LAYERS]))
    sinks = int((terrain.receiver == np.arange(terrain.heights.size)).sum())
    yield _value("catchment", "cells that do not drain on: the outlet", "1", 1, sinks)
    for where, name in ((~north, "south"), (north, "north")):
        for kinds, words in (
            ((LandUse.BROADLEAF, LandUse.NEEDLELEAF), "forest"),
            ((LandUse.CROP, LandUse.GRASS), "crops and grass"),
        ):
            share = np.isin(ground.use[where], kinds).mean()
            yield _value("catchment", f"{words}, {name}", "1", None, share)
        mean = ground.log10_Ks[where].mean()
        yield _value("catchment", f"log10 K_s of aquifers, {name}", "log10(m s-1)", None, mean)
    yield _value("catchment", "units of aquifers", "1", None, len(UNITS))


def _climate(rur: RurCatchment) -> Iterator[Value]:
    """Means over 2015 to 2018 of the hours, of high and of low ground, and extremes of the maps."""
    forcing = rur.read_forcing()
    spread = getattr(forcing, "spread", None)
    if not isinstance(spread, Weighted):
        return
    mean = made_weather(rur.place, forcing.end).mean("time")
    found = spread.over({str(name): mean[name].values[None, None] for name in mean})
    at = {name: values[0, 0] for name, values in found.items()}
    warmth, height = at["air_temperature"] - FREEZING, rur.terrain.heights
    high, low = height > MOUNTAINS, height < LOWLAND
    yield _value("catchment", "temperature, mountains", "degC", 7.0, warmth[high].mean())
    yield _value("catchment", "temperature, lowland", "degC", 10.0, warmth[low].mean())
    year = 24 * DAYS
    for name, words, most, least in (
        ("rain", "rain", 1300.0, 650.0),
        (POTENTIAL, "potential ET", 850.0, 450.0),
    ):
        total = year * at[name]
        yield _value("catchment", f"{words}, most of a cell", "mm a-1", most, total.max())
        yield _value("catchment", f"{words}, least of a cell", "mm a-1", least, total.min())
    for name, unit in (("shortwave", "W m-2"), ("longwave", "W m-2"), ("relative_humidity", "1"),
                       ("wind_speed", "m s-1")):  # fmt: skip
        yield _value("catchment", f"{name}, mean", unit, None, at[name].mean())


def _stations(rur: RurCatchment) -> Iterator[Value]:
    """Altitudes of Table 1 beside the cells, and the wells of each step of the screening."""
    x, y = rur.finest.places
    for one in TABLE_1:
        nearest = int(np.argmin(np.hypot(x - one.x, y - one.y)))
        height = rur.finest.heights[nearest]
        yield _value("1", f"altitude of {one.name}", "m", one.altitude, height)
    network = rur.read_network()
    probes = len(network.select("soil_moisture"))
    yield _value("wells", "neutron sensors, Rollesbroich as one", "1", 12, probes)
    counts = rur.chosen_wells.counts.set_index("step")["left"]
    wanted = {"Monthly": CANDIDATES, "one per cell": ASSIMILATED + VALIDATING,
              "assimilated": ASSIMILATED}  # fmt: skip
    made = rur.wells is None
    for step, left in counts.items():
        asked = wanted.get(str(step)) if made else None
        yield _value("wells", f"left after {step}", "1", asked, left)
    stations = rur.chosen_wells.records.stations
    withheld = rur.chosen_wells.screened.withheld
    yield _value("wells", "validating", "1", VALIDATING if made else None, len(withheld))
    used = [name for name in stations.index if name not in withheld]
    groups = distance_classes(stations, used)["group"].values.tolist()
    for name in dict.fromkeys(("0", "0-0.5", "0.5-2.5", "2.5-5", ">5")):
        row = f"at {name} km from an assimilated one"
        yield _value("wells", row, "1", None, groups.count(name))


# ---------------------------------------------------------------------------------- the ensemble


def ensemble(rur: RurCatchment) -> list[Value]:
    """Li 3.1 and Table 2 beside long samples of the noise and of the soils."""
    noise = rur.noise
    shown = [] if noise is None else list(_weather(noise, rur.seed))
    return [*shown, *_soils(rur)]


def _weather(noise: ForcingNoise, seed: int) -> Iterator[Value]:
    streams = Streams(seed)
    drivers = np.stack([noise.drivers(streams, m, HOURS, 3600.0) for m in range(SERIES)])
    names = [perturbation.variable for perturbation in noise.perturbations]
    for row, perturbation in enumerate(noise.perturbations):
        effect = perturbation.effect(drivers[:, row])
        factor = isinstance(perturbation, Multiplicative)
        sd = float(getattr(perturbation, "sd", np.nan))
        # Only the known kinds of perturbation have a standard deviation.
        unit = "1" if factor else str(getattr(getattr(perturbation, "sd", None), "unit", ""))
        name = names[row]
        yield Value("2", name, f"mean of the {'factor' if factor else 'increment'}", unit,
                    1.0 if factor else 0.0, float(effect.mean()))  # fmt: skip
        yield Value("2", name, "standard deviation", unit, sd, float(effect.std()))
        lag = np.corrcoef(drivers[:, row, :-1].ravel(), drivers[:, row, 1:].ravel())[0, 1]
        yield Value("2", name, "time scale", "h", 24.0, float(-1.0 / np.log(lag)))
    correlation: Any = np.corrcoef(np.moveaxis(drivers, 1, 0).reshape(len(names), -1))
    asked = np.array(noise.correlation or LI_CORRELATION)
    for a, b in combinations(range(len(names)), 2):
        yield Value("2", names[a], f"correlation with {names[b]}", "1", float(asked[a, b]),
                    float(correlation[a, b]))  # fmt: skip


def _soils(rur: RurCatchment) -> Iterator[Value]:
    terrain, soils = rur.terrain, rur.soils
    streams = Streams(rur.seed)
    chosen = streams.generator("check").choice(
        terrain.heights.size, min(PLACES, terrain.heights.size), replace=False
    )
    x, y = (at[chosen] for at in terrain.places)
    draws = [soils.residuals(streams.generator("check", n), x, y) for n in range(FIELDS)]
    fields = np.array(draws).reshape(-1, chosen.size)
    yield _value("soil", "mean of the residuals", "%", 0.0, fields.mean())
    # Of a field that ranges over a third of the catchment the mean of many draws is known.
    yield _value("soil", "variance of the residuals", "%2", soils.variance, (fields**2).mean())
    away = np.hypot(x[:, None] - x, y[:, None] - y)
    square = np.array([0.5 * (f[:, None] - f) ** 2 for f in fields]).mean(axis=0)
    for part in (0.25, 0.5, 1.0, 1.5):
        lag = part * soils.range
        near = np.abs(away - lag) < 0.08 * soils.range
        if near.any():
            row = f"semivariance at {lag / 1e3:g} km"
            yield _value("soil", row, "%2", _spherical(away[near], soils), square[near].mean())
    some = [streams.generator("shift", n) for n in range(2000)]
    shifts = [rur.soils.aquifer(rng, x[:1], y[:1])[0] for rng in some]
    if soils.aquifer_sd == 0.0:
        yield _value("soil", "shift of log10 K_s, least", "1", -soils.shift, min(shifts))
        yield _value("soil", "shift of log10 K_s, most", "1", soils.shift, max(shifts))
        sd = soils.shift / np.sqrt(3.0)
        yield _value("soil", "shift of log10 K_s, sd", "1", sd, np.std(shifts))
    one = drawn_soils(rur.ground, terrain, soils, streams.generator("prior", 0))
    silt = 100.0 - one.sand - one.clay
    for name, values in (("sand", one.sand), ("clay", one.clay), ("silt", silt)):
        yield _value("soil", f"{name}, least of a member", "%", None, values.min())
        yield _value("soil", f"{name}, most of a member", "%", None, values.max())
    deep = one.values["theta_s"][:, SOIL_LAYERS:]
    yield _value("soil", "porosity of aquifers", "1", POROSITY, deep.mean())


def _spherical(away: Array, soils: SoilNoise) -> float:
    """Mean of the spherical semivariogram over distances [m]."""
    part = np.minimum(away / float(soils.range), 1.0)
    return float((soils.variance * (1.5 * part - 0.5 * part**3)).mean())
