"""Schemes side by side: what each leaves with depth and over columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda.plotting._canvas import (
    CURVES,
    DASHES,
    GREY,
    axis_label,
    canvas,
    expect,
    legend,
    log_axis,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def schemes_with_depth(
    values: xr.DataArray, published: xr.DataArray | None = None, *, ax: Axes | None = None
) -> Figure:
    """A score (scheme, layer) of several schemes against the `depth` (layer) [m], downwards.

    Published means (scheme, span), from `top` to `bottom` (span) [m], are bars of the same colour.
    """
    values = expect(values, "values", "scheme", "layer")
    fig, axes = canvas(ax, (5.0, 5.0))
    for i, scheme in enumerate(values["scheme"].values):
        axes.plot(
            values.sel(scheme=scheme).values,
            values["depth"].values,
            marker="o",
            ms=3,
            color=CURVES[i % len(CURVES)],
            ls=DASHES[i // len(CURVES) % len(DASHES)],
            label=str(scheme),
        )
    if published is not None:
        _published_means(axes, published)
    log_axis(axes)
    axes.invert_yaxis()
    if float(values.min()) < 0.0:
        axes.axvline(0.0, color=GREY, lw=0.8)
    axes.set_ylabel("Depth (m)")
    axes.set_xlabel(axis_label(values))
    legend(fig, [axes], ax is None, columns=2)
    return fig


def _published_means(ax: Axes, published: xr.DataArray) -> None:
    published = expect(published, "published", "scheme", "span")
    label = "published, means"
    for i, scheme in enumerate(published.values):
        for value, top, bottom in zip(
            scheme, published["top"].values, published["bottom"].values, strict=True
        ):
            if np.isfinite(value):
                colour = CURVES[i % len(CURVES)]
                ax.plot([value, value], [top, bottom], color=colour, lw=5, alpha=0.3, label=label)
                label = "_"


@styled
def scheme_trade_off(cost: xr.DataArray, gain: xr.DataArray, *, ax: Axes | None = None) -> Figure:
    """What several schemes win (scheme) against what it costs (scheme), each mark with its name."""
    cost, gain = expect(cost, "cost", "scheme"), expect(gain, "gain", "scheme")
    fig, axes = canvas(ax, (7.5, 5.0))
    marks = "oxsd^v+*"
    for i, scheme in enumerate(cost["scheme"].values):
        axes.plot(
            float(cost.sel(scheme=scheme)),
            float(gain.sel(scheme=scheme)),
            marks[i % len(marks)],
            color=CURVES[i % len(CURVES)],
            ms=7,
            label=str(scheme),
        )
    if float(cost.max()) > 8.0 * float(cost.median()):
        axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlabel(axis_label(cost))
    axes.set_ylabel(axis_label(gain))
    legend(fig, [axes], ax is None, columns=3)
    return fig


@styled
def schemes_over_columns(
    values: xr.DataArray, published: xr.DataArray | None = None, *, ax: Axes | None = None
) -> Figure:
    """A score (scheme, column) as boxes of the quartiles, the published mean (scheme) beside."""
    values = expect(values, "values", "scheme", "column")
    fig, axes = canvas(ax, (7.0, 4.0))
    places = np.arange(values.sizes["scheme"])
    axes.boxplot(
        list(values.values),
        positions=places,
        widths=0.5,
        medianprops={"color": CURVES[0]},
        manage_ticks=False,
    )
    axes.plot(places, values.mean("column"), "o", color=CURVES[0], ms=4, label="hydroda, mean")
    if published is not None:
        axes.plot(places, published.values, "D", color=GREY, ms=5, label="published, mean")
    axes.set_xticks(places, [str(name) for name in values["scheme"].values], rotation=20)
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set_ylabel(axis_label(values))
    legend(fig, [axes], ax is None)
    return fig


@styled
def numbers_by_column(values: xr.DataArray, *, ax: Axes | None = None) -> Figure:
    """A number (scheme, column) of several schemes for each column, as marks."""
    values = expect(values, "values", "scheme", "column")
    fig, axes = canvas(ax, (8.0, 3.5))
    marks = "oxsd^v"
    for i, scheme in enumerate(values["scheme"].values):
        axes.plot(
            np.arange(values.sizes["column"]),
            values.sel(scheme=scheme).values,
            marks[i % len(marks)],
            color=CURVES[i % len(CURVES)],
            ms=5,
            label=str(scheme),
        )
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("Column")
    axes.set_ylabel(axis_label(values))
    legend(fig, [axes], ax is None)
    return fig
