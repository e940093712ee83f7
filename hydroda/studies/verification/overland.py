"""Over the land: the kinematic plane, the tilted V, planes over soil, the V with soil."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.models.land import FluxPotential, Upstream
from hydroda.models.terrestrial import KinematicWave, Overland
from hydroda.studies import flow_problems as problems
from hydroda.studies.flow_problems import EachDirection, FlowProblem
from hydroda.studies.verification.checks import (
    AtMost,
    Check,
    Nearer,
    NoWorse,
    Part,
    Setting,
    Within,
    closed,
    hydrograph,
    rms,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EQUILIBRIUM, PEAK, VOLUME = 0.001, 0.05, 0.03  # wanted, relative
PARKING = {"18 m": (10, 0.0065), "1.8 m": (100, 0.0020)}  # cells, RMSE of ParFlow [m2/min]
STEPS = (60.0, 30.0, 15.0, 6.0, 3.0)  # s
THEIR_STEP = 15.0  # s; see `_parking`
LONGER = f"ParFlow's steps were {THEIR_STEP:g} s, where our curve is its own; longer ones diffuse"


@dataclass(frozen=True, eq=False)
class Flow:
    """A hydrograph: times, outflow, in the units of the panel it is drawn in."""

    label: str
    times: np.ndarray
    outflow: np.ndarray
    look: str = "-"
    per: str = "min"

    @property
    def unit(self) -> str:
        """Unit of its peak."""
        return f"m3 {self.per}-1"

    @property
    def peak(self) -> float:
        return float(self.outflow.max())

    def volume(self, until: float) -> float:
        """The area under it."""
        inside = self.times <= until
        return float(np.trapezoid(self.outflow[inside], self.times[inside]))

    def at(self, times: np.ndarray) -> np.ndarray:
        return np.interp(times, self.times, self.outflow)


def _flow(
    label: str, problem: FlowProblem, states: Sequence[xr.Dataset], unit: float, look: str = "-"
) -> Flow:
    """Ours, `unit` seconds to the unit of time, which the outflow is per."""
    outflow = np.append(0.0, unit * problems.outflow(list(states)))
    per = "h" if unit == 3600.0 else "min"
    return Flow(label, np.append(0.0, problem.times / unit), outflow, look, per)


def _theirs(setting: Setting, name: str) -> Flow | None:
    found = hydrograph(setting, name)
    return None if found is None else Flow("ParFlow", *found, "--")


# --------------------------------------------------------------------------------- surfaces alone


def surface(setting: Setting) -> Part:
    """The kinematic plane in steps of several lengths, and the tilted V."""
    checks, errors, curves = _parking(setting)
    v_checks, v_flows = _tilted_v(setting)
    figures = {"surface": lambda: _draw_surface(errors, curves, v_flows)}
    return Part([*checks, *v_checks], figures)


def _parking(
    setting: Setting,
) -> tuple[list[Check], Mapping[str, list[tuple[float, float]]], Mapping[str, list[Flow]]]:
    """RMSE against the exact wave over the length of steps, and who is nearer.

    Both codes weigh upstream and step implicitly: cells add a diffusion of c dx / 2 to a wave of
    celerity c, steps one of c^2 dt / 2. In steps of 15 s our curve is ParFlow's to 1e-6 m2/min, so
    those were its steps; in 60 s the diffusion of time is larger, in shorter ones smaller.
    """
    checks: list[Check] = []
    errors: dict[str, list[tuple[float, float]]] = {}
    curves: dict[str, list[Flow]] = {}
    for name, (cells, published) in PARKING.items():
        if setting.small and name == "1.8 m":
            continue
        theirs = _theirs(setting, f"parking_OverlandKinematic_dx{name.split()[0]}")
        errors[name] = []
        shown = []
        for step in (60.0, THEIR_STEP) if setting.small else STEPS:
            problem = problems.parking_lot(cells, f"{step} s")
            states = problem.run()
            flow = _flow(f"hydroda, {step:g} s", problem, states, 60.0, "-")
            error = rms(flow.outflow - 60.0 * problems.parking_lot_exact(60.0 * flow.times))
            errors[name].append((step, error))
            quantity = f"RMSE in steps of {step:g} s"
            checks.append(
                Check(
                    f"parking lot, {name}", quantity, "m2 min-1", error, None, published, NoWorse(),
                    LONGER,
                )
            )  # fmt: skip
            if theirs is not None:
                away = rms(flow.outflow - theirs.at(flow.times))
                limit = AtMost(1e-5) if step == THEIR_STEP else None
                quantity = f"RMS difference from ParFlow, {step:g} s"
                checks.append(
                    Check(f"parking lot, {name}", quantity, "m2 min-1", away, wanted=limit)
                )
            if step in (60.0, THEIR_STEP):
                shown.append(flow)
            checks += closed(f"parking lot, {name}, {step:g} s", problem, states)
        curves[name] = shown if theirs is None else [*shown, theirs]
    checks.append(_parking_equilibrium())
    return checks, errors, curves


def _parking_equilibrium() -> Check:
    """Under rain that lasts."""
    problem = problems.parking_lot(10, "60 s", rainy=90.0)
    flow = _flow("", problem, problem.run(), 60.0).at(np.array([90.0])).item()
    name, quantity = "parking lot, 18 m", "equilibrium under lasting rain"
    return Check(name, quantity, "m2 min-1", flow, 0.1512, wanted=Within(EQUILIBRIUM))


def _tilted_v(setting: Setting) -> tuple[list[Check], list[Flow]]:
    """On ParFlow's rows and steps; its roots of the slopes along x and y apart give its curve."""
    theirs = _theirs(setting, "tiltedv_surf_ysl0.02")
    name, rows, flows = "tilted V", 10 if setting.small else 50, []
    checks: list[Check] = []
    ways: dict[str, Overland] = {"": KinematicWave()}
    if not setting.small:
        ways[", each direction by itself"] = EachDirection()
    for words, overland in ways.items():
        problem = problems.tilted_v(rows, overland=overland)
        states = problem.run()
        flow = _flow(f"hydroda{words}", problem, states, 60.0, ":" if words else "-")
        flows.append(flow)
        steady = flow.at(np.array([90.0])).item()
        own = f"{name}{words}"
        checks.append(
            Check(own, "outflow after 90 min", flow.unit, steady, 291.6, wanted=Within(EQUILIBRIUM))
        )
        if theirs is not None:
            checks += _beside(own, flow, theirs)
            away = rms(flow.outflow - theirs.at(flow.times))
            wanted = AtMost(0.1) if words else None
            checks.append(Check(own, "RMS difference from ParFlow", flow.unit, away, wanted=wanted))
        checks += closed(own, problem, states)
    return checks, flows if theirs is None else [*flows, theirs]


