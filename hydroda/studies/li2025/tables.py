"""Tables 4 to 7 beside the published numbers, and what the paper does not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import xarray as xr

from hydroda.catchments.rur.spinup import balance_table
from hydroda.studies.li2025 import published
from hydroda.studies.li2025.balance import balanced
from hydroda.studies.li2025.experiments import BiasOver
from hydroda.studies.li2025.published import ALL, CLASSES, ET, GWL, SM, UBRMSE, UNITS, YEARS
from hydroda.studies.li2025.runs import OPEN, Case
from hydroda.studies.li2025.scores import (
    PERCENT,
    READINGS,
    TRUTH,
    remaining,
    scored,
    spread_and_error,
    years,
)
from hydroda.studies.report import Value
from hydroda.units import magnitude

ROWS = ((SM, ""), (ET, ""), *((GWL, group) for group in CLASSES))
WHOLE = "all days"
SCORES = ("RMSE", "ubRMSE", "R", "bias")


def annual(cases: Sequence[Case], table: str, over: BiasOver) -> Iterator[Value]:
    """Table 4, 5 or 6: the ubRMSE of each year and of all days, mean of the seeds."""
    for (variable, group), block in UBRMSE[table].items():
        for name, theirs in block.items():
            if not all(name in case.runs for case in cases):
                continue
            for year, parts in _by_year([case.runs[name] for case in cases]).items():
                label = ALL if year == WHOLE else year
                paper = theirs[YEARS.index(label)] if label in YEARS else None
                ours = _score(parts, "ubRMSE", variable, group, over)
                row = f"{_named(variable, group)}, {year}"
                yield Value(table, row, name, UNITS[variable], paper, ours)


def validation(cases: Sequence[Case], over: BiasOver) -> Iterator[Value]:
    """Table 7: scores of the open loop with estimated K_s in the days after the experiments."""
    for (score, variable, group), theirs in published.TABLE_7.items():
        for name in (OPEN, "SM_DA_PAR", "GWL_DA_PAR", "WC_DA_r_PAR"):
            parts = [case.validation[name] for case in cases if name in case.validation]
            if parts:
                ours = _score(parts, score, variable, group, over)
                unit = "1" if score == "R" else UNITS[variable]
                row = f"{score} {_named(variable, group)}"
                yield Value("7", row, _whose(name), unit, theirs.get(name), ours)


def in_balance(cases: Sequence[Case]) -> Iterator[Value]:
    """Errors of the water tables that K_s would leave in the long run, mean of the seeds."""
    found = [balanced(case) for case in cases if case.validation]
    for group in CLASSES:
        for label, unbiased in (("ubRMSE", True), ("RMSE", False)):
            for name in found[0].depths if found else ():
                errors = [each.rmse(name, group, unbiased) for each in found]
                row = f"{label} {_named(GWL, group)}, in balance"
                yield Value("7", row, _whose(name), UNITS[GWL], None, _known_mean(errors))


def _whose(name: str) -> str:
    return "K_s of the start" if name == OPEN else f"K_s of {name}"


def scores(cases: Sequence[Case]) -> Iterator[Value]:
    """All scores of all runs over all days, by both readings of ubRMSE, also of the analyses."""
    readings = (("ubRMSE over sites", BiasOver.STATIONS), ("ubRMSE over time", BiasOver.TIMES))
    for name in cases[0].runs:
        parts = [case.runs[name] for case in cases]
        for variable, group in ROWS:
            unit, place = UNITS[variable], _named(variable, group)
            for label, over in readings:
                ours = _score(parts, "ubRMSE", variable, group, over)
                yield Value("scores", name, f"{place}, {label}", unit, None, ours)
            for score in ("RMSE", "R", "bias"):
                ours = _score(parts, score, variable, group)
                one = "1" if score == "R" else unit
                yield Value("scores", name, f"{place}, {score}", one, None, ours)
            ours = _score(parts, "ubRMSE", variable, group, against=TRUTH)
            yield Value("scores", name, f"{place}, ubRMSE against nature", unit, None, ours)
            if variable != ET:
                ours = _score(parts, "ubRMSE", variable, group, kind="analysed")
                yield Value("scores", name, f"{place}, ubRMSE of analyses", unit, None, ours)


def summary(cases: Sequence[Case], names: Sequence[str], table: str = "extras") -> Iterator[Value]:
    """One line per run: ubRMSE of SM, of GWL by class and of ET, mean of the seeds."""
    for name in names:
        parts = [case.runs[name] for case in cases if name in case.runs]
        for variable, group in ROWS:
            ours = _score(parts, "ubRMSE", variable, group)
            yield Value(table, name, _named(variable, group), UNITS[variable], None, ours)
        spread, error = _spread_and_error(parts, GWL, "0")
        yield Value(table, name, "spread at wells", "m", None, spread)
        yield Value(table, name, "error at wells", "m", None, error)


def spreads(cases: Sequence[Case]) -> Iterator[Value]:
    """Spread of the forecast against its error, at wells by distance and at probes."""
    for name in cases[0].runs:
        parts = [case.runs[name] for case in cases]
        for variable, group in ((SM, ""), *((GWL, group) for group in CLASSES)):
            spread, error = _spread_and_error(parts, variable, group)
            place = _named(variable, group)
            yield Value("spread", name, f"{place}, spread", UNITS[variable], None, spread)
            yield Value("spread", name, f"{place}, error", UNITS[variable], None, error)


def water(cases: Sequence[Case], shock: str) -> Iterator[Value]:
    """What analyses did to the water, what of it stayed, and how the model closes its budget."""
    limit = float(magnitude(shock, "mm", "largest_increment"))
    for name in cases[0].runs:
        parts = [case.runs[name] for case in cases]
        told: tuple[tuple[str, str, Callable[[xr.Dataset], float]], ...] = (
            ("added in all", "mm", lambda s: float(s["increment"].sum())),
            ("moved, first day", "mm", lambda s: float(s["moved"][0])),
            ("moved by a day after, mean", "mm", lambda s: float(s["moved"][1:].mean())),
            ("moved by a day after, most", "mm", lambda s: float(s["moved"][1:].max())),
            (f"days over {limit:g} mm", "1", lambda s: float((s["moved"] > limit).sum())),
            ("cut off", "mm", _cut),
            ("largest budget error", "mm", lambda s: float(s["closure"].max())),
            ("members replaced or retried", "1", lambda s: float(s.attrs["failures"])),
        )
        for column, unit, score in told:
            yield Value("water", name, column, unit, None, _mean(score, parts))
        left = [remaining(case.runs[name], case.runs[OPEN]) for case in cases]
        if np.isfinite(left).any():
            ours = PERCENT * float(np.nanmean(left))
            yield Value("water", name, "of wells' increments left after 6 days", "%", None, ours)


def _cut(series: xr.Dataset) -> float:
    name = "update_water_clipped"
    return float(series[name].sum()) if name in series else 0.0


def balances(cases: Sequence[Case]) -> Iterator[Value]:
    """How far from balance nature and the members were when the experiments began."""
    for case in cases:
        for who, found in case.balances.items():
            for row in balance_table(found).to_dict("records"):
                label = f"seed {case.setting.seed}, {who}, {row['phase']}"
                yield Value("spin-up", label, "years", "a", None, float(row["years"]))
                for column in ("median change", "largest change"):
                    yield Value("spin-up", label, column, "mm a-1", None, float(row[column]))
                part = PERCENT * float(row["balanced"]) / float(row["members"])
                yield Value("spin-up", label, "balanced", "%", None, part)


def ingredients(cases: Sequence[Case]) -> Iterator[Value]:
    """What nature has and the ensemble does not know."""
    for row in cases[0].ingredients.itertuples():  # whose fields have no types
        yield Value("nature", str(row.ingredient), "amount", str(row.unit), None, float(row.amount))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------- parts


def _named(variable: str, group: str) -> str:
    return f"{variable} {group} km" if group else variable


def _by_year(runs: Sequence[xr.Dataset]) -> dict[str, list[xr.Dataset]]:
    """All days, after the years where there are several."""
    found: dict[str, list[xr.Dataset]] = {}
    for series in runs:
        for year, part in years(series):
            found.setdefault(year, []).append(part)
    return (found if len(found) > 1 else {}) | {WHOLE: list(runs)}


def _mean(score: Callable[[xr.Dataset], float], parts: Sequence[xr.Dataset]) -> float | None:
    return _known_mean([score(part) for part in parts])


def _known_mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else None


def _score(
    parts: Sequence[xr.Dataset], score: str, variable: str, group: str,
    over: BiasOver = BiasOver.STATIONS, kind: str = "predicted", against: str = READINGS,
) -> float | None:  # fmt: skip
    """A score of several runs, their mean."""
    own = partial(scored, score=score, variable=variable, group=group, over=over, kind=kind)
    return _mean(partial(own, against=against), parts)


def _spread_and_error(
    parts: Sequence[xr.Dataset], variable: str, group: str
) -> tuple[float | None, float | None]:
    pairs = np.array([spread_and_error(part, variable, group) for part in parts])
    found = [float(column.mean()) if np.isfinite(column).all() else None for column in pairs.T]
    return found[0], found[1]
