"""Water of the soil under a land surface: Richards' equation with ice in the pores, all forms of
runoff and the exchange with what lies below.

One column at a time, layers from the top down, z positive downward, SI units; letters follow the
cited papers. Choices are tokens, as in `kernels.soil`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import kernel
from hydroda.models.kernels.column import AQUIFER, ICE, LIQ, POND, SNOW, TABLE
from hydroda.models.kernels.column import H as HEAD
from hydroda.models.kernels.profile import (
    BEFORE,
    CHANGE,
    D_OUT,
    DEBT,
    DK,
    DOWN,
    DW,
    DZ,
    FINE,
    FIXED,
    JOINT,
    JOINT_A,
    JOINT_B,
    NUMBERS,
    OLD,
    OPEN,
    OUT,
    OVER,
    PASSING,
    PERMEABLE,
    PHI,
    PLACES,
    Q_A,
    Q_B,
    ROOTS,
    SAME,
    STEEP,
    STREAMS,
    TAKEN,
    THETA,
    UP,
    UPPER,
    WILTING,
    C,
    H,
    K,
    Q,
    W,
    Z,
)  # fmt: skip
from hydroda.models.kernels.runoff import (
    Below,
    Lowest,
    Place,
    Rates,
    below,
    bottom_flux,
    hidden,
    shed,
    water_table,
)
from hydroda.models.kernels.soil import (
    Coarse,
    _at,
    coefficients,
    evaluate,
    face,
    fine,
    inverse,
    joint,
)

MM = 1000.0  # kg m-2 of a metre of water

# Ice leaves at least this part of the pores: the retention curve keeps a slope.
LEAST_OPEN = 1e-3
# Roots and streams take all they want down to this part of the pores above the driest, none there.
RAMP = 0.01
# No head is sought for water below this part of what roots and streams may ever take.
LEAST_WET = 1e-4
# A layer whose water is farther [m] from that of its head than this starts at a new head.
ASTRAY = 1e-6


class Layers(NamedTuple):
    """The grid [m]: thickness, depth of the nodes, from the nodes to the faces; depth of all."""

    dz: np.ndarray  # (layer,)
    z: np.ndarray
    up: np.ndarray
    down: np.ndarray
    depth: float


def layers(dz: np.ndarray, z: np.ndarray) -> Layers:
    """The grid of layers of thickness dz [m] with nodes at depth z [m]."""
    bottom = np.cumsum(dz)
    return Layers(
        np.ascontiguousarray(dz, float),
        np.ascontiguousarray(z, float),
        np.ascontiguousarray(z - bottom + dz, float),
        np.ascontiguousarray(bottom - z, float),
        float(bottom[-1]),
    )


class Numbers(NamedTuple):
    """What all columns share.

    Heads [m] of the wilting point and of an air-dry surface, water that may stand on the ground
    [kg m-2], specific storage [m-1]; through ice, water moves 10^(-impedance * part of the pores)
    times as fast. Shortest step [s], water [kg m-2] that the heads of a column may miss in a step,
    Newton iterations.
    """

    wilting: float
    dry: float
    ponding: float
    storage: float
    impedance: float
    smallest: float
    tolerance: float
    iterations: int


class Soil(NamedTuple):
    """The soil of one column. Few arrays: each costs counting of references wherever it goes."""

    curve: Any
    scheme: Any
    c: np.ndarray  # (layer, COEFFICIENTS)
    g: np.ndarray  # (NUMBERS, layer)
    dry: tuple[float, float, float, float]  # h, K, dK/dh, Phi of the air-dry surface
    wet: tuple[float, float, float, float]  # the same of the lowest soil at a water table


@kernel
def soil(curve: Any, scheme: Any, layers: Layers, numbers: Numbers, raw: np.ndarray) -> Soil:
    """The soil of a column from parameters (layer, parameter)."""
    c, same = coefficients(curve, raw)
    n = c.shape[0]
    g = np.zeros((NUMBERS, n))
    above = _at(curve, c[0], 0.0)
    for i in range(n):
        g[DZ, i], g[Z, i] = layers.dz[i], layers.z[i]
        g[UP, i], g[DOWN, i] = layers.up[i], layers.down[i]
        wilting = evaluate(curve, c[i], numbers.wilting)[0]
        g[WILTING, i], g[STEEP, i] = wilting, 1.0 / (RAMP * (c[i, 1] - wilting))
        wet = _at(curve, c[i], 0.0)
        if i == 0 or not same[i]:
            suits = fine(scheme, layers.up[i], wet)
            if i > 0:
                suits = suits and fine(scheme, layers.down[i - 1], above)
        else:
            suits = fine(scheme, layers.up[i] + layers.down[i - 1], wet)
        g[SAME, i], g[FINE, i] = 1.0 if same[i] else 0.0, 1.0 if suits else 0.0
        above = wet
    return Soil(curve, scheme, c, g, _at(curve, c[0], numbers.dry), above)


@kernel
def content_of(soil: Soil, i: int, h: float) -> float:
    """Water content [m3 m-3] of layer i at head h [m], without ice."""
    return evaluate(soil.curve, soil.c[i], h)[0]


class Rows(NamedTuple):
    """Arrays of one column that are used again in every step."""

    x: np.ndarray  # (PLACES, layer + 1)
    trial: np.ndarray
    r: np.ndarray  # (FIXED, layer + 1)
    step: np.ndarray  # (1,) length of the step [s] to try next


@kernel
def rows(n: int) -> Rows:
    """Work arrays of a column of n layers."""
    x, r = np.zeros((PLACES, n + 1)), np.zeros((FIXED, n + 1))
    for i in range(n):
        x[H, i] = math.nan  # equal to no head: the first step fills all
    return Rows(x, np.zeros((PLACES, n + 1)), r, np.full(1, np.inf))


class Moved(NamedTuple):
    """Water [kg m-2] that went its ways in a step; -1 steps where none was found.

    `excess` is the part of `surface` that the ground could not take; recharge goes to the aquifer.
    """

    infiltration: float
    evaporation: float
    transpiration: float
    surface: float
    excess: float
    subsurface: float
    drainage: float
    recharge: float
    steps: int


# ------------------------------------------------------------------------------------------ layers


@kernel
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@kernel
def _curves(curve: Any, c: np.ndarray, x: np.ndarray) -> None:
    for i in range(c.shape[0]):
        values = evaluate(curve, c[i], x[H, i])
        x[THETA, i], x[C, i], x[K, i], x[DK, i], x[PHI, i] = values


@kernel
def _stores(g: np.ndarray, r: np.ndarray, x: np.ndarray, storage: float) -> None:
    """Water of the layers [m] and what leaves them sideways and through roots [m s-1]."""
    for i in range(g.shape[1]):
        h, theta, capacity = x[H, i], x[THETA, i], x[C, i]
        pressed = storage if h >= 0.0 else 0.0
        x[W, i] = g[DZ, i] * (r[OPEN, i] * theta + pressed * h)
        x[DW, i] = g[DZ, i] * (r[OPEN, i] * capacity + pressed)
        wanted = r[ROOTS, i] + r[STREAMS, i]
        part = (theta - g[WILTING, i]) * g[STEEP, i]
        slope = g[STEEP, i]
        if part >= 1.0:
            part, slope = 1.0, 0.0
        elif part <= 0.0:
            part, slope = 0.0, 0.0
        x[OUT, i] = part * wanted + r[PERMEABLE, i] * x[K, i]
        x[D_OUT, i] = slope * capacity * wanted + r[PERMEABLE, i] * x[DK, i]


@kernel
def _faces(
    curve: Any, scheme: Any, c: np.ndarray, g: np.ndarray, r: np.ndarray, x: np.ndarray
) -> None:
    """Fluxes through the faces between layers, with derivatives."""
    b = x[H, 0], x[K, 0], x[DK, 0], x[PHI, 0]
    for i in range(1, g.shape[1]):
        a, b = b, (x[H, i], x[K, i], x[DK, i], x[PHI, i])
        d_a, d_b = g[DOWN, i - 1], g[UP, i]
        if g[SAME, i] != 0.0:
            if g[FINE, i] != 0.0:
                q, q_a, q_b = face(scheme, d_a + d_b, a, b)
            else:
                q, q_a, q_b = face(Coarse(0), d_a + d_b, a, b)
        else:
            upper, lower = (c[i - 1], d_a, a), (c[i], d_b, b)
            if g[FINE, i] != 0.0:
                found = joint(curve, scheme, upper, lower, x[JOINT, i])
            else:
                found = joint(curve, Coarse(0), upper, lower, x[JOINT, i])
            q, q_a, q_b, x[JOINT, i], x[JOINT_A, i], x[JOINT_B, i] = found
        passing = r[PASSING, i]
        x[Q, i], x[Q_A, i], x[Q_B, i] = passing * q, passing * q_a, passing * q_b


class Offer(NamedTuple):
    """Water brought to the ground and asked of it [m s-1], and standing there [m]."""

    supply: float
    evaporation: float
    pond: float


@kernel
def _half(
    scheme: Any, fits: float, dz: float, a: tuple[float, ...], b: tuple[float, ...], passing: float
) -> tuple[float, float]:
    """Flux from the surface to the first node, and its derivative there."""
    if fits != 0.0:
        q, _, slope = face(scheme, dz, a, b)
    else:
        q, _, slope = face(Coarse(0), dz, a, b)
    return passing * q, passing * slope


@kernel
def _top(
    soil: Soil, g: np.ndarray, r: np.ndarray, x: np.ndarray, offer: Offer, dt: float
) -> tuple[float, float]:
    """Flux into the top layer and its derivative.

    All that is offered, but no more than goes in under the pond; no less than goes out to an
    air-dry surface.
    """
    node = x[H, 0], x[K, 0], x[DK, 0], x[PHI, 0]
    fits, dz, passing = g[FINE, 0], g[UP, 0], r[PASSING, 0]
    q, slope = offer.supply - offer.evaporation + offer.pond / dt, 0.0
    if q < 0.0:
        most, turn = _half(soil.scheme, fits, dz, soil.dry, node, passing)
        if most >= offer.supply:  # the soil is drier than air-dry: nothing evaporates
            q = offer.supply
        elif most > q:
            q, slope = most, turn
    if q > 0.0 or node[0] > 0.0:
        surface = _at(soil.curve, soil.c[0], offer.pond)
        most, turn = _half(soil.scheme, fits, dz, surface, node, passing)
        if most < q:
            q, slope = most, turn
    return q, slope


@kernel
def _ends(
    soil: Soil,
    bottom: Any,
    r: np.ndarray,
    x: np.ndarray,
    offer: Offer,
    under: Below,
    dt: float,
) -> None:
    """Fluxes through the ground surface and the bottom."""
    n = r.shape[1] - 1
    x[Q, 0], x[Q_B, 0] = _top(soil, soil.g, r, x, offer, dt)
    node = x[H, n - 1], x[K, n - 1], x[DK, n - 1], x[PHI, n - 1]
    x[Q, n], x[Q_A, n] = bottom_flux(bottom, Lowest(node, soil.wet, r[PASSING, n]), under, dt)


# ------------------------------------------------------------------------------------------ Newton


@kernel
def _residual(r: np.ndarray, x: np.ndarray, dt: float) -> float:
    """Water [m] that each layer holds too much; gives the sum of the magnitudes."""
    total = 0.0
    for i in range(r.shape[1] - 1):
        over = x[W, i] - r[BEFORE, i] - r[DEBT, i] - dt * (x[Q, i] - x[Q, i + 1] - x[OUT, i])
        r[OVER, i] = over
        total += abs(over)
    return total


@kernel
def _solve(r: np.ndarray, x: np.ndarray, dt: float) -> None:
    """Newton's change of the heads, by elimination in the tridiagonal Jacobian."""
    n = r.shape[1] - 1
    inverted = 1.0 / (x[DW, 0] + dt * (x[Q_A, 1] - x[Q_B, 0] + x[D_OUT, 0]))
    change = -r[OVER, 0] * inverted
    r[CHANGE, 0] = change
    for i in range(1, n):
        lower, upper = dt * x[Q_A, i], dt * x[Q_B, i] * inverted
        inverted = 1.0 / (x[DW, i] + dt * (x[Q_A, i + 1] - x[Q_B, i] + x[D_OUT, i]) + lower * upper)
        change = (lower * change - r[OVER, i]) * inverted
        r[UPPER, i - 1], r[CHANGE, i] = upper, change
    for i in range(n - 2, -1, -1):
        change = r[CHANGE, i] - r[UPPER, i] * change
        r[CHANGE, i] = change


