"""Retention and conductivity of many cells, each with its own soil."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from hydroda.compiled import FUSED
from hydroda.compiled import fused_kernel as kernel
from hydroda.compiled import inlined_kernel as inlined
from hydroda.models.kernels.soil import BrooksCorey, Gardner, VanGenuchten

LANES = 16

# ------------------------------------------------------------------- logarithm and power of two
# Branch-free, so that loops over them become vector instructions; errors of some 1e-15.

_HALF_ROOT = int(np.float64(math.sqrt(0.5)).view(np.int64))
_SHIFT = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to a whole number
_SHIFT_BITS = int(np.float64(_SHIFT).view(np.int64))
L0, L1, L2, L3, L4, L5, L6, L7, L8 = (2.0 / math.log(2.0) / (2 * i + 1) for i in range(9))
P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11 = (
    math.log(2.0) ** i / math.factorial(i) for i in range(1, 12)
)
LOG2_E = 1.0 / math.log(2.0)


@inlined
def log2(x: float) -> float:
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _HALF_ROOT) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)
    z = (mantissa - 1.0) / (mantissa + 1.0)
    q = z * z
    series = L4 + q * (L5 + q * (L6 + q * (L7 + q * L8)))
    return np.float64(exponent) + z * (L0 + q * (L1 + q * (L2 + q * (L3 + q * series))))


@inlined
def exp2(x: float) -> float:
    x = min(max(x, -1020.0), 1020.0)
    shifted = x + _SHIFT
    whole = np.float64(shifted).view(np.int64) - _SHIFT_BITS
    f = x - (shifted - _SHIFT)
    high = P6 + f * (P7 + f * (P8 + f * (P9 + f * (P10 + f * P11))))
    power = 1.0 + f * (P1 + f * (P2 + f * (P3 + f * (P4 + f * (P5 + f * high)))))
    return power * np.int64((whole + 1023) << 52).view(np.float64)


# --------------------------------------------------------------------------------------- retention
# A soil is a token, its parameters p (parameter, cell) and a table. The first rows of p are those
# of every soil; the others, c, belong to the curve. Conductivities are relative to K_s:
#   curve(token, h, c)      saturation, dS/dh, k, dk/dh, and where and by what to scale the table
#   potential(token, ...)   int k dh from minus infinity to h [m], from pieces of the table
# Curves without a table put their potential where the others have their scale.

RESIDUAL, RANGE, STORAGE, SHAPE = 0, 1, 2, 3  # theta_r, theta_s - theta_r, S_s; own rows from 3
ALPHA, N, ELL, BRIDGE, K_BRIDGE, PHI_BRIDGE, TABLE_ROW = range(3, 10)
PARAMETERS = 10

# Scratch rows of `evaluate_lanes`: h, p, what comes out, and the pieces of the table.
LANE_H, LANE_P = 0, 1
LANE_W, LANE_DW, LANE_K, LANE_DK, LANE_PHI = 11, 12, 13, 14, 15
LANE_PLACE, LANE_PIECE = 16, 17
LANE_ROWS = 21

# Nodes of the table of flux potentials: log2(alpha |h|) from FIRST in steps of 1 / PER_OCTAVE.
FIRST, PER_OCTAVE, NODES = -20.0, 4.0, 180

Curve = tuple[float, float, float, float, float, float]


class Soil(NamedTuple):
    """Parameters of all cells; the kind of curve is a token beside it."""

    p: np.ndarray  # (PARAMETERS, cell)
    table: np.ndarray  # (row * NODES * 4,) cubic pieces of Phi / (k (1/alpha + |h|))
    suction: float  # part of S_s h S that counts where h < 0: 1 as in ParFlow, or 0


@inlined
def _curve_van_genuchten(h: float, c: tuple[float, ...]) -> Curve:
    """Mualem's k with m = 1 - 1/n; a straight line over the last stretch below saturation."""
    alpha, n, ell, bridge, k_bridge = c[0], c[1], c[2], c[3], c[4]
    u = alpha * max(-h, 1e-12)
    m = 1.0 - 1.0 / n
    log_u = log2(u)
    t = exp2(n * log_u)
    log_o = log2(1.0 + t)
    s = exp2(-m * log_o)
    x = 1.0 / (1.0 + t)
    y = t * x
    big_m = s * t / u
    # 1 - (1 - x)^m loses its digits in dry soil.
    series = (2.0 - m) * x * (1.0 / 3.0) * (1.0 + (3.0 - m) * x * 0.25)
    series = m * x * (1.0 + (1.0 - m) * x * 0.5 * (1.0 + series))
    open_part = series if x < 0.01 else 1.0 - big_m
    k = exp2(-m * ell * log_o) * open_part * open_part
    rise = n * m * alpha / u
    slope = k * rise * (ell * y + 2.0 * big_m * x / open_part)
    scale = k * (1.0 + u) / alpha
    place = min(max((log_u - FIRST) * PER_OCTAVE, 0.0), NODES - 1.001)
    part = h + bridge
    line = (1.0 - k_bridge) / bridge
    near = part > 0.0
    wet = h >= 0.0
    k = k_bridge + line * part if near else k
    slope = line if near else slope
    return (
        1.0 if wet else s,
        0.0 if wet else s * rise * y,
        1.0 if wet else k,
        0.0 if wet else slope,
        place,
        scale,
    )


