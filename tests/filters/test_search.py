"""The threshold layer that the data choose."""

import numpy as np
import pytest

from hydroda.analysis import Places, Problem
from hydroda.errors import DeclarationError
from hydroda.filters import EnKF
from hydroda.inflation import MaximumLikelihood
from hydroda.localization import Search, VerticalExponential, choose_threshold, threshold_mu

DEPTHS = np.array([0.007, 0.028, 0.062, 0.119, 0.212, 0.366])


def forecast(seed, memory=None, **changes):
    """Six layers, observed between the second and the third."""
    rng = np.random.default_rng(seed)
    x = 0.3 + 0.02 * np.cumsum(rng.normal(size=(6, 15)), axis=0)
    h = np.zeros((1, 6))
    h[0, 1:3] = 0.9, 0.1
    noise = 0.005 * rng.normal(size=(1, 15))
    arrays = {
        "x": x,
        "hx": h @ x,
        "y": np.array([0.36]),
        "variance": np.array([2.5e-5]),
        "noise": noise - noise.mean(),
        "state_places": Places(np.zeros(6), np.zeros(6), DEPTHS),
        "obs_places": Places([0.0], [0.0], [0.03]),
        "operator": lambda z: h @ z,
        "memory": {} if memory is None else memory,
    }
    return Problem(**{**arrays, **changes})


def likelihoods(problem, inflation):
    """−2 ln L of each candidate, each from an analysis of its own."""
    values = []
    for s in range(2, 7):
        filter = EnKF(VerticalExponential(threshold=s), inflation)
        values.append(filter.analyse(problem).diagnostics["inflation_likelihood"])
    return np.array(values)


def test_that_the_search_sums_likelihoods_and_uses_the_first_local_minimum():
    inflation = MaximumLikelihood()
    search = EnKF(VerticalExponential(threshold=Search()), inflation)
    total, memory = np.zeros(5), {}
    for seed in range(4):
        problem = forecast(seed, memory)
        total += likelihoods(problem, inflation)
        analysis = search.analyse(problem)
        memory = analysis.memory
        chosen = choose_threshold(total)
        np.testing.assert_allclose(analysis.diagnostics["threshold_likelihood"], total)
        assert analysis.diagnostics["threshold"] == chosen
        fixed = EnKF(VerticalExponential(threshold=chosen), inflation).analyse(problem)
        np.testing.assert_array_equal(analysis.x, fixed.x)


def test_that_a_search_without_inflation_takes_the_likelihood_of_the_gain():
    problem = forecast(0)
    analysis = EnKF(VerticalExponential(threshold=Search((3, 5)))).analyse(problem)
    x, mean = problem.x, problem.x.mean(axis=1, keepdims=True)
    expected = []
    for s in (3, 5):
        rho = np.exp(-threshold_mu(DEPTHS, 0.03, s) * np.abs(DEPTHS - 0.03))[:, None]
        spread = problem.operator(mean + rho * (x - mean)).var(ddof=1) + problem.variance[0]
        expected.append(np.log(spread) + problem.innovation[0] ** 2 / spread)
    np.testing.assert_allclose(analysis.diagnostics["threshold_likelihood"], expected)
    assert analysis.diagnostics["threshold"] == (3, 5)[int(expected[0] > expected[1])]


def test_that_a_search_does_not_take_over_another_memory():
    search = EnKF(VerticalExponential(threshold=Search()))
    with pytest.raises(DeclarationError, match="must have 5 candidates; got 2"):
        search.analyse(forecast(0, {"threshold_likelihood": np.zeros(2)}))
