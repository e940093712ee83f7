"""Sensors: where an instrument stands, how wrong it is, and what it would read in each member.

A new sensor is a frozen dataclass that says its `quantity` (the word an `Update` names), its `unit`
and its `depth`, and writes `predict`:

>>> @dataclass(frozen=True, kw_only=True)
... class SnowPillow(Sensor):
...     quantity, unit, depth, bounds = "snow_water", "mm", 0.0, (0.0, 5000.0)
...
...     def predict(self, ensemble):
...         return self.read(ensemble, "snow_water")
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.obs.cosmic import Cosmic, CosmicProfile
from hydroda.obs.neutrons import (
    WATER_DENSITY,
    Average,
    Revised,
    Weighting,
    desilets_counts,
)
from hydroda.sphere import great_circle
from hydroda.units import Amount, Duration, convert, duration, magnitude

Array = NDArray[np.float64]

DRY_COLUMN = "water_table_depth"


@dataclass(frozen=True, kw_only=True)
class Sensor(ABC):
    """An instrument at a `station`; the author of a sensor writes `depth` and `predict`.

    The place is `x` and `y` in the projection of the model, or `lon` and `lat` [degree]; neither is
    needed in a model of one column. `within` is the distance to the nearest column that still
    counts as inside (default: the distance between columns there). The error of a value is `sd`,
    `relative` times the value and `representativeness`, added as variances; a series may carry the
    standard deviation of each value in place of the first two. `every` is how often a twin reads
    the sensor.
    """

    station: str
    x: Amount | None = None
    y: Amount | None = None
    lon: float | None = None
    lat: float | None = None
    sd: Amount | None = None
    relative: float = 0.0
    representativeness: Amount | None = None
    every: Duration | None = None
    within: Amount | None = None

    bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    validates_only: ClassVar[bool] = False

    if TYPE_CHECKING:  # what a subclass declares, as class attribute, field or property

        @property
        def quantity(self) -> str: ...
        @property
        def unit(self) -> str: ...
        @property
        def depth(self) -> Any: ...

    def __post_init__(self) -> None:
        self._check_declaration()
        amounts = {"x": "m", "y": "m", "within": "m"}
        amounts |= {"sd": self.unit, "representativeness": self.unit} | self.amounts()
        for name, unit in amounts.items():
            self._normalise(name, unit)
        if self.every is not None:
            object.__setattr__(self, "every", duration(self.every, f"every of {self}"))
        for name in ("sd", "representativeness", "within"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise DeclarationError(f"{name} of {self} must be positive; got {value!r}")
        if self.relative < 0:
            raise DeclarationError(
                f"relative of {self} must not be negative; got {self.relative!r}"
            )

    def amounts(self) -> dict[str, str]:
        """Further fields that are amounts, with the unit each is kept in."""
        return {}

    def _check_declaration(self) -> None:
        own = {each.name for each in fields(self)}
        for name in ("quantity", "unit", "depth"):
            if name not in own and not hasattr(type(self), name):
                raise DeclarationError(
                    f"the sensor class {type(self).__name__} must say its {name}, "
                    f"for example {name} = {'0.0' if name == 'depth' else repr('…')}"
                )
        for pair in (("x", "y"), ("lon", "lat")):
            first, second = (getattr(self, name) for name in pair)
            if second is not None and first is None:
                raise DeclarationError(f"{self} has {pair[1]} but no {pair[0]}; give both")
        if (self.lon is None) != (self.lat is None):
            raise DeclarationError(f"{self} needs both lon and lat")
        if self.lat is not None and not -90 <= self.lat <= 90:
            raise DeclarationError(f"lat of {self} must lie in [-90, 90] degree; got {self.lat!r}")

    def _normalise(self, name: str, unit: str) -> None:
        value = getattr(self, name)
        if value is None:
            return
        object.__setattr__(self, name, magnitude(value, unit, f"{name} of {self}"))

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.station!r}"

    # --- what the sensor reads ---

    @abstractmethod
    def predict(self, ensemble: xr.Dataset) -> Array:
        """What the sensor would read in every member (member,) [`unit`]."""

    def weights(self, ensemble: xr.Dataset) -> Array | None:
        """Row of the linear observation operator over the layers (layer,); None if not linear."""
        return None

    def effective_depth(self, ensemble: xr.Dataset) -> float:
        """Depth [m] that stands for the observation in a vertical localization; NaN for none."""
        return float(self.depth)

    @property
    def error_known(self) -> bool:
        """Whether the sensor says itself how wrong a reading is."""
        return self.sd is not None or self.relative > 0 or self.representativeness is not None

    def error(self, value: Any, own: Any = np.nan) -> Array:
        """Standard deviation [`unit`] of readings; `own` is what the series says of each, or NaN.

        Raises
        ------
        DeclarationError
            Neither the sensor nor the series says how wrong a reading is.
        """
        value, own = np.asarray(value, float), np.asarray(own, float)
        declared = np.hypot(0.0 if self.sd is None else self.sd, self.relative * value)
        basis = np.where(np.isnan(own), declared, own)
        total = np.hypot(basis, self.representativeness or 0.0)
        if np.any(total[np.isfinite(value)] <= 0):
            raise DeclarationError(
                f"{self} needs an error: give sd='… {self.unit}' or a series with its own errors"
            )
        return np.asarray(total)

    # --- where it reads ---

    def column(self, ensemble: xr.Dataset) -> int:
        """Number of the nearest column.

        Raises
        ------
        DeclarationError
            The station lies outside the domain, or has no place in a domain of several columns.
        """
        columns = ensemble.sizes.get("column", 1)
        distance = self._distances(ensemble)
        if distance is None:
            if columns > 1:
                raise DeclarationError(
                    f"{self} needs x and y: the domain has {columns} columns to choose from"
                )
            return 0
        nearest = int(np.argmin(distance))
        allowed = self._allowed(ensemble, nearest)
        if not distance[nearest] <= allowed:
            raise DeclarationError(
                f"{self} lies outside the domain: its nearest column is {distance[nearest]:.4g} m "
                f"away, {allowed:.4g} m are allowed; mend its place or give within='… m'"
            )
        return nearest

    def place(self, ensemble: xr.Dataset) -> tuple[float, float]:
        """x and y [m] for the localization: its own, else those of its column; NaN for none."""
        if self.x is not None and self.y is not None:
            return float(self.x), float(self.y)
        column = self.column(ensemble)
        x, y = (
            float(ensemble[name].values.reshape(-1)[column]) if name in ensemble.coords else np.nan
            for name in ("x", "y")
        )
        return x if self.x is None else float(self.x), y

    def read(self, ensemble: xr.Dataset, name: str, unit: str | None = None) -> Array:
        """Variable `name` at the column of the sensor, (member,) or (member, layer) [`unit`].

        Without `unit` in the unit of the sensor.

        Raises
        ------
        DeclarationError
            The model does not give this variable.
        UnitError
            Its unit cannot be converted.
        """
        if name not in ensemble:
            known = ", ".join(sorted(map(str, ensemble.data_vars)))
            raise DeclarationError(f"{self} reads {name!r}, which the model lacks; it has {known}")
        variable = ensemble[name].variable
        if "column" in variable.dims:
            variable = variable.isel(column=self.column(ensemble))
        values = variable.transpose("member", ...).values
        wanted = self.unit if unit is None else unit
        return convert(values, variable.attrs.get("units", wanted), wanted, f"{name} for {self}")

    def _distances(self, ensemble: xr.Dataset) -> Array | None:
        """Distance of every column [m]; None for a sensor without a place."""
        if self.x is not None and "x" in ensemble.coords:
            east = ensemble["x"].values.reshape(-1) - float(self.x)
            if self.y is None or "y" not in ensemble.coords:
                return np.abs(east)
            return np.hypot(east, ensemble["y"].values.reshape(-1) - float(self.y))
        if self.lon is not None and self.lat is not None and "lon" in ensemble.coords:
            lon, lat = (ensemble[name].values.reshape(-1) for name in ("lon", "lat"))
            return great_circle(lon, lat, self.lon, self.lat)
        if ensemble.sizes.get("column", 1) > 1 and (self.x is not None or self.lon is not None):
            pair = "x and y" if self.x is not None else "lon and lat"
            raise DeclarationError(f"{self} has {pair}, but the columns of the model lack them")
        return None

    def _allowed(self, ensemble: xr.Dataset, column: int) -> float:
        """Distance [m] to its nearest column within which a station is inside the domain."""
        if self.within is not None:
            return float(self.within)
        if ensemble.sizes.get("column", 1) == 1:
            return np.inf
        names = ("x", "y") if self.x is not None else ("lon", "lat")
        place = {
            name: float(ensemble[name].values.reshape(-1)[column])
            for name in names
            if name in ensemble.coords
        }
        if names[0] == "x":
            offsets = [ensemble[name].values.reshape(-1) - place[name] for name in place]
            spacing = np.sqrt(np.sum(np.square(offsets), axis=0))
        else:
            lon, lat = (ensemble[name].values.reshape(-1) for name in names)
            spacing = great_circle(lon, lat, place["lon"], place["lat"])
        return float(np.min(spacing, where=spacing > 0, initial=np.inf))


def weighted(values: Array, weights: Array) -> Array:
    """Weighted sum over layers (member,).

    No matrix product: its last bit depends on how many members are held here.
    """
    return np.asarray((values * weights).sum(axis=-1))


def layer_faces(ensemble: xr.Dataset, sensor: Sensor) -> tuple[Array, Array]:
    """Top and bottom [m] of the layers, from the coordinates `depth` and `thickness`."""
    for name in ("depth", "thickness"):
        if name not in ensemble.coords:
            raise DeclarationError(
                f"{sensor} needs the coordinate {name!r} [m] of the model layers"
            )
    centre, half = ensemble["depth"].values, 0.5 * ensemble["thickness"].values
    return centre - half, centre + half


@dataclass(frozen=True, kw_only=True)
class PointSensor(Sensor):
    """A variable of the nearest column (or its layer at `depth`) as it is: for toy models.

    >>> PointSensor(station="17", x="17 m", quantity="x", unit="", sd="1")
    """

    quantity: str
    unit: str = ""
    depth: Amount | None = None
    variable: str | None = None

    def amounts(self) -> dict[str, str]:
        return {"depth": "m"}

    def effective_depth(self, ensemble: xr.Dataset) -> float:
        """The depth, or NaN where the variable has no layers."""
        return np.nan if self.depth is None else float(self.depth)

    def predict(self, ensemble: xr.Dataset) -> Array:
        """The variable (member,), linear between the layers where it has several."""
        values = self.read(ensemble, self.variable or self.quantity)
        if values.ndim == 1:
            return values
        return weighted(values, self._row(ensemble))

    def weights(self, ensemble: xr.Dataset) -> Array | None:
        """The row of the operator; None where the variable has no layers."""
        layered = "layer" in ensemble[self.variable or self.quantity].dims
        return self._row(ensemble) if layered else None

    def _row(self, ensemble: xr.Dataset) -> Array:
        if self.depth is None:
            raise DeclarationError(f"{self} needs a depth: {self.quantity!r} has layers")
        return interpolation_row(ensemble["depth"].values, float(self.depth))


def interpolation_row(nodes: Array, depth: float) -> Array:
    """Weights (layer,) of linear interpolation to `depth`; the outermost node beyond the nodes."""
    order = np.argsort(nodes)
    row = np.zeros(nodes.size)
    upper = int(np.clip(np.searchsorted(nodes[order], depth), 1, max(nodes.size - 1, 1)))
    if nodes.size == 1:
        return np.ones(1)
    low, high = order[upper - 1], order[upper]
    share = np.clip((depth - nodes[low]) / (nodes[high] - nodes[low]), 0.0, 1.0)
    row[low], row[high] = 1 - share, share
    return row


@dataclass(frozen=True, kw_only=True)
class SoilMoistureProbe(Sensor):
    """Soil moisture [m3 m-3] at a depth: linear between layer centres, or the mean of an `extent`.

    `extent` is the height of soil around `depth` over which the probe averages.
    """

    quantity: ClassVar[str] = "soil_moisture"
    unit: ClassVar[str] = "m3 m-3"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    depth: Amount
    extent: Amount | None = None
    variable: str = "theta"

    def amounts(self) -> dict[str, str]:
        return {"depth": "m", "extent": "m"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not float(self.depth) >= 0:
            raise DeclarationError(f"depth of {self} must not be negative; got {self.depth!r}")
        if self.extent is not None and not float(self.extent) > 0:
            raise DeclarationError(f"extent of {self} must be positive; got {self.extent!r}")

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Soil moisture at the probe (member,) [m3 m-3]."""
        return weighted(self.read(ensemble, self.variable), self.weights(ensemble))

    def weights(self, ensemble: xr.Dataset) -> Array:
        """Share of every layer in the reading (layer,).

        Raises
        ------
        DeclarationError
            The probe stands below the model's soil.
        """
        if "depth" not in ensemble.coords:
            raise DeclarationError(f"{self} needs the coordinate 'depth' [m] of the model layers")
        nodes = ensemble["depth"].values
        floor = nodes.max()
        if "thickness" in ensemble.coords:
            floor = layer_faces(ensemble, self)[1].max()
        if float(self.depth) > floor:
            raise DeclarationError(
                f"{self} at {self.depth!r} stands below the soil of the model, {floor:g} m deep"
            )
        if self.extent is None:
            return interpolation_row(nodes, float(self.depth))
        top, bottom = layer_faces(ensemble, self)
        upper = max(float(self.depth) - 0.5 * float(self.extent), 0.0)
        lower = float(self.depth) + 0.5 * float(self.extent)
        shared = np.clip(np.minimum(bottom, lower) - np.maximum(top, upper), 0.0, None)
        return np.asarray(shared / shared.sum())


