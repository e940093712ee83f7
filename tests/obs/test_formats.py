"""Files of observations: round trips, the examples of other institutions, and damaged files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.errors import DataError
from hydroda.obs import Format, ObservationNetwork, Records, read, sensors_at, write
from hydroda.obs.cfdsg import DiscreteSampling
from hydroda.obs.formats import FORMATS
from hydroda.obs.sensors import GroundwaterLevel, SoilMoistureProbe
from tests.obs.test_records import UNITS, hourly, mixed

Shared = Callable[[str], Path]
ENDINGS = (".nc", ".csv", ".csv.gz")
EXAMPLES = ("crns_orthogonal", "gwl_contiguous_ragged", "soil_moisture_timeSeriesProfile")


def orthogonal() -> Records:
    """Two stations at the same times, daily means with errors and flags."""
    times = pd.date_range("2016-01-01", periods=3, freq="D", tz="UTC")
    parts = [
        pd.DataFrame(
            {
                "time": times,
                "end": times + pd.Timedelta("1 D"),
                "station": name,
                "quantity": "soil_moisture",
                "value": [0.1, np.nan, 1 / 3],
                "error": [0.01, np.nan, 0.02],
                "flag": ["", "frozen", ""],
                "count": [24, 0, 20],
            }
        )
        for name in ("a", "Wüstebach")
    ]
    places = pd.DataFrame({"x": [1.5, 2.5], "y": [0.1, 1e6]}, index=["a", "Wüstebach"])
    return Records.of(pd.concat(parts), UNITS, places, {"title": "Two, daily", "comment": "é"})


def profile() -> Records:
    return Records.of(pd.concat([hourly([0.1, 0.2], depth=depth) for depth in (0.05, 0.2)]), UNITS)


def instants() -> Records:
    return Records.of(hourly([0.1, 0.2], "2016-01-01T00:00:30.250Z"), UNITS)


CASES = (mixed, orthogonal, profile, instants)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("case", CASES)
def test_that_a_round_trip_loses_nothing(
    case: Callable[[], Records], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"observations{ending}"
    write(case(), path)
    assert read(path) == case()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_that_examples_survive_a_round_trip(
    name: str, ending: str, shared: Shared, tmp_path: Path
) -> None:
    records = read(shared(f"data/cf_dsg_examples/{name}.nc"))
    write(records, tmp_path / f"copy{ending}")
    assert read(tmp_path / f"copy{ending}") == records


def test_that_the_examples_are_read_as_they_are_meant(shared: Shared) -> None:
    counts, wells, profile = (read(shared(f"data/cf_dsg_examples/{name}.nc")) for name in EXAMPLES)
    assert counts.units == {"neutron_count_rate": "h-1"}
    assert (counts.values["end"] - counts.values["time"] == pd.Timedelta("1 D")).all()
    assert counts.stations.loc["FSC001", "elevation"] == 66
    assert counts.values["value"].isna().sum() == 144
    assert wells.values.groupby("station").size().to_dict() == {
        "B32C0639001": 544,
        "B58C0698001": 644,
    }
    np.testing.assert_allclose(wells.values["error"], 0.05, rtol=1e-6)
    assert sorted(profile.values["depth"].unique()) == [0.05, 0.2, 0.6]


def test_that_the_examples_make_networks(shared: Shared) -> None:
    wells = read(shared("data/cf_dsg_examples/gwl_contiguous_ragged.nc"))
    net = ObservationNetwork(sensors_at(wells, GroundwaterLevel(station="", ground="30 m")), wells)
    assert net.stations == ("B32C0639001", "B58C0698001")
    assert (net.table["reason"] == "usable").all()
    soil = xr.open_dataset(shared("data/cf_dsg_examples/soil_moisture_timeSeriesProfile.nc"))
    probe = SoilMoistureProbe(station="", depth="0 m", sd="3 %")
    depths = sensors_at(DiscreteSampling().decode(soil, "it"), probe)
    assert len(ObservationNetwork(depths, soil).table) == 1200
    soil.close()


def test_that_written_files_declare_their_convention(tmp_path: Path) -> None:
    for case, kind in (
        (mixed, "timeSeries"),
        (orthogonal, "timeSeries"),
        (profile, "timeSeriesProfile"),
    ):
        write(case(), tmp_path / "x.nc")
        with xr.open_dataset(tmp_path / "x.nc") as dataset:
            assert dataset.attrs["Conventions"] == "CF-1.11"
            assert dataset.attrs["featureType"] == kind
            roles = [v.attrs.get("cf_role") for v in dataset.variables.values()]
            assert roles.count("timeseries_id") == 1
            assert dataset["soil_moisture"].attrs["standard_name"].startswith("volume_fraction")


def test_that_all_other_representations_are_read(tmp_path: Path) -> None:
    """Indexed ragged and incomplete arrays, and stations named by characters."""
    times = np.array(["2016-01-01", "2016-01-02", "2016-01-01"], dtype="datetime64[ns]")
    names = ("station", np.array([b"a", b"b"]), {"cf_role": "timeseries_id"})
    moisture = {"units": "m3 m-3", "standard_name": "volume_fraction_of_condensed_water_in_soil"}
    axis = {"standard_name": "time"}
    indexed = xr.Dataset(
        {
            "theta": ("obs", [0.1, 0.2, 0.3], moisture),
            "time": ("obs", times, axis),
            "number": ("obs", [0, 0, 1], {"instance_dimension": "station"}),
            "id": names,
        },
        attrs={"featureType": "timeSeries"},
    )
    padded = xr.Dataset(
        {
            "theta": (("station", "obs"), [[0.1, 0.2], [0.3, np.nan]], moisture),
            "time": (("station", "obs"), [times[:2], [times[2], np.datetime64("NaT")]], axis),
            "id": names,
        },
        attrs={"featureType": "timeSeries"},
    )
    for number, dataset in enumerate((indexed, padded)):
        path = tmp_path / f"{number}.nc"
        dataset.to_netcdf(path)
        records = read(path)
        assert records.values["station"].tolist() == ["a", "a", "b"]
        assert records.values["value"].tolist() == [0.1, 0.2, 0.3]
        assert records.units == UNITS


def test_that_times_with_an_offset_are_taken_to_utc(tmp_path: Path) -> None:
    write(instants(), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", decode_times=False) as dataset:
        dataset.load()
    dataset["time"].attrs["units"] = "milliseconds since 1970-01-01 01:00:00 +01:00"
    dataset["time"] = (dataset["time"] // 1000).assign_attrs(dataset["time"].attrs)
    dataset.to_netcdf(tmp_path / "y.nc")
    assert read(tmp_path / "y.nc").values["time"].tolist() == instants().values["time"].tolist()


def test_that_status_flags_become_words() -> None:
    flag = {"flag_values": np.array([1, 4]), "flag_meanings": "good bad_battery"}
    dataset = xr.Dataset(
        {
            "theta": ("time", [0.1, 0.2, 0.3], {"units": "1", "ancillary_variables": "qc_flag"}),
            "qc_flag": ("time", [1, 4, 7], flag),
            "time": ("time", pd.date_range("2016", periods=3), {"axis": "T"}),
            "id": ((), "a", {"cf_role": "timeseries_id"}),
        },
        attrs={"featureType": "timeSeries"},
    )
    records = DiscreteSampling().decode(dataset, "it")
    assert records.values["flag"].tolist() == ["", "bad_battery", "flag_7"]


# --- damage ---------------------------------------------------------------------------------------


def test_that_a_truncated_netcdf_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.nc"
    write(mixed(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut\.nc is truncated or no NetCDF file"):
        read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.attrs.pop("featureType"), "must have featureType timeSeries .* got ''"),
        (lambda d: d["soil_moisture"].attrs.pop("units"), "soil_moisture of it has no units"),
        (lambda d: d["station_name"].attrs.pop("cf_role"), "no variable for station"),
        (
            lambda d: d["row_size"].values.__setitem__(0, 9),
            "row_size adds up to 13, but",
        ),
    ],
)
def test_that_a_file_against_the_convention_is_refused(
    change: Callable[[xr.Dataset], object], message: str, tmp_path: Path
) -> None:
    frame = pd.concat([hourly([0.1] * 3), hourly([0.1] * 4, station="b")])
    write(Records.of(frame, UNITS), tmp_path / "x.nc")
    with xr.load_dataset(tmp_path / "x.nc") as dataset:
        change(dataset)
        with pytest.raises(DataError, match=message):
            DiscreteSampling().decode(dataset, "it")


TEXT = """# title: One
time,station,soil_moisture
UTC,,m3 m-3
2016-01-01T00:00,a,0.1
2016-01-02T00:00,a,0.2
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a,0.2", "a,0,2", r"line 5 has 4 cells in place of 3: '2016-01-02T00:00,a,0,2'"),
        ("a,0.1", "a,wet", r"line 4: soil_moisture must be a number, got 'wet'"),
        ("m3 m-3", "", "gives no unit for soil_moisture"),
        ("time,station", "when,station", "needs a column 'time'; it has when, station"),
        ("station,soil_moisture", "station,station", "names a column twice"),
        ("UTC,", ",", "has times without a zone"),
        (
            "2016-01-02",
            "2016-13-02",
            "has a time that cannot be read in line 5: '2016-13-02T00:00'",
        ),
        ("m3 m-3", "furlong/?", "has soil_moisture in 'furlong/\\?', which is no unit"),
        ("UTC,,m3 m-3", "UTC,m3 m-3", "line 3 has 2 cells in place of 3; write one unit"),
        (
            "0.2\n",
            "0.2",
            r"ends within line 5; is the file cut\? End that line if it",
        ),
        (",soil_moisture\nUTC,,m3 m-3", "\nUTC,", "line 4 has 3 cells in place of 2"),
    ],
)
def test_that_a_corrupt_table_is_refused_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "sm.csv"
    path.write_text(TEXT)
    assert len(read(path)) == 2 and read(path).attributes == {"title": "One"}
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=message):
        read(path)


