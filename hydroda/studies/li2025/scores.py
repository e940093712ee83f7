"""Scores of a series file as in Li Eq. 5 to 7, and whether the nine findings hold.

The ensemble mean of the forecast, which saw nothing of its day, stands against the daily readings.
RMSE is that over the sites of a day, then the mean over days (Eq. 5). ubRMSE takes off the mean
over the sites of each day first, as Eq. 6 is printed; the other reading, the mean over the days of
each site, is `BiasOver.TIMES`. R is that over the days of a site, then the mean over sites (Eq. 7).

What makes a finding hold was written before any result was seen, from the tables of the paper:

1  SM_DA lowers the ubRMSE of SM by a third or more (Li: half), and SM_DA_PAR not less than SM_DA.
2  SM_DA and SM_DA_PAR change the ubRMSE of GWL at assimilated wells by 15 % at most.
3  GWL_DA lowers the ubRMSE of GWL at assimilated wells by 40 % or more (Li: 60 %), and GWL_DA_PAR
   not less than GWL_DA.
4  For GWL_DA and GWL_DA_PAR the gain is largest at distance 0 and is 2 % or more at 2.5-5 km.
5  GWL_DA_PAR raises the ubRMSE of SM by 2 % or more (Li: by 22 %).
6  FC_DA_PAR is better than SM_DA_PAR for SM by 2 % at most, and than GWL_DA_PAR for GWL at
   assimilated wells by 2 % at most; WC_DA_PAR is better than FC_DA_PAR in both.
7  WC_DA_r_PAR has an ubRMSE of SM within 10 % of SM_DA_PAR's or lower, and of GWL at assimilated
   wells within 10 % of GWL_DA_PAR's or lower.
8  No experiment changes the ubRMSE of ET by 3 % or more.
9  In the validation period K_s of SM_DA_PAR and of WC_DA_r_PAR lower the ubRMSE of SM by 1 % or
   more, and K_s of WC_DA_r_PAR that of GWL, mean over the distance classes, by 1 % or more.

A finding is confirmed where more than half of the seeds agree. Readings carry the error of their
instruments, which no forecast can know: of moisture an ubRMSE of 0.03 is left by it alone. So each
finding is told against nature without that error too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hydroda.studies.li2025.experiments import EXPERIMENTS, BiasOver
from hydroda.studies.li2025.published import CLASSES, ET, GWL, SM
from hydroda.studies.li2025.runs import OPEN, Case
from hydroda.studies.report import Verdict
from hydroda.verification import bias as mean_error
from hydroda.verification import correlation, rmse, ubrmse

QUANTITY = {SM: "soil_moisture", ET: "evapotranspiration", GWL: "groundwater_level"}
PERCENT = 100.0
READINGS, TRUTH = "observed", "true"  # what scores are taken against


def pairs(
    series: xr.Dataset, variable: str, group: str = "", kind: str = "predicted",
    against: str = READINGS,
) -> tuple[xr.DataArray, xr.DataArray]:  # fmt: skip
    """What was predicted and observed (time, station) of one variable, of wells of one class."""
    chosen = series["quantity"].values.astype(str) == QUANTITY[variable]
    if group:
        chosen &= series["group"].values.astype(str) == group
    part = series[[kind, against]].isel(station=np.flatnonzero(chosen))
    return part[kind], part[against]


def scored(
    series: xr.Dataset, score: str, variable: str, group: str = "",
    over: BiasOver = BiasOver.STATIONS, kind: str = "predicted", against: str = READINGS,
) -> float:  # fmt: skip
    """RMSE, ubRMSE, R or bias of one variable, of wells of one class; NaN without a pair."""
    predicted, observed = pairs(series, variable, group, kind, against)
    if not predicted.size:
        return float("nan")
    if score == "RMSE":
        return float(rmse(predicted, observed, "station").mean())
    if score == "ubRMSE":
        return float(ubrmse(predicted, observed, remove=str(over.value)))
    if score == "R":
        return float(correlation(predicted, observed, "time").mean())
    return float(mean_error(predicted, observed))


def years(series: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """The calendar years of a series, each with its part; a day counts to the year it lies in."""
    day = series["time"].values - np.timedelta64(1, "s")
    of = day.astype("datetime64[Y]").astype(str)
    for year in dict.fromkeys(of.tolist()):
        yield year, series.isel(time=np.flatnonzero(of == year))


def spread_and_error(series: xr.Dataset, variable: str, group: str = "") -> tuple[float, float]:
    """The spread of the forecast and its RMSE, roots of means over days and sites."""
    chosen = series["quantity"].values.astype(str) == QUANTITY[variable]
    if group:
        chosen &= series["group"].values.astype(str) == group
    part = series.isel(station=np.flatnonzero(chosen))
    error = part["predicted"] - part["observed"]
    spread = part["predicted_spread"].where(np.isfinite(error))
    return float(np.sqrt((spread**2).mean())), float(np.sqrt((error**2).mean()))


def remaining(series: xr.Dataset, free: xr.Dataset, days: int = 6) -> float:
    """The part of the water that wells brought into columns which is still there after `days`.

    Of each analysis with wells: how the storage of columns went on against the open loop, regressed
    over columns on what the analysis added. 1 is all of it, 0 none.
    """
    if "update_update" not in series:
        return float("nan")
    labels = series["update_update"].values.astype(str)
    wells = np.char.startswith(labels, QUANTITY[GWL])
    times = np.unique(series["update_time"].values[wells])
    water, after = series["water"].values, series["water_analysed"].values
    bare = free["water"].values
    shared, size = 0.0, 0.0
    for at in np.searchsorted(series["time"].values, times):
        if at + days < len(water):
            added = (after[at] - water[at]).astype(float)
            left = water[at + days] - after[at] - (bare[at + days] - bare[at])
            shared += float(added @ (added + left))
            size += float(added @ added)
    return shared / size if size > 0.0 else float("nan")


# ---------------------------------------------------------------------------------- the findings


@dataclass(frozen=True)
class Reading:
    """How ubRMSE is taken: which mean comes off first, and what the forecast stands against."""

    over: BiasOver = BiasOver.STATIONS
    against: str = READINGS

    def ubrmse(self, series: xr.Dataset, variable: str, group: str = "") -> float:
        """That of one variable, of wells of one class."""
        return scored(series, "ubRMSE", variable, group, self.over, against=self.against)


def ratio(case: Case, name: str, variable: str, group: str, than: str, reading: Reading) -> float:
    """ubRMSE of an experiment over that of another."""
    own, other = (reading.ubrmse(case.runs[each], variable, group) for each in (name, than))
    return own / other if other > 0.0 or np.isnan(other) else (1.0 if own == 0.0 else np.inf)


@dataclass(frozen=True)
class Finding:
    """A finding of the paper: `numbers` of a case, and whether they make it hold.

    `needs` are the experiments it is about.
    """

    id: str
    statement: str
    published: str
    told: str
    needs: tuple[str, ...]
    numbers: Callable[[Case, Reading], tuple[float, ...]]
    holds: Callable[[Sequence[float]], bool]
    validates: bool = False

    def known(self, case: Case) -> bool:
        """Whether the case has the runs."""
        have = case.validation if self.validates else case.runs
        return {OPEN, *self.needs} <= have.keys()

    def says(self, cases: Sequence[Case], reading: Reading) -> tuple[str, bool]:
        """The numbers with their range over the seeds, and whether most of the seeds agree.

        A number that is not known, as one over time of a single day, confirms nothing.
        """
        rows = [self.numbers(case, reading) for case in cases]
        agree = sum(self.holds(row) for row in rows)
        table = np.array(rows)
        parts = [f"{m:.3g}" for m in table.mean(axis=0)]
        if len(rows) > 1:
            ends = zip(parts, table.min(axis=0), table.max(axis=0), strict=True)
            parts = [f"{m} ({low:.3g} to {high:.3g})" for m, low, high in ends]
        count = "" if len(rows) == 1 else f"; in {agree} of {len(rows)} seeds"
        return self.told.format(*parts) + count, 2 * agree > len(rows)


def _ratios(
    *wanted: tuple[str, str, str, str],
) -> Callable[[Case, Reading], tuple[float, ...]]:
    """Ratios of ubRMSE: experiment, variable, class, and what it is compared with."""

    def numbers(case: Case, reading: Reading) -> tuple[float, ...]:
        return tuple(ratio(case, n, v, g, than, reading) for n, v, g, than in wanted)

    return numbers


def _largest_et(case: Case, reading: Reading) -> tuple[float, ...]:
    changes = [ratio(case, n, ET, "", OPEN, reading) - 1.0 for n in EXPERIMENTS if n != OPEN]
    return (PERCENT * max(changes, key=abs),)


def _of_validation(case: Case, reading: Reading) -> tuple[float, ...]:
    runs, score = case.validation, reading.ubrmse

    def change(name: str, variable: str, groups: Sequence[str]) -> float:
        parts = [score(runs[name], variable, g) / score(runs[OPEN], variable, g) for g in groups]
        known = [part for part in parts if np.isfinite(part)]
        return PERCENT * (float(np.mean(known)) - 1.0) if known else float("nan")

    return (
        change("SM_DA_PAR", SM, [""]),
        change("WC_DA_r_PAR", SM, [""]),
        change("WC_DA_r_PAR", GWL, CLASSES),
    )


PAIRS = ("SM_DA_PAR", "GWL_DA_PAR", "FC_DA_PAR", "WC_DA_PAR")
FAR = CLASSES[-1]
FINDINGS = (
    Finding(
        "1", "SM_DA roughly halves the ubRMSE of SM, SM_DA_PAR a little more",
        "0.09 to 0.05 and 0.04", "times {}, with PAR {}", ("SM_DA", "SM_DA_PAR"),
        _ratios(("SM_DA", SM, "", OPEN), ("SM_DA_PAR", SM, "", OPEN)),
        lambda n: n[0] <= 2.0 / 3.0 and n[1] <= n[0],
    ),
    Finding(
        "2", "SM alone changes the ubRMSE of GWL little", "-7 % to +15 % by year",
        "times {}, with PAR {}", ("SM_DA", "SM_DA_PAR"),
        _ratios(("SM_DA", GWL, "0", OPEN), ("SM_DA_PAR", GWL, "0", OPEN)),
        lambda n: max(abs(r - 1.0) for r in n) <= 0.15,
    ),
    Finding(
        "3", "GWL_DA cuts the ubRMSE of GWL at assimilated wells by about 60 %, with PAR by 72 %",
        "7.23 to 2.90 and 2.04 m", "times {}, with PAR {}", ("GWL_DA", "GWL_DA_PAR"),
        _ratios(("GWL_DA", GWL, "0", OPEN), ("GWL_DA_PAR", GWL, "0", OPEN)),
        lambda n: n[0] <= 0.6 and n[1] <= n[0],
    ),
    Finding(
        "4", "the gain decays with distance but is still 2-20 % at 2.5-5 km",
        "GWL_DA_PAR: 72, 46, 10, 18 %",
        "GWL_DA times {}, {}, {}, {}; with PAR {}, {}, {}, {}", ("GWL_DA", "GWL_DA_PAR"),
        _ratios(*((name, GWL, g, OPEN) for name in ("GWL_DA", "GWL_DA_PAR") for g in CLASSES)),
        lambda n: all(
            part[0] == min(part) and part[3] <= 0.98 for part in (n[:4], n[4:])
        ),
    ),
    Finding(
        "5", "GWL alone makes SM worse", "0.09 to 0.11 with PAR", "times {}, with PAR {}",
        ("GWL_DA", "GWL_DA_PAR"),
        _ratios(("GWL_DA", SM, "", OPEN), ("GWL_DA_PAR", SM, "", OPEN)),
        lambda n: n[1] >= 1.02,
    ),
    Finding(
        "6", "FC is no better than the univariate runs; WC is better than FC at observed sites",
        "FC_DA_PAR 0.05 and 2.97 m, WC_DA_PAR 0.04 and 2.05 m",
        "FC over univariate: SM {}, GWL {}; WC over FC: SM {}, GWL {} (all with PAR)", PAIRS,
        _ratios(
            ("FC_DA_PAR", SM, "", "SM_DA_PAR"), ("FC_DA_PAR", GWL, "0", "GWL_DA_PAR"),
            ("WC_DA_PAR", SM, "", "FC_DA_PAR"), ("WC_DA_PAR", GWL, "0", "FC_DA_PAR"),
        ),
        lambda n: min(n[:2]) >= 0.98 and max(n[2:]) < 1.0,
    ),
    Finding(
        "7", "WC_DA_r_PAR keeps both gains", "SM 0.04, GWL 2.17 m",
        "over univariate: SM {}, GWL {}", ("SM_DA_PAR", "GWL_DA_PAR", "WC_DA_r_PAR"),
        _ratios(
            ("WC_DA_r_PAR", SM, "", "SM_DA_PAR"), ("WC_DA_r_PAR", GWL, "0", "GWL_DA_PAR")
        ),
        lambda n: max(n) <= 1.1,
    ),
    Finding(
        "8", "ET changes by less than 3 %", "0.66 to 0.67 mm d-1", "largest change {} %",
        tuple(EXPERIMENTS), _largest_et, lambda n: abs(n[0]) < 3.0,
    ),
    Finding(
        "9", "K_s of one year improves an open loop in another", "SM 0.09 to 0.08, GWL 1-4 %",
        "SM {} % (SM_DA_PAR) and {} % (WC_DA_r_PAR), GWL {} %", ("SM_DA_PAR", "WC_DA_r_PAR"),
        _of_validation, lambda n: max(n) <= -1.0, validates=True,
    ),
)  # fmt: skip


def verdicts(cases: Sequence[Case], bias_over: BiasOver = BiasOver.STATIONS) -> Iterator[Verdict]:
    """Each finding by the chosen reading of ubRMSE, then by the other one and against nature."""
    other = BiasOver.TIMES if bias_over is BiasOver.STATIONS else BiasOver.STATIONS
    readings = {
        "": Reading(bias_over),
        f", mean over {other.value} off": Reading(other),
        ", against nature itself": Reading(bias_over, TRUTH),
    }
    for label, reading in readings.items():
        for finding in FINDINGS:
            if all(finding.known(case) for case in cases):
                said, holds = finding.says(cases, reading)
                name = finding.id + label
                yield Verdict(name, finding.statement, finding.published, said, holds)
