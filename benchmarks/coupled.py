"""A year of a coupled catchment on one core: `python benchmarks/coupled.py`.

25 x 40 columns of 2 km with 25 layers from 2 cm to 20 m, the upper ten the land's: grass, crops and
trees of CLM 4 under made-up hourly weather of a temperate climate, a valley with a stream. Split
into land (light, leaves, snow, heat), flow and rest. Processor time, so that other work on the
machine counts less; what shares the core and its memory still slows it down. `--days` runs so many
days of each month and extrapolates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numba
import numpy as np

from hydroda.forcing.generator import Climate, WeatherGenerator
from hydroda.models import land_surface
from hydroda.models.grid import Grid
from hydroda.models.kernels import coupled
from hydroda.models.kernels.flow import newton
from hydroda.models.land_surface import LandSurface
from hydroda.models.plants import clm4
from hydroda.models.retention import VanGenuchten
from hydroda.models.terrestrial import TerrestrialSystem
from hydroda.rng import Streams

ROWS, COLUMNS = 40, 25
GOAL = 90.0  # s for a year
THICKNESS = (
    0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
    0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 9.0, 12.0, 15.0, 20.0,
)  # fmt: skip
LOWLAND = Climate(
    temperature=(2.6, 3.0, 6.1, 9.3, 13.5, 16.3, 18.4, 18.1, 14.7, 10.7, 6.5, 3.4),
    daily_range=(5.0, 6.0, 7.5, 9.0, 10.0, 10.0, 10.0, 10.0, 9.0, 7.5, 5.5, 5.0),
    rain=(67.0, 60.0, 63.0, 52.0, 69.0, 75.0, 78.0, 80.0, 67.0, 66.0, 67.0, 77.0),
    rainy_days=(18.0, 15.0, 16.0, 14.0, 15.0, 14.0, 15.0, 14.0, 13.0, 15.0, 17.0, 19.0),
    vapour=(6.5, 6.4, 7.2, 8.3, 10.9, 13.1, 14.6, 14.6, 13.1, 10.8, 8.6, 7.1),
    wind=(4.0, 3.8, 3.8, 3.3, 3.0, 2.8, 2.8, 2.7, 2.8, 3.2, 3.6, 3.9),
    cloud=(0.75, 0.72, 0.68, 0.62, 0.62, 0.62, 0.6, 0.58, 0.6, 0.66, 0.74, 0.78),
    elevation=250.0,
)


def catchment() -> tuple[TerrestrialSystem, Any, Any, Any]:
    """A valley that falls to the south; its members' start; latitudes and longitudes."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    rng = np.random.default_rng(0)
    elevation = 100.0 + 8.0 * y + 4.0 * np.abs(x - COLUMNS // 2) + rng.normal(0.0, 2.0, y.shape)
    grid = Grid(
        (ROWS, COLUMNS), "2 km", "2 km", tuple(f"{d} m" for d in THICKNESS), elevation=elevation
    )
    surface = LandSurface(
        latitude="50.8 degree",
        longitude="6.4 degree",
        plants=(
            clm4("c3 grass"), clm4("c3 crop"), clm4("needleleaf evergreen temperate tree"),
        ),
        sand="40 percent",
        clay="20 percent",
    )  # fmt: skip
    soil = VanGenuchten("0.05 m3/m3", "0.43 m3/m3", "1.5 1/m", 1.5, "20 cm/day")
    model = TerrestrialSystem(grid, soil, surface)
    table = np.clip(0.15 * (grid.heights - grid.heights.min()), 1.0, 15.0)
    h = np.maximum(grid.z - table[:, None], -3.0)
    kind = rng.integers(0, 3, grid.columns)
    return model, model.dataset(h=h[None], temperature="276 K", plant=kind), 50.8 + y, 6.4 + 0 * x


def clocked(owner: ModuleType | type, name: str, key: str, spent: dict[str, float]) -> None:
    """Counts the processor time of a function under a name."""
    inner: Callable[..., Any] = getattr(owner, name)

    def outer(*given: Any) -> Any:
        begin = time.process_time()
        found = inner(*given)
        spent[key] = spent.get(key, 0.0) + time.process_time() - begin
        return found

    setattr(owner, name, outer)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=31, help="days of each month")
    days = parser.parse_args().days
    numba.set_num_threads(1)
    model, state, _, _ = catchment()
    x, y = model.grid.places
    latitude, longitude = 50.4 + y / 111e3, 6.0 + x / 70e3
    spent: dict[str, float] = {}
    whole, hours, counts = 0.0, 0, np.zeros(7, int)
    worst, balance = 0.0, 0.0
    for month in range(12):
        first = np.datetime64("2009-01") + month
        end = min(first.astype("datetime64[D]") + days, (first + 1).astype("datetime64[D]"))
        period = (first.astype("datetime64[ns]"), end.astype("datetime64[ns]"))
        made = WeatherGenerator(LOWLAND).forcing(
            latitude, longitude, model.grid.heights, period, Streams(month)
        )
        window = made.between(*period)
        if month == 0:
            hour = made.between(period[0], period[0] + np.timedelta64(3600 * 10**9, "ns"))
            model.forecast(state, hour, period[0], hour.times[-1] + np.timedelta64(1, "h"))
            clocked(coupled, "offer", "land", spent)
            clocked(coupled, "settle", "land", spent)
            clocked(coupled, "slow", "land", spent)
            clocked(newton, "advance", "flow", spent)
            assert land_surface.newton is newton
        before = sum(spent.values())
        begin = time.process_time()
        state = model.forecast(state, window, *period)
        took = time.process_time() - begin
        whole, hours = whole + took, hours + window.times.size
        worst = max(worst, float(np.abs(state["budget_error"].values).max()))
        balance = max(balance, float(state["energy_error"].values.max()))
        counts += [int(one.split("=")[1]) for one in state.attrs["solver"].split()]
        evaporated = float((state["evaporation"] + state["transpiration"]).mean())
        print(
            f"{first}: {took:5.1f} s, rain {float(state['rain'].mean()):4.0f} mm, evaporation "
            f"{evaporated:4.0f} mm, runoff {float(state['runoff'].mean()):5.1f} mm, snow "
            f"{float(state['snow'].mean()):4.1f} mm, table "
            f"{float(np.nanmean(state['water_table_depth'])):4.1f} m; in kernels "
            f"{sum(spent.values()) - before:5.1f} s",
            flush=True,
        )
    year = 8760.0 / hours
    rest = whole - sum(spent.values())
    print(f"\na year of one member: {year * whole:.0f} s (goal {GOAL:.0f} s); from {hours} hours")
    for name, seconds in {**spent, "rest": rest}.items():
        print(f"  {name:5s} {year * seconds:5.1f} s")
    columns, cells = ROWS * COLUMNS, ROWS * COLUMNS * len(THICKNESS)
    print(f"  land {1e6 * spent['land'] / hours / columns:.1f} us per column and hour")
    print(f"  flow {1e9 * spent['flow'] / counts[1] / cells:.0f} ns per cell and Newton iteration")
    print(f"  {counts[1] / hours:.2f} Newton iterations and {counts[0] / hours:.2f} steps per hour")
    print(f"  worst budget of a month {worst:.1e} mm, of energy {balance:.1e} W m-2")


if __name__ == "__main__":
    main()
