"""Filters that add a gain times innovations to each member: EnKF, DEnKF."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from hydroda.analysis import Problem
from hydroda.errors import DeclarationError
from hydroda.filters.base import Filter
from hydroda.filters.rows import add_to_rows


@dataclass(frozen=True)
class GainFilter(Filter):
    """x + α K d with one innovation d per member; its author writes `innovations`."""

    @abstractmethod
    def innovations(self, problem: Problem) -> np.ndarray:
        """Innovations (obs, member)."""

    def update(self, problem: Problem) -> np.ndarray:
        left, right = self.form.factors(problem, self.innovations(problem))
        return add_to_rows(problem, left, right)


@dataclass(frozen=True)
class EnKF(GainFilter):
    """The ensemble Kalman filter with perturbed observations: d_j = y + ε_j − Hx_j.

    Li, Eq. 1-3; Burgers, van Leeuwen and Evensen (1998). With `constraint=WaterBudget()` it is the
    weakly constrained filter of Dan (Eq. 8-13).

    >>> EnKF(VerticalExponential(threshold=6), MaximumLikelihood(at_least=1), WaterBudget())
    """

    def innovations(self, problem: Problem) -> np.ndarray:
        if problem.noise is None:
            raise DeclarationError(
                "EnKF needs Problem.noise, draws (obs, member) of the observation error; "
                "DEnKF, ETKF and LETKF need none"
            )
        return problem.y[:, None] + problem.noise - problem.hx


@dataclass(frozen=True)
class DEnKF(GainFilter):
    """The deterministic ensemble Kalman filter: half the gain on the anomalies.

    Sakov and Oke (2008), Eq. 13-15. DOI 10.1111/j.1600-0870.2007.00299.x.
    """

    def innovations(self, problem: Problem) -> np.ndarray:
        mean = problem.hx.mean(axis=1, keepdims=True)
        return problem.y[:, None] - mean - 0.5 * (problem.hx - mean)
