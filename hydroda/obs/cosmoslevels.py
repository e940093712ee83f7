"""COSMOS level 1 and 2: counts of the American network's probes, raw and corrected.

Text in columns below their names. Level 1 has what the logger sent; level 2 the counts corrected
for what is local, `CORR`, with their standard deviation `ERR` (Zreda et al. 2012,
doi:10.5194/hess-16-4079-2012; cosmos.hwr.arizona.edu/Docs/data.txt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydroda.errors import DataError
from hydroda.obs.holding import (
    ALL,
    exact,
    minutes,
    only_station,
    refuse_depths,
    refuse_quantities,
    refuse_repeated,
    refuse_side,
    write_lines,
)
from hydroda.obs.records import Format, Records
from hydroda.obs.textfiles import (
    beginning,
    numbers,
    refuse_disorder,
    refuse_sentinels,
    text_of,
    words_of,
)

WHEN = ["YYYY-MM-DD", "HH:MM"]
CORRECTED, ERROR = "CORR", "ERR"
# By column: quantity and unit. PRESS is a pressure in level 1 and a factor in level 2.
LEVEL_1: Mapping[str, tuple[str, str]] = {
    "MOD": ("raw_neutron_counts", "h-1"),
    "MODE": ("raw_neutron_counts", "h-1"),
    "UNMO": ("raw_thermal_counts", "h-1"),
    "PRESS": ("pressure", "hPa"),
    "TEM": ("box_temperature", "degC"),
    "RH": ("box_relative_humidity", "%"),
}
LEVEL_2: Mapping[str, tuple[str, str]] = {
    "MOD": ("raw_neutron_counts", "h-1"),
    CORRECTED: ("neutron_counts", "h-1"),
}
FORM, SOURCE = "COSMOS level 2", "COSMOS, level "
UNITS_ROW = "UTC"  # with which level 1 begins its second line
LONGER = 1.5  # usual intervals, after which counting is taken to have stopped
SLACK = 2.0  # [h-1], to which the rounded factors give the corrected counts


@dataclass(frozen=True)
class CosmosLevels(Format):
    """Counts of one probe, whose name is that of the file: `SantaRita_corcounts.txt`.

    A count ends at its time and begins at that of the row before, or a usual interval earlier
    where counting had stopped. Rows with "-9999" are missing.
    """

    station: str | None = None

    MISSING: ClassVar[frozenset[str]] = frozenset({"-9999", "-9999.0", "-999"})

    def recognises(self, path: Path) -> bool:
        """Whether a text file begins as those of COSMOS do."""
        if not path.name.lower().endswith((".txt", ".dat")):
            return False
        first = beginning(path).partition("\n")[0]
        return first.startswith(WHEN[0]) and WHEN[1] in first

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a file. Its times are UTC; `zone` is not needed.

        Raises
        ------
        DataError
            Names the line that is cut, no number, no time or out of order; or the file does not
            say whose counts these are.
        """
        station = self.station or _station(path)
        cells, lines = _columns(path)
        ends = _times(cells, lines, path.name)
        refuse_disorder(ends, lines, path.name)
        known = LEVEL_2 if CORRECTED in cells else LEVEL_1
        columns = {
            name: self._numbers(cells[name], lines, path.name, name)
            for name in cells
            if name in known or name == ERROR
        }
        starts = _starts(ends)
        parts = []
        for name in (name for name in columns if name in known):
            part = pd.DataFrame({"time": starts, "end": ends, "value": columns[name]})
            if name == CORRECTED and ERROR in columns:
                part["error"] = columns[ERROR]
            parts.append(part.assign(station=station, quantity=known[name][0]))
        units = dict(known.values())
        level = 2 if known is LEVEL_2 else 1
        attributes = {"source": f"{SOURCE}{level}"}
        return Records.of(pd.concat(parts), units, None, attributes, "UTC", path.name)

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds raw and corrected counts of one probe, as level 2 does.

        Without the factors between them.

        Raises
        ------
        DataError
            The records hold more than that, or counts of other intervals than reading gives them.
        """
        station = only_station(records, FORM)
        refuse_quantities(records, (name for name, _ in LEVEL_2.values()), FORM)
        refuse_side(records, FORM, errors=(LEVEL_2[CORRECTED][0],))
        refuse_repeated(records, FORM)
        refuse_depths(records, FORM)
        if (self.station or _station(path)) != station:
            raise DataError(f"{path.name} must be called {station}_corcounts.txt")
        columns: dict[str, pd.Series] = {}
        known = records.in_units({name: u for name, u in LEVEL_2.values() if name in records.units})
        for name, (quantity, _) in LEVEL_2.items():
            own = known.values[known.values["quantity"] == quantity].set_index("end")
            if own.empty:
                continue
            columns[name] = own["value"]
            columns |= {ERROR: own["error"]} if name == CORRECTED else {}
        frame = pd.DataFrame(columns).sort_index()
        ends = minutes(pd.Series(frame.index), FORM)
        begun = dict(zip(ends, _starts(ends), strict=True))
        other = records.values[records.values["end"].map(begun) != records.values["time"]]
        if not other.empty:
            raise DataError(
                f"{FORM} counts from one time to the next: it cannot hold counts from "
                f"{other['time'].iloc[0]} to {other['end'].iloc[0]}; {ALL}"
            )
        stamps = ends.dt.strftime("%Y-%m-%d %H:%M")
        cells = zip(stamps, *(exact(frame[name], "-9999") for name in frame), strict=True)
        write_lines(path, [" ".join([*WHEN, *frame]), *(" ".join(row) for row in cells)])

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """The level: counts that nobody corrected are of the first."""
        return {"source": f"{SOURCE}{2 if LEVEL_2[CORRECTED][0] in records.units else 1}"}

    def places_held(self, records: Records) -> tuple[str, ...]:
        """None."""
        return ()

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """The columns that are not read, such as the factors of the corrections."""
        cells, _ = _columns(path)
        known = {*WHEN, ERROR, *(LEVEL_2 if CORRECTED in cells else LEVEL_1)}
        names = tuple(name for name in cells if name not in known)
        return {"columns": names} if names else {}

    def _numbers(
        self, cells: Sequence[str], lines: Sequence[int], source: str, name: str
    ) -> NDArray[np.float64]:
        texts = ["" if cell in self.MISSING else cell for cell in cells]
        values = numbers(texts, lines, source, name, "; write -9999 where there is none")
        refuse_sentinels(values, lines, source, name, "write -9999")
        return values

    def oddities(self, path: Path) -> tuple[str, ...]:
        """How many corrected counts are not what the factors beside them say."""
        cells, lines = _columns(path)
        factors = ("MOD", "PROBE", "PRESS", "SCALE", "SANPE", "INTEN", "OTHER", CORRECTED)
        if not set(factors) <= set(cells):
            return ()
        value = {name: self._numbers(cells[name], lines, path.name, name) for name in factors}
        # MOD·PROBE·PRESS·OTHER·SANPE/(SCALE·INTEN), found from published rows.
        product = value["MOD"] * value["PROBE"] * value["PRESS"] * value["OTHER"]
        product *= value["SANPE"] / (value["SCALE"] * value["INTEN"])
        # Factors come with three decimals.
        off = np.abs(product - value[CORRECTED]) > SLACK + 0.002 * value[CORRECTED]
        if not off.any():
            return ()
        line = lines[int(np.argmax(off))]
        return (f"{off.sum()} corrected counts are not the product of their factors, "
                f"first in line {line}",)  # fmt: skip


def _station(path: Path) -> str:
    """The name of the probe in that of the file."""
    name = path.name.rpartition(".")[0].lower()
    cut = len(name) - len("corcounts") if name.endswith("corcounts") else len(name)
    station = path.name[:cut].rstrip("_-. ")
    if not station:
        raise DataError(
            f"{path.name} does not say whose counts these are: call it STATION_{path.name}, or "
            "read it with CosmosLevels(station='…')"
        )
    return station


def _columns(path: Path) -> tuple[dict[str, list[str]], Sequence[int]]:
    """Cells by column, and the line of every row."""
    text = text_of(path).splitlines()
    begun = next(number for number, line in enumerate(text) if line.strip())
    names = text[begun].split()
    if names[:2] != WHEN or len(set(names)) < len(names):
        raise DataError(
            f"{path.name} must begin with {' '.join(WHEN)} and have blanks between its columns; "
            f"it has {' '.join(names)[:80]}"
        )
    if not {*LEVEL_1, *LEVEL_2} & set(names):
        raise DataError(f"{path.name} has no counts; its columns are {' '.join(names)}")
    regular = words_of(text[begun + 1 :])
    if regular and len(regular) == len(names) and regular[0][0] != UNITS_ROW:
        return dict(zip(names, regular, strict=True)), range(begun + 2, len(text) + 1)
    rows = [(n, line.split()) for n, line in enumerate(text[begun + 1 :], begun + 2)]
    body = [(number, cells) for number, cells in rows if cells]
    if body and body[0][1][0] == UNITS_ROW:
        body = body[1:]
    for number, cells in body:
        if len(cells) != len(names):
            raise DataError(
                f"{path.name} line {number} has {len(cells)} cells in place of {len(names)}: "
                f"{' '.join(cells)[:80]!r}; is the file cut?"
            )
    if not body:
        raise DataError(f"{path.name} has names of columns and no values")
    columns = zip(*(cells for _, cells in body), strict=True)
    return (
        {name: list(column) for name, column in zip(names, columns, strict=True)},
        [number for number, _ in body],
    )


def _times(cells: Mapping[str, Sequence[str]], lines: Sequence[int], source: str) -> pd.Series:
    texts = pd.Series([f"{a} {b}" for a, b in zip(*(cells[name] for name in WHEN), strict=True)])
    times = pd.to_datetime(texts, format="%Y-%m-%d %H:%M", errors="coerce")
    if times.isna().any():
        row = int(np.argmax(times.isna()))
        raise DataError(
            f"{source} line {lines[row]}: a time is such as 2010-06-02 19:12, got {texts[row]!r}"
        )
    return times.astype("datetime64[ns]")


def _starts(ends: pd.Series) -> pd.Series:
    """When counting began: with the end of the row before, if that is not too long ago."""
    spans = ends.diff()
    usual = spans.median() if len(ends) > 1 else pd.Timedelta("1h")
    return ends - spans.where(spans <= LONGER * usual, usual)
