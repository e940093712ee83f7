"""Figures from labelled data: every function returns the matplotlib Figure it has drawn.

Pass `ax` to draw into a figure of your own; without it a new one is made. Nothing is shown and no
global setting of matplotlib is changed. Needs the extra `hydroda[plot]`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hydroda.errors import DataError, HydrodaError
from hydroda.files import replacing
from hydroda.units import Amount, instant, magnitude
from hydroda.verification import SCORES, chi2_interval, flatness

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
_CURVES = [PALETTE[name] for name in ("blue", "vermilion", "green", "purple", "orange", "black")]
_DASHES = ["-", "--", "-.", ":"]

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


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise HydrodaError(
            "figures need matplotlib, which is not installed: pip install 'hydroda[plot]'"
        ) from None
    return matplotlib


def _styled(draw: Callable[P, R]) -> Callable[P, R]:
    """`draw` in the style of hydroda, the user's settings back in place afterwards."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with _matplotlib().rc_context(_STYLE):
            return draw(*args, **kwargs)

    return styled


def _axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """The figure and axes to draw into; `size` [inch] where they are new."""
    if ax is not None:
        return ax.get_figure(), ax  # type: ignore[return-value]
    from matplotlib.figure import Figure

    fig = Figure(figsize=size, layout="constrained")
    return fig, fig.subplots()


def _legend(fig: Figure, axes: Sequence[Axes], own: bool, columns: int = 4) -> None:
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


def _time_axis(ax: Axes, data: xr.DataArray) -> None:
    """Dates that do not overlap, or a plain axis where time is counted."""
    if not np.issubdtype(data["time"].dtype, np.datetime64):
        ax.set_xlabel(axis_label(data["time"], "time"))
        return
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlabel("Time (UTC)")


def _value_axis(ax: Axes, data: xr.DataArray, fallback: str = "value") -> None:
    """The vertical label, its unit on a second line where one would outgrow the axis."""
    name, unit = _name_and_unit(data, fallback)
    ax.set_ylabel(f"{name} {unit}" if len(name + unit) <= 36 else f"{name}\n{unit}")


def _log_axis(ax: Axes) -> None:
    """A logarithmic vertical axis with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _depth_axis(ax: Axes) -> None:
    if not ax.yaxis_inverted():
        ax.invert_yaxis()
    ax.set_ylabel("Depth (m)")


def _title(ax: Axes, data: xr.DataArray) -> None:
    """The station the data are of, where they say so."""
    if "station" in data.coords and data["station"].ndim == 0:
        ax.set_title(str(data["station"].values))


def _expect(
    data: xr.DataArray, name: str, *dims: str, optional: Sequence[str] = ()
) -> xr.DataArray:
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


def _edges(centres: np.ndarray) -> np.ndarray:
    """Edges halfway between `centres`; a single one gets an arbitrary width."""
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


@_styled
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


# --- series ------------------------------------------------------------------------------------


@_styled
def time_series(
    run: xr.DataArray,
    *,
    label: str = "assimilation",
    open_loop: xr.DataArray | None = None,
    observations: xr.DataArray | None = None,
    withheld: xr.DataArray | None = None,
    refused: xr.DataArray | None = None,
    error_sd: float | xr.DataArray | None = None,
    truth: xr.DataArray | None = None,
    forecast_from: Any = None,
    flagged: xr.DataArray | None = None,
    ax: Axes | None = None,
) -> Figure:
    """One place through time: ensemble mean and 5-95 % band, a second run, observations.

    `run` and `open_loop` (time[, member]); `observations` were assimilated, `withheld` were not,
    both with `error_sd` [their unit] as bars; `refused` may not be used. From `forecast_from` on
    the background is shaded; where `flagged` (time) is true it is hatched.
    """
    run = _expect(run, "run", "time", optional=("member",))
    fig, axes = _axes(ax, (8.0, 3.6))
    if open_loop is not None:
        open_loop = _expect(open_loop, "open_loop", "time", optional=("member",))
        _ensemble(axes, open_loop, "open loop", GREY, "--")
    _ensemble(axes, run, label, PALETTE["blue"], "-")
    if truth is not None:
        truth = _expect(truth, "truth", "time")
        axes.plot(truth["time"], truth, color=PALETTE["black"], lw=1.2, ls=":", label="truth")
    for points, name, marker, colour in (
        (observations, "observed, assimilated", "o", PALETTE["vermilion"]),
        (withheld, "observed, withheld", "D", PALETTE["purple"]),
    ):
        if points is not None:
            _observed(axes, _expect(points, name, "time"), error_sd, name, marker, colour)
    if flagged is not None:
        _hatched(axes, _expect(flagged, "flagged", "time"))
    if forecast_from is not None:
        from matplotlib.dates import date2num

        ends = date2num([instant(forecast_from, "forecast_from"), run["time"].values[-1]])
        axes.axvspan(*ends, color=PALETTE["yellow"], alpha=0.25, lw=0, label="forecast")
    axes.margins(x=0.01)
    if refused is not None:
        _refused(axes, _expect(refused, "refused", "time"))
    _value_axis(axes, run)
    _time_axis(axes, run)
    _title(axes, run)
    _legend(fig, [axes], ax is None, columns=3)
    return fig


def _ensemble(ax: Axes, data: xr.DataArray, label: str, colour: str, dash: str) -> None:
    """Mean as a line, the middle 90 % of the members as a band."""
    time = data["time"].values
    if "member" not in data.dims:
        ax.plot(time, data, color=colour, ls=dash, label=label)
        return
    low, _, high = _quantiles(data, "member")
    ax.fill_between(
        time, low, high, color=colour, alpha=0.22, lw=0, label=f"{label}, 5–95 % of members"
    )
    ax.plot(time, data.mean("member"), color=colour, ls=dash, label=f"{label}, mean")


def _quantiles(data: xr.DataArray, dim: str) -> np.ndarray:
    """The 5, 50 and 95 % quantiles (3, time) over `dim`; a time without values stays empty."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        return np.asarray(data.quantile([0.05, 0.5, 0.95], dim).values, dtype=np.float64)


