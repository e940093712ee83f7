"""Li's eleven experiments as declarations, its decisions as options, the check of the samples."""

from dataclasses import replace

import numpy as np
import pytest

from hydroda.catchments import RurCatchment
from hydroda.errors import DeclarationError
from hydroda.inflation import RTPS
from hydroda.models.terrestrial import EvaporatingSurface
from hydroda.obs.neutrons import Conventional
from hydroda.studies import li2025
from hydroda.studies.li2025 import check
from hydroda.studies.li2025.experiments import EXPERIMENTS, LI, TABLE_3, USERS, VALIDATED
from hydroda.update import InflateError, KeepAll
from hydroda.zone import Everywhere, Saturated, Unsaturated
from tests.test_coupling import Valley

# Li, Table 3 and 3.2: observations, what they change, their radius [km].
PUBLISHED = {
    "OL": {},
    "SM_DA": {"soil_moisture": ("theta", 100)},
    "GWL_DA": {"groundwater_level": ("h", 5)},
    "FC_DA": {"soil_moisture": ("theta h", 5), "groundwater_level": ("theta h", 5)},
    "WC_DA": {"soil_moisture": ("theta", 5), "groundwater_level": ("h", 5)},
    "WC_DA_r": {"soil_moisture": ("theta", 100), "groundwater_level": ("h", 5)},
}


def test_that_there_are_the_eleven_experiments_of_the_paper():
    names = [study.name for study in TABLE_3]
    pairs = [(name, name + "_PAR") for name in PUBLISHED if name != "OL"]
    assert names == ["OL", *(name for pair in pairs for name in pair)]
    assert set(VALIDATED) <= set(names)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_that_an_experiment_says_what_its_row_of_table_3_says(name):
    updates = EXPERIMENTS[name].updates()
    states = [u for u in updates if u.changes != ("log10_Ks",)]
    found = {
        u.observations: (" ".join(u.changes), round(float(u.filter.localization.radius) / 1e3))
        for u in states
    }
    assert found == PUBLISHED[name.removesuffix("_PAR")]
    days = {u.observations: u.every / np.timedelta64(1, "D") for u in states}
    assert days == {q: d for q, d in {"soil_moisture": 1, "groundwater_level": 7}.items()
                    if q in found}  # fmt: skip
    parameters = [u for u in updates if u.changes == ("log10_Ks",)]
    assert len(parameters) == (len(states) if name.endswith("_PAR") else 0)
    for update, state in zip(parameters, states, strict=False):
        assert (update.damping, update.every / np.timedelta64(1, "D")) == (0.1, 7)
        assert update.kind == state.kind  # so that both are one joint analysis
    weak = "FC" not in name
    for update in updates:
        wet = update.observations == "groundwater_level"
        zone = (Saturated() if wet else Unsaturated()) if weak else Everywhere()
        assert update.zone == zone
        assert update.outliers == KeepAll()


def test_that_the_decisions_are_options_and_those_of_users_differ():
    ours = EXPERIMENTS["WC_DA_r"].updates(USERS)
    assert {u.filter.inflation for u in ours} == {RTPS(0.9)}
    assert {u.outliers for u in ours} == {InflateError(2.0)}
    late = EXPERIMENTS["WC_DA_r"].updates(replace(LI, moisture_first=False))
    assert late == EXPERIMENTS["WC_DA_r"].updates()[::-1]
    heads = EXPERIMENTS["FC_DA"].updates(replace(LI, together=("h",)))
    assert {u.changes for u in heads} == {("h",)}
    everywhere = EXPERIMENTS["SM_DA"].updates(replace(LI, unsaturated=Everywhere()))
    assert everywhere[0].zone == Everywhere()


def test_that_an_experiment_brings_its_instruments_to_the_catchment():
    rur = RurCatchment(cell="4 km", members=2, surface=EvaporatingSurface())
    li = EXPERIMENTS["WC_DA_r_PAR"].experiment(rur)
    assert li.weighting == Conventional()
    assert li.well_representativeness is None
    assert li.model is rur.model
    assert len(li.updates) == 4
    wells = li.read_network().select("groundwater_level").sensors
    assert wells[0].error(3.0) == pytest.approx(0.05)
    ours = EXPERIMENTS["WC_DA_r_PAR"].experiment(rur, USERS).read_network()
    assert ours.select("groundwater_level").sensors[0].error(3.0) > 1.0


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_that_every_experiment_runs_on_columns_with_a_table(name):
    valley = replace(Valley(), period=("2020-01-01", "2020-01-09"), members=12)
    result = replace(valley, updates=EXPERIMENTS[name].updates()).twin()
    tree = result.leg("assimilation")
    first, last = (tree[g].to_dataset()["log10_Ks"].isel(time=-1) for g in ("forecast", "analysis"))
    assert np.isfinite(last).all()
    if not EXPERIMENTS[name].observations:
        np.testing.assert_array_equal(first, last)
        return
    used = result.observations("assimilation")
    weekly = used[used["quantity"] == "groundwater_level"]
    if "groundwater_level" in EXPERIMENTS[name].observations:
        assert weekly["status"].str.startswith("assimilated").sum() == 2
    other = tree["analysis"].to_dataset()["theta"] - tree["forecast"].to_dataset()["theta"]
    assert (np.abs(other).max() > 0) == True  # noqa: E712


def test_that_the_check_of_the_ensemble_finds_what_was_asked():
    rur = RurCatchment(cell="4 km", members=2, surface=EvaporatingSurface())
    values = [v for v in check._weather(rur.noise, rur.seed) if v.published is not None]
    assert len(values) == 4 * 3 + 6
    for value in values:
        scale = {"W m-2": 20.0, "h": 24.0}.get(value.unit, 1.0)
        assert abs(value.ours - value.published) < 0.02 * scale, value


def test_that_the_check_of_the_catchment_has_the_numbers_of_the_paper():
    report = li2025.run(table="catchment", size="small")
    found = {value.row: value for value in report.values}
    for name, off in {"highest cell of 500 m": 0.01, "lowest cell of 500 m": 0.01, "layers": 0,
                      "temperature, mountains": 0.5, "temperature, lowland": 0.3,
                      "left after Monthly": 0, "left after one per cell": 0,
                      "left after assimilated": 0, "validating": 0}.items():  # fmt: skip
        assert abs(found[name].ours - found[name].published) <= off, name
    with pytest.raises(DeclarationError, match="li2025 has the tables"):
        li2025.run(table="nothing")
