"""Fürstensee, Germany: six years of cosmic-ray neutrons into a soil column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.catchments._columns import SingleColumn, draining_column, drawn_soil
from hydroda.catchments._fuerstensee_data import (
    SITE,
    fuerstensee_counts,
    fuerstensee_forcing,
    fuerstensee_samples,
    fuerstensee_weather,
)
from hydroda.catchments._neutrons import neutron_pictures, sampled_moisture
from hydroda.errors import DataError
from hydroda.forcing import Forcing
from hydroda.obs import CosmicRayNeutron, ObservationNetwork, Records
from hydroda.obs.calibration import FootprintSoil, calibrated_n0, footprint_soil, joint_n0
from hydroda.obs.neutrons import MATTER_PER_CARBON, WATER_PER_MATTER, Curve, Desilets
from hydroda.obs.processing import NeutronProcessing

STATION = "FSC001"
# The soil remembers the weather for about so long: days closer to borrowed rain do not count.
MEMORY = pd.Timedelta("30D")
BORROWED_RAIN = "rain_of_another_year"


@dataclass(frozen=True)
class Calibration:
    """N0 [h-1] from the soil samples of both days, and the soil in the footprint.

    `sampled` is the moisture of each day as the sensor sees it, with its standard error.
    """

    n0: float
    by_day: Mapping[str, float]
    soil: FootprintSoil
    sampled: pd.DataFrame


@cache
def raw_neutrons() -> pd.DataFrame:
    """Hourly counts with the weather that corrects them, as `NeutronProcessing` takes them."""
    counts = fuerstensee_counts()
    weather = fuerstensee_weather().to_dataframe().tz_localize("UTC").reindex(counts.index)
    return pd.DataFrame(
        {
            "counts": counts["neutron_counts"],
            "pressure": counts["pressure"],
            "temperature": weather["air_temperature"],
            "relative_humidity": weather["relative_humidity"],
            "box_temperature": weather["box_temperature"] + 273.15,
            "box_relative_humidity": weather["box_relative_humidity"] / 100.0,
        }
    )


@cache
def monitor_counts(file: str | None) -> pd.Series | None:
    """Counts of a neutron monitor from a CSV of time (UTC) and counts; None without a file.

    Raises
    ------
    DataError
        The file is missing or holds something else.
    """
    if file is None:
        return None
    try:
        table = pd.read_csv(file, index_col=0)
        counts = pd.Series(table.iloc[:, 0].to_numpy(float), pd.to_datetime(table.index, utc=True))
    except (OSError, ValueError, IndexError) as error:
        raise DataError(
            f"monitor={file} must be a CSV of time (UTC) and counts: {error}"
        ) from error
    return counts.resample("1h").mean().interpolate(limit=24)


def _processing(
    n0: str, soil: FootprintSoil | None, monitor: pd.Series | None, curve: Curve
) -> NeutronProcessing:
    """Corrections to sea level, dry air and the incoming neutrons of the year of the samples."""
    known = soil or FootprintSoil(0.0, 1.0, 0.0, 0.0)
    return NeutronProcessing(
        n0=n0,
        bulk_density=f"{known.bulk_density} kg/m3",
        lattice_water=f"{known.lattice_water} kg/kg",
        organic_water=f"{known.organic_water} kg/kg",
        reference_monitor=None if monitor is None else float(monitor["2014"].mean()),
        curve=curve,
    )


@cache
def calibration(monitor: str | None = None, curve: Curve | None = None) -> Calibration:
    """N0 from the 216 samples: corrected counts of the sampling days against the sampled soil.

    By `curve`; Desilets' unless given.
    """
    curve = curve or Desilets()
    # Corrections do not depend on N0 and the soil, which are what is looked for.
    incoming = monitor_counts(monitor)
    hourly = _processing("1 h-1", None, incoming, curve).hourly(raw_neutrons(), incoming)
    samples = fuerstensee_samples()
    water = samples["organic_carbon"] * MATTER_PER_CARBON * WATER_PER_MATTER
    counts, soils, air, by_day, sampled = [], [], [], {}, {}
    for time, own in samples.assign(organic_water=water).groupby("time"):
        noon = pd.Timestamp(str(time)).tz_localize(None)
        day = hourly[noon - pd.Timedelta("12h") : noon + pd.Timedelta("11h")]
        air.append(float(day["humidity"].mean()))
        soils.append(footprint_soil(own, air[-1], day["pressure"].mean()))
        counts.append(float(day["corrected"].mean()))
        by_day[str(noon.date())] = calibrated_n0(counts[-1], soils[-1], curve, air[-1])
        sampled[str(noon)] = soils[-1], own
    mean = FootprintSoil(
        *(float(np.mean(values)) for values in zip(*map(_numbers, soils), strict=True))
    )
    n0 = joint_n0(counts, soils, curve, air)
    return Calibration(n0, by_day, mean, sampled_moisture(sampled))


def _numbers(soil: FootprintSoil) -> tuple[float, ...]:
    return soil.moisture, soil.bulk_density, soil.lattice_water, soil.organic_water


def neutron_moisture(
    n0: float | None = None, monitor: str | None = None, curve: Curve | None = None
) -> Records:
    """Daily soil moisture of the station; days that follow borrowed rain too closely are flagged.

    n0 [h-1]: that of the samples unless given. monitor: the file of `monitor_counts`. curve:
    Desilets' unless given.
    """
    curve = curve or Desilets()
    found, incoming = calibration(monitor, curve), monitor_counts(monitor)
    processing = _processing(f"{found.n0 if n0 is None else n0} h-1", found.soil, incoming, curve)
    records = processing.records(raw_neutrons(), STATION, incoming)
    records = records.select(quantities=["soil_moisture"])
    values = records.values.copy()
    borrowed = _after_borrowed_rain(pd.DatetimeIndex(values["time"]))
    values.loc[borrowed & (values["flag"] == ""), "flag"] = BORROWED_RAIN
    return Records.of(values, records.units, attributes=dict(records.attributes), zone="UTC")


def _after_borrowed_rain(times: pd.DatetimeIndex) -> np.ndarray:
    """Whether a week of borrowed rain ended less than `MEMORY` before."""
    filled = fuerstensee_forcing().data["rain_filled"].to_series().astype(float)
    week = filled.rolling("7D").mean() > 0.9
    since = week.rolling(MEMORY).max().astype(bool)
    return since.reindex(times, method="nearest").to_numpy()


class Fuerstensee(SingleColumn):
    """Sandy grassland, one column of 2 m: daily neutron moisture updates the profile and K_s.

    Calibration from 2015 to 2017, then a forecast without assimilation to 2020. 2014 has counts but
    no rain gauge: its rain is that of other years, the counts are listed and not assimilated.
    """

    title = "Fürstensee: cosmic-ray neutrons into a soil column"
    period = "2014-01-10", "2020-06-09"
    assimilate_until = "2018-01-01"
    model = draining_column((0.5, 0.5, 0.8, 1.5, 2.5, 3.0, 3.0, 2.5, 2.0, 1.2, 0.7, 0.5))

    n0: float | None = None
    """Neutrons per hour over dry soil; None: from the samples."""
    error: str = "0.03 m3/m3"
    """Error of a day's moisture beside that of counting (Li: 0.03)."""
    curve: Curve = Desilets()
    """How counts become moisture; or `TransportSolution()`, which sees the humidity of the air."""
    monitor: str | None = None
    """CSV of a neutron monitor; without it, and none may be packaged, the counts keep the drift of
    the incoming neutrons, which rose towards the solar minimum of 2019."""

    def read_forcing(self) -> Forcing:
        return fuerstensee_forcing()

    def read_network(self) -> ObservationNetwork:
        sensor = CosmicRayNeutron(
            station=STATION,
            lon=SITE.lon,
            lat=SITE.lat,
            representativeness=self.error,
        )
        moisture = neutron_moisture(self.n0, self.monitor, self.curve)
        return ObservationNetwork((sensor,), data=moisture)

    def pictures(self) -> Mapping[str, Callable[[], Any]]:
        """From counts to moisture with the samples of both days, and the footprint."""
        found, incoming = calibration(self.monitor, self.curve), monitor_counts(self.monitor)
        n0 = found.n0 if self.n0 is None else self.n0
        known = _processing(f"{n0} h-1", found.soil, incoming, self.curve)
        return neutron_pictures(known, raw_neutrons(), found.sampled, STATION, incoming)

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """Sandy to loamy soil of the density that was sampled."""
        return drawn_soil(
            self.model,
            rng,
            members,
            sand=(78.0, 10.0),
            clay=(7.0, 4.0),
            density=(1.17, 0.1),
            wetness=(0.25, 0.5),
        )
