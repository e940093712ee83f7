"""Cosmic-ray neutrons over many profiles at once; numpy, numba and math only.

Where it says lanes, `LANES` members go through the same operations side by side, which a processor
does several at a time. What a lane goes through does not depend on its neighbours: alone, a member
has the same bits.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

LANES = 32


# --- exponentials and logarithms that a processor does several at a time --------------------------


def _fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float64(types.float64, types.float64, types.float64), codegen


fused: Any = intrinsic(_fused)


def horner(coefficients: Iterable[float]) -> Callable[[float], float]:
    """Horner's rule for `coefficients` that rise with the power, compiled without a loop."""
    lowest, *others = (float(c) for c in coefficients)
    if not others:
        return njit(lambda x: lowest)
    higher = horner(others)
    return njit(lambda x: fused(higher(x), x, lowest))


def polynomial(coefficients: Iterable[float]) -> Callable[[float], float]:
    """The same, even and odd powers apart: a processor goes through both at a time."""
    given = list(coefficients)
    even, odd = horner(given[::2]), horner(given[1::2])
    return njit(lambda x: fused(odd(x * x), x, even(x * x)))


LN2, LN2_HIGH, LN2_LOW = math.log(2), 0.6931471803691238, 1.9082149292705877e-10
SHIFT = 6755399441055744.0  # 1.5 · 2^52: what is added to it is rounded, and its bits count on
ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of 1/√2
power_series = polynomial([1 / math.factorial(k) for k in range(11)])
odd_series = polynomial([1 / k for k in range(1, 16, 2)])


@njit(cache=True, error_model="numpy")
def exponential(y: float) -> float:
    """exp(y) for y up to 0, to 1e-13; for y below -700 that of -700."""
    y = max(y, -700.0)
    shifted = fused(y, 1 / LN2, SHIFT)
    k = shifted - SHIFT
    rest = fused(k, -LN2_LOW, fused(k, -LN2_HIGH, y))
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return power_series(rest) * power


@njit(cache=True, error_model="numpy")
def logarithm(x: float) -> float:
    """ln(x) of a normal x > 0, to 1e-13."""
    pattern = np.float64(x).view(np.int64)
    k = (pattern - ROOT_HALF) >> 52
    m = np.int64(pattern - (k << 52)).view(np.float64)
    f = (m - 1) / (m + 1)
    return fused(float(k), LN2, 2 * f * odd_series(f * f))


# --- weighted means of profiles -------------------------------------------------------------------


@njit(cache=True, error_model="numpy")
def into_lanes(
    theta: Array, start: int, top: Array, bottom: Array, moisture: Array, mean: Array
) -> None:
    """Leaves the profiles theta (row, layer) from `start` on in moisture (layer, lane).

    In `mean` (lane,) that of each over all its layers. Behind the last row stands the last again.
    """
    rows, layers = theta.shape
    extent = 0.0
    for lane in range(LANES):
        mean[lane] = 0.0
        row = min(start + lane, rows - 1)
        for layer in range(layers):
            moisture[layer, lane] = theta[row, layer]
    for layer in range(layers):
        thickness = bottom[layer] - top[layer]
        extent += thickness
        for lane in range(LANES):
            mean[lane] += thickness * moisture[layer, lane]
    for lane in range(LANES):
        mean[lane] /= extent


@njit(cache=True)
def linear_part(z: float, top: float, bottom: float) -> float:
    """The integral of 1 - z'/z over a layer, which z may cut."""
    if top >= z:
        return 0.0
    end = min(bottom, z)
    return (1 - 0.5 * (top + end) / z) * (end - top)


PLAIN = 20  # passes of the published iteration, after which it may be going round in a circle


