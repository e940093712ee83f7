"""Where plants have their roots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.units import Amount, magnitude

__all__ = ["ExponentialRoots", "JacksonRoots", "Roots", "UniformRoots", "ZengRoots"]

Array = NDArray[np.float64]


class Roots(ABC):
    """A root profile; the author writes `above`."""

    @abstractmethod
    def above(self, depth: Array) -> Array:
        """Part of the roots above a depth [m], from 0 to at most 1."""

    def parts(self, thickness: ArrayLike) -> Array:
        """Part of the roots in each layer; roots below the column count to no layer.

        thickness [m] (..., layer) from the top down.
        """
        below = np.cumsum(np.asarray(thickness, float), axis=-1)
        parts = np.diff(self.above(below), axis=-1, prepend=0.0)
        whole = parts.sum(axis=-1, keepdims=True)
        return np.asarray(parts / np.where(whole > 0.0, whole, 1.0))


@dataclass(frozen=True)
class ExponentialRoots(Roots):
    """Root density that falls by e every `scale`, down to `deepest`."""

    scale: Amount = "0.25 m"
    deepest: Amount = "2 m"

    def __post_init__(self) -> None:
        for name in ("scale", "deepest"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))

    def above(self, depth: Array) -> Array:
        scale, deepest = float(self.scale), float(self.deepest)
        return np.expm1(-np.minimum(depth, deepest) / scale) / np.expm1(-deepest / scale)


@dataclass(frozen=True)
class UniformRoots(Roots):
    """The same root density down to `deepest`."""

    deepest: Amount = "0.5 m"

    def __post_init__(self) -> None:
        object.__setattr__(self, "deepest", magnitude(self.deepest, "m", "deepest"))

    def above(self, depth: Array) -> Array:
        return np.minimum(depth / float(self.deepest), 1.0)


@dataclass(frozen=True)
class ZengRoots(Roots):
    """Two exponentials (Zeng 2001, 10.1175/1525-7541(2001)002<0525:GVRDFL>2.0.CO;2)."""

    a: Amount
    b: Amount

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            value = magnitude(getattr(self, name), "1/m", name)
            if not value > 0.0:
                raise DeclarationError(f"{name} of ZengRoots must be positive; got {value}")
            object.__setattr__(self, name, value)

    def above(self, depth: Array) -> Array:
        a, b = float(self.a), float(self.b)
        return np.asarray(1.0 - 0.5 * (np.exp(-a * depth) + np.exp(-b * depth)))


@dataclass(frozen=True)
class JacksonRoots(Roots):
    """1 - beta^depth, depth in cm (Jackson et al. 1996, 10.1007/BF00333714)."""

    beta: float

    def __post_init__(self) -> None:
        if not 0.0 < self.beta < 1.0:
            raise DeclarationError(f"beta of JacksonRoots must be in (0, 1); got {self.beta}")

    def above(self, depth: Array) -> Array:
        return np.asarray(1.0 - self.beta ** (100.0 * depth))
