"""Newton steps and steps in time."""

import math
from typing import NamedTuple

import numpy as np

from hydroda.compiled import fused_kernel as kernel
from hydroda.models.kernels.flow.member import (
    CUTS,
    CYCLES,
    HALVED,
    KRYLOV,
    MERGING,
    NEWTON,
    REST,
    SEARCH,
    SEARCH_P,
    STEPS,
    SWEEPS,
    T_P,
    D,
    R,
    T,
    V,
)
from hydroda.models.kernels.flow.passes import (
    ACCOUNT,
    ASSEMBLE,
    BEGIN,
    BOOK,
    COARSEN,
    CYCLE,
    DIRECTION,
    FACTORS,
    FILL,
    FULL,
    HALF,
    IMPROVE,
    JUDGE,
    LEFT,
    MOVE,
    OLD,
    OPEN,
    PRODUCT,
    RESIDUAL,
    RESTORE,
    SAVE,
    SWEEP,
    Crew,
    each,
)


class Control(NamedTuple):
    """How steps are chosen and equations solved; times [s]."""

    largest: float
    smallest: float
    iterations: int
    tolerance: float  # water by which a cell may miss its balance [m]
    linear: float  # by how much the linear solver reduces its residual
    krylov: int  # most iterations of the Krylov method


class Weather(NamedTuple):
    """Forcing of one member: rates [m s-1] by step; columns may share them."""

    rain: np.ndarray  # (step, column or 1)
    evaporation: np.ndarray  # (step, column or 1)
    transpiration: np.ndarray  # (step, column or 1)
    roots: np.ndarray  # (layer,)


# Columns that would move this part of what a cell may miss stay where they are.
SETTLED = 0.02
# How much further the last step of a forecast goes below the tolerance.
POLISH = 1e-4
# Iterations in which what is missing is to be halved, and steps that grow little after a cut.
STALLED, WARY = 8, 3
# A cycle costs some four sweeps, and takes off at least HELPED of what is left or is not worth it.
FEW, AGAIN, HELPED = 8, 64, 0.5
# Newton profits little from equations solved closer than to LOOSE of what is missing, unless they
# end it: where LOOSE comes within NEAR of the tolerance, they are solved to ENOUGH of it.
LOOSE, ENOUGH, NEAR = 1e-2, 0.3, 30.0


@kernel
def largest(crew: Crew) -> float:
    """The largest of sums[:, 0]; not a number if one is not."""
    worst = 0.0
    for piece in range(crew.pieces):
        found = crew.sums[piece, 0]
        if not found < math.inf:
            return found
        worst = max(worst, found)
    return worst


@kernel
def total(crew: Crew, which: int) -> float:
    found = 0.0
    for piece in range(crew.pieces):
        found += crew.sums[piece, which]
    return found


@kernel
def precondition(crew: Crew, source: int, target: int, sign: float) -> None:
    """By a sweep downstream, or by a cycle over the levels."""
    if crew.count[MERGING]:
        each(crew, CYCLE, source, target, sign, 0.0)
        crew.count[CYCLES] += 1
    else:
        each(crew, SWEEP, source, target, sign, 0.0)
        crew.count[SWEEPS] += 1


@kernel
def cycles(crew: Crew, goal: float, most: int) -> bool:
    """Cycles over the levels from what is in row D, while they help; the rest in row REST."""
    worst = math.inf
    for _ in range(most):
        each(crew, RESIDUAL, R, D)
        before, worst = worst, largest(crew)
        if worst <= goal:
            return True
        if not worst < HELPED * before:
            return False
        each(crew, IMPROVE, R, D)
        crew.count[CYCLES] += 1
    each(crew, RESIDUAL, R, D)
    return largest(crew) <= goal


@kernel
def krylov(crew: Crew, goal: float, most: int) -> bool:
    """BiCGStab from what is in rows D and REST (van der Vorst 1992, 10.1137/0913035)."""
    each(crew, BEGIN)
    rho = total(crew, 1)
    for _ in range(most):
        crew.count[KRYLOV] += 1
        precondition(crew, SEARCH, SEARCH_P, 1.0)
        each(crew, PRODUCT, SEARCH_P, V)
        alpha = rho / total(crew, 1)
        each(crew, HALF, 0, 0, alpha)
        if largest(crew) <= goal:
            return True
        precondition(crew, REST, T_P, 1.0)
        each(crew, PRODUCT, T_P, T)
        omega = total(crew, 2) / total(crew, 3)
        each(crew, FULL, 0, 0, omega)
        new = total(crew, 1)
        if not math.isfinite(new):
            return False
        if largest(crew) <= goal:
            return True
        each(crew, DIRECTION, 0, 0, new / rho * alpha / omega, omega)
        rho = new
    return False


