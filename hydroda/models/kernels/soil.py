"""Compiled Richards columns: retention, face fluxes, Newton steps, the land surface above.

One column at a time, layers from the top down, z positive downward, SI units; letters follow the
cited papers. Retention curves and face fluxes are chosen by the TYPE of a small token
(`VanGenuchten()`, ...), so that the compiler specialises them and no kernel asks which one it is.
Another one is a token class and entries of the tables.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numba.extending import overload

from hydroda.compiled import Choice, chosen_by, kernel, parallel_kernel

# ------------------------------------------------------------------------------------------ tokens


class VanGenuchten(Choice):
    """Retention of van Genuchten (1980) with Mualem's conductivity."""


class BrooksCorey(Choice):
    """Retention of Brooks and Corey (1964), or Campbell's."""


class Gardner(Choice):
    """Conductivity and content exponential in the head."""


class FluxPotential(Choice):
    """Face flux by the matric flux potential."""


class Upstream(Choice):
    """Conductivity of the cell that the water leaves."""


class Arithmetic(Choice):
    """Mean conductivity of both cells."""


class Coarse(Choice):
    """For layers thicker than the capillary rise."""


# --------------------------------------------------------------------------------------- retention
# A retention curve has three functions of its row of coefficients c:
#   prepare(raw, c)         fills c from the physical parameters raw; c[0:3] = theta_r, theta_s,
#                           K_s, and no other of c depends on theta_r or theta_s
#   evaluate(c, h)          theta, dtheta/dh, K, dK/dh, matric flux potential (integral of K dh)
#   inverse(c, theta)       h
COEFFICIENTS = 13 + 4 * 13

# Van Genuchten's n below 2 gives K a vertical tangent at h = 0, where Newton cycles. Over the last
# stretch K is a straight line instead: over SHORTEST [m], or as long as it takes for the line not
# to be steeper than K_s per GENTLE [m] (n 1.5: 0.1 mm, n 1.1: 3 mm).
SHORTEST, GENTLE = 1e-4, 3e-3

# No water moves through a face that conducts less [m s-1]: quotients of conductivities stay finite.
TINY = 1e-100


def _economising(terms: int, degree: int) -> np.ndarray:
    """Matrix from Taylor coefficients in x on [0, 1/2] to a polynomial of low degree in 4x - 1."""
    chebyshev = np.polynomial.chebyshev
    nodes = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    powers = ((nodes + 1) / 4)[:, None] ** np.arange(terms)
    short = chebyshev.chebfit(nodes, powers, 40)[: degree + 1]
    columns = [chebyshev.cheb2poly(short[:, j]) for j in range(terms)]
    return np.ascontiguousarray(np.array([np.pad(c, (0, degree + 1 - c.size)) for c in columns]).T)


SHORTEN = _economising(40, 12)


@kernel
def _shorten(taylor: np.ndarray, c: np.ndarray, start: int) -> None:
    for i in range(13):
        total = 0.0
        for k in range(40):
            total += SHORTEN[i, k] * taylor[k]
        c[start + i] = total


@kernel
def _polynomial(c: np.ndarray, start: int, x: float) -> float:
    v = 4.0 * x - 1.0
    value = c[start + 12]
    for i in range(11, -1, -1):
        value = value * v + c[start + i]
    return value


@kernel
def _prepare_van_genuchten(raw: np.ndarray, c: np.ndarray) -> None:
    """raw: theta_r, theta_s, K_s, alpha, n, l.

    With x = (1 + |alpha h|^n)^-1 the matric flux potential of Mualem's conductivity is
        Phi = K_s / (alpha n) int_0^x s^(a-1) [(1-s)^-m - 2 + (1-s)^m] ds,   a = l m + m - 1.
    The bracket is a power series in x below 1/2; above, s^(a-1) is one in y = 1 - x.
    """
    n, ell = raw[4], raw[5]
    m = 1.0 - 1.0 / n
    a = ell * m + m - 1.0
    c[0], c[1], c[2], c[3], c[4], c[5], c[6] = raw[0], raw[1], raw[2], raw[3], n, m, ell
    c[10] = raw[2] / (raw[3] * n)
    lower = np.zeros(40)
    wet = np.zeros((3, 40))
    plus, minus, power = 1.0, 1.0, 1.0
    for k in range(42):
        if k >= 2:
            lower[k - 2] = (plus + minus) / (a + k)
        if k < 40:
            wet[0, k] = power / (k + 1 - m)
            wet[1, k] = power / (k + 1)
            wet[2, k] = power / (k + 1 + m)
        plus *= (m + k) / (k + 1)
        minus *= (k - m) / (k + 1)
        power *= (k + 1 - a) / (k + 1)
    _shorten(lower, c, 12)
    for i in range(3):
        _shorten(wet[i], c, 25 + 13 * i)
    c[11] = 0.5 ** (a + 2.0) * _polynomial(c, 12, 0.5) + _wet_potential(c, 0.5, 0.5**m)
    bridge = SHORTEST
    if n < 2.0:  # near saturation K is K_s (1 - 2 |alpha h|^(n-1))
        length = (2.0 * GENTLE * c[3] ** (n - 1.0)) ** (1.0 / (2.0 - n))
        bridge = min(max(bridge, length), GENTLE)
    c[64] = bridge
    c[8], _, c[9] = _van_genuchten_conductivity(c, -bridge)
    c[7] = c[9] + 0.5 * bridge * (c[8] + c[2])


