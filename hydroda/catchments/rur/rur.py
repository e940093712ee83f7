"""The Rur catchment: Li's cosmic-ray probes and wells over flow in three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments.rur.climate import forcing_from, made_forcing
from hydroda.catchments.rur.figure import catchment_figure
from hydroda.catchments.rur.files import (
    aquifer_from,
    crns_from,
    ground_with,
    land_use_from,
    soil_from,
    terrain_from,
    towers_from,
    wells_from,
)
from hydroda.catchments.rur.ground import PLANTS, Ground, SoilNoise, drawn_soils, made_ground
from hydroda.catchments.rur.stations import CRNS, TOWERS
from hydroda.catchments.rur.terrain import CELL, Terrain, made_terrain
from hydroda.catchments.rur.wells import SCREENING, ChosenWells, chosen_wells, made_wells
from hydroda.errors import DataError, DeclarationError
from hydroda.experiment import Experiment
from hydroda.filters import EnKF
from hydroda.forcing import Forcing, ForcingNoise
from hydroda.localization import GaspariCohn
from hydroda.models.boundaries import Boundary
from hydroda.models.land_surface import LandSurface
from hydroda.models.retention import VanGenuchten
from hydroda.models.terrestrial import DiffusiveWave, Surface, TerrestrialSystem
from hydroda.obs import CosmicRayNeutron, Flux, GroundwaterLevel, ObservationNetwork
from hydroda.obs.formats import read
from hydroda.obs.neutrons import Revised, Weighting
from hydroda.obs.records import Records
from hydroda.obs.screening import Screening
from hydroda.obs.sensors import FreeTable, Level, Sensor
from hydroda.units import Amount, Magnitude, magnitude
from hydroda.update import Update
from hydroda.zone import Saturated, Unsaturated

Array = NDArray[np.float64]

# What the model holds where a member brings nothing of its own: a loam.
LOAM = VanGenuchten("0.06 m3/m3", "0.43 m3/m3", "1.1 1/m", 1.5, "0.2 m/day")
DRAINED = -3.3  # head above which soil over a deep table begins [m]
WARMTH = "282 K"  # of all soil at the start
# Li's software gives wells 0.05 m; a well stands for a cell within about 1 m.
CRNS_SD, WELL_SD, TOWER_SD = "0.03 m3/m3", magnitude("5 cm", "m", "sd"), "0.5 mm/day"
NOISE, SOILS, WEIGHTING, LEVEL = ForcingNoise(), SoilNoise(), Revised(), FreeTable()
NEAR, FAR = GaspariCohn(halfwidth="5 km"), GaspariCohn(halfwidth="100 km")

WEAKLY_COUPLED = (
    Update("soil_moisture", "theta", Unsaturated(), EnKF(FAR), every="1 D"),
    Update("groundwater_level", "h", Saturated(), EnKF(NEAR), every="7 D"),
)


def _metres(value: Amount | None) -> Magnitude | None:
    """A length, read once: hundreds of wells would have it parsed hundreds of times."""
    if value is None:
        return None
    return Magnitude(value, "m") if isinstance(value, float) else magnitude(value, "m", "length")


class TowerFlux(Flux):
    """Evapotranspiration at a flux tower [mm d-1]: that of the ground and that of plants."""

    parts: ClassVar[tuple[str, str]] = ("evaporation", "transpiration")

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Mean over the forecast interval (member,) [mm d-1]; parts stand for a missing sum."""
        names = (self.variable,) if self.variable in ensemble else self.parts
        found = [Flux.predict(replace(self, variable=name), ensemble) for name in names]
        return np.asarray(np.sum(found, axis=0))


# ------------------------------------------------------------------------------ what a model is of

_BUILT: dict[Any, TerrestrialSystem] = {}


