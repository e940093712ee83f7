"""The forecast-analysis cycle as a generator: memory, output and stopping are the caller's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.analysis import Places
from hydroda.assimilation import INCREMENT, Batch, Outcome, assimilate
from hydroda.ensemble import Ensemble
from hydroda.errors import ForecastError
from hydroda.forcing import Forcing, PerturbedForcing
from hydroda.io import Checkpoint, Table
from hydroda.models.base import Model
from hydroda.obs.network import ObservationNetwork, Reason
from hydroda.obs.sensors import Sensor, predicted
from hydroda.rng import Streams
from hydroda.state import StateVector
from hydroda.units import duration
from hydroda.update import ASSIMILATED, JointUpdate, Update, joined

# A run whose members fail in larger numbers than this share says nothing any more.
TOLERATED_FAILURES = 0.1
# How often a failed member is tried again with smaller steps before it is replaced.
RETRIES = 3
# Noise on the copy of a healthy member, as a share of the spread of the ensemble.
REPLACEMENT_NOISE = 0.1
# Names the running sums of fluxes: "evapotranspiration since 2016-05-01T00:00:00".
SINCE = " since "
# What a sensor of fluxes asks for: over what time the forecast summed them.
SECONDS = "interval_seconds"
TICK = np.timedelta64(1, "ns")
# Why a usable observation is not assimilated.
UNUSED = "no update uses this quantity"
THINNED = "thinned: an update takes one observation per sensor in each of its spans"
AFTER_END = "after the end of assimilation"
BEGAN_BEFORE = "the run begins within its interval"


@dataclass(frozen=True, eq=False)
class Step:
    """One cycle: the forecast at `time`, the analysis, and what was done.

    observations : a row for every observation of this time, used or not
    events       : a row for every analysis;  failures: a row for every failed member
    closure      : largest error of the model's water budget over columns and members [mm]
    """

    position: int
    time: np.datetime64
    forecast: Ensemble
    analysis: Ensemble
    observations: Table
    events: tuple[Table, ...]
    failures: Table
    closure: float
    memory: Mapping[str, np.ndarray]
    sums: xr.Dataset

    @property
    def checkpoint(self) -> Checkpoint:
        """What a run needs to go on from here, with the members of this rank."""
        return Checkpoint(self.position, self.analysis.data.assign(self.sums), self.memory)


@dataclass(frozen=True, eq=False)
class Due:
    """One joint analysis of one time, and the rows of the agenda that drive it."""

    update: JointUpdate
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Agenda:
    """What there is to do at which time.

    table : all observations of the period, as the network lists them, in the order of `end`
    stops : the times at which forecasts end; the first is the start of the run
    used  : by number of the update, whether it assimilates a row of the table
    last  : the last moment at which anything is assimilated
    sums  : the intervals (time, end) over which sensors want a flux summed
    """

    network: ObservationNetwork
    table: pd.DataFrame
    updates: tuple[Update, ...]
    stops: np.ndarray
    used: np.ndarray
    last: np.datetime64
    sums: pd.DataFrame

    @classmethod
    def of(
        cls,
        network: ObservationNetwork,
        updates: Sequence[Update],
        period: tuple[np.datetime64, np.datetime64],
        every: np.timedelta64,
        assimilate_until: np.datetime64 | None = None,
        fluxes: Collection[str] = (),
    ) -> Agenda:
        """The agenda of `period`, with a stop at least `every` so often.

        `fluxes` are the variables that a sensor reads summed over its whole interval.
        """
        start, end = period
        table = network.table if network.data is not None else _no_observations()
        ends = table["end"].to_numpy("datetime64[ns]")
        table = table[(ends > start) & (ends <= end)].reset_index(drop=True)
        ends = table["end"].to_numpy("datetime64[ns]")
        begins = table["time"].to_numpy("datetime64[ns]")
        table["reason"] = _reasons(network, table, start, fluxes)
        moments = ends if network.data is not None else network.times(start, end)
        stops = np.unique(
            np.r_[np.arange(start, end, every), end, moments, begins[begins >= start]]
        )
        last = end if assimilate_until is None else assimilate_until
        used = np.array([_used(update, table, start, last) for update in updates], dtype=bool)
        used = used.reshape(len(updates), len(table))
        sums = _intervals(network, table, fluxes)
        return cls(network, table, tuple(updates), stops, used, last, sums)

    def rows(self, time: np.datetime64) -> np.ndarray:
        """Rows of the table that are ready at `time`."""
        ends = self.table["end"].to_numpy("datetime64[ns]")
        return np.arange(*np.searchsorted(ends, [time, time + TICK]))

    def sensors(self, rows: np.ndarray) -> list[Sensor]:
        """The sensor of each of some rows."""
        return [self.network.sensors[number] for number in self.table["sensor"].iloc[rows]]

    def due(self, rows: np.ndarray) -> list[Due]:
        """The analyses of one time: updates that share kind and observations are one."""
        own = {number: rows[self.used[number, rows]] for number in range(len(self.updates))}
        by_rows: dict[tuple[int, ...], list[Update]] = {}
        for number, chosen in own.items():
            if chosen.size:
                by_rows.setdefault(tuple(chosen), []).append(self.updates[number])
        found = [
            (self.updates.index(update.first), Due(update, np.array(chosen)))
            for chosen, updates in by_rows.items()
            for update in joined(updates)
        ]
        return [due for _, due in sorted(found, key=lambda pair: pair[0])]

    def number(self, update: JointUpdate) -> int:
        """Number of the first update of the kind of `update`."""
        return next(n for n, own in enumerate(self.updates) if own.kind == update.first.kind)

    def status(self, rows: np.ndarray) -> np.ndarray:
        """Why a row is not assimilated (obs,); "" where it is."""
        # Columns once: a table of hundreds of wells is slow to ask row by row.
        part, used = self.table.iloc[rows], np.asarray(self.used[:, rows].any(axis=0))
        about = zip(*(part[name] for name in ("reason", "quantity", "end", "flag")), strict=True)
        said = ["" if own else self._status(*row) for own, row in zip(used, about, strict=True)]
        return np.array(said, dtype=object)

    def _status(self, reason: Reason, quantity: str, end: pd.Timestamp, flag: str) -> str:
        if reason == Reason.FLAGGED:
            return f"{reason}: {flag}"
        if reason != Reason.USABLE:
            return str(reason)
        if all(update.observations != quantity for update in self.updates):
            return UNUSED
        return AFTER_END if end > self.last else THINNED


def places_of(sensors: Sequence[Sensor], data: xr.Dataset) -> Places:
    """Where observations of `sensors` are, in an ensemble or its mean."""
    return Places(*np.array([(*s.place(data), s.effective_depth(data)) for s in sensors], float).T)


def flux_of(sensor: Sensor, fluxes: Collection[str]) -> str | None:
    """The flux that `sensor` reads, which is summed over its interval; None for a state."""
    name = getattr(sensor, "variable", None)
    return name if name in fluxes else None


def _intervals(
    network: ObservationNetwork, table: pd.DataFrame, fluxes: Collection[str]
) -> pd.DataFrame:
    """The distinct intervals (flux, time, end) that sensors of fluxes read over."""
    names = [flux_of(network.sensors[number], fluxes) for number in table["sensor"]]
    intervals = table[["time", "end"]].assign(flux=np.array(names, dtype=object))
    lasting = intervals["flux"].notna() & (intervals["time"] < intervals["end"])
    return intervals[lasting].drop_duplicates()


def _no_observations() -> pd.DataFrame:
    names = [
        "id",
        "station",
        "quantity",
        "time",
        "end",
        "value",
        "error",
        "flag",
        "sensor",
        "reason",
    ]
    frame = pd.DataFrame({name: pd.Series(dtype=object) for name in names})
    return frame.astype({"time": "datetime64[ns]", "end": "datetime64[ns]", "sensor": int})


def _reasons(
    network: ObservationNetwork,
    table: pd.DataFrame,
    start: np.datetime64,
    fluxes: Collection[str],
) -> pd.Series:
    """Why each row may be used or not: a flux also not if the run saw only part of its interval."""
    summed = np.array([flux_of(sensor, fluxes) is not None for sensor in network.sensors], bool)
    cut = summed[table["sensor"].to_numpy(int)] & (table["time"].to_numpy() < start)
    return table["reason"].mask(cut & (table["reason"] == Reason.USABLE), BEGAN_BEFORE)


def _used(
    update: Update, table: pd.DataFrame, start: np.datetime64, last: np.datetime64
) -> np.ndarray:
    """Rows that `update` assimilates: usable, of its quantity, a sensor's first in each span."""
    ends = table["end"].to_numpy("datetime64[ns]")
    usable = (table["reason"] == Reason.USABLE) & (table["quantity"] == update.observations)
    usable &= ends <= last
    if update.every is None:
        return usable.to_numpy(bool)
    span = (ends - start - TICK) // duration(update.every, "every")
    slots = pd.DataFrame({"sensor": table["sensor"], "span": span})[usable]
    first = slots.index[~slots.duplicated()]
    used = np.zeros(len(table), dtype=bool)
    used[first] = True
    return used


