"""Pairs of places and observations: their weights, and their order."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def by_line(
    i: np.ndarray, j: np.ndarray, value: np.ndarray, lines: int, observations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of weights of each line, their observations, ascending, and the weights; no zeros.

    i (pair,) lines and j (pair,) observations come in any order, each pair once. They are sorted by
    counting, twice: the time is that of the pairs, however many there are on a line.
    """
    place = np.zeros(observations + 1, np.int64)
    start = np.zeros(lines + 1, np.int64)
    for k in range(len(value)):
        if value[k] > 0.0:
            place[j[k] + 1] += 1
            start[i[k] + 1] += 1
    counts = start[1:].copy()
    for o in range(observations):
        place[o + 1] += place[o]
    for line in range(lines):
        start[line + 1] += start[line]
    kept = np.empty(start[lines], np.int64)
    for k in range(len(value)):
        if value[k] > 0.0:
            kept[place[j[k]]] = k
            place[j[k]] += 1
    obs, weight = np.empty(len(kept), np.int64), np.empty(len(kept))
    for k in kept:
        at = start[i[k]]
        obs[at], weight[at] = j[k], value[k]
        start[i[k]] += 1
    return counts, obs, weight


@njit(cache=True, nogil=True)
def gaspari_cohn(r: np.ndarray) -> np.ndarray:
    """The fifth-order function of Gaspari and Cohn (1999) at r (pair,)."""
    out = np.zeros(len(r))
    for k in range(len(r)):
        s = r[k]
        if s <= 1.0:
            out[k] = 1 + s * s * (-5 / 3 + s * (5 / 8 + s * (1 / 2 - s / 4)))
        elif s < 2.0:
            outer = 4 - 2 / (3 * s) + s * (-5 + s * (5 / 3 + s * (5 / 8 + s * (-1 / 2 + s / 12))))
            # Rounding leaves ±1e-16 at the edge; a negative weight has no root.
            out[k] = max(outer, 0.0)
    return out
