"""(ρ ∘ HPHᵀ + R)⁻¹ times a matrix, once per analysis, in observation space."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from hydroda.analysis import Problem
from hydroda.errors import DataError
from hydroda.filters import _kernels


def solve_innovation(problem: Problem, right: np.ndarray) -> np.ndarray:
    """(ρ ∘ HPHᵀ + R)⁻¹ right (obs, member), with ρ the `obs_weights` of the problem.

    Where the taper is zero nothing is stored: the observations are numbered so that the envelope
    of the matrix is narrow. Where nothing is tapered and observations outnumber members, the
    inverse is taken in the space of members.
    """
    y = problem.anomalies
    weights = problem.obs_weights
    if weights is None and problem.correlation is None and len(y) > 2 * problem.members:
        return _in_member_space(problem, y, right)
    if weights is None or problem.correlation is not None:
        return _dense(problem, y, right)
    p = len(y)
    pattern = sparse.csr_array(
        (weights.value, weights.obs, weights.start), shape=(weights.lines, p)
    )
    order = reverse_cuthill_mckee(sparse.csr_matrix(pattern[weights.line]), symmetric_mode=True)
    order = order.astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(p)
    entries = (weights.line, weights.start, weights.obs, weights.value)
    start, matrix = _kernels.assemble(y, problem.variance, order, place, *entries)
    solution = np.empty((p, right.shape[1]))
    solution[order] = _solve_envelope(start, matrix, right[order])
    return solution


def _dense(problem: Problem, y: np.ndarray, right: np.ndarray) -> np.ndarray:
    p = len(y)
    taper = np.ones((p, p)) if problem.obs_weights is None else problem.obs_weights.dense()
    start, matrix = _kernels.assemble_dense(y, taper, problem.covariance)
    return _solve_envelope(start, matrix, right.copy())


def _solve_envelope(start: np.ndarray, matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    bad = _kernels.cholesky(start, matrix)
    if bad >= 0:
        raise DataError(
            f"ρ ∘ HPHᵀ + R is not positive definite at observation {bad}: the error correlation or "
            "the taper on this metric is not one; use a shorter radius or check `correlation`"
        )
    _kernels.solve(start, matrix, right)
    return right


def _in_member_space(problem: Problem, y: np.ndarray, right: np.ndarray) -> np.ndarray:
    """R⁻¹(right − Y((N−1)I + YᵀR⁻¹Y)⁻¹YᵀR⁻¹ right)."""
    inverse = 1.0 / problem.variance
    return _kernels.solve_in_member_space(y, inverse, right)
