"""How long one analysis takes, beside DAPPER's LETKF, and how much memory.

    python benchmarks/analysis.py [--quick] [--out DIR] [--dapper PYTHON]

Every number comes from a process of its own, so that threads and memory are what is said. Timed
is `Filter.analyse` (neighbour search, weights, transforms, update), the least of several: on one
thread in seconds of processor time, which a busy machine disturbs least, on several in wall
seconds. What two threads gain stands beside what two processes gain that share nothing: more the
two cores do not give. DAPPER (pip install dapper) may live in another environment: `--dapper`
names its Python. Without it the comparison is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ERROR_SD = 0.5


@dataclass(frozen=True)
class Case:
    """A square of columns with observations of the top cell, and the cut-off in column widths."""

    side: int
    levels: int
    members: int
    observations: int
    cutoff: float

    @property
    def cells(self) -> int:
        """Size of the state."""
        return self.side**2 * self.levels

    def __str__(self) -> str:
        return f"{self.cells:.3g} cells, {self.members} members, {self.observations} obs"


CASES = {
    1: Case(50, 10, 32, 200, 10.0),
    2: Case(100, 20, 64, 500, 12.0),
    3: Case(200, 25, 64, 1000, 15.0),
}
TARGETS = {("LETKF", 1): 6.0, ("LETKF", 2): 7.0, ("EnKF", 2): 20.0}
TEASER = Case(10, 5, 8, 20, 4.0)


def arrays(case: Case) -> dict[str, np.ndarray]:
    """Ensemble (state, member), observed columns, observations and perturbations."""
    rng = np.random.default_rng(1)
    x = np.empty((case.cells, case.members))
    for start in range(0, case.cells, 4096):
        part = x[start : start + 4096]
        rng.standard_normal(out=part)
    columns = rng.choice(case.side**2, case.observations, replace=False)
    y = rng.standard_normal(case.observations)
    noise = ERROR_SD * rng.standard_normal((case.observations, case.members))
    return {"x": x, "columns": columns, "y": y, "noise": noise}


# --- the measured processes ------------------------------------------------------------------


def hydroda_problem(case: Case, data: dict[str, np.ndarray]) -> Any:
    """The case as hydroda poses it; x may be overwritten, as the assimilation cycle allows."""
    from hydroda.analysis import Places, Problem

    column = np.repeat(np.arange(case.side**2), case.levels)
    places = Places(
        column % case.side, column // case.side, np.tile(np.arange(case.levels), case.side**2)
    )
    rows = data["columns"] * case.levels
    return Problem(
        x=data["x"],
        hx=data["x"][rows],
        y=data["y"],
        variance=np.full(case.observations, ERROR_SD**2),
        noise=data["noise"],
        state_places=places,
        obs_places=places[rows],
        overwrite=True,
    )


def hydroda_filter(name: str, case: Case) -> Any:
    """The filter called `name` with the taper of the case."""
    from hydroda import filters
    from hydroda.localization import GaspariCohn

    return getattr(filters, name)(GaspariCohn(cutoff=f"{case.cutoff} m"))


def measure_hydroda(name: str, case: Case, repeats: int) -> dict[str, float]:
    """Seconds and memory of an analysis."""
    hydroda_filter(name, TEASER).analyse(hydroda_problem(TEASER, arrays(TEASER)))
    before = resident()
    data = arrays(case)
    problem, scheme = hydroda_problem(case, data), hydroda_filter(name, case)
    with_ensemble = resident()
    scheme.analyse(problem)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    cpu, wall = least(lambda: scheme.analyse(problem), repeats)
    return {
        "cpu": cpu,
        "wall": wall,
        "ensemble_bytes": data["x"].nbytes,
        "analysis_bytes": peak - with_ensemble,
        "peak_bytes": peak - before,
    }


def resident() -> int:
    """Resident memory of this process now [byte]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Wall time [s] over which runs of a short task are repeated.
ENOUGH = 0.5


