import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hydroda.errors import DataError
from hydroda.models import _kernels_lorenz96 as kernels
from hydroda.models.lorenz96 import Lorenz96, step

START = np.datetime64("2016-01-01", "ns")


def tendency(x):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0


def test_that_a_short_integration_follows_the_differential_equation():
    x = np.random.default_rng(1).normal(3.0, 2.0, 40)
    exact = solve_ivp(lambda _, y: tendency(y), (0.0, 0.4), x, rtol=1e-11, atol=1e-11).y[:, -1]
    errors = [np.abs(step(x, 0.4 / n, steps=n) - exact).max() for n in (40, 80)]
    assert errors[1] < 1e-6
    # Fourth order: halving the step divides the error by sixteen.
    assert 12.0 < errors[0] / errors[1] < 20.0


def test_that_the_compiled_kernels_are_their_python_functions():
    x = np.random.default_rng(2).normal(3.0, 2.0, (7, 3))
    out = np.empty_like(x)
    kernels.tendency.py_func(x, 8.0, out)
    np.testing.assert_allclose(out[:, 1], tendency(x[:, 1]), rtol=1e-13)
    compiled = kernels.integrate(x, 8.0, 0.05, 2)
    np.testing.assert_allclose(kernels.integrate.py_func(x, 8.0, 0.05, 2), compiled, rtol=1e-12)


def test_that_a_member_does_not_depend_on_the_others_and_six_hours_are_one_step():
    model = Lorenz96()
    u = np.random.default_rng(3).normal(3.0, 2.0, (9, 40))
    end = START + np.timedelta64(1, "D")
    every = model.forecast(model.dataset(u), None, START, end)["u"].values
    np.testing.assert_array_equal(every[5], step(u[5], 0.05, steps=4))


def test_that_a_ring_of_three_is_refused():
    with pytest.raises(DataError, match="4 columns"):
        Lorenz96().dataset(np.zeros((2, 3)))
