"""The worked examples of FAO-56, to their printed digits, and what must hold besides."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import hydroda.meteorology as met
from hydroda.errors import DeclarationError

MJ_PER_HOUR = 1e6 / 3600  # one MJ m-2 hour-1 [W m-2]
HOUR = np.timedelta64(3600 * 10**9, "ns")


def kelvin(*celsius):
    return np.array(celsius) + met.FREEZING if len(celsius) > 1 else celsius[0] + met.FREEZING


def as_printed(value, text):
    """Whether a number rounds to the printed digits."""
    decimals = len(text.partition(".")[2])
    return abs(float(value) - float(text)) <= 0.5001 * 10**-decimals


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        pytest.param(met.pressure_at(1800) / 1e3, "81.8", id="example 2: pressure at 1800 m"),
        pytest.param(
            met.psychrometric_constant(met.pressure_at(1800)) / 1e3, "0.054", id="example 2: gamma"
        ),
        pytest.param(met.saturation_vapour_pressure(kelvin(24.5)) / 1e3, "3.075", id="example 3"),
        pytest.param(met.saturation_vapour_pressure(kelvin(15.0)) / 1e3, "1.705", id="example 3b"),
        pytest.param(met.inverse_sun_distance(246), "0.985", id="example 8: d_r"),
        pytest.param(met.solar_declination(246), "0.120", id="example 8: declination"),
        pytest.param(met.sunset_hour_angle(-20, 246), "1.527", id="example 8: sunset"),
        pytest.param(
            met.daily_extraterrestrial_radiation(-20, 246) / met.MJ_PER_DAY, "32.2", id="example 8"
        ),
        pytest.param(met.daylight_hours(-20, 246), "11.7", id="example 9: daylight"),
        pytest.param(
            met.net_longwave_loss(kelvin(25.1), kelvin(19.1), 2100, 14.5 / 18.8) / met.MJ_PER_DAY,
            "3.5",
            id="example 11: net longwave",
        ),
        pytest.param(met.wind_at_2m(3.2, 10), "2.4", id="example 14: wind from 10 m"),
    ],
)
def test_that_small_examples_of_fao56_come_out_as_printed(value, printed):
    assert as_printed(value, printed)


def test_that_example_10_gives_the_shortwave_of_rio_in_may():
    outside = met.daily_extraterrestrial_radiation(-(22 + 54 / 60), 135)
    possible = met.daylight_hours(-(22 + 54 / 60), 135)
    assert as_printed(outside / met.MJ_PER_DAY, "25.1")
    assert as_printed(possible, "10.9")
    shortwave = met.shortwave_from_sunshine(outside, 220 / 31 / possible)
    assert as_printed(shortwave / met.MJ_PER_DAY, "14.5")


def test_that_example_15_gives_the_shortwave_of_lyon_from_its_temperature_range():
    outside = met.daily_extraterrestrial_radiation(45 + 43 / 60, 196)
    shortwave = met.shortwave_from_temperature_range(outside, kelvin(26.6), kelvin(14.8), 200)
    assert as_printed(outside / met.MJ_PER_DAY, "40.6")
    assert as_printed(shortwave / met.MJ_PER_DAY, "22.3")


def test_that_example_17_gives_the_monthly_evapotranspiration_of_bangkok():
    highest, lowest, humidity = kelvin(34.8), kelvin(25.6), 2850
    outside = met.daily_extraterrestrial_radiation(13 + 44 / 60, 105)
    sunshine = 8.5 / met.daylight_hours(13 + 44 / 60, 105)
    shortwave = met.shortwave_from_sunshine(outside, sunshine)
    loss = met.net_longwave_loss(
        highest, lowest, humidity, shortwave / met.clear_sky_shortwave(outside)
    )
    net = met.net_shortwave(shortwave) - loss
    rate = met.daily_reference_evapotranspiration(
        highest, lowest, humidity, 2.0, net, met.pressure_at(2), 0.14 * met.MJ_PER_DAY
    )
    assert as_printed(shortwave / met.MJ_PER_DAY, "22.65")
    assert as_printed(loss / met.MJ_PER_DAY, "3.11")
    assert as_printed(net / met.MJ_PER_DAY, "14.33")
    assert as_printed(rate, "5.72")


def test_that_example_18_gives_the_daily_evapotranspiration_of_uccle():
    highest, lowest = kelvin(21.5), kelvin(12.3)
    humidity = met.vapour_pressure(np.array([lowest, highest]), np.array([0.84, 0.63])).mean()
    outside = met.daily_extraterrestrial_radiation(50.8, 187)
    shortwave = met.shortwave_from_sunshine(outside, 9.25 / met.daylight_hours(50.8, 187))
    clearness = shortwave / met.clear_sky_shortwave(outside, 100)
    net = met.net_shortwave(shortwave) - met.net_longwave_loss(highest, lowest, humidity, clearness)
    wind = met.wind_at_2m(10 / 3.6, 10)
    rate = met.daily_reference_evapotranspiration(
        highest, lowest, humidity, wind, net, met.pressure_at(100)
    )
    assert as_printed(humidity / 1e3, "1.409")
    assert as_printed(wind, "2.078")
    assert as_printed(outside / met.MJ_PER_DAY, "41.09")
    assert as_printed(shortwave / met.MJ_PER_DAY, "22.07")
    assert as_printed(net / met.MJ_PER_DAY, "13.28")
    assert as_printed(rate, "3.88")


def test_that_example_19_gives_the_hourly_evapotranspiration_of_ndiaye_by_night_and_by_day():
    hours = np.array(["1998-10-01T03:00", "1998-10-01T15:00"], "datetime64[ns]")  # zone UTC-1
    outside = met.extraterrestrial_radiation(hours, 3600, 16 + 13 / 60, -(16 + 15 / 60))
    assert outside[0] == 0
    assert as_printed(outside[1] / MJ_PER_HOUR, "3.543")
    assert as_printed(met.clear_sky_shortwave(outside[1], 8) / MJ_PER_HOUR, "2.658")
    rate = met.reference_evapotranspiration(
        kelvin(28.0, 38.0),
        np.array([0.90, 0.52]),
        np.array([1.9, 3.3]),
        np.array([0.0, 2.450]) * MJ_PER_HOUR,
        met.pressure_at(8),
        3600,
        clearness=np.array([0.8, 0.922]),
    )
    assert as_printed(rate[0], "0.00")
    assert as_printed(rate[1], "0.63")


def test_that_example_20_gives_the_evapotranspiration_of_lyon_from_temperatures_alone():
    highest, lowest = kelvin(26.6), kelvin(14.8)
    humidity = met.saturation_vapour_pressure(lowest)
    outside = met.daily_extraterrestrial_radiation(45.72, 196)
    shortwave = met.shortwave_from_temperature_range(outside, highest, lowest, 200)
    clearness = shortwave / met.clear_sky_shortwave(outside, 200)
    net = met.net_shortwave(shortwave) - met.net_longwave_loss(highest, lowest, humidity, clearness)
    rate = met.daily_reference_evapotranspiration(
        highest, lowest, humidity, met.REFERENCE_WIND, net, met.pressure_at(200)
    )
    assert as_printed(rate, "4.56")


@pytest.mark.parametrize("longitude", [0.0, 13.122, -88.3, 179.0])
@pytest.mark.parametrize("latitude", [-70.0, 0.0, 53.3, 68.0])
def test_that_the_hours_of_a_solar_day_sum_to_its_daily_radiation(latitude, longitude):
    midnight = np.datetime64("2015-06-20", "ns") - np.timedelta64(round(longitude * 240), "s")
    hours = midnight + np.arange(24) * HOUR
    hourly = met.extraterrestrial_radiation(hours, 3600, latitude, longitude)
    assert_allclose(
        hourly.mean(), met.daily_extraterrestrial_radiation(latitude, 171), rtol=1e-6, atol=1e-9
    )
    assert np.all(hourly >= 0)


def test_that_the_sun_stands_highest_where_it_is_noon():
    hours = np.datetime64("2015-03-20", "ns") + np.arange(24) * HOUR
    sun = met.extraterrestrial_radiation(hours[:, None], 3600, 40.0, np.array([0.0, -90.0, 90.0]))
    assert list(sun.argmax(axis=0)) == [12, 18, 6]


def test_that_the_cosine_of_the_zenith_is_its_mean_while_the_sun_is_up():
    start = np.datetime64("1998-06-21T00:00") + np.arange(24) * HOUR
    cosine = met.cosine_of_zenith(start, 3600, 40.0, -88.0)
    fine = (start[:, None] + np.arange(900) * (HOUR // 900)).astype("datetime64[ns]")
    instant = met.extraterrestrial_radiation(fine, 4.0, 40.0, -88.0)
    instant /= met.SOLAR_CONSTANT * met.inverse_sun_distance(172)
    up = instant > 0
    mean = instant.sum(axis=1) / np.maximum(up.sum(axis=1), 1)
    assert_allclose(cosine, mean, atol=2e-3)
    assert 0 < up.sum(axis=1)[up.any(axis=1)].min() < 900  # an hour with sunrise is among them


def test_that_the_cosine_of_the_zenith_times_the_daylight_is_the_radiation_above_the_air():
    start = np.datetime64("2003-03-01T00:00") + np.arange(24 * 200) * HOUR
    for latitude in (-67.0, 0.0, 46.2, 89.0):
        cosine = met.cosine_of_zenith(start, 3600, latitude, 106.5)
        above = met.extraterrestrial_radiation(start, 3600, latitude, 106.5)
        bound = met.SOLAR_CONSTANT * 1.033 * cosine
        assert (above <= bound + 1e-9).all()
        assert ((cosine > 0) == (above > 0)).all()
        assert (cosine <= 1).all()


def test_that_the_sun_has_no_height_in_the_polar_night():
    start = np.datetime64("2003-12-21T00:00") + np.arange(24) * HOUR
    assert (met.cosine_of_zenith(start, 3600, 80.0, 20.0) == 0).all()


def test_that_half_hours_average_to_the_hour_across_sunrise():
    hours = np.datetime64("2015-10-03T05:00", "ns") + np.arange(3) * HOUR
    halves = np.stack([hours, hours + HOUR // 2], axis=1)
    fine = met.extraterrestrial_radiation(halves, 1800, 53.3, 13.1)
    assert_allclose(
        fine.mean(axis=1), met.extraterrestrial_radiation(hours, 3600, 53.3, 13.1), rtol=1e-9
    )


def test_that_absolute_and_relative_humidity_and_dew_point_invert_each_other():
    temperature, humidity = kelvin(-10.0, 0.0, 25.0), np.array([0.9, 0.5, 0.3])
    absolute = met.absolute_humidity(temperature, humidity)
    assert_allclose(met.relative_humidity(temperature, absolute), humidity, rtol=1e-12)
    dew = met.dew_point(met.vapour_pressure(temperature, humidity))
    assert_allclose(
        met.saturation_vapour_pressure(dew),
        humidity * met.saturation_vapour_pressure(temperature),
        rtol=1e-12,
    )


def test_that_saturated_air_at_20_degrees_holds_17_grams_per_cubic_metre():
    assert_allclose(met.absolute_humidity(kelvin(20.0), 1.0), 17.3, atol=0.05)


def test_that_the_slope_is_the_derivative_of_the_saturation_vapour_pressure():
    temperature = kelvin(-5.0, 12.0, 33.0)
    rise = met.saturation_vapour_pressure(temperature + 0.01)
    fall = met.saturation_vapour_pressure(temperature - 0.01)
    assert_allclose(met.saturation_slope(temperature), (rise - fall) / 0.02, rtol=1e-3)


def test_that_estimated_shortwave_does_not_exceed_a_clear_sky():
    shortwave = met.shortwave_from_temperature_range(400.0, kelvin(35.0), kelvin(0.0), 100)
    assert shortwave == met.clear_sky_shortwave(400.0, 100)


def test_that_an_overcast_sky_radiates_as_a_black_body_and_a_clear_one_less():
    temperature = kelvin(10.0)
    humidity = met.vapour_pressure(temperature, 0.7)
    overcast = met.incoming_longwave(temperature, humidity, 0.0)
    assert_allclose(overcast, met.STEFAN_BOLTZMANN * temperature**4)
    # e = 8.6 hPa, T = 283.15 K: emissivity 1.24 (e/T)^(1/7) = 0.753
    assert_allclose(met.incoming_longwave(temperature, humidity) / overcast, 0.753, atol=5e-4)


def test_that_dew_counts_only_where_it_is_asked_for():
    night = (kelvin(10.0), 1.0, 1.0, 0.0, 101300.0, 3600)
    assert met.reference_evapotranspiration(*night, clearness=1.0) == 0
    assert met.reference_evapotranspiration(*night, clearness=1.0, condensation=True) < 0


def test_that_two_half_hours_evaporate_what_one_hour_does():
    hour = (kelvin(20.0), 0.6, 2.0, 500.0, 101300.0)
    half = met.reference_evapotranspiration(*hour, 1800, longwave=350.0)
    assert_allclose(2 * half, met.reference_evapotranspiration(*hour, 3600, longwave=350.0))


@pytest.mark.parametrize("sky", [{}, {"longwave": 300.0, "clearness": 0.8}])
def test_that_the_longwave_of_the_sky_must_be_given_exactly_once(sky):
    with pytest.raises(DeclarationError, match=r"exactly one of longwave= .* and clearness="):
        met.reference_evapotranspiration(290.0, 0.5, 2.0, 100.0, 1e5, 3600, **sky)


def test_that_an_interval_longer_than_a_day_is_refused():
    with pytest.raises(DeclarationError, match="step_seconds must be in"):
        met.extraterrestrial_radiation(np.datetime64("2015-01-01"), 86401, 0, 0)
