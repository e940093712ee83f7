"""Weather made from a climate: hourly series of many columns where no record can be had.

What is made has the means, the ranges and the showers of the climate; it is nobody's weather.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.signal import lfilter

from hydroda.errors import DeclarationError
from hydroda.forcing.series import Forcing
from hydroda.meteorology import (
    FREEZING,
    clear_sky_shortwave,
    extraterrestrial_radiation,
    pressure_at,
    saturation_vapour_pressure,
)
from hydroda.rng import Streams
from hydroda.sphere import great_circle
from hydroda.units import instant

Array = NDArray[np.float64]

HOUR = np.timedelta64(3600 * 10**9, "ns")
LAPSE = 0.0065  # [K m-1]
FRONTS = 3.5  # standard deviation of the temperature of fronts [K]
STEFAN = 5.67e-8  # [W m-2 K-4]
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True)
class Climate:
    """Monthly normals of a place, January first.

    temperature [degC] and its `daily_range` [K]; rain [mm per month] and `rainy_days`; vapour
    pressure [hPa]; wind [m s-1]; mean cloud [1]; all at `elevation` [m].
    """

    temperature: Sequence[float]
    daily_range: Sequence[float]
    rain: Sequence[float]
    rainy_days: Sequence[float]
    vapour: Sequence[float]
    wind: Sequence[float]
    cloud: Sequence[float]
    elevation: float

    def __post_init__(self) -> None:
        for one in fields(self)[:-1]:
            values = tuple(float(value) for value in getattr(self, one.name))
            if len(values) != 12:
                raise DeclarationError(f"Climate.{one.name} needs 12 months; got {len(values)}")
            object.__setattr__(self, one.name, values)
        if (np.array(self.rainy_days) > 0.9 * DAYS).any():
            raise DeclarationError(
                f"Climate.rainy_days must leave a tenth of each month dry; got {self.rainy_days}"
            )


# The semi-arid steppe about Mandalgovi (45.8 N, 106.3 E, 1400 m): rounded normals of a dry
# continental climate, 150 mm a year of which two thirds fall as showers of June to August.
MONGOLIAN_STEPPE = Climate(
    temperature=(-17.5, -13.5, -5.0, 4.0, 12.0, 17.5, 19.5, 17.5, 11.0, 2.0, -8.5, -15.5),
    daily_range=(11.0, 12.5, 13.5, 14.5, 14.5, 13.5, 12.5, 12.5, 13.5, 13.0, 11.5, 10.5),
    rain=(1.5, 1.5, 3.0, 5.0, 10.0, 24.0, 42.0, 40.0, 14.0, 5.0, 2.5, 2.0),
    rainy_days=(2.0, 2.0, 2.5, 3.0, 4.5, 8.0, 11.0, 10.0, 5.0, 3.0, 2.5, 2.5),
    vapour=(1.1, 1.4, 2.2, 3.2, 5.0, 8.5, 11.5, 10.5, 6.2, 3.6, 2.1, 1.4),
    wind=(2.6, 3.0, 3.8, 4.6, 4.8, 4.2, 3.6, 3.4, 3.6, 3.4, 3.2, 2.8),
    cloud=(0.30, 0.32, 0.36, 0.42, 0.46, 0.48, 0.52, 0.48, 0.40, 0.36, 0.34, 0.32),
    elevation=1400.0,
)


@dataclass(frozen=True)
class WeatherGenerator:
    """Hourly weather of columns from a climate, the same for the same streams.

    Fronts of some days and clouds of some hours pass all columns at once; showers hit a part of
    them, with a correlation over space that falls to 1/e over `showers` [m]. From May to September
    most rain falls within three hours of an afternoon, else within eight of any time. Long and
    shortwave follow cloud and vapour (Brutsaert 1975, 10.1029/WR011i005p00742; Kasten and Czeplak
    1980, 10.1016/0038-092X(80)90391-6).
    """

    climate: Climate = MONGOLIAN_STEPPE
    showers: float = 30e3
    hit: float = 0.6
    skewness: float = 0.7
    fronts: float = 72.0
    clouds: float = 18.0

    def forcing(
        self,
        latitude: ArrayLike,
        longitude: ArrayLike,
        elevation: ArrayLike,
        period: tuple[np.datetime64 | str, np.datetime64 | str],
        streams: Streams,
    ) -> Forcing:
        """The weather (time, column) of columns [degree, degree, m] over whole days from start."""
        lat, lon, z = (
            np.atleast_1d(np.asarray(v, float)) for v in (latitude, longitude, elevation)
        )
        start, end = (instant(t, "period") for t in period)
        times = np.arange(start, end, HOUR)
        days = -(-times.size // 24)
        clock = _solar_hour(times, float(lon.mean()))
        season = Season.of(self.climate, times)
        rng = {name: streams.generator("weather", name) for name in ("front", "cloud", "air")}
        front = _red(rng["front"], times.size, self.fronts)
        wind = _red(rng["air"], times.size, 12.0)
        rain = self._rain(lat, lon, times, days, streams.generator("weather", "rain"))
        wet = lfilter([0.25], [1.0, -0.75], rain > 0.0, axis=0)
        overcast = 1.3 * _red(rng["cloud"], times.size, self.clouds)[:, None]
        mean = season.cloud[:, None]
        cloud = 1.0 / (1.0 + np.exp(-(np.log(mean / (1.0 - mean)) + overcast + 4.0 * wet)))
        swing = 0.5 * season.daily_range[:, None] * (1.2 - 0.45 * cloud)
        warmth = season.temperature + FRONTS * front
        temperature = warmth[:, None] + swing * np.cos(2 * np.pi * (clock[:, None] - 15.0) / 24.0)
        temperature = temperature - LAPSE * (z - self.climate.elevation) - 2.0 * wet + FREEZING
        vapour = 100.0 * season.vapour[:, None] * np.exp(0.2 * front[:, None]) * (1.0 + 0.3 * wet)
        humidity = np.clip(vapour / saturation_vapour_pressure(temperature), 0.08, 1.0)
        vapour = humidity * saturation_vapour_pressure(temperature)
        above = extraterrestrial_radiation(times[:, None], 3600.0, lat, lon)
        emissivity = 1.24 * (0.01 * vapour / temperature) ** (1.0 / 7.0)
        gusts = np.exp(0.45 * wind - 0.5 * 0.45**2)
        breeze = 1.0 + 0.35 * np.cos(2 * np.pi * (clock - 15.0) / 24.0)
        series = {
            "rain": (rain, "mm"),
            "shortwave": (clear_sky_shortwave(above, z) * (1.0 - 0.75 * cloud**3.4), "W m-2"),
            "longwave": (
                np.minimum(emissivity * (1.0 + 0.22 * cloud**2), 1.0) * STEFAN * temperature**4,
                "W m-2",
            ),
            "air_temperature": (temperature, "K"),
            "relative_humidity": (humidity, "1"),
            "wind_speed": (
                np.repeat((season.wind * gusts * breeze)[:, None], z.size, axis=1),
                "m s-1",
            ),
            "pressure": (np.repeat(pressure_at(z)[None], times.size, axis=0), "Pa"),
        }
        data = xr.Dataset(
            {name: (("time", "column"), v, {"units": unit}) for name, (v, unit) in series.items()},
            {"time": times},
        )
        return Forcing(data, step="1 h")

    def _rain(
        self, lat: Array, lon: Array, times: NDArray[np.datetime64], days: int,
        rng: np.random.Generator,
    ) -> Array:  # fmt: skip
        """Rain (time, column) [mm per hour]."""
        distance = great_circle(lon[:, None], lat[:, None], lon, lat)
        root = np.linalg.cholesky(np.exp(-distance / self.showers) + 1e-10 * np.eye(lat.size))
        month = _month(times[::24])
        rainy, amount = (np.array(v)[month] for v in (self.climate.rainy_days, self.climate.rain))
        share = np.where(_warm(month), self.hit, 0.9)
        storm = rng.random(days) < rainy / DAYS[month] / share
        field, size = (rng.standard_normal((days, lat.size)) @ root.T for _ in range(2))
        hit = storm[:, None] & (stats.norm.cdf(field) < share[:, None])
        mean = (amount / rainy)[:, None]
        daily = (
            stats.gamma.ppf(stats.norm.cdf(size), self.skewness, scale=mean / self.skewness) * hit
        )
        begin = np.where(_warm(month), rng.normal(16.0, 3.0, days), rng.uniform(0.0, 24.0, days))
        length = np.where(_warm(month), 3, 8)
        # Hours of the series, not of the sun: the afternoon at the middle of the columns.
        first = np.floor(begin - _solar_hour(times[::24], float(lon.mean()))).astype(int) % 24
        hourly = np.zeros((24 * (days + 1), lat.size))
        for hour in range(int(length.max())):
            part = np.where(hour < length, 1.0 / length, 0.0)
            at = 24 * np.arange(days) + first + hour
            np.add.at(hourly, at, part[:, None] * daily)
        return hourly[: times.size]


@dataclass(frozen=True, eq=False)
class Season:
    """The normals at every hour (time,), between the middles of the months."""

    temperature: Array
    daily_range: Array
    vapour: Array
    wind: Array
    cloud: Array

    @classmethod
    def of(cls, climate: Climate, times: NDArray[np.datetime64]) -> Season:
        year = (times - times.astype("datetime64[Y]")) / np.timedelta64(1, "D")
        middle = np.cumsum(DAYS) - 0.5 * DAYS
        names = ("temperature", "daily_range", "vapour", "wind", "cloud")
        at = {n: np.interp(year, middle, getattr(climate, n), period=365.25) for n in names}
        return cls(**at)


def _warm(month: NDArray[np.int64]) -> NDArray[np.bool_]:
    """May to September, when showers are convective."""
    return (month >= 4) & (month <= 8)


def _month(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Months of times, from 0."""
    return times.astype("datetime64[M]").astype(np.int64) % 12


def _solar_hour(times: NDArray[np.datetime64], longitude: float) -> Array:
    """Mean solar time [h] at the middle of each hour."""
    day = times.astype("datetime64[D]")
    return ((times - day) / HOUR + 0.5 + longitude / 15.0) % 24.0


def _red(rng: np.random.Generator, steps: int, hours: float) -> Array:
    """A standard normal series that forgets over `hours`."""
    rho = np.exp(-1.0 / hours)
    draws = rng.standard_normal(steps)
    draws[1:] *= np.sqrt(1.0 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], draws))
