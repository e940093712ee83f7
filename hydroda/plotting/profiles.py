"""With depth: profiles through time, and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda.errors import DataError
from hydroda.plotting._canvas import (
    CURVES,
    DASHES,
    GREY,
    PALETTE,
    axis_label,
    canvas,
    cell_edges,
    depth_axis,
    expect,
    legend,
    styled,
    time_axis,
    time_edges,
    title,
)
from hydroda.units import Amount, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def profile_through_time(
    profile: xr.DataArray,
    *,
    observed_depths: Sequence[float] = (),
    water_table: xr.DataArray | None = None,
    down_to: Amount | None = None,
    cmap: str = "YlGnBu",
    ax: Axes | None = None,
) -> Figure:
    """A profile (time, layer) as colours over time and true depth.

    Needs the coordinate `depth` (layer) [m]; `thickness` (layer) [m] gives the layers' edges. Lines
    of `water_table` (time) [m depth], triangles at `observed_depths` [m]; nothing below `down_to`.
    """
    profile = expect(profile, "profile", "time", "layer")
    if "depth" not in profile.coords:
        raise DataError("profile needs the coordinate depth (layer) [m]")
    fig, axes = canvas(ax, (8.0, 3.6))
    profile = _gaps_shown(profile)
    depth = profile["depth"].values.astype(float)
    if "thickness" in profile.coords:
        half = profile["thickness"].values / 2
        edges = np.append(depth - half, depth[-1] + half[-1])
    else:
        edges = np.maximum(cell_edges(depth), 0)
    bottom = edges[-1] if down_to is None else magnitude(down_to, "m", "down_to")
    seen = profile.isel(layer=edges[:-1] < bottom)
    mesh = axes.pcolormesh(
        time_edges(profile["time"].values),
        edges,
        profile.values.T,
        cmap=cmap,
        vmin=float(seen.min()),
        vmax=float(seen.max()),
        rasterized=True,
    )
    fig.colorbar(mesh, ax=axes, label=axis_label(profile), pad=0.02)
    if bool(seen.isnull().any()):
        _no_data(axes)
    if water_table is not None:
        table = expect(water_table, "water_table", "time")
        axes.plot(table["time"].values, table, color=PALETTE["vermilion"], label="water table")
    if len(observed_depths):
        axes.plot(
            np.zeros(len(observed_depths)), observed_depths, ">", color=PALETTE["vermilion"], ms=7,
            transform=axes.get_yaxis_transform(), clip_on=False, label="observed depth",
        )  # fmt: skip
    axes.set_ylim(bottom, edges[0])
    axes.set_ylabel("Depth (m)")
    time_axis(axes, profile)
    title(axes, profile)
    legend(fig, [axes], ax is None)
    return fig


def _no_data(ax: Axes) -> None:
    """Grey behind what is missing, and a word for it in the legend."""
    ax.set_facecolor("#DDDDDD")
    ax.plot([], [], "s", ms=9, color="#DDDDDD", label="no data")


def _gaps_shown(profile: xr.DataArray) -> xr.DataArray:
    """The profile with an empty time in each gap, which would be painted over otherwise."""
    time = profile["time"].values
    if time.size < 3:
        return profile
    step = np.median(np.diff(time))
    before = np.flatnonzero(np.diff(time) > 1.5 * step)
    empty = np.concatenate([time[before] + step, time[before + 1] - step])
    return profile.reindex(time=np.union1d(time, empty))


@styled
def weights_with_depth(
    weights: xr.DataArray, *, observed_depth: float | None = None, ax: Axes | None = None
) -> Figure:
    """Weights (layer[, scheme]) against `depth` (layer) [m]: of a sensor, or of a localization."""
    weights = expect(weights, "weights", "layer", optional=("scheme",))
    fig, axes = canvas(ax, (4.2, 4.4))
    curves = weights if "scheme" in weights.dims else weights.expand_dims("scheme", axis=1)
    several = "scheme" in weights.dims
    for i in range(curves.sizes["scheme"]):
        axes.plot(
            curves.isel(scheme=i).values,
            weights["depth"].values,
            marker="o",
            ms=3.5,
            color=CURVES[i % len(CURVES)],
            ls=DASHES[i % len(DASHES)],
            label=str(curves["scheme"].values[i]) if several else None,
        )
    if observed_depth is not None:
        axes.axhline(observed_depth, color=GREY, lw=1.0, ls=":", label="observed depth")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=min(0.0, float(weights.min())))
    axes.set_xlabel(axis_label(weights, "weight"))
    depth_axis(axes)
    title(axes, weights)
    legend(fig, [axes], ax is None, columns=2)
    return fig
