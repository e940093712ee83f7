"""Heads that move, steps that are accepted or taken back, and what an accepted step books."""

import numpy as np

from hydroda.compiled import fused_kernel as kernel
from hydroda.models.kernels.flow.curves import RANGE, RESIDUAL
from hydroda.models.kernels.flow.lanes import natural
from hydroda.models.kernels.flow.member import (
    BEFORE,
    COLUMN_ROWS,
    DI,
    DW,
    EVAPORATING,
    EXCHANGED,
    FEEDING,
    H0,
    H_START,
    JOINT,
    JOINT_A,
    JOINT_B,
    LEAVING,
    NORM,
    NORM0,
    PART,
    POND,
    RAINING,
    S_BOUNDARY,
    S_EVAPORATION,
    S_EXCHANGE,
    S_RAIN,
    S_RUNOFF,
    S_TRANSPIRATION,
    TRANSPIRING,
    D,
    H,
    Member,
    R,
    W,
)


@kernel
def copies(back: bool, m: Member, first: int, last: int) -> None:
    layers, x = m.mesh.layers, m.x
    a, b = (H_START, H) if back else (H, H_START)
    for i in range(first * layers, last * layers):
        x[b, i] = x[a, i]
    if back:
        for c in range(first, last):
            m.y[PART, c] = 1.0


@kernel
def begin(m: Member, first: int, last: int) -> None:
    """Before the first evaluation: interface heads between those of their cells, sums of zero."""
    layers, x = m.mesh.layers, m.x
    for c in range(first, last):
        m.y[PART, c] = 1.0
        for row in range(S_RAIN, COLUMN_ROWS):
            m.y[row, c] = 0.0
        for i in range(c * layers, (c + 1) * layers - 1):
            x[JOINT, i] = 0.5 * (x[H, i] + x[H, i + 1])


@kernel
def book(m: Member, first: int, last: int) -> None:
    """The water of every cell at the start [m]; the pond belongs to the top cell."""
    layers, dz, x = m.mesh.layers, m.mesh.dz, m.x
    for c in range(first, last):
        for k in range(layers):
            x[BEFORE, c * layers + k] = dz[k] * x[W, c * layers + k]
        x[BEFORE, c * layers] += m.y[POND, c]


@kernel
def before_newton(m: Member, first: int, last: int) -> None:
    layers, x, y = natural(m.mesh.layers), m.x, m.y
    for i in range(natural(first) * layers, last * layers):
        x[H0, i] = x[H, i]
    for c in range(natural(first), last):
        y[PART, c] = 1.0
        y[NORM0, c] = y[NORM, c]


@kernel
def _moved(x: np.ndarray, p: np.ndarray, i: int, change: float) -> float:
    """The head of a cell after a change.

    Wetting a dry cell, Newton in h overshoots; there the change is taken along the local power law
    of theta in |h|, which is Newton in theta.
    """
    h = x[H0, i]
    if h < 0.0 and change > -0.1 * h:
        content, slope = x[W, i] - p[RESIDUAL, i], x[DW, i]
        if content + slope * change < p[RANGE, i]:
            power = -slope * h / content
            if power > 1e-3:
                return h * (1.0 - power * change / h) ** (-1.0 / power)
    return h + change


@kernel
def move(m: Member, least: float, first: int, last: int) -> None:
    """Heads after part of the change of each column whose part is not 0, and interface heads.

    Columns whose change moves less than `least` [m] of water stay as they are.
    """
    layers, x, y = natural(m.mesh.layers), m.x, m.y
    joined = m.ground.joined.size > 0
    for c in range(natural(first), last):
        part = y[PART, c]
        if part == 0.0:
            continue
        top, far, most = c * layers, 0, 0.0
        for i in range(top, top + layers):
            most = max(most, abs(x[DI, i] * x[D, i]))
        if most < least:
            y[PART, c] = 0.0
            continue
        for i in range(top, top + layers):
            h, change = x[H0, i], part * x[D, i]
            x[H, i] = h + change
            far += 1 if (h < 0.0) & (change > -0.1 * h) else 0
        if far > 0:
            for i in range(top, top + layers):
                x[H, i] = _moved(x, m.soil.p, i, part * x[D, i])
        # The pond begins and ends with a kink: no step goes far across it.
        offset = m.overland.offset
        was, now = x[H0, top] - offset, x[H, top] - offset
        if was < 0.0 < now:
            x[H, top] = offset + min(now, 1e-6)
        elif now < 0.0 < was:
            x[H, top] = offset + max(now, -1e-6)
        if joined:
            for i in range(top + 1, top + layers):
                above, here = x[H, i - 1] - x[H0, i - 1], x[H, i] - x[H0, i]
                turn = x[JOINT_A, i - 1] * above + x[JOINT_B, i - 1] * here
                x[JOINT, i - 1] += turn if m.ground.joined[i - 1] > 0 else 0.0


@kernel
def judge(m: Member, tolerance: float, careful: bool, piece: int) -> None:
    """Halves the step of columns whose residual did not fall; how many, in sums[piece, 0].

    Of all if `careful`: between saturated and unsaturated, a way down often has to go up first,
    and shorter steps take three times the work. Else of flooded ones where water goes with the root
    of the slope of its surface: over a level one Newton's method goes back and forth for ever.
    """
    y = m.y
    rooted = m.overland.rough.size > 0
    flagged = 0
    for c in range(m.mesh.pieces[piece], m.mesh.pieces[piece + 1]):
        part = y[PART, c]
        if part == 0.0:
            continue
        judged = careful or (rooted and y[POND, c] > 0.0)
        fell = y[NORM, c] < (1.0 - 1e-3 * part) * y[NORM0, c] or y[NORM, c] <= tolerance
        if judged and not fell:
            y[PART, c] = 0.5 * part
            flagged += 1
        else:
            y[PART, c] = 0.0
    m.sums[piece, 0] = flagged


@kernel
def account(m: Member, dt: float, first: int, last: int) -> None:
    """Book an accepted step: the balance goes on from the fluxes, so that nothing adds up."""
    layers, dz, x, y = natural(m.mesh.layers), m.mesh.dz, m.x, m.y
    for c in range(natural(first), last):
        for k in range(layers):
            i = c * layers + k
            x[BEFORE, i] = dz[k] * x[W, i] - x[R, i]
        x[BEFORE, c * layers] += y[POND, c]
        y[PART, c] = 0.0  # all is known at these heads
        y[S_RAIN, c] += dt * y[RAINING, c]
        y[S_EVAPORATION, c] += dt * y[EVAPORATING, c]
        y[S_TRANSPIRATION, c] += dt * y[TRANSPIRING, c]
        y[S_RUNOFF, c] += dt * y[LEAVING, c]
        y[S_BOUNDARY, c] += dt * y[FEEDING, c]
        y[S_EXCHANGE, c] += dt * y[EXCHANGED, c]
