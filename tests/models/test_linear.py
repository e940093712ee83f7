import numpy as np
import pytest

from hydroda.errors import DataError, DeclarationError
from hydroda.models.linear import Linear

START = np.datetime64("2016-01-01", "ns")


def test_that_a_forecast_is_the_power_of_the_matrix():
    rng = np.random.default_rng(1)
    matrix, offset = rng.normal(size=(4, 4)), rng.normal(size=4)
    model = Linear(matrix, offset)
    u = rng.normal(size=(6, 4))
    after = model.forecast(model.dataset(u), None, START, START + np.timedelta64(3, "h"))
    expected = u
    for _ in range(3):
        expected = expected @ matrix.T + offset
    np.testing.assert_allclose(after["u"].values, expected, rtol=1e-12)


def test_that_a_member_does_not_depend_on_the_others():
    model = Linear(np.random.default_rng(2).normal(size=(5, 5)))
    u = np.random.default_rng(3).normal(size=(7, 5))
    end = START + np.timedelta64(4, "h")
    every = model.forecast(model.dataset(u), None, START, end)["u"].values
    alone = model.forecast(model.dataset(u[4:5]), None, START, end)["u"].values
    np.testing.assert_array_equal(every[4:5], alone)


def test_that_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DeclarationError, match="square"):
        Linear(((1.0, 0.0),))
    with pytest.raises(DataError, match="2 columns"):
        Linear(((1.0, 0.0), (0.0, 1.0))).dataset(np.zeros((3, 3)))
