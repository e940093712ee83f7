"""Hourly reanalysis in CF NetCDF, as ERA5 and ERA-Interim come, at the places of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from hydroda.errors import DataError
from hydroda.forcing import METEOROLOGY, Label, weather_dataset
from hydroda.meteorology import saturation_vapour_pressure

# ECMWF's short names of what a land surface needs.
ERA = ("tp", "ssrd", "strd", "t2m", "d2m", "u10", "v10", "sp")
HOUR = 3600.0
OTHER_NAMES = {"valid_time": "time", "lat": "latitude", "lon": "longitude"}


def reanalysis(path: str, latitude: ArrayLike, longitude: ArrayLike) -> xr.Dataset:
    """The weather (time, column) at the grid points nearest to the columns [degree].

    The file holds hydroda's names with units over (time, latitude, longitude) or (time, column), or
    ERA5's hourly tp [m], ssrd and strd [J m-2] of the hour that ends at the stamp, and t2m, d2m,
    u10, v10, sp at the stamp, which stand for the hour before it.

    Raises
    ------
    DataError
        The file cannot be read, lacks a variable, or has its nearest point over a degree away.
    """
    try:
        with xr.open_dataset(Path(path)) as opened:
            data = opened.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"cannot read the weather file {path}: {error}") from error
    data = data.rename({old: new for old, new in OTHER_NAMES.items() if old in data.variables})
    if {"latitude", "longitude"} <= set(data.dims):
        data = _nearest(data, path, np.asarray(latitude, float), np.asarray(longitude, float))
    if set(METEOROLOGY) <= set(data.data_vars):
        return weather_dataset(data[list(METEOROLOGY)])
    missing = [name for name in ERA if name not in data]
    if missing:
        raise DataError(
            f"{path} lacks {', '.join(missing)}; wanted {', '.join(METEOROLOGY)}, or ERA5's "
            f"{', '.join(ERA)}"
        )
    return weather_dataset(_renamed(data), label=Label.END)


def _nearest(
    data: xr.Dataset, path: str, latitude: np.ndarray, longitude: np.ndarray
) -> xr.Dataset:
    at = data.sel(
        latitude=xr.DataArray(latitude, dims="column"),
        longitude=xr.DataArray(longitude, dims="column"),
        method="nearest",
    )
    off = max(
        float(np.abs(at["latitude"] - latitude).max()),
        float(np.abs(at["longitude"] - longitude).max()),
    )
    if off > 1.0:
        raise DataError(
            f"{path} does not cover the columns: the nearest grid point is {off:.1f} degree away"
        )
    return at.drop_vars(["latitude", "longitude"])


def _renamed(data: xr.Dataset) -> xr.Dataset:
    humid = saturation_vapour_pressure(data["d2m"].values)
    humidity = np.minimum(humid / saturation_vapour_pressure(data["t2m"].values), 1.0)
    dims = data["t2m"].dims
    named = {
        "rain": (1000.0 * data["tp"].clip(min=0.0).values, "mm"),
        "shortwave": (data["ssrd"].clip(min=0.0).values / HOUR, "W m-2"),
        "longwave": (data["strd"].values / HOUR, "W m-2"),
        "air_temperature": (data["t2m"].values, "K"),
        "relative_humidity": (humidity, "1"),
        "wind_speed": (np.hypot(data["u10"].values, data["v10"].values), "m s-1"),
        "pressure": (data["sp"].values, "Pa"),
    }
    return xr.Dataset(
        {name: (dims, values, {"units": unit}) for name, (values, unit) in named.items()},
        {"time": data["time"]},
    )
