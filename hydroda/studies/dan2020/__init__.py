"""The water-budget study of Dan et al. (2020): shallow moisture into land columns.

40 columns of Mongolian grassland, 1 June to 1 October 2003, a reading at 3 cm every morning; truth
from a column in the structure of CLM 4.0, forecasts from one in that of the Common Land Model; five
schemes, nine threshold layers. `hydroda.catchments.mongolia` says what was chosen where the paper
leaves room.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hydroda.errors import DeclarationError
from hydroda.studies.dan2020 import tables
from hydroda.studies.dan2020.case import Case, carried_out
from hydroda.studies.dan2020.schemes import (
    OPEN_LOOP,
    PAPER,
    RECOMMENDED,
    TOLD,
    VARIANTS,
    Scheme,
)
from hydroda.studies.dan2020.scores import spread
from hydroda.studies.dan2020.twin import Setting
from hydroda.studies.report import Bar, StudyReport, Value, Verdict
from hydroda.units import magnitude

SIZES: Mapping[str, Setting] = {
    "small": Setting(columns=2, members=12, days=10, years=1),
    "medium": Setting(columns=10, members=40),
    "paper": Setting(),
}
SPREADS = (1.0, 0.4, 0.1)  # of the noise on the forcing: near 1, 0.5 and 0.15 % at 3 cm
SEEDS = (1, 2, 3)
DEEP_TABLE = "15 m"
TABLES = ("1", "2", "3", "4", "5", "6", "water", "verdicts", "variants", "aquifer")


@dataclass(frozen=True)
class Means:
    """How a study is carried out: what shows its progress, and where finished runs are kept."""

    progress: Bar | None
    folder: Path | None

    def case(self, setting: Setting, further: Sequence[Scheme] = ()) -> Case:
        """The case of a setting."""
        return carried_out(setting, further, self.progress, self.folder)


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """Tables 1 and 2 and figures 3 to 6 with their verdicts; or one of `TABLES`.

    "water" says where the water of the analyses went, "verdicts" runs three spreads and three
    seeds, "variants" the further schemes, "aquifer" nature over two depths of the water table.
    Finished runs are kept in `out`, and the same command goes on from them.

    Raises
    ------
    DeclarationError
        There is no such table, or data are given.
    """
    if data is not None:
        raise DeclarationError(f"dan2020 needs no data; got --data {data}: leave it out")
    if table not in (None, *TABLES):
        raise DeclarationError(f"dan2020 has the tables {', '.join(TABLES)}; got {table!r}")
    begin = time.monotonic()
    size = size or ("medium" if table in ("verdicts", "variants", "aquifer") else "paper")
    setting = replace(SIZES[size], file=forcing)
    seeds = tuple(seeds) or (SEEDS if table == "verdicts" else SEEDS[:1])
    means = Means(progress, None if out is None else out / "runs")
    values: list[Value] = []
    verdicts: list[Verdict] = []
    drawn = {}
    if table in (None, "1"):
        values += tables.table_1()
    if table in (None, "2"):
        values += tables.table_2()
    if table == "verdicts":
        values, verdicts = _verdicts(setting, seeds, means)
    elif table == "aquifer":
        values, verdicts = _aquifers(setting, seeds, means)
    elif table not in ("1", "2"):
        further = VARIANTS if table == "variants" else ()
        cases = [means.case(replace(setting, seed=seed), further) for seed in seeds]
        values += _values(table, cases, further)
        verdicts = list(tables.verdicts(cases))
        drawn = tables.figures(cases)
    return StudyReport(
        study="dan2020",
        size=size,
        seeds=seeds,
        wall_seconds=time.monotonic() - begin,
        values=tuple(values),
        verdicts=tuple(verdicts),
        figures=drawn,
    )


def _values(table: str | None, cases: Sequence[Case], further: Sequence[Scheme]) -> list[Value]:
    """The numbers of the tables asked for."""
    names = [OPEN_LOOP.name, *(scheme.name for scheme in PAPER), RECOMMENDED.name]
    all_names = [*names, TOLD.name, *(scheme.name for scheme in further)]
    parts = {
        "3": lambda: tables.figure_3(cases),
        "4": lambda: tables.figure_4(cases),
        "5": lambda: tables.figure_5(cases, names),
        "6": lambda: tables.figure_6(cases, names[1:]),
        "variants": lambda: tables.summary(cases, all_names, "variants"),
        "water": lambda: tables.water(cases, all_names[1:]),
    }
    wanted = [table] if table in parts else ["3", "4", "5", "6", "water"]
    if table == "variants":
        wanted.append("water")
    return [value for name in wanted for value in parts[name]()]


def _aquifers(
    setting: Setting, seeds: Sequence[int], means: Means
) -> tuple[list[Value], list[Verdict]]:
    """The findings over two depths of the water table of nature, and the sign below."""
    values: list[Value] = []
    verdicts: list[Verdict] = []
    for number, table in enumerate((setting.table, DEEP_TABLE)):
        label = f"water table from {magnitude(table, 'm', 'table'):g} m"
        cases = [means.case(replace(setting, seed=seed, table=table)) for seed in seeds]
        values += tables.bottom(cases, label)
        verdicts += tables.verdicts(cases, label if number else "")
    return values, verdicts


def _verdicts(
    setting: Setting, seeds: Sequence[int], means: Means
) -> tuple[list[Value], list[Verdict]]:
    """The findings at three spreads, each from all seeds."""
    found: dict[str, list[Case]] = {}
    for scale in SPREADS:
        cases = [means.case(replace(setting, spread=scale, seed=seed)) for seed in seeds]
        sd = sum(spread(case) for case in cases) / len(cases)
        found[f"noise x {scale:g}, {sd:.2f} % at 3 cm"] = cases
    verdicts: list[Verdict] = []
    for number, (label, cases) in enumerate(found.items()):
        verdicts += tables.verdicts(cases, label if number else "")
    return list(tables.spreads(found)), verdicts
