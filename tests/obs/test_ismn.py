"""ISMN .stm; the files below are made up in the two layouts that ismn.earth describes."""

from pathlib import Path

import pandas as pd
import pytest

from hydroda.errors import DataError
from hydroda.obs import Ismn, read, write

NAME = "NET_NET_Hill_sm_0.000000_0.100000_Probe-X_20170419_20170420.stm"
HEADER = """NET  NET  Hill  50.50000  6.40000  520.00  0.00  0.10  Probe-X
2017/04/19 00:00   0.2420 G M
2017/04/19 01:00   0.2450 D03 M
2017/04/19 02:00   0.4070 D03,D10 M
2017/04/19 03:00      NaN M M
2017/04/19 05:00   0.2400 C01 M
2017/04/19 06:00   0.2390 G
"""
PLACE = "NET  NET  Hill  50.50000  6.40000  520.00  0.00  0.10"


def ceop() -> str:
    """The same values with the nominal time and the place in every line."""
    lines = HEADER.splitlines()[1:]
    return "".join(f"{line[:16]} {line[:16]} {PLACE} {line[16:]}\n" for line in lines)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / NAME
    file.write_text(HEADER)
    return file


def test_that_a_file_with_a_header_is_read(path: Path) -> None:
    records = read(path)
    values = records.values
    assert records.units == {"soil_moisture": "m3 m-3"}
    assert values["flag"].tolist() == ["", "D03", "D03+D10", "missing", "C01", ""]
    assert values["value"].tolist()[:3] == [0.242, 0.245, 0.407] and values["value"].isna()[3]
    assert values["time"][5] == pd.Timestamp("2017-04-19 06:00")
    assert (values["depth"] == 0.05).all()
    assert records.stations.loc["Hill"].to_dict() == {"lon": 6.4, "lat": 50.5, "elevation": 520}
    assert records.attributes == {
        "source": "ISMN, network NET",
        "depths_Hill_Probe_X": "0 to 0.1 m",
    }


def test_that_both_layouts_hold_the_same_records(path: Path) -> None:
    header = read(path)
    path.write_text(ceop())
    assert read(path) == header
    path.write_bytes(ceop().replace("\n", "\r").encode())
    assert read(path) == header


@pytest.mark.parametrize(
    ("word", "quantity", "unit"),
    [("ts", "soil_temperature", "degC"), ("p", "precipitation", "mm")],
)
def test_that_the_name_says_what_a_file_holds(
    path: Path, word: str, quantity: str, unit: str
) -> None:
    other = path.rename(path.with_name(NAME.replace("_sm_", f"_{word}_")))
    assert read(other).units == {quantity: unit}


def test_that_a_station_may_have_the_separator_in_its_name(path: Path) -> None:
    other = path.rename(path.with_name(NAME.replace("Hill", "FR_sm_Hill")))
    assert read(other).units == {"soil_moisture": "m3 m-3"}


def test_that_unchecked_values_are_good_only_if_they_are_declared_so(path: Path) -> None:
    path.write_text(HEADER.replace(" G ", " U "))
    assert read(path).values["flag"][0] == "U"
    assert Ismn(accept=("G", "U")).read(path).values["flag"].tolist()[:2] == ["", "D03"]


@pytest.mark.parametrize("ending", [".nc", ".csv"])
def test_that_flags_and_depths_survive_in_another_format(path: Path, ending: str) -> None:
    copy = path.with_name(f"copy{ending}")
    write(read(path), copy)
    assert read(copy) == read(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.2450 D03 M", "0.2450", r"line 3 has 3 entries in place of 5: .* is the file cut\?"),
        ("2390 G\n", "2390 G", r"ends within line 7; is the file cut\?"),
        ("D03 M", "bad M", r"line 3: a flag is such as G or D03,D10, got 'bad'"),
        ("0.2450", "0,2450", r"line 3: soil_moisture must be a number, got '0,2450'"),
        ("0.2450", "-9999", r"line 3: soil_moisture is -9999, .* \(and 0 more\); flag it M"),
        ("04/19 02:00", "04/19 00:30", r"line 4: the time .* is out of order, after 2017-04-19 01"),
        ("04/19 02:00", "04/19 01:00", r"line 4: the time 2017-04-19 01:00:00 UTC comes twice"),
        ("04/19 02:00", "14/19 02:00", "has a time that cannot be read"),
        ("50.50000  6.40000", "-120.5 50.5", r"lat must lie within 90 degrees, got -120.5; are l"),
        ("  0.10  Probe-X", "", "begins with no station, place and depths: NET NET Hill"),
        (HEADER[HEADER.index("2017") :], "", "has a header and no values"),
    ],
)
def test_that_a_damaged_file_is_refused_with_its_line(
    path: Path, old: str, new: str, message: str
) -> None:
    assert old in HEADER
    path.write_text(HEADER.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read(path)


def test_that_a_second_station_in_a_file_is_refused(path: Path) -> None:
    lines = ceop().splitlines()
    others = [line.replace("Hill", "Dale") for line in lines[2:]]
    path.write_text("\n".join([*lines[:2], *others, ""]))
    with pytest.raises(DataError, match=r"line 3 is of Dale 50\.50000 .* before of Hill"):
        read(path)


def test_that_empty_and_renamed_files_are_refused(path: Path) -> None:
    other = path.with_name("hill.stm")
    other.write_text(HEADER)
    with pytest.raises(DataError, match=r"hill\.stm must be called as the ISMN does"):
        read(other)
    path.write_text(" \n")
    with pytest.raises(DataError, match="is empty"):
        read(path)
    path.write_bytes(b"\xfa\xfe\x00")
    with pytest.raises(DataError, match="is no text in UTF-8"):
        read(path)
