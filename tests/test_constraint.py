"""The weak water budget against Dan's cost function, and bounds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from hydroda.analysis import Places, Problem, Water
from hydroda.constraint import Bounds, ColumnBudgets, NoConstraint, WaterBudget
from hydroda.errors import DeclarationError
from hydroda.filters import ETKF, LETKF, DEnKF, EnKF, OnAnomalies
from hydroda.inflation import MaximumLikelihood
from hydroda.localization import GaspariCohn, VerticalExponential

THICKNESS = np.array([20.0, 50.0, 100.0, 300.0, 1.0])  # [mm of water per unit of the row]


def column(members=40, seed=0, closed=False, flat=(), budget_sd=2.0):
    """Four soil moistures and snow [mm] of one column, one observation between two layers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.3, 0.03, (5, members))
    x[4] = rng.uniform(1, 3, members)
    for row in flat:
        x[row] = 0.25
    h = np.array([[0.6, 0.4, 0.0, 0.0, 0.0]])
    content = THICKNESS[None] @ x
    target = content if closed else content + rng.normal(4.0, budget_sd, (1, members))
    noise = 0.02 * rng.normal(size=(1, members))
    return Problem(
        x=x,
        hx=h @ x,
        y=np.array([0.33]),
        variance=np.array([4e-4]),
        noise=noise - noise.mean(),
        operator=lambda z: h @ z,
        water=Water(content, target, lambda z: THICKNESS[None] @ z),
        state_places=Places(np.zeros(5), np.zeros(5), [0.05, 0.2, 0.5, 1.5, np.nan]),
        obs_places=Places([0.0], [0.0], [0.1]),
    ), h


def changed(problem, **changes):
    return Problem(**{**vars(problem), **changes})


def minimum_of_j(problem, h, p, phi, member):
    """The minimizer of Dan's J for one member, found without any gain."""
    prior, target = problem.x[:, member], problem.water.target[0, member]
    y = problem.y[0] + problem.noise[0, member]
    root = np.linalg.cholesky(p)

    def cost(v):
        x = prior + root @ v
        misfit = (y - h @ x)[0] ** 2 / problem.variance[0]
        return misfit + v @ v + (target - THICKNESS @ x) ** 2 / phi

    found = minimize(cost, np.zeros(len(prior)), method="BFGS", options={"gtol": 1e-10})
    return prior + root @ found.x


@pytest.mark.filterwarnings("ignore:Desired error not necessarily achieved")
@pytest.mark.parametrize("factor", [1.0, 6.0])
@pytest.mark.parametrize("tapered", [False, True])
def test_that_the_analysis_minimizes_dans_cost(tapered, factor):
    problem, h = column()
    scheme = VerticalExponential(mu="3 1/m") if tapered else EnKF().localization
    inflation = MaximumLikelihood(at_least=factor, at_most=factor)
    analysis = EnKF(scheme, inflation, WaterBudget()).analyse(problem)
    depth = problem.state_places.depth
    rho = np.where(np.isnan(depth), 1.0, np.exp(-3 * np.abs(depth - 0.1))) if tapered else 1.0
    p = (
        factor
        * np.diag(np.broadcast_to(rho, 5))
        @ np.cov(problem.x)
        @ np.diag(np.broadcast_to(rho, 5))
    )
    phi = problem.water.target.var(ddof=1)
    for member in (0, 7):
        expected = minimum_of_j(problem, h, p, phi, member)
        np.testing.assert_allclose(analysis.x[:, member], expected, rtol=2e-5)


def test_that_the_analysis_is_dans_equation_13():
    problem, h = column()
    analysis = EnKF(constraint=WaterBudget()).analyse(problem)
    p, phi = np.cov(problem.x), problem.water.target.var(ddof=1)
    pa = np.linalg.inv(
        h.T @ h / problem.variance[0] + np.linalg.inv(p) + np.outer(THICKNESS, THICKNESS) / phi
    )
    expected = (
        problem.x
        + pa @ h.T / problem.variance[0] @ (problem.y + problem.noise - problem.hx)
        + pa @ THICKNESS[:, None] / phi @ (problem.water.target - problem.water.content)
    )
    np.testing.assert_allclose(analysis.x, expected, rtol=1e-10)


@pytest.mark.parametrize("members", [3, 40])
@pytest.mark.parametrize("scheme", [EnKF, DEnKF, ETKF])
def test_that_the_analysis_stays_finite_where_the_covariance_is_singular(scheme, members):
    problem, _ = column(members=members, flat=(2, 4))
    analysis = scheme(constraint=WaterBudget()).analyse(problem)
    assert np.isfinite(analysis.x).all()
    assert (analysis.x[[2, 4]] == 0.25).all()