@dataclass(frozen=True, eq=False)
class Cycle:
    """What is cycled: a model and its state through an agenda."""

    model: Model
    state: StateVector
    forcing: Forcing | PerturbedForcing | None
    agenda: Agenda
    streams: Streams

    def steps(self, begin: Checkpoint, ensemble: Ensemble) -> Iterator[Step]:
        """The steps after `begin` to the last stop; `ensemble` says who holds which member."""
        names = [name for name in begin.ensemble if SINCE in str(name)]
        sums, memory = begin.ensemble[names], begin.memory
        analysis = ensemble.holding(begin.ensemble.drop_vars(names))
        for position in range(begin.position, len(self.agenda.stops) - 1):
            step = self._step(position, analysis, memory, sums)
            analysis, memory, sums = step.analysis, step.memory, step.sums
            yield step

    def _step(
        self, position: int, before: Ensemble, memory: Mapping[str, np.ndarray], sums: xr.Dataset
    ) -> Step:
        start, end = self.agenda.stops[position : position + 2]
        forecast, failures, swap = self._forecast(before, start, end)
        before = swap.made_in(before)
        sums = self._summed(swap.made_in(before.holding(sums)).data, forecast.data, start, end)
        rows = self.agenda.rows(end)
        prior = self._predicted(forecast, rows, sums)
        report = Report(self.agenda, rows, prior)
        analysis, events, memory = forecast, [], dict(memory)
        budget = self._budget(before, forecast)
        for due in self.agenda.due(rows):
            # Updates that are sometimes joined and sometimes not remember the same things.
            label = f"{self.agenda.number(due.update)}/"
            own = {k.removeprefix(label): v for k, v in memory.items() if k.startswith(label)}
            batch = self._batch(due.rows, analysis, sums)
            outcome = assimilate(
                due.update, self.model, self.state, analysis, batch, end, self.streams, own, budget
            )
            analysis = outcome.ensemble
            memory |= {label + name: value for name, value in outcome.memory.items()}
            events.append(outcome.event)
            report.note(np.searchsorted(rows, due.rows), outcome)
        posterior = self._predicted(analysis, rows, sums) if events else prior
        return Step(
            position=position + 1,
            time=end,
            forecast=forecast,
            analysis=analysis,
            observations=report.table(posterior),
            events=tuple(events),
            failures=failures,
            closure=self._closure(forecast, budget, swap),
            memory=memory,
            sums=self._awaited(sums, end),
        )

    # --- forecast ---

    def _forecast(
        self, before: Ensemble, start: np.datetime64, end: np.datetime64
    ) -> tuple[Ensemble, Table, Swap]:
        """The forecast, failed members tried again and at last replaced; a row for each."""
        window = None if self.forcing is None else self.forcing.between(start, end)
        data = self.model.forecast(before.data, window, start, end)
        data = data.assign_attrs({SECONDS: float((end - start) / np.timedelta64(1, "s"))})
        failed = first = self._failed(data)
        model: Model | None = self.model
        for _ in range(RETRIES):
            model = model.refined() if model is not None and failed.size else None
            if model is None:
                break
            part = None if window is None else window.of_members(failed)
            again = model.forecast(before.data.isel(member=failed), part, start, end)
            data = _with_members(data, failed, again)
            failed = failed[self._failed(again)]
        forecast = before.holding(data)
        retried = np.setdiff1d(first, failed)
        lost, mended = (
            np.concatenate(before.comm.everywhere(before.held[members]))
            for members in (failed, retried)
        )
        swap = Swap(lost, self._donors(lost, before.size, end) if lost.size else lost)
        table = _failure_table(end, mended, swap)
        return (self._replaced(forecast, swap, end) if lost.size else forecast), table, swap

    def _failed(self, data: xr.Dataset) -> np.ndarray:
        """Numbers, among the members of `data`, of those with a value that is not finite."""
        fine = np.ones(data.sizes["member"], dtype=bool)
        for name in self.state:
            values = data[name].values
            fine &= np.isfinite(values).reshape(len(fine), -1).all(axis=1)
        return np.flatnonzero(~fine)

    def _donors(self, lost: np.ndarray, members: int, time: np.datetime64) -> np.ndarray:
        """A healthy member for each lost one.

        Raises
        ------
        ForecastError
            Too many members failed.
        """
        if lost.size > TOLERATED_FAILURES * members:
            raise ForecastError(
                f"the model failed for {lost.size} of {members} members at {_stamp(time)} "
                f"(members {', '.join(map(str, lost[:10]))}{' …' if lost.size > 10 else ''}), also "
                f"with smaller steps; look at their forcing and parameters, or narrow the prior"
            )
        healthy = np.setdiff1d(np.arange(members), lost)
        return np.array(
            [self.streams.generator("replacement", time, m).choice(healthy) for m in lost]
        )

    def _replaced(self, forecast: Ensemble, swap: Swap, time: np.datetime64) -> Ensemble:
        """The forecast with lost members as copies of their donors, plus noise on the states."""
        whole = swap.copied(forecast.whole())
        names = [name for name, v in self.state.variables.items() if v.role == "state"]
        x = self.state.pack(whole, names)
        spread = REPLACEMENT_NOISE * x.std(axis=1, ddof=1)
        for member in swap.lost:
            draw = self.streams.generator("replacement noise", time, member).normal(size=len(x))
            x[:, member] += spread * draw
        noisy, _ = self.model.reconcile(self.state.unpack(x, whole, names), tuple(names))
        whole = _with_members(whole, swap.lost, noisy.isel(member=swap.lost))
        mine = whole.isel(member=forecast.held)
        return forecast.holding(mine.assign_attrs(forecast.data.attrs))

    # --- what sensors see ---

    def _predicted(self, ensemble: Ensemble, rows: np.ndarray, sums: xr.Dataset) -> np.ndarray:
        """What the sensors of the agenda's `rows` see in all members (obs, member)."""
        return ensemble.comm.all_members(self._seen(ensemble.data, rows, sums), axis=1)

    def _seen(self, data: xr.Dataset, rows: np.ndarray, sums: xr.Dataset) -> np.ndarray:
        table = self.agenda.table.iloc[rows]
        sensors = self.agenda.sensors(rows)
        seen = np.empty((len(rows), data.sizes["member"]))
        states = []
        for i, (sensor, begin, end) in enumerate(
            zip(sensors, table["time"], table["end"], strict=True)
        ):
            flux = self._flux_of(sensor)
            if flux is not None and begin < self.agenda.stops[0]:
                seen[i] = np.nan
            elif flux is not None and begin < end:
                summed = data.assign({flux: sums[f"{flux}{SINCE}{_stamp(begin)}"]})
                seen[i] = sensor.predict(
                    summed.assign_attrs({SECONDS: (end - begin).total_seconds()})
                )
            else:
                states.append(i)
        seen[states] = predicted([sensors[i] for i in states], data)
        return seen

    def _flux_of(self, sensor: Sensor) -> str | None:
        budget = self.model.budget
        return None if budget is None else flux_of(sensor, budget.terms)

    def _batch(self, rows: np.ndarray, ensemble: Ensemble, sums: xr.Dataset) -> Batch:
        """The observations of the agenda's `rows` for one analysis."""
        table = self.agenda.table.iloc[rows]
        mean = ensemble.lazy_mean()  # of all variables: a depth may need any
        sensors = self.agenda.sensors(rows)
        return Batch(
            table["id"].to_numpy(str),
            table["value"].to_numpy(float),
            table["error"].to_numpy(float),
            places_of(sensors, mean),
            np.array([sensor.column(mean) for sensor in sensors]),
            lambda data: self._seen(data, rows, sums),
        )

    # --- water ---

    def _summed(
        self, sums: xr.Dataset, forecast: xr.Dataset, start: np.datetime64, end: np.datetime64
    ) -> xr.Dataset:
        """Fluxes since the start of every interval that lies around [start, end)."""
        fields = {}
        for flux, begin in self._awaited_fluxes(start, end):
            name = f"{flux}{SINCE}{_stamp(begin)}"
            fields[name] = forecast[flux] + sums[name] if name in sums else forecast[flux]
        return xr.Dataset(fields)

    def _awaited(self, sums: xr.Dataset, time: np.datetime64) -> xr.Dataset:
        """The sums that are still needed after `time`."""
        names = {f"{f}{SINCE}{_stamp(b)}" for f, b in self._awaited_fluxes(time, time + TICK)}
        return sums[[name for name in sums if name in names]]

    def _awaited_fluxes(
        self, start: np.datetime64, end: np.datetime64
    ) -> list[tuple[str, np.datetime64]]:
        around = (self.agenda.sums["time"] <= start) & (self.agenda.sums["end"] >= end)
        if not around.any():
            return []
        table = self.agenda.sums[around]
        return sorted(set(zip(table["flux"], table["time"], strict=True)))

    def _budget(self, before: Ensemble, forecast: Ensemble) -> xr.DataArray | None:
        """Water (member, column) [mm] the analysis should close on: cᵀx + fluxes (Dan Eq. 2)."""
        content = self.model.water(before.data)
        if self.model.budget is None or content is None:
            return None
        net = self.model.budget.net(forecast.data)
        return net.copy(data=content.values + net.values)

    def _closure(self, forecast: Ensemble, target: xr.DataArray | None, swap: Swap) -> float:
        """Largest error of the model's own budget [mm]; NaN without a budget.

        Replaced members do not count: the noise on them is none of the model's doing.
        """
        content = self.model.water(forecast.data)
        if target is None or content is None:
            return float("nan")
        own = ~np.isin(forecast.held, swap.lost)
        error = float(np.abs(content.values - target.values)[own].max(initial=0.0))
        return max(forecast.comm.everywhere(error))


