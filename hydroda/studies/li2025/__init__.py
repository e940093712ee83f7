"""The joint assimilation of Li et al.: cosmic-ray moisture and wells into the Rur catchment.

`hydroda.catchments.rur` says how the catchment is made, `experiments` what the eleven runs are,
`check` whether both are what the paper asks for, `extras` what none of the eleven has.

A run leaves in the folder `out`, so that the same command goes on where it stopped:

    spinup/KEY.nc                members (or nature) in balance, by everything they depend on
    seed-S/nature.nc             what nature was, as a series file (below)
    seed-S/runs/NAME/            the run of an experiment as a `Result` of hydroda
    seed-S/series/NAME.nc        its series file, which tables and figures are made of
    seed-S/series/KS-NAME.nc     open loop of the validation period with the K_s of NAME (Table 7);
                                 KS-OL.nc is the one with the first K_s
    values.csv, verdicts.csv     numbers of all tables, and what holds

S is the seed of nature and of the ensemble, NAME one of the experiments ("OL", "SM_DA", …). A
series file has the dimensions time (end of each day, UTC), column, layer (25, from the top down)
and station, and

    x, y, elevation (column) [m]; depth, thickness (layer) [m]
    theta, theta_spread (time, column, top_layer)   forecast mean and spread of the top ten layers
    water_table_depth, water_table_depth_spread (time, column) [m], positive down
    evapotranspiration, evapotranspiration_spread (time, column) [mm d-1]
    log10_Ks_start, log10_Ks_end (column, layer) [log10(m s-1)], ensemble means
    log10_Ks_end_spread (column, layer)
    observed, predicted, predicted_spread, analysed (time, station)   readings, the forecast that
                                 saw none of that day, and the analysis, of the ensemble mean
    quantity (station)           "soil_moisture", "groundwater_level", "evapotranspiration"
    role (station)               "assimilated" or "withheld" (for validation)
    station_x, station_y (station) [m]; distance (station) [m] to the nearest assimilated well and
    group (station)              "0", "0-0.5", "0.5-2.5", "2.5-5", ">5" [km]; "" of what is no well
    increment, moved (time)      water an analysis of that day added, and its mean size [mm]
    closure (time)               largest error of the model's own water budget [mm]

In nature.nc means are the truth itself, there is no spread, and `observed` is what instruments read
of it; `predicted` is the reading without its error. Groundwater is depth of the table below ground
[m], as wells are in the model; moisture is m3 m-3.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydroda.catchments.rur import RurCatchment
from hydroda.errors import DeclarationError
from hydroda.studies.li2025 import check
from hydroda.studies.report import Bar, StudyReport, Value

CELLS: Mapping[str, str] = {"small": "4 km", "medium": "2 km", "paper": "500 m"}
TABLES = ("check", "catchment", "ensemble")


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """What was requested beside what was sampled: of the catchment, of the ensemble, or of both.

    Raises
    ------
    DeclarationError
        There is no such table.
    """
    if table not in (None, *TABLES):
        raise DeclarationError(f"li2025 has the tables {', '.join(TABLES)}; got {table!r}")
    begin = time.monotonic()
    size = size or "paper"
    seeds = tuple(seeds) or (1,)
    fields: dict[str, Any] = {"cell": CELLS[size], "seed": seeds[0], "forcing": forcing}
    rur = RurCatchment(**fields)
    values: list[Value] = []
    if table != "ensemble":
        values += check.catchment(rur)
    if table != "catchment":
        values += check.ensemble(rur)
    return StudyReport("li2025", size, seeds, time.monotonic() - begin, tuple(values), ())
