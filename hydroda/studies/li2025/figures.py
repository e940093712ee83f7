"""Figures 4 to 9 of Li et al.: what the schemes change, how good they are, how they get there.

Maps are datasets (run, column) with coordinates x, y [m], means of a year: `soil_moisture` of 0 to
80 cm [m3 m-3], `evapotranspiration` [mm d-1], `water_table_depth` [m], `log10_Ks_2cm` and
`log10_Ks_10m` [log10(m s-1)]. Series are (run, time). The open loop is the run "OL". Stations are
a table of x, y [m] and kind, "neutron sensor" or "assimilated well".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.errors import DataError
from hydroda.plotting import PALETTE
from hydroda.plotting.experiments import (
    Bar,
    Change,
    Lines,
    Series,
    bars_beside,
    change_maps,
    series_by_scheme,
)
from hydroda.studies.li2025.experiments import SCHEMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

OPEN_LOOP, PAR = "OL", "_PAR"
PROBE, WELL = "neutron sensor", "assimilated well"
COLOURS: Mapping[str, str] = {
    OPEN_LOOP: "#BBBBBB",
    "SM_DA": PALETTE["orange"],
    "GWL_DA": PALETTE["sky"],
    "FC_DA": PALETTE["vermilion"],
    "WC_DA": PALETTE["blue"],
    "WC_DA_r": PALETTE["green"],
}


@dataclass(frozen=True)
class Quantity:
    """What a map shows: a variable times `factor`, its title, and the unit of its change."""

    variable: str
    title: str
    unit: str
    factor: float = 1.0


MOISTURE = Quantity("soil_moisture", "Moisture, 0-80 cm", "% by volume", 100.0)
# A table that comes nearer to the ground has risen.
LEVEL = Quantity("water_table_depth", "Groundwater level", "m, + risen", -1.0)
FLUX = Quantity("evapotranspiration", "Evapotranspiration", "mm a⁻¹", 365.0)
UPPER = Quantity("log10_Ks_2cm", "log$_{10}$ K$_s$ at 2 cm", "–")
LOWER = Quantity("log10_Ks_10m", "log$_{10}$ K$_s$ at 10 m", "–")


# ------------------------------------------------------------------------------------------- maps


def figure_4(maps: xr.Dataset, stations: pd.DataFrame) -> Figure:
    """What probes alone change: a row for SM_DA, one for SM_DA_PAR."""
    runs = ("SM_DA", "SM_DA_PAR")
    return change_maps(changes(maps, runs, (MOISTURE, FLUX, LEVEL)), stations, (PROBE,))


def figure_5(maps: xr.Dataset, stations: pd.DataFrame) -> Figure:
    """What wells alone change: a row for GWL_DA, one for GWL_DA_PAR."""
    runs = ("GWL_DA", "GWL_DA_PAR")
    return change_maps(changes(maps, runs, (LEVEL, MOISTURE, FLUX)), stations, (WELL,))


def figure_7(maps: xr.Dataset, stations: pd.DataFrame) -> Figure:
    """What both change: coupled fully, weakly, and weakly with own radii."""
    runs = ("FC_DA_PAR", "WC_DA_PAR", "WC_DA_r_PAR")
    return change_maps(changes(maps, runs, (LEVEL, MOISTURE, FLUX)), stations, (PROBE, WELL))


def figure_9(maps: xr.Dataset, stations: pd.DataFrame) -> Figure:
    """What becomes of log10 K_s at 2 cm and at 10 m."""
    runs = ("SM_DA_PAR", "GWL_DA_PAR", "WC_DA_r_PAR")
    return change_maps(changes(maps, runs, (UPPER, LOWER)), stations, (PROBE, WELL))


def changes(maps: xr.Dataset, runs: Sequence[str], quantities: Sequence[Quantity]) -> list[Change]:
    """Runs less the open loop, as they are drawn.

    Raises
    ------
    DataError
        The maps lack a run or a variable.
    """
    known = [str(name) for name in maps["run"].values]
    for name in (*runs, OPEN_LOOP):
        if name not in known:
            raise DataError(f"maps lack the run {name}; they have {', '.join(known)}")
    for quantity in quantities:
        if quantity.variable not in maps:
            have = ", ".join(map(str, maps.data_vars))
            raise DataError(f"maps lack {quantity.variable}; they have {have}")
    return [
        Change(
            quantity.title,
            f"less open loop ({quantity.unit})",
            {run: on_map(_difference(maps, run, quantity)) for run in runs},
        )
        for quantity in quantities
    ]


def _difference(maps: xr.Dataset, run: str, quantity: Quantity) -> xr.DataArray:
    field = maps[quantity.variable]
    return quantity.factor * (field.sel(run=run) - field.sel(run=OPEN_LOOP))


def on_map(values: xr.DataArray) -> xr.DataArray:
    """Values (column) with coordinates x, y [m] as a map (y, x); NaN where there is no column."""
    axes, places = {}, []
    for name in ("y", "x"):
        at = values[name].values
        centres = np.unique(at)
        step = np.diff(centres).min() if centres.size > 1 else 1.0
        number = np.rint((at - centres[0]) / step).astype(int)
        axes[name] = centres[0] + step * np.arange(number.max() + 1)
        places.append(number)
    field = np.full((axes["y"].size, axes["x"].size), np.nan)
    field[tuple(places)] = values.values
    return xr.DataArray(field, axes, ("y", "x"), name=values.name, attrs=values.attrs)


# ----------------------------------------------------------------------------- scores and series


def figure_6(ours: xr.DataArray, published: xr.DataArray) -> Figure:
    """The ubRMSE (group, run) of all experiments, ours as bars, the published as diamonds.

    A group, such as "SM" and "GWL, 0.5-2.5 km", has its unit in the coordinate `unit`.
    """
    bars = {
        str(run): Bar(
            COLOURS.get(str(run).removesuffix(PAR), PALETTE["purple"]), str(run).endswith(PAR)
        )
        for run in ours["run"].values
    }
    words = ("states", "states and log$_{10}$ K$_s$")
    named = ours.assign_attrs(long_name="ubRMSE")
    return bars_beside(named, published, bars, baseline=OPEN_LOOP, words=words)


def figure_8(
    moisture: xr.DataArray,
    level: xr.DataArray,
    observed_moisture: xr.DataArray,
    observed_level: xr.DataArray,
) -> Figure:
    """All schemes at one probe (left) and one well (right), a row for each.

    `moisture` [m3 m-3] and `level`, the depth to water [m], are (run, time), the means of members,
    with the scalar coordinate `station`; what was observed is (time).
    """
    rows = [
        Lines(name, {OPEN_LOOP: "open loop", name: "states", name + PAR: "states and K$_s$"})
        for name in SCHEMES
        if name in moisture["run"].values or name in level["run"].values
    ]
    probe, well = (
        str(runs["station"].values) if "station" in runs.coords else kind
        for runs, kind in ((moisture, PROBE), (level, WELL))
    )
    return series_by_scheme(
        rows,
        (
            Series(
                f"Moisture at {probe}", "θ (% by vol.)", 100 * moisture, 100 * observed_moisture
            ),
            Series(f"Water table at {well}", "Depth (m)", level, observed_level, downward=True),
        ),
    )
