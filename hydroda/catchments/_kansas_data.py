"""The cosmic-ray neutron station KS003 in Kansas (US); the files are not packaged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from hydroda.errors import DataError
from hydroda.forcing import Clip, Forcing, Interpolate, Label, Site, weather_table

# The elevation is that of the standard pressure nearest to the mean of the barometer.
SITE = Site(lon=-97.571, lat=38.235, elevation="435 m")
# The clock says so itself: the sun of 52 clear days is centred 6.01 to 6.03 h before its noon in
# UTC, in winter as in summer, if stamps name the END of their hour. It keeps no summer time.
LOCAL = "Etc/GMT+6"  # six hours behind UTC: the sign of Etc is that of POSIX
ORIGIN = "https://github.com/soilwater/crnpy"
SAMPLED = "2021-10-22"  # a day of the logger's clock

_HOUR = pd.Timedelta("1h")
_TABLE, _SAMPLES = "ks003_hourly.csv.gz", "soil_calibration_2021-10-22.csv"
_COLUMNS = {
    "rain": ("precipitation_mm", "mm"),
    "shortwave": ("sw_down_W_m2", "W m-2"),
    "air_temperature": ("air_temperature_degC", "degC"),
    "relative_humidity": ("relative_humidity_pct", "%"),
    "wind_speed": ("wind_speed_m_s", "m s-1"),
    "pressure": ("surface_pressure_hPa", "hPa"),
}
_METHODS = {
    "relative_humidity": (Clip(), Interpolate("1 D")),
    "air_temperature": (Interpolate("1 D"),),
    "wind_speed": (Interpolate("2 D"),),
    "rain": (Interpolate("1 D"),),
    "shortwave": (Clip(), Interpolate("1 D")),
}


@dataclass(frozen=True, eq=False)
class Kansas:
    """Hourly `neutrons` as `NeutronProcessing` takes them, the `forcing`, the soil `samples`.

    The 56 samples of 14 cores have the columns of `footprint_soil`; lattice and organic water were
    not measured and are 0.
    """

    neutrons: pd.DataFrame
    forcing: Forcing
    samples: pd.DataFrame


@cache
def kansas(folder: str) -> Kansas:
    """The data in `folder`: channel 1 of the detector (channel 2 is erratic), stamps in UTC.

    Longwave radiation is an estimate; the other gaps, of 2 days of wind at most, are joined.

    Raises
    ------
    DataError
        A file is missing or is another one.
    """
    table = _read(Path(folder) / _TABLE)
    table.index = pd.to_datetime(table.pop("time_end_logger_clock")).dt.tz_localize(LOCAL)
    weather = weather_table(table, _COLUMNS, label=Label.END)
    starts = pd.DatetimeIndex(table.index).tz_convert("UTC") - _HOUR
    neutrons = pd.DataFrame(
        {
            "counts": table["neutron_counts_1_cph"].to_numpy(float),
            "pressure": table["surface_pressure_hPa"].to_numpy(float) * 100,
            "temperature": table["air_temperature_degC"].to_numpy(float) + 273.15,
            "relative_humidity": (table["relative_humidity_pct"] / 100).clip(upper=1.0).to_numpy(),
        },
        index=starts.rename("time"),
    )
    forcing = Forcing.completed(weather, SITE, _METHODS)
    return Kansas(neutrons, forcing, _samples(Path(folder) / _SAMPLES))


def _samples(path: Path) -> pd.DataFrame:
    raw = _read(path)
    return pd.DataFrame(
        {
            "profile": raw["core_number"],
            "distance": raw["distance_from_station"].astype(float),
            "depth": (raw["top_depth"] + raw["bottom_depth"]) / 200,
            "moisture": raw["theta_g"],
            "bulk_density": raw["bulk_density"] * 1000,
            "lattice_water": 0.0,
            "organic_water": 0.0,
        }
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: it comes from {ORIGIN}") from None
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is not of the station in Kansas: {error}") from error
