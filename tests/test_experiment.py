from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.experiment import Experiment, Inputs
from hydroda.filters import LETKF
from hydroda.inflation import RTPS
from hydroda.obs import ObservationNetwork
from hydroda.rng import Streams
from hydroda.state import StateVector, Variable
from hydroda.transforms import Log10
from hydroda.update import Update
from tests.distributed.cases import bits
from tests.test_cycling import driven, weather
from tests.toys import TOWER, Buckets, BucketTwin, StillRun, gauge, readings, well

SHORT = replace(BucketTwin(), period=("2020-01-01", "2020-01-03"))


@pytest.fixture(scope="module")
def twin():
    return SHORT.twin()


# --- declaration --------------------------------------------------------------------------------


def test_that_class_attributes_are_the_defaults_of_a_subclass():
    class Larger(BucketTwin):
        members = 24

    assert Larger() == Larger(members=24) and Larger(members=8).members == 8
    assert replace(Larger(), seed=9).seed == 9 and Larger().model == Buckets()


def test_that_a_list_of_updates_is_as_good_as_a_tuple():
    class Listed(BucketTwin):
        updates = [Update("store", changes="store")]  # noqa: RUF012

    assert Listed().updates == (Update("store", changes="store"),)
    assert Listed(updates=[]).updates == ()


def test_that_the_repr_says_everything_that_was_declared():
    text = repr(SHORT)
    for part in (
        "Buckets(columns=3",
        "members=12",
        "seed=3",
        "'2020-01-03'",
        "damping=0.5",
        "'s2'",
    ):
        assert part in text
    assert repr(SHORT) == repr(replace(BucketTwin(), period=("2020-01-01", "2020-01-03")))


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"members": 1}, DeclarationError, "at least 2, since an ensemble of one has no spread"),
        ({"members": 2.5}, DeclarationError, r"members must be a whole number .* got 2\.5"),
        ({"seed": -1}, DeclarationError, "seed must be a whole number from 0; got -1"),
        ({"seed": "one"}, DeclarationError, "seed must be a whole number from 0; got 'one'"),
        ({"every": 24}, UnitError, "every needs a unit of time: got 24"),
        ({"every": "5 km"}, UnitError, "every must be a time span such as"),
        ({"period": ("2020-01-03", "2020-01-01")}, DeclarationError, "must end after it starts"),
        ({"period": ("some day", "2020-01-01")}, UnitError, r"period\[0\] must be a time such as"),
    ],
)
def test_that_a_wrong_setting_is_refused_when_it_is_made(settings, error, message):
    with pytest.raises(error, match=message):
        BucketTwin(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"updates": (Update("moisture", "store"),)},
            "no sensor of the network observes 'moisture'; observed are store, evapotranspiration",
        ),
        (
            {"updates": (Update("store", "log10_Ks"),)},
            "the state has no variable 'log10_Ks'; it has store, rate",
        ),
        (
            {"updates": (Update("evapotranspiration", "store"),)},
            "evapotranspiration only validates; no update may use it",
        ),
        ({"keep": ("log10_Ks",)}, "the state has no variable 'log10_Ks'"),
        (
            {"network": ObservationNetwork((replace(well(0), x="5 km"),))},
            "lies outside the domain: its nearest column is 4800 m away",
        ),
    ],
)
@pytest.mark.parametrize("door", ["twin", "compare"])
def test_that_parts_that_do_not_fit_are_refused_before_any_forecast(
    monkeypatch, door, settings, message
):
    def forecast(*_):
        raise AssertionError("nothing may be computed")

    monkeypatch.setattr(Buckets, "forecast", forecast)
    experiment = replace(SHORT, **settings)
    if door == "compare":
        stations = experiment.network.stations
        rows = [(s, "store", 6, 60.0) for s in stations if s != "tower"]
        rows += [("tower", "evapotranspiration", (0, 24), 5.0)] * ("tower" in stations)
        experiment = replace(experiment, network=experiment.network.with_data(readings(*rows)))
    with pytest.raises(DeclarationError, match=message):
        getattr(experiment, door)()


def test_that_updates_need_observations():
    with pytest.raises(
        DeclarationError, match="updates but no observations: give the network data"
    ):
        SHORT.run()
    assert SHORT.open_loop().legs == ("open_loop",)


