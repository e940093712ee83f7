"""Li's eleven experiments as declarations, its decisions as options, the check of the samples."""

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.catchments import RurCatchment
from hydroda.catchments.rur.nature import Nature
from hydroda.catchments.rur.spinup import SpinUp
from hydroda.catchments.rur.terrain import LAYERS
from hydroda.errors import DeclarationError
from hydroda.inflation import RTPS
from hydroda.models.terrestrial import EvaporatingSurface
from hydroda.obs.neutrons import Conventional
from hydroda.obs.records import Records
from hydroda.studies import li2025
from hydroda.studies.li2025 import Asked, check, extras, published, scores
from hydroda.studies.li2025.balance import balanced
from hydroda.studies.li2025.experiments import (
    EXPERIMENTS,
    LI,
    TABLE_3,
    USERS,
    VALIDATED,
    BiasOver,
)
from hydroda.studies.li2025.published import ET, GWL, SM
from hydroda.studies.li2025.runs import OPEN, PAPER, Case, Place, Setting, carried_out
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


# ---------------------------------------------------------------------------------------- scores


def series(predicted, observed, quantity=None, group=None, **others):
    """A series file of (time, station) by hand."""
    predicted, observed = np.asarray(predicted, float), np.asarray(observed, float)
    times = np.datetime64("2016-05-02", "ns") + np.arange(len(predicted)) * np.timedelta64(1, "D")
    stations = predicted.shape[1]
    names = quantity or ["soil_moisture"] * stations
    return xr.Dataset(
        {
            "predicted": (("time", "station"), predicted),
            "observed": (("time", "station"), observed),
            "quantity": ("station", np.array(names)),
            "group": ("station", np.array(group or [""] * stations)),
            **others,
        },
        {"time": times, "station": [f"s{n}" for n in range(stations)]},
    )


HAND = series([[1.0, 3.0], [2.0, 4.0]], [[0.0, 4.0], [2.0, 5.0]])


def test_that_ubrmse_of_li_takes_the_mean_over_the_sites_off():
    # Day 1: simulated -1, 1 about their mean, observed -2, 2: errors 1, -1. Day 2: 1/2, -1/2.
    assert scores.scored(HAND, "ubRMSE", SM) == pytest.approx((1.0 + 0.5) / 2)
    # Site 1: errors 1, 0 have the deviations 1/2, -1/2; site 2: -1, -1 have none.
    assert scores.scored(HAND, "ubRMSE", SM, over=BiasOver.TIMES) == pytest.approx(0.25)


def test_that_rmse_and_r_are_those_of_equations_5_and_7():
    assert scores.scored(HAND, "RMSE", SM) == pytest.approx((1.0 + np.sqrt(0.5)) / 2)
    assert scores.scored(HAND, "bias", SM) == pytest.approx(-0.25)
    three = series([[1.0], [2.0], [4.0]], [[0.0], [2.0], [1.0]])
    r = np.corrcoef([1, 2, 4], [0, 2, 1])[0, 1]
    assert scores.scored(three, "R", SM) == pytest.approx(r)


def test_that_a_constant_error_of_all_wells_leaves_no_ubrmse():
    observed = np.array([[1.0, 5.0], [2.0, 7.0]])
    wells = ["groundwater_level"] * 2
    off = series(observed + 5.0, observed, wells, ["0", "0"])
    assert scores.scored(off, "ubRMSE", GWL, "0") == pytest.approx(0.0, abs=1e-12)
    assert scores.scored(off, "RMSE", GWL, "0") == pytest.approx(5.0)
    # One datum error of 5 m among two wells is 2.5 m for each of them.
    one = series(np.add(observed, [5.0, 0.0]), observed, wells, ["0", "0"])
    assert scores.scored(one, "ubRMSE", GWL, "0") == pytest.approx(2.5)


