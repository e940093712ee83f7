"""Residual and Jacobian: what flows between cells, over the surface and through the edges."""

import math
from typing import Any

import numpy as np

from hydroda.compiled import fused_kernel as kernel
from hydroda.compiled import inlined_kernel as inlined
from hydroda.models.kernels.flow.curves import (
    LANE_DK,
    LANE_DW,
    LANE_H,
    LANE_K,
    LANE_P,
    LANE_PHI,
    LANE_ROWS,
    LANE_W,
    PARAMETERS,
    Soil,
    evaluate_lanes,
)
from hydroda.models.kernels.flow.faces import (
    F_A,
    F_B,
    F_DZ,
    F_Q,
    FACE_ROWS,
    face,
    face_lanes,
    level_face,
    mean_counts,
    potential_counts,
    sloping_lanes,
)
from hydroda.models.kernels.flow.lanes import LANES, keep, load, natural
from hydroda.models.kernels.flow.member import (
    ABOVE,
    BEFORE,
    BELOW,
    D_FLOW,
    DI,
    DK,
    DRAIN,
    DW,
    EASTWARD,
    EVAPORATING,
    EXCHANGED,
    FEEDING,
    FLOW,
    JOINT,
    LEAVING,
    LO,
    NORM,
    NORTHWARD,
    OTHER,
    PART,
    PHI,
    POND,
    Q_A,
    Q_B,
    RAINING,
    SEEPAGE,
    SIDE,
    TO_EAST,
    TO_NORTH,
    TRANSPIRING,
    UP,
    WELL,
    WEST,
    Ground,
    H,
    K,
    Member,
    Q,
    R,
    W,
)


@kernel
def fill(m: Member, first: int, last: int) -> None:
    """All that depends on the head of one cell, for the columns from first to last."""
    layers = natural(m.mesh.layers)
    soil, x = m.soil, m.x
    w = np.empty(LANE_ROWS * LANES)
    end = last * layers
    for start in range(first * layers, end, LANES):
        count = min(LANES, end - start)
        load(x, H, start, w, LANE_H)
        for row in range(PARAMETERS):
            load(soil.p, row, start, w, LANE_P + row)
        evaluate_lanes(m.token, soil, w, potential_counts(m.scheme))
        keep(w, LANE_W, x, W, start, count)
        keep(w, LANE_DW, x, DW, start, count)
        keep(w, LANE_K, x, K, start, count)
        keep(w, LANE_DK, x, DK, start, count)
        keep(w, LANE_PHI, x, PHI, start, count)
    for c in range(natural(first), last):
        depth = max(x[H, c * layers] - m.overland.offset, 0.0)
        root = depth ** (1.0 / 3.0)
        m.y[POND, c] = depth
        m.y[FLOW, c] = depth * root * root
        m.y[D_FLOW, c] = 5.0 / 3.0 * root * root


@inlined
def _all_joined(ground: Ground, start: int, count: int) -> bool:
    """Whether `joints` computes all of these faces but the closed ones."""
    for i in range(natural(start), start + count):
        if ground.joined[i] == 0 and ground.tz[i] > 0.0:
            return False
    return True


@kernel
def vertical(m: Member, first: int, last: int) -> None:
    """Fluxes through the faces below the cells of some columns, with slopes."""
    layers = m.mesh.layers
    ground, x = m.ground, m.x
    f = np.empty(FACE_ROWS * LANES)
    end = last * layers
    for start in range(first * layers, end, LANES):
        count = min(LANES, end - start)
        if ground.joined.size > 0 and _all_joined(ground, start, count):
            continue
        _load_ends(x, start, f)
        layer = natural(start % layers)
        for j in range(LANES):
            f[F_DZ * LANES + j] = m.mesh.gap[layer + j]
        face_lanes(m.scheme, f)
        for row in range(F_Q, F_Q + 3):
            for j in range(LANES):
                tz = ground.tz[natural(start) + j]
                # A product with zero would keep what is not a number.
                f[row * LANES + j] = tz * f[row * LANES + j] if tz > 0.0 else 0.0
        for row in range(3):
            keep(f, F_Q + row, x, Q + row, start, count)


