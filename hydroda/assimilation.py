"""One joint analysis: labelled ensembles in and out, arrays in between.

Labels and units are left once (`Selection.packed`, `Batch.predict`) and regained once
(`Selection.unpacked`). In between, each rank analyses a block of rows with all members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
import xarray as xr

from hydroda import packing
from hydroda.analysis import Analysis, Operator, Places, Problem, Water
from hydroda.ensemble import Ensemble
from hydroda.errors import DeclarationError
from hydroda.filters import Filter
from hydroda.io import Table
from hydroda.models.base import Model
from hydroda.parallel import row_blocks
from hydroda.rng import Streams
from hydroda.state import Rows, StateVector
from hydroda.threads import in_pieces
from hydroda.transforms import Identity
from hydroda.update import ASSIMILATED, JointUpdate
from hydroda.zone import Zone

Predict: TypeAlias = Callable[[xr.Dataset], np.ndarray]

# Names the columns with what an observation changed each variable by.
INCREMENT = "increment_"
# What filters remember by row of the state.
PER_ROW = {"bias"}
OF = " of "
# Diagnostics [mm] of the water budget (column, member) that are reported by their mean.
AVERAGED = {"residual", "residual_before_clipping", "water_increment"}
# Beyond so many observations at once, what each of them caused is not worked out.
SHARED_OUT = 100
NO_SPREAD = "no spread: all members predict the same"
OUT_OF_REACH = "out of reach: no cell of the zone within the localization radius"


@dataclass(frozen=True, eq=False)
class Batch:
    """The observations of one analysis: ids, values, error deviations, places, columns (obs,).

    `predict` gives what their sensors would see (obs, member) in a dataset.
    """

    ids: np.ndarray
    value: np.ndarray
    sd: np.ndarray
    places: Places
    columns: np.ndarray
    predict: Predict

    def __getitem__(self, keep: np.ndarray) -> Batch:
        return Batch(
            self.ids[keep],
            self.value[keep],
            self.sd[keep],
            self.places[keep],
            self.columns[keep],
            lambda data: self.predict(data)[keep],
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a joint analysis left: the ensemble, rows per observation and of its own, a memory."""

    ensemble: Ensemble
    observations: Table
    event: Table
    memory: Mapping[str, np.ndarray]


def assimilate(
    update: JointUpdate,
    model: Model,
    state: StateVector,
    ensemble: Ensemble,
    batch: Batch,
    time: np.datetime64,
    streams: Streams,
    memory: Mapping[str, np.ndarray],
    budget: xr.DataArray | None = None,
) -> Outcome:
    """The ensemble after one joint analysis of `batch`, with its report.

    budget : the water (member, column) [mm] that each column of this rank's members should hold
    """
    names = tuple(update.damping)
    hx = ensemble.comm.all_members(batch.predict(ensemble.data), axis=1)
    innovation, spread = batch.value - hx.mean(axis=1), hx.var(axis=1, ddof=1)
    variance, reasons = update.first.outliers.judge(innovation, spread, batch.sd**2)
    used = np.isfinite(variance)
    taken = batch[used]
    selection = Selection.of(update.first.zone, names, state, ensemble)
    exchange = Exchange.of(selection, ensemble, whole=update.first.filter.needs_operator)
    problem = Problem(
        x=exchange.scattered(selection.packed(ensemble.data)),
        hx=hx[used],
        y=taken.value,
        variance=variance[used],
        noise=_noise(taken, variance[used], ensemble.size, streams, update.first.centred),
        state_places=selection.places(ensemble.data)[exchange.mine],
        obs_places=taken.places,
        damping=selection.by_variable(update.damping)[exchange.mine],
        operator=exchange.operator(taken.predict),
        water=_water(model, ensemble, budget, exchange),
        rng=streams.generator("rotation", update.label, time),
        memory=selection.recalled(memory),
        lower=selection.by_variable({n: state[n].seen_bounds[0] for n in names})[exchange.mine],
        upper=selection.by_variable({n: state[n].seen_bounds[1] for n in names})[exchange.mine],
        scaled=selection.by_variable({n: update.scales(n, state[n].role) for n in names})[
            exchange.mine
        ]
        > 0,
        overwrite=True,
    )
    shares = _shares(update.first.filter, problem, selection, exchange, taken.columns)
    analysis = update.first.filter.analyse(problem)
    changed = selection.merged(exchange.gathered(analysis.x), ensemble.data)
    reconciled, clipped = model.reconcile(changed, names)
    kept = _kept(ensemble, changed, reconciled, clipped, names)
    after = ensemble.holding(reconciled.assign_attrs(ensemble.data.attrs))
    reached = exchange.total(np.asarray(analysis.diagnostics["reached_rows"]))
    report = {
        "id": batch.ids,
        "update": np.full(batch.ids.shape, update.label),
        "status": _statuses(used, reasons, np.ptp(hx, axis=1), reached),
        "used_sd": np.where(used, np.sqrt(variance), np.nan),
        **{INCREMENT + name: _filled(used, share) for name, share in shares.items()},
    }
    event = {
        "time": np.array([time]),
        "update": np.array([update.label]),
        "used": np.array([used.sum()]),
        "rows": np.array([selection.kept.size]),
        **{f"kept_{name}": np.array([share]) for name, share in kept.items()},
        **_added_water(model, ensemble, after, clipped),
        **_numbers(analysis),
    }
    return Outcome(after, report, event, selection.remembered(analysis.memory, memory))


