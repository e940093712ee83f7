"""Nature, the probes and the start of the members: everything that schemes have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments.mongolia import (
    BEGIN,
    COLUMNS,
    FORECASTS,
    NATURE,
    PROBE_SD,
    SPIN_UP,
    TABLE,
    perturbations,
    perturbed_start,
    run_in,
    some_columns,
    weather,
)
from hydroda.errors import DeclarationError
from hydroda.forcing import Forcing, ForcingWindow, PerturbedForcing
from hydroda.models.land_column import LandColumn
from hydroda.obs import SoilMoistureProbe
from hydroda.rng import Streams
from hydroda.studies.dan2020.schemes import DEEP, SHALLOW
from hydroda.units import Amount, magnitude

Array = NDArray[np.float64]

DAY = np.timedelta64(86400 * 10**9, "ns")


@dataclass(frozen=True)
class Setting:
    """One twin experiment; `days` are the analyses, `spread` scales the noise on the forcing.

    `table` is the depth of the water table from which nature starts; `file` a record of weather.
    """

    columns: int = COLUMNS
    members: int = 100
    days: int = 122
    seed: int = 1
    spread: float = 1.0
    table: Amount = TABLE
    years: int = SPIN_UP
    file: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", magnitude(self.table, "m", "table"))
        if not 1 <= self.columns <= COLUMNS:
            raise DeclarationError(f"columns must be 1 to {COLUMNS}; got {self.columns}")
        if not 1 <= self.days <= 122:
            raise DeclarationError(f"days must be 1 to 122; got {self.days}")

    @property
    def chosen(self) -> tuple[int, ...]:
        """The columns, spread over the domain."""
        return tuple(np.linspace(0, COLUMNS - 1, self.columns).round().astype(int).tolist())

    @property
    def times(self) -> NDArray[np.datetime64]:
        """06:00 of the days, the start first; the forecast that scores the last analysis last."""
        return BEGIN + DAY * np.arange(self.days + 2)


@dataclass(frozen=True, eq=False)
class Twin:
    """A setting carried out as far as no filter matters.

    truth         theta (day, hour, column, layer) [m3 m-3], hours 1 to 24 after 06:00 of each day
    evaporation   of nature (day, column) [mm], in the hours after 06:00
    readings      of each probe (day, column), at the end of day 1, 2, … [m3 m-3]
    one_step      theta of one-day forecasts from the truth minus the truth (day, column, layer)
    start         of the members (member, column); forcing perturbs the weather of each
    failures      members that were replaced because the model found no solution
    """

    setting: Setting
    model: LandColumn
    truth: Array
    evaporation: Array
    readings: Mapping[str, Array]
    one_step: Array
    start: xr.Dataset
    forcing: PerturbedForcing
    streams: Streams = field(repr=False)

    @classmethod
    def of(cls, setting: Setting) -> Twin:
        """Nature and everything that all schemes share."""
        forcing, streams = _weather(setting), Streams(setting.seed)
        truth, evaporation, one_step, start = _shared(replace(setting, members=2, spread=1.0))
        members = range(setting.members)
        noise = perturbations(setting.spread)
        span = setting.times[0], setting.times[-1]
        return cls(
            setting,
            FORECASTS,
            truth,
            evaporation,
            {depth: _readings(depth, truth, streams) for depth in (SHALLOW, DEEP)},
            one_step,
            _members(start, setting, streams),
            forcing.perturbed(noise, streams, tuple(members), *span),
            streams,
        )

    def window(self, day: int, copies: int) -> ForcingWindow:
        """The perturbed weather of a day, for `copies` of the columns side by side."""
        window = self.forcing.between(*self.setting.times[day : day + 2])
        values = {
            name: np.tile(value, (1, 1, copies)) if value.ndim == 3 else value
            for name, value in window.values.items()
        }
        return replace(window, values=values)

    def noise(self, probe: str, day: int) -> Array:
        """Drawn errors (column, member) of the readings of a day: the same for all schemes."""
        shape = (len(self.setting.chosen), self.setting.members)
        draws = self.streams.generator("observation", probe, day).standard_normal(shape)
        draws -= draws.mean(axis=1, keepdims=True)
        return np.asarray(draws * probe_sd())

    def row(self, probe: str) -> Array:
        """Share of each layer (layer,) in the reading of a probe."""
        return probe_row(probe, self.start)


@cache
def probe_sd() -> float:
    """Error of a reading [m3 m-3]."""
    return float(magnitude(PROBE_SD, "m3/m3", "probe"))


def probe_row(depth: str, columns: xr.Dataset) -> Array:
    """Share of each layer (layer,) in the reading of a probe between two nodes."""
    probe = SoilMoistureProbe(station="probe", depth=depth, sd=PROBE_SD)
    return np.asarray(probe.weights(columns.isel(column=[0])))


def _weather(setting: Setting) -> Forcing:
    return some_columns(weather(setting.seed, setting.file), setting.chosen)


@lru_cache(maxsize=4)
def _shared(setting: Setting) -> tuple[Array, Array, Array, xr.Dataset]:
    """Nature, errors of one-day forecasts from it and the state that members scatter around.

    They depend neither on the members nor on their noise: three spreads share them.
    """
    forcing = _weather(setting)
    begin = run_in(NATURE, forcing, setting.chosen, setting.years, setting.table)
    nature = _nature(begin, forcing, setting)
    return *nature, run_in(FORECASTS, forcing, setting.chosen, setting.years)


def _nature(state: xr.Dataset, forcing: Forcing, setting: Setting) -> tuple[Array, Array, Array]:
    """theta of nature (day, hour, column, layer), what it evaporates (day, column) [mm], and errors
    of one-day forecasts from it."""
    truth, evaporation, missed = [], [], []
    for start, end in zip(setting.times[:-1], setting.times[1:], strict=True):
        window = forcing.between(start, end)
        forecast = FORECASTS.forecast(_as_forecast(state), window, start, end)
        state, moisture = NATURE.forecast_with_moisture(state, window, start, end)
        truth.append(moisture[:, 0])
        evaporation.append(state["evapotranspiration"].values[0])
        missed.append((forecast["theta"].values - state["theta"].values)[0])
    return np.array(truth), np.array(evaporation), np.array(missed)


def _as_forecast(state: xr.Dataset) -> xr.Dataset:
    """The state of nature in the soil of the forecast model; what its pores cannot hold is lost."""
    soil = {
        name: (0.0 * state["theta"] + value) for name, value in FORECASTS.retention.values().items()
    }
    moved = state.assign(
        {name: value.assign_attrs(state[name].attrs) for name, value in soil.items()}
    )
    return FORECASTS.reconcile(moved.assign(aquifer=0.0 * state["aquifer"]), ("theta", "ice"))[0]


def _readings(depth: str, truth: Array, streams: Streams) -> Array:
    """What a probe reads of nature at the end of each day (day, column) [m3 m-3]."""
    columns = xr.Dataset(
        coords={
            "depth": ("layer", FORECASTS.z, {"units": "m"}),
            "thickness": ("layer", FORECASTS.dz, {"units": "m"}),
            "column": [0],
        }
    )
    seen = truth[:, -1] @ probe_row(depth, columns)
    errors = np.array(
        [
            streams.generator("reading", depth, day).standard_normal(seen.shape[1])
            for day in range(len(seen))
        ]
    )
    return np.maximum(seen + probe_sd() * errors, 0.0)


def _members(start: xr.Dataset, setting: Setting, streams: Streams) -> xr.Dataset:
    draws = [
        perturbed_start(FORECASTS, start, streams.generator("prior", member))
        for member in range(setting.members)
    ]
    return xr.concat(draws, "member", data_vars="minimal", coords="minimal", join="exact")
