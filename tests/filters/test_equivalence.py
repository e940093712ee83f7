"""What must not change an analysis."""

import numpy as np
import pytest
from numba import set_num_threads

from hydroda.analysis import Places
from hydroda.errors import DataError, DeclarationError
from hydroda.filters import ETKF, LETKF, DEnKF, EnKF, OnAnomalies, OnCrossCovariance, OnGain
from hydroda.inflation import RTPP, RTPS, Fixed, MaximumLikelihood
from hydroda.localization import GaspariCohn, NoLocalization, Vertical

from .conftest import linear

NEAR = GaspariCohn(halfwidth="25 m")
FAR = GaspariCohn(halfwidth="1e9 m")
NOWHERE = GaspariCohn(cutoff="1e-3 m")
LOCAL = [LETKF, EnKF, DEnKF]
EVERY = [
    ETKF(),
    LETKF(NEAR),
    EnKF(NEAR),
    DEnKF(NEAR),
    EnKF(NEAR, taper=OnGain()),
    EnKF(NEAR, taper=OnCrossCovariance()),
    LETKF(NEAR * GaspariCohn(halfwidth="30 cm", along=Vertical())),
    EnKF(NEAR, RTPS(0.5)),
    LETKF(NEAR, RTPP(0.5)),
    LETKF(NEAR, Fixed(1.1)),
    EnKF(NEAR, MaximumLikelihood(at_most=4)),
]


@pytest.mark.parametrize("scheme", LOCAL)
def test_that_a_taper_of_one_is_no_taper(case, scheme):
    tapered, plain = scheme(FAR).analyse(case.problem).x, scheme().analyse(case.problem).x
    np.testing.assert_allclose(tapered, plain, rtol=1e-10)


@pytest.mark.parametrize("scheme", [EnKF(FAR, taper=f()) for f in (OnGain, OnAnomalies)], ids=repr)
def test_that_a_taper_of_one_is_none_in_every_form(case, scheme):
    plain = EnKF().analyse(case.problem).x
    np.testing.assert_allclose(scheme.analyse(case.problem).x, plain, rtol=1e-10)


@pytest.mark.parametrize("name", ["case", "crowded"])
def test_that_the_letkf_without_localization_is_the_etkf(request, name):
    problem = request.getfixturevalue(name).problem
    assert np.array_equal(LETKF().analyse(problem).x, ETKF().analyse(problem).x)


@pytest.mark.parametrize("scheme", LOCAL)
def test_that_rows_beyond_the_cut_off_keep_their_bits(case, scheme):
    analysis = scheme(NOWHERE).analyse(case.problem)
    away = analysis.diagnostics["reach"] == 0
    assert 0 < away.sum() < len(away)
    assert np.array_equal(analysis.x[away], case.problem.x[away])
    assert (analysis.x[~away] != case.problem.x[~away]).all()


@pytest.mark.parametrize("scheme", EVERY, ids=repr)
def test_that_the_order_of_observations_does_not_matter(case, scheme):
    p = case.problem
    order = np.random.default_rng(4).permutation(len(p.y))
    shuffled = case.with_(
        hx=p.hx[order],
        y=p.y[order],
        variance=p.variance[order],
        noise=p.noise[order],
        obs_places=p.obs_places[order],
        operator=lambda x: case.h[order] @ x,
    )
    expected = scheme.analyse(p).x
    np.testing.assert_allclose(scheme.analyse(shuffled).x, expected, rtol=1e-11)


@pytest.mark.parametrize("scheme", EVERY, ids=repr)
@pytest.mark.parametrize("cut", [3, 9, 30])
def test_that_rows_in_slices_are_rows_at_once_bit_for_bit(case, scheme, cut):
    whole = scheme.analyse(case.problem).x
    parts = [scheme.analyse(case.problem.rows(rows)).x for rows in (slice(cut), slice(cut, None))]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("scheme", EVERY, ids=repr)
def test_that_the_number_of_threads_changes_no_bit(scheme):
    problem = linear(columns=150, layers=7, members=33, observed=40, seed=8).problem
    try:
        set_num_threads(1)
        one = scheme.analyse(problem).x
        set_num_threads(2)
        two = scheme.analyse(problem).x
    finally:
        set_num_threads(2)
    assert np.array_equal(one, two)


@pytest.mark.parametrize("scheme", EVERY, ids=repr)
def test_that_the_prior_is_untouched_unless_it_may_be_overwritten(case, scheme):
    before = case.problem.x.copy()
    kept = scheme.analyse(case.problem).x
    assert np.array_equal(case.problem.x, before)
    free = scheme.analyse(case.with_(x=before, overwrite=True)).x
    assert np.shares_memory(free, before)
    assert np.array_equal(free, kept)


