from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from hydroda import cycling
from hydroda.bias import Dee2005, FixedGain
from hydroda.constraint import WaterBudget
from hydroda.errors import DeclarationError
from hydroda.filters import EnKF, Filter
from hydroda.localization import GaspariCohn
from hydroda.obs import ObservationNetwork, PointSensor
from hydroda.rng import Streams
from hydroda.update import ASSIMILATED, KeepAll, Reject, Update
from hydroda.zone import Saturated, SaturatedInEachMember, Unsaturated
from tests.toys import BucketTwin, ProfileRun, StillRun, gauge, probe, readings


def start_of(experiment):
    """The members at the start, as the experiment draws them."""
    streams = Streams(experiment.seed)
    draws = [experiment.prior(streams.generator("prior", m), 1) for m in range(experiment.members)]
    return xr.concat(draws, "member", data_vars="minimal", coords="minimal")


def errors_of(experiment, name, sd, centred=True):
    """The observation errors that the engine draws for one observation (member,)."""
    draw = Streams(experiment.seed).generator("observation", name).normal(size=experiment.members)
    return sd * (draw - draw.mean() * centred)


def kalman(x, hx, y, noise, variance):
    """Members (member, …) after the Kalman update with one observation, from the definition."""
    anomalies, d = x - x.mean(axis=0), hx - hx.mean()
    gain = np.tensordot(d, anomalies, 1) / (d @ d + (len(d) - 1) * variance)
    return x + np.multiply.outer(y + noise - hx, gain)


@pytest.mark.parametrize("centred", [True, False])
def test_that_an_analysis_is_the_kalman_update(centred):
    experiment = replace(StillRun(), updates=(replace(StillRun().updates[0], centred=centred),))
    prior = start_of(experiment)["a"].values
    noise = errors_of(experiment, "g0/a/2020-01-02T00:00:00", 0.5, centred)
    expected = kalman(prior, prior[:, 0], 1.5, noise, 0.25)
    found = experiment.run().ensemble()
    np.testing.assert_allclose(found["a"].values, expected, rtol=0, atol=1e-13)
    assert not np.allclose(expected, prior)
    assert np.array_equal(found["b"].values, start_of(experiment)["b"].values)


def test_that_two_observations_of_one_time_are_one_kalman_update():
    network = ObservationNetwork(
        (gauge(0), gauge(1)), readings(("g0", "a", 24, 1.5), ("g1", "a", 24, -0.4))
    )
    experiment = replace(StillRun(), network=network)
    x = start_of(experiment)["a"].values.T  # which the sensors see as it is
    noise = np.stack([errors_of(experiment, f"g{i}/a/2020-01-02T00:00:00", 0.5) for i in (0, 1)])
    p = np.cov(x)
    gain = p @ np.linalg.inv(p + 0.25 * np.eye(2))
    expected = x + gain @ (np.array([[1.5], [-0.4]]) + noise - x)
    np.testing.assert_allclose(experiment.run().ensemble()["a"].values.T, expected, atol=1e-13)


def test_that_damping_takes_its_share_of_the_increment():
    full, damped = (
        replace(StillRun(), updates=(Update("a", "a", damping=d, outliers=KeepAll()),))
        for d in (1.0, 0.25)
    )
    prior = start_of(full)["a"].values
    whole, part = (e.run().ensemble()["a"].values - prior for e in (full, damped))
    np.testing.assert_allclose(part, 0.25 * whole, atol=1e-14)


def test_that_damping_goes_by_variable_in_a_joint_analysis():
    update = Update("a", "a", outliers=KeepAll())
    joint = replace(StillRun(), updates=(update, replace(update, changes="b", damping=0.1)))
    prior, after = start_of(joint), joint.run().ensemble()
    noise = errors_of(joint, "g0/a/2020-01-02T00:00:00", 0.5)
    hx = prior["a"].values[:, 0]
    for name, share in (("a", 1.0), ("b", 0.1)):
        x = prior[name].values
        expected = x + share * (kalman(x, hx, 1.5, noise, 0.25) - x)
        np.testing.assert_allclose(after[name].values, np.clip(expected, -50, 50), atol=1e-13)


def test_that_parameters_stay_within_their_bounds():
    far = ObservationNetwork((gauge(0),), readings(("g0", "a", 24, 40.0)))
    update = Update("a", ("a", "b"), outliers=KeepAll())
    after = replace(StillRun(), network=far, updates=(update,)).run().ensemble()
    b = after["b"].values
    assert b.max() == 1.0 and (b >= -1.0).all()
    assert after["a"].values.max() > 1.0