@inlined
def _load_ends(x: np.ndarray, start: int, f: np.ndarray) -> None:
    """h, k, dk/dh and potential of some cells, and of those below them."""
    load(x, H, start, f, F_A)
    load(x, H, start + 1, f, F_B)
    for row in range(3):
        load(x, K + row, start, f, F_A + 1 + row)
        load(x, K + row, start + 1, f, F_B + 1 + row)


# Scratch rows of faces between two soils: first both cells as for a face, the thickness and K_s of
# both, then the head at the interface and its bounds, flux and slopes of both halves, 0 for lanes
# without such a face, and 1 for those whose head is not found yet.
G_DZ, G_KS, G_HEAD, G_LOW, G_HIGH, G_Q, G_ON, G_OPEN = 8, 10, 12, 13, 14, 15, 21, 22
JOINT_ROWS = 23


@kernel
def joints(m: Member, first: int, last: int) -> None:
    """Fluxes through faces between two soils, and the head at the interface.

    There both halves carry the same flux. That head lies between the two total heads seen from the
    interface; x[JOINT] is where Newton starts. What a last step would still change is of second
    order, so it enters the flux as it stands.
    """
    layers, joined = m.mesh.layers, m.ground.joined
    faces, left = np.empty(LANES, np.int64), np.empty(LANES, np.bool_)
    upper, lower = np.empty(LANE_ROWS * LANES), np.empty(LANE_ROWS * LANES)
    f, g = np.empty(FACE_ROWS * LANES), np.empty(JOINT_ROWS * LANES)
    found, end = 0, last * layers
    for start in range(first * layers, end, LANES):
        count = min(LANES, end - start)
        here, alike = 0, True
        for i in range(natural(start), start + count):
            here += 1 if joined[i] > 0 else 0
            alike = alike and joined[i] != OTHER
        if 2 * here > count:
            _take(m, start, count, alike, upper, lower, g)
            all_found = _meet(m.token, m.scheme, m.soil, alike, 1, upper, lower, f, g)
            _give(m, start, count, g)
            if all_found:
                continue
            # The rare others go on side by side.
            for j in range(count):
                if g[G_OPEN * LANES + j] > 0.0:
                    m.x[JOINT, start + j] = g[G_HEAD * LANES + j]
        else:
            for j in range(count):
                g[G_OPEN * LANES + j] = 1.0 if joined[start + j] > 0 else 0.0
        # `g` is the scratch of others, too.
        for j in range(count):
            left[j] = g[G_OPEN * LANES + j] > 0.0
        for j in range(count):
            if left[j]:
                faces[found] = start + j
                found += 1
                if found == LANES:
                    _few(m, faces, found, upper, lower, f, g)
                    found = 0
    if found > 0:
        _few(m, faces, found, upper, lower, f, g)


@inlined
def _take(
    m: Member, start: int, count: int, alike: bool,
    upper: np.ndarray, lower: np.ndarray, g: np.ndarray,
) -> None:  # fmt: skip
    """Fills the scratch for faces one after the other."""
    x, p, dz, ks = m.x, m.soil.p, m.mesh.dz, m.ground.ks
    at, layer = natural(start), natural(start % m.mesh.layers)
    for row in range(PARAMETERS):
        load(p, row, start, upper, LANE_P + row)
    if not alike:
        for row in range(PARAMETERS):
            load(p, row, start + 1, lower, LANE_P + row)
    _load_ends(x, start, g)
    load(x, JOINT, start, g, G_HEAD)
    for j in range(LANES):
        g[G_DZ * LANES + j], g[(G_DZ + 1) * LANES + j] = (
            0.5 * dz[layer + j],
            0.5 * dz[layer + j + 1],
        )
    for j in range(LANES):
        g[G_KS * LANES + j], g[(G_KS + 1) * LANES + j] = ks[at + j], ks[at + j + 1]
        on = j < count and m.ground.joined[at + j] > 0
        g[G_ON * LANES + j] = 1.0 if on else 0.0


