"""Tidy CSV: a row per station and time, columns per quantity, and a row of units.

    # title: Fürstensee
    time,end,station,depth,soil_moisture,soil_moisture_error,soil_moisture_flag
    UTC,UTC,,m,m3 m-3,m3 m-3,
    2014-01-10T00:00:00Z,2014-01-11T00:00:00Z,FSC001,,0.183,0.004,

`end`, `depth` and the columns `_error`, `_flag` and `_count` of a quantity may be left out. The
zone of times without one stands in the row of units. An empty value is a missing one; a quantity
that was not read at all then has the flag "not_recorded". Places of the stations stand in a second
table beside the first, `name.stations.csv`.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, TextIO

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.files import replacing
from hydroda.obs.records import PLACES, SIDE, Format, Records, from_wide, to_wide
from hydroda.obs.textfiles import SEPARATORS
from hydroda.units import convert

KEYS = ("time", "end", "station", "depth")


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
        attributes, names, units, frame = _table(path, ("time", "station"))
        quantities = [name for name in names if name not in KEYS and not _side_of(name, names)]
        zone = units["time"] or zone
        stations = _stations(path)
        return from_wide(frame, quantities, units, stations, attributes, zone, path.name)

    def oddities(self, path: Path) -> tuple[str, ...]:
        """How many rows are earlier than the row before of the same station and depth."""
        _, _, _, frame = _table(path, ("time", "station"))
        times = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
        keys = [frame[name] for name in ("station", "depth") if name in frame]
        steps = times.groupby(keys, dropna=False).diff().to_numpy("timedelta64[ns]")
        back = steps < np.timedelta64(0, "ns")
        if not back.any():
            return ()
        first = frame["time"][back].iloc[0]
        return (f"rows out of the order of time: {back.sum()}, first the one of {first}",)

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds the values and `name.stations.csv` beside it the places."""
        if not records.stations.columns.empty:
            places = records.stations.reset_index()
            units = {"station": "", **PLACES}
            _write_table(
                _beside(path), places, {name: units[name] for name in map(str, places)}, {}
            )
        wide, units = to_wide(records)
        for name in ("time", "end"):
            wide[name] = wide[name].map(lambda stamp: stamp.isoformat() + "Z")
            units[name] = "UTC"
        _write_table(path, wide, units, records.attributes)


def _beside(path: Path) -> Path:
    """Where the stations of the table at `path` stand."""
    for suffix in sorted(TidyCsv.suffixes, key=len, reverse=True):
        if path.name.endswith(suffix):
            return path.with_name(path.name.removesuffix(suffix) + ".stations.csv")
    return path.with_name(path.name + ".stations.csv")


def _side_of(name: str, names: list[str]) -> bool:
    """Whether a column goes with that of a quantity, as `soil_moisture_error` does."""
    return any(name.endswith(end) and name.removesuffix(end) in names for end in SIDE)


def _table(
    path: Path, needed: tuple[str, ...]
) -> tuple[dict[str, str], list[str], dict[str, str], pd.DataFrame]:
    """Attributes, names, units and values of a table, numbers as float64."""
    attributes: dict[str, str] = {}
    rows = _rows(path, attributes)
    try:
        _, names = next(rows)
        line, cells = next(rows)
    except StopIteration:
        if not path.stat().st_size:
            raise DataError(f"{path.name} is empty") from None
        raise DataError(f"{path.name} needs a row of names and a row of units") from None
    if len(set(names)) < len(names):
        raise DataError(f"{path.name} names a column twice: {', '.join(names)}")
    for name in needed:
        if name not in names:
            raise DataError(
                f"{path.name} needs a column {name!r}; it has {', '.join(names)}; {_unlike(names)}"
            )
    units = dict(zip(names, cells, strict=True))
    texts = {"time", "end", "station"} | {name for name in names if name.endswith("_flag")}
    columns: list[list[float | str]] = [[] for _ in names]
    for line, cells in rows:
        for name, cell, column in zip(names, cells, columns, strict=True):
            column.append(cell if name in texts else _number(cell, name, path, line, cells))
    return attributes, names, units, pd.DataFrame(dict(zip(names, columns, strict=True)))


def _unlike(names: list[str]) -> str:
    """What to do about a table that is not a tidy one."""
    signs = [sign for sign in ";\t|" if len(names) == 1 and sign in names[0]]
    if signs:
        return f"separate the columns by commas, not by {SEPARATORS[signs[0]]}, or give a ColumnMap"
    return "a table of another layout needs a ColumnMap (on the command line --map)"


def _rows(path: Path, attributes: dict[str, str]) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row; comments `# key: value` go to `attributes`."""
    width = 0
    with _opened(path) as file:
        reader = csv.reader(file)
        try:
            for cells in reader:
                if cells and cells[0].startswith("#"):
                    key, _, text = ",".join(cells)[1:].partition(":")
                    attributes[key.strip()] = text.strip()
                    continue
                if not cells:
                    continue
                width = width or len(cells)
                if len(cells) != width:
                    raise DataError(
                        f"{path.name} line {reader.line_num} has {len(cells)} cells in place of "
                        f"{width}: {','.join(cells)[:80]!r}"
                    )
                yield reader.line_num, [cell.strip() for cell in cells]
        except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path.name} is damaged after line {reader.line_num}: {error}"
            ) from None


def _opened(path: Path) -> TextIO:
    if path.name.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _number(cell: str, name: str, path: Path, line: int, cells: list[str]) -> float:
    if not cell:
        return np.nan
    try:
        return float(cell)
    except ValueError:
        raise DataError(
            f"{path.name} line {line}: {name} must be a number, got {cell!r} in "
            f"{','.join(cells)[:80]!r}"
        ) from None


def _stations(path: Path) -> pd.DataFrame | None:
    beside = _beside(path)
    if not beside.exists():
        return None
    _, _, units, frame = _table(beside, ("station",))
    frame = frame.set_index("station")
    twice = frame.index[frame.index.duplicated()]
    if len(twice):
        raise DataError(f"{beside.name} has station {twice[0]!r} twice; keep one row of it")
    unknown = sorted(set(map(str, frame)) - set(PLACES))
    if unknown:
        raise DataError(f"{beside.name} has {unknown[0]!r}; known are {', '.join(PLACES)}")
    return frame.apply(lambda column: convert(column, units[column.name], PLACES[column.name]))


def _write_table(
    path: Path, frame: pd.DataFrame, units: Mapping[str, str], attributes: Mapping[str, str]
) -> None:
    """Writes comments, names, units and rows; numbers in the digits that give them back exactly."""
    text = io.StringIO()
    for key, value in attributes.items():
        text.write(f"# {key}: {' '.join(str(value).split())}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerow([units.get(name, "") for name in map(str, frame)])
    frame.to_csv(text, index=False, header=False, lineterminator="\n")
    data = text.getvalue().encode()
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
