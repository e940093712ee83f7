"""N0 of a cosmic-ray neutron sensor from soil samples around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.obs.neutrons import (
    SEA_LEVEL,
    WATER_DENSITY,
    Revised,
    desilets_counts,
    horizontal_weight,
    rescaled_distance,
)

SAMPLE_COLUMNS = {
    "profile": "",
    "distance": "m",
    "depth": "m",
    "moisture": "kg kg-1",
    "bulk_density": "kg m-3",
    "lattice_water": "kg kg-1",
    "organic_water": "kg kg-1",
}


@dataclass(frozen=True)
class FootprintSoil:
    """The soil as the sensor sees it: moisture [m3 m-3], bulk density [kg m-3], water [kg kg-1]."""

    moisture: float
    bulk_density: float
    lattice_water: float
    organic_water: float

    @property
    def gravimetric(self) -> float:
        """Mass of pore water per mass of dry soil [kg kg-1]."""
        return self.moisture * WATER_DENSITY / self.bulk_density

    @property
    def bound(self) -> float:
        """Lattice and organic water [kg kg-1]."""
        return self.lattice_water + self.organic_water


def footprint_soil(
    samples: pd.DataFrame,
    humidity: float,
    pressure: float = SEA_LEVEL,
    vegetation_height: float = 0.0,
    tolerance: float = 1e-10,
    iterations: int = 100,
) -> FootprintSoil:
    """Weighted mean of soil samples, by depth within each profile and then by distance.

    `samples` has the columns `SAMPLE_COLUMNS`; `humidity` [g m-3], `pressure` [Pa]. Each profile
    has its own D86; W_r and the vegetation take the mean of the footprint, iterated to a fixed
    point. Water and dry soil are averaged per volume, so that peat counts by its mass. Schrön et
    al. 2017, doi:10.5194/hess-21-5009-2017.

    Raises
    ------
    DataError
        A column is missing, or a number is missing or impossible.
    """
    _check(samples)
    volumetric = samples["moisture"] * samples["bulk_density"] / WATER_DENSITY
    mean = float(volumetric.mean())
    for _ in range(iterations):
        distance = rescaled_distance(samples["distance"], pressure, vegetation_height, mean)
        profiles = _profiles(samples.assign(volumetric=volumetric, r=distance))
        weights = horizontal_weight(profiles["r"], humidity, mean)
        soil = np.average(profiles.drop(columns="r"), axis=0, weights=weights)
        old, mean = mean, float(soil[0])
        if abs(mean - old) <= tolerance * abs(old):
            break
    moisture, density, lattice, organic = (float(value) for value in soil)
    return FootprintSoil(moisture, density, lattice / density, organic / density)


def calibrated_n0(counts: float, soil: FootprintSoil) -> float:
    """N0 [h-1] with which Desilets' curve gives the corrected `counts` over `soil`."""
    return counts / float(desilets_counts(soil.gravimetric, 1.0, soil.bound))


def joint_n0(counts: Sequence[float], soils: Sequence[FootprintSoil]) -> float:
    """N0 [h-1] that fits several samplings best, in least squares of the counts."""
    shape = np.array([float(desilets_counts(s.gravimetric, 1.0, s.bound)) for s in soils])
    return float(shape @ np.asarray(counts, float) / (shape @ shape))


def _profiles(samples: pd.DataFrame) -> pd.DataFrame:
    """Weighted means per volume of every profile, with its r*."""
    rows = []
    for _, profile in samples.groupby("profile"):
        density, r = profile["bulk_density"], float(profile["r"].iloc[0])
        weighting = Revised(bulk_density=f"{density.mean()} kg m-3", distance=f"{r} m")
        weights = weighting.of_samples(profile["volumetric"], profile["depth"]).weights
        means = [
            weights @ profile["volumetric"],
            weights @ density,
            weights @ (density * profile["lattice_water"]),
            weights @ (density * profile["organic_water"]),
        ]
        rows.append([*means, r])
    return pd.DataFrame(rows, columns=["moisture", "density", "lattice", "organic", "r"])


def _check(samples: pd.DataFrame) -> None:
    for name, unit in SAMPLE_COLUMNS.items():
        if name not in samples:
            raise DataError(f"the soil samples need a column {name!r} [{unit}]")
        if samples[name].isna().any():
            raise DataError(f"the soil samples lack {int(samples[name].isna().sum())} of {name!r}")
    for name, least in (("bulk_density", np.nextafter(0.0, 1.0)), ("moisture", 0.0)):
        if (samples[name] < least).any():
            raise DataError(f"{name} of a soil sample is {samples[name].min():g}, which cannot be")
    if (samples["bulk_density"] < 20).all():
        raise DataError(
            f"bulk_density must be in kg m-3; got {samples['bulk_density'].max():g}, "
            "which looks like g cm-3"
        )
