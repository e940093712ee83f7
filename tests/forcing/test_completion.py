from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hydroda import meteorology as met
from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.forcing import (
    METEOROLOGY,
    CloudyLongwave,
    Completion,
    Constant,
    DewPointFromMinimum,
    Forcing,
    Interpolate,
    SameDayOfOtherYears,
    Site,
    StandardPressure,
    TemperatureRangeShortwave,
)
from tests.forcing.examples import HOUR, SITE, START, record


def with_gap(name, first, last, steps=96, columns=None, start=START):
    data = record(steps, columns, start)
    data[name][first:last] = np.nan
    return data


def completed(data, name, *methods, site=SITE):
    return Forcing.completed(data, site, {name: methods})


def test_that_a_complete_record_is_left_as_it_is():
    forcing = Forcing.completed(record(), SITE)
    assert forcing.data.identical(Forcing(record()).data)
    assert forcing.completions.empty


def test_that_every_filled_value_is_flagged_and_listed():
    data = with_gap("wind_speed", 4, 7)
    data["wind_speed"][40:60] = np.nan
    forcing = Forcing.completed(data, SITE)
    filled = np.flatnonzero(forcing.data["wind_speed_filled"])
    assert_array_equal(filled, [4, 5, 6, *range(40, 60)])
    assert list(forcing.completions.itertuples(index=False, name=None)) == [
        ("wind_speed", "Interpolate('6 h')", START + 4 * HOUR, START + 7 * HOUR, 3),
        ("wind_speed", "Constant(value='2 m s-1')", START + 40 * HOUR, START + 60 * HOUR, 20),
    ]
    assert [name for name in forcing.data if name.endswith("_filled")] == ["wind_speed_filled"]


def test_that_the_summary_has_a_row_per_variable_and_method():
    data = with_gap("wind_speed", 4, 7)
    data["wind_speed"][40:42] = np.nan
    summary = Forcing.completed(data, SITE).completion_summary()
    assert list(summary["runs"]) == [2]
    assert list(summary["count"]) == [5]
    assert_allclose(summary["share"], 5 / 96)


def test_that_measured_values_stay_as_they_are():
    data = with_gap("air_temperature", 30, 40)
    forcing = completed(data, "air_temperature", Interpolate("12 h"))
    kept = ~forcing.data["air_temperature_filled"].values
    assert_array_equal(forcing.data["air_temperature"][kept], data["air_temperature"][kept])


def test_that_missing_rows_become_steps():
    data = record().isel(time=[*range(10), *range(12, 96)])
    forcing = Forcing.completed(data, SITE)
    assert forcing.data.sizes["time"] == 96
    for name in METEOROLOGY:
        assert_array_equal(np.flatnonzero(forcing.data[f"{name}_filled"]), [10, 11])


def test_that_interpolation_draws_a_line_across_short_gaps_only():
    data = with_gap("pressure", 5, 8)
    data["pressure"][20:24] = np.nan
    forcing = completed(data, "pressure", Interpolate("3 h"), Constant("1000 hPa"))
    values = forcing.data["pressure"].values
    assert_allclose(values[4:9], np.linspace(values[4], values[8], 5))
    assert_array_equal(values[20:24], 100000)


def test_that_interpolation_needs_both_shores():
    with pytest.raises(DataError, match=r"pressure is still missing from 2016-05-01T00:00:00"):
        completed(with_gap("pressure", 0, 2), "pressure", Interpolate("3 h"))


def test_that_what_is_left_is_named_with_what_was_tried():
    message = r"rain is still missing .*\(10 steps; .* after Interpolate\('2 h'\): give methods="
    with pytest.raises(DataError, match=message):
        completed(with_gap("rain", 5, 15), "rain", Interpolate("2 h"))


def test_that_other_years_give_the_same_hour_the_earlier_year_first():
    start = np.datetime64("2014-01-01", "ns")
    years = [365 * 24] * 3
    data = record(sum(years), start=start)
    data["rain"][:] = np.repeat([1.0, 2.0, 3.0], years) + np.tile(np.arange(8760) % 97, 3) / 100
    full = data["rain"].values.copy()
    data["rain"][8760 + 100 : 8760 + 200] = np.nan
    data["rain"][120:130] = np.nan
    rain = completed(data, "rain", SameDayOfOtherYears()).data["rain"].values
    assert_array_equal(rain[8860:8880], full[100:120])
    assert_array_equal(rain[8880:8890], full[8760 * 2 + 120 : 8760 * 2 + 130])
    assert_array_equal(rain[120:130], full[8760 * 2 + 120 : 8760 * 2 + 130])


def test_that_the_leap_day_is_filled_from_the_day_before_it():
    start = np.datetime64("2015-02-27", "ns")
    data = record(24 * 368, start=start)
    leap = (np.datetime64("2016-02-29", "ns") - start) // HOUR
    data["rain"][leap : leap + 24] = np.nan
    rain = completed(data, "rain", SameDayOfOtherYears()).data["rain"].values
    assert_array_equal(rain[leap : leap + 24], data["rain"][24:48])


