from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hydroda.catchments._dutch_well_data import (
    WELLS,
    dutch_forcing,
    dutch_heads,
    dutch_records,
    dutch_screening,
    linear_reservoir,
)
from hydroda.catchments.dutch_well import DutchWell, by_lead
from hydroda.errors import DataError, DeclarationError
from hydroda.obs import ObservedDepth, Screening


@pytest.fixture(scope="module")
def folder(shared):
    return str(shared("data/dutch_wells"))


def test_that_the_missing_data_are_asked_for(tmp_path):
    with pytest.raises(DeclarationError, match="dutch_well needs its data: --data FOLDER"):
        DutchWell().read_network()
    with pytest.raises(DataError, match=r"there is no file .*head_nb1\.csv: it comes from"):
        replace(DutchWell(), data=str(tmp_path)).read_network()
    with pytest.raises(DeclarationError, match="well must be one of nb1, B32C0639; got 'nb2'"):
        replace(DutchWell(), data=str(tmp_path), well="nb2").read_forcing()


def test_that_the_two_unit_conventions_mean_the_same_water(folder):
    for well, column, factor in (("nb1", "rain", 1000.0), ("B32C0639", "RH_260", 1.0)):
        raw = pd.read_csv(f"{folder}/{WELLS[well].rain.file}")[column]
        forcing = dutch_forcing(folder, well).data
        assert float(forcing["rain"].sum()) == pytest.approx(factor * raw.sum(), rel=1e-9)
        assert forcing["rain"].attrs["units"] == "mm"
        records = dutch_records(folder, well)
        assert records.units["rain"] == "mm/d" and records.units["groundwater_level"] == "m"
    yearly = [
        float(dutch_forcing(folder, well).data["rain"].sel(time="1995").sum()) for well in WELLS
    ]
    assert min(yearly) > 600 and max(yearly) < 1100


def test_that_both_wells_are_screened_and_the_reason_is_told(folder):
    strict, used = replace(DutchWell(), data=folder).tables().values()
    assert strict.set_index("station").loc["nb1"].tolist() == [
        "left_out", "Monthly", "values in 225 of 237 months",
    ]  # fmt: skip
    assert used["role"].tolist() == ["assimilated", "assimilated"]
    confined = dutch_screening(folder, Screening(keep=(ObservedDepth("0 m", "2 m"),)))
    assert confined.table.loc["nb1", "why"].startswith("depth 2.")


def test_that_days_of_the_dutch_clock_become_days_of_one_length(folder):
    forcing = dutch_forcing(folder, "nb1")
    assert forcing.step_seconds == 86400
    rain = forcing.data["rain"].to_series()
    raw = pd.read_csv(f"{folder}/rain_nb1.csv", index_col=0, parse_dates=True)["rain"] * 1000
    # In winter a model day is the Dutch day; in summer the last of its hours is the next one's.
    assert rain["1994-01-12 23:00"] == pytest.approx(raw["1994-01-13"], rel=1e-9)
    summer = raw["1994-07-14"] * 23 / 24 + raw["1994-07-15"] / 24
    assert rain["1994-07-13 23:00"] == pytest.approx(summer, rel=1e-9, abs=1e-9)


def test_that_no_reading_is_lost_nor_known_before_its_day_is_over(folder):
    for well, count in (("nb1", 644), ("B32C0639", 544)):
        raw = pd.read_csv(f"{folder}/{WELLS[well].head.file}", parse_dates=["date"])
        values = dutch_heads(folder, well).values
        assert len(values) == len(raw) == count
        np.testing.assert_array_equal(values["value"], raw["head"])
        over = (raw["date"] + pd.Timedelta("1D")).dt.tz_localize("Europe/Amsterdam")
        late = values["end"].dt.tz_localize("UTC") - over
        assert late.between(pd.Timedelta(0), pd.Timedelta("1h")).all()


def test_that_a_gap_in_the_weather_is_refused(folder, tmp_path):
    for name in ("head_nb1.csv", "rain_nb1.csv", "evap_nb1.csv"):
        lines = Path(folder, name).read_text().splitlines()
        del lines[40]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"rain has a gap after 1980-02-07"):
        dutch_forcing(str(tmp_path), "nb1")


def test_that_the_linear_reservoir_explains_as_much_as_pastas(folder):
    observed = dutch_heads(folder, "nb1").values["value"].to_numpy()
    levels = linear_reservoir(folder, "nb1").values[:, 0]
    assert 100 * (1 - np.var(levels - observed) / np.var(observed)) == pytest.approx(93.2, abs=0.1)


def test_that_assimilating_the_well_improves_its_forecasts(folder):
    years = replace(
        DutchWell(),
        data=folder,
        members=12,
        period=("1984-12-31T23:00", "1991-12-31T23:00"),
        assimilate_until="1990-12-31T23:00",
        every="30 D",
    )
    result = years.compare()
    scores = result.scores().query("score == 'rmse'").set_index(["group", "run"])["value"]
    one_step = scores["one-step forecast"]
    assert one_step["assimilation"] < 0.6 * one_step["open_loop"]
    assert scores["free forecast"]["assimilation"] < scores["free forecast"]["open_loop"]
    account = result.account().set_index(["score", "run"])["value"]
    assert account["largest budget error"].max() < 2e-6
    assert not result.account()["score"].isin(["replaced"]).any()


def test_that_a_forecast_is_scored_by_the_weeks_since_the_last_reading_it_knew(folder):
    years = replace(
        DutchWell(),
        data=folder,
        members=8,
        period=("1984-12-31T23:00", "1988-12-31T23:00"),
        assimilate_until=None,
        every="30 D",
    )
    rare = tuple(replace(update, every="56 D") for update in years.updates)
    table = by_lead(replace(years, updates=rare).compare())
    assert list(table.index[:4]) == [2, 4, 6, 8]  # and 10, where readings are missing
    known = len(dutch_heads(folder, "nb1").between("1985", "1988-12-31T23:00"))
    assert known - 26 < table["n"].sum() < known
    usual = table.loc[:8]
    assert (usual["persistence"].diff().dropna() > 0).all()
    assert (usual["assimilation"] < usual["open_loop"]).all()
