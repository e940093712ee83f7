import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from hydroda.analysis import Problem, Water
from hydroda.catchments import mongolia
from hydroda.constraint import WaterBudget
from hydroda.errors import DataError, DeclarationError
from hydroda.filters import DEnKF, EachColumn, EnKF
from hydroda.inflation import MaximumLikelihood
from hydroda.localization import VerticalExponential, threshold_mu
from hydroda.studies import dan2020
from hydroda.studies.dan2020 import case as cases
from hydroda.studies.dan2020 import published, tables
from hydroda.studies.dan2020.march import March, Run, marched
from hydroda.studies.dan2020.schemes import (
    BA,
    ENKF,
    INF,
    LOC,
    OPEN_LOOP,
    PAPER,
    RECOMMENDED,
    SHALLOW,
    THRESHOLDS,
    TOLD,
    VARIANTS,
    WC,
    Scheme,
)
from hydroda.studies.dan2020.scores import FINDINGS, OURS, where_water_went
from hydroda.studies.dan2020.twin import Setting, Twin, probe_sd
from hydroda.studies.report import StudyReport

TINY = Setting(columns=2, members=8, days=3, years=0)


@pytest.fixture(scope="module")
def twin():
    return Twin.of(TINY)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dan")
    return dan2020.run(size="small", out=folder), folder


# --- nature -------------------------------------------------------------------------------------


def test_that_nature_and_forecasts_differ_as_the_paper_says():
    porosity = [
        np.asarray(m.retention.values()["theta_s"]) for m in (mongolia.NATURE, mongolia.FORECASTS)
    ]
    assert (porosity[0][:9] > porosity[1][:9]).all() and porosity[0][9] <= porosity[1][9]
    grass, steppe = mongolia.FORECASTS.plants[0], mongolia.NATURE.plants[0]
    assert float(grass.roughness) < float(steppe.roughness)
    summer = np.array(["2003-07-15"], "datetime64[ns]")
    assert grass.leaves.area(summer, 46.0, 293.0)[0] > steppe.leaves.area(summer, 46.0, 293.0)[0]
    assert np.array_equal(mongolia.NATURE.z, mongolia.FORECASTS.z)
    assert type(mongolia.NATURE.bottom) is not type(mongolia.FORECASTS.bottom)


def test_that_the_forty_columns_are_those_of_the_paper():
    assert mongolia.COLUMNS == 40
    assert (mongolia.LATITUDE.min(), mongolia.LATITUDE.max()) == (46.0, 46.5)
    assert (mongolia.LONGITUDE.min(), mongolia.LONGITUDE.max()) == (106.125, 107.0)
    assert 1200 <= mongolia.ELEVATION.min() < mongolia.ELEVATION.max() <= 1500


def test_that_a_probe_reads_nature_with_its_error(twin):
    seen = twin.truth[:, -1] @ twin.row(SHALLOW)
    off = (twin.readings[SHALLOW] - seen) / probe_sd()
    assert 0 < np.abs(off).mean() < 3
    assert twin.row(SHALLOW)[[1, 2]].sum() == pytest.approx(1.0)
    assert twin.row(SHALLOW)[1] == pytest.approx((6.2 - 3) / (6.2 - 2.8), abs=0.01)


def test_that_moisture_by_the_hour_is_that_of_the_plain_forecast(twin):
    start, window = twin.start, twin.window(0, 1)
    span = twin.setting.times[:2]
    plain = twin.model.forecast(start, window, *span)
    watched, hours = twin.model.forecast_with_moisture(start, window, *span)
    assert hours.shape == (24, 8, 2, 10)
    for name in ("theta", "ice", "temperature", "canopy_water", "snow"):
        assert watched[name].values == pytest.approx(plain[name].values, abs=1e-7)
    assert hours[-1] == pytest.approx(plain["theta"].values, abs=1e-7)


# --- the march ----------------------------------------------------------------------------------


def test_that_the_budget_of_the_closed_model_is_its_water(twin):
    free = marched(twin, [OPEN_LOOP])[OPEN_LOOP.name]
    assert np.abs(free.residual).max() < 1e-9
    assert np.abs(free.unclipped).max() < 1e-9


def test_that_schemes_side_by_side_are_what_they_are_alone(twin):
    together = marched(twin, [ENKF, INF, LOC.candidate(4)])
    for scheme in (ENKF, INF, LOC.candidate(4)):
        alone = marched(twin, [scheme])[scheme.name]
        for name in ("bias", "variance", "residual", "sd"):
            assert np.array_equal(getattr(together[scheme.name], name), getattr(alone, name))