def _beside(name: str, flow: Flow, theirs: Flow) -> Iterator[Check]:
    """Peak and volume beside ParFlow's on the same grid."""
    end = float(flow.times[-1])
    sampled = replace(theirs, times=flow.times, outflow=theirs.at(flow.times))
    yield Check(name, "peak", flow.unit, flow.peak, None, sampled.peak, Within(PEAK))
    volume = flow.volume(end), None, sampled.volume(end)
    yield Check(name, "volume", "m3", *volume, Within(VOLUME))


def _draw_surface(
    errors: Mapping[str, list[tuple[float, float]]],
    curves: Mapping[str, list[Flow]],
    v_flows: list[Flow],
) -> Figure:
    """Hydrographs, and the error of the plane over the length of steps."""
    shown = []
    for name, flows in curves.items():
        minutes = np.linspace(0.0, 60.0, 301)
        exact = 60.0 * problems.parking_lot_exact(60.0 * minutes)
        lines = [plotting.Curve("exact", minutes, exact), *map(_curve, flows)]
        shown.append(
            plotting.Panel(f"Plane, cells of {name}", "Time (min)", "Outflow (m² min⁻¹)", lines)
        )
    lines = []
    for name, pairs in errors.items():
        steps, values = np.array(pairs).T
        lines.append(plotting.Curve(f"hydroda, {name}", steps, values, "o-"))
        theirs = np.full(steps.size, PARKING[name][1])
        lines.append(plotting.Curve(f"ParFlow, {name}", steps, theirs, "--"))
    shown.append(plotting.Panel("Plane, error", "Step (s)", "RMSE (m² min⁻¹)", lines, log="xy"))
    shown.append(
        plotting.Panel("Tilted V", "Time (min)", "Outflow (m³ min⁻¹)", [*map(_curve, v_flows)])
    )
    return plotting.panels(shown, columns=2)


