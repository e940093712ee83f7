"""DINOloket CSV: groundwater levels of the Geological Survey of the Netherlands.

A heading (`Titel:`, `Referentie:`), a table of the well's levels with a row per period, and a table
of readings in cm below the measuring point (MP), below the ground (MV) and above NAP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydroda.errors import DataError
from hydroda.obs.holding import (
    ALL,
    exact,
    only_station,
    refuse_depths,
    refuse_quantities,
    refuse_repeated,
    refuse_side,
    write_lines,
)
from hydroda.obs.records import REFERENCE, Format, Records, to_utc
from hydroda.obs.textfiles import beginning, numbers, refuse_disorder, refuse_sentinels, text_of
from hydroda.units import convert

QUANTITY = "groundwater_level"
ZONE = "Europe/Amsterdam"
DATE = "%d-%m-%Y"
SERIES = ("Locatie", "Filternummer")
READING = re.compile(r"Stand \((\w+) t\.o\.v\. (\w+)\)")
LEVEL = re.compile(r"(.+) \((\w+) t\.o\.v\. NAP\)")
LEVELS = {
    "Maaiveld": "ground",
    "Meetpunt": "measuring_point",
    "Bovenkant filter": "screen_top",
    "Onderkant filter": "screen_bottom",
}
WITHOUT = "no_level"
FORM = SOURCE = "DINOloket"
SCREEN_DIGITS = 3


class Datum(Enum):
    """What a level is measured from; above it (NAP) or below it (the others)."""

    NAP = "NAP"
    GROUND = "MV"
    MEASURING_POINT = "MP"


@dataclass(frozen=True)
class DinoLoket(Format):
    """Readings of one well filter in relation to a `datum`, in the unit of the file.

    The station is the location with the number of the filter, as in "B28C0314001". Its place and
    the last elevation of its ground stand in the records' stations; all levels in `levels`.

    DINOloket gives dates without hours: a reading counts for the Dutch day, so that no analysis
    uses it before it was made. One that has no level in relation to the datum is flagged
    "no_level".
    """

    datum: Datum = Datum.NAP

    def recognises(self, path: Path) -> bool:
        """Whether a text table begins as DINOloket's do."""
        if not path.name.lower().endswith((".csv", ".txt")):
            return False
        head = beginning(path)
        return head.startswith("Titel:") and "Locatie,Filternummer" in head

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a file. Its dates are Dutch; `zone` is not needed.

        Raises
        ------
        DataError
            Names the line that is cut, no number, no date or out of order; or the well has no
            level in relation to the datum.
        """
        wells, readings = _tables(path)
        where, values, unit = _readings(readings, self.datum, path.name)
        days = readings.dates("Peildatum", path.name)
        start = to_utc(days, ZONE, path.name, readings.lines)
        refuse_disorder(start, readings.lines, path.name)
        frame = pd.DataFrame(
            {
                "time": start,
                "end": to_utc(days + pd.Timedelta(1, "D"), ZONE, path.name),
                "station": where,
                "quantity": QUANTITY,
                "value": values,
                "flag": np.where(np.isnan(values), WITHOUT, ""),
            }
        )
        levels = _levels(wells, path.name)
        attributes = {"source": SOURCE, REFERENCE: self.datum.name.lower()}
        attributes |= _as_text(levels)
        places = levels.groupby("station")[["x", "y", "ground"]].last()
        places = places.rename(columns={"ground": "elevation"})
        return Records.of(frame, {QUANTITY: unit}, places, attributes, "UTC", path.name)

    def oddities(self, path: Path) -> tuple[str, ...]:
        """Whether the place is out of the Dutch grid, where x is less than y everywhere."""
        wells, _ = _tables(path)
        places = _levels(wells, path.name)
        odd = places[places["x"] > places["y"]]
        if odd.empty:
            return ()
        x, y = odd["x"].iloc[0], odd["y"].iloc[0]
        return (f"x {x:g} m and y {y:g} m lie outside of the Netherlands; are they swapped?",)

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds the daily levels of one filter, in relation to one datum.

        In the unit of the records. A level that is not there is read again as "no_level".

        Raises
        ------
        DataError
            The records hold more than that, no place, or other intervals than Dutch days.
        """
        station = only_station(records, FORM)
        refuse_quantities(records, (QUANTITY,), FORM)
        refuse_side(records, FORM, flags=lambda flag: flag in ("", WITHOUT))
        refuse_repeated(records, FORM)
        refuse_depths(records, FORM)
        days = _dutch_days(records.values)
        named = self._datum(records)
        if named not in Datum.__members__:
            raise DataError(f"{FORM} has levels in relation to {', '.join(Datum.__members__)}; "
                            f"those of {station!r} are to {named!r}")  # fmt: skip
        stand = f"Stand ({records.units[QUANTITY]} t.o.v. {Datum[named].value})"
        place = records.stations.reindex(columns=["x", "y", "elevation"]).loc[station]
        if place[["x", "y"]].isna().any():
            raise DataError(f"{FORM} needs x and y of station {station!r}")
        x, y, ground = exact(place.to_numpy(float), "")
        numbered = len(station) > SCREEN_DIGITS and station[-SCREEN_DIGITS:].isdigit()
        cut = len(station) - SCREEN_DIGITS * numbered
        name = f"{station[:cut]},{station[cut:]}"
        if "," in station:
            raise DataError(f"{FORM} cannot hold a station with a comma in its name: {station!r}")
        own = f"{name},{x},{y},{ground},{days[0]},{days[-1]}"
        cells = zip(days, exact(records.values["value"], ""), strict=True)
        write_lines(
            path,
            [
                "Titel:,",
                "Referentie:,",
                "",
                f"{','.join(SERIES)},X-coordinaat,Y-coordinaat,Maaiveld (m t.o.v. NAP),"
                "Startdatum,Einddatum",
                own,
                "",
                f"{','.join(SERIES)},Peildatum,{stand}",
                *(f"{name},{day},{value}" for day, value in cells),
            ],
        )

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """The source, the datum and the last level of the ground."""
        station = records.values["station"].iloc[0]
        ground = records.stations.reindex(columns=["elevation"]).loc[station, "elevation"]
        first = pd.to_datetime(_dutch_days(records.values)[0], format=DATE)
        level = {"station": station, "start": first, LEVELS["Maaiveld"]: ground}
        frame = pd.DataFrame([level]).reindex(columns=[*level, *list(LEVELS.values())[1:]])
        return {"source": SOURCE, REFERENCE: self._datum(records).lower(), **_as_text(frame)}

    def places_held(self, records: Records) -> tuple[str, ...]:
        """Dutch coordinates and the elevation."""
        return ("x", "y", "elevation")

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """The columns of both tables that are not read, such as remarks and other datums."""
        wells, readings = _tables(path)
        read = {*SERIES, "Peildatum", "Startdatum", "Einddatum", "X-coordinaat", "Y-coordinaat"}
        names = tuple(
            name
            for name in dict.fromkeys([*wells.names, *readings.names])
            if name not in read
            and not ((level := READING.fullmatch(name)) and level[2] == self.datum.value)
            and not ((match := LEVEL.fullmatch(name)) and match[1] in LEVELS)
        )
        return {"columns": names} if names else {}

    def _datum(self, records: Records) -> str:
        """The name of what the levels of `records` are in relation to."""
        return records.attributes.get(REFERENCE, self.datum.name).upper()

    def levels(self, path: Path) -> pd.DataFrame:
        """Ground, measuring point, top and bottom of the screen [m above NAP], a row per period."""
        return _levels(_tables(path)[0], path.name)