@kernel
def _moved(c: np.ndarray, x: np.ndarray, i: int, change: float) -> float:
    """The head of layer i after a change.

    Wetting a dry layer, Newton in h overshoots; there the change is taken along the local power law
    of theta in |h|, which is Newton in theta.
    """
    h = x[H, i]
    if h < 0.0 and change > -0.1 * h:
        content = x[THETA, i] - c[i, 0]
        if content + x[C, i] * change < c[i, 1] - c[i, 0]:
            power = -x[C, i] * h / content
            return h * (1.0 - power * change / h) ** (-1.0 / power) if power > 1e-3 else h + change
    return h + change


@kernel
def _try(c: np.ndarray, r: np.ndarray, x: np.ndarray, trial: np.ndarray, part: float) -> None:
    """Heads of a trial: x moved by a part of Newton's change."""
    above = 0.0
    for i in range(c.shape[0]):
        h = _moved(c, x, i, part * r[CHANGE, i])
        here = h - x[H, i]
        trial[H, i] = h
        trial[JOINT, i] = x[JOINT, i] + x[JOINT_A, i] * above + x[JOINT_B, i] * here
        above = here


@kernel
def _shift(r: np.ndarray, x: np.ndarray) -> bool:
    """Move all by Newton's change along the slopes; not where a layer would become saturated."""
    n = r.shape[1] - 1
    for i in range(n):
        if (x[H, i] < 0.0) != (x[H, i] + r[CHANGE, i] < 0.0):
            return False
    above = 0.0
    for i in range(n):
        d = r[CHANGE, i]
        x[Q, i] += x[Q_B, i] * d
        if i > 0:
            x[Q, i] += x[Q_A, i] * above
            x[JOINT, i] += x[JOINT_A, i] * above + x[JOINT_B, i] * d
        x[H, i] += d
        x[THETA, i] += x[C, i] * d
        x[PHI, i] += x[K, i] * d
        x[K, i] += x[DK, i] * d
        x[OUT, i] = max(x[OUT, i] + x[D_OUT, i] * d, 0.0)
        above = d
    x[Q, n] += x[Q_A, n] * above
    return True


