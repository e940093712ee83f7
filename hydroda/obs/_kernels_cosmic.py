"""COSMIC over profiles: fast neutrons summed over thin slices; numpy, numba and math only.

Letters follow Shuttleworth et al. 2013, doi:10.5194/hess-17-3205-2013: N, alpha, L1 … L4.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]

SERIES_TERMS, SERIES_END = 12, 2.0
NEGLIGIBLE = 1e-15  # share of the counts so far below which no deeper slice adds to them


def _series() -> tuple[Array, Array]:
    """Coefficients of (x/2)^2k in the integral of K0 from 0 to x, with and without ln(x/2)."""
    plain, other = np.empty(SERIES_TERMS), np.empty(SERIES_TERMS)
    harmonic, factorial = -np.euler_gamma, 1.0
    for k in range(SERIES_TERMS):
        if k:
            harmonic += 1 / k
            factorial *= k
        plain[k] = 1 / (factorial**2 * (2 * k + 1))
        other[k] = plain[k] * (harmonic + 1 / (2 * k + 1))
    return plain, other


def _smooth(s: Array) -> Array:
    """sqrt(x) exp(x) Ki1(x) at x = SERIES_END/s, by a trapezoidal rule that is exact to rounding.

    Ki1(x) is the integral of exp(-x cosh t)/cosh t over t > 0; t = u/sqrt(x) keeps its width.
    """
    x = SERIES_END / s[:, None]
    step = 0.2
    t = np.arange(60) * step / np.sqrt(x)
    values = np.exp(-2 * x * np.sinh(t / 2) ** 2) / np.cosh(t)
    return np.asarray(step * (values.sum(axis=1) - values[:, 0] / 2))


def _polynomial(degree: int = 24) -> Array:
    """Chebyshev coefficients of `_smooth` over s in (0, 1]."""
    nodes = np.polynomial.chebyshev.chebpts1(degree + 1)
    fitted = np.polynomial.chebyshev.chebfit(nodes, _smooth((nodes + 1) / 2), degree)
    return np.asarray(fitted, dtype=np.float64)


LOGARITHM, REST = _series()
TAIL = _polynomial()


@njit(cache=True)
def bickley(x: float) -> float:
    """exp(x) Ki1(x), where Ki1(x) is the integral of exp(-x/cos a) over a from 0 to pi/2."""
    if x < SERIES_END:
        if x <= 0:
            return 0.5 * math.pi
        q, logarithm, rest = 0.25 * x * x, 0.0, 0.0
        for k in range(SERIES_TERMS - 1, -1, -1):
            logarithm = logarithm * q + LOGARITHM[k]
            rest = rest * q + REST[k]
        return math.exp(x) * (0.5 * math.pi + x * (math.log(0.5 * x) * logarithm - rest))
    # Clenshaw's recurrence
    y = 2 * SERIES_END / x - 1
    last, before = 0.0, 0.0
    for k in range(TAIL.size - 1, 0, -1):
        last, before = 2 * y * last - before + TAIL[k], last
    return (y * last - before + TAIL[0]) / math.sqrt(x)


@njit(cache=True)
def over_angles(x: float, secants: Array, step: float) -> float:
    """exp(x) times the integral over the angles: exact without `secants`, else their left sum."""
    if secants.size == 0:
        return bickley(x)
    total = 0.0
    for secant in secants:
        total += math.exp(-x * (secant - 1))
    return total * step


@njit(cache=True)
def angle_integrals(x: Array, secants: Array, step: float) -> Array:
    """The integral over the angles at every attenuation x."""
    result = np.empty(x.size)
    for k in range(x.size):
        result[k] = math.exp(-x[k]) * over_angles(x[k], secants, step)
    return result


@njit(cache=True)
def profile(
    theta: Array,
    top: Array,
    first: NDArray[np.int64],
    z: Array,
    weight: Array,
    soil: Array,
    secants: Array,
    step: float,
    weights: Array,
    running: Array,
) -> tuple[float, int]:
    """Counts of one profile theta (layer,), and the number of nodes that were needed.

    Nodes first[j] … first[j+1] lie in layer j at depths z (node,) and stand for `weight` [m] of
    it. Leaves the counts of every layer in `weights` and of all nodes down to each in `running`.
    `soil`: bulk density [kg m-3], lattice water [m3 m-3], N, alpha, L1 … L4 [kg m-2].
    """
    rho, lattice, n, alpha, l1, l2, l3, l4 = soil
    scale = n * 0.1 * 2 / math.pi  # N counts per g cm-2
    above, total, used = 0.0, 0.0, 0
    weights[:] = 0.0
    for layer in range(theta.size):
        water = 1000.0 * (theta[layer] + lattice)
        # both attenuations are linear in depth within a layer
        offset = above - water * top[layer]
        source = scale * (alpha * rho + water)
        for node in range(first[layer], first[layer + 1]):
            mass, wet = rho * z[node], offset + water * z[node]
            x = mass / l3 + wet / l4
            fast = math.exp(-(mass / l1 + wet / l2 + x)) * over_angles(x, secants, step)
            fast *= source * weight[node]
            weights[layer] += fast
            total += fast
            running[node] = total
            used = node + 1
            if fast < NEGLIGIBLE * total:
                return total, used
        above += water * (top[layer + 1] - top[layer])
    return total, used


@njit(cache=True, parallel=True)
def counts(
    theta: Array,
    top: Array,
    first: NDArray[np.int64],
    z: Array,
    weight: Array,
    soils: Array,
    secants: Array,
    step: float,
) -> Array:
    """Counts (station, member) of profiles theta (station, member, layer); soils (station, 8)."""
    stations, members, layers = theta.shape
    result = np.empty((stations, members))
    for row in prange(stations * members):
        station, member = row // members, row % members
        result[station, member] = profile(
            theta[station, member],
            top,
            first,
            z,
            weight,
            soils[station],
            secants,
            step,
            np.empty(layers),
            np.empty(z.size),
        )[0]
    return result


@njit(cache=True)
def shares(
    theta: Array,
    top: Array,
    first: NDArray[np.int64],
    z: Array,
    weight: Array,
    soil: Array,
    secants: Array,
    step: float,
    share: float,
) -> tuple[Array, Array, Array]:
    """Counts (row,), depth (row,) [m] above which `share` of them arise, weights (row, layer)."""
    rows = theta.shape[0]
    total, depth = np.empty(rows), np.empty(rows)
    weights, running = np.empty(theta.shape), np.empty(z.size)
    for row in range(rows):
        total[row], used = profile(
            theta[row], top, first, z, weight, soil, secants, step, weights[row], running
        )
        weights[row] /= total[row]
        depth[row] = math.nan
        for node in range(used):
            if running[node] >= share * total[row]:
                depth[row] = z[node] + 0.5 * weight[node]
                break
    return total, depth, weights
