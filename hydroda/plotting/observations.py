"""What was measured, before any run: when there is something of each series."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.obs.network import ObservationNetwork, Reason
from hydroda.obs.records import KEY, Records
from hydroda.obs.survey import survey
from hydroda.plotting._canvas import GREY, PALETTE, canvas, dates_axis, legend, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More series than this stand without their names.
MANY_SERIES = 50
# Of the usual spacing between values: how far a value reaches, and from where on a gap is one.
GAP = 1.5
WIDE_GAP = 3.0
_COLOURS = {"good": PALETTE["blue"], "withheld": PALETTE["sky"], "refused": PALETTE["orange"]}


@styled
def availability(series: Records | ObservationNetwork, *, ax: Axes | None = None) -> Figure:
    """A bar through time per series where it has values, white where it has a gap.

    Gaps as `hydroda info` counts them: more than 1.5 usual spacings, or 3 of an irregular series.
    Orange: flagged or refused values; of a network light blue: withheld stations. On the right the
    share of good values among all.
    """
    records, states = _judged(series)
    if not len(records):
        raise DataError("there are no values whose availability could be shown")
    surveys = survey(records)
    fig, axes = canvas(ax, (8.0, min(1.1 + 0.24 * len(surveys), 12.0)))
    names, shares = [], []
    groups = records.values.groupby(KEY, dropna=False)
    for row, ((key, part), known) in enumerate(zip(groups, surveys, strict=True)):
        state, times = states[part.index], part["time"].to_numpy("datetime64[ns]")
        step = pd.Timedelta("1D") if known.spacing is None else known.spacing
        factor = GAP if known.regular else WIDE_GAP
        ends = np.maximum(part["end"].to_numpy("datetime64[ns]"), times + np.timedelta64(step))
        for name, colour in _COLOURS.items():
            bars = _runs(times, ends, state == name, np.timedelta64(step * factor))
            axes.broken_barh(bars, (row - 0.35, 0.7), fc=colour, ec="none")
        station, quantity, depth = cast("tuple[str, str, float]", key)
        where = "" if np.isnan(depth) else f" at {depth:g} m"
        names.append(f"{station}: {quantity.replace('_', ' ')}{where}")
        shares.append(f"{100 * np.mean(state == 'good'):.0f} %" if "good" in state else "–")
    _label_rows(axes, names, shares)
    for name in dict.fromkeys(name for name in _COLOURS if (states == name).any()):
        axes.plot([], [], "s", ms=8, color=_COLOURS[name], label=f"{name} values")
    dates_axis(axes)
    axes.margins(x=0.01)
    legend(fig, [axes], ax is None)
    return fig


def _judged(series: Records | ObservationNetwork) -> tuple[Records, np.ndarray]:
    """The records and whether each value is good, withheld, refused or missing (row,)."""
    if isinstance(series, Records):
        flags, there = series.values["flag"].to_numpy(), series.values["value"].notna().to_numpy()
        return series, np.select([~there, flags != ""], ["missing", "refused"], "good")
    table = series.table
    kinds = {Reason.USABLE: "good", Reason.WITHHELD: "withheld", Reason.MISSING: "missing"}
    state = table["reason"].map(lambda reason: kinds.get(Reason(reason), "refused")).to_numpy(str)
    records = series.records
    order = table.sort_values([*KEY, "time"], kind="stable").index.to_numpy()
    return records, state[order]


def _runs(
    start: np.ndarray, end: np.ndarray, here: np.ndarray, gap: np.timedelta64
) -> list[tuple[float, float]]:
    """Start and width [days] of each run of values `here` between which no gap lies."""
    from matplotlib.dates import date2num

    rows = np.flatnonzero(here)
    if not rows.size:
        return []
    apart = (np.diff(rows) > 1) | (np.diff(start[rows]) > gap)
    first = rows[np.concatenate([[True], apart])]
    last = rows[np.concatenate([apart, [True]])]
    left, right = date2num(start[first]), date2num(end[last])
    return list(zip(left, right - left, strict=True))


def _label_rows(ax: Axes, names: list[str], shares: list[str]) -> None:
    few = len(names) <= MANY_SERIES
    ax.set_yticks(range(len(names)) if few else [], names if few else None)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_ylabel("" if few else f"{len(names)} series (–)")
    ax.grid(axis="x", color=GREY, alpha=0.3, lw=0.5)
    ax.set_axisbelow(True)
    for row, share in enumerate(shares if few else ()):
        ax.annotate(
            share, (1.0, row), (4, 0), xycoords=ax.get_yaxis_transform(),
            textcoords="offset points", va="center", fontsize=8, annotation_clip=False,
        )  # fmt: skip
