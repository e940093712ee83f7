"""Through time: an ensemble with its observations, parameters, inflation, innovations."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hydroda.plotting._canvas import (
    CURVES,
    DASHES,
    GREY,
    PALETTE,
    canvas,
    expect,
    legend,
    log_axis,
    styled,
    time_axis,
    title,
    value_axis,
)
from hydroda.units import instant
from hydroda.verification import chi2_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
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
    run = expect(run, "run", "time", optional=("member",))
    fig, axes = canvas(ax, (8.0, 3.6))
    if open_loop is not None:
        open_loop = expect(open_loop, "open_loop", "time", optional=("member",))
        _ensemble(axes, open_loop, "open loop", GREY, "--")
    _ensemble(axes, run, label, PALETTE["blue"], "-")
    if truth is not None:
        truth = expect(truth, "truth", "time")
        axes.plot(truth["time"], truth, color=PALETTE["black"], lw=1.2, ls=":", label="truth")
    for points, name, marker, colour in (
        (observations, "observed, assimilated", "o", PALETTE["vermilion"]),
        (withheld, "observed, withheld", "D", PALETTE["purple"]),
    ):
        if points is not None:
            _observed(axes, expect(points, name, "time"), error_sd, name, marker, colour)
    if flagged is not None:
        _hatched(axes, expect(flagged, "flagged", "time"))
    if forecast_from is not None:
        from matplotlib.dates import date2num

        ends = date2num([instant(forecast_from, "forecast_from"), run["time"].values[-1]])
        axes.axvspan(*ends, color=PALETTE["yellow"], alpha=0.25, lw=0, label="forecast")
    axes.margins(x=0.01)
    if refused is not None:
        _refused(axes, expect(refused, "refused", "time"))
    value_axis(axes, run)
    time_axis(axes, run)
    title(axes, run)
    legend(fig, [axes], ax is None, columns=3)
    return fig


@styled
def series_beside(
    runs: xr.DataArray, observed: xr.DataArray | None = None, *, ax: Axes | None = None
) -> Figure:
    """Several runs (run, time) through time, and what was observed (time) as points."""
    runs = expect(runs, "runs", "run", "time")
    fig, axes = canvas(ax, (8.0, 3.6))
    for i, name in enumerate(runs["run"].values):
        axes.plot(
            runs["time"],
            runs.sel(run=name),
            color=CURVES[i % len(CURVES)],
            ls=DASHES[i % len(DASHES)],
            label=str(name),
        )
    if observed is not None:
        observed = expect(observed, "observed", "time")
        axes.plot(
            observed["time"], observed, "o", ms=4, color=PALETTE["vermilion"], label="observed"
        )
    axes.margins(x=0.01)
    value_axis(axes, runs)
    time_axis(axes, runs)
    title(axes, runs)
    legend(fig, [axes], ax is None, columns=4)
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


@styled
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
    parameter = expect(parameter, "parameter", "time", "member")
    prior = parameter.isel(time=0) if prior is None else expect(prior, "prior", "member")
    fig, axes = canvas(ax, (7.0, 3.4))
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
    value_axis(axes, parameter)
    axes.margins(x=0.01)
    time_axis(axes, parameter)
    title(axes, parameter)
    legend(fig, [axes], ax is None, columns=5)
    return fig


@styled
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
    inflation = expect(inflation, "inflation", "time", optional=("column",))
    columns = "column" in inflation.dims
    fig, axes = canvas(ax, (7.0, 3.2))
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
        log_axis(axes)
    value_axis(axes, inflation, "inflation")
    axes.margins(x=0.01)
    time_axis(axes, inflation)
    title(axes, inflation)
    legend(fig, [axes], ax is None, columns=2)
    return fig


def _bound(ax: Axes, inflation: xr.DataArray, bound: float, word: str, colour: str) -> None:
    """A line at the bound, a tick at each time it was met; the legend says how often."""
    met = abs(inflation - bound) <= abs(inflation) * 1e-9
    share = f"met {int(met.sum())} times of {int(inflation.notnull().sum())}"
    ax.axhline(bound, color=colour, ls="--", lw=1.0, label=f"{word} bound {bound:g}, {share}")
    times = inflation["time"].values[met.any([dim for dim in met.dims if dim != "time"]).values]
    ax.plot(times, np.full(times.size, bound), "|", ms=6, color=colour)


@styled
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
    innovation = expect(innovation, "innovation", "time", optional=("station",))
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
    value_axis(upper, shown, "innovation")
    upper.tick_params(labelbottom=False)
    _running_chi2(lower, normal.where(~outlier), window)
    upper.margins(x=0.01)
    time_axis(lower, innovation)
    title(upper, innovation)
    legend(fig, (upper, lower), ax is None, columns=3)
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
    log_axis(ax)
    ax.set_ylabel("Normalized χ² (–)")
