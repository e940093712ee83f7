"""Two Dutch wells with rain and evaporation, as pastas keeps them; the files are not packaged.

Heads are m above NAP; rain and evaporation of nb1 are m/d, those of De Bilt (260) mm/d. All dates
are days of the Dutch clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import least_squares
from scipy.signal import lfilter

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import Forcing
from hydroda.obs import (
    Column,
    ColumnMap,
    MappedCsv,
    Monthly,
    ObservedDepth,
    Records,
    Screened,
    Screening,
    Unconfined,
)
from hydroda.units import magnitude

ZONE = "Europe/Amsterdam"
ORIGIN = "https://github.com/pastas/pastas"
DAY = pd.Timedelta("1D")
# Model days begin when Dutch winter days do: forcing needs steps of one length.
MIDNIGHT = pd.Timedelta("23h")
# Not measured: with it nothing falls as snow.
MILD = 283.15  # [K]
WEATHER = ("rain", "potential_evapotranspiration", "air_temperature")


@dataclass(frozen=True)
class Series:
    """A column of a table of days: the file, the names of its two columns, its unit."""

    file: str
    time: str
    column: str
    unit: str


@dataclass(frozen=True)
class Well:
    """The files of a well and of its weather.

    `ground` is a choice, no measurement: the highest level on record and half a metre.
    """

    ground: str
    head: Series
    rain: Series
    evaporation: Series


WELLS: Mapping[str, Well] = MappingProxyType(
    {
        "nb1": Well(
            "29.5 m",
            Series("head_nb1.csv", "date", "head", "m"),
            Series("rain_nb1.csv", "date", "rain", "m/d"),
            Series("evap_nb1.csv", "date", "evap", "m/d"),
        ),
        "B32C0639": Well(
            "2.5 m",
            Series("B32C0639001.csv", "date", "head", "m"),
            Series("rain_260.csv", "", "RH_260", "mm/d"),
            Series("evap_260.csv", "", "EV24_260", "mm/d"),
        ),
    }
)


def _screening(months: float) -> Screening:
    """The rules of Li et al., for a share of the `months` that both wells were read in."""
    period = Monthly("1986-01-01", "2005-10-01", at_least=months)
    return Screening(keep=(Unconfined(), ObservedDepth("0 m", "20 m"), period))


# Neither well has a reading in every month, as Li et al. want it; both have in nine of ten.
SCREENINGS = {
    "rules of Li et al.: a reading every month": _screening(1.0),
    "the same in nine months of ten": _screening(0.9),
}


def of_well(name: str) -> Well:
    """The files of the well called `name`.

    Raises
    ------
    DeclarationError
        There is no such well.
    """
    if name not in WELLS:
        raise DeclarationError(f"well must be one of {', '.join(WELLS)}; got {name!r}")
    return WELLS[name]


@cache
def dutch_heads(folder: str, well: str) -> Records:
    """Water-table elevation [m NAP] of a well: a reading sometime on each day given.

    It counts as of the end of the model day, 23:00 UTC, so that no analysis knows the future.
    """
    read = _read(folder, of_well(well).head, well, "groundwater_level")
    end = (read.values["end"] - MIDNIGHT).dt.ceil("D") + MIDNIGHT
    values = read.values.assign(time=end, end=end)
    attributes = {"datum": "NAP", "zone": ZONE, "source": ORIGIN}
    return Records.of(values, read.units, attributes=attributes, zone="UTC")


@cache
def dutch_records(folder: str, well: str) -> Records:
    """Level [m], rain and evaporation [mm d-1] of a well as they are in the files, flags aside."""
    files = of_well(well)
    weather = [
        _read(folder, series, well, quantity).in_units({quantity: "mm/d"})
        for quantity, series in (("rain", files.rain), ("evaporation", files.evaporation))
    ]
    return dutch_heads(folder, well).joined(weather)


def dutch_screening(folder: str, screening: Screening) -> Screened:
    """Which of the wells are fit for assimilation, and why not.

    The files do not tell the aquifer: both wells follow rain and evaporation within weeks and are
    taken for unconfined. Their depth is that of the lowest level on record, at least.
    """
    first, *others = (dutch_heads(folder, well) for well in WELLS)
    records = first.joined(others)
    lowest = records.values.groupby("station")["value"].min()
    ground = {name: float(magnitude(well.ground, "m", "ground")) for name, well in WELLS.items()}
    about = pd.DataFrame({"aquifer": "unconfined", "depth": pd.Series(ground) - lowest})
    return screening.of(records, about)


@cache
def dutch_forcing(folder: str, well: str) -> Forcing:
    """Daily rain and potential evapotranspiration [mm], each day's spread evenly over it."""
    files = of_well(well)
    daily = {
        "rain": _model_days(_read(folder, files.rain, well, "rain"), "rain"),
        "potential_evapotranspiration": _model_days(
            _read(folder, files.evaporation, well, "evaporation"), "evaporation"
        ),
    }
    frame = pd.DataFrame(daily).dropna()
    data = xr.Dataset(
        {name: ("time", frame[name].to_numpy(), {"units": "mm"}) for name in frame},
        {"time": frame.index.to_numpy()},
    )
    mild = np.full(len(frame), MILD)
    return Forcing(data.assign(air_temperature=("time", mild, {"units": "K"})), WEATHER)


