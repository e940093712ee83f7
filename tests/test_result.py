from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError
from hydroda.result import Result
from tests.distributed.cases import Stopped, bits, stopping
from tests.test_cycling import failing
from tests.toys import BucketTwin, readings, well

SHORT = replace(
    BucketTwin(), period=("2020-01-01", "2020-01-04"), assimilate_until="2020-01-03"
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    SHORT.twin(path)
    return path


@pytest.fixture(scope="module")
def result(folder):
    return Result.open(folder)


@pytest.fixture(scope="module")
def scores(result):
    return result.scores()


# --- opening ------------------------------------------------------------------------------------


def test_that_what_is_opened_is_what_was_run(result):
    assert result.legs == ("truth", "open_loop", "assimilation") and result.main == "assimilation"
    memory = SHORT.twin()
    for leg in result.legs:
        written, held = bits(result.leg(leg)), bits(memory.leg(leg))
        for key, value in held.items():
            if not key.endswith(":attrs"):
                assert written[key] == value, key


def test_that_the_files_are_cf_with_members_as_realizations(folder):
    with xr.open_datatree(folder / "assimilation.nc", engine="netcdf4") as tree:
        assert tree.attrs["Conventions"] == "CF-1.11"
        assert tree["final"].sizes["realization"] == 12 and "member" not in tree["final"].sizes
        store = tree["forecast"]["store"]
        assert store.attrs == {"units": "mm", "cell_methods": "realization: mean"}
        spread = tree["forecast"]["store_spread"].attrs
        assert spread["cell_methods"] == "realization: standard_deviation"
        assert store.dims == ("time", "column") and set(store.coords) == {"time", "x", "y"}


def test_that_times_of_forecast_and_analysis_are_the_stops(result):
    for group in ("forecast", "analysis"):
        times = result.leg()[group]["time"].values
        assert (np.diff(times) == np.timedelta64(6, "h")).all() and times.size == 12


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: None, "holds no run of hydroda"),
        (lambda path: (path / "other.nc").write_text("x"), "holds no run of hydroda"),
        (lambda path: (path / "assimilation").mkdir(), "has not finished; go on with --resume"),
        (
            lambda path: (path / "assimilation.nc").write_text("no netcdf"),
            "assimilation.nc is damaged or no result of hydroda",
        ),
    ],
)
def test_that_a_folder_without_a_finished_run_says_so(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(DataError, match=message):
        Result.open(tmp_path)
    with pytest.raises(DataError, match="holds no run"):
        Result.open(tmp_path / "nowhere")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_that_a_truncated_result_is_named(folder, tmp_path, share):
    whole = (folder / "open_loop.nc").read_bytes()
    (tmp_path / "open_loop.nc").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"open_loop\.nc is damaged or no result of hydroda"):
        Result.open(tmp_path)


def test_that_an_interrupted_run_does_not_open_as_a_finished_one(tmp_path):
    with pytest.raises(Stopped):
        SHORT.twin(tmp_path, progress=stopping(3))
    with pytest.raises(DataError, match="has not finished"):
        Result.open(tmp_path)


def test_that_an_unknown_leg_is_refused_with_those_there_are(result):
    with pytest.raises(DeclarationError, match="no leg 'free'; there are truth, open_loop, assim"):
        result.leg("free")


def test_that_the_members_at_the_end_can_start_another_run(result):
    final = result.ensemble()
    assert dict(final.sizes) == {"member": 12, "column": 3}
    SHORT.model.state.check(final)
    last = result.leg()["analysis"]["store"].values[-1]
    np.testing.assert_allclose(final["store"].mean("member"), last, rtol=1e-14)


# --- observations -------------------------------------------------------------------------------


def test_that_every_observation_has_its_row(result):
    frame = result.observations()
    assert len(frame) == 3 * 12 + 3 and frame["id"].is_unique
    row = frame.set_index("id").loc["s1/store/2020-01-02T12:00:00"]
    members = result.leg()["observations"]["prior"].values[frame["id"] == row.name][0]
    assert row["prior_mean"] == pytest.approx(members.mean())
    assert row["prior_spread"] == pytest.approx(members.std(ddof=1))
    assert row["innovation"] == pytest.approx(row["value"] - members.mean())
    assert row["posterior_spread"] < row["prior_spread"]
    assert (row["series"], row["unit"], row["role"]) == ("s1", "mm", "assimilated")