def test_that_binary_and_cut_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(TEXT.encode() + b"\xff\xfe\x00")
    with pytest.raises(
        DataError, match=r"x\.csv is no text in UTF-8; save it so, or is it damaged"
    ):
        read(tmp_path / "x.csv")
    write(mixed(), tmp_path / "y.csv.gz")
    whole = (tmp_path / "y.csv.gz").read_bytes()
    (tmp_path / "y.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"y\.csv\.gz is damaged: "):
        read(tmp_path / "y.csv.gz")
    (tmp_path / "z.csv").write_text("time,station\n")
    with pytest.raises(DataError, match="needs a row of names and a row of units"):
        read(tmp_path / "z.csv")


def test_that_a_table_may_hold_local_times_and_depths_in_centimetres(tmp_path: Path) -> None:
    text = "time,station,depth,soil_moisture\nEurope/Berlin,,cm,%\n2016-07-01 02:00,a,5,20\n"
    (tmp_path / "x.csv").write_text(text)
    row = read(tmp_path / "x.csv").values.iloc[0]
    assert (row["time"], row["depth"]) == (pd.Timestamp("2016-07-01 00:00"), 0.05)


def test_that_places_in_a_table_of_stations_are_checked(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(TEXT)
    (tmp_path / "x.stations.csv").write_text("station,x\n,km\na,1.5\n")
    assert read(tmp_path / "x.csv").stations.loc["a", "x"] == 1500
    (tmp_path / "x.stations.csv").write_text("station,colour\n,\na,1\n")
    with pytest.raises(DataError, match="has 'colour'; known are x, y, lon, lat, elevation"):
        read(tmp_path / "x.csv")


def test_that_missing_and_unknown_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*nowhere\.csv"):
        read(tmp_path / "nowhere.csv")
    (tmp_path / "x.xlsx").write_text("x")
    with pytest.raises(DataError, match=r"is of no known format; known are \.nc"):
        read(tmp_path / "x.xlsx")
    with pytest.raises(DataError, match=r"x\.xlsx must end in \.nc"):
        write(mixed(), tmp_path / "x.xlsx")
    with pytest.raises(DataError, match="there are no records to write"):
        write(mixed().select(["z"]), tmp_path / "x.nc")


class Logger(Format):
    """A format of one's own: a value per line, an hour each."""

    suffixes = (".log",)

    def read(self, path: Path, zone: str | None = None) -> Records:
        values = [float(line) for line in path.read_text().splitlines()]
        return Records.of(hourly(values), UNITS)


def test_that_a_further_format_plugs_in(tmp_path: Path) -> None:
    path = tmp_path / "probe.log"
    path.write_text("0.1\n0.2\n")
    assert read(path, formats=(Logger(), *FORMATS)).values["value"].tolist() == [0.1, 0.2]
    with pytest.raises(DataError, match="Logger cannot be written"):
        write(mixed(), path, formats=(Logger(),))


def test_that_tables_of_another_layout_are_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TEXT.replace(",", ";"))
    with pytest.raises(DataError, match="by commas, not by a semicolon, or give a ColumnMap"):
        read(path)
    path.write_text("date,head\n2016-01-01,1\n")
    with pytest.raises(DataError, match="it has date, head; a table of another layout needs a Col"):
        read(path)
    path.write_text("")
    with pytest.raises(DataError, match=r"x\.csv is empty"):
        read(path)


def test_that_a_byte_order_mark_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TEXT)
    known = read(path)
    path.write_text(TEXT, encoding="utf-8-sig")
    assert read(path) == known


def test_that_a_station_with_two_places_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(TEXT)
    (tmp_path / "x.stations.csv").write_text("station,x\n,m\na,1\na,2\n")
    with pytest.raises(DataError, match=r"x\.stations\.csv has station 'a' twice"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("ending", ["nc", "csv"])
def test_that_sums_stay_sums_in_a_file(tmp_path: Path, ending: str) -> None:
    frame = orthogonal().values.assign(quantity="rain")
    frame["end"] = frame["time"] + pd.Timedelta("1h")
    rain = Records.of(frame, {"rain": "mm"}, zone="UTC").accumulating("rain")
    write(rain, tmp_path / f"rain.{ending}")
    assert read(tmp_path / f"rain.{ending}") == rain
    if ending == "nc":
        with xr.open_dataset(tmp_path / "rain.nc") as file:
            assert file["rain"].attrs["cell_methods"] == "time: sum"
            del file.attrs["accumulated"]
            file.to_netcdf(tmp_path / "foreign.nc")
        assert read(tmp_path / "foreign.nc").accumulated == {"rain"}