def least(task: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """The least processor and wall time [s] of `repeats` runs of `task`, of more where it is short.

    An analysis of 25 ms is over before the machine has noticed that it is to be left alone.
    """
    cpu: list[float] = []
    wall: list[float] = []
    while len(wall) < repeats or (repeats > 2 and sum(wall) < ENOUGH):
        time.sleep(0.05)  # threads of the last analysis spin a while, where a model would run
        start = time.process_time(), time.perf_counter()
        task()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return min(cpu), min(wall)


def measure_dapper(name: str, case: Case, repeats: int) -> dict[str, float]:
    """Seconds of DAPPER's LETKF, one batch per column, its distances known beforehand."""
    from dapper.da_methods.ensemble import local_analyses
    from dapper.tools.localization import inds_and_coeffs
    from dapper.tools.matrices import CovMat

    assert name == "LETKF"
    data = arrays(case)
    ensemble = np.ascontiguousarray(data["x"].T)
    batches = list(np.arange(case.cells).reshape(-1, case.levels))
    distance = distances(case, data["columns"])
    observed = ensemble[:, data["columns"] * case.levels]
    error = CovMat(np.full(case.observations, ERROR_SD**2), "diag")
    radius = case.cutoff / 2 / 1.82  # DAPPER's half-width is 1.82 times its radius.

    def near(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return inds_and_coeffs(distance[batch[0] // case.levels], radius, tag="GC")

    def analyse() -> None:
        local_analyses(ensemble.copy(), observed, error, data["y"], batches, near)

    cpu, wall = least(analyse, repeats)
    return {"cpu": cpu, "wall": wall}


def distances(case: Case, columns: np.ndarray) -> np.ndarray:
    """Distances (column, obs) in column widths."""
    every = np.arange(case.side**2)
    return np.hypot(
        every[:, None] % case.side - columns % case.side,
        every[:, None] // case.side - columns // case.side,
    )


# --- the driver ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Runner:
    """Runs a measurement in a process of its own."""

    dapper: str | None
    repeats: int

    def __call__(
        self, code: str, name: str, case: Case, threads: int = 1
    ) -> dict[str, float] | None:
        python = sys.executable if code == "hydroda" else self.dapper
        if python is None:
            return None
        return self._result(self._started(python, code, name, case, threads))

    def side_by_side(self, name: str, case: Case) -> dict[str, float]:
        """The slower of two processes with one thread each: what two cores can give at best."""
        python = sys.executable
        both = [self._started(python, "hydroda", name, case, 1) for _ in range(2)]
        one, other = (self._result(process) for process in both)
        return {key: max(value, other[key]) for key, value in one.items()}

    def _started(
        self, python: str, code: str, name: str, case: Case, threads: int
    ) -> subprocess.Popen[str]:
        variables = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        threads_only = dict.fromkeys(variables, str(threads))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **threads_only}
        task = json.dumps([code, name, asdict(case), self.repeats])
        return subprocess.Popen(
            [python, __file__, "--measure", task],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def _result(process: subprocess.Popen[str]) -> dict[str, float]:
        said, wrong = process.communicate()
        if process.returncode:
            raise SystemExit(f"{process.args} failed:\n{wrong}")
        result: dict[str, float] = json.loads(said.splitlines()[-1])
        return result


def best_of(rounds: int, runs: dict[str, Callable[[], dict[str, float] | None]]) -> dict[str, Any]:
    """The least numbers of each run, taken in turns, so that a busy minute hits all."""
    best: dict[str, Any] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            if measured := run():
                known = best.get(name, measured)
                best[name] = {key: min(value, known[key]) for key, value in measured.items()}
    return best


def compare(run: Runner, cases: dict[int, Case], rounds: int) -> list[dict[str, Any]]:
    """One row for each filter and case."""
    rows = []
    for number, case in cases.items():
        runs: dict[str, Callable[[], dict[str, float] | None]] = {}
        for name in ("LETKF", "EnKF"):
            for threads in (1, 2):
                key = f"{name} {threads}"
                runs[key] = lambda n=name, t=threads, c=case: run("hydroda", n, c, t)
            runs[f"{name} beside"] = lambda n=name, c=case: run.side_by_side(n, c)
        if number != 3:
            runs["DAPPER"] = lambda c=case: run("dapper", "LETKF", c)
        best = best_of(rounds, runs)
        dapper = best.get("DAPPER", {}).get("cpu")
        for name in ("LETKF", "EnKF"):
            one, two = best[f"{name} 1"], best[f"{name} 2"]
            rows.append(
                {
                    "case": number,
                    "size": str(case),
                    "filter": name,
                    "cpu_seconds": one["cpu"],
                    "wall_seconds": one["wall"],
                    "wall_seconds_two_threads": two["wall"],
                    "speedup_two_threads": one["wall"] / two["wall"],
                    "speedup_two_processes": 2.0 * one["wall"] / best[f"{name} beside"]["wall"],
                    "dapper_letkf_cpu_seconds": dapper,
                    "times_faster": dapper / one["cpu"] if dapper else None,
                    "wanted": TARGETS.get((name, number)),
                    "peak_over_ensemble": one["peak_bytes"] / one["ensemble_bytes"],
                }
            )
    return rows


def scaling(run: Runner, base: Case, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Times along cells, members, observations and threads, from a base case."""
    variants: dict[str, list[tuple[float, Case, int]]] = {
        "cells": [
            (s * s * base.levels, replace(base, side=s, observations=max(4, s * s // 20)), 1)
            for s in (base.side // 4, base.side // 2, base.side, 2 * base.side)
        ],
        "members": [(n, replace(base, members=n), 1) for n in (16, 32, 64, 128)],
        "observations": [
            (p, replace(base, observations=p), 1)
            for p in (base.side, 2 * base.side, 5 * base.side, 10 * base.side, 20 * base.side)
        ],
        "threads": [(t, base, t) for t in range(1, (os.cpu_count() or 1) + 1)],
    }
    result = {}
    for axis, points in variants.items():
        runs = {
            f"{name} {at}": lambda n=name, c=case, t=threads: run("hydroda", n, c, t)
            for at, case, threads in points
            for name in ("LETKF", "EnKF")
        }
        best = best_of(rounds, runs)
        clock = "wall" if axis == "threads" else "cpu"
        result[axis] = [
            {"at": at, **{n: best[f"{n} {at}"][clock] for n in ("LETKF", "EnKF")}}
            for at, _, _ in points
        ]
    return result


def figure(curves: dict[str, list[dict[str, Any]]], base: Case, path: Path) -> None:
    """Four panels of time against size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import ticker

    labels = {
        "cells": "cells (observations in proportion)",
        "members": "members",
        "observations": "observations",
        "threads": "threads",
    }
    fig, axes = plt.subplots(2, 2, figsize=(9, 7), constrained_layout=True)
    for panel, (axis, points) in zip(axes.flat, curves.items(), strict=True):
        at = [point["at"] for point in points]
        for name, marker in (("LETKF", "o"), ("EnKF", "s")):
            panel.plot(at, [point[name] for point in points], marker=marker, label=name)
        clock = "wall" if axis == "threads" else "processor"
        first = points[0]
        slope = -1 if axis == "threads" else 1
        ideal = [first["LETKF"] * (value / at[0]) ** slope for value in at]
        panel.plot(at, ideal, "k:", lw=1, label="proportional (threads: inversely)")
        panel.set(
            xscale="log", yscale="log", xlabel=labels[axis], ylabel=f"one analysis [{clock} s]"
        )
        panel.set_xticks(at, [f"{value:g}" for value in at])
        panel.xaxis.set_minor_locator(ticker.NullLocator())
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        panel.yaxis.set_minor_locator(ticker.NullLocator())
        panel.grid(alpha=0.3)
    axes.flat[0].legend()
    fig.suptitle(f"Localized analyses around {base}, cut-off {base.cutoff:g} columns")
    fig.savefig(path, dpi=120)


def table(rows: list[dict[str, Any]]) -> str:
    """The comparison as a Markdown table."""
    lines = [
        "| case | filter | one thread: cpu [s] | wall [s] | two threads: wall [s] | gain | "
        "gain of two processes | DAPPER LETKF: cpu [s] | times faster | wanted | peak / ensemble |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        dapper, faster, wanted = (
            "" if row[k] is None else f"{row[k]:.3g}"
            for k in ("dapper_letkf_cpu_seconds", "times_faster", "wanted")
        )
        lines.append(
            f"| {row['case']}: {row['size']} | {row['filter']} | {row['cpu_seconds']:.4f} | "
            f"{row['wall_seconds']:.4f} | {row['wall_seconds_two_threads']:.4f} | "
            f"{row['speedup_two_threads']:.2f} | {row['speedup_two_processes']:.2f} | "
            f"{dapper} | {faster} | {wanted} | "
            f"{row['peak_over_ensemble']:.2f} |"
        )
    return "\n".join(lines)


def dapper_python(named: str | None) -> str | None:
    """A Python that can import DAPPER: the named one, else this one, else none."""
    python = named or sys.executable
    found = subprocess.run(
        [python, "-c", "import dapper"], capture_output=True, check=False
    ).returncode
    if found == 0:
        return python
    print(f"DAPPER cannot be imported by {python}: compared with nothing", file=sys.stderr)
    return None


def main() -> None:
    """Measures, prints a table, writes analysis.json and analysis_scaling.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small cases, once")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--dapper", help="Python of an environment with DAPPER")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        code, name, case, repeats = json.loads(options.measure)
        measure = {"hydroda": measure_hydroda, "dapper": measure_dapper}[code]
        print(json.dumps(measure(name, Case(**case), repeats)))
        return
    quick = options.quick
    run = Runner(dapper_python(options.dapper), repeats=2 if quick else 4)
    cases = {1: CASES[1]} if quick else CASES
    rows = compare(run, cases, rounds=1 if quick else 3)
    print(table(rows))
    if not quick:
        own = {row["case"]: row["cpu_seconds"] for row in rows if row["filter"] == "EnKF"}
        print(f"\nEnKF, case 3 against case 2: {own[3] / own[2]:.2f} times (wanted: under 6)")
    base = Case(24, 5, 32, 50, 6.0) if quick else Case(80, 10, 64, 320, 10.0)
    curves = scaling(run, base, rounds=1 if quick else 3)
    options.out.mkdir(parents=True, exist_ok=True)
    figure(curves, base, options.out / "analysis_scaling.png")
    record = {
        "date": date.today().isoformat(),
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "rows": rows,
        "scaling": curves,
    }
    (options.out / "analysis.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