@kernel
def _newton(
    soil: Soil,
    numbers: Numbers,
    bottom: Any,
    work: Rows,
    offer: Offer,
    under: Below,
    dt: float,
) -> int:
    """Advance work.x by dt; gives the number of iterations, or -1 without convergence.

    x comes filled at the old heads; the step along each Newton direction is halved until the
    missing water falls. Where the fall foretells that one more step is enough, that one goes along
    the slopes.
    """
    x, trial, r, c, g = work.x, work.trial, work.r, soil.c, soil.g
    tolerance = numbers.tolerance / MM
    _ends(soil, bottom, r, x, offer, under, dt)
    norm = _residual(r, x, dt)
    for iteration in range(numbers.iterations):
        if norm <= tolerance:
            return iteration
        _solve(r, x, dt)
        part, reached = 1.0, math.inf
        for _ in range(8):
            _try(c, r, x, trial, part)
            _curves(soil.curve, c, trial)
            _stores(g, r, trial, numbers.storage)
            _faces(soil.curve, soil.scheme, c, g, r, trial)
            _ends(soil, bottom, r, trial, offer, under, dt)
            reached = _residual(r, trial, dt)
            if reached < (1.0 - 1e-3 * part) * norm or reached <= tolerance:
                break
            part *= 0.5
        if not math.isfinite(reached):
            return -1
        _copy(trial, x)
        if tolerance < reached and part == 1.0 and reached * (reached / norm) < tolerance:
            _solve(r, x, dt)
            if _shift(r, x):
                return iteration + 1
        norm = reached
    return numbers.iterations if norm <= tolerance else -1