def _observed(
    ax: Axes,
    points: xr.DataArray,
    error_sd: float | xr.DataArray | None,
    name: str,
    marker: str,
    colour: str,
) -> None:
    """Points with bars of one standard deviation; hollow where they were not assimilated."""
    there = points.dropna("time")
    if there.size == 0:
        return
    bars = None if error_sd is None else (there * 0 + error_sd).values
    ax.errorbar(
        there["time"].values,
        there.values,
        bars,
        fmt=marker,
        ms=4.0 if there.size < MANY_POINTS else 1.5,
        color=colour,
        mfc="white" if marker == "D" else colour,
        elinewidth=0.8 if there.size < MANY_POINTS else 0.2,
        label=name if error_sd is None else f"{name} (± 1 sd)",
    )


def _refused(ax: Axes, points: xr.DataArray) -> None:
    """What may not be used; it can be absurd and does not set the scale."""
    there, limits = points.dropna("time"), ax.get_ylim()
    if there.size:
        ax.plot(there["time"], there, "x", ms=3, mew=0.6, color=GREY, label="observed, refused")
        ax.set_ylim(limits)


# More points than this are drawn small.
MANY_POINTS = 250


def _hatched(ax: Axes, flagged: xr.DataArray) -> None:
    """Hatching over each run of flagged times, half a step wider on both sides."""
    time = flagged["time"].values
    flags = np.concatenate([[False], flagged.values.astype(bool), [False]])
    starts, ends = np.flatnonzero(flags[1:] & ~flags[:-1]), np.flatnonzero(~flags[1:] & flags[:-1])
    half = np.median(np.diff(time)) / 2 if time.size > 1 else time[0] - time[0]
    label: str | None = "flagged"
    for start, end in zip(time[starts] - half, time[ends - 1] + half, strict=True):
        ax.axvspan(start, end, fc="none", ec=GREY, hatch="////", lw=0, alpha=0.6, label=label)
        label = None