def test_that_overwriting_in_blocks_is_overwriting_at_once(monkeypatch, case):
    scheme = LETKF(NEAR, RTPS(0.5))
    whole = scheme.analyse(case.problem).x
    monkeypatch.setattr("hydroda.filters.base.BLOCK", 5 * case.problem.members)
    assert np.array_equal(
        scheme.analyse(case.with_(x=case.problem.x.copy(), overwrite=True)).x, whole
    )


def test_that_rows_of_a_place_may_lie_apart(case):
    order = np.random.default_rng(2).permutation(len(case.problem.x))
    p = case.problem
    apart = case.with_(x=p.x[order], state_places=p.state_places[order], operator=None)
    for scheme in (LETKF(NEAR), EnKF(NEAR), ETKF()):
        assert np.array_equal(scheme.analyse(apart).x, scheme.analyse(p).x[order])


@pytest.mark.parametrize("scheme", [EnKF(), EnKF(NEAR), ETKF(), DEnKF(NEAR)], ids=repr)
def test_that_a_diagonal_correlation_is_none(case, scheme):
    dense = case.with_(correlation=np.eye(len(case.problem.y)))
    expected = scheme.analyse(case.problem).x
    np.testing.assert_allclose(scheme.analyse(dense).x, expected, rtol=1e-11)


def test_that_one_far_more_uncertain_observation_changes_nothing(case):
    p = case.problem
    more = case.with_(
        hx=np.vstack([p.hx, p.hx[:1]]),
        y=np.append(p.y, 3.0),
        variance=np.append(p.variance, 1e16),
        noise=np.vstack([p.noise, np.zeros(p.members)]),
        obs_places=Places.joined(p.obs_places, p.obs_places[:1]),
        operator=None,
    )
    for scheme in (EnKF(NEAR), LETKF(NEAR), ETKF(), DEnKF()):
        np.testing.assert_allclose(scheme.analyse(more).x, scheme.analyse(p).x, rtol=1e-10)


def test_that_an_observation_twice_is_one_with_half_the_variance(case):
    p = case.problem
    twice = case.with_(
        hx=np.vstack([p.hx, p.hx]),
        y=np.tile(p.y, 2),
        variance=np.tile(2 * p.variance, 2),
        noise=np.vstack([p.noise, p.noise]),
        obs_places=Places.joined(p.obs_places, p.obs_places),
        operator=None,
    )
    for scheme in (EnKF(), EnKF(NEAR), LETKF(NEAR), ETKF(), DEnKF()):
        np.testing.assert_allclose(scheme.analyse(twice).x, scheme.analyse(p).x, rtol=1e-9)


@pytest.mark.parametrize("scheme", [LETKF(NEAR), EnKF(NEAR), DEnKF(), ETKF()], ids=repr)
def test_that_damping_takes_a_part_of_the_increment(case, scheme):
    damping = np.linspace(0, 1, len(case.problem.x))
    full = scheme.analyse(case.problem).x
    damped = scheme.analyse(case.with_(damping=damping)).x
    prior = case.problem.x
    np.testing.assert_allclose(damped, prior + damping[:, None] * (full - prior), rtol=1e-12)


@pytest.mark.parametrize("scheme", [LETKF(NEAR), EnKF(NEAR), DEnKF(), ETKF()], ids=repr)
def test_that_rows_without_spread_are_left_alone(case, scheme):
    x = case.problem.x.copy()
    x[5] = 0.1
    assert (scheme.analyse(case.with_(x=x)).x[5] == 0.1).all()


@pytest.mark.parametrize("scheme", [*EVERY, EnKF(NEAR, taper=OnAnomalies())], ids=repr)
def test_that_without_observations_the_prior_comes_back(case, scheme):
    p = case.problem
    members = p.members
    empty = case.with_(
        hx=np.zeros((0, members)),
        y=np.zeros(0),
        variance=np.zeros(0),
        noise=np.zeros((0, members)),
        obs_places=p.obs_places[:0],
    )
    analysis = scheme.analyse(empty)
    assert np.array_equal(analysis.x, p.x)
    assert not analysis.diagnostics["reach"].any()


@pytest.mark.parametrize("scheme", [LETKF(NEAR), EnKF(NEAR), DEnKF(), ETKF()], ids=repr)
def test_that_units_of_a_row_do_not_matter(case, scheme):
    factor = np.where(np.arange(len(case.problem.x)) % 2, 1e3, 1.0)[:, None]
    scaled = scheme.analyse(case.with_(x=factor * case.problem.x)).x
    np.testing.assert_allclose(scaled, factor * scheme.analyse(case.problem).x, rtol=1e-12)