class Report:
    """Collects what was done with the observations of one time."""

    def __init__(self, agenda: Agenda, rows: np.ndarray, prior: np.ndarray) -> None:
        self._rows, self._prior = agenda.table.iloc[rows], prior
        self._sensors = agenda.sensors(rows)
        self._network = agenda.network
        self._status = agenda.status(rows)
        self._updates = np.full(len(rows), "", dtype=object)
        self._used_sd = np.full(len(rows), np.nan)
        changed = dict.fromkeys(name for update in agenda.updates for name in update.changes)
        self._increments = {INCREMENT + name: np.full(len(rows), np.nan) for name in changed}

    def note(self, rows: np.ndarray, outcome: Outcome) -> None:
        """Take what one analysis did with some of the observations."""
        for name in self._increments.keys() & outcome.observations.keys():
            self._increments[name][rows] = outcome.observations[name]
        for i, status, update, sd in zip(
            rows,
            outcome.observations["status"],
            outcome.observations["update"],
            outcome.observations["used_sd"],
            strict=True,
        ):
            self._status[i] = _joined_status(self._status[i], status)
            self._updates[i] = f"{self._updates[i]}; {update}" if self._updates[i] else update
            self._used_sd[i] = self._used_sd[i] if np.isnan(sd) else sd

    def table(self, posterior: np.ndarray) -> Table:
        """A row per observation, with the predictions of all members before and after."""
        rows, prior = self._rows, self._prior
        value = rows["value"].to_numpy(float)
        return {
            "id": rows["id"].to_numpy(str),
            "station": rows["station"].to_numpy(str),
            "quantity": rows["quantity"].to_numpy(str),
            "series": np.array([_series(s, self._network) for s in self._sensors], dtype=str),
            "unit": np.array([sensor.unit for sensor in self._sensors], dtype=str),
            "role": np.array(
                [
                    "withheld" if self._network.validates(sensor) else "assimilated"
                    for sensor in self._sensors
                ],
                dtype=str,
            ),
            "x": np.array([np.nan if s.x is None else float(s.x) for s in self._sensors]),
            "y": np.array([np.nan if s.y is None else float(s.y) for s in self._sensors]),
            "time": rows["end"].to_numpy("datetime64[ns]"),
            "sound": rows["reason"].isin([Reason.USABLE, Reason.WITHHELD]).to_numpy(bool),
            "value": value,
            "sd": rows["error"].to_numpy(float),
            "used_sd": self._used_sd,
            "status": self._status.astype(str),
            "update": self._updates.astype(str),
            "innovation": value - prior.mean(axis=1),
            **self._increments,
            "prior": prior,
            "posterior": posterior,
        }


