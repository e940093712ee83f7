"""Plain tables with a map of their columns, and what is wrong with tables."""

import gzip
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydroda.errors import DataError, DeclarationError, HydrodaError, UnitError
from hydroda.obs import Column, ColumnMap, MappedCsv, Records, read, write

TEXT = """when,shallow,deep,note
2016-10-29 00:00,20.5,,dry
2016-10-30 00:00,21.0,30.5,
2016-10-31 00:00,NA,31.0,x
"""
MAP = ColumnMap(
    time="when",
    zone="Europe/Berlin",
    columns={
        "shallow": Column(station="a", quantity="soil_moisture", unit="%", depth="5 cm"),
        "deep": Column(station="a", quantity="soil_moisture", unit="%", depth="50 cm"),
    },
    missing=("NA",),
    ignore=("note",),
)
HEAD = {"head": Column(station="w", quantity="groundwater_level", unit="m")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "logger.csv"
    file.write_text(TEXT)
    return file


def test_that_a_table_is_what_its_map_says(path: Path) -> None:
    records = MappedCsv(MAP).read(path)
    values = records.values
    assert records.units == {"soil_moisture": "%"}
    assert values["depth"].tolist() == [0.05] * 3 + [0.5] * 3
    np.testing.assert_array_equal(values["value"], [20.5, 21, np.nan, np.nan, 30.5, 31])
    assert values["time"].tolist()[:3] == [
        pd.Timestamp("2016-10-28 22:00"),
        pd.Timestamp("2016-10-29 22:00"),
        pd.Timestamp("2016-10-30 23:00"),
    ]
    assert (values["end"] == values["time"]).all()
    assert read(path, formats=(MappedCsv(MAP),)) == records


def test_that_values_may_be_of_the_interval_after_or_before_their_time(path: Path) -> None:
    """Whole days follow the clock, also the one of 25 hours; hours are hours."""
    after = MappedCsv(replace(MAP, after="1 D")).read(path).values
    assert after["end"].tolist()[:2] == after["time"].tolist()[1:3]
    assert (after["end"] - after["time"])[1] == pd.Timedelta("25 h")
    before = MappedCsv(replace(MAP, before="1 h")).read(path).values
    assert (before["end"] == after["time"]).all()
    assert (before["end"] - before["time"] == pd.Timedelta("1 h")).all()


def test_that_separator_decimal_sign_and_order_of_a_date_are_declared(path: Path) -> None:
    path.write_text("t;head\n29.10.2016 14:00;1,25\n29.10.2016 15:00;-9999\n")
    told = ColumnMap(
        time="t", columns=HEAD, zone="UTC", separator=";", decimal=",", missing=("-9999",),
        time_format="%d.%m.%Y %H:%M",
    )  # fmt: skip
    records = MappedCsv(told).read(path)
    np.testing.assert_array_equal(records.values["value"], [1.25, np.nan])
    assert records.values["time"][0] == pd.Timestamp("2016-10-29 14:00")


def test_that_numbers_that_look_like_missing_ones_may_be_genuine(path: Path) -> None:
    path.write_text("t,head\n2016-01-01,9999\n2016-01-02,1\n")
    told = ColumnMap(time="t", columns=HEAD, zone="UTC", genuine=("9999",))
    assert MappedCsv(told).read(path).values["value"].tolist() == [9999, 1]


def test_that_a_byte_order_mark_and_compression_are_no_hindrance(path: Path) -> None:
    known = MappedCsv(MAP).read(path)
    path.write_text(TEXT, encoding="utf-8-sig")
    assert MappedCsv(MAP).read(path) == known
    packed = path.with_name("logger.csv.gz")
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert MappedCsv(MAP).read(packed) == known
    packed.write_bytes(gzip.compress(TEXT.encode())[:-12])
    with pytest.raises(DataError, match=r"logger\.csv\.gz is damaged"):
        MappedCsv(MAP).read(packed)


def test_that_a_map_stands_in_a_file(path: Path) -> None:
    file = path.with_name("map.toml")
    file.write_text(
        'time = "when"\nzone = "Europe/Berlin"\nmissing = ["NA"]\nignore = ["note"]\n'
        '[columns.shallow]\nstation="a"\nquantity="soil_moisture"\nunit="%"\ndepth="5 cm"\n'
        '[columns.deep]\nstation="a"\nquantity="soil_moisture"\nunit="%"\ndepth="0.5 m"\n'
    )
    assert ColumnMap.of(file) == MAP
    assert MappedCsv(ColumnMap.of(file)).read(path) == MappedCsv(MAP).read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('time = "when"', "columns must name at least one column"),
        ("time = when", "map.toml is no column map"),
        ('[columns.a]\nstation="a"', "column 'a' is not complete: .*'quantity' and 'unit'"),
        ('colour = "red"\n[columns]', "has an entry 'colour'; known are after, attributes"),
        ('columns = ["a"]', r"needs tables \[columns.NAME\]"),
    ],
)
def test_that_a_map_with_a_mistake_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(HydrodaError, match=message):
        ColumnMap.of(tmp_path / "map.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"after": "1 h", "before": "1 h"}, "after or before its time, not both"),
        ({"decimal": ","}, "separator must be one character and decimal"),
        ({"separator": "::"}, "separator must be one character"),
        ({"time": "deep"}, "beside that of the time"),
        (
            {"columns": {**HEAD, "again": HEAD["head"]}},
            "columns 'head' and 'again' are both groundwater_level of station 'w'",
        ),
        (
            {
                "columns": {
                    **HEAD,
                    "b": Column(station="b", quantity="groundwater_level", unit="cm"),
                }
            },
            "groundwater_level is in 'm' and in 'cm'",
        ),
    ],
)
def test_that_a_contradiction_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        replace(MAP, **change)


