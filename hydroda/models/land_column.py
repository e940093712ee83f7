"""Land columns: a land surface of parts over the water of a soil, all columns in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import METEOROLOGY, ForcingWindow
from hydroda.models.base import Budget, Model
from hydroda.models.columns import (
    PLACE,
    PROFILE,
    coordinates,
    in_units_of,
    leading,
    parameters,
    profile,
    raw_parameters,
    water_table_depth,
)
from hydroda.models.kernels import column as layout
from hydroda.models.kernels import land as kernels
from hydroda.models.kernels import water
from hydroda.models.land import (
    Arithmetic,
    FluxPotential,
    FreeDrainage,
    Underground,
    Upstream,
)
from hydroda.models.land_parts import (
    ABOVE,
    ENERGY,
    SNOW_ROWS,
    LandParts,
    freezing_head,
    temperatures,
    weather_rows,
)
from hydroda.models.land_parts import SCALARS as LAND_SCALARS
from hydroda.models.order import Profile, snow_as_set, snow_in_order, soil_in_order
from hydroda.models.retention import Retention, content, head
from hydroda.models.runoff import Runoff, Simtop
from hydroda.models.soil_heat import nodes, thickness
from hydroda.models.texture import Cosby, Texture
from hydroda.state import StateVector, Variable
from hydroda.threads import in_pieces
from hydroda.units import Amount, Duration, duration, magnitude

__all__ = ["LandColumn"]

Array = NDArray[np.float64]

SNOWPACK = ("member", "column", "snow_layer")

MM = 1000.0
OPERATIONS = 5000  # of a column in one step, roughly
CLM_NODES = nodes()
CLM_LAYERS = thickness(CLM_NODES)

SCALARS = LAND_SCALARS | {"aquifer": layout.AQUIFER, "pond": layout.POND}
STORES = ("canopy_water", "snow", "aquifer", "pond")
WATER = {
    "rain": kernels.PRECIPITATION,
    "evapotranspiration": kernels.EVAPORATION,
    "transpiration": kernels.TRANSPIRATION,
    "interception": kernels.INTERCEPTION,
    "sublimation": kernels.SUBLIMATION,
    "infiltration": kernels.INFILTRATION,
    "surface_runoff": kernels.SURFACE_RUNOFF,
    "subsurface_runoff": kernels.SUBSURFACE_RUNOFF,
    "drainage": kernels.DRAINAGE,
    "recharge": kernels.RECHARGE,
}


class _LandState(StateVector):
    h = Variable("m", meaning="pressure head")
    theta = Variable("m3 m-3", bounds=(0.0, 1.0), meaning="volumetric liquid water content")
    ice = Variable("m3 m-3", bounds=(0.0, 1.0), meaning="soil ice, as volume of its water")
    temperature = Variable("K", bounds=(150.0, 400.0), meaning="soil temperature")
    aquifer = Variable("mm", bounds=(0.0, np.inf), meaning="water of the aquifer below")
    pond = Variable("mm", bounds=(0.0, np.inf), meaning="water standing on the surface")


@cache
def _state_of(soil: type[Retention]) -> StateVector:
    """The state of a column with this kind of soil: its parameters belong to it."""
    return type("LandColumnState", (_LandState,), ABOVE | dict(soil.parameters))()


@dataclass(frozen=True)
class WaterSteps:
    """How Richards' equation is solved within a step of the weather.

    `tolerance` is the water by which the heads of a column may miss its balance; the water itself
    follows the fluxes exactly. `impedance` Omega: through layers of which a part F of the pores is
    ice, water moves 10^(-Omega F) times as fast (Lundin 1990, 10.1016/0022-1694(90)90161-5).
    """

    wilting: Amount = "-150 m"
    dry: Amount = "-1000 m"
    ponding: Amount = "0 mm"
    storage: Amount = "1e-5 1/m"
    impedance: float = 6.0
    smallest: Duration = "1 s"
    tolerance: Amount = "1e-5 mm"
    iterations: int = 30

    def __post_init__(self) -> None:
        units = {"wilting": "m", "dry": "m", "ponding": "mm", "storage": "1/m", "tolerance": "mm"}
        for name, unit in units.items():
            object.__setattr__(self, name, magnitude(getattr(self, name), unit, name))
        object.__setattr__(self, "smallest", duration(self.smallest, "smallest"))

    def refined(self) -> WaterSteps:
        """A tenth of the smallest step and three times the iterations."""
        smallest = duration(self.smallest, "smallest") // 10
        return replace(self, smallest=smallest, iterations=3 * self.iterations)

    def kernel(self) -> water.Numbers:
        seconds = float(duration(self.smallest, "smallest") / np.timedelta64(10**9, "ns"))
        return water.Numbers(
            float(self.wilting),
            float(self.dry),
            float(self.ponding),
            float(self.storage),
            self.impedance,
            seconds,
            float(self.tolerance),
            self.iterations,
        )


@dataclass(frozen=True)
class LandColumn(LandParts, Model):
    """A land surface over Richards' equation, put together from parts.

    Light in two streams through sunlit and shaded leaves, stomata, turbulent exchange of leaves and
    ground, snow in up to five layers, heat with freezing, soil water with runoff and what lies
    below. Each part is a choice of its own; `CLM4Column` and `CoLMColumn` are two sets of them.

    `plants` are the types that columns have, by the number in the coordinate `plant` of the
    ensemble (the first one without it); `sand` and `clay`, one part or one per layer, conduct heat
    and, where `soil` is a way from textures to soils, hold water. Coordinates `latitude` and
    `longitude` (column) of the ensemble replace those of the model. `co2` [mol mol-1] is that of
    the air; at field capacity a soil conducts `field_conductivity`.
    """

    soil: Retention | Texture = field(default_factory=Cosby)
    thickness: tuple[Any, ...] = field(default_factory=lambda: tuple(_metres(CLM_LAYERS)))
    depths: tuple[Any, ...] = field(default_factory=lambda: tuple(_metres(CLM_NODES)))
    runoff: Runoff = field(default_factory=Simtop)
    bottom: Underground = field(default_factory=FreeDrainage)
    flux: FluxPotential | Upstream | Arithmetic = field(default_factory=FluxPotential)
    steps: WaterSteps = field(default_factory=WaterSteps)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, unit in (("thickness", "m"), ("depths", "m")):
            given = getattr(self, name)
            values = tuple(magnitude(one, unit, f"{name}[{i}]") for i, one in enumerate(given))
            object.__setattr__(self, name, values)
        self._check_layers()

    def _check_layers(self) -> None:
        below = np.cumsum(self.dz)
        above = below - self.dz
        fits = self.dz.size == self.z.size and bool(
            ((above <= self.z) & (self.z <= below) & (self.dz > 0.0)).all()
        )
        if not fits:
            raise DeclarationError(
                "depths must give one node within each layer of thickness; got nodes at "
                f"{self.z.tolist()} m in layers {self.dz.tolist()} m"
            )

    # ----------------------------------------------------------------------------------- the state

    @property
    def dz(self) -> Array:
        """Thickness of the layers [m]."""
        return np.array([float(value) for value in self.thickness])

    @property
    def z(self) -> Array:
        """Depth of the nodes [m]."""
        return np.array([float(value) for value in self.depths])

    @property
    def retention(self) -> Retention:
        """The soil, from sand and clay where `soil` is a way from textures to soils."""
        if isinstance(self.soil, Retention):
            return self.soil
        textures = (np.broadcast_to(part, self.dz.shape) for part in (self.sand, self.clay))
        return self.soil.soil(*textures)

    @property
    def state(self) -> StateVector:
        return _state_of(type(self.retention))

    @property
    def diagnostics(self) -> Mapping[str, Variable]:
        return {
            "water_table_depth": Variable("m", meaning="depth of the water table"),
            "water": Variable("mm", meaning="all water of the column"),
            "runoff": Variable("mm", meaning="all that ran off in the last forecast"),
            "budget_error": Variable("mm", meaning="water that appeared in the last forecast"),
            "energy_error": Variable("W m-2", meaning="largest miss of the energy balance"),
            **{name: Variable("mm", meaning="sum over the last forecast") for name in WATER},
            **{name: Variable("W m-2", meaning="mean of the last forecast") for name in ENERGY},
        }

    @property
    def budget(self) -> Budget:
        """Storage, rain Pr, evapotranspiration Ev, runoff and drainage Rn of Dan's budget.

        An aquifer belongs to the storage: what passes to and from it is `recharge`.
        """
        return Budget("water", ("rain",), ("evapotranspiration", "runoff", "drainage"))

    def dataset(
        self,
        *,
        theta: ArrayLike | xr.DataArray,
        temperature: ArrayLike | xr.DataArray | Amount,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        plant: ArrayLike | None = None,
        water_table: Amount = "3 m",
        **variables: ArrayLike | xr.DataArray,
    ) -> xr.Dataset:
        """An ensemble without snow and water on leaves, from water content and temperature.

        theta [m3 m-3], all water of a layer, and temperature [K] are (member, column, layer),
        (member, layer) of one column, or broadcast to it; what cannot be liquid at its temperature
        is ice. x and y [m] are the places of the columns, `plant` (column) their plant types.
        Soil parameters that are not given come from `soil`; other variables as they are.
        """
        total = profile("theta", theta, self.dz.size)
        warmth = temperatures(temperature, self.dz.size)
        shape = np.broadcast_shapes(total.shape, warmth.shape)
        coords = coordinates(self.z, self.dz, shape[1], x, y)
        if plant is not None:
            coords["plant"] = ("column", np.asarray(plant, int))
        ensemble = xr.Dataset(self._start(variables, shape), coords)
        raw = self._raw(ensemble)
        liquid = np.minimum(total, content(self.retention, raw, freezing_head(warmth)))
        ice = np.maximum(np.broadcast_to(total, shape) - liquid, 0.0)
        given = {
            "theta": np.broadcast_to(liquid, shape),
            "ice": ice,
            "temperature": np.broadcast_to(warmth, shape),
            "h": head(self.retention, raw, liquid / self._open(ensemble, ice)),
        }
        state = self.state
        ensemble = ensemble.assign(
            {name: (PROFILE, np.array(v), {"units": state[name].unit}) for name, v in given.items()}
        )
        start = {
            "leaf_temperature": ensemble["temperature"].values[..., 0],
            "aquifer": self._aquifer(shape[:2], magnitude(water_table, "m", "water_table")),
        }
        ensemble = ensemble.assign(
            {
                name: (PLACE, np.array(values), {"units": state[name].unit})
                for name, values in start.items()
                if name not in variables
            }
        )
        self.state.check(ensemble)
        return self._diagnosed(ensemble)

    def _start(
        self, variables: Mapping[str, Any], shape: tuple[int, ...]
    ) -> dict[str, tuple[tuple[str, ...], Array, dict[str, str]]]:
        """Empty stores, bare of snow, and the parameters of the soil."""
        given = in_units_of(self.state, variables)
        fields: dict[str, tuple[tuple[str, ...], Array]] = {}
        for name in SCALARS:
            fields[name] = (PLACE, np.zeros(shape[:2]))
        for name in SNOW_ROWS:
            fields[name] = (SNOWPACK, np.zeros((*shape[:2], layout.SNOW)))
        for name, value in self.retention.values().items():
            size = shape if value.ndim else shape[:2]
            fields[name] = (PROFILE[: len(size)], np.array(np.broadcast_to(value, size)))
        for name, value in given.items():
            values = leading(name, value, shape, keep=name in self.retention.parameters)
            fields[name] = (PROFILE[: values.ndim], values)
        return {
            name: (dims, values, {"units": self.state[name].unit})
            for name, (dims, values) in fields.items()
        }

    def _aquifer(self, shape: tuple[int, ...], table: float) -> Array:
        return np.full(shape, self.bottom.store(table - float(self.dz.sum())))

    # --------------------------------------------------------------------------------- parameters

    def _raw(self, ensemble: xr.Dataset) -> Array:
        return raw_parameters(self.retention, ensemble, self.dz.size)

    def _porosity(self, ensemble: xr.Dataset) -> Array:
        """(member or 1, column or 1, layer)."""
        values = parameters(self.retention, ensemble)["theta_s"]
        return np.array(np.broadcast_to(values, (*values.shape[:2], self.dz.size)), order="C")

    def _open(self, ensemble: xr.Dataset, ice: Array) -> Array:
        """Part of the pores that ice leaves."""
        return np.maximum(1.0 - ice / self._porosity(ensemble), water.LEAST_OPEN)

    def _parts(self) -> kernels.Parts:
        return kernels.Parts(
            **self.tokens(),
            runoff=self.runoff.kernel(),
            bottom=self.bottom.token(),
            curve=self.retention.token,
            scheme=self.flux.token,
            numbers=self.steps.kernel(),
            layers=water.layers(self.dz, self.z),
        )

    def _field(self, ensemble: xr.Dataset, forcing: ForcingWindow) -> kernels.Field:
        porosity = self._porosity(ensemble)
        return self.plots(ensemble, self.dz, self._raw(ensemble), porosity, weather_rows(forcing))

    # ----------------------------------------------------------------------------------- forecast

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        """The ensemble at `end`, with water [mm] summed and heat [W m-2] meant over [start, end).

        Leaves that follow the warmth of the soil do so once a day. A member without a solution has
        NaN in its states and diagnostics.

        Raises
        ------
        DataError
            The forcing lacks a variable.
        """
        return self._forecast(ensemble, forcing, lambda state: None, every=None)

    def forecast_with_moisture(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> tuple[xr.Dataset, Array]:
        """The same forecast, and theta (step, member, column, layer) after each step of it."""
        seen: list[Array] = []
        mm = MM * self.dz

        def note(x: Array) -> None:
            pressed = float(self.steps.storage) * np.maximum(x[..., layout.H, layout.SNOW :], 0.0)
            seen.append(x[..., layout.LIQ, layout.SNOW :] / mm - pressed)

        return self._forecast(ensemble, forcing, note, every=1), np.array(seen)

    def _forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        watch: Callable[[Array], None],
        every: int | None,
    ) -> xr.Dataset:
        """The forecast; `watch` sees the state after each `every` steps, or each day."""
        if forcing is None:
            raise DataError(f"{type(self).__name__} needs forcing: {', '.join(METEOROLOGY)}")
        x, s = self._columns(ensemble)
        sums = np.zeros((*x.shape[:2], kernels.SUMS))
        parts, field = self._parts(), self._field(ensemble, forcing)
        per_day = max(1, round(86400 / forcing.step_seconds))
        for first in range(0, forcing.times.size, per_day):
            day = slice(first, first + per_day)
            warmth = x[..., layout.T, layout.SNOW :]
            season = self.season(ensemble, forcing, day, warmth, self.dz)
            weather = field.weather[..., day]
            for begin in range(0, weather.shape[-1], every or per_day):
                some = slice(begin, begin + (every or per_day))
                now = field._replace(
                    weather=np.ascontiguousarray(weather[..., some]),
                    season=np.ascontiguousarray(season[..., some]),
                )
                self._run(parts, now, forcing.step_seconds, x, s, sums)
                watch(x)
        failed = ~np.isfinite(sums).all(axis=(1, 2))
        for array in (x, s, sums):
            array[failed] = np.nan
        return self._labelled(ensemble, x, s, sums, forcing.times.size * forcing.step_seconds)

    def _run(
        self, parts: kernels.Parts, field: kernels.Field, seconds: float, x: Array, s: Array,
        sums: Array,
    ) -> None:  # fmt: skip
        columns = x.shape[0] * x.shape[1]
        steps = field.weather.shape[-1]

        def piece(first: int, last: int) -> None:
            kernels.forecast(parts, field, seconds, x, s, sums, first, last)

        in_pieces(piece, columns, columns * steps * OPERATIONS)

    def _columns(self, ensemble: xr.Dataset) -> tuple[Array, Array]:
        """The state as the kernels hold it: (member, column, row, place) and scalars."""
        theta = ensemble["theta"].values
        x = np.zeros((*theta.shape[:2], layout.ROWS, layout.SNOW + self.dz.size))
        soil = x[..., layout.SNOW :]
        soil[..., layout.DZ, :] = self.dz
        soil[..., layout.T, :] = ensemble["temperature"].values
        soil[..., layout.LIQ, :] = MM * self.dz * self._liquid(theta, ensemble["h"].values)
        soil[..., layout.ICE, :] = MM * self.dz * ensemble["ice"].values
        soil[..., layout.H, :] = ensemble["h"].values
        for name, row in SNOW_ROWS.items():
            x[..., row, : layout.SNOW] = ensemble[name].values
        s = np.zeros((*theta.shape[:2], layout.SCALARS))
        for name, row in SCALARS.items():
            s[..., row] = ensemble[name].values
        s[..., layout.COUNT] = (ensemble["snow_thickness"].values > 0.0).sum(axis=-1)
        return x, s

    def _liquid(self, theta: Array, h: Array) -> Array:
        """Liquid water [m3 m-3] with what pressure adds to the content of the pores."""
        return np.asarray(theta + float(self.steps.storage) * np.maximum(h, 0.0))

    def _labelled(
        self, ensemble: xr.Dataset, x: Array, s: Array, sums: Array, seconds: float
    ) -> xr.Dataset:
        soil, state = x[..., layout.SNOW :], self.state
        snowpack = np.where(_empty_places(s)[..., None, :], 0.0, x[..., : layout.SNOW])
        h = soil[..., layout.H, :]
        pressed = float(self.steps.storage) * np.maximum(h, 0.0)
        profiles = {
            "h": h,
            "theta": soil[..., layout.LIQ, :] / (MM * self.dz) - pressed,
            "ice": soil[..., layout.ICE, :] / (MM * self.dz),
            "temperature": soil[..., layout.T, :],
        }
        flat = {name: s[..., row] for name, row in SCALARS.items()}
        flat |= {name: sums[..., row] for name, row in WATER.items()}
        flat |= {name: sums[..., row] / seconds for name, row in ENERGY.items()}
        flat["runoff"] = flat["surface_runoff"] + flat["subsurface_runoff"]
        flat["water_table_depth"] = s[..., layout.TABLE]
        flat["energy_error"] = sums[..., kernels.MISSED]
        flat["water"] = _water(soil) + sum(flat[name] for name in STORES)
        net = sum(sign * flat[name] for name, sign in self.budget.terms.items())
        flat["budget_error"] = flat["water"] - self.water(ensemble).values - net
        units = {**state.variables, **self.diagnostics}
        # One assignment: each of xarray's costs as much as a day of a few columns.
        return ensemble.assign(
            {name: (PROFILE, v.copy(), {"units": units[name].unit}) for name, v in profiles.items()}
            | {name: (PLACE, v.copy(), {"units": units[name].unit}) for name, v in flat.items()}
            | {
                name: (SNOWPACK, snowpack[..., row, :].copy(), {"units": units[name].unit})
                for name, row in SNOW_ROWS.items()
            }
        )

    def refined(self) -> LandColumn:
        return replace(self, steps=self.steps.refined())

    # ---------------------------------------------------------------------------- after an analysis

    def water(self, ensemble: xr.Dataset) -> xr.DataArray:
        """Liquid and ice in the soil, on leaves, in snow, below and on the ground [mm]."""
        held = self._liquid(ensemble["theta"].values, ensemble["h"].values)
        # No matrix product: its last bit depends on how many members are held here.
        soil = MM * ((held + ensemble["ice"].values) * self.dz).sum(axis=-1)
        stores = sum(ensemble[name].values for name in STORES)
        return xr.DataArray(soil + stores, dims=PLACE, attrs={"units": "mm"})

    def reconcile(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble with water within the pores, and heads, temperatures and snow that fit.

        Heads follow water contents, unless they alone were changed; ice stays before liquid water;
        there is no ice above freezing; layers of snow follow all snow. Second: the water [mm] that
        keeping the bounds added to what the analysis gave.
        """
        if "h" in changed and "theta" not in changed:
            ensemble = ensemble.assign(theta=ensemble["theta"].copy(data=self._content(ensemble)))
        profile = soil_in_order(
            self.retention,
            self._raw(ensemble),
            self._porosity(ensemble),
            Profile(*(ensemble[name].values for name in Profile._fields)),
            changed,
        )
        pack = {name: ensemble[name].values for name in ("snow", "snow_depth", *SNOW_ROWS)}
        snow = snow_in_order(pack, changed, ensemble["temperature"].values[..., 0])
        others = {name: np.maximum(ensemble[name].values, 0.0) for name in STORES if name != "snow"}
        ordered = profile._asdict() | snow | others
        after = ensemble.assign(
            {name: ensemble[name].copy(data=values) for name, values in ordered.items()}
        )
        given = ensemble.assign(snow=ensemble["snow"].copy(data=snow_as_set(pack, changed)))
        return self._diagnosed(after), self.water(after) - self.water(given)

    def _content(self, ensemble: xr.Dataset) -> Array:
        """Liquid water [m3 m-3] that the heads hold in the pores that ice leaves."""
        full = content(self.retention, self._raw(ensemble), ensemble["h"].values)
        return full * self._open(ensemble, ensemble["ice"].values)

    def _diagnosed(self, ensemble: xr.Dataset) -> xr.Dataset:
        table = water_table_depth(ensemble["h"].values, self.z, self.dz)
        return ensemble.assign(
            water=self.water(ensemble), water_table_depth=(PLACE, table, {"units": "m"})
        )


def _water(soil: Array) -> Array:
    return np.asarray((soil[..., layout.LIQ, :] + soil[..., layout.ICE, :]).sum(axis=-1))


def _empty_places(s: Array) -> NDArray[np.bool_]:
    """Which of the places of snow layers hold none (..., snow_layer)."""
    return np.asarray(np.arange(layout.SNOW) < layout.SNOW - s[..., layout.COUNT, None])


def _metres(values: Array) -> list[Amount]:
    return [magnitude(f"{value} m", "m", "layer") for value in values]