@njit(cache=True, error_model="numpy")
def conventional(
    theta: Array, top: Array, bottom: Array, tolerance: float, cap: int
) -> tuple[Array, Array]:
    """Mean (row,) and z* (row,) [m] of profiles (row, layer) under a linear weight 1 - z/z*.

    The published iteration takes each mean for the next; where dry soil lies on wet it goes to and
    fro for ever. After `PLAIN` passes the mean is sought by bisection between the driest layer and
    the wettest.
    """
    rows, layers = theta.shape
    mean, reach = np.empty(rows), np.empty(rows)
    given, found, depth = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    low, high, moving = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    total, steepness, moisture = np.empty(LANES), np.empty(LANES), np.empty((layers, LANES))
    for start in range(0, rows, LANES):
        into_lanes(theta, start, top, bottom, moisture, given)
        moving[:] = 1.0
        for step in range(cap):
            for lane in range(LANES):
                depth[lane] = 0.058 / (given[lane] + 0.0829)
            linear_means(moisture, top, bottom, depth, steepness, total, found)
            left = 0.0
            for lane in range(LANES):
                far = abs(found[lane] - given[lane]) > tolerance * abs(given[lane])
                moving[lane] = moving[lane] if far else 0.0
                left += moving[lane]
            if left == 0.0 or step + 1 == cap:
                break
            for lane in range(LANES):
                if step < PLAIN:
                    given[lane] = found[lane] if moving[lane] > 0 else given[lane]
                    continue
                if step == PLAIN:
                    low[lane], high[lane] = moisture[:, lane].min(), moisture[:, lane].max()
                elif found[lane] > given[lane]:
                    low[lane] = given[lane]
                else:
                    high[lane] = given[lane]
                if moving[lane] > 0:
                    given[lane] = 0.5 * (low[lane] + high[lane])
        for lane in range(min(LANES, rows - start)):
            mean[start + lane], reach[start + lane] = found[lane], depth[lane]
    return mean, reach


@njit(cache=True, error_model="numpy")
def linear_means(
    moisture: Array,
    top: Array,
    bottom: Array,
    depth: Array,
    steepness: Array,
    total: Array,
    mean: Array,
) -> None:
    """Leaves in `mean` (lane,) that of `moisture` (layer, lane) under 1 - z/`depth`."""
    deepest = 0.0
    for lane in range(LANES):
        mean[lane], total[lane], steepness[lane] = 0.0, 0.0, 0.5 / depth[lane]
        deepest = max(deepest, depth[lane])
    for layer in range(top.size):
        if top[layer] >= deepest:
            break
        for lane in range(LANES):
            end = bottom[layer] if bottom[layer] < depth[lane] else depth[lane]
            part = (1 - (top[layer] + end) * steepness[lane]) * (end - top[layer])
            part = part if end > top[layer] else 0.0
            mean[lane] += part * moisture[layer, lane]
            total[lane] += part
    for lane in range(LANES):
        mean[lane] /= total[lane]


@njit(cache=True)
def linear_weights(reach: Array, top: Array, bottom: Array) -> Array:
    """Weights (row, layer) of sum one, under 1 - z/z* with z* = `reach` (row,)."""
    weights = np.empty((reach.size, top.size))
    for row in range(reach.size):
        norm = 0.0
        for layer in range(top.size):
            weights[row, layer] = linear_part(reach[row], top[layer], bottom[layer])
            norm += weights[row, layer]
        weights[row] /= norm
    return weights


@njit(cache=True, error_model="numpy")
def d86(theta: float, bulk_density: float, r: float) -> float:
    """Depth [m] from which 86 % of the neutrons come; `bulk_density` in [g cm-3], r* in [m]."""
    wet = (20.0 + theta) / (0.0429 + theta)
    return 0.01 / bulk_density * (8.321 + 0.14249 * (0.96655 + exponential(-0.01 * r)) * wet)


@njit(cache=True, error_model="numpy")
def vegetation_factor(height: float, theta: float) -> float:
    """F_veg of the rescaled distance; `height` of the vegetation in [m]."""
    return 1 - 0.17 * (1 - exponential(-0.41 * height)) * (1 + exponential(-9.25 * theta))


