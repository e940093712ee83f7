"""Every reader against all that is wrong with files: whole, or not at all and one clear line.

A case changes a good file. It is then refused with a line that names the file and the fault, or
read just as the good one is; what a format cannot have says why.
"""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.errors import HydrodaError
from hydroda.obs import (
    Column,
    ColumnMap,
    CosmosEurope,
    CosmosLevels,
    Datum,
    DinoLoket,
    Format,
    Ismn,
    MappedCsv,
    Records,
    read,
    write,
)
from hydroda.obs.cfdsg import DiscreteSampling
from hydroda.obs.survey import described
from hydroda.obs.tidycsv import TidyCsv
from tests.obs.test_cosmoseurope import PROCESSED
from tests.obs.test_cosmoslevels import LEVEL_2
from tests.obs.test_dinoloket import TEXT as DINO
from tests.obs.test_ismn import HEADER as STM
from tests.obs.test_ismn import NAME as STM_NAME

HOSTILITIES = (
    "wrong separator",
    "comma decimals",
    "byte-order mark",
    "mixed units",
    "swapped latitude and longitude",
    "9999",
    "-9999",
    "double hour",
    "out of order",
    "duplicate station",
    "two datums",
    "truncated",
    "empty",
)


# --- what is to come of a case -------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """The file, changed so, is refused with this message."""

    change: Callable[[bytes], bytes]
    message: str


@dataclass(frozen=True)
class Same:
    """The file, changed so, holds the same records."""

    change: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Never:
    """A format cannot have the fault."""

    why: str


Case = Refused | Same | Never


def swap(old: str, new: str) -> Callable[[bytes], bytes]:
    """Another text in the place of a part of the file, which must be there."""

    def changed(content: bytes) -> bytes:
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode())

    return changed


