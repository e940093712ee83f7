"""Bias estimated along with the state."""

import numpy as np
import pytest

from hydroda.analysis import Problem
from hydroda.bias import Dee2005, FixedGain, PrintedGain, WhiteningGain, whiteness
from hydroda.errors import DeclarationError
from hydroda.filters import EnKF
from hydroda.inflation import MaximumLikelihood
from hydroda.localization import GaspariCohn

from .filters.conftest import linear

H = np.array([[0.7, 0.3, 0.0]])


def forecast(rng, offset=0.0, members=30, memory=None, **changes):
    """A forecast of a truth of 1 whose mean is off by `offset`, observed with error 0.1."""
    x = 1.0 + offset + 0.2 * rng.normal(size=(3, members)) + 0.2 * rng.normal(size=members)
    noise = 0.1 * rng.normal(size=(1, members))
    return Problem(
        x=x,
        hx=H @ x,
        y=1.0 + 0.1 * rng.normal(size=1),
        variance=np.array([0.01]),
        noise=noise - noise.mean(),
        operator=lambda z: H @ z,
        memory={} if memory is None else memory,
        **changes,
    )


def cycled(scheme, offset, steps=80, **changes):
    rng, memory, gains = np.random.default_rng(0), {}, []
    for _ in range(steps):
        analysis = scheme.analyse(forecast(rng, offset, memory=memory, **changes))
        memory = analysis.memory
        gains.append(analysis.diagnostics["bias_gain"])
    return memory["bias"], np.array(gains)


def test_that_the_first_analysis_is_blind_to_bias():
    problem = forecast(np.random.default_rng(0), 0.5)
    blind, aware = EnKF().analyse(problem), EnKF(bias=Dee2005()).analyse(problem)
    assert np.array_equal(blind.x, aware.x)
    assert (aware.diagnostics["bias"] == 0).all()
    assert aware.memory["bias"].any()


@pytest.mark.parametrize("gain", [FixedGain(0.1), WhiteningGain()], ids=repr)
def test_that_a_constant_bias_is_found(gain):
    estimate, gains = cycled(EnKF(bias=Dee2005(gain)), offset=0.5)
    assert (H @ estimate)[0] == pytest.approx(0.5, abs=0.12)
    assert (gains <= 0.3).all()


def test_that_no_bias_is_found_where_there_is_none():
    estimate, _ = cycled(EnKF(bias=Dee2005(FixedGain(0.05))), offset=0.0)
    assert np.abs(estimate).max() < 0.1


def test_that_the_gain_acts_in_observation_space():
    problem = forecast(np.random.default_rng(3), 0.5)
    memory = EnKF(bias=Dee2005(FixedGain(0.05))).analyse(problem).memory
    np.testing.assert_allclose(H @ memory["bias"], -0.05 * problem.innovation)


@pytest.mark.parametrize("factor", [1.0, 25.0])
def test_that_inflation_does_not_speed_up_the_bias(factor):
    problem = forecast(np.random.default_rng(3), 0.5)
    inflation = MaximumLikelihood(at_least=factor, at_most=factor)
    memory = EnKF(inflation=inflation, bias=Dee2005(FixedGain(0.05))).analyse(problem).memory
    np.testing.assert_allclose(H @ memory["bias"], -0.05 * problem.innovation)


def test_that_the_analysis_starts_from_the_corrected_forecast():
    rng = np.random.default_rng(3)
    problem = forecast(rng, 0.5)
    bias = np.array([0.5, 0.4, 0.1])
    aware = EnKF(bias=Dee2005()).analyse(Problem(**{**vars(problem), "memory": {"bias": bias}}))
    x = problem.x - bias[:, None]
    expected = EnKF().analyse(Problem(**{**vars(problem), "x": x, "hx": H @ x})).x
    np.testing.assert_allclose(aware.x, expected, rtol=1e-12)
    np.testing.assert_array_equal(aware.diagnostics["bias"], bias)