def test_that_times_within_a_forcing_step_are_refused_before_any_forecast(monkeypatch):
    monkeypatch.setattr(Buckets, "forecast", None)
    network = ObservationNetwork((well(0),), readings(("s0", "store", 30.5, 60.0)))
    with pytest.raises(DataError, match=r"2020-01-02T06:30.* lies within a forcing step of 3600 s"):
        driven(network=network, updates=SHORT.updates).run()


def test_that_a_forcing_shorter_than_the_period_is_refused_before_any_forecast(monkeypatch):
    monkeypatch.setattr(Buckets, "forecast", None)
    for noise in (None, driven().noise):
        with pytest.raises(DataError, match=r"the forcing covers .* 2020-01-03.* lies outside"):
            driven(forcing=weather(hours=36), noise=noise).open_loop()


def test_that_a_prior_out_of_its_bounds_is_refused():
    class Overfull(BucketTwin):
        def prior(self, rng, members):
            data = super().prior(rng, members)
            return data.assign(store=data["store"] + 1000.0)

    with pytest.raises(DataError, match=r"store must lie in \[0, 500\] mm; got 10\d\d"):
        Overfull().open_loop()


# --- seeds --------------------------------------------------------------------------------------


def members_of(result, leg="open_loop"):
    return result.ensemble(leg)["store"].values


def test_that_the_same_seed_gives_the_same_bits(twin):
    assert bits(SHORT.twin().tree) == bits(twin.tree)


def test_that_another_seed_gives_other_numbers(twin):
    other = replace(SHORT, seed=4).twin()
    assert not np.isclose(members_of(other), members_of(twin)).any()
    assert not np.isclose(other.observations()["value"], twin.observations()["value"]).all()


@pytest.mark.parametrize("experiment", [SHORT, driven()], ids=["prior", "forcing noise"])
def test_that_a_member_does_not_depend_on_how_many_there_are(experiment):
    few, many = (replace(experiment, members=n, updates=()).open_loop() for n in (5, 9))
    assert np.array_equal(members_of(few), members_of(many)[:5])


def test_that_the_number_of_members_does_not_change_the_truth(twin):
    other = replace(SHORT, members=5).twin()
    assert other.observations()["value"].tolist() == twin.observations()["value"].tolist()
    xr.testing.assert_identical(other.leg("truth").to_dataset(), twin.leg("truth").to_dataset())


def test_that_another_sensor_changes_no_other_draw(twin):
    alone = replace(SHORT, network=ObservationNetwork((well(0), TOWER))).twin()
    for result in (alone, twin):
        assert (result.observations()["station"] == "s0").sum() == 8
    mine, other = (r.observations().query("station == 's0'") for r in (alone, twin))
    assert mine["value"].tolist() == other["value"].tolist()
    assert members_of(alone).tolist() == members_of(twin).tolist()
    # the first analysis, of s0 alone, is the same whether s1 is withheld or not there
    blind = replace(SHORT, network=replace(SHORT.network, withheld=("s1", "s2"))).twin()
    assert np.array_equal(members_of(blind, "assimilation"), members_of(alone, "assimilation"))


def test_that_streams_of_different_purposes_differ():
    streams = Streams(3)
    names = [("prior", 0), ("prior", 1), ("truth",), ("observation", "a"), ("forcing", 0)]
    draws = {streams.generator(*name).normal() for name in names}
    assert len(draws) == len(names)


# --- twins --------------------------------------------------------------------------------------


def test_that_a_twin_observes_its_truth_with_the_declared_errors(twin):
    frame = twin.observations()
    truth = twin.leg("truth")["forecast"]["store"].to_series().unstack("column")
    wells = frame[frame["quantity"] == "store"]
    column = wells["station"].str.removeprefix("s").astype(int)
    true = np.array([truth.loc[t, c] for t, c in zip(wells["time"], column, strict=True)])
    errors = (wells["value"] - true) / 0.5
    assert len(errors) == 24
    assert abs(errors.mean()) < 3 / np.sqrt(24) and 0.6 < errors.std() < 1.4


def test_that_the_truth_is_none_of_the_members(twin):
    truth = twin.leg("truth")["forecast"]["store"].values[-1]
    assert not np.isclose(members_of(twin), truth).any()