@dataclass(frozen=True, kw_only=True)
class CosmicRayNeutron(Sensor):
    """Soil moisture [m3 m-3] of the footprint of a cosmic-ray neutron sensor.

    `weighting` averages the profile: `Revised()` by default, `Conventional()` as in Li's software.
    """

    quantity: ClassVar[str] = "soil_moisture"
    unit: ClassVar[str] = "m3 m-3"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    depth: ClassVar[float] = np.nan  # follows the moisture: see effective_depth

    weighting: Weighting = field(default_factory=Revised)
    variable: str = "theta"

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Weighted mean moisture (member,) [m3 m-3]."""
        return self.average(ensemble).mean

    def average(self, ensemble: xr.Dataset) -> Average:
        """Mean moisture, depth reached [m] (member,) and weights (member, layer)."""
        return self._averaged(self.read(ensemble, self.variable, "m3 m-3"), ensemble)

    def effective_depth(self, ensemble: xr.Dataset) -> float:
        """Centre of the weights [m] in the profile of the ensemble mean."""
        profile = self.read(ensemble, self.variable, "m3 m-3").mean(axis=0, keepdims=True)
        return float(self._averaged(profile, ensemble).weights[0] @ ensemble["depth"].values)

    def _averaged(self, moisture: Array, ensemble: xr.Dataset) -> Average:
        top, bottom = layer_faces(ensemble, self)
        order = np.argsort(top)
        rows = np.ascontiguousarray(np.atleast_2d(moisture)[:, order])
        mean, reach, weights = self.weighting.average(rows, top[order], bottom[order])
        return Average(mean, reach, weights[:, np.argsort(order)])


@dataclass(frozen=True, kw_only=True)
class NeutronCounts(CosmicRayNeutron):
    """Corrected neutron counts [h-1] over the weighted profile, through Desilets' curve.

    `n0` is the rate over dry soil, `lattice_water` and `organic_water` are [kg kg-1]. Desilets et
    al. 2010, doi:10.1029/2009WR008726.
    """

    quantity: ClassVar[str] = "neutron_counts"
    unit: ClassVar[str] = "h-1"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    n0: Amount
    bulk_density: Amount
    lattice_water: Amount = "0 kg/kg"
    organic_water: Amount = "0 kg/kg"

    def amounts(self) -> dict[str, str]:
        return {
            "n0": "h-1",
            "bulk_density": "kg m-3",
            "lattice_water": "kg kg-1",
            "organic_water": "kg kg-1",
        }

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Corrected counts (member,) [h-1]."""
        gravimetric = self.average(ensemble).mean * WATER_DENSITY / float(self.bulk_density)
        bound = float(self.lattice_water) + float(self.organic_water)
        return desilets_counts(gravimetric, float(self.n0), bound)