@njit(cache=True, error_model="numpy")
def revised(
    theta: Array,
    top: Array,
    bottom: Array,
    bulk_density: float,
    r: float,
    height: float,
    tolerance: float,
    cap: int,
) -> tuple[Array, Array]:
    """Mean (row,) and D86 (row,) [m] of profiles (row, layer) under exp(-2 z/D86).

    The weight is integrated over each layer. `r` is the distance over F_p; F_veg follows the
    moisture inside the fixed point, which the secant through the last two means finds.
    """
    rows, layers = theta.shape
    mean, reach = np.empty(rows), np.empty(rows)
    given, found, depth = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    given_before, found_before = np.empty(LANES), np.empty(LANES)
    total, upper, moving = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    moisture = np.empty((layers, LANES))
    for start in range(0, rows, LANES):
        into_lanes(theta, start, top, bottom, moisture, given)
        given_before[:], found_before[:], moving[:] = math.nan, math.nan, 1.0
        for step in range(cap):
            for lane in range(LANES):
                shade = vegetation_factor(height, given[lane])
                depth[lane] = d86(given[lane], bulk_density, r / shade)
            weighted_means(moisture, top, bottom, depth, total, upper, found)
            left = 0.0
            for lane in range(LANES):
                far = abs(found[lane] - given[lane]) > tolerance * abs(given[lane])
                moving[lane] = moving[lane] if far else 0.0
                left += moving[lane]
            if left == 0.0 or step + 1 == cap:
                break
            for lane in range(LANES):
                change = found[lane] - given[lane]
                slope = (found[lane] - found_before[lane]) / (given[lane] - given_before[lane])
                jump = change / (1 - slope) if abs(slope) < 0.5 else change
                given_before[lane], found_before[lane] = given[lane], found[lane]
                given[lane] += jump if moving[lane] > 0 else 0.0
        for lane in range(min(LANES, rows - start)):
            mean[start + lane], reach[start + lane] = found[lane], depth[lane]
    return mean, reach


@njit(cache=True, error_model="numpy")
def weighted_means(
    moisture: Array,
    top: Array,
    bottom: Array,
    depth: Array,
    total: Array,
    upper: Array,
    mean: Array,
) -> None:
    """Leaves in `mean` (lane,) the mean of `moisture` (layer, lane) under exp(-2 z/`depth`)."""
    layers = top.size
    for lane in range(LANES):
        total[lane] = 0.0
        upper[lane] = exponential(-2 * top[0] / depth[lane])
        mean[lane] = upper[lane] - exponential(-2 * bottom[layers - 1] / depth[lane])
    for layer in range(layers):
        for lane in range(LANES):
            below = exponential(-2 * bottom[layer] / depth[lane])
            total[lane] += (upper[lane] - below) * moisture[layer, lane]
            upper[lane] = below
    for lane in range(LANES):
        mean[lane] = total[lane] / mean[lane]


@njit(cache=True)
def exponential_weights(reach: Array, top: Array, bottom: Array) -> Array:
    """Weights (row, layer) of sum one, under exp(-2 z/D86) with D86 = `reach` (row,)."""
    weights = np.empty((reach.size, top.size))
    for row in range(reach.size):
        norm = 0.0
        for layer in range(top.size):
            # expm1 keeps the digits of a thin layer
            part = -math.expm1(-2 * (bottom[layer] - top[layer]) / reach[row])
            weights[row, layer] = math.exp(-2 * top[layer] / reach[row]) * part
            norm += weights[row, layer]
        weights[row] /= norm
    return weights


# --- COSMIC ---------------------------------------------------------------------------------------
# Letters follow Shuttleworth et al. 2013, doi:10.5194/hess-17-3205-2013: N, alpha, L1 … L4.

SERIES_TERMS, SERIES_END = 12, 2.0
NEGLIGIBLE = 1e-15  # share of the counts so far below which no deeper slice adds to them
NOTHING = 1e-13  # the same of a whole layer


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
# The same with as many terms as the lanes need for 1e-11.
near_logarithm, near_rest = polynomial(LOGARITHM[:9]), polynomial(REST[:9])
far_tail = polynomial(np.polynomial.chebyshev.cheb2poly(_polynomial(36)[:19]))


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


