"""What happens at the edges of a three-dimensional domain; where nothing is said, nothing flows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.models.grid import Grid
from hydroda.models.kernels.flow import member as kernels
from hydroda.units import Amount, magnitude

__all__ = [
    "Boundary",
    "Edges",
    "FixedFlux",
    "FixedHead",
    "FixedLevel",
    "GravityDrainage",
    "SeepageFace",
    "Side",
    "Well",
]

Array = NDArray[np.float64]
Cells = NDArray[np.int64]


class Side(Enum):
    """Where a boundary lies: towards lower or higher x, lower or higher y, above or below."""

    WEST = 0
    EAST = 1
    SOUTH = 2
    NORTH = 3
    TOP = 4
    BOTTOM = 5

    def cells(self, grid: Grid) -> tuple[Cells, Cells]:
        """Columns and layers of the cells that lie at this side."""
        if self in (Side.TOP, Side.BOTTOM):
            layer = 0 if self is Side.TOP else grid.layers - 1
            return np.arange(grid.columns), np.full(grid.columns, layer)
        columns = np.flatnonzero(grid.beside[:, self.value] < 0)
        return np.repeat(columns, grid.layers), np.tile(np.arange(grid.layers), columns.size)

    def face(self, grid: Grid, layers: Cells) -> tuple[Array, Array]:
        """Area of the face per plan area, and its distance [m] from the centre of the cell."""
        if self in (Side.TOP, Side.BOTTOM):
            return np.ones(layers.size), 0.5 * grid.dz[layers]
        width = grid.widths[self.value]
        return grid.dz[layers] / width, np.full(layers.size, 0.5 * width)


@dataclass(frozen=True)
class Edges:
    """Boundary faces as arrays (edge,): where, of what kind, and what the kernels need of them.

    `kind` is one of `kernels.flow.member`: SIDE, ABOVE and BELOW have a head outside, SEEPAGE lets
    water out under pressure, SOURCE and WELL bring or take what they are told, DRAIN lets it fall.
    `factor` times K_s is the conductance; `head` [m] stands outside; `rate` [m s-1] flows in.
    """

    column: Cells
    layer: Cells
    kind: int
    factor: Array
    distance: Array
    head: Array
    rate: Array
    by_conductivity: bool = False  # the rates are totals, to be shared out by K_s and thickness


class Boundary(ABC):
    """A part of the edge of the domain, constant in time; the author writes `edges`."""

    @abstractmethod
    def edges(self, grid: Grid) -> Edges:
        """The boundary faces of a grid."""


def _edges(
    cells: tuple[Cells, Cells], kind: int, factor: Any = 0.0, distance: Any = 1.0, head: Any = 0.0,
    rate: Any = 0.0,
) -> Edges:  # fmt: skip
    arrays = [np.array(np.broadcast_to(v, cells[0].shape), float) for v in (factor, distance)]
    arrays += [np.array(np.broadcast_to(v, cells[0].shape), float) for v in (head, rate)]
    return Edges(*cells, kind, arrays[0], arrays[1], arrays[2], arrays[3])


def _at_heads(side: Side, cells: tuple[Cells, Cells], grid: Grid, head: Any) -> Edges:
    area, distance = side.face(grid, cells[1])
    if side is Side.TOP:
        return _edges(cells, kernels.ABOVE, 1.0, distance, head)
    if side is Side.BOTTOM:
        return _edges(cells, kernels.BELOW, 1.0, distance, head)
    return _edges(cells, kernels.SIDE, area / distance, distance, head)


@dataclass(frozen=True, eq=False)
class FixedHead(Boundary):
    """The pressure head at a side is `head` [m] at all times.

    An amount, or an array over the cells there: (column,) at top and bottom, in the order of the
    columns; (column, layer) at a vertical side. Under a fixed head at the top there is no pond.
    """

    side: Side
    head: Amount | ArrayLike

    def edges(self, grid: Grid) -> Edges:
        cells = self.side.cells(grid)
        if isinstance(self.head, np.ndarray):
            head = np.asarray(self.head, float).ravel()
        else:
            head = np.array(float(magnitude(self.head, "m", "head")))
        if head.size not in (1, cells[0].size):
            raise DeclarationError(
                f"head at {self.side.name} must be one amount or {cells[0].size} values; got "
                f"{head.size}"
            )
        return _at_heads(self.side, cells, grid, head)


@dataclass(frozen=True)
class FixedLevel(Boundary):
    """Water outside a side stands `depth` below the surface, at rest."""

    side: Side
    depth: Amount

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", magnitude(self.depth, "m", "depth"))

    def edges(self, grid: Grid) -> Edges:
        cells = self.side.cells(grid)
        z = grid.z[cells[1]]
        if self.side in (Side.TOP, Side.BOTTOM):
            z = z + (0.5 if self.side is Side.BOTTOM else -0.5) * grid.dz[cells[1]]
        return _at_heads(self.side, cells, grid, z - float(self.depth))


@dataclass(frozen=True)
class FixedFlux(Boundary):
    """`flux` of water flows in through a side, per area of it."""

    side: Side
    flux: Amount

    def __post_init__(self) -> None:
        object.__setattr__(self, "flux", magnitude(self.flux, "m/s", "flux"))

    def edges(self, grid: Grid) -> Edges:
        cells = self.side.cells(grid)
        area, _ = self.side.face(grid, cells[1])
        return _edges(cells, kernels.SOURCE, rate=area * float(self.flux))


@dataclass(frozen=True)
class SeepageFace(Boundary):
    """Water leaves through a vertical side where it stands above atmospheric pressure."""

    side: Side

    def edges(self, grid: Grid) -> Edges:
        if self.side in (Side.TOP, Side.BOTTOM):
            raise DeclarationError(f"a seepage face is a vertical side; got {self.side.name}")
        cells = self.side.cells(grid)
        area, distance = self.side.face(grid, cells[1])
        return _edges(cells, kernels.SEEPAGE, area / distance, distance)


@dataclass(frozen=True)
class GravityDrainage(Boundary):
    """Water leaves the lowest cells by gravity, at their conductivity."""

    def edges(self, grid: Grid) -> Edges:
        return _edges(Side.BOTTOM.cells(grid), kernels.DRAIN, 1.0)


@dataclass(frozen=True)
class Well(Boundary):
    """A well at x, y with a screen between two depths: `rate` [m3 s-1] in, negative pumps.

    Layers share the rate by K_s and the thickness of the screen in them. A layer whose head at the
    centre falls below `reserve` gives less and at 0 nothing.
    """

    x: Amount
    y: Amount
    top: Amount
    bottom: Amount
    rate: Amount
    reserve: Amount = "0.1 m"

    def __post_init__(self) -> None:
        for name in ("x", "y", "top", "bottom", "reserve"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))
        object.__setattr__(self, "rate", magnitude(self.rate, "m3/s", "rate"))
        if not 0.0 <= float(self.top) < float(self.bottom) or float(self.reserve) <= 0.0:
            raise DeclarationError(
                "a well needs depths 0 <= top < bottom and reserve > 0; got "
                f"{self.top}, {self.bottom} and {self.reserve}"
            )

    def edges(self, grid: Grid) -> Edges:
        column = grid.column_at(self.x, self.y)
        low = np.cumsum(grid.dz)
        inside = np.minimum(low, float(self.bottom)) - np.maximum(low - grid.dz, float(self.top))
        layers = np.flatnonzero(inside > 1e-9)
        if not layers.size:
            raise DeclarationError(
                f"the screen of a well from {self.top} to {self.bottom} lies below the grid, which "
                f"ends at {low[-1]:g} m"
            )
        cells = np.full(layers.size, column), layers
        rate = float(self.rate) / grid.area
        found = _edges(cells, kernels.WELL, inside[layers], float(self.reserve), rate=rate)
        return replace(found, by_conductivity=True)


def gathered(boundaries: Sequence[Boundary], grid: Grid) -> list[Edges]:
    """The edges of all boundaries."""
    return [boundary.edges(grid) for boundary in boundaries]
