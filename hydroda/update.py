"""Updates: which observations change which variables, where, by which filter, and when.

A list of `Update`s is the coupling scheme: fully coupled, weakly coupled, and weakly coupled with
own radii are three lists.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hydroda.errors import DeclarationError
from hydroda.filters import EnKF, Filter
from hydroda.units import Duration, duration
from hydroda.zone import Everywhere, Zone

ASSIMILATED = "assimilated"


class OutlierRule(ABC):
    """What happens to observations far from the forecast; the author of a rule writes `judge`."""

    @abstractmethod
    def judge(
        self, innovation: np.ndarray, spread: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, dict[int, str]]:
        """The error variances to use (infinite: leave out), and a reason by observation.

        innovation (obs,); spread (obs,) variance of the predictions; variance (obs,) of the errors.
        """


@dataclass(frozen=True)
class KeepAll(OutlierRule):
    """Every observation is used with the error it came with."""

    def judge(
        self, innovation: np.ndarray, spread: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, dict[int, str]]:
        return variance, {}


@dataclass(frozen=True)
class InflateError(OutlierRule):
    """Raises the error variance R of an outlier until |innovation| <= limit √(HPHᵀ + R)."""

    limit: float = 2.0

    def judge(
        self, innovation: np.ndarray, spread: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, dict[int, str]]:
        needed = (innovation / self.limit) ** 2 - spread
        raised = np.flatnonzero(needed > variance)
        factor = np.sqrt(needed[raised] / variance[raised])
        reasons = {
            int(i): f"{ASSIMILATED}, outlier: error raised {by:.1f} times"
            for i, by in zip(raised, factor, strict=True)
        }
        return np.maximum(variance, needed), reasons


@dataclass(frozen=True)
class Reject(OutlierRule):
    """Leaves out observations with |innovation| > limit √(HPHᵀ + R)."""

    limit: float = 4.0

    def judge(
        self, innovation: np.ndarray, spread: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, dict[int, str]]:
        ratio = np.abs(innovation) / np.sqrt(spread + variance)
        rejected = np.flatnonzero(ratio > self.limit)
        reasons = {
            int(i): f"rejected: outlier, {ratio[i]:.1f} expected deviations off" for i in rejected
        }
        return np.where(ratio > self.limit, np.inf, variance), reasons


@dataclass(frozen=True)
class Update:
    """`observations` of one quantity change the variables `changes` in `zone` through `filter`.

    every     : at most one observation per sensor in each such span of the run; None: all of them
    damping   : α in x + α (xᵃ − x); 0.1 keeps parameters stable (Li)
    outliers  : what to do with observations far from the forecast
    centred   : whether the drawn observation errors have mean zero over the members
    scales    : variables on which tapers of anomalies and inflation by likelihood act (Dan: soil
                moisture only); None: all states

    Updates by the same observations, filter and zone that fall on one time are one joint analysis.
    """

    observations: str
    changes: str | tuple[str, ...]
    zone: Zone = field(default_factory=Everywhere)
    filter: Filter = field(default_factory=EnKF)
    every: Duration | None = None
    damping: float = 1.0
    outliers: OutlierRule = field(default_factory=InflateError)
    centred: bool = True
    scales: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        changes = (self.changes,) if isinstance(self.changes, str) else tuple(self.changes)
        object.__setattr__(self, "changes", changes)
        if self.scales is not None:
            scales = (self.scales,) if isinstance(self.scales, str) else tuple(self.scales)
            object.__setattr__(self, "scales", scales)
        if self.every is not None:
            object.__setattr__(self, "every", duration(self.every, "every"))
        if not 0 < self.damping <= 1:
            raise DeclarationError(f"damping must lie in (0, 1]; got {self.damping}")

    @property
    def kind(self) -> tuple[object, ...]:
        """What two updates must share to be one joint analysis."""
        return (
            self.observations,
            self.zone,
            self.filter,
            self.outliers,
            self.centred,
            self.scales,
        )


@dataclass(frozen=True)
class JointUpdate:
    """Updates that are one analysis, because the same observations drive them at one time."""

    updates: tuple[Update, ...]

    @property
    def first(self) -> Update:
        """One of them, for what they share."""
        return self.updates[0]

    @property
    def damping(self) -> dict[str, float]:
        """α by variable, in the order of the state."""
        return {name: update.damping for update in self.updates for name in update.changes}

    @property
    def label(self) -> str:
        return f"{self.first.observations} -> {', '.join(self.damping)}"

    def scales(self, name: str, role: str) -> bool:
        """Whether tapers of anomalies and inflation by likelihood act on a variable."""
        chosen = self.first.scales
        return role == "state" if chosen is None else name in chosen


def joined(updates: Sequence[Update]) -> list[JointUpdate]:
    """`updates` that share their kind as joint ones, in the order of first appearance."""
    kinds = list(dict.fromkeys(update.kind for update in updates))
    return [JointUpdate(tuple(u for u in updates if u.kind == kind)) for kind in kinds]