def test_that_scores_are_those_of_one_variable_and_one_class():
    kinds = ["groundwater_level", "groundwater_level", "groundwater_level", "soil_moisture"]
    mixed = series([[1.0, 1.0, 9.0, 7.0]], [[0.0, 2.0, 0.0, 0.0]], kinds, ["0", "0", "2.5-5", ""])
    assert scores.scored(mixed, "RMSE", GWL, "0") == pytest.approx(1.0)
    assert scores.scored(mixed, "RMSE", GWL, "2.5-5") == pytest.approx(9.0)
    assert np.isnan(scores.scored(mixed, "RMSE", ET))


def test_that_the_last_midnight_belongs_to_its_year():
    long = series(np.ones((3, 1)), np.zeros((3, 1)))
    days = pd.to_datetime(["2016-12-31", "2017-01-01", "2017-01-02"])
    dated = long.assign_coords(time=days.to_numpy("datetime64[ns]"))
    found = {year: part.sizes["time"] for year, part in scores.years(dated)}
    assert found == {"2016": 2, "2017": 1}


def test_that_what_is_left_of_an_increment_is_measured_against_the_open_loop():
    days = 8
    update = {
        "update_update": ("event", np.array(["groundwater_level -> h"])),
        "update_time": ("event", HAND["time"].values[:1]),
    }
    added = np.array([100.0, -20.0])
    free = np.arange(days)[:, None] * np.array([2.0, 3.0]) + 1000.0
    # After six days 60 % of it is still there, on top of what the open loop does.
    fading = 1.0 - 0.4 * np.arange(days) / 6.0
    held = free + added * fading[:, None]
    held[0] = free[0]
    after = held.copy()
    after[0] += added
    maps = {"water": (("time", "column"), held), "water_analysed": (("time", "column"), after)}
    run = series(np.zeros((days, 1)), np.zeros((days, 1)), **maps, **update)
    bare = run.assign(water=(("time", "column"), free))
    assert scores.remaining(run, bare) == pytest.approx(0.6)
    assert np.isnan(scores.remaining(bare.drop_vars(["update_update"]), bare))


# -------------------------------------------------------------------------------------- published

PAGE = Path(__file__).parents[2].parent / "shared/papers/li-joint-crns-gwl.txt"


def test_that_the_published_tables_agree_where_they_say_the_same():
    tables = (published.TABLE_4, published.TABLE_5, published.TABLE_6)
    for key in {key for table in tables for key in table}:
        assert len({table[key]["OL"] for table in tables if key in table}) == 1, key


def test_that_reductions_in_the_text_of_the_paper_follow_from_the_tables():
    table = published.TABLE_5[GWL, "0"]
    assert 1 - table["GWL_DA"][3] / table["OL"][3] == pytest.approx(0.60, abs=0.01)
    assert 1 - table["GWL_DA_PAR"][3] / table["OL"][3] == pytest.approx(0.72, abs=0.01)
    near = published.TABLE_5[GWL, "0-0.5"]
    assert 1 - near["GWL_DA_PAR"][3] / near["OL"][3] == pytest.approx(0.46, abs=0.01)
    moisture = published.TABLE_4[GWL, "0"]
    assert moisture["SM_DA"][3] / moisture["OL"][3] - 1 == pytest.approx(0.0387, abs=1e-3)
    assert moisture["SM_DA_PAR"][3] / moisture["OL"][3] - 1 == pytest.approx(-0.0041, abs=1e-3)


@pytest.mark.skipif(not PAGE.exists(), reason="the paper is not part of the package")
def test_that_the_typed_numbers_stand_in_the_paper_in_this_order():
    text = PAGE.read_text()
    for number, table in published.UBRMSE.items():
        begin = text.index(f"Table {number}. ")
        digits = re.findall(r"(?<![\w.])\d\.\d\d(?![\d])", text[begin : begin + 4000])
        for key, block in table.items():
            for year in range(4):
                wanted = [f"{block[name][year]:.2f}" for name in block]
                assert _follows(wanted, digits), (number, key, year, wanted)


def _follows(wanted, digits):
    size = len(wanted)
    return any(digits[i : i + size] == wanted for i in range(len(digits) - size + 1))


