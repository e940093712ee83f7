"""Time of the land columns per column and hour: `python benchmarks/land_column.py`.

4 000 columns under made-up hourly weather of two summer and two winter weeks, one thread. The
surface alone (light, leaves, snow, heat), the soil water alone under what that surface offered, and
the whole column; then the share of each part, its size, and two threads. Processor time, so that
other work on the machine counts less; what shares the core still slows it down.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from hydroda.compiled import kernel
from hydroda.forcing import ForcingWindow
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.kernels import canopy, heat, land, water
from hydroda.models.kernels.column import PACK_DEPTH, SNOW, T_LEAF
from hydroda.models.plants import clm4, colm

COLUMNS, DAYS = 4000, 14
PARFLOW_CLM = 5.8  # us per column-hour without soil water (shared/reference/parflow)
SURFACE_GOAL, COLUMN_GOAL = 5.0, 8.0
SITE: dict[str, Any] = {
    "latitude": "46.2 degree",
    "longitude": "106.5 degree",
    "sand": "60 %",
    "clay": "15 %",
}


def weather(start: str, columns: int) -> ForcingWindow:
    """Two weeks with days and nights, showers, and weather of its own for each column."""
    rng = np.random.default_rng(1)
    times = np.datetime64(start, "ns") + np.arange(24 * DAYS) * np.timedelta64(1, "h")
    hour, season = np.arange(24 * DAYS), -np.cos(2 * np.pi * (int(start[5:7]) - 0.5) / 12)
    sun = np.maximum(np.sin(((hour + 7.0) % 24 - 6) / 12 * np.pi), 0.0)[:, None]
    wet = np.repeat(rng.random((4 * DAYS, columns)) < 0.1, 6, axis=0)
    shape = (24 * DAYS, columns)
    own = rng.normal(0.0, 1.0, columns)
    values = {
        "rain": wet * rng.gamma(0.6, 1.2, shape),
        "shortwave": sun * (450.0 + 300.0 * season) * np.where(wet, 0.3, 1.0),
        "longwave": 280.0 + 50.0 * season + 10.0 * own + 0.0 * sun,
        "air_temperature": 275.0 + 15.0 * season + 6.0 * (sun - 0.4) + own,
        "relative_humidity": np.clip(0.75 - 0.3 * sun + 0.2 * wet, 0.1, 1.0),
        "wind_speed": np.maximum(3.0 + own + rng.normal(0.0, 1.0, shape), 0.1),
        "pressure": np.full(shape, 88000.0),
    }
    return ForcingWindow(times, 3600.0, {name: value[None] for name, value in values.items()})


def column(kind: type, **parts: Any) -> Any:
    """A steppe column of CLM 4 or CoLM."""
    grass = clm4("c3 grass") if kind is CLM4Column else colm("grasslands")
    return kind(plants=(grass,), **SITE, **parts)


class Case:
    """A batch of columns, spun up for two weeks, and the arrays of the kernels."""

    def __init__(self, model: Any, start: str, columns: int) -> None:
        self.window = weather(start, columns)
        warm = 288.0 if start[5:7] in ("06", "07", "08") else 268.0
        shape = (1, columns, model.dz.size)
        ensemble = model.dataset(theta=np.full(shape, 0.2), temperature=np.full(shape, warm))
        begin = self.window.times[0]
        end = begin + np.timedelta64(DAYS, "D")
        self.ensemble = model.forecast(ensemble, self.window, begin, end)
        self.x, self.s = model._columns(self.ensemble)
        self.parts = model._parts()
        field = model._field(self.ensemble, self.window)
        season = model.season(
            self.ensemble, self.window, slice(None), self.x[..., 0, SNOW:], model.dz
        )
        self.field = field._replace(season=season)

    def copies(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """State and empty sums, to be changed."""
        return self.x.copy(), self.s.copy(), np.zeros((*self.x.shape[:2], land.SUMS))

    def cost(self, work: Callable[..., Any]) -> float:
        """Processor time of `work` per column and hour [us], the least of three."""
        columns = self.x.shape[1]
        work(self.parts, self.field, *self.copies(), min(4, columns))
        best = np.inf
        for _ in range(3):
            arrays = self.copies()
            begin = time.process_time()
            work(self.parts, self.field, *arrays, columns)
            best = min(best, time.process_time() - begin)
        return best / (columns * 24 * DAYS) * 1e6


def whole(parts: Any, field: Any, x: np.ndarray, s: np.ndarray, sums: np.ndarray, n: int) -> None:
    """Surface and soil water."""
    land.forecast(parts, field, 3600.0, x, s, sums, 0, n)


@kernel
def surface(
    parts: Any, field: Any, x: np.ndarray, s: np.ndarray, sums: np.ndarray, columns: int
) -> None:
    """The surface alone: the water of the soil stands still."""
    n = x.shape[3] - SNOW
    share, work = np.zeros(n), np.empty((heat.WORK, SNOW + n))
    for i in range(columns):
        here = land.plot(parts, field, 0, i)
        sky, sun = field.weather[0, i], field.season[0, min(i, field.season.shape[1] - 1)]
        for k in range(sky.shape[1]):
            now, season = land.weather_at(sky, k), land.season_at(sun, k)
            asked = land.surface(parts, here, x[0, i], s[0, i], share, work, now, season, 3600.0)
            sums[0, i, land.LATENT] += asked.latent


@kernel
def begun(
    parts: Any, field: Any, x: np.ndarray, s: np.ndarray, sums: np.ndarray, columns: int,
    parts_done: int,
) -> None:  # fmt: skip
    """The surface without its heat and snow, up to interception (1), light (2) or leaves (3)."""
    share = np.zeros(x.shape[3] - SNOW)
    for i in range(columns):
        here = land.plot(parts, field, 0, i)
        sky, sun = field.weather[0, i], field.season[0, min(i, field.season.shape[1] - 1)]
        for k in range(sky.shape[1]):
            now, season = land.weather_at(sky, k), land.season_at(sun, k)
            leaves, stems = canopy.exposed(
                parts.burial, here.plant, season.leaves, season.stems, s[0, i, PACK_DEPTH]
            )
            total = land._precipitation(parts, here, x[0, i], s[0, i], now, leaves, stems, 3600.0)
            if parts_done >= 2:
                absorbed, total = land._radiation(
                    parts, here, x[0, i], s[0, i], now, season, leaves, stems, 0.0
                )
                if parts_done >= 3:
                    fluxes = land._fluxes(
                        parts, here, x[0, i], s[0, i], share, now, absorbed, leaves, stems, 0.0,
                        3600.0,
                    )  # fmt: skip
                    s[0, i, T_LEAF] = fluxes.t_leaf
            sums[0, i, 0] += total


def up_to(parts_done: int) -> Callable[..., None]:
    """The surface up to one of its parts."""
    return lambda *arguments: begun(*arguments, parts_done)


@kernel
def soil_water(
    parts: Any, field: Any, x: np.ndarray, s: np.ndarray, sums: np.ndarray, columns: int
) -> None:
    """The soil water alone, under the rain and a daily course of evaporation and uptake."""
    n = x.shape[3] - SNOW
    uptake = np.zeros(n)
    for i in range(columns):
        here = land.plot(parts, field, 0, i)
        rows = water.rows(n)
        sky = field.weather[0, i]
        for k in range(sky.shape[1]):
            demand = sky[1, k] * 1.2e-7
            for j in range(n):
                uptake[j] = demand * here.roots[j]
            moved = water.soil_water(
                here.soil, parts.layers, parts.numbers, parts.runoff, parts.bottom, x[0, i],
                s[0, i], rows, sky[0, k], demand, uptake, 3600.0,
            )  # fmt: skip
            sums[0, i, 0] += moved.surface


def shares(case: Case) -> dict[str, float]:
    """Time of each part of a column [us per column-hour]."""
    ends = [case.cost(up_to(number)) for number in (1, 2, 3)]
    ends += [case.cost(surface), case.cost(whole)]
    names = ("interception", "light", "leaves and ground", "heat and snow", "water and books")
    return dict(zip(names, np.diff(ends, prepend=0.0).tolist(), strict=True))


def seconds(model: Any, start: str, columns: int, threads: int) -> float:
    """Wall time of two weeks of a batch, the least of three [s]."""
    case = Case(model, start, columns)
    numba.set_num_threads(threads)
    begin = case.window.times[0]
    best = np.inf
    for _ in range(3):
        at = time.perf_counter()
        model.forecast(case.ensemble, case.window, begin, begin + np.timedelta64(DAYS, "D"))
        best = min(best, time.perf_counter() - at)
    numba.set_num_threads(1)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=COLUMNS)
    columns = parser.parse_args().columns
    numba.set_num_threads(1)
    print(f"{columns} columns, hourly, us per column-hour    surface   soil water   whole column")
    for kind in (CLM4Column, CoLMColumn):
        for start in ("2003-07-01", "2003-01-10"):
            case = Case(column(kind), start, columns)
            costs = [case.cost(work) for work in (surface, soil_water, whole)]
            numbers = "".join(f"{cost:13.2f}" for cost in costs)
            print(f"{kind.__name__:12s} {start[:7]}                {numbers}")
        for name, cost in shares(case).items():
            print(f"    of which in January {name:20s}{cost:6.2f}")
    print(f"goals: surface {SURFACE_GOAL}, whole {COLUMN_GOAL}; ParFlow's CLM alone {PARFLOW_CLM}")
    model = column(CLM4Column)
    print("columns   threads   seconds for two weeks in July   us per column-hour")
    for size, threads in ((columns // 16, 1), (columns // 4, 1), (columns, 1), (columns, 2)):
        wall = seconds(model, "2003-07-01", size, threads)
        cost = wall / (size * 24 * DAYS) * 1e6
        print(f"{size:7d}   {threads:7d}   {wall:29.2f}   {cost:18.2f}")


if __name__ == "__main__":
    main()
