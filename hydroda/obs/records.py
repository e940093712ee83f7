"""Measured series in tidy form, whatever file they came from."""

from __future__ import annotations

import hashlib
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.obs.textfiles import SENTINELS
from hydroda.units import Duration, convert, duration

COLUMNS = ("time", "end", "station", "quantity", "depth", "value", "error", "flag", "count")
KEY = ["station", "quantity", "depth"]
PLACES = {"x": "m", "y": "m", "lon": "degrees_east", "lat": "degrees_north", "elevation": "m"}
# Columns that go with the column of a quantity in a wide table.
SIDE = {"_error": "error", "_flag": "flag", "_count": "count"}
RAIN = "precipitation"  # as the formats call it
ACCUMULATED = "accumulated"  # the attribute that names quantities which are sums over an interval
# What describes the values of another quantity beside it: of a cosmic-ray sensor its reach.
FOOTPRINT = {"footprint_radius": "m", "footprint_depth": "m"}
BESIDE = {"soil_moisture": tuple(FOOTPRINT)}
GOOD = ["good", "ok", "valid", "usable"]
TOO_FEW, NOT_RECORDED = "too_few", "not_recorded"
LEVEL, REFERENCE = "groundwater_level", "reference"  # the attribute that names a level's datum
ZONED = re.compile(r"(?:Z|[+-]\d\d(?::?\d\d)?)\s*$", re.IGNORECASE)  # how a time with a zone ends


