"""Weather records: the variables hydroda knows, their limits, and how tables become them.

Inside hydroda a weather record is a dataset over (time) or (time, column) in the units of
`WEATHER`, with time stamps in UTC that name the START of each interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError, UnitError
from hydroda.units import Duration, convert, duration, ureg

Array: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.datetime64]

SECOND = np.timedelta64(10**9, "ns")
FILLED = "_filled"  # suffix of the flag that says which values of a variable were completed


class Label(Enum):
    """Which end of its interval a time stamp names."""

    START = "start"
    END = "end"


@dataclass(frozen=True)
class Weather:
    """A weather variable: its unit, what nature allows, and what an instrument may still report.

    Values outside `natural` need an explicit `Clip`; values outside `possible` are refused.
    """

    unit: str
    natural: tuple[float, float]
    possible: tuple[float, float]
    hint: str = "is the unit right?"


# One step of rain cannot exceed the envelope of the world's records, some 1900 mm in a day.
WEATHER: Mapping[str, Weather] = MappingProxyType(
    {
        "rain": Weather("mm", (0, 2000), (0, 2000), "is it mm per step?"),
        "shortwave": Weather("W m-2", (0, 1500), (-20, 1500)),
        "longwave": Weather("W m-2", (20, 700), (20, 700)),
        "air_temperature": Weather("K", (180, 340), (180, 340), "is it K, or degC?"),
        "relative_humidity": Weather("1", (0, 1), (0, 1.1), "is it a fraction, or %?"),
        "wind_speed": Weather("m s-1", (0, 120), (0, 120)),
        "pressure": Weather("Pa", (4e4, 1.1e5), (4e4, 1.1e5), "is it Pa, or hPa?"),
        "potential_evapotranspiration": Weather("mm", (-20, 100), (-20, 100)),
    }
)
METEOROLOGY = tuple(WEATHER)[:7]  # what a land surface needs
_AMOUNTS = {"rain", "potential_evapotranspiration"}


# --- from tables, files and datasets -----------------------------------------------------------


def weather_table(
    table: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    *,
    zone: str | None = None,
    label: Label = Label.START,
    step: Duration | None = None,
) -> xr.Dataset:
    """The weather record in a table indexed by time; nothing is filled.

    `columns` says where each variable is and in which unit: {"rain": ("P_mm", "mm h-1")}. Amounts
    of water may come per step ("mm", "kg m-2") or as rates. `zone` is the time zone of stamps
    that carry none ("UTC", "Etc/GMT+6", "+01:00"). `step` is needed only for a single row.

    Raises
    ------
    DataError
        A column is missing or not numeric; time stamps are naive, unordered or occur twice.
    UnitError
        A unit cannot be converted.
    """
    times = _utc(table.index, zone)
    data = xr.Dataset(coords={"time": times})
    for name, (column, unit) in columns.items():
        if column not in table:
            have = ", ".join(map(str, table.columns))
            raise DataError(f"the table has no column {column!r} for {name}; it has {have}")
        data[name] = ("time", _numbers(table[column], column), {"units": unit})
    return weather_dataset(data, label=label, step=step)


def weather_file(
    path: str | Path,
    names: Mapping[str, str] | None = None,
    *,
    label: Label = Label.START,
    step: Duration | None = None,
) -> xr.Dataset:
    """The weather record in a CF NetCDF file, whose times are UTC; nothing is filled.

    `names` says which variable of the file is which: {"rain": "tp"}; without it the file uses the
    names of hydroda. Bounds of the time coordinate, where there are any, win over `label`.

    Raises
    ------
    DataError
        The file cannot be read, or as `weather_dataset`.
    """
    try:
        with xr.open_dataset(path) as opened:
            data = opened.load()
    except FileNotFoundError:
        raise DataError(f"there is no weather file {path}") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"cannot read the weather file {path}: {error}") from error
    for name, given in (names or {}).items():
        if given not in data:
            raise DataError(f"{path} has no {given!r} for {name}; it has {_listed(data)}")
    return weather_dataset(
        data.rename({given: name for name, given in (names or {}).items() if given != name}),
        label=label,
        step=step,
    )


def weather_dataset(
    data: xr.Dataset, *, label: Label = Label.START, step: Duration | None = None
) -> xr.Dataset:
    """`data` with stamps at the start of each interval, in the units of hydroda; nothing is filled.

    Variables that hydroda does not know keep their unit. Bounds of the time coordinate, where there
    are any, win over `label`.

    Raises
    ------
    DataError
        There is no time coordinate, or its stamps are unordered or occur twice.
    UnitError
        A variable has no unit or one that cannot be converted.
    """
    times, width = checked_times(data, step)
    bounds = data.coords["time"].attrs.get("bounds", "")
    if bounds in data:
        times = data[bounds].values[:, 0].astype("datetime64[ns]")
    elif label is Label.END:
        times = times - width
    seconds = float(width / SECOND)
    inside = xr.Dataset(coords={"time": ("time", times, {"standard_name": "time"})})
    for name, variable in data.data_vars.items():
        if name != bounds and "time" in variable.dims:
            # as a bare variable: with its old stamps it would be aligned, not moved
            inside[name] = _inside(str(name), variable, seconds).variable
    others = [name for name in data.coords if name != "time" and "time" not in data[name].dims]
    inside = inside.assign_coords({name: data.coords[name] for name in others})
    return inside.assign_attrs(data.attrs | {"step_seconds": seconds})


def _utc(index: pd.Index, zone: str | None) -> Times:
    """The stamps of a table in UTC [datetime64 ns]."""
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"the table must be indexed by time; got {type(index).__name__} of {index.dtype}: "
            "use pandas.to_datetime and set_index"
        )
    if index.hasnans:
        raise DataError(f"the time stamp of row {int(np.argmax(index.isna()))} is missing")
    if index.tz is None and zone is None:
        raise DataError(
            f"time stamps such as {index[0]} have no time zone: declare it with zone=, "
            "for example zone='UTC'"
        )
    if index.tz is None:
        try:
            index = index.tz_localize(zone)
        except Exception as error:  # hours of a clock change: pandas 2 raises those of pytz
            raise DataError(
                f"time stamps cannot be read in zone {zone!r} ({error}): "
                "declare the fixed offset of the logger, for example zone='+01:00'"
            ) from error
    return index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")


def _numbers(column: pd.Series, name: str) -> Array:
    try:
        return column.to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        bad = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()].iloc[0]
        raise DataError(f"column {name!r} must hold numbers; got {bad!r}") from None


def _inside(name: str, variable: xr.DataArray, step_seconds: float) -> xr.DataArray:
    """One variable over (time[, column]) in the unit of hydroda."""
    extra = [str(dim) for dim in variable.dims if dim not in ("time", "column")]
    if extra:
        raise DataError(f"{name} must have dimensions time or (time, column); it also has {extra}")
    variable = variable.transpose("time", ...)
    if name.endswith(FILLED):
        return variable.astype(bool)
    unit = variable.attrs.get("units")
    if unit is None:
        wanted = WEATHER[name].unit if name in WEATHER else "mm"
        raise UnitError(
            f"{name} has no unit: set it, for example data[{name!r}].attrs['units'] = {wanted!r}"
        )
    if name not in WEATHER:
        return variable.astype(np.float64)
    known = WEATHER[name].unit
    if name in _AMOUNTS:
        values = _depth(variable.values, unit, step_seconds, name)
    else:
        values = convert(variable.values, unit, known, name)
    return variable.copy(data=values).assign_attrs(units=known)


def _depth(values: Array, unit: str, step_seconds: float, name: str) -> Array:
    """Water per step [mm] from an amount or a rate, as a depth or a mass per area."""
    try:
        parsed = ureg.Unit(unit)
    except Exception:  # pint raises a dozen unrelated types on text it cannot read
        raise UnitError(f"{name} must be convertible to 'mm'; got {unit!r}") from None
    for amount in ("mm", "kg m-2"):  # 1 kg of water on 1 m2 is 1 mm
        if parsed.is_compatible_with(amount):
            return convert(values, unit, amount, name)
        if parsed.is_compatible_with(f"{amount} s-1"):
            return convert(values, unit, f"{amount} s-1", name) * step_seconds
    raise UnitError(f"{name} must be water per step or a rate, 'mm' or 'mm h-1'; got {unit!r}")


# --- checks --------------------------------------------------------------------------------------


def checked_times(data: xr.Dataset, step: Duration | None) -> tuple[Times, np.timedelta64]:
    """The increasing time stamps (time,) [datetime64 ns] of a record and its step [ns]."""
    if "time" not in data.coords or data["time"].ndim != 1 or data["time"].size == 0:
        raise DataError(f"the weather record has no time coordinate with values; {_listed(data)}")
    times = data["time"].values
    if times.dtype.kind != "M":
        raise DataError(
            f"time must be datetime64 in UTC of the standard calendar; got {times.dtype}"
        )
    times = times.astype("datetime64[ns]")
    if np.isnat(times).any():
        raise DataError(f"the time stamp number {int(np.argmax(np.isnat(times)))} is missing")
    steps = np.diff(times)
    for wrong, what in ((steps < 0 * SECOND, "must increase"), (steps == 0 * SECOND, "repeat")):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(
                f"time stamps {what}: {_text(times[i + 1])} follows {_text(times[i])} "
                f"({int(wrong.sum())} such places)"
            )
    return times, _step(steps, step)


def _step(steps: NDArray[np.timedelta64], declared: Duration | None) -> np.timedelta64:
    """The declared step or the most frequent one; every interval must be a multiple of it."""
    if declared is not None:
        step = duration(declared, "step")
    elif steps.size == 0:
        raise DataError("a record of one time needs its length: step='1 h'")
    else:
        widths, counts = np.unique(steps, return_counts=True)
        step = widths[np.argmax(counts)]
    uneven = steps % step != 0 * SECOND
    if uneven.any():
        raise DataError(
            f"time stamps must be whole steps of {step / SECOND:g} s apart; "
            f"number {int(np.argmax(uneven)) + 1} is {steps[uneven][0] / SECOND:g} s after the last"
        )
    return step


def check_complete(data: xr.Dataset, names: Sequence[str], step: np.timedelta64) -> None:
    """Nothing, if every step of every named variable is there and possible.

    Raises
    ------
    DataError
        A variable or step is missing, or a value is not finite, impossible or to be clipped.
    """
    cure = "Forcing.completed(data, site) fills and flags"
    missing = [name for name in names if name not in data]
    if missing:
        raise DataError(
            f"the weather record has no {', '.join(missing)}, it has {_listed(data)}: {cure} it, "
            "or variables= names what the model needs"
        )
    times = data["time"].values
    wide = np.flatnonzero(np.diff(times) > step)
    if wide.size:
        first, last = times[wide[0]] + step, times[wide[0] + 1]
        raise DataError(
            f"the weather record has a gap from {_text(first)} to {_text(last)} "
            f"({int((last - first) / step)} steps; {wide.size} gaps in all): {cure} it"
        )
    for name in names:
        gap = np.isnan(data[name].values)
        if gap.any():
            raise DataError(f"{name} is missing {where(gap, times, step)}: {cure} it")
        check_limits(name, data[name].values, times, step)
        low, high = _limits(name).natural
        outside = (data[name].values < low) | (data[name].values > high)
        if outside.any():
            raise DataError(
                f"{name} must lie in {low:g}..{high:g} {_limits(name).unit} but reaches "
                f"{_worst(data[name].values, low, high):g} {where(outside, times, step)}: "
                "Forcing.completed(data, site) clips and flags it"
            )


def check_limits(name: str, values: Array, times: Times, step: np.timedelta64) -> None:
    """Nothing, if the values that are not missing are possible.

    Raises
    ------
    DataError
        A value is infinite, rain is negative, or a value is impossible.
    """
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(f"{name} must be finite; it is infinite {where(infinite, times, step)}")
    limits = _limits(name)
    low, high = limits.possible
    wrong = (values < low) | (values > high)
    if wrong.any():
        worst = _worst(values, low, high)
        if name == "rain" and worst < 0:
            raise DataError(f"rain must not be negative; got {worst:g} mm, {_at(wrong, times)}")
        raise DataError(
            f"{name} must lie in {low:g}..{high:g} {limits.unit}; got {worst:g}, "
            f"{_at(wrong, times)} ({int(wrong.sum())} values): {limits.hint}"
        )


def _limits(name: str) -> Weather:
    return WEATHER.get(name, Weather("", (-np.inf, np.inf), (-np.inf, np.inf)))


def _worst(values: Array, low: float, high: float) -> float:
    """The value that is furthest outside of low..high."""
    return float(values.flat[np.nanargmax(np.maximum(low - values, values - high))])


def runs(mask: ArrayLike) -> NDArray[np.intp]:
    """First and one past the last index, (run, 2), of every run of True in a mask (step,)."""
    edges = np.flatnonzero(np.diff(np.asarray(mask, np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2)


def where(mask: NDArray[np.bool_], times: Times, step: np.timedelta64) -> str:
    """First run of True in (step[, column]) and the count of them, in words."""
    found = runs(mask.reshape(len(times), -1).any(axis=1))
    first, last = found[0]
    count = int((found[:, 1] - found[:, 0]).sum())
    return (
        f"from {_text(times[first])} to {_text(times[last - 1] + step)} "
        f"({last - first} steps; {count} in {len(found)} runs in all)"
    )


def _at(mask: NDArray[np.bool_], times: Times) -> str:
    return f"first at {_text(times[np.argmax(mask.reshape(len(times), -1).any(axis=1))])}"


def _text(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]"))


def _listed(data: xr.Dataset) -> str:
    return ", ".join(map(str, data.data_vars)) or "no variables"
