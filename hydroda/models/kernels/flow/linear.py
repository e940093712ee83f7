"""Newton's equations: lines, sweeps downstream, what they leave over."""

from hydroda.compiled import fused_kernel as kernel
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
def factor(m: Member, first: int, last: int) -> None:
    layers, x = m.mesh.layers, m.x
    for c in range(first, last):
        factor = 0.0
        for i in range(c * layers, (c + 1) * layers):
            pivot = 1.0 / (x[DI, i] - x[LO, i] * factor)
            factor = x[UP, i] * pivot
            x[PIVOT, i], x[FACTOR, i] = pivot, factor


@kernel
def sweep(m: Member, source: int, target: int, sign: float, strip: int) -> None:
    """Line Gauss-Seidel from a guess of zero: target = M^-1 (sign source), columns downstream."""
    mesh, x = m.mesh, m.x
    layers, start = mesh.layers, mesh.strips[strip]
    for place in range(start, mesh.strips[strip + 1]):
        c = mesh.order[place]
        base = c * layers
        for i in range(base, base + layers):
            x[target, i] = sign * x[source, i]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0 and start <= mesh.rank[other] < place:
                there = other * layers
                for k in range(layers):
                    x[target, base + k] -= x[WEST + side, base + k] * x[target, there + k]
        before = 0.0
        for i in range(base, base + layers):
            before = (x[target, i] - x[LO, i] * before) * x[PIVOT, i]
            x[target, i] = before
        before = 0.0
        for i in range(base + layers - 1, base - 1, -1):
            before = x[target, i] - x[FACTOR, i] * before
            x[target, i] = before


@kernel
def left(m: Member, target: int, rest: int, piece: int) -> None:
    """What a sweep left over: rest = source - A target; its worst value in sums[piece, 0]."""
    mesh, x = m.mesh, m.x
    layers = mesh.layers
    worst = 0.0
    for c in range(mesh.pieces[piece], mesh.pieces[piece + 1]):
        base, place = c * layers, mesh.rank[c]
        for i in range(base, base + layers):
            x[rest, i] = 0.0
        strip = 0
        while mesh.strips[strip + 1] <= place:
            strip += 1
        start = mesh.strips[strip]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0 and not start <= mesh.rank[other] < place:
                there = other * layers
                for k in range(layers):
                    x[rest, base + k] -= x[WEST + side, base + k] * x[target, there + k]
        for i in range(base, base + layers):
            worst = max(worst, abs(x[rest, i]))
    m.sums[piece, 0] = worst


@kernel
def product(m: Member, source: int, target: int, piece: int) -> None:
    """target = A source."""
    mesh, x = m.mesh, m.x
    layers = mesh.layers
    for c in range(mesh.pieces[piece], mesh.pieces[piece + 1]):
        base = c * layers
        for i in range(base, base + layers):
            x[target, i] = x[DI, i] * x[source, i]
        for i in range(base + 1, base + layers):
            x[target, i] += x[LO, i] * x[source, i - 1]
        for i in range(base, base + layers - 1):
            x[target, i] += x[UP, i] * x[source, i + 1]
        for side in range(4):
            other = mesh.beside[c, side]
            if other >= 0:
                there = other * layers
                for k in range(layers):
                    x[target, base + k] += x[WEST + side, base + k] * x[source, there + k]


@kernel
def dot(m: Member, a: int, b: int, piece: int) -> float:
    total = 0.0
    layers, x = m.mesh.layers, m.x
    for i in range(m.mesh.pieces[piece] * layers, m.mesh.pieces[piece + 1] * layers):
        total += x[a, i] * x[b, i]
    return total


@kernel
def krylov(what: int, m: Member, a: float, b: float, piece: int) -> None:
    """Vector updates of BiCGStab over one piece."""
    layers, x = m.mesh.layers, m.x
    worst, product = 0.0, 0.0
    for i in range(m.mesh.pieces[piece] * layers, m.mesh.pieces[piece + 1] * layers):
        if what == 0:
            x[SHADOW, i], x[SEARCH, i] = x[REST, i], x[REST, i]
            product += x[REST, i] * x[REST, i]
        elif what == 1:  # p = r + beta (p - omega v)
            x[SEARCH, i] = x[REST, i] + a * (x[SEARCH, i] - b * x[V, i])
        elif what == 2:  # x += alpha p^, r -= alpha v
            x[D, i] += a * x[SEARCH_P, i]
            x[REST, i] -= a * x[V, i]
            worst = max(worst, abs(x[REST, i]))
        else:  # x += omega s^, r -= omega t
            x[D, i] += a * x[T_P, i]
            x[REST, i] -= a * x[T, i]
            worst = max(worst, abs(x[REST, i]))
            product += x[REST, i] * x[SHADOW, i]
    m.sums[piece, 0] = worst
    m.sums[piece, 1] = product
