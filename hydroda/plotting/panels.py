"""Curves side by side: any x and y with their own words, as verification needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hydroda.plotting._canvas import CURVES, PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Curve:
    """y over x; `look` is the line and mark as matplotlib writes them: "-", "--", "o", "o-"."""

    label: str
    x: ArrayLike
    y: ArrayLike
    look: str = "-"


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves on one pair of axes, whose labels name their units.

    `log` lists the axes with logarithms, as "x", "y" or "xy"; `downward` turns y over, for depths.
    """

    title: str
    x: str
    y: str
    curves: Sequence[Curve]
    log: str = ""
    downward: bool = False


@styled
def panels(drawn: Sequence[Panel], *, columns: int = 3) -> Figure:
    """The panels in rows, with one legend: a label has the same colour in all of them.

    What is called "exact" is black.
    """
    from matplotlib.figure import Figure as New

    columns = min(columns, len(drawn))
    rows = -(-len(drawn) // columns)
    fig = New(figsize=(3.5 * columns + 0.3, 3.1 * rows + 0.6), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    labels = list(dict.fromkeys(curve.label for panel in drawn for curve in panel.curves))
    others = [label for label in labels if label != "exact"]
    colours = {label: CURVES[i % 5] for i, label in enumerate(others)}
    colours["exact"] = PALETTE["black"]
    for ax, panel in zip(axes, drawn, strict=False):
        _draw(ax, panel, colours)
    for ax in axes[len(drawn) :]:
        ax.set_axis_off()
    pairs = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in reversed(pairs)}
    fig.legend([handles[name] for name in labels], labels, loc="outside lower center", ncols=4)
    return fig


def _draw(ax: Axes, panel: Panel, colours: dict[str, str]) -> None:
    for curve in panel.curves:
        ax.plot(
            np.asarray(curve.x, float),
            np.asarray(curve.y, float),
            curve.look,
            ms=4,
            mfc="none",
            color=colours[curve.label],
            label=curve.label,
        )
    if "x" in panel.log:
        ax.set_xscale("log")
    if "y" in panel.log:
        ax.set_yscale("log")
    if panel.downward:
        ax.invert_yaxis()
    ax.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
