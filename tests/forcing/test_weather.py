import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from hydroda.errors import DataError, UnitError
from hydroda.forcing import Label, weather_dataset, weather_file, weather_table
from tests.forcing.examples import HOUR, START, record


def table(steps=4, zone="UTC", start="2016-05-01"):
    index = pd.date_range(start, periods=steps, freq="h", tz=zone)
    return pd.DataFrame({"P": np.arange(steps) / 2.0, "T": 10.0 + np.arange(steps)}, index)


COLUMNS = {"rain": ("P", "mm"), "air_temperature": ("T", "degC")}


def test_that_a_table_comes_in_the_units_of_hydroda():
    data = weather_table(table(), COLUMNS)
    assert_allclose(data["air_temperature"], 283.15 + np.arange(4))
    assert data["air_temperature"].attrs["units"] == "K"
    assert_array_equal(data["time"], START + np.arange(4) * HOUR)


@pytest.mark.parametrize(
    ("unit", "per_half_hour"),
    [
        ("mm", 1.0),
        ("cm", 10.0),
        ("kg m-2", 1.0),
        ("mm h-1", 0.5),
        ("mm/day", 1 / 48),
        ("m s-1", 1.8e6),
        ("kg m-2 s-1", 1800.0),
    ],
)
def test_that_rain_is_read_as_an_amount_or_as_a_rate(unit, per_half_hour):
    index = pd.date_range("2016-05-01", periods=3, freq="30min", tz="UTC")
    data = weather_table(pd.DataFrame({"P": [1.0, 0, 0]}, index), {"rain": ("P", unit)})
    assert_allclose(data["rain"][0], per_half_hour, rtol=1e-12)


def test_that_stamps_at_the_end_move_to_the_start_with_their_values():
    data = weather_table(table(), COLUMNS, label=Label.END)
    assert data["time"].values[0] == START - HOUR
    assert_array_equal(data["rain"], [0, 0.5, 1.0, 1.5])


def test_that_a_converted_record_passes_unchanged():
    once = weather_dataset(record(), label=Label.END)
    xr.testing.assert_identical(weather_dataset(once), once)


def test_that_stamps_of_another_zone_become_utc():
    data = weather_table(table(zone="Etc/GMT-1"), COLUMNS)
    assert data["time"].values[0] == np.datetime64("2016-04-30T23:00", "ns")


def test_that_naive_stamps_need_a_declared_zone():
    naive = table(zone=None)
    with pytest.raises(DataError, match=r"no time zone: declare it with zone="):
        weather_table(naive, COLUMNS)
    assert weather_table(naive, COLUMNS, zone="+01:00")["time"].values[0] == START - HOUR


def test_that_stamps_lost_to_summer_time_are_refused():
    naive = table(zone=None, steps=24, start="2016-03-27")
    with pytest.raises(DataError, match="declare the fixed offset of the logger"):
        weather_table(naive, COLUMNS, zone="Europe/Berlin")


def test_that_a_table_without_times_is_refused():
    with pytest.raises(DataError, match=r"must be indexed by time; got RangeIndex"):
        weather_table(table().reset_index(drop=True), COLUMNS)


def test_that_a_missing_stamp_is_refused():
    broken = table()
    broken.index = broken.index.where(np.arange(4) != 2)
    with pytest.raises(DataError, match="time stamp of row 2 is missing"):
        weather_table(broken, COLUMNS)


def test_that_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(DataError, match=r"no column 'rain' for rain; it has P, T"):
        weather_table(table(), {"rain": ("rain", "mm")})


def test_that_text_in_a_column_is_shown():
    broken = table().astype(object)
    broken.iloc[1, 0] = "n/a"
    with pytest.raises(DataError, match="column 'P' must hold numbers; got 'n/a'"):
        weather_table(broken, COLUMNS)


def test_that_unordered_stamps_are_refused():
    with pytest.raises(DataError, match=r"must increase: 2016-05-01T01:00:00 follows"):
        weather_table(table().iloc[[0, 2, 1, 3]], COLUMNS)


def test_that_stamps_that_repeat_are_refused():
    with pytest.raises(DataError, match=r"repeat: 2016-05-01T01:00:00 .* \(1 such places\)"):
        weather_table(table().iloc[[0, 1, 1, 2]], COLUMNS)


def test_that_stamps_between_the_steps_are_refused():
    uneven = table(6)
    uneven.index = uneven.index.where(np.arange(6) != 3, uneven.index + pd.Timedelta("10min"))
    with pytest.raises(DataError, match="whole steps of 3600 s apart; number 3 is 4200 s"):
        weather_table(uneven, COLUMNS)


def test_that_one_time_needs_a_declared_step():
    with pytest.raises(DataError, match="needs its length: step='1 h'"):
        weather_table(table(1), COLUMNS)
    assert weather_table(table(1), COLUMNS, step="1 h").attrs["step_seconds"] == 3600


@pytest.mark.parametrize(
    ("name", "unit", "message"),
    [
        ("rain", "K", "rain must be water per step or a rate, 'mm' or 'mm h-1'; got 'K'"),
        ("rain", "buckets", "rain must be convertible to 'mm'; got 'buckets'"),
        ("air_temperature", "hPa", "air_temperature must be convertible to 'K'; got 'hPa'"),
    ],
)
def test_that_a_wrong_unit_is_refused_with_what_was_wanted(name, unit, message):
    with pytest.raises(UnitError, match=message):
        weather_table(table(), {name: ("P", unit)})


def test_that_a_variable_without_a_unit_is_refused_with_the_cure():
    data = record()
    del data["rain"].attrs["units"]
    with pytest.raises(UnitError, match=r"data\['rain'\].attrs\['units'\] = 'mm'"):
        weather_dataset(data)


def test_that_a_variable_hydroda_does_not_know_keeps_its_unit():
    data = record().assign(ozone=("time", np.ones(96), {"units": "ppb"}))
    assert weather_dataset(data)["ozone"].attrs["units"] == "ppb"


def test_that_a_further_dimension_is_refused():
    with pytest.raises(DataError, match=r"rain must have dimensions .* also has \['height'\]"):
        weather_dataset(record().expand_dims(height=2))


def test_that_a_dataset_without_times_is_refused():
    with pytest.raises(DataError, match="no time coordinate"):
        weather_dataset(xr.Dataset({"rain": ("x", [1.0])}))


def test_that_a_netcdf_file_is_read_with_the_names_it_uses(tmp_path):
    record().rename(rain="tp").to_netcdf(tmp_path / "w.nc")
    data = weather_file(tmp_path / "w.nc", {"rain": "tp"})
    xr.testing.assert_allclose(data, weather_dataset(record()))
    with pytest.raises(DataError, match=r"has no 'prec' for rain; it has"):
        weather_file(tmp_path / "w.nc", {"rain": "prec"})


def test_that_bounds_of_time_say_which_end_a_stamp_names(tmp_path):
    data = record()
    data["time"].attrs["bounds"] = "time_bnds"
    data["time"].encoding["units"] = "hours since 2016-01-01"
    times = data["time"].values
    data["time_bnds"] = (("time", "nv"), np.stack([times - HOUR, times], axis=1))
    data.to_netcdf(tmp_path / "w.nc")
    assert weather_file(tmp_path / "w.nc")["time"].values[0] == START - HOUR


def test_that_a_file_that_is_not_there_or_broken_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no weather file"):
        weather_file(tmp_path / "none.nc")
    (tmp_path / "broken.nc").write_bytes(b"CDF\x01 and then nothing")
    with pytest.raises(DataError, match=r"cannot read the weather file .*broken.nc"):
        weather_file(tmp_path / "broken.nc")