def _dutch_days(values: pd.DataFrame) -> list[str]:
    """Dates of the Dutch days that values are of; DataError where one is of another interval."""
    local = [values[name].dt.tz_localize("UTC").dt.tz_convert(ZONE) for name in ("time", "end")]
    first, last = (each.dt.tz_localize(None) for each in local)
    odd = (first != first.dt.floor("D")) | (last != first + pd.Timedelta(1, "D"))
    if odd.any():
        row = values[odd].iloc[0]
        raise DataError(
            f"{FORM} has levels of whole days in the Netherlands; it cannot hold one from "
            f"{row.time} to {row.end} UTC; {ALL}"
        )
    return list(first.dt.strftime(DATE))


class _Table:
    """Cells of one of the two tables by column, and their lines in the file."""

    def __init__(self, names: list[str], rows: list[list[str]], lines: list[int]) -> None:
        self.names, self.lines = names, lines
        self.columns = {
            name: [row[number].strip() for row in rows] for number, name in enumerate(names)
        }

    def dates(self, name: str, source: str) -> pd.Series:
        """Dates of a column; DataError names the line without one."""
        dates = pd.to_datetime(pd.Series(self.columns[name]), format=DATE, errors="coerce")
        if dates.isna().any():
            row = int(np.flatnonzero(dates.isna())[0])
            raise DataError(
                f"{source} line {self.lines[row]}: {name} must be a date such as 29-03-1971, "
                f"got {self.columns[name][row]!r}"
            )
        return dates

    def stations(self) -> list[str]:
        """Location and filter as one name."""
        location, screen = (self.columns[name] for name in SERIES)
        return [f"{a}{b}" for a, b in zip(location, screen, strict=True)]

    def numbers(self, name: str, source: str) -> NDArray[np.float64]:
        """Numbers of a column, none of them a stand-in for a missing one."""
        values = numbers(self.columns[name], self.lines, source, name)
        refuse_sentinels(values, self.lines, source, name, "leave the cell empty")
        return values