def lines(order: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    return lambda content: b"".join(order(content.splitlines(keepends=True)))


def marked(content: bytes) -> bytes:
    return b"\xef\xbb\xbf" + content


def cut(content: bytes) -> bytes:
    return content[: 7 * len(content) // 8]


def nothing(content: bytes) -> bytes:
    return b""


last_twice = lines(lambda rows: [*rows, rows[-1]])
last_first = lines(lambda rows: [*rows[:-2], rows[-1], rows[-2]])
EMPTY = Refused(nothing, "is empty")
INSTANTS = Never("times are UTC by definition")
LEVELS = Never("the format has no levels")
PLACELESS = Never("the format has no places")


# --- files ---------------------------------------------------------------------------------------

TIDY = """time,station,soil_moisture,soil_moisture_error
UTC,,m3 m-3,m3 m-3
2016-10-29T23:00,a,0.25,0.01
2016-10-30T00:00,a,0.26,0.01
2016-10-30T01:00,a,0.27,0.01
"""
MAPPED = """when,head
2016-10-29 23:00,1.25
2016-10-30 00:00,1.26
2016-10-30 01:00,1.27
"""
HEAD = {"head": Column(station="w", quantity="groundwater_level", unit="m")}
MAP = ColumnMap(time="when", zone="Europe/Berlin", columns=HEAD)


def dino(old: str, new: str, message: str) -> Refused:
    return Refused(swap(old, new), message)


@dataclass(frozen=True)
class Reader:
    name: str
    content: bytes
    format: Format
    cases: dict[str, Case]


TEXT_READERS = (
    Reader(
        "tidy.csv",
        TIDY.encode(),
        TidyCsv(),
        {
            "wrong separator": Refused(swap(",", ";"), "by commas, not by a semicolon"),
            "comma decimals": Refused(
                swap("0.26", "0,26"), "line 4 has 5 cells in place of 4: .* its decimal sign"
            ),
            "byte-order mark": Same(marked),
            "mixed units": Refused(swap("0.26", "26 %"), "line 4: soil_moisture must be a number"),
            "swapped latitude and longitude": Never("places stand beside; see below"),
            "9999": Refused(swap("0.26", "9999"), "line 4: soil_moisture is 9999, which often"),
            "-9999": Refused(swap("0.26", "-9999"), "line 4: soil_moisture is -9999, which often"),
            "double hour": Refused(
                lambda c: swap("UTC,,", "Europe/Berlin,,")(swap("30T00:00", "30T02:30")(c)),
                "times that zone 'Europe/Berlin' does not settle: .*2016-10-30 02:30",
            ),
            "out of order": Same(last_first),  # `hydroda info` tells
            "duplicate station": Refused(
                last_twice, "lines 5 and 6: station 'a' has soil_moisture twice at 2016-10-30 01:00"
            ),
            "two datums": Never("see below"),
            "truncated": Refused(cut, "is the file cut"),
            "empty": EMPTY,
        },
    ),
    Reader(
        "mapped.csv",
        MAPPED.encode(),
        MappedCsv(MAP),
        {
            "wrong separator": Refused(swap(",", ";"), "a semicolon seems to separate them"),
            "comma decimals": Refused(swap("1.26", "1,26"), "line 3 has 3 cells in place of 2"),
            "byte-order mark": Same(marked),
            "mixed units": Refused(swap("1.26", "126 cm"), "line 3: head must be a number"),
            "swapped latitude and longitude": PLACELESS,
            "9999": Refused(swap("1.26", "9999"), "line 3: head is 9999, which often"),
            "-9999": Refused(swap("1.26", "-9999"), "line 3: head is -9999, which often"),
            "double hour": Refused(
                swap("30 01:00", "30 02:30"), "times that zone 'Europe/Berlin' does not settle"
            ),
            "out of order": Refused(last_first, "line 4: the time .* is out of order"),
            "duplicate station": Refused(last_twice, "line 5: the time .* comes twice"),
            "two datums": Never("the map tells one quantity from the other"),
            "truncated": Refused(cut, "is the file cut"),
            "empty": EMPTY,
        },
    ),
    Reader(
        "B99X0001002_1.csv",
        DINO.encode(),
        DinoLoket(),
        {
            "wrong separator": Refused(swap(",", ";"), "must have two tables that begin with"),
            "comma decimals": dino(
                "210,990", "210,990,5", "line 19 has cells without a name: .* its decimal"
            ),
            "byte-order mark": Same(marked),
            "mixed units": dino("210,990", "210,9.90 m", "line 19: Stand .* must be a number"),
            "swapped latitude and longitude": Never("places are in the Dutch grid [m]"),
            "9999": dino("210,990", "210,9999", "line 19: Stand .* is 9999, which often"),
            "-9999": dino("210,990", "210,-9999", "line 19: Stand .* is -9999, which often"),
            "double hour": Never("dates have no hours"),
            "out of order": Refused(last_first, "line 20: the time .* is out of order"),
            "duplicate station": Refused(last_twice, "line 21: the time .* comes twice"),
            "two datums": dino(
                "NAP),Bijz", "XYZ),Bijz", r"no level in relation to NAP; read it with DinoLoket"
            ),
            "truncated": Refused(cut, "is the file cut"),
            "empty": EMPTY,
        },
    ),
    Reader(
        STM_NAME,
        STM.encode(),
        Ismn(),
        {
            "wrong separator": Refused(swap(" ", ","), "."),
            "comma decimals": Refused(swap("0.2450", "0,2450"), "line 3: .* must be a number"),
            "byte-order mark": Same(marked),
            "mixed units": Refused(swap("0.2450", "24.5%"), "line 3: .* must be a number"),
            "swapped latitude and longitude": Refused(
                swap("50.50000  6.40000", "150.40000  50.50000"), "lat must lie within 90 degrees"
            ),
            "9999": Refused(swap("0.2450", "9999.0"), "line 3: .* is 9999, which often"),
            "-9999": Refused(swap("0.2450", "-9999"), "line 3: .* is -9999, which often"),
            "double hour": Never("times are UTC by definition"),
            "out of order": Refused(last_first, "line 7: the time .* is out of order"),
            "duplicate station": Refused(last_twice, "line 8: the time .* comes twice"),
            "two datums": LEVELS,
            "truncated": Refused(cut, "is the file cut"),
            "empty": EMPTY,
        },
    ),
    Reader(
        "XYC001.csv",
        PROCESSED.encode(),
        CosmosEurope(),
        {
            "wrong separator": Refused(swap(",", ";"), "separated by commas, not a semicolon"),
            "comma decimals": Refused(swap("1611.5", "1611,5"), "line 3 has 15 cells in place of"),
            "byte-order mark": Same(marked),
            "mixed units": Refused(swap("1611.5", "27 cps"), "line 3: .* must be a number"),
            "swapped latitude and longitude": Never("places stand in another table; see its tests"),
            "9999": Refused(swap("1611.5", "9999"), "line 3: .* is 9999, which often"),
            "-9999": Refused(swap("1611.5", "-9999"), "line 3: .* is -9999, which often"),
            "double hour": Never("times are UTC by definition"),
            "out of order": Refused(last_first, "line 5: the time .* is out of order"),
            "duplicate station": Refused(last_twice, "line 6: the time .* comes twice"),
            "two datums": LEVELS,
            "truncated": Refused(cut, "is the file cut"),
            "empty": EMPTY,
        },
    ),
    Reader(
        "SantaRita.txt",
        LEVEL_2.encode(),
        CosmosLevels(),
        {
            "wrong separator": Refused(swap(" ", ";"), "must begin with YYYY-MM-DD HH:MM"),
            "comma decimals": Refused(swap("2989", "2989,0"), "line 3: CORR must be a number"),
            "byte-order mark": Same(marked),
            "mixed units": Refused(swap("2989", "49cpm"), "line 3: CORR must be a number"),
            "swapped latitude and longitude": PLACELESS,
            "9999": Refused(swap("2989", "9999"), "line 3: CORR is 9999, which often"),
            "-9999": Never("the format's own sign of a missing value; see its tests"),
            "double hour": Never("times are UTC by definition"),
            "out of order": Refused(last_first, "line 3: the time .* is out of order"),
            "duplicate station": Refused(last_twice, "line 4: the time .* comes twice"),
            "two datums": LEVELS,
            "truncated": Refused(cut, "is the file cut"),
            "empty": EMPTY,
        },
    ),
)
PAIRS = [
    pytest.param(reader, hostility, id=f"{type(reader.format).__name__}-{hostility}")
    for reader in TEXT_READERS
    for hostility in HOSTILITIES
    if not isinstance(reader.cases[hostility], Never)
]


def said(format: Format, path: Path) -> str:
    """The message with which a file is refused: one line, not too long, naming the file."""
    with pytest.raises(HydrodaError) as caught:
        format.read(path, None)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


@pytest.mark.parametrize(("reader", "hostility"), PAIRS)
def test_that_a_hostile_text_is_read_whole_or_refused_in_a_line(
    reader: Reader, hostility: str, tmp_path: Path
) -> None:
    case = reader.cases[hostility]
    assert not isinstance(case, Never)
    path = tmp_path / reader.name
    path.write_bytes(reader.content)
    good = reader.format.read(path, None)
    path.write_bytes(case.change(reader.content))
    if isinstance(case, Same):
        assert reader.format.read(path, None) == good
        return
    message = said(reader.format, path)
    assert re.search(case.message, message), message


@pytest.mark.parametrize("reader", TEXT_READERS, ids=lambda reader: type(reader.format).__name__)
@pytest.mark.parametrize("packed", [False, True])
def test_that_a_text_cut_anywhere_but_at_the_end_of_a_line_is_refused(
    reader: Reader, packed: bool, tmp_path: Path
) -> None:
    suffix = ".gz" if packed and reader.name.endswith(".csv") else ""
    content = gzip.compress(reader.content, mtime=0) if suffix else reader.content
    path = tmp_path / (reader.name + suffix)
    for size in np.linspace(1, len(content) - 1, 60).astype(int):
        if content[size - 1 : size] != b"\n" or suffix:
            path.write_bytes(content[:size])
            assert said(reader.format, path)


# --- NetCDF --------------------------------------------------------------------------------------


def three_stations() -> Records:
    """Two days of three stations with errors, in the east of Asia, where a swap shows."""
    times = pd.date_range("2016-10-29", periods=3, freq="D", tz="UTC")
    parts = [
        pd.DataFrame(
            {
                "time": times, "station": name, "quantity": "soil_moisture",
                "value": [0.1, 0.2, 0.3], "error": 0.01,
            }
        )
        for name in "abc"
    ]  # fmt: skip
    places = pd.DataFrame({"lon": [110.0, 110.1, 110.2], "lat": [40.0, 40.1, 40.2]}, list("abc"))
    return Records.of(pd.concat(parts), {"soil_moisture": "m3 m-3"}, places)


def with_value(number: float) -> Callable[[xr.Dataset], None]:
    def change(dataset: xr.Dataset) -> None:
        dataset["soil_moisture"].values[0, 1] = number

    return change


def swapped(dataset: xr.Dataset) -> None:
    lon, lat = dataset["lon"].values.copy(), dataset["lat"].values.copy()
    dataset["lon"].values[:], dataset["lat"].values[:] = lat, lon


def same_names(dataset: xr.Dataset) -> None:
    dataset["station_name"].values[:] = ["a", "b", "a"]


def times_twice(dataset: xr.Dataset) -> None:
    times = dataset["time"].values[[0, 1, 1]]
    dataset["time"] = ("time", times, dataset["time"].attrs)


def in_other_units(dataset: xr.Dataset) -> None:
    dataset["soil_moisture_error"].attrs["units"] = "mm"


NETCDF: dict[str, Case | tuple[Callable[[xr.Dataset], None], str]] = {
    "wrong separator": Never("the format is binary"),
    "comma decimals": Never("the format is binary"),
    "byte-order mark": Refused(marked, "is truncated or no NetCDF file"),
    "mixed units": (in_other_units, "soil_moisture_error must be convertible to 'm3 m-3'; got 'mm"),
    "swapped latitude and longitude": (swapped, "lat of station 'c' must lie within 90 degrees"),
    "9999": (with_value(9999.0), "soil_moisture of x.nc is 9999 in 1 places, which often stands"),
    "-9999": (with_value(-9999.0), "soil_moisture of x.nc is -9999 in 1 places"),
    "double hour": Never("CF times are UTC by definition"),
    "out of order": Never("the order of a dimension is not that of time; see the property tests"),
    "duplicate station": (same_names, "has station 'a' twice in station_name"),
    "two datums": Never("see below"),
    "truncated": Refused(cut, "is truncated or no NetCDF file"),
    "empty": EMPTY,
}


@pytest.mark.parametrize(
    "hostility", [name for name in HOSTILITIES if not isinstance(NETCDF[name], Never)]
)
def test_that_a_hostile_netcdf_file_is_refused_in_a_line(hostility: str, tmp_path: Path) -> None:
    case = NETCDF[hostility]
    path = tmp_path / "x.nc"
    write(three_stations(), path)
    assert read(path) == three_stations()
    if isinstance(case, Refused):
        path.write_bytes(case.change(path.read_bytes()))
        assert case.message in said(DiscreteSampling(), path)
        return
    assert isinstance(case, tuple)
    change, message = case
    with xr.open_dataset(path) as dataset:
        dataset.load()
    for variable in dataset.variables.values():  # as a careless writer leaves it
        variable.encoding.pop("_FillValue", None)
    change(dataset)
    dataset.to_netcdf(path)
    assert message in said(DiscreteSampling(), path)


def test_that_times_twice_in_netcdf_are_refused(tmp_path: Path) -> None:
    write(three_stations(), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as dataset:
        dataset.load()
    times_twice(dataset)
    with pytest.raises(HydrodaError, match="it: station 'a' has soil_moisture twice at 2016-10-30"):
        DiscreteSampling().decode(dataset, "it")


# --- what no single file shows -------------------------------------------------------------------


def test_that_levels_of_two_datums_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "B99X0001002_1.csv"
    path.write_text(DINO)
    above, below = (DinoLoket(datum).read(path) for datum in (Datum.NAP, Datum.GROUND))
    with pytest.raises(
        HydrodaError, match=r"is in relation to nap, that of .* to ground; read both"
    ):
        above.joined([below])
    for ending in (".nc", ".csv"):  # which keep what levels are in relation to
        write(below, tmp_path / f"below{ending}")
        with pytest.raises(HydrodaError, match="is in relation to nap"):
            above.joined([read(tmp_path / f"below{ending}")])


def test_that_a_swapped_station_among_others_is_told(tmp_path: Path) -> None:
    """Where both numbers are possible latitudes, only the other stations tell."""
    good = three_stations()
    places = good.stations.assign(lon=[6.0, 6.1, 50.2], lat=[50.0, 50.1, 6.2])
    told = described(Records.of(good.values, good.units, places, zone="UTC"))
    assert "odd: station c lies 6361 km from the others, 23 km with latitude" in told
    assert "swapped" not in described(good)


def test_that_a_swapped_place_beside_a_tidy_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(TIDY)
    beside = tmp_path / "x.stations.csv"
    beside.write_text("station,lon,lat\n,degrees_east,degrees_north\na,40.0,110.0\n")
    message = said(TidyCsv(), tmp_path / "x.csv")
    assert "lat of station 'a' must lie within 90 degrees, got 110" in message


def test_that_genuine_numbers_that_look_like_missing_ones_survive(tmp_path: Path) -> None:
    good = three_stations()
    values = good.values.assign(value=np.where(good.values.index == 2, -9999.0, good.values.value))
    odd = Records.of(values.assign(error=9999.0), good.units, good.stations, zone="UTC")
    for ending in (".nc", ".csv", ".csv.gz"):
        write(odd, tmp_path / f"x{ending}")
        assert read(tmp_path / f"x{ending}") == odd


# --- what else spreadsheets and loggers do --------------------------------------------------------

PLAIN_HEAD = "time,station,soil_moisture\nUTC,,m3 m-3\n"
PLAIN_ROWS = "2016-01-01T00:00Z,S1,0.2\n2016-01-01T01:00Z,S1,0.3\n"


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        (PLAIN_HEAD + PLAIN_ROWS, "utf-16", "is text in UTF-16; save it in UTF-8"),
        ((PLAIN_HEAD + PLAIN_ROWS).replace(",", "\t"), "utf-8", "commas, not by a tab"),
        ((PLAIN_HEAD + PLAIN_ROWS).replace("\n", ",\n"), "utf-8", "a column without a name; is th"),
        (PLAIN_HEAD + PLAIN_ROWS.replace("\n", ",\n", 1), "utf-8", "line 3 has 4 cells in place"),
        (PLAIN_HEAD + PLAIN_ROWS.replace("0.3", '"0,3"'), "utf-8", "line 4: soil_moisture must be"),
        (PLAIN_HEAD + PLAIN_ROWS.replace("0.3", "1e20"), "utf-8", "is 1e+20, which often stands"),
        (PLAIN_HEAD + PLAIN_ROWS.replace("0.3", "-9999.0"), "utf-8", "is -9999, which often stand"),
        (PLAIN_HEAD, "utf-8", "has names of columns and no values"),
    ],
)
def test_that_a_plain_mistake_is_named(
    tmp_path: Path, text: str, encoding: str, message: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding=encoding)
    with pytest.raises(HydrodaError) as error:
        read(path)
    assert message in str(error.value) and "x.csv" in str(error.value)


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("\n", "\r"), (",", ", "), ("Z,", "Z ,")])
def test_that_line_ends_and_blanks_change_nothing(tmp_path: Path, change: tuple[str, str]) -> None:
    plain, other = tmp_path / "x.csv", tmp_path / "y.csv"
    plain.write_text(PLAIN_HEAD + PLAIN_ROWS)
    other.write_bytes((PLAIN_HEAD + PLAIN_ROWS.replace(*change, 1)).encode())
    assert read(other) == read(plain)