def test_that_a_depth_without_a_unit_and_a_nameless_station_are_refused() -> None:
    with pytest.raises(UnitError, match="depth of a column needs a unit"):
        Column(station="a", quantity="soil_moisture", unit="%", depth=5)
    with pytest.raises(DeclarationError, match="station of a column must be a text, got ''"):
        Column(station="", quantity="soil_moisture", unit="%")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",", ";", r"has no column 'when'; .* a semicolon seems to .*: say separator=';'"),
        ("21.0,30.5", "21,0,30,5", r"line 3 has 6 cells in place of 4: .* decimal sign the separ"),
        ("21.0", '"21,0"', r"line 3: shallow must be a number, got '21,0'; say decimal=','"),
        ("30.5", "wet", "line 3: deep must be a number, got 'wet'; name it in missing if it"),
        ("30.5", "-9999", r"line 3: deep is -9999, .* \(and 0 more\); name it in missing or in ge"),
        ("30.5", "9999.0", "line 3: deep is 9999, which often stands for a missing value"),
        ("30.5", "inf", "line 3: deep must be finite, got 'inf'"),
        ("2016-10-31", "2016-10-29", r"line 4: the time .* is out of order, after 2016-10-29 22"),
        ("2016-10-31", "2016-10-30", r"line 4: the time 2016-10-29 22:00:00 UTC comes twice"),
        ("10-30 00:00", "10-30 02:30", "has times that zone 'Europe/Berlin' does not settle: .* w"),
        (
            "2016-10-30",
            "30.10.2016",
            "line 3: when must be a time in ISO 8601, got '30.10.2016 00:00'",
        ),
        ("NA,31.0,x\n", "NA,3\n", "line 4 has 3 cells in place of 4: .* is the file cut"),
        ("NA,31.0,x\n", "NA,3", "ends within line 4; is the file cut"),
        ("note", "deep", "names a column twice"),
        ("note", "rain", "has no column 'note'; it has when, shallow, deep, rain"),
        ("deep,note", "deep,note,rain", "has a column 'rain' that the map does not tell of; name"),
        (TEXT, "when,shallow,deep,note\n", "has names of columns and no values"),
        (TEXT, "", "logger.csv is empty"),
        (TEXT, "\n \n", "logger.csv is empty"),
        ("dry", '"dry', "is damaged|has 5 cells|unexpected end of data"),
    ],
)
def test_that_a_hostile_table_is_refused_whole(
    path: Path, old: str, new: str, message: str
) -> None:
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=message):
        MappedCsv(MAP).read(path)


