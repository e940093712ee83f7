"""Inflation: formulas, bounds, and what it must leave alone."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from hydroda.analysis import Problem
from hydroda.errors import DeclarationError
from hydroda.filters import ETKF, LETKF, EnKF
from hydroda.inflation import (
    RTPP,
    RTPS,
    Fixed,
    MaximumLikelihood,
    NoInflation,
    inflate_gain,
    innovation_likelihood,
)
from hydroda.localization import GaspariCohn

from .filters.conftest import linear

NEAR = GaspariCohn(cutoff="25 m")
OFF = [NoInflation(), Fixed(1.0), RTPS(0.0), RTPP(0.0), MaximumLikelihood(at_most=1.0)]
ON = [Fixed(1.3), RTPS(0.7), RTPP(0.7), MaximumLikelihood(at_least=2.0)]


@pytest.mark.parametrize("scheme", [ETKF, LETKF, EnKF])
@pytest.mark.parametrize("inflation", OFF, ids=repr)
def test_that_inflation_switched_off_is_the_identity(scheme, inflation):
    problem = linear().problem
    plain = scheme().analyse(problem).x
    np.testing.assert_allclose(scheme(inflation=inflation).analyse(problem).x, plain, rtol=1e-13)
    if not isinstance(inflation, MaximumLikelihood):
        assert np.array_equal(scheme(inflation=inflation).analyse(problem).x, plain)


@pytest.mark.parametrize("scheme", [LETKF, EnKF])
@pytest.mark.parametrize("inflation", ON, ids=repr)
def test_that_nothing_is_inflated_where_nothing_is_observed(scheme, inflation):
    problem = linear(columns=30, observed=3).problem
    analysis = scheme(NEAR, inflation).analyse(problem)
    away = analysis.diagnostics["reach"] == 0
    assert away.any()
    assert np.array_equal(analysis.x[away], problem.x[away])


@pytest.mark.parametrize("inflation", ON, ids=repr)
def test_that_rows_without_spread_are_left_alone(inflation):
    case = linear()
    x = case.problem.x.copy()
    x[5] = 0.1
    for scheme in (LETKF, EnKF):
        analysis = scheme(inflation=inflation).analyse(case.with_(x=x, operator=None))
        assert (analysis.x[5] == 0.1).all()


def test_that_a_fixed_factor_multiplies_anomalies():
    problem = linear().problem
    plain, wide = ETKF().analyse(problem).x, ETKF(inflation=Fixed(1.5)).analyse(problem).x
    np.testing.assert_allclose(wide.std(axis=1), 1.5 * plain.std(axis=1))
    np.testing.assert_allclose(wide.mean(axis=1), plain.mean(axis=1))


def test_that_a_damped_row_is_inflated_by_its_part():
    case = linear()
    problem = case.with_(damping=np.linspace(0, 1, 36))
    plain = ETKF().analyse(problem).x.std(axis=1)
    wide = ETKF(inflation=Fixed(1.5)).analyse(problem).x.std(axis=1)
    np.testing.assert_allclose(wide / plain, 1 + 0.5 * np.linspace(0, 1, 36))


@pytest.mark.parametrize("relaxation", [0.3, 1.0])
def test_that_rtps_mixes_spreads_and_rtpp_mixes_members(relaxation):
    problem = linear().problem
    plain = ETKF().analyse(problem).x
    spread = ETKF(inflation=RTPS(relaxation)).analyse(problem).x
    expected = (1 - relaxation) * plain.std(axis=1) + relaxation * problem.x.std(axis=1)
    np.testing.assert_allclose(spread.std(axis=1), expected)
    members = ETKF(inflation=RTPP(relaxation)).analyse(problem).x
    mixed = (1 - relaxation) * _anomalies(plain) + relaxation * _anomalies(problem.x)
    np.testing.assert_allclose(_anomalies(members), mixed, atol=1e-13)
    for x in (spread, members):
        np.testing.assert_allclose(x.mean(axis=1), plain.mean(axis=1))


def _anomalies(x):
    return x - x.mean(axis=1, keepdims=True)


def _single(innovation, variance=0.25, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 12))
    h = np.array([[0.5, 0.5, 0.0]])
    hx = h @ x
    return Problem(
        x=x,
        hx=hx,
        y=hx.mean(axis=1) + innovation,
        variance=np.array([variance]),
        noise=np.zeros((1, 12)),
        operator=lambda z: h @ z,
    )


def test_that_one_observation_has_the_closed_form():
    problem = _single(innovation=3.0)
    spread = problem.hx.var(ddof=1)
    _, report = MaximumLikelihood().prior(problem)
    expected = (9.0 - 0.25) / spread
    assert report["inflation"] == pytest.approx(expected)
    total = expected * spread + 0.25
    assert report["inflation_likelihood"] == pytest.approx(np.log(total) + 9.0 / total)
    found = minimize_scalar(
        innovation_likelihood(problem), bounds=(1, 1000), method="bounded", options={"xatol": 1e-9}
    )
    assert found.x == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("innovation", "bound", "factor"), [(0.4, -1, 1.0), (0.0, -1, 1.0), (1e4, 1, 50.0)]
)
def test_that_bounds_hold_and_their_hits_are_counted(innovation, bound, factor):
    scheme = EnKF(inflation=MaximumLikelihood(at_most=50.0))
    first = scheme.analyse(_single(innovation))
    assert first.diagnostics["inflation"] == factor
    assert first.diagnostics["inflation_bound"] == bound
    second = scheme.analyse(Problem(**{**vars(_single(innovation)), "memory": first.memory}))
    assert second.diagnostics["inflation_hits"].tolist() == [2 * (bound < 0), 2 * (bound > 0)]


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("tapered", [False, True])
def test_that_several_observations_give_the_minimum_of_the_likelihood(correlated, tapered):
    case = linear(seed=2)
    p = len(case.problem.y)
    band = 0.5 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    problem = case.with_(y=case.problem.y + 6.0, correlation=band if correlated else None)
    scheme = EnKF(NEAR if tapered else EnKF().localization, MaximumLikelihood())
    taper = NEAR.between(problem.obs_places) if tapered else 1.0
    s = taper * np.cov(problem.hx)

    def cost(factor):
        total = factor * s + problem.covariance
        d = problem.innovation
        return np.linalg.slogdet(total)[1] + d @ np.linalg.solve(total, d)

    best = minimize_scalar(cost, bounds=(1, 1000), method="bounded", options={"xatol": 1e-8})
    report = scheme.analyse(problem).diagnostics
    assert report["inflation"] == pytest.approx(best.x, rel=1e-4)
    assert report["inflation_likelihood"] == pytest.approx(best.fun, rel=1e-10)
    assert report["inflation_bound"] == 0


def test_that_only_the_gain_sees_lambda():
    case = linear()
    problem = case.with_(y=case.problem.y + 6.0)
    factor = EnKF(inflation=MaximumLikelihood()).analyse(problem).diagnostics["inflation"]
    p = factor * np.cov(problem.x)
    k = p @ case.h.T @ np.linalg.inv(case.h @ p @ case.h.T + problem.covariance)
    expected = problem.x + k @ (problem.y[:, None] + problem.noise - problem.hx)
    np.testing.assert_allclose(
        EnKF(inflation=MaximumLikelihood()).analyse(problem).x, expected, rtol=1e-11
    )


def test_that_inflating_the_members_is_inflating_the_prior():
    case = linear()
    problem = case.with_(y=case.problem.y + 6.0)
    scheme = EnKF(inflation=MaximumLikelihood(members=True))
    root = np.sqrt(scheme.analyse(problem).diagnostics["inflation"])
    x = problem.x.mean(axis=1, keepdims=True) + root * _anomalies(problem.x)
    expected = EnKF().analyse(case.with_(x=x, hx=case.h @ x, y=problem.y)).x
    np.testing.assert_allclose(scheme.analyse(problem).x, expected, rtol=1e-11)
    square_root = ETKF(inflation=MaximumLikelihood()).analyse(problem).x
    plain = ETKF().analyse(case.with_(x=x, hx=case.h @ x, y=problem.y)).x
    np.testing.assert_allclose(square_root, plain, rtol=1e-11)


def test_that_some_rows_may_be_inflated_alone():
    case = linear()
    scaled = np.arange(36) < 20
    inflated = inflate_gain(case.with_(scaled=scaled), 4.0)
    x = case.problem.x.mean(axis=1, keepdims=True) + np.where(scaled, 2.0, 1.0)[
        :, None
    ] * _anomalies(case.problem.x)
    np.testing.assert_allclose(inflated.gain_hx, case.h @ x)
    with pytest.raises(DeclarationError, match=r"Problem\.operator"):
        inflate_gain(case.with_(scaled=scaled, operator=None), 4.0)


def test_that_an_ensemble_without_spread_is_not_inflated():
    problem = _single(5.0)
    flat = Problem(**{**vars(problem), "x": np.ones((3, 12)), "hx": np.ones((1, 12))})
    _, report = MaximumLikelihood().prior(flat)
    assert report["inflation"] == 1.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fixed(0.0),
        lambda: Fixed(float("nan")),
        lambda: RTPS(1.5),
        lambda: RTPP(-0.1),
        lambda: MaximumLikelihood(at_least=3.0, at_most=2.0),
    ],
)
def test_that_impossible_numbers_are_refused(make):
    with pytest.raises(DeclarationError):
        make()
