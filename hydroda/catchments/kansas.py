"""KS003 in Kansas: ten months of cosmic-ray neutrons into a soil column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.catchments._columns import SingleColumn, draining_column, drawn_soil
from hydroda.catchments._kansas_data import LOCAL, ORIGIN, SAMPLED, SITE, kansas
from hydroda.catchments._kansas_data import Kansas as Measured
from hydroda.catchments._neutrons import neutron_pictures, sampled_moisture
from hydroda.errors import DeclarationError
from hydroda.forcing import Forcing
from hydroda.obs import CosmicRayNeutron, ObservationNetwork
from hydroda.obs.calibration import FootprintSoil, calibrated_n0, footprint_soil
from hydroda.obs.neutrons import Curve, Desilets
from hydroda.obs.processing import NeutronProcessing

STATION = "KS003"
# Some forty hours, most of June and July 2022, have up to twice the counts of those beside them.
SPIKE = 8.0


@cache
def processing(folder: str, curve: Curve | None = None) -> tuple[NeutronProcessing, FootprintSoil]:
    """From counts to moisture with N0 of the samples of 2021-10-22, and the soil sampled then.

    Counts are of that day of the logger's clock. Incoming neutrons are not corrected for. By
    `curve`; Desilets' unless given.
    """
    found, curve = kansas(folder), curve or Desilets()
    # Corrections do not depend on N0 and the soil, which are what is looked for.
    any_soil = NeutronProcessing(n0="1 h-1", bulk_density="1 kg/m3", spike=SPIKE, curve=curve)
    hourly = any_soil.hourly(found.neutrons)
    day = hourly[_sampled_day() : _sampled_day() + pd.Timedelta("23h")]
    humidity = float(day["humidity"].mean())
    soil = footprint_soil(found.samples, humidity, day["pressure"].mean())
    n0 = calibrated_n0(float(day["corrected"].mean()), soil, curve, humidity)
    known = replace(any_soil, n0=f"{n0} h-1", bulk_density=f"{soil.bulk_density} kg/m3")
    return known, soil


def _sampled_day() -> pd.Timestamp:
    """The start of the day of the samples, in UTC."""
    return pd.Timestamp(SAMPLED, tz=LOCAL).tz_convert("UTC").tz_localize(None)


class Kansas(SingleColumn):
    """A field of wheat, one column of 2 m: daily neutron moisture updates the profile and K_s.

    The data are not packaged: data= names their folder. They do not tell the texture, which is
    drawn widely. One-day forecasts gain by assimilation: RMSE 0.031 m3 m-3 in place of 0.054. The
    free forecast does not, and is no test of it: from late May on the counts tell of 0.1 to 0.2 m3
    m-3 more water than fell into the gauge, such as on 2 July, after 2 mm.
    """

    title = "Kansas KS003: cosmic-ray neutrons into a soil column"
    period = "2021-09-22T18:00", "2022-07-11T16:00"
    assimilate_until = "2022-05-01"
    model = draining_column((0.5, 0.7, 1.5, 3.0, 3.5, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5))

    data: str | None = None
    """The folder with ks003_hourly.csv.gz and the soil samples."""
    error: str = "0.03 m3/m3"
    """Error of a day's moisture beside that of counting (Li: 0.03)."""
    curve: Curve = Desilets()
    """How counts become moisture; or `TransportSolution()`, which sees the humidity of the air."""

    def _folder(self) -> str:
        if self.data is None:
            raise DeclarationError(
                f"kansas needs its data: --data FOLDER with the files from {ORIGIN}"
            )
        return self.data

    def _measured(self) -> Measured:
        return kansas(self._folder())

    def read_forcing(self) -> Forcing:
        return self._measured().forcing

    def read_network(self) -> ObservationNetwork:
        sensor = CosmicRayNeutron(
            station=STATION, lon=SITE.lon, lat=SITE.lat, representativeness=self.error
        )
        known, _ = processing(self._folder(), self.curve)
        records = known.records(self._measured().neutrons, STATION)
        return ObservationNetwork((sensor,), data=records.select(quantities=["soil_moisture"]))

    def pictures(self) -> Mapping[str, Callable[[], Any]]:
        """From counts to moisture with the samples of the day, and the footprint."""
        found, (known, soil) = self._measured(), processing(self._folder(), self.curve)
        noon = _sampled_day() + pd.Timedelta("12h")
        samples = sampled_moisture({str(noon): (soil, found.samples)})
        return neutron_pictures(known, found.neutrons, samples, STATION)

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """Loams of the density that was sampled."""
        return drawn_soil(
            self.model,
            rng,
            members,
            sand=(25.0, 12.0),
            clay=(25.0, 8.0),
            density=(1.33, 0.1),
            wetness=(0.4, 0.8),
        )
