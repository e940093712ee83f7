"""Figures 4 to 9 of Li et al.: what the schemes change, how good they are, how they get there.

`drawn` makes them of the series files of a study. Maps are datasets (run, column) with coordinates
x, y [m], means over time: `soil_moisture` of 0 to 80 cm [m3 m-3], `evapotranspiration` [mm d-1],
`water_table_depth` [m], `log10_Ks_2cm` and `log10_Ks_10m` [log10(m s-1)]. Series are (run, time).
The open loop is the run "OL". Stations are a table of x, y [m] and kind, "neutron sensor" or
"assimilated well".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from hydroda.studies.li2025.experiments import EXPERIMENTS, SCHEMES
from hydroda.studies.li2025.published import ALL, CLASSES, GWL, SM, UBRMSE, UNITS, YEARS
from hydroda.studies.li2025.scores import scored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

Runs = Mapping[str, xr.Dataset]

OPEN_LOOP, PAR = "OL", "_PAR"
UBRMSE_OF = "ubRMSE"
MOISTURE_DEPTH = 0.8  # [m]
PLACES = {"0": "assimilated", **{group: f"{group} km" for group in CLASSES[1:]}}
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


# ----------------------------------------------------------------------------- from series files


def drawn(runs: Mapping[str, xr.Dataset]) -> dict[str, Callable[[], Figure]]:
    """The figures for which there are runs, by their name, each drawn when it is called.

    `runs` are the series files of a study by experiment, the open loop among them.
    """
    if OPEN_LOOP not in runs:
        return {}
    found: dict[str, Callable[[], Figure]] = {
        f"figure {number}": partial(_of_maps, draw, runs)
        for number, (draw, needed) in OF_MAPS.items()
        if set(needed) <= runs.keys()
    }
    found["figure 6"] = lambda: figure_6(*scores_of(runs))
    found["figure 8"] = lambda: figure_8(*series_of(runs))
    return dict(sorted(found.items()))


def _of_maps(draw: Callable[[xr.Dataset, pd.DataFrame], Figure], runs: Runs) -> Figure:
    return draw(maps_of(runs), stations_of(runs[OPEN_LOOP]))


def maps_of(runs: Runs) -> xr.Dataset:
    """Means over the days of each run, and log10 K_s at its end (run, column)."""
    return xr.concat(
        [_maps_of(series) for series in runs.values()],
        xr.Variable("run", list(runs)),
        coords="minimal",
        compat="override",
        join="override",
    )


def _maps_of(series: xr.Dataset) -> xr.Dataset:
    thick, depth = series["thickness"].values, series["depth"].values
    # What of each layer lies within the upper 80 cm.
    top = series.sizes["top_layer"]
    ends = np.minimum(np.cumsum(thick), MOISTURE_DEPTH)
    inside = xr.DataArray(np.diff(ends, prepend=0.0)[:top], dims="top_layer")
    ks = series["log10_Ks_end"]
    fields = {
        "soil_moisture": (series["theta"].mean("time") * inside).sum("top_layer") / inside.sum(),
        "evapotranspiration": series["evapotranspiration"].mean("time"),
        "water_table_depth": series["water_table_depth"].mean("time"),
        "log10_Ks_2cm": ks.isel(layer=int(np.argmin(np.abs(depth - 0.02)))),
        "log10_Ks_10m": ks.isel(layer=int(np.argmin(np.abs(depth - 10.0)))),
    }
    coords = {name: ("column", series[name].values) for name in ("x", "y")}
    return xr.Dataset(
        {name: ("column", np.asarray(field.values, float)) for name, field in fields.items()},
        coords,
    )


def stations_of(series: xr.Dataset) -> pd.DataFrame:
    """Where the instruments stand that the schemes may use: x, y [m] and kind."""
    kinds = {"soil_moisture": PROBE, "groundwater_level": WELL}
    frame = pd.DataFrame(
        {
            "x": series["station_x"].values,
            "y": series["station_y"].values,
            "kind": [kinds.get(str(name), "") for name in series["quantity"].values],
        }
    )
    return frame[series["role"].values.astype(str) == "assimilated"]


def scores_of(runs: Runs) -> tuple[xr.DataArray, xr.DataArray]:
    """ubRMSE (group, run) over all days, ours and the published one of all three years."""
    groups = [(SM, ""), *((GWL, group) for group in CLASSES)]
    names = [name for name in EXPERIMENTS if name in runs]
    ours = [[scored(runs[name], UBRMSE_OF, *group) for name in names] for group in groups]
    theirs = [[_published(group, name) for name in names] for group in groups]
    labels = [SM if variable == SM else f"{GWL}, {PLACES[group]}" for variable, group in groups]
    coords = {
        "group": labels,
        "run": names,
        "unit": ("group", [UNITS[variable] for variable, _ in groups]),
    }
    first, second = (
        xr.DataArray(np.array(values, float), coords, ("group", "run")) for values in (ours, theirs)
    )
    return first, second


def _published(group: tuple[str, str], name: str) -> float:
    rows = [block[group][name] for block in UBRMSE.values() if name in block.get(group, {})]
    return rows[0][YEARS.index(ALL)] if rows else float("nan")


def series_of(runs: Runs) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray, xr.DataArray]:
    """Moisture and depth to water (run, time) and the readings (time) of two stations.

    The probe is Li's, Kall, or the first; the well is the assimilated one with the median error of
    the open loop.
    """
    free = runs[OPEN_LOOP]
    names, of, role = (free[n].values.astype(str) for n in ("station", "quantity", "role"))
    probes = np.flatnonzero(of == "soil_moisture")
    wells = np.flatnonzero((of == "groundwater_level") & (role == "assimilated"))
    square = ((free["predicted"] - free["observed"]) ** 2).mean("time").values
    error = np.sqrt(square)
    known = wells[np.isfinite(error[wells])]
    if not (probes.size and known.size):
        raise DataError("figure 8 needs a neutron sensor and an assimilated well with readings")
    kall = probes[np.char.startswith(names[probes], "Kall")]
    probe = int(kall[0] if kall.size else probes[0])
    well = int(known[np.argsort(error[known])[known.size // 2]])

    def at(station: int) -> xr.DataArray:
        parts = [run["predicted"].isel(station=station).reset_coords(drop=True) for run in
                 runs.values()]  # fmt: skip
        joined = xr.concat(parts, xr.Variable("run", list(runs)), join="override")
        return joined.assign_coords(station=names[station])

    of_probe, of_well = (
        free["observed"].isel(station=n).reset_coords(drop=True) for n in (probe, well)
    )
    return at(probe), at(well), of_probe, of_well


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


OF_MAPS: Mapping[int, tuple[Callable[[xr.Dataset, pd.DataFrame], Figure], tuple[str, ...]]] = {
    4: (figure_4, ("SM_DA", "SM_DA_PAR")),
    5: (figure_5, ("GWL_DA", "GWL_DA_PAR")),
    7: (figure_7, ("FC_DA_PAR", "WC_DA_PAR", "WC_DA_r_PAR")),
    9: (figure_9, ("SM_DA_PAR", "GWL_DA_PAR", "WC_DA_r_PAR")),
}
