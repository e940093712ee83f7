"""Land columns: Richards' equation under vegetation and snow, all members and columns at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import METEOROLOGY, ForcingWindow
from hydroda.meteorology import reference_evapotranspiration
from hydroda.models.base import Budget, Model
from hydroda.models.columns import (
    PLACE,
    PROFILE,
    by_column,
    coordinates,
    in_units_of,
    leading,
    parameters,
    profile,
    raw_parameters,
    water_table_depth,
)
from hydroda.models.kernels import soil as kernels
from hydroda.models.land import (
    Arithmetic,
    Atmosphere,
    Bottom,
    DegreeDay,
    FluxPotential,
    FreeDrainage,
    HeldHead,
    Upstream,
    Vegetation,
)
from hydroda.models.order import DRIEST, heads_in_order
from hydroda.models.retention import Retention, VanGenuchten, content, head
from hydroda.models.steps import TimeSteps
from hydroda.state import StateVector, Variable
from hydroda.units import Amount, magnitude

__all__ = ["SoilColumn", "Steps"]

Array = NDArray[np.float64]

MM = 1000.0
SURFACE = ("canopy_water", "snow", "snow_liquid", "pond")
STORES = ("canopy_water", "snow", "pond")
FLUXES = ("rain", "evapotranspiration", "transpiration", "interception", "runoff", "drainage")


class _ColumnState(StateVector):
    h = Variable("m", meaning="pressure head")
    theta = Variable("m3 m-3", bounds=(0.0, 1.0), meaning="volumetric water content")
    canopy_water = Variable("mm", bounds=(0.0, np.inf), meaning="water on leaves")
    snow = Variable("mm", bounds=(0.0, np.inf), meaning="snow water equivalent, ice and liquid")
    snow_liquid = Variable("mm", bounds=(0.0, np.inf), meaning="liquid water in the snow")
    pond = Variable("mm", bounds=(0.0, np.inf), meaning="water standing on the surface")


@cache
def _state_of(soil: type[Retention], bottom: type[Bottom]) -> StateVector:
    """The state of a column with this kind of soil and bottom: their parameters belong to it."""
    parameters = {**soil.parameters, **bottom.parameters}
    return type("SoilColumnState", (_ColumnState,), parameters)()


@dataclass(frozen=True)
class Steps(TimeSteps):
    """Steps of Richards' equation in columns; `tolerance` is that of a whole column."""

    tolerance: Amount = "1e-6 mm"

    def kernel(self) -> kernels.Control:
        """What the kernels need."""
        return kernels.Control(*self.numbers())