# -------------------------------------------------------------------------------------- whole steps


@kernel
def _read(soil: Soil, numbers: Numbers, state: np.ndarray, work: Rows) -> bool:
    """Take liquid, ice and heads from the state; gives whether any face has another flux.

    Where the water is not that of the head, as after freezing or an analysis, the head is made new.
    A layer with less water than any head has keeps the driest one until it has got more.
    """
    x, r, c, g = work.x, work.r, soil.c, soil.g
    n = c.shape[0]
    new, before = False, 0.0
    for i in range(n):
        j = SNOW + i
        filled = state[ICE, j]
        if filled != 0.0:
            filled /= MM * g[DZ, i] * c[i, 1]
        r[OPEN, i], r[BEFORE, i] = max(1.0 - filled, LEAST_OPEN), state[LIQ, j] / MM
        filled = min(filled, 1.0)
        passing = _impeded(numbers.impedance, filled if i == 0 else 0.5 * (filled + before))
        new = new or passing != r[PASSING, i]
        r[PASSING, i], before = passing, filled
        if x[H, i] != state[HEAD, j]:
            x[H, i], new = state[HEAD, j], True
            _curve(soil.curve, c[i], x, i)
        pressed = numbers.storage * max(x[H, i], 0.0)
        expected = g[DZ, i] * (r[OPEN, i] * x[THETA, i] + pressed)
        r[DEBT, i] = 0.0
        if not abs(expected - r[BEFORE, i]) < ASTRAY:
            theta = r[BEFORE, i] / (g[DZ, i] * r[OPEN, i])
            low = c[i, 0] + LEAST_WET * (c[i, 1] - c[i, 0])
            if theta < low:
                r[DEBT, i] = g[DZ, i] * r[OPEN, i] * (low - theta)
            x[H, i] = _renewed(soil.curve, c[i], x[H, i], max(theta, low))
            _curve(soil.curve, c[i], x, i)
            new = True
    r[PASSING, n] = _impeded(numbers.impedance, before)
    return new