def _tables(path: Path) -> tuple[_Table, _Table]:
    """The table of levels and the table of readings."""
    text = text_of(path, ("utf-8-sig", "cp1252"))
    lines = [line.split(",") for line in text.splitlines()]
    heads = [
        number
        for number, cells in enumerate(lines)
        if tuple(cell.strip() for cell in cells[:2]) == SERIES
    ]
    if len(heads) != 2:
        raise DataError(
            f"{path.name} must have two tables that begin with {','.join(SERIES)}, of the well and "
            f"of its readings; it has {len(heads)}"
        )
    ends = (heads[1], len(lines))
    wells, readings = (
        _cut(lines, head, end, path.name) for head, end in zip(heads, ends, strict=True)
    )
    for table, needed in ((wells, ("X-coordinaat", "Y-coordinaat")), (readings, ("Peildatum",))):
        for name in needed:
            if name not in table.names:
                raise DataError(
                    f"{path.name} needs a column {name!r}; it has {', '.join(table.names)}"
                )
    if not readings.lines:
        raise DataError(f"{path.name} holds no reading")
    if len(set(readings.stations())) > 1:
        raise DataError(f"{path.name} has readings of more than one filter; read them apart")
    if wells.lines and not {*wells.stations()} & {*readings.stations()}:
        raise DataError(
            f"{path.name} tells of the well {wells.stations()[0]} in line {wells.lines[0]}, and "
            f"has readings of {readings.stations()[0]} from line {readings.lines[0]}; "
            "put together what belongs together"
        )
    return wells, readings


def _cut(lines: list[list[str]], head: int, end: int, source: str) -> _Table:
    names = [cell.strip() for cell in lines[head] if cell.strip()]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{source} line {head + 1} names the column {twice[0]!r} twice; keep one")
    rows: list[list[str]] = []
    numbered: list[int] = []
    for number in range(head + 1, end):
        cells = lines[number]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(names):
            raise DataError(
                f"{source} line {number + 1} has {len(cells)} cells in place of {len(names)}: "
                f"{','.join(cells)[:80]!r}; is the file cut?"
            )
        if len(cells) != len(rows[0] if rows else cells) or any(
            map(str.strip, cells[len(names) :])
        ):
            raise DataError(
                f"{source} line {number + 1} has cells without a name: {','.join(cells)[:80]!r}; "
                "is its decimal sign the separator?"
            )
        rows.append(cells)
        numbered.append(number + 1)
    return _Table(names, rows, numbered)


def _readings(
    table: _Table, datum: Datum, source: str
) -> tuple[list[str], NDArray[np.float64], str]:
    """Stations, levels in relation to the datum, and their unit."""
    found = {m[2]: (m[0], m[1]) for m in map(READING.fullmatch, table.names) if m}
    known = {key: table.numbers(name, source) for key, (name, _) in found.items()}
    values = known.get(datum.value)
    if values is None or np.isnan(values).all():
        others = [d for d in Datum if d.value in known and not np.isnan(known[d.value]).all()]
        cure = " or ".join(f"DinoLoket({d})" for d in others)
        raise DataError(
            f"{source} has no level in relation to {datum.value}"
            + (f"; read it with {cure}" if cure else "")
        )
    return table.stations(), values, found[datum.value][1]


def _levels(table: _Table, source: str) -> pd.DataFrame:
    """Levels [m above NAP] and place [m], a row per period, in the order of the periods."""
    columns: dict[str, object] = {"station": table.stations()}
    for name in ("Startdatum", "Einddatum"):
        if name in table.names:
            columns[name] = table.dates(name, source)
    columns |= {axis: table.numbers(f"{axis.upper()}-coordinaat", source) for axis in "xy"}
    for match in map(LEVEL.fullmatch, table.names):
        if match and match[1] in LEVELS:
            values = table.numbers(match[0], source)
            named = f"{source}: {match[1]}"
            columns[LEVELS[match[1]]] = convert(values, match[2], "m", named)
    frame = pd.DataFrame(columns).rename(columns={"Startdatum": "start", "Einddatum": "end"})
    frame = frame.reindex(columns=list(dict.fromkeys([*frame, *LEVELS.values()])))
    return frame.sort_values("start", kind="stable") if "start" in frame else frame


def _as_text(levels: pd.DataFrame) -> dict[str, str]:
    """The levels of each station in words, so that they go with the records into any file."""
    told: dict[str, list[str]] = {}
    for row in levels.to_dict("records"):
        known = [f"{name} {row[name]:g} m" for name in LEVELS.values() if pd.notna(row[name])]
        since = f"from {row['start']:%Y-%m-%d}: " if "start" in row else ""
        told.setdefault(f"levels_{row['station']}", []).append(since + ", ".join(known))
    return {name: "; ".join(periods) + " (NAP)" for name, periods in told.items()}