def test_that_the_budget_draws_the_water_towards_it():
    problem, _ = column()
    free = EnKF(constraint=NoConstraint()).analyse(problem).x
    bound = EnKF(constraint=WaterBudget()).analyse(problem)
    residual = problem.water.target - THICKNESS[None] @ free
    assert np.abs(bound.diagnostics["residual"].mean()) < np.abs(residual.mean())


def test_that_a_closed_models_residual_is_minus_the_water_increment():
    problem, _ = column(closed=True)
    report = EnKF(constraint=WaterBudget()).analyse(problem).diagnostics
    np.testing.assert_allclose(report["residual"], -report["water_increment"], atol=1e-9)
    assert np.abs(report["residual"]).max() > 1e-3


def test_that_one_observation_loses_at_most_half_of_its_water_increment():
    """The factor is 1/(2 − r²), r the correlation of hx and cᵀx, for a closed model."""
    problem, _ = column(closed=True)
    free = EnKF().analyse(problem).x
    bound = EnKF(constraint=WaterBudget()).analyse(problem).diagnostics["water_increment"]
    unbound = THICKNESS[None] @ (free - problem.x)
    assert 0.5 <= bound.mean() / unbound.mean() <= 1.0


def test_that_a_budget_without_variance_has_a_floor():
    problem, _ = column(closed=True)
    same = changed(
        problem, water=Water(problem.water.content, np.full((1, 40), 180.0), problem.water.operator)
    )
    report = EnKF(constraint=WaterBudget()).analyse(same).diagnostics
    assert report["budget_variance"] == pytest.approx(1e-8)
    np.testing.assert_allclose(report["residual"], 0, atol=1e-3)


def test_that_the_budgets_error_may_be_inflated_like_the_forecasts():
    problem, _ = column()
    inflation = MaximumLikelihood(at_least=9.0, at_most=9.0)
    plain = EnKF(inflation=inflation, constraint=WaterBudget()).analyse(problem).diagnostics
    both = EnKF(inflation=inflation, constraint=WaterBudget(inflate_budget=True))
    report = both.analyse(problem).diagnostics
    np.testing.assert_allclose(report["budget_variance"], 9.0 * plain["budget_variance"])
    assert np.abs(report["residual"]).mean() > np.abs(plain["residual"]).mean()


def test_that_without_a_budget_the_constraint_is_off():
    problem, _ = column()
    off = changed(problem, water=None)
    expected = EnKF().analyse(off).x
    assert np.array_equal(EnKF(constraint=WaterBudget()).analyse(off).x, expected)


def test_that_a_budget_is_kept_without_any_observation():
    problem, _ = column()
    alone = changed(
        problem,
        hx=np.zeros((0, 40)),
        y=np.zeros(0),
        variance=np.zeros(0),
        noise=np.zeros((0, 40)),
        obs_places=problem.obs_places[:0],
    )
    report = EnKF(constraint=WaterBudget()).analyse(alone).diagnostics
    before = problem.water.target - problem.water.content
    assert np.abs(report["residual"]).mean() < np.abs(before).mean()


def test_that_the_residual_is_reported_before_and_after_clipping():
    problem, _ = column()
    tight = changed(problem, lower=np.full(5, -np.inf), upper=np.array([0.3, 0.3, 0.3, 0.3, 9.0]))
    analysis = EnKF(constraint=WaterBudget()).analyse(tight)
    report = analysis.diagnostics
    assert analysis.x[:4].max() <= 0.3
    lost = THICKNESS[None] @ (-report["clipped"])
    difference = report["residual"] - report["residual_before_clipping"]
    np.testing.assert_allclose(difference.mean(), lost[0])
    assert lost[0] > 0.1


def test_that_each_column_closes_its_own_budget():
    """Two columns far apart are two problems of one column."""
    one, two, joint = two_columns()
    scheme = GaspariCohn(cutoff="1 km")
    for filter in (EnKF, LETKF):
        x = filter(scheme, constraint=WaterBudget()).analyse(joint).x
        alone = [filter(constraint=WaterBudget()).analyse(p).x for p in (one, two)]
        np.testing.assert_allclose(x, np.vstack(alone), rtol=1e-11)


def test_that_scaling_some_rows_needs_the_water_summed_anew():
    problem, _ = column()
    blind = changed(problem, water=Water(problem.water.content, problem.water.target))
    scheme = EnKF(VerticalExponential(mu="3 1/m"), constraint=WaterBudget())
    with pytest.raises(DeclarationError, match=r"Water\.operator"):
        scheme.analyse(blind)


def test_that_uniform_inflation_needs_no_operator_of_the_water():
    problem, _ = column()
    blind = changed(
        problem, operator=None, water=Water(problem.water.content, problem.water.target)
    )
    scheme = EnKF(inflation=MaximumLikelihood(at_least=4.0), constraint=WaterBudget())
    np.testing.assert_allclose(scheme.analyse(blind).x, scheme.analyse(problem).x, rtol=1e-11)


