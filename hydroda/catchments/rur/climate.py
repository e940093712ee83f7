"""Hourly weather of the catchment, made: fronts from the west, showers of summer, height and side.

What is made has the means of Li 2.1: annual temperature 7 degC in the south to 10 degC in the
north, rain 650 mm in the north to 1300 mm in the south, potential evapotranspiration 850 mm in the
north to 450 mm in the south. It is nobody's weather. The same hours come whatever period is asked
for, so that a spin-up and two experiments share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.spatial import cKDTree

from hydroda.catchments._reanalysis import reanalysis
from hydroda.catchments.rur.projection import UTM32
from hydroda.catchments.rur.spread import Nearest, SpreadForcing, Weighted
from hydroda.catchments.rur.terrain import HIGHEST, LOWEST, SHAPE, X0, Y0, Terrain, field
from hydroda.errors import DataError
from hydroda.forcing import METEOROLOGY, Forcing
from hydroda.meteorology import (
    FREEZING,
    STEFAN_BOLTZMANN,
    clear_sky_shortwave,
    extraterrestrial_radiation,
    pressure_at,
    reference_evapotranspiration,
    vapour_pressure,
)
from hydroda.rng import Streams

Array = NDArray[np.float64]

HOUR = np.timedelta64(3600 * 10**9, "ns")
FIRST = np.datetime64("2015-01-01", "ns")
# The means of the climate hold over these years, of the spin-up and of the study.
LAST = np.datetime64("2019-01-01", "ns")
POTENTIAL = "potential_evapotranspiration"
VARIABLES = (*METEOROLOGY, POTENTIAL)
DAYS = 365.25

COUNTRY = (28.0, 636.0)  # lowest and highest mean height of the country [m]

WEST_TO_EAST, SOUTH_TO_NORTH = 3, 5  # places of which the weather is made
REACH = 14e3  # of the weight of a place [m]
FRONT_SPEED = 35e3  # [m h-1]
SEASON = 8.2  # half of the range of monthly temperature [K]
SYNOPTIC = 3.2  # standard deviation of the temperature of air masses [K]
CONVECTIVE = 0.22  # part of the year's rain that falls in showers
HALF_DAY = 4.2  # half of the mean range of a day [K]


# ----------------------------------------------------------------------------- maps of the climate


@dataclass(frozen=True, eq=False)
class Climate:
    """Annual means (column,): temperature [degC], rain and potential evapotranspiration [mm]."""

    temperature: Array
    rain: Array
    potential: Array


def climate(x: Array, y: Array, height: Array, around: Array) -> Climate:
    """The climate of places [m] (column,); rain comes with the country `around` and from the west.

    Clouds do not see a valley of 500 m: only the temperature goes with the height itself.
    """
    up = np.clip((around - LOWEST) / (HIGHEST - LOWEST), 0.0, 1.0)
    east = (x - X0) / (500.0 * SHAPE[1])
    south = 1.0 - (y - Y0) / (500.0 * SHAPE[0])
    wet = np.clip(up + 0.10 * (south - 0.5) + 0.30 * up * (0.6 - east), 0.0, None)
    low, high = COUNTRY
    demand = np.clip((around - low) / (high - low), 0.0, 1.0) ** 0.8
    return Climate(
        10.35 - 0.0059 * height, 650.0 + 650.0 * np.clip(wet, 0.0, 1.0), 850.0 - 400.0 * demand
    )


# ------------------------------------------------------------------------- series of the places


@dataclass(frozen=True, eq=False)
class Anchors:
    """Places [m] (place,) of which hourly weather is made, and their climate."""

    x: Array
    y: Array
    height: Array
    means: Climate

    @classmethod
    def of(cls) -> Anchors:
        west_to_east = X0 + 500.0 * SHAPE[1] * (np.arange(WEST_TO_EAST) + 0.5) / WEST_TO_EAST
        south_to_north = Y0 + 500.0 * SHAPE[0] * (np.arange(SOUTH_TO_NORTH) + 0.5) / SOUTH_TO_NORTH
        x, y = (a.ravel() for a in np.meshgrid(west_to_east, south_to_north))
        # The height of the catchment about each row, which only sets the level of the series.
        height = np.repeat(np.array([560.0, 430.0, 150.0, 90.0, 60.0]), WEST_TO_EAST)
        return cls(x, y, height, climate(x, y, height, height))

    def weights(self, x: Array, y: Array) -> Array:
        """Weights (column, place) at columns [m]."""
        square = (x[:, None] - self.x) ** 2 + (y[:, None] - self.y) ** 2
        weight = np.exp(-0.5 * square / REACH**2)
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _red(rng: np.random.Generator, steps: int, hours: float) -> Array:
    """A standard normal series that forgets over `hours`."""
    rho = np.exp(-1.0 / hours)
    draws = rng.standard_normal(steps)
    draws[1:] *= np.sqrt(1.0 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], draws))


def _late(series: Array, anchors: Anchors) -> Array:
    """A series (time,) at the places (time, place), later in the east as fronts travel."""
    hours = np.round((anchors.x - anchors.x.min()) / FRONT_SPEED).astype(int)
    return np.stack([np.concatenate([series[:1].repeat(h), series[: series.size - h]])
                     for h in hours], axis=1)  # fmt: skip


def _fronts(rng: np.random.Generator, days: int, anchors: Anchors) -> Array:
    """Rain of fronts (time, place), of mean about 1: half a day of rise and fall each."""
    rain = np.zeros(24 * days)
    season = 1.0 + 0.25 * np.cos(2 * np.pi * (np.arange(days) - 15.0) / DAYS)
    comes = rng.random(days) < 0.42 * season
    begin, length = rng.uniform(0.0, 24.0, days), rng.gamma(3.0, 3.0, days) + 2.0
    amount = rng.gamma(0.75, 1.0, days)
    for day in np.flatnonzero(comes):
        first, hours = int(24 * day + begin[day]), int(np.ceil(length[day]))
        shape = np.sin(np.pi * (np.arange(hours) + 0.5) / hours) ** 2
        part = rain[first : first + hours]
        part += (amount[day] * shape / shape.sum())[: part.size]
    # Streaks within a front, with a memory of some hours, differ between the places.
    streaks = np.stack([_red(rng, rain.size, 5.0) for _ in range(anchors.x.size)], axis=1)
    return np.asarray(_late(rain, anchors) * np.exp(0.5 * streaks - 0.125))


def _showers(rng: np.random.Generator, days: int, anchors: Anchors) -> Array:
    """Rain of showers (time, place): May to September, in the afternoon, some 8 km wide."""
    rain = np.zeros((24 * days, anchors.x.size))
    of_year = np.arange(days) % DAYS
    warm = (of_year > 120) & (of_year < 273)
    count = rng.poisson(np.where(warm, 1.1, 0.0))
    draws = rng.random((days, 12, 5))
    east, north = 500.0 * SHAPE[1], 500.0 * SHAPE[0]
    for day in np.flatnonzero(count):
        for one in draws[day, : min(count[day], 12)]:
            x, y = X0 + east * one[0], Y0 + north * one[1]
            near = np.exp(-0.5 * ((anchors.x - x) ** 2 + (anchors.y - y) ** 2) / 8e3**2)
            first, hours = 24 * day + 11 + int(7 * one[2]), 1 + int(3 * one[3])
            rain[first : first + hours] += -np.log1p(-one[4]) / hours * near
    return rain


def _scaled(rain: Array, wanted: Array, years: slice) -> Array:
    """Rain (time, place) of the annual means `wanted` [mm] over the years of the climate."""
    return np.asarray(rain * (wanted / (24 * DAYS * rain[years].mean(axis=0))))


@lru_cache(maxsize=2)
def made_weather(place: int, end: np.datetime64) -> xr.Dataset:
    """Hourly weather (time, column) of the places from 2015 to `end`, by a seed."""
    anchors, streams = Anchors.of(), Streams(place)
    times = np.arange(FIRST, max(end, LAST), HOUR)
    days, years = times.size // 24, slice(0, int((LAST - FIRST) / HOUR))
    rng = {
        n: streams.generator("rur weather", n) for n in ("rain", "showers", "air", "cloud", "wind")
    }
    want = anchors.means.rain
    rain = _scaled(_fronts(rng["rain"], days, anchors), (1 - CONVECTIVE) * want, years)
    rain = rain + _scaled(_showers(rng["showers"], days, anchors), CONVECTIVE * want, years)
    rain[rain < 0.02] = 0.0  # drizzle that no gauge records
    rain = _scaled(rain, want, years)
    wet = lfilter([0.2], [1.0, -0.8], rain > 0.0, axis=0)
    thick = _late(_red(rng["cloud"], times.size, 20.0), anchors)
    cloud = 1.0 / (1.0 + np.exp(-(0.95 + 1.2 * thick + 3.0 * wet + 0.0012 * anchors.height)))
    longitude, latitude = UTM32.sphere(anchors.x, anchors.y)
    above = extraterrestrial_radiation(times[:, None], 3600.0, latitude, longitude)
    shortwave = clear_sky_shortwave(above, anchors.height) * (1.0 - 0.72 * cloud**2.6)
    temperature = _temperature(times, rng["air"], anchors, cloud, wet, years)
    wind = _wind(times, rng["wind"], anchors)
    pressure = pressure_at(anchors.height) * (1.0 - 0.008 * thick - 0.004 * wet)
    moist = np.clip(0.42 + 0.30 * cloud + 0.3 * wet, 0.2, 1.0)
    hour = ((times - times.astype("datetime64[D]")) / HOUR)[:, None]
    moist = np.clip(moist - 0.16 * np.cos(2 * np.pi * (hour - 14.5) / 24.0), 0.15, 0.99)
    air = _Air(temperature, wind, shortwave, pressure, cloud)
    humidity = air.drier(moist, anchors.means.potential)
    series = {
        "rain": (rain, "mm"),
        "shortwave": (shortwave, "W m-2"),
        "longwave": (air.longwave(humidity), "W m-2"),
        "air_temperature": (temperature, "K"),
        "relative_humidity": (humidity, "1"),
        "wind_speed": (wind, "m s-1"),
        "pressure": (pressure, "Pa"),
        POTENTIAL: (air.potential(humidity), "mm"),
    }
    return xr.Dataset(
        {name: (("time", "column"), v, {"units": unit}) for name, (v, unit) in series.items()},
        {"time": times},
    )


def _temperature(
    times: NDArray[np.datetime64], rng: np.random.Generator, anchors: Anchors, cloud: Array,
    wet: Array, years: slice,
) -> Array:  # fmt: skip
    """Temperature (time, place) [K] of the annual means over the years of the climate."""
    year = ((times - times.astype("datetime64[Y]")) / HOUR / (24 * DAYS))[:, None]
    hour = ((times - times.astype("datetime64[D]")) / HOUR)[:, None]
    season = -SEASON * np.cos(2 * np.pi * (year - 0.055))
    swing = HALF_DAY * (1.0 - 0.45 * np.cos(2 * np.pi * year)) * (1.45 - 0.9 * cloud)
    air = SYNOPTIC * _late(_red(rng, times.size, 84.0), anchors)
    found = season + swing * np.cos(2 * np.pi * (hour - 14.0) / 24.0) + air - 1.2 * wet
    wanted = anchors.means.temperature + FREEZING
    return np.asarray(found - found[years].mean(axis=0) + wanted)


def _wind(times: NDArray[np.datetime64], rng: np.random.Generator, anchors: Anchors) -> Array:
    """Wind (time, place) [m s-1]: stronger in winter and by day; open plain against forest."""
    year = ((times - times.astype("datetime64[Y]")) / HOUR / (24 * DAYS))[:, None]
    hour = ((times - times.astype("datetime64[D]")) / HOUR)[:, None]
    mean = np.where(anchors.height < 300.0, 3.3, 2.6)
    gusts = np.exp(0.45 * _late(_red(rng, times.size, 14.0), anchors) - 0.5 * 0.45**2)
    day = 1.0 + 0.22 * np.cos(2 * np.pi * (hour - 14.0) / 24.0)
    return np.asarray(mean * gusts * day * (1.0 + 0.18 * np.cos(2 * np.pi * year)))


@dataclass(frozen=True, eq=False)
class _Air:
    """Weather (time, place) of which longwave and potential evapotranspiration follow."""

    temperature: Array
    wind: Array
    shortwave: Array
    pressure: Array
    cloud: Array

    def longwave(self, humidity: Array) -> Array:
        """[W m-2]; Brutsaert 1975, 10.1029/WR011i005p00742, and 22 % more under full cloud."""
        vapour = vapour_pressure(self.temperature, humidity)
        clear = 1.24 * (0.01 * vapour / self.temperature) ** (1.0 / 7.0)
        emissivity = np.minimum(clear * (1.0 + 0.22 * self.cloud**2), 1.0)
        return np.asarray(emissivity * STEFAN_BOLTZMANN * self.temperature**4)

    def potential(self, humidity: Array) -> Array:
        """Evapotranspiration of reference grass [mm per hour], FAO-56."""
        return reference_evapotranspiration(
            self.temperature, humidity, self.wind, self.shortwave, self.pressure, 3600.0,
            longwave=self.longwave(humidity),
        )  # fmt: skip

    def drier(self, humidity: Array, wanted: Array) -> Array:
        """Humidity of which potential evapotranspiration has the annual means `wanted` [mm].

        What the air lacks to saturation is multiplied by a number for each place, by secants on
        every 13th hour.
        """
        few = _Air(*(a[: int((LAST - FIRST) / HOUR) : 13] for a in vars(self).values()))
        lack = 1.0 - humidity

        def annual(factor: Array) -> Array:
            moist = _moist(lack[: int((LAST - FIRST) / HOUR) : 13], factor)
            return np.asarray(24 * DAYS * few.potential(moist).mean(axis=0))

        low, high = np.full(wanted.shape, 0.5), np.full(wanted.shape, 1.5)
        at_low, at_high = annual(low), annual(high)
        for _ in range(4):
            step = (
                (wanted - at_high)
                * (high - low)
                / np.where(at_high == at_low, 1.0, at_high - at_low)
            )
            low, at_low, high = high, at_high, np.clip(high + step, 0.05, 3.0)
            at_high = annual(high)
        return _moist(lack, high)


def _moist(lack: Array, factor: Array) -> Array:
    return np.clip(1.0 - factor * lack, 0.12, 1.0)


# ---------------------------------------------------------------------------- over the catchment


def made_forcing(terrain: Terrain, place: int, end: np.datetime64) -> SpreadForcing:
    """The weather of the columns of a terrain from 2015 to `end`, hourly."""
    data = made_weather(place, end)
    return SpreadForcing(data, VARIABLES, "1 h", spread=spread_over(terrain, place))


@lru_cache(maxsize=4)
def spread_over(terrain: Terrain, place: int) -> Weighted:
    """How the weather of the places becomes that of the columns, with their own annual means."""
    anchors, (x, y), height = Anchors.of(), terrain.places, terrain.heights
    weights, means = anchors.weights(x, y), climate(x, y, height, terrain.around)
    between = {
        "rain": anchors.means.rain,
        POTENTIAL: anchors.means.potential,
        "pressure": pressure_at(anchors.height),
    }
    own = {"rain": means.rain, POTENTIAL: means.potential, "pressure": pressure_at(height)}
    factors = {name: own[name] / (weights @ between[name]) for name in own}
    patchy = field(x, y, 6e3, Streams(place).generator("rur", "wind"))
    factors["wind_speed"] = np.exp(0.06 * patchy)
    expected = weights @ anchors.means.potential
    return Weighted(
        weights,
        means.temperature - weights @ anchors.means.temperature,
        factors,
        np.clip((means.potential / expected) ** 1.5, 0.4, 1.4),
    )


def forcing_from(path: str, terrain: Terrain) -> Forcing:
    """Weather from a CF NetCDF file: each column has that of the nearest point.

    The file has hydroda's names with units, or ERA5's variables, over (time, latitude, longitude),
    (time, column) or (time).

    Raises
    ------
    DataError
        The file cannot be read, lacks a variable, or has its nearest point over 50 km away.
    """
    points, nearest = _points_of(path, terrain)
    longitude, latitude = terrain.geographic if points is None else UTM32.sphere(*points.T)
    data = reanalysis(path, latitude, longitude)
    if points is not None:
        return SpreadForcing(data, spread=Nearest(nearest))
    if data.sizes.get("column", longitude.size) != longitude.size:
        raise DataError(
            f"{path} has {data.sizes['column']} columns, the catchment {longitude.size}; give "
            "weather over (time, latitude, longitude), or of every column from south-west to "
            "north-east"
        )
    if "column" in data.dims:
        return Forcing(data)
    everywhere = np.zeros(longitude.size, np.int64)
    alone = data.expand_dims(column=1).transpose("time", "column")
    return SpreadForcing(alone, spread=Nearest(everywhere))


def _points_of(path: str, terrain: Terrain) -> tuple[Array | None, NDArray[np.int64]]:
    """Points [m] (point, 2) of the file that are nearest to a column, and each column's own."""
    try:
        with xr.open_dataset(path) as opened:
            names = {"lat": "latitude", "lon": "longitude"}
            coords = opened.rename({k: v for k, v in names.items() if k in opened.variables})
            if not {"latitude", "longitude"} <= set(coords.dims):
                return None, np.zeros(0, np.int64)
            latitude, longitude = (
                coords[n].values.astype(float) for n in ("latitude", "longitude")
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"cannot read the weather file {path}: {error}") from error
    grid = np.meshgrid(longitude, latitude)
    places = np.stack(UTM32.plane(grid[0].ravel(), grid[1].ravel()), axis=-1)
    found: Any = cKDTree(places).query(np.stack(terrain.places, axis=-1))
    away, nearest = found
    if away.max() > 50e3:
        raise DataError(
            f"{path} does not cover the catchment: a column is {away.max() / 1e3:.0f} km away from "
            "its nearest point; give weather of 50.4 to 51.2 N, 5.9 to 6.7 E"
        )
    used, own = np.unique(nearest, return_inverse=True)
    return places[used], own
