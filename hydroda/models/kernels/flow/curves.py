"""Retention and conductivity of many cells, each with its own soil."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from hydroda.compiled import FUSED
from hydroda.compiled import fused_kernel as kernel
from hydroda.compiled import inlined_kernel as inlined
from hydroda.models.kernels.flow.lanes import LANES, LOG2_E, exp2, keep, log2, natural
from hydroda.models.kernels.soil import BrooksCorey, Gardner, VanGenuchten

# --------------------------------------------------------------------------------------- retention
# A soil is a token, its parameters p (parameter, cell) and a table. The first rows of p are those
# of every soil; the others, c, belong to the curve. Conductivities are relative to K_s:
# `curve` gives saturation, dS/dh, k, dk/dh, and the flux potential int k dh from minus infinity to
# h [m], or where and by what to scale the table of potentials.

RESIDUAL, RANGE, STORAGE, SHAPE = 0, 1, 2, 3  # theta_r, theta_s - theta_r, S_s; own rows from 3
# LINE: slope of the straight line that k is over the length BRIDGE below saturation [m-1].
ALPHA, N, ELL, BRIDGE, LINE, PHI_BRIDGE, TABLE_ROW = range(3, 10)
PARAMETERS = 10

# Scratch rows of `evaluate_lanes`: h, p (those of the curve from LANE_C), what comes out, S and its
# derivative, the pieces of the table, and what is under way.
LANE_H, LANE_P, LANE_C = 0, 1, 4
LANE_W, LANE_DW, LANE_K, LANE_DK, LANE_PHI = 11, 12, 13, 14, 15
LANE_PLACE, LANE_PIECE, LANE_S, LANE_DS = 16, 17, 21, 22
LANE_1, LANE_2, LANE_3, LANE_4, LANE_5, LANE_6 = 23, 24, 25, 26, 27, 28
LANE_ROWS = 29

# Nodes of the table of flux potentials: log2(alpha |h|) from FIRST in steps of 1 / PER_OCTAVE.
FIRST, PER_OCTAVE, NODES = -20.0, 4.0, 180


class Soil(NamedTuple):
    """Parameters of all cells; the kind of curve is a token beside it."""

    p: np.ndarray  # (PARAMETERS, cell)
    table: np.ndarray  # (row * NODES * 4,) cubic pieces of Phi / (k (1/alpha + |h|))
    suction: float  # part of S_s h S that counts where h < 0: 1 as in ParFlow, or 0


@kernel
def _van_genuchten(w: np.ndarray) -> None:
    """Mualem's k with m = 1 - 1/n; a straight line over the last stretch below saturation.

    One power or logarithm at a time: each waits long for its own digits, and lanes do not wait for
    each other.
    """
    for j in range(LANES):
        u = w[LANE_C * LANES + j] * max(-w[LANE_H * LANES + j], 1e-12)
        w[LANE_1 * LANES + j] = log2(u)
    for j in range(LANES):
        n = w[(LANE_C + 1) * LANES + j]
        w[LANE_2 * LANES + j] = exp2(n * w[LANE_1 * LANES + j])
    for j in range(LANES):
        # Divisions cost more than all else here: one for 1/n, 1/u and 1/(1 + t).
        u = w[LANE_C * LANES + j] * max(-w[LANE_H * LANES + j], 1e-12)
        n = w[(LANE_C + 1) * LANES + j]
        o = 1.0 + w[LANE_2 * LANES + j]
        per = 1.0 / (u * o * n)
        w[LANE_3 * LANES + j] = per * (u * n)
        w[LANE_4 * LANES + j] = per * (o * n)
        m = 1.0 - per * (u * o)
        w[LANE_6 * LANES + j] = m
        w[LANE_5 * LANES + j] = -m * log2(o)
    for j in range(LANES):
        w[LANE_S * LANES + j] = exp2(w[LANE_5 * LANES + j])
    for j in range(LANES):
        w[LANE_K * LANES + j] = exp2(w[(LANE_C + 2) * LANES + j] * w[LANE_5 * LANES + j])
    for j in range(LANES):
        h, alpha, n = w[LANE_H * LANES + j], w[LANE_C * LANES + j], w[(LANE_C + 1) * LANES + j]
        ell, bridge = w[(LANE_C + 2) * LANES + j], w[(LANE_C + 3) * LANES + j]
        line, t = w[(LANE_C + 4) * LANES + j], w[LANE_2 * LANES + j]
        x, per_u, s = w[LANE_3 * LANES + j], w[LANE_4 * LANES + j], w[LANE_S * LANES + j]
        suction = max(-h, 1e-12)
        u = alpha * suction
        m = w[LANE_6 * LANES + j]
        y = t * x
        big_m = s * t * per_u
        # 1 - (1 - x)^m loses its digits in dry soil.
        series = (2.0 - m) * x * (1.0 / 3.0) * (1.0 + (3.0 - m) * x * 0.25)
        series = m * x * (1.0 + (1.0 - m) * x * 0.5 * (1.0 + series))
        open_part = series if x < 0.01 else 1.0 - big_m
        k = w[LANE_K * LANES + j] * open_part
        rise = (n - 1.0) * alpha * per_u
        slope = k * rise * (ell * y * open_part + 2.0 * big_m * x)
        k = k * open_part
        near = h + bridge > 0.0
        wet = h >= 0.0
        place = (w[LANE_1 * LANES + j] - FIRST) * PER_OCTAVE
        w[LANE_PLACE * LANES + j] = min(max(place, 0.0), NODES - 1.001)
        w[LANE_PHI * LANES + j] = k * (1.0 + u) * suction * per_u
        k = 1.0 + line * h if near else k
        slope = line if near else slope
        w[LANE_S * LANES + j] = 1.0 if wet else s
        w[LANE_DS * LANES + j] = 0.0 if wet else s * rise * y
        w[LANE_K * LANES + j] = 1.0 if wet else k
        w[LANE_DK * LANES + j] = 0.0 if wet else slope


@inlined
def potential_van_genuchten(
    h: float, bridge: float, line: float, at_bridge: float, dry: float
) -> float:
    near = at_bridge + (h + bridge) * (1.0 + 0.5 * line * (h - bridge))
    full = at_bridge + bridge * (1.0 - 0.5 * line * bridge) + h
    below = near if h + bridge > 0.0 else dry
    return full if h >= 0.0 else below


@kernel
def _brooks_corey(w: np.ndarray) -> None:
    """Own parameters: 1 / |entry head|, pore-size index, exponent of k in |h|."""
    for j in range(LANES):
        v = max(-w[LANE_C * LANES + j] * w[LANE_H * LANES + j], 1.0)
        w[LANE_1 * LANES + j], w[LANE_2 * LANES + j] = v, log2(v)
    for j in range(LANES):
        w[LANE_S * LANES + j] = exp2(-w[(LANE_C + 1) * LANES + j] * w[LANE_2 * LANES + j])
    for j in range(LANES):
        w[LANE_K * LANES + j] = exp2(-w[(LANE_C + 2) * LANES + j] * w[LANE_2 * LANES + j])
    for j in range(LANES):
        h, scale, index = w[LANE_H * LANES + j], w[LANE_C * LANES + j], w[(LANE_C + 1) * LANES + j]
        exponent, k = w[(LANE_C + 2) * LANES + j], w[LANE_K * LANES + j]
        per = scale / w[LANE_1 * LANES + j]
        wet = -scale * h <= 1.0
        dry = k / (per * (exponent - 1.0))
        full = 1.0 / (scale * (exponent - 1.0)) + h + 1.0 / scale
        w[LANE_DS * LANES + j] = 0.0 if wet else index * w[LANE_S * LANES + j] * per
        w[LANE_DK * LANES + j] = 0.0 if wet else exponent * k * per
        w[LANE_PHI * LANES + j] = full if wet else dry


@kernel
def _gardner(w: np.ndarray) -> None:
    for j in range(LANES):
        h, alpha = w[LANE_H * LANES + j], w[LANE_C * LANES + j]
        s = exp2(alpha * LOG2_E * min(h, 0.0))
        rise = 0.0 if h >= 0.0 else alpha * s
        w[LANE_S * LANES + j], w[LANE_DS * LANES + j] = s, rise
        w[LANE_K * LANES + j], w[LANE_DK * LANES + j] = s, rise
        w[LANE_PHI * LANES + j] = s / alpha + max(h, 0.0)


CURVE: dict[type, Callable[[np.ndarray], None]] = {
    VanGenuchten: _van_genuchten,
    BrooksCorey: _brooks_corey,
    Gardner: _gardner,
}


def curve(token: Any, w: np.ndarray) -> None:
    CURVE[type(token)](w)


@overload(curve, jit_options=FUSED)  # type: ignore[arg-type]
def _curve_of(token, w):  # type: ignore[no-untyped-def]
    chosen = CURVE[token.instance_class]
    return lambda token, w: chosen(w)


def tabulated(token: Any) -> bool:
    """Whether the potential of this curve comes from the table."""
    return isinstance(token, VanGenuchten)


@overload(tabulated)
def _tabulated(token):  # type: ignore[no-untyped-def]
    found = token.instance_class is VanGenuchten
    return lambda token: found


@inlined
def stored(
    h: float, s: float, capacity: float, residual: float, span: float, storage: float
) -> tuple[float, float]:
    """Water per volume, theta and what pressure adds where h is positive, and its derivative."""
    wet = h >= 0.0
    pressed = storage * max(h, 0.0)
    return residual + span * s + pressed, span * capacity + (storage if wet else 0.0)


@inlined
def drawn(
    h: float, water: float, slope: float, residual: float, span: float, storage: float
) -> tuple[float, float]:
    """What suction takes off the water at a head below 0, and the derivative."""
    part = storage / (residual + span)
    wet = h >= 0.0
    return 0.0 if wet else part * h * water, 0.0 if wet else part * (water + h * slope)


@kernel
def _look_up(soil: Soil, w: np.ndarray) -> None:
    """Pieces of the table at the places of the lanes, between two rows if need be."""
    for j in range(LANES):
        node = natural(np.int64(w[LANE_PLACE * LANES + j]))
        row = w[(LANE_P + TABLE_ROW) * LANES + j]
        low = natural(np.int64(row))
        part = row - low
        a = (low * NODES + node) * 4
        for i in range(4):
            w[(LANE_PIECE + i) * LANES + j] = soil.table[a + i]
        if part > 0.0:
            for i in range(4):
                above = soil.table[a + NODES * 4 + i]
                here = w[(LANE_PIECE + i) * LANES + j]
                w[(LANE_PIECE + i) * LANES + j] = here + part * (above - here)


@kernel
def evaluate_lanes(token: Any, soil: Soil, w: np.ndarray, with_potential: bool) -> None:
    """Water, its derivative, k, dk/dh and potential of the lanes whose h and p stand in w."""
    curve(token, w)
    for j in range(LANES):
        w[LANE_W * LANES + j], w[LANE_DW * LANES + j] = stored(
            w[LANE_H * LANES + j],
            w[LANE_S * LANES + j],
            w[LANE_DS * LANES + j],
            w[LANES + j],
            w[2 * LANES + j],
            w[3 * LANES + j],
        )
    if soil.suction != 0.0:
        for j in range(LANES):
            h, water, slope = w[LANE_H * LANES + j], w[LANE_W * LANES + j], w[LANE_DW * LANES + j]
            residual, span, storage = w[LANES + j], w[2 * LANES + j], w[3 * LANES + j]
            less, turn = drawn(h, water, slope, residual, span, soil.suction * storage)
            w[LANE_W * LANES + j], w[LANE_DW * LANES + j] = water + less, slope + turn
    if with_potential and tabulated(token):
        _look_up(soil, w)
        for j in range(LANES):
            place = w[LANE_PLACE * LANES + j]
            f = place - np.floor(place)
            high = w[(LANE_PIECE + 2) * LANES + j] + f * w[(LANE_PIECE + 3) * LANES + j]
            piece = w[(LANE_PIECE + 1) * LANES + j] + f * high
            piece = w[LANE_PIECE * LANES + j] + f * piece
            w[LANE_PHI * LANES + j] = potential_van_genuchten(
                w[LANE_H * LANES + j],
                w[(LANE_C + 3) * LANES + j],
                w[(LANE_C + 4) * LANES + j],
                w[(LANE_C + 5) * LANES + j],
                w[LANE_PHI * LANES + j] * piece,
            )


@kernel
def curves(token: Any, soil: Soil, h: np.ndarray, with_potential: bool, out: np.ndarray) -> None:
    """Water, its derivative, k, dk/dh and potential (5, cell) of all cells at heads (cell,)."""
    w = np.empty(LANE_ROWS * LANES)
    for start in range(0, h.size, LANES):
        count = min(LANES, h.size - start)
        for j in range(LANES):
            w[LANE_H * LANES + j] = h[start + min(j, count - 1)]
        for row in range(PARAMETERS):
            for j in range(LANES):
                w[(LANE_P + row) * LANES + j] = soil.p[row, start + min(j, count - 1)]
        evaluate_lanes(token, soil, w, with_potential)
        for row in range(5):
            keep(w, LANE_W + row, out, row, start, count)


@kernel
def _head_van_genuchten(s: float, c: tuple[float, ...]) -> float:
    # S^(-1/m) - 1 without cancellation near saturation.
    m = 1.0 - 1.0 / c[1]
    return -(math.expm1(-math.log(s) / m) ** (1.0 / c[1])) / c[0]


@kernel
def _head_brooks_corey(s: float, c: tuple[float, ...]) -> float:
    return -(s ** (-1.0 / c[1])) / c[0]


@kernel
def _head_gardner(s: float, c: tuple[float, ...]) -> float:
    return math.log(s) / c[0]


HEAD: dict[type, Callable[..., float]] = {
    VanGenuchten: _head_van_genuchten,
    BrooksCorey: _head_brooks_corey,
    Gardner: _head_gardner,
}


def _head(token: Any, s: float, c: tuple[float, ...]) -> float:
    return HEAD[type(token)](s, c)


@overload(_head)
def _head_of(token, s, c):  # type: ignore[no-untyped-def]
    chosen = HEAD[token.instance_class]
    return lambda token, s, c: chosen(s, c)


@kernel
def heads(token: Any, soil: Soil, theta: np.ndarray, h: np.ndarray) -> None:
    """Fill h (cell,) from theta (cell,); 0 where a soil without air entry is saturated."""
    p = soil.p
    for i in range(theta.size):
        s = min((theta[i] - p[RESIDUAL, i]) / p[RANGE, i], 1.0)
        h[i] = _head(token, s, (p[SHAPE, i], p[SHAPE + 1, i]))
