"""The forcing of a run: a complete, checked weather record that is cut into windows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.errors import DataError
from hydroda.forcing.completion import Completion, Site, complete, no_completions
from hydroda.forcing.weather import (
    FILLED,
    METEOROLOGY,
    SECOND,
    Array,
    Times,
    check_complete,
    checked_times,
    weather_dataset,
)
from hydroda.units import Duration

if TYPE_CHECKING:
    from hydroda.forcing.noise import ForcingNoise, PerturbedForcing
    from hydroda.rng import Streams


@dataclass(frozen=True)
class ForcingWindow:
    """The weather of one forecast: `times` (step,) start each step of `step_seconds` [s].

    `values` are (member or 1, step) or (member or 1, step, column) in the units of the forcing;
    rain is mm per step.
    """

    times: Times
    step_seconds: float
    values: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def of_members(self, members: Sequence[int] | Array) -> ForcingWindow:
        """The weather of some members, by their rows; what all members share stays shared."""
        rows = np.asarray(members, dtype=np.int64)
        values = {name: v if len(v) == 1 else v[rows] for name, v in self.values.items()}
        return replace(self, values=values)


@dataclass(frozen=True, eq=False)
class Forcing:
    """Weather over (time) or (time, column) without a gap; stamps are UTC and START each interval.

    Inside: rain [mm per step], shortwave and longwave [W m-2], air_temperature [K],
    relative_humidity [1], wind_speed [m s-1], pressure [Pa]; `variables` names what the model
    needs of it. A dataset in other units is converted, one from tables and files comes from
    `weather_table` and `weather_file`, an incomplete one from `Forcing.completed`.

    Raises
    ------
    DataError
        A variable or step is missing, times are unordered or repeat, a value is impossible.
    UnitError
        A unit is missing or cannot be converted.
    """

    data: xr.Dataset
    variables: tuple[str, ...] = METEOROLOGY
    step: Duration | None = None
    completions: pd.DataFrame = field(default_factory=no_completions)
    _times: Times = field(init=False)
    _width: np.timedelta64 = field(init=False)
    _arrays: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        data = weather_dataset(self.data, step=self.step)
        times, step = checked_times(data, self.step)
        check_complete(data, self.variables, step)
        kept = [*self.variables, *(f"{name}{FILLED}" for name in self.variables)]
        arrays = {name: _frozen(data[name].values) for name in self.variables}
        data = data[[name for name in kept if name in data]]
        inside = {
            "data": data.assign({name: data[name].copy(data=arrays[name]) for name in arrays}),
            "variables": tuple(self.variables),
            "step": step,
            "_times": times,
            "_width": step,
            "_arrays": arrays,
        }
        for name, value in inside.items():
            object.__setattr__(self, name, value)

    @classmethod
    def completed(
        cls,
        data: xr.Dataset,
        site: Site,
        methods: Mapping[str, Sequence[Completion]] | None = None,
        *,
        variables: tuple[str, ...] = METEOROLOGY,
        step: Duration | None = None,
    ) -> Forcing:
        """The forcing that `methods` make of an incomplete record; nothing is filled silently.

        `methods` are tried in order for every value of a variable that is missing (see
        `hydroda.forcing.completion.METHODS` for those not named here). Flags `rain_filled`, ...
        (time[, column]) join the data; `completions` lists variable, method, from, to and count.

        Raises
        ------
        DataError
            Values are left that no method could fill, or as the constructor.
        """
        inside = weather_dataset(data, step=step)
        _, width = checked_times(inside, step)
        filled, table = complete(inside, site, methods or {}, variables, width)
        return cls(filled, variables, width, table)

    def noted(self, rows: pd.DataFrame) -> Forcing:
        """The same forcing with more rows in its list of completions."""
        return replace(self, completions=pd.concat([self.completions, rows], ignore_index=True))

    def completion_summary(self) -> pd.DataFrame:
        """One row per variable and method: from, to, runs, count, share of all values."""
        groups = self.completions.groupby(["variable", "method"], sort=False)
        table = groups.agg(
            **{"from": ("from", "min"), "to": ("to", "max")},
            runs=("count", "size"),
            count=("count", "sum"),
        ).reset_index()
        sizes = table["variable"].map({name: array.size for name, array in self._arrays.items()})
        return table.assign(share=table["count"] / sizes)

    @property
    def start(self) -> np.datetime64:
        """The start of the first step."""
        return self._times[0]

    @property
    def end(self) -> np.datetime64:
        """The end of the last step."""
        return self._times[-1] + self._width

    @property
    def step_seconds(self) -> float:
        """The length of a step [s]."""
        return float(self._width / SECOND)

    def between(self, start: np.datetime64, end: np.datetime64) -> ForcingWindow:
        """The steps of [start, end), with a member axis of length one; views, nothing is copied.

        Raises
        ------
        DataError
            The window leaves the record or does not begin and end with a step.
        """
        first, last = self.position(start), self.position(end)
        if first >= last:
            raise DataError(f"a forcing window must end after it starts; got {start} to {end}")
        values = {name: array[None, first:last] for name, array in self._arrays.items()}
        return ForcingWindow(self._times[first:last], self.step_seconds, values)

    def position(self, time: np.datetime64) -> int:
        """The number of steps from the start of the record to `time`.

        Raises
        ------
        DataError
            `time` is outside the record or within a step.
        """
        steps, rest = divmod(time - self.start, self._width)
        if not 0 <= steps <= self._times.size:
            raise DataError(
                f"the forcing covers {self.start} to {self.end}; {time} lies outside: "
                "change the period or give longer weather"
            )
        if rest:
            raise DataError(
                f"{time} lies within a forcing step of {self.step_seconds:g} s; "
                f"steps begin at {self.start}"
            )
        return int(steps)

    def perturbed(
        self,
        noise: ForcingNoise,
        streams: Streams,
        members: int | Sequence[int | str],
        start: np.datetime64 | str | None = None,
        end: np.datetime64 | str | None = None,
    ) -> PerturbedForcing:
        """This forcing with the noise of each member; see `ForcingNoise.perturb`."""
        return noise.perturb(self, streams, members, start, end)

    def __repr__(self) -> str:
        names = ", ".join(self.variables)
        return (
            f"Forcing({self.start} to {self.end}, step {self.step_seconds:g} s, {names}, "
            f"{int(self.completions['count'].sum())} values completed, sha256 {self._digest()})"
        )

    def _digest(self) -> str:
        """What tells two forcings apart in the record of a run."""
        digest = hashlib.sha256()
        for array in self._arrays.values():
            digest.update(array.tobytes())
        return digest.hexdigest()[:12]


def _frozen(values: Array) -> Array:
    array = np.array(values, dtype=np.float64, order="C")
    array.flags.writeable = False
    return array
