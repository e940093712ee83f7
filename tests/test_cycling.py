from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from hydroda.analysis import Analysis
from hydroda.cycling import AFTER_END, BEGAN_BEFORE, THINNED, UNUSED, Agenda
from hydroda.errors import ForecastError
from hydroda.filters import Filter
from hydroda.forcing import Forcing, ForcingNoise, Multiplicative
from hydroda.obs import Flux, ObservationNetwork, PointSensor
from hydroda.update import ASSIMILATED, KeepAll, Update
from hydroda.zone import Saturated, Unsaturated
from tests.test_assimilation import errors_of, start_of
from tests.toys import (
    HOUR,
    START,
    TOWER,
    Buckets,
    BucketTwin,
    ProfileRun,
    Still,
    StillRun,
    failing,
    gauge,
    number_of,
    probe,
    readings,
    well,
)

DAY = 24 * HOUR


def agenda(records, updates, hours=240, sensors=None, until=None, every=DAY, **network):
    sensors = (gauge(0), gauge(1)) if sensors is None else sensors
    return Agenda.of(
        ObservationNetwork(sensors, records, **network),
        updates,
        (START, START + hours * HOUR),
        every,
        None if until is None else START + until * HOUR,
    )


def used_hours(plan, number):
    """(station, hours after the start) of the observations that update `number` takes."""
    rows = plan.table[plan.used[number]]
    return [
        (s, int((end - START) / HOUR))
        for s, end in zip(rows["station"], rows["end"].values, strict=True)
    ]


# --- agenda -------------------------------------------------------------------------------------


def test_that_each_sensor_gives_its_first_observation_in_each_span():
    records = readings(
        *((f"g{i}", "a", hour, 0.0) for i in (0, 1) for hour in range(6, 97, 6 + 12 * i))
    )
    plan = agenda(records, [Update("a", "a"), Update("a", "b", every="2 D")])
    assert len(used_hours(plan, 0)) == len(records)
    # spans (0, 48] and (48, 96] hours; g0 reads every 6 h, g1 at 6, 24, 42, 60, 78, 96 h
    assert sorted(used_hours(plan, 1)) == [("g0", 6), ("g0", 54), ("g1", 6), ("g1", 60)]


def test_that_a_span_ends_with_the_moment_that_closes_it():
    records = readings(("g0", "a", 24, 0.0), ("g0", "a", 48, 0.0), ("g0", "a", 49, 0.0))
    plan = agenda(records, [Update("a", "a", every="1 D")], sensors=(gauge(0),))
    assert used_hours(plan, 0) == [("g0", 24), ("g0", 48), ("g0", 49)]


def test_that_a_missing_value_does_not_use_up_its_span():
    records = readings(("g0", "a", 6, np.nan), ("g0", "a", 12, 1.0), ("g0", "a", 18, 1.0))
    plan = agenda(records, [Update("a", "a", every="1 D")], sensors=(gauge(0),))
    assert used_hours(plan, 0) == [("g0", 12)]


def test_that_forecasts_stop_at_observations_at_starts_of_intervals_and_at_least_so_often():
    sensors = (gauge(0), TOWER)
    records = readings(("g0", "a", 30, 0.0), ("tower", "evapotranspiration", (40, 50), 0.0))
    plan = agenda(records, [], hours=60, sensors=sensors)
    assert ((plan.stops - START) / HOUR).tolist() == [0, 24, 30, 40, 48, 50, 60]


def test_that_observations_outside_the_period_are_not_on_the_agenda():
    records = readings(*(("g0", "a", hour, 0.0) for hour in (-6, 0, 6, 48, 54)))
    plan = agenda(records, [Update("a", "a")], hours=48, sensors=(gauge(0),))
    assert used_hours(plan, 0) == [("g0", 6), ("g0", 48)]


def labels(plan, hour):
    return [
        (due.update.label, [plan.table["station"][row] for row in due.rows])
        for due in plan.due(plan.rows(START + hour * HOUR))
    ]


