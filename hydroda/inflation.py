"""Inflation: giving back the spread that a finite ensemble and an imperfect model take away.

Factors multiply anomalies unless a name says variance. Nothing is inflated that no observation
reaches, and rows without spread stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize_scalar

from hydroda.analysis import Problem, spread
from hydroda.errors import DeclarationError

Diagnostics = dict[str, Any]


class Inflation:
    """Two hooks around an update; each is the identity unless a subclass writes it."""

    needs_prior: ClassVar[bool] = False
    """Whether `posterior` reads the prior members, which then may not be overwritten."""
    needs_operator: ClassVar[bool] = False
    """Whether `prior` may predict the observations anew, as where it scales some rows only."""

    def prior(self, problem: Problem) -> tuple[Problem, Diagnostics]:
        """The problem to solve and what to report, before the update."""
        return problem, {}

    def posterior(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        """The analysis (state, member) after inflation; may write into `x`."""
        return x


@dataclass(frozen=True)
class NoInflation(Inflation):
    """Leaves prior and posterior alone."""


@dataclass(frozen=True)
class Fixed(Inflation):
    """Analysis anomalies times `factor` (the variance grows by its square).

    A damped row (α < 1) is inflated by 1 + α (factor − 1): an unchanged row stays unchanged.
    """

    factor: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise DeclarationError(f"Fixed.factor must be positive; got {self.factor!r}")

    def posterior(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        if self.factor == 1.0:
            return x
        return spread(x, np.where(problem.reached, problem.damping * (self.factor - 1.0), 0.0))


@dataclass(frozen=True)
class RTPS(Inflation):
    """Relaxation to prior spread: σᵃ ← σᵃ + α (σᶠ − σᵃ) by scaling the anomalies.

    Whitaker and Hamill (2012), Eq. 2. DOI 10.1175/MWR-D-11-00276.1.
    """

    relaxation: float
    needs_prior: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _fraction(self.relaxation, "RTPS.relaxation")

    def posterior(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        if self.relaxation == 0.0:
            return x
        before, after = problem.x.std(axis=1), x.std(axis=1)
        lost = np.divide(before - after, after, out=np.zeros_like(after), where=after > 0)
        return spread(x, np.where(problem.reached, self.relaxation * lost, 0.0))


@dataclass(frozen=True)
class RTPP(Inflation):
    """Relaxation to prior perturbations: anomalies (1 − α) a + α f.

    Zhang, Snyder and Sun (2004), Eq. 5. DOI 10.1175/1520-0493(2004)132<1238:IOIEAO>2.0.CO;2.
    """

    relaxation: float
    needs_prior: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _fraction(self.relaxation, "RTPP.relaxation")

    def posterior(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        if self.relaxation == 0.0:
            return x
        for start in range(0, len(x), 4096):
            part, prior = x[start : start + 4096], problem.x[start : start + 4096]
            change = part - prior
            part -= self.relaxation * (change - change.mean(axis=1, keepdims=True))
        return x


def _fraction(value: float, name: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise DeclarationError(f"{name} must lie in [0, 1]; got {value!r}")


@dataclass(frozen=True)
class MaximumLikelihood(Inflation):
    """The λ of the prior VARIANCE under which the mean innovation is most likely (Dan, Eq. 6-7).

    λ minimises −2 ln L = ln det(λS + R) + dᵀ(λS + R)⁻¹d, where S is the covariance of the
    predicted observations as the gain uses it (tapered), within [at_least, at_most]. For one
    observation λ = (d² − R)/S, and d² < R gives `at_least`. As in Dan only the gain sees λ;
    `members=True` inflates the members too. Square-root filters always inflate the members.

    Reported: inflation λ, inflation_likelihood −2 ln L, inflation_bound (−1, 0, 1: which bound
    was hit) and inflation_hits, how often the lower and upper bound were hit so far.
    """

    needs_operator: ClassVar[bool] = True

    at_least: float = 1.0
    at_most: float = 1000.0
    members: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.at_least <= self.at_most < math.inf:
            raise DeclarationError(
                "MaximumLikelihood needs 0 < at_least <= at_most; got "
                f"{self.at_least!r} and {self.at_most!r}"
            )

    def prior(self, problem: Problem) -> tuple[Problem, Diagnostics]:
        likelihood = innovation_likelihood(problem)
        factor = self._most_likely(problem, likelihood)
        bound = int(factor >= self.at_most) - int(factor <= self.at_least)
        hits = np.array(problem.memory.get("inflation_hits", [0, 0]), dtype=np.int64)
        hits += [bound == -1, bound == 1]
        memory = {**problem.memory, "inflation_hits": hits}
        report = {
            "inflation": factor,
            "inflation_likelihood": likelihood(factor),
            "inflation_bound": bound,
            "inflation_hits": hits,
        }
        inflated = replace(inflate_gain(problem, factor), memory=memory)
        return inflated.realised() if self.members else inflated, report

    def _most_likely(self, problem: Problem, likelihood: Callable[[float], float]) -> float:
        if len(problem.y) == 1:
            variance = float(problem.anomalies.var(ddof=1))
            excess = float(problem.innovation[0] ** 2 - problem.variance[0])
            wanted = excess / variance if variance > 0 else self.at_least
            return min(max(wanted, self.at_least), self.at_most)
        # Several observations may give several minima: the best of a grid, then polished.
        grid = np.linspace(math.log(self.at_least), math.log(self.at_most), 200)
        values = [likelihood(math.exp(g)) for g in grid]
        best = int(np.argmin(values))
        if best in (0, len(grid) - 1) and values[best] <= min(values[1], values[-2]):
            return (self.at_least, self.at_most)[best > 0]
        found = minimize_scalar(
            lambda g: likelihood(math.exp(g)),
            bounds=(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return float(math.exp(found.x))


def innovation_likelihood(problem: Problem) -> Callable[[float], float]:
    """The function λ -> −2 ln L = ln det(λS + R) + dᵀ(λS + R)⁻¹d of this problem.

    Whitened by R and turned into the eigenvectors of S once, so that each λ costs one sum.
    """
    anomalies, d = problem.anomalies, problem.innovation
    sd = np.sqrt(problem.variance)
    whitened, e = anomalies / sd[:, None], d / sd
    log_r = float(np.log(problem.variance).sum())
    if problem.correlation is not None:
        root = np.linalg.cholesky(problem.correlation)
        whitened, e = np.linalg.solve(root, whitened), np.linalg.solve(root, e)
        log_r += 2.0 * float(np.log(np.diag(root)).sum())
    s = anomalies @ anomalies.T / (problem.members - 1)
    if problem.obs_weights is not None:
        s *= problem.obs_weights.dense()
    s /= sd[:, None] * sd
    if problem.correlation is not None:
        s = np.linalg.solve(root, np.linalg.solve(root, s).T)
    values, vectors = np.linalg.eigh(0.5 * (s + s.T))
    values, power = np.maximum(values, 0.0), (vectors.T @ e) ** 2

    def likelihood(factor: float) -> float:
        total = 1.0 + factor * values
        return log_r + float(np.sum(np.log(total) + power / total))

    return likelihood


def inflate_gain(problem: Problem, factor: float) -> Problem:
    """The problem whose gain uses √λ · anomaly on the scaled rows; members stay as they are."""
    root = math.sqrt(factor)
    scale = np.ones(len(problem.x)) if problem.scale is None else problem.scale
    hx = problem.hx if problem.gain_hx is None else problem.gain_hx
    if problem.scaled is None or problem.scaled.all():
        mean = hx.mean(axis=1, keepdims=True)
        return replace(
            problem, scale=root * scale, gain_hx=mean + root * (hx - mean), factor=factor
        )
    if problem.operator is None:
        raise DeclarationError(
            "inflating some of the rows needs Problem.operator, to predict the observations anew"
        )
    inflated = replace(problem, scale=np.where(problem.scaled, root, 1.0) * scale, factor=factor)
    return replace(inflated, gain_hx=problem.operator(inflated.scaled_x()))
