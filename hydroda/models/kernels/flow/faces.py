"""Flux through a horizontal face, and its slopes."""

from collections.abc import Callable
from typing import Any

from numba.extending import overload

from hydroda.compiled import FUSED
from hydroda.compiled import inlined_kernel as inlined
from hydroda.models.kernels.flow.curves import LOG2_E, exp2
from hydroda.models.kernels.soil import Arithmetic, FluxPotential, Upstream

# ------------------------------------------------------------------------------------- face fluxes
# Downward flux in units of K_s from the distance dz and, above (a) and below (b), h, k, dk/dh and
# the potential; then its derivatives with respect to h_a and h_b. Branch-free.

TINY = 1e-100


@inlined
def _weight(p: float) -> tuple[float, float]:
    """w(p) = 1 + 1/(e^p - 1) - 1/p and its derivative: the weight of the upper cell."""
    q = p * p
    near = 0.5 + p * (1 / 12 - q * (1 / 720 - q * (1 / 30240 - q * (1 / 1209600 - q / 47900160))))
    near_slope = 1 / 12 - q * (1 / 240 - q * (1 / 6048 - q * (1 / 172800 - q / 5322240)))
    size = abs(p)
    e = 1.0 / (exp2(LOG2_E * size) - 1.0)
    r = 1.0 / p
    far = (1.0 + e if p > 0.0 else -e) - r
    far_slope = r * r - e * (1.0 + e)
    close = size < 0.5
    return near if close else far, near_slope if close else far_slope


@inlined
def _flux_potential(
    dz: float,
    h_a: float, k_a: float, s_a: float, f_a: float,
    h_b: float, k_b: float, s_b: float, f_b: float,
) -> tuple[float, float, float]:  # fmt: skip
    """As in `kernels.soil`: exact for steady flow in exponential soil, zero at rest."""
    dh, dk = h_a - h_b, k_a - k_b
    r = dh / dz
    apart = abs(dh) > 1e-7
    by = 1.0 / (dh if apart else 1.0)
    k = (f_a - f_b) * by if apart else 0.5 * (k_a + k_b)
    some = k > TINY
    k = k if some else 1.0
    per = 1.0 / k
    k_da = (k_a - k) * by if apart else 0.5 * s_a
    k_db = (k - k_b) * by if apart else 0.5 * s_b
    p = dk * per * by * dz if apart else 0.5 * dz * (s_a + s_b) * per
    p_da = (s_a * dz - p * k_a) * per * by if apart else 0.0
    p_db = (p * k_b - s_b * dz) * per * by if apart else 0.0
    w, w_p = _weight(p)
    kappa = dk * per
    v, v_kappa = _weight(kappa)
    r2 = r * r
    down = 1.0 / (1.0 + r2 * r2)
    fade = 2.0 * r2 * down if r < 0.0 else 0.0
    fade_r = 4.0 * r * (1.0 - r2 * r2) * down * down / dz if r < 0.0 else 0.0
    defect = k - k_a + dk * v
    turn = v + kappa * v_kappa
    bend = v_kappa * kappa * kappa
    defect_da = k_da - s_a + s_a * turn - bend * k_da
    defect_db = k_db - s_b * turn - bend * k_db
    q = k * r + k_b + dk * w + fade * defect
    q_da = k_a / dz + s_a * w + dk * w_p * p_da + fade_r * defect + fade * defect_da
    q_db = -k_b / dz + s_b * (1.0 - w) + dk * w_p * p_db - fade_r * defect + fade * defect_db
    return q if some else 0.0, q_da if some else 0.0, q_db if some else 0.0


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


def potential_counts(scheme: Any) -> bool:
    """Whether this flux asks for flux potentials."""
    return isinstance(scheme, FluxPotential)


@overload(potential_counts)
def _potential_counts(scheme):  # type: ignore[no-untyped-def]
    found = scheme.instance_class is FluxPotential
    return lambda scheme: found
