"""Three-dimensional flow on one core beside ParFlow: `python benchmarks/flow.py [--large]`.

Cell-steps per second of processor time, as ratios to ParFlow 3.15 on one core of another machine
(`shared/reference/parflow/README.md` and `shared/numerics.md`). The default faces unless named.
"""

import sys
import time
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


def main() -> None:
    numba.set_num_threads(1)
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


if __name__ == "__main__":
    main()
