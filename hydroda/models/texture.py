"""From texture to a soil: regressions, class means, a neural network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.models.retention import ClappHornberger, Retention, rosetta
from hydroda.units import magnitude

__all__ = ["CLASSES", "Cosby", "CosbyClasses", "Rosetta", "Texture", "texture_class"]

Array = NDArray[np.float64]

INCH_PER_HOUR = 0.0254 / 3600.0  # [m s-1]
CM = 0.01

# Means of the classes by Cosby et al. 1984 (10.1029/WR020i006p00682), Table 3 and 4: b, log10 of
# the air-entry head [cm], log10 of K_s [inch h-1], porosity [%].
CLASSES: dict[str, tuple[float, float, float, float]] = {
    "sand": (2.79, 0.84, 0.82, 33.9),
    "loamy sand": (4.26, 0.56, 0.30, 42.1),
    "sandy loam": (4.74, 1.15, -0.13, 43.4),
    "silt loam": (5.33, 1.88, -0.40, 47.6),
    "loam": (5.25, 1.55, -0.32, 43.9),
    "sandy clay loam": (6.77, 1.13, -0.20, 40.4),
    "silty clay loam": (8.72, 1.79, -0.54, 46.4),
    "clay loam": (8.17, 1.42, -0.46, 46.5),
    "sandy clay": (10.73, 0.99, 0.01, 40.6),
    "silty clay": (10.39, 1.51, -0.72, 46.8),
    "clay": (11.55, 1.67, -0.86, 46.8),
}


class Texture(ABC):
    """What soil goes with a texture; the author writes `soil`."""

    @abstractmethod
    def soil(
        self, sand: ArrayLike, clay: ArrayLike, bulk_density: ArrayLike | None = None
    ) -> Retention:
        """The soil of parts of sand and clay [%] and bulk density [g cm-3]; shapes broadcast."""


@dataclass(frozen=True)
class Cosby(Texture):
    """The regressions of Cosby et al. 1984 (10.1029/WR020i006p00682) on one variable each.

    In the form of CLM (Oleson et al. 2010): porosity, air entry and K_s by sand, b by clay. Sand
    and clay are all they know: bulk density is not used.
    """

    def soil(
        self, sand: ArrayLike, clay: ArrayLike, bulk_density: ArrayLike | None = None
    ) -> ClappHornberger:
        s, c = _parts(sand, clay)
        return _soil(
            0.489 - 0.00126 * s,
            -CM * 10.0 ** (1.88 - 0.0131 * s),
            2.91 + 0.159 * c,
            INCH_PER_HOUR * 10.0 ** (-0.884 + 0.0153 * s),
        )


@dataclass(frozen=True)
class CosbyClasses(Texture):
    """The class means of Cosby et al. 1984: one soil for all textures of a class.

    This is the table behind Noah's soil types.
    """

    def soil(
        self, sand: ArrayLike, clay: ArrayLike, bulk_density: ArrayLike | None = None
    ) -> ClappHornberger:
        s, c = _parts(sand, clay)
        names = texture_class(s, c)
        rows = np.array([CLASSES[name] for name in np.ravel(names)]).reshape((*s.shape, 4))
        b, entry, conductivity, porosity = np.moveaxis(rows, -1, 0)
        return _soil(porosity / 100.0, -CM * 10.0**entry, b, INCH_PER_HOUR * 10.0**conductivity)


@dataclass(frozen=True)
class Rosetta(Texture):
    """van Genuchten's parameters by Rosetta 3 (10.1016/j.jhydrol.2017.01.004)."""

    def soil(
        self, sand: ArrayLike, clay: ArrayLike, bulk_density: ArrayLike | None = None
    ) -> Retention:
        s, c = _parts(sand, clay)
        return rosetta(s, 100.0 - s - c, c, bulk_density)


def texture_class(sand: ArrayLike, clay: ArrayLike) -> NDArray[np.str_]:
    """Name of the class of the USDA's triangle, by sand and clay [%]; silt counts to silt loam."""
    s, c = _parts(sand, clay)
    silt = 100.0 - s - c
    rules = (
        ("sand", silt + 1.5 * c < 15.0),
        ("loamy sand", silt + 2.0 * c < 30.0),
        ("clay", (c >= 40.0) & (s <= 45.0) & (silt < 40.0)),
        ("silty clay", (c >= 40.0) & (silt >= 40.0)),
        ("sandy clay", (c >= 35.0) & (s > 45.0)),
        ("silty clay loam", (c >= 27.0) & (s <= 20.0)),
        ("clay loam", (c >= 27.0) & (s <= 45.0)),
        ("sandy clay loam", (c >= 20.0) & (silt < 28.0)),
        ("silt loam", silt >= 50.0),
        ("loam", (c >= 7.0) & (silt >= 28.0) & (s <= 52.0)),
    )
    return np.asarray(np.select([where for _, where in rules], [n for n, _ in rules], "sandy loam"))


def _soil(porosity: Array, entry_head: Array, b: Array, conductivity: Array) -> ClappHornberger:
    return ClappHornberger(*(np.asarray(v) for v in (porosity, entry_head, b, conductivity)))


def _parts(sand: ArrayLike, clay: ArrayLike) -> tuple[Array, Array]:
    s, c = (
        np.asarray(v, float)
        for v in np.broadcast_arrays(_percent(sand, "sand"), _percent(clay, "clay"))
    )
    wrong = ~((s >= 0.0) & (c >= 0.0) & (s + c <= 100.0 + 1e-9))
    if wrong.any():
        at = np.argmax(np.ravel(wrong))
        raise DeclarationError(
            f"sand and clay must be parts of at most 100 %; got {np.ravel(s)[at]:g} and "
            f"{np.ravel(c)[at]:g} %"
        )
    return s, c


def _percent(value: ArrayLike, name: str) -> ArrayLike:
    return 100.0 * float(magnitude(value, "", name)) if isinstance(value, str) else value