def _curve(flow: Flow) -> plotting.Curve:
    return plotting.Curve(flow.label, flow.times, flow.outflow, flow.look)


# ------------------------------------------------------------------------------- planes over soil

PLANES: Mapping[str, dict[str, Any]] = {
    "infil_K6.94e-6": {"conductivity": "6.94e-6 m/min"},
    "infil_K6.94e-5": {"conductivity": "6.94e-5 m/min"},
    "satur_wt0.5": {"conductivity": "6.94e-4 m/min", "table": 0.5},
}
KNOWN: Mapping[str, tuple[float, ...]] = {  # layers [m] on which ParFlow's hydrograph is known
    "infil_K6.94e-6": (0.2, 0.0125),
    "infil_K6.94e-5": (0.2,),
    "satur_wt0.5": (0.2, 0.0125),
}
COARSE, FINEST = 0.2, 0.0125
LAYERS = (0.2, 0.1, 0.05, 0.025, 0.0125)
DEFAULT, THEIRS = "default faces", "ParFlow's faces"


@dataclass(frozen=True, eq=False)
class Plane:
    """One hydrograph over soil with layers of `dz` [m]."""

    key: str
    dz: float
    faces: str
    problem: FlowProblem
    states: Sequence[xr.Dataset]
    flow: Flow

    @property
    def name(self) -> str:
        return f"plane, {self.key}, {self.dz:g} m, {self.faces}"


def planes(setting: Setting) -> Part:
    """Hydrographs of a plane over soil: with ParFlow's faces its own, with ours who is nearer.

    In thick layers the upstream conductivity of a wet cell lets in too much; what layers of 1.25 cm
    give, with our faces, decides.
    """
    checks: list[Check] = []
    runs = [_plane(*which) for which in _grids(setting)]
    for plane in runs:
        checks += closed(plane.name, plane.problem, plane.states)
        theirs = _theirs(setting, f"plane_{plane.key}_dx80_dz{plane.dz:g}")
        if theirs is not None and (plane.faces == THEIRS or plane.dz == FINEST):
            checks += _beside(plane.name, plane.flow, theirs)
        if theirs is not None and plane.dz == COARSE and plane.faces == DEFAULT:
            checks += _nearer(plane, theirs, runs)
    return Part(checks, {"planes": lambda: _draw_planes(setting, runs)})


def _grids(setting: Setting) -> Iterator[tuple[str, float, str]]:
    for key in PLANES:
        for faces in (DEFAULT, THEIRS):
            for dz in (COARSE,) if setting.small else LAYERS:
                yield key, dz, faces


def _plane(key: str, dz: float, faces: str) -> Plane:
    flux = FluxPotential() if faces == DEFAULT else Upstream()
    problem = problems.maxwell_plane(dz=dz, flux=flux, **PLANES[key])
    states = problem.run()
    return Plane(key, dz, faces, problem, states, _flow("", problem, states, 60.0))


def _nearer(plane: Plane, theirs: Flow, runs: Sequence[Plane]) -> Iterator[Check]:
    """Peak and volume on thick layers beside those on thin ones."""
    fine = next((r.flow for r in runs if _is(r, plane.key, FINEST, DEFAULT)), None)
    end = float(plane.flow.times[-1])
    sampled = replace(theirs, times=plane.flow.times, outflow=theirs.at(plane.flow.times))
    for quantity, unit, of in (
        ("peak", sampled.unit, lambda f: f.peak),
        ("volume", "m3", lambda f: f.volume(end)),
    ):
        ours, known = of(plane.flow), of(sampled)
        if fine is None:
            yield Check(plane.name, quantity, unit, ours, None, known)
        else:
            beside = f"{quantity}, beside layers of 1.25 cm"
            yield Check(plane.name, beside, unit, ours, of(fine), known, Nearer())


