"""Where a taper enters the gain: four answers that give different analyses.

The increment is written with two factors (obs, member), Σ_o ρ_o (a · left_o) right_o for a row with
anomalies a, so that nothing of size observations × cells ever exists.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hydroda.analysis import Places, Problem, Weights
from hydroda.errors import DeclarationError
from hydroda.filters.solve import solve_innovation
from hydroda.inflation import innovation_likelihood
from hydroda.localization import (
    Localization,
    NoLocalization,
    VerticalExponential,
    choose_threshold,
)

if TYPE_CHECKING:
    from hydroda.filters.base import Filter

Factors = tuple[np.ndarray, np.ndarray]


class TaperForm(ABC):
    """Turns a localization into weights, and innovations into the two factors of the increment."""

    def localize(self, scheme: Localization, problem: Problem) -> Problem:
        """The problem with the weights of its rows and, where needed, of its observations."""
        return replace(problem, weights=_row_weights(scheme, problem), obs_weights=None)

    def scale(self, scheme: Localization, problem: Problem) -> Problem:
        """The problem whose gain comes from scaled anomalies, for forms that scale them."""
        return problem

    @abstractmethod
    def factors(self, problem: Problem, innovations: np.ndarray) -> Factors:
        """left and right (obs, member), from innovations (obs, member)."""


def _row_weights(scheme: Localization, problem: Problem) -> Weights:
    if isinstance(scheme, NoLocalization):
        return Weights.ones(len(problem.x), len(problem.y))
    return scheme.weights(*_placed(problem))


def _placed(problem: Problem) -> tuple[Places, Places]:
    assert problem.state_places is not None and problem.obs_places is not None
    return problem.state_places, problem.obs_places


@dataclass(frozen=True)
class OnCovariances(TaperForm):
    """ρ on both HP and HPHᵀ: K = (ρ ∘ PHᵀ)(ρ ∘ HPHᵀ + R)⁻¹ (Li; TSMP-PDAF)."""

    def localize(self, scheme: Localization, problem: Problem) -> Problem:
        obs_weights = None
        if not isinstance(scheme, NoLocalization):
            _, obs = _placed(problem)
            obs_weights = scheme.weights(obs, obs)
        return replace(problem, weights=_row_weights(scheme, problem), obs_weights=obs_weights)

    def factors(self, problem: Problem, innovations: np.ndarray) -> Factors:
        left = problem.anomalies / (problem.members - 1)
        return left, solve_innovation(problem, innovations)


@dataclass(frozen=True)
class OnCrossCovariance(TaperForm):
    """ρ on PHᵀ only: K = (ρ ∘ PHᵀ)(HPHᵀ + R)⁻¹ (the text of Li)."""

    def factors(self, problem: Problem, innovations: np.ndarray) -> Factors:
        left = problem.anomalies / (problem.members - 1)
        return left, solve_innovation(problem, innovations)


@dataclass(frozen=True)
class OnGain(TaperForm):
    """ρ on the gain: K = ρ ∘ (PHᵀ(HPHᵀ + R)⁻¹) (as ERT does)."""

    def factors(self, problem: Problem, innovations: np.ndarray) -> Factors:
        left = solve_innovation(problem, problem.anomalies) / (problem.members - 1)
        return left, innovations


@dataclass(frozen=True)
class OnAnomalies(TaperForm):
    """ρ on the state anomalies: P̃ = ρPρ with a diagonal ρ (Dan, Eq. 4).

    Observations and water are predicted anew from the scaled anomalies, so that every block of P̃ is
    tapered; the members themselves are not. With several observations a row takes its weight to the
    one that weighs most. Rows outside `Problem.scaled` keep the weight 1.
    """

    def localize(self, scheme: Localization, problem: Problem) -> Problem:
        return replace(
            problem, weights=Weights.ones(len(problem.x), len(problem.y)), obs_weights=None
        )

    def scale(self, scheme: Localization, problem: Problem) -> Problem:
        if isinstance(scheme, NoLocalization):
            return problem
        if problem.operator is None:
            raise DeclarationError(
                "OnAnomalies() needs Problem.operator, to predict the observations anew"
            )
        taper = scheme.weights(*_placed(problem)).largest
        if problem.scaled is not None:
            taper = np.where(problem.scaled, taper, 1.0)
        scaled = replace(problem, scale=taper)
        return replace(scaled, gain_hx=problem.operator(scaled.scaled_x()))

    def factors(self, problem: Problem, innovations: np.ndarray) -> Factors:
        left = problem.anomalies / (problem.members - 1)
        return left, solve_innovation(problem, innovations)


def resolve_search(
    filter: Filter, problem: Problem
) -> tuple[Localization, Problem, dict[str, Any]]:
    """The localization with its threshold layer chosen, where the declaration says `Search()`.

    −2 ln L of every candidate is added to memory["threshold_likelihood"]; the choice is the first
    local minimum of the sums so far.
    """
    scheme = filter.localization
    if not isinstance(scheme, VerticalExponential) or scheme.fixed:
        return scheme, problem, {}
    state, _ = _placed(problem)
    candidates = tuple(scheme.candidates_of(state.depth))
    total = np.array([_likelihood(filter, candidate, problem) for candidate in candidates])
    past = np.asarray(problem.memory.get("threshold_likelihood", np.zeros(len(candidates))))
    if past.shape != total.shape:
        raise DeclarationError(
            f"memory['threshold_likelihood'] must have {len(total)} candidates; got {len(past)}"
        )
    total = total + past
    chosen = candidates[choose_threshold(total, first=0)]
    memory = {**problem.memory, "threshold_likelihood": total}
    report = {"threshold": chosen.threshold, "threshold_likelihood": total}
    return chosen, replace(problem, memory=memory), report


def _likelihood(filter: Filter, scheme: VerticalExponential, problem: Problem) -> float:
    tapered = filter.form.localize(scheme, filter.form.scale(scheme, problem))
    _, report = filter.inflation.prior(tapered)
    if "inflation_likelihood" in report:
        return float(report["inflation_likelihood"])
    return innovation_likelihood(tapered)(1.0)
