"""A nature that the ensemble does not know: what a twin of the Rur is wrong about, and by how much.

A twin with a perfect model promises too much. Here nature has aquifers that vary inside each unit,
wells that pump, other leaves, and weather that the reanalysis misses; every ingredient is a field,
and `ingredients` lists them for the result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import gstools
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments.rur.field import random_field
from hydroda.catchments.rur.ground import MINES, other_plants
from hydroda.catchments.rur.rur import RurCatchment
from hydroda.catchments.rur.spread import Spread, SpreadForcing
from hydroda.catchments.rur.terrain import Terrain
from hydroda.errors import DeclarationError
from hydroda.experiment import Inputs, Truth
from hydroda.models.boundaries import Boundary, Well
from hydroda.models.land_surface import LandSurface
from hydroda.rng import Streams
from hydroda.units import Amount, magnitude

Array = NDArray[np.float64]

# Waterworks of the lowland, as x and y [m]: made places.
WATERWORKS = (
    (296.5e3, 5648.5e3), (304.5e3, 5651.5e3), (312.5e3, 5646.5e3), (321.5e3, 5640.5e3),
    (306.5e3, 5637.5e3), (299.5e3, 5662.5e3),
)  # fmt: skip


@dataclass(frozen=True)
class Nature:
    """How nature differs from what the ensemble is drawn from; 0 or 1 is no difference.

    aquifer_sd, aquifer_range : log10 K_s varies inside each aquifer unit, spherical [log10, m]
    mine, waterworks          : what each open pit and each waterworks pumps [m3 s-1]
    lai, stomata              : times the leaves, and times the slope of their conductance
    rain_sd, rain_range       : rain times a lognormal map of mean 1, which does not change [1, m]
    warmth_sd                 : temperature plus a map of this standard deviation [K]
    porosity_sd               : what Rosetta misses in the porosity of soils [m3 m-3]; it misses
                                water contents by some 0.06 (Zhang & Schaap 2017)
    missed                    : part of the showers that the reanalysis smears over its hours [1]

    Textures and the shift of the aquifers are one more draw of the ensemble's own.
    """

    seed: int = 1
    aquifer_sd: float = 0.4
    aquifer_range: Amount = "4 km"
    mine: Amount = "0.25 m3/s"
    waterworks: Amount = "0.04 m3/s"
    top: Amount = "10 m"
    bottom: Amount = "60 m"
    lai: float = 0.85
    stomata: float = 1.15
    rain_sd: float = 0.10
    rain_range: Amount = "20 km"
    warmth_sd: Amount = "0.4 K"
    missed: float = 0.5
    porosity_sd: float = 0.0

    def __post_init__(self) -> None:
        units = {
            "aquifer_range": "m", "mine": "m3/s", "waterworks": "m3/s", "top": "m", "bottom": "m",
            "rain_range": "m", "warmth_sd": "K",
        }  # fmt: skip
        for name, unit in units.items():
            object.__setattr__(self, name, magnitude(getattr(self, name), unit, name))
        if not 0.0 <= self.missed <= 1.0:
            raise DeclarationError(f"missed must be a part from 0 to 1; got {self.missed}")

    def of(self, rur: RurCatchment) -> RurCatchment:
        """The catchment as nature has it: its one run is the truth.

        The weather of `rur` stays what the ensemble gets; nature's own differs from it.
        """
        assert rur.model is not None  # built with the declaration
        surface = rur.model.surface
        if isinstance(surface, LandSurface):
            surface = replace(surface, plants=other_plants(self.lai, self.stomata, surface.plants))
        fields: dict[str, Any] = {
            "model": None,
            "surface": surface,
            "boundaries": (*rur.boundaries, *self.wells(rur.terrain)),
            "soils": replace(
                rur.soils,
                aquifer_sd=self.aquifer_sd,
                aquifer_range=float(self.aquifer_range),
                porosity_sd=self.porosity_sd,
            ),
            "forcing": self.weather(rur),
            "updates": (),
        }
        return replace(rur, **fields)

    def truth(self, rur: RurCatchment, start: xr.Dataset | None = None) -> Truth:
        """Nature's one run: the states, and what the instruments of `rur` read of it.

        It begins from `start`, such as a state in balance, or else from a draw of its own.
        """
        nature = self.of(rur)
        network = rur.read_network().with_data(None)
        return nature._truth(Inputs(network, nature.read_forcing(), start))

    def wells(self, terrain: Terrain) -> tuple[Boundary, ...]:
        """Pumping wells, those that stand in the catchment."""
        places = [(x, y, float(self.mine)) for x, y, _ in MINES]
        places += [(x, y, float(self.waterworks)) for x, y in WATERWORKS]
        found = []
        for x, y, rate in places:
            well = Well(
                f"{x} m", f"{y} m", f"{float(self.top)} m", f"{float(self.bottom)} m",
                f"{-rate} m3/s",
            )  # fmt: skip
            east, north = terrain.places
            away = np.maximum(np.abs(east - x), np.abs(north - y)).min()
            if rate > 0.0 and away <= 0.5 * terrain.cell:
                found.append(well)
        return tuple(found)

    def weather(self, rur: RurCatchment) -> SpreadForcing:
        """Nature's weather: the ensemble's, with what its reanalysis misses.

        Raises
        ------
        DeclarationError
            The weather of the catchment is no `SpreadForcing`.
        """
        given = rur.read_forcing()
        if not isinstance(given, SpreadForcing):
            raise DeclarationError(
                "a nature needs weather over (time, latitude, longitude), or none, to differ from"
            )
        rain, warmth = _maps(self, rur.terrain)
        data = given.data.copy()
        hours = data["rain"].values
        # The ensemble has rain that a reanalysis smeared; nature's comes in fewer hours.
        sharp = np.where(hours > 0.0, hours**1.5, 0.0)
        days = hours.reshape(-1, 24, hours.shape[1]).sum(axis=1, keepdims=True)
        total = sharp.reshape(-1, 24, hours.shape[1])
        sums = total.sum(axis=1, keepdims=True)
        sharp = (total * np.divide(days, sums, out=np.zeros_like(days), where=sums > 0.0)).reshape(
            hours.shape
        )
        mixed = (1.0 - self.missed) * hours + self.missed * sharp
        data["rain"] = data["rain"].copy(data=mixed)
        changed = Changed(given.spread, rain, warmth)
        return SpreadForcing(data, given.variables, given.step, spread=changed)

    def ingredients(self, rur: RurCatchment) -> pd.DataFrame:
        """Everything that nature has and the ensemble does not know: what, how much, unit, note."""
        wells = self.wells(rur.terrain)
        pumped = -sum(float(well.rate) for well in wells if isinstance(well, Well))
        land = rur.model is not None and isinstance(rur.model.surface, LandSurface)
        without = "" if land else "no effect: the surface has no plants"
        rows = [
            ("aquifer log10 K_s inside units, sd", self.aquifer_sd, "1", "spherical"),
            ("its range", float(self.aquifer_range), "m", ""),
            ("pumping wells", float(len(wells)), "1", "open pits and waterworks"),
            ("pumped in all", pumped, "m3 s-1", ""),
            ("leaf area, times", self.lai, "1", without),
            ("slope of stomata, times", self.stomata, "1", without),
            ("map of rain, sd of its logarithm", self.rain_sd, "1", "mean 1"),
            ("its range", float(self.rain_range), "m", ""),
            ("map of temperature, sd", float(self.warmth_sd), "K", "mean 0"),
            ("part of rain in fewer hours of its day", self.missed, "1", "sums of days stay"),
            ("porosity of soils, sd", self.porosity_sd, "m3 m-3", "missed by Rosetta"),
            ("texture and shift of aquifers", 1.0, "1", "one more draw of the ensemble's"),
            ("noise of the forcing", 1.0, "1", "one more draw of the ensemble's"),
        ]
        return pd.DataFrame(rows, columns=["ingredient", "amount", "unit", "note"])


@lru_cache(maxsize=4)
def _maps(nature: Nature, terrain: Terrain) -> tuple[Array, Array]:
    """Factor of rain and increment of temperature (column,)."""
    x, y = terrain.places
    model = gstools.Spherical(dim=2, var=1.0, len_scale=float(nature.rain_range))

    def made(name: str) -> Array:
        rng = Streams(nature.seed).generator("rur nature", name)
        values = random_field(model, rng, x, y, 400)
        return (values - values.mean()) / values.std()

    factor = np.exp(nature.rain_sd * made("rain"))
    return factor / factor.mean(), float(nature.warmth_sd) * made("temperature")


@dataclass(frozen=True, eq=False)
class Changed(Spread):
    """Another spread with maps (column,) on top: rain times one, temperature plus another [K]."""

    spread: Spread
    rain: Array
    warmth: Array

    def over(self, values: Any) -> dict[str, Array]:
        found = self.spread.over(values)
        changed = {
            "rain": found["rain"] * self.rain,
            "air_temperature": found["air_temperature"] + self.warmth,
        }
        return found | changed

    def arrays(self) -> tuple[Array, ...]:
        return (*self.spread.arrays(), self.rain, self.warmth)