@inlined
def _potential_van_genuchten(h: float, c: tuple[float, ...], scale: float, piece: float) -> float:
    bridge, k_bridge, at_bridge = c[3], c[4], c[5]
    part = h + bridge
    line = (1.0 - k_bridge) / bridge
    near = at_bridge + part * (k_bridge + 0.5 * line * part)
    full = at_bridge + 0.5 * bridge * (1.0 + k_bridge) + h
    below = near if part > 0.0 else scale * piece
    return full if h >= 0.0 else below


@inlined
def _curve_brooks_corey(h: float, c: tuple[float, ...]) -> Curve:
    """c: 1 / |entry head|, pore-size index, exponent of k in |h|."""
    scale, index, exponent = c[0], c[1], c[2]
    v = max(-scale * h, 1.0)
    log_v = log2(v)
    s, k = exp2(-index * log_v), exp2(-exponent * log_v)
    wet = -scale * h <= 1.0
    per = scale / v
    dry = k / (per * (exponent - 1.0))
    full = 1.0 / (scale * (exponent - 1.0)) + h + 1.0 / scale
    slope, rise = index * s * per, exponent * k * per
    return s, 0.0 if wet else slope, k, 0.0 if wet else rise, 0.0, full if wet else dry


@inlined
def _curve_gardner(h: float, c: tuple[float, ...]) -> Curve:
    alpha = c[0]
    s = exp2(alpha * LOG2_E * min(h, 0.0))
    rise = 0.0 if h >= 0.0 else alpha * s
    return s, rise, s, rise, 0.0, s / alpha + max(h, 0.0)


@inlined
def _potential_closed(h: float, c: tuple[float, ...], scale: float, piece: float) -> float:
    return scale


CURVE: dict[type, Callable[..., Curve]] = {
    VanGenuchten: _curve_van_genuchten,
    BrooksCorey: _curve_brooks_corey,
    Gardner: _curve_gardner,
}
POTENTIAL: dict[type, Callable[..., float]] = {
    VanGenuchten: _potential_van_genuchten,
    BrooksCorey: _potential_closed,
    Gardner: _potential_closed,
}


def curve(token: Any, h: float, c: tuple[float, ...]) -> Curve:
    return CURVE[type(token)](h, c)


@overload(curve, jit_options=FUSED | {"forceinline": True})  # type: ignore[arg-type]
def _curve_of(token, h, c):  # type: ignore[no-untyped-def]
    chosen = CURVE[token.instance_class]
    return lambda token, h, c: chosen(h, c)


