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
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.obs import _kernels
from hydroda.obs.cosmic import Cosmic, CosmicProfile, cosmic_counts
from hydroda.obs.neutrons import (
    WATER_DENSITY,
    Average,
    Curve,
    Desilets,
    Revised,
    Weighting,
)
from hydroda.obs.sampling import BetweenNodes, Footprint, Sampling, local_offsets
from hydroda.sphere import great_circle
from hydroda.units import Amount, Duration, convert, duration, magnitude

Array = NDArray[np.float64]

DRY_COLUMN = "water_table_depth"


class Found(NamedTuple):
    """The nearest column, and the columns that are read with their shares, of sum one."""

    nearest: int
    numbers: NDArray[np.int64]
    shares: Array

    @classmethod
    def alone(cls, column: int) -> Found:
        """One column."""
        return cls(column, np.array([column]), np.ones(1))


@dataclass(frozen=True, eq=False)
class Domain:
    """The places of the columns of a model, and what was found there by the places of sensors.

    Neither sensors nor columns move during a run, and to look for them takes longer than to read.
    """

    axes: tuple[NDArray[Any] | None, ...]
    found: dict[Hashable, Found]

    known: ClassVar[dict[Hashable, Domain]] = {}

    @classmethod
    def of(cls, ensemble: xr.Dataset) -> Domain:
        """The domain of an ensemble: the same as long as it hands on the same arrays."""
        names = ("x", "y", "lon", "lat", "area")
        held = ensemble.variables
        axes = tuple(held[name].values if name in held else None for name in names)
        key = (*(id(axis) for axis in axes), ensemble.sizes.get("column", 1))
        if key not in cls.known:
            if len(cls.known) >= KEPT:
                cls.known.clear()
            cls.known[key] = cls(axes, {})  # holds the arrays, so that no other gets their number
        return cls.known[key]


KEPT = 16  # domains


