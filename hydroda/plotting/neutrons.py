"""Cosmic-ray neutrons: from counts to moisture, and where the neutrons come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hydroda.obs.neutrons import (
    Revised,
    footprint_radius,
    horizontal_weight,
    pressure_stretch,
    rescaled_distance,
)
from hydroda.plotting._canvas import (
    CURVES,
    DASHES,
    GREY,
    PALETTE,
    dates_axis,
    depth_axis,
    legend,
    styled,
)
from hydroda.units import Amount, Duration, duration, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FACTORS = {
    "f_pressure": "air pressure",
    "f_humidity": "air humidity",
    "f_incoming": "incoming",
    "f_vegetation": "vegetation",
}
# Metres from the sensor to which W_r is drawn.
NEAREST, FARTHEST = 0.1, 600.0


@styled
def counts_to_moisture(
    hourly: pd.DataFrame,
    means: pd.DataFrame,
    *,
    samples: pd.DataFrame | None = None,
    station: str = "",
) -> Figure:
    """Raw counts, what each correction does, corrected counts, moisture with its error: 4 panels.

    `hourly` and `means` are what `NeutronProcessing` gives by these names. `samples`, indexed by
    time, has the `moisture` [m3 m-3] of soil samples weighted as the sensor sees them and may have
    its standard `error`. Means of too few hours are left out.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8.0, 8.4), layout="constrained")
    panels = fig.subplots(4, 1, sharex=True, height_ratios=[2, 2, 2, 3])
    good = means[means["flag"] == ""].reindex(means.index)
    daily = hourly[["counts", *FACTORS]].resample("1D").mean()
    _raw(panels[0], hourly["counts"], daily["counts"])
    _factors(panels[1], daily)
    _band(panels[2], good["corrected"], good["corrected_sd"], "corrected")
    panels[2].set_ylabel("Corrected counts\n(h⁻¹)")
    _band(panels[3], good["moisture"], good["moisture_sd"], "moisture")
    panels[3].set_ylabel("Soil moisture (m³ m⁻³)")
    if samples is not None:
        _samples(panels[3], samples)
    _sensible(panels[3], good["moisture"], samples)
    for ax in panels:
        ax.margins(x=0.01)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    dates_axis(panels[-1])
    panels[0].set_title(station)
    return fig


def _raw(ax: Axes, counts: pd.Series, daily: pd.Series) -> None:
    ax.plot(counts.index, counts, ",", color=PALETTE["sky"], alpha=0.5, rasterized=True)
    ax.plot([], [], ".", color=PALETTE["sky"], label="hour")
    ax.plot(daily.index, daily, color=PALETTE["black"], lw=0.8, label="day")
    low, high = np.nanquantile(counts, [0.001, 0.999])
    ax.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    ax.set_ylabel("Raw counts\n(h⁻¹)")


def _factors(ax: Axes, daily: pd.DataFrame) -> None:
    """Each factor as the mean of its days; one that is 1 throughout was not corrected for."""
    for number, (column, name) in enumerate(FACTORS.items()):
        factor = daily[column]
        word = f"{name} (none)" if (factor.dropna() == 1.0).all() else name
        ax.plot(factor.index, factor, color=CURVES[number], ls=DASHES[number], lw=0.9, label=word)
    ax.axhline(1.0, color=GREY, lw=0.6)
    ax.set_ylabel("Factor of the\ncorrection (–)")


def _band(ax: Axes, mean: pd.Series, sd: pd.Series, name: str) -> None:
    """A thin line in a full band: over years the band is narrower than what the days differ by."""
    ax.fill_between(
        mean.index, mean - sd, mean + sd, color=PALETTE["sky"], lw=0, alpha=0.9, label="± 1 sd"
    )
    ax.plot(mean.index, mean, color=PALETTE["black"], lw=0.5, label=name)


def _samples(ax: Axes, samples: pd.DataFrame) -> None:
    bars = samples.get("error")
    label = "soil samples" if bars is None else "soil samples\n(± standard error)"
    ax.errorbar(
        samples.index, samples["moisture"], bars, fmt="D", ms=6, color=PALETTE["vermilion"],
        mec="black", elinewidth=1.6, capsize=3, zorder=4, label=label,
    )  # fmt: skip


def _sensible(ax: Axes, moisture: pd.Series, samples: pd.DataFrame | None) -> None:
    """Limits that a few absurd days, of snow or of a failing counter, do not set."""
    values = moisture.dropna()
    if samples is not None:
        values = pd.concat([values, samples["moisture"] * 1.1])
    if len(values):
        ax.set_ylim(0.0, 1.25 * float(np.quantile(values, 0.995)))