def test_that_rows_are_read_alike_in_one_sweep_and_one_by_one(tmp_path: Path) -> None:
    """A quote anywhere takes the slow way."""
    plain, quoted = tmp_path / "x.csv", tmp_path / "y.csv"
    plain.write_text(PLAIN_HEAD + PLAIN_ROWS)
    quoted.write_text(PLAIN_HEAD + PLAIN_ROWS.replace("S1", '"S1"', 1))
    assert read(quoted) == read(plain)
    stem = "NET_NET_Hill_sm_0.05_0.05_P_20170419_20170420.stm"
    lines = ["NET NET Hill 50.5 6.4 520.0 0.05 0.05 P", "2017/04/19 00:00 0.24 G M"]
    rows = [*lines, "2017/04/19  01:00  0.25\tG M"]
    for folder, last in (("one", ""), ("other", "\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / stem).write_text("\n".join(rows) + "\n" + last)
    assert read(tmp_path / "one" / stem) == read(tmp_path / "other" / stem)


# --- what was read wrongly, or not in a line, before ----------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2016-01-01T01", "05/10/2016 01", "line 4: '05/10/2016 01:00Z'; write it as 2016-05-01T"),
        ("2016-01-01T01:00Z", "42370.04", "line 4: '42370.04'; write it as"),
        ("2016-01-01T01", "2516-01-01T01", "line 4: .* not between the years 1678 and 2262"),
        ("2016-01-01T01", "0016-01-01T01", "line 4: .* not between the years 1678 and 2262"),
        ("T01:00Z", "T01:00", "without a zone in line 4: '2016-01-01T01:00', others have one"),
        ("2016-01-01T01:00Z", "", "has no time in line 4"),
        ("Z,S1,0.3", "Z,,0.3", "line 4 has a value without a station"),
        (
            "time,",
            "# datum: nap\n# datum: ground\ntime,",
            "line 2: datum is 'ground', and 'nap' ab",
        ),
        ("0.3", "-6999", "line 4: soil_moisture is -6999, which often stands"),
        ("0.3", "-9999.9", "line 4: soil_moisture is -9999.9, which often stands"),
        ("0.3", "9.969209968386869e+36", "line 4: soil_moisture is 9.96921e.36, which often"),
        ("0.3", "NA", "line 4: soil_moisture must be a number, got 'NA'; .* leave the cell empty"),
        (",", " ", "by commas, not by blanks"),
        ("UTC,,m3 m-3\n", "", "in '0.2', which is no unit; .* in the row below the names"),
        ("time", "<html>time", "is a page of the web"),
    ],
)
def test_that_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(swap(old, new)((PLAIN_HEAD + PLAIN_ROWS).encode()).decode())
    found = said(TidyCsv(), path)
    assert re.search(message, found) and "x.csv" in found, found


