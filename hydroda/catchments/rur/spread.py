"""Weather of a few places over many columns: three years of 9416 columns would fill 14 GB."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hydroda.forcing import Forcing, ForcingWindow

Array = NDArray[np.float64]


class Spread(ABC):
    """How weather of places becomes that of columns; its author writes `over`."""

    @abstractmethod
    def over(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Weather (1, step, column) from that of the places (1, step, place)."""

    @abstractmethod
    def arrays(self) -> tuple[Array, ...]:
        """What tells two of them apart."""


@dataclass(frozen=True, eq=False)
class Nearest(Spread):
    """Each column has the weather of one place: its number (column,)."""

    place: NDArray[np.int64]

    def over(self, values: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.ascontiguousarray(v[..., self.place]) for name, v in values.items()}

    def arrays(self) -> tuple[Array, ...]:
        return (self.place.astype(float),)


@dataclass(frozen=True, eq=False)
class Weighted(Spread):
    """Weights (column, place) that sum to 1, then maps (column,) of what weights do not know.

    warmer [K] is added to the temperature; rain, potential evapotranspiration, wind, radiation and
    pressure are multiplied by `factors`. `drier` times what the air lacks to saturation. Longwave
    goes with the fourth power of the temperature.
    """

    weights: Array
    warmer: Array
    factors: Mapping[str, Array]
    drier: Array

    def over(self, values: Mapping[str, Array]) -> dict[str, Array]:
        found = {name: v @ self.weights.T for name, v in values.items()}
        found |= {name: found[name] * by for name, by in self.factors.items() if name in found}
        temperature = found["air_temperature"] + self.warmer
        found["longwave"] = found["longwave"] * (temperature / found["air_temperature"]) ** 4
        humidity = 1.0 - (1.0 - found["relative_humidity"]) * self.drier
        found["relative_humidity"] = np.clip(humidity, 0.05, 1.0)
        return found | {"air_temperature": temperature}

    def arrays(self) -> tuple[Array, ...]:
        maps = (self.factors[name] for name in sorted(self.factors))
        return (self.weights, self.warmer, self.drier, *maps)


@dataclass(frozen=True, eq=False, repr=False)
class SpreadForcing(Forcing):
    """A forcing of which `data` are the places; windows have all columns, made when asked for.

    Means that the noise of members shifts are those over the places.
    """

    spread: Spread = field(default_factory=lambda: Nearest(np.zeros(1, np.int64)))

    def between(self, start: np.datetime64, end: np.datetime64) -> ForcingWindow:
        """The steps of [start, end) over all columns, (1, step, column)."""
        window = super().between(start, end)
        return replace(window, values=self.spread.over(window.values))

    def _digest(self) -> str:
        digest = hashlib.sha256(super()._digest().encode())
        for array in self.spread.arrays():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]