def test_that_localization_leaves_what_is_out_of_reach_bit_for_bit():
    near = Update("a", "a", filter=EnKF(GaspariCohn(cutoff="900 m")), outliers=KeepAll())
    experiment = replace(StillRun(), updates=(near,))
    before, after = start_of(experiment)["a"].values, experiment.run().ensemble()["a"].values
    assert np.array_equal(after[:, 1], before[:, 1])
    assert not np.isclose(after[:, 0], before[:, 0]).any()


def status_of(result):
    return result.observations().set_index("id")["status"].to_dict()


def test_that_an_observation_of_no_cell_says_so():
    network = ObservationNetwork(
        (gauge(0), replace(gauge(1), station="far", x="1400 m", y="0 m")),
        readings(("g0", "a", 24, 1.5), ("far", "a", 24, 0.3)),
    )
    update = Update("a", "a", filter=EnKF(GaspariCohn(cutoff="300 m")))
    result = replace(StillRun(), network=network, updates=(update,)).run()
    status = status_of(result)
    assert status["g0/a/2020-01-02T00:00:00"] == ASSIMILATED
    assert status["far/a/2020-01-02T00:00:00"].startswith("out of reach")


class EqualMembers(StillRun):
    """All members hold the same number, one that binary fractions cannot."""

    def prior(self, rng, members):
        data = super().prior(rng, members)
        return data.assign(a=0.0 * data["a"] + 0.1)


def test_that_members_without_spread_are_reported_and_not_moved():
    result = EqualMembers(members=12).run()
    assert status_of(result) == {
        "g0/a/2020-01-02T00:00:00": "no spread: all members predict the same"
    }
    np.testing.assert_allclose(result.ensemble()["a"].values, 0.1, rtol=1e-15)


def test_that_an_outlier_is_left_out_by_rejection_and_told():
    network = ObservationNetwork(
        (gauge(0), gauge(1)), readings(("g0", "a", 24, 1.5), ("g1", "a", 24, 30.0))
    )
    experiment = replace(
        StillRun(), network=network, updates=(Update("a", "a", outliers=Reject()),)
    )
    without = replace(experiment, network=network.with_data(readings(("g0", "a", 24, 1.5))))
    result = experiment.run()
    assert status_of(result)["g1/a/2020-01-02T00:00:00"].startswith("rejected: outlier, ")
    assert np.isnan(result.observations()["used_sd"].iloc[1])
    assert np.array_equal(result.ensemble()["a"], without.run().ensemble()["a"])


def test_that_only_outliers_leave_the_forecast_as_it_is():
    network = ObservationNetwork((gauge(0),), readings(("g0", "a", 24, 30.0)))
    experiment = replace(
        StillRun(), network=network, updates=(Update("a", "a", outliers=Reject()),)
    )
    result = experiment.run()
    assert np.array_equal(result.ensemble()["a"], start_of(experiment)["a"])
    assert result.leg()["updates"]["used"].values.tolist() == [0]


def test_that_a_raised_error_is_the_one_used():
    network = ObservationNetwork((gauge(0),), readings(("g0", "a", 24, 30.0)))
    experiment = replace(StillRun(), network=network, updates=(Update("a", "a"),))
    row = experiment.run().observations().iloc[0]
    hx = start_of(experiment)["a"].values[:, 0]
    variance = ((30.0 - hx.mean()) / 2) ** 2 - hx.var(ddof=1)
    assert row["used_sd"] == pytest.approx(np.sqrt(variance)) and row["sd"] == 0.5
    assert row["status"].startswith("assimilated, outlier: error raised ")
    noise = errors_of(experiment, row["id"], np.sqrt(variance))
    expected = kalman(start_of(experiment)["a"].values, hx, 30.0, noise, variance)
    np.testing.assert_allclose(experiment.run().ensemble()["a"].values, expected, atol=1e-12)


# --- zones --------------------------------------------------------------------------------------


def profile_run(*updates, depth="0.5 m"):
    network = ObservationNetwork((probe("p", depth),), readings(("p", "theta", 24, 0.3)))
    return replace(ProfileRun(), network=network, updates=updates)