def test_that_the_hours_of_a_clock_change_are_read_where_they_have_their_offset(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.csv"
    rows = "2016-10-30T02:30+02:00,S1,0.2\n2016-10-30T02:30+01:00,S1,0.3\n"
    path.write_text(PLAIN_HEAD + rows)
    times = read(path).values["time"]
    assert times.tolist() == [pd.Timestamp("2016-10-30 00:30"), pd.Timestamp("2016-10-30 01:30")]


@pytest.mark.parametrize(
    ("day", "why"), [("2016-10-30", "went back past"), ("2016-03-27", "never showed")]
)
def test_that_an_hour_of_a_clock_change_is_named_with_its_line(
    tmp_path: Path, day: str, why: str
) -> None:
    path = tmp_path / "x.csv"
    rows = f"{day}T01:30,S1,0.2\n{day}T02:30,S1,0.3\n"
    path.write_text(PLAIN_HEAD.replace("UTC", "Europe/Berlin") + rows)
    found = said(TidyCsv(), path)
    assert "x.csv line 4 has times that zone 'Europe/Berlin' does not settle" in found
    assert f"the clock {why} {day} 02:30:00; write them in UTC or with their offset" in found
    path.write_text(PLAIN_HEAD.replace("UTC", "UTC-6") + rows)
    assert "zone 'UTC-6', which is none; write one such as" in said(TidyCsv(), path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(range(200)), "a spreadsheet or an archive; save its table as CSV"),
        (gzip.compress(PLAIN_HEAD.encode(), mtime=0), "is gzipped; end its name in .gz"),
        ((PLAIN_HEAD + PLAIN_ROWS).encode("utf-16-le"), "zero bytes; is it text in UTF-16"),
        (b"\xef\xbb\xbf\xef\xbb\xbf \n", "is empty"),
    ],
    ids=["packed", "gzipped", "utf-16", "marks"],
)
@pytest.mark.parametrize("name", ["x.csv", "x.txt"])
def test_that_what_is_no_text_is_called_what_it_is(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HydrodaError, match=message):
        read(path)


