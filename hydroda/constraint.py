"""What an analysis must respect: the water budget (weakly) and bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import block_diag

from hydroda.analysis import Operator, Places, Problem, Water
from hydroda.errors import DeclarationError
from hydroda.units import Amount, magnitude

Diagnostics = dict[str, Any]


class Constraint:
    """Two hooks around an update; each is the identity unless a subclass writes it."""

    observes: ClassVar[bool] = False
    """Whether it alone, without any observation, asks for an analysis."""

    needs_operator: ClassVar[bool] = False
    """Whether it sums water anew, and so needs all rows of the state at once."""

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
    needs_operator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", _positive_floor(self.floor, "WaterBudget.floor"))

    def variance(self, problem: Problem, water: Water) -> np.ndarray:
        """φ (k,) [mm²]."""
        variance = budget_variance(water, self.floor)
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
            variance=np.concatenate([problem.variance, self.variance(problem, water)]),
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
        report: Diagnostics = {"budget_variance": self.variance(problem, water)}
        if water.operator is None:
            return x, {**report, "clipped": clip(x, problem.lower, problem.upper)}
        return x, {**report, **_closed(problem, water, water.operator, x)}


@dataclass(frozen=True)
class ColumnBudgets(Constraint):
    """Draws every column to its own budget after the observations, one column at a time.

    For domains of thousands of columns, where `WaterBudget` would add as many observations to one
    system: here a column's budget changes that column only, by a scalar Kalman step on the
    analysed members (observations with independent errors may be assimilated one after the other).
    Rows without a place are left alone. Reported as by `WaterBudget`.
    """

    floor: Amount = "1e-8 mm**2"
    needs_operator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", _positive_floor(self.floor, "ColumnBudgets.floor"))

    def repair(self, problem: Problem, x: np.ndarray) -> tuple[np.ndarray, Diagnostics]:
        water = problem.water
        if water is None:
            return x, {"clipped": clip(x, problem.lower, problem.upper)}
        if water.operator is None:
            raise DeclarationError("ColumnBudgets needs Water.operator, to sum the water anew")
        variance = budget_variance(water, self.floor)
        column = _column_of_rows(problem, water)
        content = water.operator(x)
        anomalies = content - content.mean(axis=1, keepdims=True)
        total = (problem.members - 1) * (content.var(axis=1, ddof=1) + variance)
        missing = water.target - content
        for rows in np.array_split(np.flatnonzero(column >= 0), 1 + len(x) // 4096):
            part, here = x[rows], column[rows]
            covariance = ((part - part.mean(axis=1, keepdims=True)) * anomalies[here]).sum(axis=1)
            # Damping is an array since Problem.__post_init__.
            gain = problem.damping[rows] * covariance / total[here]  # type: ignore[index]
            x[rows] = part + gain[:, None] * missing[here]
        report = _closed(problem, water, water.operator, x)
        return x, {"budget_variance": variance, **report}


def _column_of_rows(problem: Problem, water: Water) -> np.ndarray:
    """Which budget (row,) each row belongs to, −1 where none."""
    if len(water.target) == 1 and water.places is None:
        return np.zeros(len(problem.x), dtype=np.int64)
    if water.places is None or problem.state_places is None:
        raise DeclarationError("ColumnBudgets needs the places of rows and of water budgets")
    number = {xy: k for k, xy in enumerate(zip(water.places.x, water.places.y, strict=True))}
    line, places = problem.state_places.distinct(("x", "y"))
    found = [number.get(xy, -1) for xy in zip(places.x, places.y, strict=True)]
    return np.array(found, dtype=np.int64)[line]


def _closed(problem: Problem, water: Water, operator: Operator, x: np.ndarray) -> Diagnostics:
    """Clips `x` in place and reports how the budgets close before and after."""
    before = operator(x)
    clipped = clip(x, problem.lower, problem.upper)
    after = operator(x)
    return {
        "clipped": clipped,
        "residual_before_clipping": water.target - before,
        "residual": water.target - after,
        "water_increment": after - water.content,
    }


def budget_variance(water: Water, floor: Amount) -> np.ndarray:
    """φ (k,) [mm²]: sample variance of the budget over members (Dan, Eq. 9), at least `floor`."""
    least = float(magnitude(floor, "mm**2", "floor"))
    return np.asarray(np.maximum(water.target.var(axis=1, ddof=1), least))


def _positive_floor(floor: Amount, name: str) -> float:
    value = magnitude(floor, "mm**2", name)
    if not value > 0:
        raise DeclarationError(f"{name} must be positive; got {value!r}")
    return value


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
