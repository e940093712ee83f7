"""What an analysis must respect: the water budget (weakly) and bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import block_diag

from hydroda.analysis import Places, Problem
from hydroda.errors import DeclarationError
from hydroda.units import Amount, magnitude

Diagnostics = dict[str, Any]


class Constraint:
    """Two hooks around an update; each is the identity unless a subclass writes it."""

    observes: ClassVar[bool] = False
    """Whether `augment` adds observations, so that there is an analysis without any others."""

    def augment(self, problem: Problem) -> Problem:
        """The problem with what the constraint adds to its observations."""
        return problem

    def repair(self, problem: Problem, x: np.ndarray) -> tuple[np.ndarray, Diagnostics]:
        """The analysis (state, member) that respects the constraint; may write into `x`."""
        return x, {}


@dataclass(frozen=True)
class NoConstraint(Constraint):
    """Asks for nothing."""


@dataclass(frozen=True)
class Bounds(Constraint):
    """Clips each row to [lower, upper] and reports what that changed.

    Numbers are in the row's own unit; None takes the bounds that the problem brings along.
    Reported: clipped (state,), mean over members of the change [unit of the row].
    """

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise DeclarationError(f"Bounds needs lower < upper; got {self.lower}, {self.upper}")

    def repair(self, problem: Problem, x: np.ndarray) -> tuple[np.ndarray, Diagnostics]:
        lower = problem.lower if self.lower is None else np.full(len(x), float(self.lower))
        upper = problem.upper if self.upper is None else np.full(len(x), float(self.upper))
        return x, {"clipped": clip(x, lower, upper)}


def clip(x: np.ndarray, lower: np.ndarray | None, upper: np.ndarray | None) -> np.ndarray:
    """Clips `x` (state, member) in place; mean change of each row (state,)."""
    change = np.zeros(len(x))
    if lower is None and upper is None:
        return change
    for start in range(0, len(x), 4096):
        rows = slice(start, start + 4096)
        before = x[rows].copy()
        np.clip(
            x[rows],
            -np.inf if lower is None else lower[rows, None],
            np.inf if upper is None else upper[rows, None],
            out=x[rows],
        )
        change[rows] = (x[rows] - before).mean(axis=1)
    return change


@dataclass(frozen=True)
class WaterBudget(Constraint):
    """Draws each column's water cᵀx towards its budget β with error variance φ (Dan, Eq. 8-13).

    β enters as one more observation of operator cᵀ, so no covariance is inverted. φ is the sample
    variance of β over members, at least `floor` [mm²]; every member is drawn to its own β.
    Without a budget the constraint is off. Afterwards rows are clipped to the problem's bounds.

    inflate_budget=True multiplies φ by the inflation λ: the paper inflates P but not φ, which
    tightens the constraint by λ.

    Reported: residual β − cᵀxᵃ (k, member) [mm] before and after clipping, water_increment [mm],
    budget_variance φ [mm²], clipped (state,).
    """

    inflate_budget: bool = False
    floor: Amount = "1e-8 mm**2"
    observes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        floor = magnitude(self.floor, "mm**2", "WaterBudget.floor")
        if not floor > 0:
            raise DeclarationError(f"WaterBudget.floor must be positive; got {floor!r}")
        object.__setattr__(self, "floor", floor)

    def variance(self, problem: Problem) -> np.ndarray:
        """φ (k,) [mm²]."""
        assert problem.water is not None
        variance = np.maximum(problem.water.target.var(axis=1, ddof=1), float(self.floor))
        return variance * problem.factor if self.inflate_budget else variance

    def augment(self, problem: Problem) -> Problem:
        water = problem.water
        if water is None:
            return problem
        mean = water.target.mean(axis=1)
        correlation = problem.correlation
        return replace(
            problem,
            hx=np.concatenate([problem.hx, water.content]),
            y=np.concatenate([problem.y, mean]),
            variance=np.concatenate([problem.variance, self.variance(problem)]),
            correlation=None if correlation is None else block_diag(correlation, np.eye(len(mean))),
            noise=_with_rows(problem.noise, water.target - mean[:, None]),
            obs_places=_with_places(problem.obs_places, water.places, len(mean)),
            gain_hx=_with_rows(problem.gain_hx, _gain_content(problem)),
            weights=None,
            obs_weights=None,
        )

    def repair(self, problem: Problem, x: np.ndarray) -> tuple[np.ndarray, Diagnostics]:
        water = problem.water
        if water is None:
            return x, {"clipped": clip(x, problem.lower, problem.upper)}
        report: Diagnostics = {"budget_variance": self.variance(problem)}
        if water.operator is None:
            return x, {**report, "clipped": clip(x, problem.lower, problem.upper)}
        before = water.operator(x)
        report["clipped"] = clip(x, problem.lower, problem.upper)
        after = water.operator(x)
        report["residual_before_clipping"] = water.target - before
        report["residual"] = water.target - after
        report["water_increment"] = after - water.content
        return x, report


def _with_rows(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or second is None else np.concatenate([first, second])


def _with_places(places: Places | None, water: Places | None, k: int) -> Places | None:
    if places is None:
        return None
    return Places.joined(places, Places.nowhere(k) if water is None else water)


def _gain_content(problem: Problem) -> np.ndarray | None:
    """Water (k, member) [mm] of the ensemble whose covariance the gain uses."""
    water, scale = problem.water, problem.scale
    if water is None or scale is None:
        return None
    if water.operator is not None:
        return water.operator(problem.scaled_x())
    if np.ptp(scale):
        raise DeclarationError(
            "scaling the anomalies of some rows needs Water.operator, to sum the water anew"
        )
    mean = water.content.mean(axis=1, keepdims=True)
    return mean + scale[0] * (water.content - mean)
