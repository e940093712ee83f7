"""Time steps that a solver of Richards' equation may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from hydroda.units import Amount, Duration, duration, magnitude

SECOND = np.timedelta64(10**9, "ns")


@dataclass(frozen=True)
class TimeSteps:
    """Steps as long as Newton's method converges, and in step with the forcing.

    `largest` and `smallest` bound them. Where `iterations` of Newton's method do not bring the
    water by which a balance is missed below `tolerance`, a step is cut; after the smallest one the
    member has failed.
    """

    largest: Duration = "1 h"
    smallest: Duration = "1 s"
    iterations: int = 30
    tolerance: Amount = "1e-8 m"

    def __post_init__(self) -> None:
        object.__setattr__(self, "largest", duration(self.largest, "largest"))
        object.__setattr__(self, "smallest", duration(self.smallest, "smallest"))
        object.__setattr__(self, "tolerance", magnitude(self.tolerance, "m", "tolerance"))

    def refined(self) -> Self:
        """A tenth of the steps and three times the iterations."""
        largest, smallest = duration(self.largest, "largest"), duration(self.smallest, "smallest")
        return replace(
            self, largest=largest // 10, smallest=smallest // 10, iterations=3 * self.iterations
        )

    def numbers(self) -> tuple[float, float, int, float]:
        """What kernels need: longest and shortest step [s], iterations, tolerance [m]."""
        largest, smallest = duration(self.largest, "largest"), duration(self.smallest, "smallest")
        seconds = float(largest / SECOND), float(smallest / SECOND)
        return *seconds, self.iterations, float(self.tolerance)