def test_that_forecasts_at_observations_are_those_of_the_fields(result):
    frame = result.observations().query("station == 's1'").set_index("time")
    field = result.leg()["forecast"]["store"].isel(column=1).to_series()
    np.testing.assert_allclose(frame["prior_mean"], field.loc[frame.index])


def test_that_series_stand_by_time_and_station(result):
    series = result.series()
    assert list(series) == ["store", "store (withheld)", "evapotranspiration (withheld)"]
    data = series["store"]
    assert data["station"].values.tolist() == ["s0", "s1"]
    assert data["simulated"].dims == ("member", "time", "station")
    row = result.observations().set_index("id").loc["s1/store/2020-01-02T12:00:00"]
    here = data.sel(time="2020-01-02T12:00", station="s1")
    assert here["observed"].item() == row["value"] and here["error"].item() == 0.5
    assert here["simulated"].mean().item() == pytest.approx(row["prior_mean"])
    after = result.series(kind="posterior")["store"].sel(time="2020-01-02T12:00", station="s1")
    assert after["simulated"].mean().item() == pytest.approx(row["posterior_mean"])


# --- scores -------------------------------------------------------------------------------------


def value(table, **where):
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    assert len(table) == 1
    return table["value"].item()


@pytest.mark.parametrize("leg", ["open_loop", "assimilation"])
@pytest.mark.parametrize(
    "group, hours",
    [
        ("all", (0, 72)),
        ("one-step forecast", (0, 48)),
        ("free forecast", (48, 72)),
    ],
)
def test_that_scores_are_those_computed_by_hand(result, scores, leg, group, hours):
    tree = result.leg(leg)["observations"].to_dataset()
    since = (tree["time"].values - np.datetime64("2020-01-01")) / np.timedelta64(1, "h")
    chosen = np.isin(tree["station"], ["s0", "s1"]) & (since > hours[0]) & (since <= hours[1])
    observed, members = tree["value"].values[chosen], tree["prior"].values[chosen]
    error = members.mean(axis=1) - observed
    table, where = scores, {"variable": "store", "run": leg, "group": group}
    assert value(table, score="n", **where) == chosen.sum()
    assert value(table, score="rmse", **where) == pytest.approx(np.sqrt((error**2).mean()))
    assert value(table, score="bias", **where) == pytest.approx(error.mean())
    assert value(table, score="mae", **where) == pytest.approx(np.abs(error).mean())
    spread = np.sqrt(members.var(axis=1, ddof=1).mean())
    assert value(table, score="spread", **where) == pytest.approx(spread)


def test_that_years_are_groups_where_there_are_several(scores):
    assert set(scores["group"]) == {"all", "one-step forecast", "free forecast"}
    turn = replace(BucketTwin(), period=("2019-12-31", "2020-01-02"), members=4).twin()
    counts = turn.scores().query("score == 'n' and variable == 'store' and run == 'open_loop'")
    assert counts.set_index("group")["value"].to_dict() == {"all": 16, "2019": 6, "2020": 10}


def test_that_assimilation_is_better_than_the_open_loop_where_it_observes(scores):
    where = {"score": "rmse", "variable": "store", "group": "all"}
    assert value(scores, run="assimilation", **where) < value(scores, run="open_loop", **where)


def test_that_scores_of_analyses_are_better_than_those_of_forecasts(result, scores):
    where = {"score": "rmse", "variable": "store", "group": "one-step forecast"}
    before, after = (
        value(table, run="assimilation", **where) for table in (scores, result.scores("posterior"))
    )
    assert after < before


# --- what was done ------------------------------------------------------------------------------


def test_that_the_account_counts_every_observation_once(result):
    table = result.account()
    counted = table[table["variable"].isin(["store", "evapotranspiration"])]
    assert counted.groupby("run")["value"].sum().tolist() == [39.0, 39.0]
    assert (
        value(table, variable="store", score="after the end of assimilation", run="assimilation")
        == 8
    )
    assert value(table, variable="store", score="withheld", run="assimilation") == 12
    assert value(table, variable="store -> store, rate", score="analyses") == 8
    assert value(table, variable="water", score="largest budget error", run="assimilation") < 1e-9