@pytest.mark.parametrize("scheme", [LETKF(NEAR), EnKF(NEAR), DEnKF(), ETKF()], ids=repr)
def test_that_the_order_of_members_does_not_matter(case, scheme):
    p, order = case.problem, np.random.default_rng(2).permutation(case.problem.members)
    shuffled = case.with_(x=p.x[:, order], hx=p.hx[:, order], noise=p.noise[:, order])
    expected = scheme.analyse(p).x[:, order]
    np.testing.assert_allclose(scheme.analyse(shuffled).x, expected, rtol=1e-10)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_that_a_large_mean_costs_no_more_digits_than_it_has(case, offset):
    p = case.problem
    moved = case.with_(x=p.x + offset, operator=None)
    for scheme in (EnKF(NEAR), LETKF(NEAR)):
        increment = scheme.analyse(moved).x - moved.x
        expected = scheme.analyse(p).x - p.x
        np.testing.assert_allclose(increment, expected, atol=offset * 1e-14)


def test_that_observations_reach_what_the_diagnostics_say(case):
    report = LETKF(NEAR).analyse(case.problem).diagnostics
    taper = NEAR.weights(case.problem.state_places, case.problem.obs_places).dense() > 0
    assert np.array_equal(report["reach"], taper.sum(axis=1))
    assert np.array_equal(report["reached_rows"], taper.sum(axis=0))


def test_that_the_rotation_keeps_mean_and_covariance(case):
    plain = LETKF(NEAR).analyse(case.problem).x
    turned = LETKF(NEAR, rotation=True).analyse(case.problem).x
    assert np.abs(turned - plain).max() > 0.1
    np.testing.assert_allclose(turned.mean(axis=1), plain.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(np.cov(turned), np.cov(plain), atol=1e-12)


def test_that_the_rotation_needs_a_stream(case):
    with pytest.raises(DeclarationError, match=r"rotation=True needs Problem\.rng"):
        ETKF(rotation=True).analyse(case.with_(rng=None))


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (lambda: ETKF(NEAR), r"use LETKF\(GaspariCohn"),
        (lambda: LETKF(NEAR, taper=OnGain()), "tapers R"),
    ],
)
def test_that_parts_that_do_not_fit_are_refused_when_declared(scheme, message):
    with pytest.raises(DeclarationError, match=message):
        scheme()


def test_that_an_enkf_without_perturbations_is_refused(case):
    with pytest.raises(DeclarationError, match=r"EnKF needs Problem\.noise"):
        EnKF().analyse(case.with_(noise=None))


def test_that_a_local_letkf_refuses_correlated_errors(case):
    problem = case.with_(correlation=np.eye(len(case.problem.y)))
    with pytest.raises(DeclarationError, match="uncorrelated"):
        LETKF(NEAR).analyse(problem)


@pytest.mark.parametrize("lost", ["state_places", "obs_places"])
@pytest.mark.parametrize("scheme", LOCAL)
def test_that_missing_places_never_mean_an_unlocalized_run(case, scheme, lost):
    with pytest.raises(DataError, match="places"):
        scheme(NEAR).analyse(case.with_(**{lost: None}))


def test_that_an_impossible_error_correlation_is_refused(case):
    bad = np.full((7, 7), -0.9) + 1.9 * np.eye(7)
    with pytest.raises(DataError, match="not positive definite at observation"):
        EnKF().analyse(case.with_(correlation=bad, hx=1e-3 * case.problem.hx))


def test_that_anomalies_cannot_be_scaled_without_an_operator(case):
    with pytest.raises(DeclarationError, match=r"Problem\.operator"):
        EnKF(NEAR, taper=OnAnomalies()).analyse(case.with_(operator=None))


@pytest.mark.parametrize(
    ("scheme", "needed"),
    [(EnKF(NEAR), False), (LETKF(), False), (EnKF(NEAR, taper=OnAnomalies()), True)],
    ids=repr,
)
def test_that_a_filter_says_whether_it_needs_operators(scheme, needed):
    assert scheme.needs_operator is needed


def test_that_filters_are_values():
    assert EnKF(NEAR, RTPS(0.5)) == EnKF(GaspariCohn(halfwidth="25 m"), RTPS(0.5))
    assert len({EnKF(NEAR), EnKF(NEAR), EnKF(NoLocalization()), EnKF()}) == 2


def test_that_many_observations_are_solved_in_the_space_of_members():
    many = linear(columns=40, layers=3, members=8, observed=60)
    p = many.problem
    dense = many.with_(correlation=np.eye(60))
    np.testing.assert_allclose(EnKF().analyse(p).x, EnKF().analyse(dense).x, rtol=1e-10)
