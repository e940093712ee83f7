"""Bondville, Illinois, 1998: a soil moisture probe into a land column, scored by its fluxes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.catchments._bondville_data import LOCAL, ORIGIN, bondville
from hydroda.catchments._bondville_data import Bondville as Measured
from hydroda.catchments._columns import SCATTER_OF_LOG10_KS, SingleColumn
from hydroda.errors import DeclarationError
from hydroda.forcing import Forcing
from hydroda.models.canopy import clm4_colour
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.land_column import LandColumn
from hydroda.models.land_parts import Heights
from hydroda.models.plants import DatedLeaves, clm4, colm
from hydroda.models.texture import Cosby
from hydroda.obs import Flux, ObservationNetwork, Records, SoilMoistureProbe

Column = TypeVar("Column", bound=LandColumn)

DAY = pd.Timedelta("1D")
SAND, CLAY = 15.0, 25.0  # silt loam [%]
# Members run through the autumn of 1998 before they start into the same year.
AUTUMN, YEAR_END = (np.datetime64(f"{day}T06:00", "ns") for day in ("1998-10-01", "1998-12-31"))

# Soybean as it was measured at SoyFACE, Champaign, some 10 km away on the same soils: mean of 2004
# to 2006, sown on 28 May (Matthews et al. 2022, 10.1093/insilicoplants/diab032). The optical area
# counts stems and pods: when the mass of leaves is nil 0.9 are left of it, which grow with the
# canopy. Stems of 0.3 are the residue of maize in other months.
SOYBEAN = DatedLeaves(
    lai=(
        ("05-31", 0.0), ("06-08", 0.04), ("06-15", 0.18), ("06-22", 0.57), ("06-29", 1.27),
        ("07-06", 2.32), ("07-13", 3.64), ("07-20", 5.21), ("07-27", 5.73), ("08-03", 5.72),
        ("08-10", 5.67), ("08-17", 5.27), ("08-24", 4.79), ("08-31", 3.95), ("09-07", 2.80),
        ("09-14", 1.07), ("09-21", 0.23), ("09-28", 0.0),
    ),
    sai=(("05-31", 0.3), ("07-27", 0.9), ("10-05", 0.9), ("10-10", 0.3)),
)  # fmt: skip


def bondville_column(kind: type[Column], **parts: Any) -> Column:
    """The column of the site as CLM4Column or CoLMColumn, with other `parts` where given.

    Nothing is fitted. Place and heights are those of the site in Noah 2.7.1; the soil is the
    darkest class whose albedo, when wet, is that of Noah's control file for bare months (0.16).
    """
    plant = colm("croplands") if issubclass(kind, CoLMColumn) else clm4("c3 crop")
    site: dict[str, Any] = {
        "latitude": "40.01 degree",
        "longitude": "-88.37 degree",
        "plants": (replace(plant, leaves=SOYBEAN),),
        "sand": f"{SAND} %",
        "clay": f"{CLAY} %",
        "soil": Cosby().soil(SAND, CLAY),
        "colour": clm4_colour(13),
        "heights": Heights("10 m", "3 m"),
    }
    return kind(**(site | parts))


@cache
def measured(folder: str) -> Measured:
    """The data in `folder`, read once."""
    return bondville(Path(folder))


class Bondville(SingleColumn):
    """Soybean on silt loam: the 5 cm probe daily; evapotranspiration, 20 and 60 cm are withheld.

    A dielectric probe reads liquid water only, and so it does in the column: days of frost are
    assimilated as others. The data are not packaged: data= names their folder.
    """

    title = "Bondville 1998: a probe at 5 cm, evapotranspiration withheld"
    period = "1998-01-02T06:00", "1998-12-31T06:00"
    model = bondville_column(CLM4Column)

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
        """Means of local days."""
        found = self._measured()
        moisture = found.soil_moisture.tz_convert(LOCAL)
        days = moisture.groupby(pd.DatetimeIndex(moisture.index).date)
        table = days.mean().where(days.count() >= 36)
        table.index = pd.to_datetime(table.index)
        parts = [_rows(table[depth], f"probe {depth}", "soil_moisture") for depth in table]
        parts.append(_rows(found.daily_evapotranspiration(), "tower", "evapotranspiration"))
        units = {"soil_moisture": "m3 m-3", "evapotranspiration": "mm d-1"}
        return Records.of(pd.concat(parts), units, zone=LOCAL)

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
        """Silt loams, each with an error in K_s, after an autumn under the weather of this one."""
        clays = np.clip(rng.normal(CLAY, 5.0, members), 0.5, 60.0)
        sands = np.clip(rng.normal(SAND, 7.0, members), 2.0, 99.0 - clays)
        soil: dict[str, Any] = dict(Cosby().soil(sands, clays).values())
        soil["log10_Ks"] = soil["log10_Ks"] + rng.normal(0.0, SCATTER_OF_LOG10_KS, members)
        wetness = rng.uniform(0.6, 0.95, members)
        theta = np.repeat((wetness * soil["theta_s"])[:, None], self.model.dz.size, axis=1)
        start = self.model.dataset(theta=theta, temperature="291 K", **soil)
        weather = self.read_forcing()
        return self.model.forecast(start, weather.between(AUTUMN, YEAR_END), AUTUMN, YEAR_END)


def _rows(series: pd.Series, station: str, quantity: str) -> pd.DataFrame:
    """One series of local days as records."""
    days = pd.DatetimeIndex(series.index)
    return pd.DataFrame(
        {
            "time": days,
            "end": days + DAY,
            "station": station,
            "quantity": quantity,
            "value": series.to_numpy(float),
        }
    )