@_styled
def parameter_history(
    parameter: xr.DataArray,
    *,
    prior: xr.DataArray | None = None,
    truth: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A parameter (time, member) through time: mean ± 1 sd, against its `prior` (member).

    Without `prior` the first time is it.
    """
    parameter = _expect(parameter, "parameter", "time", "member")
    prior = parameter.isel(time=0) if prior is None else _expect(prior, "prior", "member")
    fig, axes = _axes(ax, (7.0, 3.4))
    time, mean, sd = (
        parameter["time"].values,
        parameter.mean("member"),
        parameter.std("member", ddof=1),
    )
    middle, reach = float(prior.mean()), float(prior.std(ddof=1))
    axes.axhspan(middle - reach, middle + reach, color=GREY, alpha=0.2, lw=0, label="prior, ± 1 sd")
    axes.axhline(middle, color=GREY, ls="--", label="prior, mean")
    axes.fill_between(
        time,
        mean - sd,
        mean + sd,
        color=PALETTE["blue"],
        alpha=0.25,
        lw=0,
        label="estimate, ± 1 sd",
    )
    axes.plot(time, mean, color=PALETTE["blue"], label="estimate, mean")
    if truth is not None:
        axes.axhline(truth, color=PALETTE["black"], lw=1.0, ls=":", label="truth")
    _value_axis(axes, parameter)
    axes.margins(x=0.01)
    _time_axis(axes, parameter)
    _title(axes, parameter)
    _legend(fig, [axes], ax is None, columns=5)
    return fig


@_styled
def inflation_history(
    inflation: xr.DataArray,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Inflation (time[, column]) through time, its bounds, and when it met them.

    With columns: median and 5-95 % of them. The axis is logarithmic where inflation varies by more
    than a factor of 20.
    """
    inflation = _expect(inflation, "inflation", "time", optional=("column",))
    columns = "column" in inflation.dims
    fig, axes = _axes(ax, (7.0, 3.2))
    time = inflation["time"].values
    several = inflation if columns else inflation.expand_dims("column")
    low, middle, high = _quantiles(several, "column")
    if columns:
        axes.fill_between(
            time, low, high, color=PALETTE["blue"], alpha=0.22, lw=0, label="5–95 % of columns"
        )
    axes.plot(
        time,
        middle,
        color=PALETTE["blue"],
        marker=".",
        ms=3,
        label="median" if columns else "inflation",
    )
    for bound, word, colour in (
        (at_least, "lower", PALETTE["orange"]),
        (at_most, "upper", PALETTE["vermilion"]),
    ):
        if bound is not None:
            _bound(axes, inflation, bound, word, colour)
    positive = inflation.where(inflation > 0)
    if float(positive.max() / positive.min()) > 20:
        _log_axis(axes)
    _value_axis(axes, inflation, "inflation")
    axes.margins(x=0.01)
    _time_axis(axes, inflation)
    _title(axes, inflation)
    _legend(fig, [axes], ax is None, columns=2)
    return fig


def _bound(ax: Axes, inflation: xr.DataArray, bound: float, word: str, colour: str) -> None:
    """A line at the bound, a tick at each time it was met; the legend says how often."""
    met = abs(inflation - bound) <= abs(inflation) * 1e-9
    share = f"met {int(met.sum())} times of {int(inflation.notnull().sum())}"
    ax.axhline(bound, color=colour, ls="--", lw=1.0, label=f"{word} bound {bound:g}, {share}")
    times = inflation["time"].values[met.any([dim for dim in met.dims if dim != "time"]).values]
    ax.plot(times, np.full(times.size, bound), "|", ms=6, color=colour)


@_styled
def innovation_history(
    innovation: xr.DataArray,
    expected_sd: xr.DataArray,
    *,
    outlier: xr.DataArray | None = None,
    window: int = 10,
    ax: tuple[Axes, Axes] | None = None,
) -> Figure:
    """Innovations against the ± 2 sd they should have, and below the running mean of χ².

    `innovation`, `expected_sd` = √(H P Hᵀ + R) and `outlier` (bool) are (time[, station]). Several
    stations are shown in units of their `expected_sd`. χ² is averaged over `window` times; its band
    holds 95 % of independent innovations. Above it the ensemble is overconfident.
    """
    innovation = _expect(innovation, "innovation", "time", optional=("station",))
    fig, (upper, lower) = _two_panels(ax)
    normal = innovation / expected_sd
    outlier = xr.zeros_like(innovation, bool) if outlier is None else outlier.astype(bool)
    if "station" in innovation.dims:
        shown = normal.assign_attrs(long_name="innovation / expected sd", units="1")
        reach = xr.full_like(innovation["time"], 2, dtype=np.float64)
    else:
        shown, reach = innovation, 2 * expected_sd
    time = innovation["time"].values
    upper.fill_between(
        time, -reach, reach, color=GREY, alpha=0.2, lw=0, step=None, label="± 2 expected sd"
    )
    upper.axhline(0, color=GREY, lw=0.8)
    _innovations(upper, shown.where(~outlier), "o", PALETTE["blue"], "assimilated")
    _innovations(upper, shown.where(outlier), "x", PALETTE["vermilion"], "outlier")
    _value_axis(upper, shown, "innovation")
    upper.tick_params(labelbottom=False)
    _running_chi2(lower, normal.where(~outlier), window)
    upper.margins(x=0.01)
    _time_axis(lower, innovation)
    _title(upper, innovation)
    _legend(fig, (upper, lower), ax is None, columns=3)
    return fig


def _two_panels(axes: tuple[Axes, Axes] | None) -> tuple[Figure, tuple[Axes, Axes]]:
    if axes is not None:
        return axes[0].get_figure(), axes  # type: ignore[return-value]
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8.0, 4.8), layout="constrained")
    upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    return fig, (upper, lower)


