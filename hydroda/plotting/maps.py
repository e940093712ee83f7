"""In space: stations and networks on their map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.errors import DataError
from hydroda.obs.network import ObservationNetwork
from hydroda.obs.records import Records
from hydroda.plotting._canvas import (
    CURVES,
    PALETTE,
    axis_label,
    canvas,
    cell_edges,
    expect,
    legend,
    styled,
)
from hydroda.sphere import EARTH_RADIUS
from hydroda.units import Amount, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More stations than this stand without their names.
MANY_STATIONS = 15
_MARKERS = ("o", "s", "^", "D", "v", "P")


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
    fig, axes, window = _empty_map(x, y, background, cmap, ax)
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
    if "station" in stations.coords and x.size <= MANY_STATIONS:
        _name_stations(axes, x, y, stations["station"].values)
    _finish_map(axes, (x, y), window, ("x (km)", "y (km)"))
    legend(fig, [axes], ax is None)
    return fig


@styled
def map_network(
    network: ObservationNetwork | Records,
    *,
    background: xr.DataArray | None = None,
    radius: Amount | None = None,
    cmap: Any = None,
    ax: Axes | None = None,
) -> Figure:
    """The stations of a network by what they observe: filled where assimilated, hollow if withheld.

    Of records, which know nothing of that, all are filled. Places are x and y [m], or lon and lat
    [degree] in a plane around their mean. `background`, `radius` and names as in `map_stations`.

    Raises
    ------
    DataError
        A station has no place, or some have x and y and some lon and lat.
    """
    reach = None if radius is None else magnitude(radius, "m", "radius") / 1000
    places = _places(network)
    x, y, labels = _plane(places)
    fig, axes, window = _empty_map(x, y, background, cmap, ax)
    used = places["assimilated"].to_numpy(bool)
    if reach is not None:
        _circles(axes, x[used], y[used], reach)
    known = isinstance(network, ObservationNetwork)
    for number, kind in enumerate(dict.fromkeys(places["kind"])):
        for chosen, role, hollow in ((used, ", assimilated", False), (~used, ", withheld", True)):
            rows = chosen & (places["kind"] == kind).to_numpy()
            if rows.any():
                colour, name = CURVES[number % len(CURVES)], str(kind).replace("_", " ")
                axes.plot(
                    x[rows], y[rows], _MARKERS[number % len(_MARKERS)], color=colour, zorder=3,
                    # Kinds at one place lie around each other.
                    ms=max(9.0 - 2.0 * number, 4.0), mfc="white" if hollow else colour, mew=1.3,
                    label=f"{name}{role if known else ''} ({int(rows.sum())})",
                )  # fmt: skip
    single = places.drop_duplicates("station").index
    if single.size <= MANY_STATIONS:
        _name_stations(axes, x[single], y[single], places["station"].to_numpy()[single])
    _finish_map(axes, (x, y), window, labels)
    legend(fig, [axes], ax is None, columns=2)
    return fig


def _places(network: ObservationNetwork | Records) -> pd.DataFrame:
    """A row per station and quantity: station, kind, assimilated and what is known of its place."""
    if isinstance(network, Records):
        table = network.values[["station", "quantity"]].drop_duplicates(ignore_index=True)
        table = table.rename(columns={"quantity": "kind"}).assign(assimilated=True)
        return table.join(network.stations, on="station")
    rows = [
        {
            "station": sensor.station,
            "kind": sensor.quantity,
            "assimilated": not network.validates(sensor),
            **{name: getattr(sensor, name) for name in ("x", "y", "lon", "lat")},
        }
        for sensor in network.sensors
    ]
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def _plane(places: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """x and y [km] of the stations, and what the axes are."""
    for pair in (("x", "y"), ("lon", "lat")):
        if set(pair) <= set(places) and places[list(pair)].notna().all(axis=None):
            first, second = (places[name].to_numpy(float) for name in pair)
            if pair == ("x", "y"):
                return first / 1000, second / 1000, ("x (km)", "y (km)")
            lon, lat = first.mean(), second.mean()
            degree = np.deg2rad(EARTH_RADIUS) / 1000  # of latitude [km]
            east = degree * np.cos(np.deg2rad(lat)) * (first - lon)
            words = f"East of {lon:.3f}° longitude (km)", f"North of {lat:.3f}° latitude (km)"
            return east, degree * (second - lat), words
    known = [name for name in ("x", "y", "lon", "lat") if name in places]
    lacking = places["station"][~places[known].notna().any(axis=1)] if known else places["station"]
    raise DataError(
        f"station {lacking.iloc[0]!r} has no place; give x and y, or lon and lat"
        if len(lacking)
        else "a map needs x and y of every station, or lon and lat of every one"
    )


def _empty_map(
    x: np.ndarray, y: np.ndarray, background: xr.DataArray | None, cmap: Any, ax: Axes | None
) -> tuple[Figure, Axes, list[tuple[float, float]]]:
    """Figure, axes and window [km] of a map, with its background."""
    window = _map_window(x, y, background)
    fig, axes = canvas(ax, _map_size(*window))
    if background is not None:
        field = expect(background, "background", "y", "x")
        mesh = axes.pcolormesh(
            *(cell_edges(field[name].values / 1000) for name in ("x", "y")), field.values,
            cmap=_light_greys() if cmap is None else cmap, rasterized=True,
        )  # fmt: skip
        fig.colorbar(mesh, ax=axes, label=axis_label(field), shrink=0.8)
    return fig, axes, window


def _finish_map(
    ax: Axes,
    stations: tuple[np.ndarray, np.ndarray],
    window: list[tuple[float, float]],
    labels: tuple[str, str],
) -> None:
    ax.set_xlim(*window[0])
    ax.set_ylim(*window[1])
    ax.set_aspect("equal")
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    _scale_bar(ax, *stations)


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


def _scale_bar(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """A bar of a round length, about a fifth of the map, in the corner farthest from stations."""
    from matplotlib.patheffects import withStroke

    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    fifth = (right - left) / 5
    power = 10.0 ** np.floor(np.log10(fifth))
    length = max(step * power for step in (1, 2, 5) if step * power <= fifth)
    corners = [(right - 0.04 * (right - left), low), (left + 0.04 * (right - left) + length, low)]
    corners += [(end, high - 0.1 * (high - low)) for end, _ in corners]
    free = [np.hypot(x - end + length / 2, y - height).min() for end, height in corners]
    end, height = corners[int(np.argmax(free))]
    height += 0.04 * (high - low)
    halo = [withStroke(linewidth=5, foreground="white")]
    ax.plot([end - length, end], [height, height], color="black", lw=2.5, path_effects=halo)
    ax.annotate(
        f"{length:g} km", (end - length / 2, height), (0, 4), textcoords="offset points",
        ha="center", path_effects=halo,
    )  # fmt: skip
