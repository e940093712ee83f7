"""Tapers: how far an observation reaches.

A scheme is one function of a normalised distance, `taper(r)` with r = distance / radius; the
distance is horizontal or vertical, and schemes multiply. Rows without a place in the direction of
a scheme (NaN) get the weight 1; observations must have one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import numba
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from hydroda.analysis import Places, Weights
from hydroda.errors import DataError, DeclarationError
from hydroda.pairs import by_line, gaspari_cohn, gaspari_cohn_by_line
from hydroda.sphere import EARTH_RADIUS, great_circle
from hydroda.threads import threads_for
from hydroda.units import Amount, Magnitude, magnitude

Pairs = tuple[np.ndarray, np.ndarray]
Lines = tuple[np.ndarray, np.ndarray, np.ndarray]

# Places that one thread weighs at a time: search, tapers, order.
WEIGHED = 2000
LOOK = 1  # operations on a pair that may or may not have a weight: threads for many pairs only


class Metric(ABC):
    """A horizontal distance, and an embedding in which a tree can search for neighbours."""

    @abstractmethod
    def distance(
        self, x: np.ndarray, y: np.ndarray, to_x: np.ndarray, to_y: np.ndarray
    ) -> np.ndarray:
        """Distances [m], broadcast over the four arrays."""

    def embed(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Points (place, coordinate) whose straight distance the tree searches."""
        return np.column_stack([x, y])

    def straight(self, distance: float) -> float:
        """The straight distance in the embedding that belongs to `distance` [m]."""
        return distance

    @property
    def period(self) -> np.ndarray | None:
        """Period of each embedded coordinate (0: none) or None."""
        return None


@dataclass(frozen=True)
class Euclidean(Metric):
    """Straight distance between projected coordinates [m]."""

    def distance(
        self, x: np.ndarray, y: np.ndarray, to_x: np.ndarray, to_y: np.ndarray
    ) -> np.ndarray:
        # Coordinates in metres cannot overflow here, and hypot takes five times as long.
        return np.asarray(np.sqrt((x - to_x) ** 2 + (y - to_y) ** 2))


