"""A number beside what is known of it, and what was asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.studies.flow_problems import FlowProblem
from hydroda.studies.report import Value, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSED_STEP, CLOSED_RUN = 1e-6, 1e-8


@dataclass(frozen=True)
class Setting:
    """How much is run, and where the reference numbers are; None: without them."""

    small: bool
    reference: Path | None


@dataclass(frozen=True)
class Part:
    """What one part of the verification found."""

    checks: Sequence[Check]
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)


# --------------------------------------------------------------------------------- what was wanted


class Wanted(ABC):
    """What a number must be; the author writes `words` and `met`."""

    @abstractmethod
    def words(self, check: Check) -> str:
        """The demand, for the table."""

    @abstractmethod
    def met(self, check: Check) -> bool: ...


@dataclass(frozen=True)
class Within(Wanted):
    """So near, relative to the exact value; to ParFlow's where nothing exact is known."""

    part: float

    def words(self, check: Check) -> str:
        whose = "ParFlow" if check.exact is None else "the exact value"
        return f"within {100.0 * self.part:g} % of {whose}"

    def met(self, check: Check) -> bool:
        return abs(check.ours / check.known - 1.0) <= self.part


@dataclass(frozen=True)
class AtMost(Wanted):
    """Not above a limit."""

    limit: float

    def words(self, check: Check) -> str:
        return f"at most {self.limit:g}{check.spaced}"

    def met(self, check: Check) -> bool:
        return check.ours <= self.limit


@dataclass(frozen=True)
class AtLeast(Wanted):
    """Not below a limit."""

    limit: float

    def words(self, check: Check) -> str:
        return f"at least {self.limit:g}{check.spaced}"

    def met(self, check: Check) -> bool:
        return check.ours >= self.limit


@dataclass(frozen=True)
class NoWorse(Wanted):
    """An error that does not exceed ParFlow's."""

    def words(self, check: Check) -> str:
        return "no more than ParFlow's"

    def met(self, check: Check) -> bool:
        return check.parflow is not None and check.ours <= check.parflow


@dataclass(frozen=True)
class Nearer(Wanted):
    """Nearer to the exact value than ParFlow's."""

    def words(self, check: Check) -> str:
        return "nearer than ParFlow's"

    def met(self, check: Check) -> bool:
        if check.exact is None or check.parflow is None:
            return False
        return abs(check.ours - check.exact) <= abs(check.parflow - check.exact)


@dataclass(frozen=True)
class Check:
    """One number; `exact` is exact or a fine solution, `parflow` ParFlow's on the same grid.

    Without `wanted` it is shown and asked of nobody; `why` is what is known of one that is not met.
    """

    problem: str
    quantity: str
    unit: str
    ours: float
    exact: float | None = None
    parflow: float | None = None
    wanted: Wanted | None = None
    why: str = ""

    @property
    def known(self) -> float:
        """The exact value, else ParFlow's."""
        return float("nan") if (v := self._known) is None else v

    @property
    def _known(self) -> float | None:
        return self.parflow if self.exact is None else self.exact

    @property
    def spaced(self) -> str:
        """The unit as it follows a number."""
        return f" {self.unit}" if self.unit not in ("", "1") else ""

    def values(self) -> Iterator[Value]:
        """The number for the tables, once beside each that is known."""
        row = self.problem, self.quantity
        if self.exact is None and self.parflow is None:
            yield Value(*row, "ours", self.unit, None, self.ours)
        for name, value in (("exact", self.exact), ("ParFlow", self.parflow)):
            if value is not None:
                yield Value(*row, f"beside {name}", self.unit, value, self.ours)

    def verdict(self) -> Verdict | None:
        """The row of the table of verdicts."""
        if self.wanted is None:
            return None
        known = [f"{self.exact:.5g}{self.spaced}"] if self.exact is not None else []
        if self.parflow is not None:
            known.append(f"ParFlow {self.parflow:.5g}{self.spaced}")
        met = bool(self.wanted.met(self))
        why = f": {self.why}" if self.why and not met else ""
        away = f" ({self.ours / self.known - 1.0:+.2%})" if isinstance(self.wanted, Within) else ""
        return Verdict(
            f"{self.problem}: {self.quantity}",
            self.wanted.words(self),
            ", ".join(known),
            f"{self.ours:.5g}{self.spaced}{away}{why}",
            met,
        )


# -------------------------------------------------------------------------------------- the budget


def closure(problem: FlowProblem, states: Iterable[xr.Dataset]) -> tuple[float, float]:
    """Largest gap of the budget of a column in one forecast, and of the run, over the water held.

    What a column gets from its neighbours counts in its budget, and must sum to nothing.
    """
    worst, net, before = 0.0, 0.0, problem.start
    for state in states:
        flows = problem.model.budget.net(state)
        gap = state["water"] - before["water"] - flows
        worst = max(worst, float(np.abs(gap / before["water"]).max()))
        net += float((flows - state["inflow"]).sum())
        before = state
    gained = float((before["water"] - problem.start["water"]).sum())
    return worst, abs(gained - net) / float(problem.start["water"].sum())


def closed(name: str, problem: FlowProblem, states: Iterable[xr.Dataset]) -> list[Check]:
    """That water closes in every forecast and over the run."""
    worst, whole = closure(problem, states)
    return [
        Check("water", f"{name}, of a column in a step", "1", worst, wanted=AtMost(CLOSED_STEP)),
        Check("water", f"{name}, over the run", "1", whole, wanted=AtMost(CLOSED_RUN)),
    ]


# ------------------------------------------------------------------------------------- comparisons


def order(sizes: Sequence[float], errors: Sequence[float]) -> float:
    """The power of size by which the error falls between the two finest."""
    return float(np.log(errors[-2] / errors[-1]) / np.log(sizes[-2] / sizes[-1]))


def rms(values: object) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(values, float)))))


def hydrograph(setting: Setting, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """ParFlow's times and outflow, in the units of its file; None where it has none."""
    if setting.reference is None:
        return None
    table = pd.read_csv(setting.reference / "hydrographs.csv")
    rows = table[table["problem"] == name]
    return None if rows.empty else (rows["time"].to_numpy(float), rows["outflow"].to_numpy(float))