def _with_members(data: xr.Dataset, members: np.ndarray, values: xr.Dataset) -> xr.Dataset:
    """`data` with some members (numbers in `data`) taken from `values`."""
    fields = {}
    for name, old in data.data_vars.items():
        new = old.values.copy()
        new[members] = values[name].values
        fields[name] = old.copy(data=new)
    return data.assign(fields)


@dataclass(frozen=True, eq=False)
class Swap:
    """Numbers of the members that were `lost`, and of the healthy ones copied in their place."""

    lost: np.ndarray
    donors: np.ndarray

    def copied(self, whole: xr.Dataset) -> xr.Dataset:
        """`whole`, all members, with the lost ones as copies of their donors."""
        return _with_members(whole, self.lost, whole.isel(member=self.donors))

    def made_in(self, ensemble: Ensemble) -> Ensemble:
        """`ensemble` with the lost members as copies of their donors."""
        if not self.lost.size or not ensemble.data.data_vars:
            return ensemble
        return ensemble.holding(self.copied(ensemble.whole()).isel(member=ensemble.held))


def _joined_status(old: str, new: str) -> str:
    """What several updates did with one observation; that it was assimilated comes first."""
    parts = dict.fromkeys(part for part in (old, new) if part)
    return "; ".join(sorted(parts, key=lambda part: not part.startswith(ASSIMILATED)))


def _failure_table(time: np.datetime64, mended: np.ndarray, swap: Swap) -> Table:
    remedies = ["retried with smaller steps"] * mended.size
    remedies += [f"replaced by a copy of member {donor} with noise" for donor in swap.donors]
    return {
        "time": np.full(len(remedies), time),
        "member": np.r_[mended, swap.lost].astype(np.int64),
        "remedy": np.array(remedies, dtype=str),
    }


def _stamp(time: np.datetime64 | pd.Timestamp) -> str:
    return pd.Timestamp(time).isoformat()


def _series(sensor: Sensor, network: ObservationNetwork) -> str:
    """The station, with the depth where several sensors of one quantity stand there."""
    twins = [
        s for s in network.sensors if (s.station, s.quantity) == (sensor.station, sensor.quantity)
    ]
    return sensor.station if len(twins) == 1 else f"{sensor.station} at {sensor.depth:g} m"
