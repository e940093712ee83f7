"""Flux through a face, and its slopes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload

from hydroda.compiled import FUSED
from hydroda.compiled import fused_kernel as kernel
from hydroda.compiled import inlined_kernel as inlined
from hydroda.models.kernels.flow.lanes import LANES, LOG2_E, exp2
from hydroda.models.kernels.soil import Arithmetic, FluxPotential, Upstream

# ------------------------------------------------------------------------------------- face fluxes
# Downward flux in units of K_s from the distance dz and, above (a) and below (b), h, k, dk/dh and
# the potential; then its derivatives with respect to h_a and h_b. Branch-free.

TINY, LEAST = 1e-100, 1e-110


@inlined
def _grown(p: float) -> float:
    """e^|p| - 1."""
    return exp2(min(LOG2_E * abs(p), 500.0)) - 1.0


@inlined
def _weight(p: float, grown: float) -> tuple[float, float]:
    """w(p) = 1 + 1/(e^p - 1) - 1/p and its derivative: the weight of the upper cell."""
    q = p * p
    near = 0.5 + p * (1 / 12 - q * (1 / 720 - q * (1 / 30240 - q * (1 / 1209600 - q / 47900160))))
    near_slope = 1 / 12 - q * (1 / 240 - q * (1 / 6048 - q * (1 / 172800 - q / 5322240)))
    both = 1.0 / (grown * p)
    r, e = grown * both, abs(p) * abs(both)
    far = (1.0 + e if p > 0.0 else -e) - r
    far_slope = r * r - e * (1.0 + e)
    close = abs(p) < 0.5
    return near if close else far, near_slope if close else far_slope


@inlined
def _mean(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Mean k between both heads and what is divided by: 1/dz, 1/dh, 1/k; then p."""
    dh, dk, df = h_a - h_b, k_a - k_b, f_a - f_b
    apart = abs(dh) > 1e-7
    over = dh if apart else 1.0
    rise = df if apart else 0.5 * (k_a + k_b)
    rise = rise if abs(rise) > LEAST else LEAST
    one = 1.0 / (over * rise * dz)
    per_dz, by = one * (over * rise), one * (rise * dz)
    per = one * (over * over * dz)
    p = dk * per * by * dz if apart else 0.5 * dz * (s_a + s_b) * per
    return rise * by, per_dz, by, per, p


