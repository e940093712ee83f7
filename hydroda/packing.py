"""From members to rows and back: numbers of cells travel, and moments over members are taken.

Fields are (member, cell), matrices (row, member). Every kernel does a piece of the rows or members,
so that pieces can go to threads; none shares a sum, so that no bit depends on their number.
"""

import numpy as np
from numba import njit

TILE = 64  # rows or cells at once: what they touch stays in the nearest memories


@njit(cache=True, nogil=True)
def gather(
    field: np.ndarray, cells: np.ndarray, rows: np.ndarray, x: np.ndarray, first: int, last: int
) -> None:
    """Fill x[rows[k], m] from field[m, cells[k]], k from `first` to `last`."""
    for start in range(first, last, TILE):
        stop = min(start + TILE, last)
        for m in range(field.shape[0]):
            for k in range(start, stop):
                x[rows[k], m] = field[m, cells[k]]


@njit(cache=True, nogil=True)
def scatter(
    x: np.ndarray, rows: np.ndarray, cells: np.ndarray, allowed: np.ndarray, low: float,
    high: float, field: np.ndarray, first: int, last: int,
) -> None:  # fmt: skip
    """Fill field[m, cells[k]] from x[rows[k], m], kept between `low` and `high`.

    `allowed` (row, member) says where; empty: everywhere.
    """
    everywhere = allowed.size == 0
    for start in range(first, last, TILE):
        stop = min(start + TILE, last)
        for m in range(field.shape[0]):
            for k in range(start, stop):
                value = x[rows[k], m]
                if value < low:  # so that NaN stays
                    value = low
                elif value > high:
                    value = high
                if everywhere or allowed[rows[k], m]:
                    field[m, cells[k]] = value


@njit(cache=True, nogil=True)
def moments(
    fields: np.ndarray, mean: np.ndarray, spread: np.ndarray, first: int, last: int
) -> None:
    """Mean over members, one after the other, and standard deviation (N - 1) of some rows.

    fields (member, row); an empty `spread` is not asked for.
    """
    members = fields.shape[0]
    for start in range(first, last, TILE):
        stop = min(start + TILE, last)
        for i in range(start, stop):
            mean[i] = 0.0
        for m in range(members):
            for i in range(start, stop):
                mean[i] += fields[m, i]
        for i in range(start, stop):
            mean[i] /= members
        if spread.size == 0:
            continue
        for i in range(start, stop):
            spread[i] = 0.0
        for m in range(members):
            for i in range(start, stop):
                off = fields[m, i] - mean[i]
                spread[i] += off * off
        for i in range(start, stop):
            spread[i] = np.sqrt(spread[i] / (members - 1)) if members > 1 else np.nan


@njit(cache=True, nogil=True)
def kept(
    old: np.ndarray, new: np.ndarray, after: np.ndarray, counts: np.ndarray, first: int, last: int
) -> None:
    """By member: how many values an analysis moved, and how many of these stayed so; (member, 2).

    They stayed within 1e-9 and a millionth, as `numpy.isclose` has it.
    """
    for m in range(first, last):
        moved = same = 0
        for i in range(old.shape[1]):
            if new[m, i] != old[m, i]:
                moved += 1
                close = abs(after[m, i] - new[m, i]) <= 1e-9 + 1e-6 * abs(new[m, i])
                same += close or after[m, i] == new[m, i]
        counts[m, 0], counts[m, 1] = moved, same
