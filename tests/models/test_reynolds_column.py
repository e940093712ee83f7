"""Both land columns through the winter of 2006 at Reynolds Mountain East, Idaho; nothing fitted.

Reba et al. 2011 (10.1029/2010WR010030). Precipitation is snow below 0 degC of the air, rain above
2 degC, as the columns have it: 834 mm at the peak in CLM4Column where 758 mm were measured, 769 in
CoLMColumn; bare ground within two days of the observed one. The exposed site is swept by wind.
"""

import numpy as np
import pytest
import xarray as xr

from hydroda import meteorology as met
from hydroda.forcing import ForcingWindow
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.land_parts import Heights
from hydroda.models.plants import clm4, colm

DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(3600 * 10**9, "ns")
SITE = {
    "latitude": "43.2 degree",
    "longitude": "-116.8 degree",
    "sand": "10 %",
    "clay": "34 %",
    "heights": Heights("3 m", "3 m"),
}
COLUMNS = [
    CLM4Column(plants=(clm4("c3 grass"),), **SITE),
    CoLMColumn(plants=(colm("grasslands"),), **SITE),
]
WINTER = slice(30, 280)  # days after the first of September
BARE = 5.0  # [mm]


@pytest.fixture(scope="module")
def weather(shared):
    """Hourly, its stamps (seven hours behind) in UTC."""
    given = xr.open_dataset(shared("data/reynolds/forcing.nc")).isel(hru=0).load()
    found = {
        name: given[name].values.astype(float)
        for name in given.data_vars
        if "time" in given[name].dims
    }
    air, pressure, humidity = (found[name] for name in ("airtemp", "airpres", "spechum"))
    relative = np.ones_like(air)
    for _ in range(8):
        now = met.specific_humidity(air, relative, pressure)
        relative = np.clip(relative * humidity / now, 0.01, 1.0)
    values = {
        "rain": 3600.0 * found["pptrate"],
        "shortwave": found["SWRadAtm"],
        "longwave": found["LWRadAtm"],
        "air_temperature": air,
        "relative_humidity": relative,
        "wind_speed": found["windspd"],
        "pressure": pressure,
    }
    return ForcingWindow(given["time"].values + 7 * HOUR, 3600.0, values)


@pytest.fixture(scope="module")
def observed(shared):
    return xr.open_dataset(shared("data/reynolds/eval.nc")).load().isel(time=slice(23, None, 24))


def daily(model, weather):
    """Snow [mm] and its depth [m] at the end of each day."""
    ensemble = model.dataset(
        theta=np.full((1, 1, model.dz.size), 0.25), temperature="283 K", water_table="5 m"
    )
    for k in range(0, weather.times.size, 24):
        day = slice(k, k + 24)
        window = ForcingWindow(
            weather.times[day], 3600.0, {n: v[None, day] for n, v in weather.values.items()}
        )
        ensemble = model.forecast(ensemble, window, weather.times[k], weather.times[k] + DAY)
        yield float(ensemble["snow"].item()), float(ensemble["snow_depth"].item())


def bare_again(mass):
    peak = int(mass.argmax())
    return peak + int((mass[peak:] < BARE).argmax())


@pytest.mark.parametrize("model", COLUMNS, ids=lambda each: type(each).__name__)
def test_that_the_snow_comes_and_goes_as_observed(model, weather, observed):
    mass, depth = np.array(list(daily(model, weather))).T
    measured, sheltered, exposed = (
        observed[name].values / scale
        for name, scale in (("SWE", 1.0), ("zs_sheltered", 100.0), ("zs_exposed", 100.0))
    )
    assert mass.max() == pytest.approx(measured.max(), rel=0.12)
    assert abs(int(mass.argmax()) - int(measured.argmax())) <= 8
    assert abs(bare_again(mass) - bare_again(measured)) <= 3
    assert np.corrcoef(mass[WINTER], measured[WINTER])[0, 1] > 0.99
    assert np.sqrt(((mass - measured)[WINTER] ** 2).mean()) < 90.0
    deep = (sheltered > 0.2) & (depth > 0.2)
    assert np.sqrt(((depth - sheltered)[deep] ** 2).mean()) < 0.3
    assert np.median(mass[deep] / depth[deep]) == pytest.approx(
        np.median(measured[deep] / sheltered[deep]), rel=0.1
    )
    assert (exposed < depth)[deep].mean() > 0.9