def test_that_two_byte_order_marks_are_no_hindrance(tmp_path: Path) -> None:
    plain, other = tmp_path / "x.csv", tmp_path / "y.csv"
    plain.write_text(PLAIN_HEAD + PLAIN_ROWS)
    other.write_bytes(marked(marked(plain.read_bytes())))
    assert read(other) == read(plain)


def test_that_stations_of_the_table_beside_without_values_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(PLAIN_HEAD + PLAIN_ROWS)
    beside = tmp_path / "x.stations.csv"
    beside.write_text("station,elevation\n,m\nS1,5\nS2,6\n")
    assert TidyCsv().unread(path) == {"stations": ("S2",)}
    beside.write_text("station,elevation\n,m\nS1,5\nS1,6\n")
    assert "x.stations.csv has station 'S1' twice" in said(TidyCsv(), path)
    beside.write_text("station,elevation\n,s\nS1,5\n")
    assert "x.stations.csv: elevation must be convertible to 'm'; got 's'" in said(TidyCsv(), path)


def test_that_nothing_is_left_of_a_table_that_cannot_be_written(tmp_path: Path) -> None:
    good = three_stations()
    with pytest.raises(HydrodaError, match="twice"):
        write(good.joined([good]), tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MV),Stand (cm t.o.v. NAP)", "NAP),Stand (cm t.o.v. NAP)", "line 17 names the column"),
        ("B99X0001,002,99XP", "B99X0002,002,99XP", "tells of the well B99X0002002 in line 13, and"),
        ("14-04-1990,275", "14-04-3000,275", "line 20: 3000-04-14 .* 1678 and 2262"),
        ("Maaiveld (cm", "Maaiveld (xx", "B99X0001002_1.csv: Maaiveld must be convertible to 'm'"),
    ],
)
def test_that_a_well_that_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "B99X0001002_1.csv"
    path.write_bytes(swap(old, new)(DINO.encode()))
    found = said(DinoLoket(), path)
    assert re.search(message, found), found


