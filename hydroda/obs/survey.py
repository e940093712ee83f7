"""What records hold, series by series: spacing, gaps, flags and what looks odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hydroda.errors import UnitError
from hydroda.obs.records import KEY, PLACES, Records
from hydroda.obs.textfiles import SENTINELS, is_unit
from hydroda.sphere import great_circle
from hydroda.units import convert

REGULAR = 0.5  # share of spacings that are the usual one
GAP = 1.5  # usual spacings, of a regular series
WIDE_GAP = 3.0  # median spacings, of an irregular one
STUCK = 24  # equal values in a row that a working sensor does not read
# What values can be at all: lowest, highest, unit ("" where that does not matter).
POSSIBLE = {
    "soil_moisture": (0.0, 1.0, "m3 m-3"),
    "neutron_counts": (0.0, np.inf, "h-1"),
    "raw_neutron_counts": (0.0, np.inf, "h-1"),
    "raw_thermal_counts": (0.0, np.inf, "h-1"),
    "relative_humidity": (0.0, 110.0, "%"),
    "pressure": (300.0, 1100.0, "hPa"),
    "air_temperature": (-90.0, 60.0, "degC"),
    "soil_temperature": (-90.0, 80.0, "degC"),
    "precipitation": (0.0, np.inf, ""),  # of an hour, or in one
}
FAR, NEAR = 1e6, 0.1  # [m], and share of it: a station that a swap brings back
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))  # [s]


@dataclass(frozen=True)
class SeriesSurvey:
    """One series: its usual spacing, gaps between good values, flags, missing ones, oddities.

    `spacing` is None for a single time; it is the most frequent one of a `regular` series, else the
    median. A gap is longer than 1.5 usual spacings, or 3 median ones; `longest` is NaT without.
    """

    spacing: pd.Timedelta | None
    regular: bool
    gaps: int
    longest: pd.Timedelta
    since: pd.Timestamp
    missing: int
    flags: Mapping[str, int]
    oddities: tuple[str, ...]

    def __str__(self) -> str:
        """A line of spacing and gaps, then one of flags and one of oddities where there are any."""
        parts = []
        if self.spacing is not None:
            about = "every" if self.regular else "irregular, about every"
            parts.append(f"{about} {_shown(self.spacing)}")
        longest = f"{_many(self.gaps, 'gap')}, the longest {_shown(self.longest)} from {self.since}"
        parts.append(longest if self.gaps else "no gaps")
        parts += [f"{self.missing} missing"] if self.missing else []
        lines = ["; ".join(parts)]
        if self.flags:
            lines.append("flags: " + ", ".join(f"{k} {n}" for k, n in self.flags.items()))
        if self.oddities:
            lines.append("odd: " + "; ".join(self.oddities))
        return "\n".join(lines)


def survey(records: Records) -> list[SeriesSurvey]:
    """A survey of every series, in the order of the lines of `Records.summary`."""
    return [
        _surveyed(series, records.units[str(series["quantity"].iloc[0])])
        for _, series in records.values.groupby(KEY, dropna=False)
    ]


def described(records: Records) -> str:
    """The summary of the records, with a survey of each series, then places and attributes."""
    first, *heads = records.summary().splitlines()
    lines = [first]
    for head, series in zip(heads, survey(records), strict=True):
        lines += [head, *(f"      {line}" for line in str(series).splitlines())]
    if not records.stations.columns.empty:
        alone = len(records.stations) == 1
        spans = [str(name) if alone else _span(records.stations[name]) for name in records.stations]
        lines.append(f"  places of stations: {', '.join(spans)}")
    lines += [f"  {name}: {' '.join(text.split())}" for name, text in records.attributes.items()]
    odd = [*_unplaced(records.stations), *_alike(records.stations), *_swapped(records.stations)]
    return "\n".join([*lines, *(f"  odd: {oddity}" for oddity in odd)])


def _span(place: pd.Series) -> str:
    """The range of one coordinate."""
    low, high = f"{place.min():.10g}", f"{place.max():.10g}"
    unit = PLACES[str(place.name)].partition("_")[0]
    return f"{place.name} {low if low == high else f'{low} to {high}'} {unit}"


def _unplaced(stations: pd.DataFrame) -> list[str]:
    """Stations without the place that others have."""
    lacking = stations.index[stations.isna().all(axis="columns")] if len(stations.columns) else ()
    return [f"no place is known of {', '.join(map(str, lacking))}"] if len(lacking) else []


def _alike(stations: pd.DataFrame) -> list[str]:
    """Stations whose names differ in capitals only."""
    names = pd.Series(stations.index.astype(str), dtype=object)
    alike = names[names.str.lower().duplicated(keep=False)]
    return [f"names of stations differ in capitals only: {', '.join(alike)}"] if len(alike) else []


def _swapped(stations: pd.DataFrame) -> list[str]:
    """Stations far from all others, that latitude and longitude swapped bring near them."""
    if not {"lon", "lat"} <= set(stations):
        return []
    stations = stations[stations["lon"].notna() & stations["lat"].notna()]
    if len(stations) < 2:
        return []
    lon, lat = (stations[name].to_numpy() for name in ("lon", "lat"))
    middle = (np.median(lon), np.median(lat)) if len(stations) > 2 else (lon[::-1], lat[::-1])
    here, there = great_circle(lon, lat, *middle), great_circle(lat, lon, *middle)
    return [
        f"station {stations.index[row]} lies {here[row] / 1e3:.0f} km from the others, "
        f"{there[row] / 1e3:.0f} km with latitude and longitude swapped"
        for row in np.flatnonzero((here > FAR) & (there < NEAR * here)).tolist()
    ]


def _surveyed(series: pd.DataFrame, unit: str) -> SeriesSurvey:
    times = series["time"].to_numpy("datetime64[ns]")
    flags = series.loc[series["flag"] != "", "flag"].value_counts().sort_index()
    good = ((series["flag"] == "") & series["value"].notna()).to_numpy()
    spacing, regular = _spacing(times)
    rows = np.flatnonzero(good)
    first, last = (rows[0], rows[-1]) if rows.size else (times.size, -1)
    # A series may begin or end with a gap, where more than one reading is missing.
    known = [times[: int(first > 1)], times[good], times[times.size - int(times.size - last > 2) :]]
    gaps, longest, since = _gaps(np.concatenate(known), spacing, GAP if regular else WIDE_GAP)
    missing = int((series["value"].isna() & (series["flag"] == "")).sum())
    oddities = (
        *_twice(series),
        *_sentinels(series),
        *_impossible(series[good], unit),
        *_stuck(series[good]),
    )
    told = {str(flag): int(count) for flag, count in flags.items()}
    return SeriesSurvey(spacing, regular, gaps, longest, since, missing, told, oddities)


def _spacing(times: np.ndarray) -> tuple[pd.Timedelta | None, bool]:
    """The usual spacing, and whether most spacings are that."""
    steps, counts = np.unique(np.diff(np.unique(times)), return_counts=True)
    if not steps.size:
        return None, True
    usual = steps[np.argmax(counts)]
    if counts.max() >= REGULAR * counts.sum():
        return pd.Timedelta(usual), True
    return pd.Timedelta(np.median(np.repeat(steps, counts))), False


def _gaps(
    times: np.ndarray, spacing: pd.Timedelta | None, factor: float
) -> tuple[int, pd.Timedelta, pd.Timestamp]:
    """Number of gaps, the longest one and its start."""
    steps = np.diff(times)
    wide = steps > np.timedelta64(spacing * factor) if spacing is not None else steps != steps
    if not wide.any():
        return 0, pd.Timedelta("NaT"), pd.Timestamp("NaT")
    place = int(np.argmax(steps))
    return int(wide.sum()), pd.Timedelta(steps[place]), pd.Timestamp(times[place])


def _twice(series: pd.DataFrame) -> list[str]:
    again = series["time"].duplicated()
    if not again.any():
        return []
    return [f"{_many(again.sum(), 'time')} more than once, first {series['time'][again].iloc[0]}"]


def _sentinels(series: pd.DataFrame) -> list[str]:
    found = series.loc[series["value"].isin(SENTINELS), "value"].value_counts()
    return [f"{_many(count, 'value')} of {value:g}" for value, count in found.items()]


def _impossible(good: pd.DataFrame, unit: str) -> list[str]:
    """A unit that is none or of something else, and values that cannot be."""
    if not is_unit(unit):
        return [f"{unit!r} is no unit"]
    quantity = str(good["quantity"].iloc[0]) if len(good) else ""
    known = POSSIBLE.get(quantity)
    if known is None:
        return []
    low, high, wanted = known
    try:
        values = convert(good["value"], unit, wanted or unit)
    except UnitError:
        return [f"{unit!r} is no unit of {quantity}, {wanted!r} is"]
    # What stands for a missing value is told apart.
    wrong = ((values < low) | (values > high)) & ~good["value"].isin(SENTINELS).to_numpy()
    if not wrong.any():
        return []
    first = good[wrong].iloc[0]
    span = f"below {low:g}" if np.isinf(high) else f"beyond {low:g} to {high:g}"
    which = f"first {first['value']:g} {unit} at {first['time']}"
    return [f"{_many(wrong.sum(), 'value')} {span} {wanted or unit}, {which}"]


def _stuck(good: pd.DataFrame) -> list[str]:
    """The longest run of equal values, if a working sensor does not read it; zeros may last."""
    values = good["value"].to_numpy()
    if not values.size:
        return []
    starts = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    lengths = np.diff(np.append(starts, values.size))
    lengths = np.where(values[starts] == 0, 0, lengths)
    place = int(np.argmax(lengths))
    if lengths[place] < STUCK:
        return []
    start = starts[place]
    return [
        f"{lengths[place]} values of {values[start]:g} in a row from {good['time'].iloc[start]}"
    ]


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _shown(span: pd.Timedelta) -> str:
    """A span in the largest unit of which it is at least one."""
    seconds = span.total_seconds()
    size, word = next(pair for pair in UNITS if seconds >= pair[0] or pair[0] == 1)
    return f"{seconds / size:.4g} {word}"
