"""Experiments beside each other: what they change on maps, how good they are, through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.plotting._canvas import (
    GREY,
    PALETTE,
    cell_edges,
    dates_axis,
    expect,
    pretty_unit,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

MARKS: Mapping[str, dict[str, Any]] = {
    "neutron sensor": {"marker": "*", "ms": 8, "color": "black", "mec": "white", "mew": 0.5},
    "assimilated well": {"marker": "o", "ms": 3.2, "color": "black", "mfc": "none", "mew": 0.6},
}
ROUND = (1, 1.5, 2, 3, 5, 7.5, 10)
PERCENTILE = 98  # of all changes: what lies beyond has the ends of the colours


@dataclass(frozen=True, eq=False)
class Change:
    """Maps (y, x) of a change by the name of the run, under one title and on one scale."""

    title: str
    label: str
    maps: Mapping[str, xr.DataArray]

    @property
    def reach(self) -> float:
        """How far the colours reach on both sides of zero: a round number."""
        sizes = np.abs(np.concatenate([one.values.ravel() for one in self.maps.values()]))
        sizes = sizes[np.isfinite(sizes)]
        largest = float(np.percentile(sizes, PERCENTILE)) if sizes.size else 0.0
        largest = largest or float(sizes.max(initial=0.0)) or 1.0
        power = 10.0 ** np.floor(np.log10(largest))
        return next(float(step * power) for step in ROUND if step * power >= 0.999 * largest)


@styled
def change_maps(
    changes: Sequence[Change], stations: pd.DataFrame, kinds: Sequence[str] = ()
) -> Figure:
    """A row for each run and a column for each change; red is less, blue is more.

    `stations` have x, y [m] and `kind`, of which `kinds` (of `MARKS`) are drawn.
    """
    from matplotlib.figure import Figure as New

    runs = list(changes[0].maps)
    first = expect(changes[0].maps[runs[0]], runs[0], "y", "x")
    x, y = (cell_edges(first[name].values / 1000) for name in ("x", "y"))
    width = 2.7
    height = width * float(np.ptp(y) / np.ptp(x)) * 0.72
    size = (len(changes) * width + 0.9, len(runs) * height + 1.3)
    fig = New(figsize=size, layout="constrained")
    axes = fig.subplots(len(runs), len(changes), sharex=True, sharey=True, squeeze=False)
    for column, change in enumerate(changes):
        for row, run in enumerate(runs):
            ax, values = axes[row, column], expect(change.maps[run], run, "y", "x").values
            mesh = ax.pcolormesh(
                x, y, values, cmap="RdBu", vmin=-change.reach, vmax=change.reach, rasterized=True
            )
            ax.set_aspect("equal")
            _letter(ax, row * len(changes) + column)
            _places(ax, stations, kinds)
        axes[0, column].set_title(change.title)
        axes[-1, column].set_xlabel("x (km)")
        bar = fig.colorbar(
            mesh, ax=list(axes[:, column]), location="bottom", shrink=0.9, extend="both"
        )
        bar.set_label(change.label)
    for ax, run in zip(axes[:, 0], runs, strict=True):
        ax.set_ylabel(f"{run}\ny (km)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if labels:
        fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return fig


def _places(ax: Axes, stations: pd.DataFrame, kinds: Sequence[str]) -> None:
    for kind in kinds:
        own = stations[stations["kind"] == kind]
        if len(own):
            ax.plot(own["x"] / 1000, own["y"] / 1000, ls="", label=kind, zorder=3, **MARKS[kind])


def _letter(ax: Axes, number: int) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    ax.text(0.02, 0.97, chr(97 + number), transform=ax.transAxes, va="top", weight="bold",
            path_effects=halo)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """How a run is drawn; `hatched` where it estimates parameters too."""

    colour: str = GREY
    hatched: bool = False


@styled
def bars_beside(
    ours: xr.DataArray,
    published: xr.DataArray,
    bars: Mapping[str, Bar],
    *,
    baseline: str | None = None,
    words: tuple[str, str] = ("states", "states and parameters"),
) -> Figure:
    """A score (group, run) of many runs as bars, the published ones as diamonds.

    A panel for each group with its own scale, its unit from the coordinate `unit` (group). The
    dashed line is our `baseline`. Scores that are missing stay empty.
    """
    from matplotlib.figure import Figure as New
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ours = expect(ours, "ours", "group", "run")
    groups, runs = ours["group"].values, [str(run) for run in ours["run"].values]
    published = expect(published, "published", "group", "run").reindex_like(ours)
    fig = New(figsize=(7.8, 1.45 * len(groups) + 1.3), layout="constrained")
    axes = fig.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for number, (ax, group) in enumerate(zip(axes, groups, strict=True)):
        values = ours.sel(group=group).values
        for at, run in enumerate(runs):
            look = bars.get(run, Bar())
            ax.bar(
                at, values[at], 0.62, color=look.colour, ec="black", lw=0.6,
                hatch="////" if look.hatched else None,
            )  # fmt: skip
        theirs = published.sel(group=group).values
        ax.plot(range(len(runs)), theirs, "D", color="black", mfc="white", ms=5, zorder=4)
        if baseline in runs:
            ax.axhline(values[runs.index(baseline)], color="0.3", lw=0.8, ls="--", zorder=3)
        ax.set_ylim(bottom=0.0)
        ax.set_title(f"{chr(97 + number)}  {group}")
        name = ours.attrs.get("long_name", "score")
        ax.set_ylabel(f"{name}\n({pretty_unit(str(ours['unit'].sel(group=group).values))})")
    axes[-1].set_xticks(range(len(runs)), runs, rotation=40, ha="right", rotation_mode="anchor")
    handles = [
        Patch(fc="white", ec="black", label=f"ours: {words[0]}"),
        Patch(fc="white", ec="black", hatch="////", label=f"ours: {words[1]}"),
        Line2D([], [], ls="", marker="D", color="black", mfc="white", label="published"),
    ]
    if baseline in runs:
        handles.append(Line2D([], [], color="0.3", lw=0.8, ls="--", label=f"our {baseline}"))
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@dataclass(frozen=True, eq=False)
class Series:
    """Runs (run, time) of one quantity, what was observed of it (time), and how it is called."""

    title: str
    label: str
    runs: xr.DataArray
    observed: xr.DataArray
    downward: bool = False


@dataclass(frozen=True)
class Lines:
    """A row of panels: its name, and which run is drawn under which word."""

    name: str
    runs: Mapping[str, str]
    looks: Sequence[Mapping[str, Any]] = field(
        default=(
            {"color": GREY, "ls": ":", "lw": 1.3},
            {"color": PALETTE["blue"], "lw": 1.3},
            {"color": PALETTE["vermilion"], "ls": "--", "lw": 1.3},
        )
    )


@styled
def series_by_scheme(rows: Sequence[Lines], columns: Sequence[Series]) -> Figure:
    """A row of panels for each scheme, a column for each place; a column has one scale."""
    from matplotlib.figure import Figure as New

    fig = New(figsize=(4.7 * len(columns), 1.45 * len(rows) + 1.1), layout="constrained")
    axes = fig.subplots(len(rows), len(columns), sharex=True, sharey="col", squeeze=False)
    handles: dict[str, Any] = {}
    for row, lines in enumerate(rows):
        for column, series in enumerate(columns):
            ax = axes[row, column]
            _lines(ax, lines, series)
            _letter(ax, row * len(columns) + column)
            ax.text(0.06, 0.97, lines.name, transform=ax.transAxes, va="top")
            handles |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
            ax.set_ylabel(series.label)
    for column, series in enumerate(columns):
        axes[0, column].set_title(series.title)
        dates_axis(axes[-1, column])
        low, high = axes[0, column].get_ylim()
        # Room for the names above the lines.
        room = 0.18 * (high - low)
        span = (high, low - room) if series.downward else (low, high + room)
        axes[0, column].set_ylim(*span)
    fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    return fig


def _lines(ax: Axes, lines: Lines, series: Series) -> None:
    known = series.observed.dropna("time")
    ax.plot(known["time"], known, ".", color="black", ms=3.5, label="observed", zorder=1)
    for (run, word), look in zip(lines.runs.items(), lines.looks, strict=False):
        if run in series.runs["run"].values:
            ax.plot(series.runs["time"], series.runs.sel(run=run), label=word, **look)
    ax.margins(x=0.01)