def test_that_humidity_follows_from_the_lowest_temperature_of_the_day():
    data = record().drop_vars("relative_humidity")
    data["relative_humidity"] = data["rain"] * np.nan
    data["relative_humidity"].attrs["units"] = "1"
    forcing = completed(data, "relative_humidity", DewPointFromMinimum())
    humidity = forcing.data["relative_humidity"].values
    dew = met.dew_point(met.vapour_pressure(forcing.data["air_temperature"].values, humidity))
    day = slice(24, 40)  # within one solar day of the site
    assert_allclose(dew[day], forcing.data["air_temperature"].values[23:47].min())
    assert humidity.max() == 1


def test_that_pressure_follows_from_the_elevation():
    data = record().drop_vars("pressure")
    forcing = completed(data, "pressure", StandardPressure())
    assert_allclose(forcing.data["pressure"], met.pressure_at(50.0))


def test_that_shortwave_keeps_the_hargreaves_sum_of_each_day():
    start = np.datetime64("2016-07-14T23:00", "ns")  # close to midnight of the solar day
    data = record(24 * 3, start=start).drop_vars("shortwave")
    site = Site(lon=15.0, lat=45 + 43 / 60, elevation="200 m")
    forcing = completed(data, "shortwave", TemperatureRangeShortwave(), site=site)
    temperature = forcing.data["air_temperature"].values[24:48]
    expected = met.shortwave_from_temperature_range(
        met.daily_extraterrestrial_radiation(site.lat, 198),
        temperature.max(),
        temperature.min(),
        200.0,
    )
    assert_allclose(forcing.data["shortwave"].values[24:48].mean(), expected, rtol=2e-3)
    assert_array_equal(forcing.data["shortwave"].values[[0, 23, 24, 47]], 0)


def test_that_longwave_grows_with_clouds():
    bright, dull = record().drop_vars("longwave"), record().drop_vars("longwave")
    dull["shortwave"] = bright["shortwave"] * 0.3
    dull["shortwave"].attrs["units"] = "W m-2"
    sky = [
        completed(data, "longwave", CloudyLongwave()).data["longwave"] for data in (bright, dull)
    ]
    assert np.all(sky[1] > sky[0] + 10)


def test_that_nothing_but_temperature_makes_a_whole_forcing():
    data = record()[["air_temperature", "rain"]]
    forcing = Forcing.completed(data, SITE)
    assert set(forcing.completions["variable"]) == set(METEOROLOGY) - {"air_temperature", "rain"}
    assert np.all(forcing.between(START, forcing.end)["shortwave"] <= 1000)


def test_that_the_polar_night_has_no_shortwave():
    site = Site(lon=20.0, lat=75.0, elevation="0 m")
    start = np.datetime64("2016-12-01", "ns")
    data = record(start=start).drop_vars("shortwave")
    assert Forcing.completed(data, site).data["shortwave"].max() == 0


def test_that_columns_are_completed_one_by_one():
    data = record(columns=2)
    data["pressure"][5:8, 1] = np.nan
    data = data.drop_vars("longwave")
    forcing = Forcing.completed(data, SITE)
    assert_array_equal(np.argwhere(forcing.data["pressure_filled"].values)[:, 1], [1, 1, 1])
    assert forcing.between(START, START + HOUR)["longwave"].shape == (1, 1, 2)
    single = Forcing.completed(record().drop_vars("longwave"), SITE)
    assert_allclose(forcing.data["longwave"][:, 0], single.data["longwave"])


def test_that_flags_survive_a_second_completion():
    once = Forcing.completed(with_gap("wind_speed", 4, 7), SITE)
    assert Forcing.completed(once.data, SITE).data["wind_speed_filled"].sum() == 3


def test_that_impossible_values_are_not_filled_over():
    data = record()
    data["rain"][3] = -1
    with pytest.raises(DataError, match="rain must not be negative"):
        Forcing.completed(data, SITE)


def test_that_a_completion_of_ones_own_is_a_class_with_one_method():
    @dataclass(frozen=True)
    class Neighbour(Completion):
        """The rain of the neighbour."""

        def estimate(self, name, record):
            return record.others["neighbour"]

    data = with_gap("rain", 5, 8)
    data["neighbour"] = ("time", np.full(96, 4.0), {"units": "mm"})
    forcing = completed(data, "rain", Neighbour())
    assert_array_equal(forcing.data["rain"][5:8], 4)
    assert "neighbour" not in forcing.data


def test_that_a_method_says_which_variable_it_needs():
    data = record()[["longwave", "rain"]]
    data["longwave"][:] = np.nan
    with pytest.raises(DeclarationError, match=r"CloudyLongwave.* needs air_temperature"):
        Forcing.completed(data, SITE, variables=("rain", "longwave"))


def test_that_daily_weather_cannot_show_the_range_of_a_day():
    index = pd.date_range("2016-05-01", periods=5, freq="D").to_numpy()
    data = record(5).assign_coords(time=index).drop_vars("shortwave")
    with pytest.raises(DeclarationError, match="do not show the temperature range of a day"):
        Forcing.completed(data, SITE)


def test_that_amounts_need_units():
    with pytest.raises(UnitError, match="elevation of Site needs a unit"):
        Site(lon=0, lat=0, elevation=50)
    with pytest.raises(DeclarationError, match="are degrees; got lon=13, lat=533"):
        Site(lon=13, lat=533, elevation="50 m")
    with pytest.raises(UnitError, match="limit of Interpolate needs a unit"):
        Interpolate(3)