@inlined
def _give(m: Member, start: int, count: int, g: np.ndarray) -> None:
    """Keeps what came out for faces one after the other."""
    x = m.x
    for row in range(6):
        to = Q + row if row < 3 else JOINT + row - 3
        for j in range(LANES):
            on = g[G_ON * LANES + j] > 0.0
            kept = x[to, natural(start) + j]
            g[(G_Q + row) * LANES + j] = g[(G_Q + row) * LANES + j] if on else kept
        keep(g, G_Q + row, x, to, start, count)


@kernel
def _few(
    m: Member, faces: np.ndarray, found: int,
    upper: np.ndarray, lower: np.ndarray, f: np.ndarray, g: np.ndarray,
) -> None:  # fmt: skip
    """Fluxes through faces that lie far apart; spare lanes repeat the last."""
    x, p, ks, layers = m.x, m.soil.p, m.ground.ks, m.mesh.layers
    alike = True
    for j in range(LANES):
        cell = faces[min(j, found - 1)]
        faces[j] = cell
        alike = alike and m.ground.joined[cell] != OTHER
        for below in range(2):
            g[4 * below * LANES + j] = x[H, cell + below]
            for row in range(3):
                g[(4 * below + 1 + row) * LANES + j] = x[K + row, cell + below]
            g[(G_DZ + below) * LANES + j] = 0.5 * m.mesh.dz[cell % layers + below]
            g[(G_KS + below) * LANES + j] = ks[cell + below]
        g[G_HEAD * LANES + j], g[G_ON * LANES + j] = x[JOINT, cell], 1.0
    for row in range(PARAMETERS):
        for j in range(LANES):
            upper[(LANE_P + row) * LANES + j] = p[row, faces[j]]
            lower[(LANE_P + row) * LANES + j] = p[row, faces[j] + 1]
    _meet(m.token, m.scheme, m.soil, alike, 60, upper, lower, f, g)
    for j in range(found):
        for row in range(3):
            x[Q + row, faces[j]] = g[(G_Q + row) * LANES + j]
            x[JOINT + row, faces[j]] = g[(G_Q + 3 + row) * LANES + j]


@kernel
def _meet(
    token: Any, scheme: Any, soil: Soil, alike: bool, most: int,
    upper: np.ndarray, lower: np.ndarray, f: np.ndarray, g: np.ndarray,
) -> bool:  # fmt: skip
    """The heads at which both halves of LANES faces carry the same flux; whether all were found.

    From row G_Q on: flux and its slopes, the head and its slopes. Takes `most` steps at most.
    """
    for j in range(LANES):
        a, b = g[j] + g[G_DZ * LANES + j], g[4 * LANES + j] - g[(G_DZ + 1) * LANES + j]
        g[G_LOW * LANES + j], g[G_HIGH * LANES + j] = min(a, b), max(a, b)
        g[G_HEAD * LANES + j] = min(max(g[G_HEAD * LANES + j], min(a, b)), max(a, b))
    found = False
    for _ in range(most):
        for j in range(LANES):
            upper[LANE_H * LANES + j] = g[G_HEAD * LANES + j]
            lower[LANE_H * LANES + j] = g[G_HEAD * LANES + j]
        evaluate_lanes(token, soil, upper, potential_counts(scheme))
        if not alike:
            evaluate_lanes(token, soil, lower, potential_counts(scheme))
        _half(scheme, 0, upper, f, g)
        _half(scheme, 1, upper if alike else lower, f, g)
        found = _settled(g)
        if found:
            break
    for j in range(LANES):
        q, a1, a2 = g[G_Q * LANES + j], g[(G_Q + 1) * LANES + j], g[(G_Q + 2) * LANES + j]
        below, b1 = g[(G_Q + 3) * LANES + j], g[(G_Q + 4) * LANES + j]
        b2 = g[(G_Q + 5) * LANES + j]
        per = 1.0 / (b1 - a2) if b1 > a2 else 0.0
        step = (q - below) * per
        g[G_Q * LANES + j] = q + a2 * step
        g[(G_Q + 1) * LANES + j], g[(G_Q + 2) * LANES + j] = b1 * a1 * per, -a2 * b2 * per
        g[(G_Q + 3) * LANES + j] = g[G_HEAD * LANES + j] + step
        g[(G_Q + 4) * LANES + j], g[(G_Q + 5) * LANES + j] = a1 * per, -b2 * per
    return found