def potential(token: Any, h: float, c: tuple[float, ...], scale: float, piece: float) -> float:
    return POTENTIAL[type(token)](h, c, scale, piece)


@overload(potential, jit_options=FUSED | {"forceinline": True})  # type: ignore[arg-type]
def _potential_of(token, h, c, scale, piece):  # type: ignore[no-untyped-def]
    chosen = POTENTIAL[token.instance_class]
    return lambda token, h, c, scale, piece: chosen(h, c, scale, piece)


def tabulated(token: Any) -> bool:
    """Whether the potential of this curve comes from the table."""
    return isinstance(token, VanGenuchten)


@overload(tabulated)
def _tabulated(token):  # type: ignore[no-untyped-def]
    found = token.instance_class is VanGenuchten
    return lambda token: found


@inlined
def stored(
    h: float,
    s: float,
    capacity: float,
    residual: float,
    span: float,
    storage: float,
    suction: float,
) -> tuple[float, float]:
    """Water per volume, theta and what pressure adds, and its derivative."""
    theta = residual + span * s
    slope = span * capacity
    full = 1.0 / (residual + span)
    wet = h >= 0.0
    drawn = suction * full
    pressed = storage * h * (1.0 if wet else drawn * theta)
    turn = storage * (1.0 if wet else drawn * (theta + h * slope))
    return theta + pressed, slope + turn


@inlined
def _own(w: np.ndarray, j: int) -> tuple[float, float, float, float, float, float]:
    """Parameters of the curve of lane j."""
    return (
        w[4 * LANES + j],
        w[5 * LANES + j],
        w[6 * LANES + j],
        w[7 * LANES + j],
        w[8 * LANES + j],
        w[9 * LANES + j],
    )


@kernel
def _look_up(soil: Soil, w: np.ndarray) -> None:
    """Pieces of the table at the places of the lanes, between two rows if need be."""
    for j in range(LANES):
        node = np.int64(w[LANE_PLACE * LANES + j])
        row = w[(LANE_P + TABLE_ROW) * LANES + j]
        low = np.int64(row)
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
    for j in range(LANES):
        h = w[LANE_H * LANES + j]
        s, capacity, k, slope, place, scale = curve(token, h, _own(w, j))
        residual, span, storage = w[LANES + j], w[2 * LANES + j], w[3 * LANES + j]
        w[LANE_W * LANES + j], w[LANE_DW * LANES + j] = stored(
            h, s, capacity, residual, span, storage, soil.suction
        )
        w[LANE_K * LANES + j] = k
        w[LANE_DK * LANES + j] = slope
        w[LANE_PLACE * LANES + j] = place
        w[LANE_PHI * LANES + j] = scale
    if with_potential and tabulated(token):
        _look_up(soil, w)
        for j in range(LANES):
            place = w[LANE_PLACE * LANES + j]
            f = place - np.floor(place)
            high = w[(LANE_PIECE + 2) * LANES + j] + f * w[(LANE_PIECE + 3) * LANES + j]
            piece = w[(LANE_PIECE + 1) * LANES + j] + f * high
            piece = w[LANE_PIECE * LANES + j] + f * piece
            h, scale = w[LANE_H * LANES + j], w[LANE_PHI * LANES + j]
            w[LANE_PHI * LANES + j] = potential(token, h, _own(w, j), scale, piece)


@kernel
def load(source: np.ndarray, start: int, w: np.ndarray, row: int) -> None:
    for j in range(LANES):
        w[row * LANES + j] = source[start + j]


@kernel
def keep(w: np.ndarray, row: int, target: np.ndarray, start: int, count: int) -> None:
    if count == LANES:
        for j in range(LANES):
            target[start + j] = w[row * LANES + j]
    else:
        for j in range(count):
            target[start + j] = w[row * LANES + j]


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
            keep(w, LANE_W + row, out[row], start, count)


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
