"""Newton's equations: lines, sweeps downstream, what they leave over."""

import numpy as np

from hydroda.compiled import fused_kernel as kernel
from hydroda.models.kernels.flow.lanes import natural
from hydroda.models.kernels.flow.member import (
    DI,
    FACTOR,
    LO,
    PIVOT,
    REST,
    SEARCH,
    SEARCH_P,
    SHADOW,
    T_P,
    UP,
    WEST,
    D,
    Member,
    T,
    V,
)

# ------------------------------------------------------------------------------------ linear solver


@kernel
def downstream(
    heights: np.ndarray, beside: np.ndarray, first: int, last: int, order: np.ndarray
) -> None:
    """Fills order[first:last] with these columns, each after its higher neighbours.

    What a sweep gives depends on the order of neighbours alone. So columns follow each other
    closely in memory, where all of them sorted by height would lie anywhere.
    """
    done = np.zeros(last - first, np.bool_)
    waiting = np.empty(last - first, beside.dtype)
    place = first
    for column in range(first, last):
        if done[column - first]:
            continue
        waiting[0], depth = column, 1
        while depth > 0:
            c = waiting[depth - 1]
            higher = -1
            for side in range(4):
                other = beside[c, side]
                if first <= other < last and not done[other - first]:
                    above = heights[other] > heights[c]
                    if above or (heights[other] == heights[c] and other < c):
                        higher = other
            if higher >= 0:
                waiting[depth] = higher
                depth += 1
            else:
                order[place], done[c - first] = c, True
                place += 1
                depth -= 1


@kernel
def factor(m: Member, first: int, last: int) -> None:
    layers, x = natural(m.mesh.layers), m.x
    for c in range(natural(first), last):
        factor = 0.0
        for i in range(c * layers, (c + 1) * layers):
            pivot = 1.0 / (x[DI, i] - x[LO, i] * factor)
            factor = x[UP, i] * pivot
            x[PIVOT, i], x[FACTOR, i] = pivot, factor


@kernel
def sweep(m: Member, source: int, target: int, sign: float, strip: int) -> None:
    """Line Gauss-Seidel from a guess of zero: target = M^-1 (sign source), columns downstream."""
    mesh, x = m.mesh, m.x
    layers, start = natural(mesh.layers), mesh.strips[strip]
    b, to = natural(source), natural(target)
    for place in range(start, mesh.strips[strip + 1]):
        c = natural(mesh.order[place])
        base = c * layers
        for i in range(base, base + layers):
            x[to, i] = sign * x[b, i]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0 and start <= mesh.rank[other] < place:
                there = natural(other) * layers
                for k in range(layers):
                    x[to, base + k] -= x[WEST + side, base + k] * x[to, there + k]
        before = 0.0
        for i in range(base, base + layers):
            # Only the second product waits for the cell above.
            before = x[to, i] * x[PIVOT, i] - x[LO, i] * x[PIVOT, i] * before
            x[to, i] = before
        before = 0.0
        for i in range(base + layers - 1, base - 1, -1):
            before = x[to, i] - x[FACTOR, i] * before
            x[to, i] = before


@kernel
def left(m: Member, target: int, rest: int, piece: int) -> None:
    """What a sweep left over: rest = source - A target; its worst value in sums[piece, 0]."""
    mesh, x = m.mesh, m.x
    layers, t, r = natural(mesh.layers), natural(target), natural(rest)
    worst, strip = 0.0, 0
    for c in range(natural(mesh.pieces[piece]), mesh.pieces[piece + 1]):
        base, place = c * layers, mesh.rank[c]
        for i in range(base, base + layers):
            x[r, i] = 0.0
        # Strips are ranges of columns.
        while mesh.strips[strip + 1] <= c:
            strip += 1
        start = mesh.strips[strip]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0 and not start <= mesh.rank[other] < place:
                there = natural(other) * layers
                for k in range(layers):
                    x[r, base + k] -= x[WEST + side, base + k] * x[t, there + k]
        for i in range(base, base + layers):
            worst = max(worst, abs(x[r, i]))
    m.sums[piece, 0] = worst