@dataclass(frozen=True)
class SoilColumn(Model):
    """Richards' equation in layers of any thickness and soil, with plants and snow on top.

    The head h is prognostic; theta belongs to it. The parameters of `soil` stand in the ensemble,
    one per (member, column, layer), (member, column) or (member,), so that any may be estimated;
    `soil` gives those an ensemble is started with, and `bottom` its own where it has any. Mixed
    form, fully implicit, Newton (10.1029/WR026i007p01483).

    >>> grass = SoilColumn(SoilColumn.layers("2 m", first="2 cm", count=12))
    """

    thickness: tuple[Any, ...]
    soil: Retention = field(
        default_factory=lambda: VanGenuchten(
            "0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day"
        )
    )
    vegetation: Vegetation = field(default_factory=Vegetation)
    snow: DegreeDay = field(default_factory=DegreeDay)
    top: Atmosphere | HeldHead = field(default_factory=Atmosphere)
    bottom: Bottom = field(default_factory=FreeDrainage)
    flux: FluxPotential | Upstream | Arithmetic = field(default_factory=FluxPotential)
    storage: Amount = "1e-5 1/m"
    steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        thickness = tuple(
            magnitude(value, "m", f"thickness[{i}]") for i, value in enumerate(self.thickness)
        )
        if not thickness or min(thickness) <= 0.0:
            raise DeclarationError(f"thickness must be of positive lengths; got {thickness}")
        object.__setattr__(self, "thickness", thickness)
        object.__setattr__(self, "storage", magnitude(self.storage, "1/m", "storage"))

    @staticmethod
    def layers(depth: Amount, first: Amount = "2 cm", count: int = 12) -> tuple[Amount, ...]:
        """Thicknesses of `count` layers that fill `depth`, each a constant factor of the last.

        Raises
        ------
        DeclarationError
            That many layers, the first of that thickness, do not fit.
        """
        total, top = magnitude(depth, "m", "depth"), magnitude(first, "m", "first")
        if count < 1 or top <= 0.0 or total < top * count * (1.0 - 1e-9):
            raise DeclarationError(
                f"{count} growing layers from {top} do not fit into {total}; "
                "take fewer or a thinner first one"
            )
        low, high = 1.0, max(total / top, 1.0)
        for _ in range(200):
            factor = 0.5 * (low + high)
            if top * np.sum(factor ** np.arange(count)) < total:
                low = factor
            else:
                high = factor
        sizes = factor ** np.arange(count)
        return tuple(magnitude(f"{size} m", "m", "layer") for size in sizes * total / sizes.sum())

    # ----------------------------------------------------------------------------------- the state

    @property
    def dz(self) -> Array:
        """Thickness of the layers [m]."""
        return np.array(self.thickness, float)

    @property
    def z(self) -> Array:
        """Depth of the centres of the layers [m]."""
        return np.cumsum(self.dz) - 0.5 * self.dz

    @property
    def state(self) -> StateVector:
        return _state_of(type(self.soil), type(self.bottom))

    @property
    def diagnostics(self) -> Mapping[str, Variable]:
        return {
            "water_table_depth": Variable("m", meaning="depth of the water table; NaN: none"),
            "water": Variable("mm", meaning="all water of the column"),
            "budget_error": Variable("mm", meaning="water that appeared in the last forecast"),
            **{name: Variable("mm", meaning="sum over the last forecast") for name in FLUXES},
        }

    @property
    def budget(self) -> Budget:
        return Budget("water", ("rain",), ("evapotranspiration", "runoff", "drainage"))

    def dataset(
        self,
        *,
        theta: ArrayLike | xr.DataArray | None = None,
        h: ArrayLike | xr.DataArray | None = None,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        **variables: ArrayLike | xr.DataArray,
    ) -> xr.Dataset:
        """An ensemble of this model from one of theta [m3 m-3] and h [m] and any other variable.

        Profiles are (member, column, layer), or (member, layer) of one column; the rest is
        (member,), (member, column) or the full shape; labelled arrays say it themselves. `Ks`
        [m s-1] may stand for log10_Ks; parameters that are not given come from `soil`. x and y [m]
        are the places of the columns.

        Raises
        ------
        DataError
            A value is not finite or outside its bounds, such as theta above the porosity.
        """
        if theta is not None and h is None:
            given_profile = profile("theta", theta, self.dz.size)
        elif h is not None and theta is None:
            given_profile = profile("h", h, self.dz.size)
        else:
            raise DeclarationError("an ensemble needs exactly one of theta= and h=")
        members, columns, _ = given_profile.shape
        coords = coordinates(self.z, self.dz, columns, x, y)
        given = in_units_of(self.state, variables)
        known = self._start(members, columns) | {
            name: leading(name, value, given_profile.shape, keep=name not in SURFACE)
            for name, value in given.items()
        }
        fields = {
            name: (PROFILE[: value.ndim], value, {"units": self.state[name].unit})
            for name, value in known.items()
        }
        ensemble = xr.Dataset(fields, coords)
        raw = self._raw(ensemble)
        if h is None:
            self._check_content(given_profile, ensemble)
            pressure, contents = head(self.soil, raw, given_profile), given_profile
        else:
            pressure, contents = given_profile, content(self.soil, raw, given_profile)
        ensemble = ensemble.assign(
            h=(PROFILE, pressure, {"units": "m"}),
            theta=(PROFILE, contents, {"units": "m3 m-3"}),
        )
        self.state.check(ensemble)
        return self._diagnosed(ensemble)

    def _start(self, members: int, columns: int) -> dict[str, Array]:
        """Empty stores and the parameters of soil and bottom for every member and column."""
        start = {name: np.zeros((members, columns)) for name in SURFACE}
        for name, value in (self.soil.values() | self.bottom.values()).items():
            shape = (members, columns, self.dz.size) if value.ndim else (members, columns)
            start[name] = np.array(np.broadcast_to(value, shape))
        return start

    def _check_content(self, theta: Array, ensemble: xr.Dataset) -> None:
        values = self._parameters(ensemble)
        zero = np.zeros_like(values["theta_s"])
        low = np.broadcast_to(values.get("theta_r", zero), theta.shape)
        high = np.broadcast_to(values["theta_s"], theta.shape)
        for wrong, bound, words in (
            (~(theta > low), low, "at most the residual water content"),
            (theta > high, high, "above the porosity"),
        ):
            if wrong.any():
                member, column, layer = (int(i[0]) for i in np.nonzero(wrong))
                at = member, column, layer
                raise DataError(
                    f"theta of member {member}, column {column}, layer {layer} is {theta[at]:g}, "
                    f"{words} {bound[at]:g} m3 m-3; mend theta or the parameters of the soil"
                )

    # --------------------------------------------------------------------------------- parameters

    def _parameters(self, ensemble: xr.Dataset) -> dict[str, Array]:
        return parameters(self.soil, ensemble)

    def _raw(self, ensemble: xr.Dataset) -> Array:
        return raw_parameters(self.soil, ensemble, self.dz.size)

    # ----------------------------------------------------------------------------------- forecast

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        """The ensemble at `end`; without forcing no water comes from or goes to the air.

        A member without a solution has NaN in its states and diagnostics.
        """
        h = np.array(ensemble["h"].values, float, order="C")
        theta = np.empty_like(h)
        surface = np.stack([ensemble[name].values for name in SURFACE], axis=-1) / MM
        surface[..., 1] -= surface[..., 2]  # the kernels keep ice and liquid water apart
        sums = np.zeros((*h.shape[:2], kernels.SUMS))
        seconds, weather = self._weather(forcing, start, end)
        depth = float(self.dz.sum())
        bottom, _ = self.bottom.kernel(depth)
        kernels.forecast(
            self.soil.token,
            self.flux.token,
            self.vegetation.stress.kernel(),
            bottom,
            self._choices(seconds),
            self.steps.kernel(),
            self.snow.kernel(),
            self._raw(ensemble),
            *self.bottom.of_members(depth, self._bottom_values(ensemble)),
            weather,
            h,
            theta,
            surface,
            sums,
        )
        failed = ~np.isfinite(sums).all(axis=(1, 2))
        for array in (h, theta, surface, sums):
            array[failed] = np.nan
        return self._forecast_dataset(ensemble, h, theta, surface, sums)

    def _bottom_values(self, ensemble: xr.Dataset) -> dict[str, Array]:
        """The parameters of the bottom: those of the ensemble, else what was declared."""
        return {
            name: ensemble[name].values if name in ensemble else value.reshape(1, 1)
            for name, value in self.bottom.values().items()
        }

    def _choices(self, seconds: float) -> kernels.Choices:
        dry, ponding = self.top.top()
        roots = self.vegetation.roots.parts(self.dz)
        return kernels.Choices(self.dz, roots, dry, ponding, float(self.storage), seconds)

    def _weather(
        self, forcing: ForcingWindow | None, start: np.datetime64, end: np.datetime64
    ) -> tuple[float, Array]:
        """Length of a step [s] and weather (member or 1, column or 1, 5, step).

        The five are precipitation [m], temperature [K], potential evapotranspiration [m], covered
        part of the ground, capacity of the canopy [m].
        """
        if forcing is None:
            still = np.zeros((1, 1, 5, 1))
            still[:, :, 1] = float(self.snow.melt_above)
            return float((end - start) / np.timedelta64(1, "s")), still
        values = {name: np.asarray(value, float) for name, value in forcing.values.items()}
        leaves = self.vegetation.leaf_area(forcing.times)
        demand = self._demand(values, forcing.step_seconds)
        parts = [
            by_column(values["rain"]) / MM,
            by_column(values["air_temperature"]),
            by_column(demand) * self.vegetation.crop(forcing.times) / MM,
            (-np.expm1(-self.vegetation.extinction * leaves))[None, None],
            (float(self.vegetation.canopy_storage) * leaves)[None, None],
        ]
        weather = np.stack(np.broadcast_arrays(*parts), axis=2)
        return forcing.step_seconds, np.array(weather, order="C")

    def _demand(self, values: Mapping[str, Array], seconds: float) -> Array:
        """Reference evapotranspiration [mm per step], given or by FAO-56 Eq. 53."""
        if "potential_evapotranspiration" in values:
            return values["potential_evapotranspiration"]
        missing = [name for name in METEOROLOGY if name not in values]
        if missing:
            raise DataError(
                f"the forcing lacks {', '.join(missing)}; SoilColumn needs them, or "
                "potential_evapotranspiration [mm per step]"
            )
        return reference_evapotranspiration(
            air_temperature=values["air_temperature"],
            relative_humidity=values["relative_humidity"],
            wind_speed=values["wind_speed"],
            shortwave=values["shortwave"],
            pressure=values["pressure"],
            step_seconds=seconds,
            longwave=values["longwave"],
        )

    def _forecast_dataset(
        self, ensemble: xr.Dataset, h: Array, theta: Array, surface: Array, sums: Array
    ) -> xr.Dataset:
        surface[..., 1] += surface[..., 2]
        k = kernels
        evaporated = sums[..., k.INTERCEPTION] + sums[..., k.EVAPORATION]
        flat = {name: surface[..., i] for i, name in enumerate(SURFACE)} | {
            "rain": sums[..., k.RAIN],
            "evapotranspiration": evaporated + sums[..., k.TRANSPIRATION],
            "transpiration": sums[..., k.TRANSPIRATION],
            "interception": sums[..., k.INTERCEPTION],
            "runoff": sums[..., k.RUNOFF],
            "drainage": sums[..., k.DRAINAGE],
        }
        flat = {name: MM * value for name, value in flat.items()}
        flat["water"] = self._soil_water(theta, h) + sum(flat[name] for name in STORES)
        net = sum(sign * flat[name] for name, sign in self.budget.terms.items())
        flat["budget_error"] = flat["water"] - self.water(ensemble).values - net
        table = water_table_depth(h, self.z, self.dz)
        layers = ensemble["h"].dims
        # One assignment: each of xarray's costs as much as a day of a few columns.
        return ensemble.assign(
            {name: (PLACE, value, {"units": "mm"}) for name, value in flat.items()}
            | {
                "h": (layers, h, {"units": "m"}),
                "theta": (layers, theta, {"units": "m3 m-3"}),
                "water_table_depth": (PLACE, table, {"units": "m"}),
            }
        )

    def refined(self) -> SoilColumn:
        return replace(self, steps=self.steps.refined())

    # ---------------------------------------------------------------------------- after an analysis

    def water(self, ensemble: xr.Dataset) -> xr.DataArray:
        """Soil water, water under pressure, on leaves, in snow and on the surface [mm]."""
        soil = self._soil_water(ensemble["theta"].values, ensemble["h"].values)
        others = sum(ensemble[name].values for name in STORES)
        return xr.DataArray(soil + others, dims=PLACE, attrs={"units": "mm"})

    def _soil_water(self, theta: Array, h: Array) -> Array:
        pressed = float(self.storage) * np.maximum(h, 0.0)
        # No matrix product: its last bit depends on how many members are held here.
        return np.asarray(MM * ((theta + pressed) * self.dz).sum(axis=-1))

    def _diagnosed(self, ensemble: xr.Dataset) -> xr.Dataset:
        table = water_table_depth(ensemble["h"].values, self.z, self.dz)
        return ensemble.assign(
            water=self.water(ensemble),
            water_table_depth=(PLACE, table, {"units": "m"}),
        )

    def reconcile(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble with h and theta in agreement and the stores within bounds.

        Where only h was changed, theta follows. Where only theta was, h follows, with theta kept
        between its value at pF 7 and 0.9999 theta_s. Where both were, h decides in cells that both
        say are saturated and theta in the others. No head gets below that of pF 7. New soil
        parameters alone keep theta, and so the water, and give new heads; but saturated cells stay
        saturated and keep their heads. Second: the water [mm] that the cuts, new porosities and
        bounds of the stores added to what the analysis gave.
        """
        given = ensemble.assign(
            {name: ensemble[name].copy(data=self._within(name, ensemble)) for name in SURFACE}
        )
        h, theta = np.array(given["h"].values), np.array(given["theta"].values)
        if "h" in changed:
            h = np.maximum(h, DRIEST)
            if "theta" not in changed:
                theta = content(self.soil, self._raw(given), h)
        before = self._soil_water(theta, h)
        if not {"theta", *self.soil.parameters}.isdisjoint(changed):
            h, theta = self._agree(h, theta, given, changed)
        added = self._soil_water(theta, h) - before
        for name in STORES:
            added = added + given[name].values - ensemble[name].values
        after = given.assign(h=given["h"].copy(data=h), theta=given["theta"].copy(data=theta))
        return self._diagnosed(after), xr.DataArray(added, dims=PLACE, attrs={"units": "mm"})

    def _agree(
        self, h: Array, theta: Array, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[Array, Array]:
        """Heads and contents of each cell that fit."""
        raw = self._raw(ensemble)
        full = np.broadcast_to(self._parameters(ensemble)["theta_s"], theta.shape)
        return heads_in_order(
            h, theta, full, partial(content, self.soil, raw), partial(head, self.soil, raw), changed
        )

    def _within(self, name: str, ensemble: xr.Dataset) -> Array:
        values = np.maximum(ensemble[name].values, 0.0)
        if name == "snow_liquid":
            values = np.minimum(values, np.maximum(ensemble["snow"].values, 0.0))
        return values
