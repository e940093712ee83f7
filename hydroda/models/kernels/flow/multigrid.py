"""Multigrid for cells as wide as thick: columns merged two by two, layers kept.

Coarse levels lie one after the other in the arrays of `Coarse`. Coarse equations are sums of fine
ones; couplings sideways are halved, since coarse centres are twice as far apart. Cycles take off
four fifths or more each by themselves; where they do not, one is a preconditioner of the Krylov
method.
"""

import numpy as np

from hydroda.compiled import fused_kernel as kernel
from hydroda.models.kernels.flow.lanes import natural
from hydroda.models.kernels.flow.member import (
    DI,
    FACTOR,
    LO,
    PIVOT,
    UP,
    WEST,
    Member,
)

# Rows of coarse.a: the equations, the lines eliminated, solution, right side.
C_DI, C_LO, C_UP, C_WEST = 0, 1, 2, 3
C_PIVOT, C_FACTOR, C_X, C_B = 7, 8, 9, 10
COARSE_ROWS = 11
# Sweeps there and back on the coarsest level.
COARSEST = 4

FINE_ROWS = (DI, LO, UP, WEST, PIVOT, FACTOR)
LEVEL_ROWS = (C_DI, C_LO, C_UP, C_WEST, C_PIVOT, C_FACTOR)


@kernel
def coarsen(m: Member) -> None:
    """The equations of all coarse levels from those of the grid."""
    c, layers = m.coarse, m.mesh.layers
    a = c.a
    for row in range(C_PIVOT):
        for i in range(a.shape[1]):
            a[row, i] = 0.0
    _merge(m.x, FINE_ROWS, m.mesh.beside, m.mesh.columns, 0, c.parent, 0, a, 0, layers)
    for level in range(c.levels.shape[0]):
        first, columns = c.levels[level, 0], c.levels[level, 1]
        if level > 0:
            before = c.levels[level - 1]
            own = c.beside[before[0] : before[0] + before[1]]
            start = m.mesh.columns + before[0]
            _merge(a, LEVEL_ROWS, own, before[1], before[0], c.parent, start, a, first, layers)
        for column in range(columns):
            factor = 0.0
            for i in range((first + column) * layers, (first + column + 1) * layers):
                pivot = 1.0 / (a[C_DI, i] - a[C_LO, i] * factor)
                factor = a[C_UP, i] * pivot
                a[C_PIVOT, i], a[C_FACTOR, i] = pivot, factor


@kernel
def _merge(
    fine: np.ndarray,
    rows: tuple[int, ...],
    beside: np.ndarray,
    columns: int,
    first: int,
    parent: np.ndarray,
    start: int,
    a: np.ndarray,
    target: int,
    layers: int,
) -> None:
    """Adds the equations of `columns` columns, the first one `first`, to those of their parents."""
    for column in range(columns):
        own = parent[start + column]
        here = natural((first + column) * layers)
        there = natural((target + own) * layers)
        for k in range(layers):
            a[C_DI, there + k] += fine[rows[0], here + k]
            a[C_LO, there + k] += fine[rows[1], here + k]
            a[C_UP, there + k] += fine[rows[2], here + k]
        for side in range(4):
            other = beside[column, side]
            if other < 0:
                continue
            inside = parent[start + other] == own
            for k in range(layers):
                coupling = fine[rows[3] + side, here + k]
                # What a row sums to stays: half of what no longer couples goes to the diagonal.
                a[C_DI, there + k] += coupling if inside else 0.5 * coupling
                if not inside:
                    a[C_WEST + side, there + k] += 0.5 * coupling


@kernel
def _relax(
    f: np.ndarray,
    rows: tuple[int, ...],
    beside: np.ndarray,
    columns: int,
    first: int,
    layers: int,
    b: int,
    x: int,
    sign: float,
    back: bool,
) -> None:
    """One line Gauss-Seidel sweep of A x = sign b."""
    for step in range(columns):
        column = columns - 1 - step if back else step
        here = natural((first + column) * layers)
        for i in range(here, here + layers):
            f[x, i] = sign * f[b, i]
        for side in range(4):
            other = beside[column, side]
            if other >= 0:
                there = natural((first + other) * layers)
                for k in range(layers):
                    f[x, here + k] -= f[rows[3] + side, here + k] * f[x, there + k]
        before = 0.0
        for i in range(here, here + layers):
            before = f[x, i] * f[rows[4], i] - f[rows[1], i] * f[rows[4], i] * before
            f[x, i] = before
        before = 0.0
        for i in range(here + layers - 1, here - 1, -1):
            before = f[x, i] - f[rows[5], i] * before
            f[x, i] = before


@kernel
def cycle(m: Member, rest: int, source: int, target: int, sign: float) -> None:
    """Brings target nearer to A target = sign source, by what is left over on all levels.

    Nothing is smoothed on the way down, twice on the way up: as good as once on both ways, and what
    a sweep leaves over need not be known on any level.
    """
    mesh, c, layers = m.mesh, m.coarse, m.mesh.layers
    a, x, levels = c.a, m.x, c.levels
    _restrict(x, rest, mesh.columns, 0, c.parent, 0, a, levels[0, 0], levels[0, 1], layers)
    deepest = levels.shape[0] - 1
    for level in range(deepest):
        first, columns = levels[level, 0], levels[level, 1]
        start, below = mesh.columns + first, levels[level + 1]
        _restrict(a, C_B, columns, first, c.parent, start, a, below[0], below[1], layers)
    for i in range(a.shape[1]):
        a[C_X, i] = 0.0
    for level in range(deepest, -1, -1):
        first, columns = levels[level, 0], levels[level, 1]
        own = c.beside[first : first + columns]
        if level < deepest:
            start, below = mesh.columns + first, levels[level + 1, 0]
            _prolong(a, below, c.parent, start, a, C_X, columns, first, layers)
        for _ in range(1 if level < deepest else COARSEST):
            _relax(a, LEVEL_ROWS, own, columns, first, layers, C_B, C_X, 1.0, True)
            _relax(a, LEVEL_ROWS, own, columns, first, layers, C_B, C_X, 1.0, False)
    _prolong(a, levels[0, 0], c.parent, 0, x, target, mesh.columns, 0, layers)
    for _ in range(2):
        _relax(x, FINE_ROWS, mesh.beside, mesh.columns, 0, layers, source, target, sign, False)


@kernel
def precondition(m: Member, source: int, target: int) -> None:
    """target = about A^-1 source, by one cycle."""
    for i in range(natural(m.mesh.columns) * natural(m.mesh.layers)):
        m.x[target, i] = 0.0
    cycle(m, source, source, target, 1.0)


@kernel
def _restrict(
    fine: np.ndarray,
    row: int,
    columns: int,
    first: int,
    parent: np.ndarray,
    start: int,
    a: np.ndarray,
    target: int,
    merged: int,
    layers: int,
) -> None:
    for i in range(target * layers, (target + merged) * layers):
        a[C_B, i] = 0.0
    for column in range(columns):
        here = natural((first + column) * layers)
        there = natural((target + parent[start + column]) * layers)
        for k in range(layers):
            a[C_B, there + k] += fine[row, here + k]


@kernel
def _prolong(
    a: np.ndarray,
    source: int,
    parent: np.ndarray,
    start: int,
    fine: np.ndarray,
    row: int,
    columns: int,
    first: int,
    layers: int,
) -> None:
    for column in range(columns):
        here = natural((first + column) * layers)
        there = natural((source + parent[start + column]) * layers)
        for k in range(layers):
            fine[row, here + k] += a[C_X, there + k]
