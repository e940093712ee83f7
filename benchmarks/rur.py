"""A week of Li's WC_DA_r_PAR at full size: `mpiexec -n 2 python benchmarks/rur.py --out FOLDER`.

The Rur in cells of 500 m (9416 columns of the 100 x 162, 25 layers), 128 members, 12 neutron
sensors daily and 78 wells weekly, log10 K_s beside the states. Split into land, flow,
communication, analysis and output, in processor time, so that other work on the machine counts
less; members are spread over MPI ranks, or over threads of one process. Prints what three years
would cost by the number of ranks.

The members come from a file of `--members-from` (of `SpinUp`, or as `--spin-up` writes it), again
and again where it has fewer; what differs between the copies is then the weather. Without a file
they begin unspun, under one water table that level flow would leave as it is, and 1 m or so off it:
finer cells take hours to settle from there. `--analysis` times the analyses alone, on members as
they are drawn.
"""

from __future__ import annotations

import argparse
import json
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

import numba
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda import cycling, experiment, io
from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.ground import SoilNoise
from hydroda.catchments.rur.nature import Nature
from hydroda.catchments.rur.spinup import SpinUp, level_heads, mean_recharge, with_heads
from hydroda.catchments.rur.spread import SpreadForcing
from hydroda.cycling import Cycle, Step
from hydroda.filters.base import Filter
from hydroda.forcing.noise import PerturbedForcing
from hydroda.models import land_surface
from hydroda.models.boundaries import Boundary
from hydroda.models.kernels import coupled
from hydroda.models.kernels.flow import newton
from hydroda.models.terrestrial import TerrestrialSystem
from hydroda.obs import ObservationNetwork
from hydroda.obs.sensors import predicted
from hydroda.parallel import Communicator, communicator
from hydroda.rng import Streams
from hydroda.studies.li2025.experiments import EXPERIMENTS
from hydroda.studies.li2025.runs import Setting

YEARS = 3 * 365.25  # days
DISTINCT = 8  # members where only analyses are timed
GB = 1024.0**3
DAY = np.timedelta64(1, "D")
PARTS = (
    "land", "flow", "set-up of members", "weather", "what sensors see", "batch", "filter",
    "analysis", "putting in order", "water", "communication", "output",
)  # fmt: skip


