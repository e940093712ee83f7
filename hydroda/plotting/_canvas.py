"""What every figure shares: style, words, axes, files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import xarray as xr

from hydroda.errors import DataError, HydrodaError
from hydroda.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# Okabe & Ito (2008), "Color Universal Design": told apart with any colour vision.
PALETTE = MappingProxyType(
    {
        "black": "#000000",
        "orange": "#E69F00",
        "sky": "#56B4E9",
        "green": "#009E73",
        "yellow": "#F0E442",
        "blue": "#0072B2",
        "vermilion": "#D55E00",
        "purple": "#CC79A7",
    }
)
GREY = "#7F7F7F"
CURVES = [PALETTE[name] for name in ("blue", "vermilion", "green", "purple", "orange", "black")]
DASHES = ["-", "--", "-.", ":"]

_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.6,
    "axes.formatter.useoffset": False,
}

# --- words -------------------------------------------------------------------------------------


def pretty_unit(unit: str) -> str:
    """`unit` as it is printed: "m3 m-3" is "m³ m⁻³", "log10(m s-1)" is "log₁₀(m s⁻¹)"."""
    if unit in ("", "1"):
        return "–"
    words = {"degC": "°C", "celsius": "°C", "percent": "%", "degree": "°", "kelvin": "K"}
    text = " ".join(words.get(word, word) for word in unit.split())
    raised = re.sub(r"(?<!log)(?<=[A-Za-z%)])(?:\^|\*\*)?(-?\d+)", _superscript, text)
    return raised.replace("log10", "log₁₀")


def _superscript(match: re.Match[str]) -> str:
    return match[1].translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def axis_label(data: xr.DataArray, fallback: str = "value") -> str:
    """Name and unit of `data` for an axis, from its attributes `long_name` and `units`."""
    return " ".join(_name_and_unit(data, fallback))


def _name_and_unit(data: xr.DataArray, fallback: str) -> tuple[str, str]:
    words = str(data.attrs.get("long_name") or data.name or fallback).replace("_", " ")
    unit = pretty_unit(str(data.attrs.get("units", "")))
    return words[:1].upper() + words[1:], f"[{unit}]" if "(" in unit else f"({unit})"


# --- figures -----------------------------------------------------------------------------------


def installed() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise HydrodaError(
            "figures need matplotlib, which is not installed: pip install 'hydroda[plot]'"
        ) from None
    return matplotlib


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """`draw` in the style of hydroda, the user's settings back in place afterwards."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with installed().rc_context(_STYLE):
            return draw(*args, **kwargs)

    return styled


def canvas(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """The figure and axes to draw into; `size` [inch] where they are new."""
    if ax is not None:
        return ax.get_figure(), ax  # type: ignore[return-value]
    from matplotlib.figure import Figure

    fig = Figure(figsize=size, layout="constrained")
    return fig, fig.subplots()


def legend(fig: Figure, axes: Sequence[Axes], own: bool, columns: int = 4) -> None:
    """The legend outside the axes of our own figure, inside those of someone else's."""
    if not own:
        for ax in axes:
            if ax.get_legend_handles_labels()[0]:
                ax.legend()
        return
    pairs = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    if pairs:
        handles, labels = zip(*pairs, strict=True)
        fig.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), columns))


def time_axis(ax: Axes, data: xr.DataArray) -> None:
    """Dates that do not overlap, or a plain axis where time is counted."""
    if not np.issubdtype(data["time"].dtype, np.datetime64):
        ax.set_xlabel(axis_label(data["time"], "time"))
    else:
        dates_axis(ax)


def dates_axis(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlabel("Time (UTC)")


def value_axis(ax: Axes, data: xr.DataArray, fallback: str = "value") -> None:
    """The vertical label, its unit on a second line where one would outgrow the axis."""
    name, unit = _name_and_unit(data, fallback)
    ax.set_ylabel(f"{name} {unit}" if len(name + unit) <= 36 else f"{name}\n{unit}")


def log_axis(ax: Axes) -> None:
    """A logarithmic vertical axis with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def depth_axis(ax: Axes) -> None:
    if not ax.yaxis_inverted():
        ax.invert_yaxis()
    ax.set_ylabel("Depth (m)")


def title(ax: Axes, data: xr.DataArray) -> None:
    """The station the data are of, where they say so."""
    if "station" in data.coords and data["station"].ndim == 0:
        ax.set_title(str(data["station"].values))


def expect(data: xr.DataArray, name: str, *dims: str, optional: Sequence[str] = ()) -> xr.DataArray:
    """`data` with `dims` first and those of `optional` it has after them.

    Raises
    ------
    DataError
        It lacks one of `dims`, or has another one.
    """
    missing = [dim for dim in dims if dim not in data.dims]
    if missing:
        raise DataError(f"{name} must have the dimension {' and '.join(map(repr, missing))}")
    other = [str(dim) for dim in data.dims if dim not in (*dims, *optional)]
    if other:
        raise DataError(
            f"{name} has the dimension {' and '.join(map(repr, other))}, which this figure cannot "
            f"show: choose one entry, as in .isel({other[0]}=0)"
        )
    return data.transpose(*dims, *(dim for dim in optional if dim in data.dims))


def cell_edges(centres: np.ndarray) -> np.ndarray:
    """Edges halfway between `centres`; a single one gets an arbitrary width."""
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


@styled
def save(fig: Figure, path: str | Path, *, dpi: float = 150) -> Path:
    """The path `fig` was written to, in the format of its ending; never half a file.

    Raises
    ------
    HydrodaError
        matplotlib cannot write that format.
    DataError
        The folder cannot be written to.
    """
    path = Path(path)
    known = fig.canvas.get_supported_filetypes()
    kind = path.suffix.lstrip(".").lower()
    if kind not in known:
        raise HydrodaError(
            f"path must end in one of .{', .'.join(sorted(known))}; got {path.name!r}"
        )
    with replacing(path) as temporary:
        fig.savefig(temporary, format=kind, dpi=dpi)
    return path


def time_edges(time: np.ndarray) -> np.ndarray:
    if not np.issubdtype(time.dtype, np.datetime64):
        return cell_edges(time.astype(float))
    if time.size == 1:
        half = np.timedelta64(12, "h")
        return np.array([time[0] - half, time[0] + half])
    edges: np.ndarray = time[0] + cell_edges((time - time[0]).astype(float)).astype(
        "timedelta64[ns]"
    )
    return edges