@inlined
def _through(
    dz: float,
    h_a: float, k_a: float, s_a: float,
    h_b: float, k_b: float, s_b: float,
    k: float, per_dz: float, by: float, per: float, p: float,
    w: float, w_p: float, v: float, v_kappa: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Flux and slopes from the mean k and the weights w(p), v = w(kappa)."""
    dh, dk = h_a - h_b, k_a - k_b
    apart, some = abs(dh) > 1e-7, k > TINY
    r, kappa = dh * per_dz, dk * per
    k_da = (k_a - k) * by if apart else 0.5 * s_a
    k_db = (k - k_b) * by if apart else 0.5 * s_b
    p_da = (s_a * dz - p * k_a) * per * by if apart else 0.0
    p_db = (p * k_b - s_b * dz) * per * by if apart else 0.0
    r2 = r * r
    down = 1.0 / (1.0 + r2 * r2)
    fade = 2.0 * r2 * down if r < 0.0 else 0.0
    fade_r = 4.0 * r * (1.0 - r2 * r2) * down * down * per_dz if r < 0.0 else 0.0
    defect = k - k_a + dk * v
    turn = v + kappa * v_kappa
    bend = v_kappa * kappa * kappa
    defect_da = k_da - s_a + s_a * turn - bend * k_da
    defect_db = k_db - s_b * turn - bend * k_db
    q = k * r + k_b + dk * w + fade * defect
    q_da = k_a * per_dz + s_a * w + dk * w_p * p_da + fade_r * defect + fade * defect_da
    q_db = s_b * (1.0 - w) - k_b * per_dz + dk * w_p * p_db - fade_r * defect + fade * defect_db
    return q if some else 0.0, q_da if some else 0.0, q_db if some else 0.0


@inlined
def _flux_potential(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    """As in `kernels.soil`: exact for steady flow in exponential soil, zero at rest."""
    k, per_dz, by, per, p = _mean(dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b)
    kappa = (k_a - k_b) * per
    w, w_p = _weight(p, _grown(p))
    v, v_kappa = _weight(kappa, _grown(kappa))
    return _through(
        dz, h_a, k_a, s_a, h_b, k_b, s_b, k, per_dz, by, per, p, w, w_p, v, v_kappa
    )  # fmt: skip


@inlined
def _upstream(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    """k of the cell with the higher total head, as in ParFlow."""
    per = 1.0 / dz
    gradient = (h_a - h_b) * per + 1.0
    down = gradient >= 0.0
    k = k_a if down else k_b
    a, b = s_a * gradient if down else 0.0, 0.0 if down else s_b * gradient
    return k * gradient, k * per + a, b - k * per


@inlined
def _arithmetic(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    per = 1.0 / dz
    gradient = (h_a - h_b) * per + 1.0
    k = 0.5 * (k_a + k_b)
    return k * gradient, 0.5 * s_a * gradient + k * per, 0.5 * s_b * gradient - k * per


FACE: dict[type, Callable[..., tuple[float, float, float]]] = {
    FluxPotential: _flux_potential,
    Upstream: _upstream,
    Arithmetic: _arithmetic,
}


def face(scheme: Any, dz: float, a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return FACE[type(scheme)](dz, *a, *b)


@overload(face, jit_options=FUSED | {"forceinline": True})  # type: ignore[arg-type]
def _face_of(scheme, dz, a, b):  # type: ignore[no-untyped-def]
    chosen = FACE[scheme.instance_class]
    return lambda scheme, dz, a, b: chosen(dz, a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3])


# ------------------------------------------------------------------------------ many faces at once
# Scratch rows: h, k, dk/dh and potential above and below, the distance, what comes out, and what is
# under way.

F_A, F_B, F_DZ, F_Q, F_1, F_2, F_3, F_4, F_5, F_6 = 0, 4, 8, 9, 12, 13, 14, 15, 16, 17
FACE_ROWS = 22


@inlined
def _ends(f: np.ndarray, j: int) -> tuple[float, ...]:
    return (
        f[F_DZ * LANES + j],
        f[j],
        f[LANES + j],
        f[2 * LANES + j],
        f[3 * LANES + j],
        f[4 * LANES + j],
        f[5 * LANES + j],
        f[6 * LANES + j],
        f[7 * LANES + j],
    )


@kernel
def _flux_potential_lanes(f: np.ndarray) -> None:
    """In stages, as the curves."""
    for j in range(LANES):
        dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b = _ends(f, j)
        k, per_dz, by, per, p = _mean(dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b)
        f[F_1 * LANES + j], f[F_2 * LANES + j], f[F_3 * LANES + j] = k, per_dz, by
        f[F_4 * LANES + j], f[F_5 * LANES + j] = per, p
    for j in range(LANES):
        p = f[F_5 * LANES + j]
        f[F_6 * LANES + j], f[(F_6 + 1) * LANES + j] = _weight(p, _grown(p))
    for j in range(LANES):
        kappa = (f[LANES + j] - f[5 * LANES + j]) * f[F_4 * LANES + j]
        f[(F_6 + 2) * LANES + j], f[(F_6 + 3) * LANES + j] = _weight(kappa, _grown(kappa))
    for j in range(LANES):
        dz, h_a, k_a, s_a, _, h_b, k_b, s_b, _ = _ends(f, j)
        f[F_Q * LANES + j], f[(F_Q + 1) * LANES + j], f[(F_Q + 2) * LANES + j] = _through(
            dz, h_a, k_a, s_a, h_b, k_b, s_b,
            f[F_1 * LANES + j], f[F_2 * LANES + j], f[F_3 * LANES + j], f[F_4 * LANES + j],
            f[F_5 * LANES + j], f[F_6 * LANES + j], f[(F_6 + 1) * LANES + j],
            f[(F_6 + 2) * LANES + j], f[(F_6 + 3) * LANES + j],
        )  # fmt: skip


@kernel
def _upstream_lanes(f: np.ndarray) -> None:
    for j in range(LANES):
        dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b = _ends(f, j)
        f[F_Q * LANES + j], f[(F_Q + 1) * LANES + j], f[(F_Q + 2) * LANES + j] = _upstream(
            dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b
        )


@kernel
def _arithmetic_lanes(f: np.ndarray) -> None:
    for j in range(LANES):
        dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b = _ends(f, j)
        f[F_Q * LANES + j], f[(F_Q + 1) * LANES + j], f[(F_Q + 2) * LANES + j] = _arithmetic(
            dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b
        )


FACES: dict[type, Callable[[np.ndarray], None]] = {
    FluxPotential: _flux_potential_lanes,
    Upstream: _upstream_lanes,
    Arithmetic: _arithmetic_lanes,
}


def face_lanes(scheme: Any, f: np.ndarray) -> None:
    FACES[type(scheme)](f)


@overload(face_lanes, jit_options=FUSED)  # type: ignore[arg-type]
def _face_lanes_of(scheme, f):  # type: ignore[no-untyped-def]
    chosen = FACES[scheme.instance_class]
    return lambda scheme, f: chosen(f)


def potential_counts(scheme: Any) -> bool:
    """Whether this flux asks for flux potentials."""
    return isinstance(scheme, FluxPotential)


@overload(potential_counts)
def _potential_counts(scheme):  # type: ignore[no-untyped-def]
    found = scheme.instance_class is FluxPotential
    return lambda scheme: found


# -------------------------------------------------------------------------------- between columns
# Water between two columns flows down their total head, `lift` [m] over their distance in place of
# gravity. Flux and slopes times that distance, so that no lift is a case of its own.


@inlined
def _level_potential(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, float, float]:
    """Through the side of the domain: both ends in one soil, and no lift."""
    return a[3] - b[3], a[1], -b[1]


@inlined
def _level_upstream(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, float, float]:
    drop = a[0] - b[0]
    if drop >= 0.0:
        return a[1] * drop, a[2] * drop + a[1], -a[1]
    return b[1] * drop, b[1], b[2] * drop - b[1]


@inlined
def _level_mean(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, float, float]:
    drop, k = a[0] - b[0], 0.5 * (a[1] + b[1])
    return k * drop, 0.5 * a[2] * drop + k, 0.5 * b[2] * drop - k


LEVEL: dict[type, Callable[..., tuple[float, float, float]]] = {
    FluxPotential: _level_potential,
    Upstream: _level_upstream,
    Arithmetic: _level_mean,
}


def level_face(
    scheme: Any, a: tuple[float, ...], b: tuple[float, ...]
) -> tuple[float, float, float]:
    """Flux from a to b at one height times their distance, and its slopes by h of both."""
    return LEVEL[type(scheme)](a, b)


@overload(level_face, jit_options=FUSED | {"forceinline": True})  # type: ignore[arg-type]
def _level_face_of(scheme, a, b):  # type: ignore[no-untyped-def]
    chosen = LEVEL[scheme.instance_class]
    return lambda scheme, a, b: chosen(a, b)


@inlined
def _slight_weight(p: float) -> tuple[float, float]:
    """As `_weight`, by a continued fraction of Langevin's function: to 1e-11 up to |p| = 2."""
    y = 0.25 * p * p
    over, under = 45045.0 + y * (2772.0 + 27.0 * y), 135135.0 + y * (17325.0 + y * (378.0 + y))
    per = 1.0 / under
    ratio = over * per
    turn = over + 2.0 * y * (2772.0 + 54.0 * y - ratio * (17325.0 + y * (756.0 + 3.0 * y)))
    return 0.5 + 0.25 * p * ratio, 0.25 * per * turn


@kernel
def sloping_lanes(f: np.ndarray, lift: np.ndarray) -> None:
    """By flux potentials to other columns (rows from F_B) that lie `lift` (lane,) lower.

    Always computed from the higher one. Exact for steady flow in exponential soil of one K_s, zero
    at rest.
    """
    steep = 0.0
    for j in range(LANES):
        steep = max(steep, abs(lift[j]))
    if steep == 0.0:
        for j in range(LANES):
            f[F_Q * LANES + j] = f[3 * LANES + j] - f[7 * LANES + j]
            f[(F_Q + 1) * LANES + j], f[(F_Q + 2) * LANES + j] = f[LANES + j], -f[5 * LANES + j]
        return
    for j in range(LANES):
        up = lift[j]
        _, h_i, k_i, s_i, f_i, h_o, k_o, s_o, f_o = _ends(f, j)
        down, level = up > 0.0, up == 0.0
        h_a, k_a, s_a, f_a = (
            h_i if down else h_o, k_i if down else k_o, s_i if down else s_o, f_i if down else f_o,
        )  # fmt: skip
        h_b, k_b, s_b, f_b = (
            h_o if down else h_i, k_o if down else k_i, s_o if down else s_i, f_o if down else f_i,
        )  # fmt: skip
        dz = 1.0 if level else abs(up)
        k, per_dz, by, per, p = _mean(dz, h_a, k_a, s_a, f_a, h_b, k_b, s_b, f_b)
        w, w_p = _slight_weight(p)
        kappa = (k_a - k_b) * per
        v, v_kappa = _weight(kappa, _grown(kappa))
        q, high, low = _through(
            dz, h_a, k_a, s_a, h_b, k_b, s_b, k, per_dz, by, per, p, w, w_p, v, v_kappa
        )
        f[F_Q * LANES + j] = f_i - f_o if level else up * q
        f[(F_Q + 1) * LANES + j] = k_i if level else up * (high if down else low)
        f[(F_Q + 2) * LANES + j] = -k_o if level else up * (low if down else high)


def mean_counts(scheme: Any) -> bool:
    """Whether this flux takes the mean conductivity of both cells."""
    return isinstance(scheme, Arithmetic)


@overload(mean_counts)
def _mean_counts(scheme):  # type: ignore[no-untyped-def]
    found = scheme.instance_class is Arithmetic
    return lambda scheme: found
