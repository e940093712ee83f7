"""A catchment before any run: its maps side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.plotting._canvas import GREY, PALETTE, cell_edges, expect, pretty_unit, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Fields, then water, trees, towns: told apart with any colour vision.
KINDS = ("yellow", "green", "sky", "blue", "vermilion", "black", "purple", "orange")
MARKS: Mapping[str, dict[str, Any]] = {
    "assimilated well": {"marker": "o", "ms": 3.2, "color": PALETTE["vermilion"], "mew": 0.3},
    "validating well": {"marker": ".", "ms": 1.6, "color": PALETTE["black"]},
    "neutron sensor": {"marker": "*", "ms": 9.0, "color": PALETTE["yellow"], "mec": "black"},
    "flux tower": {"marker": "^", "ms": 14.0, "mfc": "none", "mec": "black", "mew": 1.1},
}


@styled
def catchment_maps(
    maps: Sequence[xr.DataArray],
    stations: pd.DataFrame,
    river: xr.DataArray,
    *,
    columns: int = 3,
) -> Figure:
    """Maps (y, x) over x and y [m] side by side; streams and stations stand on the first one.

    A map of classes has CF `flag_values` and `flag_meanings`. `stations` have x, y [m] and `kind`,
    one of `MARKS`; `river` (y, x) is true in cells of the stream network.
    """
    from matplotlib.figure import Figure as New

    rows = -(-len(maps) // columns)
    fields = [expect(field, str(field.name), "y", "x") for field in maps]
    x, y = (cell_edges(fields[0][name].values / 1000) for name in ("x", "y"))
    width = 3.1
    height = width * float(np.ptp(y) / np.ptp(x)) * 0.76
    fig = New(figsize=(columns * width + 0.6, rows * height + 0.7), layout="constrained")
    axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for number, (ax, field) in enumerate(zip(axes.ravel(), fields, strict=False)):
        _draw(fig, ax, x, y, field)
        ax.set_title(f"{chr(97 + number)}  {field.attrs.get('long_name', field.name)}")
        ax.set_aspect("equal")
    for ax in axes.ravel()[len(fields) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("x (km)")
    for ax in axes[:, 0]:
        ax.set_ylabel("y (km)")
    _streams(axes[0, 0], x, y, river)
    _stations(axes[0, 0], stations)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4)
    return fig


def _draw(fig: Any, ax: Axes, x: np.ndarray, y: np.ndarray, field: xr.DataArray) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap

    if "flag_values" not in field.attrs:
        mesh = ax.pcolormesh(x, y, field.values, cmap=field.attrs.get("cmap", "viridis"),
                             rasterized=True)  # fmt: skip
        fig.colorbar(mesh, ax=ax, label=pretty_unit(field.attrs.get("units", "")), shrink=0.75)
        return
    names = field.attrs["flag_meanings"].split()
    colours = ListedColormap([PALETTE[name] for name in KINDS[: len(names)]])
    edges = np.arange(len(names) + 1) - 0.5
    mesh = ax.pcolormesh(x, y, field.values, cmap=colours, norm=BoundaryNorm(edges, colours.N),
                         rasterized=True)  # fmt: skip
    bar = fig.colorbar(mesh, ax=ax, shrink=0.75, ticks=np.arange(len(names)))
    bar.ax.set_yticklabels([name.replace("_", " ") for name in names])


def _streams(ax: Axes, x: np.ndarray, y: np.ndarray, river: xr.DataArray) -> None:
    from matplotlib.colors import ListedColormap

    shown = np.where(river.values, 1.0, np.nan)
    ax.pcolormesh(x, y, shown, cmap=ListedColormap([PALETTE["blue"]]), rasterized=True)
    ax.plot([], [], color=PALETTE["blue"], label="stream")


def _stations(ax: Axes, stations: pd.DataFrame) -> None:
    for kind, mark in list(MARKS.items())[::-1]:
        own = stations[stations["kind"] == kind]
        if not own.empty:
            first = kind in ("neutron sensor", "flux tower")
            ax.plot(own["x"] / 1000, own["y"] / 1000, ls="", zorder=4 if first else 3,
                    label=f"{kind} ({len(own)})", **{"mec": GREY, **mark})  # fmt: skip


@styled
def maps_over_series(maps: Sequence[xr.DataArray], series: Sequence[xr.DataArray]) -> Figure:
    """Maps (y, x) over x and y [m] side by side, and under them means of intervals (time,).

    `long_name` and `units` label them; a map takes `cmap` and, drawn by its logarithm, `lowest`
    from its attributes. `time` counts the ends of the intervals; the first begins at 0.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure as New

    fig = New(figsize=(4.0 * len(maps), 7.0), layout="constrained")
    grid = fig.add_gridspec(2, len(maps), height_ratios=(1.6, 1.0))
    for number, field in enumerate(maps):
        ax = fig.add_subplot(grid[0, number])
        look = {"cmap": field.attrs.get("cmap", "viridis"), "rasterized": True}
        values = field.values
        if "lowest" in field.attrs:
            values = np.maximum(values, field.attrs["lowest"])
            look["norm"] = LogNorm(field.attrs["lowest"])
        x, y = (cell_edges(field[name].values / 1000) for name in ("x", "y"))
        mesh = ax.pcolormesh(x, y, values, **look)
        fig.colorbar(mesh, ax=ax, label=pretty_unit(field.attrs.get("units", "")), shrink=0.8)
        ax.set(title=field.attrs.get("long_name", field.name), xlabel="x (km)", ylabel="y (km)")
        ax.set_aspect("equal")
    below = grid[1, :].subgridspec(1, len(series))
    for number, line in enumerate(series):
        ax = fig.add_subplot(below[0, number])
        ax.stairs(line.values, np.r_[0.0, line["time"].values])
        unit = pretty_unit(line.attrs.get("units", ""))
        ax.set_xlabel(line["time"].attrs.get("long_name", "time (h)"))
        ax.set_ylabel(f"{line.attrs.get('long_name', line.name)} ({unit})")
    return fig