class Source(NamedTuple):
    """A file as it stands: one that was written anew is another one."""

    path: str
    written: int
    size: int

    @classmethod
    def of(cls, path: str | None) -> Source | None:
        """None without a path; a file that is not there is told when it is read."""
        if path is None:
            return None
        try:
            found = Path(path).stat()
        except OSError:
            return cls(path, 0, -1)
        return cls(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def terrain_of(cell: float, place: int, dem: Source | None) -> Terrain:
    """The terrain in cells of `cell` [m]: made, or of a file."""
    if dem is not None:
        return terrain_from(dem.path, cell)
    factor = cell / CELL
    if factor not in (1, 2, 4, 8):
        raise DeclarationError(
            f"cell must be 500 m, 1 km, 2 km or 4 km of the made terrain; got {cell:g} m: "
            "give dem= for other cells"
        )
    return made_terrain(place).coarsened(int(factor))


@lru_cache(maxsize=8)
def ground_of(
    terrain: Terrain, place: int, soil: Source | None, aquifer: Source | None,
    land_use: Source | None,
) -> Ground:  # fmt: skip
    """The maps of the ground, those with a file replaced."""
    maps: dict[str, Any] = {}
    if soil is not None:
        maps |= soil_from(soil.path, terrain)
    if aquifer is not None:
        maps["log10_Ks"] = aquifer_from(aquifer.path, terrain)
    if land_use is not None:
        maps["use"] = land_use_from(land_use.path, terrain)
    return ground_with(made_ground(terrain, place), **maps)


@lru_cache(maxsize=4)
def wells_of(
    terrain: Terrain, place: int, file: Source | None, about: Source | None, screening: Screening
) -> ChosenWells:
    """The wells after screening."""
    if file is None:
        return chosen_wells(made_wells(terrain, place), terrain, screening)
    wells = wells_from(file.path, None if about is None else about.path)
    return chosen_wells(wells, terrain, screening)


class RurCatchment(Experiment):
    """Twelve neutron probes and 78 wells in 2354 km2, as in Li et al.; 465 more wells validate.

    Everything is made by the seed `place` to the figures of the paper, and each part can come from
    a file: `dem`, `soil`, `aquifer`, `land_use`, `forcing`, `wells` with `about`, `crns`, `fluxes`
    (CF NetCDF or CSV). Coordinates are those of UTM zone 32 north. A model of one's own wins over
    `surface`; the one that is built follows the other settings.

    >>> RurCatchment(cell="4 km", members=24, period=("2016-05-01", "2016-07-01")).twin()
    """

    title: ClassVar[str] = "Rur catchment: cosmic-ray probes and wells, weakly coupled"
    period: tuple[str, str] = "2016-01-01", "2019-01-01"
    noise: ForcingNoise | None = NOISE
    updates: tuple[Update, ...] = WEAKLY_COUPLED
    members: int = 128
    seed: int = 1

    model: TerrestrialSystem | None = None  # type: ignore[assignment]
    forcing: Forcing | str | None = None  # type: ignore[assignment]
    cell: Amount = "500 m"
    """Width of the cells: 500 m, 1, 2 or 4 km; with `dem` any that its points allow."""
    place: int = 1
    """Seed of everything that is made; another one is another catchment of the same figures."""
    dem: str | None = None
    soil: str | None = None
    aquifer: str | None = None
    land_use: str | None = None
    wells: str | None = None
    about: str | None = None
    crns: str | None = None
    fluxes: str | None = None
    surface: Surface | None = None
    """What happens above the ground; default leaves, snow and heat of `LandSurface`."""
    boundaries: tuple[Boundary, ...] = ()
    soils: SoilNoise = SOILS
    """How the soils and aquifers of members differ."""
    weighting: Weighting = WEIGHTING
    """How a neutron sensor weights the profile; Li's software has `Conventional()`."""
    well_representativeness: Amount | None = "1 m"
    """How well a well stands for its cell; None in Li."""
    level: Level = LEVEL
    """What of a member a well reads."""
    screening: Screening = SCREENING

    def __post_init__(self) -> None:
        object.__setattr__(self, "cell", magnitude(self.cell, "m", "cell"))
        own = self.model is not None and not any(self.model is each for each in _BUILT.values())
        if not own:
            # A model that was built for other settings follows the new ones.
            object.__setattr__(self, "model", self._built())
        super().__post_init__()

    def _built(self) -> TerrestrialSystem:
        surface = self.land_surface if self.surface is None else self.surface
        key = (
            float(self.cell), self.place, Source.of(self.dem), repr(surface), repr(self.boundaries)
        )  # fmt: skip
        if key not in _BUILT:
            _BUILT[key] = TerrestrialSystem(
                self.terrain.grid,
                soil=LOAM,
                surface=surface,
                overland=DiffusiveWave(),
                boundaries=tuple(self.boundaries),
            )
        return _BUILT[key]

    # --- the catchment ---

    @property
    def terrain(self) -> Terrain:
        """Heights and streams in the cells of the model."""
        return terrain_of(float(self.cell), self.place, Source.of(self.dem))

    @property
    def finest(self) -> Terrain:
        """The terrain that wells are screened on: at 500 m whatever the cells of the model are."""
        return self.terrain if self.dem is not None else terrain_of(CELL, self.place, None)

    @property
    def ground(self) -> Ground:
        """Land use, mean texture, aquifers and first water table."""
        files = map(Source.of, (self.soil, self.aquifer, self.land_use))
        return ground_of(self.terrain, self.place, *files)

    @property
    def chosen_wells(self) -> ChosenWells:
        """The wells after screening, with the count of each step."""
        files = Source.of(self.wells), Source.of(self.about)
        return wells_of(self.finest, self.place, *files, self.screening)

    @property
    def land_surface(self) -> LandSurface:
        """The land surface over the middle of the catchment."""
        longitude, latitude = self.terrain.geographic
        return LandSurface(
            latitude=f"{latitude.mean():.3f} degree",
            longitude=f"{longitude.mean():.3f} degree",
            plants=PLANTS,
            sand="30 %",
            clay="18 %",
        )

    def pictures(self) -> Mapping[str, Callable[[], Any]]:
        """The maps of the catchment with its instruments."""
        return {"catchment": lambda: catchment_figure(self)}

    # --- what an experiment asks ---

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """Soils and aquifers of their own over still water: not in balance, spin it up first."""
        draws = [self.member(rng) for _ in range(members)]
        return xr.concat(draws, "member", data_vars="minimal", coords="minimal", join="exact")

    def member(self, rng: np.random.Generator) -> xr.Dataset:
        """One member: texture and aquifers drawn, water at rest under the first water table."""
        terrain, ground = self.terrain, self.ground
        soils = drawn_soils(ground, terrain, self.soils, rng)
        return self.started({name: v[None] for name, v in soils.values.items()})

    def started(self, parameters: dict[str, Array]) -> xr.Dataset:
        """Still water under the first table, in soils of these (member, column, layer)."""
        terrain, ground = self.terrain, self.ground
        system = self.model
        assert system is not None  # built with the declaration
        head = np.maximum(system.z - ground.table[:, None], DRAINED)
        given: dict[str, Any] = {}
        if isinstance(system.surface, LandSurface):
            longitude, latitude = terrain.geographic
            given = {
                "temperature": WARMTH,
                "plant": ground.use,
                "latitude": latitude,
                "longitude": longitude,
                "sand": ground.sand,
                "clay": ground.clay,
            }
        ensemble = system.dataset(h=head[None], **parameters, **given)
        coords = {"elevation": ("column", terrain.heights, {"units": "m"})}
        return ensemble.assign_coords(coords)

    def read_forcing(self) -> Forcing:
        """The weather: made, a file's, or the one that was given."""
        if isinstance(self.forcing, Forcing):
            return self.forcing
        if self.forcing is not None:
            return forcing_from(self.forcing, self.terrain)
        year = (self.span[1] - np.timedelta64(1, "ns")).astype("datetime64[Y]") + 1
        return made_forcing(self.terrain, self.place, year.astype("datetime64[ns]"))

    def read_network(self) -> ObservationNetwork:
        """Probes, wells and towers; with data only where files brought them: else run a twin.

        A `network` that was given with data wins, such as the readings of a `Nature`.

        Raises
        ------
        DataError
            Some kinds of sensors have a file and others have none.
        """
        if self.network.data is not None:
            return self.network
        chosen = self.chosen_wells
        records = [] if self.wells is None else [chosen.records]
        probes = self._probes(records)
        wells = [self._well(str(name), row) for name, row in chosen.records.stations.iterrows()]
        data = self._joined(records)
        sensors: tuple[Sensor, ...] = (*probes, *wells, *self._towers())
        withheld = chosen.screened.withheld
        return ObservationNetwork(sensors, data, withheld=withheld, zone="UTC")

    def _probes(self, records: list[Records]) -> list[CosmicRayNeutron]:
        """The neutron sensors; records of their file, if there is one, join `records`."""
        places = {one.name: (one.x, one.y) for one in CRNS}
        if self.crns is not None:
            read_in = crns_from(self.crns)
            records.append(read_in)
            places = {str(name): (row["x"], row["y"]) for name, row in read_in.stations.iterrows()}
        return [
            CosmicRayNeutron(
                station=name, x=_metres(x), y=_metres(y), sd=CRNS_SD, every="1 D",
                weighting=self.weighting, within=self._reach,
            )
            for name, (x, y) in places.items()
        ]  # fmt: skip

    def _well(self, name: str, row: pd.Series) -> GroundwaterLevel:
        return GroundwaterLevel(
            station=name,
            x=_metres(row["x"]),
            y=_metres(row["y"]),
            sd=WELL_SD,
            representativeness=_metres(self.well_representativeness),
            level=self.level,
            every="1 D",
            within=self._reach,
        )

    @property
    def _reach(self) -> Magnitude:
        """How far a station may stand from a column: coarse cells leave ends of the rim out."""
        return Magnitude(1.5 * float(self.cell), "m")

    def _towers(self) -> list[TowerFlux]:
        places = {f"{one.name} EC": (one.x, one.y) for one in TOWERS}
        if self.fluxes is not None:
            places = towers_from(self.fluxes, places)
        elif self.dem is not None:  # heights of elsewhere: Li's towers do not stand there
            return []
        return [
            TowerFlux(
                station=name,
                x=_metres(x),
                y=_metres(y),
                sd=TOWER_SD,
                every="1 D",
                within=self._reach,
            )
            for name, (x, y) in places.items()
        ]

    def _joined(self, records: list[Records]) -> Records | None:
        if self.fluxes is not None:
            found = read(self.fluxes, "UTC")
            if "evapotranspiration" not in found.units:
                have = ", ".join(found.units)
                raise DataError(f"{self.fluxes} has no evapotranspiration; it has {have}")
            records.append(found.select(quantities=["evapotranspiration"]))
        if not records:
            return None
        if self.wells is None or self.crns is None:
            given = "wells" if self.crns is None else "crns"
            other = "crns" if given == "wells" else "wells"
            raise DataError(
                f"{given}= is measured and {other}= is made: give a file for {other} too, or none"
            )
        first, *rest = records
        return first.joined(rest)
