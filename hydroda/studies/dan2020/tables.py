"""Tables and figures of Dan et al. (2020): ours beside the published numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda import plotting
from hydroda.catchments.mongolia import FORECASTS
from hydroda.localization import threshold_mu
from hydroda.studies.dan2020 import published
from hydroda.studies.dan2020.case import Case
from hydroda.studies.dan2020.march import Run
from hydroda.studies.dan2020.schemes import (
    INF,
    LOC,
    OPEN_LOOP,
    PAPER,
    RECOMMENDED,
    THRESHOLDS,
    TOLD,
    WC,
)
from hydroda.studies.dan2020.scores import (
    FINDINGS,
    OURS,
    PERCENT,
    Finding,
    above,
    below,
    column_error,
    daily_size,
    quartiles,
    residual,
    spread,
    where_water_went,
)
from hydroda.studies.dan2020.twin import Array
from hydroda.studies.report import Value, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CM = 100.0
PARTS = {"error": "error", "short_lived": "short-lived error", "bias": "bias"}
SIX = [scheme.name for scheme in (*PAPER, RECOMMENDED)]
NAMES = [OPEN_LOOP.name, *SIX, TOLD.name]


def table_1() -> Iterator[Value]:
    """Node depths [cm]."""
    for layer, (theirs, ours) in enumerate(zip(published.NODES, FORECASTS.z, strict=True), 1):
        yield Value("1", str(layer), "depth", "cm", theirs, CM * float(ours))


def table_2() -> Iterator[Value]:
    """The scale factors of the taper [1/cm], of the printed depths."""
    nodes = np.array(published.NODES) / CM
    for layer, theirs in published.TABLE_2.items():
        mu = threshold_mu(nodes, 0.03, layer) / CM
        yield Value("2", f"{layer}{published.NOTES.get(layer, '')}", "mu", "1/cm", theirs, mu)


def figure_3(cases: Sequence[Case]) -> Iterator[Value]:
    """Bias and error of one-day forecasts from the truth, by layer."""
    missed = np.array([case.twin.one_step.mean(axis=(0, 1)) for case in cases]).mean(axis=0)
    squares = np.array([(case.twin.one_step**2).mean(axis=(0, 1)) for case in cases])
    for layer, (bias, square) in enumerate(zip(missed, squares.mean(axis=0), strict=True), 1):
        yield Value("figure 3", str(layer), "model bias", "%", None, PERCENT * float(bias))
        yield Value(
            "figure 3", str(layer), "model error", "%", None, PERCENT * float(np.sqrt(square))
        )


def figure_4(cases: Sequence[Case]) -> Iterator[Value]:
    """Threshold layers chosen and best, and what choosing costs."""
    chosen, best = (np.concatenate([getattr(c, n) for c in cases]) for n in ("chosen", "best"))
    share = PERCENT / chosen.size
    for layer in range(2, 11):
        theirs = PERCENT * published.COLUMNS_AT_6 / published.COLUMNS if layer == 6 else None
        row = f"columns with s = {layer}"
        yield Value("figure 4", row, "chosen", "%", theirs, share * float((chosen == layer).sum()))
        yield Value("figure 4", row, "best", "%", None, share * float((best == layer).sum()))
    theirs = PERCENT * published.COLUMNS_BEST / published.COLUMNS
    equal = share * float((chosen == best).sum())
    near = share * float((np.abs(chosen - best) <= 1).sum())
    yield Value("figure 4", "columns where the best is chosen", "chosen", "%", theirs, equal)
    yield Value("figure 4", "columns within one layer of it", "chosen", "%", None, near)
    fixed = LOC.candidate(6).name
    for row, theirs, column, score in (
        ("column error", published.COLUMN_CHOSEN, "chosen", _mean(column_error, LOC.name)),
        ("column error", published.COLUMN_BEST, "best", _optimal),
        ("column error", None, "s = 6 in all", _mean(column_error, fixed)),
    ):
        yield Value("figure 4", row, column, "%", theirs, score(cases))


def _mean(score: Callable[[Run], float], name: str) -> Callable[[Sequence[Case]], float]:
    return lambda cases: float(np.mean([score(case.runs[name]) for case in cases]))


def _optimal(cases: Sequence[Case]) -> float:
    return float(np.mean([column_error(case.optimal) for case in cases]))


def figure_5(
    cases: Sequence[Case], names: Sequence[str], table: str = "figure 5"
) -> Iterator[Value]:
    """Analysis error, short-lived part and bias by layer, and the means above and below."""
    for name in names:
        runs = [case.runs[name] for case in cases]
        parts = {
            "error": np.mean([run.error.mean(axis=0) for run in runs], axis=0),
            "short-lived": np.mean([run.short_lived.mean(axis=0) for run in runs], axis=0),
            "bias": np.mean([run.bias.mean(axis=0) for run in runs], axis=0),
        }
        for part, layers in parts.items():
            for layer, value in enumerate(layers, 1):
                ours = PERCENT * float(value)
                yield Value(f"{table}, {part}", name, f"layer {layer}", "%", None, ours)
    yield from summary(cases, names, table)


def summary(cases: Sequence[Case], names: Sequence[str], table: str) -> Iterator[Value]:
    """One line per scheme: errors above and below and of the column, residual, inflation."""
    columns: tuple[tuple[str, str, Mapping[str, float], Callable[[Run], float]], ...] = (
        ("above 36.6 cm", "%", published.ABOVE, above),
        ("below 36.6 cm", "%", published.BELOW, below),
        ("column", "%", {LOC.name: published.COLUMN_CHOSEN}, column_error),
        ("R", "mm/day", {}, residual),
        ("size of R by day", "mm/day", {}, daily_size),
        ("mean lambda", "", {INF.name: published.INFLATION}, _inflation(np.mean)),
        ("median lambda", "", {}, _inflation(np.median)),
        ("lambda = 1", "%", {}, _hits(-1)),
        ("lambda = 1000", "%", {}, _hits(1)),
        ("sd at 3 cm", "%", {}, lambda run: PERCENT * float(run.sd.mean())),
    )
    for name in names:
        for column, unit, theirs, score in columns:
            ours = _mean(score, name)(cases)
            if np.isfinite(ours):
                yield Value(f"{table}, means", name, column, unit, theirs.get(name), ours)


def _inflation(statistic: Callable[[Array], np.floating]) -> Callable[[Run], float]:
    def of(run: Run) -> float:
        known = run.inflation[np.isfinite(run.inflation)]
        return float(statistic(known)) if known.size else float("nan")

    return of


def _hits(bound: int) -> Callable[[Run], float]:
    """How often [%] λ met its lower (−1) or upper (1) bound."""
    return lambda run: PERCENT * float((run.bound == bound).mean())


def water(cases: Sequence[Case], names: Sequence[str]) -> Iterator[Value]:
    """Where the water that analyses added went, against the open loop."""
    columns = "added by analyses", "evaporated more", "ran off more", "held more"
    for name in names:
        pairs = [(case.runs[name], case.runs[OPEN_LOOP.name]) for case in cases]
        went = np.mean([where_water_went(*pair) for pair in pairs], axis=0)
        for column, value in zip(columns, went.tolist(), strict=True):
            yield Value("water", name, column, "mm/day", None, value)
    more = [case.twin.evaporation[1:] - case.runs[OPEN_LOOP.name].evaporation for case in cases]
    yield Value("water", "nature", columns[1], "mm/day", None, float(np.mean(more)))


def figure_6(cases: Sequence[Case], names: Sequence[str]) -> Iterator[Value]:
    """The residual of the water budget, its mean and its quartile range over columns."""
    for name in names:
        rows: tuple[tuple[str, str, Mapping[str, float], Callable[[Run], float]], ...] = (
            ("R, signed", "mm/day", {}, residual),
            ("size of R", "mm/day", published.RESIDUAL, lambda run: abs(residual(run))),
            ("size of R / 24", "mm/h", {}, lambda run: abs(residual(run)) / 24.0),
            ("quartile range", "mm/day", published.QUARTILES, quartiles),
            ("R before clipping", "mm/day", {}, _unclipped),
            ("size by day", "mm/day", {}, daily_size),
        )
        for column, unit, theirs, score in rows:
            ours = _mean(score, name)(cases)
            yield Value("figure 6", name, column, unit, theirs.get(name), ours)


def _unclipped(run: Run) -> float:
    return float(run.unclipped.mean())


def verdicts(cases: Sequence[Case], label: str = "") -> Iterator[Verdict]:
    """Whether each finding of the paper, and ours, holds in most of the seeds of one spread."""
    for finding in (*FINDINGS, *OURS):
        yield _verdict(finding, cases, label)


def _verdict(finding: Finding, cases: Sequence[Case], label: str) -> Verdict:
    said, holds = finding.says(cases)
    where = f" ({label})" if label else ""  # brackets would be markup of the screen
    return Verdict(finding.id + where, finding.statement, finding.published, said, holds)


def spreads(cases: Mapping[str, Sequence[Case]]) -> Iterator[Value]:
    """By spread: what the members spread at 3 cm, and the numbers behind the verdicts."""
    for label, some in cases.items():
        for name in NAMES:
            yield from _line(f"spreads, {label}", name, name, some)
        ours = float(np.mean([spread(case) for case in some]))
        yield Value(f"spreads, {label}", OPEN_LOOP.name, "sd at 3 cm", "%", None, ours)


def _line(table: str, row: str, name: str, cases: Sequence[Case]) -> Iterator[Value]:
    """Errors and budget of a scheme, means over the seeds."""
    scores: tuple[tuple[str, str, Callable[[Run], float]], ...] = (
        ("above", "%", above),
        ("below", "%", below),
        ("column", "%", column_error),
        ("R", "mm/day", residual),
        ("by day", "mm/day", daily_size),
    )
    for column, unit, score in scores:
        ours = _mean(score, name)(cases)
        yield Value(table, row, column, unit, None, round(ours, 9))


def bottom(cases: Sequence[Case], label: str) -> Iterator[Value]:
    """Bias of the lowest layer, whose sign is not aimed at; errors and budget of the schemes."""
    missed = [PERCENT * float(case.twin.one_step[..., -1].mean()) for case in cases]
    theirs = published.BOTTOM_BIAS
    row = f"{label}: one-day forecasts (published: size only)"
    yield Value("aquifer", row, "layer 10, bias", "%", theirs, float(np.mean(missed)))
    for name in NAMES:
        row = f"{label}: {name}"
        ours = PERCENT * _mean(lambda run: float(run.bias[:, -1].mean()), name)(cases)
        yield Value("aquifer", row, "layer 10, bias", "%", None, ours)
        yield from _line("aquifer", row, name, cases)


# --- figures ------------------------------------------------------------------------------------


def figures(cases: Sequence[Case]) -> dict[str, Callable[[], Figure]]:
    """Figures 3 to 6 of the first seed, published means beside ours, and error against water."""
    case = cases[0]
    names = [OPEN_LOOP.name, *SIX]
    drawn: dict[str, Callable[[], Figure]] = {
        "figure_3": lambda: plotting.schemes_with_depth(_model_error(case)),
        "figure_4a": lambda: plotting.numbers_by_column(_layers(case)),
        "figure_4b": lambda: plotting.numbers_by_column(_columns(case)),
        "figure_6": lambda: plotting.schemes_over_columns(_residuals(case), _their_residuals()),
        "error_and_water": lambda: plotting.scheme_trade_off(*_error_and_water(case)),
    }
    for letter, part in zip("abc", PARTS, strict=True):
        drawn[f"figure_5{letter}"] = _drawing(case, names, part)
    return drawn


def _drawing(case: Case, names: Sequence[str], part: str) -> Callable[[], Figure]:
    def draw() -> Figure:
        values = np.array([getattr(case.runs[name], part).mean(axis=0) for name in names])
        theirs = _their_errors(names) if part == "error" else None
        shown = _with_depth(values, names, f"{PARTS[part]} of the analyses")
        return plotting.schemes_with_depth(shown, theirs)

    return draw


def _with_depth(values: Array, names: Sequence[str], meaning: str) -> xr.DataArray:
    return xr.DataArray(
        PERCENT * values,
        coords={"scheme": list(names), "depth": ("layer", FORECASTS.z)},
        dims=("scheme", "layer"),
        attrs={"units": "percent", "long_name": meaning},
    )


def _their_errors(names: Sequence[str]) -> xr.DataArray:
    """Published means over the layers above 36.6 cm and over those below it (scheme, span)."""
    nan = float("nan")
    return xr.DataArray(
        [[part.get(name, nan) for part in (published.ABOVE, published.BELOW)] for name in names],
        coords={
            "scheme": list(names),
            "top": ("span", FORECASTS.z[[0, 6]]),
            "bottom": ("span", FORECASTS.z[[4, 9]]),
        },
        dims=("scheme", "span"),
    )


def _error_and_water(case: Case) -> tuple[xr.DataArray, xr.DataArray]:
    """Size of the residual by day and error of the column, for each scheme."""
    searched = {LOC.candidate(layer).name for layer in THRESHOLDS}
    names = [*NAMES, *(name for name in case.runs if name not in {*NAMES, *searched})]
    moved = [daily_size(case.runs[name]) for name in names]
    errors = [column_error(case.runs[name]) for name in names]
    coords = {"scheme": names}
    return (
        xr.DataArray(moved, coords, ("scheme",), attrs=_said("mm/day", "size of the residual")),
        xr.DataArray(errors, coords, ("scheme",), attrs=_said("percent", "error of the column")),
    )


def _said(unit: str, meaning: str) -> dict[str, str]:
    return {"units": unit, "long_name": meaning}


def _model_error(case: Case) -> xr.DataArray:
    missed = case.twin.one_step
    values = np.array([missed.mean(axis=(0, 1)), np.sqrt((missed**2).mean(axis=(0, 1)))])
    return _with_depth(values, ["bias", "error"], "one-day forecasts from the truth")


def _by_column(rows: Mapping[str, NDArray[np.floating]], unit: str, meaning: str) -> xr.DataArray:
    return xr.DataArray(
        np.array(list(rows.values()), float),
        coords={"scheme": list(rows)},
        dims=("scheme", "column"),
        attrs={"units": unit, "long_name": meaning},
    )


def _layers(case: Case) -> xr.DataArray:
    rows = {"best": 1.0 * case.best, "chosen": 1.0 * case.chosen}
    return _by_column(rows, "", "threshold layer")


def _columns(case: Case) -> xr.DataArray:
    runs = {"best s": case.optimal, **{s.name: case.runs[s.name] for s in (LOC, INF, WC)}}
    rows = {name: PERCENT * run.error.mean(axis=1) for name, run in runs.items()}
    return _by_column(rows, "percent", "error of the column")


def _residuals(case: Case) -> xr.DataArray:
    rows = {name: case.runs[name].residual.mean(axis=0) for name in SIX}
    return _by_column(rows, "mm", "residual of the water budget")


def _their_residuals() -> xr.DataArray:
    return xr.DataArray([published.RESIDUAL.get(name, float("nan")) for name in SIX], dims="scheme")
