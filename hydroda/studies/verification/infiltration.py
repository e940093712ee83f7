"""Infiltration into one column: Celia's soil, Miller's sand, fronts in thick layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.models.land import Arithmetic, FluxPotential, Upstream
from hydroda.studies import flow_problems as problems
from hydroda.studies.flow_problems import FlowProblem
from hydroda.studies.verification.checks import (
    AtMost,
    Check,
    NoWorse,
    Part,
    Setting,
    Within,
    closed,
    rms,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FINE = {"Celia": (41.128, 0.6), "Miller": (1035.58, 10.0)}  # infiltrated [mm], depth [m]
# Cells; what ParFlow infiltrates on the same grid [mm], if known; and the part wanted.
CASES = {
    "Celia, 1 cm": ("Celia", 60, 42.51, 0.002),
    "Celia, 2.5 cm": ("Celia", 24, 42.78, 0.005),
    "Celia, 0.5 cm": ("Celia", 120, 41.93, 0.002),
    "Miller, 1.25 cm": ("Miller", 800, 1038.64, 0.002),
    "Miller, 5 cm": ("Miller", 200, None, None),
}
SMALL = ("Celia, 1 cm", "Celia, 2.5 cm", "Miller, 5 cm")
# File with the profiles; RMSE of ParFlow's theta on the same grid.
PROFILES = {
    "Celia, 1 cm": ("celia_vg_60cm.npz", 0.0053),
    "Miller, 1.25 cm": ("miller_sand.npz", 0.0049),
}
LAYERS = (0.2, 0.5, 1.0)  # of fronts [m]
OVERSHOOT = 1e-6  # m, what Newton's tolerance leaves


@dataclass(frozen=True, eq=False)
class Profile:
    """Depth [m] and theta: ours, ParFlow's, and the fine solution."""

    depth: np.ndarray
    ours: np.ndarray
    parflow: np.ndarray
    fine_depth: np.ndarray
    fine: np.ndarray


def part(setting: Setting) -> Part:
    """What infiltrates, the profiles, and that fronts do not overshoot."""
    checks: list[Check] = []
    profiles: dict[str, Profile] = {}
    for name in SMALL if setting.small else CASES:
        problem = _problem(name)
        states = problem.run()
        checks += _amount(name, problem, states[-1])
        if setting.reference is not None and name in PROFILES:
            profiles[name] = _profile(setting, name, problem, states[-1])
            checks.append(_shape(name, profiles[name]))
        checks += closed(name, problem, states)
    checks += _faces(setting)
    fronts = {thickness: problems.front(thickness) for thickness in LAYERS}
    found = {thickness: front.run() for thickness, front in fronts.items()}
    for thickness, front in fronts.items():
        checks += _overshoot(f"{thickness:g} m", front, found[thickness])
        checks += closed(f"front, {thickness:g} m", front, found[thickness])
    if not setting.small:
        other = problems.front(0.5, flux=Arithmetic())
        checks += [replace(c, wanted=None) for c in _overshoot("0.5 m, arithmetic", other)]
    return Part(checks, {"infiltration": lambda: _draw(profiles, fronts, found)})


def _problem(name: str, flux: Any = None) -> FlowProblem:
    kind, cells, _, _ = CASES[name]
    found = problems.celia(cells) if kind == "Celia" else problems.miller(cells)
    return found if flux is None else replace(found, model=replace(found.model, flux=flux))


def _infiltrated(problem: FlowProblem, after: xr.Dataset) -> float:
    return float((after["water"] - problem.start["water"]).item())


def _amount(name: str, problem: FlowProblem, after: xr.Dataset) -> Iterator[Check]:
    kind, _, parflow, share = CASES[name]
    wanted = Within(0.002 if share is None else share)
    amount = _infiltrated(problem, after)
    yield Check(name, "infiltrated", "mm", amount, FINE[kind][0], parflow, wanted)
    rise = float(np.diff(after["h"].values[0, 0]).max()) if kind == "Celia" else None
    if rise is not None:
        yield Check(name, "largest rise of h with depth", "m", rise, wanted=AtMost(OVERSHOOT))


