"""The order of one analysis, the same for every filter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np

from hydroda.analysis import Analysis, Problem
from hydroda.bias import Bias, NoBias
from hydroda.constraint import Constraint, NoConstraint
from hydroda.errors import DataError
from hydroda.filters.taper import OnAnomalies, OnCovariances, TaperForm, resolve_search
from hydroda.inflation import Inflation, NoInflation
from hydroda.localization import Localization, NoLocalization, VerticalExponential
from hydroda.pairs import rows_of

BLOCK = 1 << 21
"""Numbers of x copied at once where the prior is needed after it was overwritten."""


@dataclass(frozen=True)
class Filter(ABC):
    """One analysis, put together from parts. A filter author writes `update` only.

    >>> LETKF(GaspariCohn(halfwidth="60 cm"), RTPS(0.4))
    """

    localization: Localization = field(default_factory=NoLocalization)
    inflation: Inflation = field(default_factory=NoInflation)
    constraint: Constraint = field(default_factory=NoConstraint)
    bias: Bias = field(default_factory=NoBias)
    _: KW_ONLY
    taper: TaperForm | None = None

    @abstractmethod
    def update(self, problem: Problem) -> np.ndarray:
        """The analysis (state, member) of a problem with weights; damping included.

        It is a new array, or `problem.x` itself where the problem says `overwrite`.
        """

    def finish(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        """The analysis after inflation, before repair; the identity for most filters."""
        return x

    @property
    def needs_operator(self) -> bool:
        """Whether the problem must bring operators, and so all rows of the state at once."""
        scales = isinstance(self.form, OnAnomalies) and self.localization != NoLocalization()
        parts = self.constraint.needs_operator or self.inflation.needs_operator
        return scales or parts or self.bias != NoBias()

    @property
    def form(self) -> TaperForm:
        """Where the taper enters: as declared, else as the localization's paper has it."""
        if self.taper is not None:
            return self.taper
        if isinstance(self.localization, VerticalExponential):
            return OnAnomalies()
        return OnCovariances()

    def analyse(self, problem: Problem) -> Analysis:
        """Bias, taper, inflation, constraint, update, inflation, repair: in this order.

        Without observations and without a budget the prior comes back as it is.
        """
        if not len(problem.y) and (problem.water is None or not self.constraint.observes):
            return Analysis(problem.x, _reach(problem), problem.memory)
        problem, report = self._prepared(problem)
        x = self.finish(problem, self._updated(problem))
        x, repaired = self.constraint.repair(problem, x)
        return Analysis(x, {**report, **repaired}, problem.memory)

    def shares(self, problem: Problem) -> np.ndarray:
        """The part (state, obs) of each observation in the change of the ensemble mean."""
        count = len(problem.y)
        problem, _ = self._prepared(replace(problem, overwrite=False))
        silent = None if problem.noise is None else np.zeros_like(problem.noise)
        before, predicted = problem.x.mean(axis=1), problem.hx.mean(axis=1)
        shares = []
        for number in range(count):
            y = predicted.copy()
            y[number] = problem.y[number]
            x = self.update(replace(problem, y=y, noise=silent))
            shares.append(x.mean(axis=1) - before)
        return np.column_stack(shares)

    def _prepared(self, problem: Problem) -> tuple[Problem, dict[str, Any]]:
        """The problem that `update` solves, and what its preparation has to report."""
        if problem.state_places is None and not isinstance(self.localization, NoLocalization):
            raise DataError(f"{self.localization!r} needs Problem.state_places")
        self.localization.check(problem.obs_places)
        report: dict[str, Any] = {}
        if len(problem.y):
            problem, told = self.bias.correct(problem)
            report |= told
            scheme, problem, told = resolve_search(self, problem)
            report |= told
            problem = self.form.localize(scheme, self.form.scale(scheme, problem))
            report |= _reach(problem)
            problem, told = self.inflation.prior(problem)
            report |= told
            problem, told = self.bias.learn(problem)
            report |= told
        problem = self.constraint.augment(problem)
        if problem.weights is None:
            problem = self.form.localize(self.localization, problem)
        return problem, report

    def _updated(self, problem: Problem) -> np.ndarray:
        if not (problem.overwrite and self.inflation.needs_prior):
            return self.inflation.posterior(problem, self.update(problem))
        for rows in _blocks(problem):
            part = replace(problem.rows(rows), overwrite=False)
            problem.x[rows] = self.inflation.posterior(part, self.update(part))
        return problem.x


def _reach(problem: Problem) -> dict[str, np.ndarray]:
    """How many observations reach each row, and how many rows each observation."""
    if problem.weights is None:
        rows = np.full(len(problem.y), len(problem.x))
    else:
        weights = problem.weights
        rows = rows_of(weights.line, weights.start, weights.obs, len(problem.y))
    return {"reach": problem.reach, "reached_rows": rows}


def _blocks(problem: Problem) -> Iterator[slice]:
    step = max(1, BLOCK // problem.members)
    for start in range(0, len(problem.x), step):
        yield slice(start, start + step)
