"""Lorenz-96 under six filters: the configurations of Sakov & Oke (2008) and Hunt et al. (2007).

40 variables, F = 8, fourth-order Runge-Kutta with dt = 0.05, all observed at every step, R = I,
no model noise; truth and members start from N(x0, 0.001 I). The analysis RMSE is averaged over
10 000 cycles after 400.

doi:10.1111/j.1600-0870.2007.00299.x, doi:10.1016/j.physd.2006.11.008
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.analysis import Places, Problem
from hydroda.errors import DeclarationError
from hydroda.filters import ETKF, LETKF, DEnKF, EnKF, Filter
from hydroda.inflation import Fixed
from hydroda.localization import GaspariCohn, Horizontal, Periodic
from hydroda.models.lorenz96 import step
from hydroda.rng import Streams
from hydroda.studies.report import Bar, StudyReport, Value, Verdict
from hydroda.verification import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VARIABLES, DT = 40, 0.05
BURN_IN = 400
CYCLES = {"small": 1000, "medium": 10_000, "paper": 10_000}


@dataclass(frozen=True)
class Row:
    """One line of the table: a filter, its ensemble, the published RMSE and a rerun's.

    `low`, `high` : the interval of the rerun of the reference code (DAPPER)
    """

    name: str
    filter: Filter
    members: int
    published: float
    low: float
    high: float


def _local(widths: float) -> GaspariCohn:
    """Half-width of 1.82 grid distances for each unit, on the circle of variables."""
    around = Horizontal(Periodic(length=f"{VARIABLES} m"))
    return GaspariCohn(halfwidth=f"{1.82 * widths} m", along=around)


ROWS = (
    Row("EnKF, N 40", EnKF(inflation=Fixed(1.06)), 40, 0.22, 0.2160 - 0.0014, 0.2160 + 0.0014),
    Row("EnKF, N 28", EnKF(inflation=Fixed(1.08)), 28, 0.24, 0.2372 - 0.0019, 0.2372 + 0.0019),
    Row("DEnKF, N 40", DEnKF(inflation=Fixed(1.01)), 40, 0.18, 0.1781 - 0.0014, 0.1781 + 0.0014),
    Row("ETKF rotated, N 24", ETKF(inflation=Fixed(1.02), rotation=True), 24, 0.18, 0.172, 0.209),
    Row(
        "LETKF rotated, loc 4, N 7",
        LETKF(_local(4), Fixed(1.04), rotation=True),
        7,
        0.22,
        0.2161 - 0.0016,
        0.2161 + 0.0016,
    ),
    Row(
        "LETKF rotated, loc 6, N 10",
        LETKF(_local(6), Fixed(1.04), rotation=True),
        10,
        0.20,
        0.1984 - 0.0013,
        0.1984 + 0.0013,
    ),
)


def analysis_errors(row: Row, cycles: int, streams: Streams) -> Iterator[float]:
    """RMSE of the analysis mean after each cycle, without the first 400."""
    start = np.zeros((VARIABLES, 1))
    start[0] = 1.0

    def drawn(members: int, *name: object) -> np.ndarray:
        noise = streams.generator(row.name, *name).normal(size=(VARIABLES, members))
        return start + np.sqrt(0.001) * noise

    truth, x = drawn(1, "truth"), drawn(row.members, "members")
    place = np.arange(VARIABLES, dtype=np.float64)
    places = Places(place, np.zeros(VARIABLES), np.full(VARIABLES, np.nan))
    rng = streams.generator(row.name, "observations")
    noisy = isinstance(row.filter, EnKF)
    for cycle in range(BURN_IN + cycles):
        truth, x = step(truth, DT), step(x, DT)
        noise = rng.normal(size=x.shape) if noisy else None
        if noise is not None:
            noise -= noise.mean(axis=1, keepdims=True)
        problem = Problem(
            x=x,
            hx=x,
            y=truth[:, 0] + rng.normal(size=VARIABLES),
            variance=np.ones(VARIABLES),
            noise=noise,
            state_places=places,
            obs_places=places,
            rng=rng,
        )
        x = row.filter.analyse(problem).x
        if cycle >= BURN_IN:
            yield float(np.sqrt(np.mean((x.mean(axis=1) - truth[:, 0]) ** 2)))


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """The table of mean analysis RMSE, a verdict per row: do the intervals overlap?

    Raises
    ------
    DeclarationError
        Another table than the only one is asked for, or a forcing, which Lorenz-96 has not.
    """
    if forcing is not None:
        raise DeclarationError(f"sakov2008 has no weather; got --forcing {forcing}: leave it out")
    if data is not None:
        raise DeclarationError(f"sakov2008 needs no data; got --data {data}: leave it out")
    if table not in (None, "1"):
        raise DeclarationError(f"sakov2008 has one table, 1; got {table!r}")
    begin, seeds = time.monotonic(), tuple(seeds) or (1,)
    size = size or "paper"
    cycles = CYCLES[size]
    values: list[Value] = []
    verdicts: list[Verdict] = []
    for number, row in enumerate(ROWS, 1):
        errors = [_run_row(row, cycles, seed, progress) for seed in seeds]
        ours = mean_interval(xr.DataArray(np.concatenate(errors), dims="time"))
        mean, low, high = (float(ours[name]) for name in ("mean", "low", "high"))
        for column, published, number_ours in (
            ("RMSE", row.published, mean),
            ("lower bound", row.low, low),
            ("upper bound", row.high, high),
        ):
            values.append(Value("Lorenz-96", row.name, column, "", published, number_ours))
        verdicts.append(
            Verdict(
                id=str(number),
                statement=f"{row.name}: mean analysis RMSE over {cycles} cycles",
                published=f"{row.published} (rerun {row.low:.4f} to {row.high:.4f})",
                ours=f"{mean:.4f} ({low:.4f} to {high:.4f})",
                confirmed=bool(low <= row.high and high >= row.low),
            )
        )
    return StudyReport(
        study="sakov2008",
        size=size,
        seeds=seeds,
        wall_seconds=time.monotonic() - begin,
        values=tuple(values),
        verdicts=tuple(verdicts),
        figures={"lorenz96": lambda: _figure(values)},
    )


def _figure(values: Sequence[Value]) -> Figure:
    """Our intervals beside those of the rerun."""
    bounds = {"lower bound": "low", "RMSE": "mean", "upper bound": "high"}
    names = list(dict.fromkeys(value.row for value in values))

    def table(kind: str) -> xr.DataArray:
        numbers = np.array([getattr(value, kind) for value in values], float).reshape(-1, 3)
        order = [bounds[value.column] for value in values[:3]]
        return xr.DataArray(
            numbers,
            coords={"row": names, "bound": order},
            dims=("row", "bound"),
            name="mean analysis RMSE",
            attrs={"units": "1"},
        )

    return plotting.intervals(table("ours"), table("published"))


def _run_row(row: Row, cycles: int, seed: int, progress: Bar | None) -> np.ndarray:
    errors = analysis_errors(row, cycles, Streams(seed))
    shown = errors if progress is None else progress(errors, cycles, row.name)
    return np.fromiter(shown, float)
