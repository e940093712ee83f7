"""ParFlow (10.1016/S0309-1708(00)00075-0) as a model: its executable, one directory per member.

A forecast writes everything anew and keeps nothing to itself: pressure, parameters and CLM's
restart come from the ensemble and go back there. So members can be copied, resumed and spread over
ranks.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import METEOROLOGY, ForcingWindow
from hydroda.meteorology import vapour_pressure
from hydroda.models.base import Model, steps_between
from hydroda.models.columns import PLACE, PROFILE, water_table_depth
from hydroda.models.order import heads_in_order
from hydroda.models.retention import VanGenuchten, content, head
from hydroda.state import StateVector, Variable
from hydroda.units import Duration, duration

__all__ = [
    "CLM",
    "AllFolders",
    "FailedFolders",
    "NetRain",
    "NoFolders",
    "ParFlowModel",
]

Array = NDArray[np.float64]
Keys = dict[str, Any]
logger = logging.getLogger(__name__)

MM = 1000.0
SECOND = np.timedelta64(10**9, "ns")
RUN = "hydroda"  # the name of every run
# How much of what ParFlow said goes into a report.
LAST_WORDS = 300


# --- which directories are kept -------------------------------------------------------------------


@dataclass(frozen=True)
class NoFolders:
    """The directories of all members go after each forecast."""

    def keep(self, folder: Path, name: str, failed: bool) -> None:
        """Nothing; what is to be kept has been copied."""


@dataclass(frozen=True)
class FailedFolders(NoFolders):
    """The directories of members that failed are copied to `where`, also those of retries."""

    where: str

    def keep(self, folder: Path, name: str, failed: bool) -> None:
        if failed:
            taken = len(list(Path(self.where).glob(f"{name}*")))
            shutil.copytree(folder, Path(self.where) / (f"{name}_{taken + 1}" if taken else name))


@dataclass(frozen=True)
class AllFolders(FailedFolders):
    """The directories of all members are copied to `where`."""

    def keep(self, folder: Path, name: str, failed: bool) -> None:
        super().keep(folder, name, failed=True)


# --- the grid of a definition ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Grid:
    """ParFlow's box of cells, [z, y, x] from the bottom, and the columns in it that are active.

    thickness : of the layers from the top [m];  active : (y, x);  processes : P, Q, R
    """

    dx: float
    dy: float
    x0: float
    y0: float
    thickness: Array
    active: NDArray[np.bool_]
    processes: tuple[int, int, int]

    @property
    def depth(self) -> Array:
        return np.cumsum(self.thickness) - 0.5 * self.thickness

    @property
    def columns(self) -> int:
        return int(self.active.sum())

    @property
    def places(self) -> tuple[Array, Array]:
        """x and y [m] of the active columns."""
        rows, cols = np.nonzero(self.active)
        x, y = self.x0 + (cols + 0.5) * self.dx, self.y0 + (rows + 0.5) * self.dy
        return np.asarray(x, float), np.asarray(y, float)

    def cube(self, values: Array) -> Array:
        """(column, layer from the top) as ParFlow's [z, y, x]; inactive cells like the first."""
        cube = np.empty((values.shape[1], *self.active.shape))
        cube[:] = values[0, ::-1, None, None]
        cube[:, self.active] = values.T[::-1]
        return cube

    def profile(self, cube: Array) -> Array:
        """ParFlow's [z, y, x] as (column, layer from the top)."""
        return np.ascontiguousarray(cube[::-1, self.active].T)

    def write(self, path: Path, cube: Array) -> None:
        """Nothing; `path` and its distribution file for the process grid are there."""
        p, q, r = self.processes
        contiguous = np.ascontiguousarray(cube, dtype=np.float64)
        _pftools().write_pfb(str(path), contiguous, p=p, q=q, r=r, dx=self.dx, dy=self.dy)


def _pftools() -> Any:
    try:
        from parflow.tools import io
    except ImportError:
        raise DeclarationError(
            "ParFlowModel reads and writes ParFlow's files through pftools, which is not "
            "installed: pip install 'hydroda[parflow]'"
        ) from None
    return io


def _read(path: Path) -> Array:
    """A field [z, y, x] of ParFlow."""
    return np.asarray(_pftools().read_pfb(str(path)), float)