# --------------------------------------------------------------------------------------- findings


def case_of(ubrmse):
    """A case of which the ubRMSE of each run and variable are given."""

    def run(values):
        parts = [(SM, "", values["SM"]), (ET, "", values.get("ET", 1.0))]
        parts += [(GWL, group, v) for group, v in zip(published.CLASSES, values["GWL"],
                                                     strict=True)]  # fmt: skip
        # Two stations each: errors +e and -e have the mean 0, and the ubRMSE e.
        predicted = np.array([[sign * v for _, _, v in parts for sign in (1.0, -1.0)]])
        kinds = [scores.QUANTITY[variable] for variable, _, _ in parts for _ in range(2)]
        groups = [group for _, group, _ in parts for _ in range(2)]
        return series(predicted, np.zeros_like(predicted), kinds, groups)

    runs = {name: run(values) for name, values in ubrmse.items()}
    return Case(Setting(), xr.Dataset(), runs, runs, {}, pd.DataFrame())


def of_paper():
    """The ubRMSE of all years in Tables 4 to 6."""
    found = {}
    tables = (published.TABLE_4, published.TABLE_5, published.TABLE_6)
    for name in EXPERIMENTS:
        cells = {key: t[key][name][3] for t in tables for key in t if name in t[key]}
        # Table 4 has assimilated wells alone; the others of SM_DA are taken as unchanged.
        wells = [cells.get((GWL, g), published.TABLE_5[GWL, g]["OL"][3]) for g in published.CLASSES]
        found[name] = {"SM": cells[SM, ""], "ET": cells[ET, ""], "GWL": wells}
    return found


def test_that_the_rules_of_the_findings_confirm_what_the_paper_found_in_its_own_tables():
    by_id = {f.id: f for f in scores.FINDINGS}
    case = case_of(of_paper())
    for name in "12345678":
        said, holds = by_id[name].says([case], scores.Reading())
        assert holds, (name, said)
    # Table 7: K_s of SM_DA_PAR and of WC_DA_r_PAR.
    first = {"SM": 0.09, "GWL": [t["OL"][3] for k, t in published.TABLE_5.items() if k[0] == GWL]}
    table = published.TABLE_7
    later = [table["ubRMSE", GWL, group]["WC_DA_r_PAR"] for group in published.CLASSES]
    case = case_of({
        "OL": first,
        "SM_DA_PAR": first | {"SM": table["ubRMSE", SM, ""]["SM_DA_PAR"]},
        "WC_DA_r_PAR": {"SM": table["ubRMSE", SM, ""]["WC_DA_r_PAR"], "GWL": later},
    })  # fmt: skip
    said, holds = by_id["9"].says([case], scores.Reading())
    assert holds, said


def test_that_no_finding_holds_where_no_experiment_changes_anything():
    same = {"SM": 0.09, "ET": 0.66, "GWL": [7.2, 7.0, 5.2, 6.2]}
    case = case_of({name: same for name in EXPERIMENTS})
    found = {f.id: f.says([case], scores.Reading())[1] for f in scores.FINDINGS}
    # That something changes little is the finding of 2 and 8, that nothing is lost that of 7.
    assert {name for name, holds in found.items() if holds} == {"2", "7", "8"}


def test_that_a_finding_needs_most_of_the_seeds():
    finding = scores.FINDINGS[0]
    good = case_of(of_paper())
    bad = case_of({name: {"SM": 0.09, "GWL": [7.0] * 4} for name in EXPERIMENTS})
    assert finding.says([good, good, bad], scores.Reading())[1]
    said, holds = finding.says([good, bad], scores.Reading())
    assert not holds
    assert "in 1 of 2 seeds" in said


# ----------------------------------------------------------------------------------------- extras


