"""Of what soil a sensor takes the mean: layers around a depth, columns around a place.

A footprint of one's own gives the relative weight of every column from its offset:

>>> @dataclass(frozen=True)
... class Beam(Footprint):
...     width: float  # [m]
...
...     def shares(self, east, north):
...         return np.exp(-(east**2 + north**2) / self.width**2)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hydroda.errors import DeclarationError
from hydroda.sphere import EARTH_RADIUS
from hydroda.units import Amount, magnitude

Array = NDArray[np.float64]


# --- around a depth -------------------------------------------------------------------------------


class Sampling(ABC):
    """How a sensor at a depth reads layers; the author writes `row`."""

    @abstractmethod
    def row(self, depth: float, nodes: Array, top: Array, bottom: Array) -> Array:
        """Share of every layer (layer,), of sum one, from layer centres and faces [m]."""


@dataclass(frozen=True)
class BetweenNodes(Sampling):
    """Linear between layer centres, the outermost layer beyond them: a small sensor."""

    def row(self, depth: float, nodes: Array, top: Array, bottom: Array) -> Array:
        """Two shares."""
        return interpolation_row(nodes, depth)


@dataclass(frozen=True)
class LayerMean(Sampling):
    """The mean over a height `extent` of soil around the depth, cut at the surface.

    Without `extent` over the layer that the sensor stands in.
    """

    extent: Amount | None = None

    def __post_init__(self) -> None:
        if self.extent is not None:
            value = magnitude(self.extent, "m", "extent of LayerMean")
            if not value > 0:
                raise DeclarationError(f"extent of LayerMean must be positive; got {value!r}")
            object.__setattr__(self, "extent", value)

    def row(self, depth: float, nodes: Array, top: Array, bottom: Array) -> Array:
        """The part of every layer within reach."""
        if self.extent is None:
            own = (top <= depth) & (depth <= bottom)
            # on a face the upper layer: the deepest sensor may stand on the bottom
            return np.asarray(own & (top == top[own].min()), float)
        upper = max(depth - 0.5 * float(self.extent), 0.0)
        lower = depth + 0.5 * float(self.extent)
        shared = np.clip(np.minimum(bottom, lower) - np.maximum(top, upper), 0.0, None)
        return np.asarray(shared / shared.sum())


def interpolation_row(nodes: Array, depth: float) -> Array:
    """Weights (layer,) of linear interpolation to `depth`; the outermost node beyond the nodes."""
    order = np.argsort(nodes)
    row = np.zeros(nodes.size)
    upper = int(np.clip(np.searchsorted(nodes[order], depth), 1, max(nodes.size - 1, 1)))
    if nodes.size == 1:
        return np.ones(1)
    low, high = order[upper - 1], order[upper]
    share = np.clip((depth - nodes[low]) / (nodes[high] - nodes[low]), 0.0, 1.0)
    row[low], row[high] = 1 - share, share
    return row


# --- around a place -------------------------------------------------------------------------------


class Footprint(ABC):
    """The area that a sensor averages over; the author writes `shares`.

    A column counts with its centre, and by its `area` [m2] where the model has that coordinate.
    Where no centre lies inside, as under a footprint smaller than a cell, the nearest column does.
    """

    @abstractmethod
    def shares(self, east: Array, north: Array) -> Array:
        """Relative weight (column,) of columns so far [m] from the centre; 0 outside."""

    @property
    def centre(self) -> dict[str, float]:
        """x and y [m], or lon and lat [degree], where the footprint knows its place."""
        return {}


@dataclass(frozen=True)
class Disc(Footprint):
    """A circle of a `radius`."""

    radius: Amount

    def __post_init__(self) -> None:
        _set_length(self, "radius")

    def shares(self, east: Array, north: Array) -> Array:
        """1 to the radius."""
        return np.asarray(np.hypot(east, north) <= float(self.radius), float)


@dataclass(frozen=True)
class Rectangle(Footprint):
    """A pixel of a `width` from west to east and a `height` from south to north."""

    width: Amount
    height: Amount

    def __post_init__(self) -> None:
        _set_length(self, "width")
        _set_length(self, "height")

    def shares(self, east: Array, north: Array) -> Array:
        """1 to the edges; on one, half, so that two pixels share what lies between them."""
        return _within(east, float(self.width)) * _within(north, float(self.height))


def _within(offset: Array, width: float) -> Array:
    distance = 2 * np.abs(offset) - width
    return np.asarray(np.select([distance < 0, distance == 0], [1.0, 0.5], 0.0))


@dataclass(frozen=True)
class Polygon(Footprint):
    """Corners by `x` and `y`, or by `lon` and `lat` [degree], in turn; the last joins the first.

    >>> Polygon(x=("0 km", "9 km", "9 km"), y=("0 km", "0 km", "9 km"))
    """

    x: tuple[Amount, ...] = ()
    y: tuple[Amount, ...] = ()
    lon: tuple[float, ...] = ()
    lat: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            corners = tuple(magnitude(c, "m", f"{name} of Polygon") for c in getattr(self, name))
            object.__setattr__(self, name, corners)
        given = [(name, len(getattr(self, name))) for name in ("x", "y", "lon", "lat")]
        counts = [count for _, count in given]
        if sorted(counts) != [0, 0, max(counts), max(counts)] or counts[0] != counts[1]:
            raise DeclarationError(
                f"Polygon needs as many x as y, or lon as lat; got {dict(given)}"
            )
        if max(counts) < 3:
            raise DeclarationError(f"Polygon needs three corners or more; got {max(counts)}")
        if not abs(self._area_and_centroid[0]) > 0:
            raise DeclarationError("the corners of Polygon enclose no area")

    @property
    def centre(self) -> dict[str, float]:
        """The centroid."""
        return dict(zip(self._names, self._area_and_centroid[1], strict=True))

    def shares(self, east: Array, north: Array) -> Array:
        """1 inside, by the number of edges to the east of a column."""
        centre = np.array(list(self.centre.values()))
        first, second = self._offsets(*(self._corners - centre).T)
        inside = np.zeros(np.shape(east), dtype=bool)
        for k in range(first.size):
            (x0, y0), (x1, y1) = (first[k - 1], second[k - 1]), (first[k], second[k])
            crosses = (y0 > north) != (y1 > north)
            with np.errstate(divide="ignore", invalid="ignore"):
                inside ^= crosses & (east < x0 + (north - y0) * (x1 - x0) / (y1 - y0))
        return inside.astype(float)

    @property
    def _names(self) -> tuple[str, str]:
        return ("x", "y") if self.x else ("lon", "lat")

    @property
    def _corners(self) -> Array:
        """Corners (corner, 2); longitudes within half a turn of the first."""
        first, second = (np.array(getattr(self, name), float) for name in self._names)
        if not self.x:
            first = first[0] + half_turn(first - first[0])
        return np.column_stack([first, second])

    @property
    def _area_and_centroid(self) -> tuple[float, Array]:
        """Signed area and centroid of the corners, by the shoelace formula."""
        origin = self._corners[0]
        here = self._corners - origin
        after = np.roll(here, -1, axis=0)
        cross = here[:, 0] * after[:, 1] - after[:, 0] * here[:, 1]
        area = cross.sum() / 2
        if area == 0:
            return 0.0, origin
        return float(area), origin + ((here + after) * cross[:, None]).sum(axis=0) / (6 * area)

    def _offsets(self, first: Array, second: Array) -> tuple[Array, Array]:
        return (first, second) if self.x else local_offsets(first, second, self.centre["lat"])


def half_turn(degrees: Array) -> Array:
    """The same angles in [-180, 180) degree."""
    return np.asarray((degrees + 180.0) % 360.0 - 180.0)


def local_offsets(east: Array, north: Array, lat: float) -> tuple[Array, Array]:
    """Differences of longitude and latitude [degree] near a latitude, in metres.

    Linear in both: straight edges between corners stay straight.
    """
    metres = np.radians(1.0) * EARTH_RADIUS
    return metres * np.cos(np.radians(lat)) * half_turn(east), metres * np.asarray(north)


def _set_length(owner: Footprint, name: str) -> None:
    kind = type(owner).__name__
    value = magnitude(getattr(owner, name), "m", f"{name} of {kind}")
    if not value > 0:
        raise DeclarationError(f"{name} of {kind} must be positive; got {value!r}")
    object.__setattr__(owner, name, value)