@dataclass(frozen=True, kw_only=True)
class Sensor(ABC):
    """An instrument at a `station`; the author of a sensor writes `depth` and `predict`.

    The place is `x` and `y` in the projection of the model, or `lon` and `lat` [degree]; neither is
    needed in a model of one column. `within` is the distance to the nearest column that still
    counts as inside (default: the distance between columns there). With a `footprint` the sensor
    reads the mean of every variable over its columns. The error of a value is `sd`,
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
    footprint: Footprint | None = None

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
        """Number of the nearest column, of those under the footprint where there are any.

        Raises
        ------
        DeclarationError
            The station lies outside the domain, or has no place in a domain of several columns.
        """
        return self._found(ensemble).nearest

    def columns(self, ensemble: xr.Dataset) -> tuple[NDArray[np.int64], Array]:
        """Numbers of the columns that the sensor reads, and their shares, of sum one."""
        found = self._found(ensemble)
        return found.numbers, found.shares

    def place(self, ensemble: xr.Dataset) -> tuple[float, float]:
        """x and y [m] for the localization; NaN for none.

        Its own, else the centre of its footprint, else the middle of its columns.
        """
        own = self._centre
        if "x" in own and "y" in own:
            return own["x"], own["y"]
        numbers, shares = self.columns(ensemble)
        x, y = (
            float(shares @ ensemble[name].values.reshape(-1)[numbers])
            if name in ensemble.coords
            else np.nan
            for name in ("x", "y")
        )
        return own.get("x", x), y

    def read(self, ensemble: xr.Dataset, name: str, unit: str | None = None) -> Array:
        """Variable `name` at the column of the sensor, (member,) or (member, layer) [`unit`].

        The mean over its columns, with a footprint. Without `unit` in the unit of the sensor.

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
        variable = ensemble.variables[name]
        if "column" in variable.dims:
            values = variable.transpose("member", "column", ...).values
            numbers, shares = self.columns(ensemble)
            if numbers.size == 1:
                values = values[:, numbers[0]]
            else:
                deep = values.reshape(*values.shape[:2], -1)
                values = _kernels.column_mean(deep, numbers, shares).reshape(
                    values.shape[:1] + values.shape[2:]
                )
        else:
            values = variable.transpose("member", ...).values
        wanted = self.unit if unit is None else unit
        return convert(values, variable.attrs.get("units", wanted), wanted, f"{name} for {self}")

    @property
    def _centre(self) -> dict[str, float]:
        """x and y [m], lon and lat [degree], those that are known: its own, or its footprint's."""
        own = {name: getattr(self, name) for name in ("x", "y", "lon", "lat")}
        given = {name: float(value) for name, value in own.items() if value is not None}
        if given or self.footprint is None:
            return given
        return self.footprint.centre

    def _found(self, ensemble: xr.Dataset) -> Found:
        """The columns that the sensor reads; looked for once in a domain."""
        known = Domain.of(ensemble).found
        place = (type(self), self.x, self.y, self.lon, self.lat, self.within, self.footprint)
        if place not in known:
            known[place] = self._search(ensemble)
        return known[place]

    def _search(self, ensemble: xr.Dataset) -> Found:
        columns = ensemble.sizes.get("column", 1)
        offsets = self._offsets(ensemble)
        if offsets is None:
            if columns > 1:
                raise DeclarationError(
                    f"{self} needs x and y: the domain has {columns} columns to choose from"
                )
            return Found.alone(0)
        distance, east, north = offsets
        if self.footprint is not None:
            shares = np.asarray(self.footprint.shares(east, north), float)
            if "area" in ensemble.coords:
                shares = shares * ensemble["area"].values.reshape(-1)
            numbers = np.flatnonzero(shares > 0)
            if numbers.size:
                nearest = int(numbers[np.argmin(distance[numbers])])
                return Found(nearest, numbers, shares[numbers] / shares[numbers].sum())
        nearest = int(np.argmin(distance))
        allowed = self._allowed(ensemble, nearest)
        if not distance[nearest] <= allowed:
            raise DeclarationError(
                f"{self} lies outside the domain: its nearest column is {distance[nearest]:.4g} m "
                f"away, {allowed:.4g} m are allowed; mend its place or give within='… m'"
            )
        return Found.alone(nearest)

    def _offsets(self, ensemble: xr.Dataset) -> tuple[Array, Array, Array] | None:
        """How far every column is, and how far east and north of it [m]; None without a place."""
        own, coords = self._centre, ensemble.coords
        if "x" in own and "x" in coords:
            east = coords["x"].values.reshape(-1) - own["x"]
            if "y" not in own or "y" not in coords:
                return np.abs(east), east, np.zeros_like(east)
            north = coords["y"].values.reshape(-1) - own["y"]
            return np.hypot(east, north), east, north
        if "lon" in own and "lon" in coords:
            lon, lat = (coords[name].values.reshape(-1) for name in ("lon", "lat"))
            distance = great_circle(lon, lat, own["lon"], own["lat"])
            return distance, *local_offsets(lon - own["lon"], lat - own["lat"], own["lat"])
        if ensemble.sizes.get("column", 1) > 1 and own:
            pair = "x and y" if "x" in own else "lon and lat"
            raise DeclarationError(f"{self} has {pair}, but the columns of the model lack them")
        return None

    def _allowed(self, ensemble: xr.Dataset, column: int) -> float:
        """Distance [m] to its nearest column within which a station is inside the domain."""
        if self.within is not None:
            return float(self.within)
        if ensemble.sizes.get("column", 1) == 1:
            return np.inf
        names = ("x", "y") if "x" in self._centre else ("lon", "lat")
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