@cache
def _keys(path: str, written: float) -> Mapping[str, Any]:
    """The keys of a run, from a pfidb, yaml or json file."""
    io = _pftools()
    if path.endswith(".pfidb"):
        return dict(io.read_pfidb(path))
    if path.endswith((".yaml", ".yml", ".json")):
        return dict(_flat(io.read_yaml(path)))  # json is yaml
    raise DeclarationError(f"definition must be a .pfidb, .yaml or .json file; got {path}")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested keys as "a.b.c"; pftools writes "_value_" for a key that has a value and children."""
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        # pftools spells numbers within keys with an underscore in front.
        word = str(name).removeprefix("_") if str(name).lstrip("_").isdigit() else str(name)
        key = prefix.removesuffix(".") if name == "_value_" else f"{prefix}{word}"
        found += _flat(value, f"{key}.") if isinstance(value, Mapping) else [(key, value)]
    return found


# --- how weather reaches ParFlow ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Site:
    """Where one member runs: its directory, the grid, and the seconds in a unit of time."""

    folder: Path
    grid: Grid
    unit: float
    start: np.datetime64


class Atmosphere(ABC):
    """What is above the ground: writes the weather of a member and names the keys for it."""

    @abstractmethod
    def keys(self, site: Site, window: ForcingWindow | None, member: int) -> Keys:
        """The keys of the weather of `member`, whose files are written."""

    # Most weathers need no more files: a hook that does nothing, not an abstract one.
    def prepare(self, site: Site, sources: Path, restart: float) -> None:  # noqa: B027
        """Nothing; files that the member needs besides are in its directory."""

    def restart(self, site: Site) -> float:
        """The number under which what the atmosphere must remember is found again."""
        return 0.0

    @property
    def remembers(self) -> bool:
        return False


@dataclass(frozen=True)
class NetRain(Atmosphere):
    """Rain less `crop` times the potential evapotranspiration, if there is any, to the top cells.

    Nothing limits the evaporation of dry soil. Weather that changes within a forecast needs a
    ParFlow that was built with CLM.
    """

    crop: float = 1.0

    def keys(self, site: Site, window: ForcingWindow | None, member: int) -> Keys:
        if window is None:
            return {"Solver.EvapTransFile": False, "Solver.EvapTransFileTransient": False}
        net = _by_column(_of_member(window["rain"], member))
        if "potential_evapotranspiration" in window.values:
            demand = _of_member(window["potential_evapotranspiration"], member)
            net = net - self.crop * _by_column(demand)
        lone = len(net) == 1
        for step, amount in enumerate(net):
            name = "evap_trans.pfb" if lone else f"evap_trans.{step:05d}.pfb"
            self._write(site, site.folder / name, amount, window.step_seconds)
        return {
            "Solver.EvapTransFile": lone,
            "Solver.EvapTransFileTransient": not lone,
            "Solver.EvapTrans.FileName": "evap_trans.pfb" if lone else "evap_trans",
        }

    def _write(self, site: Site, path: Path, amount: Array, seconds: float) -> None:
        """`amount` [mm per step] as a source of the top cells [1 per unit of time]."""
        grid = site.grid
        source = np.zeros((grid.columns, grid.thickness.size))
        source[:, 0] = amount / MM / (seconds / site.unit) / grid.thickness[0]
        grid.write(path, grid.cube(source))


@dataclass(frozen=True)
class CLM(Atmosphere):
    """ParFlow's land surface; `store` is a folder where CLM's restarts are kept.

    drv_clmin.dat, drv_vegm and drv_vegp come from beside the definition. The ensemble holds the
    number of each member's restart in `clm_restart`, 0 for none; the files are named by their
    content and never change, so clear the folder only when a run is done.
    """

    store: str

    def keys(self, site: Site, window: ForcingWindow | None, member: int) -> Keys:
        if window is None:
            raise DataError("CLM needs weather; give the experiment a forcing")
        missing = [name for name in METEOROLOGY if name not in window.values]
        if missing:
            raise DataError(f"the forcing lacks {', '.join(missing)}, which CLM needs")
        values = self._columns(window, member)
        keys: Keys = {
            "Solver.LSM": "CLM",
            "Solver.CLM.MetFilePath": ".",
            "Solver.CLM.IstepStart": 1,
            "Solver.CLM.WriteLastRST": True,
            "Solver.CLM.DailyRST": False,
            "Solver.CLM.CLMFileDir": "./",
            "Solver.BinaryOutDir": False,
            "Solver.EvapTransFile": False,
            "Solver.EvapTransFileTransient": False,
        }
        if all(value.ndim == 1 for value in values.values()):
            table = np.stack(list(values.values()), axis=1)
            np.savetxt(site.folder / "weather.txt", table, fmt="%.17g")
            return keys | {"Solver.CLM.MetForcing": "1D", "Solver.CLM.MetFileName": "weather.txt"}
        for name, value in values.items():
            for step, row in enumerate(value):
                spread = np.broadcast_to(row, (site.grid.columns,))[:, None]
                path = site.folder / f"weather.{name}.{step + 1:06d}.pfb"
                site.grid.write(path, site.grid.cube(np.array(spread)))
        return keys | {"Solver.CLM.MetForcing": "2D", "Solver.CLM.MetFileName": "weather"}

    def _columns(self, window: ForcingWindow, member: int) -> dict[str, Array]:
        """What CLM reads, (step,) or (step, column), in its order and units."""
        own = {name: _of_member(window[name], member) for name in METEOROLOGY}
        vapour = vapour_pressure(own["air_temperature"], own["relative_humidity"])
        humidity = 0.622 * vapour / (own["pressure"] - 0.378 * vapour)
        return {
            "DSWR": own["shortwave"],
            "DLWR": own["longwave"],
            "APCP": own["rain"] / window.step_seconds,
            "Temp": own["air_temperature"],
            "UGRD": own["wind_speed"],
            "VGRD": 0.0 * own["wind_speed"],
            "Press": own["pressure"],
            "SPFH": humidity,
        }

    def prepare(self, site: Site, sources: Path, restart: float) -> None:
        for path in sources.glob("drv_*"):
            shutil.copy(path, site.folder)
        clmin = site.folder / "drv_clmin.dat"
        if not clmin.exists():
            raise DeclarationError(f"CLM needs drv_clmin.dat beside the definition, in {sources}")
        begin = site.start.astype("datetime64[s]").item()
        settings = {
            # The date comes from here; clm_ic says where the state comes from.
            "startcode": 2,
            "clm_ic": 1 if restart > 0.0 else 2,
            "rstf": "clm.rst.",
            **{
                word: f"{value:02d}"
                for word, value in zip(
                    ("syr", "smo", "sda", "shr", "smn", "sss"), begin.timetuple()[:6], strict=True
                )
            },
            "eyr": begin.year + 1000,
        }
        clmin.write_text(_with_settings(clmin.read_text(encoding="utf-8"), settings))
        if restart > 0.0:
            kept = Path(self.store) / f"{int(restart):016d}"
            if not kept.is_dir():
                raise DataError(
                    f"the restart of CLM {kept} is gone; begin anew with clm_restart = 0, or bring "
                    "the folder back"
                )
            for path in kept.iterdir():
                shutil.copy(path, site.folder)

    def restart(self, site: Site) -> float:
        files = sorted(site.folder.glob("clm.rst.00000.*"))
        if not files:
            raise FileNotFoundError("CLM left no restart clm.rst.00000.*")
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.name.encode() + path.read_bytes())
        number = int(digest.hexdigest()[:12], 16) + 1  # exact as a float, and never 0
        kept = Path(self.store) / f"{number:016d}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as half:
                whole = Path(half) / "whole"
                whole.mkdir()
                for path in files:
                    shutil.copy(path, whole)
                # Another rank may have been faster with the same content.
                if not kept.exists():
                    whole.rename(kept)
        return float(number)

    @property
    def remembers(self) -> bool:
        return True


def _of_member(values: Array, member: int) -> Array:
    """(step,) or (step, column) of a member."""
    return np.asarray(values[member if len(values) > 1 else 0], float)


def _by_column(values: Array) -> Array:
    """(step,) or (step, column) as (step, column or 1)."""
    return values.reshape(len(values), -1)


def _with_settings(text: str, settings: Mapping[str, Any]) -> str:
    """The text of a drv_clmin.dat with other values."""
    lines, left = [], dict(settings)
    for line in text.splitlines():
        word = line.split()[0] if line.split() else ""
        lines.append(f"{word:<15}{left.pop(word)}" if word in left else line)
    lines += [f"{word:<15}{value}" for word, value in left.items()]
    return "\n".join(lines) + "\n"


# --- the model ------------------------------------------------------------------------------------


class _Heads(StateVector):
    h = Variable("m", meaning="pressure head")
    theta = Variable("m3 m-3", bounds=(0.0, 1.0), meaning="volumetric water content")


@cache
def _state_of(estimates: tuple[str, ...]) -> StateVector:
    lines = {name: VanGenuchten.parameters[name] for name in estimates}
    return type("ParFlowState", (_Heads,), lines)()


@dataclass(frozen=True)
class ParFlowModel(Model):
    """ParFlow on the grid, the boundaries and the solver of your own run, with members of hydroda.

    definition : your run (.pfidb, .yaml or .json); its relative paths start at its folder. Lengths
                 are m, times are in `time_unit`; the clock of each forecast begins at zero, so
                 that what changes with time must come as forcing
    soil       : fields may be (layer,) or (column, layer); goes to ParFlow as files
    estimates  : parameters of the soil that stand in the ensemble
    atmosphere : how weather reaches ParFlow
    step       : the longest time step
    executable : default $PARFLOW_DIR/bin/parflow;  launcher : words before it, default mpiexec
                 where the definition asks for several processes
    at_once    : members that run at the same time
    patience   : a member that takes longer has failed
    mask       : field (.pfb) that is zero outside the active columns
    scratch    : where the directories of the members are made; default the system's

    The state is h, with theta from the soil. Inactive columns are not part of the ensemble.
    """

    definition: str
    soil: VanGenuchten
    estimates: tuple[str, ...] = ("log10_Ks",)
    atmosphere: Atmosphere = field(default_factory=NetRain)
    time_unit: Duration = "1 h"
    step: Duration = "1 h"
    executable: str = ""
    launcher: tuple[str, ...] = ()
    at_once: int = 1
    patience: Duration = "1 h"
    keep: NoFolders = field(default_factory=NoFolders)
    mask: str = ""
    scratch: str = ""

    def __post_init__(self) -> None:
        for name in ("time_unit", "step", "patience"):
            object.__setattr__(self, name, duration(getattr(self, name), name))
        for name in ("estimates", "launcher"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "definition", str(self.definition))
        if not isinstance(self.soil, VanGenuchten):
            raise DeclarationError(f"ParFlow takes a VanGenuchten soil; got {self.soil!r}")
        if np.any(np.asarray(self.soil.l) != 0.5):
            raise DeclarationError(
                f"ParFlow has l = 0.5; got a soil with l = {np.asarray(self.soil.l)}"
            )
        unknown = [name for name in self.estimates if name not in self.soil.parameters]
        if unknown or "l" in self.estimates:
            known = ", ".join(name for name in self.soil.parameters if name != "l")
            raise DeclarationError(f"estimates must be of {known}; got {self.estimates}")
        if not isinstance(self.at_once, int) or self.at_once < 1:
            raise DeclarationError(f"at_once must be a whole number from 1; got {self.at_once!r}")

    # --- the definition ---

    @cached_property
    def keys(self) -> Mapping[str, Any]:
        """The keys of the definition."""
        path = Path(self.definition).resolve()  # pftools would resolve it against the script
        if not path.is_file():
            raise DeclarationError(f"definition {path} is no file")
        keys = _keys(str(path), path.stat().st_mtime)
        if keys.get("Domain.GeomName") != "domain":
            raise DeclarationError(
                "ParFlow reads fields of soil parameters only for a domain that is named 'domain'; "
                f"got Domain.GeomName = {keys.get('Domain.GeomName')!r}"
            )
        return keys

    @cached_property
    def grid(self) -> Grid:
        """The grid of the definition."""

        def number(key: str) -> float:
            if key not in self.keys:
                raise DeclarationError(f"the definition {self.definition} lacks {key}")
            return float(self.keys[key])

        nx, ny, nz = (int(number(f"ComputationalGrid.N{axis}")) for axis in "XYZ")
        scale = np.ones(nz)
        if _true(self.keys.get("Solver.Nonlinear.VariableDz", False)):
            if str(self.keys.get("dzScale.Type")) != "nzList":
                raise DeclarationError("dzScale.Type must be nzList")
            scale = np.array([number(f"Cell.{k}.dzScale.Value") for k in range(nz)])
        active = np.ones((ny, nx), dtype=bool)
        if self.mask:
            active = (_read(Path(self.mask).resolve()) != 0.0).any(axis=0)
            if active.shape != (ny, nx):
                raise DeclarationError(f"mask must be (y, x) of {(ny, nx)}; got {active.shape}")
        return Grid(
            number("ComputationalGrid.DX"),
            number("ComputationalGrid.DY"),
            number("ComputationalGrid.Lower.X"),
            number("ComputationalGrid.Lower.Y"),
            scale[::-1] * number("ComputationalGrid.DZ"),
            active,
            tuple(int(self.keys.get(f"Process.Topology.{p}", 1)) for p in "PQR"),  # type: ignore[arg-type]
        )

    @property
    def z(self) -> Array:
        """Depth of the centres of the layers [m]."""
        return self.grid.depth

    @property
    def storage(self) -> float:
        """Specific storage [m-1]."""
        return float(self.keys.get("Geom.domain.SpecificStorage.Value", 0.0))

    @property
    def _ponds(self) -> bool:
        kinds = [v for k, v in self.keys.items() if k.endswith(".BCPressure.Type")]
        return any(str(kind).startswith("Overland") for kind in kinds)

    # --- the nouns ---

    @property
    def state(self) -> StateVector:
        return _state_of(self.estimates)

    @property
    def diagnostics(self) -> Mapping[str, Variable]:
        return {
            "water": Variable("mm", meaning="water in the ground and on it"),
            "water_table_depth": Variable("m", meaning="depth of the water table; NaN: none"),
            **({"clm_restart": Variable("1")} if self.atmosphere.remembers else {}),
        }

    def read(self, path: str | Path) -> Array:
        """A field of ParFlow, such as a spun-up pressure, as (column, layer)."""
        return self.grid.profile(_read(Path(path).resolve()))

    def dataset(
        self,
        *,
        h: ArrayLike | None = None,
        theta: ArrayLike | None = None,
        **estimates: ArrayLike,
    ) -> xr.Dataset:
        """An ensemble from one of h [m] and theta [m3 m-3], (member, column, layer) or (…, layer).

        `estimates` are (member,), (member, column) or (member, column, layer); those not given are
        as in `soil`.

        Raises
        ------
        DataError
            A shape does not fit the grid, or a value lies outside its bounds.
        """
        if (h is None) == (theta is None):
            raise DeclarationError("an ensemble needs exactly one of h= and theta=")
        grid = self.grid
        given = np.array(theta if h is None else h, float)
        given = given[:, None] if given.ndim == 2 else given
        try:
            profile = np.broadcast_to(given, (len(given), grid.columns, grid.thickness.size))
        except ValueError:
            raise DataError(
                f"{'theta' if h is None else 'h'} must be (member, {grid.columns} columns, "
                f"{grid.thickness.size} layers); got {given.shape}"
            ) from None
        x, y = grid.places
        start = xr.Dataset(
            coords={
                "x": ("column", x, {"units": "m"}),
                "y": ("column", y, {"units": "m"}),
                "depth": ("layer", grid.depth, {"units": "m", "positive": "down"}),
                "thickness": ("layer", grid.thickness, {"units": "m"}),
            }
        )
        for name in self.estimates:
            value = np.asarray(estimates.pop(name, self.soil.values()[name]), float)
            if value.ndim < 1 or len(value) != len(profile):
                value = np.broadcast_to(value, profile.shape)
            attrs = {"units": self.soil.parameters[name].unit}
            start[name] = (PROFILE[: value.ndim], np.array(value), attrs)
        if estimates:
            raise DeclarationError(
                f"{sorted(estimates)[0]} is not among estimates={self.estimates}"
            )
        if self.atmosphere.remembers:
            start["clm_restart"] = ("member", np.zeros(len(profile)), {"units": "1"})
        raw = self._raw(start)
        heads = head(self.soil, raw, profile) if h is None else np.array(profile)
        ensemble = self._diagnosed(start, heads, content(self.soil, raw, heads))
        self.state.check(ensemble)
        return ensemble

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        """The ensemble at `end`; a member whose ParFlow fails is NaN.

        Why it failed is logged and stands in the attribute `failures`.
        """
        count = ensemble.sizes["member"]
        h = np.full(ensemble["h"].shape, np.nan)
        restarts = np.full(count, np.nan)
        failures = []
        with tempfile.TemporaryDirectory(prefix="hydroda_pf_", dir=self.scratch or None) as folder:
            common = self._common(Path(folder), forcing, start, end)
            sites = []
            for m in range(count):
                where = Path(folder) / f"member{m}"
                where.mkdir()
                site = Site(where, self.grid, self._unit, start)
                if np.isfinite(ensemble["h"].values[m]).all():
                    self._write_member(site, ensemble, m, forcing, common)
                sites.append(site)
            self._command()  # no ParFlow is a mistake and not a failed member
            with ThreadPoolExecutor(self.at_once) as pool:
                problems = list(pool.map(self._execute, [site.folder for site in sites]))
            for m, (site, problem) in enumerate(zip(sites, problems, strict=True)):
                if not problem:
                    h[m], restarts[m], problem = self._result(site)
                if problem:
                    failures.append(f"member {m}: {problem}")
                    logger.warning("ParFlow from %s, member %d: %s", start, m, problem)
                name = f"{np.datetime_as_string(start, 'm').replace(':', '')}_member{m}"
                self.keep.keep(site.folder, name, failed=bool(problem))
        theta = content(self.soil, self._raw(ensemble), h)
        after = self._diagnosed(ensemble, h, theta)
        if self.atmosphere.remembers:
            after["clm_restart"] = ("member", restarts, {"units": "1"})
        return after.assign_attrs(failures="; ".join(failures)) if failures else after

    def refined(self) -> ParFlowModel:
        """With a quarter of the time step."""
        return replace(self, step=duration(self.step, "step") // 4)

    def water(self, ensemble: xr.Dataset) -> xr.DataArray:
        """Water in the ground and ponded on it [mm], as ParFlow counts it, (member, column)."""
        h = ensemble["h"].values
        return self._water(h, ensemble["theta"].values, self._parameters(ensemble)["theta_s"])

    def reconcile(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble with h and theta in agreement; second the water [mm] that this added.

        Where only h was changed, theta follows; where only theta was, h does, with theta kept
        between its value at pF 7 and 0.9999 theta_s. Where both were, h decides in saturated cells.
        New parameters alone keep theta, but saturated cells keep their heads.
        """
        h, theta = ensemble["h"].values, ensemble["theta"].values
        values, raw = self._parameters(ensemble), self._raw(ensemble)
        fitting = content(self.soil, raw, h)
        if "h" in changed and "theta" not in changed:
            return self._reconciled(ensemble, h, fitting, fitting)
        full = np.broadcast_to(values["theta_s"], theta.shape)
        contents, heads = partial(content, self.soil, raw), partial(head, self.soil, raw)
        fit = heads_in_order(h, theta, full, contents, heads, changed)
        return self._reconciled(ensemble, *fit, theta)

    def _reconciled(
        self, ensemble: xr.Dataset, h: Array, theta: Array, wanted: Array
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble with h and theta, and the water [mm] that theta has more than `wanted`."""
        added = MM * ((theta - wanted) * self.grid.thickness).sum(axis=-1)
        after = self._diagnosed(ensemble, h, theta)
        return after, xr.DataArray(added, dims=PLACE, attrs={"units": "mm"})

    # --- numbers of the soil ---

    def _parameters(self, ensemble: xr.Dataset) -> dict[str, Array]:
        """Parameters as (member, column, layer), of length 1 where shared."""
        parameters = {}
        for name, value in self.soil.values().items():
            if name in self.estimates:
                own = ensemble[name].values
                parameters[name] = own.reshape(own.shape + (1,) * (3 - own.ndim))
            else:
                parameters[name] = value.reshape((1,) * (3 - value.ndim) + value.shape)
        return parameters

    def _raw(self, ensemble: xr.Dataset) -> Array:
        return self.soil.stack(self._parameters(ensemble))

    def _water(self, h: Array, theta: Array, porosity: Array) -> xr.DataArray:
        """theta + S_s S h of all cells, and the pressure of the top cell where water may pond."""
        cells = (theta + self.storage * theta / porosity * h) * self.grid.thickness
        pond = np.maximum(h[..., 0], 0.0) if self._ponds else 0.0
        water = MM * (cells.sum(axis=-1) + pond)
        return xr.DataArray(water, dims=PLACE, attrs={"units": "mm"})

    def _diagnosed(self, ensemble: xr.Dataset, h: Array, theta: Array) -> xr.Dataset:
        grid = self.grid
        table = water_table_depth(h, grid.depth, grid.thickness)
        table = np.where(np.isfinite(h).all(axis=-1), table, np.nan)
        return ensemble.assign(
            h=(PROFILE, h, {"units": "m"}),
            theta=(PROFILE, theta, {"units": "m3 m-3"}),
            water=self._water(h, theta, self._parameters(ensemble)["theta_s"]),
            water_table_depth=(PLACE, table, {"units": "m"}),
        )

    # --- files and processes ---

    @property
    def _unit(self) -> float:
        """Seconds in a unit of ParFlow's time."""
        return float(duration(self.time_unit, "time_unit") / SECOND)

    def _common(
        self, folder: Path, forcing: ForcingWindow | None, start: np.datetime64, end: np.datetime64
    ) -> Keys:
        """The keys that all members share; the files they name have their distribution files."""
        step = duration(self.step, "step")
        steps_between(start, end, step)
        keys = dict(self.keys)
        for key, value in self.keys.items():
            if isinstance(value, str) and value.endswith((".pfb", ".pfsol")) and _own(key):
                keys[key] = str(self._input(key, value, folder))
        step_units = float(step / SECOND) / self._unit
        total = float((end - start) / SECOND) / self._unit
        base = step_units if forcing is None else forcing.step_seconds / self._unit
        p, q, r = self.grid.processes
        return keys | {
            "Process.Topology.P": p,
            "Process.Topology.Q": q,
            "Process.Topology.R": r,
            "TimingInfo.BaseUnit": base,
            "TimingInfo.StartCount": 0,
            "TimingInfo.StartTime": 0.0,
            "TimingInfo.StopTime": total,
            "TimingInfo.DumpInterval": total,
            "TimeStep.Type": "Constant",
            "TimeStep.Value": min(step_units, base),
            "Solver.PrintPressure": True,
            "Solver.PrintSaturation": False,
            "Solver.PrintSubsurfData": False,
            "Solver.PrintMask": False,
            "ICPressure.Type": "PFBFile",
            "ICPressure.GeomNames": "domain",
            "Geom.domain.ICPressure.FileName": "press.in.pfb",
            "Geom.Perm.Names": "domain",
            "Geom.domain.Perm.Type": "PFBFile",
            "Geom.domain.Perm.FileName": "perm.pfb",
            "Geom.Porosity.GeomNames": "domain",
            "Geom.domain.Porosity.Type": "PFBFile",
            "Geom.domain.Porosity.FileName": "porosity.pfb",
            "Phase.Saturation.Type": "VanGenuchten",
            "Phase.Saturation.GeomNames": "domain",
            "Phase.Saturation.VanGenuchten.File": 1,
            "Geom.domain.Saturation.Alpha.Filename": "alpha.pfb",
            "Geom.domain.Saturation.N.Filename": "n.pfb",
            "Geom.domain.Saturation.SRes.Filename": "s_res.pfb",
            "Geom.domain.Saturation.SSat.Filename": "s_sat.pfb",
            "Phase.RelPerm.Type": "VanGenuchten",
            "Phase.RelPerm.GeomNames": "domain",
            "Phase.RelPerm.VanGenuchten.File": 1,
            "Geom.domain.RelPerm.Alpha.Filename": "alpha.pfb",
            "Geom.domain.RelPerm.N.Filename": "n.pfb",
        }

    def _input(self, key: str, value: str, folder: Path) -> Path:
        """An input of the definition, as ParFlow is to read it."""
        source = Path(self.definition).resolve().parent / value
        if not source.is_file():
            raise DeclarationError(f"{key} of the definition names {source}, which is no file")
        if source.suffix != ".pfb":
            return source
        target = folder / f"{len(list(folder.iterdir()))}_{source.name}"
        self.grid.write(target, _read(source))
        return target

    def _write_member(
        self,
        site: Site,
        ensemble: xr.Dataset,
        member: int,
        forcing: ForcingWindow | None,
        common: Keys,
    ) -> None:
        grid, values = self.grid, self._parameters(ensemble)
        shape = ensemble["h"].shape[1:]
        own = {
            name: np.broadcast_to(v[member if len(v) > 1 else 0], shape)
            for name, v in values.items()
        }
        fields = {
            "press.in": ensemble["h"].values[member],
            "perm": 10.0 ** own["log10_Ks"] * self._unit,
            "porosity": own["theta_s"],
            "alpha": own["alpha"],
            "n": own["n"],
            "s_res": own["theta_r"] / own["theta_s"],
            "s_sat": np.ones(shape),
        }
        for name, value in fields.items():
            grid.write(site.folder / f"{name}.pfb", grid.cube(np.asarray(value)))
        restart = float(ensemble["clm_restart"][member]) if self.atmosphere.remembers else 0.0
        self.atmosphere.prepare(site, Path(self.definition).resolve().parent, restart)
        keys = common | self.atmosphere.keys(site, forcing, member)
        _pftools().write_dict(keys, str(site.folder / f"{RUN}.pfidb"))

    def _command(self) -> list[str]:
        """What starts a run, in its directory."""
        executable = self.executable
        if not executable:
            home = os.environ.get("PARFLOW_DIR")
            if not home:
                raise DeclarationError(
                    "no ParFlow: set PARFLOW_DIR to where it is installed, or give executable=…"
                )
            executable = str(Path(home) / "bin" / "parflow")
        if shutil.which(executable) is None and not Path(executable).is_file():
            raise DeclarationError(f"there is no ParFlow at {executable}; set PARFLOW_DIR")
        processes = int(np.prod(self.grid.processes))
        launcher = self.launcher or (("mpiexec", "-n", str(processes)) if processes > 1 else ())
        return [*launcher, executable, RUN]

    def _execute(self, folder: Path) -> str:
        """What went wrong in the run in `folder`; "" for nothing."""
        if not any(folder.iterdir()):
            return "began with heads that are not finite"
        seconds = float(duration(self.patience, "patience") / SECOND)
        try:
            done = subprocess.run(
                self._command(),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"took longer than {seconds:g} s"
        said = done.stdout.decode(errors="replace")
        (folder / "said.txt").write_text(said, encoding="utf-8")
        if done.returncode:
            last = " ".join(said.split())[-LAST_WORDS:]
            return f"ended with exit code {done.returncode}: {last}"
        # It also ends with "Problem solved" and exit code 0 where a time step failed.
        errors = [line for line in said.splitlines() if line.startswith("Error")]
        if errors or "Problem solved" not in said:
            last = "; ".join(errors) or " ".join(said.split())
            return f"did not solve the problem: {last[-LAST_WORDS:]}"
        return ""

    def _result(self, site: Site) -> tuple[Array, float, str]:
        """Heads (column, layer), the number of the restart, and what is wrong with them."""
        nothing = np.full((site.grid.columns, site.grid.thickness.size), np.nan)
        # Number 0 is the start; the end is number 1, or with CLM the number of steps.
        found = sorted(site.folder.glob(f"{RUN}.out.press.*.pfb"))
        if not found or found[-1].name.endswith(".00000.pfb"):
            return nothing, np.nan, "left no pressure of the end"
        h = site.grid.profile(_read(found[-1]))
        # What ParFlow writes for cells that it did not compute is finite, but no pressure.
        if not np.isfinite(h).all() or np.abs(h).max() > 1e30:
            return nothing, np.nan, "has cells without a pressure"
        try:
            return h, self.atmosphere.restart(site), ""
        except OSError as error:
            return nothing, np.nan, str(error)


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _own(key: str) -> bool:
    """Whether a file of the definition is used: hydroda gives pressure and soil itself."""
    ours = (".Perm.", ".Porosity.", ".Saturation.", ".RelPerm.", ".ICPressure.", "Solver.EvapTrans")
    return not any(word in key for word in ours)
