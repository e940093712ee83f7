"""Model bias estimated along with the state (Dee 2005, as used by Dan)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from hydroda.analysis import Problem
from hydroda.errors import DeclarationError

Diagnostics = dict[str, Any]


class Bias:
    """Two hooks before an update; each is the identity unless a subclass writes it."""

    def correct(self, problem: Problem) -> tuple[Problem, Diagnostics]:
        """The problem of the bias-corrected forecast, and what to report."""
        return problem, {}

    def learn(self, problem: Problem) -> tuple[Problem, Diagnostics]:
        """The problem with the new bias estimate in its memory; the gain is known by now."""
        return problem, {}


@dataclass(frozen=True)
class NoBias(Bias):
    """The forecast is taken as unbiased."""


class BiasGain(ABC):
    """How much of an innovation is taken for bias."""

    @abstractmethod
    def fraction(self, innovations: np.ndarray) -> float:
        """μ in [0, 1), from innovations (time, obs) normalised by √(R + HPHᵀ)."""

    def weights(self, problem: Problem, innovations: np.ndarray) -> tuple[np.ndarray, float]:
        """q (obs,) such that Δb = −P̃Hᵀ q, and the gain to report.

        In observation space HΔb = −μ d, whatever the inflation: q = μ (HP̃Hᵀ)⁺ d.
        """
        mu = self.fraction(innovations)
        inverse = np.linalg.pinv(_gain_covariance(problem), rcond=1e-6, hermitian=True)
        return mu * (inverse @ problem.innovation), mu


@dataclass(frozen=True)
class FixedGain(BiasGain):
    """The same μ always."""

    mu: float = 0.05

    def __post_init__(self) -> None:
        _fraction(self.mu, "FixedGain.mu")

    def fraction(self, innovations: np.ndarray) -> float:
        return self.mu


@dataclass(frozen=True)
class WhiteningGain(BiasGain):
    """The μ that makes the innovations whitest once their bias is removed (Dan, A6), capped.

    Until `after` innovations are known, `start` is used.
    """

    at_most: float = 0.3
    start: float = 0.05
    after: int = 10

    def __post_init__(self) -> None:
        _fraction(self.at_most, "WhiteningGain.at_most")
        _fraction(self.start, "WhiteningGain.start")

    def fraction(self, innovations: np.ndarray) -> float:
        if len(innovations) < max(self.after, 2):
            return min(self.start, self.at_most)
        grid = np.linspace(0.0, self.at_most, 301)
        return float(grid[np.argmin(whiteness(grid, innovations))])


@dataclass(frozen=True)
class PrintedGain(WhiteningGain):
    """γ as the paper prints it (Dan, A1 and A5), with the gain of the inflated covariance.

    γ = μ/(1−μ) (R + HPHᵀ)/HPHᵀ multiplies a gain below 1 by a number that grows without limit as
    the spread falls; kept as a variant for comparison. Several observations take the ratio of
    traces.
    """

    def weights(self, problem: Problem, innovations: np.ndarray) -> tuple[np.ndarray, float]:
        mu = self.fraction(innovations)
        spread = float(problem.hx.var(axis=1, ddof=1).sum())
        if spread == 0.0:
            return np.zeros_like(problem.y), 0.0
        gamma = mu / (1.0 - mu) * (float(problem.variance.sum()) + spread) / spread
        total = _gain_covariance(problem) + problem.covariance
        return gamma * np.linalg.solve(total, problem.innovation), gamma


def whiteness(mu: np.ndarray, innovations: np.ndarray) -> np.ndarray:
    """How far the innovations (time, obs) are from white once a bias is removed with gain μ.

    f(μ) = Σ_n n² {|1 − μ/(1 − (1−μ) z)|² |Σ_t d_t z^t|² / T − 1}², z = exp(−2πi/n), over the
    periods n = 2 … T in steps, summed over observations; d is normalised by √(R + HPHᵀ).
    Dan, A6, after Dee and Todling (2000), DOI 10.1175/1520-0493(2000)128<3268:DAITPO>2.0.CO;2.
    """
    mu = np.atleast_1d(mu)
    steps = len(innovations)
    periods = np.arange(2, steps + 1)
    z = np.exp(-2j * math.pi / periods)
    spectrum = np.abs(z[:, None] ** np.arange(steps) @ innovations) ** 2 / steps
    response = np.abs(1 - mu[:, None] / (1 - (1 - mu[:, None]) * z)) ** 2
    misfit = (response[:, :, None] * spectrum - 1.0) ** 2
    return np.asarray(np.einsum("mno,n->m", misfit, periods.astype(np.float64) ** 2))


def _fraction(value: float, name: str) -> None:
    if not 0.0 <= value < 1.0:
        raise DeclarationError(f"{name} must lie in [0, 1); got {value!r}")


@dataclass(frozen=True)
class Dee2005(Bias):
    """b_t = b_{t−1} − γ P̃Hᵀ(HP̃Hᵀ + R)⁻¹(y − H(x̄ − b_{t−1})); the analysis starts at x − b_{t−1}.

    Dan, Eq. 15-16, after Dee (2005), DOI 10.1256/qj.05.137. P̃ is tapered as the state's gain is.
    The estimate is bounded: |b| ≤ `at_most` [unit of the row], and the corrected mean stays
    within the problem's bounds. `window` is how many innovations are remembered.

    Reported: bias (state,), the one removed here, and bias_gain.
    """

    gain: BiasGain = field(default_factory=WhiteningGain)
    at_most: float = math.inf
    window: int = 200

    def __post_init__(self) -> None:
        if not self.at_most > 0:
            raise DeclarationError(f"Dee2005.at_most must be positive; got {self.at_most!r}")
        if self.window < 2:
            raise DeclarationError(f"Dee2005.window must be at least 2; got {self.window!r}")

    def correct(self, problem: Problem) -> tuple[Problem, Diagnostics]:
        bias = np.asarray(problem.memory.get("bias", np.zeros(len(problem.x))))
        if bias.shape != (len(problem.x),):
            raise DeclarationError(
                f"memory['bias'] must have shape {(len(problem.x),)}; got {bias.shape}"
            )
        memory = {**problem.memory, "bias": bias, "bias_innovations": self._history(problem)}
        report: Diagnostics = {"bias": bias}
        if not bias.any():
            return replace(problem, memory=memory), report
        return _shifted(replace(problem, memory=memory), bias), report

    def _history(self, problem: Problem) -> np.ndarray:
        """Normalised innovations (time, obs) of the uncorrected forecasts, the newest last.

        A changed number of observations starts the series anew: nothing says which is which.
        """
        total = problem.hx.var(axis=1, ddof=1) + problem.variance
        newest = (problem.innovation / np.sqrt(total))[None]
        past = np.asarray(problem.memory.get("bias_innovations", newest[:0]))
        if past.shape[1:] != newest.shape[1:]:
            past = newest[:0]
        return np.concatenate([past, newest])[-self.window :]

    def learn(self, problem: Problem) -> tuple[Problem, Diagnostics]:
        bias = np.asarray(problem.memory["bias"])
        q, gain = self.gain.weights(problem, np.asarray(problem.memory["bias_innovations"]))
        estimate = bias - _towards(problem, q)
        mean = problem.x.mean(axis=1) + bias
        if problem.upper is not None:
            estimate = np.maximum(estimate, np.minimum(mean - problem.upper, 0.0))
        if problem.lower is not None:
            estimate = np.minimum(estimate, np.maximum(mean - problem.lower, 0.0))
        estimate = np.clip(estimate, -self.at_most, self.at_most)
        memory = {**problem.memory, "bias": estimate}
        return replace(problem, memory=memory), {"bias_gain": gain}


def _shifted(problem: Problem, bias: np.ndarray) -> Problem:
    """The problem whose members have lost `bias`, with their predictions made anew."""
    if problem.operator is None:
        raise DeclarationError(
            "bias correction needs Problem.operator, to predict the corrected forecast"
        )
    x, water = problem.x - bias[:, None], problem.water
    if water is not None:
        if water.operator is None:
            raise DeclarationError("bias correction with a water budget needs Water.operator")
        water = replace(water, content=water.operator(x))
    return replace(problem, x=x, hx=problem.operator(x), water=water)


def _gain_covariance(problem: Problem) -> np.ndarray:
    anomalies = problem.anomalies
    s = anomalies @ anomalies.T / (problem.members - 1)
    return s if problem.obs_weights is None else s * problem.obs_weights.dense()


def _towards(problem: Problem, q: np.ndarray) -> np.ndarray:
    """P̃Hᵀ q (state,), row by row so that it does not depend on which rows are here."""
    a = problem.anomalies
    mean = problem.x.mean(axis=1, keepdims=True)
    weights = problem.weights
    if weights is None:
        pattern, line = (q @ a)[None], np.zeros(len(problem.x), dtype=np.int64)
    else:
        taper = sparse.csr_array(
            (weights.value, weights.obs, weights.start), shape=(weights.lines, len(q))
        )
        pattern, line = taper @ (q[:, None] * a), weights.line
    scale = 1.0 if problem.scale is None else problem.scale
    covariance = ((problem.x - mean) * pattern[line]).sum(axis=1) / (problem.members - 1)
    return np.asarray(scale * covariance)
