"""A filter that treats every column as if it were alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hydroda.analysis import Analysis, Operator, Problem, Water
from hydroda.errors import DataError
from hydroda.filters.base import Filter
from hydroda.filters.enkf import EnKF

Numbers = NDArray[np.int64]

# What a filter remembers by row of the state; the rest it remembers by column.
BY_ROW = ("bias",)


@dataclass(frozen=True)
class EachColumn(Filter):
    """`each` column analysed by itself: its own gain, inflation, threshold layer, budget and bias.

    An observation belongs to the nearest column and changes no other, as in Dan, section 4.1. Rows
    without a place are left alone. Reported numbers are means over the columns with observations.

    >>> EachColumn(each=EnKF(VerticalExponential(threshold=6), MaximumLikelihood(), WaterBudget()))
    """

    each: Filter = field(default_factory=EnKF, kw_only=True)

    @property
    def needs_operator(self) -> bool:
        return self.each.needs_operator

    def update(self, problem: Problem) -> np.ndarray:
        return self.analyse(problem).x

    def analyse(self, problem: Problem) -> Analysis:
        x = problem.x if problem.overwrite else problem.x.copy()
        told: list[Mapping[str, Any]] = []
        memory = dict(problem.memory)
        for name in BY_ROW:
            if name in memory:
                memory[name] = np.array(memory[name])
        rows_reached = np.zeros(len(problem.y), dtype=np.int64)
        reach = np.zeros(len(x), dtype=np.int64)
        parts = list(_parts(problem, x))
        for part in parts:
            found = self.each.analyse(part.problem)
            x[part.rows] = found.x
            told.append(found.diagnostics)
            rows_reached[part.observations] = found.diagnostics["reached_rows"]
            reach[part.rows] = found.diagnostics["reach"]
            part.remember(found.memory, memory, len(x))
        report = {name: _merged([d[name] for d in told]) for name in _common(told)}
        return Analysis(x, {**report, "reach": reach, "reached_rows": rows_reached}, memory)

    def shares(self, problem: Problem) -> np.ndarray:
        shares = np.zeros((len(problem.x), len(problem.y)))
        for part in _parts(problem, problem.x):
            shares[np.ix_(part.rows, part.observations)] = self.each.shares(part.problem)
        return shares


@dataclass(frozen=True, eq=False)
class Part:
    """The analysis of one column: its rows and observations, and the words of its memory."""

    problem: Problem
    rows: Numbers
    observations: Numbers
    word: str

    def remember(
        self, found: Mapping[str, np.ndarray], memory: dict[str, np.ndarray], size: int
    ) -> None:
        """Nothing; what was found is put where the next analysis of this column looks for it."""
        for name, value in found.items():
            if name in BY_ROW:
                memory.setdefault(name, np.zeros(size))[self.rows] = value
            else:
                memory[self.word + name] = value


def _parts(problem: Problem, x: np.ndarray) -> Iterator[Part]:
    """The columns with observations, in their order."""
    if not len(problem.y):
        return
    if problem.state_places is None or problem.obs_places is None:
        raise DataError("EachColumn needs the places of rows and observations")
    line, places = problem.state_places.distinct(("x", "y"))
    placed = np.flatnonzero(~(np.isnan(places.x) | np.isnan(places.y)))
    if not placed.size and len(places) == 1:
        owner = np.zeros(len(problem.y), dtype=np.int64)
    elif placed.size and not np.isnan(problem.obs_places.x + problem.obs_places.y).any():
        apart = np.hypot(
            problem.obs_places.x[:, None] - places.x[placed],
            problem.obs_places.y[:, None] - places.y[placed],
        )
        owner = placed[apart.argmin(axis=1)]
    else:
        raise DataError("EachColumn needs x and y of every observation and of the columns")
    for number in np.unique(owner):
        rows, mine = np.flatnonzero(line == number), np.flatnonzero(owner == number)
        word = f"column {places.x[number]:.9g} {places.y[number]:.9g}/"
        yield Part(_alone(problem, x, rows, mine, word), rows, mine, word)


def _alone(problem: Problem, x: np.ndarray, rows: Numbers, mine: Numbers, word: str) -> Problem:
    """The problem of some rows and of some observations."""

    def embedded(operator: Operator | None, wanted: Numbers) -> Operator | None:
        if operator is None:
            return None

        def predict(part: np.ndarray) -> np.ndarray:
            whole = x.copy()
            whole[rows] = part
            return operator(whole)[wanted]

        return predict

    def some(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[mine]

    own = {n.removeprefix(word): v for n, v in problem.memory.items() if n.startswith(word)}
    by_row = {n: np.asarray(problem.memory[n])[rows] for n in BY_ROW if n in problem.memory}
    correlation = problem.correlation
    return replace(
        problem.rows(rows),
        hx=problem.hx[mine],
        y=problem.y[mine],
        variance=problem.variance[mine],
        correlation=None if correlation is None else correlation[np.ix_(mine, mine)],
        noise=some(problem.noise),
        obs_places=None if problem.obs_places is None else problem.obs_places[mine],
        operator=embedded(problem.operator, mine),
        water=_own_water(problem, rows, embedded),
        memory={**own, **by_row},
        overwrite=False,
    )


def _own_water(problem: Problem, rows: Numbers, embedded: Any) -> Water | None:
    """The budget of the column of `rows`; None where it has none."""
    water, places = problem.water, problem.state_places
    if water is None or places is None:
        return None
    number = np.zeros(1, dtype=np.int64)
    if water.places is not None and len(water.places) > 1:
        first = rows[0]
        number = np.flatnonzero(
            (water.places.x == places.x[first]) & (water.places.y == places.y[first])
        )
    if number.size != 1:
        return None
    return Water(
        water.content[number],
        water.target[number],
        embedded(water.operator, number),
        None if water.places is None else water.places[number],
    )


def _common(told: list[Mapping[str, Any]]) -> list[str]:
    """What every column reports."""
    return [name for name in told[0] if all(name in one for one in told)] if told else []


def _merged(values: list[Any]) -> Any:
    """One number where each column gives one, else what they give one after the other."""
    if all(np.ndim(value) == 0 for value in values):
        return float(np.mean(values))
    return np.concatenate([np.atleast_1d(value) for value in values])
