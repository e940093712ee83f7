"""One analysis as arrays: what a filter gets and gives, and which observation reaches which row.

Matrices are (state, member) and (obs, member), C order. Labels and units stay one level up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hydroda.errors import DataError
from hydroda.pairs import runs

Operator = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Places:
    """Where rows or observations are [m]; NaN where there is no such place.

    A row without a place in some direction (a column-wide log10 K_s has no depth) is not
    localized in it: its taper is 1.
    """

    x: np.ndarray
    y: np.ndarray
    depth: np.ndarray

    def __post_init__(self) -> None:
        for name in ("x", "y", "depth"):
            values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if values.ndim != 1:
                raise DataError(f"Places.{name} must have one dimension; got shape {values.shape}")
            object.__setattr__(self, name, values)
        if not len(self.x) == len(self.y) == len(self.depth):
            raise DataError(
                "Places needs x, y and depth of one length; got "
                f"{len(self.x)}, {len(self.y)}, {len(self.depth)}"
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Places:
        return Places(self.x[rows], self.y[rows], self.depth[rows])

    @classmethod
    def nowhere(cls, n: int) -> Places:
        """`n` rows without any place."""
        nan = np.full(n, np.nan)
        return cls(nan, nan, nan)

    @classmethod
    def joined(cls, first: Places, second: Places) -> Places:
        """The rows of `first`, then those of `second`."""
        return cls(
            *(np.concatenate([getattr(first, c), getattr(second, c)]) for c in ("x", "y", "depth"))
        )

    def distinct(self, coordinates: tuple[str, ...]) -> tuple[np.ndarray, Places]:
        """The line (row,) of each row and the distinct places (line,) by these coordinates.

        Neighbouring equal rows are merged first: sorting a million rows costs more than an
        analysis.
        """
        if not len(self) or not coordinates:
            return np.zeros(len(self), dtype=np.int64), self[: min(1, len(self))]
        keys = [getattr(self, c) for c in coordinates]
        run, heads, apart = runs(*(keys + 2 * keys[-1:])[:3])
        if apart:
            return run, self[heads]
        keys = [np.where(np.isnan(key[heads]), np.inf, key[heads]) for key in keys]
        order = np.lexsort(keys)
        group = np.cumsum(_changes([key[order] for key in keys])) - 1
        # lexsort is stable: the first of each group in sorted order is its first in memory.
        first = order[np.flatnonzero(np.diff(group, prepend=-1))]
        # Number the lines as they appear, so that lines lie in memory as their rows do.
        number = np.empty_like(first)
        number[np.argsort(first)] = np.arange(len(first))
        line = np.empty_like(order)
        line[order] = number[group]
        return line[run], self[heads[np.sort(first)]]


def _changes(keys: list[np.ndarray]) -> np.ndarray:
    """Whether each entry differs from the one before, in any key; the first does."""
    new = np.ones(len(keys[0]), dtype=bool)
    new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return new


@dataclass(frozen=True, eq=False)
class Weights:
    """Which observations reach which row, and how much: compressed over distinct places ("lines").

    Row i sees observations `obs[start[l]:start[l + 1]]` with weights `value[...]`, l = `line[i]`.
    Nothing is stored where the taper is zero.
    """

    line: np.ndarray
    start: np.ndarray
    obs: np.ndarray
    value: np.ndarray
    observations: int

    @classmethod
    def ones(cls, rows: int, observations: int) -> Weights:
        """Every observation reaches every row with weight one: no localization."""
        return cls(
            line=np.zeros(rows, dtype=np.int64),
            start=np.array([0, observations], dtype=np.int64),
            obs=np.arange(observations, dtype=np.int64),
            value=np.ones(observations),
            observations=observations,
        )

    @property
    def lines(self) -> int:
        """Number of distinct places."""
        return len(self.start) - 1

    @property
    def reach(self) -> np.ndarray:
        """Number of observations that reach each row (row,)."""
        return np.diff(self.start)[self.line]

    @property
    def largest(self) -> np.ndarray:
        """The largest weight of each row (row,), 0 where none reaches it."""
        best = np.zeros(self.lines)
        owner = np.repeat(np.arange(self.lines), np.diff(self.start))
        np.maximum.at(best, owner, self.value)
        return best[self.line]

    def by_line(self) -> np.ndarray:
        """The weights as a dense matrix (line, obs); for small cases."""
        dense = np.zeros((self.lines, self.observations))
        dense[np.repeat(np.arange(self.lines), np.diff(self.start)), self.obs] = self.value
        return dense

    def dense(self) -> np.ndarray:
        """The weights as a dense matrix (row, obs); for small cases."""
        return self.by_line()[self.line]

    def __getitem__(self, rows: Any) -> Weights:
        return replace(self, line=self.line[rows])


@dataclass(frozen=True, eq=False)
class Water:
    """Budgets the analysis should close on, `k` of them (one per column).

    content  (k, member) total water cᵀx [mm]
    target   (k, member) what the budget says it should be, β [mm]
    operator x (state, member) -> content (k, member) [mm]; for scaled anomalies and the residual
    places   of the budgets, without depth; None: not localized
    """

    content: np.ndarray
    target: np.ndarray
    operator: Operator | None = None
    places: Places | None = None

    def __post_init__(self) -> None:
        for name in ("content", "target"):
            object.__setattr__(
                self, name, np.atleast_2d(np.asarray(getattr(self, name), dtype=np.float64))
            )
        if self.content.shape != self.target.shape:
            raise DataError(
                "Water.content and target must have one shape (k, member); got "
                f"{self.content.shape} and {self.target.shape}"
            )
        if self.places is not None and len(self.places) != len(self.target):
            raise DataError(f"Water.places needs {len(self.target)} places; got {len(self.places)}")


@dataclass(frozen=True, eq=False)
class Problem:
    """One analysis.

    x            (state, member) prior; rows of one place lie together
    hx           (obs, member) what the sensors would see
    y            (obs,) observations
    variance     (obs,) their error variance, the diagonal of R
    correlation  (obs, obs) of the errors, or None: R = sd · correlation · sd
    noise        (obs, member) draws from N(0, R), or None for deterministic schemes
    state_places, obs_places   where rows and observations are
    damping      (state,) or a number: α in x + α (xᵃ − x)
    operator     x (state, member) -> hx (obs, member); needed where x is scaled or shifted
    water        budgets to close on, or None
    rng          for the one random rotation of this analysis
    memory       what the last analysis left behind
    lower, upper (state,) bounds of each row, or None
    scaled       (state,) bool: rows (soil moisture) that Dan's taper and inflation scale; None: all
    overwrite    the analysis may be written into x itself (halves the memory)

    Set on the way through `Filter.analyse`, never by its caller:

    weights, obs_weights   tapers of state rows and of observations
    scale        (state,) the gain is built from mean + scale · anomaly
    gain_hx      (obs, member) predicted from the scaled ensemble
    factor       λ, the inflation of the variance
    """

    x: np.ndarray
    hx: np.ndarray
    y: np.ndarray
    variance: np.ndarray
    correlation: np.ndarray | None = None
    noise: np.ndarray | None = None
    state_places: Places | None = None
    obs_places: Places | None = None
    damping: np.ndarray | float = 1.0
    operator: Operator | None = None
    water: Water | None = None
    rng: np.random.Generator | None = None
    memory: Mapping[str, np.ndarray] = field(default_factory=dict)
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    scaled: np.ndarray | None = None
    overwrite: bool = False
    weights: Weights | None = None
    obs_weights: Weights | None = None
    scale: np.ndarray | None = None
    gain_hx: np.ndarray | None = None
    factor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("x", "hx", "y", "variance"):
            object.__setattr__(
                self, name, np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            )
        if self.x.ndim != 2 or self.hx.ndim != 2:
            raise DataError(
                f"x and hx must be (row, member); got shapes {self.x.shape} and {self.hx.shape}"
            )
        rows, members = self.x.shape
        if members < 2:
            raise DataError(f"an analysis needs at least two members; got {members}")
        p = len(self.hx)
        per_obs, per_row = (p,), (rows,)
        wanted: dict[str, tuple[int, ...]] = {
            "hx": (p, members),
            "noise": (p, members),
            "correlation": (p, p),
            **dict.fromkeys(("y", "variance"), per_obs),
            **dict.fromkeys(("lower", "upper", "scaled"), per_row),
        }
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise DataError(f"{name} must have shape {shape}; got {np.shape(value)}")
        for name, places, n in (
            ("state_places", self.state_places, rows),
            ("obs_places", self.obs_places, p),
        ):
            if places is not None and len(places) != n:
                raise DataError(f"{name} must have {n} places; got {len(places)}")
        damping = np.broadcast_to(np.asarray(self.damping, dtype=np.float64), (rows,))
        object.__setattr__(self, "damping", damping)
        for name in ("hx", "y", "variance"):
            bad = np.unique(np.nonzero(~np.isfinite(getattr(self, name)))[0])
            if len(bad):
                raise DataError(
                    f"{name} must be finite; observation {bad[0]} is not ({len(bad)} in all): "
                    "leave it out"
                )
        if not (self.variance > 0).all():
            least = int(np.argmin(self.variance))
            raise DataError(
                f"variance must be positive; observation {least} has {self.variance[least]}"
            )

    @property
    def members(self) -> int:
        """Number of members."""
        return self.x.shape[1]

    @property
    def reach(self) -> np.ndarray:
        """Number of observations (state,) that reach each row."""
        if self.weights is None:
            return np.full(len(self.x), len(self.y))
        return self.weights.reach

    @property
    def reached(self) -> np.ndarray:
        """Whether any observation reaches each row (state,)."""
        return self.reach > 0

    @property
    def innovation(self) -> np.ndarray:
        """y − mean of hx (obs,)."""
        return self.y - self.hx.mean(axis=1)

    @property
    def anomalies(self) -> np.ndarray:
        """Anomalies (obs, member) of the predicted observations from which the gain is built."""
        hx = self.hx if self.gain_hx is None else self.gain_hx
        return hx - hx.mean(axis=1, keepdims=True)

    @property
    def covariance(self) -> np.ndarray:
        """R (obs, obs), dense."""
        if self.correlation is None:
            return np.diag(self.variance)
        sd = np.sqrt(self.variance)
        return sd[:, None] * self.correlation * sd

    def scaled_x(self) -> np.ndarray:
        """Mean + scale · anomaly (state, member): the ensemble whose covariance the gain uses."""
        if self.scale is None:
            return self.x
        mean = self.x.mean(axis=1, keepdims=True)
        return mean + self.scale[:, None] * (self.x - mean)

    def realised(self) -> Problem:
        """The problem whose members themselves carry the scaled anomalies, within reach."""
        if self.scale is None or self.gain_hx is None:
            return self
        extra = np.where(self.reached, self.scale - 1.0, 0.0)
        x = self.x if self.overwrite else self.x.copy()
        return replace(self, x=spread(x, extra), hx=self.gain_hx, gain_hx=None, scale=None)

    def rows(self, rows: slice | np.ndarray) -> Problem:
        """The same analysis for some of the rows; what needs whole columns is dropped."""
        per_row = ("state_places", "damping", "lower", "upper", "scaled", "weights", "scale")
        parts = {name: getattr(self, name) for name in per_row}
        parts = {name: None if value is None else value[rows] for name, value in parts.items()}
        return replace(self, x=self.x[rows], operator=None, water=None, **parts)


def spread(x: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """x += extra · anomaly, in place and block by block; rows with extra = 0 keep their bits."""
    for start in range(0, len(x), 4096):
        part = x[start : start + 4096]
        part += extra[start : start + 4096, None] * (part - part.mean(axis=1, keepdims=True))
    return x


@dataclass(frozen=True, eq=False)
class Analysis:
    """What an analysis leaves: x (state, member), what to report, what the next must know."""

    x: np.ndarray
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, np.ndarray] = field(default_factory=dict)