def predicted(sensors: Sequence[Sensor], ensemble: xr.Dataset) -> Array:
    """What sensors read (sensor, member), each in its unit, the same bits as by their `predict`.

    Those that read profiles do it together, kind by kind.
    """
    readings = np.empty((len(sensors), ensemble.sizes["member"]))
    together: dict[type[ProfileSensor], list[int]] = {}
    for number, sensor in enumerate(sensors):
        if isinstance(sensor, ProfileSensor) and type(sensor).predict is ProfileSensor.predict:
            together.setdefault(type(sensor), []).append(number)
        else:
            readings[number] = sensor.predict(ensemble)
    for kind, numbers in together.items():
        own = [sensor for n in numbers if isinstance(sensor := sensors[n], ProfileSensor)]
        readings[numbers] = kind.read_together(own, ensemble)
    return readings


def grouped(keys: Iterable[Hashable]) -> dict[Any, list[int]]:
    """Numbers of equal keys, in the order in which each first comes."""
    groups: dict[Any, list[int]] = {}
    for number, key in enumerate(keys):
        groups.setdefault(key, []).append(number)
    return groups


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
        nodes = ensemble["depth"].values
        return BetweenNodes().row(float(self.depth), nodes, nodes, nodes)


class Profiles(NamedTuple):
    """Profiles (sensor, member, layer) whose layers go down, between faces [m], and their order."""

    values: Array
    top: Array
    bottom: Array
    order: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ProfileSensor(Sensor):
    """A sensor that reads the layers of a `variable`; the author writes `of_profiles`.

    That takes all sensors of a kind at once, so that a kernel sees many profiles.
    """

    variable: str = "theta"

    layered_unit: ClassVar[str] = "m3 m-3"

    @classmethod
    @abstractmethod
    def of_profiles(cls, sensors: Sequence[Any], profiles: Profiles) -> Array:
        """What sensors of this class read in their profiles (sensor, member)."""

    @classmethod
    def read_together(cls, sensors: Sequence[ProfileSensor], ensemble: xr.Dataset) -> Array:
        """What sensors of this class read (sensor, member), in their unit."""
        readings = np.empty((len(sensors), ensemble.sizes["member"]))
        for numbers in grouped(sensor.variable for sensor in sensors).values():
            own = [sensors[number] for number in numbers]
            readings[numbers] = cls.of_profiles(own, cls._profiles(own, ensemble))
        return readings

    def predict(self, ensemble: xr.Dataset) -> Array:
        """What the sensor reads (member,)."""
        return np.asarray(self.read_together((self,), ensemble)[0])

    def own_profiles(self, ensemble: xr.Dataset) -> Profiles:
        """The profiles (1, member, layer) that the sensor reads."""
        return self._profiles((self,), ensemble)

    @classmethod
    def _profiles(cls, sensors: Sequence[ProfileSensor], ensemble: xr.Dataset) -> Profiles:
        first, name, unit = sensors[0], sensors[0].variable, cls.layered_unit
        top, bottom = first.faces(ensemble)
        order = np.argsort(top)
        dims = ensemble[name].dims if name in ensemble else ()
        if set(dims) == {"member", "column", "layer"} and all(s.footprint is None for s in sensors):
            field = ensemble[name].variable.transpose("member", "column", "layer")
            columns = np.array([sensor.column(ensemble) for sensor in sensors])
            values = _kernels.gathered(field.values, columns, order)
            given = field.attrs.get("units", unit)
            values = convert(values, given, unit, f"{name} for {first}")
        else:
            read = np.stack([sensor.read(ensemble, name, unit) for sensor in sensors])
            if read.ndim < 3:
                raise DeclarationError(f"{first} reads {name!r}, which has no layers in the model")
            values = np.ascontiguousarray(read[..., order])
        return Profiles(values, top[order], bottom[order], order)

    def faces(self, ensemble: xr.Dataset) -> tuple[Array, Array]:
        """Top and bottom [m] of the layers (layer,)."""
        return layer_faces(ensemble, self)


