"""The declaration of an experiment: nature, the instruments, and how they are assimilated."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypedDict, Unpack

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.assimilation import within_bounds
from hydroda.cycling import Agenda, Cycle, Step, places_of
from hydroda.ensemble import Ensemble
from hydroda.errors import DataError, DeclarationError, HydrodaError
from hydroda.files import remove_leftovers, replacing
from hydroda.filters import ESMDA
from hydroda.fingerprint import fingerprint
from hydroda.forcing import Forcing, ForcingNoise, PerturbedForcing
from hydroda.io import Checkpoint, Journal, Record, other_settings, stacked, write_tree
from hydroda.models.base import Model
from hydroda.obs.network import ObservationNetwork
from hydroda.obs.sensors import Sensor
from hydroda.parallel import Communicator, communicator
from hydroda.result import (
    ASSIMILATION,
    LEGS,
    MEMBERS,
    OPEN_LOOP,
    TRUTH,
    Result,
    beside_tree,
    leg_tree,
    signature_of,
    snapshot,
)
from hydroda.rng import Streams
from hydroda.state import StateVector
from hydroda.units import Duration, duration, instant
from hydroda.update import Update

Progress: TypeAlias = Callable[[Iterable[Step], int, str], Iterable[Step]]


class How(TypedDict, total=False):
    """How a run is carried out.

    resume    : go on where an interrupted run in the same folder stopped
    overwrite : replace what an earlier run left in the folder
    progress  : wraps the steps, e.g. to show a bar; gets the steps, their number and a label
    start     : the members to begin with in place of draws of the prior, such as the
                `Result.ensemble()` of another period or what `smooth` found
    """

    resume: bool
    overwrite: bool
    progress: Progress
    start: xr.Dataset


def silent(steps: Iterable[Step], total: int, label: str) -> Iterable[Step]:
    """`steps` without a word."""
    return steps


@dataclass(frozen=True, kw_only=True)
class Experiment(ABC):
    """A run of an ensemble through a period. A subclass sets class attributes and writes `prior`.

    model, network, forcing : what forecasts, what observes, what drives
    updates          : which observations change what; none is an open loop
    state            : another view of the model's state (transforms, bounds); default the model's
    noise            : how each member's forcing differs; None: all the same
    period           : first and last moment, UTC
    assimilate_until : after this moment the ensemble runs free
    every            : the longest forecast between two stops
    keep             : variables of which the analysis of every member is stored
    stored           : variables of which mean and spread are stored; none named: all
    members, seed    : the size of the ensemble and the one seed of all its random streams

    Class attributes become the defaults of a subclass's fields, so that
    `dataclasses.replace(experiment, members=64)` is the parameter sweep.
    """

    model: Model
    period: tuple[str, str]
    network: ObservationNetwork = field(default_factory=lambda: ObservationNetwork(()))
    forcing: Forcing | None = None
    noise: ForcingNoise | None = None
    updates: tuple[Update, ...] = ()
    state: StateVector | None = None
    assimilate_until: str | None = None
    every: Duration = "1 D"
    keep: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    members: int = 32
    seed: int = 0

    title: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherited = {f.name for base in cls.__bases__ if is_dataclass(base) for f in fields(base)}
        annotations = dict(vars(cls).get("__annotations__", {}))
        for name in inherited & set(vars(cls)):
            if isinstance(vars(cls)[name], list):
                setattr(cls, name, tuple(vars(cls)[name]))
            annotations.setdefault(name, Any)
        cls.__annotations__ = annotations
        dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        object.__setattr__(self, "updates", tuple(self.updates))
        object.__setattr__(self, "keep", tuple(self.keep))
        object.__setattr__(self, "stored", tuple(self.stored))
        object.__setattr__(self, "every", duration(self.every, "every"))
        if not isinstance(self.members, int) or self.members < 2:
            raise DeclarationError(
                f"members must be a whole number of at least 2, since an ensemble of one has no "
                f"spread; got {self.members!r}"
            )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise DeclarationError(f"seed must be a whole number from 0; got {self.seed!r}")
        start, end = self.span
        if not start < end:
            raise DeclarationError(f"period must end after it starts; got {self.period}")

    # --- what a subclass writes ---

    @abstractmethod
    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """`members` draws of the ensemble at the start, from `rng` alone (member, column, layer).

        Called once per member with a stream of its own, so that members do not depend on how many
        others there are.
        """

    def read_forcing(self) -> Forcing | None:
        """The forcing; a subclass that keeps it in files reads it here.

        Where a subclass does, the field `forcing` has no effect.
        """
        return self.forcing

    def read_network(self) -> ObservationNetwork:
        """The network with its data; a subclass that keeps them in files reads them here.

        Where a subclass does, the field `network` has no effect.
        """
        return self.network

    def beside(self) -> Mapping[str, Mapping[str, xr.DataArray]]:
        """Other simulations to score beside the legs: name -> variable -> (time, station)."""
        return {}

    def pictures(self) -> Mapping[str, Callable[[], Any]]:
        """Further figures of what was measured, for `hydroda plot`: name -> what draws it."""
        return {}

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """What was done with the data before any run, for `hydroda plot`: title -> table."""
        return {}

    # --- what everyone calls ---

    @property
    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last moment."""
        return instant(self.period[0], "period[0]"), instant(self.period[1], "period[1]")

    def run(self, out: str | Path | None = None, **how: Unpack[How]) -> Result:
        """The result of assimilating; with `out` it is written there and can be resumed."""
        leg = ASSIMILATION if self.updates else OPEN_LOOP
        return self._carried_out({leg: self.updates}, self._inputs(), out, **how)

    def open_loop(self, out: str | Path | None = None, **how: Unpack[How]) -> Result:
        """The result of the same ensemble without any update."""
        return self._carried_out({OPEN_LOOP: ()}, self._inputs(), out, **how)

    def compare(self, out: str | Path | None = None, **how: Unpack[How]) -> Result:
        """The result of the open loop and of the assimilation."""
        legs = {OPEN_LOOP: (), ASSIMILATION: self.updates}
        return self._carried_out(legs, self._inputs(), out, **how)

    def twin(self, out: str | Path | None = None, **how: Unpack[How]) -> Result:
        """The same with observations of a truth that the model makes: one more draw of the prior.

        The truth has a forcing perturbation of its own; its readings carry errors drawn from what
        the sensors declare.
        """
        inputs = self._inputs()
        truth = self._truth(replace(inputs, network=inputs.network.with_data(None)))
        inputs = replace(inputs, network=truth.network)
        legs = {OPEN_LOOP: (), ASSIMILATION: self.updates}
        return self._carried_out(legs, inputs, out, truth=truth.tree, **how)

    def smooth(
        self,
        smoother: ESMDA,
        observations: str,
        changes: str | Sequence[str],
        *,
        every: Duration | None = None,
        progress: Progress = silent,
    ) -> xr.Dataset:
        """The members at the start with `changes` estimated from all observations of the period.

        Runs the open loop once for each pass of the smoother (up to `assimilate_until`). Hand the
        result to a run as start=…. `every` thins the observations as in an `Update`.
        """
        names = (changes,) if isinstance(changes, str) else tuple(changes)
        update = Update(observations, names, every=every)
        inputs, comm = self._inputs(), communicator()
        start = self._checked_start(inputs, {ASSIMILATION: (update,)}, comm)
        agenda = replace(self, updates=(update,))._agenda(inputs)
        used = agenda.table[agenda.used[0]]
        if used.empty:
            raise DataError(f"the period has no usable observation of {observations}")
        until = str(used["end"].max())
        free = replace(self, updates=(), period=(self.period[0], until))._cycle(inputs, start.held)
        whole = start.whole()

        def members(x: np.ndarray) -> xr.Dataset:
            data = within_bounds(self.view.unpack(x, whole, names), self.view, names)
            return self.model.reconcile(data, names)[0]

        def predicted(x: np.ndarray) -> np.ndarray:
            own = start.holding(members(x).isel(member=start.held))
            steps = free.steps(Checkpoint(0, own.data, {}), own)
            tables = [
                step.observations
                for step in progress(steps, len(free.agenda.stops) - 1, "smoother")
            ]
            seen = stacked([table for table in tables if len(table["id"])])
            order = {name: row for row, name in enumerate(seen["id"])}
            return np.asarray(seen["prior"][[order[name] for name in used["id"]]])

        found = smoother.smooth(
            self.view.pack(whole, names),
            predicted,
            used["value"].to_numpy(float),
            used["error"].to_numpy(float) ** 2,
            Streams(self.seed).generator("smoother", observations),
        )
        return members(found.x)

    def check(self, network: ObservationNetwork, ensemble: xr.Dataset) -> None:
        """Nothing, if the parts fit together; called before anything is computed.

        Raises
        ------
        HydrodaError
            A variable, quantity or station does not fit; says which, and what there is.
        """
        self.view.check(ensemble)
        network.check(ensemble)
        for name in self.keep:
            self.view[name]
        known = {**self.view.variables, **self.model.diagnostics}
        for name in self.stored:
            if name not in known:
                raise DeclarationError(
                    f"stored names {name!r}, which the model lacks; it has {', '.join(known)}"
                )
        for update in self.updates:
            sensors = network.select(update.observations).sensors
            if all(sensor.validates_only for sensor in sensors):
                raise DeclarationError(
                    f"{update.observations} only validates; no update may use it"
                )
            for name in update.changes:
                self.view[name]
            update.filter.localization.check(places_of(sensors, ensemble))

    @property
    def view(self) -> StateVector:
        """The state as the filters see it."""
        return self.model.state if self.state is None else self.state

    # --- carrying out ---

    def _inputs(self) -> Inputs:
        return Inputs(self.read_network(), self.read_forcing())

    def _carried_out(
        self,
        legs: Mapping[str, tuple[Update, ...]],
        inputs: Inputs,
        out: str | Path | None,
        *,
        truth: xr.DataTree | None = None,
        resume: bool = False,
        overwrite: bool = False,
        progress: Progress = silent,
        start: xr.Dataset | None = None,
    ) -> Result:
        inputs = replace(inputs, start=start)
        folder, comm = None if out is None else Path(out), communicator()
        if folder is not None and comm.root:
            _prepare(folder, resume, overwrite)
        first = self._checked_start(inputs, legs, comm)
        trees = {} if truth is None else {TRUTH: truth}
        waiting = list(legs)
        for name, updates in legs.items():
            leg, waiting = replace(self, updates=updates), waiting[1:]
            signature = leg._signature(name, inputs)
            if comm.from_root(folder is not None and _finished(folder, name, signature)):
                continue
            trees[name] = leg._leg(name, signature, inputs, first, folder, progress)
            if comm.root and folder is not None:
                _finish(folder, name, trees[name], waiting)
        others = beside_tree(self.beside() if truth is None else {})
        if folder is None:
            return Result(xr.DataTree(children=trees | others))
        if comm.root:
            extra = others if truth is None else {TRUTH: truth}
            with _resumable():
                for name, tree in extra.items():
                    write_tree(tree, folder / f"{name}.nc")
        comm.from_root(None)  # nobody reads before the root has written
        return Result.open(folder)

    def _checked_start(
        self, inputs: Inputs, legs: Mapping[str, tuple[Update, ...]], comm: Communicator
    ) -> Ensemble:
        """The members at the start, once everything that can be checked before hours has been."""
        updates = tuple(update for leg in legs.values() for update in leg)
        if updates and inputs.network.data is None:
            raise DeclarationError(
                "there are updates but no observations: give the network data=…, or run a twin"
            )
        start = self._start(comm, inputs.start)
        replace(self, updates=updates).check(inputs.network, start.data)
        return start

    def _leg(
        self,
        name: str,
        signature: str,
        inputs: Inputs,
        start: Ensemble,
        folder: Path | None,
        progress: Progress,
    ) -> xr.DataTree:
        """The tree of one run, from its checkpoint if there is one, else from `start`."""
        comm = start.comm
        own = folder / name if folder is not None and comm.root else None
        journal = Journal(own, signature)
        begin = comm.from_root(journal.resume())
        if begin is None:
            begin = Checkpoint(0, start.data, {})
        else:
            begin = replace(begin, ensemble=begin.ensemble.isel(member=start.held))
        ensemble = start.holding(begin.ensemble)
        cycle = self._cycle(inputs, ensemble.held)
        left = len(cycle.agenda.stops) - 1 - begin.position
        for step in progress(cycle.steps(begin, ensemble), left, name.replace("_", " ")):
            ensemble = step.analysis
            journal.append(_record(step, self.keep, self.stored))
            if comm.from_root(journal.due()):
                checkpoint = step.checkpoint
                whole = ensemble.holding(checkpoint.ensemble).whole()
                with _resumable():
                    journal.checkpoint(replace(checkpoint, ensemble=whole))
        attrs = {**self._attrs(), "signature": signature}
        tables, weather = comm.from_root(journal.tables()), {}
        if inputs.forcing is not None:
            weather = _weather(inputs.forcing, cycle.forcing, comm)
        variables = {**self.model.diagnostics, **self.view.variables}
        return leg_tree(tables, ensemble.whole(), attrs, variables, weather)

    def _start(self, comm: Communicator, given: xr.Dataset | None) -> Ensemble:
        """This rank's members at the start: the given ones, or each from its own stream."""
        if comm.size > self.members:
            raise DeclarationError(
                f"{self.members} members cannot be spread over {comm.size} processes; "
                "start at most one per member"
            )
        held = np.arange(self.members)[comm.share(self.members)]
        if given is not None:
            if given.sizes.get("member") != self.members:
                raise DeclarationError(
                    f"start= has {given.sizes.get('member', 0)} members, the experiment "
                    f"{self.members}; declare members={given.sizes.get('member', 0)}"
                )
            return Ensemble(given.isel(member=held), self.members, comm)
        streams = Streams(self.seed)
        draws = [self._draw(streams, member) for member in held]
        data = xr.concat(draws, "member", data_vars="minimal", coords="minimal", join="exact")
        return Ensemble(data, self.members, comm)

    def _draw(self, streams: Streams, member: int) -> xr.Dataset:
        """One member at the start."""
        try:
            return self.prior(streams.generator("prior", member), 1)
        except HydrodaError as error:
            raise type(error)(f"the prior of member {member}: {error}") from error

    def _cycle(self, inputs: Inputs, members: Iterable[int | str]) -> Cycle:
        streams = Streams(self.seed)
        forcing: Forcing | PerturbedForcing | None = inputs.forcing
        if inputs.forcing is not None and self.noise is not None:
            forcing = inputs.forcing.perturbed(self.noise, streams, tuple(members), *self.span)
        agenda = self._agenda(inputs)
        if inputs.forcing is not None:
            for stop in agenda.stops[::-1]:  # raises now rather than on the way
                inputs.forcing.position(stop)
        return Cycle(self.model, self.view, forcing, agenda, streams)

    def _agenda(self, inputs: Inputs) -> Agenda:
        until, every = self.assimilate_until, duration(self.every, "every")
        last = None if until is None else instant(until, "assimilate_until")
        fluxes = () if self.model.budget is None else self.model.budget.terms
        return Agenda.of(inputs.network, self.updates, self.span, every, last, fluxes)

    def _truth(self, inputs: Inputs) -> Truth:
        """The model's run that a twin takes for nature, and what the network reads of it."""
        streams, network = Streams(self.seed), inputs.network
        data = inputs.start
        if data is None:
            data = self.prior(streams.generator("truth"), 1)
        self.check(network, data)
        cycle = replace(self, updates=())._cycle(inputs, ["truth"])
        ensemble = Ensemble(data, 1)
        kinds = {q: set(network.select(q).times(*self.span)) for q in network.quantities}
        due = [kinds[sensor.quantity] for sensor in network.sensors]
        times, states, readings = [], [], []
        for step in cycle.steps(Checkpoint(0, data, {}), ensemble):
            state = step.forecast.data
            times.append(step.time)
            stored = [name for name in self.stored if name in state]
            states.append((state[stored] if stored else state).isel(member=0))
            readings.append(
                [
                    _reading(sensor, state, step.time, streams) if step.time in moments else np.nan
                    for sensor, moments in zip(network.sensors, due, strict=True)
                ]
            )
        nodes = {"forecast": xr.concat(states, xr.Variable("time", times), join="exact")}
        return Truth(network.with_readings(times, readings), xr.DataTree.from_dict(nodes))

    def _signature(self, name: str, inputs: Inputs) -> str:
        """Fingerprint of the declaration, its observations and its forcing."""
        network = inputs.network
        read = "" if network.data is None else network.records.digest
        return fingerprint(name, self, network, read, inputs.forcing, inputs.start)

    def _attrs(self) -> dict[str, Any]:
        return {
            "title": self.title or type(self).__name__,
            "source": f"hydroda {version('hydroda')}",
            "experiment": repr(self),
            "members": self.members,
            "seed": self.seed,
            "start": str(self.span[0]),
            "end": str(self.span[1]),
            "assimilate_until": str(self.assimilate_until or ""),
        }


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a run begins with: its network with data, its forcing, and members in place of draws."""

    network: ObservationNetwork
    forcing: Forcing | None
    start: xr.Dataset | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """A twin's nature: the network with its readings, and the states as a leg."""

    network: ObservationNetwork
    tree: xr.DataTree


