"""Exponential soil, where transients are exact: Srivastava & Yeh, Tracy, and orders of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.models.land import Arithmetic, FluxPotential, Upstream
from hydroda.studies import flow_problems as problems
from hydroda.studies.flow_problems import SRIVASTAVA, TRACY, FlowProblem
from hydroda.studies.verification.checks import (
    AtLeast,
    AtMost,
    Check,
    Part,
    Setting,
    closed,
    order,
    rms,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHTS = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 1.0])  # of the published heads [m]
TRACY_HEIGHTS = np.array([3.81, 7.62, 11.43, 14.478])
TRACY_HEADS = {  # h [m] over the middle, by day; inf is the steady state
    0.1: (-15.2400, -15.2068, -11.1842, -1.7496),
    1.0: (-12.2951, -8.8599, -4.6320, -0.9475),
    np.inf: (-11.6345, -8.4274, -4.5075, -0.9353),
}
STEADY = 200.0  # days after which Tracy's cube rests
SPACE, TIME = AtLeast(1.9), AtLeast(0.9)  # second and first order, as coarse grids show them


@dataclass(frozen=True)
class Refinement:
    """Errors over cells [m] or steps [s], and the order they fall with."""

    problem: str
    what: str
    sizes: Sequence[float]
    errors: Sequence[float]
    wanted: AtLeast | None = None

    @property
    def order(self) -> float:
        return order(self.sizes, self.errors)


def part(setting: Setting) -> Part:
    """Heads beside the exact ones, and the orders in space and time."""
    checks, rain = _srivastava(setting)
    more, cube = _tracy(setting)
    lines = [*_srivastava_orders(setting), *_tracy_orders(setting)]
    checks += more
    for line in lines:
        for size, error in zip(line.sizes, line.errors, strict=True):
            checks.append(Check("errors", f"{line.problem}, {line.what}, {size:.4g}", "", error))
        name = f"{line.problem}, {line.what}"
        checks.append(Check("orders", name, "1", line.order, wanted=line.wanted))
    figures = {"exponential": lambda: _profiles(rain, cube), "orders": lambda: _orders(lines)}
    return Part(checks, figures)


# ------------------------------------------------------------------------------- Srivastava & Yeh


def _at_heights(z: np.ndarray, u: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Values at heights from those at z, by the cubic through the nearest four."""
    found = []
    for place in heights:
        near = np.argsort(np.abs(z - place))[:4]
        found.append(np.polyval(np.polyfit(z[near] - place, u[near], 3), 0.0))
    return np.array(found)


def _srivastava(setting: Setting) -> tuple[list[Check], tuple[FlowProblem, list[xr.Dataset]]]:
    problem = problems.srivastava_yeh(40 if setting.small else 160)
    states, above = problem.run(), 1.0 - problem.model.z
    name, worst, published = "Srivastava and Yeh", 0.0, 0.0
    checks = []
    for state, (hour, psi) in zip(states, SRIVASTAVA.items(), strict=True):
        ours = 100.0 * _at_heights(above, state["h"].values[0, 0], HEIGHTS)
        exact = 100.0 * problems.srivastava_yeh_exact(HEIGHTS, 3600.0 * hour)
        published = max(published, float(np.abs(exact - psi).max()))
        worst = max(worst, float(np.abs(ours - exact).max()))
        for z, own, value in zip(HEIGHTS, ours, psi, strict=True):
            checks.append(Check(name, f"head at {100 * z:g} cm, {hour} h", "cm", own, value))
    limit = 0.2 if setting.small else 0.02
    checks.append(Check(name, "largest error of a head", "cm", worst, wanted=AtMost(limit)))
    checks.append(
        Check(
            name, "series against the published digits", "cm", published, wanted=AtMost(6e-5)
        )
    )  # fmt: skip
    return [*checks, *closed(name, problem, states)], (problem, states)


def _limit(at: Callable[[float], np.ndarray], step: float) -> np.ndarray:
    """What steps of no length would give: errors of first order are extrapolated away."""
    return 2.0 * at(0.5 * step) - at(step)


def _heads(cells: int, step: float) -> np.ndarray:
    """Heads [m] at the four times (time, layer)."""
    states = problems.srivastava_yeh(cells, f"{step} s").run()
    return np.array([state["h"].values[0, 0] for state in states])