def test_that_a_twin_with_sure_sensors_finds_the_state():
    network = ObservationNetwork(tuple(well(i, sd="0.01 mm") for i in range(3)))
    experiment = replace(
        SHORT,
        network=network,
        members=40,
        updates=(Update("store", ("store", "rate"), filter=LETKF(inflation=RTPS(0.2))),),
    )
    result = experiment.twin()
    truth = result.leg("truth")["forecast"]["store"].values[-1]
    error = np.abs(result.ensemble()["store"].mean("member").values - truth)
    assert (error < 0.1).all()
    assert (error < np.abs(members_of(result).mean(axis=0) - truth)).all()


def test_that_withheld_stations_are_read_but_never_used(twin):
    frame = twin.observations()
    withheld = frame[frame["station"] == "s2"]
    assert set(withheld["status"]) == {"withheld"} and set(withheld["update"]) == {""}
    assert np.isfinite(withheld["prior_mean"]).all() and set(withheld["role"]) == {"withheld"}


def test_that_a_view_of_the_state_is_what_filters_see():
    class AsLog(StateVector):
        store = Variable("mm", transform=Log10(), bounds=(0.0, 500.0))
        rate = Variable("h-1", transform=Log10(), bounds=(1e-5, 1.0), role="parameter")

    plain, logged = SHORT.twin(), replace(SHORT, state=AsLog()).twin()
    assert not np.array_equal(plain.ensemble()["store"], logged.ensemble()["store"])
    assert logged.leg()["observations"]["increment_store"].attrs["units"] == "log10(mm)"


def test_that_kept_variables_have_every_member_at_every_stop():
    result = replace(SHORT, keep=("store",)).twin()
    kept = result.leg()["analysis"]["store_members"]
    assert kept.dims == ("time", "realization", "column")
    assert np.array_equal(kept.values[-1], result.ensemble()["store"].values)
    np.testing.assert_allclose(kept.mean("realization"), result.leg()["analysis"]["store"])


def test_that_only_what_is_stored_by_name_is_written(twin):
    few = replace(SHORT, stored=("store",)).twin()
    leg = few.leg("assimilation")["analysis"].to_dataset()
    assert {str(name).removesuffix("_spread") for name in leg} == {"store"}
    xr.testing.assert_equal(leg["store"], twin.leg("assimilation")["analysis"]["store"])
    xr.testing.assert_equal(few.ensemble(), twin.ensemble())
    with pytest.raises(DeclarationError, match="stored names 'nothing'"):
        replace(SHORT, stored=("nothing",)).twin()


def test_that_a_truth_can_begin_from_a_state_of_its_own():
    inputs = Inputs(SHORT.read_network(), SHORT.read_forcing())
    begun = SHORT.prior(Streams(SHORT.seed).generator("truth"), 1)
    drawn, same, other = (
        SHORT._truth(replace(inputs, start=start)).tree["forecast"]["store"].values
        for start in (None, begun, begun.assign(store=2.0 * begun["store"]))
    )
    assert np.array_equal(drawn, same)
    assert (drawn != other).any()


def test_that_the_longest_forecast_is_as_declared():
    result = replace(SHORT, every="3 h").open_loop()
    steps = np.diff(result.leg()["forecast"]["time"].values) / np.timedelta64(1, "h")
    assert set(steps) == {3.0}


def test_that_running_without_updates_is_the_open_loop():
    network = ObservationNetwork((gauge(0),), readings(("g0", "a", 24, 1.5)))
    experiment = replace(StillRun(), network=network, updates=())
    assert experiment.run().legs == ("open_loop",)
    assert set(experiment.run().observations()["status"]) == {"no update uses this quantity"}


def test_that_progress_sees_every_cycle():
    seen = []

    def progress(steps, total, label):
        count = 0
        for step in steps:
            count += 1
            yield step
        seen.append((label, total, count))

    SHORT.twin(progress=progress)
    assert [label for label, _, _ in seen] == ["open loop", "assimilation"]
    assert all(total == count == 8 for _, total, count in seen)


def test_that_an_experiment_without_a_prior_is_abstract():
    class NoPrior(Experiment):
        model = Buckets()
        period = "2020-01-01", "2020-01-02"

    with pytest.raises(TypeError, match="prior"):
        NoPrior()