@pytest.mark.parametrize(
    "plan",
    [p for p in (*extras.EXTRAS, *extras.RESTORING) if p.instruments is None and p.adapted is None],
    ids=lambda plan: plan.name,
)
def test_that_what_none_has_runs_on_columns_with_a_table_and_differs(plan):
    valley = replace(Valley(), period=("2020-01-01", "2020-01-09"), members=12)
    base, own = (
        replace(valley, updates=EXPERIMENTS["WC_DA_r_PAR"].updates(choices)).twin().ensemble()
        for choices in (LI, plan.choices)
    )
    assert np.isfinite(own["h"]).all()
    # Errors of wells and soils of members are not in updates; here only K_s differs by member.
    apart = plan.name in ("representativeness 1 m", "aquifer fields", "all parameters")
    assert np.array_equal(base["h"], own["h"]) == apart
    for name in plan.choices.parameters:
        assert np.isfinite(own[name]).all()


def test_that_counts_are_worth_what_moisture_is():
    counts = extras.Counts()
    rate = counts.operator.counts(np.full((1, 10), 0.3), np.cumsum(LAYERS[:10]))[0]
    assert 0.02 < float(counts.sd) / rate < 0.06
    network = RurCatchment(cell="4 km", members=2, surface=EvaporatingSurface()).read_network()
    counters = counts.sensors(network)
    assert len(counters) == 12
    assert counters[0].station == "Aachen counts"


def test_that_the_sampled_reach_ends_where_levels_no_longer_vary_together():
    rur = RurCatchment(cell="4 km", members=40, surface=EvaporatingSurface())
    reach, rng = extras.SampledReach(), np.random.default_rng(1)
    x, y = rur.terrain.places
    away = np.hypot(x[:, None] - x, y[:, None] - y)
    ends = {}
    for length in (3e3, 12e3):
        root = np.linalg.cholesky(np.exp(-((away / length) ** 2)) + 1e-6 * np.eye(x.size))
        tables = 10.0 + rng.standard_normal((40, x.size)) @ root.T
        start = xr.Dataset(
            {"water_table_depth": (("member", "column"), tables, {"units": "m"})},
            {"x": ("column", x), "y": ("column", y)},
        )
        ends[length] = reach.distance(replace(rur, network=rur.read_network()), start)
    # r2 = exp(-2 d2 / L2) is 0.2 at 0.9 L, 2.7 and 10.8 km: in the first bin, and in the third.
    assert ends == {3e3: 4e3, 12e3: 8e3}


def test_that_correlations_are_those_of_numpy():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 9)), rng.standard_normal((3, 9))
    whole = np.corrcoef(np.concatenate([a, b]))[:2, 2:]
    np.testing.assert_allclose(extras.correlations(a, b), whole, atol=1e-12)
    assert not extras.correlations(a, np.ones((1, 9))).any()


# ------------------------------------------------------------------------------------- end to end

TINY = Setting(
    cell="4 km", members=3, start="2016-05-01", days=2, validation=1,
    spinup=SpinUp(years=0.43, repeats=1, lead="1 D"),
    surface=EvaporatingSurface(covered=0.7),
)  # fmt: skip


class AlikeButForSoils(Nature):
    """A nature whose weather is that of the ensemble."""

    def weather(self, rur):
        return rur.read_forcing()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("li2025")


@pytest.fixture(scope="module")
def tiny(folder):
    """All eleven experiments of the smallest setting, and the validation of K_s."""
    return li2025.reported(Asked(None), "tiny", TINY, (1,), Place(folder), time.monotonic())


def test_that_all_tables_of_the_paper_are_printed_beside_ours(tiny):
    tables = {value.table for value in tiny.values}
    assert {"4", "5", "6", "7", "scores", "spread", "water", "nature", "spin-up"} <= tables
    paper = [v for v in tiny.values if v.table == "6" and v.column == "WC_DA_r_PAR"]
    rows = {v.row: v for v in paper}
    assert rows["GWL 0 km, all days"].published == 2.17
    assert rows["SM, all days"].published == 0.04
    assert all(v.ours is not None and np.isfinite(v.ours) for v in paper)
    ids = [verdict.id for verdict in tiny.verdicts]
    assert ids[:9] == list("123456789")
    assert len(ids) == 27


