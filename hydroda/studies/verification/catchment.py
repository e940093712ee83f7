"""Water through floods and droughts, and 720 hours of a catchment without a failed step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.forcing import ForcingWindow
from hydroda.studies import flow_problems as problems
from hydroda.studies.flow_problems import START, FlowProblem
from hydroda.studies.verification.checks import AtMost, Check, Part, Setting, closed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOURS, DAY = 720, 24
HOUR = np.timedelta64(3600 * 10**9, "ns")
EXACT = 1e-10  # relative; rain is summed over steps


def part(setting: Setting) -> Part:
    """Ponds that form and dry out, and a catchment through a month of hours."""
    checks: list[Check] = []
    for name, diffusive in (("diffusive", True), ("kinematic", False)):
        flood = problems.flood_and_drought(diffusive)
        states = flood.run()
        checks += closed(f"flood and drought, {name}", flood, states)
        checks.append(_met(f"flood and drought, {name}", flood, states))
        cuts = sum(solver(state)["cuts"] for state in states)
        steps = sum(solver(state)["steps"] for state in states)
        checks.append(Check("steps", f"flood and drought, {name}: steps", "1", steps))
        checks.append(Check("steps", f"flood and drought, {name}: tried again", "1", cuts))
    more, problem, days = _catchment(setting)
    return Part([*checks, *more], {"catchment": lambda: _draw(problem, days)})


def solver(state: xr.Dataset) -> dict[str, int]:
    """Counts of the solver in the last forecast."""
    return {
        name: int(count)
        for name, count in (part.split("=") for part in state.attrs["solver"].split())
    }


def _met(name: str, problem: FlowProblem, states: list[xr.Dataset]) -> Check:
    """That every forcing interval brought its own rain: steps end where intervals do."""
    spans = np.diff(np.append(0.0, problem.times))
    given = 1000.0 * np.asarray(problem.rain) * spans
    came = np.array([state["rain"].values for state in states])
    away = np.abs(came - given[:, None, None]).max() / given.max()
    return Check("steps", f"{name}: rain missed in an hour", "1", float(away), wanted=AtMost(EXACT))


def _catchment(setting: Setting) -> tuple[list[Check], FlowProblem, list[xr.Dataset]]:
    """Days of hourly weather, each in one forecast."""
    hours = 5 * DAY if setting.small else HOURS
    shape = (8, 12) if setting.small else (25, 40)
    problem = problems.catchment(*shape, hours=hours)
    rain = 3.6e6 * np.asarray(problem.rain)
    states, now = [], problem.start
    for first in range(0, hours, DAY):
        times = START + HOUR * np.arange(first, first + DAY)
        window = ForcingWindow(times, 3600.0, {"rain": rain[None, first : first + DAY]})
        now = problem.model.forecast(now, window, times[0], times[0] + DAY * HOUR)
        states.append(now)
    name = f"catchment {shape[1]}x{shape[0]}x25, {hours} h"
    given = rain.reshape(-1, DAY).sum(axis=1)
    came = np.array([state["rain"].values for state in states])
    missed = float(np.abs(came - given[:, None, None]).max() / given.max())
    counts = [solver(state) for state in states]
    failed = sum("failures" in state.attrs for state in states)
    cuts = sum(count["cuts"] for count in counts)
    steps = sum(count["steps"] for count in counts)
    newton = sum(count["newton"] for count in counts)
    return (
        [
            Check("steps", f"{name}: days that failed", "1", failed, wanted=AtMost(0.0)),
            Check("steps", f"{name}: steps tried again", "1", cuts, wanted=AtMost(0.0)),
            Check("steps", f"{name}: rain missed in a day", "1", missed, wanted=AtMost(EXACT)),
            Check("steps", f"{name}: steps an hour", "1", steps / hours),
            Check("steps", f"{name}: Newton's iterations a step", "1", newton / steps),
            *closed(name, problem, states),
        ],
        problem,
        states,
    )


def _draw(problem: FlowProblem, states: list[xr.Dataset]) -> Figure:
    """Rain, outflow and water table of the catchment by day."""
    days = np.arange(len(states)) + 0.5
    rain = [float(state["rain"].mean()) for state in states]
    flow = [float(state["edge_discharge"].sum()) for state in states]
    table = [float(state["water_table_depth"].mean()) for state in states]
    rows = (
        ("Rain", "Sum of the day (mm)", rain, False),
        ("Outflow", "At the end of the day (m³ s⁻¹)", flow, False),
        ("Water table", "Mean depth (m)", table, True),
    )
    shown = []
    for title, label, series, downward in rows:
        curves = (plotting.Curve("hydroda", days, series, "o-"),)
        shown.append(plotting.Panel(title, "Day", label, curves, downward=downward))
    return plotting.panels(shown)