@styled
def footprint(
    moistures: Sequence[float] = (0.05, 0.4),
    *,
    bulk_density: Amount = "1400 kg m-3",
    humidity: Amount = "5 g m-3",
    pressure: Amount = "101325 Pa",
    ax: tuple[Axes, Axes] | None = None,
) -> Figure:
    """Weights of a cosmic-ray sensor with depth and with distance, in dry and wet soil.

    Both as parts of the signal per metre. Lines mark the depth D86 and the radius R86 out of
    which 86 % of the neutrons come. Schrön et al. 2017, App. A, doi:10.5194/hess-21-5009-2017.
    """
    density = magnitude(bulk_density, "kg m-3", "bulk_density")
    vapour, air = magnitude(humidity, "g m-3", "humidity"), magnitude(pressure, "Pa", "pressure")
    fig, (left, right) = _two_columns(ax)
    weighting = Revised(bulk_density=bulk_density, pressure=pressure)
    depth, distance = np.linspace(0.0, 0.8, 400), np.geomspace(NEAREST, FARTHEST, 600)
    for number, moisture in enumerate(moistures):
        style: dict[str, Any] = {
            "color": CURVES[number % len(CURVES)],
            "ls": DASHES[number % len(DASHES)],
        }
        reach = float(weighting.reach(moisture))
        with_depth = weighting.weight(depth, reach) * 2.0 / reach
        left.plot(with_depth, depth, label=f"moisture {moisture:g} m³ m⁻³", **style)
        left.axhline(reach, lw=0.9, **style)
        left.annotate(
            f"D86 {100 * reach:.0f} cm", (1.0, reach), (-2, 2), ha="right", color=style["color"],
            xycoords=left.get_yaxis_transform(), textcoords="offset points",
        )  # fmt: skip
        right.plot(distance, _with_distance(distance, moisture, vapour, air), **style)
        radius = footprint_radius(moisture, vapour, air)
        right.axvline(radius, lw=0.9, **style)
        right.annotate(
            f"R86 {radius:.0f} m", (radius, 0.98 - 0.08 * number), (-3, 0), ha="right", va="top",
            xycoords=right.get_xaxis_transform(), textcoords="offset points",
            color=style["color"],
        )  # fmt: skip
    left.set_xlim(left=0)
    left.set_ylim(0.0, float(depth[-1]))
    left.set_xlabel("Weight with depth (m⁻¹)")
    depth_axis(left)
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlim(NEAREST, FARTHEST)
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.set_xlabel("Distance (m)")
    right.set_ylabel("Weight with distance (m⁻¹)")
    left.set_title(
        f"{density:.0f} kg m⁻³ of soil, {vapour:.2g} g m⁻³ of vapour", fontweight="normal"
    )
    legend(fig, [left], ax is None)
    return fig


def _with_distance(
    distance: np.ndarray, moisture: float, humidity: float, air: float
) -> np.ndarray:
    """W_r [m-1] at `distance` [m], of integral 1 to the end of the footprint."""
    edges = np.linspace(0.0, FARTHEST * float(pressure_stretch(air)), 20_001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    whole = horizontal_weight(rescaled_distance(middle, air), humidity, moisture)
    part = horizontal_weight(rescaled_distance(distance, air), humidity, moisture)
    return np.asarray(part / (whole.sum() * (edges[1] - edges[0])))


def _two_columns(axes: tuple[Axes, Axes] | None) -> tuple[Figure, tuple[Axes, Axes]]:
    if axes is not None:
        return axes[0].get_figure(), axes  # type: ignore[return-value]
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8.0, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2)
    return fig, (left, right)


@styled
def sampled_days(
    means: pd.DataFrame, samples: pd.DataFrame, *, around: Duration = "30 D", station: str = ""
) -> Figure:
    """Daily moisture with bars of one standard deviation about each sampling, and its samples.

    `means` and `samples` as in `counts_to_moisture`: over years the bars are too short to be seen.
    """
    from matplotlib.figure import Figure

    reach = pd.Timedelta(duration(around, "around"))
    fig = Figure(figsize=(max(4.0 * len(samples), 5.0), 3.6), layout="constrained")
    panels = fig.subplots(1, len(samples), sharey=True, squeeze=False)[0]
    good = means[means["flag"] == ""]
    middle = good.index + (means.index[1] - means.index[0]) / 2
    for ax, time in zip(panels, samples.index, strict=True):
        near = abs(middle - time) <= reach
        ax.errorbar(
            middle[near], good["moisture"][near], good["moisture_sd"][near], fmt="o", ms=3,
            color=PALETTE["blue"], elinewidth=1.0, label="day (± 1 sd of counting)",
        )  # fmt: skip
        _samples(ax, samples.loc[[time]])
        dates_axis(ax)
    panels[0].set_ylabel("Soil moisture (m³ m⁻³)")
    panels[0].set_title(station)
    legend(fig, panels[:1], True)
    return fig
