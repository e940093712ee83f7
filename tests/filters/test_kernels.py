"""The inner loops, compiled and as plain Python."""

import numpy as np
import pytest

from hydroda.filters import _kernels


@pytest.fixture(params=["compiled", "python"])
def form(request, monkeypatch):
    """A function that gives a kernel in one of its two forms, the kernels it calls likewise."""
    if request.param == "python":
        for name, kernel in vars(_kernels).copy().items():
            if hasattr(kernel, "py_func"):
                monkeypatch.setattr(_kernels, name, kernel.py_func)
    return lambda name: getattr(_kernels, name)


def _symmetric(n, rank, rng):
    y = rng.normal(size=(n, rank)) * rng.lognormal(sigma=2, size=(n, 1))
    return y @ y.T


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (2, 2), (3, 1), (9, 9), (24, 5), (12, 40)])
def test_that_eigenvectors_rebuild_their_matrix(form, n, rank):
    matrix = _symmetric(n, rank, np.random.default_rng(n))
    values, z, off, w = np.empty(n), np.empty((n, n)), np.empty(n), np.empty(n)
    assert form("eigen")(matrix.copy(), values, z, off, w)
    scale = np.abs(matrix).max()
    np.testing.assert_allclose(z.T @ np.diag(values) @ z, matrix, atol=1e-13 * scale)
    np.testing.assert_allclose(z @ z.T, np.eye(n), atol=1e-13)


@pytest.mark.parametrize("matrix", [np.zeros((4, 4)), np.eye(5), np.diag([3.0, 1.0, 2.0])])
def test_that_a_diagonal_matrix_has_its_diagonal_as_eigenvalues(form, matrix):
    n = len(matrix)
    values, z, off, w = np.empty(n), np.empty((n, n)), np.empty(n), np.empty(n)
    assert form("eigen")(matrix.copy(), values, z, off, w)
    np.testing.assert_allclose(np.sort(values), np.sort(np.diag(matrix)))


def test_that_eigenvalues_that_are_not_numbers_are_reported(form):
    n = 4
    values, z, off, w = np.empty(n), np.empty((n, n)), np.empty(n), np.empty(n)
    matrix = np.full((n, n), np.nan)
    converged = form("eigen")(matrix, values, z, off, w)
    assert not converged or np.isnan(values).any()


def test_that_a_banded_matrix_is_solved_within_its_envelope(form):
    rng = np.random.default_rng(0)
    n = 9
    matrix = np.eye(n) * 4.0
    for i, j, value in [(3, 1, 1.0), (5, 4, -1.0), (8, 2, 0.5)]:
        matrix[i, j] = matrix[j, i] = value
    first = [int(np.flatnonzero(matrix[i])[0]) for i in range(n)]
    begin = np.concatenate([[0], np.cumsum([i - f + 1 for i, f in enumerate(first)])])
    entries = np.concatenate([matrix[i, f : i + 1] for i, f in enumerate(first)])
    right = rng.normal(size=(n, 3))
    solution = right.copy()
    assert form("cholesky")(begin, entries) == -1
    form("solve")(begin, entries, solution)
    np.testing.assert_allclose(matrix @ solution, right, atol=1e-14)


def test_that_a_matrix_without_root_names_its_row(form):
    begin = np.array([0, 1, 3])
    assert form("cholesky")(begin, np.array([1.0, 2.0, 1.0])) == 1


def test_that_the_envelope_holds_the_tapered_matrix(form):
    rng = np.random.default_rng(1)
    p, members = 6, 5
    y, variance = rng.normal(size=(p, members)), rng.uniform(1, 2, p)
    taper = np.eye(p)
    taper[0, 4] = taper[4, 0] = 0.5
    taper[2, 3] = taper[3, 2] = 0.25
    i, j = np.nonzero(taper)
    start = np.concatenate([[0], np.cumsum(np.bincount(i))])
    order = np.array([4, 0, 3, 2, 5, 1])
    begin, entries = form("assemble")(
        y, variance, order, np.argsort(order), np.arange(p), start, j, taper[i, j]
    )
    expected = (taper * (y @ y.T) / (members - 1) + np.diag(variance))[np.ix_(order, order)]
    for row in range(p):
        length = begin[row + 1] - begin[row]
        np.testing.assert_allclose(
            entries[begin[row] : begin[row + 1]], expected[row, row - length + 1 : row + 1]
        )
    assert len(entries) < p * (p + 1) / 2


