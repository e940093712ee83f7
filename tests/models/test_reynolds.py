"""Snow at Reynolds Mountain East, Idaho, in the winter of 2006, under a plain surface balance.

Reba et al. 2011 (10.1029/2010WR010030): hourly weather, and water equivalent and depth of the snow
as they were measured. Nothing is fitted; the whole land surface is scored elsewhere.
"""

import math

import numpy as np
import pytest
import xarray as xr

from hydroda.compiled import kernel
from hydroda.models import snowpack, soil_heat
from hydroda.models.kernels import heat, snow
from hydroda.models.kernels.column import (
    AGE,
    COUNT,
    FREEZING,
    HEAT_OF_AIR,
    KARMAN,
    PACK,
    PACK_DEPTH,
    SNOW,
    STEFAN_BOLTZMANN,
    SUBLIMATION,
    VAPORISATION,
    T,
)

from .test_kernels_heat import LOAM, column, ground, work

HOUR = 3600.0
HEIGHT, ROUGHNESS = 3.0, 0.002  # of measurement and of snow [m]


@kernel
def saturated(t):
    """Vapour pressure [Pa] over water or ice (Alduchov and Eskridge 1996)."""
    t -= FREEZING
    if t < 0.0:
        return 611.21 * math.exp(22.587 * t / (t + 273.86))
    return 610.94 * math.exp(17.625 * t / (t + 243.04))


@kernel
def wet_bulb(t, q, pressure):
    """Temperature [K] of falling snow: where evaporation cools as much as the air warms."""
    wet = t
    for _ in range(20):
        full = 0.622 * saturated(wet) / pressure
        slope = full * 4284.0 / (wet - 30.0) ** 2
        excess = HEAT_OF_AIR * (wet - t) + VAPORISATION * (full - q)
        wet -= excess / (HEAT_OF_AIR + VAPORISATION * slope)
    return wet


@kernel
def exchange(wind, air, surface):
    """Speed [m s-1] of the exchange with the air, slowed and quickened by stability."""
    wind = max(wind, 0.5)
    neutral = (KARMAN / math.log(HEIGHT / ROUGHNESS)) ** 2
    richardson = 9.81 * HEIGHT * (air - surface) / (air * wind * wind)
    if richardson >= 0.0:
        return neutral * wind / (1.0 + 10.0 * richardson)
    free = 75.0 * neutral * math.sqrt(-richardson * HEIGHT / ROUGHNESS)
    return neutral * wind * (1.0 - 10.0 * richardson / (1.0 + free))


@kernel
def balance(weather, reflected, white, t):
    """Heat flux into the ground [W m-2], its slope, vapour flux [kg m-2 s-1] and its slope."""
    shortwave, longwave, pressure, air, humidity, wind = weather
    speed = exchange(wind, air, t) * pressure / (287.04 * air)
    latent, moist = (SUBLIMATION, 1.0) if white else (VAPORISATION, 0.3)
    full = 0.622 * saturated(t) / pressure
    vapour, steeper = speed * moist * (full - humidity), speed * moist * full * 6100.0 / (t * t)
    flux = (1.0 - reflected) * shortwave + 0.98 * (longwave - STEFAN_BOLTZMANN * t**4)
    flux -= HEAT_OF_AIR * speed * (t - air) + latent * vapour
    slope = HEAT_OF_AIR * speed + latent * steeper + 3.92 * STEFAN_BOLTZMANN * t**3
    return flux, -slope, vapour, steeper


@kernel
def winter(conduction, pack, earth, x, s, rows, weather, precipitation, found):
    """Water equivalent [kg m-2], depth [m] and outflow [kg m-2] of every hour into found."""
    for k in range(precipitation.size):
        sky = (weather[0, k], weather[1, k], weather[2, k], weather[3, k], weather[4, k],
               weather[5, k])  # fmt: skip
        wet = wet_bulb(sky[3], sky[4], sky[2])
        falling = min(max(1.0 - (wet - FREEZING), 0.0), 1.0) * precipitation[k]
        snow.fall(pack, x, s, falling, wet, heat.top_capacity(earth, x, s), HOUR)
        part = snow.cover(pack.cover, s[PACK_DEPTH], s[PACK], 0.01)
        age = s[AGE] / (1.0 + s[AGE])
        fresh = 0.5 * (0.95 * (1.0 - 0.2 * age) + 0.65 * (1.0 - 0.5 * age))  # Dickinson 1993
        white = s[PACK] > 0.0
        t = x[T, SNOW - int(s[COUNT])]
        flux, slope, vapour, steeper = balance(sky, part * fresh + (1.0 - part) * 0.2, white, t)
        result = heat.solve(conduction, earth, x, s, flux, slope, HOUR, rows)
        if s[PACK] > 0.0:
            snow.vapour(x, s, 0.0, -(vapour + steeper * result.rise), HOUR)
        rain = precipitation[k] - falling
        capacity = heat.top_capacity(earth, x, s)
        left = snow.evolve(pack, x, s, rain, capacity, HOUR)
        found[2, k] = result.melt + left.water
        found[0, k], found[1, k] = s[PACK], s[PACK_DEPTH]


@pytest.fixture(scope="module")
def observed(shared):
    return xr.open_dataset(shared("data/reynolds/eval.nc")).load()


@pytest.fixture(scope="module")
def forcing(shared):
    return xr.open_dataset(shared("data/reynolds/forcing.nc")).isel(hru=0).load()


@pytest.fixture(scope="module")
def found(forcing):
    names = ("SWRadAtm", "LWRadAtm", "airpres", "airtemp", "spechum", "windspd")
    weather = np.array([forcing[name].values for name in names], float)
    dz = soil_heat.thickness(soil_heat.nodes())
    x, s = column(dz, FREEZING + 10.0, 0.25)
    out = np.zeros((3, weather.shape[1]))
    winter(
        soil_heat.SoilHeat().kernel(), snowpack.Snowpack().kernel(), ground(LOAM, dz), x, s,
        work(x), weather, forcing["pptrate"].values.astype(float), out,
    )  # fmt: skip
    return out


def melt_out(mass, times):
    """The day on which less than 5 mm are left after the peak."""
    peak = int(mass.argmax())
    return times[peak + int((mass[peak:] < 5.0).argmax())]


def test_that_the_snow_of_reynolds_is_the_observed_one(found, observed):
    mass, measured = found[0], observed["SWE"].values
    times = observed["time"].values
    assert mass.max() == pytest.approx(measured.max(), rel=0.05)
    assert abs(times[mass.argmax()] - times[measured.argmax()]) < np.timedelta64(8, "D")
    assert abs(melt_out(mass, times) - melt_out(measured, times)) <= np.timedelta64(3, "D")
    winter = slice(24 * 30, 24 * 280)
    assert np.sqrt(np.mean((mass - measured)[winter] ** 2)) < 50.0
    assert np.corrcoef(mass[winter], measured[winter])[0, 1] > 0.99


def test_that_the_snow_of_reynolds_is_as_dense_as_observed(found, observed):
    """At the sheltered site, which the water equivalent was measured at."""
    depth, measured = found[1], observed["zs_sheltered"].values / 100.0
    deep = (measured > 0.2) & (depth > 0.2)
    density = np.median(found[0][deep] / depth[deep])
    assert density == pytest.approx(
        np.median(observed["SWE"].values[deep] / measured[deep]), rel=0.1
    )
    assert np.sqrt(np.mean((depth - measured)[deep] ** 2)) < 0.25
