"""What the catchments with a cosmic-ray neutron station share: samples and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hydroda import plotting
from hydroda.obs.calibration import FootprintSoil
from hydroda.obs.neutrons import WATER_DENSITY, Revised
from hydroda.obs.processing import NeutronProcessing

DRY, WET = 0.05, 0.4  # [m3 m-3]


def sampled_moisture(soils: Mapping[str, tuple[FootprintSoil, pd.DataFrame]]) -> pd.DataFrame:
    """Moisture [m3 m-3] of each sampling as the sensor sees it, its standard `error`; by time.

    The error is that of the mean of as many profiles, as if the sensor saw all alike.

    soils : by the time of the sampling (UTC), the soil of the footprint and the samples
    """
    rows = {}
    for time, (soil, samples) in soils.items():
        means = _profile_means(samples)
        error = float(np.std(means, ddof=1)) / np.sqrt(len(means))
        rows[pd.Timestamp(time)] = soil.moisture, error
    return pd.DataFrame.from_dict(rows, orient="index", columns=["moisture", "error"])


def _profile_means(samples: pd.DataFrame) -> list[float]:
    """Moisture of each profile, weighted with depth at its distance [m3 m-3]."""
    means = []
    for _, own in samples.groupby("profile"):
        density = float(own["bulk_density"].mean())
        weighting = Revised(
            bulk_density=f"{density} kg/m3", distance=f"{own['distance'].iloc[0]} m"
        )
        volumetric = own["moisture"] * own["bulk_density"] / WATER_DENSITY
        means.append(float(weighting.of_samples(volumetric, own["depth"]).mean))
    return means


def neutron_pictures(
    processing: NeutronProcessing,
    raw: pd.DataFrame,
    samples: pd.DataFrame,
    station: str,
    monitor: pd.Series | None = None,
) -> dict[str, Callable[[], Any]]:
    """From counts to moisture with the samples, the days about these, the footprint, by name."""
    hourly, means = processing.hourly(raw, monitor), processing.means(raw, monitor)

    def steps() -> Any:
        return plotting.counts_to_moisture(hourly, means, samples=samples, station=station)

    def days() -> Any:
        return plotting.sampled_days(means, samples, station=station)

    def footprint() -> Any:
        return plotting.footprint(
            (DRY, WET),
            bulk_density=processing.bulk_density,
            humidity=f"{hourly['humidity'].mean():.3g} g/m3",
            pressure=f"{hourly['pressure'].mean():.6g} Pa",
        )

    pictures = {"counts to moisture": steps, "sampled days": days, "footprint": footprint}
    return {f"{name} {station}": picture for name, picture in pictures.items()}
