"""Groundwater: a pumped aquifer, a mound under a basin, a hill that drains to a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.studies import flow_problems as problems
from hydroda.studies.flow_problems import FlowProblem
from hydroda.studies.verification.checks import (
    AtMost,
    Check,
    Part,
    Setting,
    Within,
    closed,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RADIUS = 55.0  # m from the well
THEIS = {0.01: 0.4697, 0.1: 0.8318, 1.0: 1.1979, 10.0: 1.5643}  # drawdown [m] by day
PER_DECADE = 80  # steps from one of these times to the next


@dataclass(frozen=True, eq=False)
class Run:
    """A problem and the states it reached."""

    problem: FlowProblem
    states: Sequence[xr.Dataset]


def part(setting: Setting) -> Part:
    """Drawdown beside Theis, the rise beside Hantush, the water table beside Dupuit."""
    theis, drawdown = _theis(setting)
    mound, rise = _mound(setting)
    hill, levels = _hill(setting)
    figures = {"aquifers": lambda: _draw(drawdown, rise, levels)}
    return Part([*theis, *mound, *hill], figures)


# ------------------------------------------------------------------------------------------- Theis


def _theis(setting: Setting) -> tuple[list[Check], Run]:
    """A well in the middle of a closed square, whose images are known."""
    width = 27.5 if setting.small else 13.75
    cells = 93 if setting.small else 121
    problem = problems.theis(cells, width)
    days = tuple(THEIS)[: 2 if setting.small else 4]
    states, now, before = [], problem.start, 0.0
    for day in days:
        span = 86400.0 * day - before
        count = PER_DECADE // 2 if setting.small else PER_DECADE
        steps = replace(problem.model.steps, largest=f"{span / count} s")
        now = problems.advanced(replace(problem.model, steps=steps), now, span)
        states.append(now)
        before = 86400.0 * day
    problem = replace(problem, times=86400.0 * np.array(days), rain=np.zeros(len(days)))
    x, y = problem.model.grid.places
    well = problem.model.grid.columns // 2
    here = int(np.argmin(np.hypot(x - x[well] - RADIUS, y - y[well])))
    name, checks = f"Theis, cells of {width:g} m", []
    for state, day in zip(states, days, strict=True):
        ours = 50.0 - float(state["h"].values[0, here, 0])
        edge = cells * width
        images = problems.theis_in_basin(np.array([RADIUS]), 86400.0 * day, edge).item()
        images -= problems.theis_exact(np.array([RADIUS]), 86400.0 * day).item()
        wanted = Within(0.02 if setting.small else 0.01)
        quantity = f"drawdown at {RADIUS:g} m after {day:g} d"
        if images > 1e-3:
            quantity += f", less {images:.3f} m of the closed square"
        checks.append(Check(name, quantity, "m", ours - images, THEIS[day], wanted=wanted))
    return [*checks, *closed("Theis", problem, states)], Run(problem, states)


# ----------------------------------------------------------------------------------------- Hantush


def _mound(setting: Setting) -> tuple[list[Check], Run]:
    problem = problems.hantush(31) if setting.small else problems.hantush(45, 100.0 / 9.0, 0.1)
    states = problem.run()
    distance, rise = _axis(problem, states[-1])
    exact = problems.hantush_exact(distance, float(problem.times[-1]))
    near = np.abs(distance) < 120.0
    worst = float(np.abs(rise - exact)[near].max() / exact.max())
    middle = int(np.argmin(np.abs(distance)))
    name = "Hantush mound"
    checks = [
        Check(name, "rise in the middle", "m", rise[middle], exact[middle], wanted=Within(0.05)),
        Check(name, "largest error over the rise in the middle", "1", worst, wanted=AtMost(0.06)),
    ]
    return [*checks, *closed(name, problem, states)], Run(problem, states)


def _axis(problem: FlowProblem, state: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Distance [m] from the middle of the basin along its axis, and rise of the table [m]."""
    x, y = problem.model.grid.places
    row = np.abs(y - y.mean()) < 1.0
    rise = problems.HANTUSH_TABLE - state["water_table_depth"].values[0, row]
    return x[row] - x.mean(), rise


# --------------------------------------------------------------------------------------- hillslope


def _hill(setting: Setting) -> tuple[list[Check], Run]:
    problem = problems.hillslope(20, 24) if setting.small else problems.hillslope(80, 48)
    states = problem.run()
    last = states[-1]
    x = problem.model.grid.places[0]
    levels = 12.0 - last["water_table_depth"].values[0]
    exact = problems.hillslope_exact(x)
    name = "hillslope to stream"
    discharge = -float(last["boundary_inflow"].sum()) / float(last["rain"].sum())
    checks = [
        Check(name, "water table near the divide", "m", levels[0], exact[0], wanted=Within(0.01)),
        Check(name, "water table by the stream", "m", levels[-1], exact[-1], wanted=Within(0.01)),
        Check(name, "discharge over recharge", "1", discharge, 1.0, wanted=Within(1e-6)),
    ]
    return [*checks, *closed(name, problem, states)], Run(problem, states)


# ----------------------------------------------------------------------------------------- figures


def _draw(theis: Run, mound: Run, hill: Run) -> Figure:
    """Drawdown over distance, rise over distance, water table down the hill."""
    return plotting.panels((_drawdown_panel(theis), _rise_panel(mound), _hill_panel(hill)))


def _drawdown_panel(run: Run) -> plotting.Panel:
    grid = run.problem.model.grid
    x, y = grid.places
    well = grid.columns // 2
    east = (y == y[well]) & (x > x[well])
    r, curves = x[east] - x[well], []
    edge = grid.shape[0] * float(grid.dx)
    for state, time in zip(run.states, run.problem.times, strict=True):
        curves.append(plotting.Curve("exact", r, problems.theis_in_basin(r, float(time), edge)))
        few = np.unique(np.geomspace(1, r.size, 12).astype(int)) - 1
        ours = 50.0 - state["h"].values[0, east, 0]
        label = f"hydroda, {time / 86400.0:g} d"
        curves.append(plotting.Curve(label, r[few], ours[few], "o"))
    return plotting.Panel(
        "Well in a closed square", "Distance (m)", "Drawdown (m)", curves, "x", True
    )


def _rise_panel(run: Run) -> plotting.Panel:
    distance, rise = _axis(run.problem, run.states[-1])
    exact = problems.hantush_exact(distance, float(run.problem.times[-1]))
    curves = (
        plotting.Curve("exact", distance, exact),
        plotting.Curve("hydroda", distance, rise, "o"),
    )
    return plotting.Panel("Mound of Hantush, 10 d", "Distance (m)", "Rise (m)", curves)


def _hill_panel(run: Run) -> plotting.Panel:
    x = run.problem.model.grid.places[0]
    levels = 12.0 - run.states[-1]["water_table_depth"].values[0]
    few = slice(None, None, max(1, x.size // 25))
    curves = (
        plotting.Curve("exact", x, problems.hillslope_exact(x)),
        plotting.Curve("hydroda", x[few], levels[few], "o"),
    )
    return plotting.Panel(
        "Hill that drains to a stream", "Distance from the divide (m)", "Water table (m)", curves
    )