class Clock:
    """Processor and wall seconds by part, each without the parts inside it; and where peaks rose.

    Times of threads add up; they wait for nobody in `thread_time`.
    """

    def __init__(self) -> None:
        self.processor: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self.rose: dict[str, float] = defaultdict(float)
        self.kinds: list[tuple[str, float, float]] = []
        self._own, self._lock = threading.local(), threading.Lock()
        self._peak = peak()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Counts what runs within under `name`."""
        outer = getattr(self._own, "inner", [0.0, 0.0])
        self._own.inner = inner = [0.0, 0.0]
        begin = time.thread_time(), time.perf_counter()
        try:
            yield
        finally:
            spent = time.thread_time() - begin[0], time.perf_counter() - begin[1]
            self._own.inner = outer
            outer[0] += spent[0]
            outer[1] += spent[1]
            with self._lock:
                self.processor[name] += spent[0] - inner[0]
                self.wall[name] += spent[1] - inner[1]
                now = peak()
                self.rose[name] += now - self._peak
                self._peak = now

    def count(self, owner: Any, name: str, part: str) -> None:
        """Counts every call of a function or method under `part`."""
        inner: Callable[..., Any] = getattr(owner, name)

        @wraps(inner)
        def outer(*given: Any, **named: Any) -> Any:
            with self.part(part):
                return inner(*given, **named)

        setattr(owner, name, outer)

    def count_all(self) -> None:
        """Counts everything that a run does under one of `PARTS`."""
        for name in ("offer", "settle", "slow", "prepare"):
            self.count(coupled, name, "land")
        self.count(land_surface._Over, "__init__", "land")
        self.count(land_surface._Over, "_season", "land")
        self.count(land_surface._Over, "fields", "land")
        self.count(newton, "advance", "flow")
        self.count(newton, "run", "flow")
        self.count(TerrestrialSystem, "_member", "set-up of members")
        self.count(TerrestrialSystem, "water", "water")
        self.count(TerrestrialSystem, "reconcile", "putting in order")
        self.count(SpreadForcing, "between", "weather")
        self.count(PerturbedForcing, "between", "weather")
        self.count(Cycle, "_seen", "what sensors see")
        self.count(Filter, "analyse", "filter")
        self.count(Cycle, "_batch", "batch")
        for name in ("everywhere", "from_root", "to_root", "all_members", "members_to_rows",
                     "rows_to_members", "all_rows"):  # fmt: skip
            self.count(Communicator, name, "communication")
        self.count(experiment, "_record", "output")
        self.count(io.Journal, "checkpoint", "output")
        self.count(experiment, "write_tree", "output")
        self.count(experiment, "leg_tree", "output")
        self._count_analyses()

    def _count_analyses(self) -> None:
        """One line for every analysis: what changed what, processor and wall seconds."""
        inner = cycling.assimilate

        @wraps(inner)
        def outer(update: Any, *given: Any) -> Any:
            begin = time.process_time(), time.perf_counter()
            with self.part("analysis"):
                found = inner(update, *given)
            spent = time.process_time() - begin[0], time.perf_counter() - begin[1]
            self.kinds.append((update.label, *spent))
            return found

        cycling.assimilate = outer  # type: ignore[assignment]


def peak() -> float:
    """The largest resident memory of this process so far [GB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0 / GB


class Level(RurCatchment):
    """The catchment begun from one water table, that of level flow through the mean aquifer.

    Each member's lies 1 m or so above or below. No spin-up of its own: that costs more than the
    week that is timed.
    """

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        drawn = super().prior(rng, members)
        heads = mean_heads(self.cell, self.boundaries)
        shift = rng.normal(0.0, 1.0, (members, 1, 1))
        return with_heads(self, drawn, np.minimum(heads + shift, drawn["depth"].values))


@lru_cache(maxsize=1)
def mean_heads(cell: Any, boundaries: tuple[Boundary, ...]) -> NDArray[np.float64]:
    """Heads (1, column, layer) [m] in balance, roughly, with the mean recharge."""
    rur = RurCatchment(cell=cell, boundaries=boundaries, soils=SoilNoise(1e-6, shift=0.0))
    drawn = rur.prior(np.random.default_rng(1), 1)
    return level_heads(rur, drawn, mean_recharge(rur))


def declared(options: argparse.Namespace) -> RurCatchment:
    """WC_DA_r_PAR over the days asked for, with the readings of a nature."""
    begin = np.datetime64(options.start)
    setting = Setting(options.cell, options.members, str(begin), options.days)
    plain = setting.catchment()
    rur = Level(**{each.name: getattr(plain, each.name) for each in fields(plain)})
    wanted = EXPERIMENTS[options.experiment].experiment(rur)
    birth = Level.prior(wanted, Streams(setting.seed).generator("truth"), 1)
    told("the first water table is there")
    if options.analysis:
        return replace(wanted, network=read_once(wanted, birth))
    if options.members_from is not None:
        return replace(wanted, network=read_daily(wanted, begun(options).isel(member=[0])))
    truth = Nature().truth(wanted, birth)
    return replace(wanted, network=truth.network)


def read_once(rur: RurCatchment, birth: xr.Dataset) -> ObservationNetwork:
    """What probes and wells read of one state, at the end of the first day."""
    network = rur.read_network()
    known = [s for s in network.sensors if not s.validates_only]
    seen = dict(zip(known, predicted(known, birth)[:, 0], strict=True))
    values = [float(seen.get(sensor, np.nan)) for sensor in network.sensors]
    return network.with_readings([rur.span[0] + np.timedelta64(1, "D")], [values])


def read_daily(rur: RurCatchment, first: xr.Dataset) -> ObservationNetwork:
    """What probes read every day and wells every week, of one member as it began: no nature runs.

    What a week costs does not depend on the values.
    """
    network = rur.read_network()
    known = [s for s in network.sensors if not s.validates_only]
    seen = dict(zip(known, predicted(known, first)[:, 0], strict=True))
    days = np.arange(rur.span[0], rur.span[1], DAY) + DAY
    weekly = (days - rur.span[0]) % (7 * DAY) == DAY  # the first day, so that a day has both kinds
    values = [
        [
            float(seen.get(s, np.nan)) if week or s.quantity == "soil_moisture" else np.nan
            for s in network.sensors
        ]
        for week in weekly
    ]
    return network.with_readings(list(days), values)


def begun(options: argparse.Namespace) -> xr.Dataset:
    """The members of the file, again and again, as many as are asked for."""
    with xr.open_dataset(options.members_from, decode_timedelta=False) as opened:
        held = opened.load()
    return held.isel(member=np.arange(options.members) % held.sizes["member"])


def spun_up(options: argparse.Namespace) -> None:
    """Writes members with heads in balance with mean recharge, as far as the years go."""
    setting = Setting(options.cell, options.members, options.start, options.days)
    rur, clock = setting.catchment(), time.process_time()
    kind = SpinUp(years=options.years, repeats=0)
    data, balances = kind.of(rur, tuple(range(options.members)))
    data.to_netcdf(options.spin_up)
    changes = ", ".join(f"{each.change:.0f}" for each in balances)
    told(f"{time.process_time() - clock:.0f} s; storage still changes by {changes} mm a year")


def repeated(rur: RurCatchment) -> xr.Dataset:
    """All members, of which `DISTINCT` are drawn and come again, their tables elsewhere.

    What an analysis takes does not depend on the values; to draw 128 members takes 3 min.
    """
    few = replace(rur, members=DISTINCT)._start(communicator(), None).whole()
    every = few.isel(member=np.arange(rur.members) % DISTINCT)
    noise = np.random.default_rng(2).normal(0.0, 0.5, (rur.members, 1, 1))
    return with_heads(rur, every, np.minimum(every["h"].values + noise, every["depth"].values))


def analysed(rur: RurCatchment, clock: Clock) -> None:
    """Each analysis of the first day, one after the other, on the members as they are drawn."""
    inputs = rur._inputs()
    ensemble = rur._start(communicator(), repeated(rur))
    told(f"members are drawn; peak {peak():.1f} GB")
    cycle = rur._cycle(inputs, ensemble.held)
    rows = cycle.agenda.rows(rur.span[0] + np.timedelta64(1, "D"))
    for due in cycle.agenda.due(rows):
        before, begin = dict(clock.processor), time.perf_counter()
        batch = cycle._batch(due.rows, ensemble, xr.Dataset())
        told(f"batch of {len(due.rows)}: {time.perf_counter() - begin:.1f} s, peak {peak():.1f} GB")
        ensemble = cycling.assimilate(
            due.update, cycle.model, cycle.state, ensemble, batch, rur.span[0], cycle.streams, {}
        ).ensemble
        spent = {n: t - before.get(n, 0.0) for n, t in clock.processor.items()}
        told(f"{due.update.label}: " + ", ".join(f"{n} {t:.2f} s" for n, t in spent.items() if t)
             + f"; all {clock.kinds[-1][1]:.2f} s processor, {clock.kinds[-1][2]:.2f} s wall, peak "
             f"{peak():.1f} GB")  # fmt: skip


def told(text: str) -> None:
    """Says something once, with the time of day."""
    if communicator().root:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def carried_out(
    rur: RurCatchment, out: Path | None, clock: Clock, resume: bool, start: xr.Dataset | None
) -> dict[str, Any]:
    """A run with its clocks; a line a day."""
    marks: list[dict[str, Any]] = []

    def days(steps: Iterable[Step], total: int, label: str) -> Iterator[Step]:
        before, last = time.process_time(), time.perf_counter()
        for step in steps:
            now, wall = time.process_time(), time.perf_counter()
            solver = step.forecast.data.attrs.get("solver", "")
            marks.append({
                "day": str(step.time)[:10], "processor": now - before, "wall": wall - last,
                "closure": step.closure, "solver": solver, "failed": len(step.failures["member"]),
                "water_moved": [float(e["water_moved"][0]) for e in step.events],
            })  # fmt: skip
            told(
                f"{str(step.time)[:10]}: {now - before:6.0f} s processor, {wall - last:6.0f} s "
                f"wall, peak {peak():.1f} GB, closure {step.closure:.1e} mm, {solver}"
            )
            before, last = now, wall
            yield step

    begin = time.process_time(), time.perf_counter()
    how: dict[str, Any] = {"progress": days, "start": start}
    if out is not None:
        how |= {"resume": resume, "overwrite": not resume}
    rur.run(out, **how)
    return {
        "rank": communicator().rank,
        "processor": time.process_time() - begin[0],
        "wall": time.perf_counter() - begin[1],
        "peak": peak(),
        "parts": dict(clock.processor),
        "parts_wall": dict(clock.wall),
        "rose": dict(clock.rose),
        "kinds": clock.kinds,
        "days": marks,
    }


def storage(rur: RurCatchment) -> list[tuple[str, float, bool]]:
    """What members hold [MB each], and whether all members hold the same, of two of them."""
    rng = np.random.default_rng(1)
    two = rur.prior(rng, 1), rur.prior(rng, 1)
    rows = []
    for name, field in two[0].data_vars.items():
        same = bool(np.array_equal(field.values, two[1][name].values, equal_nan=True))
        rows.append((str(name), field.nbytes / 1024.0**2, same))
    return sorted(rows, key=lambda row: -row[1])


def report(rur: RurCatchment, ranks: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """The table of the README."""
    days = len(ranks[0]["days"])
    total = sum(one["processor"] for one in ranks)
    columns = rur.terrain.heights.size
    hours = 24.0 * days * options.members
    print(f"\n{options.experiment}, {columns} columns x {rur.model.grid.layers} layers, "  # type: ignore[union-attr]
          f"{options.members} members, {days} days on {len(ranks)} ranks of "
          f"{numba.get_num_threads()} threads")  # fmt: skip
    print(f"{'part':20} {'processor [s]':>13} {'%':>6} {'wall, slowest rank [s]':>23}")
    known = 0.0
    for name in PARTS:
        spent = sum(one["parts"].get(name, 0.0) for one in ranks)
        wall = max(one["parts_wall"].get(name, 0.0) for one in ranks)
        known += spent
        print(f"{name:20} {spent:13.1f} {100 * spent / total:6.2f} {wall:23.1f}")
    rest = total - known
    print(f"{'rest':20} {rest:13.1f} {100 * rest / total:6.2f}")
    print(f"{'all':20} {total:13.1f} {100:6.2f} {max(one['wall'] for one in ranks):23.1f}")
    print(f"peak memory by rank [GB]: {', '.join(format(one['peak'], '.1f') for one in ranks)}")
    rose = sorted(ranks[0]["rose"].items(), key=lambda item: -item[1])
    print("peak of rank 0 rose in: " + ", ".join(f"{n} {v:.1f}" for n, v in rose if v > 0.05))
    land = sum(one["parts"].get("land", 0.0) for one in ranks)
    flow = sum(one["parts"].get("flow", 0.0) for one in ranks)
    print(f"land {1e6 * land / hours / columns:.2f} us, flow {1e6 * flow / hours / columns:.2f} us "
          "per column and hour")  # fmt: skip
    for label in dict.fromkeys(kind for kind, _, _ in ranks[0]["kinds"]):
        own = [[(p, w) for kind, p, w in one["kinds"] if kind == label] for one in ranks]
        each = np.array(own).sum(axis=0)[:, 0], np.array(own).max(axis=0)[:, 1]
        print(f"  {label}: {each[0].size} analyses, processor {np.median(each[0]):.2f} s, wall "
              f"{np.median(each[1]):.2f} s each (medians)")  # fmt: skip
    serial = sum(ranks[0]["parts"].get(name, 0.0) for name in ("output",)) / max(days, 1)
    parallel = total / max(days, 1) - serial
    print("three years, when output stays with one rank and all else divides:")
    for count in (1, 2, 4, 8, 16, 32, 64, 128):
        hours_needed = YEARS * (serial + parallel / count) / 3600.0
        print(f"  {count:4d} ranks: {hours_needed:8.1f} h")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=128)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--cell", default="500 m")
    parser.add_argument("--start", default="2016-05-01")
    parser.add_argument("--experiment", default="WC_DA_r_PAR", choices=tuple(EXPERIMENTS))
    parser.add_argument("--members-from", type=Path, help="file of members to begin with")
    parser.add_argument("--spin-up", type=Path, help="file to write members in balance to")
    parser.add_argument("--years", type=float, default=5.0, help="of the spin-up, at most")
    parser.add_argument("--out", type=Path, help="folder of the run; without it nothing is written")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--analysis", action="store_true", help="the analyses of one day alone")
    options = parser.parse_args()
    comm = communicator()
    if options.spin_up is not None:
        spun_up(options)
        return
    rur = declared(options)
    clock = Clock()
    clock.count_all()
    if options.analysis:
        analysed(rur, clock)
        return
    told(f"the readings are there; peak {peak():.1f} GB")
    if comm.root:
        rows = storage(rur)
        large = [(name, size, same) for name, size, same in rows if size > 0.5]
        alike = ", ".join(f"{name} {size:.1f}" for name, size, same in large if same)
        told(f"a member holds {sum(size for _, size, _ in rows):.1f} MB; alike in all: {alike}")
        told("of it: " + ", ".join(f"{name} {size:.1f}" for name, size, _ in large))
    start = None if options.members_from is None else begun(options)
    found = carried_out(rur, options.out, clock, options.resume, start)
    ranks = comm.to_root(found)
    if ranks is not None:
        report(rur, ranks, options)
        if options.json is not None:
            options.json.write_text(json.dumps(ranks, indent=1))


if __name__ == "__main__":
    main()
