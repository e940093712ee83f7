"""The wells of the catchment: where they stand, which are assimilated, which validate, and why.

Li et al. have 616 wells that are unconfined, 0 to 20 m deep and read every month; one per cell is
left of those that share one; those in river cells and beside them validate (465), 78 are
assimilated. Places are made to these numbers: most wells stand in the gravel along the streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments.rur.ground import made_ground, northern
from hydroda.catchments.rur.terrain import Terrain
from hydroda.errors import DataError
from hydroda.obs.records import Records
from hydroda.obs.screening import (
    Cells,
    Combination,
    Inside,
    MedianStation,
    Monthly,
    ObservedDepth,
    OffStream,
    PerCell,
    Screened,
    Screening,
    Unconfined,
    per_cell,
)
from hydroda.rng import Streams

Array = NDArray[np.float64]

ASSIMILATED, VALIDATING, CANDIDATES = 78, 465, 616
# Wells that the rules of Li refuse; their numbers are not in the paper.
CONFINED, DEEP, RARE = 60, 70, 54
PERIOD = ("2016-01-01", "2019-01-01")
SCREENING = Screening(
    keep=(Unconfined(), ObservedDepth("0 m", "20 m"), Monthly(*PERIOD), Inside()),
    assimilate=(OffStream(),),
)


@dataclass(frozen=True, eq=False)
class Wells:
    """Records of wells, and what else is known `about` them: aquifer, depth [m]."""

    records: Records
    about: pd.DataFrame


def columns_of(terrain: Terrain) -> xr.Dataset:
    """The columns of a terrain as the screening needs them: x, y [m], river."""
    x, y = terrain.places
    coords = {"x": ("column", x, {"units": "m"}), "y": ("column", y, {"units": "m"})}
    return xr.Dataset({"river": ("column", terrain.river)}, coords)


@lru_cache(maxsize=2)
def made_wells(terrain: Terrain, place: int) -> Wells:
    """Wells of a terrain with a reading a month, by the seed of everything that is made.

    Readings are the depth that the water table begins from, as a season moves it: they say where
    and when a well is read; a twin takes its own.
    """
    rng = Streams(place).generator("rur", "wells")
    cell, role = _cells(terrain, rng)
    x, y = (at[cell] + rng.uniform(-0.49, 0.49, cell.size) * terrain.cell for at in terrain.places)
    about = pd.DataFrame(
        {
            "x": x,
            "y": y,
            "aquifer": np.where(role == "confined", "confined", "unconfined"),
            "depth": np.where(role == "deep", rng.uniform(21, 60, cell.size),
                              rng.uniform(3, 20, cell.size)),
        },
        index=pd.Index([f"w{n:04d}" for n in range(cell.size)], dtype=object, name="station"),
    )  # fmt: skip
    table = made_ground(terrain, place).table[cell]
    return Wells(_readings(about, table, role == "rare", rng), about)


def _cells(terrain: Terrain, rng: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
    """The cell of every well, and what refuses it, "" where nothing does (well,)."""
    columns = columns_of(terrain)
    cells = Cells(columns)
    off = ~cells.beside(cells.river)
    north = northern(terrain.places[1])
    favour = np.where(terrain.to_stream <= 3 * terrain.cell, 1.0, 0.3) * (0.06 + north)
    away = _chosen(rng, np.flatnonzero(off), favour, ASSIMILATED)
    x, y = terrain.places
    apart = np.hypot(x[:, None] - x[away], y[:, None] - y[away]).min(axis=1, initial=np.inf)
    beside = np.where(apart < 1.5 * terrain.cell, 6.0, 1.0)
    near = _chosen(rng, np.flatnonzero(~off), favour * beside, VALIDATING)
    # Wells come in clusters: further ones stand in cells of the stream network that have one.
    more = CANDIDATES - away.size - near.size
    shared = near if near.size else away
    again = rng.choice(shared, size=min(more, 3 * shared.size), replace=shared.size < more)
    good = np.concatenate([away, near, again])
    others = rng.choice(terrain.heights.size, CONFINED + DEEP + RARE, p=favour / favour.sum())
    refused = np.repeat(["confined", "deep", "rare"], [CONFINED, DEEP, RARE])
    return np.concatenate([good, others]), np.concatenate([np.full(good.size, ""), refused])


def _chosen(
    rng: np.random.Generator, among: NDArray[np.int64], favour: Array, count: int
) -> NDArray[np.int64]:
    """So many different cells, or all there are, by their favour."""
    count = min(count, among.size)
    if count == 0:
        return among[:0]
    weight = favour[among] / favour[among].sum()
    return np.asarray(rng.choice(among, count, replace=False, p=weight))


def _readings(
    about: pd.DataFrame, table: Array, rare: NDArray[np.bool_], rng: np.random.Generator
) -> Records:
    """A depth to water [m] in the middle of every month; every third month where it is `rare`."""
    months = pd.date_range(*PERIOD, freq="MS", inclusive="left") + pd.Timedelta(14, "D")
    season = np.cos(2 * np.pi * (np.arange(months.size) - 8.0) / 12.0)
    swing = rng.uniform(0.1, 0.5, table.size)
    value = np.maximum(table[:, None] + swing[:, None] * season, 0.05)
    kept = ~rare[:, None] | (np.arange(months.size) % 3 == 0)
    frame = pd.DataFrame(
        {
            "time": np.tile(months.to_numpy(), table.size),
            "station": np.repeat(about.index.to_numpy(), months.size),
            "quantity": "groundwater_level",
            "value": value.ravel(),
        }
    )
    return Records.of(
        frame[kept.ravel()], {"groundwater_level": "m"}, about[["x", "y"]], zone="UTC"
    )


@dataclass(frozen=True, eq=False)
class ChosenWells:
    """The wells after screening, one per cell, and the table of how many each step left."""

    screened: Screened
    merged: PerCell
    counts: pd.DataFrame

    @property
    def records(self) -> Records:
        return self.screened.records


def chosen_wells(
    wells: Wells,
    terrain: Terrain,
    screening: Screening = SCREENING,
    combination: Combination | None = None,
) -> ChosenWells:
    """Wells that pass, one per cell: of those that share one the median (Li 2.3.3)."""  # fmt: skip
    columns = columns_of(terrain)
    first = Screening(keep=screening.keep).of(wells.records, wells.about, columns)
    if not len(first.records):
        raise DataError("no well passes the screening; see the rules and what is known of wells")
    merged = per_cell(first.records, columns, combination or MedianStation())
    places = merged.records.stations
    last = Screening(assimilate=screening.assimilate).of(merged.records, places, columns)
    return ChosenWells(last, merged, _counts(wells, first, merged, last))


def _counts(wells: Wells, first: Screened, merged: PerCell, last: Screened) -> pd.DataFrame:
    """Wells left after each step, and how many it took."""
    left, rows = len(wells.about), []
    rows.append(("all", left, 0))
    for rule, taken in first.table[first.table["rule"] != ""].groupby("rule", sort=False):
        left -= len(taken)
        rows.append((str(rule), left, len(taken)))
    cells = len(merged.records.stations)
    rows.append(("one per cell", cells, left - cells))
    withheld = len(last.withheld)
    rows.append(("assimilated", cells - withheld, withheld))
    return pd.DataFrame(rows, columns=["step", "left", "taken"])
