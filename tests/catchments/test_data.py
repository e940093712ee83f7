"""The readers of site data: what is packaged, what was moved, and how plausible the filling is."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hydroda import meteorology as met
from hydroda.catchments import _fuerstensee_data as fs
from hydroda.catchments._bondville_data import SITE as BONDVILLE
from hydroda.catchments._bondville_data import bondville
from hydroda.errors import DataError
from hydroda.forcing import Forcing


@pytest.fixture(scope="module")
def weather():
    return fs.fuerstensee_weather()


@pytest.fixture(scope="module")
def forcing():
    return fs.fuerstensee_forcing()


@pytest.fixture(scope="module")
def tower(shared):
    return bondville(shared("data/bondville"))


def test_that_the_packaged_data_are_small_and_carry_their_licence():
    folder = files("hydroda") / "data" / "fuerstensee"
    sizes = {entry.name: len(entry.read_bytes()) for entry in folder.iterdir()}
    assert sum(sizes.values()) < 1e6
    assert "MIT License" in (folder / "LICENSE").read_text()
    assert "neptoon 1.2.0" in (folder / "README.md").read_text()


def test_that_the_packaged_numbers_are_those_of_the_source(shared):
    source = pd.read_csv(shared("data/fuerstensee/FSC001_time_series.csv.gz"), index_col=0)
    record = fs.fuerstensee_record()
    for ours, theirs in {
        "neutron_counts": "NeutronCount_Epithermal_Cum1h",
        "air_temperature_degC": "AirTemperature",
        "relative_humidity_pct": "AirHumidity_Relative",
        "pressure_hPa": "AirPressure",
        "rain_mm": "Precipitation",
        "box_temperature_degC": "AirTemperature_Sensor2",
    }.items():
        assert_array_equal(record[ours], source[theirs])
    assert_array_equal(record.index, pd.to_datetime(source.index))


def test_that_the_packaged_samples_are_those_of_the_source(shared):
    source = pd.read_csv(shared("data/fuerstensee/FSCD001_calibration.csv"))
    samples = fs.fuerstensee_samples()
    assert len(samples) == 216
    assert_allclose(samples["moisture"], source["SoilMoisture_g_g"], rtol=1e-5)
    assert_allclose(samples["bulk_density"], source["DryBulkDensity_g_cm3"] * 1000, rtol=1e-5)
    assert sorted(samples["time"].dt.strftime("%F").unique()) == ["2014-01-17", "2014-11-17"]


def test_that_counts_and_weather_are_labelled_with_the_start_of_their_hour(weather):
    record, counts = fs.fuerstensee_record(), fs.fuerstensee_counts()
    assert counts.index[0] == record.index[0] - pd.Timedelta("1h")
    assert weather["time"].values[0] == np.datetime64("2014-01-09T10:00")
    assert counts["neutron_counts"].count() == 49131
    assert 95000 < counts["pressure"].min() < counts["pressure"].max() < 105000


@pytest.mark.parametrize("month", ["2018-05", "2019-05", "2019-08", "2020-01", "2020-04"])
def test_that_outside_and_box_sensors_keep_the_same_time_after_the_move(weather, month):
    series = weather[["air_temperature", "box_temperature"]].to_dataframe()
    outside, box = series["air_temperature"], series["box_temperature"]
    agreement = {
        lag: outside.loc[month].corr(box.shift(lag).loc[month]) for lag in (-78, -2, 0, 2, 78)
    }
    assert max(agreement, key=agreement.get) == 0
    assert agreement[0] > 0.95


def test_that_counts_fall_at_once_after_rain_in_the_moved_period(weather):
    counts = fs.fuerstensee_counts()
    counts.index = counts.index.tz_localize(None)
    level = counts["neutron_counts"] * np.exp((counts["pressure"] - 1e5) / 13300)
    before = level.rolling(18, min_periods=12).mean()
    change = np.log(before.shift(-18) / before)
    wet = np.sqrt(weather["rain"].to_series().rolling(6, min_periods=4).sum())
    fall = {
        lag: -change.shift(-lag).loc["2019-03":"2020-01"].corr(wet.loc["2019-03":"2020-01"])
        for lag in range(-120, 121, 2)
    }
    # The change over 18 hours is centred on their middle, so rain precedes it by some hours.
    assert -12 <= max(fall, key=fall.get) <= 0
    assert max(fall.values()) > 0.4


def test_that_no_measured_hour_is_lost_by_the_move(weather):
    record = fs.fuerstensee_record()
    assert int(weather["rain"].count()) == record["rain_mm"].count()
    assert_allclose(weather["rain"].sum(), record["rain_mm"].sum())


def test_that_measured_hours_are_unchanged_and_all_others_flagged(forcing, weather):
    for name in ("rain", "air_temperature", "relative_humidity", "pressure"):
        measured = ~np.isnan(weather[name].values)
        assert_array_equal(forcing.data[f"{name}_filled"].values, ~measured)
        assert_array_equal(forcing.data[name].values[measured], weather[name].values[measured])
    for name in ("shortwave", "longwave", "wind_speed"):
        assert forcing.data[f"{name}_filled"].values.all()


def test_that_the_completions_account_for_every_flag(forcing):
    listed = forcing.completions[~forcing.completions["method"].str.startswith("moved")]
    assert listed["from"].dtype.kind == listed["to"].dtype.kind == "M"
    for name, count in listed.groupby("variable")["count"].sum().items():
        assert count == forcing.data[f"{name}_filled"].sum()
    moved = forcing.completions[forcing.completions["method"].str.startswith("moved later by 78 h")]
    assert set(moved["variable"]) == {"rain", "air_temperature", "relative_humidity"}


def test_that_years_at_fuerstensee_are_plausible(forcing):
    """The region has some 590 mm and 8.8 degC; 2018 was dry; 2014 is rain of other years."""
    values = forcing.between(forcing.start, forcing.end)
    weather = forcing.data[["rain", "air_temperature"]].to_dataframe()
    weather["et"] = met.reference_evapotranspiration(
        *(
            values[name][0]
            for name in (
                "air_temperature",
                "relative_humidity",
                "wind_speed",
                "shortwave",
                "pressure",
            )
        ),
        forcing.step_seconds,
        longwave=values["longwave"][0],
    )
    years = weather.loc["2015":"2019"].groupby(weather.loc["2015":"2019"].index.year)
    assert years["rain"].sum().between(430, 700).all()
    warmth = weather["air_temperature"].groupby(weather.index.year).mean().loc[2014:2019]
    assert warmth.between(282, 284).all()
    assert years["et"].sum().between(550, 750).all()


def test_that_the_box_sensor_stands_in_for_a_hidden_month_within_a_kelvin(weather):
    hidden = weather.copy(deep=True)
    month = (weather["time"] >= np.datetime64("2016-06-05")) & (
        weather["time"] < np.datetime64("2016-07-05")
    )
    hidden["air_temperature"] = weather["air_temperature"].where(~month)
    hidden["air_temperature"].attrs = weather["air_temperature"].attrs
    filled = Forcing.completed(hidden, fs.SITE, fs.METHODS).data["air_temperature"]
    error = (filled - weather["air_temperature"]).values[month.values]
    error = error[~np.isnan(error)]
    assert error.size > 600
    assert abs(error.mean()) < 0.5
    assert np.sqrt((error**2).mean()) < 1.2


def test_that_bondville_starts_each_half_hour_and_loses_no_rain(tower):
    assert tower.forcing.start == np.datetime64("1998-01-01T06:00")
    assert tower.forcing.end == np.datetime64("1999-01-01T06:00")
    assert tower.forcing.step_seconds == 1800
    assert_allclose(tower.forcing.data["rain"].sum(), 925.83, atol=0.01)


def test_that_the_sun_of_bondville_agrees_with_its_time_labels(tower):
    data = tower.forcing.data
    fit = []
    for shift in (-1800, 0, 1800):
        times = data["time"].values + np.timedelta64(shift, "s")
        sun = met.extraterrestrial_radiation(times, 1800, 40.01, -88.29)
        fit.append(np.corrcoef(sun, data["shortwave"])[0, 1])
    assert np.argmax(fit) == 1


def test_that_only_what_bondville_lacks_is_completed(tower):
    summary = tower.forcing.completion_summary().set_index("variable")
    assert dict(summary["count"]) == {"relative_humidity": 480, "wind_speed": 2, "shortwave": 2}


def test_that_noah_scores_at_bondville_as_published(tower):
    measured = tower.daily_evapotranspiration()
    modelled = tower.noah["et_mm"]
    assert measured.count() == 256
    assert_allclose(modelled.corr(measured), 0.92, atol=0.005)
    assert_allclose((modelled - measured).mean(), 0.34, atol=0.005)


def test_that_the_estimated_longwave_is_close_to_what_bondville_measured(tower):
    incomplete = tower.forcing.data.drop_vars("longwave")
    estimated = Forcing.completed(incomplete, BONDVILLE).data["longwave"]
    error = (estimated - tower.forcing.data["longwave"]).resample(time="1D").mean()
    assert abs(error.mean()) < 8
    assert np.sqrt((error**2).mean()) < 16


def test_that_a_missing_or_wrong_bondville_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no Bondville file .*comes from https"):
        bondville(tmp_path)
    (tmp_path / "bondville_1998_30min.csv.gz").write_bytes(b"not a gzip file")
    with pytest.raises(DataError, match="is not the half-hourly file of Bondville"):
        bondville(tmp_path)