@dataclass(frozen=True, eq=False)
class Records:
    """Values of stations, one row each, with the units of every quantity and the stations' places.

    `values` has the columns `COLUMNS`: the interval [`time`, `end`) in UTC (`end` = `time` for a
    reading at an instant), `depth` [m] or NaN, the standard deviation `error` or NaN, a `flag` (""
    is good) and the `count` of readings behind a value. `stations` is indexed by station and has
    those of the columns `PLACES` that are known. `attributes` describe the source; the quantities
    that "accumulated" names are sums over their intervals, such as rain [mm], not means.
    """

    values: pd.DataFrame
    units: Mapping[str, str]
    stations: pd.DataFrame = field(default_factory=pd.DataFrame)
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        values: pd.DataFrame,
        units: Mapping[str, str],
        stations: pd.DataFrame | None = None,
        attributes: Mapping[str, str] | None = None,
        zone: str | None = None,
        source: str = "the series",
    ) -> Records:
        """Records from a table with at least time, station, quantity and value.

        Times without a zone are refused unless `zone` ("UTC", "Europe/Berlin") declares theirs.

        Raises
        ------
        DataError
            A column or a unit is missing, a time has no zone, or a station is nameless.
        """
        for name in ("time", "station", "quantity", "value"):
            if name not in values:
                raise DataError(
                    f"{source} needs a column {name!r}; it has {', '.join(map(str, values))}"
                )
        frame = values.assign(time=to_utc(values["time"], zone, source))
        frame["end"] = to_utc(values["end"], zone, source) if "end" in values else frame["time"]
        for name, default in (("depth", np.nan), ("error", np.nan), ("flag", ""), ("count", 1)):
            if name not in frame:
                frame[name] = default
        lacking = sorted(set(pd.unique(frame["quantity"])) - set(units))
        if lacking:
            raise DataError(f"{source} gives no unit for {', '.join(lacking)}; name it in units")
        frame = _typed(frame)
        good = [word for word in pd.unique(frame["flag"]) if word.lower() in GOOD]
        frame["flag"] = frame["flag"].where(~frame["flag"].isin(good), "")
        if (frame["station"] == "").any():
            raise DataError(f"{source} has a value without a station at {frame['time'].iloc[0]}")
        for name in pd.unique(frame["station"]):
            if name != " ".join(name.split()):
                raise DataError(f"{source} has a station {name!r}; a name has single blanks inside")
        for flag in pd.unique(frame["flag"]):
            if any(map(str.isspace, flag)):
                raise DataError(f"a flag must be one word; {source} has {flag!r}")
        used = {name: unit for name, unit in units.items() if (frame["quantity"] == name).any()}
        places = _places(stations, pd.unique(frame["station"]), source)
        return cls(frame, used, places, dict(attributes or {}))

    def __post_init__(self) -> None:
        backwards = self.values["end"] < self.values["time"]
        if backwards.any():
            row = self.values[backwards].iloc[0]
            raise DataError(
                f"an interval must not end before it starts; {row.station} has one "
                f"from {row.time} to {row.end}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Records)
            and self.values.equals(other.values)
            and dict(self.units) == dict(other.units)
            and self.stations.equals(other.stations)
            and dict(self.attributes) == dict(other.attributes)
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Records({len(self)} values, sha256={self.digest[:12]})"

    @property
    def digest(self) -> str:
        """Fingerprint of the values: equal for equal records, on every machine."""
        text = self.values.to_csv(index=False) + repr(sorted(self.units.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def repeated(self) -> pd.Series | None:
        """The first value that has the series, time and end of the one before; None without."""
        values = self.values
        time = values["time"].to_numpy()
        rows = np.flatnonzero(time[1:] == time[:-1]) + 1
        now, before = values.iloc[rows].reset_index(), values.iloc[rows - 1].reset_index()
        same = (now["end"] == before["end"]) & ~(np.abs(now["depth"] - before["depth"]) > 0)
        same &= now["depth"].isna() == before["depth"].isna()
        same &= (now["station"] == before["station"]) & (now["quantity"] == before["quantity"])
        return now[same].iloc[0] if same.any() else None

    def summary(self) -> str:
        """What the records hold, a line per series."""
        stations = self.values["station"].nunique()
        lines = [f"{len(self)} values of {stations} station{'s' * (stations != 1)}"]
        for key, series in self.values.groupby(KEY, dropna=False):
            station, quantity, depth = cast("tuple[str, str, float]", key)
            good = series["value"].notna() & (series["flag"] == "")
            where = "" if np.isnan(depth) else f" at {depth:g} m"
            lines.append(
                f"  {station}{where}: {quantity} [{self.units[quantity]}], {good.sum()} good of "
                f"{len(series)}, {series['time'].min()} to {series['end'].max()} UTC"
            )
        return "\n".join(lines)

    def select(
        self, stations: Iterable[str] | None = None, quantities: Iterable[str] | None = None
    ) -> Records:
        """The records of some stations and quantities."""
        keep = np.ones(len(self), dtype=bool)
        if stations is not None:
            keep &= self.values["station"].isin(list(stations)).to_numpy()
        if quantities is not None:
            keep &= self.values["quantity"].isin(list(quantities)).to_numpy()
        return self.where(keep)

    def where(self, keep: Any) -> Records:
        """The records of the rows where `keep` (row,) is true."""
        values = self.values[keep].reset_index(drop=True)
        units = {
            name: unit for name, unit in self.units.items() if (values["quantity"] == name).any()
        }
        stations = _places(self.stations, pd.unique(values["station"]))
        return replace(self, values=values, units=units, stations=stations)

    def between(self, start: Any, end: Any) -> Records:
        """The records whose interval starts in [start, end)."""
        time = self.values["time"]
        return self.where((time >= pd.Timestamp(start)) & (time < pd.Timestamp(end)))

    def ending_every(self, every: Duration) -> Records:
        """The records whose interval ends at a multiple of `every` from midnight UTC.

        Of a running mean over a day that comes every hour, those of one a day do not overlap.
        """
        step = pd.Timedelta(duration(every, "every"))
        return self.where((self.values["end"].dt.floor(step) == self.values["end"]).to_numpy())

    def joined(self, others: Sequence[Records]) -> Records:
        """These records and `others`, with the unit of each quantity as it is here.

        Raises
        ------
        DataError
            A station has two places, or levels are in relation to two datums.
        """
        units, parts = dict(self.units), [self.values]
        for other in others:
            _refuse_two_datums(self, other)
            units = {**other.units, **units}
            parts.append(other.in_units(units).values)
        stations = pd.concat([part.stations for part in (self, *others)])
        if stations.columns.empty:  # groupby would keep no row of these
            stations = stations[~stations.index.duplicated()]
        else:
            stations = stations.groupby(level=0).agg(_one_place)
        attributes = {k: v for part in (*others, self) for k, v in part.attributes.items()}
        sums = {quantity for part in (self, *others) for quantity in part.accumulated}
        attributes |= {ACCUMULATED: " ".join(sorted(sums))} if sums else {}
        values = _typed(pd.concat(parts))
        return Records(values, units, _places(stations, pd.unique(values["station"])), attributes)

    def differing(self, others: Sequence[Records]) -> tuple[str, ...]:
        """The attributes that `others` have otherwise, and that `joined` takes from the first."""
        known, different = dict(self.attributes), dict[str, None]()
        for other in others:
            different |= {
                name: None
                for name, text in other.attributes.items()
                if name != ACCUMULATED and known.setdefault(name, text) != text
            }
        return tuple(different)

    def in_units(self, units: Mapping[str, str]) -> Records:
        """The same records with the quantities named in `units` converted.

        Raises
        ------
        UnitError
            The units of a quantity have different dimensions.
        """
        values = self.values.copy()
        for quantity, unit in units.items():
            own = self.units.get(quantity, unit)
            rows = (values["quantity"] == quantity).to_numpy()
            if own == unit or not rows.any():
                continue
            for name in ("value", "error"):
                values.loc[rows, name] = convert(values.loc[rows, name], own, unit, quantity)
        return replace(self, values=values, units={**self.units, **units})

    def _series(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Quantity and values of every series."""
        for _, series in self.values.groupby(KEY, dropna=False):
            yield str(series["quantity"].iloc[0]), series

    @property
    def accumulated(self) -> frozenset[str]:
        """The quantities that are sums over their intervals."""
        return frozenset(self.attributes.get(ACCUMULATED, "").split()) & set(self.units)

    def accumulating(self, *quantities: str) -> Records:
        """The same records with these quantities, too, as sums over their intervals.

        >>> daily = read("gauge.csv").accumulating("rain").aggregated("1 D")
        """
        unknown = sorted(set(quantities) - set(self.units))
        if unknown:
            raise DataError(f"there is no {unknown[0]!r} to accumulate; there is {set(self.units)}")
        sums = " ".join(sorted(self.accumulated | set(quantities)))
        return replace(self, attributes={**self.attributes, ACCUMULATED: sums})

    def aggregated(self, every: Duration, at_least: float = 0.75) -> Records:
        """Means over intervals of `every` from midnight UTC; sums of what is `accumulated`.

        Good values count; the error is that of independent values. A mean with fewer than
        `at_least` of the readings that the usual spacing of the series promises is flagged
        "too_few", never filled; so is a sum that lacks any of them.
        """
        step = pd.Timedelta(duration(every, "every"))
        means = [
            _combined(series, step, at_least, quantity in self.accumulated)
            for quantity, series in self._series()
        ]
        return replace(self, values=_typed(pd.concat(means)) if means else self.values)


class Format(ABC):
    """A file format of observations; the author writes `read` and says which files are its own."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    def recognises(self, path: Path) -> bool:
        """Whether a file is of this format: by its name, unless a subclass looks inside."""
        return path.name.lower().endswith(self.suffixes)

    @abstractmethod
    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a file; DataError where it is damaged. `zone` is that of bare times."""

    def oddities(self, path: Path) -> tuple[str, ...]:
        """What is odd about a file, though it can be read, that its records no longer show."""
        return ()

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """Names, by kind, of what a file has and its records have not."""
        return {}

    def write(self, records: Records, path: Path) -> None:
        """Nothing; the file at `path` then holds all of `records` but what is `left_out`."""
        raise DataError(f"{type(self).__name__} cannot be written; choose another format")

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """The attributes that reading the file written of `records` to `path` gives."""
        return records.attributes

    def places_held(self, records: Records) -> tuple[str, ...]:
        """The columns of the stations' places that a file written of `records` holds."""
        return tuple(PLACES)

    def left_out(self, records: Records, path: Path) -> Mapping[str, tuple[str, ...]]:
        """Names, by kind, of what a file written of `records` does not hold.

        That is what describes the values; what belongs to them is held, or refused in `write`.
        """
        held = self.attributes_held(records, path)
        attributes = (name for name, text in records.attributes.items() if held.get(name) != text)
        able = self.places_held(records)
        places = (str(name) for name in records.stations if name not in able)
        return _named({"attributes": tuple(attributes), "places of stations": tuple(places)})


def _named(kinds: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The kinds of which there is anything."""
    return {kind: names for kind, names in kinds.items() if names}


def to_utc(
    times: Any, zone: str | None, source: str, lines: Sequence[int] | None = None
) -> pd.Series:
    """Times as naive UTC at nanoseconds; texts are ISO 8601, for a guess would swap day and month.

    `lines` are those of the times in the file, to be named when one of them is wrong.

    Raises
    ------
    DataError
        A time has no zone and `zone` declares none, or is no time.
    """
    given = pd.Series(times)
    series = _stamps(given, source, lines)
    if series.isna().any():
        row = int(np.flatnonzero(series.isna())[0])
        raise DataError(f"{source} has no time in {_place(row, lines)}")
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        if series.dtype == object:
            raise DataError(f"{source} mixes times of different zones; write all in UTC")
        if zone is None:
            raise DataError(
                f"{source} has times without a zone, such as {series.iloc[0]}; "
                "write them in UTC with a trailing Z, or declare zone='UTC'"
            )
        series = _localized(series, zone, source, lines)
    utc = series.dt.tz_convert("UTC").dt.tz_localize(None)
    far = (utc < pd.Timestamp.min) | (utc > pd.Timestamp.max)
    if far.any():
        row = int(np.argmax(far))
        raise DataError(
            f"{source} has a time that cannot be read in {_place(row, lines)}: "
            f"{given.iloc[row]!s} is not between the years 1678 and 2262"
        )
    return utc.astype("datetime64[ns]")


def bare(times: pd.Series) -> np.ndarray:
    """Which of the texts name no zone."""
    return ~times.astype(str).str.contains(ZONED).to_numpy(bool)


def _place(row: int, lines: Sequence[int] | None) -> str:
    return f"row {row + 1}" if lines is None else f"line {lines[row]}"


def _stamps(given: pd.Series, source: str, lines: Sequence[int] | None) -> pd.Series:
    """Times with the zone that they name, NaT where there is none."""
    texts = pd.api.types.infer_dtype(given, skipna=True) == "string"
    form = "ISO8601" if texts else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # pandas 2 only warns of mixed zones
            return cast("pd.Series", pd.to_datetime(given, format=form))
    except (ValueError, TypeError, FutureWarning) as error:
        utc = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
        wrong = (utc.isna() & given.notna()).to_numpy()
        if texts and wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{source} has a time that cannot be read in {_place(row, lines)}: "
                f"{given.iloc[row]!r}; write it as 2016-05-01T12:00Z"
            ) from None
        if not texts:
            why = str(error).partition(". ")[0]
            raise DataError(f"{source} has a time that cannot be read: {why}") from None
    zoneless = bare(given)
    if zoneless.any():
        row = int(np.argmax(zoneless))
        raise DataError(
            f"{source} has a time without a zone in {_place(row, lines)}: {given.iloc[row]!r}, "
            "others have one; write all in UTC"
        )
    return cast("pd.Series", utc)


def _localized(series: pd.Series, zone: str, source: str, lines: Sequence[int] | None) -> pd.Series:
    try:
        pd.Timestamp(0).tz_localize(str(zone))
    except Exception:  # pandas 2 raises those of pytz
        raise DataError(
            f"{source} is said to be in zone {zone!r}, which is none; write one such as "
            "'Europe/Berlin', 'UTC' or 'UTC-06:00'"
        ) from None
    try:
        return cast("pd.Series", series.dt.tz_localize(zone))
    except Exception:  # of hours of a clock change; which, the next lines find out
        shown = np.ones(len(series), bool)
        known = series.dt.tz_localize(zone, ambiguous=shown, nonexistent="NaT")
        once = series.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").notna()
    row = int(np.argmax(known.isna() | ~once))
    why = "the clock went back past" if not once.iloc[row] else "the clock never showed"
    at = "" if lines is None else f" line {lines[row]}"
    raise DataError(
        f"{source}{at} has times that zone {zone!r} does not settle: {why} {series.iloc[row]}; "
        "write them in UTC or with their offset"
    )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns `COLUMNS`, in their types and in the order of time within each series."""
    types: dict[str, Any] = dict.fromkeys(("depth", "value", "error"), np.float64)
    types |= {"time": "datetime64[ns]", "end": "datetime64[ns]", "count": np.int64}
    types |= dict.fromkeys(("station", "quantity", "flag"), object)
    frame = frame.fillna({"flag": "", "count": 1})[list(COLUMNS)].astype(types)
    order = [name for name in KEY if _varies(frame[name])] + ["time"]
    order += ["end"] if (frame["end"] != frame["time"]).any() else []
    return frame.sort_values(order, kind="stable", ignore_index=True)


def _varies(column: pd.Series) -> bool:
    """Whether a column has two values: to sort by one that has not takes as long."""
    values = column.to_numpy()
    if not values.size:
        return False
    known = values[0] == values[0]  # the first may be NaN, which equals nothing
    return bool((values != values[0]).any() if known else (values == values).any())


def _places(stations: pd.DataFrame | None, named: Any, source: str = "the series") -> pd.DataFrame:
    """Places of the stations `named`, sorted, with the columns that say anything."""
    index = pd.Index(sorted(named), dtype=object, name="station")
    if stations is None:
        return pd.DataFrame(index=index)
    known = [name for name in PLACES if name in stations]
    places = stations[known].astype(np.float64).reindex(index)
    for name, bound in (("lat", 90.0), ("lon", 360.0)):
        if name in places and (places[name].abs() > bound).any():
            row = int(np.nanargmax(places[name].abs()))
            raise DataError(
                f"{source}: {name} of station {index[row]!r} must lie within {bound:g} degrees, "
                f"got {places[name].iloc[row]:g}; are latitude and longitude swapped?"
            )
    if "elevation" in places and places["elevation"].isin(SENTINELS).any():
        row = int(np.argmax(places["elevation"].isin(SENTINELS)))
        raise DataError(
            f"{source}: elevation of station {index[row]!r} is "
            f"{places['elevation'].iloc[row]:g}, which often stands for a missing value; leave it "
            "out if it is not known"
        )
    return places.dropna(axis="columns", how="all")


def to_wide(records: Records) -> tuple[pd.DataFrame, dict[str, str]]:
    """A row per time, station and depth with columns per quantity, and the units of the columns.

    Columns of an error, a flag or a count come only where they say something. Where a row lacks a
    quantity its flag is "not_recorded".
    """
    keys = ["time", "end", "station", "depth"]
    values = records.values
    again = records.repeated
    if again is not None:
        raise DataError(
            f"station {again['station']!r} has {again['quantity']} twice at {again['time']}"
        )
    alone = len(records.units) == 1
    wide = values[keys] if alone else values[keys].drop_duplicates(ignore_index=True)
    wide, units = wide.copy(), {"depth": "m"}
    for quantity, unit in records.units.items():
        part = values[values["quantity"] == quantity].drop(columns="quantity")
        if alone:
            merged, absent = part, np.zeros(len(part), bool)
        else:
            merged = wide[keys].merge(part, how="left", on=keys, indicator="found")
            absent = (merged["found"] == "left_only").to_numpy()
        flags = merged["flag"].astype(object).mask(absent, NOT_RECORDED)
        wide[quantity], units[quantity] = merged["value"], unit
        if part["error"].notna().any():
            wide[f"{quantity}_error"], units[f"{quantity}_error"] = merged["error"], unit
        if (flags != "").any():
            wide[f"{quantity}_flag"] = flags
        if (part["count"] != 1).any():
            wide[f"{quantity}_count"] = merged["count"].fillna(0).astype(np.int64)
            units[f"{quantity}_count"] = "1"
    if wide["depth"].isna().all():
        wide = wide.drop(columns="depth")
    return wide, units


def from_wide(
    wide: pd.DataFrame,
    quantities: Sequence[str],
    units: Mapping[str, str],
    stations: pd.DataFrame | None,
    attributes: Mapping[str, str],
    zone: str | None,
    source: str,
) -> Records:
    """Records from a table as `to_wide` makes it."""
    parts = []
    if "depth" in wide and units.get("depth", "m") != "m":
        depth = convert(wide["depth"], units["depth"], "m", f"{source}: depth")
        wide = wide.assign(depth=depth)
    for quantity in quantities:
        unit = units.get(quantity, "")
        if not unit:
            raise DataError(f"{source} gives no unit for {quantity}; write one below its name")
        part = wide[[name for name in ("time", "end", "station", "depth") if name in wide]]
        part = part.assign(quantity=quantity, value=wide[quantity])
        for end, name in SIDE.items():
            if f"{quantity}{end}" in wide:
                part[name] = wide[f"{quantity}{end}"]
        if "error" in part:
            own = units.get(f"{quantity}_error") or unit
            part["error"] = convert(part["error"], own, unit, f"{source}: {quantity}_error")
        if "flag" in part:
            part = part[part["flag"] != NOT_RECORDED]
        parts.append(part)
    if not parts:
        raise DataError(f"{source} holds no quantity; its columns are {', '.join(map(str, wide))}")
    names = {quantity: units[quantity] for quantity in quantities}
    return Records.of(pd.concat(parts), names, stations, attributes, zone, source)


def _refuse_two_datums(one: Records, other: Records) -> None:
    """Nothing, unless both hold levels, and say that they are in relation to something else."""
    named = one.attributes.get(REFERENCE), other.attributes.get(REFERENCE)
    if None not in named and named[0] != named[1] and LEVEL in one.units and LEVEL in other.units:
        raise DataError(
            f"{LEVEL} of station {one.stations.index[0]!r} is in relation to {named[0]}, that of "
            f"{other.stations.index[0]!r} to {named[1]}; read both with one datum, or give them to "
            "two networks"
        )


def _one_place(column: pd.Series) -> Any:
    known = column.dropna().unique()
    if known.size > 1:
        raise DataError(f"a station has two values of {column.name}: {known[0]} and {known[1]}")
    return known[0] if known.size else np.nan


def _combined(
    series: pd.DataFrame, step: pd.Timedelta, at_least: float, summed: bool
) -> pd.DataFrame:
    """Means, or sums, of one series over intervals of `step`."""
    good = series[(series["flag"] == "") & series["value"].notna()]
    spacing = pd.Timedelta(np.median(np.diff(series["time"]))) if len(series) > 1 else step
    expected = max(step / spacing, 1.0)
    bins = series["time"].dt.floor(step)
    groups = good.groupby(bins.loc[good.index])
    table = pd.DataFrame(index=pd.Index(bins.unique()))
    table["value"] = groups["value"].sum() if summed else groups["value"].mean()
    table["count"] = groups["count"].size()
    table["count"] = table["count"].fillna(0)
    squares = (good["error"] ** 2).groupby(bins.loc[good.index]).sum(min_count=1)
    table["error"] = np.sqrt(squares) / (1.0 if summed else table["count"])
    least = expected if summed else at_least * expected
    table["flag"] = np.where(table["count"] < least - 1e-9, TOO_FEW, "")
    table["time"] = table.index
    table["end"] = table["time"] + step
    for name in KEY:
        table[name] = series[name].iloc[0]
    return table
