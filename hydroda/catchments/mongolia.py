"""Mongolian grassland, summer 2003: 40 columns of steppe under made weather, a probe at 3 cm.

The place and the period are those of Dan et al. (2020). Nature is a column in the structure of CLM
4.0, the forecasts come from one in the structure of the Common Land Model: what differs between
them is the model error. Everything here was chosen before any filter was run on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments._reanalysis import reanalysis
from hydroda.constraint import WaterBudget
from hydroda.errors import DataError, DeclarationError
from hydroda.experiment import Experiment
from hydroda.filters import EachColumn, EnKF
from hydroda.forcing import Additive, Forcing, ForcingNoise, Multiplicative
from hydroda.forcing.generator import WeatherGenerator
from hydroda.inflation import MaximumLikelihood
from hydroda.localization import VerticalExponential
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.land_column import LandColumn
from hydroda.models.plants import MonthlyLeaves, clm4, colm
from hydroda.obs import ObservationNetwork, SoilMoistureProbe
from hydroda.rng import Streams
from hydroda.units import Amount
from hydroda.update import KeepAll, Update

Array = NDArray[np.float64]

# 06:00 in Ulaanbaatar is 22:00 UTC: days here begin then.
BEGIN = np.datetime64("2003-05-31T22", "ns")
RUN_IN = np.datetime64("2002-09-30T22", "ns")
WEATHER_ENDS = np.datetime64("2003-10-02T22", "ns")
YEAR = np.timedelta64(365, "D").astype("timedelta64[ns]")

# 46 to 46.5 N, 106.125 to 107 E, every 0.125 degree; a plain that rises from 1200 m in the
# south-east to 1500 m in the north-west.
_SOUTH_TO_NORTH, _WEST_TO_EAST = 46.0 + 0.125 * np.arange(5), 106.125 + 0.125 * np.arange(8)
LATITUDE, LONGITUDE = (
    grid.ravel() for grid in np.meshgrid(_SOUTH_TO_NORTH, _WEST_TO_EAST, indexing="ij")
)
ELEVATION = 1350.0 + 150.0 * ((LATITUDE - 46.25) / 0.25 - (LONGITUDE - 106.5625) / 0.4375) / 2.0
COLUMNS = LATITUDE.size
METRES = 111.2e3  # of a degree of latitude

# Leaves of dry steppe, thin even in July; CLM 4 has them from a map, its table means meadows.
STEPPE = MonthlyLeaves(
    lai=(0.1, 0.1, 0.1, 0.15, 0.3, 0.5, 0.8, 0.8, 0.5, 0.2, 0.1, 0.1), sai=(0.2,) * 12
)

# Loam over sandy loam against sandy loam throughout: more pores in layers 1 to 9 of nature. As in
# the paper soil and plants are the same in all columns, which differ by their weather.
NATURE = CLM4Column(
    latitude="46.25 degree",
    longitude="106.5625 degree",
    plants=(replace(clm4("c3 grass"), leaves=STEPPE),),
    sand=("43 %",) * 9 + ("58 %",),
    clay=("18 %",) * 9 + ("10 %",),
)
FORECASTS = CoLMColumn(
    latitude="46.25 degree",
    longitude="106.5625 degree",
    plants=(colm("grasslands"),),
    sand="58 %",
    clay="10 %",
)

# The set usual in land assimilation: these numbers, correlations and this day of memory ship with
# NASA's Land Information System (LISF, lis/testcases/dataassim/S1_backscatter/perturb); rain and
# shortwave are cited from Reichle et al. (2007), 10.1029/2006JD008033. What Yilmaz et al. (2011),
# 10.1175/2011JHM1346.1, used is not printed in Dan and is not in their abstract.
RAIN_SD, SHORTWAVE_SD, LONGWAVE_SD = 0.5, 0.3, 50.0
INITIAL_SD = 0.05  # of each component of the state, as in the paper
TABLE: Amount = "4.8 m"  # water table that CLM 4 starts from
WETNESS = 0.5  # part of the pores filled five years before
SPIN_UP = 5  # years under the weather of the one year there is
PROBE_SD = "0.005 m3/m3"


def perturbations(scale: float = 1.0) -> ForcingNoise:
    """The noise on rain, shortwave and longwave, times `scale`."""
    return ForcingNoise(
        (
            Multiplicative("rain", scale * RAIN_SD),
            Multiplicative("shortwave", scale * SHORTWAVE_SD),
            Additive("longwave", f"{scale * LONGWAVE_SD} W m-2"),
        ),
        correlation=((1.0, -0.8, 0.5), (-0.8, 1.0, -0.5), (0.5, -0.5, 1.0)),
        time_scale="24 h",
    )


@lru_cache(maxsize=4)
def weather(seed: int, path: str | None = None) -> Forcing:
    """The weather of all 40 columns, October 2002 to October 2003: made, or from a CF file.

    Raises
    ------
    DataError
        The file has another number of columns or does not cover the period.
    """
    if path is None:
        period = RUN_IN, WEATHER_ENDS
        return WeatherGenerator().forcing(LATITUDE, LONGITUDE, ELEVATION, period, Streams(seed))
    forcing = Forcing(_checked(reanalysis(path, LATITUDE, LONGITUDE), path), step="1 h")
    if forcing.start > RUN_IN or forcing.end < WEATHER_ENDS:
        raise DataError(
            f"{path} covers {forcing.start} to {forcing.end}; wanted {RUN_IN} to {WEATHER_ENDS}"
        )
    return forcing


def _checked(data: xr.Dataset, path: str) -> xr.Dataset:
    if "column" not in data.dims or data.sizes["column"] == COLUMNS:
        return data
    raise DataError(
        f"{path} has {data.sizes['column']} columns; wanted {COLUMNS}, south to north and in each "
        "row west to east"
    )


def some_columns(forcing: Forcing, columns: Sequence[int]) -> Forcing:
    """The weather of some columns."""
    chosen = list(columns)
    data = forcing.data
    data = data.isel(column=chosen) if "column" in data.dims else data
    return Forcing(data.assign_coords(column=np.arange(len(chosen))), step="1 h")


def places(columns: Sequence[int]) -> tuple[Array, Array]:
    """x and y [m] of columns, from the middle of the domain."""
    chosen = list(columns)
    east = METRES * np.cos(np.deg2rad(46.25)) * (LONGITUDE[chosen] - 106.5625)
    return east, METRES * (LATITUDE[chosen] - 46.25)


def run_in(
    model: LandColumn, forcing: Forcing, columns: Sequence[int], years: int, table: Amount = TABLE
) -> xr.Dataset:
    """The columns on 1 June 2003, 06:00 (member 1): years of the same weather, then from October.

    All soil begins half full at 5 degC.
    """
    chosen, layers = list(columns), model.z.size
    porosity = np.asarray(model.retention.values()["theta_s"])
    shape = (1, len(chosen), layers)
    x, y = places(chosen)
    state = model.dataset(
        theta=np.broadcast_to(WETNESS * porosity, shape),
        temperature=np.full(shape, 278.15),
        x=x,
        y=y,
        water_table=table,
    )
    state = state.assign_coords(
        latitude=("column", LATITUDE[chosen]), longitude=("column", LONGITUDE[chosen])
    )
    for _ in range(years):
        window = forcing.between(RUN_IN, RUN_IN + YEAR)
        state = model.forecast(state, window, RUN_IN, RUN_IN + YEAR)
    return model.forecast(state, forcing.between(RUN_IN, BEGIN), RUN_IN, BEGIN)


def perturbed_start(
    model: LandColumn, start: xr.Dataset, rng: np.random.Generator, sd: float = INITIAL_SD
) -> xr.Dataset:
    """One member: every component of the water of `start` times 1 + sd N(0, 1)."""
    names = ("theta", "ice", "canopy_water", "snow")
    moved = {
        name: start[name] * (1.0 + sd * rng.standard_normal(start[name].shape)) for name in names
    }
    fields = {
        name: value.clip(min=0.0).assign_attrs(start[name].attrs) for name, value in moved.items()
    }
    return model.reconcile(start.assign(fields), names)[0]


@lru_cache(maxsize=4)
def _started(
    weather_seed: int, path: str | None, columns: tuple[int, ...], years: int
) -> xr.Dataset:
    return run_in(FORECASTS, some_columns(weather(weather_seed, path), columns), columns, years)


class MongolianGrassland(Experiment):
    """A probe at 3 cm in each column, read at 06:00 every day, 1 June to 1 October 2003.

    A twin of it has a perfect model; `hydroda reproduce dan2020` takes nature from CLM 4.
    """

    title = "Mongolian grassland 2003: probes at 3 cm, the water budget kept"
    period = "2003-05-31T22:00", "2003-09-30T22:00"
    model = FORECASTS
    noise = perturbations()
    updates = (
        Update(
            "soil_moisture",
            changes=("theta", "ice", "canopy_water", "snow"),
            filter=EachColumn(
                each=EnKF(
                    VerticalExponential(threshold=6), MaximumLikelihood(at_least=1), WaterBudget()
                )
            ),
            outliers=KeepAll(),
            scales="theta",
        ),
    )
    members = 50
    seed = 1

    columns: tuple[int, ...] = (0,)
    """Which of the 40 columns, from the south-west."""
    years: int = SPIN_UP
    """Years of spin-up before October 2002."""
    file: str | None = None
    """A CF NetCDF file of hourly weather in place of what is made."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "columns", tuple(self.columns))
        wrong = [column for column in self.columns if column not in range(COLUMNS)]
        if wrong or not self.columns:
            raise DeclarationError(
                f"columns must be some of 0 to {COLUMNS - 1}; got {self.columns}"
            )

    def read_forcing(self) -> Forcing:
        return some_columns(weather(self.seed, self.file), self.columns)

    def read_network(self) -> ObservationNetwork:
        x, y = places(self.columns)
        return ObservationNetwork(
            tuple(
                SoilMoistureProbe(
                    station=f"probe {number}",
                    depth="3 cm",
                    sd=PROBE_SD,
                    every="1 D",
                    x=f"{east} m",
                    y=f"{north} m",
                )
                for number, east, north in zip(self.columns, x, y, strict=True)
            )
        )

    def prior(self, rng: np.random.Generator, members: int) -> xr.Dataset:
        """The run-in of the forecast model, each component perturbed by 5 %."""
        start = _started(self.seed, self.file, self.columns, self.years)
        draws = [perturbed_start(self.model, start, rng) for _ in range(members)]
        return xr.concat(draws, "member", data_vars="minimal", coords="minimal", join="exact")