def test_that_updates_of_different_cadence_are_joint_only_when_both_are_due():
    records = readings(*((f"g{i}", "a", hour, 0.0) for i in (0, 1) for hour in range(24, 241, 24)))
    plan = agenda(records, [Update("a", "a", every="1 D"), Update("a", "b", every="7 D")])
    both = ["g0", "g1"]
    assert labels(plan, 24) == [("a -> a, b", both)]
    assert all(labels(plan, hour) == [("a -> a", both)] for hour in range(48, 169, 24))
    assert labels(plan, 192) == [("a -> a, b", both)]


def test_that_different_observations_are_different_analyses():
    records = readings(
        ("g0", "a", 24, 0.0), ("g0", "a", 48, 0.0), ("g1", "a", 48, 0.0)
    )  # fmt: skip
    plan = agenda(records, [Update("a", "a", every="1 D"), Update("a", "b", every="7 D")])
    assert labels(plan, 48) == [("a -> a", ["g0", "g1"]), ("a -> b", ["g1"])]


def test_that_updates_come_in_the_order_of_their_list():
    records = readings(("g0", "a", 24, 0.0))
    unlike = Update("a", "b", outliers=KeepAll())
    for order in ([Update("a", "a"), unlike], [unlike, Update("a", "a")]):
        plan = agenda(records, order, sensors=(gauge(0),))
        assert [name for name, _ in labels(plan, 24)] == [f"a -> {u.changes[0]}" for u in order]


def test_that_every_observation_has_its_status():
    place = {"x": "0 m", "y": "0 m", "sd": "0.5 m"}
    bounded = Bounded(station="g0", quantity="a", unit="m", **place)
    sensors = (bounded, gauge(1), replace(well(0), station="w"))
    records = readings(
        ("g0", "a", 6, 0.0),
        ("g0", "a", 12, 0.0),
        ("g0", "a", 30, np.nan),
        ("g0", "a", 36, 99.0),
        ("g0", "a", 96, 0.0),
        ("g1", "a", 6, 0.0),
        ("w", "store", 6, 0.0),
    )
    updates = [Update("a", "a", every="1 D")]
    plan = agenda(records, updates, sensors=sensors, until=48, withheld=("g1",))
    status = dict(zip(plan.table["id"], plan.status(np.arange(len(plan.table))), strict=True))
    stamp = "2020-01-0{}T{:02d}:00:00".format
    assert status == {
        f"g0/a/{stamp(1, 6)}": "",
        f"g0/a/{stamp(1, 12)}": THINNED,
        f"g0/a/{stamp(2, 6)}": "missing",
        f"g0/a/{stamp(2, 12)}": "outside_physical_range",
        f"g0/a/{stamp(5, 0)}": AFTER_END,
        f"g1/a/{stamp(1, 6)}": "withheld",
        f"w/store/{stamp(1, 6)}": UNUSED,
    }


class Bounded(PointSensor):
    bounds = (-50.0, 50.0)


def test_that_nothing_is_assimilated_after_the_end_of_assimilation():
    records = readings(*(("g0", "a", hour, 5.0) for hour in (12, 24, 36)))
    network = ObservationNetwork((gauge(0), gauge(1)), records).select("a")
    experiment = replace(StillRun(), network=network, assimilate_until="2020-01-02")
    result = experiment.run()
    frame = result.observations()
    assert frame["status"].str.startswith(ASSIMILATED).tolist() == [True, True, False]
    assert frame["status"].iloc[2] == AFTER_END
    tree = result.leg()
    equal = (tree["forecast"]["a"] == tree["analysis"]["a"]).all("column")
    at = tree["forecast"]["time"].values
    assert equal.values.tolist() == [t > np.datetime64("2020-01-02") for t in at]


# --- one step -----------------------------------------------------------------------------------


