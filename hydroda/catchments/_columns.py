"""What the catchments of one soil column share."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hydroda.experiment import Experiment
from hydroda.filters import EnKF
from hydroda.forcing import ForcingNoise
from hydroda.localization import GaspariCohn, Vertical
from hydroda.models import FreeDrainage, SoilColumn, Vegetation, rosetta
from hydroda.update import Update

# Soils of one texture differ by about so much in log10 K_s. A choice, not fitted.
SCATTER_OF_LOG10_KS = 0.6

NEAR = EnKF(GaspariCohn(halfwidth="30 cm", along=Vertical()))


class SingleColumn(Experiment):
    """One column whose moisture updates its profile every day and K_s every week."""

    noise = ForcingNoise()
    updates = (
        Update("soil_moisture", changes="theta", filter=NEAR, every="1 D"),
        Update("soil_moisture", changes="log10_Ks", filter=NEAR, damping=0.1, every="7 D"),
    )
    keep = ("log10_Ks",)
    members = 64
    seed = 1


def draining_column(leaf_area_index: tuple[float, ...]) -> SoilColumn:
    """Two metres that drain freely, under plants of this leaf area by month."""
    return SoilColumn(
        SoilColumn.layers("2 m", first="2 cm", count=14),
        vegetation=Vegetation(leaf_area_index=leaf_area_index),
        bottom=FreeDrainage(),
    )


def drawn_soil(
    model: SoilColumn,
    rng: np.random.Generator,
    members: int,
    *,
    sand: tuple[float, float],
    clay: tuple[float, float],
    density: tuple[float, float],
    wetness: tuple[float, float],
) -> xr.Dataset:
    """Members with a soil of their own, by Rosetta 3 with an error in K_s, equally wet throughout.

    sand, clay : mean and standard deviation [%];  density : of the dry soil [g cm-3]
    wetness    : lowest and highest saturation
    """
    clays = np.clip(rng.normal(*clay, members), 0.5, 60.0)
    sands = np.clip(rng.normal(*sand, members), 2.0, 99.0 - clays)
    densities = np.clip(rng.normal(*density, members), 0.8, 1.7)
    soil = rosetta(sands, 100.0 - sands - clays, clays, densities)
    values = {name: np.asarray(value) for name, value in soil.values().items()}
    values["log10_Ks"] = values["log10_Ks"] + rng.normal(0.0, SCATTER_OF_LOG10_KS, members)
    saturation = rng.uniform(*wetness, members)
    theta = values["theta_r"] + saturation * (values["theta_s"] - values["theta_r"])
    return model.dataset(theta=np.repeat(theta[:, None], len(model.thickness), axis=1), **values)
