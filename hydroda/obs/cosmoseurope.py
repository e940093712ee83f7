"""COSMOS-Europe CSV: cosmic-ray stations of Europe, as counted and as soil moisture.

A file per station and hour, `SEC001.csv`, with the columns of Bogena et al. 2022,
doi:10.5194/essd-14-1125-2022 (data: doi:10.34731/x9s3-kr48). The places of the stations stand in a
table `General_ information….csv` in the folder above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from hydroda.obs.records import ACCUMULATED, RAIN, Format, Records
from hydroda.obs.textfiles import (
    beginning,
    cells_of,
    numbers,
    refuse_disorder,
    refuse_misplaced,
    refuse_sentinels,
    separator_hint,
    text_of,
    without,
)

TIME = "DateTime_utc"
COUNTS = "NeutronCount_Epithermal"
MOISTURE = "SoilMoisture_volumetric_MovAvg24h"
NO_DATA = {"noData", "NoData", "nan", "NaN"}
DAY_FIRST = "%d.%m.%Y %H:%M"  # raw files that went through a spreadsheet
HOUR = pd.Timedelta("1h")
COUNTED = (-HOUR, 0 * HOUR)  # a count ends at its time
# rolling(24, center=True) of hours that end at their times: 12 before, the own one, 11 after.
AVERAGED = (-13 * HOUR, 11 * HOUR)

Span = tuple[pd.Timedelta, pd.Timedelta]
# By column: quantity, unit, and the interval around the time.
PROCESSED: Mapping[str, tuple[str, str, Span]] = {
    MOISTURE: ("soil_moisture", "m3 m-3", AVERAGED),
    f"{COUNTS}_Cum1h_corrected": ("neutron_counts", "h-1", COUNTED),
    "Footprint_Radius_m": ("footprint_radius", "m", AVERAGED),
    "Footprint_Depth_m": ("footprint_depth", "m", AVERAGED),
}
RAW: Mapping[str, tuple[str, str, Span]] = {
    f"{COUNTS}_Cum1h": ("raw_neutron_counts", "h-1", COUNTED),
    "NeutronCount_Slow_Cum1h": ("raw_thermal_counts", "h-1", COUNTED),
    "AirTemperature": ("air_temperature", "degC", COUNTED),
    "AirHumidity_Relative": ("relative_humidity", "%", COUNTED),
    "AirPressure": ("pressure", "hPa", COUNTED),
    "Precipitation": (RAIN, "mm", COUNTED),
    "AirTemperature_Sensor2": ("box_temperature", "degC", COUNTED),
    "AirHumidity_Relative_Sensor2": ("box_relative_humidity", "%", COUNTED),
}
KNOWN = {**PROCESSED, **RAW}
ASIDE = ("std", "lower", "upper")
FORM, SOURCE = "COSMOS-Europe", "COSMOS-Europe, doi:10.34731/x9s3-kr48"
PLACES_NAME = "General_information.csv"
PLACES_HEAD = ("File name", "Latitude", "Longitude", "Altitude")
PLACE = {"lat": "Latitude", "lon": "Longitude", "elevation": "Altitude"}


@dataclass(frozen=True)
class CosmosEurope(Format):
    """Hourly files of one station, whose name is that of the file.

    The error is the column `_std`, or half of the interval between `_lower` and `_upper` where that
    is empty. The soil moisture is of a running mean over the 24 hours around its time, and no
    analysis uses it before they are over; take one a day (`Records.ending_every`) to have values
    with independent errors. Flags in `accept` are not held against a value, but counted in the
    attributes: by default pressure and humidity that the network filled from ERA5. Several flags
    of one value are joined by "+".
    """

    accept: tuple[str, ...] = ("AirPressure_ERA5", "AirHumidity_ERA5")

    def recognises(self, path: Path) -> bool:
        """Whether a text table begins as those of COSMOS-Europe do."""
        if not path.name.lower().endswith((".csv", ".csv.gz")):
            return False
        first = beginning(path).partition("\n")[0]
        return first.startswith(TIME) and (COUNTS in first or MOISTURE in first)

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a file. Its times are UTC; `zone` is not needed.

        Raises
        ------
        DataError
            Names the line that is cut, no number, no time or out of order.
        """
        cells, lines, _ = _table(path)
        times = _times(cells[TIME], lines, path.name)
        refuse_disorder(times, lines, path.name)
        values = {
            name: _numbers(column, lines, path.name, name)
            for name, column in cells.items()
            if name != TIME
        }
        flags, taken = self._flags(values, len(lines))
        station = path.name.partition(".")[0]
        parts = []
        for name in (name for name in KNOWN if name in values):
            quantity, _, (before, after) = KNOWN[name]
            part = pd.DataFrame({"time": times + before, "end": times + after})
            part["value"], part["error"] = values[name], _error(values, name)
            parts.append(part.assign(station=station, quantity=quantity, flag=flags))
        units = {quantity: unit for quantity, unit, _ in KNOWN.values()}
        attributes = {"source": SOURCE}
        attributes |= {f"flag_{name}": f"{n} of {len(lines)} hours" for name, n in taken.items()}
        if "Precipitation" in values:
            attributes |= {ACCUMULATED: RAIN}
        return Records.of(
            pd.concat(parts), units, _place(path, station), attributes, "UTC", path.name
        )

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds what is known of one station, its places a table beside it.

        Quantities without a value at a time that others have get noData there.

        Raises
        ------
        DataError
            The records hold more than that, or other intervals than those of the columns.
        """
        station = only_station(records, FORM)
        refuse_quantities(records, (name for name, _, _ in KNOWN.values()), FORM)
        held = [quantity for quantity, _, _ in KNOWN.values()]
        refuse_side(records, FORM, errors=held, flags=lambda flag: True)
        refuse_repeated(records, FORM)
        refuse_depths(records, FORM)
        if path.name.partition(".")[0] != station:
            raise DataError(f"{path.name} must be called {station}.csv")
        columns: dict[str, pd.Series] = {}
        flags: list[pd.Series] = []
        units = {quantity: u for quantity, u, _ in KNOWN.values() if quantity in records.units}
        values = records.in_units(units).values
        for name, (quantity, _, (before, after)) in KNOWN.items():
            own = values[values["quantity"] == quantity]
            if own.empty:
                continue
            _refuse_intervals(own, before, after)
            own = own.set_index(own["time"] - before)
            columns[name] = own["value"]
            columns |= {f"{name}_std": own["error"]} if own["error"].notna().any() else {}
            flags.append(own["flag"])
        frame = pd.DataFrame(columns).sort_index()
        said = _one_flag(pd.concat(flags), frame.index)
        cells = [exact(frame[name], "noData") for name in frame]
        words = list(dict.fromkeys(word for flag in said for word in flag.split("+") if word))
        _refuse_disorderly(said, words, self.accept)
        cells += [["1" if word in flag.split("+") else "0" for flag in said] for word in words]
        head = ",".join([TIME, *map(str, frame), *(f"Flag_{word}" for word in words)])
        stamps = (f"{stamp.isoformat(sep=' ')}+00:00" for stamp in frame.index)
        _write_place(records, station, path)
        write_lines(path, [head, *(",".join(row) for row in zip(stamps, *cells, strict=True))])

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """The source, and that rain is a sum."""
        return {"source": SOURCE} | ({ACCUMULATED: RAIN} if RAIN in records.units else {})

    def places_held(self, records: Records) -> tuple[str, ...]:
        """Latitude, longitude and elevation, where all three are known."""
        places = records.stations.reindex(columns=list(PLACE))
        return tuple(PLACE) if places.notna().to_numpy().all() else ()

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """The columns that are not read."""
        cells, _, names = _table(path)
        unread = tuple(name for name in names if name not in cells)
        return {"columns": unread} if unread else {}

    def _flags(
        self, values: Mapping[str, NDArray[np.float64]], rows: int
    ) -> tuple[NDArray[np.object_], dict[str, int]]:
        """The words of all flags of a row, and how often the accepted ones were set."""
        words = np.full(rows, "", dtype=object)
        taken: dict[str, int] = {}
        for column in (name for name in values if name.startswith("Flag_")):
            name, raised = column.removeprefix("Flag_"), np.nan_to_num(values[column]) != 0
            if name in self.accept:
                taken |= {name: int(raised.sum())} if raised.any() else {}
                continue
            words[raised & (words != "")] += "+"
            words[raised] += name
        return words, taken


def _refuse_intervals(own: pd.DataFrame, before: pd.Timedelta, after: pd.Timedelta) -> None:
    """Nothing, unless a value is of an interval of another length than its column."""
    odd = own[own["end"] - own["time"] != after - before]
    if not odd.empty:
        row = odd.iloc[0]
        raise DataError(
            f"{FORM} has {row.quantity} of {after - before}; it cannot hold one from {row.time} "
            f"to {row.end}; {ALL}"
        )


def _one_flag(flags: pd.Series, times: pd.Index) -> list[str]:
    """The flag of each of the `times`, which all values then share."""
    distinct = flags.groupby(level=0).unique()
    several = distinct[distinct.map(len) > 1]
    if not several.empty:
        raise DataError(
            f"{FORM} has flags of all quantities together; at {several.index[0]} they are "
            f"{', '.join(map(repr, several.iloc[0]))}; {ALL}"
        )
    return [str(found[0]) for found in distinct.reindex(times)]


def _refuse_disorderly(flags: Sequence[str], words: Sequence[str], accept: Sequence[str]) -> None:
    """Nothing, unless reading would give another flag than one of these."""
    for flag in dict.fromkeys(flags):
        own = flag.split("+") if flag else []
        if own != [word for word in words if word in own] or set(own) & set(accept):
            raise DataError(f"{FORM} cannot hold a flag {flag!r}; {ALL}")


def _write_place(records: Records, station: str, path: Path) -> None:
    """Nothing; the table of places beside `path` has that of the station, where all is known."""
    if not set(PLACE) <= set(records.stations):
        return
    cells = [station, *exact(records.stations.loc[[station], list(PLACE)].to_numpy(float)[0], "")]
    beside = path.with_name(PLACES_NAME)
    if "" in cells:
        return
    row = ",".join(cells)
    lines = text_of(beside).splitlines() if beside.exists() else [",".join(PLACES_HEAD)]
    if lines[0] != ",".join(PLACES_HEAD):
        raise DataError(f"{beside} is a table of another layout; move it, or write elsewhere")
    others = [line for line in lines if line.split(",")[0] != station]
    write_lines(beside, [*others, row])


def _table(path: Path) -> tuple[dict[str, list[str]], Sequence[int], list[str]]:
    """Cells of the columns that are read, their lines, and the names of all columns."""
    all_names: list[str] = []

    def chosen(names: list[str]) -> list[str]:
        all_names.extend(names)
        hint = separator_hint(names, ",")
        if hint:
            raise DataError(f"{path.name} must have its columns separated by commas, not {hint}")
        if names[0] != TIME:
            raise DataError(f"{path.name} must begin with {TIME}; it has {', '.join(names)}")
        known = [name for name in names if name in KNOWN]
        if not known:
            raise DataError(f"{path.name} holds none of {', '.join(KNOWN)}; it has {names}")
        aside = {f"{name}_{word}" for name in known for word in ASIDE}
        flags = [name for name in names if name.startswith("Flag_")]
        return [TIME, *known, *(name for name in names if name in aside), *flags]

    cells, lines = cells_of(text_of(path).splitlines(), ",", chosen, path.name)
    return without(cells, NO_DATA), lines, all_names


def _times(cells: Sequence[str], lines: Sequence[int], source: str) -> pd.Series:
    """Times of the rows, UTC."""
    texts = pd.Series(cells)
    dotted = texts.str.contains(".", regex=False)
    times = pd.to_datetime(texts.where(~dotted), format="ISO8601", utc=True, errors="coerce")
    if dotted.any():
        times = times.fillna(pd.to_datetime(texts, format=DAY_FIRST, utc=True, errors="coerce"))
    if times.isna().any():
        row = int(np.argmax(times.isna()))
        raise DataError(
            f"{source} line {lines[row]}: {TIME} must be a time such as "
            f"2015-06-30 17:00:00+00:00, got {cells[row]!r}"
        )
    return times.dt.tz_localize(None).astype("datetime64[ns]")


def _numbers(
    cells: Sequence[str], lines: Sequence[int], source: str, name: str
) -> NDArray[np.float64]:
    values = numbers(cells, lines, source, name, "; write noData where there is none")
    refuse_sentinels(values, lines, source, name, "write noData")
    return values


def _error(values: Mapping[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    """Standard deviation of a column, NaN where nothing is said of it."""
    nothing = np.full(len(values[name]), np.nan)
    known = values.get(f"{name}_std", nothing)
    half = (values.get(f"{name}_upper", nothing) - values.get(f"{name}_lower", nothing)) / 2
    error = np.where(np.isnan(known), half, known)
    return np.where(error > 0, error, np.nan)


def _place(path: Path, station: str) -> pd.DataFrame | None:
    """Latitude, longitude and elevation of the station, where a table of the data set has them."""
    folders = [path.resolve().parent, path.resolve().parent.parent]
    tables = [table for folder in folders for table in sorted(folder.glob("General_*.csv"))]
    if not tables:
        return None
    columns: dict[str, str] = {}

    def chosen(names: list[str]) -> list[str]:
        for key, word in {"name": "File name", **PLACE}.items():
            columns[key] = next((name for name in names if name.startswith(word)), "")
        if "" in columns.values():
            raise DataError(f"{tables[0].name} must have File name, {', '.join(PLACE.values())}")
        return list(columns.values())

    text = text_of(tables[0], ("utf-8-sig", "cp1252"))
    cells, lines = cells_of(text.splitlines(), ",", chosen, tables[0].name)
    if station not in cells[columns["name"]]:
        return None
    if cells[columns["name"]].count(station) > 1:
        raise DataError(f"{tables[0].name} has station {station!r} twice; keep one row of it")
    row = cells[columns["name"]].index(station)
    source = f"{tables[0].name} line {lines[row]}"
    found = {
        key: numbers([cells[columns[key]][row]], [lines[row]], tables[0].name, key) for key in PLACE
    }
    refuse_misplaced(float(found["lat"][0]), float(found["lon"][0]), source)
    return pd.DataFrame(found, index=[station])
