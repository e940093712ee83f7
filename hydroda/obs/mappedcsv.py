"""Plain CSV of any layout, read with a map that says what every column is.

The map may stand in a file beside the table:

    time = "date"
    zone = "Europe/Amsterdam"
    after = "1 D"
    missing = ["-9999"]

    [columns.head]
    station = "nb1"
    quantity = "groundwater_level"
    unit = "m"
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hydroda.errors import DataError, DeclarationError, HydrodaError
from hydroda.obs.holding import ALL, exact, refuse_repeated, refuse_side, write_lines
from hydroda.obs.records import KEY, Format, Records, bare, to_utc
from hydroda.obs.textfiles import (
    SENTINELS,
    SEPARATORS,
    cells_of,
    is_unit,
    numbers,
    refuse_disorder,
    refuse_sentinels,
    text_of,
)
from hydroda.units import Amount, Duration, duration, magnitude

DAY = np.timedelta64(1, "D")
FORM = "a plain table"


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column of a table holds: the quantity of a station in a unit, at a depth [m]."""

    station: str
    quantity: str
    unit: str
    depth: Amount | None = None

    def __post_init__(self) -> None:
        for name in ("station", "quantity", "unit"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise DeclarationError(f"{name} of a column must be a text, got {value!r}")
        if not is_unit(self.unit):
            raise DeclarationError(
                f"{self.quantity} is in {self.unit!r}, which is no unit; write one such as m"
            )
        if self.depth is not None:
            object.__setattr__(self, "depth", magnitude(self.depth, "m", "depth of a column"))

    @property
    def entries(self) -> dict[str, str]:
        """What a column map says of the column."""
        told = {"station": self.station, "quantity": self.quantity, "unit": self.unit}
        return told if self.depth is None else told | {"depth": f"{float(self.depth)!r} m"}


@dataclass(frozen=True, kw_only=True)
class ColumnMap:
    """What the columns of a table are. What it does not say is refused, never guessed.

    `time` is the column of times, ISO 8601 or in `time_format` (as in `strftime`), in `zone` where
    they name none. A value is of an instant, or of the interval `after` or `before` its time; one
    of whole days follows the clock of the zone. `missing` are the texts that stand for no value,
    an empty cell aside; numbers that often do (9999, -9999) are refused unless they are among
    them or among the `genuine` ones. Columns not among `columns` must be named in `ignore`.
    """

    time: str
    columns: Mapping[str, Column]
    zone: str | None = None
    time_format: str | None = None
    after: Duration | None = None
    before: Duration | None = None
    missing: tuple[str, ...] = ()
    genuine: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    separator: str = ","
    decimal: str = "."
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("missing", "genuine", "ignore"):
            value = getattr(self, name)
            alone = isinstance(value, str | int | float)
            words = (str(value),) if alone else tuple(map(str, value))
            object.__setattr__(self, name, words)
        for name in ("time", "zone", "time_format", "separator", "decimal"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise DeclarationError(f"{name} must be a text, got {value!r}; write it in quotes")
        try:
            pd.to_datetime(["2000"], format=self.time_format or "ISO8601", errors="coerce")
        except ValueError as error:
            raise DeclarationError(f"time_format cannot be {self.time_format!r}: {error}") from None
        for name in ("columns", "attributes"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        for name in ("after", "before"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, duration(getattr(self, name), name))
        if self.after is not None and self.before is not None:
            raise DeclarationError("a value is of the interval after or before its time, not both")
        if not self.columns or self.time in self.columns:
            raise DeclarationError("columns must name at least one column beside that of the time")
        if (
            len(self.separator) != 1
            or self.decimal not in (".", ",")
            or self.decimal == (self.separator)
        ):
            raise DeclarationError(
                "separator must be one character and decimal '.' or ',', another one; got "
                f"{self.separator!r} and {self.decimal!r}"
            )
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        """One series per station, quantity and depth; one unit per quantity."""
        series: dict[Any, str] = {}
        units: dict[str, str] = {}
        for name, column in self.columns.items():
            key = (column.station, column.quantity, column.depth)
            if key in series:
                raise DeclarationError(
                    f"columns {series[key]!r} and {name!r} are both {column.quantity} of station "
                    f"{column.station!r}; give them different stations or depths"
                )
            series[key] = name
            if units.setdefault(column.quantity, column.unit) != column.unit:
                raise DeclarationError(
                    f"{column.quantity} is in {units[column.quantity]!r} and in {column.unit!r}; "
                    "a table has one unit per quantity: read the columns with two maps and join"
                )

    @classmethod
    def of(cls, path: str | Path) -> ColumnMap:
        """The map in a TOML file.

        Raises
        ------
        DataError
            The file is missing or no TOML.
        DeclarationError
            It has an entry that is unknown, or lacks one.
        """
        path = Path(path)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise DataError(f"{path} is no column map: {error}") from None
        columns = table.pop("columns", {})
        if not isinstance(columns, dict) or not all(isinstance(c, dict) for c in columns.values()):
            raise DeclarationError(f"{path.name} needs tables [columns.NAME], one per column")
        known = {
            name: _built(Column, entries, f"{path.name}, column {name!r}")
            for name, entries in columns.items()
        }
        built: ColumnMap = _built(cls, {**table, "columns": known}, path.name)
        return built

    @classmethod
    def holding(cls, records: Records) -> ColumnMap:
        """The map of a table with a column for each series of `records`, in UTC.

        Raises
        ------
        DataError
            Their values are of intervals of different lengths, or have errors, flags or counts.
        """
        refuse_side(records, FORM, genuine=True)
        refuse_repeated(records, FORM)
        values = records.values
        spans = pd.unique(values["end"] - values["time"])
        if len(spans) > 1:
            raise DataError(
                f"{FORM} has one length of intervals, got {pd.Timedelta(spans[0])} and "
                f"{pd.Timedelta(spans[1])}; {ALL}"
            )
        columns: dict[str, Column] = {}
        for station, quantity, at in values[KEY].drop_duplicates().to_numpy().tolist():
            depth = None if np.isnan(at) else f"{at!r} m"
            name = "_".join(word for word in (station, quantity, depth) if word).replace(" ", "_")
            while name in columns:  # station a_b with c, and a with b_c
                name += "_"
            columns[name] = Column(
                station=station, quantity=quantity, unit=records.units[quantity], depth=depth
            )
        seconds = int(spans[0] / np.timedelta64(1, "ns")) if len(spans) else 0
        genuine = np.unique(values["value"][np.isin(values["value"], SENTINELS)])
        return cls(
            time="time",
            columns=columns,
            zone="UTC",
            after=f"{seconds} ns" if seconds else None,
            genuine=tuple(map(repr, genuine.tolist())),
            attributes=records.attributes,
        )

    def toml(self) -> str:
        """The map as `of` reads it."""
        lines = []
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in ("columns", "attributes") or value is None or isinstance(value, tuple):
                continue
            if isinstance(value, np.timedelta64):
                value = f"{value / np.timedelta64(1, 'ns'):.0f} ns"
            lines.append(f"{entry.name} = {_quoted(value)}")
        for name in ("missing", "genuine", "ignore"):
            words = ", ".join(map(_quoted, getattr(self, name)))
            lines += [f"{name} = [{words}]"] if words else []
        tables = {"attributes": dict(self.attributes)} if self.attributes else {}
        tables |= {f"columns.{_quoted(name)}": each.entries for name, each in self.columns.items()}
        for name, entries in tables.items():
            lines += ["", f"[{name}]"]
            lines += [f"{_quoted(key)} = {_quoted(value)}" for key, value in entries.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class MappedCsv(Format):
    """Text tables, plain or gzipped, that `columns` explains."""

    columns: ColumnMap

    def recognises(self, path: Path) -> bool:
        """Always: the map was given for the file."""
        return True

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a table. `zone` is that of bare times where the map names none.

        Raises
        ------
        DataError
            Names the file, the line and what stands there, and what the map would have to say.
        """
        told = self.columns

        def chosen(names: list[str]) -> list[str]:
            _refuse_columns(names, told, path.name)
            return [told.time, *told.columns]

        cells, lines = cells_of(text_of(path).splitlines(), told.separator, chosen, path.name)
        start, end = _intervals(cells[told.time], lines, told, zone, path.name)
        refuse_disorder(start, lines, path.name)
        parts = []
        for name, column in told.columns.items():
            values = _values(cells[name], lines, told, path.name, name)
            part = pd.DataFrame({"time": start, "end": end, "value": values})
            depth = np.nan if column.depth is None else float(column.depth)
            parts.append(part.assign(station=column.station, quantity=column.quantity, depth=depth))
        units = {column.quantity: column.unit for column in told.columns.values()}
        frame = pd.concat(parts)
        return Records.of(frame, units, None, told.attributes, "UTC", path.name)

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """The columns that the map ignores."""
        return {"columns": self.columns.ignore} if self.columns.ignore else {}


class PlainCsv(Format):
    """A table with a column per series and its map beside it: `x.csv` and `x.csv.toml`."""

    def recognises(self, path: Path) -> bool:
        """Whether a map stands beside the file."""
        return _map_beside(path).exists()

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a table as its map tells."""
        return MappedCsv(ColumnMap.of(_map_beside(path))).read(path, zone)

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """The columns that the map ignores."""
        return MappedCsv(ColumnMap.of(_map_beside(path))).unread(path)

    def places_held(self, records: Records) -> tuple[str, ...]:
        """None: a map tells of columns only."""
        return ()

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds a row per time and a column per series, and its map is beside it.

        A series without a value at a time that others have gets an empty cell there.
        """
        told = ColumnMap.holding(records)
        series = {
            name: own.set_index("time")["value"]
            for name, (_, own) in zip(
                told.columns, records.values.groupby(KEY, dropna=False, sort=False), strict=True
            )
        }
        frame = pd.DataFrame(series).sort_index()
        stamps = (f"{stamp.isoformat()}Z" for stamp in frame.index)
        cells = [exact(frame[name], "") for name in frame]
        names = io.StringIO()
        csv.writer(names, lineterminator="").writerow([told.time, *frame])
        rows = (",".join(row) for row in zip(stamps, *cells, strict=True))
        write_lines(_map_beside(path), [told.toml()])
        write_lines(path, [names.getvalue(), *rows])


def _quoted(text: str) -> str:
    """A string of TOML."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _map_beside(path: Path) -> Path:
    return path.with_name(path.name + ".toml")


def _built(kind: type, entries: Mapping[str, Any], where: str) -> Any:
    known = {entry.name for entry in fields(kind)}
    unknown = sorted(set(entries) - known)
    if unknown:
        raise DeclarationError(
            f"{where} has an entry {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    try:
        return kind(**entries)
    except TypeError as error:  # an entry without a default is missing
        raise DeclarationError(f"{where} is not complete: {error}") from None
    except HydrodaError as error:
        raise type(error)(f"{where}: {error}") from None


def _refuse_columns(names: list[str], told: ColumnMap, source: str) -> None:
    """Nothing, if the map tells of exactly these columns."""
    lacking = [name for name in (told.time, *told.columns, *told.ignore) if name not in names]
    if lacking:
        other = [sign for sign in SEPARATORS if sign != told.separator and sign in names[0]]
        cure = (
            f"; {SEPARATORS[other[0]]} seems to separate them: say separator={other[0]!r}"
            if len(names) == 1 and other
            else ""
        )
        raise DataError(f"{source} has no column {lacking[0]!r}; it has {', '.join(names)}{cure}")
    untold = sorted(set(names) - {told.time, *told.columns, *told.ignore})
    if untold:
        raise DataError(
            f"{source} has a column {untold[0]!r} that the map does not tell of; "
            "name it in columns or in ignore"
        )


def _intervals(
    cells: Sequence[str], lines: Sequence[int], told: ColumnMap, zone: str | None, source: str
) -> tuple[pd.Series, pd.Series]:
    """Start and end of what each value is of, in UTC."""
    form = told.time_format or "ISO8601"
    texts = pd.Series(cells)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # pandas 2 only warns of mixed zones
            stamps = pd.Series(pd.to_datetime(texts, format=form))
    except (ValueError, TypeError, FutureWarning):
        stamps = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
        wrong = stamps.isna().to_numpy()
        zoned = ""
        if not wrong.any() and told.time_format is None:
            wrong, zoned = bare(texts), " with its zone, as others have it"
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{source} line {lines[row]}: {told.time} must be a time in "
                f"{told.time_format or 'ISO 8601'}{zoned}, got {cells[row]!r}; say "
                "time_format='%d.%m.%Y', for example"
            ) from None
    zone = told.zone or zone
    there = to_utc(stamps, zone, source, lines)
    length = told.after if told.after is not None else told.before
    if length is None:
        return there, there
    size = duration(length, "length of the intervals")
    step = size if told.after is not None else -size
    clock = not isinstance(stamps.dtype, pd.DatetimeTZDtype)
    whole = size % DAY == np.timedelta64(0)
    other = to_utc(stamps + step, zone, source, lines) if clock and whole else there + step
    return (there, other) if told.after is not None else (other, there)


def _values(
    cells: Sequence[str], lines: Sequence[int], told: ColumnMap, source: str, name: str
) -> np.ndarray:
    """Numbers of a column, NaN where a cell is empty or stands for no value."""
    absent = set(told.missing)
    texts = ["" if cell in absent else cell for cell in cells]
    cure = "; name it in missing if it stands for none"
    if told.decimal == ",":
        dotted = next((n for n, cell in enumerate(texts) if "." in cell), None)
        if dotted is not None:
            raise DataError(
                f"{source} line {lines[dotted]}: {name} must have a decimal comma, "
                f"got {cells[dotted]!r}"
            )
        texts = [cell.replace(",", ".") for cell in texts]
    elif any("," in cell for cell in texts):
        cure = "; say decimal=',' if the comma is its decimal sign"
    values = numbers(texts, lines, source, name, cure)
    genuine = np.isin(np.array(texts), told.genuine) if told.genuine else False
    refuse_sentinels(
        np.where(genuine, 0.0, values), lines, source, name, "name it in missing or in genuine"
    )
    return values
