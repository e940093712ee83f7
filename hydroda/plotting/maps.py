"""In space: stations on their map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hydroda.plotting._canvas import (
    PALETTE,
    axis_label,
    canvas,
    cell_edges,
    expect,
    legend,
    styled,
)
from hydroda.units import Amount, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
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
    fig, axes = canvas(ax, _map_size(*window))
    if background is not None:
        field = expect(background, "background", "y", "x")
        mesh = axes.pcolormesh(
            *(cell_edges(field[name].values / 1000) for name in ("x", "y")), field.values,
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
    legend(fig, [axes], ax is None)
    return fig


def _map_window(
    x: np.ndarray, y: np.ndarray, background: xr.DataArray | None
) -> list[tuple[float, float]]:
    """West, east and south, north edge [km]: the background, or the stations with a margin."""
    if background is not None:
        cells = (cell_edges(background[name].values / 1000) for name in ("x", "y"))
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