def _innovations(ax: Axes, values: xr.DataArray, marker: str, colour: str, label: str) -> None:
    flat = values.stack(point=values.dims).dropna("point")
    if flat.size:
        number = f"{label} ({flat.size})"
        ax.plot(flat["time"].values, flat.values, marker, ms=3.5, color=colour, label=number)


def _running_chi2(ax: Axes, normal: xr.DataArray, window: int) -> None:
    """The mean of the squared normalized innovations over `window` times, and its 95 % band."""
    others = [dim for dim in normal.dims if dim != "time"]
    total, n = (normal**2).sum(others), normal.notnull().sum(others)
    size = min(window, normal.sizes["time"])
    sums = total.rolling(time=size, center=True, min_periods=1).sum()
    counts = n.rolling(time=size, center=True, min_periods=1).sum()
    counts = counts.where(counts > 0)
    time, band = normal["time"].values, chi2_interval(counts)
    ax.fill_between(
        time, band["low"], band["high"], color=PALETTE["green"], alpha=0.2, lw=0,
        label="95 % if errors are as declared",
    )  # fmt: skip
    ax.axhline(1, color=PALETTE["green"], lw=0.8)
    ax.plot(
        time,
        sums / counts,
        color=PALETTE["black"],
        label=f"χ² of the assimilated, mean over {size} times",
    )
    _log_axis(ax)
    ax.set_ylabel("Normalized χ² (–)")


# --- space -------------------------------------------------------------------------------------


