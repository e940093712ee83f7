from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hydroda.catchments._kansas_data import LOCAL, SAMPLED, SITE, kansas
from hydroda.catchments.kansas import Kansas, processing
from hydroda.errors import DataError, DeclarationError


@pytest.fixture(scope="module")
def folder(shared):
    return str(shared("data/kansas_ks003"))


def solar_noon(day_of_year):
    """The hour of solar noon in UTC, by the equation of time (Spencer 1971)."""
    b = 2 * np.pi * (day_of_year - 81) / 364
    minutes = 9.87 * np.sin(2 * b) - 7.53 * np.cos(b) - 1.5 * np.sin(b)
    return 12 - SITE.lon / 15 - minutes / 60


@pytest.mark.parametrize(
    ("first", "last"), [("2021-11-08", "2022-03-10"), ("2022-03-15", "2022-07-10")]
)
def test_that_the_sun_of_clear_days_says_that_the_clock_keeps_winter_time(folder, first, last):
    shortwave = kansas(folder).forcing.data["shortwave"].to_series()[first:last]
    shortwave = shortwave.tz_localize("UTC").tz_convert(LOCAL)
    local = (shortwave.index.hour + 0.5).to_numpy()
    days = shortwave.index.normalize()
    total = shortwave.groupby(days).sum()
    centre = (shortwave * local).groupby(days).sum() / total
    clear = total >= total.rolling(15, min_periods=1, center=True).quantile(0.8)
    noon = solar_noon(total.index.day_of_year.to_numpy()) - 6
    late = (centre - noon)[clear & (shortwave.groupby(days).size() == 24)]
    # Within five minutes; summer time, or stamps of the start of the hour, would be 60 off.
    assert abs(late.median()) < 1 / 12


def test_that_the_missing_data_are_asked_for(tmp_path):
    with pytest.raises(DeclarationError, match="kansas needs its data: --data FOLDER"):
        Kansas().read_forcing()
    with pytest.raises(DataError, match=r"there is no file .*it comes from https"):
        kansas(str(tmp_path))


def test_that_the_sampled_moisture_comes_back_from_the_counts_of_its_day(folder):
    known, soil = processing(folder)
    assert 800 < float(known.n0) < 1000
    day = pd.Timestamp(SAMPLED, tz=LOCAL).tz_convert("UTC").tz_localize(None)
    hourly = known.hourly(kansas(folder).neutrons)[day : day + pd.Timedelta("23h")]
    assert len(hourly) == 24
    means = replace(known, every="1 D").means(kansas(folder).neutrons)
    near = means["moisture"][SAMPLED]
    assert near == pytest.approx(soil.moisture, abs=0.02)
    assert 0.2 < soil.moisture < 0.35


def test_that_samples_keep_what_was_measured(folder):
    samples = kansas(folder).samples
    assert len(samples) == 56 and samples["profile"].nunique() == 14
    assert sorted(samples["distance"].unique()) == [5, 50, 100]
    source = pd.read_csv(f"{folder}/soil_calibration_2021-10-22.csv")
    np.testing.assert_allclose(samples["moisture"], source["theta_g"])
    np.testing.assert_allclose(samples["bulk_density"], 1000 * source["bulk_density"])
    np.testing.assert_allclose(200 * samples["depth"], source["top_depth"] + source["bottom_depth"])


def test_that_channel_one_is_used_and_stamps_start_their_hour(folder):
    neutrons = kansas(folder).neutrons
    source = pd.read_csv(f"{folder}/ks003_hourly.csv.gz")
    np.testing.assert_array_equal(neutrons["counts"], source["neutron_counts_1_cph"])
    first = pd.Timestamp(source["time_end_logger_clock"].iloc[0], tz=LOCAL)
    assert neutrons.index[0] == first.tz_convert("UTC") - pd.Timedelta("1h")


def test_that_assimilation_improves_one_step_forecasts_of_a_spring(folder):
    spring = replace(
        Kansas(), data=folder, members=12, period=("2022-03-01T06:00", "2022-04-25T06:00")
    )
    scores = spring.compare().scores().query("score == 'rmse' and group == 'all'")
    error = scores.set_index("run")["value"]
    assert error["assimilation"] < 0.9 * error["open_loop"]
