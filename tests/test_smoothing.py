"""Parameters from a whole period at once, and runs that begin with given members."""

from dataclasses import replace

import numpy as np
import pytest

from hydroda.errors import DataError, DeclarationError
from hydroda.filters import ESMDA
from hydroda.obs import ObservationNetwork
from hydroda.parallel import communicator
from tests.toys import BucketTwin

WELLS = BucketTwin().network.sensors[:3]
SHORT = replace(BucketTwin(), period=("2020-01-01", "2020-01-05"), members=40)


@pytest.fixture(scope="module")
def nature():
    """A twin's truth, and the experiment that has its readings as data."""
    twin = replace(SHORT, network=ObservationNetwork(WELLS, withheld=("s2",))).twin()
    table = twin.observations("open_loop").pivot(index="time", columns="station", values="value")
    network = ObservationNetwork(WELLS, withheld=("s2",))
    network = network.with_readings(table.index, table[["s0", "s1", "s2"]].to_numpy())
    rate = twin.leg("truth")["forecast"].to_dataset()["rate"].isel(time=0).values
    return np.log10(rate), replace(SHORT, network=network)


def rates(ensemble):
    return np.log10(ensemble["rate"].values)


@pytest.fixture(scope="module")
def estimated(nature):
    return nature[1].smooth(ESMDA(steps=4), "store", ("store", "rate"))


def test_that_rates_come_near_the_truth_where_they_are_observed(nature, estimated):
    truth, experiment = nature
    prior = rates(experiment._start(communicator(), None).data)
    found = rates(estimated)
    before, after = (np.abs(x.mean(axis=0) - truth) for x in (prior, found))
    assert (after[:2] < 0.2 * np.maximum(before[:2], 0.05)).all()
    assert (found.std(axis=0)[:2] < 0.2 * prior.std(axis=0)[:2]).all()


def test_that_a_run_from_the_estimate_needs_no_assimilation(nature, estimated):
    _, experiment = nature
    error = {
        name: free.scores().query("score == 'rmse' and group == 'all' and variable == 'store'")
        for name, free in (
            ("prior", experiment.open_loop()),
            ("estimate", experiment.open_loop(start=estimated)),
        )
    }
    prior, estimate = (frame["value"].item() for frame in error.values())
    assert estimate < 0.1 * prior and estimate < 1.0  # [mm], with errors of 0.5 mm


def test_that_more_passes_are_nearer_to_the_observations(nature):
    _, experiment = nature

    def misfit(steps):
        start = experiment.smooth(ESMDA(steps=steps), "store", ("store", "rate"))
        table = experiment.open_loop(start=start).scores()
        return table.query("score == 'rmse' and variable == 'store'")["value"].iloc[0]

    assert misfit(4) < misfit(1)


def test_that_the_members_at_the_end_of_a_run_begin_another(nature):
    _, experiment = nature
    first = replace(experiment, period=("2020-01-01", "2020-01-03")).open_loop()
    second = replace(experiment, period=("2020-01-03", "2020-01-05"))
    joined = second.open_loop(start=first.ensemble()).ensemble()
    whole = experiment.open_loop().ensemble()
    for name in ("store", "rate"):
        np.testing.assert_array_equal(joined[name], whole[name])


def test_that_another_start_is_another_run(nature, tmp_path):
    _, experiment = nature
    start = experiment.open_loop().ensemble()
    experiment.open_loop(tmp_path)
    with pytest.raises(DeclarationError, match="other settings"):
        experiment.open_loop(tmp_path, resume=True, start=start)
    with pytest.raises(DeclarationError, match="start= has 3 members, the experiment 40"):
        experiment.open_loop(start=start.isel(member=[0, 1, 2]))


def test_that_a_period_without_observations_cannot_be_smoothed(nature):
    _, experiment = nature
    late = replace(experiment, assimilate_until="2020-01-01T01:00")
    with pytest.raises(DataError, match="no usable observation of store"):
        late.smooth(ESMDA(steps=1), "store", "rate")
