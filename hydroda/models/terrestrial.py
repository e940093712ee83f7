"""The terrestrial system: variably saturated flow in three dimensions under overland flow."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import numba
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import ForcingWindow
from hydroda.models.base import Budget, Model
from hydroda.models.boundaries import Boundary, Edges, gathered
from hydroda.models.columns import (
    by_column,
    coordinates,
    in_units_of,
    leading,
    parameters,
    profile,
    raw_parameters,
)
from hydroda.models.grid import EAST, NORTH, SIDES, Grid
from hydroda.models.kernels import soil as column_kernels
from hydroda.models.kernels.flow import curves, linear, member, multigrid, newton, passes
from hydroda.models.kernels.flow.balance import FLAT
from hydroda.models.kernels.order import agreement
from hydroda.models.kernels.order.agreement import Curve
from hydroda.models.kernels.water import LEAST_OPEN
from hydroda.models.land import Arithmetic, FluxPotential, Upstream
from hydroda.models.retention import Retention, VanGenuchten
from hydroda.models.roots import ExponentialRoots, Roots
from hydroda.models.steps import TimeSteps
from hydroda.state import StateVector, Variable
from hydroda.threads import in_pieces
from hydroda.units import Amount, magnitude

__all__ = [
    "Compressible",
    "Covered",
    "DiffusiveWave",
    "EvaporatingSurface",
    "FlowSteps",
    "KinematicWave",
    "Overland",
    "SaturatedStorage",
    "Still",
    "Surface",
    "TerrestrialSystem",
]

Array = NDArray[np.float64]

MM = 1000.0
FLUXES = ("rain", "evaporation", "transpiration", "runoff", "inflow", "boundary_inflow")
# So many distinct shapes of curves have rows of their own in the table of flux potentials; whether
# there are more, a sample of cells mostly tells. With more, nodes span log(n - 1), rounded.
MOST_ROWS, SAMPLED, ROUNDED = 512, 4096, 0.25
WORTH_THREADS = 50_000  # cells
OPERATIONS = 50.0  # to read one cell's content off its curve


class _FlowState(StateVector):
    h = Variable("m", meaning="pressure head")
    theta = Variable("m3 m-3", bounds=(0.0, 1.0), meaning="volumetric water content")
    manning = Variable(
        "s m-0.3333333333333333", bounds=(1e-4, 10.0), role="parameter", meaning="Manning's n"
    )
    specific_storage = Variable(
        "m-1", bounds=(0.0, 1.0), role="parameter", meaning="specific storage"
    )


@cache
def _state_of(soil: type[Retention], surface: type[Surface]) -> StateVector:
    variables = {**soil.parameters, **surface.variables}
    return type("TerrestrialState", (_FlowState,), variables)()


# --------------------------------------------------------------------------------------- choices


@dataclass(frozen=True)
class FlowSteps(TimeSteps):
    """Steps of flow in three dimensions; `tolerance` is that of each cell.

    `linear` is the part of the residual that may be left of each of Newton's linear systems, and
    `krylov` how many iterations the Krylov method gets for it.
    """

    linear: float = 1e-5
    krylov: int = 200

    def kernel(self) -> newton.Control:
        """What the kernels need."""
        return newton.Control(*self.numbers(), self.linear, self.krylov)


class Storage(ABC):
    """How pressure stores water beside what the curve holds."""

    suction: float


@dataclass(frozen=True)
class SaturatedStorage(Storage):
    """S_s h where h is positive: as in `SoilColumn`."""

    suction = 0.0


@dataclass(frozen=True)
class Compressible(Storage):
    """S_s h S at any head: as in ParFlow."""

    suction = 1.0


class Overland(ABC):
    """What water on the surface does; the author writes `sides` and `offset`."""

    def offset(self, grid: Grid) -> float:
        """Head at the centre of the top cell above which water is ponded [m]."""
        return 0.0

    @abstractmethod
    def sides(self, grid: Grid, manning: Array) -> member.Overland:
        """What the kernels need, from Manning's n (column,): see `kernels.flow.member.Overland`."""

    def passing(self, sides: member.Overland, beside: Array, pond: Array) -> Array:
        """Flow out of each column over all its sides (column,) [m s-1], from the ponds [m]."""
        return np.asarray(sides.out.sum(axis=1) * pond ** (5.0 / 3.0))

    def _made(self, grid: Grid, out: Array | None = None, **arrays: Array) -> member.Overland:
        none = np.zeros((0, 4))
        out = np.zeros((grid.columns, 4)) if out is None else out
        rough, bed, across = (arrays.get(name, none) for name in ("rough", "bed", "across"))
        return member.Overland(self.offset(grid), out, rough, bed, across, grid.widths)


def _kinematic(grid: Grid, manning: Array) -> Array:
    """Outflow to each side per depth^(5/3) [m^(-2/3) s-1], (column, 4)."""
    x, y = grid.slopes
    steepness = np.sqrt(np.maximum(np.hypot(x, y), 1e-300))
    down = np.stack([x, -x, y, -y], axis=-1)
    return np.maximum(down, 0.0) / steepness[:, None] / manning[:, None] / grid.widths


@dataclass(frozen=True)
class KinematicWave(Overland):
    """Manning's flow down the slope of the bed: the free surface of Kollet & Maxwell 2006.

    The head of the top cell, where positive, is the depth of the pond (10.1016/j.advwatres.2005.
    08.006). At the edge of the domain water leaves where the bed slopes outward.
    """

    def sides(self, grid: Grid, manning: Array) -> member.Overland:
        return self._made(grid, _kinematic(grid, manning))