def test_that_the_space_of_members_solves_the_same_system(form):
    rng = np.random.default_rng(2)
    p, members = 12, 4
    y, variance = rng.normal(size=(p, members)), rng.uniform(1, 2, p)
    y -= y.mean(axis=1, keepdims=True)
    right = rng.normal(size=(p, 3))
    expected = np.linalg.solve(y @ y.T / (members - 1) + np.diag(variance), right)
    np.testing.assert_allclose(form("solve_in_member_space")(y, 1 / variance, right), expected)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_that_both_ways_of_a_transform_give_one_analysis(form, count):
    rng = np.random.default_rng(count)
    members = 5
    y = rng.normal(size=(count, members))
    y -= y.mean(axis=1, keepdims=True)
    d, variance = rng.normal(size=count), rng.uniform(0.5, 1, count)
    weight, obs = rng.uniform(0.1, 1, count), np.arange(count)
    a = rng.normal(size=members)
    increments = []
    for name in ("transform_by_observations", "transform_by_members"):
        n = max(count, members)
        left, right = np.empty((n, members)), np.empty((n, members))
        scratch = np.empty((n, n)), np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n)
        if name == "transform_by_members":
            scratch = tuple(s[:members, :members].copy() if s.ndim == 2 else s[:members].copy()
                            for s in scratch)  # fmt: skip
        kept = form(name)(y, d, variance, obs, weight, 0, count, left, right, *scratch)
        increments.append((left[:kept] @ a) @ right[:kept])
    np.testing.assert_allclose(*increments, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("t", [1e-18, 1e-9, 1.0, 1e12])
def test_that_the_weight_of_the_root_does_not_cancel(form, t):
    exact = -np.expm1(-0.5 * np.log1p(t)) / t
    assert form("root_weight")(t) == pytest.approx(exact, rel=1e-15)


def test_that_the_weight_of_the_root_is_a_half_without_signal(form):
    assert form("root_weight")(0.0) == 0.5


@pytest.mark.parametrize("hands", [1, 2, 5])
def test_that_rows_are_updated_alike_in_both_forms_and_by_any_number_of_hands(hands):
    rng = np.random.default_rng(3)
    x, left, right = rng.normal(size=(7, 6)), rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    arguments = (
        np.array([2, 0, 1, 3, 4, 5, 6]),
        np.array([0, 1]),
        np.array([0, 5, 7]),
        np.array([0, 2, 3]),
        np.array([0, 2, 1]),
        np.array([0.5, 1.0, 0.25]),
        left,
        right,
        np.linspace(0, 1, 7),
    )
    compiled, plain, alone = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    _kernels.gain_rows(x, compiled, *arguments, hands)
    _kernels.gain_rows.py_func(x, plain, *arguments, hands)
    np.testing.assert_allclose(compiled, plain, rtol=1e-13)
    _kernels.gain_rows(x, alone, *arguments, 1)
    assert (compiled == alone).all()


def test_that_a_rotation_is_the_same_in_both_forms():
    rng = np.random.default_rng(3)
    x, omega = rng.normal(size=(7, 6)), rng.normal(size=(6, 6))
    compiled, plain = x.copy(), x.copy()
    _kernels.rotate_rows(compiled, omega, 3)
    _kernels.rotate_rows.py_func(plain, omega, 3)
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)
    mean = x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(compiled, mean + (x - mean) @ omega, rtol=1e-12)
