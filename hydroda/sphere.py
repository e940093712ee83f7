"""Distances on the Earth taken as a sphere."""

from __future__ import annotations

from typing import Any

import numpy as np

EARTH_RADIUS = 6_371_000.0  # [m]


def great_circle(lon: Any, lat: Any, to_lon: Any, to_lat: Any) -> np.ndarray:
    """Distance [m] between points [degree], broadcast over the four (haversine formula)."""
    lon, lat, to_lon, to_lat = (np.radians(c) for c in (lon, lat, to_lon, to_lat))
    haversine = (
        np.sin((lat - to_lat) / 2) ** 2
        + np.cos(lat) * np.cos(to_lat) * np.sin((lon - to_lon) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(haversine, 1.0))))