@dataclass(frozen=True, kw_only=True)
class SoilMoistureProbe(ProfileSensor):
    """Soil moisture [m3 m-3] at a depth, by `sampling` linear between layer centres or a mean.

    >>> SoilMoistureProbe(station="P1", depth="2.5 cm", sampling=LayerMean("5 cm"), sd="3 %")
    """

    quantity: ClassVar[str] = "soil_moisture"
    unit: ClassVar[str] = "m3 m-3"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    depth: Amount
    sampling: Sampling = field(default_factory=BetweenNodes)

    def amounts(self) -> dict[str, str]:
        return {"depth": "m"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not float(self.depth) >= 0:
            raise DeclarationError(f"depth of {self} must not be negative; got {self.depth!r}")

    @classmethod
    def of_profiles(cls, sensors: Sequence[SoilMoistureProbe], profiles: Profiles) -> Array:
        """Soil moisture (sensor, member) [m3 m-3]."""
        rows = np.empty((len(sensors), profiles.top.size))
        nodes = 0.5 * (profiles.top + profiles.bottom)
        for (depth, sampling), numbers in grouped((s.depth, s.sampling) for s in sensors).items():
            check_within(sensors[numbers[0]], float(depth), profiles.bottom)
            rows[numbers] = sampling.row(float(depth), nodes, profiles.top, profiles.bottom)
        return np.asarray(_kernels.weighted_sums(profiles.values, rows))

    def faces(self, ensemble: xr.Dataset) -> tuple[Array, Array]:
        """Top and bottom [m] of the layers; between nodes their centres do."""
        return sampled_faces(self, ensemble, self.sampling)

    def weights(self, ensemble: xr.Dataset) -> Array:
        """Share of every layer in the reading (layer,).

        Raises
        ------
        DeclarationError
            The probe stands below the model's soil.
        """
        return sampled_row(self, ensemble, float(self.depth), self.sampling)


def sampled_row(sensor: Sensor, ensemble: xr.Dataset, depth: float, sampling: Sampling) -> Array:
    """Share of every layer (layer,) in a reading at `depth` [m].

    Raises
    ------
    DeclarationError
        The depth is below the model's soil.
    """
    top, bottom = sampled_faces(sensor, ensemble, sampling)
    check_within(sensor, depth, bottom)
    return sampling.row(depth, ensemble["depth"].values, top, bottom)


def sampled_faces(sensor: Sensor, ensemble: xr.Dataset, sampling: Sampling) -> tuple[Array, Array]:
    """Top and bottom [m] of the layers; their centres where no thickness is known or needed."""
    nodes_do = isinstance(sampling, BetweenNodes) and "depth" in ensemble.coords
    if nodes_do and "thickness" not in ensemble.coords:
        return ensemble["depth"].values, ensemble["depth"].values
    return layer_faces(ensemble, sensor)


def check_within(sensor: Sensor, depth: float, bottom: Array) -> None:
    """Nothing, if `depth` [m] is not below all faces; else DeclarationError."""
    if depth > bottom.max():
        raise DeclarationError(
            f"{sensor} at {depth:g} m stands below the soil of the model, {bottom.max():g} m deep"
        )


def profile(like: Sensor, depths: Iterable[Amount]) -> tuple[Sensor, ...]:
    """A sensor such as `like` at each of `depths`.

    >>> profile(SoilMoistureProbe(station="P1", depth="5 cm", sd="2 %"), ("5 cm", "20 cm", "50 cm"))
    """
    # A sensor that makes a profile has a field for its depth; `Sensor` need not.
    return tuple(replace(like, depth=depth) for depth in depths)  # type: ignore[call-arg]


@dataclass(frozen=True, kw_only=True)
class CosmicRayNeutron(ProfileSensor):
    """Soil moisture [m3 m-3] of the footprint of a cosmic-ray neutron sensor.

    `weighting` averages the profile: `Revised()` by default, `Conventional()` as in Li's software.
    """

    quantity: ClassVar[str] = "soil_moisture"
    unit: ClassVar[str] = "m3 m-3"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    depth: ClassVar[float] = np.nan  # follows the moisture: see effective_depth

    weighting: Weighting = field(default_factory=Revised)

    @classmethod
    def of_profiles(cls, sensors: Sequence[CosmicRayNeutron], profiles: Profiles) -> Array:
        """Weighted mean moisture (sensor, member) [m3 m-3]."""
        return weighted_moisture(sensors, profiles)

    def average(self, ensemble: xr.Dataset) -> Average:
        """Mean moisture, depth reached [m] (member,) and weights (member, layer)."""
        return self._averaged(self.own_profiles(ensemble))

    def effective_depth(self, ensemble: xr.Dataset) -> float:
        """Centre of the weights [m] in the profile of the ensemble mean."""
        profiles = self.own_profiles(ensemble)
        mean = profiles._replace(values=profiles.values.mean(axis=1, keepdims=True))
        return float(self._averaged(mean).weights[0] @ ensemble["depth"].values)

    def _averaged(self, profiles: Profiles) -> Average:
        values, top, bottom, order = profiles
        mean, reach, weights = self.weighting.average(values[0], top, bottom)
        return Average(mean, reach, weights[:, np.argsort(order)])


def weighted_moisture(sensors: Sequence[CosmicRayNeutron], profiles: Profiles) -> Array:
    """Mean moisture (sensor, member) [m3 m-3], each by the weighting of its sensor."""
    groups = grouped(sensor.weighting for sensor in sensors)
    values, mean = profiles.values, np.empty(profiles.values.shape[:2])
    for weighting, numbers in groups.items():
        own = values if len(groups) == 1 else values[numbers]
        rows = own.reshape(-1, values.shape[-1])
        found, _ = weighting.means(rows, profiles.top, profiles.bottom)
        mean[numbers] = found.reshape(len(numbers), -1)
    return mean


@dataclass(frozen=True, kw_only=True)
class NeutronCounts(CosmicRayNeutron):
    """Corrected neutron counts [h-1] over the weighted profile, through a `curve`.

    `n0` is that of the curve, `lattice_water` and `organic_water` are [kg kg-1]. Desilets et al.
    2010, doi:10.1029/2009WR008726; the `TransportSolution` takes the absolute `humidity` that the
    counts were taken to, Köhli et al. 2021, doi:10.3389/frwa.2020.544847.
    """

    quantity: ClassVar[str] = "neutron_counts"
    unit: ClassVar[str] = "h-1"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    n0: Amount
    bulk_density: Amount
    lattice_water: Amount = "0 kg/kg"
    organic_water: Amount = "0 kg/kg"
    humidity: Amount = "0 g/m3"
    curve: Curve = field(default_factory=Desilets)

    def amounts(self) -> dict[str, str]:
        return {
            "n0": "h-1",
            "bulk_density": "kg m-3",
            "lattice_water": "kg kg-1",
            "organic_water": "kg kg-1",
            "humidity": "g m-3",
        }

    @classmethod
    def of_profiles(cls, sensors: Sequence[Any], profiles: Profiles) -> Array:
        """Corrected counts (sensor, member) [h-1]."""
        n0, density, lattice, organic, humidity = (
            np.array([float(getattr(sensor, name)) for sensor in sensors])[:, None]
            for name in ("n0", "bulk_density", "lattice_water", "organic_water", "humidity")
        )
        water = weighted_moisture(sensors, profiles) * WATER_DENSITY / density + lattice + organic
        counts = np.empty_like(water)
        for curve, numbers in grouped(sensor.curve for sensor in sensors).items():
            counts[numbers] = curve.counts(water[numbers], humidity[numbers], n0[numbers])
        return counts


@dataclass(frozen=True, kw_only=True)
class CosmicCounts(ProfileSensor):
    """Corrected neutron counts [h-1] straight from the profile, by COSMIC.

    `operator` has the parameters of the site. Shuttleworth et al. 2013,
    doi:10.5194/hess-17-3205-2013.
    """

    quantity: ClassVar[str] = "neutron_counts"
    unit: ClassVar[str] = "h-1"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    depth: ClassVar[float] = np.nan  # follows the moisture: see effective_depth

    operator: Cosmic

    @classmethod
    def of_profiles(cls, sensors: Sequence[CosmicCounts], profiles: Profiles) -> Array:
        """Corrected counts (sensor, member) [h-1]."""
        values, counts = profiles.values, np.empty(profiles.values.shape[:2])
        groups = grouped((s.operator.angles, s.operator.slice, s.operator.depth) for s in sensors)
        for numbers in groups.values():
            own = values if len(groups) == 1 else values[numbers]
            operators = [sensors[number].operator for number in numbers]
            counts[numbers] = cosmic_counts(operators, own, profiles.bottom)
        return counts

    def profile(self, ensemble: xr.Dataset) -> CosmicProfile:
        """Counts, mean moisture, depth of 86 % [m] (member,) and weights (member, layer)."""
        values, _, bottom, order = self.own_profiles(ensemble)
        found = self.operator.profile(values[0], bottom)
        return found._replace(weights=found.weights[:, np.argsort(order)])

    def effective_depth(self, ensemble: xr.Dataset) -> float:
        """Centre of where the neutrons come from [m], in the profile of the ensemble mean."""
        values, _, bottom, order = self.own_profiles(ensemble)
        weights = self.operator.profile(values.mean(axis=1), bottom).weights[0]
        return float(weights @ ensemble["depth"].values[order])


@dataclass(frozen=True)
class ModelSurface:
    """The ground a water-table elevation is measured from is that of the model's column."""


class Level(ABC):
    """What stands for the water in a well; the author writes `below_ground`."""

    @abstractmethod
    def below_ground(self, well: GroundwaterLevel, ensemble: xr.Dataset) -> Array:
        """Depth of the water (member,) [m]."""


@dataclass(frozen=True)
class FreeTable(Level):
    """Each member's own water table; a member that is dry to the bottom has it there."""

    variable: str = DRY_COLUMN

    def below_ground(self, well: GroundwaterLevel, ensemble: xr.Dataset) -> Array:
        """Depth of the water table (member,) [m]."""
        table = well.read(ensemble, self.variable)
        if not np.isfinite(table).all() and "thickness" in ensemble.coords:
            floor = layer_faces(ensemble, well)[1].max()
            table = np.where(np.isfinite(table), table, floor)
        return table


@dataclass(frozen=True)
class HeadAtScreen(Level):
    """What the pressure head at the screen lifts water to: screen depth less head, hydrostatic.

    It differs from the water table where water moves up or down, as below a confining layer. The
    head is that between layer centres, or the mean over a screen of some length.
    """

    sampling: Sampling = field(default_factory=BetweenNodes)
    variable: str = "h"

    def below_ground(self, well: GroundwaterLevel, ensemble: xr.Dataset) -> Array:
        """Depth of the piezometric level (member,) [m]."""
        if well.screen is None:
            raise DeclarationError(f"{well} needs its screen='… m' to read the head there")
        row = sampled_row(well, ensemble, float(well.screen), self.sampling)
        # of each layer its own level: still water has one at every depth
        levels = ensemble["depth"].values - well.read(ensemble, self.variable)
        return weighted(levels, row)


@dataclass(frozen=True, kw_only=True)
class GroundwaterLevel(Sensor):
    """The water in a well: depth below ground [m], or elevation [m] where `ground` is given.

    `ground` is the elevation of the ground at the well above `datum`, or `ModelSurface()`. One
    value per well, of what `level` says: the head repeated over layers would count one reading many
    times. `screen` is the depth of the filter, which places the well in the vertical. A well stands
    for its cell within about 1 m, `representativeness`; None takes `sd` alone.
    """

    quantity: ClassVar[str] = "groundwater_level"
    unit: ClassVar[str] = "m"

    representativeness: Amount | None = "1 m"
    ground: Amount | ModelSurface | None = None
    datum: str = ""
    screen: Amount | None = None
    level: Level = field(default_factory=FreeTable)

    def amounts(self) -> dict[str, str]:
        known = {"screen": "m"}
        return known if isinstance(self.ground, ModelSurface) else known | {"ground": "m"}

    @property
    def depth(self) -> float:
        """Depth of the screen [m]; NaN, which localizes nowhere in the vertical, without one."""
        return np.nan if self.screen is None else float(self.screen)

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Depth or elevation of the water (member,) [m]."""
        depth = self.level.below_ground(self, ensemble)
        if self.ground is None:
            return depth
        return np.asarray(self._surface(ensemble) - depth)

    def _surface(self, ensemble: xr.Dataset) -> float:
        if not isinstance(self.ground, ModelSurface):
            # None never comes here, and an amount is a length since __post_init__.
            return float(self.ground)  # type: ignore[arg-type]
        if "elevation" not in ensemble.coords:
            raise DeclarationError(
                f"{self} measures from the model surface: the model needs a coordinate 'elevation'"
            )
        numbers, shares = self.columns(ensemble)
        return float(shares @ ensemble["elevation"].values.reshape(-1)[numbers])


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
        return self.read(ensemble, self.variable, "mm") * (86400.0 / seconds_of(self, ensemble))


def seconds_of(sensor: Sensor, ensemble: xr.Dataset) -> float:
    """The time [s] over which the forecast summed its fluxes.

    Raises
    ------
    DataError
        The dataset does not say it.
    """
    try:
        return float(ensemble.attrs["interval_seconds"])
    except KeyError:
        raise DataError(
            f"{sensor} needs the length of the forecast interval: "
            "set attrs['interval_seconds'] of the forecast"
        ) from None


@dataclass(frozen=True, kw_only=True)
class LatentHeat(Flux):
    """Mean latent heat flux over the forecast interval [W m-2]: validates, is not assimilated.

    Evapotranspiration times `vaporization`, 2.45 MJ kg-1 as in FAO-56: Allen et al. 1998, Eq. 3-1.
    """

    quantity: ClassVar[str] = "latent_heat"
    unit: ClassVar[str] = "W m-2"

    vaporization: Amount = "2.45 MJ/kg"

    def amounts(self) -> dict[str, str]:
        return {"vaporization": "J kg-1"}

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Mean flux over the interval (member,) [W m-2]."""
        return super().predict(ensemble) * (float(self.vaporization) / 86400.0)  # 1 mm is 1 kg m-2


@dataclass(frozen=True, kw_only=True)
class Discharge(Sensor):
    """Discharge of a river at its cell [m3 s-1].

    With an `area`, of a model without rivers: what it sheds [mm], such as "runoff", from that area
    as a mean over the forecast interval; a `footprint` says where it sheds it.
    """

    quantity: ClassVar[str] = "discharge"
    unit: ClassVar[str] = "m3 s-1"
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    depth: ClassVar[float] = np.nan  # of the whole column: localizes nowhere in the vertical

    variable: str = "discharge"
    area: Amount | None = None

    def amounts(self) -> dict[str, str]:
        return {"area": "m2"}

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Discharge (member,) [m3 s-1]."""
        if self.area is None:
            return self.read(ensemble, self.variable)
        shed = self.read(ensemble, self.variable, "m") / seconds_of(self, ensemble)
        return shed * float(self.area)


@dataclass(frozen=True, kw_only=True)
class StorageAnomaly(Sensor):
    """All water of the columns of a `footprint` less its long-term mean [mm], as GRACE sees it.

    `baseline` is that mean in the model, over the years that the anomalies are taken from: of an
    open loop, since model and satellite have no common zero.
    """

    quantity: ClassVar[str] = "water_storage_anomaly"
    unit: ClassVar[str] = "mm"
    depth: ClassVar[float] = np.nan  # of the whole column: localizes nowhere in the vertical

    baseline: Amount
    variable: str = "water"

    def amounts(self) -> dict[str, str]:
        return {"baseline": "mm"}

    def predict(self, ensemble: xr.Dataset) -> Array:
        """Anomaly of the storage (member,) [mm]."""
        return self.read(ensemble, self.variable) - float(self.baseline)
