"""What the catchments of one soil column share: their updates and how their soil is drawn."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hydroda.filters import EnKF
from hydroda.localization import GaspariCohn, Vertical
from hydroda.models import SoilColumn, rosetta
from hydroda.update import Update

# Soils of one texture differ by about so much in log10 K_s. A choice, not fitted.
SCATTER_OF_LOG10_KS = 0.6

_near = EnKF(GaspariCohn(halfwidth="30 cm", along=Vertical()))
UPDATES = (
    Update("soil_moisture", changes="theta", filter=_near, every="1 D"),
    Update("soil_moisture", changes="log10_Ks", filter=_near, damping=0.1, every="7 D"),
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