def _reading(sensor: Sensor, state: xr.Dataset, time: np.datetime64, streams: Streams) -> float:
    """What the sensor reads of the truth, with an error drawn from what it declares."""
    value = float(sensor.predict(state)[0])
    draw = streams.generator("reading", sensor.station, sensor.quantity, repr(sensor), time)
    noisy = value + float(sensor.error(value)) * draw.normal()
    return float(np.clip(noisy, *sensor.bounds))


def _prepare(folder: Path, resume: bool, overwrite: bool) -> None:
    """Nothing, if `folder` may be written to as asked; what is overwritten is removed.

    Raises
    ------
    DataError
        The folder cannot be written to, or holds a run that nobody said what to do with.
    """
    remove_leftovers(folder)
    left = [p for leg in LEGS for p in (folder / leg, folder / f"{leg}.nc") if p.exists()]
    if left and not (resume or overwrite):
        raise DataError(
            f"{folder} holds a run already; --resume goes on with it, --overwrite replaces it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "writable") as probe:
            probe.touch()
        (folder / "writable").unlink()
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror}") from error
    if overwrite and not resume:
        for path in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _finished(folder: Path, name: str, signature: str) -> bool:
    """Whether a leg has been written, by this declaration.

    Raises
    ------
    DeclarationError
        Another declaration wrote it.
    """
    file = folder / f"{name}.nc"
    if not file.exists():
        return False
    if signature_of(file) != signature:
        raise other_settings(folder)
    return True