EXACT, SUM, TABLE = 0, 1, 2  # rules for the integral over the angles


@njit(cache=True)
def over_angles(x: float, rule: int, values: Array, step: float) -> float:
    """exp(x) times the integral over the angles.

    Exact, or the left sum over directions whose secants are `values`, or linear between `values`
    at multiples of `step` in x.
    """
    if rule == EXACT:
        return bickley(x)
    if rule == SUM:
        total = 0.0
        for secant in values:
            total += math.exp(-x * (secant - 1))
        return total * step
    place = x / step
    number = int(place)
    if number >= values.size - 1:  # mHM's fit beyond its table
        return 0.5 * math.pi * math.exp(x - 1.57406 * x**0.815488)
    part = place - number
    return math.exp(x) * ((1 - part) * values[number] + part * values[number + 1])


@njit(cache=True)
def angle_integrals(x: Array, rule: int, values: Array, step: float) -> Array:
    """The integral over the angles at every attenuation x."""
    result = np.empty(x.size)
    for k in range(x.size):
        result[k] = math.exp(-x[k]) * over_angles(x[k], rule, values, step)
    return result


@njit(cache=True)
def halved(
    x: float, begin: float, end: float, at_begin: float, at_end: float, error: float, steps: int
) -> float:
    """Trapezoids for exp(-x/cos a) over a from `begin` to `end`, halved where they may be wrong.

    In each half by less than `error`, unless all `steps` are used up.
    """
    middle = 0.5 * (begin + end)
    at_middle = math.exp(-x / math.cos(middle))
    total = 0.0
    if abs((at_end - at_middle) * (end - middle)) > error and steps > 1:
        more = steps - steps // 2
        total += halved(x, middle, end, at_middle, at_end, 0.5 * error, more)
    else:
        total += 0.5 * (end - middle) * (at_middle + at_end)
    if abs((at_middle - at_begin) * (middle - begin)) > error and steps > 1:
        total += halved(x, begin, middle, at_begin, at_middle, 0.5 * error, steps // 2)
    else:
        total += 0.5 * (middle - begin) * (at_begin + at_middle)
    return total


@njit(cache=True)
def halved_integrals(x: Array, error: float, steps: int) -> Array:
    """The integral over the angles at every attenuation x, by trapezoids from both ends on."""
    result = np.empty(x.size)
    for k in range(x.size):
        result[k] = halved(x[k], 0.0, 0.5 * math.pi, math.exp(-x[k]), 0.0, error, steps)
    return result


@njit(cache=True)
def profile(
    theta: Array,
    top: Array,
    first: Integers,
    z: Array,
    weight: Array,
    soil: Array,
    rule: int,
    values: Array,
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
            fast = math.exp(-(mass / l1 + wet / l2 + x)) * over_angles(x, rule, values, step)
            fast *= source * weight[node]
            weights[layer] += fast
            total += fast
            running[node] = total
            used = node + 1
            if fast < NEGLIGIBLE * total:
                return total, used
        above += water * (top[layer + 1] - top[layer])
    return total, used


# --- COSMIC in lanes ------------------------------------------------------------------------------


@njit(cache=True, error_model="numpy")
def near_integral(x: float) -> float:
    """Ki1(x) up to SERIES_END, to 2e-11; pi/2 for x below zero."""
    x = max(x, 1e-290)
    q = 0.25 * x * x
    logarithmic = logarithm(0.5 * x) * near_logarithm(q)
    return fused(x, logarithmic - near_rest(q), 0.5 * math.pi)


@njit(cache=True, error_model="numpy")
def far_integral(x: float) -> float:
    """exp(x) Ki1(x) from SERIES_END on, to 2e-11."""
    return far_tail(2 * SERIES_END / x - 1) / math.sqrt(x)


@njit(cache=True, error_model="numpy")
def add_near(
    total: Array,
    offset: Array,
    water: Array,
    source: Array,
    z: float,
    weight: float,
    fast: float,
    slow: float,
    l2: float,
    l4: float,
) -> None:
    """Adds the node at depth z to `total` (lane,), where all lanes are up to SERIES_END.

    offset + water z is the water above (lane,), `fast` and `slow` what the soil above takes from
    fast and high-energy neutrons.
    """
    for lane in range(LANES):
        wet = fused(water[lane], z, offset[lane])
        x = fused(wet, l4, fast)
        total[lane] += (
            source[lane] * weight * (exponential(-fused(wet, l2, slow)) * near_integral(x))
        )


@njit(cache=True, error_model="numpy")
def add_far(
    total: Array,
    offset: Array,
    water: Array,
    source: Array,
    z: float,
    weight: float,
    fast: float,
    slow: float,
    l2: float,
    l4: float,
) -> None:
    """The same where all lanes are from SERIES_END on."""
    for lane in range(LANES):
        wet = fused(water[lane], z, offset[lane])
        x = fused(wet, l4, fast)
        total[lane] += (
            source[lane] * weight * (exponential(-(fused(wet, l2, slow) + x)) * far_integral(x))
        )


@njit(cache=True, error_model="numpy")
def add_mixed(
    total: Array,
    offset: Array,
    water: Array,
    source: Array,
    z: float,
    weight: float,
    fast: float,
    slow: float,
    l2: float,
    l4: float,
) -> None:
    """The same where some lanes are on this side of SERIES_END and some beyond."""
    for lane in range(LANES):
        wet = fused(water[lane], z, offset[lane])
        x = fused(wet, l4, fast)
        near, far = near_integral(min(x, SERIES_END)), far_integral(max(x, SERIES_END))
        integral = near if x < SERIES_END else far
        more = 0.0 if x < SERIES_END else x
        total[lane] += (
            source[lane] * weight * (exponential(-(fused(wet, l2, slow) + more)) * integral)
        )


@njit(cache=True, error_model="numpy")
def lanes(
    theta: Array,
    members: Integers,
    top: Array,
    first: Integers,
    z: Array,
    weight: Array,
    soil: Array,
    result: Array,
) -> None:
    """Leaves the counts of `members` in result (member,), of profiles theta (member, layer)."""
    rho, lattice, n, alpha, l1, l2, l3, l4 = soil
    scale = n * 0.1 * 2 / math.pi  # N counts per g cm-2
    total, before, alive = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    above, water, offset = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    source = np.empty(LANES)
    for start in range(0, members.size, LANES):
        total[:], alive[:], above[:] = 0.0, scale, 0.0
        for layer in range(theta.shape[1]):
            driest, wettest, thickness = math.inf, -math.inf, top[layer + 1] - top[layer]
            for lane in range(LANES):
                member = members[min(start + lane, members.size - 1)]
                wet = 1000.0 * (theta[member, layer] + lattice)
                water[lane], offset[lane] = wet, above[lane] - wet * top[layer]
                source[lane], before[lane] = alive[lane] * (alpha * rho + wet), total[lane]
                driest = min(driest, above[lane])
                above[lane] += wet * thickness
                wettest = max(wettest, above[lane])
            all_near = rho * top[layer + 1] / l3 + wettest / l4 < SERIES_END
            all_far = rho * top[layer] / l3 + driest / l4 > SERIES_END
            for node in range(first[layer], first[layer + 1]):
                deep, wide, fast, slow = (
                    z[node],
                    weight[node],
                    rho * z[node] / l3,
                    rho * z[node] / l1,
                )
                if all_near:
                    add_near(total, offset, water, source, deep, wide, fast, slow, 1 / l2, 1 / l4)
                elif all_far:
                    add_far(total, offset, water, source, deep, wide, fast, slow, 1 / l2, 1 / l4)
                else:
                    add_mixed(total, offset, water, source, deep, wide, fast, slow, 1 / l2, 1 / l4)
            left = 0.0
            for lane in range(LANES):
                if total[lane] - before[lane] < NOTHING * total[lane]:
                    alive[lane] = 0.0
                left += alive[lane]
            if left == 0.0:
                break
        for lane in range(min(LANES, members.size - start)):
            result[members[start + lane]] = total[lane]


@njit(cache=True, error_model="numpy")
def kind(theta: Array, top: Array, soil: Array, steepest: float, sudden: float) -> int:
    """Which nodes a profile theta (layer,) needs: 0 few, 1 every slice, -1 none, as it has NaN.

    Few will do where the attenuation per depth is nowhere beyond `steepest` [m-1] and the mean
    above a layer nowhere a smaller share of that within it than `sudden`.
    """
    rho, lattice, l3, l4 = soil[0], soil[1], soil[6], soil[7]
    above, found = 0.0, 0
    for layer in range(theta.size):
        slope = rho / l3 + 1000.0 * (theta[layer] + lattice) / l4
        if math.isnan(slope):
            return -1
        if not 0 < slope <= steepest or above < sudden * slope * top[layer]:
            found = 1
        above += slope * (top[layer + 1] - top[layer])
    return found


@njit(cache=True, parallel=True, error_model="numpy")
def counts(
    theta: Array,
    top: Array,
    few_first: Integers,
    few_z: Array,
    few_weight: Array,
    every_first: Integers,
    every_z: Array,
    every_weight: Array,
    soils: Array,
    steepest: float,
    sudden: float,
) -> Array:
    """Counts (station, member), exact in the angles, of theta (station, member, layer).

    soils (station, 8); nodes as in `profile`, the few and those of every slice.
    """
    stations, members, _ = theta.shape
    result = np.full((stations, members), math.nan)
    for station in prange(stations):
        kinds = np.empty(members, np.int64)
        for member in range(members):
            kinds[member] = kind(theta[station, member], top, soils[station], steepest, sudden)
        own, into = theta[station], result[station]
        easy, hard = np.flatnonzero(kinds == 0), np.flatnonzero(kinds == 1)
        lanes(own, easy, top, few_first, few_z, few_weight, soils[station], into)
        lanes(own, hard, top, every_first, every_z, every_weight, soils[station], into)
    return result


@njit(cache=True, parallel=True, error_model="numpy")
def counts_of_rule(
    theta: Array,
    top: Array,
    few_first: Integers,
    few_z: Array,
    few_weight: Array,
    every_first: Integers,
    every_z: Array,
    every_weight: Array,
    soils: Array,
    steepest: float,
    sudden: float,
    rule: int,
    values: Array,
    step: float,
) -> Array:
    """The same with another rule for the angles, as in `over_angles`."""
    stations, members, layers = theta.shape
    result = np.full((stations, members), math.nan)
    for row in prange(stations * members):
        station, member = row // members, row % members
        own, soil = theta[station, member], soils[station]
        own_kind = kind(own, top, soil, steepest, sudden)
        weights, running = np.empty(layers), np.empty(every_z.size)
        if own_kind == 0:
            result[station, member] = profile(
                own, top, few_first, few_z, few_weight, soil, rule, values, step, weights, running
            )[0]
        elif own_kind == 1:
            result[station, member] = profile(
                own,
                top,
                every_first,
                every_z,
                every_weight,
                soil,
                rule,
                values,
                step,
                weights,
                running,
            )[0]
    return result


# --- where the neutrons come from -----------------------------------------------------------------


@njit(cache=True)
def shares(
    theta: Array,
    top: Array,
    first: Integers,
    z: Array,
    weight: Array,
    soil: Array,
    rule: int,
    values: Array,
    step: float,
    share: float,
) -> tuple[Array, Array, Array]:
    """Counts (row,), depth (row,) [m] above which `share` of them arise, weights (row, layer)."""
    rows = theta.shape[0]
    total, depth = np.empty(rows), np.empty(rows)
    weights, running = np.empty(theta.shape), np.empty(z.size)
    for row in range(rows):
        total[row], used = profile(
            theta[row], top, first, z, weight, soil, rule, values, step, weights[row], running
        )
        weights[row] /= total[row]
        depth[row] = math.nan
        for node in range(used):
            if running[node] >= share * total[row]:
                depth[row] = z[node] + 0.5 * weight[node]
                break
    return total, depth, weights