def test_that_times_without_a_zone_are_refused(path: Path) -> None:
    with pytest.raises(DataError, match="has times without a zone, such as 2016-10-29"):
        MappedCsv(replace(MAP, zone=None)).read(path)
    assert len(MappedCsv(replace(MAP, zone=None)).read(path, zone="UTC")) == 6


def test_that_times_in_utc_pass_the_double_hour(path: Path) -> None:
    told = ColumnMap(time="t", columns=HEAD)
    path.write_text("t,head\n2016-10-30T00:30Z,1\n2016-10-30T01:30Z,2\n")
    records = MappedCsv(told).read(path)
    assert records.values["time"].dt.hour.tolist() == [0, 1]
    path.write_text("t,head\n2016-10-30T02:30+02:00,1\n2016-10-30T02:30+01:00,2\n")
    assert MappedCsv(told).read(path) == records
    path.write_text("t,head\n2016-10-30T02:30+02:00,1\n2016-10-30T02:30,2\n")
    with pytest.raises(DataError, match="line 3: t must be a time in ISO 8601 with its zone, as"):
        MappedCsv(told).read(path)


def wells(shared: Any) -> Records:
    """The two Dutch wells [m above NAP] with rain in their two units."""
    day = {"zone": "Europe/Amsterdam", "after": "1 D"}
    known = {
        ("date", "head", "head_nb1"): ("nb1", "groundwater_level", "m"),
        ("date", "head", "B32C0639001"): ("B32C0639001", "groundwater_level", "m"),
        ("date", "rain", "rain_nb1"): ("nb1", "rain", "m d-1"),
        ("", "RH_260", "rain_260"): ("260", "rain", "mm d-1"),
    }
    parts = []
    for (time, name, file), (station, quantity, unit) in known.items():
        column = Column(station=station, quantity=quantity, unit=unit)
        told = ColumnMap(time=time, columns={name: column}, **day)  # type: ignore[arg-type]
        parts.append(MappedCsv(told).read(shared(f"data/dutch_wells/{file}.csv")))
    return parts[0].joined(parts[1:])


def test_that_the_dutch_wells_are_read_in_both_conventions(shared: Any, tmp_path: Path) -> None:
    records = wells(shared)
    counts = records.values.groupby(["station", "quantity"]).size()
    assert counts["nb1", "groundwater_level"] == 644
    assert counts["B32C0639001", "groundwater_level"] == 544
    assert records.units["rain"] == "m d-1"
    rain = records.in_units({"rain": "mm d-1"}).values
    rain = rain[rain["quantity"] == "rain"].groupby("station")["value"].mean()
    assert (rain * 365.25).between(700, 950).all(), "both stations have the rain of a Dutch year"
    write(records, tmp_path / "wells.nc")
    assert read(tmp_path / "wells.nc") == records


def kansas(shared: Any, zone: str) -> Records:
    """Counts and shortwave of the station in Kansas, labelled with the end of the hour."""
    columns = {
        "neutron_counts_1_cph": Column(station="KS003", quantity="neutron_counts", unit="h-1"),
        "sw_down_W_m2": Column(station="KS003", quantity="shortwave", unit="W m-2"),
    }
    ignore = (
        "neutron_counts_2_cph precipitation_mm wind_speed_m_s air_temperature_degC "
        "vapor_pressure_hPa surface_pressure_hPa relative_humidity_pct n_records"
    )
    told = ColumnMap(
        time="time_end_logger_clock",
        zone=zone,
        before="1 h",
        columns=columns,
        ignore=tuple(ignore.split()),
    )
    return MappedCsv(told).read(shared("data/kansas_ks003/ks003_hourly.csv.gz"))


