"""A land surface over flow in three dimensions: leaves, snow, heat and ice of its top layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import METEOROLOGY, ForcingWindow
from hydroda.models.columns import PLACE, leading, parameters, profile, raw_parameters
from hydroda.models.grid import Grid
from hydroda.models.kernels import column as layout
from hydroda.models.kernels import coupled, heat
from hydroda.models.kernels import land as kernels
from hydroda.models.kernels import soil as soil_kernels
from hydroda.models.kernels.flow import curves, member, newton, passes
from hydroda.models.kernels.order import agreement
from hydroda.models.land_parts import (
    ABOVE,
    ENERGY,
    SCALARS,
    SNOW_ROWS,
    LandParts,
    freezing_head,
    temperatures,
    weather_rows,
)
from hydroda.models.order import snow_as_set, snow_in_order
from hydroda.models.retention import content
from hydroda.models.terrestrial import Above, Demand, Surface, TerrestrialSystem
from hydroda.state import Variable
from hydroda.threads import in_pieces
from hydroda.units import Amount, magnitude

__all__ = ["LandSurface"]

Array = NDArray[np.float64]

MM = 1000.0
OPERATIONS = 5000  # of the land of a column in one step, roughly
SNOWPACK = ("member", "column", "snow_layer")
# Roots give up within the last tenth of the suction before wilting, not at once.
NEAR_WILTING = 0.9
WATER = {
    "interception": kernels.INTERCEPTION,
    "sublimation": kernels.SUBLIMATION,
}


@dataclass(frozen=True)
class LandSurface(LandParts, Surface):
    """Leaves, snow and ground over the flow of a `TerrestrialSystem`, put together from parts.

    The parts are those of `LandColumn`; its soil water and runoff are the flow's. The top `layers`
    of the flow have a temperature and ice, and roots. Every step of the weather the flow gets rain
    and melt, gives evaporation of the ground down to the head `dry` and transpiration, by layer as
    the plants share it, down to `wilting`; what it cannot give warms the air. Through layers of
    which a part F of the pores is ice, water moves 10^(-impedance F) times as fast.

    An ensemble is begun with `temperature=` [K] of these layers, and `theta=` or `h=` of all water,
    frozen or not. Their dimension is `land_layer`, or `layer` where they are all there are.
    """

    layers: int = 10
    wilting: Amount = "-150 m"
    dry: Amount = "-1000 m"
    impedance: float = 6.0

    variables: ClassVar[Mapping[str, Variable]] = ABOVE | {
        "ice": Variable("m3 m-3", bounds=(0.0, 1.0), meaning="soil ice, as volume of its water"),
        "temperature": Variable("K", bounds=(150.0, 400.0), meaning="soil temperature"),
    }
    diagnostics: ClassVar[Mapping[str, Variable]] = {
        **{name: Variable("mm", meaning="sum over the last forecast") for name in WATER},
        **{name: Variable("W m-2", meaning="mean of the last forecast") for name in ENERGY},
        "energy_error": Variable("W m-2", meaning="largest miss of the energy balance"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("wilting", "dry"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))
        if not 0.0 > float(self.wilting) > float(self.dry):
            raise DeclarationError(
                f"LandSurface needs heads 0 > wilting > dry; got {self.wilting} and {self.dry}"
            )
        if self.layers < 1:
            raise DeclarationError(f"layers must be 1 or more; got {self.layers}")

    def demand(self, forcing: ForcingWindow, member: int, grid: Grid) -> Demand:
        none, wilting, dry = np.zeros((1, 1)), float(self.wilting), float(self.dry)
        limits = (wilting, dry, NEAR_WILTING * wilting, wilting)
        return Demand(none, none, none + 1.0, np.zeros(grid.layers), limits)

    def depth(self, grid: Grid) -> int:
        """How many layers of the flow are the land's."""
        return min(self.layers, grid.layers)

    def dims(self, grid: Grid) -> tuple[str, str, str]:
        all_of_them = self.depth(grid) == grid.layers
        return ("member", "column", "layer" if all_of_them else "land_layer")

    # ------------------------------------------------------------------------------------ the state

    def taken_from(self, given: dict[str, Any]) -> dict[str, Any]:
        if "temperature" not in given:
            raise DeclarationError(
                "an ensemble with a land surface needs temperature= of its layers, such as '285 K'"
            )
        places = ("plant", "latitude", "longitude", "sand", "clay")
        return {name: given.pop(name) for name in (*self.variables, *places) if name in given}

    def started(
        self, system: TerrestrialSystem, ensemble: xr.Dataset, own: dict[str, Any]
    ) -> xr.Dataset:
        grid = system.grid
        n, dims = self.depth(grid), self.dims(grid)
        shape = (ensemble.sizes["member"], grid.columns, n)
        warmth = np.broadcast_to(temperatures(own.pop("temperature"), n), shape)
        coords = self._places(own, grid)
        total = ensemble["theta"].values[..., :n]
        raw = raw_parameters(system.soil, ensemble, grid.layers)[:, :, :n]
        liquid = np.minimum(total, content(system.soil, raw, freezing_head(warmth)))
        fields = {
            "ice": (dims, total - liquid),
            "temperature": (dims, warmth),
            "leaf_temperature": (PLACE, warmth[..., 0]),
        }
        for name in SCALARS:
            fields.setdefault(name, (PLACE, np.zeros(shape[:2])))
        for name in SNOW_ROWS:
            fields[name] = (SNOWPACK, np.zeros((*shape[:2], layout.SNOW)))
        for name, value in own.items():
            if name in SCALARS:
                fields[name] = (PLACE, leading(name, value, shape, keep=False))
            elif name in SNOW_ROWS:
                fields[name] = (SNOWPACK, profile(name, value, layout.SNOW))
            else:
                fields[name] = (dims, np.broadcast_to(profile(name, value, n), shape))
        ensemble = ensemble.assign(
            {
                name: (to, np.array(value, float), {"units": self.variables[name].unit})
                for name, (to, value) in fields.items()
            }
        ).assign_coords(coords)
        theta, h = ensemble["theta"].values.copy(), ensemble["h"].values.copy()
        theta[..., :n] -= ensemble["ice"].values
        icy = (ensemble["ice"].values > 0.0) & (h[..., :n] < 0.0)
        if icy.any():
            found = system._heads(ensemble, theta)
            h[..., :n] = np.where(icy, found[..., :n], h[..., :n])
        return ensemble.assign(
            h=ensemble["h"].copy(data=h), theta=ensemble["theta"].copy(data=theta)
        )

    def _places(self, own: dict[str, Any], grid: Grid) -> dict[str, Any]:
        """Coordinates of columns that were given, and depths of the layers of the land."""
        coords: dict[str, Any] = {}
        if "plant" in own:
            coords["plant"] = ("column", np.asarray(own.pop("plant"), int))
        units = {"latitude": "degree", "longitude": "degree", "sand": "percent", "clay": "percent"}
        for name, unit in units.items():
            if name in own:
                coords[name] = ("column", np.asarray(own.pop(name), float), {"units": unit})
        if self.depth(grid) < grid.layers:
            n = self.depth(grid)
            coords["land_depth"] = ("land_layer", grid.z[:n], {"units": "m", "positive": "down"})
        return coords

    def held(self, ensemble: xr.Dataset, changed: tuple[str, ...] = ()) -> Array:
        """Water on leaves, in snow and as ice in the ground [mm], (member, column)."""
        ice = np.ascontiguousarray(ensemble["ice"].values, dtype=float)
        dz = np.asarray(ensemble["thickness"].values, float)
        held = np.empty(ice.shape[:2])

        def weigh(first: int, last: int) -> None:
            for m in range(first, last):
                agreement.summed(ice[m], dz, held[m])

        in_pieces(weigh, len(ice), ice.size)
        pack = {name: ensemble[name].values for name in ("snow", *SNOW_ROWS)}
        stores = ensemble["canopy_water"].values + snow_as_set(pack, changed)
        return np.asarray(MM * held + stores)

    def ordered(
        self, system: TerrestrialSystem, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> xr.Dataset:
        """Snow in agreement and no water below zero; the ground is for the system to order."""
        values: dict[str, Array] = {}
        if not {"snow", "snow_depth", *SNOW_ROWS}.isdisjoint(changed):
            pack = {name: ensemble[name].values for name in ("snow", "snow_depth", *SNOW_ROWS)}
            values = snow_in_order(pack, changed, ensemble["temperature"].values[..., 0])
        if "canopy_water" in changed:
            values["canopy_water"] = np.maximum(ensemble["canopy_water"].values, 0.0)
        return ensemble.assign({name: ensemble[name].copy(data=v) for name, v in values.items()})

    def _porosity(self, system: TerrestrialSystem, ensemble: xr.Dataset) -> Array:
        """(member or 1, column or 1, layer of the land)."""
        n = self.depth(system.grid)
        values = parameters(system.soil, ensemble)["theta_s"]
        whole = np.broadcast_to(values, (*values.shape[:2], system.grid.layers))
        return np.array(whole[..., :n], order="C")

    # ------------------------------------------------------------------------------------- forecast

    def icy(self, grid: Grid) -> tuple[int, int]:
        return grid.columns, self.depth(grid)

    def over(
        self, system: TerrestrialSystem, ensemble: xr.Dataset, forcing: ForcingWindow
    ) -> Above:
        if any(name not in forcing.values for name in METEOROLOGY):
            raise DataError(f"a land surface needs forcing: {', '.join(METEOROLOGY)}")
        return _Over(self, system, ensemble, forcing)


class _Over(Above):
    """The land of all members through one forecast."""

    def __init__(
        self,
        surface: LandSurface,
        system: TerrestrialSystem,
        ensemble: xr.Dataset,
        forcing: ForcingWindow,
    ) -> None:
        n = surface.depth(system.grid)
        self.surface, self.system, self.ensemble = surface, system, ensemble
        self.forcing, self.dz = forcing, system.grid.dz[:n]
        self.parts = kernels.Parts(
            **surface.tokens(),
            runoff=None,
            bottom=None,
            curve=system.soil.token,
            scheme=None,
            numbers=None,
            layers=None,
        )
        raw = raw_parameters(system.soil, ensemble, system.grid.layers)[:, :, :n]
        porosity = surface._porosity(system, ensemble)
        weather = weather_rows(forcing)
        self.field = surface.plots(ensemble, self.dz, np.array(raw, order="C"), porosity, weather)
        self.x, self.s = self._columns()
        self.sums = np.zeros((*self.x.shape[:2], kernels.SUMS))

    def _columns(self) -> tuple[Array, Array]:
        """State of the land (member, column, row, place), (member, column, scalar)."""
        ensemble, n = self.ensemble, self.dz.size
        shape = ensemble["h"].shape[:2]
        x = np.zeros((*shape, layout.ROWS, layout.SNOW + n))
        soil = x[..., layout.SNOW :]
        soil[..., layout.DZ, :] = self.dz
        soil[..., layout.T, :] = ensemble["temperature"].values
        soil[..., layout.ICE, :] = MM * self.dz * ensemble["ice"].values
        for name, row in SNOW_ROWS.items():
            x[..., row, : layout.SNOW] = ensemble[name].values
        s = np.zeros((*shape, layout.SCALARS))
        for name, row in SCALARS.items():
            s[..., row] = ensemble[name].values
        s[..., layout.COUNT] = (ensemble["snow_thickness"].values > 0.0).sum(axis=-1)
        return x, s

    def drive(
        self, m: int, system: member.Member, crew: passes.Crew, demand: Demand, seconds: float,
        control: newton.Control,
    ) -> int:  # fmt: skip
        sky, y, times = system.sky, system.y, self.forcing.times
        none = np.zeros((0, 1))
        opening = newton.Weather(none, none, none, demand.roots)
        newton.run(crew, opening, sky.rain, sky.evaporation, sky.uptake, seconds, control)
        land, under, slowed = self._land(m), self._under(m, system), self._slowed(system)
        spent, icy = np.zeros((2, land.s.shape[0])), True
        per_day = max(1, round(86400 / seconds))
        dt = min(control.largest, seconds)
        for step in range(times.size):
            hour = step % per_day
            if hour == 0:
                season = self._season(m, slice(step, step + per_day))
            self._offer(crew.threads, m, season, step, hour, seconds, land, under)
            now = bool((land.x[:, layout.ICE, layout.SNOW :] > 0.0).any())
            if now or icy:
                coupled.slow(self.surface.impedance, land, under.layers, slowed)
                y[member.PART] = 1.0  # other pores at the same heads
            icy = now
            dt = newton.advance(crew, seconds, dt, control, step == times.size - 1)
            if dt < 0.0:
                return step
            coupled.settle(
                self.field, m, step, seconds, land, y[member.S_EVAPORATION],
                y[member.S_TRANSPIRATION], spent,
            )  # fmt: skip
        return int(times.size)

    def _offer(
        self, threads: int, m: int, season: Array, step: int, hour: int, seconds: float,
        land: coupled.Land, under: coupled.Under,
    ) -> None:  # fmt: skip
        def piece(first: int, last: int) -> None:
            coupled.offer(
                self.parts, self.field, m, season, step, hour, seconds, land, under, first, last
            )

        columns = land.s.shape[0]
        if threads > 1:
            in_pieces(piece, columns, columns * OPERATIONS)
        else:
            piece(0, columns)

    def _season(self, m: int, day: slice) -> Array:
        """(column or 1, 4, step) of the leaves and the sun of one day."""
        warmth = self.x[m : m + 1, :, layout.T, layout.SNOW :]
        return self.surface.season(self.ensemble, self.forcing, day, warmth, self.dz)[0]

    def _land(self, m: int) -> coupled.Land:
        columns, n = self.x.shape[1], self.dz.size
        land = coupled.Land(
            self.x[m],
            self.s[m],
            np.zeros((columns, n)),
            np.zeros((columns, heat.GROUND, n)),
            np.zeros((columns, n, soil_kernels.COEFFICIENTS)),
            np.zeros(columns),
            np.zeros((columns, coupled.ASKED)),
            self.sums[m],
        )
        coupled.prepare(self.parts, 0.5 * self.dz, self.field, m, land)
        return land

    def _under(self, m: int, system: member.Member) -> coupled.Under:
        """Views of the flow's arrays, and the contents of all its pores."""
        p, cells = system.soil.p, self.system.grid.columns * self.system.grid.layers
        raw = self.system._raw(self.ensemble, m)
        return coupled.Under(
            system.mesh.layers,
            system.x[member.H],
            system.x[member.BEFORE],
            system.y[member.POND],
            p[curves.RESIDUAL, :cells],
            p[curves.RANGE, :cells],
            raw[:, 0].copy(),
            raw[:, 1] - raw[:, 0],
            system.sky.rain,
            system.sky.evaporation,
            system.sky.uptake,
        )

    def _slowed(self, system: member.Member) -> coupled.Slowed:
        ground, edges = system.ground, system.edges
        return coupled.Slowed(
            ground.te,
            ground.tn,
            ground.te.copy(),
            ground.tn.copy(),
            ground.ease,
            system.mesh.beside,
            edges.conductance,
            edges.conductance.copy(),
            edges.cell,
        )

    def fields(self, failed: NDArray[np.bool_]) -> dict[str, Any]:
        for array in (self.x, self.s, self.sums):
            array[failed] = np.nan
        x, s, sums = self.x, self.s, self.sums
        seconds = self.forcing.step_seconds * self.forcing.times.size
        soil = x[..., layout.SNOW :]
        empty = np.arange(layout.SNOW) < layout.SNOW - s[..., layout.COUNT, None]
        snow = np.where(empty[..., None, :], 0.0, x[..., : layout.SNOW])
        flat = {name: s[..., row] for name, row in SCALARS.items()}
        flat |= {name: sums[..., row] for name, row in WATER.items()}
        flat |= {name: sums[..., row] / seconds for name, row in ENERGY.items()}
        flat["energy_error"] = sums[..., kernels.MISSED]
        flat["rain"] = sums[..., kernels.PRECIPITATION]
        flat["evaporation"] = sums[..., kernels.EVAPORATION] - sums[..., kernels.TRANSPIRATION]
        dims = self.surface.dims(self.system.grid)
        profiles = {
            "ice": soil[..., layout.ICE, :] / (MM * self.dz),
            "temperature": soil[..., layout.T, :],
        }
        units = {**self.surface.variables, **self.system.diagnostics}
        found: dict[str, tuple[tuple[str, ...], Array]] = {
            name: (PLACE, value) for name, value in flat.items()
        }
        found |= {name: (dims, value) for name, value in profiles.items()}
        found |= {name: (SNOWPACK, snow[..., row, :]) for name, row in SNOW_ROWS.items()}
        return {
            name: (to, np.array(value), {"units": units[name].unit})
            for name, (to, value) in found.items()
        }
