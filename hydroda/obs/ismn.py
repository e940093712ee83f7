"""ISMN `.stm`: the two text formats of the International Soil Moisture Network.

"Header+values" has the station in its first line, "CEOP formatted" has it in every line; which
variable a file holds stands in its name (https://ismn.earth, Dorigo et al. 2021,
doi:10.5194/hess-25-5749-2021).
"""

from __future__ import annotations

import re
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
    refuse_quantities,
    refuse_repeated,
    refuse_side,
    write_lines,
)
from hydroda.obs.records import ACCUMULATED, RAIN, Format, Records, to_utc
from hydroda.obs.textfiles import (
    SENTINELS,
    numbers,
    refuse_disorder,
    refuse_misplaced,
    refuse_sentinels,
    text_of,
    words_of,
)

# By the short name in the name of the file: quantity and unit.
VARIABLES = {
    "sm": ("soil_moisture", "m3 m-3"),
    "ts": ("soil_temperature", "degC"),
    "su": ("soil_suction", "kPa"),
    "p": (RAIN, "mm"),
    "ta": ("air_temperature", "degC"),
    "tsf": ("surface_temperature", "degC"),
    "sd": ("snow_depth", "mm"),
    "sweq": ("snow_water_equivalent", "mm"),
}
NAMED = re.compile(r"_([A-Za-z-]+)_(-?\d+\.\d+)_(-?\d+\.\d+)_(.+)_\d{8}_\d{8}\.stm", re.IGNORECASE)
DAY = re.compile(r"\d{4}/\d\d/\d\d")
FLAG = re.compile(r"[A-Z]\d{0,2}(,[A-Z]\d{0,2})*")
PLACE = ("lat", "lon", "elevation", "depth_from", "depth_to")
HEADER = 3 + len(PLACE)  # experiment, network and station, then the place
CEOP = 4 + HEADER  # nominal and actual time
MISSING, GOOD = "M", "G"
FORM, SOURCE = "ISMN .stm", "ISMN, network "