@dataclass(frozen=True)
class Periodic(Metric):
    """Straight distance on a domain that closes on itself after `length` in x and `width` in y."""

    length: Amount
    width: Amount | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", _positive(self.length, "Periodic.length"))
        if self.width is not None:
            object.__setattr__(self, "width", _positive(self.width, "Periodic.width"))

    def distance(
        self, x: np.ndarray, y: np.ndarray, to_x: np.ndarray, to_y: np.ndarray
    ) -> np.ndarray:
        length, width = self.period
        return np.asarray(np.hypot(_around(x - to_x, length), _around(y - to_y, width)))

    def embed(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        length, width = self.period
        return np.column_stack([_wrapped(x, length), _wrapped(y, width)])

    @property
    def period(self) -> np.ndarray:
        return np.array([float(self.length), 0.0 if self.width is None else float(self.width)])


def _around(difference: np.ndarray, period: float) -> np.ndarray:
    return difference - period * np.round(difference / period) if period else difference


def _wrapped(coordinate: np.ndarray, period: float) -> np.ndarray:
    # A tiny negative coordinate wraps to the period itself, which the tree refuses.
    return np.where((w := coordinate % period) < period, w, 0.0) if period else coordinate


@dataclass(frozen=True)
class GreatCircle(Metric):
    """Distance on the sphere; x is longitude and y latitude [degrees]."""

    def distance(
        self, x: np.ndarray, y: np.ndarray, to_x: np.ndarray, to_y: np.ndarray
    ) -> np.ndarray:
        return great_circle(x, y, to_x, to_y)

    def embed(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        lon, lat = np.radians(x), np.radians(y)
        return EARTH_RADIUS * np.column_stack(
            [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
        )

    def straight(self, distance: float) -> float:
        return 2 * EARTH_RADIUS * math.sin(min(distance / (2 * EARTH_RADIUS), math.pi / 2))


class Direction(ABC):
    """Along which direction a taper measures: the coordinates it reads and their distance."""

    coordinates: ClassVar[tuple[str, ...]]

    @abstractmethod
    def distance(self, places: Places, i: np.ndarray, others: Places, j: np.ndarray) -> np.ndarray:
        """Distances [m] of the pairs (place i, other j); NaN where either has no position."""

    @abstractmethod
    def within(self, places: Places, others: Places, distance: float) -> Pairs:
        """Candidate pairs (place, other) closer than `distance` [m], both placed."""

    def unplaced(self, places: Places) -> np.ndarray:
        """Which places (place,) have no position in this direction."""
        return np.any([np.isnan(getattr(places, c)) for c in self.coordinates], axis=0)


@dataclass(frozen=True)
class Horizontal(Direction):
    """Distances between (x, y), by default straight ones on projected coordinates."""

    metric: Metric = Euclidean()
    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")

    def distance(self, places: Places, i: np.ndarray, others: Places, j: np.ndarray) -> np.ndarray:
        return self.metric.distance(places.x[i], places.y[i], others.x[j], others.y[j])

    def within(self, places: Places, others: Places, distance: float) -> Pairs:
        here, there = (np.flatnonzero(~self.unplaced(p)) for p in (places, others))
        if not len(here) or not len(there):
            return here[:0], there[:0]
        period, embed = self.metric.period, self.metric.embed
        own = cKDTree(embed(places.x[here], places.y[here]), boxsize=period)
        tree = cKDTree(embed(others.x[there], others.y[there]), boxsize=period)
        reach = self.metric.straight(distance) * (1 + 1e-9)
        found = own.sparse_distance_matrix(tree, reach, output_type="ndarray")
        return here[found["i"]], there[found["j"]]


@dataclass(frozen=True)
class Vertical(Direction):
    """Differences of depth."""

    coordinates: ClassVar[tuple[str, ...]] = ("depth",)

    def distance(self, places: Places, i: np.ndarray, others: Places, j: np.ndarray) -> np.ndarray:
        return np.abs(places.depth[i] - others.depth[j])

    def within(self, places: Places, others: Places, distance: float) -> Pairs:
        i, j = np.nonzero(np.abs(places.depth[:, None] - others.depth[None, :]) <= distance)
        return i, j


class Localization(ABC):
    """Anything that says how much an observation weighs at a row."""

    @abstractmethod
    def weights(self, state: Places, obs: Places) -> Weights:
        """The tapers of the observations at the state rows."""

    def between(self, obs: Places) -> np.ndarray:
        """The tapers (obs, obs) of observations among themselves, dense."""
        return self.weights(obs, obs).dense()

    @abstractmethod
    def check(self, obs: Places | None) -> None:
        """Raise DataError where this scheme cannot localize these observations."""


@dataclass(frozen=True)
class NoLocalization(Localization):
    """Every observation reaches every row."""

    def weights(self, state: Places, obs: Places) -> Weights:
        return Weights.ones(len(state), len(obs))

    def check(self, obs: Places | None) -> None:
        """Nothing can be missing."""


class Factor(Localization):
    """One taper or a product of several: knows its coordinates and evaluates pairs of places."""

    def __mul__(self, other: Factor) -> Product:
        return Product((*self.factors, *other.factors))

    @property
    @abstractmethod
    def factors(self) -> tuple[LocalizationScheme, ...]:
        """The single tapers."""

    def weights(self, state: Places, obs: Places) -> Weights:
        names = {c for f in self.factors for c in f.along.coordinates}
        line, places = state.distinct(tuple(c for c in ("x", "y", "depth") if c in names))
        return Weights(line, *self._lines(places, obs, state), len(obs))

    def _lines(self, places: Places, obs: Places, state: Places) -> Lines:
        """Start of each place in what follows, the observations that reach it, their tapers."""
        count = max(1, min(-(-len(places) // WEIGHED), len(places)))
        edges = [len(places) * part // count for part in range(count + 1)]

        def weigh(ends: tuple[int, int]) -> Lines:
            part = places[slice(*ends)]
            i, j, value = self._pairs(part, obs, state)
            lines: Lines = by_line(i, j, value, len(part), len(obs))
            return lines

        if count == 1:
            found = [weigh((0, len(places)))]
        else:
            with ThreadPoolExecutor(numba.get_num_threads()) as pool:
                found = list(pool.map(weigh, pairwise(edges)))
        counts, obs_of, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
        start = np.zeros(len(places) + 1, dtype=np.int64)
        np.cumsum(counts, out=start[1:])
        return start, obs_of, value

    def check(self, obs: Places | None) -> None:
        for factor in self.factors:
            if obs is None:
                raise DataError(
                    f"{factor!r} needs the places of rows and observations: give the sensors "
                    "places or declare NoLocalization()"
                )
            bad = np.flatnonzero(factor.along.unplaced(obs))
            if len(bad):
                names = " and ".join(factor.along.coordinates)
                raise DataError(
                    f"{factor!r} needs {names} of every observation; {len(bad)} have none, "
                    f"first {bad[0]}: place them or declare NoLocalization()"
                )

    def _pairs(self, places: Places, obs: Places, state: Places) -> tuple[np.ndarray, ...]:
        factors = [f.resolved(state.depth, obs.depth) for f in self.factors]
        # The factor with the shortest arm proposes, the others only weigh what it found.
        factors.sort(key=lambda f: (f.along.coordinates != ("x", "y"), f.reach))
        i, j = factors[0].candidates(places, obs)
        value = np.ones(len(i))
        for factor in factors:
            value *= factor.at(places, obs, i, j)
        return i, j, value


class LocalizationScheme(Factor):
    """One taper. Its author writes `radius` [m] and `taper(r)`, r = distance / radius.

    `support` is the r from which on the taper is zero; infinite where it never is.

    >>> @dataclass(frozen=True)
    ... class Cone(LocalizationScheme):
    ...     radius: Amount
    ...     support = 1.0
    ...     def taper(self, r):
    ...         return np.maximum(1 - r, 0)
    """

    along: Direction = Horizontal()
    support: ClassVar[float] = math.inf
    radius: Amount

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", _positive(self.radius, f"{type(self).__name__}.radius"))

    @abstractmethod
    def taper(self, r: np.ndarray) -> np.ndarray:
        """Weights at the normalised distances r ≥ 0."""

    @property
    def factors(self) -> tuple[LocalizationScheme, ...]:
        return (self,)

    @property
    def reach(self) -> float:
        """Distance [m] from which on the taper is zero."""
        return float(self.radius) * self.support

    def resolved(self, depths: np.ndarray, obs_depths: np.ndarray) -> LocalizationScheme:
        """This scheme with everything known that depends on the layers; most need nothing."""
        return self

    def at(self, places: Places, obs: Places, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Tapers of the pairs (place i, observation j); 1 where the place has no position."""
        distance = self.along.distance(places, i, obs, j)
        missing = np.isnan(distance)
        if not missing.any():
            return self.taper(distance / float(self.radius))
        return np.where(
            missing, 1.0, self.taper(np.where(missing, 0.0, distance) / float(self.radius))
        )

    def candidates(self, places: Places, obs: Places) -> Pairs:
        """All pairs that may have a weight, unplaced ones with every other."""
        if math.isinf(self.reach):
            i, j = np.divmod(np.arange(len(places) * len(obs)), max(len(obs), 1))
            return i, j
        near = self.along.within(places, obs, self.reach)
        here, there = self.along.unplaced(places), self.along.unplaced(obs)
        if not here.any() and not there.any():
            return near
        far = np.nonzero(here[:, None] | there[None, :]) if there.any() else _all_of(here, len(obs))
        return np.concatenate([near[0], far[0]]), np.concatenate([near[1], far[1]])


def _all_of(mask: np.ndarray, count: int) -> Pairs:
    rows = np.flatnonzero(mask)
    return np.repeat(rows, count), np.tile(np.arange(count), len(rows))


@dataclass(frozen=True)
class Product(Factor):
    """Several tapers multiplied, `GaspariCohn(...) * VerticalExponential(...)`."""

    parts: tuple[LocalizationScheme, ...]

    @property
    def factors(self) -> tuple[LocalizationScheme, ...]:
        return self.parts


def _positive(value: Amount, name: str, unit: str = "m") -> float:
    number = magnitude(value, unit, name)
    if not (math.isfinite(number) and number > 0):
        raise DeclarationError(f"{name} must be positive and finite; got {number!r}")
    return number


@dataclass(frozen=True, repr=False, kw_only=True)
class GaspariCohn(LocalizationScheme):
    """The fifth-order function of Gaspari and Cohn (1999), Eq. 4.10. DOI 10.1002/qj.49712555417.

    Its radius has two conventions, so it is named: `halfwidth` is the radius of Li and of
    DART, `cutoff` = 2 · halfwidth is where the taper reaches zero (PDAF's radius).

    >>> GaspariCohn(halfwidth="5 km")
    GaspariCohn(halfwidth='5000.0 m', cutoff='10000.0 m')
    """

    halfwidth: Amount | None = None
    cutoff: Amount | None = None
    along: Direction = Horizontal()
    support: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        if (self.halfwidth is None) == (self.cutoff is None):
            raise DeclarationError(
                "GaspariCohn needs exactly one of halfwidth= (Li, DART) and cutoff= (PDAF, twice "
                f"the half-width); got halfwidth={self.halfwidth!r}, cutoff={self.cutoff!r}"
            )
        name = "cutoff" if self.halfwidth is None else "halfwidth"
        radius = _positive(getattr(self, name), f"GaspariCohn.{name}")
        object.__setattr__(self, name, radius)

    @property
    def radius(self) -> float:  # type: ignore[override]
        """Half-width [m]."""
        if self.halfwidth is not None:
            return float(magnitude(self.halfwidth, "m", "GaspariCohn.halfwidth"))
        return magnitude(self.cutoff, "m", "GaspariCohn.cutoff") / 2

    def __repr__(self) -> str:
        along = "" if self.along == Horizontal() else f", along={self.along!r}"
        return f"GaspariCohn(halfwidth='{self.radius!r} m', cutoff='{2 * self.radius!r} m'{along})"

    def taper(self, r: np.ndarray) -> np.ndarray:
        flat = np.ascontiguousarray(r, dtype=np.float64).reshape(-1)
        return np.asarray(gaspari_cohn(flat)).reshape(np.shape(r))

    def _lines(self, places: Places, obs: Places, state: Places) -> Lines:
        plain = type(self) is GaspariCohn and self.along == Horizontal()
        if not plain or not len(obs) or self.along.unplaced(obs).any():
            return super()._lines(places, obs, state)
        with threads_for(LOOK * len(places) * len(obs)):
            lines: Lines = gaspari_cohn_by_line(places.x, places.y, self.radius, obs.x, obs.y)
        return lines


@dataclass(frozen=True)
class Search:
    """Let the data choose the threshold layer of `VerticalExponential` (Dan, section 3.2).

    Dan runs the whole period once for each candidate and then calls `choose_threshold`. Inside one
    running experiment the likelihoods of all candidates are summed as the analyses go by and each
    analysis uses the choice so far. `layers` are counted from 1; None: 2 to the number of layers.
    """

    layers: tuple[int, ...] | None = None

    def candidates(self, count: int) -> tuple[int, ...]:
        """The threshold layers to try in a column of `count` layers."""
        return self.layers or tuple(range(2, count + 1))


@dataclass(frozen=True)
class VerticalExponential(LocalizationScheme):
    """exp(−μ |d − d_o|) in depth d (Dan, Eq. 5), by exactly one of μ and a threshold layer.

    mu         [1/m], or "0.03 1/cm"
    threshold  number s of the deepest layer (from 1) that should still be reached: μ minimises
               Dan's M(μ); or `Search()`
    at_least   the smallest μ that the search may find [1/m]; Dan's is 1e-4 / cm
    """

    mu: Amount | None = None
    threshold: int | Search | None = None
    at_least: Amount = "0.01 1/m"
    along: Direction = Vertical()

    def __post_init__(self) -> None:
        if (self.mu is None) == (self.threshold is None):
            raise DeclarationError(
                "VerticalExponential needs exactly one of mu= and threshold=; got "
                f"mu={self.mu!r}, threshold={self.threshold!r}"
            )
        if self.mu is not None:
            object.__setattr__(self, "mu", _positive(self.mu, "VerticalExponential.mu", "1/m"))
        lower = _positive(self.at_least, "VerticalExponential.at_least", "1/m")
        object.__setattr__(self, "at_least", lower)

    @property
    def radius(self) -> float:  # type: ignore[override]
        """1/μ [m].

        Raises
        ------
        DeclarationError
            The threshold layer is not yet turned into μ: the layers are not known.
        """
        if self.mu is None:
            raise DeclarationError(f"{self!r} has no radius before the layers are known")
        return 1.0 / float(self.mu)

    @property
    def fixed(self) -> bool:
        """Whether the taper is known, or at least its threshold layer."""
        return not isinstance(self.threshold, Search)

    @property
    def reach(self) -> float:
        return math.inf

    def taper(self, r: np.ndarray) -> np.ndarray:
        return np.exp(-r)

    def candidates_of(self, depths: np.ndarray) -> Iterator[VerticalExponential]:
        """One scheme with a fixed threshold for each candidate of the search, or itself."""
        if not isinstance(self.threshold, Search):
            yield self
            return
        for s in self.threshold.candidates(len(_layers(depths))):
            yield replace(self, threshold=s)

    def resolved(self, depths: np.ndarray, obs_depths: np.ndarray) -> VerticalExponential:
        """The same taper with μ known, from the depths [m] of the rows and of the observations.

        Before any likelihood is known, `Search()` stands for its first candidate.
        """
        if self.threshold is None:
            return self
        if isinstance(self.threshold, Search):
            return next(self.candidates_of(depths)).resolved(depths, obs_depths)
        placed = np.unique(obs_depths[~np.isnan(obs_depths)])
        if len(placed) != 1:
            raise DeclarationError(
                "VerticalExponential(threshold=) needs observations at one depth; got "
                f"{placed.tolist()} m: give mu="
            )
        lower = float(self.at_least)
        mu = threshold_mu(_layers(depths), float(placed[0]), self.threshold, lower)
        return replace(self, mu=Magnitude(mu, "1/m"), threshold=None)


def _layers(depths: np.ndarray) -> np.ndarray:
    return np.unique(depths[~np.isnan(depths)])


def threshold_mu(
    depths: np.ndarray, d_obs: float, s: int, at_least: float = 0.01, at_most: float = 1e4
) -> float:
    """The μ [1/m] whose exponential taper comes closest to a step after layer `s`.

    Minimises M(μ) = Σ_{l≤s} [exp(−μ|d_l − d_o|) − 1]² + Σ_{l>s} exp(−2μ|d_l − d_o|) over
    [at_least, at_most]; depths (layer,) [m]. Dan, Eq. 6, with the second sum over l > s as its
    Table 2 was computed.
    """
    depths = np.sort(np.asarray(depths, dtype=np.float64))
    if not 1 <= s <= len(depths):
        raise DeclarationError(f"threshold layer must be 1 to {len(depths)}; got {s}")
    return _closest_to_step(tuple(np.abs(depths - d_obs)), s, at_least, at_most)


@lru_cache(maxsize=4096)
def _closest_to_step(distance: tuple[float, ...], s: int, at_least: float, at_most: float) -> float:
    # Remembered, because every analysis of every column asks again.
    wanted = np.arange(len(distance)) < s

    def misfit(log_mu: np.ndarray | np.float64) -> np.ndarray:
        taper = np.exp(-np.multiply.outer(np.exp(log_mu), np.array(distance)))
        return np.asarray(((taper - wanted) ** 2).sum(axis=-1))

    # M can have several minima: the best of a grid, then polished between its neighbours.
    grid = np.linspace(math.log(at_least), math.log(at_most), 400)
    best = int(np.argmin(misfit(grid)))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(
        lambda g: float(misfit(np.float64(g))),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-12},
    )
    ends = [at_least, float(np.exp(found.x)), at_most]
    return min(ends, key=lambda mu: float(misfit(np.log(mu))))


def choose_threshold(likelihood: Sequence[float] | np.ndarray, first: int = 2) -> int:
    """The threshold layer s at the first local minimum of L (Dan, section 3.2).

    likelihood[k] is L_s = Σ_t −2 ln L of s = first + k over the period; chosen is the smallest s
    whose L_s is the minimum of {L_first, …, L_s+1}.
    """
    values = np.asarray(likelihood, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"likelihood must be a finite series; got {likelihood!r}")
    for k in range(len(values)):
        if values[k] <= values[: k + 2].min():
            return first + k
    return first + len(values) - 1
