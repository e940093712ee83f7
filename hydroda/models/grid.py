"""Grids of columns: where they lie, how they slope, how thick their layers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import spsolve

from hydroda.errors import DeclarationError
from hydroda.units import Amount, magnitude

__all__ = ["Grid"]

Array = NDArray[np.float64]

# The four sides of a column in the order of the kernels, as steps in y and x.
SIDES = ((0, -1), (0, 1), (-1, 0), (1, 0))
WEST, EAST, SOUTH, NORTH = range(4)


@dataclass(frozen=True, eq=False)
class Grid:
    """Columns dx by dy in rows from south to north, under a surface that slopes.

    `shape` is (rows, columns of a row); arrays over the surface are (y, x), row 0 in the south.
    Columns where `active` is false take no part; the others are numbered row by row. `thickness`
    is from the top down and the same everywhere: layers follow the terrain. The surface comes as
    `elevation` [m], or as slopes along x and y, positive where it rises with the index (as in
    ParFlow). `x0`, `y0` are the south-west corner in `crs`; `names` may name the layers.

    >>> hillslope = Grid((1, 20), "5 m", "5 m", ("0.1 m",) * 10, slope_x=0.02)
    """

    shape: tuple[int, int]
    dx: Amount
    dy: Amount
    thickness: tuple[Any, ...]
    slope_x: ArrayLike = 0.0
    slope_y: ArrayLike = 0.0
    elevation: ArrayLike | None = None
    active: ArrayLike | None = None
    x0: Amount = "0 m"
    y0: Amount = "0 m"
    crs: str = ""
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("dx", "dy", "x0", "y0"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))
        thickness = tuple(
            magnitude(value, "m", f"thickness[{i}]") for i, value in enumerate(self.thickness)
        )
        object.__setattr__(self, "thickness", thickness)
        object.__setattr__(self, "names", tuple(self.names))
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise DeclarationError(
                f"shape must be (rows, columns), both 1 or more; got {self.shape}"
            )
        if not thickness or min(thickness) <= 0.0:
            raise DeclarationError(f"thickness must be of positive lengths; got {thickness}")
        if float(self.dx) <= 0.0 or float(self.dy) <= 0.0:
            raise DeclarationError(f"dx and dy must be positive; got {self.dx} and {self.dy}")
        if self.names and len(self.names) != len(thickness):
            raise DeclarationError(
                f"names must name the {len(thickness)} layers; got {len(self.names)} names"
            )
        if not self.mask.any():
            raise DeclarationError("active must leave a column; it is false everywhere")
        for name in ("slope_x", "slope_y", "elevation"):
            if getattr(self, name) is not None:
                self._surface(name)

    def _surface(self, name: str) -> Array:
        """A field over the surface (y, x)."""
        given = np.asarray(getattr(self, name), float)
        try:
            field = np.broadcast_to(given, self.shape)
        except ValueError:
            raise DeclarationError(
                f"{name} must be (y, x) {self.shape}; got {given.shape}"
            ) from None
        if not np.isfinite(field[self.mask]).all():
            raise DeclarationError(f"{name} is not finite in every active column")
        return field

    # ------------------------------------------------------------------------------- the columns

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """True where a column is active (y, x)."""
        if self.active is None:
            return np.ones(self.shape, bool)
        given = np.asarray(self.active, bool)
        if given.shape != tuple(self.shape):
            raise DeclarationError(f"active must be (y, x) {self.shape}; got {given.shape}")
        return given

    @property
    def columns(self) -> int:
        """How many columns are active."""
        return int(self.mask.sum())

    @property
    def layers(self) -> int:
        return len(self.thickness)

    @property
    def dz(self) -> Array:
        """Thickness of the layers [m]."""
        return np.array(self.thickness, float)

    @property
    def z(self) -> Array:
        """Depth of the centres of the layers [m]."""
        return np.cumsum(self.dz) - 0.5 * self.dz

    @property
    def area(self) -> float:
        """Plan area of a column [m2]."""
        return float(self.dx) * float(self.dy)

    @property
    def places(self) -> tuple[Array, Array]:
        """x and y [m] of the centres of the active columns."""
        row, place = np.nonzero(self.mask)
        dx, dy = float(self.dx), float(self.dy)
        x, y = float(self.x0) + (place + 0.5) * dx, float(self.y0) + (row + 0.5) * dy
        return np.asarray(x, float), np.asarray(y, float)

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """Number of the column at (y, x); -1 where there is none."""
        number = np.full(self.shape, -1)
        number[self.mask] = np.arange(self.columns)
        return number

    def of_columns(self, field: ArrayLike) -> Array:
        """A field (..., y, x) as (..., column)."""
        return np.asarray(field)[..., self.mask]

    def on_map(self, values: ArrayLike, fill: float = np.nan) -> Array:
        """Values (..., column) as a field (..., y, x)."""
        given = np.asarray(values, float)
        field = np.full((*given.shape[:-1], *self.shape), fill)
        field[..., self.mask] = given
        return field

    def column_at(self, x: Amount, y: Amount) -> int:
        """Number of the column that holds a place.

        Raises
        ------
        DeclarationError
            No active column lies there.
        """
        place = int(np.floor((magnitude(x, "m", "x") - float(self.x0)) / float(self.dx)))
        row = int(np.floor((magnitude(y, "m", "y") - float(self.y0)) / float(self.dy)))
        inside = 0 <= row < self.shape[0] and 0 <= place < self.shape[1]
        if not inside or self.number[row, place] < 0:
            raise DeclarationError(f"no active column of the grid holds x = {x}, y = {y}")
        return int(self.number[row, place])

    # ------------------------------------------------------------------------ slopes and neighbours

    @cached_property
    def beside(self) -> NDArray[np.int32]:
        """Column to the west, east, south, north (column, 4); -1 where there is none."""
        wide = np.pad(self.number, 1, constant_values=-1)
        rows, columns = self.shape
        sides = [
            wide[1 + up : 1 + up + rows, 1 + right : 1 + right + columns][self.mask]
            for up, right in SIDES
        ]
        return np.ascontiguousarray(np.stack(sides, axis=-1).astype(np.int32))

    @cached_property
    def slopes(self) -> tuple[Array, Array]:
        """Slopes of the surface along x and y in each column, positive where it rises."""
        if self.elevation is None:
            return self._surface("slope_x")[self.mask], self._surface("slope_y")[self.mask]
        height = self._surface("elevation")[self.mask]
        found = []
        for low, high, width in ((WEST, EAST, self.dx), (SOUTH, NORTH, self.dy)):
            below, above = self.beside[:, low], self.beside[:, high]
            here = np.arange(self.columns)
            below, above = np.where(below < 0, here, below), np.where(above < 0, here, above)
            steps = np.maximum((below != here) * 1 + (above != here) * 1, 1)
            found.append((height[above] - height[below]) / (steps * float(width)))
        return found[0], found[1]

    @cached_property
    def faces(self) -> tuple[Array, Array]:
        """Mean sine and cosine of the slope towards each side (column, 4), positive uphill."""
        sine, cosine = np.zeros((self.columns, 4)), np.ones((self.columns, 4))
        here = np.arange(self.columns)
        for side in range(4):
            other = np.where(self.beside[:, side] < 0, here, self.beside[:, side])
            towards = 1.0 if side % 2 else -1.0
            if self.elevation is None:
                angle = np.arctan(self.slopes[side // 2])
                sine[:, side] = towards * 0.5 * (np.sin(angle) + np.sin(angle[other]))
                cosine[:, side] = 0.5 * (np.cos(angle) + np.cos(angle[other]))
            else:
                height = self._surface("elevation")[self.mask]
                angle = np.arctan((height[other] - height) / self.widths[side])
                sine[:, side], cosine[:, side] = np.sin(angle), np.cos(angle)
        return sine, cosine

    @property
    def widths(self) -> Array:
        """Distance to the centre of the neighbour on each side [m]."""
        return np.array([float(self.dx), float(self.dx), float(self.dy), float(self.dy)])

    @cached_property
    def heights(self) -> Array:
        """Elevation [m] of the columns; from slopes, the surface that fits them best."""
        if self.elevation is not None:
            return self._surface("elevation")[self.mask]
        sine, cosine = self.faces
        east, north = self.beside[:, EAST], self.beside[:, NORTH]
        here = np.arange(self.columns)
        a = np.concatenate([here[east >= 0], here[north >= 0]])
        b = np.concatenate([east[east >= 0], north[north >= 0]])
        rise = (sine / cosine) * self.widths
        climb = np.concatenate([rise[east >= 0, EAST], rise[north >= 0, NORTH]])
        if not climb.any():
            return np.zeros(self.columns)
        size = (self.columns, self.columns)
        coupling = coo_array((np.ones(a.size), (a, b)), size)
        both = coupling + coupling.T
        # The surface is known but for a height of each connected part: a little weight fixes it.
        laplace = diags_array(both.sum(axis=0) + 1e-9) - both
        load = np.bincount(b, climb, self.columns) - np.bincount(a, climb, self.columns)
        return np.asarray(spsolve(laplace.tocsc(), load))
