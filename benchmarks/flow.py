"""Three-dimensional flow on one core beside ParFlow: `python benchmarks/flow.py [--large]`.

Cell-steps per second of processor time, as ratios to ParFlow 3.15 on one core of another machine
(`shared/reference/parflow/README.md` and `shared/numerics.md`). The default faces unless named.
With `--sizes` the catchment from 1e4 to 1e6 cells, and its memory; with `--threads` one thread and
two, over columns and over members, by the clock.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import xarray as xr

from hydroda.forcing import ForcingWindow
from hydroda.models.grid import Grid
from hydroda.models.land import FluxPotential, Upstream
from hydroda.models.retention import VanGenuchten
from hydroda.models.terrestrial import TerrestrialSystem
from hydroda.studies import flow_problems as problems

FIELD = Path(__file__).parents[2] / "shared/reference/parflow/heterogeneous_16x16x32.npz"
START, HOUR = np.datetime64("2000-01-01", "ns"), np.timedelta64(1, "h")
DAY = np.r_[np.full(12, 2.0), np.full(12, -0.2)]  # mm per hour


def isotropic(count: int) -> tuple[TerrestrialSystem, xr.Dataset]:
    """Cubes of 0.5 m, log-normal, on a slope."""
    grid = Grid((count, count), "0.5 m", "0.5 m", ("0.5 m",) * 32, slope_x=0.05, slope_y=0.02)
    soil = VanGenuchten("0.065 m3/m3", "0.41 m3/m3", "3.5 1/m", 1.89, "0.05 m/h")
    model = TerrestrialSystem(grid, soil)
    log10_ks = np.random.default_rng(0).normal(-5.0, 0.43, (1, grid.columns, 32))
    return model, model.dataset(h=(model.z - 5.0)[None, None], log10_Ks=log10_ks)


def report(
    name: str, model: TerrestrialSystem, start: xr.Dataset, rain: np.ndarray, parflow: float
) -> None:
    hours = rain.size
    window = ForcingWindow(START + np.arange(hours) * HOUR, 3600.0, {"rain": rain[None]})
    end = START + hours * HOUR
    short = ForcingWindow(window.times[:1], 3600.0, {"rain": rain[None, :1]})
    model.forecast(start, short, START, START + HOUR)  # compiles
    begin = time.process_time()
    after = model.forecast(start, window, START, end)
    seconds = time.process_time() - begin
    speed = start["h"].size * hours / seconds
    assert "failures" not in after.attrs, after.attrs["failures"]
    print(f"{name:38s} {speed:12.3g} {speed / parflow:8.1f}  {after.attrs['solver']}", flush=True)


def forecast_of(problem: problems.FlowProblem, members: int = 1) -> Callable[[], xr.Dataset]:
    """The whole forecast of a problem with equal members; one hour of it is done, to compile."""
    start = problem.start.isel(member=[0] * members)
    hours = problem.rain.size
    window = ForcingWindow(
        START + np.arange(hours) * HOUR, 3600.0, {"rain": 3.6e6 * problem.rain[None]}
    )
    short = ForcingWindow(window.times[:1], 3600.0, {"rain": window.values["rain"][:, :1]})
    problem.model.forecast(start, short, START, START + HOUR)
    return lambda: problem.model.forecast(start, window, START, START + hours * HOUR)


def sizes() -> None:
    """Cost per cell and step, and the largest memory of the process so far."""
    for count in (20, 63, 200):
        problem = problems.catchment(count, count, hours=8)
        forecast = forecast_of(problem)
        begin = time.process_time()
        after = forecast()
        seconds = time.process_time() - begin
        cells = problem.start["h"].size
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{cells:8d} cells: {1e9 * seconds / cells / 8:5.0f} ns per cell and step, "
            f"{peak:.2f} GB  {after.attrs['solver']}",
            flush=True,
        )


def threads() -> None:
    """One thread and two by the clock, least of three."""
    cases = {
        "over columns, 63x63x25": forecast_of(problems.catchment(63, 63, hours=24)),
        "over columns, 64x64x32": forecast_of(problems.heterogeneous(FIELD, 4, exact=False)),
        "over 4 members, 40x25x25": forecast_of(problems.catchment(hours=48), 4),
    }
    for name, forecast in cases.items():
        took = []
        for count in (1, 2):
            numba.set_num_threads(count)
            forecast()
            walls = []
            for _ in range(3):
                begin = time.perf_counter()
                forecast()
                walls.append(time.perf_counter() - begin)
            took.append(min(walls))
        print(f"{name:26s} {took[0]:.3f} s, {took[1]:.3f} s: {took[0] / took[1]:.2f}", flush=True)


def against_parflow() -> None:
    large = "--large" in sys.argv
    print(f"{'case':38s} {'cell-steps/s':>12s} {'/ParFlow':>8s}  solver")
    for flux in (FluxPotential(), Upstream()):
        name = type(flux).__name__
        for tiles in (1, 4, 8) if large else (1, 4):
            same = problems.heterogeneous(FIELD, tiles, exact=isinstance(flux, Upstream))
            size = f"{16 * tiles}x{16 * tiles}x32"
            report(f"heterogeneous {size}, {name}", same.model, same.start, DAY, 320e3)
        shape = problems.catchment(hours=48, flux=flux)
        report(f"catchment 40x25x25, {name}", shape.model, shape.start, 3.6e6 * shape.rain, 115e3)
        wet = problems.heterogeneous(FIELD, 2, exact=isinstance(flux, Upstream))
        tight = wet.start.assign(log10_Ks=wet.start["log10_Ks"] - 1.0)
        report(f"ponded 32x32x32, {name}", wet.model, tight, np.full(24, 20.0), 69e3)
        for count in (32, 96) if large else (32,):
            model, start = isotropic(count)
            model = replace(model, flux=flux)
            report(f"isotropic {count}x{count}x32, {name}", model, start, DAY, 465e3)


def main() -> None:
    if "--threads" in sys.argv:
        threads()
        return
    numba.set_num_threads(1)
    if "--sizes" in sys.argv:
        sizes()
    else:
        against_parflow()


if __name__ == "__main__":
    main()