def _finish(folder: Path, name: str, tree: xr.DataTree, waiting: Sequence[str]) -> None:
    """Nothing; the leg is written, and the folder still says which ones are not."""
    with _resumable():
        for later in waiting:
            (folder / later).mkdir(exist_ok=True)
        write_tree(tree, folder / f"{name}.nc")
    shutil.rmtree(folder / name, ignore_errors=True)


def _weather(
    forcing: Forcing, used: Forcing | PerturbedForcing | None, comm: Communicator
) -> dict[str, xr.Dataset]:
    """What was completed in the forcing, and by how much its noise moved the means."""
    rows = forcing.completions.reset_index(drop=True).rename_axis("completion")
    nodes = {"completions": rows.astype({"variable": str, "method": str}).to_xarray()}
    if isinstance(used, PerturbedForcing):
        shift = used.shift().rename_axis("variable")
        for name, means in used.means().items():
            shift.loc[name, "perturbed"] = comm.all_members(means).mean()
        shift["difference"] = shift["perturbed"] - shift["unperturbed"]
        nodes["noise"] = shift.astype({"unit": str}).to_xarray()
    return nodes


@contextmanager
def _resumable() -> Iterator[None]:
    """Adds to an error of writing that nothing done so far is lost."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}; the run so far is kept, and --resume goes on with it") from error


def _record(step: Step, keep: Sequence[str], stored: Sequence[str]) -> Record:
    """What the journal keeps of a step; every rank must call it."""
    given = [str(name) for name in step.forecast.data.data_vars]
    names = [name for name in given if name in stored] if stored else given
    record = {
        "forecast": snapshot(step.forecast, step.time, names),
        "analysis": snapshot(step.analysis, step.time, names),
        "cycles": {"time": np.array([step.time]), "closure": np.array([step.closure])},
    }
    for name in keep:
        values = step.analysis.comm.all_members(step.analysis.data[name].values, axis=0)
        record["analysis"][name + MEMBERS] = values[None]
    if step.observations["id"].size:
        record["observations"] = step.observations
    if step.events:
        record["updates"] = stacked(step.events)
    if step.failures["member"].size:
        record["failures"] = step.failures
    return record
