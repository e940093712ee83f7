"""The packaged data of the cosmic-ray neutron station Fuerstensee (DE); see data/fuerstensee."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.forcing import (
    Clip,
    Completion,
    DewPointFromMinimum,
    Forcing,
    Interpolate,
    Label,
    Record,
    SameDayOfOtherYears,
    Site,
    weather_table,
)

Array: TypeAlias = NDArray[np.float64]

SITE = Site(lon=13.122, lat=53.319, elevation="66 m")
CUTOFF_RIGIDITY = 2.55  # [GV]

_HOUR = pd.Timedelta("1h")
_OUTSIDE = ["air_temperature_degC", "relative_humidity_pct", "rain_mm"]

# From this stamp to that one the outside sensors ran 78 h early against the detector in the box:
# there box and outside temperature correlate with 0.99 per month at a lag of 78 h (0.3 at none),
# and the fall of the counts after rain comes 78 h later than in all other years.
_EARLY = slice("2019-02-20T22:00", "2020-02-09T23:00")
_EARLY_BY = pd.Timedelta("78h")


def fuerstensee_record() -> pd.DataFrame:
    """The hourly numbers of the station as its loggers wrote them; nothing is moved or filled.

    The index is UTC and names the END of each hour: the daily extremes of temperature fall as long
    after sunrise and noon as they should only so. Counts [1/h]; units of the rest in the names;
    box_* was measured inside the detector's box.
    """
    source = files("hydroda") / "data" / "fuerstensee" / "hourly.csv.gz"
    with source.open("rb") as stream:
        table = pd.read_csv(stream, compression="gzip", index_col="time_end")
    table.index = pd.to_datetime(table.index, format="%Y-%m-%dT%H", utc=True)
    return table


def fuerstensee_counts() -> pd.DataFrame:
    """Epithermal neutron counts [1/h] and air pressure [Pa] of every hour, NaN where missing.

    The index is UTC and names the START of each hour.
    """
    record = fuerstensee_record()
    return pd.DataFrame(
        {
            "neutron_counts": record["neutron_counts"].to_numpy(float),
            "pressure": record["pressure_hPa"].to_numpy() * 100,
        },
        index=pd.DatetimeIndex(record.index, name="time") - _HOUR,
    )


def fuerstensee_samples() -> pd.DataFrame:
    """The 216 soil samples of 2014-01-17 and 2014-11-17: 18 profiles of six depths each.

    Columns time [UTC], profile, distance [m], depth [m] of the sample's centre, moisture [kg/kg],
    bulk_density [kg/m3], organic_carbon and lattice_water [kg/kg].
    """
    source = files("hydroda") / "data" / "fuerstensee" / "samples.csv"
    with source.open("rb") as stream:
        raw = pd.read_csv(stream)
    return pd.DataFrame(
        {
            "time": pd.to_datetime(raw["time"], utc=True),
            "profile": raw["profile"],
            "distance": raw["distance_m"].astype(float),
            "depth": raw["depth_cm"] / 100,
            "moisture": raw["moisture_g_g"],
            "bulk_density": raw["bulk_density_g_cm3"] * 1000,
            "organic_carbon": raw["organic_carbon_g_g"],
            "lattice_water": raw["lattice_water_g_g"],
        }
    )


def fuerstensee_weather() -> xr.Dataset:
    """What was measured, with the clock of the outside sensors set right; gaps are NaN."""
    record = fuerstensee_record()
    early = record.loc[_EARLY, _OUTSIDE]
    record.loc[_EARLY, _OUTSIDE] = np.nan
    late = early.shift(freq=_EARLY_BY)
    record.loc[late.index, _OUTSIDE] = late
    columns = {
        "rain": ("rain_mm", "mm"),
        "air_temperature": ("air_temperature_degC", "degC"),
        "relative_humidity": ("relative_humidity_pct", "%"),
        "pressure": ("pressure_hPa", "hPa"),
        "box_temperature": ("box_temperature_degC", "degC"),
        "box_relative_humidity": ("box_relative_humidity_pct", "%"),
    }
    return weather_table(record, columns, label=Label.END)


@dataclass(frozen=True)
class OutsideFromBox(Completion):
    """Air temperature [K] from the sensor inside the detector's box.

    The box is warmer by an excess that depends on the hour and on whether its electronics heat
    it, which its relative humidity [%] tells from `heated_below` on. Around gaps the excess is the
    median of three days on either side; where the outside sensor was not yet there it is the
    median of all days with the same state of the electronics.

    Hidden months come back with a root mean square error of 0.4 to 1.1 K. In summer 2019 the
    humidity does not tell the state: hidden there, 2 to 4 K. In 2014 it does.
    """

    heated_below: float = 63.0

    def estimate(self, name: str, record: Record) -> Array:
        box, humidity = (
            pd.Series(record.others[other][:, 0])
            for other in ("box_temperature", "box_relative_humidity")
        )
        excess = box + 273.15 - record.measured[name][:, 0]
        heated = humidity.groupby(record.days()).transform("median") < self.heated_below
        level = excess.rolling(145, center=True, min_periods=24).median()
        level = level.fillna(excess.groupby(heated).transform("median"))
        hour = pd.DatetimeIndex(record.times).hour
        by_hour = (excess - level).groupby([heated.to_numpy(), hour]).transform("median")
        return (box + 273.15 - level - by_hour).to_numpy()[:, None]


# With the dew point 1.8 K over the day's lowest temperature the mean saturation deficit is that
# of the 39 000 hours with both sensors.
METHODS = {
    "air_temperature": (
        Interpolate("6 h"),
        OutsideFromBox(),
        SameDayOfOtherYears(),
        Interpolate("6 h"),
    ),
    "relative_humidity": (Clip(), Interpolate("6 h"), DewPointFromMinimum("1.8 K")),
    "pressure": (Interpolate("6 h"), SameDayOfOtherYears()),
}


@cache
def fuerstensee_forcing() -> Forcing:
    """Hourly weather from 2014-01-09 to 2020-06-09, completed; see its `completions` and flags.

    Measured are rain, temperature, humidity and pressure, with gaps: rain and humidity begin
    2015-01-09, and 173 days from 2018-08-31 and 30 days from 2020-02-10 are those of other years.
    Do not assimilate there: what the ground saw is not this rain. Wind is 2 m s-1 throughout,
    radiation an estimate from temperature and humidity.
    """
    weather = fuerstensee_weather()
    forcing = Forcing.completed(weather, SITE, METHODS)
    return forcing.noted(_moved(weather))


def _moved(weather: xr.Dataset) -> pd.DataFrame:
    """Completions for what was measured at another time than its logger wrote."""
    first, last = (pd.Timestamp(stamp) + _EARLY_BY for stamp in (_EARLY.start, _EARLY.stop))
    period = {"time": slice(first - _HOUR, last - _HOUR)}
    names = ("air_temperature", "relative_humidity", "rain")
    return pd.DataFrame(
        {
            "variable": names,
            "method": f"moved later by {_EARLY_BY / _HOUR:g} h",
            "from": first - _HOUR,
            "to": last,
            "count": [int(weather[name].sel(period).count()) for name in names],
        }
    )
