"""The parts of a land surface, for columns of their own and on top of three-dimensional flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import METEOROLOGY, ForcingWindow
from hydroda.meteorology import cosine_of_zenith, specific_humidity
from hydroda.models.canopy import (
    AgedSnow,
    BuriedByHeight,
    BuriedByRoughness,
    CanopyNumbers,
    CloudSplit,
    DaylengthCapacity,
    DenseRoughness,
    FixedRoughness,
    FixedSplit,
    FluxSplit,
    HeadStress,
    KelvinHumidity,
    LinearSaturation,
    SakaguchiZeng,
    SaturationStress,
    SoilColour,
    SteadyCapacity,
    clm4_colour,
)
from hydroda.models.columns import by_column, profile
from hydroda.models.kernels import column as layout
from hydroda.models.kernels import land as kernels
from hydroda.models.plants import PlantType, optics_rows, plant_rows
from hydroda.models.snowpack import Snowpack
from hydroda.models.soil_heat import SoilHeat, thermal
from hydroda.state import Variable
from hydroda.units import Amount, magnitude

__all__ = ["Heights", "LandParts", "Phase", "freezing_head", "temperatures"]

Array = NDArray[np.float64]

ROOTED = 1.0  # leaves follow the temperature of the layers that begin above this depth [m]

# Rows of the kernels' arrays by variable of the state or diagnostic.
SCALARS = {
    "canopy_water": layout.CANOPY,
    "leaf_temperature": layout.T_LEAF,
    "snow": layout.PACK,
    "snow_depth": layout.PACK_DEPTH,
    "snow_age": layout.AGE,
}
SNOW_ROWS = {
    "snow_temperature": layout.T,
    "snow_ice": layout.ICE,
    "snow_liquid": layout.LIQ,
    "snow_thickness": layout.DZ,
}
ENERGY = {
    "net_radiation": kernels.NET_RADIATION,
    "sensible_heat": kernels.SENSIBLE,
    "latent_heat": kernels.LATENT,
    "ground_heat": kernels.GROUND_HEAT,
}

ABOVE = {
    "canopy_water": Variable("mm", bounds=(0.0, np.inf), meaning="water on leaves"),
    "leaf_temperature": Variable("K", bounds=(150.0, 400.0), meaning="temperature of leaves"),
    "snow": Variable("mm", bounds=(0.0, np.inf), meaning="snow water equivalent, ice and liquid"),
    "snow_depth": Variable("m", bounds=(0.0, np.inf), meaning="depth of the snow"),
    "snow_age": Variable("1", bounds=(0.0, np.inf), meaning="age of the snow surface"),
    "snow_temperature": Variable("K", bounds=(0.0, 400.0), meaning="temperature of snow layers"),
    "snow_ice": Variable("mm", bounds=(0.0, np.inf), meaning="ice of snow layers"),
    "snow_liquid": Variable("mm", bounds=(0.0, np.inf), meaning="liquid water of snow layers"),
    "snow_thickness": Variable("m", bounds=(0.0, np.inf), meaning="thickness of snow layers"),
}


@dataclass(frozen=True)
class Heights:
    """Where wind, and temperature and humidity, are measured above the ground."""

    wind: Amount = "10 m"
    air: Amount = "2 m"

    def __post_init__(self) -> None:
        for name in ("wind", "air"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))


@dataclass(frozen=True)
class Phase:
    """Precipitation is snow below `all_snow`, rain above `all_rain`, a mixture between."""

    all_snow: Amount = "273.15 K"
    all_rain: Amount = "275.15 K"

    def __post_init__(self) -> None:
        for name in ("all_snow", "all_rain"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "K", name))
        if not float(self.all_snow) < float(self.all_rain):
            raise DeclarationError(
                f"all_snow must be colder than all_rain; got {self.all_snow} and {self.all_rain}"
            )

    def kernel(self) -> kernels.Phase:
        return kernels.Phase(float(self.all_snow), float(self.all_rain))


@dataclass(frozen=True)
class LandParts:
    """Leaves, snow and ground of a land surface, each part a choice of its own.

    `plants` are the types that columns have, by the number in the coordinate `plant` of the
    ensemble (the first one without it); `sand` and `clay`, one part or one per layer, conduct heat.
    Coordinates `latitude` and `longitude`, `sand` and `clay` [percent] (column) of the ensemble
    replace those of the model. `co2` [mol mol-1] is that of the air; at field capacity a soil
    conducts `field_conductivity`.
    """

    latitude: Amount
    longitude: Amount
    plants: tuple[PlantType, ...]
    sand: Any
    clay: Any
    colour: SoilColour = field(default_factory=lambda: clm4_colour(10))
    light: FixedSplit | CloudSplit | FluxSplit = field(default_factory=FluxSplit)
    snow_albedo: AgedSnow = field(default_factory=AgedSnow)
    roughness: FixedRoughness | DenseRoughness = field(default_factory=DenseRoughness)
    burial: BuriedByHeight | BuriedByRoughness = field(default_factory=BuriedByHeight)
    stress: HeadStress | SaturationStress = field(default_factory=HeadStress)
    humidity: KelvinHumidity | SakaguchiZeng | LinearSaturation = field(
        default_factory=SakaguchiZeng
    )
    canopy: CanopyNumbers = field(default_factory=CanopyNumbers)
    capacity: SteadyCapacity | DaylengthCapacity = field(default_factory=DaylengthCapacity)
    heat: SoilHeat = field(default_factory=SoilHeat)
    snow: Snowpack = field(default_factory=Snowpack)
    phase: Phase = field(default_factory=Phase)
    heights: Heights = field(default_factory=Heights)
    co2: float = 380e-6
    field_conductivity: Amount = "0.1 mm/day"

    def __post_init__(self) -> None:
        for name, unit in (
            ("latitude", "degree"),
            ("longitude", "degree"),
            ("field_conductivity", "m/s"),
        ):
            object.__setattr__(self, name, magnitude(getattr(self, name), unit, name))
        for name in ("sand", "clay"):
            object.__setattr__(self, name, _percents(getattr(self, name), name))
        if not self.plants:
            raise DeclarationError("plants must name at least one plant type; got none")

    def tokens(self) -> dict[str, Any]:
        """The parts above the water of the soil, for the kernels."""
        return {
            "split": self.light.kernel(),
            "snow_albedo": self.snow_albedo.kernel(),
            "roughness": self.roughness.kernel(),
            "burial": self.burial.kernel(),
            "stress": self.stress.kernel(),
            "humidity": self.humidity.kernel(),
            "canopy": self.canopy.kernel(),
            "conduction": self.heat.kernel(),
            "pack": self.snow.kernel(),
            "phase": self.phase.kernel(),
            "place": kernels.Site(
                float(self.heights.wind),
                float(self.heights.air),
                self.co2,
                float(self.field_conductivity),
            ),
        }

    def plots(
        self, ensemble: xr.Dataset, dz: Array, raw: Array, porosity: Array, weather: Array
    ) -> kernels.Field:
        """What columns differ in; layers dz (layer,) [m], raw (member, column, layer, parameter)
        and porosity (member, column, layer) of the soil, weather (member, column, 7, step).
        """
        kind = ensemble.coords["plant"].values if "plant" in ensemble.coords else np.zeros(1)
        return kernels.Field(
            np.array(kind, np.int64),
            plant_rows(self.plants),
            optics_rows(self.plants),
            np.stack([plant.roots.parts(dz) for plant in self.plants]),
            np.array([self.colour.row()]),
            raw,
            porosity,
            self._thermal(ensemble, porosity),
            weather,
            np.empty((1, 1, 4, 0)),
        )

    def _thermal(self, ensemble: xr.Dataset, porosity: Array) -> Array:
        texture = [
            ensemble.coords[name].values[:, None]
            if name in ensemble.coords
            else np.asarray(getattr(self, name), float)
            for name in ("sand", "clay")
        ]
        sand, clay, pores = np.broadcast_arrays(*texture, porosity)
        return np.ascontiguousarray(np.stack(thermal(sand, clay, pores), axis=-2))

    def season(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow,
        day: slice,
        temperature: Array,
        dz: Array,
    ) -> Array:
        """What the calendar brings, (member or 1, column or 1, 4, step).

        Cosine of the zenith angle, leaf and stem area, capacity of leaves relative to their type;
        temperature [K] of the soil (member, column, layer) is that at the start of the day.
        """
        times, warmth = forcing.times[day], _rooted(temperature, dz)
        latitude, longitude = (
            ensemble.coords[name].values[:, None]
            if name in ensemble.coords
            else np.array([[float(getattr(self, name))]])
            for name in ("latitude", "longitude")
        )
        cosine = cosine_of_zenith(times, forcing.step_seconds, latitude, longitude)
        middle = times + np.timedelta64(round(5e8 * forcing.step_seconds), "ns")
        shape = np.empty((1, 1, times.size))  # leaves that follow the calendar have (step,) only
        areas = [
            np.stack(
                np.broadcast_arrays(
                    shape, *plant.leaves.area(middle, float(latitude.flat[0]), warmth[..., None])
                )[1:]
            )
            for plant in self.plants
        ]
        if "plant" in ensemble.coords:
            areas[0] = np.choose(ensemble.coords["plant"].values[:, None], areas)
        days = (middle - middle.astype("datetime64[Y]")) / np.timedelta64(86400 * 10**9, "ns")
        capacity = self.capacity.part(1.0 + np.floor(days), latitude)
        rows = np.broadcast_arrays(cosine[None], *areas[0], capacity[None])
        return np.ascontiguousarray(np.stack(rows, axis=-2))


def temperatures(value: Any, layers: int) -> Array:
    """Temperature [K] of soil layers, (member, column, layer), of a profile or of one amount."""
    if isinstance(value, str):
        return np.full((1, 1, layers), float(magnitude(value, "K", "temperature")))
    return profile("temperature", value, layers)


def freezing_head(temperature: Array) -> Array:
    """Head [m] at which water stays liquid at a temperature [K] (Clapeyron); 0 above freezing."""
    cold = np.minimum(temperature - layout.FREEZING, 0.0)
    return layout.FUSION / layout.GRAVITY * cold / layout.FREEZING


def _rooted(temperature: Array, dz: Array) -> Array:
    """Mean temperature (member, column) [K] of the layers that begin above ROOTED."""
    weight = np.where(np.cumsum(dz) - dz < ROOTED, dz, 0.0)
    return np.asarray((temperature * weight).sum(axis=-1) / weight.sum())


def _percents(value: Any, name: str) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0:
        return magnitude(value, "percent", name)
    return tuple(magnitude(one, "percent", f"{name}[{i}]") for i, one in enumerate(value))


def weather_rows(forcing: ForcingWindow) -> Array:
    """Weather for the kernels, (member or 1, column or 1, 7, step).

    Precipitation [kg m-2 s-1], shortwave and longwave [W m-2], temperature [K], specific humidity
    [kg kg-1], wind [m s-1], pressure [Pa].
    """
    missing = [name for name in METEOROLOGY if name not in forcing.values]
    if missing:
        raise DataError(f"the forcing lacks {', '.join(missing)}; a land column needs them")
    values = {name: by_column(np.asarray(forcing.values[name], float)) for name in METEOROLOGY}
    humidity = specific_humidity(
        values["air_temperature"], np.minimum(values["relative_humidity"], 1.0), values["pressure"]
    )
    rows = [
        values["rain"] / forcing.step_seconds,
        values["shortwave"],
        values["longwave"],
        values["air_temperature"],
        humidity,
        values["wind_speed"],
        values["pressure"],
    ]
    return np.ascontiguousarray(np.stack(np.broadcast_arrays(*rows), axis=2))
