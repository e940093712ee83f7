"""Both land columns at Bondville: what holds, and what does not."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hydroda.errors import DeclarationError
from hydroda.studies import STUDIES, bondville1998
from hydroda.studies.bondville1998 import COLUMNS, observations, score


@pytest.fixture(scope="module")
def report(shared):
    return bondville1998.run(size="small", data=str(shared("data/bondville")))


def number(report, table, row, column, published=False):
    (value,) = (v for v in report.values if (v.table, v.row, v.column) == (table, row, column))
    return value.published if published else value.ours


def test_that_noah_is_scored_as_its_readme_says(report):
    table = "evapotranspiration beside Noah"
    assert number(report, table, "CLM4Column", "days") == 256
    assert number(report, table, "CLM4Column", "r", True) == pytest.approx(0.92, abs=0.005)
    assert number(report, table, "CLM4Column", "bias", True) == pytest.approx(0.34, abs=0.005)


def test_that_water_and_energy_close_over_the_year(report):
    closures = [v for v in report.verdicts if v.id.endswith("closure")]
    assert len(closures) == 2 and all(v.confirmed for v in closures)


def test_that_the_clm4_column_is_nearer_to_the_tower_than_noah(report):
    """Nothing is fitted: smaller RMSE and bias of evapotranspiration, and warmer by less."""
    for quantity in ("evapotranspiration", "temperature 8 cm", "temperature 32 cm"):
        table = f"{quantity} beside Noah"
        for column in ("bias", "RMSE"):
            ours, noah = (number(report, table, "CLM4Column", column, by) for by in (False, True))
            assert abs(ours) < abs(noah), (quantity, column)
    for quantity in ("sensible_heat", "ground_heat", "moisture 5 cm"):
        ours, noah = (
            number(report, f"{quantity} beside Noah", "CLM4Column", "r", by) for by in (False, True)
        )
        assert ours > noah, quantity


def test_that_correlations_stay_where_they_are(report):
    """Below the 0.92 that were asked for: 0.89, and 0.67 where TOPMODEL drains the roots."""
    table = "evapotranspiration beside Noah"
    assert number(report, table, "CLM4Column", "r") == pytest.approx(0.89, abs=0.01)
    assert number(report, table, "CoLMColumn", "r") == pytest.approx(0.67, abs=0.03)
    not_met = [v.id for v in report.verdicts if not v.confirmed]
    assert "CLM4Column: evapotranspiration" in not_met


def test_that_the_tower_agrees_with_itself_little_better_than_noah_with_it(report):
    """What net radiation, ground and sensible heat leave, against the evaporation measured."""
    table = "the tower beside itself"
    assert number(report, table, "what its other fluxes leave", "r") == pytest.approx(
        0.935, abs=5e-3
    )
    assert number(report, table, "what its other fluxes leave", "bias") > 0.3
    assert 0.85 < number(report, table, "heats over what is available", "mean") < 0.95


def test_that_a_day_of_the_other_column_dries_every_layer(report):
    table = "one day of CoLMColumn from the state of CLM4Column"
    rows = [v for v in report.values if v.table == table]
    assert len(rows) == 20 and all(v.ours < 0.0 for v in rows if v.column == "bias")


def test_that_the_report_is_written(report, tmp_path):
    json.dumps(report.as_dict(), allow_nan=False)
    names = {path.name for path in report.write(tmp_path)}
    assert names == {
        "values.csv", "verdicts.csv", "evapotranspiration.png", "soil_moisture.png",
        "one_day_apart.png",
    }  # fmt: skip


def test_that_the_data_are_asked_for():
    with pytest.raises(DeclarationError, match="needs its data: --data FOLDER"):
        STUDIES["bondville1998"].run()


def test_that_columns_differ_in_parts_and_share_the_site():
    clm, colm = COLUMNS.values()
    assert clm.soil == colm.soil and clm.colour == colm.colour and clm.heights == colm.heights
    assert type(clm.runoff) is not type(colm.runoff)
    assert replace(colm, runoff=clm.runoff).runoff == clm.runoff


def test_that_a_score_counts_the_days_that_both_have():
    days = pd.date_range("1998-01-01", periods=5)
    simulated = pd.Series([1.0, 2.0, 3.0, 4.0, np.nan], days)
    observed = pd.Series([0.0, 1.0, np.nan, 3.0, 4.0], days)
    r, bias, rmse, n = score(simulated, observed)
    assert (round(r, 12), bias, rmse, n) == (1.0, 1.0, 1.0, 3)


def test_that_a_day_counts_with_enough_of_it_measured(shared):
    from hydroda.catchments.bondville import measured

    observed = observations(measured(str(shared("data/bondville"))))
    assert observed["evapotranspiration"].notna().sum() == 256