def test_that_an_unscaled_row_keeps_its_covariance_with_the_water():
    problem, _ = column()
    scaled = np.array([True, True, True, True, False])
    moved = changed(
        problem,
        scaled=scaled,
        state_places=Places(np.zeros(5), np.zeros(5), [0.05, 0.2, 0.5, 1.5, 1.5]),
    )
    scheme = EnKF(VerticalExponential(mu="3 1/m"), constraint=WaterBudget(), taper=OnAnomalies())
    expected = scheme.analyse(problem).x
    np.testing.assert_allclose(scheme.analyse(moved).x, expected, rtol=1e-11)


def test_that_bounds_clip_and_report_by_row():
    problem, _ = column()
    analysis = EnKF(constraint=Bounds(upper=0.3)).analyse(problem)
    free = EnKF().analyse(problem).x
    np.testing.assert_allclose(analysis.x, np.minimum(free, 0.3), rtol=1e-12)
    expected = (np.minimum(free, 0.3) - free).mean(axis=1)
    np.testing.assert_allclose(analysis.diagnostics["clipped"], expected, atol=1e-15)


def test_that_bounds_may_come_with_the_problem():
    problem, _ = column()
    lower = np.array([0.3, 0.2, 0.2, 0.2, 0.0])
    analysis = EnKF(constraint=Bounds()).analyse(changed(problem, lower=lower))
    assert (analysis.x >= lower[:, None]).all()


@pytest.mark.parametrize(
    "make", [lambda: Bounds(lower=1.0, upper=0.0), lambda: WaterBudget(floor="0 mm**2")]
)
def test_that_impossible_constraints_are_refused(make):
    with pytest.raises(DeclarationError):
        make()


def two_columns():
    """Two of `column` side by side, with one operator for both waters."""
    one, two = column(seed=1)[0], column(seed=2)[0]
    sums = np.kron(np.eye(2), THICKNESS)
    return (
        one,
        two,
        Problem(
            x=np.vstack([one.x, two.x]),
            hx=np.vstack([one.hx, two.hx]),
            y=np.concatenate([one.y, two.y]),
            variance=np.concatenate([one.variance, two.variance]),
            noise=np.vstack([one.noise, two.noise]),
            state_places=Places(np.repeat([0.0, 5e4], 5), np.zeros(10), np.full(10, np.nan)),
            obs_places=Places([0.0, 5e4], [0.0, 0.0], [0.1, 0.1]),
            water=Water(
                np.vstack([one.water.content, two.water.content]),
                np.vstack([one.water.target, two.water.target]),
                lambda z: sums @ z,
                Places([0.0, 5e4], [0.0, 0.0], [np.nan, np.nan]),
            ),
        ),
    )


def test_that_a_columns_own_budget_is_a_scalar_kalman_step():
    problem, _ = column()
    free = EnKF().analyse(problem).x
    water = THICKNESS[None] @ free
    gain = np.cov(np.vstack([free, water]))[:5, 5] / (
        water.var(ddof=1) + problem.water.target.var(ddof=1)
    )
    expected = free + gain[:, None] * (problem.water.target - water)
    x = EnKF(constraint=ColumnBudgets()).analyse(problem).x
    np.testing.assert_allclose(x, expected, rtol=1e-11)


def test_that_many_members_make_both_forms_of_the_budget_agree():
    problem, _ = column(members=4000)
    joint = EnKF(constraint=WaterBudget()).analyse(problem)
    own = EnKF(constraint=ColumnBudgets()).analyse(problem)
    np.testing.assert_allclose(own.x.mean(axis=1), joint.x.mean(axis=1), rtol=5e-3)
    np.testing.assert_allclose(own.x.std(axis=1), joint.x.std(axis=1), rtol=5e-2)


def test_that_own_budgets_of_two_columns_are_those_of_each():
    one, two, joint = two_columns()
    scheme = GaspariCohn(cutoff="1 km")
    x = EnKF(scheme, constraint=ColumnBudgets()).analyse(joint).x
    alone = [EnKF(constraint=ColumnBudgets()).analyse(p).x for p in (one, two)]
    np.testing.assert_allclose(x, np.vstack(alone), rtol=1e-10)


def test_that_own_budgets_leave_rows_of_no_column_alone():
    *_, joint = two_columns()
    places = Places(np.append(np.repeat([0.0, 5e4], 5)[:-1], np.nan), np.zeros(10), np.zeros(10))
    moved = changed(joint, state_places=places)
    free = EnKF().analyse(moved).x
    x = EnKF(constraint=ColumnBudgets()).analyse(moved).x
    assert np.array_equal(x[-1], free[-1])
    assert (x[:-1] != free[:-1]).any()


def test_that_own_budgets_need_the_water_summed_anew():
    problem, _ = column()
    blind = changed(problem, water=Water(problem.water.content, problem.water.target))
    with pytest.raises(DeclarationError, match=r"Water\.operator"):
        EnKF(constraint=ColumnBudgets()).analyse(blind)
