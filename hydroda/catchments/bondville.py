"""Bondville, Illinois, 1998: a soil moisture probe into a soil column, scored by its fluxes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.catchments._bondville_data import LOCAL, ORIGIN, bondville
from hydroda.catchments._bondville_data import Bondville as Measured
from hydroda.catchments._columns import SingleColumn, draining_column, drawn_soil
from hydroda.errors import DeclarationError
from hydroda.forcing import Forcing
from hydroda.obs import Flux, ObservationNetwork, Records, SoilMoistureProbe

DAY = pd.Timedelta("1D")
FROZEN = "frozen_ground"
# A dielectric probe reads liquid water only, and the column knows no ice.
FREEZING_DAYS = 3


@cache
def measured(folder: str) -> Measured:
    """The data in `folder`, read once."""
    return bondville(Path(folder))


class Bondville(SingleColumn):
    """Soybean on silt loam: the 5 cm probe daily; evapotranspiration, 20 and 60 cm are withheld.

    The data are not packaged: data= names their folder.
    """

    title = "Bondville 1998: a probe at 5 cm, evapotranspiration withheld"
    period = "1998-01-02T06:00", "1998-12-31T06:00"
    model = draining_column((0.2, 0.2, 0.2, 0.3, 0.5, 1.5, 4.0, 5.0, 3.0, 0.8, 0.3, 0.2))

    data: str | None = None
    """The folder with bondville_1998_30min.csv.gz."""

    def _measured(self) -> Measured:
        if self.data is None:
            raise DeclarationError(
                f"bondville needs its data: --data FOLDER with the file from {ORIGIN}"
            )
        return measured(self.data)

    def read_forcing(self) -> Forcing:
        return self._measured().forcing

    def read_network(self) -> ObservationNetwork:
        probes = [
            SoilMoistureProbe(station=f"probe {depth}", depth=depth, sd="0.03 m3/m3")
            for depth in ("5 cm", "20 cm", "60 cm")
        ]
        tower = Flux(station="tower", sd="0.5 mm/day")
        withheld = "probe 20 cm", "probe 60 cm", "tower"
        return ObservationNetwork((*probes, tower), data=self._records(), withheld=withheld)

    def _records(self) -> Records:
        """Means of local days; moisture of days on which the ground may be frozen is flagged."""
        found = self._measured()
        moisture = found.soil_moisture.tz_convert(LOCAL)
        days = moisture.groupby(pd.DatetimeIndex(moisture.index).date)
        table = days.mean().where(days.count() >= 36)
        table.index = pd.to_datetime(table.index)
        parts = [
            _rows(table[depth], f"probe {depth}", "soil_moisture", self._frozen(table.index))
            for depth in table
        ]
        parts.append(_rows(found.daily_evapotranspiration(), "tower", "evapotranspiration"))
        units = {"soil_moisture": "m3 m-3", "evapotranspiration": "mm d-1"}
        return Records.of(pd.concat(parts), units, zone=LOCAL)

    def _frozen(self, days: pd.Index) -> np.ndarray:
        air = self._measured().forcing.data["air_temperature"].to_series().tz_localize("UTC")
        local = air.tz_convert(LOCAL)
        daily = local.groupby(pd.DatetimeIndex(local.index).date).mean()
        daily.index = pd.to_datetime(daily.index)
        cold = daily.rolling(FREEZING_DAYS, min_periods=1).mean() < 273.15
        return cold.reindex(days, fill_value=False).to_numpy(bool)

    def beside(self) -> dict[str, dict[str, xr.DataArray]]:
        """Noah 2.7.1 under the same weather: what there is to beat."""
        noah = self._measured().noah
        if noah is None:
            return {}
        ends = pd.DatetimeIndex(noah.index).tz_localize(LOCAL).tz_convert("UTC").tz_localize(None)
        times = (ends + DAY).to_numpy().astype("datetime64[ns]")

        def series(column: str, station: str, unit: str) -> xr.DataArray:
            return xr.DataArray(
                noah[[column]].to_numpy(float),
                coords={"time": times, "station": [station]},
                dims=("time", "station"),
                attrs={"units": unit},
            )

        return {
            "Noah 2.7.1": {
                "soil_moisture": series("smc1", "probe 5 cm", "m3 m-3"),
                "evapotranspiration (withheld)": series("et_mm", "tower", "mm d-1"),
            }
        }

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """Silt loam of bulk density 1.4."""
        return drawn_soil(
            self.model,
            rng,
            members,
            sand=(15.0, 7.0),
            clay=(25.0, 5.0),
            density=(1.4, 0.08),
            wetness=(0.7, 0.95),
        )


def _rows(
    series: pd.Series, station: str, quantity: str, frozen: np.ndarray | None = None
) -> pd.DataFrame:
    """One series of local days as records."""
    days = pd.DatetimeIndex(series.index)
    flag = np.where(frozen, FROZEN, "") if frozen is not None else ""
    return pd.DataFrame(
        {
            "time": days,
            "end": days + DAY,
            "station": station,
            "quantity": quantity,
            "value": series.to_numpy(float),
            "flag": flag,
        }
    )