@pytest.mark.parametrize(
    "zone, may_change",
    [
        (Unsaturated(), lambda depth, table: depth < table.min()),
        (Saturated(), lambda depth, table: depth >= table.min()),
        (SaturatedInEachMember(), lambda depth, table: depth >= table[:, None]),
    ],
)
def test_that_an_update_changes_its_zone_only(zone, may_change):
    experiment = profile_run(Update("theta", "theta", zone=zone, outliers=KeepAll()))
    before, after = start_of(experiment), experiment.run().ensemble()
    changed = (before["theta"].values != after["theta"].values)[:, 0]
    table = before["water_table_depth"].values[:, 0]
    allowed = np.broadcast_to(may_change(before["depth"].values, table), changed.shape)
    np.testing.assert_allclose(np.unique(table), [0.6, 0.8])
    assert not changed[~allowed].any()
    assert changed[allowed].any(axis=0).all()


def test_that_member_wise_zones_move_each_member_as_the_full_update_would():
    everywhere = profile_run(Update("theta", "theta", outliers=KeepAll()))
    own = profile_run(Update("theta", "theta", zone=SaturatedInEachMember(), outliers=KeepAll()))
    before = start_of(own)
    full, part = (e.run().ensemble()["theta"].values[:, 0] for e in (everywhere, own))
    below = before["depth"].values >= before["water_table_depth"].values
    np.testing.assert_allclose(part[below], full[below], atol=1e-14)
    assert np.array_equal(part[~below], before["theta"].values[:, 0][~below])


def test_that_a_bias_stays_with_its_rows_while_the_zone_moves(monkeypatch):
    """Wet soil at 0.7 m for half a day, dry soil after: cells leave the zone and come back."""
    seen = []

    def assimilate(*arguments):
        outcome = original(*arguments)
        if "bias of theta" in outcome.memory:
            before = arguments[7].get("bias of theta", np.zeros(5))
            seen.append((int(outcome.event["rows"][0]), before, outcome.memory["bias of theta"]))
        return outcome

    original = cycling.assimilate
    monkeypatch.setattr(cycling, "assimilate", assimilate)
    hours = range(3, 25, 3)
    records = readings(*(("p", "theta", hour, 0.2 + 0.22 * (hour < 13)) for hour in hours))
    network = ObservationNetwork((probe("p", "0.7 m", sd="0.005 m3/m3"),), records)
    everywhere = Update("theta", "theta", outliers=KeepAll())
    above = replace(everywhere, zone=Unsaturated(), filter=EnKF(bias=Dee2005(FixedGain(0.1))))
    replace(ProfileRun(), network=network, updates=(everywhere, above)).run()
    assert len({rows for rows, _, _ in seen}) > 1
    for rows, before, after in seen:
        assert np.array_equal(after[rows:], before[rows:])
    assert any((after != before).any() for _, before, after in seen)


def test_that_updates_joined_at_times_share_one_bias(monkeypatch):
    """The store alone, or with the rate: what is known of the store's bias is the same."""
    memories = []

    def assimilate(*arguments):
        outcome = original(*arguments)
        memories.append((tuple(arguments[0].damping), dict(arguments[7]), dict(outcome.memory)))
        return outcome

    original = cycling.assimilate
    monkeypatch.setattr(cycling, "assimilate", assimilate)
    often = Update("store", "store", filter=EnKF(bias=Dee2005(FixedGain(0.1))), outliers=KeepAll())
    seldom = replace(often, changes="rate", every="1 D", damping=0.1)
    replace(BucketTwin(), updates=(often, seldom), period=("2020-01-01", "2020-01-04")).twin()
    assert {names for names, _, _ in memories} == {("store",), ("store", "rate")}
    for (_, _, left), (_, found, _) in pairwise(memories):
        assert np.array_equal(left["bias of store"], found["bias of store"])


def test_that_an_empty_zone_leaves_the_forecast_and_says_so():
    class Dry(ProfileRun):
        def prior(self, rng, members):
            data = super().prior(rng, members)
            theta = 0.5 * data["theta"]
            return data.assign(theta=theta, water_table_depth=np.nan * data["water_table_depth"])

    experiment = replace(
        Dry(),
        network=ObservationNetwork((probe("p", "0.5 m"),), readings(("p", "theta", 24, 0.3))),
        updates=(Update("theta", "theta", zone=Saturated()),),
    )
    result = experiment.run()
    assert np.array_equal(result.ensemble()["theta"], start_of(experiment)["theta"])
    assert status_of(result)["p/theta/2020-01-02T00:00:00"].startswith("out of reach")


# --- what the engine hands over -----------------------------------------------------------------