def test_that_a_later_update_sees_what_an_earlier_one_left():
    records = readings(("g0", "a", 24, 1.5))
    network = ObservationNetwork((gauge(0), gauge(1)), records)
    first, second = Update("a", "a", outliers=KeepAll()), Update("a", "b")
    alone = replace(StillRun(), network=network, updates=(first,)).run().ensemble()
    both = replace(StillRun(), network=network, updates=(first, second)).run()
    after = both.ensemble()
    assert np.array_equal(after["a"], alone["a"])
    hx, b = alone["a"].values[:, 0], start_of(StillRun())["b"].values
    noise = errors_of(StillRun(), "g0/a/2020-01-02T00:00:00", 0.5)
    d = hx - hx.mean()
    gain = np.tensordot(d, b - b.mean(axis=0), 1) / (d @ d + 15 * 0.25)
    expected = b + np.multiply.outer(1.5 + noise - hx, gain)
    np.testing.assert_allclose(after["b"].values, expected, atol=1e-13)
    row = both.observations().iloc[0]
    assert row["update"] == "a -> a; a -> b" and row["status"] == ASSIMILATED


def test_that_the_status_keeps_that_one_of_several_updates_assimilated():
    network = ObservationNetwork((probe("p", "0.5 m"),), readings(("p", "theta", 24, 0.3)))

    class Dry(ProfileRun):
        def prior(self, rng, members):
            data = super().prior(rng, members)
            nowhere = np.nan * data["water_table_depth"]
            return data.assign(theta=0.5 * data["theta"], water_table_depth=nowhere)

    updates = (Update("theta", "theta"), Update("theta", "theta", zone=Saturated()))
    row = replace(Dry(), network=network, updates=updates).run().observations().iloc[0]
    assert row["status"].startswith(f"{ASSIMILATED}, outlier")
    assert "; out of reach" in row["status"]
    assert row["used_sd"] > 0.01


def test_that_a_zone_follows_the_water_table_that_an_earlier_update_moved():
    # a sure reading of dry soil at 0.7 m lowers the water table of half of the members
    sensor = probe("p", "0.7 m", sd="0.0001 m3/m3")
    network = ObservationNetwork((sensor,), readings(("p", "theta", 24, 0.2)))
    everywhere = Update("theta", "theta", outliers=KeepAll())
    above = Update("theta", "theta", zone=Unsaturated(), outliers=KeepAll())
    experiment = replace(ProfileRun(), network=network)
    depth, table = (start_of(experiment)[n].values for n in ("depth", "water_table_depth"))
    for updates, highest in (((above,), 0.6), ((everywhere, above), 0.8)):
        result = replace(experiment, updates=updates).run()
        assert result.leg()["updates"]["rows"].values[-1] == np.sum(depth < highest)
    np.testing.assert_allclose(
        [table.min(), result.ensemble()["water_table_depth"].min()], [0.6, 0.8]
    )


# --- water --------------------------------------------------------------------------------------


class Budgeted(BucketTwin):
    updates = (Update("store", changes="store"),)
    period = "2020-01-01", "2020-01-03"
    members = 6


def test_that_the_budget_target_of_a_closed_model_is_its_forecast(monkeypatch):
    waters = []

    def analyse(self, problem):
        waters.append(problem.water)
        return Analysis(problem.x, {"reached_rows": np.ones(len(problem.y))})

    monkeypatch.setattr(Filter, "analyse", analyse)
    result = Budgeted().twin()
    assert len(waters) == 8
    for water in waters:
        np.testing.assert_allclose(water.target, water.content, rtol=0, atol=1e-9)
        assert water.content.shape == (3, 6)
        assert water.places.x.tolist() == [0.0, 100.0, 200.0]
    assert result.leg()["cycles"]["closure"].values.max() < 1e-9


class Leaky(Buckets):
    """Loses 2 mm that no flux accounts for."""

    def forecast(self, ensemble, forcing, start, end):
        after = super().forecast(ensemble, forcing, start, end)
        return after.assign(store=after["store"] - 2.0, water=after["store"] - 2.0)


def test_that_a_leak_shows_in_the_closure_and_in_the_target():
    result = replace(Budgeted(), model=Leaky()).open_loop()
    np.testing.assert_allclose(result.leg()["cycles"]["closure"], 2.0, atol=1e-9)


