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
from hydroda.models.kernels.runoff import (
    Below,
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
    """The soil of one column. `same[i]`: layer i has the K(h) of layer i - 1."""

    curve: Any
    scheme: Any
    c: np.ndarray  # (layer, COEFFICIENTS)
    same: np.ndarray  # (layer,)
    fine: np.ndarray  # (layer,) whether `scheme` suits the face above
    wilting: np.ndarray  # (layer,) water content that roots leave
    dry: tuple[float, float, float, float]  # h, K, dK/dh, Phi of the air-dry surface
    wet: tuple[float, float, float, float]  # the same of the lowest soil at a water table


@kernel
def soil(curve: Any, scheme: Any, layers: Layers, numbers: Numbers, raw: np.ndarray) -> Soil:
    """The soil of a column from parameters (layer, parameter)."""
    c, same = coefficients(curve, raw)
    n = c.shape[0]
    wilting, suits = np.empty(n), np.ones(n, np.bool_)
    for i in range(n):
        wilting[i] = evaluate(curve, c[i], numbers.wilting)[0]
        wet = _at(curve, c[i], 0.0)
        suits[i] = fine(scheme, layers.up[i] + (layers.down[i - 1] if i > 0 else 0.0), wet)
        if i > 0 and not same[i]:
            above = _at(curve, c[i - 1], 0.0)
            suits[i] = fine(scheme, layers.up[i], wet) and fine(scheme, layers.down[i - 1], above)
    dry, wet = _at(curve, c[0], numbers.dry), _at(curve, c[n - 1], 0.0)
    return Soil(curve, scheme, c, same, suits, wilting, dry, wet)


@kernel
def content_of(soil: Soil, i: int, h: float) -> float:
    """Water content [m3 m-3] of layer i at head h [m], without ice."""
    return evaluate(soil.curve, soil.c[i], h)[0]


# Rows of a work array (PLACES, layer + 1); of the faces, i is the one above layer i.
H, THETA, C, K, DK, PHI, Q, Q_A, Q_B, JOINT, JOINT_A, JOINT_B, W, DW, OUT, D_OUT = range(16)
PLACES = 16


class Rows(NamedTuple):
    """Arrays of one column that are used again in every step."""

    x: np.ndarray  # (PLACES, layer + 1)
    trial: np.ndarray
    start: np.ndarray
    before: np.ndarray  # (layer,) water by the fluxes [m]
    open: np.ndarray  # (layer,) part of the pores without ice
    passing: np.ndarray  # (layer + 1,) factor of the fluxes through faces
    roots: np.ndarray  # (layer,) what roots want [m s-1]
    streams: np.ndarray  # (layer,) what streams draw as long as there is water [m s-1]
    permeable: np.ndarray  # (layer,) and what they draw per conductivity
    taken: np.ndarray  # (layer,) what roots have taken [m]
    change: np.ndarray  # (layer,) Newton's change of heads [m]
    upper: np.ndarray  # (layer,)
    residual: np.ndarray  # (layer,) water [m] that each layer holds too much
    step: np.ndarray  # (1,) length of the step [s] that went well last


@kernel
def rows(n: int) -> Rows:
    """Work arrays of a column of n layers."""
    x = np.zeros((PLACES, n + 1))
    for i in range(n):
        x[H, i] = math.nan  # equal to no head: the first step fills all
    return Rows(
        x,
        np.zeros((PLACES, n + 1)),
        np.zeros((PLACES, n + 1)),
        np.zeros(n),
        np.ones(n),
        np.ones(n + 1),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.full(1, np.inf),
    )


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
def _cell(x: np.ndarray, i: int) -> tuple[float, float, float, float]:
    return x[H, i], x[K, i], x[DK, i], x[PHI, i]


@kernel
def _curve(soil: Soil, x: np.ndarray, i: int) -> None:
    values = evaluate(soil.curve, soil.c[i], x[H, i])
    x[THETA, i], x[C, i], x[K, i], x[DK, i], x[PHI, i] = values


@kernel
def _stores(soil: Soil, layers: Layers, numbers: Numbers, work: Rows, x: np.ndarray) -> None:
    """Water of the layers [m] and what leaves them sideways and through roots [m s-1]."""
    for i in range(layers.dz.size):
        h, theta, capacity = x[H, i], x[THETA, i], x[C, i]
        pressed = numbers.storage if h >= 0.0 else 0.0
        x[W, i] = layers.dz[i] * (work.open[i] * theta + pressed * h)
        x[DW, i] = layers.dz[i] * (work.open[i] * capacity + pressed)
        part, slope = _ramp(soil, i, theta)
        wanted, permeable = work.roots[i] + work.streams[i], work.permeable[i]
        x[OUT, i] = part * wanted + permeable * x[K, i]
        x[D_OUT, i] = slope * capacity * wanted + permeable * x[DK, i]


@kernel
def _ramp(soil: Soil, i: int, theta: float) -> tuple[float, float]:
    """Part of the demand that a layer can meet, and its derivative by water content."""
    width = RAMP * (soil.c[i, 1] - soil.wilting[i])
    part = (theta - soil.wilting[i]) / width
    if part >= 1.0:
        return 1.0, 0.0
    return (part, 1.0 / width) if part > 0.0 else (0.0, 0.0)


@kernel
def _between(
    soil: Soil, i: int, dz: float, a: tuple[float, ...], b: tuple[float, ...]
) -> tuple[float, ...]:
    """Flux through the face above layer i, with derivatives."""
    if soil.fine[i]:
        return face(soil.scheme, dz, a, b)
    return face(Coarse(0), dz, a, b)


@kernel
def _faces(soil: Soil, layers: Layers, work: Rows, x: np.ndarray) -> None:
    """Fluxes through the faces between layers, with derivatives."""
    for i in range(1, layers.dz.size):
        a, b = _cell(x, i - 1), _cell(x, i)
        d_a, d_b = layers.down[i - 1], layers.up[i]
        if soil.same[i]:
            q, q_a, q_b = _between(soil, i, d_a + d_b, a, b)
        else:
            upper, lower = (soil.c[i - 1], d_a, a), (soil.c[i], d_b, b)
            if soil.fine[i]:
                found = joint(soil.curve, soil.scheme, upper, lower, x[JOINT, i])
            else:
                found = joint(soil.curve, Coarse(0), upper, lower, x[JOINT, i])
            q, q_a, q_b, x[JOINT, i], x[JOINT_A, i], x[JOINT_B, i] = found
        passing = work.passing[i]
        x[Q, i], x[Q_A, i], x[Q_B, i] = passing * q, passing * q_a, passing * q_b


class Offer(NamedTuple):
    """Water brought to the ground and asked of it [m s-1], and standing there [m]."""

    supply: float
    evaporation: float
    pond: float


@kernel
def _top(
    soil: Soil, layers: Layers, work: Rows, x: np.ndarray, offer: Offer, dt: float
) -> tuple[float, float]:
    """Flux into the top layer and its derivative.

    All that is offered, but no more than goes in under the pond; no less than goes out to an
    air-dry surface.
    """
    lowest = _cell(x, 0)
    q, slope = offer.supply - offer.evaporation + offer.pond / dt, 0.0
    if q < 0.0:
        most, _, turn = _between(soil, 0, layers.up[0], soil.dry, lowest)
        most, turn = most * work.passing[0], turn * work.passing[0]
        if most >= offer.supply:  # the soil is drier than air-dry: nothing evaporates
            q = offer.supply
        elif most > q:
            q, slope = most, turn
    if q > 0.0 or lowest[0] > 0.0:
        surface = _at(soil.curve, soil.c[0], offer.pond)
        most, _, turn = _between(soil, 0, layers.up[0], surface, lowest)
        if most * work.passing[0] < q:
            q, slope = most * work.passing[0], turn * work.passing[0]
    return q, slope


@kernel
def _ends(
    soil: Soil,
    layers: Layers,
    bottom: Any,
    work: Rows,
    x: np.ndarray,
    offer: Offer,
    under: Below,
    dt: float,
) -> None:
    """Fluxes through the ground surface and the bottom."""
    n = layers.dz.size
    x[Q, 0], x[Q_B, 0] = _top(soil, layers, work, x, offer, dt)
    x[Q, n], x[Q_A, n] = bottom_flux(bottom, _cell(x, n - 1), soil.wet, under, work.passing[n], dt)


# ------------------------------------------------------------------------------------------ Newton


@kernel
def _residual(work: Rows, x: np.ndarray, dt: float) -> float:
    """Water [m] that each layer holds too much; gives the sum of the magnitudes."""
    total = 0.0
    for i in range(work.residual.size):
        over = x[W, i] - work.before[i] - dt * (x[Q, i] - x[Q, i + 1] - x[OUT, i])
        work.residual[i] = over
        total += abs(over)
    return total


@kernel
def _solve(work: Rows, x: np.ndarray, dt: float) -> None:
    """Newton's change of the heads, by elimination in the tridiagonal Jacobian."""
    n = work.residual.size
    change, upper = work.change, work.upper
    inverted = 1.0 / (x[DW, 0] + dt * (x[Q_A, 1] - x[Q_B, 0] + x[D_OUT, 0]))
    change[0] = -work.residual[0] * inverted
    for i in range(1, n):
        lower = dt * x[Q_A, i]
        upper[i - 1] = dt * x[Q_B, i] * inverted
        diagonal = x[DW, i] + dt * (x[Q_A, i + 1] - x[Q_B, i] + x[D_OUT, i])
        inverted = 1.0 / (diagonal + lower * upper[i - 1])
        change[i] = (lower * change[i - 1] - work.residual[i]) * inverted
    for i in range(n - 2, -1, -1):
        change[i] -= upper[i] * change[i + 1]


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
def _shift(work: Rows, x: np.ndarray) -> bool:
    """Move all by Newton's change along the slopes; not where a layer would become saturated."""
    n, change = work.change.size, work.change
    for i in range(n):
        if (x[H, i] < 0.0) != (x[H, i] + change[i] < 0.0):
            return False
    above = 0.0
    for i in range(n):
        d = change[i]
        x[Q, i] += x[Q_A, i] * above + x[Q_B, i] * d if i > 0 else x[Q_B, i] * d
        if i > 0:
            x[JOINT, i] += x[JOINT_A, i] * above + x[JOINT_B, i] * d
        x[H, i] += d
        x[THETA, i] += x[C, i] * d
        x[PHI, i] += x[K, i] * d
        x[K, i] += x[DK, i] * d
        x[OUT, i] += x[D_OUT, i] * d
        above = d
    x[Q, n] += x[Q_A, n] * above
    return True


@kernel
def _newton(
    soil: Soil,
    layers: Layers,
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
    x, trial = work.x, work.trial
    n = layers.dz.size
    tolerance = numbers.tolerance / MM
    _ends(soil, layers, bottom, work, x, offer, under, dt)
    norm = _residual(work, x, dt)
    for iteration in range(numbers.iterations):
        if norm <= tolerance:
            return iteration
        _solve(work, x, dt)
        part, reached = 1.0, math.inf
        for _ in range(8):
            above = 0.0
            for i in range(n):
                trial[H, i] = _moved(soil.c, x, i, part * work.change[i])
                here = trial[H, i] - x[H, i]
                trial[JOINT, i] = x[JOINT, i] + x[JOINT_A, i] * above + x[JOINT_B, i] * here
                above = here
                _curve(soil, trial, i)
            _stores(soil, layers, numbers, work, trial)
            _faces(soil, layers, work, trial)
            _ends(soil, layers, bottom, work, trial, offer, under, dt)
            reached = _residual(work, trial, dt)
            if reached < (1.0 - 1e-3 * part) * norm or reached <= tolerance:
                break
            part *= 0.5
        if not math.isfinite(reached):
            return -1
        _copy(trial, x)
        if tolerance < reached and part == 1.0 and reached * (reached / norm) < tolerance:
            _solve(work, x, dt)
            if _shift(work, x):
                return iteration + 1
        norm = reached
    return numbers.iterations if norm <= tolerance else -1


# -------------------------------------------------------------------------------------- whole steps


@kernel
def _read(soil: Soil, layers: Layers, numbers: Numbers, state: np.ndarray, work: Rows) -> bool:
    """Take liquid, ice and heads from the state; gives whether any face has another flux.

    Where the water is not that of the head, as after freezing or an analysis, the head is made new.
    """
    x = work.x
    n = layers.dz.size
    faces, before = False, 0.0
    for i in range(n):
        j = SNOW + i
        filled = state[ICE, j] / (MM * layers.dz[i] * soil.c[i, 1])
        work.open[i] = max(1.0 - filled, LEAST_OPEN)
        work.before[i] = state[LIQ, j] / MM
        passing = 1.0
        ice = min(filled, 1.0)
        mean = ice if i == 0 else 0.5 * (ice + before)
        if mean > 0.0:
            passing = 10.0 ** (-numbers.impedance * mean)
        faces = faces or passing != work.passing[i]
        work.passing[i], before = passing, ice
        if x[H, i] != state[HEAD, j]:
            x[H, i], faces = state[HEAD, j], True
            _curve(soil, x, i)
        if _renewed(soil, layers, numbers, work, i):
            faces = True
            _curve(soil, x, i)
    work.passing[n] = 10.0 ** (-numbers.impedance * before) if before > 0.0 else 1.0
    return faces


@kernel
def _renewed(soil: Soil, layers: Layers, numbers: Numbers, work: Rows, i: int) -> bool:
    """Give an unsaturated layer whose water is not that of its head another one."""
    x = work.x
    pressed = numbers.storage * max(x[H, i], 0.0)
    expected = layers.dz[i] * (work.open[i] * x[THETA, i] + pressed)
    if abs(expected - work.before[i]) < ASTRAY:
        return False
    theta = work.before[i] / (layers.dz[i] * work.open[i])
    low, high = soil.c[i, 0], soil.c[i, 1]
    if theta >= high:
        h = max(x[H, i], 0.0)
    else:
        h = inverse(soil.curve, soil.c[i], max(theta, low + 1e-4 * (high - low)))
    changed = h != x[H, i]
    x[H, i] = h
    return changed


@kernel
def _settle(work: Rows, dt: float) -> tuple[float, float]:
    """Book the fluxes of an accepted step; gives what roots and what streams took [m].

    The water of the layers goes on from the fluxes, not from the heads, so that what Newton leaves
    over does not add up.
    """
    x = work.x
    by_roots, by_streams = 0.0, 0.0
    for i in range(work.before.size):
        out = x[OUT, i]
        work.before[i] += dt * (x[Q, i] - x[Q, i + 1] - out)
        root = 0.0
        if work.roots[i] > 0.0:
            share = work.roots[i] / (work.roots[i] + work.streams[i])
            root = dt * share * (out - work.permeable[i] * x[K, i])
            work.taken[i] += root
        by_roots += root
        by_streams += dt * out - root
    return by_roots, by_streams


@kernel
def _advance(
    soil: Soil,
    layers: Layers,
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
    n = layers.dz.size
    x, deepest = work.x, layers.down[layers.dz.size - 1]
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
        _copy(x, work.start)
        iterations = _newton(
            soil, layers, numbers, bottom, work, Offer(rain, demand, pond), under, step
        )
        if iterations < 0:
            _copy(work.start, x)
            if step <= numbers.smallest:
                count = -1
                break
            dt = max(step / 3.0, numbers.smallest)
            continue
        by_roots, by_streams = _settle(work, step)
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
    n = layers.dz.size
    x = work.x
    faces = _read(soil, layers, numbers, state, work)
    table = water_table(bottom, layers, x[H], s[AQUIFER])
    rates = shed(runoff, bottom, layers, soil.c, state, work, table, seconds)
    for i in range(n):
        work.roots[i], work.taken[i] = uptake[i] / MM, 0.0
    _stores(soil, layers, numbers, work, x)
    if faces:
        _faces(soil, layers, work, x)
    sums = _advance(soil, layers, numbers, bottom, work, rates, s, supply, evaporation, seconds)
    spoilt = 0.0 if sums.steps > 0 else math.nan
    for i in range(n):
        state[LIQ, SNOW + i] = MM * work.before[i] + spoilt
        state[HEAD, SNOW + i] = x[H, i] + spoilt
        uptake[i] = MM * work.taken[i] / seconds
    s[TABLE] = water_table(bottom, layers, x[H], s[AQUIFER])
    return sums
