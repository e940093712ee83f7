"""On linear Gaussian problems every filter is the Kalman filter."""

import numpy as np
import pytest
from scipy import stats

from hydroda.filters import (
    ESMDA,
    ETKF,
    LETKF,
    DEnKF,
    EnKF,
    OnAnomalies,
    OnCovariances,
    OnCrossCovariance,
    OnGain,
)
from hydroda.filters.smoother import draw_errors
from hydroda.localization import GaspariCohn, Vertical, VerticalExponential

from .conftest import linear


def kalman(problem, h, taper_xy=1.0, taper_yy=1.0):
    """The gain in plain matrices."""
    p = np.cov(problem.x)
    return (taper_xy * (p @ h.T)) @ np.linalg.inv(taper_yy * (h @ p @ h.T) + problem.covariance)


def closed_form(problem, h):
    """Kalman's mean and covariance."""
    p, k = np.cov(problem.x), kalman(problem, h)
    mean = problem.x.mean(axis=1) + k @ (problem.y - h @ problem.x.mean(axis=1))
    return mean, p - k @ h @ p


def banded(n):
    return 0.6 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("name", ["case", "crowded"])
@pytest.mark.parametrize("scheme", [ETKF(), LETKF(), EnKF(), DEnKF()], ids=repr)
def test_that_the_mean_is_kalmans(request, scheme, name, correlated):
    case = request.getfixturevalue(name)
    p = len(case.problem.y)
    problem = case.with_(correlation=banded(p) if correlated else None)
    mean, _ = closed_form(problem, case.h)
    np.testing.assert_allclose(scheme.analyse(problem).x.mean(axis=1), mean, rtol=1e-11)


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("name", ["case", "crowded"])
def test_that_the_etkf_has_kalmans_covariance(request, name, correlated):
    case = request.getfixturevalue(name)
    p = len(case.problem.y)
    problem = case.with_(correlation=banded(p) if correlated else None)
    _, covariance = closed_form(problem, case.h)
    np.testing.assert_allclose(np.cov(ETKF().analyse(problem).x), covariance, atol=1e-12)


@pytest.mark.parametrize("name", ["case", "crowded"])
def test_that_the_enkf_moves_each_member_by_kalmans_gain(request, name):
    case = request.getfixturevalue(name)
    problem = case.problem
    d = problem.y[:, None] + problem.noise - problem.hx
    expected = problem.x + kalman(problem, case.h) @ d
    np.testing.assert_allclose(EnKF().analyse(problem).x, expected, rtol=1e-11)


def test_that_the_denkf_halves_the_gain_on_the_anomalies(case):
    problem = case.problem
    k, mean = kalman(problem, case.h), problem.x.mean(axis=1, keepdims=True)
    anomalies = problem.x - mean
    expected = (
        mean + k @ (problem.y[:, None] - case.h @ mean) + anomalies - 0.5 * k @ case.h @ anomalies
    )
    np.testing.assert_allclose(DEnKF().analyse(problem).x, expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("form", "on_xy", "on_yy", "on_gain"),
    [
        (OnCovariances(), True, True, False),
        (OnCrossCovariance(), True, False, False),
        (OnGain(), False, False, True),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["case", "crowded"])
def test_that_each_taper_form_is_its_formula(request, name, form, on_xy, on_yy, on_gain):
    case = request.getfixturevalue(name)
    problem, scheme = case.problem, GaspariCohn(halfwidth="25 m")
    xy = scheme.weights(problem.state_places, problem.obs_places).dense()
    yy = scheme.between(problem.obs_places)
    k = kalman(problem, case.h, xy if on_xy else 1.0, yy if on_yy else 1.0)
    k = xy * k if on_gain else k
    expected = problem.x + k @ (problem.y[:, None] + problem.noise - problem.hx)
    analysis = EnKF(scheme, taper=form).analyse(problem).x
    np.testing.assert_allclose(analysis, expected, rtol=1e-11)


def test_that_the_tapers_differ(case):
    scheme = GaspariCohn(halfwidth="25 m")
    forms = [OnCovariances(), OnCrossCovariance(), OnGain(), OnAnomalies()]
    analyses = [EnKF(scheme, taper=form).analyse(case.problem).x for form in forms]
    for i, one in enumerate(analyses):
        for other in analyses[:i]:
            assert np.abs(one - other).max() > 1e-3


def test_that_scaled_anomalies_give_the_gain_of_rho_p_rho():
    case = linear(columns=1, layers=8, observed=1)
    problem, scheme = case.problem, VerticalExponential(mu="2 1/m")
    rho = np.exp(-2 * np.abs(problem.state_places.depth - problem.obs_places.depth))
    p = rho[:, None] * np.cov(problem.x) * rho
    k = p @ case.h.T @ np.linalg.inv(case.h @ p @ case.h.T + problem.covariance)
    expected = problem.x + k @ (problem.y[:, None] + problem.noise - problem.hx)
    np.testing.assert_allclose(EnKF(scheme).analyse(problem).x, expected, rtol=1e-12)


def test_that_a_vertical_exponential_scales_anomalies_unless_told_otherwise(case):
    scheme = VerticalExponential(mu="2 1/m")
    assert EnKF(scheme).form == OnAnomalies()
    assert EnKF(scheme, taper=OnGain()).form == OnGain()
    assert EnKF(GaspariCohn(halfwidth="1 m", along=Vertical())).form == OnCovariances()


def test_that_one_step_of_esmda_is_the_smoother(case):
    problem = case.problem
    rng = np.random.default_rng(5)
    one = ESMDA(steps=1).smooth(problem.x, lambda x: case.h @ x, problem.y, problem.variance, rng)
    noise = draw_errors(np.random.default_rng(5), problem.variance, None, problem.members)
    smoother = EnKF().analyse(case.with_(noise=noise)).x
    assert np.array_equal(one.x, smoother)


@pytest.mark.parametrize("alphas", [(4.0, 4.0, 4.0, 4.0), (2.0, 4.0, 4.0)])
def test_that_esmda_with_a_square_root_filter_is_kalman_in_any_number_of_steps(case, alphas):
    problem = case.problem
    mean, covariance = closed_form(problem, case.h)
    result = ESMDA(alphas=alphas, filter=ETKF()).smooth(
        problem.x, lambda x: case.h @ x, problem.y, problem.variance, np.random.default_rng(0)
    )
    np.testing.assert_allclose(result.x.mean(axis=1), mean, rtol=1e-10)
    np.testing.assert_allclose(np.cov(result.x), covariance, atol=1e-11)
    assert result.hx.shape == (len(alphas), *problem.hx.shape)


def test_that_a_large_enkf_has_kalmans_covariance():
    case = linear(columns=2, layers=2, members=20_000, observed=2)
    _, covariance = closed_form(case.problem, case.h)
    np.testing.assert_allclose(np.cov(EnKF().analyse(case.problem).x), covariance, atol=0.03)


def test_that_drawn_errors_have_their_covariance():
    variance, correlation = np.array([4.0, 1.0, 0.25]), banded(3)
    noise = draw_errors(np.random.default_rng(0), variance, correlation, 50_000)
    sd = np.sqrt(variance)
    np.testing.assert_allclose(np.cov(noise), sd[:, None] * correlation * sd, atol=0.05)
    np.testing.assert_allclose(noise.mean(axis=1), 0, atol=1e-12)
    assert stats.kstest(noise[0] / 2, "norm").pvalue > 1e-3