@dataclass(frozen=True)
class DiffusiveWave(Overland):
    """Manning's flow down the slope of the water surface: backwater, pits and flat ground."""

    def sides(self, grid: Grid, manning: Array) -> member.Overland:
        here = np.arange(grid.columns)
        rough = np.zeros((grid.columns, 4))
        across = np.zeros((grid.columns, 4))
        for side in range(4):
            other = np.where(grid.beside[:, side] < 0, here, grid.beside[:, side])
            rough[:, side] = 2.0 / (manning + manning[other]) / grid.widths[side]
            slope = grid.slopes[1 - side // 2]
            across[:, side] = (0.5 * (slope + slope[other])) ** 2
        sine, cosine = grid.faces
        bed = np.ascontiguousarray(-sine / cosine)
        return self._made(grid, _kinematic(grid, manning), rough=rough, bed=bed, across=across)

    def passing(self, sides: member.Overland, beside: Array, pond: Array) -> Array:
        inside = beside >= 0
        other = np.where(inside, pond[np.maximum(beside, 0)], pond[:, None])
        slope = sides.bed + (pond[:, None] - other) / sides.distance
        drive = sides.rough * slope * (slope**2 + sides.across + FLAT**2) ** -0.25
        out = np.where(inside, np.maximum(drive, 0.0), sides.out)
        return np.asarray(out.sum(axis=1) * pond ** (5.0 / 3.0))


@dataclass(frozen=True)
class Still(Overland):
    """Ponds stay where they are."""

    def sides(self, grid: Grid, manning: Array) -> member.Overland:
        return self._made(grid)


@dataclass(frozen=True)
class Covered(Overland):
    """No free surface: water under pressure stays in the ground, as under a fixed head."""

    def offset(self, grid: Grid) -> float:
        return 1e30

    def sides(self, grid: Grid, manning: Array) -> member.Overland:
        return self._made(grid)


@dataclass(frozen=True)
class Demand:
    """What a surface brings and takes: rates [m s-1] by step, (step, column or 1) each.

    `roots` (layer,) are parts of the transpiration; `limits` the heads [m] above which the soil
    gives all that is asked, and below which nothing: of the top cell, then of root cells.
    """

    rain: Array
    evaporation: Array
    transpiration: Array
    roots: Array
    limits: tuple[float, float, float, float]


class Surface(ABC):
    """What happens above the ground; the author writes `demand`.

    One with a state of its own declares it, and writes what follows `demand` too.
    """

    variables: ClassVar[Mapping[str, Variable]] = MappingProxyType({})
    diagnostics: ClassVar[Mapping[str, Variable]] = MappingProxyType({})

    @abstractmethod
    def demand(self, forcing: ForcingWindow, member: int, grid: Grid) -> Demand:
        """What one member's weather brings and takes."""

    def taken_from(self, given: dict[str, Any]) -> dict[str, Any]:
        """What `dataset` was given for the surface; it is taken out of `given`."""
        return {}

    def started(self, system: TerrestrialSystem, ensemble: xr.Dataset, own: Any) -> xr.Dataset:
        """A new ensemble with the state of the surface."""
        return ensemble

    def held(self, ensemble: xr.Dataset, changed: tuple[str, ...] = ()) -> Array:
        """Water above the ground, and ice in it [mm], (member, column).

        Of an ensemble that is not yet in order: as an analysis of `changed` has set it.
        """
        return np.zeros((1, 1))

    def ordered(
        self, system: TerrestrialSystem, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> xr.Dataset:
        """The ensemble after an analysis, with the state of the surface within its bounds."""
        return ensemble

    def icy(self, grid: Grid) -> tuple[int, int]:
        """How many columns and top layers have faces that ice may slow."""
        return 0, 0

    def over(
        self, system: TerrestrialSystem, ensemble: xr.Dataset, forcing: ForcingWindow
    ) -> Above:
        """What one forecast of all members needs."""
        return Above()


class Above:
    """A surface through one forecast: how the flow is driven, and what the surface did."""

    def drive(
        self, m: int, system: member.Member, crew: passes.Crew, demand: Demand, seconds: float,
        control: newton.Control,
    ) -> int:  # fmt: skip
        """Steps of `seconds` of one member through its weather; how many were done."""
        weather = newton.Weather(
            demand.rain, demand.evaporation, demand.transpiration, demand.roots
        )
        sky = system.sky
        return int(
            newton.run(crew, weather, sky.rain, sky.evaporation, sky.uptake, seconds, control)
        )

    def fields(self, failed: NDArray[np.bool_]) -> dict[str, Any]:
        """Variables (member, column, ...) that the surface gives, as xarray wants them."""
        return {}


@dataclass(frozen=True)
class EvaporatingSurface(Surface):
    """Rain, and potential evapotranspiration of bare ground and roots, as far as the soil gives.

    The forcing has rain and may have potential_evapotranspiration [mm per step]. `covered` of the
    latter is asked of the roots, by their parts of each layer, the rest of the top cell; 0 is bare
    ground, whose roots take nothing. All of it is met down to the head `full`, nothing below `dry`;
    between, a part linear in pF.
    """

    covered: float = 0.0
    roots: Roots = field(default_factory=ExponentialRoots)
    full: Amount = "-3.3 m"
    dry: Amount = "-150 m"

    def __post_init__(self) -> None:
        for name in ("full", "dry"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))
        if not 0.0 > float(self.full) > float(self.dry):
            raise DeclarationError(
                f"EvaporatingSurface needs heads 0 > full > dry; got {self.full} and {self.dry}"
            )
        if not 0.0 <= self.covered <= 1.0:
            raise DeclarationError(f"covered must be a part from 0 to 1; got {self.covered}")

    def demand(self, forcing: ForcingWindow, member: int, grid: Grid) -> Demand:
        per = 1.0 / (MM * forcing.step_seconds)
        rain = _of_member(forcing.values["rain"], member) * per
        potential = np.zeros((rain.shape[0], 1))
        if "potential_evapotranspiration" in forcing.values:
            potential = _of_member(forcing.values["potential_evapotranspiration"], member) * per
        return Demand(
            np.ascontiguousarray(rain),
            np.ascontiguousarray((1.0 - self.covered) * potential),
            np.ascontiguousarray(self.covered * potential),
            self.roots.parts(grid.dz),
            (float(self.full), float(self.dry)) * 2,
        )


def _of_member(values: Any, member: int) -> Array:
    """Weather of one member as (step, column or 1)."""
    rows = by_column(np.asarray(values, float))
    return np.ascontiguousarray(rows[min(member, rows.shape[0] - 1)].T)


# -------------------------------------------------------------------------- soils of many cells


def _shape_rows(n: Array, ell: Array) -> tuple[Array, Array]:
    """Rows of the table of flux potentials (cell,), and the table."""
    if n.min() == n.max() and ell.min() == ell.max():  # sorting a million cells takes a second
        return np.zeros(n.shape), _potential_table((float(n[0]),), (float(ell[0]),))
    some = n[:: max(1, n.size // SAMPLED)]
    if np.unique(some).size <= MOST_ROWS:
        shapes, found = np.unique(n + 1j * ell, return_inverse=True)
        if shapes.size <= MOST_ROWS:
            table = _potential_table(tuple(shapes.real.tolist()), tuple(shapes.imag.tolist()))
            return np.array(np.reshape(found, n.shape), float), table
    if ell.min() != ell.max():
        raise DeclarationError(
            f"more than {MOST_ROWS} different pairs of n and l; make l the same everywhere"
        )
    # Rounded outwards, so that members whose soils differ a little share one table.
    low = math.floor(math.log(n.min() - 1.0) / ROUNDED) * ROUNDED
    high = math.ceil(math.log(n.max() - 1.0) / ROUNDED) * ROUNDED
    nodes = 1.0 + np.exp(np.linspace(low, high, MOST_ROWS))
    rows = (np.log(n - 1.0) - low) / (high - low) * (MOST_ROWS - 1)
    return np.clip(rows, 0.0, MOST_ROWS - 1.0), _potential_table(
        tuple(nodes.tolist()), (float(ell[0]),) * MOST_ROWS
    )


@lru_cache(maxsize=256)
def _potential_table(n: tuple[float, ...], ell: tuple[float, ...]) -> Array:
    """Cubic pieces of Phi / (k (1/alpha + |h|)) over log2(alpha |h|), one row after the other."""
    places = np.arange(curves.NODES + 1)
    u = 2.0 ** (curves.FIRST + places / curves.PER_OCTAVE)
    rows = []
    for shape in zip(n, ell, strict=True):
        c = np.zeros(column_kernels.COEFFICIENTS)
        column_kernels._prepare_van_genuchten(np.array([0.0, 1.0, 1.0, 1.0, *shape]), c)
        values = np.array([column_kernels._van_genuchten_conductivity(c, -each) for each in u])
        conductivity = np.maximum(values[:, 0], 1e-300)
        ratio = np.where(values[:, 0] > 1e-290, values[:, 2] / (conductivity * (1.0 + u)), 0.0)
        rows.append(CubicSpline(places, ratio).c[::-1].T.ravel())
    # One row more: a lookup between two rows may touch the one behind the last.
    return np.concatenate([*rows, np.zeros(curves.NODES * 4)])


def _curve_of(soil: Retention, raw: Sequence[Array], shape: tuple[int, ...]) -> Curve:
    """The curve of each cell, from raw parameters that broadcast to `shape`."""
    if isinstance(soil.token, curves.VanGenuchten):
        own = raw[0], raw[1], raw[3], raw[4]
    elif isinstance(soil.token, curves.BrooksCorey):
        own = raw[0], raw[1], -1.0 / raw[3], raw[4]
    else:
        own = raw[0], raw[1], raw[3], raw[3]
    return Curve(*(_spelt_out(each, shape) for each in own))


def _spelt_out(values: Array, shape: tuple[int, ...]) -> Array:
    """`values` broadcast to `shape` as (cell,); their own memory where that is in order."""
    values = np.asarray(values, float)
    # A copy of what is shared: numba compiles anew for a read-only array.
    full = values if values.shape == shape else np.array(np.broadcast_to(values, shape))
    return full.reshape(-1)


def _retention_of(soil: Retention, curve: Curve, storage: Array, suction: float) -> member.Soil:
    """What holds water, without conductivity."""
    cells = curve.low.size
    p = np.zeros((curves.PARAMETERS, cells + 2 * curves.LANES))
    own = p[:, :cells]
    own[curves.RESIDUAL], own[curves.RANGE] = curve.low, curve.full - curve.low
    own[curves.STORAGE] = storage
    own[curves.SHAPE], own[curves.SHAPE + 1] = curve.first, curve.second
    if isinstance(soil.token, curves.VanGenuchten):
        # With a bridge of no length the curve is the unchanged one.
        own[curves.BRIDGE] = 1e-30
    p[:, cells:] = own[:, -1:]
    return member.Soil(p, np.zeros(4), suction)


def _soil_of(soil: Retention, raw: Array, storage: Array, suction: float) -> member.Soil:
    """Parameters of the kernels from raw ones (cell, parameter) and S_s (cell,)."""
    plain = _retention_of(soil, _curve_of(soil, list(raw.T), storage.shape), storage, suction)
    own = plain.p[:, : raw.shape[0]]
    if isinstance(soil.token, curves.BrooksCorey):
        plain.p[curves.SHAPE + 2, : raw.shape[0]] = raw[:, 5]
        plain.p[curves.SHAPE + 2, raw.shape[0] :] = raw[-1, 5]
    if not isinstance(soil.token, curves.VanGenuchten):
        return plain
    own[curves.ELL] = raw[:, 5]
    own[curves.TABLE_ROW], table = _shape_rows(raw[:, 4], raw[:, 5])
    found = plain._replace(table=table)
    bridge = _bridges(raw[:, 3], raw[:, 4])
    out = np.zeros((5, raw.shape[0]))
    curves.curves(soil.token, found, -bridge, True, out)
    own[curves.BRIDGE], own[curves.LINE] = bridge, (1.0 - out[2]) / bridge
    own[curves.PHI_BRIDGE] = out[4]
    found.p[:, raw.shape[0] :] = own[:, -1:]
    return found


def _bridges(alpha: Array, n: Array) -> Array:
    """Length [m] of the straight line that K is below saturation, as in `kernels.soil`."""
    shortest, gentle = column_kernels.SHORTEST, column_kernels.GENTLE
    steep = n < 2.0
    safe = np.where(steep, n, 1.5)
    length = (2.0 * gentle * alpha ** (safe - 1.0)) ** (1.0 / (2.0 - safe))
    return np.where(steep, np.clip(length, shortest, gentle), shortest)


def _padded(values: Array) -> Array:
    out = np.zeros(values.size + 2 * curves.LANES)
    out[: values.size] = values.ravel()
    return out


# ------------------------------------------------------------------------------------ the model


@dataclass(frozen=True)
class TerrestrialSystem(Model):
    """Variably saturated flow in three dimensions and overland flow, solved as one system.

    Richards' equation in mixed form by finite volumes, fully implicit (10.1029/WR026i007p01483);
    ponded water is the free surface of Kollet & Maxwell (10.1016/j.advwatres.2005.08.006). The head
    h (member, column, layer) is prognostic; columns are the active ones of the grid, row by row,
    layers run from the top down. Parameters of `soil`, Manning's n and the specific storage stand
    in the ensemble, by (member, column, layer), (member, column) or (member,).

    surface    : what falls on the ground and is taken from it: `EvaporatingSurface`, `LandSurface`
    overland   : how ponded water moves: `KinematicWave`, `DiffusiveWave`, `Still`, `Covered`
    boundaries : fixed heads, fluxes, seepage faces, wells, constant in time; elsewhere is no flow
    flux       : the conductivity of faces; sideways, `FluxPotential` is that of the upstream cell
                 between soils and down slopes
    lateral    : K_s sideways over K_s downward
    storage    : whether water is compressed at positive heads only, or as in ParFlow
    steps      : time steps and the solver

    Water of a column [mm] is gained by rain, inflow (from other columns, above and below ground)
    and boundary_inflow, and lost by evaporation, transpiration and runoff (overland flow out of the
    domain); each is summed over a forecast.

    >>> grid = Grid((1, 20), "5 m", "5 m", ("0.1 m",) * 10, slope_x=0.02)
    >>> slope = TerrestrialSystem(grid, boundaries=(SeepageFace(Side.WEST),))
    >>> wet = slope.dataset(h=slope.z[None] - 0.5, Ks="1 m/day")
    """

    grid: Grid
    soil: Retention = field(
        default_factory=lambda: VanGenuchten(
            "0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day"
        )
    )
    surface: Surface = field(default_factory=EvaporatingSurface)
    overland: Overland = field(default_factory=KinematicWave)
    boundaries: tuple[Boundary, ...] = ()
    flux: FluxPotential | Upstream | Arithmetic = field(default_factory=FluxPotential)
    lateral: float = 1.0
    manning: Amount = "0.03 s/m^(1/3)"
    specific_storage: Amount = "1e-5 1/m"
    storage: Storage = field(default_factory=SaturatedStorage)
    steps: FlowSteps = field(default_factory=FlowSteps)

    def __post_init__(self) -> None:
        manning = magnitude(self.manning, "s/m^(1/3)", "manning")
        object.__setattr__(self, "manning", manning)
        storage = magnitude(self.specific_storage, "1/m", "specific_storage")
        object.__setattr__(self, "specific_storage", storage)
        if self.lateral <= 0.0:
            raise DeclarationError(
                f"lateral is K_s sideways over K_s downward, above 0; got {self.lateral}"
            )

    # -------------------------------------------------------------------------------- the state

    @property
    def z(self) -> Array:
        """Depth of the centres of the layers [m]."""
        return self.grid.z

    @property
    def state(self) -> StateVector:
        return _state_of(type(self.soil), type(self.surface))

    @property
    def diagnostics(self) -> Mapping[str, Variable]:
        return {
            "water_table_depth": Variable("m", meaning="depth of the water table; NaN: none"),
            "perched_table_depth": Variable("m", meaning="of the highest perched table; NaN: none"),
            "water": Variable("mm", meaning="all water of the column"),
            "pond": Variable("mm", meaning="water standing on the surface"),
            "budget_error": Variable("mm", meaning="water that appeared in the last forecast"),
            "discharge": Variable("m3 s-1", meaning="overland flow out of the column at the end"),
            "edge_discharge": Variable("m3 s-1", meaning="of it, what leaves the domain"),
            **{name: Variable("mm", meaning="sum over the last forecast") for name in FLUXES},
            **self.surface.diagnostics,
        }

    @property
    def budget(self) -> Budget:
        gains = ("rain", "inflow", "boundary_inflow")
        return Budget("water", gains, ("evaporation", "transpiration", "runoff"))

    def dataset(
        self,
        *,
        theta: ArrayLike | xr.DataArray | None = None,
        h: ArrayLike | xr.DataArray | None = None,
        **variables: ArrayLike | xr.DataArray,
    ) -> xr.Dataset:
        """An ensemble of this model from one of theta [m3 m-3] and h [m] and any parameter.

        Profiles are (member, column, layer), length 1 where shared; `Ks` [m s-1] may stand for
        log10_Ks; parameters that are not given come from the model.

        Raises
        ------
        DataError
            A value is not finite or outside its bounds, such as theta above the porosity.
        """
        if (theta is None) == (h is None):
            raise DeclarationError("an ensemble needs exactly one of theta= and h=")
        name = "theta" if h is None else "h"
        value: Any = theta if h is None else h
        given = profile(name, value, self.grid.layers)
        if given.shape[1] not in (1, self.grid.columns):
            raise DataError(
                f"{name} must have the {self.grid.columns} columns of the grid; got "
                f"{given.shape[1]}"
            )
        own = self.surface.taken_from(variables)
        shape = (given.shape[0], self.grid.columns, self.grid.layers)
        given = np.array(np.broadcast_to(given, shape))
        ensemble = self._with_parameters(shape, dict(variables))
        dims = ("member", "column", "layer")
        if h is None:
            self._check_content(given, ensemble)
            pressure, contents = self._heads(ensemble, given), given
        else:
            pressure, contents = given, self._contents(ensemble, given)
        ensemble = ensemble.assign(
            h=(dims, pressure, {"units": "m"}), theta=(dims, contents, {"units": "m3 m-3"})
        )
        ensemble = self.surface.started(self, ensemble, own)
        self.state.check(ensemble)
        return self._diagnosed(ensemble)

    def _with_parameters(self, shape: tuple[int, ...], given: dict[str, Any]) -> xr.Dataset:
        known: dict[str, Array] = {
            "manning": np.full(shape[:2], float(self.manning)),
            "specific_storage": np.full(shape[:2], float(self.specific_storage)),
        }
        for name, value in self.soil.values().items():
            size = shape if value.ndim else shape[:2]
            known[name] = np.array(np.broadcast_to(value, size))
        given = in_units_of(self.state, given)
        known |= {name: leading(name, value, shape, keep=True) for name, value in given.items()}
        dims = ("member", "column", "layer")
        fields = {
            name: (dims[: value.ndim], value, {"units": self.state[name].unit})
            for name, value in known.items()
        }
        x, y = self.grid.places
        coords = coordinates(self.grid.z, self.grid.dz, shape[1], x, y)
        if self.grid.names:
            coords["layer_name"] = ("layer", list(self.grid.names))
        attrs = {"crs": self.grid.crs} if self.grid.crs else {}
        return xr.Dataset(fields, coords, attrs)

    def _check_content(self, theta: Array, ensemble: xr.Dataset) -> None:
        values = parameters(self.soil, ensemble)
        high = np.broadcast_to(values["theta_s"], theta.shape)
        low = np.broadcast_to(values.get("theta_r", np.zeros(1)), theta.shape)
        wrong = ~(theta > low) | (theta > high)
        if wrong.any():
            at = tuple(int(i[0]) for i in np.nonzero(wrong))
            raise DataError(
                f"theta of member {at[0]}, column {at[1]}, layer {at[2]} is {theta[at]:g}, outside "
                f"({low[at]:g}, {high[at]:g}] m3 m-3; mend theta or the parameters of the soil"
            )

    # ------------------------------------------------------------------------- soils of a member

    def _raw(self, ensemble: xr.Dataset, m: int) -> Array:
        """Raw parameters of one member (cell, parameter)."""
        # Of the parameters alone: to take a member out of all variables takes 40 times as long.
        known = [name for name in self.soil.parameters if name in ensemble]
        one = ensemble[known].isel(member=[m]) if known else ensemble[[]]
        raw = raw_parameters(self.soil, one, self.grid.layers)[0]
        shape = (self.grid.columns, self.grid.layers, raw.shape[2])
        return np.array(np.broadcast_to(raw, shape)).reshape(-1, raw.shape[2])

    def _cellwise(self, ensemble: xr.Dataset, name: str, m: int) -> Array:
        """A variable of one member as (cell,)."""
        value = ensemble[name].values[m]
        value = np.reshape(value, value.shape + (1,) * (2 - np.ndim(value)))
        return np.array(np.broadcast_to(value, (self.grid.columns, self.grid.layers))).ravel()

    def _soil(self, ensemble: xr.Dataset, m: int) -> tuple[member.Soil, Array]:
        """The soils of one member, and its K_s (cell,)."""
        raw = self._raw(ensemble, m)
        storage = self._cellwise(ensemble, "specific_storage", m)
        soil = _soil_of(self.soil, raw, storage, self.storage.suction)
        return self._iced(soil, ensemble, m), raw[:, 2].copy()

    def _curves(self, ensemble: xr.Dataset) -> Callable[[int], Curve]:
        """By member: the curve of each cell, without ice."""
        found = parameters(self.soil, ensemble)
        # The conductivity has no part in it, and powers of ten of all cells take long.
        found["log10_Ks"] = np.zeros((1, 1, 1))
        shape = self.grid.columns, self.grid.layers

        def of(m: int) -> Curve:
            own = {name: value[min(m, len(value) - 1)] for name, value in found.items()}
            return _curve_of(self.soil, self.soil.raw(own), shape)

        return of

    def _retention(self, ensemble: xr.Dataset, m: int) -> member.Soil:
        """What holds water in one member: a fifth of the work of `_soil`."""
        storage = self._cellwise(ensemble, "specific_storage", m)
        curve = self._curves(ensemble)(m)
        soil = _retention_of(self.soil, curve, storage, self.storage.suction)
        return self._iced(soil, ensemble, m)

    def _grounds(self, ensemble: xr.Dataset) -> Callable[[int], agreement.Ground]:
        """By member: what its layers are besides their curves."""
        storage = np.array(ensemble["specific_storage"].values, float)
        storage = storage.reshape(storage.shape + (1,) * (3 - storage.ndim))
        dz, z, suction = self.grid.dz, self.z, float(self.storage.suction)
        offset = self.overland.offset(self.grid)
        return lambda m: agreement.Ground(storage[m], dz, z, suction, offset)

    def _iced(self, soil: member.Soil, ensemble: xr.Dataset, m: int) -> member.Soil:
        """The soils with the pores that ice leaves."""
        if "ice" in ensemble:
            cells = self.grid.columns * self.grid.layers
            soil.p[curves.RESIDUAL : curves.RANGE + 1, :cells] *= self._open(ensemble, m)
        return soil

    def _open(self, ensemble: xr.Dataset, m: int) -> Array:
        """Part of the pores of one member that ice leaves (cell,)."""
        part = np.ones((self.grid.columns, self.grid.layers))
        ice = ensemble["ice"].values[m]
        porosity = self._cellwise(ensemble, "theta_s", m).reshape(part.shape)[:, : ice.shape[1]]
        part[:, : ice.shape[1]] = np.maximum(1.0 - ice / porosity, LEAST_OPEN)
        return part.ravel()

    def _contents(self, ensemble: xr.Dataset, h: Array) -> Array:
        return self._states(ensemble, h)[0]

    def _states(self, ensemble: xr.Dataset, h: Array) -> tuple[Array, Array]:
        """theta and water per volume, both (member, column, layer), at heads."""
        theta, water = np.empty(h.shape), np.empty(h.shape)

        def hold(first: int, last: int) -> None:
            for m in range(first, last):
                theta[m], water[m] = self._state_at(self._retention(ensemble, m), h[m])

        in_pieces(hold, h.shape[0], OPERATIONS * h.size)
        return theta, water

    def _state_at(self, soil: member.Soil, h: Array) -> tuple[Array, Array]:
        """theta and water per volume of one member at its heads, both in the shape of h."""
        out = np.empty((5, h.size))
        flat = np.ascontiguousarray(h).ravel()
        dry = member.Soil(soil.p.copy(), soil.table, soil.suction)
        dry.p[curves.STORAGE] = 0.0
        curves.curves(self.soil.token, dry, flat, False, out)
        theta, own = out[0].copy(), soil.p[:, : h.size]
        water = theta + own[curves.STORAGE] * np.maximum(flat, 0.0)
        if soil.suction:
            part = soil.suction * own[curves.STORAGE] / (own[curves.RESIDUAL] + own[curves.RANGE])
            water += part * np.minimum(flat, 0.0) * theta
        return theta.reshape(h.shape), water.reshape(h.shape)

    def _heads(self, ensemble: xr.Dataset, theta: Array) -> Array:
        h = np.empty(theta.shape)

        def draw(first: int, last: int) -> None:
            for m in range(first, last):
                found = h[m].reshape(-1)
                flat = np.ascontiguousarray(theta[m]).ravel()
                curves.heads(self.soil.token, self._retention(ensemble, m), flat, found)

        in_pieces(draw, theta.shape[0], OPERATIONS * theta.size)
        return h

    # ----------------------------------------------------------------------------- the kernels

    def _mesh(self) -> member.Mesh:
        grid = self.grid
        strips = _strips(grid.columns)
        order = np.empty(grid.columns, np.int64)
        for first, last in pairwise(strips):
            linear.downstream(grid.heights, grid.beside, first, last, order)
        rank = np.empty(grid.columns, np.int64)
        rank[order] = np.arange(grid.columns)
        step, size = max(1, 2048 // grid.layers), grid.layers + 2 * curves.LANES
        pieces = np.append(np.arange(0, grid.columns, step), grid.columns).astype(np.int64)
        return member.Mesh(
            grid.layers,
            grid.columns,
            np.resize(grid.dz, size),
            np.resize(np.append(0.5 * (grid.dz[1:] + grid.dz[:-1]), 1.0), size),
            grid.beside,
            _lift(grid),
            rank,
            order,
            pieces,
            strips,
        )

    def _ground(self, soil: member.Soil, ks: Array) -> member.Ground:
        grid, dz = self.grid, self.grid.dz
        k = ks.reshape(grid.columns, grid.layers)
        down = np.zeros_like(k)
        joined = np.zeros(0, np.uint8)
        if isinstance(self.flux, Upstream):
            weights = dz[:-1] * k[:, 1:] + dz[1:] * k[:, :-1]
            down[:, :-1] = (dz[1:] + dz[:-1]) * k[:, 1:] * k[:, :-1] / weights
        else:
            down[:, :-1] = k[:, :-1]
            joined = self._joined(soil, k)
        _, cosine = grid.faces
        sides = []
        for side in (EAST, NORTH):
            face = np.zeros_like(k)
            inside = np.flatnonzero(grid.beside[:, side] >= 0)
            a, b = k[inside], k[grid.beside[inside, side]]
            slant = cosine[inside, side][:, None]
            face[inside] = (
                2.0 * a * b / (a + b) * self.lateral * dz / grid.widths[side] ** 2 * slant
            )
            sides.append(_padded(face))
        return member.Ground(
            _padded(down),
            sides[0],
            sides[1],
            _padded(ks),
            joined,
            np.ones(self.surface.icy(grid)),
            self._smooth(soil),
        )

    def _smooth(self, soil: member.Soil) -> NDArray[np.uint8]:
        """Which faces between columns go by flux potentials, as bits (cell,); empty for none.

        Those within one soil, where one column is not so much higher that the flux would rise with
        the head of the lower.
        """
        if not isinstance(self.flux, FluxPotential):
            return np.zeros(0, np.uint8)
        grid = self.grid
        own = soil.p[curves.SHAPE :, : grid.columns * grid.layers]
        own = own.reshape(-1, grid.columns, grid.layers)
        lift = np.abs(_lift(grid))
        found = np.zeros((grid.columns, grid.layers), np.uint8)
        for side, bit in ((EAST, member.EASTWARD), (NORTH, member.NORTHWARD)):
            here = np.flatnonzero(grid.beside[:, side] >= 0)
            there = grid.beside[here, side]
            alike = np.ones((here.size, grid.layers), bool)
            for row in own:
                alike &= row[here] == row[there]
            high = np.broadcast_to(lift[here, side, None], alike.shape)
            # Every curve is steeper somewhere than its scale says: most faces need no closer look.
            doubted = alike & (high > 0.0)
            alike &= high * own[0, here] <= PECLET
            doubted &= alike
            place, layer = np.nonzero(doubted)
            cell = here[place] * grid.layers + layer
            alike[doubted] = high[doubted] * self._steepest(soil, cell) <= PECLET
            found[here] |= bit * alike.astype(np.uint8)
        return found.ravel() if found.any() else np.zeros(0, np.uint8)

    def _steepest(self, soil: member.Soil, cell: NDArray[np.int64]) -> Array:
        """The largest of d ln k / dh [m-1] over all heads, of the soils of these cells."""
        p = soil.p[:, cell]
        alone = (p[curves.SHAPE :] == p[curves.SHAPE :, :1]).all()
        p = np.ascontiguousarray(p[:, :1] if alone and cell.size else p)
        own = member.Soil(p, soil.table, soil.suction)
        worst, out = np.zeros(p.shape[1]), np.empty((5, p.shape[1]))
        # Along the curve, just below air entry, and both ways where it becomes a straight line.
        bridge = p[curves.BRIDGE]
        heads = (*(-u / p[curves.ALPHA] for u in STEEP), -0.999 * bridge, -1.001 * bridge)
        for head in heads:
            curves.curves(self.soil.token, own, head, False, out)
            worst = np.maximum(worst, out[3] / np.maximum(out[2], LEAST_K))
        return np.broadcast_to(worst, cell.shape)

    def _joined(self, soil: member.Soil, k: Array) -> NDArray[np.uint8]:
        """Which faces lie between two soils; empty where none does."""
        shape = (-1, self.grid.columns, self.grid.layers)
        own = soil.p[curves.SHAPE :, : k.size].reshape(shape)
        other = (own[:, :, 1:] != own[:, :, :-1]).any(axis=0)
        joined = np.zeros(k.shape, np.uint8)
        joined[:, :-1][k[:, 1:] != k[:, :-1]] = member.SCALED
        joined[:, :-1][other] = member.OTHER
        if not joined.any():
            return np.zeros(0, np.uint8)
        return np.append(joined.ravel(), np.zeros(2 * curves.LANES, np.uint8))

    def _edges(self, soil: member.Soil, ks: Array) -> member.Edges:
        parts = gathered(self.boundaries, self.grid)
        if not parts:
            none, zero = np.zeros(0, np.int64), np.zeros(0)
            start = np.zeros(self.grid.columns + 1, np.int64)
            return member.Edges(start, none, none, zero, zero, np.zeros((0, 4)), zero)
        column = np.concatenate([part.column for part in parts])
        cell = column * self.grid.layers + np.concatenate([part.layer for part in parts])
        kind = np.concatenate([np.full(part.column.size, part.kind) for part in parts])
        values = [
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("factor", "distance", "head")
        ]
        rate = np.concatenate([self._rates(part, ks) for part in parts])
        conductance = values[0] * ks[cell]
        sideways = np.isin(kind, (member.SIDE, member.SEEPAGE))
        conductance[sideways] *= self.lateral
        order = np.argsort(column, kind="stable")
        counts = np.bincount(column, minlength=self.grid.columns)
        outside = self._outside(soil, cell, values[2])
        return member.Edges(
            np.append(0, np.cumsum(counts)).astype(np.int64),
            cell[order].astype(np.int64),
            kind[order].astype(np.int64),
            conductance[order],
            values[1][order],
            np.ascontiguousarray(outside[order]),
            rate[order],
        )

    def _rates(self, part: Edges, ks: Array) -> Array:
        if not part.by_conductivity:
            return part.rate
        weight = ks[part.column * self.grid.layers + part.layer] * part.factor
        return np.asarray(part.rate * weight / weight.sum())

    def _outside(self, soil: member.Soil, cell: NDArray[np.int64], head: Array) -> Array:
        """h, k, dk/dh and potential (edge, 4) of the cells' soils at the heads outside."""
        own = member.Soil(np.ascontiguousarray(soil.p[:, cell]), soil.table, soil.suction)
        out = np.empty((5, cell.size))
        curves.curves(self.soil.token, own, head, True, out)
        return np.stack([head, out[2], out[3], out[4]], axis=-1)

    def _member(self, ensemble: xr.Dataset, m: int, mesh: member.Mesh, demand: Demand) -> Any:
        soil, ks = self._soil(ensemble, m)
        cells = self.grid.columns * self.grid.layers
        uptake = np.zeros(cells if demand.transpiration.any() else 0)
        columns = self.grid.columns
        ground = self._ground(soil, ks)
        rows = member.SIDE_ROWS if ground.smooth.size else member.ROWS
        x = np.zeros((rows, cells + 2 * curves.LANES))
        x[member.H, :cells] = ensemble["h"].values[m].ravel()
        manning = ensemble["manning"].values[m]
        return member.Member(
            self.soil.token,
            self.flux.token,
            soil,
            mesh,
            ground,
            self.overland.sides(self.grid, np.broadcast_to(manning, (columns,)).astype(float)),
            self._edges(soil, ks),
            member.Sky(np.zeros(columns), np.zeros(columns), uptake),
            member.Limits(*demand.limits),
            x,
            np.zeros((member.COLUMN_ROWS, columns)),
            np.zeros((mesh.pieces.size, 8)),
            np.zeros(member.COUNTS, np.int64),
            _coarse(self.grid),
        )

    # -------------------------------------------------------------------------------- forecast

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        """The ensemble at `end`; without forcing no water comes from or goes to the air.

        A member without a solution has NaN in its states and diagnostics; the attribute `failures`
        says where and why. `solver` counts steps, iterations and cuts of all members.
        """
        if forcing is None:
            seconds = float((end - start) / np.timedelta64(1, "s"))
            forcing = ForcingWindow(np.array([start]), seconds, {"rain": np.zeros((1, 1))})
        members = ensemble.sizes["member"]
        mesh, window = self._mesh(), forcing
        threads = numba.get_num_threads()
        across = threads > 1 and members >= threads
        # Waking threads many times a step repays itself in large domains.
        along = threads if mesh.columns * mesh.layers >= WORTH_THREADS else 1

        above = self.surface.over(self, ensemble, window)

        def one(m: int) -> _Outcome:
            demand = self.surface.demand(window, m, self.grid)
            system = self._member(ensemble, m, mesh, demand)
            return self._run(m, system, above, demand, window, 1 if across else along)

        if across:
            with ThreadPoolExecutor(threads) as pool:
                outcomes = list(pool.map(one, range(members)))
        else:
            outcomes = [one(m) for m in range(members)]
        failed = np.array([bool(each.failure) for each in outcomes])
        return self._forecast_dataset(ensemble, outcomes, above.fields(failed))

    def _run(
        self, number: int, m: member.Member, above: Above, demand: Demand, forcing: ForcingWindow,
        threads: int,
    ) -> _Outcome:  # fmt: skip
        table, kept = passes.packed(m)
        crew = passes.Crew(
            *passes.passes_of(m.token, m.scheme),
            table.ctypes.data,
            m.mesh.pieces.size - 1,
            m.mesh.strips.size - 1,
            m.coarse.levels.shape[0],
            m.ground.smooth.size > 0,
            threads,
            m.sums,
            m.count,
        )
        seconds = forcing.step_seconds
        done = above.drive(number, m, crew, demand, seconds, self.steps.kernel())
        del kept  # the addresses were valid until here
        return self._outcome(m, done, done == forcing.times.size)

    def _outcome(self, m: member.Member, done: int, finished: bool) -> _Outcome:
        cells = self.grid.columns * self.grid.layers
        shape = (self.grid.columns, self.grid.layers)
        h = m.x[member.H, :cells].reshape(shape).copy()
        failure = ""
        if not finished:
            failure = self._failure(m, done)
            h[:] = np.nan
        theta, water = self._state_at(m.soil, h)
        pond = np.maximum(h[:, 0] - m.overland.offset, 0.0)
        column = MM * ((water * self.grid.dz).sum(axis=-1) + pond)
        spoilt = 0.0 if finished else np.nan
        sums = MM * m.y[member.S_RAIN :] + spoilt
        passing = self.overland.passing(m.overland, m.mesh.beside, pond)
        discharges = self.grid.area * np.stack([passing, m.y[member.LEAVING]]) + spoilt
        return _Outcome(h, theta, column, MM * pond, sums, discharges, failure, m.count.copy())

    def _failure(self, m: member.Member, done: int) -> str:
        cells = self.grid.columns * self.grid.layers
        missing = np.abs(m.x[member.R, :cells])
        bad = ~np.isfinite(m.x[member.H_START, :cells])  # it spreads in the step
        bad = bad if bad.any() else ~np.isfinite(missing)
        worst = int(np.argmax(bad) if bad.any() else np.argmax(missing))
        column, layer = divmod(worst, self.grid.layers)
        reason = (
            "the head is not a number"
            if bad.any()
            else f"{missing[worst]:.2g} m of water missing after the smallest step"
        )
        return (
            f"step {done}: column {column}, layer {layer}, h before = "
            f"{m.x[member.H_START, worst]:.6g} m, h = {m.x[member.H, worst]:.6g} m: {reason}"
        )

    def _forecast_dataset(
        self, ensemble: xr.Dataset, outcomes: list[_Outcome], above: dict[str, Any]
    ) -> xr.Dataset:
        flat = {
            "water": np.stack([each.water for each in outcomes]),
            "pond": np.stack([each.pond for each in outcomes]),
        }
        sums = np.stack([each.sums for each in outcomes])
        order = ("rain", "evaporation", "transpiration", "runoff", "boundary_inflow", "inflow")
        flat |= {name: sums[:, i] for i, name in enumerate(order)}
        flat["inflow"] = -flat["inflow"]
        flat |= {name: above.pop(name)[1] for name in FLUXES if name in above}
        before = self.water(ensemble).values
        ensemble = ensemble.assign(above)
        flat["water"] = flat["water"] + self.surface.held(ensemble)
        net = sum(sign * flat[name] for name, sign in self.budget.terms.items())
        flat["budget_error"] = flat["water"] - before - net
        h = np.stack([each.h for each in outcomes])
        place, dims = ("member", "column"), ("member", "column", "layer")
        after = ensemble.assign(
            {name: (place, value, {"units": "mm"}) for name, value in flat.items()}
            | {
                "h": (dims, h, {"units": "m"}),
                "theta": (
                    dims,
                    np.stack([each.theta for each in outcomes]),
                    {"units": "m3 m-3"},
                ),
            }
            | {
                name: (place, np.stack([each.flows[i] for each in outcomes]), {"units": "m3 s-1"})
                for i, name in enumerate(("discharge", "edge_discharge"))
            }
            | self._tables(h)
        )
        failures = [
            f"member {m}, {each.failure}" for m, each in enumerate(outcomes) if each.failure
        ]
        counts = np.sum([each.count for each in outcomes], axis=0)
        after.attrs = {k: v for k, v in after.attrs.items() if k != "failures"}
        after.attrs["solver"] = " ".join(
            f"{name}={counts[i]}" for i, name in enumerate(member.COUNTED)
        )
        if failures:
            after.attrs["failures"] = "; ".join(failures)
        return after

    def _tables(self, h: Array) -> dict[str, Any]:
        sums = np.empty((*h.shape[:2], agreement.SUMS))
        h = np.ascontiguousarray(h)

        def lay(first: int, last: int) -> None:
            for m in range(first, last):
                agreement.all_tables(h[m], self.z, self.grid.dz, sums[m])

        in_pieces(lay, len(h), h.size)
        return _table_fields(sums)

    def refined(self) -> TerrestrialSystem:
        return replace(self, steps=self.steps.refined())

    # ------------------------------------------------------------------------- after an analysis

    def water(self, ensemble: xr.Dataset) -> xr.DataArray:
        """Water in the ground, under pressure, on the surface and above it [mm].

        theta counts as it stands: an analysis may have changed it and not yet h.
        """
        h, theta = (np.ascontiguousarray(ensemble[n].values, dtype=float) for n in ("h", "theta"))
        column, ground = np.empty(h.shape[:2]), self._grounds(ensemble)

        def weigh(first: int, last: int) -> None:
            for m in range(first, last):
                agreement.content(theta[m], h[m], ground(m), column[m])

        in_pieces(weigh, len(h), h.size)
        if self.storage.suction:
            dry = np.minimum(h, 0.0)
            fitting, water = self._states(ensemble, dry)
            column += ((water - fitting) * self.grid.dz).sum(axis=-1)
        return self._of_columns(MM * column + self.surface.held(ensemble))

    def _of_columns(self, water: Array) -> xr.DataArray:
        return xr.DataArray(water, dims=("member", "column"), attrs={"units": "mm"})

    def _diagnosed(self, ensemble: xr.Dataset) -> xr.Dataset:
        h = ensemble["h"].values
        pond = MM * np.maximum(h[..., 0] - self.overland.offset(self.grid), 0.0)
        return ensemble.assign(
            {
                "water": self.water(ensemble),
                "pond": (("member", "column"), pond, {"units": "mm"}),
            }
            | self._tables(h)
        )

    def reconcile(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble with h and theta in agreement.

        As in `SoilColumn`: where only h was changed, theta follows; where only theta was, h
        follows, with theta kept between its value at pF 7 and 0.9999 theta_s. Where both were, h
        decides in saturated cells and theta in the others. New parameters alone keep theta and give
        new heads, but saturated cells keep theirs. Ice stays within the pores, and layers with ice
        are no warmer than freezing. Second: the water [mm] that the cuts and new porosities added
        to what the analysis gave.
        """
        above = self.surface.ordered(self, ensemble, changed)
        fields, sums = self._agreed(above, changed)
        after = above.assign({name: above[name].copy(data=v) for name, v in fields.items()})
        before = MM * sums[..., agreement.BEFORE] + self.surface.held(ensemble, changed)
        water = MM * sums[..., agreement.AFTER] + self.surface.held(after)
        pond = MM * sums[..., agreement.POND]
        after = after.assign(
            {
                "water": self._of_columns(water),
                "pond": (("member", "column"), pond, {"units": "mm"}),
            }
            | _table_fields(sums)
        )
        return after, self._of_columns(water - before)

    def _agreed(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[dict[str, Array], Array]:
        """Variables that fit together, and sums of each column (member, column, sum)."""
        task = self._task(ensemble, changed)
        written = {
            "h": task.mode != agreement.HEADS, "theta": True,
            "ice": task.iced, "temperature": task.thawed,
        }  # fmt: skip
        given = {
            name: np.ascontiguousarray(ensemble[name].values, dtype=float)
            for name in written
            if name in ensemble
        }
        found = {n: np.empty_like(v) if written[n] else v for n, v in given.items()}
        h, theta, none = found["h"], found["theta"], np.zeros((0, 0))
        sums = np.empty((*h.shape[:2], agreement.SUMS))
        curve, ground = self._curves(ensemble), self._grounds(ensemble)

        def agree(first: int, last: int) -> None:
            for m in range(first, last):
                for name, values in given.items():
                    if written[name]:
                        found[name][m] = values[m]
                frozen = (found[n][m] if n in found else none for n in ("ice", "temperature"))
                agreement.agree(
                    self.soil.token, task, curve(m), ground(m), agreement.Frozen(*frozen),
                    h[m].reshape(-1), theta[m].reshape(-1), sums[m],
                )  # fmt: skip

        in_pieces(agree, len(h), OPERATIONS * h.size)
        return {name: v for name, v in found.items() if written[name]}, sums

    def _task(self, ensemble: xr.Dataset, changed: tuple[str, ...]) -> agreement.Task:
        """What is to be put in order after an analysis."""
        if "h" in changed:
            mode = agreement.BOTH if "theta" in changed else agreement.HEADS
        else:
            mode = agreement.CONTENTS if "theta" in changed else agreement.NEITHER
        deep = not {"theta", "ice", *self.soil.parameters}.isdisjoint(changed)
        icy = "ice" in ensemble
        iced = icy and not {"ice", "theta_s"}.isdisjoint(changed)
        return agreement.Task(mode, deep, iced, icy and "temperature" not in changed)


def _table_fields(sums: Array) -> dict[str, Any]:
    """Depths of the water tables as variables, from the sums of all columns."""
    rows = {
        "water_table_depth": agreement.TABLE,
        "perched_table_depth": agreement.PERCHED,
    }
    place, unit = ("member", "column"), {"units": "m"}
    return {name: (place, np.array(sums[..., row]), unit) for name, row in rows.items()}


@dataclass(frozen=True)
class _Outcome:
    """What one member's forecast gave."""

    h: Array
    theta: Array
    water: Array
    pond: Array
    sums: Array
    flows: Array  # (discharge and what leaves the domain, column) [m3 s-1]
    failure: str
    count: NDArray[np.int64]


def _lift(grid: Grid) -> Array:
    """How much higher a column lies than its neighbours (column, 4) [m]."""
    sine, cosine = grid.faces
    return np.ascontiguousarray(-sine / cosine * grid.widths)


def _strips(columns: int) -> NDArray[np.int64]:
    """First columns of the strips that are swept apart; by the grid alone, for the same bits."""
    count = 1 if columns < 512 else 4 if columns < 4096 else 8
    return np.linspace(0, columns, count + 1).astype(np.int64)


# Up to which lift times d ln k / dh a flux by potentials is monotone in both heads: 2 where that is
# met exactly, less for what lies between the heads that are tried [1 / scale of the curve].
PECLET, STEEP, LEAST_K = 1.5, 1.0001 * np.geomspace(1e-3, 10.0, 21), 1e-200

# So few columns need no coarser level.
FEWEST_COLUMNS = 6


def _coarse(grid: Grid) -> member.Coarse:
    """Levels of columns merged two by two in both directions."""
    places = np.stack(np.nonzero(grid.mask))
    levels, parents, beside, first = [], [], [], 0
    while places.shape[1] > FEWEST_COLUMNS:
        places, parent = np.unique(places // 2, axis=1, return_inverse=True)
        number = np.full(places.max(axis=1) + 3, -1)
        number[places[0] + 1, places[1] + 1] = np.arange(places.shape[1])
        sides = [number[places[0] + 1 + up, places[1] + 1 + right] for up, right in SIDES]
        levels.append((first, places.shape[1]))
        parents.append(np.reshape(parent, -1))
        beside.append(np.stack(sides, axis=-1))
        first += places.shape[1]
    if not levels:
        none = np.zeros((0, 2), np.int64)
        return member.Coarse(none, none[:, 0].copy(), np.zeros((0, 4), np.int64), np.zeros((0, 0)))
    last = np.zeros(levels[-1][1], np.int64)
    return member.Coarse(
        np.array(levels, np.int64),
        np.concatenate([*parents, last]).astype(np.int64),
        np.ascontiguousarray(np.concatenate(beside).astype(np.int64)),
        np.zeros((multigrid.COARSE_ROWS, first * grid.layers)),
    )


def perched_table_depth(h: Array, z: Array) -> Array:
    """Depth [m] of the highest saturated layer over a dry one (member, column); NaN: none."""
    wet = h >= 0.0
    # Dry anywhere below: then the saturated layers above are perched.
    below = np.flip(np.logical_or.accumulate(np.flip(~wet, -1), -1), -1)
    perched = wet & below
    layer = np.argmax(perched, axis=-1)
    depth = z[layer] - np.take_along_axis(h, layer[..., None], axis=-1)[..., 0]
    return np.where(perched.any(axis=-1), np.maximum(depth, 0.0), np.nan)