def test_that_a_flux_is_summed_over_its_interval_across_stops_and_analyses():
    tower = replace(TOWER, every=None)
    records = readings(
        *(("s0", "store", hour, 60.0) for hour in range(3, 49, 3)),
        ("tower", "evapotranspiration", (1, 7), 1.0),
        ("tower", "evapotranspiration", (7, 31), 1.0),
        ("tower", "evapotranspiration", (31, 48), 1.0),
    )
    network = ObservationNetwork((well(0), tower), records)
    result = replace(Budgeted(), network=network).run()
    frame = result.observations()
    seen = frame[frame["station"] == "tower"].set_index("time")["prior_mean"]
    fluxes = result.leg()["forecast"]["evapotranspiration"].isel(column=0).to_series()
    for begin, end in ((1, 7), (7, 31), (31, 48)):
        first, last = START + begin * HOUR, START + end * HOUR
        inside = fluxes[(fluxes.index > first) & (fluxes.index <= last)]
        assert inside.size > 2
        assert seen[last] == pytest.approx(inside.sum() / (end - begin) * 24, rel=1e-12)
    assert set(frame[frame["station"] == "tower"]["status"]) == {"withheld"}


class AssimilatedFlux(Flux):
    validates_only = False


def test_that_a_flux_of_which_the_run_saw_only_a_part_is_neither_used_nor_predicted():
    tower = AssimilatedFlux(station="tower", x="0 m", y="0 m", sd="0.1 mm/day")
    records = readings(
        ("tower", "evapotranspiration", (-12, 12), 1.0),
        ("tower", "evapotranspiration", (12, 36), 9.0),
        ("s0", "store", 12, 60.0),
    )
    network = ObservationNetwork((tower, well(0)), records)
    update = Update("evapotranspiration", "store")
    frame = replace(Budgeted(), network=network, updates=(update,)).run().observations()
    fluxes = frame[frame["station"] == "tower"]
    assert fluxes["status"].iloc[0] == BEGAN_BEFORE and np.isnan(fluxes["prior_mean"].iloc[0])
    assert fluxes["status"].iloc[1].startswith(ASSIMILATED)
    assert np.isfinite(fluxes["prior_mean"].iloc[1])


# --- members that fail --------------------------------------------------------------------------

SHORT = replace(BucketTwin(), period=("2020-01-01", "2020-01-03"))


def failures(result, leg=None):
    table = result.leg(leg)["failures"].to_dataset()
    columns = (table[name].values.tolist() for name in ("member", "remedy") if name in table)
    return list(zip(*columns, strict=True))


def test_that_a_member_is_retried_with_smaller_steps():
    troubled = failing(SHORT, (4, "2020-01-02T12:00", 0), (7, "2020-01-02T12:00", 2))
    result, healthy = troubled.twin(), SHORT.twin()
    for leg in ("open_loop", "assimilation"):
        assert sorted(failures(result, leg)) == [
            (4, "retried with smaller steps"), (7, "retried with smaller steps")
        ]  # fmt: skip
        times = result.leg(leg)["failures"]["time"].values
        assert set(times) == {np.datetime64("2020-01-02T12:00")}
        # the toy's smaller steps give the same numbers, so nothing else may differ
        xr.testing.assert_identical(result.ensemble(leg), healthy.ensemble(leg))


def test_that_a_lost_member_becomes_a_noisy_copy_of_a_healthy_one():
    troubled = failing(SHORT, (4, "2020-01-02T12:00", 9))
    result = replace(troubled, updates=(), every="12 h").run()
    ((member, remedy),) = failures(result)
    donor = int(remedy.removeprefix("replaced by a copy of member ").removesuffix(" with noise"))
    assert member == 4 and donor != 4
    after, healthy = result.ensemble(), replace(SHORT, updates=(), every="12 h").run().ensemble()
    others = np.arange(12) != 4
    assert np.array_equal(after["store"][others], healthy["store"][others])
    assert after["number"][4] == number_of(troubled, donor)
    assert np.array_equal(after["rate"][4], after["rate"][donor])
    noise = (after["store"][4] - after["store"][donor]).values
    spread = healthy["store"].std("member").values
    assert (np.abs(noise) > 0).all() and (np.abs(noise) < 0.5 * spread).all()


