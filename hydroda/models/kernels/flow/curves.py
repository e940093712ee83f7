"""Retention and conductivity of many cells, each with its own soil."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from hydroda.compiled import fused_kernel as kernel
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


@kernel
def log2(x: float) -> float:
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _HALF_ROOT) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)
    z = (mantissa - 1.0) / (mantissa + 1.0)
    q = z * z
    series = L4 + q * (L5 + q * (L6 + q * (L7 + q * L8)))
    return np.float64(exponent) + z * (L0 + q * (L1 + q * (L2 + q * (L3 + q * series))))


@kernel
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
# of every soil; the others belong to the curve. Conductivities are relative to K_s:
#   _curve_...(h, parameters, table) gives saturation, dS/dh, k, dk/dh, potential (int k dh) [m]

RESIDUAL, RANGE, STORAGE, SHAPE = 0, 1, 2, 3  # theta_r, theta_s - theta_r, S_s; own rows from 3
ALPHA, N, ELL, BRIDGE, K_BRIDGE, PHI_BRIDGE, TABLE_ROW = range(3, 10)
PARAMETERS = 10

# Scratch rows of `_fill`.
LANE_H, LANE_P = 0, 1
LANE_W, LANE_DW, LANE_K, LANE_DK, LANE_PHI = 11, 12, 13, 14, 15
LANE_ROWS = 16

# Nodes of the table of flux potentials: log2(alpha |h|) from FIRST in steps of 1 / PER_OCTAVE.
FIRST, PER_OCTAVE, NODES = -20.0, 4.0, 180


class Soil(NamedTuple):
    """Parameters of all cells; the kind of curve is a token beside it."""

    p: np.ndarray  # (PARAMETERS, cell)
    table: np.ndarray  # (row * NODES * 4,) cubic pieces of Phi / (k (1/alpha + |h|))
    suction: float  # part of S_s h S that counts where h < 0: 1 as in ParFlow, or 0


@kernel
def _van_genuchten_k(
    u: float, alpha: float, n: float, ell: float
) -> tuple[float, float, float, float, float]:
    """S, dS/dh, k, dk/dh and log2 u of u = alpha |h| > 0; Mualem's k with m = 1 - 1/n."""
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
    return s, s * rise * y, k, k * rise * (ell * y + 2.0 * big_m * x / open_part), log_u


@kernel
def _tabulated(k: float, u: float, alpha: float, log_u: float, row: float, table: Any) -> float:
    """The potential from the table, between two of its rows."""
    place = min(max((log_u - FIRST) * PER_OCTAVE, 0.0), NODES - 1.001)
    node = np.int64(place)
    f = place - node
    low = np.int64(row)
    part = row - low
    a = (low * NODES + node) * 4
    b = a + (NODES * 4 if part > 0.0 else 0)
    lower = table[a] + f * (table[a + 1] + f * (table[a + 2] + f * table[a + 3]))
    upper = table[b] + f * (table[b + 1] + f * (table[b + 2] + f * table[b + 3]))
    return k * (1.0 + u) / alpha * (lower + part * (upper - lower))


@kernel
def _curve_van_genuchten(
    h: float, c: tuple[float, ...], table: np.ndarray
) -> tuple[float, float, float, float, float]:
    alpha, bridge = c[0], c[3]
    u = alpha * max(-h, 1e-12)
    s, capacity, k, slope, log_u = _van_genuchten_k(u, alpha, c[1], c[2])
    potential = _tabulated(k, u, alpha, log_u, c[6], table)
    part = h + bridge
    line = (1.0 - c[4]) / bridge
    near = part > 0.0
    k = c[4] + line * part if near else k
    slope = line if near else slope
    potential = c[5] + part * (c[4] + 0.5 * line * part) if near else potential
    wet = h >= 0.0
    full = c[5] + 0.5 * bridge * (1.0 + c[4]) + h
    return (
        1.0 if wet else s,
        0.0 if wet else capacity,
        1.0 if wet else k,
        0.0 if wet else slope,
        full if wet else potential,
    )


@kernel
def _curve_brooks_corey(
    h: float, c: tuple[float, ...], table: np.ndarray
) -> tuple[float, float, float, float, float]:
    """c: 1 / |entry head|, pore-size index, exponent of k in |h|."""
    scale, index, exponent = c[0], c[1], c[2]
    v = max(-scale * h, 1.0)
    log_v = log2(v)
    s, k = exp2(-index * log_v), exp2(-exponent * log_v)
    wet = -scale * h <= 1.0
    per = scale / v
    full = 1.0 / (scale * (exponent - 1.0)) + h + 1.0 / scale
    return (
        s,
        0.0 if wet else index * s * per,
        k,
        0.0 if wet else exponent * k * per,
        full if wet else k / (per * (exponent - 1.0)),
    )


@kernel
def _curve_gardner(
    h: float, c: tuple[float, ...], table: np.ndarray
) -> tuple[float, float, float, float, float]:
    alpha = c[0]
    wet = h >= 0.0
    s = exp2(alpha * LOG2_E * min(h, 0.0))
    rise = 0.0 if wet else alpha * s
    return s, rise, s, rise, s / alpha + max(h, 0.0)


CURVE: dict[type, Callable[..., tuple[float, float, float, float, float]]] = {
    VanGenuchten: _curve_van_genuchten,
    BrooksCorey: _curve_brooks_corey,
    Gardner: _curve_gardner,
}


def curve(token: Any, h: float, c: tuple[float, ...], table: np.ndarray) -> tuple[float, ...]:
    return CURVE[type(token)](h, c, table)


@overload(curve)
def _curve_of(token, h, c, table):  # type: ignore[no-untyped-def]
    chosen = CURVE[token.instance_class]
    return lambda token, h, c, table: chosen(h, c, table)


@kernel
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
    pressed = storage * (h if wet else suction * h * theta * full)
    turn = storage * (1.0 if wet else suction * full * (theta + h * slope))
    return theta + pressed, slope + turn


@kernel
def evaluate_lanes(token: Any, soil: Soil, w: np.ndarray) -> None:
    """Water, its derivative, k, dk/dh and potential of the lanes whose h and p stand in w."""
    for j in range(LANES):
        h = w[LANE_H * LANES + j]
        c = (
            w[4 * LANES + j],
            w[5 * LANES + j],
            w[6 * LANES + j],
            w[7 * LANES + j],
            w[8 * LANES + j],
            w[9 * LANES + j],
            w[10 * LANES + j],
        )
        s, capacity, k, slope, potential = curve(token, h, c, soil.table)
        water, turn = stored(
            h,
            s,
            capacity,
            w[1 * LANES + j],
            w[2 * LANES + j],
            w[3 * LANES + j],
            soil.suction,
        )
        w[LANE_W * LANES + j] = water
        w[LANE_DW * LANES + j] = turn
        w[LANE_K * LANES + j] = k
        w[LANE_DK * LANES + j] = slope
        w[LANE_PHI * LANES + j] = potential


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
def at(token: Any, soil: Soil, cell: int, h: float) -> tuple[float, float, float, float, float]:
    """S, dS/dh, k, dk/dh and potential of one cell at a head."""
    p = soil.p
    c = (
        p[3, cell], p[4, cell], p[5, cell], p[6, cell], p[7, cell], p[8, cell], p[9, cell]
    )  # fmt: skip
    return curve(token, h, c, soil.table)