@dataclass(frozen=True, kw_only=True)
class CosmicCounts(Sensor):
    """Corrected neutron counts [h-1] straight from the profile, by COSMIC.

    `operator` has the parameters of the site. Shuttleworth et al. 2013,
    doi:10.5194/hess-17-3205-2013.
    """

    quantity: ClassVar[str] = "neutron_counts"
    unit: ClassVar[str] = "h-1"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    depth: ClassVar[float] = np.nan  # follows the moisture: see effective_depth

    operator: Cosmic
    variable: str = "theta"

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Corrected counts (member,) [h-1]."""
        order, bottom = self._downward(ensemble)
        return self.operator.counts(self._moisture(ensemble)[:, order], bottom)

    def profile(self, ensemble: xr.Dataset) -> CosmicProfile:
        """Counts, mean moisture, depth of 86 % [m] (member,) and weights (member, layer)."""
        order, bottom = self._downward(ensemble)
        profile = self.operator.profile(self._moisture(ensemble)[:, order], bottom)
        return profile._replace(weights=profile.weights[:, np.argsort(order)])

    def effective_depth(self, ensemble: xr.Dataset) -> float:
        """Centre of where the neutrons come from [m], in the profile of the ensemble mean."""
        order, bottom = self._downward(ensemble)
        mean = self._moisture(ensemble).mean(axis=0, keepdims=True)
        weights = self.operator.profile(mean[:, order], bottom).weights[0]
        return float(weights @ ensemble["depth"].values[order])

    def _moisture(self, ensemble: xr.Dataset) -> Array:
        return np.atleast_2d(self.read(ensemble, self.variable, "m3 m-3"))

    def _downward(self, ensemble: xr.Dataset) -> tuple[NDArray[np.int64], Array]:
        """The order of the layers from the top, and their lower faces [m] in it."""
        top, bottom = layer_faces(ensemble, self)
        order = np.argsort(top)
        return order, bottom[order]


@dataclass(frozen=True)
class ModelSurface:
    """The ground a water-table elevation is measured from is that of the model's column."""