def _is(plane: Plane, key: str, dz: float, faces: str) -> bool:
    return (plane.key, plane.dz, plane.faces) == (key, dz, faces)


def _draw_planes(setting: Setting, runs: Sequence[Plane]) -> Figure:
    """Hydrographs on thick and thin layers, and peaks over thickness."""
    shown = []
    for key in PLANES:
        lines = []
        for dz, look in ((COARSE, "-"), (FINEST, "--")):
            for faces in (DEFAULT, THEIRS):
                flow = next((r.flow for r in runs if _is(r, key, dz, faces)), None)
                if flow is not None:
                    label = f"{faces}, {dz:g} m"
                    lines.append(plotting.Curve(label, flow.times, flow.outflow, look))
            theirs = _theirs(setting, f"plane_{key}_dx80_dz{dz:g}")
            if theirs is not None:
                few = slice(None, None, 15)
                mark = "o" if dz == COARSE else "s"
                label = f"ParFlow, {dz:g} m"
                lines.append(plotting.Curve(label, theirs.times[few], theirs.outflow[few], mark))
        shown.append(plotting.Panel(key, "Time (min)", "Outflow (m³ min⁻¹)", lines))
    shown += [_peaks(setting, key, runs) for key in PLANES]
    return plotting.panels(shown)


def _peaks(setting: Setting, key: str, runs: Sequence[Plane]) -> plotting.Panel:
    lines = []
    for faces in (DEFAULT, THEIRS):
        own = [(r.dz, r.flow.peak) for r in runs if (r.key, r.faces) == (key, faces)]
        thick, peak = np.array(own).T
        lines.append(plotting.Curve(faces, thick, peak, "o-"))
    known = [(dz, _theirs(setting, f"plane_{key}_dx80_dz{dz:g}")) for dz in KNOWN[key]]
    theirs = [(dz, flow.peak) for dz, flow in known if flow is not None]
    if theirs:
        thick, peak = np.array(theirs).T
        lines.append(plotting.Curve("ParFlow", thick, peak, "x"))
    return plotting.Panel(f"{key}, peak", "Layers (m)", "Peak (m³ min⁻¹)", lines, log="x")


# ------------------------------------------------------------------------------------ V with soil


def v_with_soil(setting: Setting) -> Part:
    """The second intercomparison's V: equilibrium, and peak and volume beside ParFlow's."""
    problem = problems.v_catchment(20 if setting.small else 100)
    states = problem.run()
    flow = _flow("hydroda", problem, states, 3600.0)
    theirs = _theirs(setting, "ihmip2_v_S2_rain")
    name = "V with soil"
    checks = [
        Check(
            name, "outflow after 20 h", "m3 h-1", flow.at(np.array([20.0])).item(), 1100.0,
            wanted=Within(EQUILIBRIUM),
        ),
        *closed(name, problem, states),
    ]  # fmt: skip
    if theirs is not None:
        checks += _beside(name, flow, theirs)
    flows = [flow] if theirs is None else [flow, theirs]
    return Part(checks, {"v_with_soil": lambda: _draw_v(flows)})


def _draw_v(flows: Sequence[Flow]) -> Figure:
    lines = [_curve(flow) for flow in flows]
    whole = plotting.Panel("V with soil", "Time (h)", "Outflow (m³ h⁻¹)", lines)
    late = [
        plotting.Curve(f.label, f.times[f.times > 20.5], f.outflow[f.times > 20.5], f.look)
        for f in flows
    ]
    recession = plotting.Panel("Its recession", "Time (h)", "Outflow (m³ h⁻¹)", late, log="y")
    return plotting.panels((whole, recession))