def _profile(setting: Setting, name: str, problem: FlowProblem, after: xr.Dataset) -> Profile:
    file, _ = PROFILES[name]
    assert setting.reference is not None
    data = np.load(setting.reference / file)
    total = FINE[CASES[name][0]][1]
    # Heights there begin at the bottom.
    return Profile(
        problem.model.z,
        after["theta"].values[0, 0],
        data["th_pf"][::-1],
        total - data["z_ref"][::-1],
        data["th_ref"][::-1],
    )


def _shape(name: str, profile: Profile) -> Check:
    fine = np.interp(profile.depth, profile.fine_depth, profile.fine)
    ours, theirs = rms(profile.ours - fine), rms(profile.parflow - fine)
    return Check(name, "RMSE of theta", "m3 m-3", ours, None, theirs, NoWorse())


def _faces(setting: Setting) -> Iterator[Check]:
    """What other conductivities of faces infiltrate; ParFlow's is upstream."""
    for name in SMALL[:1] if setting.small else ("Celia, 1 cm", "Celia, 2.5 cm", "Miller, 1.25 cm"):
        kind, _, parflow, _ = CASES[name]
        for flux in (Upstream(),) if setting.small else (Upstream(), Arithmetic(), FluxPotential()):
            problem = _problem(name, flux)
            amount = _infiltrated(problem, problem.run()[-1])
            own = type(flux).__name__
            error = 100.0 * (amount / FINE[kind][0] - 1.0)
            yield Check("faces", f"{name}, {own}: error of what infiltrates", "percent", error)
            if isinstance(flux, Upstream):
                yield Check("faces", f"{name}, {own}", "mm", amount, None, parflow, Within(0.002))


def _overshoot(
    name: str, problem: FlowProblem, states: list[xr.Dataset] | None = None
) -> Iterator[Check]:
    """By how much a head exceeds the one that carries the rain, or the one above it."""
    h = np.array([state["h"].values[0, 0] for state in states or problem.run()])
    over = float(h.max() - problem.reference["head"])
    rise = float(np.diff(h, axis=1).max())
    yield Check(f"front, {name}", "head above the exact bound", "m", over, wanted=AtMost(OVERSHOOT))
    yield Check(
        f"front, {name}", "largest rise of h with depth", "m", rise, wanted=AtMost(OVERSHOOT)
    )


# ----------------------------------------------------------------------------------------- figures


def _draw(
    profiles: dict[str, Profile],
    fronts: dict[float, FlowProblem],
    found: dict[float, list[xr.Dataset]],
) -> Figure:
    """Profiles of theta beside the fine ones, and fronts of heads on their way."""
    shown = []
    for name, profile in profiles.items():
        beside = (
            plotting.Curve("exact", profile.fine, profile.fine_depth),
            plotting.Curve("ParFlow", profile.parflow, profile.depth, "--"),
            plotting.Curve("hydroda", profile.ours, profile.depth, "-."),
        )
        shown.append(_panel(name, "Water content (m³ m⁻³)", beside))
    hours = (4, 8, 16)
    for thickness, front in fronts.items():
        states = [found[thickness][hour - 1] for hour in hours]
        curves = tuple(
            plotting.Curve(f"after {hour} h", state["h"].values[0, 0], front.model.z, "o-")
            for hour, state in zip(hours, states, strict=True)
        )
        bound = front.reference["head"] * np.ones(2)
        top = plotting.Curve("exact bound", bound, (0.0, 10.0), ":")
        shown.append(_panel(f"Front, layers of {thickness:g} m", "Head (m)", (*curves, top)))
    return plotting.panels(shown)


def _panel(title: str, x: str, curves: tuple[plotting.Curve, ...]) -> plotting.Panel:
    return plotting.Panel(title, x, "Depth (m)", curves, downward=True)