def test_that_tables_in_balance_are_printed_by_whose_k_s_they_are(tiny):
    rows = [v for v in tiny.values if v.row.endswith("in balance")]
    whose = {v.column for v in rows}
    assert {"K_s of the start", "K_s of nature", "K_s of WC_DA_r_PAR"} <= whose
    errors = {
        k: np.mean([v.ours for v in rows if v.column == f"K_s of {k}" and v.row.startswith("RMSE")])
        for k in ("the start", "nature")
    }
    assert 0.0 < errors["nature"] < errors["the start"]


def test_that_nature_s_k_s_leave_its_own_tables_where_it_has_nothing_else_of_its_own(tiny, folder):
    """Without pumping and with the weather of the ensemble K_s is all that differs."""
    case = carried_out(TINY, PAPER, Place(folder), VALIDATED)
    alike = replace(
        case, setting=replace(TINY, nature=AlikeButForSoils(mine="0 m3/s", waterworks="0 m3/s"))
    )
    found = balanced(alike)
    np.testing.assert_array_equal(found.depths["nature"], found.nature)
    assert found.rmse("OL", "0", unbiased=False) > 0.0
    assert found.rmse("OL", "0", unbiased=True) <= found.rmse("OL", "0", unbiased=False)
    assert np.isnan(found.rmse("OL", "no such class", unbiased=True))


def test_that_a_study_goes_on_to_the_same_bits(tiny, folder):
    def shown(items, total, label):
        raise AssertionError(f"{label} was run again")

    again = li2025.reported(Asked(None), "tiny", TINY, (1,), Place(folder, shown), time.monotonic())
    assert again.values == tiny.values
    (folder / "seed-1" / "series" / "WC_DA_r.nc").unlink()
    third = carried_out(TINY, PAPER, Place(folder), VALIDATED)
    alone = carried_out(TINY, (PAPER[0], PAPER[-2]), Place(), ())
    for name in (OPEN, "WC_DA_r"):
        kept, new = third.runs[name], alone.runs[name]
        xr.testing.assert_identical(kept["predicted"], new["predicted"])
        xr.testing.assert_identical(kept["log10_Ks_end"], new["log10_Ks_end"])


def test_that_experiments_change_what_they_are_for(tiny, folder):
    runs = carried_out(TINY, PAPER, Place(folder), VALIDATED).runs
    free = runs[OPEN]
    np.testing.assert_array_equal(free["log10_Ks_start"], free["log10_Ks_end"])
    assert float(free["moved"].max()) == 0.0
    for name, run in runs.items():
        changed = np.abs(run["log10_Ks_end"] - run["log10_Ks_start"]).max() > 0.0
        assert changed == name.endswith("_PAR"), name
        if name != OPEN:
            assert float(run["moved"].max()) > 0.0, name
        assert float(run["closure"].max()) < 1e-5, name


def test_that_a_datum_error_moves_the_readings_of_one_well():
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(["2016-05-02"] * 2),
            "station": ["a", "b"],
            "quantity": "groundwater_level",
            "value": [1.0, 2.0],
        }
    )
    readings = Records.of(frame, {"groundwater_level": "m"}, zone="UTC")
    moved = extras.Datum("b")(readings)
    assert moved.values["value"].tolist() == [1.0, 7.0]
    assert readings.values["value"].tolist() == [1.0, 2.0]
    assert moved.digest != readings.digest


def test_that_counts_and_the_sampled_reach_run_in_the_catchment(folder):
    plans = [plan for plan in extras.EXTRAS if plan.instruments or plan.adapted]
    runs = carried_out(TINY, plans, Place(folder), ()).runs
    assert set(runs) == {"COSMIC counts", "sampled reach"}
    for run in runs.values():
        assert float(run["moved"][0]) > 0.0
        assert np.isfinite(run["predicted"]).all()
    kinds = set(runs["COSMIC counts"]["update_update"].values.astype(str))
    assert "neutron_counts -> theta, log10_Ks" in kinds
    assert not any(kind.startswith("soil_moisture") for kind in kinds)
