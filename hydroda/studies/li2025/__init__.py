"""The joint assimilation of Li et al.: cosmic-ray moisture and wells into the Rur catchment.

`hydroda.catchments.rur` says how the catchment is made, `experiments` what the eleven runs are,
`check` whether both are what the paper asks for, `extras` what none of the eleven has.

A run leaves in the folder `out`, so that the same command goes on where it stopped:

    spinup/KEY.nc                members (or nature) in balance, by everything they depend on
    seed-S/nature.nc             what nature was, as a series file (below)
    seed-S/runs/NAME-KEY/        the run of an experiment as a `Result` of hydroda
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
    evapotranspiration (time, column) [mm d-1]
    water, water_analysed (time, column) [mm]       all water of a column, forecast and analysis
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

"small" has 24 members for 60 days in cells of 4 km: some 1200 s of processor on a busy machine; it
has not been timed on two free cores. Its spin-up is bounded: some three years of ground and two
weeks of the coupled model; the table "spin-up" says by how many mm in a year storage still changes.
"medium" is a year and a year of validation in cells of 2 km, and "paper" what Li et al. ran.

In nature.nc means are the truth itself, there is no spread, and `observed` is what instruments read
of it; `predicted` is the reading without its error. Groundwater is depth of the table below ground
[m], as wells are in the model; moisture is m3 m-3.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.nature import Nature
from hydroda.catchments.rur.spinup import SpinUp
from hydroda.errors import DeclarationError
from hydroda.studies.li2025 import check, extras, scores, tables
from hydroda.studies.li2025.experiments import EXPERIMENTS, VALIDATED
from hydroda.studies.li2025.figures import drawn
from hydroda.studies.li2025.runs import OPEN, Case, Place, Planned, Setting, carried_out
from hydroda.studies.report import Bar, StudyReport, Value, Verdict

SIZES: Mapping[str, Setting] = {
    "small": Setting(
        cell="4 km", members=24, start="2016-05-01", days=60, validation=14,
        spinup=SpinUp(years=3.43, repeats=1, lead="14 D"),
    ),
    "medium": Setting(cell="2 km", members=64, days=366, spinup=SpinUp(repeats=2)),
    "paper": Setting(),
}  # fmt: skip
CHECKS = ("check", "catchment", "ensemble")
# The experiments that a table needs; OL is in all of them.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "4": ("SM_DA", "SM_DA_PAR"),
    "5": ("GWL_DA", "GWL_DA_PAR"),
    "6": ("FC_DA", "FC_DA_PAR", "WC_DA", "WC_DA_PAR", "WC_DA_r", "WC_DA_r_PAR"),
    "7": VALIDATED,
    "extras": ("GWL_DA", "WC_DA_r_PAR"),
    "pedotransfer": ("SM_DA", "SM_DA_PAR", "GWL_DA", "GWL_DA_PAR", "WC_DA_r_PAR"),
}
# What Rosetta misses is the largest error of moisture that neither nature nor ensemble has: with it
# the first finding is put to the test again, and the fifth: the soil above a better water table is
# then another one.
MISSED = Nature(porosity_sd=0.06)
REPORTS = ("scores", "spread", "water", "verdicts", "nature")
TABLES = (*NEEDED, *REPORTS, *CHECKS)
SEEDS = (1, 2)  # of the verdicts


@dataclass(frozen=True)
class Asked:
    """What was asked of the study: a table or all of them."""

    table: str | None

    def __post_init__(self) -> None:
        if self.table not in (None, *TABLES):
            raise DeclarationError(f"li2025 has the tables {', '.join(TABLES)}; got {self.table!r}")

    def plans(self, setting: Setting) -> tuple[Planned, ...]:
        """The runs that are needed, the open loop first."""
        names = (OPEN, *NEEDED.get(str(self.table), tuple(EXPERIMENTS)))
        plans = tuple(
            Planned(study, setting.choices) for study in EXPERIMENTS.values() if study.name in names
        )
        if self.table == "extras":
            return (*plans, *extras.EXTRAS, *extras.RESTORING, *extras.spoilt(_spoilt(setting)))
        return plans

    @property
    def validated(self) -> tuple[str, ...]:
        """Whose K_s go through the days after."""
        return VALIDATED if self.table in (None, "7", "verdicts") else ()

    def values(self, cases: Sequence[Case]) -> Iterator[Value]:
        """The numbers of the table, or of all."""
        every, choices = self.table is None, cases[0].setting.choices
        for table in ("4", "5", "6"):
            if self.table in (None, table):
                yield from tables.annual(cases, table, choices.bias_over)
        if every or self.table == "7":
            yield from tables.validation(cases, choices.bias_over)
            yield from tables.in_balance(cases)
        if every or self.table == "scores":
            yield from tables.scores(cases)
        if every or self.table in ("spread", "extras"):
            yield from tables.spreads(cases)
        if every or self.table in ("water", "extras"):
            yield from tables.water(cases, str(choices.largest_increment))
        if self.table in ("extras", "pedotransfer"):
            yield from tables.summary(cases, tuple(cases[0].runs), str(self.table))
        if every or self.table == "nature":
            yield from tables.ingredients(cases)
        yield from tables.balances(cases)


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """Tables 4 to 7 with what explains them and a verdict on each finding; or one of `TABLES`.

    "verdicts" runs two seeds of nature and ensemble, "extras" what none of the eleven has,
    "pedotransfer" five of them against a nature of other porosities; "check", "catchment" and
    "ensemble" say whether what is made is what was asked for. Finished runs are kept in `out`, and
    the same command goes on from them.

    Raises
    ------
    DeclarationError
        There is no such table.
    """
    asked = Asked(table)
    if data is not None:
        raise DeclarationError(f"li2025 needs no data; got --data {data}: leave it out")
    begin = time.monotonic()
    seeds = tuple(seeds) or (SEEDS if table == "verdicts" else SEEDS[:1])
    if table in CHECKS:
        size = size or "paper"
        values = _checked(str(table), replace(SIZES[size], seed=seeds[0], forcing=forcing))
        return StudyReport("li2025", size, seeds, time.monotonic() - begin, tuple(values), ())
    size = size or "small"
    setting = replace(SIZES[size], forcing=forcing)
    if table == "pedotransfer":
        setting = replace(setting, nature=MISSED, label=table)
    return reported(asked, size, setting, seeds, Place(out, progress), begin)


def reported(
    asked: Asked, size: str, setting: Setting, seeds: Sequence[int], place: Place, begin: float
) -> StudyReport:
    """What was asked for, of some seeds."""
    cases = [_case(asked, replace(setting, seed=seed), place) for seed in seeds]
    verdicts: list[Verdict] = []
    if asked.table in (None, "verdicts", "pedotransfer"):
        verdicts = list(scores.verdicts(cases, setting.choices.bias_over))
    return StudyReport(
        study="li2025",
        size=size,
        seeds=tuple(seeds),
        wall_seconds=time.monotonic() - begin,
        values=tuple(asked.values(cases)),
        verdicts=tuple(verdicts),
        figures=drawn(cases[0].runs) if asked.table is None else {},
    )


def _case(asked: Asked, setting: Setting, place: Place) -> Case:
    return carried_out(setting, asked.plans(setting), place, asked.validated)


def _spoilt(setting: Setting) -> str:
    """The well whose datum is off: the first that is assimilated."""
    chosen = setting.catchment().chosen_wells
    stations = chosen.records.stations.index
    return str(next(name for name in stations if name not in chosen.screened.withheld))


def _checked(table: str, setting: Setting) -> list[Value]:
    fields: dict[str, Any] = {
        "cell": setting.cell, "seed": setting.seed, "forcing": setting.forcing,
    }  # fmt: skip
    rur = RurCatchment(**fields)
    values: list[Value] = []
    if table != "ensemble":
        values += check.catchment(rur)
    if table != "catchment":
        values += check.ensemble(rur)
    return values
