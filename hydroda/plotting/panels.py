"""Curves side by side: any x and y with their own words, as verification needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hydroda.plotting._canvas import GREY, PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
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


# So many labels have colours of their own; where there are more, each panel has its own legend.
COLOURS = [PALETTE[name] for name in ("blue", "vermilion", "green", "purple", "orange", "sky")]
COLOURS.append(GREY)


@styled
def panels(drawn: Sequence[Panel], *, columns: int = 3) -> Figure:
    """The panels in rows. A label has one colour, in all panels where they share a legend.

    What is called "exact" is black.
    """
    from matplotlib.figure import Figure as New

    columns = min(columns, len(drawn))
    rows = -(-len(drawn) // columns)
    labels = _labels(drawn)
    shared = len(labels) <= len(COLOURS) + 1
    height = 3.1 if shared else 4.0
    fig = New(figsize=(3.5 * columns + 0.3, height * rows + 0.6), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in zip(axes, drawn, strict=False):
        _draw(ax, panel, _colours(labels if shared else _labels([panel])))
        if not shared:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=7)
    for ax in axes[len(drawn) :]:
        ax.set_axis_off()
    if shared:
        pairs = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
        handles = {label: handle for handle, label in reversed(pairs)}
        fig.legend([handles[name] for name in labels], labels, loc="outside lower center", ncols=4)
    return fig


def _labels(drawn: Sequence[Panel]) -> list[str]:
    return list(dict.fromkeys(curve.label for panel in drawn for curve in panel.curves))


def _colours(labels: Sequence[str]) -> dict[str, str]:
    others = [label for label in labels if label != "exact"]
    colours = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(others)}
    return {"exact": PALETTE["black"], **colours}


def _draw(ax: Axes, panel: Panel, colours: dict[str, str]) -> None:
    named: set[str] = set()
    for curve in panel.curves:
        ax.plot(
            np.asarray(curve.x, float),
            np.asarray(curve.y, float),
            curve.look,
            ms=4,
            mfc="none",
            color=colours[curve.label],
            label=None if curve.label in named else curve.label,
        )
        named.add(curve.label)
    if "x" in panel.log:
        ax.set_xscale("log")
        _plain(ax.xaxis, ax.get_xlim())
    if "y" in panel.log:
        ax.set_yscale("log")
        _plain(ax.yaxis, ax.get_ylim())
    if panel.downward:
        ax.invert_yaxis()
    ax.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)


def _plain(axis: Axis, limits: tuple[float, float]) -> None:
    """Plain numbers, at 1, 2 and 5 where the axis is short."""
    from matplotlib.ticker import LogLocator, NullFormatter

    short = limits[1] / limits[0] < 100.0
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())
