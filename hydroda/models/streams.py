"""Where the streams of a grid are: by the area that drains through a column, or by its ponds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hydroda.errors import DataError, DeclarationError
from hydroda.models.grid import Grid
from hydroda.units import Amount, convert, magnitude

__all__ = [
    "AlongSlopes",
    "DrainedArea",
    "Ponded",
    "SteepestDescent",
    "StreamRule",
    "Ways",
    "drained_area",
    "stream_mask",
]

Array = NDArray[np.float64]

FLAT = 1e-6  # [m m-1]; slopes and heights are not exact: what is as good as flat is flat


def stream_mask(grid: Grid, by: StreamRule, states: xr.Dataset | None = None) -> xr.Dataset:
    """The columns as `Screening` wants them: `river` (column,) with its measure, x and y [m].

    `river` is true in columns of the stream network. `states` are those of a run, for a rule that
    asks for them.

    >>> grid = Grid((3, 5), "1 km", "1 km", ("1 m",), slope_x=-0.01)
    >>> columns = stream_mask(grid, by=DrainedArea("4 km2"))
    >>> columns["river"].values.reshape(3, 5).sum(axis=0)
    array([0, 0, 0, 3, 3])
    """
    measure = by.measure(grid, states)
    least = f"{float(by.least):g} {measure.attrs['units']}".removesuffix(" 1")
    words = f"stream network: {measure.attrs['long_name']} >= {least}"
    river = (measure >= float(by.least)).assign_attrs(long_name=words, units="1")
    x, y = grid.places
    metres = {"units": "m"}
    places = {"x": ("column", x, metres), "y": ("column", y, metres)}
    return xr.Dataset({"river": river, str(measure.name): measure}, places)


# ----------------------------------------------------------------------------------- ways of water


class Ways(ABC):
    """Which way the water of a column goes; the author writes `parts`."""

    @abstractmethod
    def parts(self, grid: Grid) -> Array:
        """Parts of it that go to the west, east, south and north (column, 4); what is left stays.

        What goes to a side without a neighbour leaves the domain.
        """


@dataclass(frozen=True)
class AlongSlopes(Ways):
    """As the kinematic wave moves it: to the two sides below, in proportion to the slopes.

    Rain that lasts makes a discharge of rain times the area that drains in these ways.
    """

    def parts(self, grid: Grid) -> Array:
        x, y = grid.slopes
        down = np.stack([x, -x, y, -y], axis=-1)
        falls = np.where(down > FLAT, down, 0.0) / grid.widths
        total = falls.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(falls, total, out=np.zeros_like(falls), where=total > 0.0))


@dataclass(frozen=True)
class SteepestDescent(Ways):
    """All of it to the side where the ground falls most; where it falls to none, it stays."""

    def parts(self, grid: Grid) -> Array:
        beside, heights, here = grid.beside, grid.heights, np.arange(grid.columns)
        around = np.where(beside < 0, np.inf, heights[beside])
        falls = (heights[:, None] - around) / grid.widths
        steepest = np.argmax(falls, axis=1)
        parts = np.zeros(beside.shape)
        parts[here, steepest] = falls[here, steepest] > FLAT
        return parts


def drained_area(grid: Grid, ways: Ways | None = None) -> Array:
    """Plan area [m2] that drains through each column, its own included (column,).

    Columns that send water round in a circle, as in a pit, are one: all have the same area.
    """
    parts = (AlongSlopes() if ways is None else ways).parts(grid)
    source, side = np.nonzero(parts)
    target, part = grid.beside[source, side], parts[source, side]
    inside = target >= 0
    size = (grid.columns, grid.columns)
    graph = coo_array((part[inside], (source[inside], target[inside])), size)
    found = connected_components(graph.tocsr(), connection="strong")
    count, pool = int(found[0]), np.asarray(found[1], np.int64)
    # From here on the nodes are pools; -1 is the outside.
    source, target = pool[source], np.where(inside, pool[target], -1)
    leaving = source != target
    source, target, part = source[leaving], target[leaving], part[leaving]
    columns = np.bincount(pool)
    # What goes round in a circle leaves it in the end, where it has a way out.
    part = part / np.where(columns > 1, np.bincount(source, part, count), 1.0)[source]
    inside = target >= 0
    down = coo_array((part[inside], (target[inside], source[inside])), (count, count)).tocsr()
    moved = columns * grid.area
    total = moved.copy()
    while moved.any():  # no circle is left: after the longest way it is all at rest or outside
        moved = down @ moved
        total += moved
    return np.asarray(total[pool])


# ---------------------------------------------------------------------------------------- rules


class StreamRule(ABC):
    """What makes a column one of the stream network; the author writes `measure`."""

    @property
    @abstractmethod
    def least(self) -> Amount:
        """The measure from which on a column belongs to it."""

    @abstractmethod
    def measure(self, grid: Grid, states: xr.Dataset | None) -> xr.DataArray:
        """What is compared (column,), with `long_name` and `units`."""


@dataclass(frozen=True)
class DrainedArea(StreamRule):
    """Streams are where at least `area` drains through a column, that of the column included.

    It is the terrain's answer: the same before and after any run, however dry. A pit counts, with
    all that drains into it.
    """

    area: Amount
    ways: Ways = field(default_factory=AlongSlopes)

    def __post_init__(self) -> None:
        object.__setattr__(self, "area", magnitude(self.area, "m2", "area of DrainedArea"))
        if not float(self.area) > 0.0:
            raise DeclarationError(f"area of DrainedArea must be positive; got {self.area!r}")

    @property
    def least(self) -> Amount:
        return self.area

    def measure(self, grid: Grid, states: xr.Dataset | None) -> xr.DataArray:
        attrs = {"long_name": "drained area", "units": "m2"}
        area = drained_area(grid, self.ways)
        return xr.DataArray(area, dims="column", name="drained_area", attrs=attrs)


@dataclass(frozen=True)
class Ponded(StreamRule):
    """Streams are where water stands at least `depth` deep in a `share` of the states of a run.

    It is the model's answer, for its weather: springs and wet valleys that no map of slopes shows,
    and none in a dry valley. Times and members of `states` count alike, so the times should be
    evenly spaced, over seasons as they come.
    """

    share: float = 0.5
    depth: Amount = "1 mm"

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", magnitude(self.depth, "mm", "depth of Ponded"))
        if not 0.0 < self.share <= 1.0:
            raise DeclarationError(f"share of Ponded must lie in (0, 1]; got {self.share!r}")
        if not float(self.depth) > 0.0:
            raise DeclarationError(f"depth of Ponded must be positive; got {self.depth!r}")

    @property
    def least(self) -> Amount:
        return self.share

    def measure(self, grid: Grid, states: xr.Dataset | None) -> xr.DataArray:
        if states is None or "pond" not in states:
            raise DeclarationError(
                "Ponded needs the pond (time, ..., column) of a run: give states=…, such as "
                "xr.concat(forecasts, 'time')"
            )
        pond = states["pond"].transpose(..., "column")
        if pond.sizes["column"] != grid.columns:
            raise DataError(
                f"pond must have the {grid.columns} columns of the grid; got {pond.sizes['column']}"
            )
        if not np.isfinite(pond.values).all():
            raise DataError("pond is not finite in all states; leave out members that failed")
        standing = convert(pond.values, pond.attrs.get("units", "mm"), "mm", "pond")
        deep = standing.reshape(-1, grid.columns) >= float(self.depth)
        words = f"share of states with a pond of {float(self.depth):g} mm or more"
        attrs = {"long_name": words, "units": "1"}
        share = deep.mean(axis=0)
        return xr.DataArray(share, dims="column", name="ponded_share", attrs=attrs)