def test_that_the_account_sums_the_water_of_the_analyses(result):
    events = result.leg()["updates"].to_dataset()
    table = result.account()
    assert value(table, score="water added") == pytest.approx(events["water_added"].values.sum())
    moved = result.leg()["analysis"]["store"] - result.leg()["forecast"]["store"]
    assert value(table, score="water added") == pytest.approx(moved.mean("column").sum().item())


def test_that_the_account_tells_of_members_that_failed():
    troubled = failing(SHORT, (7, "2020-01-01T12", 0), (8, "2020-01-02", 0), (4, "2020-01-03", 9))
    table = troubled.twin().account()
    assert value(table, score="replaced", run="assimilation") == 1
    assert value(table, score="retried", run="assimilation") == 2


def test_that_the_summary_names_what_was_run(result):
    text = result.summary()
    assert text.startswith("BucketTwin: truth, open loop, assimilation\n")
    assert "2020-01-01T00:00 to 2020-01-04T00:00 UTC, assimilating until 2020-01-03" in text
    assert "12 members, seed 3" in text


# --- explanations -------------------------------------------------------------------------------


def test_that_an_explanation_says_what_was_done_and_how_much(result):
    name = "s1/store/2020-01-02T12:00:00"
    row = result.observations().set_index("id").loc[name]
    lines = str(result.explain(name)).splitlines()
    assert lines[0] == name
    text = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[1:]}
    assert text["observed"] == f"{row['value']:.4g} ± 0.5 mm"
    assert text["forecast"].startswith(f"{row['prior_mean']:.4g} ± {row['prior_spread']:.2g} mm")
    assert text["innovation"].startswith(f"{row['innovation']:+.4g} mm, ")
    assert text["status"] == row["status"] and text["status"].startswith("assimilated")
    assert text["update"] == "store -> store, rate"
    weight = row["prior_spread"] ** 2 / (row["prior_spread"] ** 2 + row["used_sd"] ** 2)
    assert text["weight"].startswith(f"{weight:.2f} of its innovation")
    assert text["analysis"].startswith(f"{row['posterior_mean']:.4g} ± ")
    increments = [line.split(maxsplit=1)[1] for line in lines if "increment" in line]
    assert [line.split(":")[0] for line in increments] == ["store", "rate"]
    assert f"{row['increment_store']:+.3g} mm" in increments[0]
    assert f"{row['increment_rate']:+.3g} log10(h-1)" in increments[1]


def test_that_an_explanation_of_an_unused_observation_is_whole(result):
    text = str(result.explain("s2/store/2020-01-02T12:00:00"))
    assert "status     withheld" in text
    assert "nan" not in text and "increment" not in text and "analysis" not in text


def test_that_a_unique_part_of_a_name_is_enough(result):
    assert result.explain("s0/store/2020-01-02T12").row["station"] == "s0"
    with pytest.raises(DeclarationError, match=r"12 observations are called 's0'; try one of s0/"):
        result.explain("s0")
    with pytest.raises(DeclarationError, match=r"0 observations are called 'well'; try one of s0/"):
        result.explain("well")


def test_that_members_are_there_if_they_were_kept():
    kept = replace(BucketTwin(), keep=("rate",), period=("2020-01-01", "2020-01-03")).twin()
    members = kept.members("rate")
    assert members.dims == ("time", "member", "column")
    last = kept.ensemble()["rate"]
    np.testing.assert_array_equal(members.isel(time=-1), last)
    with pytest.raises(DeclarationError, match=r"'store' were not kept, only rate; declare keep="):
        kept.members("store")


def test_that_a_period_without_a_reading_is_told_of_as_well():
    late = readings(*((f"s{i}", "store", 24 * 60, 55.0) for i in range(3)))
    network = replace(BucketTwin().network.with_data(late), sensors=tuple(map(well, range(3))))
    result = replace(BucketTwin(), network=network, period=("2020-01-01", "2020-01-02")).run()
    assert result.observations().empty and result.series() == {}
    assert result.account()["score"].tolist() == ["largest budget error"]
    assert not len(result.scores()) and "12 members" in result.summary()
