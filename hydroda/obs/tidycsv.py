"""Tidy CSV: a row per station and time, columns per quantity, and a row of units.

    # title: Fürstensee
    time,end,station,depth,soil_moisture,soil_moisture_error,soil_moisture_flag
    UTC,UTC,,m,m3 m-3,m3 m-3,
    2014-01-10T00:00:00Z,2014-01-11T00:00:00Z,FSC001,,0.183,0.004,

`end`, `depth` and the columns `_error`, `_flag` and `_count` of a quantity may be left out. The
zone of times without one stands in the row of units. An empty value is a missing one; a quantity
that was not read at all then has the flag "not_recorded". Numbers that often stand for a missing
value, such as -9999, are refused unless a comment `# genuine: -9999` says that they were measured.
Places of the stations stand in a second table beside the first, `name.stations.csv`.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.files import replacing
from hydroda.obs.records import PLACES, SIDE, Format, Records, from_wide, to_utc, to_wide
from hydroda.obs.textfiles import (
    SENTINELS,
    cells_of,
    is_unit,
    numbers,
    refuse_sentinels,
    separator_hint,
    text_of,
)
from hydroda.units import convert

KEYS = ("time", "end", "station", "depth")
GENUINE = "genuine"
POINT = "; write it with a decimal point and nothing else, or leave the cell empty"
MISSING = f"leave the cell empty, or say '# {GENUINE}: ' and the number if it was measured"


class _Table(NamedTuple):
    """A table in its parts, and the line of every row of its frame."""

    attributes: dict[str, str]
    names: list[str]
    units: dict[str, str]
    frame: pd.DataFrame
    lines: Sequence[int]


class TidyCsv(Format):
    """Text tables, plain or gzipped."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".csv.gz")

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a table and, where there is one, of its table of stations.

        Raises
        ------
        DataError
            Names the file, the line and what stands there.
        """
        table = _table(path, ("time", "station"))
        names, units = table.names, table.units
        quantities = [name for name in names if name not in KEYS and not _side_of(name, names)]
        for name in quantities:
            _refuse_unknown_unit(units[name], name, path.name)
        zone = units["time"] or zone
        frame = table.frame
        for name in (name for name in ("time", "end") if name in names):
            frame[name] = to_utc(frame[name], zone, path.name, table.lines)
        nameless = (frame["station"] == "").to_numpy()
        if nameless.any():
            line = table.lines[int(np.argmax(nameless))]
            raise DataError(f"{path.name} line {line} has a value without a station; name it")
        records = from_wide(
            frame, quantities, units, _stations(path), table.attributes, "UTC", path.name
        )
        _refuse_twice(records, table, path.name)
        return records

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """The stations of the table of stations that have no values."""
        places = _stations(path)
        if places is None:
            return {}
        valued = set(_table(path, ("time", "station")).frame["station"])
        names = tuple(str(name) for name in places.index if name not in valued)
        return {"stations": names} if names else {}

    def oddities(self, path: Path) -> tuple[str, ...]:
        """How many rows are earlier than the row before of the same station and depth."""
        frame = _table(path, ("time", "station")).frame
        times = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
        keys = [frame[name] for name in ("station", "depth") if name in frame]
        steps = times.groupby(keys, dropna=False).diff().to_numpy("timedelta64[ns]")
        back = steps < np.timedelta64(0, "ns")
        if not back.any():
            return ()
        first = frame["time"][back].iloc[0]
        return (f"rows out of the order of time: {back.sum()}, first the one of {first}",)

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """The attributes whose names a comment can hold."""
        return {
            name.strip(): " ".join(text.split())
            for name, text in records.attributes.items()
            if ":" not in name and "\n" not in name and name != GENUINE
        }

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds the values and `name.stations.csv` beside it the places.

        Readings at instants need no `end`.
        """
        wide, units = to_wide(records)
        instants = (wide["end"] == wide["time"]).all()
        wide = wide.drop(columns="end") if instants else wide
        for name in ("time",) if instants else ("time", "end"):
            stamps = wide[name].to_numpy("datetime64[ns]")
            whole = (stamps == stamps.astype("datetime64[s]")).all()
            unit: Literal["s", "ns"] = "s" if whole else "ns"
            wide[name] = np.datetime_as_string(stamps, unit=unit, timezone="UTC").astype(object)
            units[name] = "UTC"
        _write_table(path, wide, units, self.attributes_held(records, path))
        if not records.stations.columns.empty:
            places = records.stations.reset_index()
            known = {"station": "", **PLACES}
            _write_table(
                _beside(path), places, {name: known[name] for name in map(str, places)}, {}
            )


def _beside(path: Path) -> Path:
    """Where the stations of the table at `path` stand."""
    for suffix in sorted(TidyCsv.suffixes, key=len, reverse=True):
        if path.name.endswith(suffix):
            return path.with_name(path.name.removesuffix(suffix) + ".stations.csv")
    return path.with_name(path.name + ".stations.csv")


def _side_of(name: str, names: list[str]) -> bool:
    """Whether a column goes with that of a quantity, as `soil_moisture_error` does."""
    return any(name.endswith(end) and name.removesuffix(end) in names for end in SIDE)