@dataclass(frozen=True)
class Ismn(Format):
    """One variable of one sensor. Values with a flag in `accept` are good.

    Files from before the network's own checks have "U", unchecked, throughout:
    `Ismn(accept=("G", "U"))` takes them on trust. Several flags of one value are joined by "+".
    The flag of the data's provider is not read; its letters mean something else in every network.
    """

    accept: tuple[str, ...] = ("G",)

    suffixes: ClassVar[tuple[str, ...]] = (".stm",)

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a file, at the middle of the sensor's depths. Times of the ISMN are UTC.

        Raises
        ------
        DataError
            The name of the file does not say the variable; a line is cut or damaged; the place
            changes within the file; the times are out of order.
        """
        quantity, unit, sensor = _named(path)
        station, columns, numbered = _parts(text_of(path).splitlines(), path.name)
        days, hours, cells, flags = columns
        network, name = station[1:3]
        place = _place(station[3:], path.name)
        stamps = _times(days, hours, numbered, path.name)
        refuse_disorder(stamps, numbered, path.name)
        values = _values(cells, flags, numbered, path.name, quantity)
        frame = pd.DataFrame({"time": stamps, "value": values, "flag": self._words(flags)})
        frame = frame.assign(station=name, quantity=quantity)
        frame["depth"] = (place["depth_from"] + place["depth_to"]) / 2
        within = f"{place['depth_from']:g} to {place['depth_to']:g} m"
        attributes = {"source": f"{SOURCE}{network}", f"depths_{name}_{sensor}": within}
        stations = pd.DataFrame({key: [place[key]] for key in PLACE[:3]}, index=[name])
        if quantity == RAIN:
            attributes |= {ACCUMULATED: RAIN}
        return Records.of(frame, {quantity: unit}, stations, attributes, "UTC", path.name)

    def write(self, records: Records, path: Path) -> None:
        """Nothing; `path` holds one variable of one sensor, "Header+values".

        Its name says which, as on reading. A value that is not there is flagged as missing.

        Raises
        ------
        DataError
            The records hold more than that, no place or depth, or the name is another one.
        """
        station = only_station(records, FORM)
        refuse_quantities(records, (name for name, _ in VARIABLES.values()), FORM)
        refuse_side(records, FORM, flags=_holds)
        refuse_repeated(records, FORM)
        values, quantity = records.values, next(iter(records.units))
        if len(records.units) > 1 or values["depth"].nunique(dropna=False) > 1:
            raise DataError(f"a file of {FORM} is of one quantity at one depth; write one for each")
        if values["depth"].isna().any():
            raise DataError(f"{FORM} needs the depth of {quantity}; {station!r} has none")
        if (values["end"] != values["time"]).any():
            raise DataError(
                f"{FORM} cannot hold intervals, as {quantity} of {station!r} has; {ALL}"
            )
        short, unit = next((k, u) for k, (name, u) in VARIABLES.items() if name == quantity)
        place = [_known(records, station, name) for name in PLACE[:3]]
        depth = float(values["depth"].iloc[0])
        match = NAMED.search(path.name)
        if match is None or match[1] != short:
            days = (f"{values['time'].iloc[row]:%Y%m%d}" for row in (0, -1))
            raise DataError(
                f"{path.name} must be called as the ISMN does, such as NET_NET_{station}_{short}_"
                f"{depth:.6f}_{depth:.6f}_sensor_{'_'.join(days)}.stm"
            )
        network = _network(records)
        told = [network, network, station, *map(repr, [*place, depth, depth]), match[4]]
        stamps = minutes(values["time"], FORM).dt.strftime("%Y/%m/%d %H:%M")
        given = records.in_units({quantity: unit}).values["value"]
        flags = values["flag"].str.replace("+", ",").replace({"": GOOD, "missing": MISSING})
        flags = flags.where(values["value"].notna(), MISSING)
        cells = zip(stamps, exact(given, "NaN"), flags, strict=True)
        write_lines(path, [" ".join(told), *(" ".join(row) for row in cells)])

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """The network, the one depth, and that rain is a sum."""
        station, depth = records.values["station"].iloc[0], records.values["depth"].iloc[0]
        held = {"source": f"{SOURCE}{_network(records)}"}
        held[f"depths_{station}_{_named(path)[2]}"] = f"{depth:g} to {depth:g} m"
        return held | ({ACCUMULATED: RAIN} if RAIN in records.units else {})

    def places_held(self, records: Records) -> tuple[str, ...]:
        """Latitude, longitude and elevation."""
        return PLACE[:3]

    def _words(self, flags: list[str]) -> list[str]:
        """The flags of hydroda: "" is good."""
        words = {flag: flag.replace(",", "+") for flag in set(flags)}
        words |= dict.fromkeys(self.accept, "") | {MISSING: "missing"}
        return [words[flag] for flag in flags]


def _holds(flag: str) -> bool:
    """Whether a flag of hydroda is one of the ISMN's."""
    return flag in ("", "missing") or (
        flag != GOOD and bool(FLAG.fullmatch(flag.replace("+", ",")))
    )


def _network(records: Records) -> str:
    """The network that the source of the records names."""
    source = records.attributes.get("source", "")
    return source.removeprefix(SOURCE) if source.startswith(SOURCE) else "hydroda"


def _known(records: Records, station: str, name: str) -> float:
    value = records.stations[name].get(station, np.nan) if name in records.stations else np.nan
    if np.isnan(value):
        raise DataError(f"{FORM} needs {name} of station {station!r}")
    return float(value)


def _named(path: Path) -> tuple[str, str, str]:
    """Quantity, unit and sensor in the name of a file."""
    match = NAMED.search(path.name)
    if match is None or match[1] not in VARIABLES:
        raise DataError(
            f"{path.name} must be called as the ISMN does, NETWORK_NETWORK_STATION_sm_0.05_0.05_"
            f"SENSOR_19500101_20210131.stm, with one of {', '.join(VARIABLES)} for what it holds"
        )
    return *VARIABLES[match[1]], re.sub(r"\W", "_", match[4])