def test_that_a_place_out_of_the_dutch_grid_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "B99X0001002_1.csv"
    path.write_text(DINO)
    assert DinoLoket().oddities(path) == ()
    path.write_text(DINO.replace("150000,450000", "450000,150000"))
    assert DinoLoket().oddities(path) == (
        "x 450000 m and y 150000 m lie outside of the Netherlands; are they swapped?",
    )


def test_that_other_tables_name_what_is_wrong_with_them(tmp_path: Path) -> None:
    stm = tmp_path / STM_NAME
    stm.write_text(STM.replace("520.00", "-9999.0"))
    assert "line 1: elevation is -9999, which often" in said(Ismn(), stm)
    stm.write_text(STM.replace("01:00", "24:00"))
    assert "line 3 has a time that cannot be read: '2017/04/19 24:00'" in said(Ismn(), stm)
    (tmp_path / "XYC001.csv").write_text(PROCESSED)
    places = "File name,Latitude,Longitude,Altitude\nXYC001,50.5,6.4,300\nXYC001,51.5,6.4,300\n"
    (tmp_path / "General_information.csv").write_text(places)
    assert "has station 'XYC001' twice" in said(CosmosEurope(), tmp_path / "XYC001.csv")
    (tmp_path / "SantaRita.txt").write_text(LEVEL_2.replace(" ", ";"))
    with pytest.raises(HydrodaError, match="must begin with YYYY-MM-DD HH:MM and have blanks"):
        read(tmp_path / "SantaRita.txt")


