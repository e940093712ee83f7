"""A year of grass at Little Washita beside ParFlow-CLM, under the moisture that CLM had.

Its sun is not that of its shortwave: the file peaks at 23 UTC, its sun at 18 UTC, and CLM reflects
all light while its own sun is down; so our surface gets the light that it could absorb. Moisture is
prescribed: retention with n = 3 and conductivity with n = 2 is no soil of ours.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hydroda import meteorology as met
from hydroda import plotting
from hydroda.forcing import ForcingWindow
from hydroda.models.canopy import (
    BuriedByRoughness,
    CanopyNumbers,
    FixedRoughness,
    FixedSplit,
    LinearSaturation,
    SaturationStress,
    SteadyCapacity,
    clm3_colour,
)
from hydroda.models.kernels import canopy, heat, land, snow
from hydroda.models.kernels.column import DZ, ICE, LIQ, PACK, PACK_DEPTH, SNOW, T
from hydroda.models.land_column import LandColumn
from hydroda.models.land_parts import Heights, Phase
from hydroda.models.plants import igbp
from hydroda.models.retention import VanGenuchten
from hydroda.models.runoff import NoRunoff
from hydroda.models.snowpack import RoughCover, Snowpack
from hydroda.models.soil_heat import Skin, SoilHeat
from hydroda.studies.verification.checks import (
    AtLeast,
    AtMost,
    Check,
    Part,
    Setting,
    Within,
    rms,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOUR = np.timedelta64(3600 * 10**9, "ns")
FIRST = np.datetime64("1998-09-01T06:00", "ns")
LATITUDE, LONGITUDE = 34.9604, -97.9789
THICKNESS = np.array([0.01] + [0.1] * 17 + [0.5])  # its heat has one layer less than its water
NODES = np.cumsum(THICKNESS) - 0.5 * THICKNESS
POROSITY = 0.3
SENSIBLE, LATENT, OUTGOING, VAPOUR, WARMTH = range(5)
METRE = 10  # the layer around 1 m
SETTLING = 24  # hours left out of the scores
R, HEAT, LONGWAVE, WARM, YEARLY = 0.95, 30.0, 8.0, 1.5, 0.1  # wanted


def column() -> LandColumn:
    """Our land column with CLM's choices of that run."""
    return LandColumn(
        latitude=f"{LATITUDE} degree",
        longitude=f"{LONGITUDE} degree",
        plants=(igbp(10),),
        sand="16 %",
        clay="26.5 %",
        soil=VanGenuchten("0.06 m3/m3", f"{POROSITY} m3/m3", "2 1/m", 3.0, "0.001465 m/h"),
        colour=clm3_colour(2),
        thickness=tuple(f"{dz} m" for dz in THICKNESS),
        depths=tuple(f"{z} m" for z in NODES),
        light=FixedSplit(0.5, 0.7),
        roughness=FixedRoughness(),
        burial=BuriedByRoughness(),
        stress=SaturationStress(0.2, 1.0),
        humidity=LinearSaturation(0.2),
        canopy=CanopyNumbers(interception=0.25, drag=0.0025, drag_stability=0.0),
        capacity=SteadyCapacity(),
        heat=SoilHeat(top=Skin(0.34), implicit=0.5),
        snow=Snowpack(cover=RoughCover()),
        runoff=NoRunoff(),
        phase=Phase("273.15 K", "275.65 K"),
        heights=Heights("10.03 m", "10.03 m"),
        co2=355e-6,
    )


@dataclass(frozen=True, eq=False)
class Year:
    """Hours of it: ours as `_hours` has it, theirs by name, longwave from the sky [W m-2]."""

    ours: np.ndarray
    theirs: Mapping[str, np.ndarray]
    longwave: np.ndarray

    @property
    def warmth(self) -> np.ndarray:
        """Their soil temperature [K] from the top down (hour, layer)."""
        return self.theirs["t_soil"][:, ::-1]


def part(setting: Setting) -> Part:
    """Hourly heat, longwave, yearly evapotranspiration and warmth of the soil beside CLM's."""
    year = simulate(setting)
    checks = []
    for label, own, name in (
        ("sensible heat", SENSIBLE, "eflx_sh_tot"), ("latent heat", LATENT, "eflx_lh_tot")
    ):  # fmt: skip
        ours, theirs = year.ours[SETTLING:, own], year.theirs[name][SETTLING:]
        r = float(np.corrcoef(ours, theirs)[0, 1])
        checks.append(Check("grass", f"hourly {label}, R", "1", r, wanted=AtLeast(R)))
        checks.append(
            Check(
                "grass", f"hourly {label}, RMSE", "W m-2", rms(ours - theirs), wanted=AtMost(HEAT)
            )
        )
    net = (year.ours[:, OUTGOING] - year.theirs["eflx_lwrad_out"] + year.longwave)[SETTLING:]
    layer = (year.ours[:, WARMTH + METRE] - year.warmth[:, METRE])[SETTLING:]
    hours = year.ours.shape[0]
    evaporated, theirs = year.ours[:, VAPOUR].sum(), 3600.0 * year.theirs["qflx_evap_tot"].sum()
    checks += [
        Check("grass", "net outgoing longwave, RMSE", "W m-2", rms(net), wanted=AtMost(LONGWAVE)),
        Check(
            "grass",
            f"evapotranspiration of {hours} h",
            "mm",
            evaporated,
            None,
            theirs,
            Within(YEARLY),
        ),
        Check("grass", "soil temperature at 1 m, RMSE", "K", rms(layer), wanted=AtMost(WARM)),
    ]
    return Part(checks, {"grass": lambda: _draw(year)})


