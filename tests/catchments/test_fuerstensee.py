from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hydroda.catchments.fuerstensee import (
    BORROWED_RAIN,
    Fuerstensee,
    calibration,
    neutron_moisture,
)
from hydroda.errors import DataError


def test_that_n0_follows_from_the_samples_of_both_days():
    found = calibration()
    assert set(found.by_day) == {"2014-01-17", "2014-11-17"}
    assert min(found.by_day.values()) < found.n0 < max(found.by_day.values())
    assert 1000 < found.n0 < 1250
    assert 0.15 < found.soil.moisture < 0.25


def test_that_the_sampled_moisture_comes_back_from_the_counts():
    values = neutron_moisture().values.set_index("time")["value"]
    sampled = calibration().soil.moisture
    days = [values[day] for day in ("2014-01-17", "2014-11-17")]
    assert np.mean(days) == pytest.approx(sampled, abs=0.04)


def test_that_days_after_borrowed_rain_are_flagged():
    values = neutron_moisture().values.set_index("time")
    flags = values["flag"]
    assert (flags["2014"].isin([BORROWED_RAIN, "too_few"])).all()
    assert (flags["2019-02-22":"2019-03-15"].isin([BORROWED_RAIN, "too_few"])).all()
    assert (flags["2016-05":"2016-08"] == "").mean() > 0.9


def test_that_a_monitor_takes_the_drift_of_incoming_neutrons_out(tmp_path):
    days = pd.date_range("2014-01-01", "2020-07-01", freq="D", tz="UTC")
    rising = pd.Series(100.0 * (1 + 0.1 * np.linspace(0, 1, days.size)), days, name="counts")
    rising.rename_axis("time").to_csv(tmp_path / "monitor.csv")

    def yearly(monitor):
        values = neutron_moisture(monitor=monitor).values
        good = values[values["flag"] == ""]
        return good["value"].groupby(good["time"].dt.year).mean()

    lifted = yearly(str(tmp_path / "monitor.csv")) - yearly(None)
    assert lifted[2019] > lifted[2015] > 0
    with pytest.raises(DataError, match="must be a CSV of time"):
        neutron_moisture(monitor=str(tmp_path / "missing.csv"))


def test_that_assimilation_improves_one_step_forecasts_of_a_spring():
    spring = replace(Fuerstensee(), period=("2015-03-01", "2015-05-20"), members=12)
    result = spring.compare()
    scores = result.scores().query("score == 'rmse' and group == 'all'")
    error = scores.set_index("run")["value"]
    assert error["assimilation"] < 0.9 * error["open_loop"]
    assert float(result.leg()["cycles"]["closure"].max()) < 2e-6
    text = str(result.explain("2015-04-10"))
    assert "increment  theta" in text and "assimilated" in text