# --- NetCDF that is damaged within ----------------------------------------------------------------


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
@pytest.mark.parametrize("unlimited", [False, True])
def test_that_a_cut_classic_netcdf_file_is_refused(
    tmp_path: Path, form: str, unlimited: bool
) -> None:
    """The library gives zeros for what is not there."""
    import netCDF4

    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.featureType = "timeSeries"
        file.createDimension("time", None if unlimited else 3)
        file.createDimension("letter", 1)
        file.createVariable("station", "S1", ("letter",)).cf_role = "timeseries_id"
        file["station"][:] = np.array([b"a"])
        for name, kind in (("time", "f8"), ("soil_moisture", "i2")):
            file.createVariable(name, kind, ("time",))
        file["time"].setncatts({"standard_name": "time", "units": "days since 2016-01-01"})
        file["soil_moisture"].units = "%"
        file["time"][:], file["soil_moisture"][:] = [0, 1, 2], [10, 20, 30]
    whole = path.read_bytes()
    assert read(path).values["value"].tolist() == [10, 20, 30]
    # The padding of the last number may be missing, as programs leave it out.
    for size in (*range(4, 200, 30), len(whole) - 10, len(whole) - 3):
        path.write_bytes(whole[:size])
        assert "truncated" in said(DiscreteSampling(), path)


def with_attributes(name: str, **attributes: object) -> Callable[[xr.Dataset], None]:
    def change(dataset: xr.Dataset) -> None:
        dataset[name].attrs.update(attributes)

    return change


def without_units(dataset: xr.Dataset) -> None:
    dataset["time"] = ("time", np.arange(3.0), {"standard_name": "time"})


def in_months_of_thirty_days(dataset: xr.Dataset) -> None:
    dataset["time"].encoding["calendar"] = "360_day"
    times = xr.date_range("2016-02-29", periods=3, calendar="360_day", use_cftime=True)
    dataset["time"] = ("time", times, dataset["time"].attrs)


