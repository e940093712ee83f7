"""From weights and two factors to analysed rows."""

from __future__ import annotations

import numpy as np

from hydroda.analysis import Problem, Weights
from hydroda.filters import _kernels
from hydroda.threads import HANDS, threads_for

LONGEST = 256
"""Rows of a line that one thread takes at a time: a single line, too, keeps all threads busy."""


def add_to_rows(problem: Problem, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x + α Σ_o ρ_o (a · left_o) right_o (state, member), a scaled where the problem says so."""
    weights = problem.weights
    assert weights is not None
    factor = np.ascontiguousarray(problem.damping)
    if problem.scale is not None:
        factor = factor * problem.scale
    out = problem.x if problem.overwrite else np.empty_like(problem.x)
    rows, edges = grouped(weights)
    line, edges = _split(edges)
    with threads_for(problem.x.size * (1 + len(weights.obs) / max(1, weights.lines))):
        _kernels.gain_rows(
            problem.x, out, rows, line, edges, weights.start, weights.obs, weights.value,
            np.ascontiguousarray(left), np.ascontiguousarray(right), factor, HANDS,
        )  # fmt: skip
    return out


def grouped(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Rows ordered by line, and where each line begins and the last ends (line + 1,)."""
    line = weights.line
    rows = np.arange(len(line), dtype=np.int64)
    if not (line[1:] >= line[:-1]).all():
        rows = np.argsort(line, kind="stable").astype(np.int64)
    edges = np.zeros(weights.lines + 1, dtype=np.int64)
    np.cumsum(np.bincount(line, minlength=weights.lines), out=edges[1:])
    return rows, edges


def _split(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of at most LONGEST rows: the line of each, and their edges (piece + 1,)."""
    length = np.diff(edges)
    pieces = -(-length // LONGEST)
    line = np.repeat(np.arange(len(length)), pieces)
    number = np.arange(len(line)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return line, np.append(edges[line] + number * LONGEST, edges[-1:])