@dataclass(frozen=True, kw_only=True)
class GroundwaterLevel(Sensor):
    """The water table in a well: depth below ground [m], or elevation [m] where `ground` is given.

    `ground` is the elevation of the ground at the well above `datum`, or `ModelSurface()`. One
    value per well, each member's own water table: the head repeated over layers would count one
    reading many times. `screen` is the depth of the filter: it only places the well in the
    vertical. A well stands for its cell within about 1 m, `representativeness`; None takes `sd`
    alone.
    """

    quantity: ClassVar[str] = "groundwater_level"
    unit: ClassVar[str] = "m"

    representativeness: Amount | None = "1 m"
    ground: Amount | ModelSurface | None = None
    datum: str = ""
    screen: Amount | None = None

    def amounts(self) -> dict[str, str]:
        return (
            {"screen": "m"}
            if isinstance(self.ground, ModelSurface)
            else {
                "screen": "m",
                "ground": "m",
            }
        )

    @property
    def depth(self) -> float:
        """Depth of the screen [m]; NaN, which localizes nowhere in the vertical, without one."""
        return np.nan if self.screen is None else float(self.screen)

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Water table (member,) [m]; a member that is dry to the bottom has it there."""
        table = self.read(ensemble, DRY_COLUMN)
        if not np.isfinite(table).all() and "thickness" in ensemble.coords:
            floor = layer_faces(ensemble, self)[1].max()
            table = np.where(np.isfinite(table), table, floor)
        if self.ground is None:
            return table
        return np.asarray(self._surface(ensemble) - table)

    def _surface(self, ensemble: xr.Dataset) -> float:
        if not isinstance(self.ground, ModelSurface):
            return float(self.ground)  # type: ignore[arg-type]
        if "elevation" not in ensemble.coords:
            raise DeclarationError(
                f"{self} measures from the model surface: the model needs a coordinate 'elevation'"
            )
        return float(ensemble["elevation"].values.reshape(-1)[self.column(ensemble)])


@dataclass(frozen=True, kw_only=True)
class Flux(Sensor):
    """Mean evapotranspiration over the forecast interval [mm d-1]: validates, is not assimilated.

    Reads what the forecast summed up [mm], over the seconds in `ensemble.attrs`
    ["interval_seconds"].
    """

    quantity: ClassVar[str] = "evapotranspiration"
    unit: ClassVar[str] = "mm d-1"
    depth: ClassVar[float] = 0.0
    validates_only: ClassVar[bool] = True

    variable: str = "evapotranspiration"

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Mean flux over the interval (member,) [mm d-1].

        Raises
        ------
        DataError
            The dataset does not say over what time the flux was summed.
        """
        try:
            seconds = float(ensemble.attrs["interval_seconds"])
        except KeyError:
            raise DataError(
                f"{self} needs the length of the forecast interval: "
                "set attrs['interval_seconds'] of the forecast"
            ) from None
        return self.read(ensemble, self.variable, "mm") * (86400.0 / seconds)
