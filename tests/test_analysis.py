"""Places, weights and the checks of a problem."""

import numpy as np
import pytest

from hydroda.analysis import Places, Problem, Water, Weights, spread
from hydroda.errors import DataError


def _problem(**changes):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 5))
    arrays = {"x": x, "hx": x[:2], "y": np.zeros(2), "variance": np.ones(2)}
    return Problem(**{**arrays, **changes})


def test_that_lines_are_numbered_as_they_appear_and_merge_separate_runs():
    places = Places([5.0, 5.0, 2.0, 5.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 1.0, 1.0])
    line, distinct = places.distinct(("x", "y"))
    assert line.tolist() == [0, 0, 1, 0]
    assert distinct.x.tolist() == [5.0, 2.0]


def test_that_unplaced_rows_share_one_line():
    nan = np.nan
    places = Places([nan, 1.0, nan], [nan, 1.0, nan], [0.0, 0.0, 0.0])
    line, distinct = places.distinct(("x", "y"))
    assert line.tolist() == [0, 1, 0]
    assert np.isnan(distinct.x[0])


@pytest.mark.parametrize("names", [("x", "y", "depth"), ("x", "y"), ("depth",), ("y", "depth")])
@pytest.mark.parametrize("seed", range(6))
def test_that_lines_are_the_distinct_places_in_their_order(names, seed):
    """Grids in any order, scattered places, and rows without some coordinate."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.arange(4.0) - 1,) * 3, indexing=["ij", "xy"][seed % 2])
    x, y, depth = (np.repeat(axis.ravel(), 2) for axis in grid)
    if seed > 1:
        at = rng.permutation(len(x)) if seed > 3 else np.argsort(depth, kind="stable")
        x, y, depth = x[at], y[at], depth[at]
    if seed % 3 == 2:
        x = np.where(x == 1, np.nan, x)
    places = Places(x, y, np.where(depth == 0, rng.choice([0.0, -0.0], len(depth)), depth))
    seen, expected, firsts = {}, [], []
    for row, key in enumerate(zip(*(getattr(places, n).tolist() for n in names), strict=True)):
        key = tuple("nowhere" if v != v else v for v in key)
        if key not in seen:
            seen[key] = len(seen)
            firsts.append(row)
        expected.append(seen[key])
    line, distinct = places.distinct(names)
    assert line.tolist() == expected and line.dtype == np.int64
    for name in ("x", "y", "depth"):
        assert np.array_equal(
            getattr(distinct, name), getattr(places, name)[firsts], equal_nan=True
        )


def test_that_places_of_unequal_lengths_are_refused():
    with pytest.raises(DataError, match="one length; got 2, 1, 2"):
        Places([0.0, 1.0], [0.0], [0.0, 1.0])


def test_that_weights_know_reach_and_largest_per_row():
    weights = Weights(
        line=np.array([0, 0, 1, 2]),
        start=np.array([0, 2, 2, 3]),
        obs=np.array([0, 2, 1]),
        value=np.array([0.5, 0.25, 1.0]),
        observations=3,
    )
    assert weights.reach.tolist() == [2, 2, 0, 1]
    assert weights.largest.tolist() == [0.5, 0.5, 0.0, 1.0]
    assert weights.dense().tolist() == [[0.5, 0, 0.25], [0.5, 0, 0.25], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.zeros(3)}, r"y must have shape \(2,\); got \(3,\)"),
        ({"noise": np.zeros((2, 4))}, r"noise must have shape \(2, 5\); got \(2, 4\)"),
        ({"y": np.array([0.0, np.nan])}, "y must be finite; observation 1 is not"),
        ({"variance": np.array([1.0, 0.0])}, "variance must be positive; observation 1"),
        ({"x": np.zeros((3, 1))}, "at least two members; got 1"),
        ({"obs_places": Places.nowhere(3)}, "obs_places must have 2 places; got 3"),
        ({"lower": np.zeros(2)}, r"lower must have shape \(6,\)"),
    ],
)
def test_that_a_malformed_problem_is_refused_with_its_reason(changes, message):
    with pytest.raises(DataError, match=message):
        _problem(**changes)


def test_that_a_problem_may_have_no_observations():
    empty = _problem(hx=np.zeros((0, 5)), y=np.zeros(0), variance=np.zeros(0))
    assert empty.reach.tolist() == [0] * 6


def test_that_a_water_target_must_fit_its_content():
    with pytest.raises(DataError, match=r"got \(1, 3\) and \(1, 4\)"):
        Water(content=np.zeros((1, 3)), target=np.zeros((1, 4)))


def test_that_spreading_by_nothing_keeps_every_bit():
    x = np.random.default_rng(0).normal(1e6, 1, size=(9, 7))
    assert np.array_equal(spread(x.copy(), np.zeros(9)), x)


def test_that_spreading_scales_anomalies_about_the_mean():
    x = np.random.default_rng(0).normal(size=(5000, 7))
    wide = spread(x.copy(), np.full(5000, 1.0))
    np.testing.assert_allclose(wide.mean(axis=1), x.mean(axis=1), atol=1e-14)
    np.testing.assert_allclose(wide.std(axis=1), 2 * x.std(axis=1))


def test_that_realised_members_carry_the_scale_only_where_observations_reach():
    problem = _problem()
    weights = Weights(
        np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 1]), np.array([0]), np.ones(1), 2
    )
    scaled = _problem(x=problem.x, scale=np.full(6, 3.0), gain_hx=problem.hx, weights=weights)
    x = scaled.realised().x
    np.testing.assert_allclose(x[:3].std(axis=1), 3 * problem.x[:3].std(axis=1))
    assert np.array_equal(x[3:], problem.x[3:])