def test_that_the_printed_gain_is_equations_a1_and_a5():
    problem = forecast(np.random.default_rng(3), 0.5)
    gain = PrintedGain(start=0.1)
    inflation = MaximumLikelihood(at_least=4.0, at_most=4.0)
    memory = EnKF(inflation=inflation, bias=Dee2005(gain)).analyse(problem).memory
    p, r = np.cov(problem.x), problem.variance[0]
    hph = (H @ p @ H.T)[0, 0]
    gamma = 0.1 / 0.9 * (r + hph) / hph
    expected = -gamma * (4 * p @ H.T / (4 * hph + r)) @ problem.innovation
    np.testing.assert_allclose(memory["bias"], expected)


def test_that_the_estimate_is_tapered_like_the_gain():
    case = linear(columns=30, observed=3)
    near = GaspariCohn(cutoff="25 m")
    analysis = EnKF(near, bias=Dee2005(FixedGain(0.05))).analyse(case.problem)
    away = analysis.diagnostics["reach"] == 0
    assert away.any()
    assert (analysis.memory["bias"][away] == 0).all()
    assert (analysis.memory["bias"][~away] != 0).all()


def test_that_the_estimate_is_bounded():
    estimate, _ = cycled(EnKF(bias=Dee2005(FixedGain(0.3), at_most=0.2)), offset=0.9)
    assert np.abs(estimate).max() == pytest.approx(0.2)
    estimate, _ = cycled(
        EnKF(bias=Dee2005(FixedGain(0.3))), offset=0.9, upper=np.full(3, 1.5), lower=np.full(3, 1.4)
    )
    mean = 1.9
    assert (mean - estimate > 1.3).all()


def test_that_white_innovations_need_no_gain_and_drifting_ones_do():
    rng = np.random.default_rng(0)
    white = rng.normal(size=(150, 1))
    drifting = white + 3 * np.sin(np.arange(150) / 25)[:, None]
    grid = np.linspace(0, 0.3, 31)
    assert grid[np.argmin(whiteness(grid, white))] < 0.05
    assert grid[np.argmin(whiteness(grid, drifting))] > 0.05


def test_that_whiteness_is_the_printed_sum():
    d = np.random.default_rng(1).normal(size=(6, 2))
    mu, total = 0.2, 0.0
    for n in range(2, 7):
        z = np.exp(-2j * np.pi / n)
        for o in range(2):
            power = abs(sum(d[t, o] * z**t for t in range(6))) ** 2 / 6
            total += n**2 * (abs(1 - mu / (1 - (1 - mu) * z)) ** 2 * power - 1) ** 2
    assert whiteness(np.array([mu]), d)[0] == pytest.approx(total)


def test_that_the_history_is_a_window_and_starts_anew_with_other_observations():
    scheme = EnKF(bias=Dee2005(window=5))
    rng, memory = np.random.default_rng(0), {}
    for _ in range(8):
        memory = scheme.analyse(forecast(rng, memory=memory)).memory
    assert memory["bias_innovations"].shape == (5, 1)
    p = forecast(rng, memory=memory)
    twice = Problem(
        **{
            **vars(p),
            "hx": np.vstack([p.hx, p.hx]),
            "y": np.tile(p.y, 2),
            "variance": np.tile(p.variance, 2),
            "noise": np.vstack([p.noise, p.noise]),
            "operator": lambda z: np.vstack([H @ z, H @ z]),
        }
    )
    assert scheme.analyse(twice).memory["bias_innovations"].shape == (1, 2)


def test_that_bias_correction_needs_an_operator():
    problem = forecast(np.random.default_rng(0), memory={"bias": np.ones(3)})
    blind = Problem(**{**vars(problem), "operator": None})
    with pytest.raises(DeclarationError, match=r"Problem\.operator"):
        EnKF(bias=Dee2005()).analyse(blind)


def test_that_a_memory_of_another_size_is_refused():
    problem = forecast(np.random.default_rng(0), memory={"bias": np.ones(4)})
    with pytest.raises(DeclarationError, match=r"must have shape \(3,\); got \(4,\)"):
        EnKF(bias=Dee2005()).analyse(problem)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FixedGain(1.0),
        lambda: WhiteningGain(at_most=-0.1),
        lambda: Dee2005(window=1),
        lambda: Dee2005(at_most=0.0),
    ],
)
def test_that_impossible_numbers_are_refused(make):
    with pytest.raises(DeclarationError):
        make()
