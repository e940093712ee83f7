"""Problems of flow with known answers: what verifies `TerrestrialSystem`, and what times it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import exp1

from hydroda.forcing import ForcingWindow
from hydroda.models.boundaries import FixedHead, FixedLevel, GravityDrainage, Side, Well
from hydroda.models.grid import Grid
from hydroda.models.kernels.flow import member
from hydroda.models.land import FluxPotential, Upstream
from hydroda.models.retention import Gardner, VanGenuchten
from hydroda.models.terrestrial import (
    Compressible,
    Covered,
    DiffusiveWave,
    FlowSteps,
    KinematicWave,
    Overland,
    TerrestrialSystem,
)

__all__ = [
    "EachDirection",
    "FlowProblem",
    "catchment",
    "celia",
    "flood_and_drought",
    "front",
    "hantush",
    "hantush_exact",
    "heterogeneous",
    "hillslope",
    "hillslope_exact",
    "hillslope_potential",
    "maxwell_plane",
    "miller",
    "parking_lot",
    "parking_lot_exact",
    "srivastava_yeh",
    "srivastava_yeh_exact",
    "theis",
    "theis_exact",
    "theis_in_basin",
    "tilted_v",
    "tracy",
    "tracy_exact",
    "v_catchment",
]

Array = NDArray[np.float64]
START = np.datetime64("2000-01-01", "ns")


@dataclass(frozen=True, eq=False)
class FlowProblem:
    """A model, the members it starts from, `times` [s] to stop at, and rain [m s-1] until each.

    `reference` holds what is known of the answer, by name; `evaporation` is potential [m s-1].
    """

    name: str
    model: TerrestrialSystem
    start: xr.Dataset
    times: Array
    rain: Array
    reference: Mapping[Any, Any] = field(default_factory=dict)
    evaporation: Array | None = None

    def run(self) -> list[xr.Dataset]:
        """The ensemble at each of the times."""
        states, before, now = [], 0.0, self.start
        dry = np.zeros(self.times.size) if self.evaporation is None else self.evaporation
        for time, rain, gone in zip(self.times, self.rain, dry, strict=True):
            now = advanced(self.model, now, time - before, rain, gone)
            states.append(now)
            before = time
        return states


def advanced(
    model: TerrestrialSystem,
    ensemble: xr.Dataset,
    seconds: float,
    rain: float = 0.0,
    evaporation: float = 0.0,
) -> xr.Dataset:
    """The ensemble after `seconds` of rain and potential evaporation [m s-1]."""
    values = {"rain": rain, "potential_evapotranspiration": evaporation}
    window = ForcingWindow(
        np.array([START]),
        float(seconds),
        {name: np.array([[1000.0 * rate * seconds]]) for name, rate in values.items()},
    )
    end = START + np.timedelta64(round(seconds * 1e9), "ns")
    return model.forecast(ensemble, window, START, end)


# ---------------------------------------------------------------------------------- infiltration


def _column(thickness: float, count: int) -> Grid:
    return Grid((1, 1), "1 m", "1 m", (f"{thickness} m",) * count)


def celia(cells: int = 60) -> FlowProblem:
    """Infiltration into dry soil, Celia et al. 1990 (10.1029/WR026i007p01483); fine: 41.128 mm."""
    model = TerrestrialSystem(
        _column(0.6 / cells, cells),
        VanGenuchten("0.102 m3/m3", "0.368 m3/m3", "0.0335 1/cm", 2.0, "0.00922 cm/s"),
        overland=Covered(),
        boundaries=(FixedHead(Side.TOP, "-75 cm"), FixedHead(Side.BOTTOM, "-1000 cm")),
        specific_storage="0 1/m",
        steps=FlowSteps(largest="60 s", smallest="10 ms"),
    )
    start = model.dataset(h=np.full((1, 1, cells), -10.0))
    return FlowProblem(
        "celia", model, start, np.array([86400.0]), np.zeros(1), {"infiltrated": 41.128}
    )


def miller(cells: int = 800) -> FlowProblem:
    """Infiltration into sand over a water table, Miller et al. 1998; fine: 1035.58 mm."""
    model = TerrestrialSystem(
        _column(10.0 / cells, cells),
        VanGenuchten("0.093 m3/m3", "0.301 m3/m3", "5.47 1/m", 4.264, "5.04 m/day"),
        overland=Covered(),
        boundaries=(FixedHead(Side.TOP, "0.1 m"), FixedHead(Side.BOTTOM, "0 m")),
        specific_storage="1e-6 1/m",
        steps=FlowSteps(largest="10 s", smallest="1 ms"),
    )
    start = model.dataset(h=(model.z - 10.0)[None, None])
    return FlowProblem(
        "miller", model, start, np.array([15552.0]), np.zeros(1), {"infiltrated": 1035.58}
    )


FRONT_RAIN = 0.3  # of K_s


def front(
    thickness: float, depth: float = 10.0, flux: Any = None, hours: float = 24.0
) -> FlowProblem:
    """Steady rain on dry soil of Celia's kind in thick layers, `reference`: the head it tends to.

    The exact solution falls with depth at any time and nowhere exceeds the head at which gravity
    alone carries the rain.
    """
    soil = VanGenuchten("0.102 m3/m3", "0.368 m3/m3", "0.0335 1/cm", 2.0, "0.00922 cm/s")
    model = TerrestrialSystem(
        _column(thickness, round(depth / thickness)),
        soil,
        flux=FluxPotential() if flux is None else flux,
        boundaries=(GravityDrainage(),),
        specific_storage="0 1/m",
        steps=FlowSteps(largest="10 min", smallest="10 ms"),
    )
    start = model.dataset(h=np.full((1, 1, 1), -10.0))
    times = 3600.0 * np.arange(1.0, hours + 1.0)
    rate = FRONT_RAIN * float(soil.Ks)
    return FlowProblem(
        f"front_{thickness:g}", model, start, times, np.full(times.size, rate),
        {"head": brentq(lambda h: _mualem(h, 3.35, 2.0) - FRONT_RAIN, -5.0, -1e-6)},
    )  # fmt: skip


def _mualem(h: Any, alpha: float, n: float) -> Any:
    """k_r of van Genuchten and Mualem at heads below 0 [m]."""
    m = 1.0 - 1.0 / n
    s = (1.0 + (-alpha * h) ** n) ** -m
    return np.sqrt(s) * (1.0 - (1.0 - s ** (1.0 / m)) ** m) ** 2


SRIVASTAVA = {  # psi [cm] at z = 10, 30, 50, 70, 90, 100 cm above the water table, by hour
    1: (-8.4143, -19.3234, -22.4371, -22.9392, -17.4304, -7.2595),
    5: (-8.4143, -19.3046, -21.5234, -15.3308, -6.0001, -3.0658),
    10: (-8.3354, -17.4840, -14.1901, -7.5633, -3.1062, -1.9129),
    20: (-6.0465, -8.4871, -5.4292, -2.9206, -1.6042, -1.2858),
}


def srivastava_yeh_exact(above: Array, seconds: float) -> Array:
    """h [m] at heights `above` the water table [m] (Srivastava & Yeh 1991, Eq. 9 and 15)."""
    alpha, k, span, low, high = 10.0, 0.01 / 3600.0, 0.34, 0.1, 0.9  # rates over K_s
    length, z, t = alpha * 1.0, alpha * above, alpha * k * seconds / span
    first = np.pi * (np.arange(400) + 0.5) / length
    rate = np.array(
        [
            brentq(lambda r: np.sin(r * length) + 2.0 * r * np.cos(r * length), a, a + b)
            for a, b in zip(first, np.full(first.size, 0.5 * np.pi / length), strict=True)
        ]
    )[:, None]
    modes = np.sin(rate * z) * np.sin(rate * length) * np.exp(-(rate**2) * t)
    modes /= 1.0 + 0.5 * length + 2.0 * rate**2 * length
    steady = high - (high - 1.0) * np.exp(-z)
    moving = 4.0 * (high - low) * np.exp(0.5 * (length - z) - 0.25 * t) * modes.sum(axis=0)
    return np.asarray(np.log(steady - moving) / alpha)


def srivastava_yeh(cells: int = 40, step: str | None = None) -> FlowProblem:
    """Rain on exponential soil over a water table, exact (10.1029/90WR02772).

    Without `step`, steps go with the square of the cells.
    """
    model = TerrestrialSystem(
        _column(1.0 / cells, cells),
        Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h"),
        boundaries=(FixedHead(Side.BOTTOM, "0 m"),),
        specific_storage="0 1/m",
        steps=FlowSteps(largest=step or f"{57600 / cells**2} s", smallest="1 ms"),
    )
    above = 100.0 * (1.0 - model.z)
    start = model.dataset(h=(np.log(0.1 + 0.9 * np.exp(-0.1 * above)) / 10.0)[None, None])
    times = 3600.0 * np.array(list(SRIVASTAVA), float)
    return FlowProblem(
        "srivastava_yeh", model, start, times, np.full(times.size, 0.009 / 3600.0),
        {hour: psi[:5] for hour, psi in SRIVASTAVA.items()},
    )  # fmt: skip


# ---------------------------------------------------------------------------- three dimensions

TRACY = 15.24  # m, side of the cube and -h_r
TRACY_ALPHA = 0.164  # 1/m


def tracy(
    cells: int = 16,
    days: tuple[float, ...] = (0.1, 1.0, 100.0),
    step: str = "1 D",
    flux: Any = None,
) -> FlowProblem:
    """A cube of dry exponential soil wetted from above, Tracy 2006 (10.1029/2005WR004638)."""
    width = TRACY / cells
    grid = Grid((cells, cells), f"{width} m", f"{width} m", (f"{width} m",) * cells)
    x, y = grid.places
    alpha = TRACY_ALPHA
    low = np.exp(-alpha * TRACY)
    top = np.log(low + (1.0 - low) * np.sin(np.pi * x / TRACY) * np.sin(np.pi * y / TRACY)) / alpha
    dry = tuple(
        FixedHead(side, f"{-TRACY} m")
        for side in (Side.WEST, Side.EAST, Side.SOUTH, Side.NORTH, Side.BOTTOM)
    )
    model = TerrestrialSystem(
        grid,
        Gardner("0.15 m3/m3", "0.45 m3/m3", f"{alpha} 1/m", "1.1 m/day"),
        overland=Covered(),
        boundaries=(*dry, FixedHead(Side.TOP, top)),
        flux=FluxPotential() if flux is None else flux,
        specific_storage="0 1/m",
        steps=FlowSteps(largest=step, smallest="1 s"),
    )
    start = model.dataset(h=np.full((1, 1, cells), -TRACY))
    times = 86400.0 * np.array(days)
    return FlowProblem("tracy", model, start, times, np.zeros(times.size))


def tracy_exact(z: Array, days: float, terms: int = 4000) -> Array:
    """h [m] over the middle of the cube at heights z [m] (Tracy 2006)."""
    alpha, k, span, length = TRACY_ALPHA, 1.1, 0.3, TRACY
    c = alpha * span / k
    low = np.exp(-alpha * length)
    beta = np.sqrt(0.25 * alpha**2 + 2.0 * (np.pi / length) ** 2)
    steady = np.exp(0.5 * alpha * (length - z)) * np.sinh(beta * z) / np.sinh(beta * length)
    i = np.arange(1, terms)[:, None]
    rate = i * np.pi / length
    gamma = (beta**2 + rate**2) / c
    modes = (-1.0) ** i * rate / gamma * np.sin(rate * z) * np.exp(-gamma * days)
    moving = 2.0 / (length * c) * np.exp(0.5 * alpha * (length - z)) * modes.sum(axis=0)
    return np.asarray(np.log(low + (1.0 - low) * (steady + moving)) / alpha)


def heterogeneous(folder: Any, tiles: int = 1, exact: bool = True) -> FlowProblem:
    """Log-normal soil under rain and evaporation on a slope; ParFlow's field after 24 h.

    `folder` holds heterogeneous_16x16x32.npz; `tiles` repeats it in both directions. With `exact`,
    face conductivity and storage are ParFlow's, else the defaults.
    """
    data = np.load(folder)

    def field_of(name: str) -> Array:
        rows = np.moveaxis(data[name][::-1].astype(float), 0, -1)
        return np.ascontiguousarray(np.tile(rows, (tiles, tiles, 1)).reshape(-1, 32))

    grid = Grid(
        (16 * tiles, 16 * tiles), "100 m", "100 m", ("0.25 m",) * 32, slope_x=0.01, slope_y=0.005
    )
    model = TerrestrialSystem(
        grid,
        VanGenuchten("0.065 m3/m3", "0.41 m3/m3", "7.5 1/m", 1.89, "0.05 m/h"),
        manning="5.5e-6 h/m^(1/3)",
    )
    if exact:
        model = replace(model, flux=Upstream(), storage=Compressible())
    start = model.dataset(
        h=field_of("pressure_head_0h")[None],
        log10_Ks=np.log10(field_of("K_m_per_h") / 3600.0)[None],
    )
    rain = np.r_[np.full(12, 2e-3), np.full(12, -2e-4)] / 3600.0
    reference = {"pressure_head_24h": field_of("pressure_head_24h")}
    return FlowProblem(
        "heterogeneous", model, start, 3600.0 * np.arange(1.0, 25.0), rain, reference
    )


# -------------------------------------------------------------------------------------- aquifers

TRANSMISSIVITY, STORATIVITY, PUMPED = 500.0 / 86400.0, 2e-4, 1000.0 / 86400.0
THICK = 10.0


def theis(cells: int = 81, width: float = 110.0 / 3.0, step: str = "3 min") -> FlowProblem:
    """A well in a confined aquifer far from any edge, Theis 1935; Q 1000 m3/d, T 500 m2/d."""
    grid = Grid((cells, cells), f"{width} m", f"{width} m", (f"{THICK} m",))
    middle = f"{0.5 * cells * width} m"
    well = Well(middle, middle, "0 m", f"{THICK} m", f"{-PUMPED} m^3/s")
    model = TerrestrialSystem(
        grid,
        Gardner("0 m3/m3", "0.3 m3/m3", "1 1/m", f"{TRANSMISSIVITY / THICK} m/s"),
        overland=Covered(),
        boundaries=(well,),
        specific_storage=f"{STORATIVITY / THICK} 1/m",
        steps=FlowSteps(largest=step, smallest="1 s"),
    )
    start = model.dataset(h=np.full((1, 1, 1), 50.0))
    times = 86400.0 * np.array([0.01, 0.1])
    return FlowProblem("theis", model, start, times, np.zeros(2))


def theis_exact(r: Array, seconds: float) -> Array:
    """Drawdown [m] at distances r [m]."""
    u = r**2 * STORATIVITY / (4.0 * TRANSMISSIVITY * seconds)
    return np.asarray(PUMPED / (4.0 * np.pi * TRANSMISSIVITY) * exp1(u))


def theis_in_basin(r: Array, seconds: float, width: float) -> Array:
    """Drawdown [m] r [m] east of a well in the middle of a closed square, by its images."""
    reach = int(np.ceil(2.0 + np.sqrt(160.0 * TRANSMISSIVITY * seconds / STORATIVITY) / width))
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1] * width
    apart = np.hypot(i.ravel()[:, None] - r, j.ravel()[:, None])
    return np.asarray(theis_exact(apart, seconds).sum(axis=0))


HANTUSH_K, HANTUSH_YIELD, HANTUSH_DEPTH, HANTUSH_RATE = 1e-4, 0.2, 10.0, 1e-7
HANTUSH_TABLE = 4.0  # m below the surface
HANTUSH_BASIN = 50.0  # half-width of the square basin [m]


def hantush(cells: int = 41, width: float = 20.0, layer: float = 0.25) -> FlowProblem:
    """A mound under a square recharge basin, Hantush 1967 (10.1029/WR003i001p00227).

    Soil with a thin capillary fringe, so that the drainable porosity is nearly all of it; recharge
    enters at the table, where layers are of `layer` [m], through wells. A whole number of cells
    fits into the 100 m of the basin, an odd one, or it is another basin.
    """
    layers = ("1 m",) * 3 + (f"{layer} m",) * round(2.0 / layer) + ("1 m",) * 9
    grid = Grid((cells, cells), f"{width} m", f"{width} m", layers)
    x, y = grid.places
    middle = 0.5 * cells * width
    inside = (np.abs(x - middle) < HANTUSH_BASIN) & (np.abs(y - middle) < HANTUSH_BASIN)
    rate = HANTUSH_RATE * grid.area
    wells = tuple(
        Well(f"{a} m", f"{b} m", "8 m", "14 m", f"{rate} m^3/s")
        for a, b in zip(x[inside], y[inside], strict=True)
    )
    model = TerrestrialSystem(
        grid,
        VanGenuchten("0 m3/m3", f"{HANTUSH_YIELD} m3/m3", "5 1/m", 3.0, f"{HANTUSH_K} m/s"),
        overland=Covered(),
        boundaries=wells,
        specific_storage="1e-7 1/m",
        steps=FlowSteps(largest="6 h", smallest="1 s"),
    )
    start = model.dataset(h=(model.z - HANTUSH_TABLE)[None, None])
    return FlowProblem("hantush", model, start, 86400.0 * np.array([10.0]), np.zeros(1))


def hantush_exact(distance: Array, seconds: float, half: float = HANTUSH_BASIN) -> Array:
    """Rise [m] along the axis of the basin, from the linearised table (Hantush 1967, Eq. 15)."""
    from scipy.integrate import quad
    from scipy.special import erf

    diffusivity = HANTUSH_K * HANTUSH_DEPTH / HANTUSH_YIELD

    def factor(a: float, b: float) -> float:
        def spread(tau: float) -> float:
            root = np.sqrt(max(tau, 1e-300))
            return float(erf(a / root) * erf(b / root))

        return float(quad(spread, 0.0, 1.0, limit=200)[0])

    scale = np.sqrt(4.0 * diffusivity * seconds)
    sums = [
        2.0 * (factor((half + x) / scale, half / scale) + factor((half - x) / scale, half / scale))
        for x in np.atleast_1d(distance)
    ]
    head = HANTUSH_RATE * seconds / (4.0 * HANTUSH_YIELD) * np.array(sums)
    # The equation is linear in the square of the thickness of the water.
    return np.asarray(np.sqrt(HANTUSH_DEPTH**2 + 2.0 * HANTUSH_DEPTH * head) - HANTUSH_DEPTH)


HILL_LENGTH, HILL_K, HILL_RAIN, STREAM = 200.0, 1e-4, 1e-7, 7.0  # the stream's level is a depth
HILL_ALPHA, HILL_N = 5.0, 3.0


def hillslope(cells: int = 40, layers: int = 24) -> FlowProblem:
    """Recharge flows through a hill of 12 m on level rock to a stream; long enough to be steady."""
    grid = Grid((1, cells), f"{HILL_LENGTH / cells} m", "1 m", (f"{12.0 / layers} m",) * layers)
    model = TerrestrialSystem(
        grid,
        VanGenuchten("0.05 m3/m3", "0.35 m3/m3", f"{HILL_ALPHA} 1/m", HILL_N, f"{HILL_K} m/s"),
        boundaries=(FixedLevel(Side.EAST, f"{STREAM} m"),),
        specific_storage="1e-5 1/m",
        steps=FlowSteps(largest="5 D", smallest="1 s"),
    )
    start = model.dataset(h=(model.z - STREAM)[None, None])
    times = 86400.0 * 50.0 * np.arange(1.0, 61.0)
    return FlowProblem("hillslope", model, start, times, np.full(times.size, HILL_RAIN))


def hillslope_potential(levels: Any) -> Array:
    """Integral of K_s k_r over head and height [m3 s-1], of water at rest at `levels` [m] of 12.

    Divided by the distance it is the flow between two such profiles, whatever lies between: the
    flow sideways is minus its slope (Girinskii's potential, here with the unsaturated part).
    """
    suction = np.linspace(0.0, 12.0, 24001)
    kr = np.append(1.0, _mualem(-suction[1:], HILL_ALPHA, HILL_N))
    step = suction[1]
    above = np.append(0.0, np.cumsum(0.5 * step * (kr[1:] + kr[:-1])))  # from -suction to 0
    dry = above[-1] - above  # the potential of unsaturated soil, from -12 m
    over = np.append(0.0, np.cumsum(0.5 * step * (dry[1:] + dry[:-1])))
    wet = np.asarray(levels, float)
    unsaturated = np.interp(12.0 - wet, suction, over)
    return np.asarray(HILL_K * (0.5 * wet**2 + above[-1] * wet + unsaturated))


def hillslope_exact(x: Array) -> Array:
    """Height of the water table [m] x [m] from the divide (Dupuit, with the unsaturated flow)."""
    outside = float(hillslope_potential(12.0 - STREAM))
    wanted = outside + 0.5 * HILL_RAIN * (HILL_LENGTH**2 - x**2)
    levels = np.linspace(0.0, 12.0, 4001)
    return np.asarray(np.interp(wanted, hillslope_potential(levels), levels))


def flood_and_drought(diffusive: bool = True) -> FlowProblem:
    """Ponds form, spread over a pitted slope and dry out again, three times; water must close."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:6, 0:12]
    elevation = 10.0 - 0.4 * x + 0.1 * np.abs(y - 2.5) + rng.normal(0.0, 0.15, x.shape)
    grid = Grid(
        (6, 12), "20 m", "20 m", ("0.1 m", "0.2 m", "0.3 m", "0.6 m", "1.2 m"), elevation=elevation
    )
    model = TerrestrialSystem(grid, overland=DiffusiveWave() if diffusive else KinematicWave())
    log10_ks = rng.normal(-5.5, 0.4, (1, grid.columns, 5))
    start = model.dataset(h=(model.z - 1.2)[None, None], log10_Ks=log10_ks)
    storm = np.r_[np.full(3, 40.0), np.zeros(45)] / 3.6e6
    rain = np.tile(storm, 3)
    sun = np.where(rain > 0.0, 0.0, 0.5 / 3.6e6)
    times = 3600.0 * np.arange(1.0, rain.size + 1.0)
    return FlowProblem("flood_and_drought", model, start, times, rain, evaporation=sun)


# ---------------------------------------------------------------------------------- over the land


def _paved(grid: Grid, **choices: Any) -> TerrestrialSystem:
    return TerrestrialSystem(
        grid,
        VanGenuchten("0.1 m3/m3", "0.4 m3/m3", "1 1/m", 2.0, "1e-13 m/s"),
        specific_storage="1e-7 1/m",
        **choices,
    )


PARKING = {"length": 180.0, "slope": 0.0016, "manning": 4.2e-4 * 60.0, "rain": 8.4e-4 / 60.0}


def parking_lot(cells: int = 10, step: str = "60 s", rainy: float = 30.0) -> FlowProblem:
    """Rain for 30 min on a plane of 180 m, 1 m wide; exact kinematic wave known."""
    width = PARKING["length"] / cells
    grid = Grid((1, cells), f"{width} m", "1 m", ("0.1 m",), slope_x=-PARKING["slope"])
    model = _paved(
        grid,
        manning=f"{PARKING['manning']} s/m^(1/3)",
        steps=FlowSteps(largest=step, smallest="1 ms", tolerance="1e-10 m"),
    )
    start = model.dataset(h=np.zeros((1, 1, 1)))
    times = 60.0 * np.arange(1.0, 31.0 + rainy)
    rain = np.where(times <= 60.0 * rainy, PARKING["rain"], 0.0)
    return FlowProblem("parking_lot", model, start, times, rain)


def parking_lot_exact(seconds: Array) -> Array:
    """Outflow [m2 s-1] of the plane."""
    conveyance = np.sqrt(PARKING["slope"]) / PARKING["manning"]
    length, rain, stop = PARKING["length"], PARKING["rain"], 1800.0
    rising = conveyance * (rain * np.minimum(seconds, stop)) ** (5.0 / 3.0)
    flow = np.minimum(rising, rain * length)
    low, high = np.zeros_like(seconds), np.full_like(seconds, rain * length)
    for _ in range(100):
        mean = 0.5 * (low + high)
        depth = (mean / conveyance) ** 0.6
        reach = mean / rain + 5.0 / 3.0 * conveyance * depth ** (2.0 / 3.0) * (seconds - stop)
        low, high = np.where(reach < length, mean, low), np.where(reach < length, high, mean)
    return np.where(seconds <= stop, flow, mean)


def maxwell_plane(
    conductivity: str = "6.94e-6 m/min",
    table: float = 1.0,
    dz: float = 0.2,
    step: str = "2 min",
    flux: Any = None,
) -> FlowProblem:
    """A sloping plane over soil 5 m deep, Maxwell et al. 2014 (10.1002/2013WR013725); dx 80 m.

    Infiltration excess with conductivity 6.94e-6 or 6.94e-5 m/min; saturation excess with
    6.94e-4 m/min and the water table 0.5 or 1 m deep.
    """
    layers = round(5.0 / dz)
    grid = Grid((4, 5), "80 m", "80 m", (f"{dz} m",) * layers, slope_x=-0.0005)
    model = TerrestrialSystem(
        grid,
        VanGenuchten("0.08 m3/m3", "0.4 m3/m3", "1 1/m", 2.0, conductivity),
        manning="3.31e-3 min/m^(1/3)",
        flux=FluxPotential() if flux is None else flux,
        specific_storage="5e-4 1/m",
        storage=Compressible(),
        steps=FlowSteps(largest=step, smallest="0.1 s"),
    )
    start = model.dataset(h=(model.z - table)[None, None])
    times = 60.0 * np.arange(5.0, 301.0, 5.0)
    rain = np.where(times <= 12000.0, 3.3e-4 / 60.0, 0.0)
    return FlowProblem("maxwell_plane", model, start, times, rain)


@dataclass(frozen=True)
class EachDirection(Overland):
    """Manning's flow along x and along y, each by the root of its own slope.

    ParFlow's OverlandFlow, for verification: on a plane that slopes both ways its water turns away
    from the steepest descent, which `KinematicWave` follows.
    """

    def sides(self, grid: Grid, manning: Array) -> member.Overland:
        x, y = grid.slopes
        down = np.sqrt(np.maximum(np.stack([x, -x, y, -y], axis=-1), 0.0))
        return self._made(grid, down / manning[:, None] / grid.widths)


def tilted_v(
    rows: int = 10, columns: int = 81, step: str = "60 s", overland: Overland | None = None
) -> FlowProblem:
    """Two planes and a channel between, Di Giammarco et al. 1996; 10.8 mm/h for 90 min."""
    width = 1620.0 / columns
    slope_x = np.zeros((1, columns))
    middle = columns // 2
    slope_x[:, :middle], slope_x[:, middle + 1 :] = -0.05, 0.05
    grid = Grid(
        (rows, columns), f"{width} m", f"{1000.0 / rows} m", ("0.1 m",), slope_x, slope_y=-0.02
    )
    manning = np.full((rows, columns), 0.015)
    manning[:, middle] = 0.15
    model = _paved(
        grid,
        overland=KinematicWave() if overland is None else overland,
        steps=FlowSteps(largest=step, smallest="1 ms", tolerance="1e-9 m"),
    )
    start = model.dataset(h=np.zeros((1, 1, 1)), manning=manning.reshape(1, -1))
    times = 60.0 * np.arange(5.0, 181.0, 5.0)
    rain = np.where(times <= 5400.0, 10.8e-3 / 3600.0, 0.0)
    return FlowProblem("tilted_v", model, start, times, rain, {"equilibrium": 291.6 / 60.0})


def v_catchment(
    layers: int = 100, step: str = "6 min", overland: Overland | None = None
) -> FlowProblem:
    """The tilted V with soil of the second intercomparison, 0.1 m/h of rain for 20 h of 120.

    Kollet et al. 2017 (10.1002/2016WR019191).
    """
    slope_x = np.zeros((1, 11))
    slope_x[:, :5], slope_x[:, 6:] = -0.05, 0.05
    grid = Grid((10, 11), "10 m", "10 m", (f"{5.0 / layers} m",) * layers, slope_x, slope_y=0.02)
    manning = np.full((10, 11), 1.74e-4 * 3600.0)
    manning[:, 5] = 1.74e-3 * 3600.0
    model = TerrestrialSystem(
        grid,
        VanGenuchten("0.08 m3/m3", "0.4 m3/m3", "6 1/m", 2.0, "10 m/h"),
        overland=KinematicWave() if overland is None else overland,
        specific_storage="1e-5 1/m",
        storage=Compressible(),
        steps=FlowSteps(largest=step, smallest="0.1 s"),
    )
    start = model.dataset(h=(model.z - 2.0)[None, None], manning=manning.reshape(1, -1))
    times = 3600.0 * np.r_[np.arange(1.0, 41.0) * 0.5, np.arange(21.0, 121.0)]
    rain = np.where(times <= 72000.0, 0.1 / 3600.0, 0.0)
    return FlowProblem("v_catchment", model, start, times, rain, {"equilibrium": 1100.0 / 3600.0})


def outflow(states: list[xr.Dataset]) -> Array:
    """Discharge over the edges of the domain [m3 s-1] at each time."""
    return np.array([state["edge_discharge"].values[0].sum() for state in states])


# ------------------------------------------------------------------------------------ catchments


def catchment(
    rows: int = 25, columns: int = 40, hours: int = 24, seed: int = 1, flux: Any = None
) -> FlowProblem:
    """Cells of 2 km, 25 layers of 2 cm to 20 m, hourly rain: the shape of a catchment."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    elevation = 200.0 + 4.0 * x + 3.0 * np.abs(y - rows / 2) + rng.normal(0.0, 2.0, (rows, columns))
    thickness = 0.02 * (20.0 / 0.02) ** (np.arange(25) / 24.0)
    grid = Grid(
        (rows, columns), "2 km", "2 km", tuple(f"{d} m" for d in thickness), elevation=elevation
    )
    model = TerrestrialSystem(
        grid,
        VanGenuchten("0.07 m3/m3", "0.43 m3/m3", "2.5 1/m", 1.5, "1e-6 m/s"),
        flux=FluxPotential() if flux is None else flux,
        specific_storage="1e-4 1/m",
    )
    table = rng.uniform(1.5, 6.0, grid.columns)
    h = np.maximum(model.z - table[:, None], -3.0)[None]
    log10_ks = rng.normal(-5.7, 0.4, (1, grid.columns, 1)) - 0.01 * model.z
    start = model.dataset(h=h, log10_Ks=log10_ks)
    storms = np.repeat(rng.random(hours // 6 + 1) < 0.2, 6)[:hours]
    rain = storms * rng.gamma(0.8, 1.5, hours) / 3.6e6
    return FlowProblem("catchment", model, start, 3600.0 * np.arange(1.0, hours + 1.0), rain)


def level_boundaries(depth: str) -> tuple[FixedLevel, FixedLevel]:
    """Water at the same depth on the west and the east."""
    return FixedLevel(Side.WEST, depth), FixedLevel(Side.EAST, depth)