@kernel
def _wet_potential(c: np.ndarray, y: float, big_m: float) -> float:
    """int_0^y (1-s)^(a-1) [s^-m - 2 + s^m] ds, with big_m = y^m."""
    a, b, d = _polynomial(c, 25, y), _polynomial(c, 38, y), _polynomial(c, 51, y)
    return y * (a / big_m - 2.0 * b + d * big_m)


@kernel
def _van_genuchten_saturation(c: np.ndarray, h: float) -> tuple[float, float, float]:
    """x = (1 + |alpha h|^n)^-1, 1 - x and S = x^m of a negative head."""
    t = math.exp(c[4] * math.log(-c[3] * h))
    x = 1.0 / (1.0 + t)
    return x, t * x, math.exp(-c[5] * math.log1p(t))


@kernel
def _van_genuchten_conductivity(c: np.ndarray, h: float) -> tuple[float, float, float]:
    x, y, s = _van_genuchten_saturation(c, h)
    return _mualem(c, h, x, y, s)


@kernel
def _mualem(c: np.ndarray, h: float, x: float, y: float, s: float) -> tuple[float, float, float]:
    """K, dK/dh and the flux potential at a negative head outside the bridge."""
    n, m, ell = c[4], c[5], c[6]
    u = -h
    big_m = s * y / (x * c[3] * u)
    open_part = 1.0 - big_m
    if x < 0.01:  # 1 - (1 - x)^m loses its digits in dry soil
        open_part = (
            m
            * x
            * (
                1.0
                + (1.0 - m) * x / 2.0 * (1.0 + (2.0 - m) * x / 3.0 * (1.0 + (3.0 - m) * x / 4.0))
            )
        )
    s_l = math.sqrt(s) if ell == 0.5 else math.exp(ell * math.log(s))
    k = c[2] * s_l * open_part * open_part
    slope = k * n * m / u * (ell * y + 2.0 * big_m * x / open_part)
    if x < 0.5:
        potential = c[10] * s_l * s * x * _polynomial(c, 12, x)
    else:
        potential = c[10] * (c[11] - _wet_potential(c, y, big_m))
    return k, slope, potential


@kernel
def _evaluate_van_genuchten(c: np.ndarray, h: float) -> tuple[float, float, float, float, float]:
    if h >= 0.0:
        return c[1], 0.0, c[2], 0.0, c[7] + c[2] * h
    x, y, s = _van_genuchten_saturation(c, h)
    theta = c[0] + (c[1] - c[0]) * s
    capacity = (c[1] - c[0]) * s * c[5] * c[4] * y / -h
    if h > -c[64]:
        part = h + c[64]
        slope = (c[2] - c[8]) / c[64]
        return (
            theta,
            capacity,
            c[8] + slope * part,
            slope,
            c[9] + part * (c[8] + 0.5 * slope * part),
        )
    k, slope, potential = _mualem(c, h, x, y, s)
    return theta, capacity, k, slope, potential


@kernel
def _inverse_van_genuchten(c: np.ndarray, theta: float) -> float:
    s = (theta - c[0]) / (c[1] - c[0])
    if s >= 1.0:
        return 0.0
    # S^(-1/m) - 1 without cancellation near saturation.
    return -(math.expm1(-math.log(s) / c[5]) ** (1.0 / c[4])) / c[3]


@kernel
def _prepare_brooks_corey(raw: np.ndarray, c: np.ndarray) -> None:
    """raw: theta_r, theta_s, K_s, entry head (negative), pore-size index, exponent of K in |h|."""
    c[0], c[1], c[2] = raw[0], raw[1], raw[2]
    c[3], c[4], c[5] = -1.0 / raw[3], raw[4], raw[5]
    c[6] = c[2] / (c[3] * (c[5] - 1.0))


@kernel
def _evaluate_brooks_corey(c: np.ndarray, h: float) -> tuple[float, float, float, float, float]:
    v = -c[3] * h
    if v <= 1.0:
        return c[1], 0.0, c[2], 0.0, c[6] + c[2] * (h + 1.0 / c[3])
    log_v = math.log(v)
    s = (c[1] - c[0]) * math.exp(-c[4] * log_v)
    k = c[2] * math.exp(-c[5] * log_v)
    return c[0] + s, -c[4] * s / h, k, -c[5] * k / h, -k * h / (c[5] - 1.0)


@kernel
def _inverse_brooks_corey(c: np.ndarray, theta: float) -> float:
    s = (theta - c[0]) / (c[1] - c[0])
    return -(min(s, 1.0) ** (-1.0 / c[4])) / c[3]


@kernel
def _prepare_gardner(raw: np.ndarray, c: np.ndarray) -> None:
    """raw: theta_r, theta_s, K_s, alpha."""
    for i in range(4):
        c[i] = raw[i]


@kernel
def _evaluate_gardner(c: np.ndarray, h: float) -> tuple[float, float, float, float, float]:
    if h >= 0.0:
        return c[1], 0.0, c[2], 0.0, c[2] * (h + 1.0 / c[3])
    s = math.exp(c[3] * h)
    k = c[2] * s
    return c[0] + (c[1] - c[0]) * s, (c[1] - c[0]) * s * c[3], k, k * c[3], k / c[3]


@kernel
def _inverse_gardner(c: np.ndarray, theta: float) -> float:
    return min(math.log((theta - c[0]) / (c[1] - c[0])) / c[3], 0.0)