@dataclass(frozen=True, eq=False)
class Selection:
    """The rows of the packed state that one analysis may change.

    `allowed` (row, member of this rank) is there where the zone differs between members.
    """

    state: StateVector
    rows: Rows
    kept: np.ndarray
    allowed: np.ndarray | None

    @classmethod
    def of(
        cls, zone: Zone, names: tuple[str, ...], state: StateVector, ensemble: Ensemble
    ) -> Selection:
        """The rows of the variables `names` within `zone`."""
        data = ensemble.data
        rows = state.rows(data, names)

        def inside(mask: xr.DataArray) -> np.ndarray:
            fields = {name: _on_cells_of(data[name], mask) for name in names}
            return rows.spread_out(fields, False, bool)

        mask = zone.mask(ensemble)
        if "member" not in mask.dims:
            return cls(state, rows, np.flatnonzero(inside(mask)), None)
        by_member = np.column_stack([inside(own) for own in mask.transpose("member", ...)])
        anywhere = np.logical_or.reduce(ensemble.comm.everywhere(by_member.any(axis=1)))
        kept = np.flatnonzero(anywhere)
        return cls(state, rows, kept, by_member[kept])

    @property
    def column(self) -> np.ndarray:
        """Column of each selected row, non-decreasing."""
        return self.rows.column[self.kept]

    @property
    def variable(self) -> np.ndarray:
        """Number of the variable of each selected row."""
        numbers = {name: number for number, name in enumerate(self.rows.names)}
        return self.rows.spread_out(numbers, -1, np.int64)[self.kept]

    def recalled(self, memory: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`memory` as a filter wants it: what belongs to rows for the selected ones."""
        found = {name: value for name, value in memory.items() if OF not in name}
        for name in PER_ROW:
            if any(name + OF + variable in memory for variable in self.rows.names):
                found[name] = self._rows_of(name, memory)[self.kept]
        return found

    def remembered(
        self, memory: Mapping[str, np.ndarray], before: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """`memory` with what belongs to rows by variable, for all rows.

        Rows that were not selected keep theirs of `before`: another time another update or zone may
        select others.
        """
        kept = {name: value for name, value in memory.items() if name not in PER_ROW}
        for name in PER_ROW & memory.keys():
            everything = self._rows_of(name, before)
            everything[self.kept] = memory[name]
            kept |= {name + OF + v: everything[self.rows.of(v)] for v in self.rows.names}
        return kept

    def _rows_of(self, name: str, memory: Mapping[str, np.ndarray]) -> np.ndarray:
        everything = np.zeros(self.rows.size)
        for variable in self.rows.names:
            everything[self.rows.of(variable)] = memory.get(name + OF + variable, 0.0)
        return everything

    def packed(self, data: xr.Dataset) -> np.ndarray:
        """The selected rows (row, member of `data`)."""
        x = np.empty((self.kept.size, data.sizes["member"]))
        for name, rows, cells in self._parts:
            transform = self.state[name].transform
            field, size = _by_cell(data, name), rows.size * x.shape[1]
            in_pieces(partial(packing.gather, field, cells, rows, x), rows.size, size)
            if not isinstance(transform, Identity):
                x[rows] = transform.forward(x[rows])
        return x

    def unpacked(self, x: np.ndarray, data: xr.Dataset) -> xr.Dataset:
        """`data` with its selected rows taken from x (row, member of `data`)."""
        return self._filled(x, data, np.empty((0, 0), bool), bounded=False)

    def merged(self, x: np.ndarray, data: xr.Dataset) -> xr.Dataset:
        """`data` of this rank's members with x where the zone allows it, parameters in bounds."""
        allowed = np.empty((0, 0), bool) if self.allowed is None else self.allowed
        return self._filled(x, data, allowed, bounded=True)

    def _filled(
        self, x: np.ndarray, data: xr.Dataset, allowed: np.ndarray, bounded: bool
    ) -> xr.Dataset:
        fields = {}
        for name, rows, cells in self._parts:
            variable, old = self.state[name], data[name]
            field = _copied(_by_cell(data, name))
            limits = (-np.inf, np.inf)
            if bounded and variable.role == "parameter":
                limits = variable.bounds
            values, own, permitted = x, rows, allowed
            if not isinstance(variable.transform, Identity):
                values, own = variable.transform.inverse(x[rows]), np.arange(rows.size)
                permitted = allowed[rows] if allowed.size else allowed
            fill = partial(packing.scatter, values, own, cells, permitted, *limits, field)
            in_pieces(fill, rows.size, rows.size * len(field))
            fields[name] = old.copy(data=field.reshape(old.shape))
        return data.assign(fields)

    @cached_property
    def _parts(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """By variable: its selected rows, and the cell (column, layer) of each."""
        parts = []
        for name in self.rows.names:
            everything = np.full(self.rows.size, -1)
            own = self.rows.of(name)
            everything[own] = np.arange(own.size)
            cells = everything[self.kept]
            rows = np.flatnonzero(cells >= 0)
            parts.append((name, rows, cells[rows]))
        return parts

    def places(self, data: xr.Dataset) -> Places:
        """Where the selected rows are."""
        return Places(*self.rows.places(data))[self.kept]

    def by_variable(self, values: Mapping[str, float]) -> np.ndarray:
        """One value per selected row, from one per variable."""
        return self.rows.spread_out(values, np.nan)[self.kept]


def _by_cell(data: xr.Dataset, name: str) -> np.ndarray:
    """A variable as (member, cell); its own memory where that is in order."""
    values = np.ascontiguousarray(data[name].values, dtype=np.float64)
    return values.reshape(len(values), values[0].size)


def _copied(field: np.ndarray) -> np.ndarray:
    """A copy of (member, cell), by threads: to be given memory takes longer than to fill it."""
    copy = np.empty_like(field)

    def fill(first: int, last: int) -> None:
        copy[first:last] = field[first:last]

    in_pieces(fill, len(field), field.size)
    return copy


def _on_cells_of(variable: xr.DataArray, mask: xr.DataArray) -> np.ndarray:
    """`mask` on the cells of `variable`; where it has no layers: whether any layer is in."""
    missing = [dim for dim in mask.dims if dim not in variable.dims]
    return (mask.any(missing) if missing else mask).values


@dataclass(frozen=True, eq=False)
class Exchange:
    """How the selected rows travel from members to ranks and back.

    Each rank analyses the rows `mine` with all members. A filter that predicts from changed states
    needs all rows at once: then (`blocks` is None) every rank analyses everything.
    """

    selection: Selection
    ensemble: Ensemble
    blocks: list[slice] | None

    @classmethod
    def of(cls, selection: Selection, ensemble: Ensemble, whole: bool) -> Exchange:
        blocks = None if whole else row_blocks(selection.column, ensemble.comm.size)
        return cls(selection, ensemble, blocks)

    @property
    def mine(self) -> slice:
        """The rows that this rank analyses."""
        return slice(None) if self.blocks is None else self.blocks[self.ensemble.comm.rank]

    def scattered(self, x: np.ndarray) -> np.ndarray:
        """(my rows, all members) from (all rows, my members)."""
        if self.blocks is None:
            return self.ensemble.comm.all_members(x, axis=1)
        return self.ensemble.comm.members_to_rows(x, self.blocks)

    def gathered(self, x: np.ndarray) -> np.ndarray:
        """(all rows, my members) from (my rows, all members)."""
        comm, size = self.ensemble.comm, self.ensemble.size
        if self.blocks is None:
            return x[:, comm.share(size)]
        return comm.rows_to_members(x, size)

    def total(self, counts: np.ndarray) -> np.ndarray:
        """Counts of my rows, summed over all rows."""
        return (
            counts if self.blocks is None else np.sum(self.ensemble.comm.everywhere(counts), axis=0)
        )

    def operator(self, predict: Predict) -> Operator | None:
        """`predict` of the ensemble with its selected rows taken from x (all rows, all members)."""
        if self.blocks is not None and self.ensemble.comm.size > 1:
            return None
        return lambda x: predict(self.selection.unpacked(x, self.whole))

    @cached_property
    def whole(self) -> xr.Dataset:
        """All members on every rank; made only when a filter asks for it."""
        return self.ensemble.whole()


def _noise(
    batch: Batch, variance: np.ndarray, members: int, streams: Streams, centred: bool
) -> np.ndarray:
    """Drawn observation errors (obs, member): one stream per observation, whoever else is there."""
    draws = np.empty((len(batch.ids), members))
    for row, name in zip(draws, batch.ids, strict=True):
        row[:] = streams.generator("observation", name).normal(size=members)
    if centred:
        draws -= draws.mean(axis=1, keepdims=True)
    return draws * np.sqrt(variance)[:, None]


def _water(
    model: Model, ensemble: Ensemble, budget: xr.DataArray | None, exchange: Exchange
) -> Water | None:
    content = model.water(ensemble.data)
    if budget is None or content is None:
        return None
    comm, nowhere = ensemble.comm, np.full(ensemble.data.sizes["column"], np.nan)
    x, y = (
        ensemble.data[axis].values if axis in ensemble.data.coords else nowhere
        for axis in ("x", "y")
    )
    return Water(
        content=comm.all_members(content.values.T, axis=1),
        target=comm.all_members(budget.values.T, axis=1),
        operator=exchange.operator(lambda data: _column_water(model, data)),
        places=Places(x, y, nowhere),
    )


def _column_water(model: Model, data: xr.Dataset) -> np.ndarray:
    """Water (column, member) [mm]."""
    content = model.water(data)
    assert content is not None
    return content.values.T


def within_bounds(data: xr.Dataset, state: StateVector, names: tuple[str, ...]) -> xr.Dataset:
    """`data` with the parameters kept in their bounds; states are the model's to keep."""
    fields = {}
    for name in names:
        variable = state[name]
        if variable.role == "parameter":
            fields[name] = data[name].clip(*variable.bounds, keep_attrs=True)
    return data.assign(fields)


def _kept(
    before: Ensemble,
    wanted: xr.Dataset,
    after: xr.Dataset,
    clipped: xr.DataArray,
    names: tuple[str, ...],
) -> dict[str, float]:
    """By variable: the share of the values changed by an analysis that the model kept as set.

    Raises
    ------
    DeclarationError
        The model kept none, though nothing was out of bounds: the update never reached it.
    """
    comm, shares = before.comm, {}
    cut = any(comm.everywhere(bool(np.any(clipped.values))))
    for name in names:
        old, new, final = (_by_cell(data, name) for data in (before.data, wanted, after))
        counts = np.zeros((len(old), 2), np.int64)
        in_pieces(partial(packing.kept, old, new, final, counts), len(counts), old.size)
        count, kept = np.sum(comm.everywhere(counts.sum(axis=0)), axis=0)
        if count and not kept and not cut:
            raise DeclarationError(
                f"the update of {name} never reached the model: its reconcile gave back none of "
                f"the {count} values that the analysis had changed"
            )
        shares[name] = float(kept / count) if count else 1.0
    return shares


def _statuses(
    used: np.ndarray, reasons: Mapping[int, str], extent: np.ndarray, reach: np.ndarray
) -> np.ndarray:
    """What was done with each observation (obs,).

    extent : between the extreme members (obs,);  reach : rows that each used one reaches
    """
    status = np.array([reasons.get(i, ASSIMILATED) for i in range(used.size)], dtype=object)
    status[np.flatnonzero(used)[reach == 0]] = OUT_OF_REACH
    status[used & (extent == 0)] = NO_SPREAD
    return status.astype(str)


def _added_water(
    model: Model, before: Ensemble, after: Ensemble, clipped: xr.DataArray
) -> dict[str, np.ndarray]:
    """Water that the analysis added [mm], mean over members and columns; {} without water."""
    old, new = model.water(before.data), model.water(after.data)
    if old is None or new is None:
        return {}
    comm = before.comm
    added = comm.all_members(new.values - old.values, axis=0)
    cut = comm.all_members(clipped.values, axis=0)
    return {
        "water_added": np.array([added.mean()]),
        "water_moved": np.array([np.abs(added).mean()]),
        "water_clipped": np.array([np.abs(cut).mean()]),
    }


def _shares(
    filter: Filter,
    problem: Problem,
    selection: Selection,
    exchange: Exchange,
    columns: np.ndarray,
) -> dict[str, np.ndarray]:
    """By variable: the change of its mean that each observation caused in its own column (obs,).

    Of the layers of the column the one that changed most, as the filter sees the variable (log10
    where it is transformed); NaN for too many observations.
    """
    comm, count = exchange.ensemble.comm, len(columns)
    caused = {name: np.full(count, np.nan) for name in selection.rows.names}
    if not 0 < count <= SHARED_OUT:
        return caused
    column = selection.column[exchange.mine]
    loose = column >= selection.rows.columns
    rows = np.flatnonzero(np.isin(column, columns) | loose)
    few = replace(problem.rows(rows), water=problem.water)
    shares = filter.shares(problem)[rows] if filter.needs_operator else filter.shares(few)
    variable = selection.variable[exchange.mine][rows]
    for number, name in enumerate(selection.rows.names):
        own = (variable == number)[:, None]
        own = own & ((column[rows, None] == columns) | loose[rows, None])
        found = np.where(own, shares, 0.0)
        if len(rows):
            largest = found[np.argmax(np.abs(found), axis=0), np.arange(count)]
        else:
            largest = np.zeros(count)
        ranks = np.array(comm.everywhere(largest))
        caused[name] = ranks[np.argmax(np.abs(ranks), axis=0), np.arange(count)]
    return caused


def _filled(used: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` of the used observations at their places among all (obs,), NaN elsewhere."""
    filled = np.full(used.size, np.nan)
    filled[used] = values
    return filled


def _numbers(analysis: Analysis) -> dict[str, np.ndarray]:
    """The diagnostics that are one number each, and the means of those by member and column."""
    return {
        name: np.array([float(np.mean(value))])
        for name, value in analysis.diagnostics.items()
        if np.ndim(value) == 0 or name in AVERAGED
    }