def test_that_water_and_fluxes_of_a_replaced_member_are_its_donors(monkeypatch):
    waters = []

    def analyse(self, problem):
        waters.append(problem.water)
        return Analysis(problem.x, {"reached_rows": np.ones(len(problem.y))})

    monkeypatch.setattr(Filter, "analyse", analyse)
    tower = replace(TOWER, every=None)
    records = readings(
        ("s0", "store", 12, 60.0), ("s0", "store", 24, 60.0),
        ("tower", "evapotranspiration", (0, 24), 1.0),
    )  # fmt: skip
    troubled = failing(
        replace(SHORT, network=ObservationNetwork((well(0), tower), records)),
        (4, "2020-01-02", 9),
    )
    result = troubled.run()
    ((_, remedy),) = failures(result)
    donor = int(remedy.split()[-3])
    target, content = waters[1].target, waters[1].content
    np.testing.assert_allclose(target[:, 4], target[:, donor], atol=1e-9)
    np.testing.assert_allclose(content[:, 4], content[:, donor], atol=5.0)
    assert result.leg()["cycles"]["closure"].values.max() < 1e-9
    table = result.leg()["observations"].to_dataset()
    flux = table["prior"].values[table["station"].values == "tower"][0]
    assert flux[4] == flux[donor]


def test_that_too_many_failures_end_the_run_with_members_and_time():
    troubled = failing(SHORT, (4, "2020-01-02T12:00", 9), (9, "2020-01-02T12:00", 9))
    with pytest.raises(ForecastError) as error:
        troubled.twin()
    assert str(error.value).startswith(
        "the model failed for 2 of 12 members at 2020-01-02T12:00:00 (members 4, 9)"
    )


def test_that_a_model_without_smaller_steps_loses_its_member():
    class Stubborn(Buckets):
        def refined(self):
            return None

    numbers = ((number_of(SHORT, 4), "2020-01-02T12:00", 0),)
    result = replace(SHORT, model=Stubborn(fails=numbers), updates=()).open_loop()
    assert [member for member, _ in failures(result)] == [4]


def test_that_a_diagnostic_without_a_value_is_no_failure():
    class Dry(Still):
        def forecast(self, ensemble, forcing, start, end):
            nowhere = (("member", "column"), np.full(ensemble["a"].shape, np.nan), {"units": "m"})
            return ensemble.assign(water_table_depth=nowhere)

    result = replace(StillRun(), model=Dry()).run()
    assert failures(result) == []
    assert np.isnan(result.ensemble()["water_table_depth"]).all()


# --- forcing ------------------------------------------------------------------------------------


def weather(hours=48, start=START):
    rain = 1.0 + np.sin(np.arange(hours) / 5.0)
    data = xr.Dataset(
        {"rain": ("time", rain, {"units": "mm"})}, {"time": start + np.arange(hours) * HOUR}
    )
    return Forcing(data, variables=("rain",))


def driven(**settings):
    noise = ForcingNoise((Multiplicative("rain", sd=0.5),), correlation=None)
    settings = {"forcing": weather(), "noise": noise, "updates": (), "every": "12 h", **settings}
    return replace(SHORT, **settings)


def test_that_members_have_forcings_of_their_own():
    wet = driven().open_loop().leg()["forecast"]["rain_spread"].values
    assert (wet[:, 0] > 0.5).all()
    dry = driven(noise=None).open_loop().leg()["forecast"]["rain_spread"].values
    assert dry.max() < 1e-12


def test_that_a_retried_member_gets_its_own_forcing():
    troubled = failing(driven(), (4, "2020-01-02T12:00", 1), (9, "2020-01-02", 0))
    xr.testing.assert_identical(troubled.open_loop().ensemble(), driven().open_loop().ensemble())