def test_that_a_probe_changes_no_other_column(twin):
    moved = {SHALLOW: twin.readings[SHALLOW] + np.array([0.0, 0.05])}
    other = replace(twin, readings={**twin.readings, **moved})
    ours, theirs = (marched(t, [INF])[INF.name] for t in (twin, other))
    assert np.array_equal(ours.bias[0], theirs.bias[0])
    assert not np.array_equal(ours.bias[1], theirs.bias[1])


def test_that_an_analysis_is_the_gain_of_the_paper_written_out(twin):
    """Dan, Eq. 10-13 with dense matrices in the paper's percent and millimetres."""
    march = March(twin, [LOC.candidate(5)])
    rng = np.random.default_rng(2)
    wet = rng.uniform(0.1, 0.3, 10)[:, None] + rng.normal(0, 0.01, (10, 8))
    x = np.concatenate([wet, np.zeros((10, 8)), rng.uniform(0, 0.3, (1, 8)), np.zeros((1, 8))])
    content = march.content @ x
    target = content + rng.normal(0, 0.5, 8)
    noise = {SHALLOW: twin.noise(SHALLOW, 0)}
    ours = march._column(march.lanes[0], 0, 1, 0, x, np.zeros(8), target, noise).x

    mu = threshold_mu(twin.model.z, 0.03, 5)
    rho = np.r_[np.exp(-mu * np.abs(twin.model.z - 0.03)), np.ones(12)]
    h = np.r_[twin.row(SHALLOW), np.zeros(12)]
    anomalies = rho[:, None] * (x - x.mean(axis=1, keepdims=True))
    d = twin.readings[SHALLOW][0, 1] - h @ x.mean(axis=1)
    r = probe_sd() ** 2
    spread = (h @ anomalies).var(ddof=1)
    inflation = max(1.0, (d**2 - r) / spread)
    anomalies[:10] *= np.sqrt(inflation)
    p = anomalies @ anomalies.T / 7
    both = np.stack([h, march.content])
    phi = max(target.var(ddof=1), 1e-8)
    gain = p @ both.T @ np.linalg.inv(both @ p @ both.T + np.diag([r, phi]))
    wanted = np.stack([twin.readings[SHALLOW][0, 1] + noise[SHALLOW][1] - h @ x, target - content])
    expected = np.clip(x + gain @ wanted, 0.0, march.upper[:, None])
    assert ours == pytest.approx(expected, abs=1e-12)
    assert march.daily["inflation"][0, 0, 1] == pytest.approx(inflation)


def test_that_error_is_bias_and_what_is_short_lived(twin):
    run = marched(twin, [INF])[INF.name]
    assert run.error**2 == pytest.approx(run.short_lived**2 + run.bias**2)


def test_that_columns_are_picked_from_their_own_runs(twin):
    runs = list(marched(twin, [ENKF, INF]).values())
    picked = Run.picked(runs, [1, 0])
    assert np.array_equal(picked.error[0], runs[1].error[0])
    assert np.array_equal(picked.residual[:, 1], runs[0].residual[:, 1])


def test_that_water_of_analyses_is_evaporated_run_off_or_still_there(twin):
    runs = marched(twin, [OPEN_LOOP, INF, TOLD])
    for name in (INF.name, TOLD.name):
        added, *went = where_water_went(runs[name], runs[OPEN_LOOP.name])
        assert abs(added) > 0.01 and sum(went) == pytest.approx(added, abs=1e-9)
    assert twin.evaporation.shape == (TINY.days + 1, 2) and (twin.evaporation > 0.0).all()


def test_that_told_layers_are_those_of_nature():
    twin = Twin.of(replace(TINY, days=1))
    march = March(twin, [TOLD])
    x = np.random.default_rng(1).uniform(0.1, 0.2, (22, 8))
    noise = {SHALLOW: twin.noise(SHALLOW, 0)}
    told = march._column(march.lanes[0], 0, 1, 0, x, np.zeros(8), np.zeros(8), noise).x
    assert told[:5].mean(axis=1) == pytest.approx(twin.truth[0, -1, 1, :5])
    assert told[:5].std(axis=1) == pytest.approx(x[:5].std(axis=1))
    assert np.array_equal(told[5:], x[5:])