PREPARE: dict[type, Callable[..., None]] = {
    VanGenuchten: _prepare_van_genuchten,
    BrooksCorey: _prepare_brooks_corey,
    Gardner: _prepare_gardner,
}
EVALUATE: dict[type, Callable[..., tuple[float, ...]]] = {
    VanGenuchten: _evaluate_van_genuchten,
    BrooksCorey: _evaluate_brooks_corey,
    Gardner: _evaluate_gardner,
}
INVERSE: dict[type, Callable[..., float]] = {
    VanGenuchten: _inverse_van_genuchten,
    BrooksCorey: _inverse_brooks_corey,
    Gardner: _inverse_gardner,
}


@chosen_by(PREPARE, given=False)
def prepare(soil: Any, raw: np.ndarray, c: np.ndarray) -> None:
    PREPARE[type(soil)](raw, c)


@chosen_by(EVALUATE, given=False)
def evaluate(soil: Any, c: np.ndarray, h: float) -> tuple[float, ...]:
    return EVALUATE[type(soil)](c, h)


@chosen_by(INVERSE, given=False)
def inverse(soil: Any, c: np.ndarray, theta: float) -> float:
    return INVERSE[type(soil)](c, theta)


# ------------------------------------------------------------------------------------- face fluxes
# A face flux is a function of the distance dz and, above (a) and below (b), h, K, dK/dh and the
# flux potential; it gives the downward flux and its derivatives with respect to h_a and h_b.


@kernel
def _weight(p: float) -> tuple[float, float]:
    """w(p) = 1 + 1/(e^p - 1) - 1/p and its derivative: the weight of the upper cell."""
    if abs(p) < 0.5:
        q = p * p
        w = 0.5 + p * (1 / 12 - q * (1 / 720 - q * (1 / 30240 - q * (1 / 1209600 - q / 47900160))))
        slope = 1 / 12 - q * (1 / 240 - q * (1 / 6048 - q * (1 / 172800 - q / 5322240)))
        return w, slope
    # Written with |p|, nothing overflows.
    e = 1.0 / math.expm1(abs(p))
    r = 1.0 / p
    return (1.0 + e if p > 0.0 else -e) - r, r * r - e * (1.0 + e)