def _model_days(records: Records, quantity: str) -> pd.Series:
    """Amounts [mm] of days from 23:00 UTC, out of those of Dutch days of 23 to 25 hours."""
    values = records.in_units({quantity: "mm/d"}).values
    ends = values["end"].to_numpy("datetime64[ns]")
    whole = values["time"].to_numpy("datetime64[ns]")
    if (whole[1:] != ends[:-1]).any() or values["value"].isna().any():
        first = int(np.argmax(np.append(whole[1:] != ends[:-1], True)))
        raise DataError(f"{quantity} has a gap after {values['time'].iloc[first]}")
    edges = pd.DatetimeIndex(np.append(whole, ends[-1]))
    days = pd.date_range((edges[0] - MIDNIGHT).ceil("D"), edges[-1] - MIDNIGHT, freq="D") + MIDNIGHT
    fallen = np.concatenate([[0.0], np.cumsum(values["value"])])
    seconds = [(times - edges[0]) / pd.Timedelta("1s") for times in (days, edges)]
    return pd.Series(np.diff(np.interp(seconds[0], seconds[1], fallen)), days[:-1])


def _read(folder: str, series: Series, station: str, quantity: str) -> Records:
    """A table of days of the Dutch clock."""
    path = Path(folder) / series.file
    if not path.is_file():
        raise DataError(f"there is no file {path}: it comes from {ORIGIN}")
    column = Column(station=station, quantity=quantity, unit=series.unit)
    told = ColumnMap(time=series.time, columns={series.column: column}, zone=ZONE, after="1 D")
    return MappedCsv(told).read(path)


def linear_reservoir(folder: str, well: str, until: str | None = None) -> xr.DataArray:
    """The levels (time, station) of the exponential model of pastas, fitted to those `until`.

    h = d + A ∫ e^(−τ/a) (P − f E) dτ/a with four numbers, from daily rain P and evaporation E: it
    explains 93.2 % of the variance of nb1. Collenteur et al. 2019, doi:10.1111/gwat.12925.
    """
    levels = dutch_heads(folder, well).values
    weather = dutch_forcing(folder, well).data
    rain, demand = (weather[name].values / 1000 for name in WEATHER[:2])
    times = levels["end"].to_numpy("datetime64[ns]")
    day = np.searchsorted(weather["time"].values, times) - 1
    known = times <= (times[-1] if until is None else np.datetime64(until, "ns"))

    def simulated(x: np.ndarray) -> np.ndarray:
        gain, scale, factor, base = x
        recharge, kept = rain - factor * demand, np.exp(-1.0 / scale)
        steady = [kept * gain * recharge.mean()]
        response, _ = lfilter([gain * (1.0 - kept)], [1.0, -kept], recharge, zi=steady)
        return np.asarray(base + response[day])

    def misfit(x: np.ndarray) -> np.ndarray:
        return np.asarray((simulated(x) - observed)[known])

    observed = levels["value"].to_numpy()
    start = [500.0, 100.0, 1.0, observed[known].mean()]
    found = least_squares(misfit, start, x_scale=[100.0, 20.0, 0.2, 1.0])
    return xr.DataArray(
        simulated(found.x)[:, None],
        {"time": times, "station": [well]},
        ("time", "station"),
        attrs={"units": "m"},
    )
