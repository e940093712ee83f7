"""The year 1998 at the AmeriFlux tower of Bondville (US); the file is not packaged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from hydroda import meteorology as met
from hydroda.errors import DataError
from hydroda.forcing import (
    Clip,
    Completion,
    Forcing,
    Interpolate,
    Label,
    Site,
    TemperatureRangeShortwave,
    weather_table,
)

SITE = Site(lon=-88.29, lat=40.01, elevation="219 m")
WIND_HEIGHT = 10.0  # [m], of the complete (propeller) series
LATENT_HEAT = 2.5e6  # [J kg-1], as in Noah
LOCAL = "Etc/GMT+6"  # local standard time is six hours behind UTC: the sign of Etc is that of POSIX
ORIGIN = "https://github.com/NOAA-EMC/NoahLSM"

_COLUMNS = {
    "rain": ("precipitation_mm_per_30min", "mm"),
    "shortwave": ("sw_down_W_m2", "W m-2"),
    "longwave": ("lw_down_W_m2", "W m-2"),
    "air_temperature": ("air_temperature_K", "K"),
    "relative_humidity": ("relative_humidity_pct", "%"),
    "wind_speed": ("wind_m_s", "m s-1"),
    "pressure": ("surface_pressure_Pa", "Pa"),
}
_METHODS: dict[str, tuple[Completion, ...]] = {
    "relative_humidity": (Clip(),),  # the sensor reports up to 109 %
    "shortwave": (Interpolate("1 h"), TemperatureRangeShortwave()),
    "wind_speed": (Interpolate("2 h"),),
}


@dataclass(frozen=True, eq=False)
class Bondville:
    """What was measured in 1998; every index is UTC and names the START of a half hour.

    `soil_moisture` [m3/m3] at the depths "5 cm", "20 cm", "60 cm", of which the README of the data
    trusts only the first; `fluxes` [W m-2] net radiation, ground heat, sensible and latent heat,
    NaN where missing; `soil_temperature` [K] at "2 cm", "8 cm", "32 cm" and "64 cm"; `noah` the
    daily output of Noah 2.7.1 for the same weather, where it lies beside the file, by local day.
    """

    forcing: Forcing
    soil_moisture: pd.DataFrame = field(repr=False)
    fluxes: pd.DataFrame = field(repr=False)
    soil_temperature: pd.DataFrame = field(repr=False)
    noah: pd.DataFrame | None = field(repr=False)

    def daily_evapotranspiration(self, covered: float = 0.8) -> pd.Series:
        """Measured evapotranspiration [mm/day] by local day with at least a share `covered` of it.

        Days with less are NaN; a gap within the others weighs as their mean.
        """
        latent = self.fluxes["latent_heat"].tz_convert(LOCAL)
        days = latent.groupby(pd.DatetimeIndex(latent.index).date)
        mean = days.mean().where(days.count() >= covered * 48)
        mean.index = pd.to_datetime(mean.index).rename("day")
        return (mean * 86400 / LATENT_HEAT).rename("evapotranspiration")


def bondville(path: str | Path, *, wind_at_2m: bool = False) -> Bondville:
    """The data in `path`, the file bondville_1998_30min.csv.gz or its folder.

    Wind is that at 10 m, or brought to 2 m (FAO-56 Eq. 47) for columns under FAO-56. Two values
    each of shortwave and wind are completed and 1 h of interpolation is the most; humidity is
    clipped at 100 %: see `forcing.completions`.

    Raises
    ------
    DataError
        The file is missing or is another one.
    """
    path = Path(path)
    path = path / "bondville_1998_30min.csv.gz" if path.is_dir() else path
    try:
        table = pd.read_csv(path, index_col="time_end_utc")
    except FileNotFoundError:
        raise DataError(f"there is no Bondville file {path}: it comes from {ORIGIN}") from None
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is not the half-hourly file of Bondville: {error}") from error
    table.index = pd.to_datetime(table.index, utc=True)
    wind = table["wind_speed_10m_m_s"].to_numpy()
    table["wind_m_s"] = met.wind_at_2m(wind, WIND_HEIGHT) if wind_at_2m else wind
    weather = weather_table(table, _COLUMNS, label=Label.END)
    starts = (table.index - pd.Timedelta("30min")).rename("time")
    depths = {"5 cm": "5cm", "20 cm": "20cm", "60 cm": "60cm"}
    heats = {
        "net_radiation": "net_radiation",
        "ground_heat": "ground_heat_flux",
        "sensible_heat": "sensible_heat_flux",
        "latent_heat": "latent_heat_flux",
    }
    depths_of_warmth = {f"{cm} cm": f"soil_temperature_{cm}cm_degC" for cm in (2, 8, 32, 64)}
    return Bondville(
        Forcing.completed(weather, SITE, _METHODS),
        _picked(
            table, {depth: f"soil_moisture_{text}_m3m3" for depth, text in depths.items()}, starts
        ),
        _picked(table, {name: f"{text}_W_m2" for name, text in heats.items()}, starts),
        _picked(table, depths_of_warmth, starts) + met.FREEZING,
        _noah(path.with_name("noah271_reference_daily_1998.csv")),
    )


def _picked(table: pd.DataFrame, names: dict[str, str], starts: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(
        {name: table[given].to_numpy(float) for name, given in names.items()}, starts
    )


def _noah(path: Path) -> pd.DataFrame | None:
    """Daily sums [mm] and means of Noah 2.7.1, with the names and units of the file."""
    if not path.exists():
        return None
    return pd.read_csv(path, index_col="date_lst", parse_dates=True)
