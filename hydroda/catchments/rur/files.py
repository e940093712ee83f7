"""Maps and wells of one's own, from CF NetCDF or CSV, in place of what is made.

A map is NetCDF over (y, x) [m in UTM zone 32] or (latitude, longitude), or CSV with columns x and
y, or lon and lat, and one per field: `elevation` [m]; `sand`, `clay` [%], `bulk_density` [g cm-3];
`log10_Ks` [log10(m s-1)]; `land_use` (crop, grass, broadleaf, needleleaf, built, mine, or 0 to 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from hydroda.catchments.rur.ground import Ground, LandUse
from hydroda.catchments.rur.projection import UTM32
from hydroda.catchments.rur.stations import CRNS, MERGED
from hydroda.catchments.rur.terrain import Terrain, connected, drained
from hydroda.catchments.rur.wells import Wells
from hydroda.errors import DataError
from hydroda.obs.formats import read
from hydroda.obs.records import Records

Array = NDArray[np.float64]

OTHER_NAMES = {"lat": "latitude", "lon": "longitude"}


def points(path: str, *names: str) -> pd.DataFrame:
    """A row per point of the file that has the fields `names`, with x and y [m].

    Raises
    ------
    DataError
        There is no such file, it cannot be read, or lacks a field or its places.
    """
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}")
    frame = _from_csv(path) if Path(path).suffix == ".csv" else _from_netcdf(path, names)
    missing = [name for name in names if name not in frame]
    if missing:
        have = ", ".join(map(str, frame.columns))
        raise DataError(f"{path} lacks {', '.join(missing)}; it has {have}")
    if not {"x", "y"} <= set(frame.columns):
        if not {"longitude", "latitude"} <= set(frame.columns):
            raise DataError(
                f"{path} has no places: give x and y [m, UTM zone 32], or longitude and latitude"
            )
        frame["x"], frame["y"] = UTM32.plane(frame["longitude"], frame["latitude"])
    found = frame[["x", "y", *names]].dropna()
    if found.empty:
        raise DataError(f"{path} has no point with {', '.join(names)}")
    return found.reset_index(drop=True)


def _from_csv(path: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, comment="#").rename(columns=OTHER_NAMES)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _from_netcdf(path: str, names: tuple[str, ...]) -> pd.DataFrame:
    try:
        with xr.open_dataset(path) as opened:
            data = opened.rename({k: v for k, v in OTHER_NAMES.items() if k in opened.variables})
            if not set(names) & set(map(str, data.data_vars)):
                return pd.DataFrame(columns=list(map(str, data.variables)))
            wanted = [name for name in (*names, "longitude", "latitude") if name in data.variables]
            return data[wanted].load().to_dataframe().reset_index()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _number(frame: pd.DataFrame, name: str, path: str, low: float, high: float, unit: str) -> Array:
    """A field as numbers within what nature allows."""
    try:
        values = frame[name].to_numpy(float)
    except (TypeError, ValueError):
        raise DataError(f"{name} of {path} must be numbers; got {frame[name].iloc[0]!r}") from None
    wrong = ~((values >= low) & (values <= high))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(
            f"{name} of {path} must lie in {low:g}..{high:g} {unit}; got {values[at]:g} at "
            f"x = {frame['x'][at]:.0f} m, y = {frame['y'][at]:.0f} m ({int(wrong.sum())} points)"
        )
    return values


# ------------------------------------------------------------------------------------- the terrain


def terrain_from(path: str, cell: float) -> Terrain:
    """Heights of cells of `cell` [m], means of the points in them; half of these must be there.

    Ways that are barred are cut through, so that all water comes to the lowest cell of the rim.

    Raises
    ------
    DataError
        As `points`, or the points lie further apart than a cell.
    """
    frame = points(path, "elevation")
    values = _number(frame, "elevation", path, -500.0, 9000.0, "m")
    x, y = frame["x"].to_numpy(float), frame["y"].to_numpy(float)
    spacing = _spacing(x, y)
    if spacing > 1.01 * cell:
        raise DataError(
            f"points of {path} lie {spacing:.0f} m apart, cells are to be {cell:g} m; "
            f"give cell='{np.ceil(spacing):.0f} m' or finer heights"
        )
    x0, y0 = x.min() - 0.5 * spacing, y.min() - 0.5 * spacing
    place, row = ((x - x0) // cell).astype(int), ((y - y0) // cell).astype(int)
    shape = (row.max() + 1, place.max() + 1)
    at = row * shape[1] + place
    count = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(at, values, minlength=shape[0] * shape[1]).reshape(shape)
    mask = connected(count >= 0.5 * (cell / spacing) ** 2)
    if not mask.any():
        raise DataError(f"{path} has no cell of {cell:g} m that is half full of points")
    return drained(total / np.maximum(count, 1), mask, cell, float(x0), float(y0))


def _spacing(x: Array, y: Array) -> float:
    """Distance [m] of a point to the next, the median."""
    if x.size < 2:
        return np.inf
    away, _ = cKDTree(np.stack([x, y], axis=-1)).query(np.stack([x, y], axis=-1), k=[2])
    return float(np.median(away))


def on_columns(frame: pd.DataFrame, values: ArrayLike, terrain: Terrain, path: str) -> Array:
    """Values (point,) at the columns: of the nearest point, at most two cells or spacings away.

    Raises
    ------
    DataError
        A column has no point near it.
    """
    places = np.stack([frame["x"], frame["y"]], axis=-1)
    found: Any = cKDTree(places).query(np.stack(terrain.places, axis=-1))
    away, nearest = found
    spacing = _spacing(places[:, 0], places[:, 1])
    reach = 2.0 * max(terrain.cell, spacing if np.isfinite(spacing) else 0.0)
    far = away > reach
    if far.any():
        raise DataError(
            f"{path} leaves {int(far.sum())} of {away.size} columns without a value: the farthest "
            f"is {away.max() / 1e3:.1f} km from a point"
        )
    return np.asarray(values, float)[nearest]


# ----------------------------------------------------------------------------------- on the columns


def soil_from(path: str, terrain: Terrain) -> dict[str, Array]:
    """Mean sand and clay [%], and density [g cm-3] where the file has it (column,)."""
    frame = points(path, "sand", "clay")
    sand = _number(frame, "sand", path, 0.0, 100.0, "%")
    clay = _number(frame, "clay", path, 0.0, 100.0, "%")
    if (sand + clay > 100.0 + 1e-6).any():
        worst = float((sand + clay).max())
        raise DataError(f"sand and clay of {path} must leave silt; together they are {worst:g} %")
    found = {"sand": sand, "clay": clay}
    known = (
        _from_csv(path) if Path(path).suffix == ".csv" else _from_netcdf(path, ("bulk_density",))
    )
    if "bulk_density" in known:
        dense = points(path, "sand", "clay", "bulk_density")
        density = _number(dense, "bulk_density", path, 0.3, 2.5, "g cm-3")
        found_there = {"density": on_columns(dense, density, terrain, path)}
    else:
        found_there = {}
    return {k: on_columns(frame, v, terrain, path) for k, v in found.items()} | found_there


def aquifer_from(path: str, terrain: Terrain) -> Array:
    """log10 of K_s [m s-1] of the aquifer (column,)."""
    frame = points(path, "log10_Ks")
    values = _number(frame, "log10_Ks", path, -14.0, 0.0, "log10(m s-1)")
    return on_columns(frame, values, terrain, path)


def land_use_from(path: str, terrain: Terrain) -> NDArray[np.int64]:
    """Use of land (column,)."""
    frame = points(path, "land_use")
    known = {use.name.lower(): int(use) for use in LandUse} | {str(int(u)): int(u) for u in LandUse}
    words = frame["land_use"].astype(str).str.lower().str.removesuffix(".0")
    unknown = sorted(set(words) - set(known))
    if unknown:
        wanted = ", ".join(use.name.lower() for use in LandUse)
        raise DataError(f"land_use of {path} has {unknown[0]!r}; wanted {wanted}")
    return on_columns(frame, words.map(known).to_numpy(float), terrain, path).astype(np.int64)


def ground_with(ground: Ground, **maps: Array) -> Ground:
    """A ground with some of its maps replaced."""
    return Ground(**(vars(ground) | maps))


# ------------------------------------------------------------------------------------- observations


def wells_from(path: str, about: str | None) -> Wells:
    """Wells of a file of groundwater levels; `about` is CSV: station, aquifer, depth [m].

    Without `about` all are taken for unconfined and their depth for that of their median reading.
    """
    records = read(path, "UTC")
    if "groundwater_level" not in records.units:
        raise DataError(f"{path} has no groundwater_level; it has {', '.join(records.units)}")
    records = records.select(quantities=["groundwater_level"]).in_units({"groundwater_level": "m"})
    records = _placed(records, path)
    places = records.stations
    if about is None:
        middle = records.values.groupby("station")["value"].median().reindex(places.index)
        return Wells(records, places.assign(aquifer="unconfined", depth=middle))
    table = _from_csv(about)
    missing = [name for name in ("station", "aquifer", "depth") if name not in table]
    if missing:
        raise DataError(f"{about} lacks {', '.join(missing)}; it has {', '.join(table.columns)}")
    table = table.astype({"station": str}).set_index("station")
    return Wells(records, table[["aquifer", "depth"]].reindex(places.index).join(places))


def crns_from(path: str) -> Records:
    """Soil moisture of neutron sensors; those of Table 1 have their places, others bring theirs.

    The two of Rollesbroich become one, the mean of both.
    """
    records = read(path, "UTC")
    if "soil_moisture" not in records.units:
        raise DataError(f"{path} has no soil_moisture; it has {', '.join(records.units)}")
    records = records.select(quantities=["soil_moisture"]).in_units({"soil_moisture": "m3 m-3"})
    values = records.values.assign(station=records.values["station"].replace(MERGED))
    keys = ["time", "end", "station", "quantity", "depth", "flag"]
    merged = values.groupby(keys, dropna=False, as_index=False).agg(value=("value", "mean"))
    own = {station.name: (station.x, station.y) for station in CRNS}
    known = _placed(records, path, {*own, *MERGED}).stations
    places = pd.DataFrame(
        {
            name: own[name] if name in own else tuple(known.loc[name, ["x", "y"]])
            for name in dict.fromkeys(merged["station"])
        },
        index=["x", "y"],
    ).T
    return Records.of(merged, records.units, places, records.attributes, "UTC")


def towers_from(path: str, known: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """x and y [m] by the names of the towers of a file; those `known` need not bring theirs."""
    records = read(path, "UTC")
    measured = records.select(quantities=["evapotranspiration"]) if records.units else records
    stations = _placed(measured, path, set(known)).stations
    own = {str(name): (float(row["x"]), float(row["y"])) for name, row in stations.iterrows()}
    return {name: known.get(name, place) for name, place in own.items()}


def _placed(records: Records, path: str, known: set[str] | None = None) -> Records:
    """The records with x and y [m] of all stations but the `known`."""
    stations = records.stations.copy()
    if not {"x", "y"} <= set(stations) and {"lon", "lat"} <= set(stations):
        stations["x"], stations["y"] = UTM32.plane(stations["lon"], stations["lat"])
    for name in ("x", "y"):
        if name not in stations:
            stations[name] = np.nan
    nowhere = stations.index[stations[["x", "y"]].isna().any(axis=1)]
    lost = [name for name in nowhere if name not in (known or set())]
    if lost:
        raise DataError(
            f"{path} has no place for station {lost[0]!r}; give x and y [m, UTM zone 32], or lon "
            "and lat, beside it"
        )
    return Records(records.values, records.units, stations, records.attributes)