@kernel
def _curve(curve: Any, c: np.ndarray, x: np.ndarray, i: int) -> None:
    values = evaluate(curve, c, x[H, i])
    x[THETA, i], x[C, i], x[K, i], x[DK, i], x[PHI, i] = values


@kernel
def _impeded(impedance: float, ice: float) -> float:
    """Factor of the flux through pores of which ice fills a part (Lundin 1990)."""
    return 10.0 ** (-impedance * ice) if ice > 0.0 else 1.0


@kernel
def _renewed(curve: Any, c: np.ndarray, h: float, theta: float) -> float:
    """The head of a water content; a saturated layer keeps its pressure."""
    if theta >= c[1]:
        return max(h, 0.0)
    return inverse(curve, c, theta)


@kernel
def _refill(soil: Soil, numbers: Numbers, work: Rows) -> None:
    """All that depends on the heads before the step."""
    for i in range(soil.c.shape[0]):
        work.x[H, i] = work.r[OLD, i]
    _curves(soil.curve, soil.c, work.x)
    _stores(soil.g, work.r, work.x, numbers.storage)
    _faces(soil.curve, soil.scheme, soil.c, soil.g, work.r, work.x)


@kernel
def _settle(x: np.ndarray, r: np.ndarray, dt: float) -> tuple[float, float]:
    """Book the fluxes of an accepted step; gives what roots and what streams took [m].

    The water of the layers goes on from the fluxes, not from the heads, so that what Newton leaves
    over does not add up.
    """
    by_roots, by_streams = 0.0, 0.0
    for i in range(r.shape[1] - 1):
        out = x[OUT, i]
        r[BEFORE, i] += dt * (x[Q, i] - x[Q, i + 1] - out)
        root = 0.0
        if r[ROOTS, i] > 0.0:
            share = r[ROOTS, i] / (r[ROOTS, i] + r[STREAMS, i])
            with_water = out - r[PERMEABLE, i] * x[K, i]
            if with_water > 1e-12 * out:  # else it is rounding
                root = dt * share * with_water
            r[TAKEN, i] += root
        by_roots += root
        by_streams += dt * out - root
    return by_roots, by_streams