def test_that_one_budget_takes_at_most_half_of_an_increment():
    """With φ = var cᵀx an increment of water shrinks to 1/(2 − r²), r that of water and reading."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, c = rng.normal(size=(4, 12)), rng.uniform(0.5, 2.0, 4)
        y, noise = np.array([3.0]), np.zeros((1, 12))
        water = Water((c @ x)[None], (c @ x)[None], lambda rows, c=c: (c @ rows)[None])
        problem = Problem(x, x[:1], y, np.array([0.3]), noise=noise, water=water)
        added = [
            c @ (scheme.analyse(problem).x - x).mean(axis=1)
            for scheme in (EnKF(constraint=WaterBudget()), EnKF())
        ]
        r2 = np.cov(x[0], c @ x)[0, 1] ** 2 / ((x[0].var(ddof=1) + 0.3) * (c @ x).var(ddof=1))
        assert added[0] / added[1] == pytest.approx(1.0 / (2.0 - r2))


def test_that_the_residual_is_told_before_and_after_clipping(twin):
    """A reading far below zero: clipping gives back the water that the filter took too much."""
    dry = {**twin.readings, SHALLOW: np.full_like(twin.readings[SHALLOW], -0.5)}
    sure = Scheme("sure", EnKF(inflation=MaximumLikelihood(at_least=900.0)))
    run = marched(replace(twin, readings=dry), [sure])["sure"]
    assert (np.abs(run.unclipped[0] - run.residual[0]) > 1.0).all()

    x, c = np.random.default_rng(4).uniform(0.0, 0.2, (3, 12)), np.array([10.0, 20.0, 40.0])
    water = Water((c @ x)[None], (c @ x)[None], lambda rows: (c @ rows)[None])
    problem = Problem(
        x, x[:1], np.array([-0.5]), np.array([1e-6]), noise=np.zeros((1, 12)), water=water,
        lower=np.zeros(3),
    )  # fmt: skip
    said = EnKF(constraint=WaterBudget()).analyse(problem).diagnostics
    given = (said["residual_before_clipping"] - said["residual"]).mean()
    assert given == pytest.approx(c @ said["clipped"]) and given > 0.0


def test_that_a_failed_member_is_replaced_and_counted(twin, monkeypatch):
    lost = twin.start.copy(deep=True)
    lost["temperature"][3] = np.nan
    broken = replace(twin, setting=replace(TINY, days=1), start=lost)
    monkeypatch.setattr("hydroda.studies.dan2020.march.TOLERATED_FAILURES", 0.2)
    run = marched(broken, [ENKF])[ENKF.name]
    assert run.failures > 0 and np.isfinite(run.error).all()


def test_that_the_engine_of_experiments_does_the_same_as_the_march():
    """Two columns, a filter that draws no errors: the same weather, budgets and analyses."""
    own = DEnKF(VerticalExponential(threshold=5), MaximumLikelihood(at_least=1), WaterBudget())
    twin = Twin.of(replace(TINY, days=4))
    ours = marched(twin, [Scheme("own", own)])["own"]

    columns = twin.setting.chosen
    declared = mongolia.MongolianGrassland(years=0, members=8, seed=1, columns=columns)
    times = twin.setting.times[1:-1]
    network = declared.read_network().with_readings(times, twin.readings[SHALLOW][:-1])

    class Given(mongolia.MongolianGrassland):
        def read_network(self):
            return network

    given = Given(
        years=0,
        members=8,
        seed=1,
        columns=columns,
        period=(str(twin.setting.times[0]), str(times[-1])),
        updates=[replace(declared.updates[0], filter=EachColumn(each=own))],
    )
    tree = given.run().leg("assimilation")
    seen = tree["observations"].to_dataset()
    for k, number in enumerate(columns):
        mine = seen["station"].values == f"probe {number}"
        assert seen["innovation"].values[mine] == pytest.approx(ours.innovation[:, k], abs=1e-9)
    events = tree["updates"].to_dataset()
    assert events["inflation"].values == pytest.approx(ours.inflation.mean(axis=1), rel=1e-6)
    assert -events["water_added"].values == pytest.approx(ours.residual.mean(axis=1), abs=1e-6)


# --- the declarations ---------------------------------------------------------------------------


def test_that_the_five_schemes_are_compositions_of_one_filter():
    assert [scheme.name for scheme in PAPER] == list(published.RESIDUAL)
    assert all(type(scheme.filter) is EnKF for scheme in PAPER)
    assert LOC.filter == replace(BA.filter, bias=LOC.filter.bias)
    assert INF.filter == replace(WC.filter, inflation=MaximumLikelihood(at_least=1))
    assert len({s.name for s in (*PAPER, RECOMMENDED, *VARIANTS)}) == 6 + len(VARIANTS)


def test_that_only_schemes_with_a_threshold_can_fix_it():
    assert LOC.searches and not LOC.candidate(6).searches
    with pytest.raises(DeclarationError, match="EnKF has no threshold layer"):
        ENKF.with_threshold(6)


PUBLISHED = {
    "1": (6.70, 2.00),
    "2": (6.38, 12.49),
    "3": (6.38, 12.49, 6.59, 2.00, 2.16),
    "4": (2.16, 2.12, 6.59, 6.05),
    "5": (0.1389, 0.0487, 0.0737, 0.0098, 0.0042, 0.0051),
    "6": (100.0, 4.09, 3.84),
    "7": (1.0, 1.1, 6.0, 6.1, 3.0, 3.1),  # ours, not in the paper
    "8": (0.1, 0.2, 0.5, 0.6),
}
RULES = {finding.id: finding for finding in (*FINDINGS, *OURS)}


def test_that_the_paper_confirms_its_own_findings():
    assert {name: rule.holds(PUBLISHED[name]) for name, rule in RULES.items()} == dict.fromkeys(
        PUBLISHED, True
    )


@pytest.mark.parametrize(
    "name, place, just, past",
    [
        ("1", 1, 3.349, 3.351),
        ("2", 1, 6.381, 6.379),
        ("3", 2, 7.01, 7.03),
        ("3", 4, 2.199, 2.201),
        ("4", 1, 2.16, 2.161),
        ("4", 3, 6.589, 6.59),
        ("5", 1, 0.0694, 0.0695),
        ("5", 2, 0.0833, 0.0834),
        ("5", 4, 0.0097, 0.0098),
        ("5", 5, 0.0097, 0.0098),
        ("6", 0, 50.1, 50.0),
        ("6", 1, 4.22, 4.23),
        ("7", 0, 1.09, 1.1),
        ("7", 2, 6.09, 6.1),
        ("7", 4, 3.09, 3.1),
        ("8", 0, 0.19, 0.2),
        ("8", 2, 0.59, 0.6),
    ],
)
def test_that_every_number_of_a_finding_can_refute_it(name, place, just, past):
    for value, holds in ((just, True), (past, False)):
        numbers = list(PUBLISHED[name])
        numbers[place] = value
        assert RULES[name].holds(numbers) is holds


def test_that_most_seeds_decide_and_a_refuted_finding_says_why():
    rule = replace(RULES["1"], numbers=lambda case: case)
    said, holds = rule.says([(6.0, 2.0), (6.0, 2.0), (6.0, 4.0)])
    assert holds and said == "6 (6 to 6) to 2.67 (2 to 4) %; in 2 of 3 seeds"
    said, holds = rule.says([(6.0, 2.0), (6.0, 4.0), (6.0, 4.0)])
    assert not holds and "in 1 of 3 seeds. Inflation gains what the plain filter leaves" in said
    assert all(rule.why for name, rule in RULES.items() if name != "2")


def test_that_table_2_is_met_to_its_printed_digits():
    rows = {value.row: value for value in dan2020.run(table="2").values}
    for layer in THRESHOLDS:
        value = next(v for row, v in rows.items() if row.split()[0] == str(layer))
        printed = 0.0164 if layer == 6 else value.published
        assert round(value.ours, 4) == printed
    assert "lower bound" in "".join(rows) and "0.0164" in "".join(rows)


# --- the study ----------------------------------------------------------------------------------


def test_that_every_finding_has_a_verdict_and_every_published_number_ours(small):
    report, _ = small
    assert [verdict.id for verdict in report.verdicts] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    compared = [v for v in report.values if v.published is not None]
    assert len(compared) >= 10 + 9 + 5 + 5 + 4 + 4 + 4 and all(
        np.isfinite(v.ours) for v in compared
    )
    assert {v.table.split(",")[0] for v in report.values} == {
        "1", "2", "figure 3", "figure 4", "figure 5", "figure 6", "water",
    }  # fmt: skip
    json.dumps(report.as_dict(), allow_nan=False)


def test_that_inflation_helps_where_it_is_observed(small):
    report, _ = small
    ours = {(v.row, v.column): v.ours for v in report.values if v.table == "figure 5, means"}
    above = "above 36.6 cm"
    assert ours["WCEnKF-Inf", above] < ours["WCEnKF", above] < ours["open loop", above]


def test_that_the_screen_says_which_spread_a_verdict_is_of(capsys):
    rule = replace(RULES["1"], numbers=lambda case: case)
    verdict = tables._verdict(rule, [(6.0, 2.0)], "noise x 0.4")
    Console(width=300).print(
        StudyReport("dan2020", "small", (1,), 1.0, (), (verdict,)).tables()[-1]
    )
    assert "1 (noise x 0.4)" in capsys.readouterr().out


def test_that_a_second_run_goes_on_from_what_is_finished(small, monkeypatch):
    report, folder = small

    def refuse(*args):
        raise AssertionError("a finished run was made again")

    monkeypatch.setattr(cases, "March", refuse)
    again = dan2020.run(size="small", out=folder)
    assert again.values == report.values and again.verdicts == report.verdicts


def test_that_a_killed_study_goes_on_to_the_same_numbers(tmp_path):
    """SIGKILL once some schemes are finished; the rest is made, the finished ones are read."""
    lines = (
        "from pathlib import Path",
        "from hydroda.studies.dan2020 import case",
        "from hydroda.studies.dan2020.twin import Setting",
        "case.TOGETHER = 64",
        f"case.carried_out({TINY!r}, folder=Path('{tmp_path}'))",
    )
    process = subprocess.Popen([sys.executable, "-c", "\n".join(lines)])
    while process.poll() is None and not list(tmp_path.glob("*.npz")):
        time.sleep(0.05)
    process.kill()
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert finished
    on, whole = cases.carried_out(TINY, folder=tmp_path), cases.carried_out(TINY)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    for name, run in whole.runs.items():
        assert np.array_equal(on.runs[name].variance, run.variance)
        assert np.array_equal(on.runs[name].residual, run.residual)
    assert np.array_equal(on.chosen, whole.chosen) and np.array_equal(on.best, whole.best)


def test_that_figures_are_written(small, tmp_path):
    report, _ = small
    names = {path.name for path in report.write(tmp_path)}
    assert {"figure_3.png", "figure_4a.png", "figure_5a.png", "figure_6.png"} < names
    assert "error_and_water.png" in names


def test_that_an_unknown_table_is_refused():
    with pytest.raises(DeclarationError, match=r"has the tables 1, 2, .* got '9'"):
        dan2020.run(table="9")
    with pytest.raises(DeclarationError, match="columns must be 1 to 40; got 41"):
        Setting(columns=41)


# --- weather of one's own -----------------------------------------------------------------------


def era(hours=8833, **changes):
    """A year of ERA5 on a coarse grid, the same everywhere."""
    times = np.datetime64("2002-09-30T22", "ns") + np.timedelta64(1, "h") * np.arange(hours)
    grid = {"valid_time": times, "latitude": [46.5, 46.0], "longitude": [106.0, 106.5, 107.0]}
    values = {
        "tp": (1e-4, "m"), "ssrd": (3.6e5, "J m**-2"), "strd": (1.08e6, "J m**-2"),
        "t2m": (285.0, "K"), "d2m": (275.0, "K"), "u10": (3.0, "m s**-1"),
        "v10": (4.0, "m s**-1"), "sp": (86000.0, "Pa"),
    }  # fmt: skip
    shape = (hours, 2, 3)
    data = xr.Dataset(
        {n: (tuple(grid), np.full(shape, v), {"units": u}) for n, (v, u) in values.items()}, grid
    )
    return data.assign(changes)


def test_that_era5_comes_in_our_units(tmp_path):
    era().to_netcdf(tmp_path / "era.nc")
    forcing = mongolia.weather(1, str(tmp_path / "era.nc"))
    hour = {name: float(forcing.data[name][100, 7]) for name in forcing.variables}
    assert forcing.data.sizes["column"] == 40
    assert hour["rain"] == pytest.approx(0.1)
    assert (hour["shortwave"], hour["longwave"]) == (pytest.approx(100.0), pytest.approx(300.0))
    assert hour["wind_speed"] == pytest.approx(5.0)
    assert hour["relative_humidity"] == pytest.approx(0.504, abs=0.005)
    # The hour that ends at a stamp begins an hour before it.
    assert forcing.start == np.datetime64("2002-09-30T21")


def test_that_weather_must_cover_place_and_period(tmp_path):
    era(hours=100).to_netcdf(tmp_path / "short.nc")
    with pytest.raises(DataError, match=r"short.nc covers .* wanted 2002-09-30"):
        mongolia.weather(1, str(tmp_path / "short.nc"))
    far = era(hours=48).assign_coords(latitude=[10.0, 9.5])
    far.to_netcdf(tmp_path / "far.nc")
    with pytest.raises(DataError, match=r"nearest grid point is .* degree away"):
        mongolia.weather(1, str(tmp_path / "far.nc"))
    era(hours=48).drop_vars("tp").to_netcdf(tmp_path / "dry.nc")
    with pytest.raises(DataError, match="lacks tp"):
        mongolia.weather(1, str(tmp_path / "dry.nc"))
