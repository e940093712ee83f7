"""What the ground of the catchment is: land use, soil, aquifers, and how deep its water stands.

Each map is a function of place and height, so that every cell size has the same catchment. Made
after what Li et al. say of it (2.1, 2.3.2, Fig. 2): crops and grass on loess and sand in the north,
forest on silty slopes in the south; bedrock that holds water back in the south, loose sediments in
the north.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

import gstools
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.catchments.rur.field import random_field
from hydroda.catchments.rur.soil import hydraulics
from hydroda.catchments.rur.stations import CRNS, LandUseName
from hydroda.catchments.rur.terrain import LAYERS, Terrain, field
from hydroda.errors import DeclarationError
from hydroda.models.plants import Leaves, MonthlyLeaves, PlantType, clm4
from hydroda.rng import Streams

Array = NDArray[np.float64]

SOIL_LAYERS = 10
POROSITY = 0.15  # of aquifers, Li 3.1
# Not in the paper; between sand and fractured rock, so that a table drains within metres.
AQUIFER_CURVE = {"theta_r": 0.02, "alpha": 2.0, "n": 2.0}
# Li 3.1: a spherical variogram of variance 50 %2 and range 12.5 km; one shift of log10 K_s.
TEXTURE_VARIANCE, TEXTURE_RANGE = 50.0, 12.5e3
SHIFT = 0.5
LEAST_PORES, MOST_PORES = 0.15, 0.75  # drainable pores and porosity, whatever is missed [m3 m-3]
MODES = 400  # of a random field; the covariance is right with any number


class LandUse(IntEnum):
    """What grows on a cell: the number of its type among `PLANTS`."""

    CROP = 0
    GRASS = 1
    BROADLEAF = 2
    NEEDLELEAF = 3
    BUILT = 4
    MINE = 5


# Towns have the leaves of gardens; a pit has hardly any.
PLANTS: tuple[PlantType, ...] = (
    clm4("c3 crop"),
    clm4("c3 grass"),
    clm4("broadleaf deciduous temperate tree"),
    clm4("needleleaf evergreen temperate tree"),
    clm4("c3 grass"),
    clm4("c3 arctic grass"),
)
OF_NAME = {
    LandUseName.CROP: LandUse.CROP,
    LandUseName.GRASSLAND: LandUse.GRASS,
    LandUseName.NEEDLELEAF: LandUse.NEEDLELEAF,
    LandUseName.SPRUCE: LandUse.NEEDLELEAF,
}
# Open pits of lignite, as x and y [m] of their middle and their radius [m].
MINES = ((311.6e3, 5638.5e3, 2.6e3), (309.5e3, 5657.5e3, 2.4e3))


@dataclass(frozen=True)
class Unit:
    """Rock or sediment of an aquifer and log10 of its K_s [m s-1]."""

    name: str
    log10_Ks: float


UNITS = (
    Unit("slate", -7.3),
    Unit("limestone and coal measures", -6.2),
    Unit("sandstone", -5.6),
    Unit("fine sand under loess", -4.7),
    Unit("terrace gravel", -3.9),
    Unit("valley gravel", -3.3),
)
SLATE, LIMESTONE, SANDSTONE, SAND, TERRACE, VALLEY = range(6)


@dataclass(frozen=True, eq=False)
class Ground:
    """Maps (column,): use of land, mean sand and clay [%], density [g cm-3], aquifers, water table.

    `unit` numbers the aquifer unit of a column, log10_Ks [log10(m s-1)] is that of its aquifer,
    `table` [m] the depth that the water table begins from.
    """

    use: NDArray[np.int64]
    sand: Array
    clay: Array
    density: Array
    unit: NDArray[np.int64]
    log10_Ks: Array
    table: Array


def northern(y: Array) -> Array:
    """0 in the mountains, 1 in the lowland, by northing [m] (column,)."""
    return np.asarray(1.0 / (1.0 + np.exp(-(y - 5628e3) / 3.5e3)))


@lru_cache(maxsize=4)
def made_ground(terrain: Terrain, place: int) -> Ground:
    """The ground of a terrain, by the seed of everything that is made."""
    unit = _units(terrain, place)
    sand, clay = _texture(terrain, place)
    return Ground(
        _use(terrain, place),
        sand,
        clay,
        1.45 - 0.25 * (1.0 - northern(terrain.places[1])),
        unit,
        np.array([one.log10_Ks for one in UNITS])[unit],
        _table(terrain),
    )


def _fields(terrain: Terrain, place: int, name: str, length: float) -> Array:
    x, y = terrain.places
    return field(x, y, length, Streams(place).generator("rur", name))


def _use(terrain: Terrain, place: int) -> NDArray[np.int64]:
    x, y = terrain.places
    north, height = northern(y), terrain.heights
    patches, kinds = (_fields(terrain, place, name, 2.0e3) for name in ("patches", "kinds"))
    # Forest where it is high or steep; crops where it is low and flat; grass between.
    wooded = patches + 1.6 * np.tanh((height - 330.0) / 150.0) - 1.1 * north
    use = np.where(kinds + 2.2 * (north - 0.55) > 0.0, LandUse.CROP, LandUse.GRASS)
    use = np.where(wooded > 0.15, LandUse.BROADLEAF, use)
    use = np.where(
        (wooded > 0.15) & (kinds + 0.004 * (height - 450.0) > 0.0), LandUse.NEEDLELEAF, use
    )
    towns = _fields(terrain, place, "towns", 2.5e3)
    use = np.where((towns > 1.55) & (height < 350.0), LandUse.BUILT, use)
    for at_x, at_y, radius in MINES:
        use = np.where(np.hypot(x - at_x, y - at_y) <= radius, LandUse.MINE, use)
    for station in CRNS:
        away = np.hypot(x - float(station.x), y - float(station.y))
        if away.min() < terrain.cell:
            use[np.argmin(away)] = OF_NAME[station.land_use]
    return np.asarray(use, np.int64)


def _texture(terrain: Terrain, place: int) -> tuple[Array, Array]:
    """Mean sand and clay [%] (column,): sand in the far north, then loess, then slopes of silt."""
    y = terrain.places[1]
    north = northern(y)
    far = 1.0 / (1.0 + np.exp(-(y - 5655e3) / 2.5e3))
    patches = _fields(terrain, place, "texture", 5e3)
    sand = 30.0 * (1.0 - north) + 16.0 * (north - far) + 55.0 * far + 4.0 * patches
    clay = 22.0 * (1.0 - north) + 17.0 * (north - far) + 9.0 * far - 1.5 * patches
    return sand, clay


def _units(terrain: Terrain, place: int) -> NDArray[np.int64]:
    x, y = terrain.places
    height = terrain.heights
    x = x + 1.2e3 * _fields(terrain, place, "bounds x", 3e3)
    y = y + 1.2e3 * _fields(terrain, place, "bounds y", 3e3)
    north = northern(y)
    unit = np.full(x.size, SLATE)
    unit[(y > 5616e3) & (x < 305e3)] = LIMESTONE
    unit[(x > 317e3) & (y > 5603e3) & (y < 5626e3)] = SANDSTONE
    unit[north > 0.5] = SAND
    unit[(north > 0.5) & ((height < 95.0) | (y > 5652e3))] = TERRACE
    unit[(north > 0.5) & _valley(terrain)] = VALLEY
    return unit


def _valley(terrain: Terrain) -> NDArray[np.bool_]:
    """Columns within 1.5 km of a stream that drains 400 km2."""
    x, y = terrain.places
    main = terrain.drained > 400e6
    away = np.hypot(x[:, None] - x[main], y[:, None] - y[main])
    return np.asarray(away.min(axis=1, initial=np.inf) <= max(1.5e3, 0.75 * terrain.cell))


def _table(terrain: Terrain) -> Array:
    """Depth [m] (column,): shallow by streams, deeper away from them, 20 m at most."""
    north = northern(terrain.places[1])
    rise = 1.5e-3 * north + 3.0e-3 * (1.0 - north)
    return np.asarray(np.clip(1.0 + rise * 2.0 * terrain.to_stream, 1.0, 20.0))


# ---------------------------------------------------------------------------- soils of a member


@dataclass(frozen=True)
class SoilNoise:
    """How soils and aquifers of members differ, as in Li 3.1.

    Sand and clay get Gaussian fields of `variance` [%2] with a spherical variogram of `range` [m];
    log10 K_s of all aquifers one shift, uniform within `shift`. With `aquifer_sd` there is a field
    per member too, which the paper has not: see decision 9 of the study. `porosity_sd` [m3 m-3] is
    what a pedotransfer function misses in the porosity of soils, a field of the range of textures.
    """

    variance: float = TEXTURE_VARIANCE
    range: float = TEXTURE_RANGE
    shift: float = SHIFT
    aquifer_sd: float = 0.0
    aquifer_range: float = 5e3
    porosity_sd: float = 0.0

    def porosity(self, rng: np.random.Generator, x: Array, y: Array) -> Array:
        """What is added to the porosity of soils (column,) [m3 m-3]."""
        model = gstools.Spherical(dim=2, var=self.porosity_sd**2, len_scale=self.range)
        return random_field(model, rng, x, y, MODES)

    def residuals(self, rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
        """What is added to sand and to clay [%] (column,), before they are cut."""
        model = gstools.Spherical(dim=2, var=self.variance, len_scale=self.range)
        return random_field(model, rng, x, y, MODES), random_field(model, rng, x, y, MODES)

    def aquifer(self, rng: np.random.Generator, x: Array, y: Array) -> Array:
        """What is added to log10 K_s of the aquifers (column,)."""
        shift = np.full(x.shape, rng.uniform(-self.shift, self.shift))
        if self.aquifer_sd == 0.0:
            return shift
        model = gstools.Spherical(dim=2, var=self.aquifer_sd**2, len_scale=self.aquifer_range)
        return shift + random_field(model, rng, x, y, MODES)


def parts(sand: ArrayLike, clay: ArrayLike) -> tuple[Array, Array]:
    """Sand and clay [%] within 0..100 with silt, the rest, too."""
    sand, clay = np.clip(sand, 0.0, 100.0), np.clip(clay, 0.0, 100.0)
    too_much = np.maximum((sand + clay) / 100.0, 1.0)
    return np.asarray(sand / too_much), np.asarray(clay / too_much)


@dataclass(frozen=True, eq=False)
class Soils:
    """Texture [%] (column,) and hydraulic parameters (column, layer) of one member."""

    sand: Array
    clay: Array
    values: dict[str, Array]


def drawn_soils(
    ground: Ground, terrain: Terrain, noise: SoilNoise, rng: np.random.Generator
) -> Soils:
    """The soils and aquifers of one member."""
    x, y = terrain.places
    more_sand, more_clay = noise.residuals(rng, x, y)
    sand, clay = parts(ground.sand + more_sand, ground.clay + more_clay)
    log10_Ks = ground.log10_Ks + noise.aquifer(rng, x, y)
    values = layered(sand, clay, ground.density, log10_Ks)
    if noise.porosity_sd > 0.0:  # drawn last, so that all else stays as without it
        missed = noise.porosity(rng, x, y)[:, None]
        soil, residual = values["theta_s"][:, :SOIL_LAYERS], values["theta_r"][:, :SOIL_LAYERS]
        soil[:] = np.clip(soil + missed, residual + LEAST_PORES, MOST_PORES)
    return Soils(sand, clay, values)


def layered(sand: Array, clay: Array, density: Array, log10_Ks: Array) -> dict[str, Array]:
    """Parameters (column, layer) of ten layers of soil over aquifers of log10_Ks."""
    under = len(LAYERS) - SOIL_LAYERS
    aquifer = {**AQUIFER_CURVE, "theta_s": POROSITY}
    columns = hydraulics(sand, clay, density)
    deep = {name: np.full(sand.shape, aquifer[name]) for name in aquifer} | {"log10_Ks": log10_Ks}
    return {
        name: np.concatenate(
            [np.repeat(v[:, None], SOIL_LAYERS, 1), np.repeat(deep[name][:, None], under, 1)],
            axis=1,
        )
        for name, v in columns.items()
    }


def other_plants(
    lai: float, stomata: float, kinds: Sequence[PlantType] = PLANTS
) -> tuple[PlantType, ...]:
    """Plants with `lai` times the leaves and `stomata` times the slope of their conductance."""
    return tuple(
        replace(kind, slope=stomata * kind.slope, leaves=_scaled(kind.leaves, lai))
        for kind in kinds
    )


def _scaled(leaves: Leaves, by: float) -> Leaves:
    if not isinstance(leaves, MonthlyLeaves):
        raise DeclarationError(f"only MonthlyLeaves can be scaled; got {leaves!r}")
    return replace(leaves, lai=tuple(by * area for area in leaves.lai))
