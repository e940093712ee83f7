"""COSMOS-Europe CSV; the rows below are made up in the layout of a processed and a raw file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hydroda.errors import DataError
from hydroda.obs import CosmicRayNeutron, CosmosEurope, ObservationNetwork, read, write

N, SM = "NeutronCount_Epithermal", "SoilMoisture_volumetric_MovAvg24h"
PROCESSED = f"""DateTime_utc,{N}_Cum1h_corrected,{N}_Cum1h_corrected_std,{N}_MovAvg24h_corrected,\
Flag_Extreme_Counts,Flag_AirPressure_ERA5,Flag_Snow_ERA5,{SM},{SM}_std,{SM}_lower,{SM}_upper,\
Footprint_Radius_m,Footprint_Depth_m,Biomass
2015-06-30 17:00:00+00:00,1485.25,36.5,1529.5,0,0,0,0.25,,-0.004,0.006,127.0,0.212,
2015-06-30 18:00:00+00:00,1611.5,37.75,1528.25,0,1,0,0.26,0.01,-0.005,0.005,125.0,0.2117,
2015-06-30 19:00:00+00:00,,,1528.5,1,0,1,,,,,124.5,0.211,
2015-06-30 20:00:00+00:00,1600.0,37.5,1527.0,0,0,1,0.27,0.01,-0.005,0.005,124.0,0.21,
"""
RAW = f"""DateTime_utc,{N}_Cum1h,AirTemperature,AirHumidity_Relative,AirPressure,Precipitation
2015-06-30 17:00:00+00:00,1684.0,,,992.2,0.0
2015-06-30 18:00:00+00:00,1826.0,noData,55,992.1,0.2
"""
GENERAL = """Station,File name,Country,Latitude (°),Longitude (°),Altitude (m)
Heath,XYC001,DE,50.5,6.25,400
Moor,XYC002,DE,51.5,7.25,50
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "processed"
    folder.mkdir()
    (folder / "XYC001.csv").write_text(PROCESSED)
    return folder / "XYC001.csv"


def test_that_a_processed_file_gives_moisture_and_counts_with_their_errors(path: Path) -> None:
    records = read(path)
    values = records.values.set_index("quantity")
    assert records.units["soil_moisture"] == "m3 m-3" and records.units["neutron_counts"] == "h-1"
    moisture, counts = values.loc["soil_moisture"], values.loc["neutron_counts"]
    np.testing.assert_array_equal(moisture["value"], [0.25, 0.26, np.nan, 0.27])
    # half of the interval where there is no standard deviation
    np.testing.assert_allclose(moisture["error"], [0.005, 0.01, np.nan, 0.01])
    assert moisture["flag"].tolist() == ["", "", "Extreme_Counts+Snow_ERA5", "Snow_ERA5"]
    assert counts["error"].tolist()[:2] == [36.5, 37.75]
    assert records.attributes["flag_AirPressure_ERA5"] == "1 of 4 hours"


def test_that_an_hour_ends_at_its_time_and_a_running_mean_eleven_hours_later(path: Path) -> None:
    first = read(path).values.groupby("quantity").first()
    assert first["time"]["neutron_counts"] == pd.Timestamp("2015-06-30 16:00")
    assert first["end"]["neutron_counts"] == pd.Timestamp("2015-06-30 17:00")
    assert first["time"]["soil_moisture"] == pd.Timestamp("2015-06-30 04:00")
    assert first["end"]["soil_moisture"] == pd.Timestamp("2015-07-01 04:00")


def test_that_no_flag_has_to_be_accepted(path: Path) -> None:
    values = CosmosEurope(accept=()).read(path).values
    assert values["flag"].tolist()[1] == "AirPressure_ERA5"
    everything = CosmosEurope(accept=("Extreme_Counts", "AirPressure_ERA5", "Snow_ERA5"))
    assert (everything.read(path).values["flag"] == "").all()


def test_that_the_place_comes_from_the_table_beside_or_above(path: Path) -> None:
    assert read(path).stations.columns.empty
    path.parent.with_name("General_ information.csv").write_text(GENERAL, encoding="cp1252")
    place = read(path).stations.loc["XYC001"]
    assert place.to_dict() == {"lon": 6.25, "lat": 50.5, "elevation": 400}
    path.parent.with_name("General_ information.csv").write_text(GENERAL.replace("50.5", "506"))
    with pytest.raises(DataError, match=r"lat must lie within 90 degrees, got 506; are latitude"):
        read(path)


def test_that_a_file_makes_a_network_and_survives_a_round_trip(path: Path) -> None:
    net = ObservationNetwork((CosmicRayNeutron(station="XYC001", sd="3 %"),), path)
    assert net.table["reason"].tolist() == ["usable", "usable", "missing", "bad_flag"]
    for ending in (".nc", ".csv"):
        write(read(path), path.with_name(f"copy{ending}"))
        assert read(path.with_name(f"copy{ending}")) == read(path)


def test_that_a_raw_file_gives_counts_and_weather(path: Path) -> None:
    path.write_text(RAW)
    records = read(path)
    assert records.units == {
        "raw_neutron_counts": "h-1", "air_temperature": "degC", "relative_humidity": "%",
        "pressure": "hPa", "precipitation": "mm",
    }  # fmt: skip
    found = records.values.set_index("quantity")["value"]
    assert found["pressure"].tolist() == [992.2, 992.1]
    assert found["air_temperature"].isna().all()
    path.write_text(RAW.replace("2015-06-30 17:00:00+00:00", "30.06.2015 17:00"))
    assert read(path) == records


def test_that_the_raw_series_of_fuerstensee_is_read_as_it_is(shared: Callable[[str], Path]) -> None:
    path = shared("data/fuerstensee/FSC001_time_series.csv.gz")
    records = read(path)
    plain = pd.read_csv(path, parse_dates=["DateTime_utc"])
    counts = records.values[records.values["quantity"] == "raw_neutron_counts"]
    np.testing.assert_array_equal(counts["value"], plain["NeutronCount_Epithermal_Cum1h"])
    assert (counts["end"].to_numpy() == plain["DateTime_utc"].dt.tz_localize(None)).all()
    assert len(records) == 8 * len(plain)


def test_that_what_is_not_read_is_told(path: Path) -> None:
    assert CosmosEurope().unread(path) == {"columns": (f"{N}_MovAvg24h_corrected", "Biomass")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1485.25", "many", "line 2: .*_Cum1h_corrected must be a number, got 'many'; write noDat"),
        ("1485.25", "-9999", "line 2: .* is -9999, which often stands for a missing .* noData"),
        ("30 18:", "30 16:", "line 3: the time 2015-06-30 16:00:00 UTC is out of order"),
        ("30 18:", "30 17:", "line 3: the time 2015-06-30 17:00:00 UTC comes twice"),
        ("2015-06-30 18", "yesterday 18", "line 3: DateTime_utc must be a time such as"),
        (",", ";", "must have its columns separated by commas, not a semicolon"),
    ],
)
def test_that_a_damaged_file_is_refused_with_its_line(
    path: Path, old: str, new: str, message: str
) -> None:
    path.write_text(PROCESSED.replace(old, new))
    with pytest.raises(DataError, match=message):
        read(path)
