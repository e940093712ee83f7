"""COSMOS level 1 and 2. The two rows of level 2 are those in the comments of DART's converter, the
row of level 1 is that of the network's description of its data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hydroda.errors import DataError
from hydroda.obs import CosmosLevels, NeutronCounts, ObservationNetwork, read, write

LEVEL_2 = """YYYY-MM-DD HH:MM  MOD PROBE PRESS  SCALE SANPE INTEN OTHER CORR ERR
2010-06-02 19:12 2555 1.000 0.990 02.066 2.486 1.030 1.000 2954 058
2010-06-02 20:13 2593 1.000 0.987 02.066 2.486 1.030 1.000 2989 058
"""
LATER = "2010-06-03 09:12 2600 1.000 0.987 02.066 2.486 1.030 1.000 2997 058\n"
LEVEL_1 = """YYYY-MM-DD HH:MM MODE UNMO PRESS TEM RH BATT
UTC /hr /hr mb C % V
2010-07-21 03:20 1013 541 976.1 33 14 12.7
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "SantaRita_corcounts.txt"
    file.write_text(LEVEL_2)
    return file


def test_that_level_2_gives_corrected_counts_with_their_error(path: Path) -> None:
    records = read(path)
    values = records.values[records.values["quantity"] == "neutron_counts"]
    assert values["value"].tolist() == [2954, 2989] and values["error"].tolist() == [58, 58]
    assert set(values["station"]) == {"SantaRita"}
    assert records.units == {"raw_neutron_counts": "h-1", "neutron_counts": "h-1"}
    write(records, path.with_name("x.nc"))
    assert read(path.with_name("x.nc")) == records


def test_that_a_count_begins_where_the_one_before_ends_unless_counting_had_stopped(
    path: Path,
) -> None:
    path.write_text(LEVEL_2 + LATER)
    values = read(path).values.iloc[:3]
    ends = [pd.Timestamp(f"2010-06-{t}") for t in ("02 19:12", "02 20:13", "03 09:12")]
    assert values["end"].tolist() == ends
    assert values["time"][1] == ends[0]
    assert values["time"][2] > ends[1]


def test_that_corrected_counts_are_the_product_of_their_factors(path: Path) -> None:
    assert CosmosLevels().oddities(path) == ()
    path.write_text(LEVEL_2.replace("2989", "2889"))
    assert CosmosLevels().oddities(path) == (
        "1 corrected counts are not the product of their factors, first in line 3",
    )


def test_that_level_1_gives_what_the_logger_sent(path: Path) -> None:
    path.write_text(LEVEL_1)
    records = read(path)
    found = records.values.set_index("quantity")["value"]
    assert found.to_dict() == {
        "raw_neutron_counts": 1013, "raw_thermal_counts": 541, "pressure": 976.1,
        "box_temperature": 33, "box_relative_humidity": 14,
    }  # fmt: skip
    assert records.units["pressure"] == "hPa"


def test_that_missing_rows_are_missing(path: Path) -> None:
    path.write_text(LEVEL_2.replace("2989 058", "-9999 -9999"))
    values = read(path).values
    assert np.isnan(values["value"][1]) and np.isnan(values["error"][1])


def test_that_the_station_is_told_or_stands_in_the_name(path: Path) -> None:
    bare = path.rename(path.with_name("corcounts.txt"))
    with pytest.raises(DataError, match="does not say whose counts these are: call it STATION_cor"):
        read(bare)
    assert set(CosmosLevels(station="A").read(bare).values["station"]) == {"A"}


def test_that_a_network_uses_the_counts(path: Path) -> None:
    sensor = NeutronCounts(station="SantaRita", n0="3500 h-1", bulk_density="1400 kg m-3")
    net = ObservationNetwork((sensor,), path)
    assert net.table["value"].tolist() == [2954, 2989]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2989 058\n", "29\n", "line 3 has 10 cells in place of 11: .* is the file cut"),
        ("2989 058\n", "2989 05", "ends within line 3; is the file cut"),
        ("2010-06-02 20:13", "2010-06-02 18:13", "line 3: the time 2010-06-02 18:13:00 .* order"),
        ("2010-06-02 20:13", "2010-06-02 19:12", "line 3: the time .* comes twice"),
        ("2010-06-02 20:13", "02.06.2010 20:13", "line 3: a time is such as 2010-06-02 19:12"),
        ("2989", "many", "line 3: CORR must be a number, got 'many'"),
        ("2989", "9999", "line 3: CORR is 9999, which often stands for a missing value"),
    ],
)
def test_that_a_damaged_file_is_refused_with_its_line(
    path: Path, old: str, new: str, message: str
) -> None:
    path.write_text(LEVEL_2.replace(old, new))
    with pytest.raises(DataError, match=message):
        read(path)