@inlined
def _half(scheme: Any, half: int, at: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """Fluxes of the upper (0) or the lower (1) halves of LANES faces, with slopes."""
    inner, outer = (F_B, F_A) if half == 0 else (F_A, F_B)
    for j in range(LANES):
        f[inner * LANES + j] = at[LANE_H * LANES + j]
        f[(inner + 1) * LANES + j] = at[LANE_K * LANES + j]
        f[(inner + 2) * LANES + j] = at[LANE_DK * LANES + j]
        f[(inner + 3) * LANES + j] = at[LANE_PHI * LANES + j]
        f[F_DZ * LANES + j] = g[(G_DZ + half) * LANES + j]
    for row in range(4):
        for j in range(LANES):
            f[(outer + row) * LANES + j] = g[(4 * half + row) * LANES + j]
    face_lanes(scheme, f)
    for row in range(3):
        for j in range(LANES):
            ks = g[(G_KS + half) * LANES + j]
            g[(G_Q + 3 * half + row) * LANES + j] = ks * f[(F_Q + row) * LANES + j]


@kernel
def _settled(g: np.ndarray) -> bool:
    """Whether all heads between two soils are found; moves the others."""
    still = 0
    for j in range(LANES):
        head, q = g[G_HEAD * LANES + j], g[G_Q * LANES + j]
        miss = q - g[(G_Q + 3) * LANES + j]
        low = head if miss > 0.0 else g[G_LOW * LANES + j]
        high = g[G_HIGH * LANES + j] if miss > 0.0 else head
        g[G_LOW * LANES + j], g[G_HIGH * LANES + j] = low, high
        there = abs(miss) <= 1e-4 * abs(q) + 1e-18
        there = there or high - low < 1e-13 * (1.0 + abs(head)) or g[G_ON * LANES + j] == 0.0
        stiffness = g[(G_Q + 4) * LANES + j] - g[(G_Q + 2) * LANES + j]
        step = miss / stiffness if stiffness > 0.0 else math.inf
        inside = low < head + step < high
        moved = head + step if inside else 0.5 * (low + high)
        g[G_HEAD * LANES + j] = head if there else moved
        g[G_OPEN * LANES + j] = 0.0 if there else 1.0
        still += 0 if there else 1
    return still == 0


# ---------------------------------------------------------------------------- residual and Jacobian


@kernel
def _ramp(h: float, full: float, dry: float) -> tuple[float, float]:
    """Part of a demand that soil at a head can meet, linear in pF, and its derivative."""
    if h >= full:
        return 1.0, 0.0
    if h <= dry:
        return 0.0, 0.0
    span = math.log(dry / full)
    return math.log(dry / h) / span, -1.0 / (h * span)


@inlined
def _lines(m: Member, dt: float, first: int, last: int) -> None:
    """Residual [m of water] and lines of the Jacobian from storage and vertical fluxes alone."""
    layers, dz, x = natural(m.mesh.layers), m.mesh.dz, m.x
    for c in range(natural(first), last):
        base = c * layers
        q, q_b = 0.0, 0.0
        for k in range(layers):
            i = base + k
            x[R, i] = dz[k] * x[W, i] - x[BEFORE, i] + dt * (x[Q, i] - q)
            x[DI, i] = dz[k] * x[DW, i] + dt * (x[Q_A, i] - q_b)
            x[UP, i] = dt * x[Q_B, i]
            q, q_b = x[Q, i], x[Q_B, i]
        x[LO, base] = 0.0
        for k in range(1, layers):
            x[LO, base + k] = -dt * x[Q_A, base + k - 1]


@inlined
def _sideways(m: Member, dt: float, c: int, side: int, other: int) -> float:
    """Adds the flux of column c to a neighbour and its slopes; gives their sum [m s-1]."""
    layers, x = m.mesh.layers, m.x
    here, there = natural(c * layers), natural(other * layers)
    face = m.ground.te if side < 2 else m.ground.tn
    owner = here if side % 2 == 1 else there
    lift = m.mesh.lift[c, side]
    total = 0.0
    for k in range(layers):
        i, j = here + k, there + k
        t = dt * face[owner + k]
        drop = x[H, i] - x[H, j] + lift
        out = drop >= 0.0
        conductance = t * (x[K, i] if out else x[K, j])
        turn = t * drop
        flux = conductance * drop
        total += flux
        x[R, i] += flux
        x[DI, i] += conductance + (turn * x[DK, i] if out else 0.0)
        x[WEST + side, i] = (0.0 if out else turn * x[DK, j]) - conductance
    return total / dt


@inlined
def _by_mean(m: Member, dt: float, c: int, side: int, other: int) -> float:
    """As `_sideways`, with the mean conductivity of both cells."""
    layers, x = m.mesh.layers, m.x
    here, there = natural(c * layers), natural(other * layers)
    face = m.ground.te if side < 2 else m.ground.tn
    owner = here if side % 2 == 1 else there
    lift = m.mesh.lift[c, side]
    total = 0.0
    for k in range(layers):
        i, j = here + k, there + k
        t = dt * face[owner + k]
        drop = x[H, i] - x[H, j] + lift
        conductance, turn = 0.5 * t * (x[K, i] + x[K, j]), 0.5 * t * drop
        flux = conductance * drop
        total += flux
        x[R, i] += flux
        x[DI, i] += conductance + turn * x[DK, i]
        x[WEST + side, i] = turn * x[DK, j] - conductance
    return total / dt


@kernel
def between(m: Member, first: int, last: int) -> None:
    """Fluxes by potentials to the columns in the east and north, with slopes.

    Once for both columns: what one loses is what the other gains, to the last bit. LANES cells one
    after the other, whatever columns they lie in.
    """
    layers, x = natural(m.mesh.layers), m.x
    f, lift = np.zeros(FACE_ROWS * LANES), np.zeros(LANES)
    end = last * layers
    for start in range(first * layers, end, LANES):
        count = min(LANES, end - start)
        for side in range(1, 4, 2):
            bits, bit = 0, EASTWARD if side == 1 else NORTHWARD
            for i in range(natural(start), start + count):
                bits |= m.ground.smooth[i]
            if bits & bit == 0:
                continue
            for row in range(4):
                load(x, H if row == 0 else K + row - 1, start, f, F_A + row)
            _load_beside(m, start, count, side, f, lift)
            sloping_lanes(f, lift)
            for row in range(3):
                to = TO_EAST if side == 1 else TO_NORTH
                keep(f, F_Q + row, x, to + row, start, count)


@inlined
def _load_beside(
    m: Member, start: int, count: int, side: int, f: np.ndarray, lift: np.ndarray
) -> None:
    """h, k, dk/dh and potential of the cells beside some, and how much lower their columns lie."""
    layers, x = m.mesh.layers, m.x
    one, done, away = True, 0, 0
    while done < count:
        c = (start + done) // layers
        after = min((c + 1) * layers - start, count)
        other = m.mesh.beside[c, side]
        up = m.mesh.lift[c, side] if other >= 0 else 0.0
        for j in range(natural(done), after):
            lift[j] = up
        if other >= 0:
            one = one and (away == 0 or away == other - c)
            away = other - c
        done = after
    begin = start + away * layers
    if one and begin + LANES <= x.shape[1]:
        for row in range(4):
            load(x, H if row == 0 else K + row - 1, begin, f, F_B + row)
        return
    for j in range(count):
        c = (start + j) // layers
        other = max(m.mesh.beside[c, side], 0)
        i = natural(start + j + (other - c) * layers)
        for row in range(4):
            f[(F_B + row) * LANES + j] = x[H if row == 0 else K + row - 1, i]


@inlined
def _smooth(m: Member, owner: int, side: int) -> int:
    """How many faces of a column to the east or north go by flux potentials."""
    layers, found = natural(m.mesh.layers), 0
    base, bit = natural(owner) * layers, EASTWARD if side < 2 else NORTHWARD
    for k in range(layers):
        found += 1 if m.ground.smooth[base + k] & bit != 0 else 0
    return found


@kernel
def _by_potential(m: Member, dt: float, c: int, side: int, other: int) -> float:
    """As `_sideways`, where all faces go by what `between` has found."""
    layers, x = natural(m.mesh.layers), m.x
    face, to = (m.ground.te, TO_EAST) if side < 2 else (m.ground.tn, TO_NORTH)
    owns = side % 2 == 1
    here, owner = natural(c) * layers, natural(c if owns else other) * layers
    sign, own, across = (dt, to + 1, to + 2) if owns else (-dt, to + 2, to + 1)
    total = 0.0
    for k in range(layers):
        t = sign * face[owner + k]
        flux = t * x[to, owner + k]
        total += flux
        x[R, here + k] += flux
        x[DI, here + k] += t * x[own, owner + k]
        x[WEST + side, here + k] = t * x[across, owner + k]
    return total / dt


@kernel
def _mixed(m: Member, dt: float, c: int, side: int, other: int) -> float:
    """As `_sideways`, where some faces go by what `between` has found."""
    layers, x = natural(m.mesh.layers), m.x
    bit = EASTWARD if side < 2 else NORTHWARD
    face, to = (m.ground.te, TO_EAST) if side < 2 else (m.ground.tn, TO_NORTH)
    owns = side % 2 == 1
    here, there = natural(c) * layers, natural(other) * layers
    owner = here if owns else there
    sign, own, across = (dt, to + 1, to + 2) if owns else (-dt, to + 2, to + 1)
    lift, total = m.mesh.lift[c, side], 0.0
    for k in range(layers):
        i, j, n = here + k, there + k, owner + k
        drop = x[H, i] - x[H, j] + lift
        out = drop >= 0.0
        smooth = m.ground.smooth[n] & bit != 0
        t = (sign if smooth else dt) * face[n]
        k_up = x[K, i] if out else x[K, j]
        by_here = k_up + (drop * x[DK, i] if out else 0.0)
        by_there = (0.0 if out else drop * x[DK, j]) - k_up
        flux = t * (x[to, n] if smooth else k_up * drop)
        total += flux
        x[R, i] += flux
        x[DI, i] += t * (x[own, n] if smooth else by_here)
        x[WEST + side, i] = t * (x[across, n] if smooth else by_there)
    return total / dt


@kernel
def _around(m: Member, dt: float, c: int) -> float:
    """What flows to all neighbours where some faces go by flux potentials [m s-1]."""
    total = 0.0
    for side in range(4):
        other = m.mesh.beside[c, side]
        if other < 0:
            continue
        count = _smooth(m, c if side % 2 == 1 else other, side)
        if count == m.mesh.layers:
            total += _by_potential(m, dt, c, side, other)
        elif count > 0:
            total += _mixed(m, dt, c, side, other)
        else:
            total += _sideways(m, dt, c, side, other)
    return total


@inlined
def _surface(m: Member, dt: float, c: int) -> None:
    """Pond, rain, evaporation and overland flow of one column."""
    x, y, sky = m.x, m.y, m.sky
    top = c * m.mesh.layers
    wet = y[POND, c] > 0.0
    evaporation, slope = _ramp(x[H, top], m.limits.full, m.limits.dry)
    y[EVAPORATING, c] = sky.evaporation[c] * evaporation
    y[RAINING, c] = sky.rain[c]
    left, gone = 0.0, 0.0
    diffusive = m.overland.rough.shape[0] > 0
    for side in range(4):
        other = m.mesh.beside[c, side]
        if diffusive:
            flow, by_here, by_there = _diffusive(m, c, side, other)
        else:
            out = m.overland.out[c, side]
            flow, by_here, by_there = out * y[FLOW, c], out * y[D_FLOW, c], 0.0
            if other >= 0:
                back = m.overland.out[other, side ^ 1]
                flow -= back * y[FLOW, other]
                by_there = -back * y[D_FLOW, other]
        if other >= 0:
            gone += flow
            x[WEST + side, top] += dt * by_there
        else:
            left += flow
        x[DI, top] += dt * by_here
    y[LEAVING, c] = left
    y[EXCHANGED, c] += gone
    x[R, top] += y[POND, c] + dt * (y[EVAPORATING, c] - sky.rain[c] + left + gone)
    x[DI, top] += (1.0 if wet else 0.0) + dt * sky.evaporation[c] * slope


# Slope of a water surface below which Manning's root is replaced by a straight line.
FLAT = 1e-6


@kernel
def _diffusive(m: Member, c: int, side: int, other: int) -> tuple[float, float, float]:
    """Manning's flow to a neighbour by the slope of the water surface; slopes by both ponds."""
    y, overland = m.y, m.overland
    if other < 0:
        out = overland.out[c, side]
        return out * y[FLOW, c], out * y[D_FLOW, c], 0.0
    per = 1.0 / overland.distance[side]
    slope = overland.bed[c, side] + per * (y[POND, c] - y[POND, other])
    square = slope * slope + overland.across[c, side] + FLAT * FLAT
    root = square**-0.25
    rough = overland.rough[c, side]
    drive = rough * slope * root
    turn = rough * per * root * (1.0 - 0.5 * slope * slope / square)
    up = c if slope >= 0.0 else other
    flow = y[FLOW, up]
    by_here = turn * flow if y[POND, c] > 0.0 else 0.0
    by_there = -turn * flow if y[POND, other] > 0.0 else 0.0
    if up == c:
        by_here += drive * y[D_FLOW, c]
    else:
        by_there += drive * y[D_FLOW, other]
    return drive * flow, by_here, by_there


@kernel
def _uptake(m: Member, dt: float, c: int) -> None:
    layers, x = m.mesh.layers, m.x
    total = 0.0
    for i in range(c * layers, (c + 1) * layers):
        demand = m.sky.uptake[i]
        if demand != 0.0:
            part, slope = 1.0, 0.0
            if demand > 0.0:
                part, slope = _ramp(x[H, i], m.limits.full_roots, m.limits.dry_roots)
            total += demand * part
            x[R, i] += dt * demand * part
            x[DI, i] += dt * demand * slope
    m.y[TRANSPIRING, c] = total


@kernel
def _edge(m: Member, e: int) -> tuple[float, float]:
    """Water through an edge into its cell [m s-1] and its slope by the head there."""
    edges, x = m.edges, m.x
    i, kind = edges.cell[e], edges.kind[e]
    h = x[H, i]
    conductance, distance = edges.conductance[e], edges.distance[e]
    o = edges.outside[e, 0], edges.outside[e, 1], edges.outside[e, 2], edges.outside[e, 3]
    here = h, x[K, i], x[DK, i], x[PHI, i]
    if kind == ABOVE:
        q, _, by = face(m.scheme, distance, o, here)
        return conductance * q, conductance * by
    if kind == BELOW:
        q, by, _ = face(m.scheme, distance, here, o)
        return -conductance * q, -conductance * by
    if kind == SIDE:
        q, _, by = level_face(m.scheme, o, here)
        return conductance * q, conductance * by
    if kind == DRAIN:
        return -conductance * x[K, i], -conductance * x[DK, i]
    if kind == SEEPAGE:
        over = max(h - o[0], 0.0)
        return -conductance * over, -conductance if over > 0.0 else 0.0
    rate = edges.rate[e]
    if kind == WELL and rate < 0.0:
        # A screen that falls dry gives no more: the rate ends over `distance` metres of head.
        part = min(max(h / distance, 0.0), 1.0)
        return rate * part, rate / distance if 0.0 < part < 1.0 else 0.0
    return rate, 0.0


@kernel
def _edges(m: Member, dt: float, c: int) -> None:
    total = 0.0
    for e in range(m.edges.start[c], m.edges.start[c + 1]):
        i = m.edges.cell[e]
        flux, slope = _edge(m, e)
        total += flux
        m.x[R, i] -= dt * flux
        m.x[DI, i] -= dt * slope
    m.y[FEEDING, c] = total


@kernel
def assemble(m: Member, dt: float, piece: int) -> None:
    """Residual and Jacobian of a piece; the worst residual and their sum in sums[piece]."""
    layers, x = natural(m.mesh.layers), m.x
    first, last = natural(m.mesh.pieces[piece]), m.mesh.pieces[piece + 1]
    _lines(m, dt, first, last)
    smooth = potential_counts(m.scheme) and m.ground.smooth.size > 0
    worst, missing = 0.0, 0.0
    for c in range(first, last):
        exchanged = 0.0
        if smooth:
            exchanged = _around(m, dt, c)
        else:
            for side in range(4):
                other = m.mesh.beside[c, side]
                if other >= 0 and mean_counts(m.scheme):
                    exchanged += _by_mean(m, dt, c, side, other)
                elif other >= 0:
                    exchanged += _sideways(m, dt, c, side, other)
        m.y[EXCHANGED, c] = exchanged
        _surface(m, dt, c)
        if m.sky.uptake.size > 0:
            _uptake(m, dt, c)
        if m.edges.cell.size > 0:
            _edges(m, dt, c)
        norm = 0.0
        for i in range(c * layers, (c + 1) * layers):
            size = abs(x[R, i])
            norm += size
            worst = max(worst, size)
        m.y[NORM, c] = norm
        missing += norm
    # A sum keeps what is not a number, a maximum may lose it.
    m.sums[piece, 0] = worst if missing < math.inf else missing
    m.sums[piece, 1] = missing


@kernel
def fill_and_faces(m: Member, first: int, last: int) -> None:
    """What depends on heads, in columns whose heads have moved."""
    c = first
    while c < last:
        begin = c
        while c < last and m.y[PART, c] > 0.0:
            c += 1
        if c > begin:
            _at_heads(m, begin, c)
        else:
            c += 1


@kernel
def _at_heads(m: Member, first: int, last: int) -> None:
    fill(m, first, last)
    vertical(m, first, last)
    if m.ground.joined.size > 0:
        joints(m, first, last)
    if m.ground.ease.size > 0:
        through_ice(m, first, last)


@kernel
def through_ice(m: Member, first: int, last: int) -> None:
    """What ice in the pores leaves of the fluxes through faces below the layers of the land."""
    ease, x = m.ground.ease, m.x
    for c in range(first, last):
        for k in range(ease.shape[1]):
            i = c * m.mesh.layers + k
            x[Q, i] *= ease[c, k]
            x[Q_A, i] *= ease[c, k]
            x[Q_B, i] *= ease[c, k]
