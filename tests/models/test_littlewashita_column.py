"""The land surface through a year at Little Washita beside ParFlow-CLM, under its soil moisture.

ParFlow v3.15 with CLM, one column of grass, hourly from 1998-09-01 (reference/parflow/README.md).
Its sun is not that of its shortwave: the file peaks at 23 UTC, its sun at 18 UTC, and CLM reflects
all light while its own sun is down. So the light that it could absorb is what our surface gets. Its
moisture is prescribed: retention with n = 3 and conductivity with n = 2 is no soil of ours, and its
column loses some 830 mm that its description does not name. What we find: H R 0.978 and RMSE 18,
LE 0.960 and 12, net outgoing longwave RMSE 7.1 W m-2 (our surface is 0.5 K colder), ET +7 %, 0.7 K
at 1 m. With the 1 m layer at the bottom, which its t_soil lacks, it would be 1.7 K there.
"""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest

from hydroda import meteorology as met
from hydroda.compiled import kernel
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

HOUR = np.timedelta64(3600 * 10**9, "ns")
THICKNESS = np.array([0.01] + [0.1] * 17 + [0.5])  # its heat has one layer less than its water
NODES = np.cumsum(THICKNESS) - 0.5 * THICKNESS
POROSITY = 0.3
METRE = 10  # the layer around 1 m
COLUMN = LandColumn(
    latitude="34.9604 degree",
    longitude="-97.9789 degree",
    plants=(igbp(10),),
    sand="16 %",
    clay="26.5 %",
    soil=VanGenuchten("0.06 m3/m3", "0.3 m3/m3", "2 1/m", 3.0, "0.001465 m/h"),
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


@kernel
def through(parts, plot, x, s, water, weather, season, out):
    """Fills out (step, 5 + layer): H, LE, G, longwave out [W m-2], vapour [kg m-2], T [K]."""
    n = x.shape[1] - SNOW
    share, work = np.zeros(n), np.empty((heat.WORK, SNOW + n))
    for k in range(out.shape[0]):
        for i in range(n):
            held = water[k, i] * x[DZ, SNOW + i]
            x[LIQ, SNOW + i] = max(held - x[ICE, SNOW + i], 0.0)
        now = land.Weather(
            weather[0, k], weather[1, k], weather[2, k], weather[3, k], weather[4, k],
            weather[5, k], weather[6, k],
        )  # fmt: skip
        sun = land.Season(season[0, k], season[1, k], season[2, k], season[3, k])
        depth, mass = s[PACK_DEPTH], s[PACK]
        leaves, stems = canopy.exposed(parts.burial, plot.plant, sun.leaves, sun.stems, depth)
        cover = snow.cover(parts.pack.cover, depth, mass, canopy.SOIL_ROUGHNESS)
        light, came = land._radiation(parts, plot, x, s, now, sun, leaves, stems, cover)
        asked = land.surface(parts, plot, x, s, share, work, now, sun, 3600.0)
        out[k, 0] = asked.sensible
        out[k, 1] = asked.latent
        out[k, 2] = asked.ground_heat
        out[k, 3] = came - light.reflected - asked.net_radiation
        out[k, 4] = 3600.0 * (asked.evaporation + asked.transpiration + asked.vapour)
        for i in range(n):
            out[k, 5 + i] = x[T, SNOW + i]


@pytest.fixture(scope="module")
def year(shared):
    """Ours and theirs by hour, by the names of ParFlow-CLM."""
    folder = shared("reference/parflow")
    theirs = {k: v.astype(float) for k, v in np.load(folder / "clm_column_grass.npz").items()}
    hours = theirs["t_grnd"].size
    with gzip.open(folder / "clm_column_forcing.txt.gz") as file:
        shortwave, longwave, rain, air, u, v, pressure, humidity = np.loadtxt(file)[:hours].T
    times = np.datetime64("1998-09-01T06:00", "ns") + np.arange(hours) * HOUR
    up = met.cosine_of_zenith(times + HOUR, 2.0, 34.9604, -97.9789) > 0.0
    weather = np.array(
        [rain, np.where(up, shortwave, 0.0), longwave, air, humidity, np.hypot(u, v), pressure]
    )
    warmth = theirs["t_soil"][:, ::-1]  # theirs begin at the bottom
    water = 1000.0 * POROSITY * np.minimum(theirs["saturation"][1:, :0:-1], 1.0)
    start = COLUMN.dataset(theta=water[0][None, None] / 1000.0, temperature=warmth[:1, None])
    window = ForcingWindow(times, 3600.0, {"air_temperature": air[None]})
    season = [
        COLUMN.season(start, window, slice(k, k + 24), warmth[None, None, k], COLUMN.dz)[0, 0]
        for k in range(0, hours, 24)
    ]
    parts = COLUMN._parts()
    field = COLUMN.plots(
        start, COLUMN.dz, COLUMN._raw(start), COLUMN._porosity(start), weather[None, None]
    )
    x, s = (each[0, 0] for each in COLUMN._columns(start))
    out = np.empty((hours, 5 + NODES.size))
    through(
        parts, land.plot(parts, field, 0, 0), x, s, water, weather,
        np.concatenate(season, axis=1), out,
    )  # fmt: skip
    return SimpleNamespace(ours=out, theirs=theirs, warmth=warmth, longwave=longwave)


def agreement(ours, theirs, skip=24):
    """R, RMSE and bias after the first day."""
    error = (ours - theirs)[skip:]
    r = np.corrcoef(ours[skip:], theirs[skip:])[0, 1]
    return r, np.sqrt((error**2).mean()), error.mean()


def test_that_hourly_heat_agrees(year):
    for column, name in ((0, "eflx_sh_tot"), (1, "eflx_lh_tot")):
        r, rmse, _ = agreement(year.ours[:, column], year.theirs[name])
        assert r >= 0.95 and rmse < 30.0, (name, r, rmse)


def test_that_net_outgoing_longwave_agrees(year):
    _, rmse, bias = agreement(year.ours[:, 3], year.theirs["eflx_lwrad_out"] - year.longwave)
    assert rmse < 8.0, (rmse, bias)


def test_that_the_yearly_evapotranspiration_agrees(year):
    assert year.ours[:, 4].sum() == pytest.approx(
        3600.0 * year.theirs["qflx_evap_tot"].sum(), rel=0.1
    )


def test_that_the_soil_at_a_metre_is_as_warm(year):
    r, rmse, bias = agreement(year.ours[:, 5 + METRE], year.warmth[:, METRE])
    assert rmse < 1.5, (r, rmse, bias)
