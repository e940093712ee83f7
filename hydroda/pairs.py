"""Pairs of places and observations: their weights, and their order."""

import math

import numpy as np
from numba import njit, prange

LEAF = 16  # points of a tree that are looked at one by one
EDGE = 1e-9  # so much farther is searched, since distances are rounded
BLOCK = 64  # places that a thread weighs one after the other


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
def runs(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Run (row,) of each row, first row (run,) of each, and whether all runs are known to differ.

    Rows that follow each other in one place are a run; NaN equals NaN. Runs differ where each is
    beyond the one before, as rows of a grid are: by x, y and z, by y, x and z, or by z, y and x.
    """
    run, first = np.empty(len(x), np.int64), np.empty(len(x), np.int64)
    count, by_rows, by_columns, by_layers = 0, True, True, True
    for row in range(len(x)):
        if row:
            by_x, by_y, by_z = (
                _order(x[row - 1], x[row]), _order(y[row - 1], y[row]), _order(z[row - 1], z[row])
            )  # fmt: skip
            if by_x == by_y == by_z == 0:
                run[row] = count - 1
                continue
            by_columns &= (by_x or by_y or by_z) > 0
            by_rows &= (by_y or by_x or by_z) > 0
            by_layers &= (by_z or by_y or by_x) > 0
        run[row], first[count] = count, row
        count += 1
    return run, first[:count].copy(), by_rows or by_columns or by_layers


@njit(cache=True, nogil=True)
def _order(one: float, other: float) -> int:
    """1 where `other` is the greater, 0 where they are equal or both NaN, else -1."""
    if one < other:
        return 1
    return 0 if one == other or (one != one and other != other) else -1


@njit(cache=True, nogil=True)
def gaspari_cohn(r: np.ndarray) -> np.ndarray:
    """The fifth-order function of Gaspari and Cohn (1999) at r (pair,)."""
    out = np.empty(len(r))
    for k in range(len(r)):
        out[k] = _gaspari_cohn(r[k])
    return out


@njit(cache=True, nogil=True)
def _gaspari_cohn(s: float) -> float:
    if s <= 1.0:
        return 1 + s * s * (-5 / 3 + s * (5 / 8 + s * (1 / 2 - s / 4)))
    if s < 2.0:
        outer = 4 - 2 / (3 * s) + s * (-5 + s * (5 / 3 + s * (5 / 8 + s * (-1 / 2 + s / 12))))
        # Rounding leaves ±1e-16 at the edge; a negative weight has no root.
        return max(outer, 0.0)
    return 0.0


@njit(cache=True, nogil=True)
def tree(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tree of points: their order, x and y in it (2, point), and boxes of its nodes (node, 4).

    Node n covers a run of the order; nodes 2n and 2n + 1 its halves, across the longer side of its
    box (least x and y, greatest x and y). The root is 1, leaves have at most LEAF points.
    """
    levels = 0
    while len(x) > LEAF << levels:
        levels += 1
    order = np.arange(len(x))
    boxes = np.empty((2 << levels, 4))
    for node in range(1, 2 << levels):
        first, last = _run(node, len(x))
        own = order[first:last]
        own_x, own_y = x[own], y[own]
        boxes[node] = own_x.min(), own_y.min(), own_x.max(), own_y.max()
        if node < 1 << levels:
            wide = boxes[node, 2] - boxes[node, 0] >= boxes[node, 3] - boxes[node, 1]
            order[first:last] = own[np.argsort(own_x if wide else own_y)]
    points = np.empty((2, len(x)))
    points[0], points[1] = x[order], y[order]
    return order, points, boxes


@njit(cache=True, nogil=True)
def _run(node: int, points: int) -> tuple[int, int]:
    """First and last of the points, in their order, that a node covers."""
    level = 0
    while node >> (level + 1):
        level += 1
    part = node - (1 << level)
    return points * part >> level, points * (part + 1) >> level


@njit(cache=True, nogil=True)
def _near(
    left: float, low: float, right: float, high: float, square: float,
    order: np.ndarray, points: np.ndarray, boxes: np.ndarray, near: np.ndarray,
) -> int:  # fmt: skip
    """How many points of a tree have squared distances to a box of `square` at most.

    Their numbers, ascending, begin `near`.
    """
    leaves, levels, count, node = len(boxes) >> 1, 0, 0, 1
    while leaves >> (levels + 1):
        levels += 1
    while node:
        dx = max(boxes[node, 0] - right, left - boxes[node, 2], 0.0)
        dy = max(boxes[node, 1] - high, low - boxes[node, 3], 0.0)
        if dx * dx + dy * dy <= square:
            if node < leaves:
                node *= 2
                continue
            part = node - leaves
            for k in range(len(order) * part >> levels, len(order) * (part + 1) >> levels):
                dx = max(points[0, k] - right, left - points[0, k], 0.0)
                dy = max(points[1, k] - high, low - points[1, k], 0.0)
                near[count] = order[k]
                count += dx * dx + dy * dy <= square
        # On to the next node that is not below this one.
        while node & 1:
            node >>= 1
        node += node > 0
    near[:count] = np.sort(near[:count])
    return count


@njit(cache=True, nogil=True)
def _together(
    x: np.ndarray, y: np.ndarray, first: int, end: int, reach: float,
    order: np.ndarray, points: np.ndarray, boxes: np.ndarray, near: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """End of a run of neighbours from `first` on, and how many observations may reach any of them.

    Their numbers, ascending, begin `near`. Neighbours lie in a box of `reach` at most; a place that
    is nowhere is alone.
    """
    left, low, right, high = x[first], y[first], x[first], y[first]
    if left != left or low != low:
        near[:] = np.arange(len(near))
        return first + 1, len(near)
    last = first + 1
    while last < end:
        wide = max(right, x[last]) - min(left, x[last])
        tall = max(high, y[last]) - min(low, y[last])
        if not (wide <= reach and tall <= reach and x[last] == x[last] and y[last] == y[last]):
            break
        left, right = min(left, x[last]), max(right, x[last])
        low, high = min(low, y[last]), max(high, y[last])
        last += 1
    square = (reach * (1 + EDGE)) ** 2
    return last, _near(left, low, right, high, square, order, points, boxes, near)


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(
    x: float, y: float, radius: float, at_x: np.ndarray, at_y: np.ndarray, weight: np.ndarray
) -> None:
    """The weights (near,) at one place, as vectors; 1 where it is nowhere."""
    for k in range(len(at_x)):
        dx, dy = x - at_x[k], y - at_y[k]
        weight[k] = math.sqrt(dx * dx + dy * dy) / radius
    for k in range(len(at_x)):
        weight[k] = _gaspari_cohn(weight[k]) if weight[k] == weight[k] else 1.0


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def gaspari_cohn_by_line(
    x: np.ndarray, y: np.ndarray, radius: float, obs_x: np.ndarray, obs_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start of each line, the observations that reach it, ascending, and their weights.

    x, y (line,) places; obs_x, obs_y (obs,). The weights are those of `gaspari_cohn` at the
    straight distance over the radius. Lines are gone through twice, to count and to weigh, so that
    weights are written where they stay; neighbouring ones share a search in the tree.
    """
    lines, observations, reach = len(x), len(obs_x), 2 * radius
    order, points, boxes = tree(obs_x, obs_y)
    blocks = (lines + BLOCK - 1) // BLOCK
    start = np.zeros(lines + 1, np.int64)
    for block in prange(blocks):
        near, weight = np.empty(observations, np.int64), np.empty(observations)
        line, end = BLOCK * block, min(BLOCK * (block + 1), lines)
        while line < end:
            last, count = _together(x, y, line, end, reach, order, points, boxes, near)
            at_x, at_y = obs_x[near[:count]], obs_y[near[:count]]
            while line < last:
                _weigh(x[line], y[line], radius, at_x, at_y, weight)
                for k in range(count):
                    start[line + 1] += weight[k] > 0.0
                line += 1
    for line in range(lines):
        start[line + 1] += start[line]
    obs, value = np.empty(start[lines], np.int64), np.empty(start[lines])
    for block in prange(blocks):
        near, weight = np.empty(observations, np.int64), np.empty(observations)
        own, line, end = np.empty_like(near), BLOCK * block, min(BLOCK * (block + 1), lines)
        while line < end:
            last, count = _together(x, y, line, end, reach, order, points, boxes, near)
            at_x, at_y = obs_x[near[:count]], obs_y[near[:count]]
            while line < last:
                _weigh(x[line], y[line], radius, at_x, at_y, weight)
                hits = 0
                for k in range(count):  # without a branch, that would often be taken wrongly
                    own[hits], weight[hits] = near[k], weight[k]
                    hits += weight[hits] > 0.0
                obs[start[line] : start[line + 1]] = own[:hits]
                value[start[line] : start[line + 1]] = weight[:hits]
                line += 1
    return start, obs, value


@njit(cache=True, nogil=True)
def rows_of(line: np.ndarray, start: np.ndarray, obs: np.ndarray, observations: int) -> np.ndarray:
    """How many rows (obs,) each observation reaches, of lines (row,) as in `Weights`."""
    rows = np.zeros(len(start) - 1, np.int64)
    for row in range(len(line)):
        rows[line[row]] += 1
    hits = np.zeros(observations, np.int64)
    for own in range(len(rows)):
        for k in range(start[own], start[own + 1]):
            hits[obs[k]] += rows[own]
    return hits
