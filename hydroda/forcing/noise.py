"""Perturbed forcing: correlated, slowly changing noise of every member, shared over space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing.series import Forcing, ForcingWindow
from hydroda.forcing.weather import SECOND, WEATHER, Array
from hydroda.rng import Streams
from hydroda.units import Amount, Duration, duration, instant, magnitude


class Perturbation(ABC):
    """How a standard normal driver acts on one variable; linear in its `effect`."""

    variable: str

    @abstractmethod
    def effect(self, driver: Array) -> Array:
        """Factors or increments from a standard normal driver, same shape."""

    @abstractmethod
    def apply(self, values: Array, effect: Array) -> Array:
        """The perturbed values; the two broadcast."""


@dataclass(frozen=True)
class Multiplicative(Perturbation):
    """Times a lognormal factor of mean exactly 1 and standard deviation `sd` [1].

    Zero stays zero (rain, night) and nothing becomes negative, so no clipping shifts the mean.
    """

    variable: str
    sd: float

    def __post_init__(self) -> None:
        if not 0 <= self.sd < np.inf:
            raise DeclarationError(f"sd of {self.variable} must not be negative; got {self.sd!r}")
        if WEATHER[_known(self.variable)].natural == (0, 1):
            raise DeclarationError(f"{self.variable} has an upper limit: a factor would pass it")

    def effect(self, driver: Array) -> Array:
        width = np.sqrt(np.log1p(self.sd**2))
        return np.asarray(np.exp(width * driver - width**2 / 2))

    def apply(self, values: Array, effect: Array) -> Array:
        return values * effect


@dataclass(frozen=True)
class Additive(Perturbation):
    """Plus a normal increment of mean 0 and standard deviation `sd` in the unit of the variable."""

    variable: str
    sd: Amount

    def __post_init__(self) -> None:
        kind = WEATHER[_known(self.variable)]
        if kind.natural[0] == 0:
            raise DeclarationError(
                f"{self.variable} is bounded by 0, where clipping would shift its mean: "
                f"use Multiplicative({self.variable!r}, sd=...)"
            )
        sd = magnitude(self.sd, kind.unit, f"sd of {self.variable}")
        if self.variable == "air_temperature" and sd > 100:
            raise DeclarationError(
                f"sd of air_temperature is a difference: write it in K; got {sd!r}"
            )
        if not 0 <= sd < np.inf:
            raise DeclarationError(f"sd of {self.variable} must not be negative; got {sd!r}")
        object.__setattr__(self, "sd", sd)

    def effect(self, driver: Array) -> Array:
        return float(self.sd) * driver

    def apply(self, values: Array, effect: Array) -> Array:
        return values + effect


def _known(variable: str) -> str:
    if variable not in WEATHER:
        raise DeclarationError(
            f"there is no weather variable {variable!r}; there are {', '.join(WEATHER)}"
        )
    return variable


LI_PERTURBATIONS: tuple[Perturbation, ...] = (
    Multiplicative("rain", 0.3),
    Multiplicative("shortwave", 0.2),
    Additive("longwave", "20 W m-2"),
    Additive("air_temperature", "1 K"),
)
LI_CORRELATION = (
    (1.0, -0.8, 0.5, 0.0),
    (-0.8, 1.0, -0.5, 0.4),
    (0.5, -0.5, 1.0, 0.4),
    (0.0, 0.4, 0.4, 1.0),
)


@dataclass(frozen=True)
class ForcingNoise:
    """First-order autoregressive noise, correlated between variables: Table 2 of Li by default.

    `correlation` (perturbation, perturbation) and `time_scale` hold between the Gaussian drivers:
    for factors, between their logarithms. rho = exp(-step / time_scale).
    """

    perturbations: tuple[Perturbation, ...] = LI_PERTURBATIONS
    correlation: tuple[tuple[float, ...], ...] | None = LI_CORRELATION
    time_scale: Duration = "24 h"

    def __post_init__(self) -> None:
        object.__setattr__(self, "perturbations", tuple(self.perturbations))
        names = [perturbation.variable for perturbation in self.perturbations]
        if len(set(names)) < len(names):
            raise DeclarationError(f"every variable is perturbed once; got {', '.join(names)}")
        matrix = np.eye(len(names)) if self.correlation is None else np.array(self.correlation)
        _check_correlation(matrix, names)
        object.__setattr__(self, "correlation", tuple(map(tuple, matrix.tolist())))
        object.__setattr__(self, "time_scale", duration(self.time_scale, "time_scale"))

    def drivers(
        self, streams: Streams, member: int | str, steps: int, step_seconds: float
    ) -> Array:
        """Standard normal series (perturbation, step) of one member; longer ones begin the same."""
        draws = streams.generator("forcing", member).standard_normal(
            (steps, len(self.perturbations))
        )
        rho = np.exp(-step_seconds / float(duration(self.time_scale, "time_scale") / SECOND))
        draws[1:] *= np.sqrt(1 - rho**2)  # the first draw is stationary as it is
        correlation = np.array(self.correlation).reshape(2 * (len(self.perturbations),))
        mixed = draws @ np.linalg.cholesky(correlation).T
        return np.ascontiguousarray(lfilter([1.0], [1.0, -rho], mixed, axis=0).T)

    def perturb(
        self,
        forcing: Forcing,
        streams: Streams,
        members: int | Sequence[int | str],
        start: np.datetime64 | str | None = None,
        end: np.datetime64 | str | None = None,
    ) -> PerturbedForcing:
        """`forcing` over [start, end) with the noise of each member.

        `members` is their number, or which of them (those of one rank). Every member has its own
        stream: its noise does not depend on the others, nor, for the same `start`, on `end`. Only
        factors and
        increments are held: 8 bytes x members x steps x perturbations (128 members, 3 years hourly
        and Li's four: 108 MB), whatever the number of columns.

        Raises
        ------
        DataError
            The period leaves the forcing, or a perturbed variable is not in it.
        """
        absent = [p.variable for p in self.perturbations if p.variable not in forcing.variables]
        if absent:
            raise DataError(
                f"the noise perturbs {', '.join(absent)}, which the forcing has not; "
                f"it has {', '.join(forcing.variables)}"
            )
        which = tuple(range(members)) if isinstance(members, int) else tuple(members)
        first = forcing.position(forcing.start if start is None else instant(start, "start"))
        last = forcing.position(forcing.end if end is None else instant(end, "end"))
        if not which or first >= last:
            raise DeclarationError(f"nothing to perturb: members {members!r}, {start} to {end}")
        effects = {p.variable: np.empty((len(which), last - first)) for p in self.perturbations}
        for row, member in enumerate(which):
            drivers = self.drivers(streams, member, last - first, forcing.step_seconds)
            for perturbation, driver in zip(self.perturbations, drivers, strict=True):
                effects[perturbation.variable][row] = perturbation.effect(driver)
        return PerturbedForcing(forcing, self, which, first, effects)


def _check_correlation(matrix: Array, names: list[str]) -> None:
    shape = (len(names), len(names))
    if matrix.shape != shape:
        raise DeclarationError(f"correlation must be {shape} for {names}; got {matrix.shape}")
    if not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)):
        raise DeclarationError("correlation must be symmetric with ones on its diagonal")
    if names and np.linalg.eigvalsh(matrix)[0] <= 0:
        raise DeclarationError(
            "correlation must be positive definite; its smallest eigenvalue is "
            f"{np.linalg.eigvalsh(matrix)[0]:.3g}"
        )


@dataclass(frozen=True, eq=False)
class PerturbedForcing:
    """A forcing with the factors and increments (member, step) of some members.

    `first` is the step of the forcing at which they begin.
    """

    forcing: Forcing
    noise: ForcingNoise
    members: tuple[int | str, ...]
    first: int
    effects: Mapping[str, Array]

    @property
    def nbytes(self) -> int:
        """Memory of the noise [byte]."""
        return sum(effect.nbytes for effect in self.effects.values())

    def between(self, start: np.datetime64, end: np.datetime64) -> ForcingWindow:
        """The steps of [start, end): perturbed variables (member, step[, column]), others (1, ...).

        Raises
        ------
        DataError
            The window leaves the perturbed period or does not begin and end with a step.
        """
        window = self.forcing.between(start, end)
        begin = self.forcing.position(start) - self.first
        finish = begin + window.times.size
        steps = next(iter(self.effects.values())).shape[1] if self.effects else finish
        if begin < 0 or finish > steps:
            raise DataError(f"{start} to {end} leaves the period for which noise was drawn")
        values = dict(window.values)
        for perturbation in self.noise.perturbations:
            name = perturbation.variable
            effect = _aligned(self.effects[name][:, begin:finish], values[name].ndim)
            values[name] = perturbation.apply(values[name], effect)
        return ForcingWindow(window.times, window.step_seconds, values)

    def means(self) -> dict[str, Array]:
        """Mean of each perturbed variable over the period, by member (member,)."""
        means = {}
        for perturbation in self.noise.perturbations:
            effects = self.effects[perturbation.variable]
            values = self._place(perturbation.variable, effects)
            means[perturbation.variable] = np.array(
                [perturbation.apply(values, effect).mean() for effect in effects]
            )
        return means

    def shift(self) -> pd.DataFrame:
        """By how much the noise of these members moves the mean of each variable over the period.

        Columns unit, unperturbed, perturbed, difference; amounts are means per step.
        """
        rows = {}
        for name, means in self.means().items():
            before = self._place(name, self.effects[name]).mean()
            rows[name] = (WEATHER[name].unit, before, means.mean(), means.mean() - before)
        columns = ["unit", "unperturbed", "perturbed", "difference"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def _place(self, name: str, effects: Array) -> Array:
        """The unperturbed variable over the period (step,), the mean over the columns."""
        values = self.forcing.data[name].values[self.first : self.first + effects.shape[1]]
        return values.reshape(len(values), -1).mean(axis=1)


def _aligned(effect: Array, dims: int) -> Array:
    """An effect with trailing axes of length one, so that it is shared by all columns."""
    return effect.reshape(effect.shape + (1,) * (dims - effect.ndim))
