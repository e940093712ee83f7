"""The catchment drawn: heights, streams and instruments, land use, soil, aquifers, rain, table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda import plotting
from hydroda.catchments.rur.climate import climate
from hydroda.catchments.rur.ground import LandUse

if TYPE_CHECKING:
    from hydroda.catchments.rur.rur import RurCatchment
    from hydroda.obs import ObservationNetwork

KINDS = {"soil_moisture": "neutron sensor", "evapotranspiration": "flux tower"}


def maps_of(rur: RurCatchment) -> dict[str, xr.DataArray]:
    """Maps (y, x) of the catchment by name, in UTM zone 32 [m]."""
    terrain, ground = rur.terrain, rur.ground
    made = climate(*terrain.places, terrain.heights, terrain.around)
    grid = terrain.grid
    x = terrain.x0 + terrain.cell * (np.arange(grid.shape[1]) + 0.5)
    y = terrain.y0 + terrain.cell * (np.arange(grid.shape[0]) + 0.5)
    names = [use.name.lower() for use in LandUse]
    fields: dict[str, tuple[Any, dict[str, Any]]] = {
        "elevation": (terrain.heights, {"units": "m", "cmap": "Greys", "long_name": "elevation"}),
        "land_use": (
            ground.use,
            {
                "long_name": "land use",
                "flag_values": list(range(len(names))),
                "flag_meanings": " ".join(names),
            },
        ),
        "sand": (ground.sand, {"units": "%", "long_name": "mean sand"}),
        "log10_Ks": (
            ground.log10_Ks,
            {"units": "log10(m s-1)", "long_name": "K$_s$ of aquifers"},
        ),
        "rain": (made.rain, {"units": "mm a-1", "cmap": "YlGnBu", "long_name": "annual rain"}),
        "water_table_depth": (
            ground.table,
            {"units": "m", "cmap": "viridis_r", "long_name": "first water table"},
        ),
    }
    return {
        name: xr.DataArray(
            grid.on_map(values), {"y": y, "x": x}, ("y", "x"), name=name, attrs=attrs
        )
        for name, (values, attrs) in fields.items()
    }


def catchment_figure(rur: RurCatchment) -> Any:
    """Six maps; streams and instruments stand on the first."""
    maps = maps_of(rur)
    river = maps["elevation"].copy(data=rur.terrain.grid.on_map(rur.terrain.river, 0.0) > 0)
    return plotting.catchment_maps(list(maps.values()), _places(rur.read_network()), river)


def _places(network: ObservationNetwork) -> pd.DataFrame:
    """x, y [m] and kind of every sensor."""
    rows = [
        (
            float(sensor.x or 0.0),
            float(sensor.y or 0.0),
            KINDS.get(
                sensor.quantity,
                "validating well" if network.validates(sensor) else "assimilated well",
            ),
        )
        for sensor in network.sensors
    ]
    return pd.DataFrame(rows, columns=["x", "y", "kind"])