@kernel
def solve(crew: Crew, control: Control, worst: float, finest: float) -> bool:
    """Newton's change of heads in row D: by one sweep, then BiCGStab with sweeps or cycles.

    Cycles begin where sweeps do not get there in FEW iterations, and sweeps are tried again once in
    a while.
    """
    goal = max(control.linear * worst, 0.01 * finest)
    count = crew.count
    each(crew, FACTORS)
    each(crew, SWEEP, R, D, -1.0, 0.0)
    count[SWEEPS] += 1
    each(crew, LEFT, D, REST)
    if largest(crew) <= goal:
        return True
    if crew.levels == 0:
        return krylov(crew, goal, control.krylov)
    if count[NEWTON] % AGAIN == 0:
        count[MERGING] = 0
    if count[MERGING] == 0:
        if krylov(crew, goal, FEW):
            return True
        count[MERGING] = 1
    each(crew, COARSEN)
    loose = LOOSE * worst
    goal = max(goal, loose if loose > NEAR * finest else ENOUGH * finest)
    if cycles(crew, goal, control.krylov) or krylov(crew, goal, control.krylov):
        return True
    # A cycle may amplify what flows one way; sweeps do not.
    count[MERGING] = 0
    return krylov(crew, goal, control.krylov)


@kernel
def newton(crew: Crew, dt: float, control: Control, last: bool, careful: bool) -> int:
    """Advance by dt; gives the number of iterations, or -1 without convergence.

    The step along Newton's direction is halved where `judge` says so. Where STALLED iterations have
    not halved what is missing, no more are spent on this dt. The last step of a forecast goes on
    where that is cheap: what it leaves over is lost to the budget.
    """
    goal = POLISH * control.tolerance if last else control.tolerance
    each(crew, FILL)
    each(crew, ASSEMBLE, 0, 0, dt)
    worst, polished = largest(crew), 0
    missing = np.full(STALLED, math.inf)
    for iteration in range(control.iterations):
        if worst <= goal or (worst <= control.tolerance and polished == 2):
            return iteration
        if not math.isfinite(worst):
            return -1
        if worst <= control.tolerance:
            polished += 1
        elif total(crew, 1) > 0.5 * missing[iteration % STALLED]:
            return -1
        before = missing[iteration % STALLED] = total(crew, 1)
        crew.count[NEWTON] += 1
        each(crew, OLD)
        if not solve(crew, control, worst, goal):
            return -1
        for _ in range(10):
            each(crew, MOVE, 0, 0, SETTLED * goal)
            each(crew, FILL)
            each(crew, ASSEMBLE, 0, 0, dt)
            worst = largest(crew)
            # Where water comes from a neighbour, a column may well miss more for a while.
            if worst <= control.tolerance or total(crew, 1) < 0.5 * before:
                break
            each(crew, JUDGE, 0, 0, control.tolerance, 1.0 if careful else 0.0)
            if largest(crew) == 0.0:
                break
            crew.count[HALVED] += 1
    return control.iterations if worst <= control.tolerance else -1


@kernel
def advance(crew: Crew, seconds: float, dt: float, control: Control, last: bool) -> float:
    """One forcing interval in as many steps as needed; gives the next step [s].

    It is negative where even the smallest did not converge.
    """
    left, cuts, wary = seconds, 0, 0
    while left > 1e-9 * seconds:
        step = min(dt, left)
        if step < left < 2.0 * step:
            step = 0.5 * left
        each(crew, SAVE)
        count = newton(crew, step, control, last and step == left, cuts >= 2)
        if count < 0:
            cuts += 1
            crew.count[CUTS] += 1
            if step <= control.smallest:
                return -1.0
            each(crew, RESTORE)
            dt, wary = max(step / 3.0, control.smallest), WARY
            continue
        crew.count[STEPS] += 1
        each(crew, ACCOUNT, 0, 0, step)
        left -= step
        if count > 12:
            dt = 0.7 * step
        elif count <= 6:
            dt = min(max(dt, (1.3 if wary > 0 else 2.0) * step), control.largest)
        cuts, wary = 0, wary - 1
    return dt


@kernel
def run(
    crew: Crew,
    weather: Weather,
    rain: np.ndarray,
    evaporation: np.ndarray,
    uptake: np.ndarray,
    seconds: float,
    control: Control,
) -> int:
    """Steps of `seconds` through the weather; gives how many were done.

    rain, evaporation (column,) and uptake (cell,) are those of the sky of the member.
    """
    each(crew, OPEN)
    each(crew, FILL)
    each(crew, BOOK)
    columns, layers = rain.size, weather.roots.size
    dt = min(control.largest, seconds)
    for step in range(weather.rain.shape[0]):
        for c in range(columns):
            rain[c] = weather.rain[step, min(c, weather.rain.shape[1] - 1)]
            evaporation[c] = weather.evaporation[step, min(c, weather.evaporation.shape[1] - 1)]
        if uptake.size > 0:
            for c in range(columns):
                demand = weather.transpiration[step, min(c, weather.transpiration.shape[1] - 1)]
                for k in range(layers):
                    uptake[c * layers + k] = demand * weather.roots[k]
        dt = advance(crew, seconds, dt, control, step == weather.rain.shape[0] - 1)
        if dt < 0.0:
            return step
    return weather.rain.shape[0]