@_styled
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
    profile = _expect(profile, "profile", "time", "layer")
    if "depth" not in profile.coords:
        raise DataError("profile needs the coordinate depth (layer) [m]")
    fig, axes = _axes(ax, (8.0, 3.6))
    profile = _gaps_shown(profile)
    depth = profile["depth"].values.astype(float)
    if "thickness" in profile.coords:
        half = profile["thickness"].values / 2
        edges = np.append(depth - half, depth[-1] + half[-1])
    else:
        edges = np.maximum(_edges(depth), 0)
    bottom = edges[-1] if down_to is None else magnitude(down_to, "m", "down_to")
    seen = profile.isel(layer=edges[:-1] < bottom)
    mesh = axes.pcolormesh(
        _time_edges(profile["time"].values),
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
        table = _expect(water_table, "water_table", "time")
        axes.plot(table["time"].values, table, color=PALETTE["vermilion"], label="water table")
    if len(observed_depths):
        axes.plot(
            np.zeros(len(observed_depths)), observed_depths, ">", color=PALETTE["vermilion"], ms=7,
            transform=axes.get_yaxis_transform(), clip_on=False, label="observed depth",
        )  # fmt: skip
    axes.set_ylim(bottom, edges[0])
    axes.set_ylabel("Depth (m)")
    _time_axis(axes, profile)
    _title(axes, profile)
    _legend(fig, [axes], ax is None)
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


def _time_edges(time: np.ndarray) -> np.ndarray:
    if not np.issubdtype(time.dtype, np.datetime64):
        return _edges(time.astype(float))
    if time.size == 1:
        half = np.timedelta64(12, "h")
        return np.array([time[0] - half, time[0] + half])
    edges: np.ndarray = time[0] + _edges((time - time[0]).astype(float)).astype("timedelta64[ns]")
    return edges


@_styled
def weights_with_depth(
    weights: xr.DataArray, *, observed_depth: float | None = None, ax: Axes | None = None
) -> Figure:
    """Weights (layer[, scheme]) against `depth` (layer) [m]: of a sensor, or of a localization."""
    weights = _expect(weights, "weights", "layer", optional=("scheme",))
    fig, axes = _axes(ax, (4.2, 4.4))
    curves = weights if "scheme" in weights.dims else weights.expand_dims("scheme", axis=1)
    several = "scheme" in weights.dims
    for i in range(curves.sizes["scheme"]):
        axes.plot(
            curves.isel(scheme=i).values,
            weights["depth"].values,
            marker="o",
            ms=3.5,
            color=_CURVES[i % len(_CURVES)],
            ls=_DASHES[i % len(_DASHES)],
            label=str(curves["scheme"].values[i]) if several else None,
        )
    if observed_depth is not None:
        axes.axhline(observed_depth, color=GREY, lw=1.0, ls=":", label="observed depth")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=min(0.0, float(weights.min())))
    axes.set_xlabel(axis_label(weights, "weight"))
    _depth_axis(axes)
    _title(axes, weights)
    _legend(fig, [axes], ax is None, columns=2)
    return fig


@_styled
def map_stations(
    stations: xr.Dataset | xr.DataArray,
    assimilated: xr.DataArray,
    *,
    background: xr.DataArray | None = None,
    radius: Amount | None = None,
    cmap: Any = None,
    ax: Axes | None = None,
) -> Figure:
    """Stations at their coordinates `x`, `y` (station) [m]: assimilated or withheld.

    `background` (y, x), a map such as elevation; `radius` draws the reach of the localization
    around the assimilated stations. Up to fifteen stations are named.
    """
    reach = None if radius is None else magnitude(radius, "m", "radius") / 1000
    x, y = (stations[name].values / 1000 for name in ("x", "y"))
    window = _map_window(x, y, background)
    fig, axes = _axes(ax, _map_size(*window))
    if background is not None:
        field = _expect(background, "background", "y", "x")
        mesh = axes.pcolormesh(
            _edges(field["x"].values / 1000), _edges(field["y"].values / 1000), field.values,
            cmap=_light_greys() if cmap is None else cmap, rasterized=True,
        )  # fmt: skip
        fig.colorbar(mesh, ax=axes, label=axis_label(field), shrink=0.8)
    used = assimilated.values.astype(bool)
    if reach is not None:
        _circles(axes, x[used], y[used], reach)
    for chosen, marker, colour, name in (
        (used, "o", PALETTE["vermilion"], "assimilated"),
        (~used, "D", PALETTE["blue"], "withheld"),
    ):
        face = colour if name == "assimilated" else "white"
        label = f"{name} ({int(chosen.sum())})"
        axes.plot(
            x[chosen],
            y[chosen],
            marker,
            ms=6,
            color=colour,
            mfc=face,
            mew=1.3,
            label=label,
            zorder=3,
        )
    if "station" in stations.coords and x.size <= 15:
        _name_stations(axes, x, y, stations["station"].values)
    axes.set_xlim(*window[0])
    axes.set_ylim(*window[1])
    axes.set_aspect("equal")
    axes.set_xlabel("x (km)")
    axes.set_ylabel("y (km)")
    _scale_bar(axes)
    _legend(fig, [axes], ax is None)
    return fig


