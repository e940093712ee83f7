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


# [pF]: the driest that has a colour of its own, and where plants wilt (-150 m).
DRIEST_SHOWN, WILTING = 5.0, 4.2


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
    profile, edges, bottom = _layered(profile, "profile", down_to)
    fig, axes = canvas(ax, (8.0, 3.6))
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
    _table_and_depths(axes, water_table, observed_depths, PALETTE["vermilion"])
    _depth_and_time(axes, profile, (bottom, edges[0]))
    legend(fig, [axes], ax is None)
    return fig


@styled
def heads_through_time(
    heads: xr.DataArray,
    *,
    observed_depths: Sequence[float] = (),
    water_table: xr.DataArray | None = None,
    down_to: Amount | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Pressure heads (time, layer) [m] as pF over time and true depth; saturated soil is blue.

    pF is log10 of the suction in cm, the scale on which retention curves are read: heads span six
    orders of magnitude. Coordinates and the rest as in `profile_through_time`.
    """
    from matplotlib import colormaps

    heads, edges, bottom = _layered(heads, "heads", down_to)
    fig, axes = canvas(ax, (8.0, 3.6))
    scale = colormaps["inferno_r"].with_extremes(under=PALETTE["sky"], over="black")
    seen = pf(heads.isel(layer=edges[:-1] < bottom))
    mesh = axes.pcolormesh(
        time_edges(heads["time"].values), edges, pf(heads).values.T,
        cmap=scale, vmin=0.0, vmax=DRIEST_SHOWN, rasterized=True,
    )  # fmt: skip
    drier, wet = bool((seen > DRIEST_SHOWN).any()), bool((seen < 0).any())
    bar = fig.colorbar(
        mesh, ax=axes, label=f"pF{_of_what(heads)} (log₁₀ cm)", pad=0.02,
        extend="both" if drier and wet else "max" if drier else "min" if wet else "neither",
    )  # fmt: skip
    bar.set_ticks([0, 1, 2, 3, 4, WILTING], labels=["0", "1", "2", "3", "", "wilting 4.2"])
    bar.ax.axhline(WILTING, color="white", lw=0.8)
    if wet:
        axes.plot([], [], "s", ms=9, color=PALETTE["sky"], label="saturated")
    if drier:
        axes.plot([], [], "s", ms=9, color="black", label=f"drier than pF {DRIEST_SHOWN:g}")
    if bool(seen.isnull().any()):
        _no_data(axes)
    _table_and_depths(axes, water_table, observed_depths, PALETTE["black"])
    _depth_and_time(axes, heads, (bottom, edges[0]))
    legend(fig, [axes], ax is None)
    return fig


def pf(heads: xr.DataArray) -> xr.DataArray:
    """log10 of the suction in cm of pressure heads [m]; 0 wetter than 1 cm, -1 where saturated."""
    logarithm: xr.DataArray = xr.apply_ufunc(np.log10, (-100.0 * heads).clip(min=1.0))
    return logarithm.where(~(heads >= 0.0), -1.0)


def _of_what(heads: xr.DataArray) -> str:
    """Whether the heads are a mean: the driest members then rule it, unlike a mean of pF."""
    return " of the mean head" if "mean" in heads.attrs.get("cell_methods", "") else ""


def _layered(
    profile: xr.DataArray, name: str, down_to: Amount | None
) -> tuple[xr.DataArray, np.ndarray, float]:
    """The profile with its gaps, the edges of its layers, and the lowest depth shown [m]."""
    profile = expect(profile, name, "time", "layer")
    if "depth" not in profile.coords:
        raise DataError(f"{name} needs the coordinate depth (layer) [m]")
    depth = profile["depth"].values.astype(float)
    if "thickness" in profile.coords:
        half = profile["thickness"].values / 2
        edges = np.append(depth - half, depth[-1] + half[-1])
    else:
        edges = np.maximum(cell_edges(depth), 0)
    bottom = float(edges[-1]) if down_to is None else magnitude(down_to, "m", "down_to")
    return _gaps_shown(profile), edges, bottom


def _table_and_depths(
    ax: Axes, water_table: xr.DataArray | None, depths: Sequence[float], colour: str
) -> None:
    if water_table is not None:
        table = expect(water_table, "water_table", "time")
        ax.plot(table["time"].values, table, color=colour, label="water table")
    if len(depths):
        ax.plot(
            np.zeros(len(depths)), depths, ">", color=colour, ms=7,
            transform=ax.get_yaxis_transform(), clip_on=False, label="observed depth",
        )  # fmt: skip


def _depth_and_time(ax: Axes, profile: xr.DataArray, reach: tuple[float, float]) -> None:
    ax.set_ylim(*reach)
    ax.set_ylabel("Depth (m)")
    time_axis(ax, profile)
    title(ax, profile)


def _no_data(ax: Axes) -> None:
    """Grey behind what is missing, and a word for it in the legend."""
    ax.set_facecolor("#DDDDDD")
    ax.plot([], [], "s", ms=9, color="#DDDDDD", label="no data")


def _gaps_shown(profile: xr.DataArray) -> xr.DataArray:
    """The profile with an empty time in each gap, which would be painted over otherwise."""
    time = profile["time"].values
    if time.size < 3:
        return profile
    # Not the median: a run also stops where an observation falls, and is complete all the same.
    step = np.quantile(np.diff(time), 0.9, method="lower")
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
