"""Small weather records for the tests of forcing."""

import numpy as np
import xarray as xr

from hydroda.forcing import Site

SITE = Site(lon=13.0, lat=53.0, elevation="50 m")
START = np.datetime64("2016-05-01", "ns")
HOUR = np.timedelta64(3600 * 10**9, "ns")
UNITS = {
    "rain": "mm",
    "shortwave": "W m-2",
    "longwave": "W m-2",
    "air_temperature": "K",
    "relative_humidity": "1",
    "wind_speed": "m s-1",
    "pressure": "Pa",
}


def record(steps=96, columns=None, start=START):
    """Complete hourly weather of a made-up site, over (time) or (time, column)."""
    hour = np.arange(steps)
    sun = np.sin(2 * np.pi * (hour - 6) / 24)
    values = {
        "rain": np.where(hour % 7 == 0, 1.5, 0.0),
        "shortwave": np.maximum(600 * sun, 0),
        "longwave": 320 + 10 * np.cos(hour / 30),
        "air_temperature": 285 + 5 * sun + np.sin(hour / 200),
        "relative_humidity": 0.7 - 0.2 * sun,
        "wind_speed": 2 + np.cos(hour / 5),
        "pressure": 101000 + 100 * np.sin(hour / 40),
    }
    dims = ("time",) if columns is None else ("time", "column")
    if columns is not None:
        values = {name: series[:, None] + np.zeros(columns) for name, series in values.items()}
    data = xr.Dataset(coords={"time": start + hour * HOUR})
    for name, series in values.items():
        data[name] = (dims, series, {"units": UNITS[name]})
    return data