def simulate(setting: Setting) -> Year:
    """The year under CLM's moisture."""
    assert setting.reference is not None
    own, folder = column(), setting.reference
    stored = np.load(folder / "clm_column_grass.npz")
    theirs = {name: values.astype(float) for name, values in stored.items()}
    hours = theirs["t_grnd"].size
    with gzip.open(folder / "clm_column_forcing.txt.gz") as file:
        shortwave, longwave, rain, air, u, v, pressure, humidity = np.loadtxt(file)[:hours].T
    times = FIRST + np.arange(hours) * HOUR
    up = met.cosine_of_zenith(times + HOUR, 2.0, LATITUDE, LONGITUDE) > 0.0
    weather = np.array(
        [rain, np.where(up, shortwave, 0.0), longwave, air, humidity, np.hypot(u, v), pressure]
    )
    warmth = theirs["t_soil"][:, ::-1]  # theirs begin at the bottom
    water = 1000.0 * POROSITY * np.minimum(theirs["saturation"][1:, :0:-1], 1.0)
    start = own.dataset(theta=water[0][None, None] / 1000.0, temperature=warmth[:1, None])
    window = ForcingWindow(times, 3600.0, {"air_temperature": air[None]})
    season = [
        own.season(start, window, slice(k, k + 24), warmth[None, None, k], own.dz)[0, 0]
        for k in range(0, hours, 24)
    ]
    parts = own._parts()
    plots = own.plots(
        start, own.dz, own._raw(start), own._porosity(start), weather[None, None]
    )  # fmt: skip
    x, s = (each[0, 0] for each in own._columns(start))
    plot = land.plot(parts, plots, 0, 0)
    ours = _hours(parts, plot, x, s, water, weather, np.concatenate(season, axis=1))
    return Year(ours, theirs, longwave)


def _hours(
    parts: Any, plot: Any, x: np.ndarray, s: np.ndarray, water: np.ndarray, weather: np.ndarray,
    season: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """H, LE, longwave out [W m-2], vapour [kg m-2] and T [K] by layer, of every hour.

    water (hour, layer) [kg m-3] is what the soil holds; weather (7, hour), season (4, hour).
    """
    layers = x.shape[1] - SNOW
    share, work = np.zeros(layers), np.empty((heat.WORK, SNOW + layers))
    out = np.empty((water.shape[0], WARMTH + layers))
    for hour, held in enumerate(water):
        x[LIQ, SNOW:] = np.maximum(held * x[DZ, SNOW:] - x[ICE, SNOW:], 0.0)
        now, sun = land.Weather(*weather[:, hour].tolist()), land.Season(*season[:, hour].tolist())
        depth, mass = s[PACK_DEPTH], s[PACK]
        leaves, stems = canopy.exposed(parts.burial, plot.plant, sun.leaves, sun.stems, depth)
        cover = snow.cover(parts.pack.cover, depth, mass, canopy.SOIL_ROUGHNESS)
        light, came = land._radiation(parts, plot, x, s, now, sun, leaves, stems, cover)
        asked = land.surface(parts, plot, x, s, share, work, now, sun, 3600.0)
        out[hour, SENSIBLE], out[hour, LATENT] = asked.sensible, asked.latent
        out[hour, OUTGOING] = came - light.reflected - asked.net_radiation
        vapour = asked.evaporation + asked.transpiration + asked.vapour
        out[hour, VAPOUR] = 3600.0 * vapour
        out[hour, WARMTH:] = x[T, SNOW:]
    return out


def _draw(year: Year) -> Figure:
    """Weekly means of the heats, and the soil at 1 m."""
    days = np.arange(year.ours.shape[0] // 168) * 7.0 + 3.5

    def weekly(values: np.ndarray) -> np.ndarray:
        whole = values[: values.size // 168 * 168]
        return np.asarray(whole.reshape(-1, 168).mean(axis=1))

    shown = []
    pairs = (
        ("Latent heat", "W m⁻²", year.ours[:, LATENT], year.theirs["eflx_lh_tot"]),
        ("Sensible heat", "W m⁻²", year.ours[:, SENSIBLE], year.theirs["eflx_sh_tot"]),
        ("Soil at 1 m", "K", year.ours[:, WARMTH + METRE], year.warmth[:, METRE]),
    )
    for title, unit, ours, theirs in pairs:
        lines = (
            plotting.Curve("ParFlow-CLM", days, weekly(theirs)),
            plotting.Curve("hydroda", days, weekly(ours), "--"),
        )
        shown.append(
            plotting.Panel(title, "Days since 1998-09-01", f"Mean of a week ({unit})", lines)
        )
    return plotting.panels(shown)