def _map_window(
    x: np.ndarray, y: np.ndarray, background: xr.DataArray | None
) -> list[tuple[float, float]]:
    """West, east and south, north edge [km]: the background, or the stations with a margin."""
    if background is not None:
        cells = (_edges(background[name].values / 1000) for name in ("x", "y"))
        return [(float(edges.min()), float(edges.max())) for edges in cells]
    margin = max(0.1 * float(max(np.ptp(x), np.ptp(y))), 0.5)
    return [(float(v.min()) - margin, float(v.max()) + margin) for v in (x, y)]


def _map_size(east: tuple[float, float], north: tuple[float, float]) -> tuple[float, float]:
    """A figure [inch] of the shape of the map, with room for labels and a colour bar."""
    width, height = east[1] - east[0], north[1] - north[0]
    scale = min(6.5 / width, 4.6 / height)
    return max(width * scale + 1.6, 4.2), max(height * scale + 1.0, 2.4)


def _light_greys() -> Any:
    """White to middle grey, on which the symbols stand out."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("light greys", ["#FFFFFF", "#9A9A9A"])


def _circles(ax: Axes, x: np.ndarray, y: np.ndarray, radius: float) -> None:
    from matplotlib.patches import Circle

    colour = PALETTE["vermilion"]
    for place in zip(x, y, strict=True):
        ax.add_patch(Circle(place, radius, fc="none", ec=colour, lw=0.9, ls="--"))
    ax.plot([], [], color=colour, lw=0.9, ls="--", label=f"reach {radius:g} km")


def _name_stations(ax: Axes, x: np.ndarray, y: np.ndarray, names: np.ndarray) -> None:
    from matplotlib.patheffects import withStroke

    for place_x, place_y, name in zip(x, y, names, strict=True):
        left = place_x > x.min() + 0.75 * np.ptp(x)
        ax.annotate(
            str(name), (place_x, place_y), (-5 if left else 5, 4), textcoords="offset points",
            ha="right" if left else "left", fontsize=7.5,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


def _scale_bar(ax: Axes) -> None:
    """A bar of a round length, about a fifth of the map, in the lower right corner."""
    from matplotlib.patheffects import withStroke

    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    fifth = (right - left) / 5
    power = 10.0 ** np.floor(np.log10(fifth))
    length = max(step * power for step in (1, 2, 5) if step * power <= fifth)
    end, height = right - 0.04 * (right - left), low + 0.04 * (high - low)
    halo = [withStroke(linewidth=5, foreground="white")]
    ax.plot([end - length, end], [height, height], color="black", lw=2.5, path_effects=halo)
    ax.annotate(
        f"{length:g} km", (end - length / 2, height), (0, 4), textcoords="offset points",
        ha="center", path_effects=halo,
    )  # fmt: skip


# --- scores ------------------------------------------------------------------------------------


@_styled
def rank_histogram(counts: xr.DataArray, *, ax: Axes | None = None) -> Figure:
    """`verification.rank_histogram` as bars, with the range 95 % of flat histograms' bars lie in.

    A hump: too much spread; a bowl: too little; a slope: bias.
    """
    from matplotlib.ticker import MaxNLocator

    counts = _expect(counts, "counts", "rank")
    fig, axes = _axes(ax, (5.6, 3.4))
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
    _legend(fig, [axes], ax is None)
    return fig


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


@_styled
def spread_skill(table: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """`verification.spread_skill_binned`: error against the error the spread promises.

    On the diagonal the ensemble is reliable, above it overconfident.
    """
    fig, axes = _axes(ax, (4.6, 4.6))
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
    _legend(fig, [axes], ax is None)
    return fig


@_styled
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
    fig, axes = _axes(ax, (0.085 * right[-1] + 0.3, 0.24 * (len(rows) + 1) + 0.25))
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


@_styled
def intervals(ours: xr.DataArray, published: xr.DataArray, *, ax: Axes | None = None) -> Figure:
    """Our means with their intervals beside published ones, two lines per row.

    Both are (row, bound) with the bounds "low", "mean" and "high".
    """
    ours, published = (
        _expect(ours, "ours", "row", "bound"),
        _expect(published, "published", "row", "bound"),
    )
    fig, axes = _axes(ax, (8.0, 0.55 * ours.sizes["row"] + 1.2))
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
    _legend(fig, [axes], ax is None)
    return fig
