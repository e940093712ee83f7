"""How good: scores, ranks, spread and skill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hydroda.errors import DataError
from hydroda.plotting._canvas import (
    GREY,
    PALETTE,
    axis_label,
    canvas,
    expect,
    legend,
    pretty_unit,
    styled,
)
from hydroda.verification import SCORES, flatness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_SCORE_NAMES = {
    "n": "pairs",
    "rmse": "RMSE",
    "ubrmse_time": "ubRMSE in time",
    "ubrmse_station": "ubRMSE over sites",
    "mae": "MAE",
    "correlation": "correlation R",
    "crps": "CRPS",
    "spread_skill": "spread / error",
}


@styled
def rank_histogram(counts: xr.DataArray, *, ax: Axes | None = None) -> Figure:
    """`verification.rank_histogram` as bars, with the range 95 % of flat histograms' bars lie in.

    A hump: too much spread; a bowl: too little; a slope: bias.
    """
    from matplotlib.ticker import MaxNLocator

    counts = expect(counts, "counts", "rank")
    fig, axes = canvas(ax, (5.6, 3.4))
    n, ranks = int(counts.sum()), counts.sizes["rank"]
    low, high = stats.binom.interval(0.95, n, 1 / ranks)
    axes.axhspan(low, high, color=GREY, alpha=0.25, lw=0, label="95 % of bars if reliable")
    axes.axhline(n / ranks, color=GREY, lw=1.0, ls="--", label="expected")
    axes.bar(counts["rank"], counts, width=0.85, color=PALETTE["sky"], label=f"{n} observations")
    p = float(flatness(counts)["p"])
    verdict = "too few cases for a test" if np.isnan(p) else f"test of flatness: p {_p_value(p)}"
    axes.set_title(verdict, fontweight="normal", loc="right")
    axes.set_xlabel("Rank of the observation among the members (–)")
    axes.set_ylabel("Number of observations (–)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(fig, [axes], ax is None)
    return fig


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


@styled
def spread_skill(table: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """`verification.spread_skill_binned`: error against the error the spread promises.

    On the diagonal the ensemble is reliable, above it overconfident.
    """
    fig, axes = canvas(ax, (4.6, 4.6))
    top = 1.08 * float(max(table["spread"].max(), table["rmse"].max()))
    axes.fill_between([0, top], [0, top], top, color=PALETTE["orange"], alpha=0.12, lw=0)
    axes.plot([0, top], [0, top], color=GREY, ls="--", lw=1.0, label="reliable")
    sizes = table["n"].values
    label = f"{sizes.size} bins of {sizes.min()}" if sizes.min() == sizes.max() else "bins"
    axes.plot(
        table["spread"], table["rmse"], "o-", color=PALETTE["blue"], ms=5, label=f"{label} pairs"
    )
    axes.text(0.04, 0.96, "too little spread", transform=axes.transAxes, va="top", color=GREY)
    axes.text(0.96, 0.04, "too much spread", transform=axes.transAxes, ha="right", color=GREY)
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_aspect("equal")
    axes.set_xlabel(axis_label(table["spread"]))
    axes.set_ylabel(axis_label(table["rmse"]))
    legend(fig, [axes], ax is None)
    return fig


@styled
def scores_table(table: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """A `verification.score_table` to look at: a row per score, a column per run, the best bold.

    Choose rows beforehand with `table.query(...)`; scores without a better or worse stay plain.
    """
    keys = ["variable", "group", "score", "unit"]
    if table.empty:
        raise DataError("the score table has no rows")
    wide = table.pivot_table("value", keys, "run", sort=False, dropna=False, observed=True)
    wide = wide.dropna(how="all")[list(table["run"].unique())]
    heads, rows, best = _table_text(wide)
    widths = [max(len(cell) for cell in column) + 2 for column in zip(heads, *rows, strict=True)]
    right = np.cumsum(widths)
    fig, axes = canvas(ax, (0.085 * right[-1] + 0.3, 0.24 * (len(rows) + 1) + 0.25))
    axes.set_axis_off()
    axes.set_xlim(0, right[-1])
    axes.set_ylim(len(rows) + 0.7, -0.7)
    named = len(heads) - wide.columns.size
    for r, row in enumerate([heads, *rows]):
        for c, cell in enumerate(row):
            words, good = c < named, r > 0 and c - named in best[r - 1]
            axes.text(
                (right[c] - widths[c]) if words else right[c] - 1,
                r,
                cell,
                ha="left" if words else "right",
                va="center",
                fontweight="bold" if r == 0 or good else "normal",
                bbox={"fc": "#CCE5F5", "ec": "none", "pad": 1.5} if good else None,
            )
    for y in (-0.5, 0.5, len(rows) + 0.5):
        axes.axhline(y, color="black", lw=0.8)
    for r, row in enumerate(rows[1:], 1):
        if any(row[: named - 2]):
            axes.axhline(r + 0.5, color=GREY, lw=0.5)
    return fig


def _table_text(wide: pd.DataFrame) -> tuple[list[str], list[list[str]], list[set[int]]]:
    """Heads, cells and the best columns of each row; no word is repeated below itself."""
    rows, best, above = [], [], ("", "")
    grouped = wide.index.get_level_values("group").nunique() > 1
    for (variable, group, score, unit), values in zip(wide.index, wide.to_numpy(), strict=True):
        cells, good = _cells(values, SCORES[score].best if score in SCORES else None)
        words = ["" if variable == above[0] else str(variable).replace("_", " ")]
        if grouped:
            words.append("" if (variable, group) == above else str(group))
        rows.append([*words, _SCORE_NAMES.get(score, str(score)), pretty_unit(unit), *cells])
        best.append(good)
        above = (variable, group)
    heads = ["variable", *(["group"] if grouped else []), "score", "unit"]
    return [*heads, *map(str, wide.columns)], rows, best


def _cells(values: np.ndarray, perfect: float | None) -> tuple[list[str], set[int]]:
    """Three significant digits of the largest value, and which print nearest to `perfect`."""
    largest = np.nanmax(abs(values))
    whole = np.array_equal(values[np.isfinite(values)], np.round(values[np.isfinite(values)]))
    digits = 0 if largest == 0 or whole else int(np.clip(2 - np.floor(np.log10(largest)), 0, 8))
    cells = [
        f"{value:.{digits}f}".replace("-", "−") if np.isfinite(value) else "–" for value in values
    ]
    if perfect is None or np.isfinite(values).sum() < 2:
        return cells, set()
    distance = abs(np.round(values, digits) - perfect)
    good = np.isclose(distance, np.nanmin(distance), atol=0.1 * 10.0**-digits)
    # Where all are alike none is better.
    return cells, set() if good[np.isfinite(values)].all() else set(np.flatnonzero(good).tolist())


@styled
def intervals(ours: xr.DataArray, published: xr.DataArray, *, ax: Axes | None = None) -> Figure:
    """Our means with their intervals beside published ones, two lines per row.

    Both are (row, bound) with the bounds "low", "mean" and "high".
    """
    ours, published = (
        expect(ours, "ours", "row", "bound"),
        expect(published, "published", "row", "bound"),
    )
    fig, axes = canvas(ax, (8.0, 0.55 * ours.sizes["row"] + 1.2))
    for data, name, marker, colour, offset in (
        (published, "published; bar: its rerun", "D", GREY, -0.12),
        (ours, "hydroda; bar: 95 % interval", "o", PALETTE["blue"], 0.12),
    ):
        low, mean, high = (data.sel(bound=bound).values for bound in ("low", "mean", "high"))
        place = np.arange(mean.size) + offset
        axes.hlines(place, low, high, color=colour, lw=2.5)
        axes.plot(mean, place, marker, color=colour, ms=5, label=name)
    axes.set_yticks(np.arange(ours.sizes["row"]), [str(name) for name in ours["row"].values])
    axes.invert_yaxis()
    axes.set_xlabel(axis_label(ours))
    legend(fig, [axes], ax is None)
    return fig