@kernel
def _flux_potential(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Exact for steady flow where K is exponential in h, and zero at hydrostatic heads in any soil.

    q = dPhi/dz + K_b + dK w(p) + f(r) [dPhi/dh - K_b - dK w(-dK dh/dPhi)],
    p = dz dK/dPhi, r = dh/dz, f = 2 r^2/(1 + r^4) where r < 0, else 0. The last term is our own:
    without it the flux is not zero at a constant total head (r = -1) unless K is exponential. It
    fades away from there, and where the flow is all downward it would spoil monotony.
    """
    dh, dk = h_a - h_b, k_a - k_b
    r = dh / dz
    if abs(dh) > 1e-7:
        k = (f_a - f_b) / dh
        k_da, k_db = (k_a - k) / dh, (k - k_b) / dh
        p = dk / (k * r) if k > TINY else 0.0
        p_da = (s_a - p * k_a / dz) / (k * r) if k > TINY else 0.0
        p_db = (p * k_b / dz - s_b) / (k * r) if k > TINY else 0.0
    else:
        k = 0.5 * (k_a + k_b)
        k_da, k_db = 0.5 * s_a, 0.5 * s_b
        p = 0.5 * dz * (s_a + s_b) / k if k > TINY else 0.0
        p_da, p_db = 0.0, 0.0
    if k <= TINY:
        return 0.0, 0.0, 0.0
    w, w_p = _weight(p)
    kappa = dk / k
    v, v_kappa = _weight(kappa)
    fade, fade_r = 0.0, 0.0
    if r < 0.0:
        r2 = r * r
        fade = 2.0 * r2 / (1.0 + r2 * r2)
        fade_r = 4.0 * r * (1.0 - r2 * r2) / (1.0 + r2 * r2) ** 2 / dz
    defect = k - k_a + dk * v
    turn = v + dk * v_kappa / k
    defect_da = k_da - s_a + s_a * turn - v_kappa * kappa * kappa * k_da
    defect_db = k_db - s_b * turn - v_kappa * kappa * kappa * k_db
    q = k * r + k_b + dk * w + fade * defect
    q_da = k_a / dz + s_a * w + dk * w_p * p_da + fade_r * defect + fade * defect_da
    q_db = -k_b / dz + s_b * (1.0 - w) + dk * w_p * p_db - fade_r * defect + fade * defect_db
    return q, q_da, q_db


@kernel
def _upstream(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    """K of the cell with the higher total head, as in ParFlow."""
    gradient = (h_a - h_b) / dz + 1.0
    if gradient >= 0.0:
        return k_a * gradient, s_a * gradient + k_a / dz, -k_a / dz
    return k_b * gradient, k_b / dz, s_b * gradient - k_b / dz


@kernel
def _arithmetic(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    gradient = (h_a - h_b) / dz + 1.0
    k = 0.5 * (k_a + k_b)
    return k * gradient, 0.5 * s_a * gradient + k / dz, 0.5 * s_b * gradient - k / dz


@kernel
def _coarse(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    """K of the upper cell where water sinks, the mean of K over the heads where it rises.

    It never falls with h_a nor rises with h_b, however thick the layers; the flux by the potential
    may, once they are thicker than the capillary rise, and then Newton finds no way.
    """
    dh = h_a - h_b
    gradient = dh / dz + 1.0
    if gradient >= 0.0:
        return k_a * gradient, s_a * gradient + k_a / dz, -k_a / dz
    k = (f_a - f_b) / dh
    return k * gradient, k_a / dz + (k_a - k) / dh, -k_b / dz + (k - k_b) / dh


FACE: dict[type, Callable[..., tuple[float, float, float]]] = {
    Coarse: _coarse,
    FluxPotential: _flux_potential,
    Upstream: _upstream,
    Arithmetic: _arithmetic,
}


def face(scheme: Any, dz: float, a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return FACE[type(scheme)](dz, *a, *b)


@overload(face)
def _face(scheme, dz, a, b):  # type: ignore[no-untyped-def]
    chosen = FACE[scheme.instance_class]
    return lambda scheme, dz, a, b: chosen(dz, a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3])


# Beyond this part of the capillary length Phi(0)/K_s a distance between layers is coarse.
FINE = 0.8


def fine(scheme: Any, dz: float, wet: tuple[float, ...]) -> bool:
    """Whether the flux of `scheme` is monotonic over dz [m] in a soil with this h, K, .. at 0."""
    return not isinstance(scheme, FluxPotential) or dz * wet[1] <= FINE * wet[3]


@overload(fine)
def _fine(scheme, dz, wet):  # type: ignore[no-untyped-def]
    if scheme.instance_class is FluxPotential:
        return lambda scheme, dz, wet: dz * wet[1] <= FINE * wet[3]
    return lambda scheme, dz, wet: True


# ---------------------------------------------------------------------------- plants and the bottom


@kernel
def _stress(s: np.ndarray, theta: float, capacity: float, h: float) -> tuple[float, float]:
    """Part of the transpiration that roots can take, and its derivative with respect to h.

    Feddes' trapezoid of the head between s[0:4] (falling: uptake starts, is full, declines, ends)
    times FAO-56's ramp of theta from s[4] to s[5]; the one not chosen is 1 everywhere.
    """
    part, slope = 1.0, 0.0
    if h >= s[1]:
        if h >= s[0]:
            return 0.0, 0.0
        part, slope = (s[0] - h) / (s[0] - s[1]), -1.0 / (s[0] - s[1])
    elif h < s[2]:
        if h <= s[3]:
            return 0.0, 0.0
        part, slope = (h - s[3]) / (s[2] - s[3]), 1.0 / (s[2] - s[3])
    if theta >= s[5]:
        return part, slope
    if theta <= s[4]:
        return 0.0, 0.0
    ramp = (theta - s[4]) / (s[5] - s[4])
    return part * ramp, slope * ramp + part * capacity / (s[5] - s[4])


class Bottom(NamedTuple):
    """A sum of three kinds of drainage, of which a bottom usually has one.

    `free`: part of K; `held`: part of the flux to the held `head`; `rate` [s-1]: what runs off per
    metre of groundwater above `level`, a head at the bottom.
    """

    free: float
    held: float
    rate: float


@kernel
def _bottom_flux(
    scheme: Any,
    bottom: Bottom,
    half: float,
    a: tuple[float, ...],
    below: tuple[float, ...],
) -> tuple[float, float]:
    """Flux out of the lowest cell and its derivative; `below`: h, K, dK/dh, Phi at the bottom."""
    q, slope = bottom.free * a[1], bottom.free * a[2]
    if bottom.held > 0.0:
        flux, turn, _ = face(scheme, half, a, below)
        q += bottom.held * flux
        slope += bottom.held * turn
    over = a[0] + half - below[0]
    if over > 0.0:
        q += bottom.rate * over
        slope += bottom.rate
    return q, slope


# ------------------------------------------------------------------------------------- one column


class Column(NamedTuple):
    """What one column is made of. `same[i]`: layer i has the K(h) of layer i - 1."""

    soil: Any
    scheme: Any
    bottom: Bottom
    c: np.ndarray  # (layer, COEFFICIENTS)
    same: np.ndarray  # (layer,)
    dz: np.ndarray  # (layer,)
    roots: np.ndarray  # (layer,) parts of the transpiration, sum at most 1
    limits: np.ndarray  # (layer, 6) of the plant stress
    below: tuple[float, float, float, float]  # h, K, dK/dh, Phi of the lowest soil at the bottom
    dry: tuple[float, float, float, float]  # the same of the top soil at the air-dry head
    storage: float  # specific storage [m-1]


class Control(NamedTuple):
    """Steps [s], Newton iterations and the water [m] by which a column may miss its balance."""

    largest: float
    smallest: float
    iterations: int
    tolerance: float


# Rows of the work array of a column.
H, W, DW, K, DK, PHI, THETA, C, SINK, DSINK, Q, Q_A, Q_B = range(13)
JOINT, JOINT_A, JOINT_B = range(13, 16)  # head at the interface of two soils, and its derivatives
ROWS = 16


@kernel
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    """Loops, here and below: numba takes seconds longer to compile array assignments."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@kernel
def _at(soil: Any, c: np.ndarray, h: float) -> tuple[float, float, float, float]:
    """h, K, dK/dh and the flux potential."""
    _, _, k, slope, potential = evaluate(soil, c, h)
    return h, k, slope, potential


@kernel
def _cell(x: np.ndarray, i: int) -> tuple[float, float, float, float]:
    return x[H, i], x[K, i], x[DK, i], x[PHI, i]


@kernel
def _fill(column: Column, x: np.ndarray) -> None:
    """Everything that depends on the head of one layer, from x[H]."""
    for i in range(column.dz.size):
        h = x[H, i]
        theta, capacity, k, slope, potential = evaluate(column.soil, column.c[i], h)
        x[THETA, i], x[C, i], x[K, i], x[DK, i], x[PHI, i] = theta, capacity, k, slope, potential
        x[W, i], x[DW, i] = theta, capacity
        if h >= 0.0:
            x[W, i] += column.storage * h
            x[DW, i] += column.storage
        if column.roots[i] > 0.0:
            part, turn = _stress(column.limits[i], theta, capacity, h)
            x[SINK, i], x[DSINK, i] = column.roots[i] * part, column.roots[i] * turn


@kernel
def joint(
    soil: Any,
    scheme: Any,
    upper: tuple[np.ndarray, float, tuple[float, ...]],
    lower: tuple[np.ndarray, float, tuple[float, ...]],
    start: float,
) -> tuple[float, float, float, float, float, float]:
    """Flux between two layers of different soils and the head at the interface, with derivatives.

    `upper` and `lower` are coefficients, the distance [m] from the node to the interface, and h, K,
    dK/dh, Phi. At the interface both halves carry the same flux. Its head lies between the two
    total heads, seen from there, where the fluxes of the halves have other signs; Newton starts at
    `start`. What a last step would still change is of second order, so it enters the flux as it
    stands.
    """
    c_a, d_a, a = upper
    c_b, d_b, b = lower
    low, high = a[0] + d_a, b[0] - d_b
    if low > high:
        low, high = high, low
    h = min(max(start, low), high)
    q, a1, a2, b1, b2, step = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for _ in range(40):
        q, a1, a2 = face(scheme, d_a, a, _at(soil, c_a, h))
        below, b1, b2 = face(scheme, d_b, _at(soil, c_b, h), b)
        miss = q - below
        if miss > 0.0:
            low = h
        else:
            high = h
        step = miss / (b1 - a2) if b1 > a2 else 0.0
        if abs(miss) <= 1e-4 * abs(q) + 1e-18 or high - low < 1e-13 * (1.0 + abs(h)):
            break
        h = h + step if low < h + step < high and b1 > a2 else 0.5 * (low + high)
    stiffness = b1 - a2
    if stiffness <= 0.0:
        stiffness = math.inf
    return (
        q + a2 * step,
        b1 * a1 / stiffness,
        -a2 * b2 / stiffness,
        h + step,
        a1 / stiffness,
        -b2 / stiffness,
    )


@kernel
def _faces(column: Column, x: np.ndarray) -> None:
    """Fluxes through all faces but the top one, with derivatives."""
    n = column.dz.size
    for i in range(1, n):
        a, b = _cell(x, i - 1), _cell(x, i)
        if column.same[i]:
            dz = 0.5 * (column.dz[i - 1] + column.dz[i])
            x[Q, i], x[Q_A, i], x[Q_B, i] = face(column.scheme, dz, a, b)
        else:
            upper = column.c[i - 1], 0.5 * column.dz[i - 1], a
            lower = column.c[i], 0.5 * column.dz[i], b
            x[Q, i], x[Q_A, i], x[Q_B, i], x[JOINT, i], x[JOINT_A, i], x[JOINT_B, i] = joint(
                column.soil, column.scheme, upper, lower, x[JOINT, i]
            )
    half = 0.5 * column.dz[n - 1]
    x[Q, n], x[Q_A, n] = _bottom_flux(
        column.scheme, column.bottom, half, _cell(x, n - 1), column.below
    )


class Offer(NamedTuple):
    """What the atmosphere brings to and asks of the soil in one step, in m s-1; the pond in m."""

    supply: float
    evaporation: float
    transpiration: float
    pond: float


@kernel
def _top(column: Column, x: np.ndarray, offer: Offer, dt: float) -> None:
    """The flux into the top: supply less evaporation, within what the soil can pass.

    It takes no more than under the ponded depth and gives no more than to an air-dry surface.
    """
    half = 0.5 * column.dz[0]
    below = _cell(x, 0)
    offered = offer.supply - offer.evaporation + max(offer.pond, 0.0) / dt
    x[Q, 0], x[Q_B, 0] = offered, 0.0
    if offered < 0.0:
        q, _, q_b = face(column.scheme, half, column.dry, below)
        if q >= offer.supply:  # the soil is drier than air-dry: nothing evaporates
            x[Q, 0] = offer.supply
        elif q > offered:
            x[Q, 0], x[Q_B, 0] = q, q_b
    if offered > 0.0 or below[0] > 0.0:
        surface = _at(column.soil, column.c[0], offer.pond)
        q, _, q_b = face(column.scheme, half, surface, below)
        if q < x[Q, 0]:
            x[Q, 0], x[Q_B, 0] = q, q_b


@kernel
def _residual(
    column: Column, x: np.ndarray, before: np.ndarray, r: np.ndarray, dt: float, offer: Offer
) -> float:
    """Water [m] that each layer holds too much; gives the sum of the magnitudes."""
    total = 0.0
    for i in range(column.dz.size):
        taken = offer.transpiration * x[SINK, i]
        r[i] = column.dz[i] * x[W, i] - before[i] - dt * (x[Q, i] - x[Q, i + 1] - taken)
        total += abs(r[i])
    return total


@kernel
def _solve(
    column: Column, x: np.ndarray, r: np.ndarray, dt: float, offer: Offer, work: np.ndarray
) -> None:
    """Newton's change of the heads in work[0], by elimination in the tridiagonal Jacobian."""
    n = column.dz.size
    upper, change = work[1], work[0]
    pivot = 0.0
    for i in range(n):
        diagonal = column.dz[i] * x[DW, i] + dt * (
            x[Q_A, i + 1] - x[Q_B, i] + offer.transpiration * x[DSINK, i]
        )
        lower = -dt * x[Q_A, i] if i > 0 else 0.0
        if i == 0:
            pivot = diagonal
            change[0] = -r[0] / pivot
        else:
            upper[i - 1] = dt * x[Q_B, i] / pivot
            pivot = diagonal - lower * upper[i - 1]
            change[i] = (-r[i] - lower * change[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        change[i] -= upper[i] * change[i + 1]


@kernel
def _moved(column: Column, x: np.ndarray, i: int, change: float) -> float:
    """The head of layer i after a change.

    Wetting a dry layer, Newton in h overshoots; there the change is taken along the local power law
    of theta in |h|, which is Newton in theta.
    """
    h = x[H, i]
    if h < 0.0 and change > -0.1 * h:
        c = column.c[i]
        content = x[THETA, i] - c[0]
        if content + x[C, i] * change < c[1] - c[0]:
            power = -x[C, i] * h / content
            return h * (1.0 - power * change / h) ** (-1.0 / power) if power > 1e-3 else h + change
    return h + change


@kernel
def _newton(
    column: Column,
    x: np.ndarray,
    trial: np.ndarray,
    before: np.ndarray,
    work: np.ndarray,
    dt: float,
    offer: Offer,
    control: Control,
) -> int:
    """Advance x by dt; gives the number of iterations, or -1 without convergence.

    x comes filled at the old heads; the step along each Newton direction is halved until the
    missing water falls.
    """
    n = column.dz.size
    _top(column, x, offer, dt)
    norm = _residual(column, x, before, work[2], dt, offer)
    for iteration in range(control.iterations):
        if norm <= control.tolerance:
            return iteration
        _solve(column, x, work[2], dt, offer, work)
        part = 1.0
        for _ in range(8):
            above = 0.0
            for i in range(n):
                trial[H, i] = _moved(column, x, i, part * work[0, i])
                here = trial[H, i] - x[H, i]
                trial[JOINT, i] = x[JOINT, i] + x[JOINT_A, i] * above + x[JOINT_B, i] * here
                above = here
            _fill(column, trial)
            _faces(column, trial)
            _top(column, trial, offer, dt)
            reached = _residual(column, trial, before, work[2], dt, offer)
            if reached < (1.0 - 1e-3 * part) * norm or reached <= control.tolerance:
                break
            part *= 0.5
        if not math.isfinite(reached):
            return -1
        norm = reached
        _copy(trial, x)
    return control.iterations if norm <= control.tolerance else -1


# More than any soil can pass [m s-1]: offered and demanded, it holds the head of the surface.
UNLIMITED = 1e30

# Water that crossed the boundaries of a column [m].
RAIN, INTERCEPTION, EVAPORATION, TRANSPIRATION, RUNOFF, DRAINAGE = range(6)
SUMS = 6


class Store(NamedTuple):
    """Arrays of one column that are used again in every step."""

    x: np.ndarray  # (ROWS, layer + 1)
    trial: np.ndarray
    start: np.ndarray
    before: np.ndarray  # (layer,) water by the fluxes [m]
    work: np.ndarray  # (3, layer)
    sums: np.ndarray  # (SUMS,)


@kernel
def _account(column: Column, store: Store, dt: float, offer: Offer, ponding: float) -> float:
    """Book the fluxes of an accepted step; gives the new pond [m].

    The layers' balance goes on from the fluxes, not from the heads, so that what Newton leaves
    over does not add up.
    """
    x, before, sums = store.x, store.before, store.sums
    n = column.dz.size
    for i in range(n):
        taken = offer.transpiration * x[SINK, i]
        before[i] += dt * (x[Q, i] - x[Q, i + 1] - taken)
        sums[TRANSPIRATION] += dt * taken
    sums[DRAINAGE] += dt * x[Q, n]
    if ponding < 0.0:  # a held surface head: the surface gives and takes what the soil wants
        sums[RUNOFF] -= dt * x[Q, 0]
        return offer.pond
    left = offer.pond + dt * (offer.supply - offer.evaporation - x[Q, 0])
    sums[EVAPORATION] += dt * offer.evaporation + min(left, 0.0)
    pond = min(max(left, 0.0), ponding)
    sums[RUNOFF] += max(left, 0.0) - pond
    return pond


@kernel
def _advance(
    column: Column,
    store: Store,
    seconds: float,
    offer: Offer,
    ponding: float,
    control: Control,
    dt: float,
) -> tuple[float, float]:
    """One forcing interval in as many steps as needed; gives the next step [s] and the pond [m].

    The step is negative where even the smallest did not converge.
    """
    left = seconds
    pond = offer.pond
    while left > 1e-9 * seconds:
        step = min(dt, left)
        if step < left < 2.0 * step:
            step = 0.5 * left
        now = Offer(offer.supply, offer.evaporation, offer.transpiration, pond)
        _copy(store.x, store.start)
        count = _newton(column, store.x, store.trial, store.before, store.work, step, now, control)
        if count < 0:
            _copy(store.start, store.x)
            if step <= control.smallest:
                return -1.0, pond
            dt = max(step / 3.0, control.smallest)
            continue
        pond = _account(column, store, step, now, ponding)
        left -= step
        if count > 10:
            dt = 0.7 * step
        elif count <= 5:
            dt = min(max(dt, 2.0 * step), control.largest)
    return dt, pond


# ------------------------------------------------------------------------------- the land surface


class Cover(NamedTuple):
    """Constants of snow: temperatures [K], melt [m K-1 s-1], refreezing and holding as parts."""

    all_snow: float
    all_rain: float
    melt_above: float
    melt: float
    refreezing: float
    holding: float


@kernel
def _canopy(
    rain: float, demand: float, cover: float, capacity: float, held: float
) -> tuple[float, float, float]:
    """Water on the leaves, water that reaches the ground, and water that evaporated [m]."""
    caught = min(cover * rain, max(capacity - held, 0.0))
    dripping = max(held - capacity, 0.0)  # leaves that have fallen hold no water
    held += caught - dripping
    evaporated = min(held, cover * demand)
    return held - evaporated, rain - caught + dripping, evaporated


@kernel
def _snowpack(
    snowfall: float,
    rain: float,
    warmth: float,
    seconds: float,
    cover: Cover,
    ice: float,
    wet: float,
) -> tuple[float, float, float]:
    """Ice, liquid water in the snow, and water that leaves it [m]; degree-day melt (HBV)."""
    ice += snowfall
    wet += rain
    if warmth > 0.0:
        melt = min(ice, cover.melt * warmth * seconds)
    else:
        melt = max(-wet, cover.refreezing * cover.melt * warmth * seconds)
    ice -= melt
    wet += melt
    out = max(wet - cover.holding * ice, 0.0)
    return ice, wet - out, out


@kernel
def _surface(
    store: Store,
    cover: Cover,
    seconds: float,
    weather: tuple[float, float, float, float, float],
    surface: np.ndarray,
) -> Offer:
    """Canopy and snow of one interval.

    `weather` is precipitation [m], temperature [K], demand [m], covered part and canopy capacity
    [m]; `surface` is canopy water, ice, liquid water in snow, pond [m], changed in place.
    """
    precipitation, temperature, demand, leaves, capacity = weather
    sums = store.sums
    frozen = (cover.all_rain - temperature) / (cover.all_rain - cover.all_snow)
    snowfall = min(max(frozen, 0.0), 1.0) * precipitation
    surface[0], rain, wet = _canopy(precipitation - snowfall, demand, leaves, capacity, surface[0])
    warmth = temperature - cover.melt_above
    surface[1], surface[2], supply = _snowpack(
        snowfall, rain, warmth, seconds, cover, surface[1], surface[2]
    )
    evaporation = (1.0 - leaves) * demand
    sublimated = min(surface[1], evaporation)
    surface[1] -= sublimated
    sums[RAIN] += precipitation
    sums[INTERCEPTION] += wet
    sums[EVAPORATION] += sublimated
    return Offer(
        supply / seconds,
        (evaporation - sublimated) / seconds,
        max(leaves * demand - wet, 0.0) / seconds,
        surface[3],
    )


# --------------------------------------------------------------------------------------- ensembles


class Plant(NamedTuple):
    """Feddes' four heads [m], and FAO-56's wilting and field capacity heads [m] and p.

    Four infinite heads (+, +, -, -) or p = 1 with equal heads choose the other one alone.
    """

    wet: float
    full: float
    decline: float
    end: float
    wilting: float
    field: float
    p: float


@kernel
def _limits(plant: Plant, soil: Any, c: np.ndarray) -> np.ndarray:
    limits = np.zeros((c.shape[0], 6))
    for i in range(c.shape[0]):
        limits[i, 0], limits[i, 1] = plant.wet, plant.full
        limits[i, 2], limits[i, 3] = plant.decline, plant.end
        wilting = evaluate(soil, c[i], plant.wilting)[0]
        field = evaluate(soil, c[i], plant.field)[0]
        limits[i, 4] = wilting
        limits[i, 5] = wilting + (1.0 - plant.p) * (field - wilting)
    return limits


class Choices(NamedTuple):
    """Numbers that all columns share."""

    dz: np.ndarray  # (layer,)
    roots: np.ndarray  # (layer,)
    dry_head: float
    ponding: float
    storage: float
    seconds: float


@kernel
def coefficients(soil: Any, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (layer, COEFFICIENTS) of parameters (layer, parameter), and which layers repeat.

    A layer repeats the one above where K(h) is the same, whatever the water contents.
    """
    n = raw.shape[0]
    c = np.zeros((n, COEFFICIENTS))
    same = np.zeros(n, np.bool_)
    for i in range(n):
        same[i] = i > 0
        for j in range(2, raw.shape[1]):
            same[i] = same[i] and raw[i, j] == raw[i - 1, j]
        if same[i]:
            for j in range(COEFFICIENTS):
                c[i, j] = c[i - 1, j]
            c[i, 0], c[i, 1] = raw[i, 0], raw[i, 1]
        else:
            prepare(soil, raw[i], c[i])
    return c, same


@kernel
def _column(
    soil: Any,
    scheme: Any,
    plant: Plant,
    bottom: Bottom,
    choices: Choices,
    raw: np.ndarray,
    below: float,
) -> Column:
    c, same = coefficients(soil, raw)
    return Column(
        soil,
        scheme,
        bottom,
        c,
        same,
        choices.dz,
        choices.roots,
        _limits(plant, soil, c),
        _at(soil, c[-1], below),
        _at(soil, c[0], choices.dry_head),
        choices.storage,
    )


@kernel
def _store(column: Column, h: np.ndarray) -> Store:
    n = h.size
    x, trial, start = np.zeros((ROWS, n + 1)), np.zeros((ROWS, n + 1)), np.zeros((ROWS, n + 1))
    for i in range(n):
        x[H, i] = h[i]
        x[JOINT, i] = 0.5 * (h[max(i - 1, 0)] + h[i])
    _fill(column, x)
    _faces(column, x)
    before = np.zeros(n)
    for i in range(n):
        before[i] = column.dz[i] * x[W, i]
    return Store(x, trial, start, before, np.zeros((3, n)), np.zeros(SUMS))


@kernel
def _run(
    column: Column,
    choices: Choices,
    control: Control,
    cover: Cover,
    weather: np.ndarray,
    h: np.ndarray,
    theta: np.ndarray,
    surface: np.ndarray,
    sums: np.ndarray,
) -> None:
    """One column through `weather` (5, step); h, theta, surface and sums are changed in place.

    They become NaN where no step converges.
    """
    store = _store(column, h)
    dt = min(control.largest, choices.seconds)
    for step in range(weather.shape[1]):
        now = (
            weather[0, step],
            weather[1, step],
            weather[2, step],
            weather[3, step],
            weather[4, step],
        )
        offer = _surface(store, cover, choices.seconds, now, surface)
        if choices.ponding < 0.0:
            offer = Offer(UNLIMITED, 2.0 * UNLIMITED, offer.transpiration, choices.dry_head)
        dt, pond = _advance(column, store, choices.seconds, offer, choices.ponding, control, dt)
        if choices.ponding >= 0.0:
            surface[3] = pond
        if dt < 0.0:
            break
    spoilt = math.nan if dt < 0.0 else 0.0
    for i in range(h.size):
        h[i] = store.x[H, i] + spoilt
        theta[i] = store.x[THETA, i] + spoilt
    for i in range(SUMS):
        sums[i] = store.sums[i] + spoilt
    for i in range(surface.size):
        surface[i] += spoilt


@parallel_kernel
def forecast(
    soil: Any,
    scheme: Any,
    plant: Plant,
    bottom: Bottom,
    choices: Choices,
    control: Control,
    cover: Cover,
    raw: np.ndarray,
    rate: np.ndarray,
    below: np.ndarray,
    weather: np.ndarray,
    h: np.ndarray,
    theta: np.ndarray,
    surface: np.ndarray,
    sums: np.ndarray,
) -> None:
    """All columns of all members; h, theta, surface and sums, (member, column, ...), are changed.

    raw (member, column, layer, parameter), rate [s-1] and below [m] (member, column) and weather
    (member, column, 5, step) may have length 1 where members or columns share them. `rate` takes
    the place of that of `bottom`.
    """
    columns = h.shape[1]
    for task in prange(h.shape[0] * columns):
        m, i = task // columns, task % columns
        to_stream = rate[min(m, rate.shape[0] - 1), min(i, rate.shape[1] - 1)]
        column = _column(
            soil,
            scheme,
            plant,
            Bottom(bottom.free, bottom.held, to_stream),
            choices,
            raw[min(m, raw.shape[0] - 1), min(i, raw.shape[1] - 1)],
            below[min(m, below.shape[0] - 1), min(i, below.shape[1] - 1)],
        )
        sky = weather[min(m, weather.shape[0] - 1), min(i, weather.shape[1] - 1)]
        _run(column, choices, control, cover, sky, h[m, i], theta[m, i], surface[m, i], sums[m, i])


# Serial: in parallel these cheap loops take seconds longer to compile.
@kernel
def contents(soil: Any, raw: np.ndarray, h: np.ndarray, theta: np.ndarray) -> None:
    """Fill theta from h, (member, column, layer)."""
    for m in range(h.shape[0]):
        for i in range(h.shape[1]):
            c, _ = coefficients(soil, raw[min(m, raw.shape[0] - 1), min(i, raw.shape[1] - 1)])
            for layer in range(h.shape[2]):
                theta[m, i, layer] = evaluate(soil, c[layer], h[m, i, layer])[0]


@kernel
def heads(soil: Any, raw: np.ndarray, theta: np.ndarray, h: np.ndarray) -> None:
    """Fill h from theta, (member, column, layer)."""
    for m in range(h.shape[0]):
        for i in range(h.shape[1]):
            c, _ = coefficients(soil, raw[min(m, raw.shape[0] - 1), min(i, raw.shape[1] - 1)])
            for layer in range(h.shape[2]):
                h[m, i, layer] = inverse(soil, c[layer], theta[m, i, layer])


@kernel
def curve(soil: Any, raw: np.ndarray, h: np.ndarray) -> np.ndarray:
    """theta, dtheta/dh, K, dK/dh, flux potential, (5, point), of soils raw (point, parameter)."""
    out = np.empty((5, h.size))
    c, _ = coefficients(soil, raw)
    for i in range(h.size):
        out[0, i], out[1, i], out[2, i], out[3, i], out[4, i] = evaluate(soil, c[i], h[i])
    return out