def _exact_heads(cells: int) -> np.ndarray:
    above = 1.0 - (np.arange(cells) + 0.5) / cells
    hours = 3600.0 * np.array(list(SRIVASTAVA), float)
    return np.array([problems.srivastava_yeh_exact(above, time) for time in hours])


def _srivastava_orders(setting: Setting) -> Iterator[Refinement]:
    name = "Srivastava and Yeh"
    cells = (10, 20, 40) if setting.small else (10, 20, 40, 80)
    short = 40.0 if setting.small else 4.0
    errors = [rms(_limit(partial(_heads, n), short) - _exact_heads(n)) for n in cells]
    yield Refinement(name, "space, cells in m", [1.0 / n for n in cells], errors, SPACE)
    steps = (900.0, 450.0, 225.0) if setting.small else (1800.0, 900.0, 450.0, 225.0, 112.5)
    limit = _limit(partial(_heads, cells[-1]), steps[-1] / 8.0)
    errors = [rms(_heads(cells[-1], step) - limit) for step in steps]
    yield Refinement(name, f"time, steps in s on {cells[-1]} cells", steps, errors, TIME)


# ------------------------------------------------------------------------------------------- Tracy


def _exact_cube(problem: FlowProblem, days: float) -> np.ndarray:
    """e^(alpha h) of the exact solution (column, layer)."""
    z = TRACY - problem.model.z
    x, y = (np.pi * place / TRACY for place in problem.model.grid.places)
    low = np.exp(-problems.TRACY_ALPHA * TRACY)
    middle = np.exp(problems.TRACY_ALPHA * problems.tracy_exact(z, days)) - low
    return np.asarray(low + middle * (np.sin(x) * np.sin(y))[:, None])


def _in_cube(state: xr.Dataset) -> np.ndarray:
    return np.asarray(np.exp(problems.TRACY_ALPHA * state["h"].values[0]))


def _tracy(setting: Setting) -> tuple[list[Check], tuple[FlowProblem, list[xr.Dataset]]]:
    cells = 9 if setting.small else 25
    days = (0.1, 1.0, STEADY)
    problem = problems.tracy(cells, days, "1 h" if setting.small else "10 min")
    states = _relaxed(problem)
    middle, z = problem.model.grid.columns // 2, TRACY - problem.model.z
    name, checks = f"Tracy, {cells} cells a side", []
    for state, (day, heads) in zip(states, TRACY_HEADS.items(), strict=True):
        ours = np.log(_at_heights(z, _in_cube(state)[middle], TRACY_HEIGHTS))
        when = "steady" if np.isinf(day) else f"{day:g} d"
        for height, own, value in zip(
            TRACY_HEIGHTS, ours / problems.TRACY_ALPHA, heads, strict=True
        ):
            checks.append(Check(name, f"head at {height:g} m, {when}", "m", float(own), value))
    exact = np.array([problems.tracy_exact(TRACY_HEIGHTS, min(d, 1e3)) for d in TRACY_HEADS])
    away = float(np.abs(exact - np.array(list(TRACY_HEADS.values()))).max())
    checks.append(
        Check(name, "series against the published digits", "m", away, wanted=AtMost(6e-5))
    )
    for state, day in zip(states, days, strict=True):
        error = rms(_in_cube(state) - _exact_cube(problem, day))
        checks.append(Check(name, f"RMSE of exp(alpha h), {day:g} d", "1", error))
    return [*checks, *closed("Tracy", problem, states)], (problem, states)


def _relaxed(problem: FlowProblem) -> list[xr.Dataset]:
    """The states, the last reached in long steps."""
    early = replace(problem, times=problem.times[:-1], rain=problem.rain[:-1])
    states = early.run()
    steps = replace(problem.model.steps, largest="10 D")
    rest = replace(problem.model, steps=steps)
    span = float(problem.times[-1] - problem.times[-2])
    return [*states, problems.advanced(rest, states[-1], span)]


def _tracy_orders(setting: Setting) -> Iterator[Refinement]:
    yield _steady("Tracy, steady", (9, 17, 25) if setting.small else (5, 9, 17, 33), wanted=SPACE)
    if not setting.small:
        yield _steady("Tracy, steady, arithmetic faces", (5, 9, 17, 25), Arithmetic())
        yield _steady("Tracy, steady, upstream faces", (5, 9, 17, 25), Upstream())
    yield _in_time(9, (21600.0, 10800.0, 5400.0, 2700.0)[: 3 if setting.small else None])