def without_end(dataset: xr.Dataset) -> None:
    dataset["time"] = ("time", np.array([0.0, 1.0, 9.97e36]), dataset["time"].attrs)
    dataset["time"].attrs["units"] = "days since 2016-01-01"


def unknown_elevation(dataset: xr.Dataset) -> None:
    dataset["alt"] = ("station", [1.0, -9999.0, 2.0], {"standard_name": "altitude", "units": "m"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_units, "time of x.nc must have units such as .* it has no units"),
        (in_months_of_thirty_days, "the standard calendar; it has 360_day"),
        (without_end, "x.nc cannot be decoded: "),
        (with_value(np.inf), "soil_moisture of x.nc is infinite in 1 places"),
        (with_value(np.float32(-999.99)), "soil_moisture of x.nc is -999.99 in 1 places"),
        (unknown_elevation, "x.nc: elevation of station 'b' is -9999, which often stands"),
        (in_other_units, "x.nc: soil_moisture_error must be convertible"),
    ],
)
def test_that_netcdf_that_makes_no_sense_is_refused(
    tmp_path: Path, change: Callable[[xr.Dataset], None], message: str
) -> None:
    path = tmp_path / "good.nc"
    write(three_stations(), path)
    dataset = xr.load_dataset(path, engine="netcdf4")
    change(dataset)
    dataset.to_netcdf(tmp_path / "x.nc", engine="netcdf4")
    found = said(DiscreteSampling(), tmp_path / "x.nc")
    assert re.search(message, found), found


def in_intervals() -> xr.Dataset:
    """A dataset of two days whose times stand in their middle."""
    times = pd.to_datetime(["2016-01-01T12:00", "2016-01-02T12:00"])
    half = pd.Timedelta("12h")
    bounds = np.stack([times - half, times + half], axis=-1)
    named = {"standard_name": "time", "bounds": "time_bnds"}
    return xr.Dataset(
        {
            "soil_moisture": (("station", "time"), [[0.1, 0.2]], {"units": "1"}),
            "time_bnds": (("time", "bnds"), bounds),
            "name": (("station",), ["a"], {"cf_role": "timeseries_id"}),
        },
        {"time": ("time", times, named)},
        {"featureType": "timeSeries"},
    )


def test_that_an_interval_begins_and_ends_with_its_bounds() -> None:
    values = DiscreteSampling().decode(in_intervals(), "it").values
    assert values["time"].tolist() == list(pd.to_datetime(["2016-01-01", "2016-01-02"]))
    assert values["end"].tolist() == list(pd.to_datetime(["2016-01-02", "2016-01-03"]))


def test_that_a_time_out_of_its_bounds_is_refused() -> None:
    damaged = in_intervals()
    times = np.array(["2016-01-01T12:00", "1970-01-01"], "datetime64[ns]")
    damaged["time"] = ("time", times, damaged["time"].attrs)
    with pytest.raises(HydrodaError, match="it has a time out of its time_bnds: 1970-01-01 00:00"):
        DiscreteSampling().decode(damaged, "it")


def test_that_a_ragged_array_of_negative_size_and_a_file_of_nothing_are_refused(
    tmp_path: Path,
) -> None:
    write(three_stations().where([True, True, False] + [True] * 6), tmp_path / "x.nc")
    dataset = xr.load_dataset(tmp_path / "x.nc", engine="netcdf4")
    dataset["row_size"].values[:] = [-1, 5, 4]
    with pytest.raises(HydrodaError, match="it is cut wrongly: row_size is -1 somewhere"):
        DiscreteSampling().decode(dataset, "it")
    with pytest.raises(HydrodaError, match="it holds no observation"):
        DiscreteSampling().decode(in_intervals().isel(time=slice(0)), "it")


def test_that_times_out_of_order_are_read_and_told(tmp_path: Path) -> None:
    good, path = three_stations(), tmp_path / "x.nc"
    write(good, path)
    assert DiscreteSampling().oddities(path) == ()
    xr.load_dataset(path, engine="netcdf4").isel(time=[0, 2, 1]).to_netcdf(tmp_path / "y.nc")
    assert read(tmp_path / "y.nc") == good
    (told,) = DiscreteSampling().oddities(tmp_path / "y.nc")
    assert told == "times out of order: 3, first 2016-10-30 00:00:00"
