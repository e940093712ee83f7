"""Named methods that complete a weather record, each value flagged and listed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda import meteorology as met
from hydroda.errors import DataError, DeclarationError
from hydroda.forcing.weather import (
    FILLED,
    SECOND,
    WEATHER,
    Array,
    Times,
    check_limits,
    runs,
    where,
)
from hydroda.units import Amount, Duration, duration, magnitude


@dataclass(frozen=True)
class Site:
    """Where the weather was measured: `lon` and `lat` [degree], elevation [m]."""

    lon: float
    lat: float
    elevation: Amount

    def __post_init__(self) -> None:
        if not (-180 <= self.lon <= 360 and -90 <= self.lat <= 90):
            raise DeclarationError(
                f"lon and lat of a Site are degrees; got lon={self.lon!r}, lat={self.lat!r}"
            )
        object.__setattr__(self, "elevation", magnitude(self.elevation, "m", "elevation of Site"))

    @property
    def height(self) -> float:
        """Elevation [m]."""
        return float(self.elevation)


@dataclass(frozen=True)
class Record:
    """What a completion may look at: times (step,), and (step, place) of every variable so far.

    `measured` has NaN where nothing was measured, `values` what other methods have put there;
    `others` are the variables of the record that the forcing will not have, such as a second
    sensor, in their own units.
    """

    times: Times
    step: np.timedelta64
    site: Site
    measured: Mapping[str, Array]
    values: Mapping[str, Array]
    others: Mapping[str, Array]

    def of(self, name: str, asked_by: object) -> Array:
        """Values (step, place) of another variable; a clear error where it is not there."""
        if name not in self.values:
            raise DeclarationError(f"{asked_by!r} needs {name}: add it to variables=")
        return self.values[name]

    def above_the_air(self) -> Array:
        """Extraterrestrial radiation (step, 1) [W m-2]."""
        seconds = float(self.step / SECOND)
        sun = met.extraterrestrial_radiation(self.times, seconds, self.site.lat, self.site.lon)
        return sun[:, None]

    def days(self) -> NDArray[np.intp]:
        """The solar day (step,) of each step.

        A day at either end of which a quarter or more is missing joins its neighbour.
        """
        shift = np.timedelta64(round(self.site.lon * 240), "s")
        day = (self.times + self.step / 2 + shift).astype("datetime64[D]").astype(int)
        day -= day[0]
        sizes = np.bincount(day)
        enough = 0.75 * sizes.max()
        if sizes.size > 1 and sizes[0] <= enough:
            day[day == 0] = 1
        if sizes.size > 2 and sizes[-1] <= enough:
            day[day == day[-1]] -= 1
        return np.unique(day, return_inverse=True)[1]

    def daily_range(self, temperature: Array) -> tuple[Array, Array]:
        """Highest and lowest temperature (step, place) [K] of the solar day of each step."""
        if self.step > np.timedelta64(6, "h"):
            raise DeclarationError(
                f"steps of {self.step / SECOND:g} s do not show the temperature range of a day"
            )
        days = self.days()
        starts = np.flatnonzero(np.diff(days, prepend=-1))
        return (
            np.maximum.reduceat(temperature, starts)[days],
            np.minimum.reduceat(temperature, starts)[days],
        )

    def clearness(self, shortwave: Array) -> Array:
        """Shortwave over that of a clear sky, Rs/Rso [1], of the solar day of each step.

        Days without sun take it from the days around.
        """
        days = self.days()
        starts = np.flatnonzero(np.diff(days, prepend=-1))
        clear = np.add.reduceat(met.clear_sky_shortwave(self.above_the_air(), self.height), starts)
        sunny = np.flatnonzero(clear[:, 0] > 0)
        if sunny.size == 0:
            raise DeclarationError("a record of the polar night does not show how clear the sky is")
        ratio = np.add.reduceat(shortwave, starts)[sunny] / clear[sunny]
        everyday = np.arange(len(starts))
        places = [np.interp(everyday, sunny, place) for place in ratio.T]
        return np.clip(np.stack(places, axis=1), 0, 1)[days]

    @property
    def height(self) -> float:
        return self.site.height


class Completion(ABC):
    """A way to fill what is missing; the author of one writes `estimate`."""

    def applies(self, name: str, values: Array) -> NDArray[np.bool_]:
        """The values (step, place) it may replace: those that are missing."""
        return np.isnan(values)

    @abstractmethod
    def estimate(self, name: str, record: Record) -> Array:
        """What it would put there: (step, place) or (step, 1) in the unit of `name`, else NaN."""


@dataclass(frozen=True)
class Clip(Completion):
    """The natural limit in place of values an instrument reports beyond it (humidity 1.03)."""

    def applies(self, name: str, values: Array) -> NDArray[np.bool_]:
        low, high = WEATHER[name].natural
        return (values < low) | (values > high)

    def estimate(self, name: str, record: Record) -> Array:
        return np.clip(record.values[name], *WEATHER[name].natural)


@dataclass(frozen=True)
class Interpolate(Completion):
    """The straight line across gaps of at most `limit`."""

    limit: Duration

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", duration(self.limit, "limit of Interpolate"))

    def __repr__(self) -> str:
        return f"Interpolate('{duration(self.limit, 'limit') / SECOND / 3600:g} h')"

    def estimate(self, name: str, record: Record) -> Array:
        longest = int(duration(self.limit, "limit") // record.step)
        return np.stack([_bridged(place, longest) for place in record.values[name].T], axis=1)


def _bridged(series: Array, longest: int) -> Array:
    """A series (step,) with lines across gaps of at most `longest` steps that have both shores."""
    known = np.flatnonzero(~np.isnan(series))
    if known.size == 0:
        return series
    line = np.interp(np.arange(series.size), known, series[known], left=np.nan, right=np.nan)
    for first, last in runs(np.isnan(series)):
        if last - first > longest:
            line[first:last] = np.nan
    return line


@dataclass(frozen=True)
class SameDayOfOtherYears(Completion):
    """What was measured on the same date and hour of the nearest year, the earlier one first.

    The weather of another year: right in climate and in structure, wrong on the day.
    """

    def estimate(self, name: str, record: Record) -> Array:
        measured, stamps = record.measured[name], pd.DatetimeIndex(record.times)
        result = np.full_like(measured, np.nan)
        for years in range(1, stamps.year.max() - stamps.year.min() + 1):
            for shift in (-years, years):
                moved = (stamps + pd.DateOffset(years=shift)).to_numpy().astype("datetime64[ns]")
                donor = (moved - record.times[0]) // record.step
                there = (donor >= 0) & (donor < stamps.size)
                offer = np.where(there[:, None], measured[np.where(there, donor, 0)], np.nan)
                result = np.where(np.isnan(result), offer, result)
        return result


@dataclass(frozen=True)
class Constant(Completion):
    """One value: wind of 2 m s-1 is what FAO-56 recommends where none was measured."""

    value: str

    def estimate(self, name: str, record: Record) -> Array:
        return np.full((record.times.size, 1), magnitude(self.value, WEATHER[name].unit, name))


@dataclass(frozen=True)
class StandardPressure(Completion):
    """The pressure [Pa] of the standard atmosphere at the site (FAO-56 Eq. 7)."""

    def estimate(self, name: str, record: Record) -> Array:
        return np.full((record.times.size, 1), met.pressure_at(record.height))


@dataclass(frozen=True)
class DewPointFromMinimum(Completion):
    """Humidity [1] of air whose dew point is the day's lowest temperature (FAO-56 Eq. 48).

    `above` lifts the dew point over the minimum: below zero in dry air [K].
    """

    above: Amount = "0 K"

    def __post_init__(self) -> None:
        object.__setattr__(self, "above", magnitude(self.above, "K", "above"))

    def estimate(self, name: str, record: Record) -> Array:
        temperature = record.of("air_temperature", self)
        dew_point = record.daily_range(temperature)[1] + float(self.above)
        saturation = met.saturation_vapour_pressure(temperature)
        return np.minimum(met.saturation_vapour_pressure(dew_point) / saturation, 1)


@dataclass(frozen=True)
class TemperatureRangeShortwave(Completion):
    """Shortwave [W m-2] from the day's temperature range (FAO-56 Eq. 50, Hargreaves).

    Spread over the hours in proportion to the radiation above the air; `coefficient` is k_Rs
    [K-0.5], 0.16 inland and 0.19 at the coast.
    """

    coefficient: float = met.INLAND

    def estimate(self, name: str, record: Record) -> Array:
        highest, lowest = record.daily_range(record.of("air_temperature", self))
        return met.shortwave_from_temperature_range(
            record.above_the_air(), highest, lowest, record.height, self.coefficient
        )


@dataclass(frozen=True)
class CloudyLongwave(Completion):
    """Longwave [W m-2] from temperature, humidity and the day's clearness.

    Brutsaert (1975) with Crawford & Duchon (1999): see `meteorology.incoming_longwave`.
    """

    def estimate(self, name: str, record: Record) -> Array:
        temperature = record.of("air_temperature", self)
        humidity = met.vapour_pressure(temperature, record.of("relative_humidity", self))
        clearness = record.clearness(record.of("shortwave", self))
        return met.incoming_longwave(temperature, humidity, clearness)


# In the order in which variables are completed: each may use those before it.
METHODS: Mapping[str, tuple[Completion, ...]] = MappingProxyType(
    {
        # The second line joins hours that no other year has either.
        "air_temperature": (Interpolate("6 h"), SameDayOfOtherYears(), Interpolate("6 h")),
        "relative_humidity": (Clip(), Interpolate("6 h"), DewPointFromMinimum()),
        "pressure": (Interpolate("1 D"), StandardPressure()),
        "wind_speed": (Interpolate("6 h"), Constant("2 m s-1")),
        "rain": (Interpolate("3 h"), SameDayOfOtherYears(), Interpolate("3 h")),
        "shortwave": (Clip(), Interpolate("1 h"), TemperatureRangeShortwave()),
        "longwave": (Interpolate("6 h"), CloudyLongwave()),
        "potential_evapotranspiration": (Interpolate("3 h"), SameDayOfOtherYears()),
    }
)


def no_completions() -> pd.DataFrame:
    """The list of completions of a record that needed none."""
    return pd.DataFrame(
        {
            "variable": pd.Series(dtype=str),
            "method": pd.Series(dtype=str),
            "from": pd.Series(dtype="datetime64[ns]"),
            "to": pd.Series(dtype="datetime64[ns]"),
            "count": pd.Series(dtype=int),
        }
    )


def complete(
    data: xr.Dataset,
    site: Site,
    methods: Mapping[str, Sequence[Completion]],
    variables: Sequence[str],
    step: np.timedelta64,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """The record without gaps and with flags, and the list of what was filled.

    Raises
    ------
    DataError
        A value is impossible, or none of the methods of its variable could fill it.
    """
    times = np.arange(data["time"].values[0], data["time"].values[-1] + step, step)
    flags = {str(name): False for name in data if str(name).endswith(FILLED)}
    data = data.reindex(time=times, fill_value=dict.fromkeys(data, np.nan) | flags)
    chosen: dict[str, Sequence[Completion]] = {**METHODS, **methods}
    order = sorted(variables, key=lambda name: list(METHODS).index(name) if name in METHODS else 99)
    measured = {name: _places(data, name, times.size) for name in order}
    rest = [str(name) for name in data if name not in order and name not in flags]
    others = {name: _places(data, name, times.size) for name in rest}
    values: dict[str, Array] = {}
    rows: list[dict[str, object]] = []
    for name in order:
        check_limits(name, measured[name], times, step)
        values[name] = measured[name].copy()
        for method in chosen.get(name, ()):
            wanted = method.applies(name, values[name])
            if wanted.any():
                record = Record(times, step, site, measured, values, others)
                estimate = method.estimate(name, record)
                took = wanted & ~np.isnan(estimate)
                values[name] = np.where(took, estimate, values[name])
                rows += _listed(name, method, took, times, step)
        left = np.isnan(values[name])
        if left.any():
            tried = ", ".join(map(repr, chosen.get(name, ()))) or "nothing"
            raise DataError(
                f"{name} is still missing {where(left, times, step)} after {tried}: "
                f"give methods={{{name!r}: (...)}} that reach that far"
            )
    for name in order:
        _put(data, name, values[name], measured[name])
    return data, pd.DataFrame(rows, columns=no_completions().columns) if rows else no_completions()


def _places(data: xr.Dataset, name: str, steps: int) -> Array:
    """One variable as (step, place), of all columns; NaN where the record lacks it."""
    shape = (steps, data.sizes.get("column", 1))
    if name not in data:
        return np.full(shape, np.nan)
    return np.broadcast_to(data[name].values.reshape(steps, -1), shape)


def _put(data: xr.Dataset, name: str, values: Array, measured: Array) -> None:
    """Write completed values (step, place) and their flag into the record."""
    dims = ("time", "column") if "column" in data.dims else ("time",)
    shape = [data.sizes[dim] for dim in dims]
    changed = (values != measured).reshape(shape)
    if (earlier := f"{name}{FILLED}") in data:
        changed |= data[earlier].values.reshape(shape)
    data[name] = (dims, values.reshape(shape), {"units": WEATHER[name].unit})
    if changed.any():
        about = {"long_name": f"{name} is not as measured: see the list of completions"}
        data[f"{name}{FILLED}"] = (dims, changed, about)


def _listed(
    name: str, method: Completion, took: NDArray[np.bool_], times: Times, step: np.timedelta64
) -> list[dict[str, object]]:
    """One row for every run of steps a method filled; `to` is the end of the last step."""
    return [
        {
            "variable": name,
            "method": repr(method),
            "from": times[first],
            "to": times[last - 1] + step,
            "count": int(took[first:last].sum()),
        }
        for first, last in runs(took.any(axis=1))
    ]