def _steady(
    name: str,
    cells: Sequence[int],
    flux: FluxPotential | Upstream | Arithmetic | None = None,
    wanted: AtLeast | None = None,
) -> Refinement:
    errors = []
    for count in cells:
        problem = problems.tracy(count, (STEADY,), "10 D", flux=flux)
        errors.append(rms(_in_cube(problem.run()[-1]) - _exact_cube(problem, 1e3)))
    sizes = [TRACY / count for count in cells]
    return Refinement(name, "space, cells in m", sizes, errors, wanted)


def _in_time(cells: int, steps: Sequence[float]) -> Refinement:
    """Against the same cells in steps of no length: the grid has an error of its own."""

    def after_a_day(step: float) -> np.ndarray:
        return _in_cube(problems.tracy(cells, (1.0,), f"{step} s").run()[-1])

    limit = _limit(after_a_day, steps[-1] / 4.0)
    errors = [rms(after_a_day(step) - limit) for step in steps]
    return Refinement(
        "Tracy, 1 d", f"time, steps in s on {cells} cells a side", steps, errors, TIME
    )


# ----------------------------------------------------------------------------------------- figures


def _profiles(
    rain: tuple[FlowProblem, list[xr.Dataset]], cube: tuple[FlowProblem, list[xr.Dataset]]
) -> Figure:
    """Heads over height: lines are exact, marks ours."""
    problem, states = rain
    above, z = 1.0 - problem.model.z, np.linspace(0.0, 1.0, 201)
    curves: list[plotting.Curve] = []
    for state, hour in zip(states, SRIVASTAVA, strict=True):
        exact = problems.srivastava_yeh_exact(z, 3600.0 * hour)
        curves.append(plotting.Curve("exact", exact, z))
        every = slice(None, None, max(1, above.size // 20))
        ours = state["h"].values[0, 0, every]
        curves.append(plotting.Curve(f"hydroda, {hour} h", ours, above[every], "o"))
    first = plotting.Panel("Srivastava and Yeh", "Head (m)", "Height (m)", curves)
    return plotting.panels((first, _cube_panel(*cube)))


def _cube_panel(problem: FlowProblem, states: list[xr.Dataset]) -> plotting.Panel:
    height, z = TRACY - problem.model.z, np.linspace(0.01, 0.99 * TRACY, 200)
    middle, curves = problem.model.grid.columns // 2, []
    for state, days in zip(states, (0.1, 1.0, STEADY), strict=True):
        curves.append(plotting.Curve("exact", problems.tracy_exact(z, days), z))
        ours = state["h"].values[0, middle]
        label = f"hydroda, {days:g} d"
        curves.append(plotting.Curve(label, ours, height, "s"))
    return plotting.Panel("Tracy, over the middle", "Head (m)", "Height (m)", curves)


def _orders(lines: Sequence[Refinement]) -> Figure:
    """Errors over cells and steps on logarithmic axes, with triangles of first and second order."""
    shown = []
    wanted: dict[str, Callable[[str], bool]] = {
        "In space, one dimension": lambda n: n == "Srivastava and Yeh",
        "In space, steady cube": lambda n: n.startswith("Tracy"),
    }
    for title, of in wanted.items():
        own = [line for line in lines if of(line.problem) and line.what.startswith("space")]
        shown.append(_order_panel(title, "Cell (m)", own))
    own = [line for line in lines if line.what.startswith("time")]
    shown.append(_order_panel("In time", "Step (s)", own))
    return plotting.panels(shown)


def _order_panel(title: str, x: str, lines: Sequence[Refinement]) -> plotting.Panel:
    curves = [
        plotting.Curve(f"{line.problem}: {line.order:.2f}", line.sizes, line.errors, "o-")
        for line in lines
    ]
    first = lines[0]
    for power, look in ((1, ":"), (2, "--")):
        guide = first.errors[0] * (np.asarray(first.sizes) / first.sizes[0]) ** power
        curves.append(plotting.Curve(f"order {power}", first.sizes, guide, look))
    unit = "Error of head (m) or of exp(αh) (–)"
    return plotting.Panel(title, x, unit, curves, log="xy")
