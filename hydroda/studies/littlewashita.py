"""Little Washita, Oklahoma: 120 hours of real weather over 41 x 41 columns of 1 km, 100 m deep.

The test case "washita" of ParFlow with its Common Land Model: slopes, geology, plant cover, spun-up
pressure and NLDAS-2 weather from 1998-10-01 05 UTC, soils, stress of plants and evaporation of soil
as its input file has them. `hydroda reproduce littlewashita --data FOLDER --out FIGURES`.

Kollet & Maxwell 2008, 10.1029/2007WR006004; https://github.com/parflow/parflow, test/tcl/washita.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda import plotting
from hydroda.errors import DataError
from hydroda.forcing import ForcingWindow
from hydroda.meteorology import saturation_vapour_pressure
from hydroda.models.canopy import (
    BuriedByRoughness,
    CanopyNumbers,
    CloudSplit,
    FixedRoughness,
    LinearSaturation,
    SaturationStress,
    clm3_colour,
)
from hydroda.models.grid import Grid
from hydroda.models.land import Upstream
from hydroda.models.land_surface import LandSurface
from hydroda.models.pfb import read_pfb
from hydroda.models.plants import igbp
from hydroda.models.retention import VanGenuchten
from hydroda.models.snowpack import RoughCover, Snowpack
from hydroda.models.soil_heat import Skin, SoilHeat
from hydroda.models.terrestrial import TerrestrialSystem
from hydroda.studies.report import Bar, StudyReport, Value, Verdict
from hydroda.threads import threads_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

START = np.datetime64("1998-10-01T05", "ns")
HOUR = np.timedelta64(3600 * 10**9, "ns")
HOURS, BLOCK = 120, 6
NOON = 12  # the hour of which ParFlow keeps the fluxes it had, for its own test
LAYERS = 50
BARE, BARREN = 18, 16  # the class of bare soil is IGBP's barren ground here
# What ParFlow needed for it with CLM, on one process: cell-steps per second (reference/parflow).
PARFLOW = 80_000.0
# Means over the columns in the twelfth hour, from its files correct_output/LW.out.*.00012.pfb.
FLUXES = {
    "latent_heat": ("W m-2", 135.86),
    "sensible_heat": ("W m-2", 173.41),
    "ground_heat": ("W m-2", 42.43),
    "transpiration": ("mm", 0.16558),
}


@dataclass(frozen=True)
class Case:
    """The model, its first state and the weather of the case, read from a folder."""

    model: TerrestrialSystem
    ensemble: xr.Dataset
    values: dict[str, Array]

    def window(self, first: int, hours: int) -> ForcingWindow:
        """Weather of some hours."""
        part = slice(first, first + hours)
        times = START + HOUR * np.arange(first, first + hours)
        return ForcingWindow(times, 3600.0, {name: v[:, part] for name, v in self.values.items()})


def read(folder: str | Path) -> Case:
    """The case from the files of its folder.

    Raises
    ------
    DataError
        A file is missing.
    """
    folder = Path(folder)
    names = ("LW.slopex.pfb", "press.init.pfb", "units.csv", "nldas_lw_120h.nc")
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)} of the case Little Washita")
    slope_x, slope_y = (read_pfb(folder / f"LW.slope{axis}.pfb")[0] for axis in "xy")
    grid = Grid(
        slope_x.shape,
        "1 km",
        "1 km",
        ("2 m",) * LAYERS,
        slope_x=slope_x,
        slope_y=slope_y,
    )
    cover = pd.read_csv(folder / "drv_vegm.alluv.dat", sep=r"\s+", skiprows=2, header=None)
    cover = cover.iloc[np.lexsort((cover[0], cover[1]))]
    classes = np.argmax(cover.iloc[:, 7:25].to_numpy(), axis=1) + 1
    kinds, plant = np.unique(np.where(classes == BARE, BARREN, classes), return_inverse=True)
    surface = LandSurface(
        latitude="34.9 degree",
        longitude="-98 degree",
        plants=tuple(igbp(int(kind)) for kind in kinds),
        sand="16 percent",
        clay="26 percent",
        colour=clm3_colour(2),
        light=CloudSplit(),
        roughness=FixedRoughness(),
        burial=BuriedByRoughness(),
        stress=SaturationStress(wilting=0.12, field=0.98),
        humidity=LinearSaturation(residual=0.1),
        heat=SoilHeat(top=Skin(), implicit=0.5),
        canopy=CanopyNumbers(interception=1.0, drag_stability=0.0),
        snow=Snowpack(cover=RoughCover()),
    )
    domain = VanGenuchten("0.08 m3/m3", "0.4 m3/m3", "3.5 1/m", 2.0, "0.2 m/h")
    # The pressure was spun up with ParFlow's faces: others begin with a redistribution.
    system = TerrestrialSystem(grid, domain, surface, flux=Upstream(), manning="0.019872 s/m^(1/3)")
    pressure = _columns(read_pfb(folder / "press.init.pfb"))
    ensemble = system.dataset(
        h=pressure[None],
        temperature="300 K",
        plant=plant,
        latitude=cover[2].to_numpy(),
        longitude=cover[3].to_numpy(),
        sand=100.0 * cover[4].to_numpy(),
        clay=100.0 * cover[5].to_numpy(),
        **_soils(folder),
    )
    return Case(system, ensemble, _weather(folder))


def _columns(field: Array) -> Array:
    """A field (z, y, x) from the bottom up as (column, layer) from the top down."""
    return np.ascontiguousarray(field[::-1].reshape(field.shape[0], -1).T)


def _soils(folder: Path) -> dict[str, Array]:
    units = pd.read_csv(folder / "units.csv")
    table = units[units["indicator"].notna()].set_index("indicator")
    kind = _columns(read_pfb(folder / "IndicatorFile_Gleeson.50z.pfb")).astype(int)
    own = {name: table[name].reindex(kind.ravel()).to_numpy().reshape(kind.shape)[None]
           for name in ("K_m_per_h", "porosity", "alpha_per_m", "n", "S_res")}  # fmt: skip
    return {
        "Ks": own["K_m_per_h"] / 3600.0,
        "theta_s": own["porosity"],
        "theta_r": own["S_res"] * own["porosity"],
        "alpha": own["alpha_per_m"],
        "n": own["n"],
    }


def _weather(folder: Path) -> dict[str, Array]:
    """Values (member, step, column) of the variables a land surface needs."""
    with xr.open_dataset(folder / "nldas_lw_120h.nc") as data:
        given = {name: np.asarray(data[name].values, float) for name in data}
    v = {name: value.reshape(1, value.shape[0], -1) for name, value in given.items()}
    vapour = v["SPFH"] * v["Press"] / (0.622 + 0.378 * v["SPFH"])
    return {
        "rain": 3600.0 * v["APCP"],
        "shortwave": v["DSWR"],
        "longwave": v["DLWR"],
        "air_temperature": v["Temp"],
        "relative_humidity": vapour / saturation_vapour_pressure(v["Temp"]),
        "wind_speed": np.hypot(v["UGRD"], v["VGRD"]),
        "pressure": v["Press"],
    }


@dataclass(frozen=True)
class Run:
    """What 120 hours gave: the last state, sums of water [mm] over the run, and series."""

    case: Case
    after: xr.Dataset
    sums: dict[str, Array]  # (column,)
    edges: Array  # (block + 1,) hours since the start
    outflow: Array  # (block,) [m3 s-1]
    latent: Array  # (block,) [W m-2]
    noon: dict[str, float]  # means of the twelfth hour
    worst: float  # water that appeared in a block and column [mm]
    energy: float  # largest miss of the energy balance [W m-2]


def simulate(case: Case, progress: Bar, hours: int = HOURS) -> Run:
    """The case through its hours."""
    model, state = case.model, case.ensemble
    flows = (*model.budget.terms, "interception", "sublimation", "budget_error")
    sums = {name: np.zeros(model.grid.columns) for name in flows}
    edges = np.union1d(np.arange(0, hours + 1, BLOCK), [NOON - 1, NOON])
    blocks = list(pairwise(edges.tolist()))
    outflow, latent, noon, worst, energy = [], [], {}, 0.0, 0.0
    for first, last in progress(blocks, len(blocks), "Little Washita"):
        window = case.window(first, last - first)
        state = model.forecast(state, window, START + HOUR * first, START + HOUR * last)
        if "failures" in state.attrs:
            raise DataError(f"Little Washita stopped: {state.attrs['failures']}")
        for name in flows:
            sums[name] += state[name].values[0]
        volume = state["runoff"].values.sum() / 1000.0 * model.grid.area
        outflow.append(volume / (3600.0 * (last - first)))
        latent.append(state["latent_heat"].values.mean())
        if last == NOON:
            noon = {name: float(state[name].values.mean()) for name in FLUXES}
        worst = max(worst, float(np.abs(state["budget_error"].values).max()))
        energy = max(energy, float(state["energy_error"].values.max()))
    return Run(case, state, sums, edges, np.array(outflow), np.array(latent), noon, worst, energy)


def speed(case: Case) -> float:
    """Cells and hours per second of processor, over the first day in one forecast."""
    begin = time.process_time()
    case.model.forecast(case.ensemble, case.window(0, 24), START, START + 24 * HOUR)
    return 24.0 * case.model.grid.columns * LAYERS / (time.process_time() - begin)


def run(
    *,
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """The 120 hours, with their budget, speed and maps; `small` runs the first 24."""
    if data is None:
        raise DataError("littlewashita needs the folder of its files: --data FOLDER")
    case = read(data)
    begin = time.perf_counter()
    with threads_for(0):  # one: as what is known of ParFlow's speed
        done = simulate(case, progress, 24 if size == "small" else HOURS)
        rate = speed(case)
    relative = abs(float(done.sums["budget_error"].sum())) / float(done.after["water"].sum())
    hours = int(done.edges[-1])
    millimetres = {
        name: float(done.sums[name].mean())
        for name in ("rain", "evaporation", "transpiration", "runoff")
    }
    about = f"{hours} h"
    values = [Value("water of the catchment", name, about, "mm", None, v)
              for name, v in millimetres.items()]  # fmt: skip
    values += [
        Value("hour 12", name, "mean", unit, theirs, done.noon[name])
        for name, (unit, theirs) in FLUXES.items()
    ]
    values += [
        Value("budget", "largest error of a column in 6 h", about, "mm", None, done.worst),
        Value("budget", "error over all water", about, "1", None, relative),
        Value("budget", "largest miss of energy", about, "W m-2", None, done.energy),
        Value("speed", "cell-hours per second of processor", about, "s-1", PARFLOW, rate),
    ]
    verdicts = (
        Verdict("water", "closes its budget", "1e-8", f"{relative:.1e}", relative < 1e-8),
        Verdict(
            "energy", "closes its energy", "1e-3 W m-2", f"{done.energy:.1e}", done.energy < 1e-3
        ),
        Verdict(
            "noon",
            "mean latent heat of hour 12 within 5 % of ParFlow with CLM",
            f"{FLUXES['latent_heat'][1]:.0f} W m-2",
            f"{done.noon['latent_heat']:.0f} W m-2",
            abs(done.noon["latent_heat"] / FLUXES["latent_heat"][1] - 1.0) < 0.05,
        ),
        Verdict(
            "speed",
            "8 times ParFlow with CLM",
            f"{8 * PARFLOW:.0f}",
            f"{rate:.0f}",
            rate >= 8 * PARFLOW,
        ),
    )
    return StudyReport(
        "littlewashita",
        size or "paper",
        tuple(seeds),
        time.perf_counter() - begin,
        tuple(values),
        verdicts,
        {"littlewashita": lambda: draw(done)},
    )


def draw(done: Run) -> Figure:
    """Maps of evaporation, water table and overland flow, and the series of the run."""
    evaporated = done.sums["evaporation"] + done.sums["transpiration"]
    flow = np.asarray(done.after["discharge"].values[0])
    maps = (
        _map(done, evaporated, "evapotranspiration", units="mm"),
        _map(
            done, done.after["water_table_depth"].values[0], "water table depth", units="m",
            cmap="cividis_r",
        ),
        _map(done, flow, "overland flow", units="m3 s-1", cmap="Blues", lowest=1e-4),
    )  # fmt: skip
    series = (
        _series(done, done.latent, "latent heat", "W m-2"),
        _series(done, done.outflow, "outflow of the domain", "m3 s-1"),
    )
    return plotting.maps_over_series(maps, series)


def _map(done: Run, values: Array, name: str, **attrs: Any) -> xr.DataArray:
    grid = done.case.model.grid
    rows, columns = grid.shape
    places = {"y": (np.arange(rows) + 0.5) * 1000.0, "x": (np.arange(columns) + 0.5) * 1000.0}
    return xr.DataArray(
        grid.on_map(values), places, dims=("y", "x"), attrs={"long_name": name, **attrs}
    )


def _series(done: Run, values: Array, name: str, unit: str) -> xr.DataArray:
    time = xr.Variable("time", done.edges[1:], {"long_name": "hours since 1998-10-01 05 UTC"})
    return xr.DataArray(
        values, {"time": time}, dims="time", attrs={"long_name": name, "units": unit}
    )
