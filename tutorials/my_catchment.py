"""A hillslope of 500 m: six soil columns, three assimilated probes, and files of one's own.

The class below is the whole declaration of a catchment. Tutorial 2 writes its two files, runs it
and extends it; `hydroda run my_catchment.py` runs it without any other script.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import hydroda as hda
from hydroda.forcing import weather_table
from hydroda.models.soil_column import SoilColumn

X = 100.0 * np.arange(6)  # where the columns stand along the slope [m]
UNITS = {  # which column of weather.csv is what, and in which unit
    "rain": ("rain_mm", "mm"),
    "air_temperature": ("temperature_degC", "degC"),
    "relative_humidity": ("humidity_pct", "percent"),
}


class Hillslope(hda.Experiment):
    """Grass on a slope; soil moisture at 10 cm, once a day."""

    period = "2016-05-01", "2016-07-01"
    model = SoilColumn(SoilColumn.layers("1 m", first="4 cm", count=8))
    noise = hda.ForcingNoise()
    network = hda.ObservationNetwork(
        tuple(
            hda.SoilMoistureProbe(station=f"P{x}", x=f"{x} m", depth="10 cm", sd="0.02 m3/m3")
            for x in (0, 100, 200, 400, 500)
        ),
        every="1 D",
        withheld=("P100", "P500"),
    )
    updates = (
        hda.Update("soil_moisture", "theta", filter=hda.EnKF(hda.GaspariCohn(halfwidth="200 m"))),
    )
    members = 32
    seed = 1

    folder: str = "hillslope"
    """Where weather.csv and probes.csv are."""

    def read_forcing(self):
        table = pd.read_csv(Path(self.folder) / "weather.csv", index_col="time", parse_dates=True)
        weather = weather_table(table, UNITS, zone="+01:00")
        return hda.Forcing.completed(weather, hda.Site(lon=13.1, lat=53.3, elevation="70 m"))

    def read_network(self):
        return self.network.with_data(Path(self.folder) / "probes.csv")

    def prior(self, rng, members):
        """Wetness and conductivity, alike within some 400 m."""
        alike = np.linalg.cholesky(np.exp(-np.abs(X[:, None] - X) / 400.0))
        wetness, conductivity = (rng.normal(size=(members, 6)) @ alike.T for _ in range(2))
        theta = np.clip(0.24 + 0.05 * wetness, 0.10, 0.42)
        return self.model.dataset(
            theta=np.repeat(theta[:, :, None], len(self.model.thickness), axis=2),
            log10_Ks=-5.8 + 0.5 * conductivity,
            x=X,
        )