@kernel
def product(m: Member, source: int, target: int, piece: int) -> None:
    """target = A source; in sums[piece] its products: of V with SHADOW, of T with REST and T."""
    mesh, x = m.mesh, m.x
    layers, s, t = natural(mesh.layers), natural(source), natural(target)
    first, last = natural(mesh.pieces[piece]), mesh.pieces[piece + 1]
    for c in range(first, last):
        base = c * layers
        for i in range(base, base + layers):
            x[t, i] = x[DI, i] * x[s, i]
        for i in range(base + 1, base + layers):
            x[t, i] += x[LO, i] * x[s, i - 1]
        for i in range(base, base + layers - 1):
            x[t, i] += x[UP, i] * x[s, i + 1]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0:
                there = natural(other) * layers
                for k in range(layers):
                    x[t, base + k] += x[WEST + side, base + k] * x[s, there + k]
    begin, end = first * layers, last * layers
    if target == V:
        m.sums[piece, 1] = dot(x, t, SHADOW, begin, end)
    else:
        m.sums[piece, 2] = dot(x, t, REST, begin, end)
        m.sums[piece, 3] = dot(x, t, t, begin, end)


@kernel
def residual(m: Member, source: int, target: int, rest: int, piece: int) -> None:
    """rest = -source - A target; its worst value in sums[piece, 0]."""
    mesh, x = m.mesh, m.x
    layers, b, t, r = natural(mesh.layers), natural(source), natural(target), natural(rest)
    worst = 0.0
    for c in range(natural(mesh.pieces[piece]), mesh.pieces[piece + 1]):
        base = c * layers
        for i in range(base, base + layers):
            x[r, i] = -x[b, i] - x[DI, i] * x[t, i]
        for i in range(base + 1, base + layers):
            x[r, i] -= x[LO, i] * x[t, i - 1]
        for i in range(base, base + layers - 1):
            x[r, i] -= x[UP, i] * x[t, i + 1]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0:
                there = natural(other) * layers
                for k in range(layers):
                    x[r, base + k] -= x[WEST + side, base + k] * x[t, there + k]
        for i in range(base, base + layers):
            worst = max(worst, abs(x[r, i]))
    m.sums[piece, 0] = worst


@kernel
def dot(x: np.ndarray, a: int, b: int, begin: int, end: int) -> float:
    """The product of parts of two rows, in eight sums side by side."""
    first, p, q = natural(begin), natural(a), natural(b)
    whole = first + natural(end - first) // 8 * 8
    s0, s1, s2, s3, s4, s5, s6, s7 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(first, whole, 8):
        s0 += x[p, i] * x[q, i]
        s1 += x[p, i + 1] * x[q, i + 1]
        s2 += x[p, i + 2] * x[q, i + 2]
        s3 += x[p, i + 3] * x[q, i + 3]
        s4 += x[p, i + 4] * x[q, i + 4]
        s5 += x[p, i + 5] * x[q, i + 5]
        s6 += x[p, i + 6] * x[q, i + 6]
        s7 += x[p, i + 7] * x[q, i + 7]
    for i in range(whole, end):
        s0 += x[p, i] * x[q, i]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@kernel
def krylov(what: int, m: Member, a: float, b: float, piece: int) -> None:
    """Vector updates of BiCGStab over one piece."""
    layers, x = natural(m.mesh.layers), m.x
    begin, end = natural(m.mesh.pieces[piece]) * layers, m.mesh.pieces[piece + 1] * layers
    worst = 0.0
    if what == 0:
        for i in range(begin, end):
            x[SHADOW, i], x[SEARCH, i] = x[REST, i], x[REST, i]
    elif what == 1:  # p = r + beta (p - omega v)
        for i in range(begin, end):
            x[SEARCH, i] = x[REST, i] + a * (x[SEARCH, i] - b * x[V, i])
    else:  # x += alpha p^, r -= alpha v; x += omega s^, r -= omega t
        way, by = (SEARCH_P, V) if what == 2 else (T_P, T)
        for i in range(begin, end):
            x[D, i] += a * x[way, i]
        for i in range(begin, end):
            x[REST, i] -= a * x[by, i]
            worst = max(worst, abs(x[REST, i]))
    m.sums[piece, 0] = worst
    if what == 0 or what == 3:
        m.sums[piece, 1] = dot(x, REST, SHADOW, begin, end)
