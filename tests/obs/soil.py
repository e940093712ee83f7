"""A small grid of columns for the tests of sensors and networks."""

import numpy as np
import xarray as xr

THICKNESS = np.array([0.02, 0.03, 0.05, 0.1, 0.2, 0.4])
DEPTH = np.cumsum(THICKNESS) - THICKNESS / 2


def grid(members: int = 4, spacing: float = 500.0, seed: int = 0) -> xr.Dataset:
    """Nine columns of six layers with moisture, a water table, and evapotranspiration of a day."""
    rng = np.random.default_rng(seed)
    shape = (members, 9, DEPTH.size)
    fields = {
        "theta": (
            ("member", "column", "layer"),
            rng.uniform(0.1, 0.4, shape),
            {"units": "m3 m-3"},
        ),
        "water_table_depth": (
            ("member", "column"),
            rng.uniform(0.5, 3.0, shape[:2]),
            {"units": "m"},
        ),
        "evapotranspiration": (
            ("member", "column"),
            rng.uniform(0, 5, shape[:2]),
            {"units": "mm"},
        ),
    }
    places = np.arange(3) * spacing
    coordinates = {
        "x": ("column", np.repeat(places, 3)),
        "y": ("column", np.tile(places, 3)),
        "lon": ("column", 6 + np.repeat(places, 3) / 70_000),
        "lat": ("column", 51 + np.tile(places, 3) / 111_000),
        "elevation": ("column", 100.0 + np.arange(9)),
        "depth": ("layer", DEPTH),
        "thickness": ("layer", THICKNESS),
    }
    return xr.Dataset(fields, coordinates, {"interval_seconds": 86400.0})
