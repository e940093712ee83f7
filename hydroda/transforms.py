"""Transforms between a physical variable and the form a filter works in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import expit


class Transform(ABC):
    """A monotone map and its inverse; the author of a transform writes both."""

    @abstractmethod
    def forward(self, values: np.ndarray) -> np.ndarray:
        """`values` in the space of the filter."""

    @abstractmethod
    def inverse(self, values: np.ndarray) -> np.ndarray:
        """`values` back in physical space."""


@dataclass(frozen=True)
class Identity(Transform):
    """No transform."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        return values

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return values


@dataclass(frozen=True)
class Log10(Transform):
    """Decimal logarithm, for conductivities and other positive quantities."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.log10(values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return np.power(10.0, values)


@dataclass(frozen=True)
class Logit(Transform):
    """log((v - lower) / (upper - v)), for quantities between two bounds."""

    lower: float = 0.0
    upper: float = 1.0

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.log((values - self.lower) / (self.upper - values))

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return self.lower + (self.upper - self.lower) * expit(values)
