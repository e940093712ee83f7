"""The ground of the catchment: its outline, its heights, its streams. Made, unless a file has it.

The outline and the heights of some places are those of the Rur, rounded; what lies between is made:
a smooth surface through these places, hills on it that grow towards the south, and valleys along
the ways of the water.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property, lru_cache

import gstools
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label

from hydroda.catchments.rur.field import random_field
from hydroda.catchments.rur.projection import UTM32
from hydroda.errors import DataError
from hydroda.models.grid import Grid
from hydroda.rng import Streams

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CELL = 500.0  # [m]
SHAPE = (162, 100)  # rows from south to north, cells of a row
X0, Y0 = 286e3, 5590.5e3  # south-west corner in UTM zone 32 [m]
CELLS = 9416  # 2354 km2
HIGHEST, LOWEST = 690.0, 15.0  # [m]
STREAM = 20e6  # drained area from which water has a bed [m2]
DROP = 1e-4  # least slope of a way to the outlet
RIDGE = 0.5  # by which the rim stands above what lies behind it [m]

# Ten layers to 3 m, as thin as those of the land surface; fifteen more to 100 m.
LAYERS = (
    0.02, 0.04, 0.06, 0.10, 0.16, 0.24, 0.34, 0.48, 0.66, 0.90,
    1.2, 1.6, 2.0, 2.6, 3.2, 4.0, 4.8, 5.6, 6.6, 7.6, 8.8, 10.0, 11.4, 13.0, 14.6,
)  # fmt: skip

# The watershed of the Rur, as longitude and latitude from its mouth round by the east, roughly.
OUTLINE = (
    (5.985, 51.155), (6.08, 51.150), (6.18, 51.150), (6.25, 51.11), (6.33, 51.055), (6.41, 51.02),
    (6.45, 50.96), (6.52, 50.90), (6.55, 50.83), (6.54, 50.75), (6.57, 50.68), (6.62, 50.62),
    (6.67, 50.56), (6.66, 50.49), (6.62, 50.455), (6.54, 50.45), (6.42, 50.448), (6.33, 50.46),
    (6.22, 50.475), (6.10, 50.49), (6.06, 50.53), (6.12, 50.60), (6.17, 50.67), (6.10, 50.715),
    (6.01, 50.74), (5.975, 50.80), (5.985, 50.86), (6.01, 50.93), (5.985, 51.00), (5.965, 51.08),
)  # fmt: skip
MOUTH = (5.985, 51.152)

# Heights [m] of places: the stations of Li's Table 1, then others, rounded.
HEIGHTS = (
    (6.03, 50.80, 232), (6.32, 50.99, 107), (6.10, 51.04, 58), (6.53, 50.50, 505),
    (6.37, 50.72, 374), (6.30, 50.93, 91), (6.305, 50.62, 510), (6.43, 50.86, 100),
    (6.45, 50.87, 101), (6.38, 50.52, 611), (6.17, 51.13, 72), (6.33, 50.51, 605),
    (5.99, 51.15, 20), (6.10, 51.15, 60), (6.25, 51.11, 88), (6.41, 51.02, 98), (6.50, 50.90, 108),
    (6.54, 50.80, 140), (6.52, 50.74, 190), (6.55, 50.68, 330), (6.62, 50.60, 400),
    (6.65, 50.53, 500), (6.63, 50.46, 540), (6.42, 50.45, 680), (6.33, 50.46, 670),
    (6.22, 50.48, 640), (6.10, 50.49, 650), (6.08, 50.55, 600), (6.24, 50.55, 480),
    (6.14, 50.62, 470), (6.20, 50.68, 420), (6.45, 50.62, 330), (6.36, 50.60, 400),
    (6.10, 50.72, 300), (5.99, 50.75, 280), (6.15, 50.83, 160), (6.25, 50.80, 180),
    (6.05, 50.93, 105), (5.98, 51.00, 70), (5.97, 51.08, 40), (6.20, 51.05, 60),
    (6.15, 50.97, 85), (6.48, 50.80, 125), (6.36, 50.92, 82), (6.18, 51.01, 55),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Terrain:
    """Heights (y, x) [m] of square cells from south to north, where the mask is true.

    Water of every cell goes to its lowest neighbour and so to the `outlet` (row, cell of the row):
    there is no pit, and the rim stands above what lies behind it.
    """

    elevation: Array
    mask: Mask
    cell: float
    x0: float
    y0: float
    outlet: tuple[int, int]
    crs: str = UTM32.crs

    @cached_property
    def grid(self) -> Grid:
        """The columns of the model."""
        return Grid(
            self.mask.shape,
            f"{self.cell} m",
            f"{self.cell} m",
            tuple(f"{dz} m" for dz in LAYERS),
            elevation=np.where(self.mask, self.elevation, 0.0),
            active=self.mask,
            x0=f"{self.x0} m",
            y0=f"{self.y0} m",
            crs=self.crs,
        )

    @cached_property
    def heights(self) -> Array:
        """Elevation [m] (column,)."""
        return self.elevation[self.mask]

    @cached_property
    def receiver(self) -> NDArray[np.int64]:
        """The column each column's water goes to, its lowest neighbour; for the outlet itself."""
        beside = self.grid.beside
        height = np.where(beside < 0, np.inf, self.heights[beside])
        lowest = np.argmin(height, axis=1)
        here = np.arange(self.heights.size)
        down = height[here, lowest] < self.heights
        return np.where(down, beside[here, lowest], here)

    @cached_property
    def drained(self) -> Array:
        """Area that drains through each column, itself included [m2] (column,)."""
        area = np.full(self.heights.size, self.cell**2)
        for column in np.argsort(-self.heights, kind="stable"):
            to = self.receiver[column]
            if to != column:
                area[to] += area[column]
        return area

    @cached_property
    def river(self) -> Mask:
        """Which columns belong to the stream network."""
        return self.drained >= max(STREAM, 2.5 * self.cell**2)

    @cached_property
    def to_stream(self) -> Array:
        """Distance to the nearest cell of the stream network [m] (column,)."""
        away = distance_transform_edt(~self.grid.on_map(self.river, 0.0).astype(bool))
        return np.asarray(self.cell * away[self.mask])

    @cached_property
    def around(self) -> Array:
        """Mean elevation [m] of the country about each column, some 2 km (column,)."""
        inside = self.mask.astype(float)
        sigma = 2e3 / self.cell
        count = gaussian_filter(inside, sigma, mode="constant")
        total = gaussian_filter(np.where(self.mask, self.elevation, 0.0), sigma, mode="constant")
        return np.asarray(total[self.mask] / count[self.mask])

    @property
    def places(self) -> tuple[Array, Array]:
        """x and y [m] (column,)."""
        return self.grid.places

    @cached_property
    def geographic(self) -> tuple[Array, Array]:
        """Longitude and latitude [degree] (column,)."""
        return UTM32.sphere(*self.places)

    @property
    def area(self) -> float:
        """[m2]"""
        return float(self.mask.sum()) * self.cell**2

    def coarsened(self, factor: int) -> Terrain:
        """Cells of `factor` by `factor` ones, where at least half of them are there."""
        if factor == 1:
            return self
        rows, places = (-(-n // factor) for n in self.mask.shape)
        shape = (rows, factor, places, factor)
        padding = [
            (0, rows * factor - self.mask.shape[0]),
            (0, places * factor - self.mask.shape[1]),
        ]
        inside = np.pad(self.mask, padding).reshape(shape)
        heights = np.pad(np.where(self.mask, self.elevation, 0.0), padding).reshape(shape)
        count = inside.sum(axis=(1, 3))
        mask = connected(count >= factor**2 / 2)
        mean = heights.sum(axis=(1, 3)) / np.maximum(count, 1)
        cell = factor * self.cell
        return drained(mean, mask, cell, self.x0, self.y0)


def connected(mask: Mask) -> Mask:
    """The largest part of a mask that hangs together by sides."""
    parts, _ = label(mask)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == int(np.argmax(sizes)))


def rim(mask: Mask) -> Mask:
    """Cells of a mask with a side to the outside."""
    inner = np.pad(mask, 1)
    inside = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    return mask & ~inside


def drained(elevation: Array, mask: Mask, cell: float, x0: float, y0: float) -> Terrain:
    """Terrain without pits, down to its lowest rim cell, and a rim above what lies behind it."""
    edge = rim(mask)
    if not edge.any():
        raise DataError("the terrain has no active cell; give heights to some cells")
    gate = edge & _beside(mask & ~edge)  # water comes to it from within
    lowest = np.where(gate if gate.any() else edge, elevation, np.inf)
    outlet = tuple(int(i) for i in np.unravel_index(np.argmin(lowest), mask.shape))
    inner = mask & ~edge
    inner[outlet] = True
    inner = _reached(inner, outlet)
    # A frame, so that no neighbour lies outside of the array.
    start = tuple(i + 1 for i in outlet)
    framed = np.pad(elevation, 1), np.pad(inner, 1)
    carved = _carved(framed[0], framed[1], start, DROP * cell)[1:-1, 1:-1]
    return Terrain(_ridged(carved, mask, inner), mask, cell, x0, y0, (outlet[0], outlet[1]))


def _beside(mask: Mask) -> Mask:
    """Cells of a mask and those with a side to one."""
    return np.asarray(binary_dilation(mask))


def _reached(mask: Mask, start: tuple[int, ...]) -> Mask:
    """The part of a mask that hangs together with a cell."""
    parts, _ = label(mask)
    return np.asarray(parts == parts[start])


def _carved(elevation: Array, mask: Mask, outlet: tuple[int, ...], drop: float) -> Array:
    """Heights with a way down to the outlet from each cell: what bars a way is cut through.

    The ways are those of a flood from the outlet, Barnes et al. 2014, 10.1016/j.cageo.2013.04.024.
    Where they would lead below the outlet, the ground is raised.
    """
    z = elevation.copy()
    before: dict[tuple[int, ...], tuple[int, ...]] = {outlet: outlet}
    queue, level, order = [(float(z[outlet]), outlet)], {outlet: float(z[outlet])}, []
    while queue:
        height, here = heapq.heappop(queue)
        order.append(here)
        z[here] = max(z[here], level[here])
        row, place = here
        for at in ((row - 1, place), (row + 1, place), (row, place - 1), (row, place + 1)):
            if at in before or not mask[at]:
                continue
            before[at], level[at] = here, level[here] + drop
            heapq.heappush(queue, (max(float(z[at]), height), at))
    for here in order[:0:-1]:
        z[before[here]] = min(z[before[here]], z[here] - drop)
    return z


def _ridged(elevation: Array, mask: Mask, inner: Mask) -> Array:
    """Heights of the rim above what lies opposite to the outside, so that no water leaves there.

    In a strip of two cells both are as high. Each cell of the rim stands above some neighbour.
    """
    z = np.pad(np.where(mask, elevation, np.inf), 2, constant_values=np.inf)
    here = np.pad(mask, 2)
    free = here & ~np.pad(inner, 2)
    for _ in range(mask.size):
        lowest = np.min([np.roll(z, step, axis) for axis in (0, 1) for step in (1, -1)], axis=0)
        wanted = np.where(np.isfinite(lowest), lowest + RIDGE, z)
        for axis in (0, 1):
            for step in (1, -1):
                behind = np.roll(z, step, axis)
                strip = np.roll(~here, 2 * step, axis)
                outside = np.roll(~here, -step, axis) & np.isfinite(behind)
                above = np.where(strip, behind, behind + RIDGE)
                wanted = np.where(outside, np.maximum(wanted, above), wanted)
        higher = np.where(free, np.maximum(z, wanted), z)
        if np.array_equal(higher, z):
            break
        z = higher
    return np.where(mask, z[2:-2, 2:-2], elevation)


# ----------------------------------------------------------------------------- what is made


def _cells(shape: tuple[int, int]) -> tuple[Array, Array]:
    """x and y [m] (y, x) of all cells."""
    x = X0 + CELL * (np.arange(shape[1]) + 0.5)
    y = Y0 + CELL * (np.arange(shape[0]) + 0.5)
    return tuple(np.meshgrid(x, y))


def _outline(x: Array, y: Array, ragged: Array) -> Mask:
    """The cells within the watershed, ragged by a field: exactly as many as its area has."""
    around = np.stack(UTM32.plane(*np.transpose(OUTLINE)), axis=-1)
    inside = _within(x, y, around)
    depth = CELL * (distance_transform_edt(inside) - distance_transform_edt(~inside)) + ragged
    depth[[0, -1]] = depth[:, [0, -1]] = -np.inf
    low, high = -2e4, 2e4
    while high - low > 1e-3:  # by halves, since parts that are cut off do not count
        middle = 0.5 * (low + high)
        low, high = (middle, high) if connected(depth > middle).sum() > CELLS else (low, middle)
    mask = connected(depth > high)
    for at in np.argsort(-np.where(mask, -np.inf, depth), axis=None, kind="stable"):
        if mask.sum() == CELLS:
            break
        row, place = np.unravel_index(at, mask.shape)
        if 0 < row < SHAPE[0] - 1 and mask[row - 1 : row + 2, place - 1 : place + 2].any():
            mask = connected(mask | (np.arange(mask.size).reshape(mask.shape) == at))
    return mask


def _within(x: Array, y: Array, around: Array) -> Mask:
    """Whether places lie in a polygon (corner, 2), by the sides that a ray to the east crosses."""
    inside = np.zeros(x.shape, bool)
    for (xa, ya), (xb, yb) in zip(around, np.roll(around, -1, axis=0), strict=True):
        crossed = (ya > y) != (yb > y)
        at = xa + (y - ya) * (xb - xa) / (yb - ya if yb != ya else 1.0)
        inside ^= crossed & (x < at)
    return inside


def field(x: Array, y: Array, length: float, rng: np.random.Generator) -> Array:
    """A smooth Gaussian field of mean 0 and variance 1 with a length of correlation [m]."""
    model = gstools.Gaussian(dim=2, var=1.0, len_scale=length)
    return random_field(model, rng, x.ravel(), y.ravel(), 200).reshape(x.shape)


@lru_cache(maxsize=4)
def made_terrain(place: int) -> Terrain:
    """The catchment at 500 m, by the seed of everything that is made."""
    streams = Streams(place)
    x, y = _cells(SHAPE)
    mask = _outline(x, y, 700.0 * field(x, y, 3e3, streams.generator("rur", "outline")))
    known = np.array(HEIGHTS, float)
    at = np.stack(UTM32.plane(known[:, 0], known[:, 1]), axis=-1) / 1e4
    surface = RBFInterpolator(at, known[:, 2], kernel="thin_plate_spline", smoothing=1e-2)
    smooth = surface(np.stack([x, y], axis=-1).reshape(-1, 2) / 1e4).reshape(x.shape)
    smooth = np.clip(smooth, LOWEST + 5.0, HIGHEST)
    relief = np.clip((smooth - 60.0) / 400.0, 0.22, 1.0)
    hills = sum(
        size * field(x, y, length, streams.generator("rur", "hills", length))
        for size, length in ((28.0, 4e3), (14.0, 1.8e3), (6.0, 0.9e3))
    )
    z = smooth + relief * hills
    mouth = UTM32.plane(*MOUTH)
    gate = rim(mask) & _beside(mask & ~rim(mask))
    away = np.where(gate, np.hypot(x - mouth[0], y - mouth[1]), np.inf)
    z[np.unravel_index(np.argmin(away), z.shape)] = LOWEST
    first = drained(z, mask, CELL, X0, Y0)
    size = np.log10(np.maximum(first.drained / 1e6, 1.0))
    cut = first.grid.on_map(size * (4.0 + 26.0 * relief[mask]), 0.0)
    # Valleys must not go below the mouth: it would rise with all that is scaled to its height.
    valleys = np.maximum(first.elevation - cut, LOWEST + 0.4 * (first.elevation - LOWEST))
    found = drained(np.where(mask, valleys, 0.0), mask, CELL, X0, Y0)
    low, high = found.heights.min(), found.heights.max()
    scaled = LOWEST + (found.elevation - low) * (HIGHEST - LOWEST) / (high - low)
    return Terrain(np.where(mask, scaled, 0.0), mask, CELL, X0, Y0, found.outlet)