def _times(days: list[str], hours: list[str], lines: Sequence[int], source: str) -> pd.Series:
    """Times of the values, UTC; DataError names the line without one."""
    texts = pd.Series([f"{day} {hour}" for day, hour in zip(days, hours, strict=True)])
    times = pd.to_datetime(texts, format="%Y/%m/%d %H:%M", errors="coerce")
    if times.isna().any():
        row = int(np.argmax(times.isna()))
        raise DataError(
            f"{source} line {lines[row]} has a time that cannot be read: {texts[row]!r}; write it "
            "as 2016/05/01 12:00"
        )
    return to_utc(times, "UTC", source, lines)


def _parts(lines: list[str], source: str) -> tuple[list[str], list[list[str]], Sequence[int]]:
    """The station; day, hour, value and flag of every line; and its number."""
    first, head = next((n, line.split()) for n, line in enumerate(lines) if line.strip())
    ceop = DAY.fullmatch(head[0]) is not None
    station = head[4:CEOP] if ceop else head[:HEADER]
    if len(station) < HEADER:
        raise DataError(f"{source} begins with no station, place and depths: {' '.join(head)}")
    least = CEOP + 2 if ceop else 4
    regular = None if ceop else words_of(lines[first + 1 :])
    if regular and least <= len(regular) <= least + 1:
        return station, regular[:least], range(first + 2, len(lines) + 1)
    flat: list[str] = []  # four cells a line: a million lists would take seconds
    numbered: list[int] = []
    for number, line in enumerate(lines[first if ceop else first + 1 :], first + 2 - ceop):
        cells = line.split()
        if not least <= len(cells) <= least + 1:  # the provider's flag is not always there
            if not cells:
                continue
            raise DataError(
                f"{source} line {number} has {len(cells)} entries in place of {least + 1}: "
                f"{' '.join(cells)[:80]!r}; is the file cut?"
            )
        if ceop and cells[4:CEOP] != station:
            raise DataError(
                f"{source} line {number} is of {' '.join(cells[6:CEOP])}, the lines before of "
                f"{' '.join(station[2:])}; read one sensor per file"
            )
        flat += [*cells[2:4], *cells[CEOP : CEOP + 2]] if ceop else cells[:4]
        numbered.append(number)
    if not numbered:
        raise DataError(f"{source} has a header and no values")
    return station, [flat[place::4] for place in range(4)], numbered


def _place(cells: list[str], source: str) -> dict[str, float]:
    """Latitude, longitude, elevation [m] and depths [m]; swapped coordinates are refused."""
    values = [numbers([cell], [1], source, key)[0] for key, cell in zip(PLACE, cells, strict=True)]
    place = dict(zip(PLACE, map(float, values), strict=True))
    for name, value in place.items():
        if value in SENTINELS:
            raise DataError(
                f"{source} line 1: {name} is {value:g}, which often stands for a missing value; "
                "write nan if it is not known"
            )
    refuse_misplaced(place["lat"], place["lon"], source)
    return place


def _values(
    cells: list[str], flags: list[str], lines: Sequence[int], source: str, quantity: str
) -> NDArray[np.float64]:
    """Values, NaN where they are flagged as missing."""
    wrong = {flag for flag in set(flags) if not FLAG.fullmatch(flag)}
    if wrong:
        line, flag = next(pair for pair in zip(lines, flags, strict=True) if pair[1] in wrong)
        raise DataError(f"{source} line {line}: a flag is such as G or D03,D10, got {flag!r}")
    values = numbers(cells, lines, source, quantity)
    values = np.where(np.array(flags) == MISSING, np.nan, values)
    refuse_sentinels(values, lines, source, quantity, "flag it M")
    return values
