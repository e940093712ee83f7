"""A Dutch well: thirty years of water tables into a soil column that drains to a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda import plotting
from hydroda.catchments._dutch_well_data import (
    ORIGIN,
    SCREENINGS,
    WELLS,
    dutch_forcing,
    dutch_heads,
    dutch_records,
    dutch_screening,
    linear_reservoir,
    of_well,
)
from hydroda.errors import DeclarationError
from hydroda.experiment import Experiment
from hydroda.filters import EnKF
from hydroda.forcing import Forcing, ForcingNoise, Multiplicative
from hydroda.localization import GaspariCohn, Vertical
from hydroda.models import Outlet, SoilColumn, Steps, Vegetation
from hydroda.obs import GroundwaterLevel, ObservationNetwork
from hydroda.result import ASSIMILATION, OPEN_LOOP, Result
from hydroda.units import Duration, duration, magnitude
from hydroda.update import Update

PARAMETERS = (
    "outlet_depth",
    "log10_resistance",
    "log10_Ks",
    "theta_s",
    "alpha",
    "n",
)


# Heads near the surface follow the weather more than the well: they are changed the less the
# farther they are from the depth at which the table mostly stands.
NEAR = EnKF(GaspariCohn(halfwidth="2 m", along=Vertical()))


class DutchWell(Experiment):
    """Grass on sand over a shallow water table: readings twice a month update heads and soil.

    The data are not packaged: data= names their folder.
    """

    title = "A Dutch well into a soil column with a water table"
    period = "1980-01-02T23:00", "2015-06-28T23:00"
    assimilate_until = "1998-01-01T23:00"
    every = "30 D"
    model = SoilColumn(
        SoilColumn.layers("4 m", first="6 cm", count=15),
        bottom=Outlet("2 m", "600 D"),
        vegetation=Vegetation(leaf_area_index=2.5),
        steps=Steps(largest="1 D"),
    )
    noise = ForcingNoise(
        (Multiplicative("rain", 0.3), Multiplicative("potential_evapotranspiration", 0.2)),
        correlation=None,
        time_scale="5 D",
    )
    updates = (
        Update("groundwater_level", changes="h", filter=NEAR),
        Update("groundwater_level", changes=PARAMETERS, filter=NEAR, damping=0.2),
    )
    keep = ("outlet_depth", "log10_resistance", "log10_Ks", "theta_s")
    members = 48
    seed = 1

    data: str | None = None
    """The folder with the tables of the wells."""
    well: str = "nb1"
    """nb1, with rain and evaporation beside it, or B32C0639, with those of De Bilt."""
    error: str = "0.1 m"
    """Error of the column as a picture of the well."""

    def _folder(self) -> str:
        if self.data is None:
            raise DeclarationError(
                f"dutch_well needs its data: --data FOLDER with the tables from {ORIGIN}"
            )
        return self.data

    def read_forcing(self) -> Forcing:
        return dutch_forcing(self._folder(), self.well)

    def read_network(self) -> ObservationNetwork:
        sensor = GroundwaterLevel(
            station=self.well,
            ground=of_well(self.well).ground,
            datum="NAP",
            screen="2 m",
            sd="1 cm",
            representativeness=self.error,
        )
        return ObservationNetwork((sensor,), data=dutch_heads(self._folder(), self.well))

    def beside(self) -> dict[str, dict[str, xr.DataArray]]:
        """The exponential model of pastas, fitted to the readings that were assimilated."""
        levels = linear_reservoir(self._folder(), self.well, self.assimilate_until)
        return {"linear reservoir": {"groundwater_level": levels}}

    def pictures(self) -> Mapping[str, Callable[[], Any]]:
        """Both wells with their weather, in spite of the two unit conventions."""
        return {f"well {name}": partial(self._history, name) for name in WELLS}

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The screening of both wells, by two sets of rules."""
        return {
            name: dutch_screening(self._folder(), rules).table.reset_index()
            for name, rules in SCREENINGS.items()
        }

    def _history(self, name: str) -> Any:
        table = dutch_records(self._folder(), name).values
        series = {
            str(quantity): xr.DataArray(
                own["value"].to_numpy(),
                {"time": own["time"].to_numpy(), "station": name},
                ("time",),
                attrs={"units": "m NAP" if quantity == "groundwater_level" else "mm d-1"},
            )
            for quantity, own in table.groupby("quantity")
        }
        levels = series["groundwater_level"].rename("water table")
        ground = magnitude(of_well(name).ground, "m", "ground")
        return plotting.well_history(levels, series["rain"], series["evaporation"], ground=ground)

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """Sands whose table stands at the depth of a stream somewhere from 1 to 3 m."""
        depth = rng.uniform(1.0, 3.0, members)
        drawn = {
            "outlet_depth": depth,
            "log10_resistance": np.log10(86400.0) + rng.normal(2.8, 0.3, members),
            "log10_Ks": rng.normal(-5.0, 0.4, members),
            "theta_r": rng.uniform(0.02, 0.07, members),
            "theta_s": np.clip(rng.normal(0.37, 0.03, members), 0.25, 0.5),
            "alpha": 10 ** np.clip(rng.normal(0.3, 0.2, members), -0.2, 1.0),
            "n": np.clip(rng.normal(2.0, 0.35, members), 1.3, 3.5),
        }
        hydrostatic = self.model.z[None] - depth[:, None]
        return self.model.dataset(h=hydrostatic, **drawn)


def by_lead(result: Result, step: Duration = "14 D") -> pd.DataFrame:
    """Root mean square error [m] of forecasts by weeks since the last reading that they knew.

    Columns n, assimilation, open_loop and persistence, the last reading itself. Updates that are
    rarer than the readings give leads of several weeks:

    >>> rare = tuple(replace(update, every="56 D") for update in experiment.updates)
    >>> by_lead(replace(experiment, updates=rare).compare())
    """
    table = result.observations(ASSIMILATION).sort_values("time", ignore_index=True)
    free = result.observations(OPEN_LOOP).set_index("id")["prior_mean"]
    known = table["status"].str.startswith("assimilated")
    last = table["time"].where(known).ffill().shift()
    width = pd.Timedelta(duration(step, "step"))
    errors = pd.DataFrame(
        {
            "assimilation": table["prior_mean"] - table["value"],
            "open_loop": table["id"].map(free) - table["value"],
            "persistence": table["value"].where(known).ffill().shift() - table["value"],
        }
    )
    steps = ((table["time"] - last).dt.total_seconds() / width.total_seconds()).round()
    leads = steps.clip(lower=1) * (width / pd.Timedelta("7D"))
    near = leads.notna() & (table["time"] <= table["time"].where(known).max())
    groups = (errors[near] ** 2).groupby(leads[near].astype(int).rename("weeks"))
    found: pd.DataFrame = np.sqrt(groups.mean())
    found.insert(0, "n", groups.size())
    return found
