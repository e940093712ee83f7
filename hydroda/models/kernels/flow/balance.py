"""Residual and Jacobian: what flows between cells, over the surface and through the edges."""

import math
from typing import Any

import numpy as np

from hydroda.compiled import fused_kernel as kernel
from hydroda.models.kernels.flow.curves import (
    LANE_DK,
    LANE_DW,
    LANE_H,
    LANE_K,
    LANE_P,
    LANE_PHI,
    LANE_ROWS,
    LANE_W,
    LANES,
    PARAMETERS,
    Soil,
    evaluate_lanes,
    keep,
    load,
)
from hydroda.models.kernels.flow.faces import (
    face,
    potential_counts,
)
from hydroda.models.kernels.flow.member import (
    ABOVE,
    BEFORE,
    BELOW,
    D_FLOW,
    DI,
    DK,
    DRAIN,
    DW,
    EVAPORATING,
    EXCHANGED,
    FEEDING,
    FLOW,
    JOINT,
    JOINT_A,
    JOINT_B,
    LEAVING,
    LO,
    NORM,
    PART,
    PHI,
    POND,
    Q_A,
    Q_B,
    RAINING,
    SCALED,
    SEEPAGE,
    SIDE,
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
    layers = m.mesh.layers
    soil, x = m.soil, m.x
    w = np.empty(LANE_ROWS * LANES)
    end = last * layers
    for start in range(first * layers, end, LANES):
        count = min(LANES, end - start)
        load(x[H], start, w, LANE_H)
        for row in range(PARAMETERS):
            load(soil.p[row], start, w, LANE_P + row)
        evaluate_lanes(m.token, soil, w, potential_counts(m.scheme))
        keep(w, LANE_W, x[W], start, count)
        keep(w, LANE_DW, x[DW], start, count)
        keep(w, LANE_K, x[K], start, count)
        keep(w, LANE_DK, x[DK], start, count)
        keep(w, LANE_PHI, x[PHI], start, count)
    for c in range(first, last):
        depth = max(x[H, c * layers] - m.overland.offset, 0.0)
        root = depth ** (1.0 / 3.0)
        m.y[POND, c] = depth
        m.y[FLOW, c] = depth * root * root
        m.y[D_FLOW, c] = 5.0 / 3.0 * root * root


@kernel
def _all_joined(ground: Ground, start: int, count: int) -> bool:
    """Whether `joints` computes all of these faces but the closed ones."""
    for i in range(start, start + count):
        if ground.joined[i] == 0 and ground.tz[i] > 0.0:
            return False
    return True


@kernel
def vertical(m: Member, first: int, last: int) -> None:
    """Fluxes through the faces below the cells of some columns, with slopes."""
    layers = m.mesh.layers
    ground, x = m.ground, m.x
    w = np.empty(13 * LANES)
    end = last * layers
    for start in range(first * layers, end, LANES):
        count = min(LANES, end - start)
        if ground.joined.size > 0 and _all_joined(ground, start, count):
            continue
        for row in range(4):
            source = x[H] if row == 0 else x[K + row - 1]
            load(source, start, w, row)
            load(source, start + 1, w, 4 + row)
        load(ground.gap, start, w, 8)
        load(ground.tz, start, w, 9)
        for j in range(LANES):
            a = w[j], w[LANES + j], w[2 * LANES + j], w[3 * LANES + j]
            b = w[4 * LANES + j], w[5 * LANES + j], w[6 * LANES + j], w[7 * LANES + j]
            q, q_a, q_b = face(m.scheme, w[8 * LANES + j], a, b)
            tz = w[9 * LANES + j]
            # A product with zero would keep what is not a number.
            w[10 * LANES + j] = tz * q if tz > 0.0 else 0.0
            w[11 * LANES + j] = tz * q_a if tz > 0.0 else 0.0
            w[12 * LANES + j] = tz * q_b if tz > 0.0 else 0.0
        keep(w, 10, x[Q], start, count)
        keep(w, 11, x[Q_A], start, count)
        keep(w, 12, x[Q_B], start, count)


@kernel
def _gather(soil: Soil, faces: np.ndarray, below: int, w: np.ndarray) -> None:
    """Parameters of the cells above (0) or below (1) some faces; spare lanes repeat the last."""
    if faces[LANES - 1] - faces[0] == LANES - 1:
        for row in range(PARAMETERS):
            load(soil.p[row], faces[0] + below, w, LANE_P + row)
        return
    for row in range(PARAMETERS):
        for j in range(LANES):
            w[(LANE_P + row) * LANES + j] = soil.p[row, faces[j] + below]


@kernel
def joints(m: Member, first: int, last: int) -> None:
    """Fluxes through faces between two soils, and the head at the interface.

    There both halves carry the same flux. That head lies between the two total heads seen from the
    interface; x[JOINT] is where Newton starts. What a last step would still change is of second
    order, so it enters the flux as it stands.
    """
    layers = m.mesh.layers
    ground, x = m.ground, m.x
    faces = np.empty(LANES, np.int64)
    upper, lower = np.empty(LANE_ROWS * LANES), np.empty(LANE_ROWS * LANES)
    f = np.empty(18 * LANES)
    low, high, head = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    found, end = 0, last * layers
    for i in range(first * layers, end):
        if ground.joined[i]:
            faces[found] = i
            found += 1
        if found < LANES and not (found > 0 and i == end - 1):
            continue
        for j in range(found, LANES):
            faces[j] = faces[found - 1]
        alike = True
        for j in range(found):
            alike = alike and ground.joined[faces[j]] == SCALED
        _gather(m.soil, faces, 0, upper)
        if not alike:
            _gather(m.soil, faces, 1, lower)
        for j in range(LANES):
            cell = faces[j]
            layer = cell % layers
            d_a, d_b = 0.5 * m.mesh.dz[layer], 0.5 * m.mesh.dz[layer + 1]
            h_a, h_b = x[H, cell], x[H, cell + 1]
            low[j], high[j] = min(h_a + d_a, h_b - d_b), max(h_a + d_a, h_b - d_b)
            head[j] = min(max(x[JOINT, cell], low[j]), high[j])
            for row in range(3):
                f[(1 + row) * LANES + j] = x[K + row, cell]
                f[(5 + row) * LANES + j] = x[K + row, cell + 1]
            f[j], f[4 * LANES + j] = h_a, h_b
            f[8 * LANES + j], f[9 * LANES + j] = d_a, d_b
            f[10 * LANES + j], f[11 * LANES + j] = ground.ks[cell], ground.ks[cell + 1]
        other = upper if alike else lower
        for _ in range(60):
            for j in range(LANES):
                upper[LANE_H * LANES + j] = head[j]
                lower[LANE_H * LANES + j] = head[j]
            evaluate_lanes(m.token, m.soil, upper, potential_counts(m.scheme))
            if not alike:
                evaluate_lanes(m.token, m.soil, lower, potential_counts(m.scheme))
            _halves(m.scheme, upper, other, f)
            again = False
            for j in range(LANES):
                q, a2, b1 = f[12 * LANES + j], f[14 * LANES + j], f[16 * LANES + j]
                miss = q - f[15 * LANES + j]
                if miss > 0.0:
                    low[j] = head[j]
                else:
                    high[j] = head[j]
                if abs(miss) <= 1e-4 * abs(q) + 1e-18 or high[j] - low[j] < 1e-13 * (
                    1.0 + abs(head[j])
                ):
                    continue
                again = True
                step = miss / (b1 - a2) if b1 > a2 else math.inf
                inside = low[j] < head[j] + step < high[j]
                head[j] = head[j] + step if inside else 0.5 * (low[j] + high[j])
            if not again:
                break
        for j in range(found):
            cell = faces[j]
            q, a1, a2 = f[12 * LANES + j], f[13 * LANES + j], f[14 * LANES + j]
            below, b1, b2 = f[15 * LANES + j], f[16 * LANES + j], f[17 * LANES + j]
            stiffness = b1 - a2 if b1 > a2 else math.inf
            step = (q - below) / stiffness
            x[JOINT, cell] = head[j] + step
            x[JOINT_A, cell], x[JOINT_B, cell] = a1 / stiffness, -b2 / stiffness
            x[Q, cell] = q + a2 * step
            x[Q_A, cell], x[Q_B, cell] = b1 * a1 / stiffness, -a2 * b2 / stiffness
        found = 0


@kernel
def _halves(scheme: Any, upper: np.ndarray, lower: np.ndarray, f: np.ndarray) -> None:
    """Fluxes of the upper and the lower half of LANES faces, with slopes, in rows 12 to 17."""
    for j in range(LANES):
        a = f[j], f[LANES + j], f[2 * LANES + j], f[3 * LANES + j]
        q, q_a, q_b = face(scheme, f[8 * LANES + j], a, _lane(upper, j))
        ks = f[10 * LANES + j]
        f[12 * LANES + j], f[13 * LANES + j], f[14 * LANES + j] = ks * q, ks * q_a, ks * q_b
    for j in range(LANES):
        b = f[4 * LANES + j], f[5 * LANES + j], f[6 * LANES + j], f[7 * LANES + j]
        q, q_a, q_b = face(scheme, f[9 * LANES + j], _lane(lower, j), b)
        ks = f[11 * LANES + j]
        f[15 * LANES + j], f[16 * LANES + j], f[17 * LANES + j] = ks * q, ks * q_a, ks * q_b


@kernel
def _lane(w: np.ndarray, j: int) -> tuple[float, float, float, float]:
    return (
        w[LANE_H * LANES + j],
        w[LANE_K * LANES + j],
        w[LANE_DK * LANES + j],
        w[LANE_PHI * LANES + j],
    )


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


@kernel
def _lines(m: Member, dt: float, first: int, last: int) -> None:
    """Residual [m of water] and lines of the Jacobian from storage and vertical fluxes alone."""
    layers, dz, x = m.mesh.layers, m.mesh.dz, m.x
    for c in range(first, last):
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


@kernel
def _sideways(m: Member, dt: float, c: int, side: int, other: int) -> float:
    """Adds the flux of column c to a neighbour and its slopes; gives their sum [m s-1]."""
    layers, x = m.mesh.layers, m.x
    here, there = c * layers, other * layers
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


@kernel
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
        drop = o[0] - h
        if drop >= 0.0:
            return conductance * o[1] * drop, -conductance * o[1]
        return conductance * x[K, i] * drop, conductance * (x[DK, i] * drop - x[K, i])
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
    layers, x = m.mesh.layers, m.x
    first, last = m.mesh.pieces[piece], m.mesh.pieces[piece + 1]
    _lines(m, dt, first, last)
    worst, missing = 0.0, 0.0
    for c in range(first, last):
        exchanged = 0.0
        for side in range(4):
            other = m.mesh.beside[c, side]
            if other >= 0:
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
            # Also true for what is not a number.
            if not size <= worst:
                worst = size
        m.y[NORM, c] = norm
        missing += norm
    m.sums[piece, 0], m.sums[piece, 1] = worst, missing


@kernel
def fill_and_faces(m: Member, first: int, last: int) -> None:
    changed = False
    for c in range(first, last):
        changed = changed or m.y[PART, c] > 0.0
    if not changed:
        return
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