def test_that_operators_predict_what_the_sensors_see(monkeypatch):
    seen = {}

    def analyse(self, problem):
        seen["problem"] = problem
        return original(self, problem)

    original = Filter.analyse
    monkeypatch.setattr(Filter, "analyse", analyse)
    experiment = profile_run(Update("theta", "theta", outliers=KeepAll()))
    before = start_of(experiment)
    experiment.run()
    problem = seen["problem"]
    x = before["theta"].values[:, 0].T
    np.testing.assert_allclose(problem.operator(x + 0.01), x[2:3] + 0.01, atol=1e-15)
    assert problem.state_places.depth.tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert problem.obs_places.depth.tolist() == [0.5]


def test_that_water_added_and_clipped_is_reported():
    network = ObservationNetwork((probe("p", "0.5 m"),), readings(("p", "theta", 24, 0.44)))
    sure = replace(network, sensors=(probe("p", "0.5 m", sd="0.001 m3/m3"),))
    experiment = replace(
        ProfileRun(), network=sure, updates=(Update("theta", "theta", outliers=KeepAll()),)
    )

    class Weighed(type(experiment.model)):
        def water(self, ensemble):
            return 1000.0 * (ensemble["theta"] * ensemble["thickness"]).sum("layer")

    experiment = replace(experiment, model=Weighed())
    before, after = start_of(experiment), experiment.run()
    change = 200.0 * (after.ensemble()["theta"] - before["theta"]).sum("layer").values
    event = after.leg()["updates"]
    assert float(event["water_added"][0]) == pytest.approx(change.mean(), abs=1e-12)
    assert float(event["water_moved"][0]) == pytest.approx(np.abs(change).mean(), abs=1e-12)
    assert (after.ensemble()["theta"].values <= 0.45).all() and float(event["water_clipped"][0]) > 0


@dataclass(frozen=True, kw_only=True)
class DownToTheTable(PointSensor):
    """Reads at the depth of the water table, which is no part of the state."""

    def effective_depth(self, ensemble):
        return float(self.read(ensemble, "water_table_depth", "m").mean())


def test_that_the_depth_of_an_observation_may_follow_a_diagnostic(monkeypatch):
    seen = {}

    def analyse(self, problem):
        seen["depth"] = problem.obs_places.depth
        return original(self, problem)

    original = Filter.analyse
    monkeypatch.setattr(Filter, "analyse", analyse)
    sensor = DownToTheTable(
        station="p", quantity="theta", unit="m3 m-3", depth="0.5 m", sd="0.01 m3/m3"
    )
    network = ObservationNetwork((sensor,), readings(("p", "theta", 24, 0.3)))
    experiment = replace(ProfileRun(), network=network, updates=(Update("theta", "theta"),))
    experiment.run()
    expected = start_of(experiment)["water_table_depth"].values.mean()
    assert seen["depth"] == pytest.approx([expected])


def test_that_an_update_that_never_reaches_the_model_is_an_error():
    @dataclass(frozen=True)
    class Forgetful(type(BucketTwin().model)):
        def reconcile(self, ensemble, changed):
            return ensemble.assign(store=ensemble["water"]), 0.0 * ensemble["water"]

    twin = replace(BucketTwin(), model=Forgetful(), period=("2020-01-01", "2020-01-02"))
    with pytest.raises(DeclarationError, match="the update of store never reached the model"):
        twin.twin()


def test_that_the_share_of_kept_values_is_reported():
    result = replace(BucketTwin(), period=("2020-01-01", "2020-01-02")).twin()
    updates = result.leg("assimilation")["updates"].to_dataset()
    assert (updates["kept_store"] == 1.0).all() and (updates["kept_rate"] == 1.0).all()


def test_that_the_residual_of_a_closed_model_is_minus_the_water_the_analysis_added():
    update = Update("store", "store", filter=EnKF(constraint=WaterBudget()), outliers=KeepAll())
    short = replace(BucketTwin(), updates=(update,), period=("2020-01-01", "2020-01-03"))
    updates = short.twin().leg("assimilation")["updates"].to_dataset()
    np.testing.assert_allclose(updates["residual"], -updates["water_added"], atol=1e-9)
    free = replace(short, updates=(replace(update, filter=EnKF()),)).twin()
    drawn = np.abs(free.leg("assimilation")["updates"].to_dataset()["water_added"])
    assert float(np.abs(updates["water_added"]).mean()) < float(drawn.mean())