def _table(path: Path, needed: tuple[str, ...]) -> _Table:
    """A table in its parts; numbers as float64.

    Raises
    ------
    DataError
        Names the line that is cut, no number, or a stand-in for a missing value.
    """
    text = text_of(path)
    lines = text.splitlines()
    attributes, head = _head(lines, "#" in text, path.name)
    (names, _), (cells, units_at) = head
    for name in needed:
        if name not in names:
            raise DataError(
                f"{path.name} needs a column {name!r}; it has {', '.join(names)}; {_unlike(names)}"
            )
    if len(cells) != len(names):
        raise DataError(
            f"{path.name} line {units_at + 1} has {len(cells)} cells in place of {len(names)}; "
            "write one unit, or an empty cell, below each name"
        )
    texts = {"time", "end", "station"} | {name for name in names if name.endswith("_flag")}
    lines[units_at] = ""
    columns, numbered = cells_of(lines, ",", list, path.name)
    frame = pd.DataFrame(
        {
            name: column if name in texts else numbers(column, numbered, path.name, name, POINT)
            for name, column in columns.items()
        }
    )
    genuine = numbers(attributes.pop(GENUINE, "").split(), [1] * len(lines), path.name, GENUINE)
    for name in names:
        if name not in texts and not name.endswith("_count"):
            values = frame[name].to_numpy(np.float64)
            suspect = np.where(np.isin(values, genuine), 0.0, values)
            refuse_sentinels(suspect, numbered, path.name, name, MISSING)
    return _Table(attributes, names, dict(zip(names, cells, strict=True)), frame, numbered)


def _head(
    lines: list[str], commented: bool, source: str
) -> tuple[dict[str, str], list[tuple[list[str], int]]]:
    """Comments `# key: value`, made empty, then names and units, each with its place in `lines`."""
    attributes: dict[str, str] = {}
    head: list[tuple[list[str], int]] = []
    for number, line in enumerate(lines):
        if len(head) == 2 and not commented:
            break
        if line.startswith("#"):
            key, _, text = line[1:].partition(":")
            if attributes.setdefault(key.strip(), text.strip()) != text.strip():
                raise DataError(
                    f"{source} line {number + 1}: {key.strip()} is {text.strip()!r}, and "
                    f"{attributes[key.strip()]!r} above; keep one, or write two files"
                )
            lines[number] = ""
        elif line.strip() and len(head) < 2:
            head.append(([cell.strip() for cell in next(csv.reader([line]))], number))
    if len(head) < 2:
        raise DataError(f"{source} needs a row of names and a row of units")
    names = head[0][0]
    if "" in names:
        raise DataError(
            f"{source} has a column without a name; is there a separator at the end of its lines?"
        )
    if len(set(names)) < len(names):
        raise DataError(f"{source} names a column twice: {', '.join(names)}")
    return attributes, head


def _unlike(names: list[str]) -> str:
    """What to do about a table that is not a tidy one."""
    hint = separator_hint(names, ",")
    if hint:
        return f"separate the columns by commas, not by {hint}, or give a ColumnMap"
    return "a table of another layout needs a ColumnMap (on the command line --map)"


def _stations(path: Path) -> pd.DataFrame | None:
    beside = _beside(path)
    if not beside.exists():
        return None
    table = _table(beside, ("station",))
    units, frame = table.units, table.frame.set_index("station")
    twice = frame.index[frame.index.duplicated()]
    if len(twice):
        raise DataError(f"{beside.name} has station {twice[0]!r} twice; keep one row of it")
    unknown = sorted(set(map(str, frame)) - set(PLACES))
    if unknown:
        raise DataError(f"{beside.name} has {unknown[0]!r}; known are {', '.join(PLACES)}")
    for name, unit in PLACES.items():
        if name in frame:
            frame[name] = convert(frame[name], units[name], unit, f"{beside.name}: {name}")
    return frame


def _refuse_unknown_unit(unit: str, name: str, source: str) -> None:
    if unit and not is_unit(unit):
        raise DataError(
            f"{source} has {name} in {unit!r}, which is no unit; write one such as m in the row "
            "below the names"
        )


def _refuse_twice(records: Records, table: _Table, source: str) -> None:
    """Nothing, unless a station has a quantity twice at one depth and time."""
    again = records.repeated
    if again is None:
        return
    frame = table.frame
    same = (frame["station"] == again["station"]) & (frame["time"] == again["time"])
    lines = " and ".join(str(table.lines[int(row)]) for row in np.flatnonzero(same)[:2])
    raise DataError(
        f"{source} lines {lines}: station {again['station']!r} has {again['quantity']} twice at "
        f"{again['time']} UTC; keep one"
    )


def _write_table(
    path: Path, frame: pd.DataFrame, units: Mapping[str, str], attributes: Mapping[str, str]
) -> None:
    """Writes comments, names, units and rows; numbers in the digits that give them back exactly."""
    text = io.StringIO()
    plain = [name for name in frame if pd.api.types.is_float_dtype(frame[name])]
    genuine = np.unique(frame[plain].to_numpy()[np.isin(frame[plain].to_numpy(), SENTINELS)])
    if genuine.size:
        attributes = {**attributes, GENUINE: " ".join(map(repr, genuine.tolist()))}
    for key, value in attributes.items():
        text.write(f"# {key}: {' '.join(str(value).split())}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerow([units.get(name, "") for name in map(str, frame)])
    # A row must not begin as a comment does.
    comment = frame.columns[0] != "time" and any(
        str(cell).startswith("#") for cell in frame.iloc[:, 0].unique()
    )
    frame.to_csv(
        text,
        index=False,
        header=False,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if comment else csv.QUOTE_MINIMAL,
    )
    data = text.getvalue().encode()
    with replacing(path) as temporary:
        packed = gzip.compress(data, 3, mtime=0) if path.name.endswith(".gz") else data
        temporary.write_bytes(packed)
