"""Schemes side by side: one forecast a day for all of them, one analysis per scheme and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.analysis import Analysis, Places, Problem, Water
from hydroda.errors import ForecastError
from hydroda.forcing import ForcingWindow
from hydroda.models.land_column import LandColumn
from hydroda.studies.dan2020.schemes import ALL, Scheme
from hydroda.studies.dan2020.twin import Array, Twin, probe_sd
from hydroda.units import magnitude

SCORED = 23  # hours after each analysis
MM = 1000.0
RETRIES = 3
TOLERATED_FAILURES = 0.1


@dataclass(frozen=True, eq=False)
class Run:
    """What is left of one scheme, or of the best of several, for each column.

    bias, variance   of hourly theta after the analyses (column, layer) [m3 m-3], [m6 m-6]
    residual         β − cᵀx, mean over members (day, column) [mm]; `unclipped` before clipping
    inflation        λ (day, column);  bound −1, 0, 1: which bound of λ was hit
    likelihood       −2 ln L of the innovations (day, column), where λ was estimated
    gain             of the bias (day, column)
    sd, innovation   of the forecast at 3 cm (day, column) [m3 m-3]
    evaporation, runoff, water   in the day after the analysis and at its end (day, column) [mm]
    failures         members replaced
    """

    bias: Array
    variance: Array
    residual: Array
    unclipped: Array
    inflation: Array
    bound: Array
    likelihood: Array
    gain: Array
    sd: Array
    innovation: Array
    evaporation: Array
    runoff: Array
    water: Array
    failures: int = 0

    @property
    def error(self) -> Array:
        """Analysis error √v_a (column, layer) [m3 m-3] (Dan, Eq. 20)."""
        return np.sqrt(self.variance)

    @property
    def short_lived(self) -> Array:
        """The error without its bias (column, layer) [m3 m-3]."""
        return np.sqrt(np.maximum(self.variance - self.bias**2, 0.0))

    @classmethod
    def picked(cls, runs: Sequence[Run], which: Sequence[int]) -> Run:
        """Column by column the run of that number: columns know nothing of each other."""
        columns = list(enumerate(which))
        parts = {
            name: np.stack([getattr(runs[r], name)[k] for k, r in columns])
            for name in ("bias", "variance")
        }
        daily = {
            name: np.stack([getattr(runs[r], name)[:, k] for k, r in columns], axis=1)
            for name in DAILY
        }
        return cls(**parts, **daily, failures=max(run.failures for run in runs))


DAILY = (
    "residual", "unclipped", "inflation", "bound", "likelihood", "gain", "sd", "innovation",
    "evaporation", "runoff", "water",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Lane:
    """One scheme in a march: its filters by column and the rows they change."""

    scheme: Scheme
    filters: tuple[Scheme, ...]
    rows: NDArray[np.int64]
    scaled: NDArray[np.bool_]
    operator: Array
    places: Places
    probes: Places

    @classmethod
    def of(cls, scheme: Scheme, twin: Twin, thresholds: Sequence[int] | None) -> Lane:
        layers = twin.model.z.size
        rows = np.concatenate([_rows(name, layers) for name in scheme.changes])
        scaled = np.isin(rows, np.concatenate([_rows(name, layers) for name in scheme.scales]))
        operator = np.zeros((len(scheme.probes), rows.size))
        operator[:, :layers] = [twin.row(probe) for probe in scheme.probes]
        depths = np.concatenate([twin.model.z, twin.model.z, [np.nan, np.nan]])[rows]
        at = np.array([float(magnitude(probe, "m", "probe")) for probe in scheme.probes])
        own = (scheme,) * len(twin.setting.chosen)
        if scheme.searches:
            assert thresholds is not None
            own = tuple(scheme.with_threshold(layer) for layer in thresholds)
        return cls(scheme, own, rows, scaled, operator, _below(depths), _below(at))


def _rows(name: str, layers: int) -> NDArray[np.int64]:
    """Where a variable of `ALL` lies among the rows of a column."""
    first = {"theta": 0, "ice": layers, "canopy_water": 2 * layers, "snow": 2 * layers + 1}[name]
    return np.arange(first, first + (layers if name in ("theta", "ice") else 1))


def _below(depths: Array) -> Places:
    nan = np.full(depths.size, np.nan)
    return Places(nan, nan, depths)


class March:
    """Several schemes through one twin, side by side as if they were more columns."""

    def __init__(
        self, twin: Twin, schemes: Sequence[Scheme], thresholds: Sequence[int] | None = None
    ) -> None:
        self.twin, self.lanes = twin, [Lane.of(s, twin, thresholds) for s in schemes]
        setting = twin.setting
        self.columns, self.layers = len(setting.chosen), twin.model.z.size
        shape = (setting.days, len(schemes), self.columns)
        self.daily = {name: np.full(shape, np.nan) for name in DAILY}
        self.sums = np.zeros((2, len(schemes), self.columns, self.layers))
        self.memory: list[list[Mapping[str, Array]]] = [[{}] * self.columns for _ in schemes]
        self.failures = 0
        dz, porosity = twin.model.dz, _porosity(twin.model)
        self.content = np.concatenate([MM * dz, MM * dz, [1.0, 1.0]])
        self.upper = np.concatenate([porosity, porosity, [np.inf, np.inf]])

    def days(self) -> Iterator[int]:
        """The days, each once it is forecast, scored and, but for the last, analysed."""
        copies = np.tile(np.arange(self.columns), len(self.lanes))
        state = self.twin.start.isel(column=copies)
        model = self.twin.model
        for day in range(self.twin.setting.days + 1):
            held = model.water(state).values
            state, moisture = self._forecast(state, self.twin.window(day, len(self.lanes)), day)
            if day > 0:
                self._score(day, moisture)
                self._weigh(day - 1, state)
            if day < self.twin.setting.days:
                net = model.budget.net(state).values
                state = self._analysed(state, held + net, day)
            yield day

    def runs(self) -> dict[str, Run]:
        """What the schemes left, by name."""
        bias, variance = self.sums / (SCORED * self.twin.setting.days)
        return {
            lane.scheme.name: Run(
                bias[i],
                variance[i],
                **{name: values[:, i] for name, values in self.daily.items()},
                failures=self.failures,
            )
            for i, lane in enumerate(self.lanes)
        }

    # --- forecast ---

    def _forecast(
        self, state: xr.Dataset, window: ForcingWindow, day: int
    ) -> tuple[xr.Dataset, Array]:
        """The forecast of a day and its hourly theta; failed members again, at last replaced."""
        span = self.twin.setting.times[day : day + 2]
        model: LandColumn | None = self.twin.model
        after, moisture = self.twin.model.forecast_with_moisture(state, window, *span)
        failed = _failed(after)
        for _ in range(RETRIES):
            model = model.refined() if model is not None and failed.size else None
            if model is None:
                break
            part = state.isel(member=failed)
            again, hours = model.forecast_with_moisture(
                part, window.of_members(failed.tolist()), *span
            )
            after = _with(after, failed, again)
            moisture[:, failed] = hours
            failed = failed[_failed(again)]
        if failed.size > TOLERATED_FAILURES * after.sizes["member"]:
            raise ForecastError(f"the model failed for {failed.size} members on day {day}")
        if failed.size:
            donor = np.setdiff1d(np.arange(after.sizes["member"]), failed)[: failed.size]
            after = _with(after, failed, after.isel(member=donor))
            moisture[:, failed] = moisture[:, donor]
            self.failures += failed.size
        return after, moisture

    def _score(self, day: int, moisture: Array) -> None:
        """Adds the errors of the ensemble mean in the hours after the analysis of this morning."""
        mean = moisture[:SCORED].mean(axis=1).reshape(SCORED, len(self.lanes), self.columns, -1)
        error = mean - self.twin.truth[day, :SCORED, None]
        self.sums += error.sum(axis=0), (error**2).sum(axis=0)

    def _weigh(self, day: int, forecast: xr.Dataset) -> None:
        """Notes what evaporated and ran off after the analysis of a day, and what is left."""
        fluxes = {
            "evaporation": forecast["evapotranspiration"].values,
            "runoff": forecast["runoff"].values + forecast["drainage"].values,
            "water": self.twin.model.water(forecast).values,
        }
        for name, values in fluxes.items():
            self.daily[name][day] = values.mean(axis=0).reshape(len(self.lanes), self.columns)

    # --- analysis ---

    def _analysed(self, forecast: xr.Dataset, target: Array, day: int) -> xr.Dataset:
        """The members after the analyses of a day; target (member, column) [mm] is β."""
        parts = [forecast[name].values for name in ALL]
        x = np.concatenate([p if p.ndim == 3 else p[..., None] for p in parts], axis=2)
        x = np.ascontiguousarray(np.moveaxis(x, 0, 2))  # (column, row, member)
        content = self.twin.model.water(forecast).values.T
        offset = content - np.einsum("r,krm->km", self.content, x)
        before = np.empty((x.shape[0], x.shape[2]))
        noise = {
            probe: self.twin.noise(probe, day)
            for probe in dict.fromkeys(p for lane in self.lanes for p in lane.scheme.probes)
        }
        for i, lane in enumerate(self.lanes):
            for k in range(self.columns):
                at = i * self.columns + k
                analysis = self._column(lane, i, k, day, x[at], offset[at], target[:, at], noise)
                if analysis is not None:
                    x[at, lane.rows] = analysis.x
                before[at] = offset[at] + self.content @ x[at]
        fields = {
            name: forecast[name].copy(
                data=np.moveaxis(x[:, _rows(name, self.layers)], 2, 0).reshape(p.shape)
            )
            for name, p in zip(ALL, parts, strict=True)
        }
        after, _ = self.twin.model.reconcile(forecast.assign(fields), ALL)
        closed = target - self.twin.model.water(after).values
        shape = (len(self.lanes), self.columns)
        self.daily["residual"][day] = closed.mean(axis=0).reshape(shape)
        # An analysis that the filter clips is before clipping what it reported, else what it gave.
        open_ = np.isnan(self.daily["unclipped"][day])
        missed = (target.T - before).mean(axis=1).reshape(shape)
        self.daily["unclipped"][day] = np.where(open_, missed, self.daily["unclipped"][day])
        return after

    def _column(
        self,
        lane: Lane,
        i: int,
        k: int,
        day: int,
        x: Array,
        offset: Array,
        target: Array,
        noise: Mapping[str, Array],
    ) -> Analysis | None:
        """The analysis of one column under one scheme; None for an open loop."""
        probes, daily = lane.scheme.probes, self.daily
        rows = x[lane.rows]
        hx = lane.operator @ rows
        reading = np.array([self.twin.readings[probe][day, k] for probe in probes])
        daily["sd"][day, i, k] = hx[0].std(ddof=1)
        daily["innovation"][day, i, k] = reading[0] - hx[0].mean()
        own = lane.filters[k].filter
        if own is None:
            return _told(rows, self.twin.truth[day, -1, k, : lane.scheme.told])
        others = np.setdiff1d(np.arange(x.shape[0]), lane.rows)
        rest = offset + self.content[others] @ x[others]
        weights = self.content[lane.rows]

        def held(rows: Array) -> Array:
            return (rest + weights @ rows)[None]

        problem = Problem(
            x=rows,
            hx=hx,
            y=reading,
            variance=np.full(len(probes), probe_sd() ** 2),
            noise=np.stack([noise[probe][k] for probe in probes]),
            state_places=lane.places,
            obs_places=lane.probes,
            operator=lambda rows: lane.operator @ rows,
            water=Water(held(rows), target[None], held),
            rng=self.twin.streams.generator("rotation", day, k),
            memory=self.memory[i][k],
            lower=np.zeros(lane.rows.size),
            upper=self.upper[lane.rows],
            scaled=lane.scaled,
        )
        analysis = own.analyse(problem)
        self.memory[i][k] = analysis.memory
        for name, said in REPORTED.items():
            if said in analysis.diagnostics:
                daily[name][day, i, k] = np.mean(analysis.diagnostics[said])
        return analysis


REPORTED = {
    "inflation": "inflation",
    "bound": "inflation_bound",
    "likelihood": "inflation_likelihood",
    "gain": "bias_gain",
    "unclipped": "residual_before_clipping",
}


def _told(x: Array, nature: Array) -> Analysis | None:
    """The members (row, member) around nature (layer,) in the first rows; None without any."""
    if not nature.size:
        return None
    told = x.copy()
    told[: nature.size] += (nature - x[: nature.size].mean(axis=1))[:, None]
    return Analysis(np.maximum(told, 0.0))


def _porosity(model: LandColumn) -> Array:
    return np.asarray(np.broadcast_to(model.retention.values()["theta_s"], model.z.shape))


def _failed(data: xr.Dataset) -> NDArray[np.int64]:
    return np.flatnonzero(~np.isfinite(data["theta"].values).all(axis=(1, 2)))


def _with(data: xr.Dataset, members: NDArray[np.int64], values: xr.Dataset) -> xr.Dataset:
    """`data` with some members taken from `values`."""
    fields = {}
    for name, old in data.data_vars.items():
        new = old.values.copy()
        new[members] = values[name].values
        fields[name] = old.copy(data=new)
    return data.assign(fields)


def marched(
    twin: Twin, schemes: Sequence[Scheme], thresholds: Sequence[int] | None = None
) -> dict[str, Run]:
    """The runs of some schemes by name, without a word."""
    march = March(twin, schemes, thresholds)
    for _ in march.days():
        pass
    return march.runs()
