"""ParFlow's field over log-normal soil on a slope, with its faces and with ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.studies import flow_problems as problems
from hydroda.studies.verification.checks import AtMost, Check, Part, Setting, closed, rms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "heterogeneous_16x16x32.npz"
SAME = 1e-6  # m


def part(setting: Setting) -> Part:
    """Heads after rain and evaporation, each cell beside ParFlow's."""
    assert setting.reference is not None
    path = setting.reference / FILE
    problem = problems.heterogeneous(path)
    states = problem.run()
    theirs = problem.reference["pressure_head_24h"]
    away = np.abs(states[-1]["h"].values[0] - theirs)
    name = "heterogeneous 16x16x32, ParFlow's faces"
    checks = [
        Check(name, "largest difference of a head", "m", float(away.max()), wanted=AtMost(SAME)),
        Check(name, "RMS difference of heads", "m", rms(away)),
        *closed("heterogeneous, ParFlow's faces", problem, states),
    ]
    own = problems.heterogeneous(path, exact=False)
    found = own.run()
    apart = found[-1]["h"].values[0] - theirs
    name = "heterogeneous 16x16x32, default faces"
    checks += [
        Check(name, "RMS difference from ParFlow's heads", "m", rms(apart)),
        Check(name, "largest difference of a head", "m", float(np.abs(apart).max())),
        *closed("heterogeneous, default faces", own, found),
    ]
    return Part(checks, {"heterogeneous": lambda: _draw(problem, states, found)})


def _draw(
    problem: problems.FlowProblem, states: list[xr.Dataset], found: list[xr.Dataset]
) -> Figure:
    """Mean profile of the heads, and differences from ParFlow's by depth."""
    z, theirs = problem.model.z, problem.reference["pressure_head_24h"]
    same, own = (each[-1]["h"].values[0] for each in (states, found))
    profiles = (
        plotting.Curve("ParFlow", theirs.mean(axis=0), z),
        plotting.Curve("hydroda, its faces", same.mean(axis=0), z, "o"),
        plotting.Curve("hydroda, default faces", own.mean(axis=0), z, "--"),
    )
    apart = tuple(
        plotting.Curve(label, np.abs(h - theirs).max(axis=0), z, look)
        for label, h, look in (
            ("hydroda, its faces", same, "o-"), ("hydroda, default faces", own, "--"),
        )
    )  # fmt: skip
    return plotting.panels(
        (
            plotting.Panel(
                "Heads after 24 h", "Mean head (m)", "Depth (m)", profiles, downward=True
            ),
            plotting.Panel(
                "Away from ParFlow", "Largest difference (m)", "Depth (m)", apart, "x", True
            ),
        )
    )
