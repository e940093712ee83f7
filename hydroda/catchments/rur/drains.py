"""Streams and ditches that cells of kilometres do not resolve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hydroda.models.boundaries import Boundary, Edges
from hydroda.models.grid import Grid
from hydroda.models.kernels.flow import member as kernels
from hydroda.units import Amount, magnitude


@dataclass(frozen=True)
class Drains(Boundary):
    """Water above `depth` leaves every column to drains `spacing` apart, through layers `thick`.

    q = 8 K_s thick (level - depth) / spacing² (Hooghoudt 1940, without the flow above the drains),
    with K_s of the cell at their depth. What leaves is inflow across a boundary, and negative.
    """

    depth: Amount = "2 m"
    spacing: Amount = "40 m"
    thick: Amount = "2 m"

    def __post_init__(self) -> None:
        for name in ("depth", "spacing", "thick"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))

    @property
    def factor(self) -> float:
        """Outflow per head above the drains, over K_s [m-1]."""
        return 8.0 * float(self.thick) / float(self.spacing) ** 2

    def layer(self, grid: Grid) -> int:
        """The layer in which the drains lie."""
        return int(np.searchsorted(np.cumsum(grid.dz), float(self.depth)))

    def edges(self, grid: Grid) -> Edges:
        layer = self.layer(grid)
        # At rest the head at the centre of a layer is how far the table stands above it.
        head = float(grid.z[layer]) - float(self.depth)
        return _leaving(grid, layer, self.factor, head)


@dataclass(frozen=True)
class OpenSurface(Boundary):
    """Water that comes to the surface leaves at once, as `fast` [1/m] times K_s and its depth.

    For steps of years, in which waves on the surface have no time of their own.
    """

    fast: Amount = "100 1/m"

    def __post_init__(self) -> None:
        object.__setattr__(self, "fast", magnitude(self.fast, "1/m", "fast"))

    def edges(self, grid: Grid) -> Edges:
        return _leaving(grid, 0, float(self.fast), 0.0)


def _leaving(grid: Grid, layer: int, factor: float, head: float) -> Edges:
    """Faces of one layer of all columns through which water above `head` leaves."""
    columns = np.arange(grid.columns)
    layers = np.full(columns.size, layer)
    factors, distances = np.full(columns.size, factor), np.ones(columns.size)
    heads, none = np.full(columns.size, head), np.zeros(columns.size)
    return Edges(columns, layers, kernels.SEEPAGE, factors, distances, heads, none)