@kernel
def _advance(
    soil: Soil,
    numbers: Numbers,
    bottom: Any,
    work: Rows,
    rates: Rates,
    s: np.ndarray,
    supply: float,
    evaporation: float,
    seconds: float,
) -> Moved:
    """One forcing step in as many steps as needed; pond and aquifer in s are changed in place."""
    n = soil.c.shape[0]
    x, r, deepest = work.x, work.r, soil.g[DOWN, n - 1]
    rain, demand = (1.0 - rates.saturated) * supply / MM, evaporation / MM
    pond, store = s[POND] / MM, s[AQUIFER] / MM
    into, dried, roots, streams, excess, drained, count = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0
    left, dt = seconds, min(work.step[0], seconds)
    while left > 1e-9 * seconds:
        step = min(dt, left)
        if step < left < 2.0 * step:
            step = 0.5 * left
        base = min(rates.base * step, store)
        under = below(bottom, deepest, store - base)
        for i in range(n):
            r[OLD, i] = x[H, i]
        iterations = _newton(soil, numbers, bottom, work, Offer(rain, demand, pond), under, step)
        if iterations < 0:
            _refill(soil, numbers, work)
            if step <= numbers.smallest:
                count = -1
                break
            dt = max(step / 3.0, numbers.smallest)
            continue
        by_roots, by_streams = _settle(x, r, step)
        roots += by_roots
        streams += by_streams + base
        drained += step * x[Q, n]
        into += step * x[Q, 0]
        store = under.stock + step * x[Q, n]
        over = pond + step * (rain - demand - x[Q, 0])
        dried += step * demand + min(over, 0.0)
        pond = min(max(over, 0.0), numbers.ponding / MM)
        excess += max(over, 0.0) - pond
        left -= step
        count += 1
        if iterations > 10:
            dt = 0.7 * step
        elif iterations <= 5:
            dt = max(dt, 2.0 * step)
    work.step[0] = dt
    s[POND] = MM * pond
    recharge, drainage = 0.0, MM * drained
    if hidden(bottom)[0] > 0.0:
        recharge, drainage = drainage, 0.0
        s[AQUIFER] = MM * store
    saturated = rates.saturated * supply * seconds
    return Moved(
        MM * into,
        MM * dried,
        MM * roots,
        saturated + MM * excess,
        MM * excess,
        MM * streams,
        drainage,
        recharge,
        count,
    )


@kernel
def soil_water(
    soil: Soil,
    layers: Layers,
    numbers: Numbers,
    runoff: Any,
    bottom: Any,
    state: np.ndarray,
    s: np.ndarray,
    work: Rows,
    supply: float,
    evaporation: float,
    uptake: np.ndarray,
    seconds: float,
) -> Moved:
    """Water of one column over one forcing step; state, s and uptake are changed in place.

    `state` (ROWS, SNOW + layer) and `s` (SCALARS,) are those of `kernels.column`; liquid water that
    reaches the ground, what the air asks of it, and uptake (layer,) in kg m-2 s-1. Uptake becomes
    what roots really took.
    """
    x, r, c, g = work.x, work.r, soil.c, soil.g
    n = c.shape[0]
    new = _read(soil, numbers, state, work)
    table = water_table(bottom, layers.depth, g, x, s[AQUIFER])
    rates = shed(runoff, bottom, Place(layers.depth, c, g, state, table), r, seconds)
    for i in range(n):
        r[ROOTS, i], r[TAKEN, i] = uptake[i] / MM, 0.0
    _stores(g, r, x, numbers.storage)
    if new:
        _faces(soil.curve, soil.scheme, c, g, r, x)
    sums = _advance(soil, numbers, bottom, work, rates, s, supply, evaporation, seconds)
    spoilt = 0.0 if sums.steps > 0 else math.nan
    for i in range(n):
        state[LIQ, SNOW + i] = MM * r[BEFORE, i] + spoilt
        state[HEAD, SNOW + i] = x[H, i] + spoilt
        uptake[i] = MM * r[TAKEN, i] / seconds
    s[TABLE] = water_table(bottom, layers.depth, g, x, s[AQUIFER])
    return sums