def test_that_the_clock_in_kansas_keeps_winter_time(shared: Any) -> None:
    """The sun is highest at its longitude's noon, 97.57 degrees west, in winter and in summer."""
    values = kansas(shared, "Etc/GMT+6").values
    sun = values[values["quantity"] == "shortwave"].dropna(subset="value")
    middle = sun["time"] + (sun["end"] - sun["time"]) / 2
    hour = (middle.dt.hour + middle.dt.minute / 60 - 6) % 24 + 6  # no break within a day
    for months in ((12, 1), (6, 7)):
        those = middle.dt.month.isin(months)
        noon = np.average(hour[those], weights=sun["value"][those])
        assert noon == pytest.approx(12 + 97.57 / 15, abs=0.25)


def test_that_the_double_hour_in_kansas_shows_that_its_clock_is_another(shared: Any) -> None:
    with pytest.raises(DataError, match=r"Chicago' does not settle: .*2021-11-07 01:00:00; write"):
        kansas(shared, "America/Chicago")


@given(st.lists(st.one_of(st.none(), st.floats(-900, 900)), min_size=1, max_size=30))
def test_that_no_value_is_lost_or_doubled(values: list[float | None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        times = pd.date_range("2016-01-01", periods=len(values), freq="h")
        rows = zip(times, values, strict=True)
        lines = [f"{time},{'' if value is None else repr(value)}" for time, value in rows]
        path.write_text("\n".join(["t,head", *lines, ""]))
        records = MappedCsv(ColumnMap(time="t", columns=HEAD, zone="UTC")).read(path)
        write(records, path.with_name("x.nc"))
        assert read(path.with_name("x.nc")) == records
    assert records.values["time"].tolist() == times.tolist()
    expected = [np.nan if value is None else value for value in values]
    np.testing.assert_array_equal(records.values["value"], expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('zone = "UTC"', "zone = 1", "x.csv.toml: zone must be a text, got 1; write it in quotes"),
        ('unit = "m"', 'unit = "furlongx"', "column 'h': .* in 'furlongx', which is no unit"),
        ('zone = "UTC"', 'time_format = "%Q"', "time_format cannot be '%Q': 'Q' is a bad dir"),
        ('zone = "UTC"', 'zone = "UTC"\nafter = "1"', "x.csv.toml: after needs a unit of time"),
        ('zone = "UTC"', 'zone = "Atlantis"', "x.csv is said to be in zone 'Atlantis', which is n"),
    ],
)
def test_that_a_map_that_makes_no_sense_is_refused_with_its_name(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    told = 'time = "t"\nzone = "UTC"\n[columns.h]\nstation = "a"\nquantity = "level"\nunit = "m"\n'
    path = tmp_path / "x.csv"
    path.write_text("t,h\n2016-01-01 00:00,1.5\n2016-01-01 01:00,-9999\n")
    path.with_name("x.csv.toml").write_text(told.replace(old, new))
    with pytest.raises(HydrodaError, match=message):
        read(path)


def test_that_a_number_may_stand_for_a_missing_one_without_quotes(tmp_path: Path) -> None:
    told = 'time = "t"\nzone = "UTC"\nmissing = -9999\n'
    told += '[columns.h]\nstation = "a"\nquantity = "level"\nunit = "m"\n'
    path = tmp_path / "x.csv"
    path.write_text("t,h\n2016-01-01 00:00,1.5\n2016-01-01 01:00,-9999\n")
    path.with_name("x.csv.toml").write_text(told)
    assert read(path).values["value"].isna().tolist() == [False, True]
