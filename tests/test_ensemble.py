import numpy as np

from hydroda.ensemble import Ensemble
from tests.test_state import dataset


def test_that_mean_spread_and_anomalies_are_over_all_members():
    data = dataset(members=8)
    ensemble = Ensemble(data, 8)
    for name in data:
        np.testing.assert_allclose(ensemble.mean()[name], data[name].mean("member"), rtol=1e-13)
        np.testing.assert_allclose(
            ensemble.spread()[name], data[name].std("member", ddof=1), rtol=1e-12
        )
        assert abs(ensemble.anomalies()[name].mean("member")).max() < 1e-15
    assert ensemble.held.tolist() == list(range(8))


def test_that_extremes_are_by_cell():
    data = dataset()
    ensemble = Ensemble(data, 4)
    np.testing.assert_array_equal(ensemble.smallest("snow"), data.snow.min("member"))
    np.testing.assert_array_equal(ensemble.largest("theta"), data.theta.max("member"))
