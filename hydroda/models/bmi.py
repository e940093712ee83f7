"""Any model with the Basic Model Interface (10.5281/zenodo.3955009) behind the `Model` noun.

An instance lives for one forecast of one member: it is initialised, set from the ensemble, run,
read and finalised. So the ensemble holds all there is to know, members can be copied, resumed and
spread over ranks, and models with global variables do not disturb each other.
"""

from __future__ import annotations

import logging
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError, DeclarationError, HydrodaError, UnitError
from hydroda.forcing import ForcingWindow
from hydroda.forcing.weather import WEATHER
from hydroda.models.base import Model, no_water
from hydroda.state import StateVector, Variable
from hydroda.units import Amount, convert, magnitude

__all__ = [
    "Adds",
    "BMIModel",
    "Columns",
    "ConfigFile",
    "ConfigTemplate",
    "Exchange",
    "LayersFromBottom",
    "LayersFromTop",
    "Scalar",
    "Sets",
    "value_of",
]

Array = NDArray[np.float64]
logger = logging.getLogger(__name__)

DIMENSIONS = ("member", "column", "layer")
# A step of the model is taken whole where the time to go is so near to a whole number of steps.
WHOLE = 1e-9
# Size of the change, relative to the largest value, that shows whether a model heeds what is set.
NUDGE = 1e-6
# What a template is told where an instance is made only to be set and read.
NO_TIME = np.datetime64("2000-01-01T00:00:00", "ns")
DIMENSIONLESS = {"", "-", "none", "None", "1", "dimensionless"}


# --- where the numbers of a BMI variable belong ---------------------------------------------------


@dataclass(frozen=True)
class Scalar:
    """One number of the whole model, (member,)."""

    thickness = ()

    def stack(self, flat: Array) -> Array:
        return flat.reshape(())

    def flat(self, values: Array) -> Array:
        return values.reshape(-1)


@dataclass(frozen=True)
class Columns:
    """Every number is a column, (member, column)."""

    thickness = ()

    def stack(self, flat: Array) -> Array:
        return flat

    def flat(self, values: Array) -> Array:
        return values


@dataclass(frozen=True)
class LayersFromTop:
    """Numbers of the highest layer of all columns come first; `thickness` from the top."""

    thickness: tuple[Amount, ...]

    def __post_init__(self) -> None:
        sizes = tuple(magnitude(v, "m", f"thickness[{i}]") for i, v in enumerate(self.thickness))
        object.__setattr__(self, "thickness", sizes)

    def stack(self, flat: Array) -> Array:
        return flat.reshape(len(self.thickness), -1).T

    def flat(self, values: Array) -> Array:
        return np.ascontiguousarray(values.T).reshape(-1)


@dataclass(frozen=True)
class LayersFromBottom(LayersFromTop):
    """Numbers of the lowest layer of all columns come first; `thickness` still from the top."""

    def stack(self, flat: Array) -> Array:
        return super().stack(flat)[:, ::-1]

    def flat(self, values: Array) -> Array:
        return super().flat(values[:, ::-1])


Layout = Scalar | Columns | LayersFromTop


@dataclass(frozen=True)
class Exchange:
    """A variable of the ensemble and the BMI variable `there` that it is.

    An empty `there` is a number (member,) that only a `ConfigTemplate` can take.
    """

    name: str
    there: str
    variable: Variable
    layout: Layout = field(default_factory=Columns)


# --- how weather reaches the model ----------------------------------------------------------------


@dataclass(frozen=True)
class Sets:
    """Before each step of the forcing the BMI variable `there` becomes the weather `source`."""

    source: str
    there: str

    def apply(self, old: Array, weather: Array) -> Array:
        return weather + 0.0 * old


@dataclass(frozen=True)
class Adds(Sets):
    """Before each step of the forcing the weather `source`, an amount, is added to `there`."""

    def apply(self, old: Array, weather: Array) -> Array:
        return old + weather


# --- what an instance is initialised with ---------------------------------------------------------


class Config(ABC):
    """What `initialize` of the model is given."""

    @abstractmethod
    def file(self, folder: Path, values: Mapping[str, Any]) -> str:
        """The path for `initialize`; new files go into `folder`."""


@dataclass(frozen=True)
class ConfigFile(Config):
    """A file as it stands, or "" for a model that needs none."""

    path: str = ""

    def file(self, folder: Path, values: Mapping[str, Any]) -> str:
        return self.path


@dataclass(frozen=True)
class ConfigTemplate(Config):
    """A text whose $names are replaced by numbers of the member.

    $forecast_start and $forecast_end are times (ISO 8601, UTC). Paths within must be absolute: the
    file stands in a folder of its own.
    """

    text: str
    name: str = "config.yml"

    def file(self, folder: Path, values: Mapping[str, Any]) -> str:
        path = folder / self.name
        try:
            path.write_text(Template(self.text).substitute(values), encoding="utf-8")
        except KeyError as error:
            known = ", ".join(sorted(values))
            raise DeclarationError(
                f"the template asks for ${error.args[0]}; a member has {known}: "
                "declare an Exchange of that name, or write $$ for a dollar"
            ) from None
        return str(path)


# --- the model ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BMIModel(Model):
    """A model with the Basic Model Interface, an instance per member and forecast.

    component : makes an instance, usually the class
    variables : what filters may change; its dimensions come from the layouts
    config    : what `initialize` is given
    inputs    : which weather goes where
    outputs   : what a forecast reads besides
    carries   : BMI variables that the model needs to go on and that no filter changes, such as
                discharge on the edges of a grid; they stand in the ensemble under their BMI names
    memory    : the least share of a small change of a state that must be left after one step of the
                model; less means that the model overwrites what it is told. 0 asks for nothing.

    A subclass may name what else to set (`following`) and which elements are columns (`active`).
    """

    component: Callable[[], Any]
    variables: tuple[Exchange, ...]
    config: Config = field(default_factory=ConfigFile)
    inputs: tuple[Sets, ...] = ()
    outputs: tuple[Exchange, ...] = ()
    carries: tuple[str, ...] = ()
    memory: float = 0.05

    def __post_init__(self) -> None:
        for name in ("variables", "inputs", "outputs", "carries"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        loose = [e.name for e in self.variables if not e.there and e.layout != Scalar()]
        if loose:
            raise DeclarationError(
                f"{loose[0]} has no BMI variable to be set through; name it in there=…, or make it "
                "a Scalar() for a ConfigTemplate"
            )
        if any(e.variable.role == "state" for e in self.variables if not e.there):
            raise DeclarationError("what only a ConfigTemplate takes must have role='parameter'")

    # --- what a subclass may write ---

    def following(self, bmi: Any, values: Mapping[str, Array]) -> Mapping[str, Array]:
        """BMI variables that the model derives from those set, by BMI name, in its own units.

        values : of the member as set, by name in the ensemble (column[, layer])
        """
        return {}

    def active(self, bmi: Any) -> NDArray[np.bool_] | None:
        """Which elements of a grid are columns, e.g. not those on its boundary; None: all."""
        return None

    # --- the nouns ---

    @property
    def state(self) -> StateVector:
        return _state_of(self.variables)

    @property
    def diagnostics(self) -> Mapping[str, Variable]:
        return {each.name: each.variable for each in self.outputs}

    def dataset(self, members: int, **variables: ArrayLike) -> xr.Dataset:
        """An ensemble as the model starts by itself, with `variables` in place of its own values.

        Each is (member,), (member, column) or (member, column, layer), in the unit declared.

        Raises
        ------
        DeclarationError
            The model does not let itself be set, or overwrites what was set.
        """
        names = [each.name for each in self.variables]
        unknown = set(variables) - set(names)
        if unknown:
            raise DeclarationError(
                f"the model has no variable {sorted(unknown)[0]!r}; it has {', '.join(names)}"
            )
        given = {name: np.asarray(value, float) for name, value in variables.items()}
        for each in self.variables:
            if not each.there and each.name not in given:
                raise DeclarationError(f"give {each.name}=…: the model itself does not tell it")
        fields: list[dict[str, Array]] = []
        coords: dict[str, Any] = {}
        for m in range(members):
            own = {name: value[m : m + 1] for name, value in given.items()}
            numbers = {n: float(v[0]) for n, v in own.items() if v.ndim == 1}
            with self._instance(numbers) as bmi:
                read = self._read(bmi)
                coords = coords or self._coordinates(bmi, read)
            for name, value in own.items():
                read[name] = _spread(name, value[0], read.get(name, np.zeros(())))
            fields.append(read)
        ensemble = self._labelled(fields).assign_coords(coords)
        self.state.check(ensemble)
        ensemble, _ = self.reconcile(ensemble, tuple(given))
        self._check_memory(ensemble.isel(member=[0]))
        return ensemble

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        """The ensemble at `end`; a member whose model fails is NaN, and its error is logged."""
        results: list[Mapping[str, Array] | None] = []
        for m in range(ensemble.sizes["member"]):
            try:
                results.append(self._forecast_member(ensemble, m, forcing, start, end))
            except HydrodaError:
                raise
            except Exception as error:  # whatever the model of another author raises
                logger.warning("member %d of the forecast to %s failed: %r", m, end, error)
                results.append(None)
        return self._stacked(ensemble, results)

    def reconcile(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble as every model reads back after it was set, with its diagnostics."""
        fields = []
        for m in range(ensemble.sizes["member"]):
            values = self._values(ensemble, m)
            with self._instance(values) as bmi:
                self._set(bmi, values)
                fields.append(self._read(bmi) | self._numbers(values))
        return self._stacked(ensemble, fields), no_water(ensemble)

    # --- one member ---

    def _forecast_member(
        self,
        ensemble: xr.Dataset,
        member: int,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> Mapping[str, Array]:
        values = self._values(ensemble, member)
        if not all(np.isfinite(value).all() for value in values.values()):
            raise ArithmeticError("it began with values that are not finite")
        with self._instance(values, start, end) as bmi:
            self._set(bmi, values)
            self._run(bmi, member, forcing, start, end)
            return self._read(bmi) | self._numbers(values)

    @contextmanager
    def _instance(
        self,
        values: Mapping[str, Any],
        start: np.datetime64 = NO_TIME,
        end: np.datetime64 = NO_TIME,
    ) -> Iterator[Any]:
        """An initialised instance, which is finalised whatever happens."""
        numbers = {name: float(v) for name, v in values.items() if np.ndim(v) == 0}
        times = {"forecast_start": str(start), "forecast_end": str(end)}
        bmi = self.component()
        with tempfile.TemporaryDirectory(prefix="hydroda_bmi_") as folder:
            bmi.initialize(self.config.file(Path(folder), numbers | times))
            try:
                yield bmi
            finally:
                bmi.finalize()

    def _values(self, ensemble: xr.Dataset, member: int) -> dict[str, Array]:
        names = [*(each.name for each in self.variables), *self.carries]
        return {name: np.asarray(ensemble[name].values[member], float) for name in names}

    def _numbers(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """What no instance can tell, from the values it was given."""
        return {each.name: values[each.name] for each in self.variables if not each.there}

    def _set(self, bmi: Any, values: Mapping[str, Array]) -> None:
        """Nothing; the instance holds `values`, which was read back."""
        wanted: dict[str, Array] = {}
        for each in self.variables:
            if not each.there:
                continue
            own = _convert(values[each.name], each.variable.unit, _unit(bmi, each.there), each.name)
            wanted[each.there] = self._filled(bmi, each, own)
        wanted |= {there: values[there] for there in self.carries}
        for there, value in wanted.items():
            wanted[there] = _set_value(bmi, there, value)
        for there, value in self.following(bmi, values).items():
            wanted[there] = _set_value(bmi, there, np.asarray(value, float))
        for there, value in wanted.items():
            if not np.array_equal(value_of(bmi, there), value):
                raise DeclarationError(
                    f"{there} of {_name(bmi)} does not read back as it was set; another variable "
                    "undoes it: declare only one of them, or check `following`"
                )

    def _filled(self, bmi: Any, each: Exchange, values: Array) -> Array:
        """All numbers of a BMI variable, those of the columns from `values`."""
        chosen = None if each.layout == Scalar() else self.active(bmi)
        if chosen is None:
            return each.layout.flat(values)
        full = each.layout.stack(value_of(bmi, each.there)).copy()
        full[chosen.ravel()] = values
        return each.layout.flat(full)

    def _read(self, bmi: Any) -> dict[str, Array]:
        """Variables and outputs by name, and what is carried, in the units of the ensemble."""
        read = {}
        for each in (*self.variables, *self.outputs):
            if not each.there:
                continue
            flat = value_of(bmi, each.there)
            own = _convert(flat, _unit(bmi, each.there), each.variable.unit, each.name)
            try:
                stacked = each.layout.stack(own)
            except ValueError:
                raise DeclarationError(
                    f"{each.there} of {_name(bmi)} has {flat.size} numbers, which do not fit "
                    f"{each.layout}"
                ) from None
            chosen = None if each.layout == Scalar() else self.active(bmi)
            read[each.name] = np.array(stacked if chosen is None else stacked[chosen.ravel()])
        return read | {there: value_of(bmi, there) for there in self.carries}

    # --- time and weather ---

    def _run(
        self,
        bmi: Any,
        member: int,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> None:
        unit, origin = _time_unit(bmi), float(bmi.get_current_time())
        if forcing is None or not self.inputs:
            _advance(bmi, origin + float((end - start) / np.timedelta64(1, "s")) / unit)
            return
        for step in range(forcing.times.size):
            for each in self.inputs:
                self._feed(bmi, each, forcing, member, step)
            _advance(bmi, origin + (step + 1) * forcing.step_seconds / unit)

    def _feed(self, bmi: Any, each: Sets, forcing: ForcingWindow, member: int, step: int) -> None:
        if each.source not in forcing.values:
            have = ", ".join(forcing.values)
            raise DataError(f"the forcing lacks {each.source!r} for {each.there}; it has {have}")
        value = forcing[each.source]
        value = np.asarray(value[member if len(value) > 1 else 0, step], float)
        weather = _weather(value, each, _unit(bmi, each.there), forcing.step_seconds)
        old, chosen = value_of(bmi, each.there), self.active(bmi)
        if weather.ndim == 0 and not isinstance(each, Adds):
            chosen = None  # one number is the weather of the boundary as well
        if chosen is None or old.size == 1:
            new = each.apply(old, weather)
        else:
            new = old.copy()
            new[chosen.ravel()] = each.apply(old[chosen.ravel()], weather)
        _set_value(bmi, each.there, new)

    # --- labels ---

    def _labelled(self, fields: list[dict[str, Array]]) -> xr.Dataset:
        units = {e.name: e.variable.unit for e in (*self.variables, *self.outputs)}
        data = {}
        for name in fields[0]:
            values = np.stack([each[name] for each in fields])
            dims: tuple[str, ...] = DIMENSIONS[: values.ndim]
            if name in self.carries:
                dims = ("member", f"{name} element")
            data[name] = (dims, values, {"units": units[name]} if name in units else {})
        return xr.Dataset(data)

    def _stacked(
        self,
        ensemble: xr.Dataset,
        fields: list[Mapping[str, Array] | None] | list[dict[str, Array]],
    ) -> xr.Dataset:
        """`ensemble` with new values, NaN for members without."""
        units = {e.name: e.variable.unit for e in (*self.variables, *self.outputs)}
        fine = next((each for each in fields if each is not None), None)
        names = [each.name for each in self.variables] if fine is None else list(fine)
        new = {}
        for name in names:
            shape = ensemble[name].shape[1:] if fine is None else np.shape(fine[name])
            values = np.stack(
                [np.full(shape, np.nan) if each is None else each[name] for each in fields]
            )
            dims = ensemble[name].dims if name in ensemble else DIMENSIONS[: values.ndim]
            attrs = {"units": units[name]} if name in units else {}
            new[name] = (dims, values, attrs)
        return ensemble.assign(new)

    def _coordinates(self, bmi: Any, read: Mapping[str, Array]) -> dict[str, Any]:
        """Places of the columns, as far as the grid tells them, and depths of the layers."""
        coords: dict[str, Any] = {}
        spatial = [e for e in self.variables if e.there and e.layout != Scalar()]
        counts = {len(read[each.name]) for each in spatial}
        if len(counts) > 1:
            raise DeclarationError(
                f"the variables have {sorted(counts)} columns; all must stand on the same ones"
            )
        for axis, places in zip(("x", "y"), _places(bmi, spatial, self.active(bmi)), strict=True):
            if places is not None:
                coords[axis] = ("column", places, {"units": "m"})
        layers = {each.layout.thickness for each in spatial if each.layout.thickness}
        if len(layers) > 1:
            raise DeclarationError("all layered variables must have the same thickness of layers")
        for thickness in layers:
            dz = np.array(thickness, float)
            down = {"units": "m", "positive": "down"}
            coords["depth"] = ("layer", np.cumsum(dz) - 0.5 * dz, down)
            coords["thickness"] = ("layer", dz, {"units": "m"})
        return coords

    # --- does the model heed what it is told ---

    def _check_memory(self, one: xr.Dataset) -> None:
        if self.memory <= 0.0:
            return
        for each in self.variables:
            if each.variable.role == "state":
                left = self.left_of_a_change(one, each.name)
                if not left >= self.memory:
                    raise DeclarationError(
                        f"{each.there} is overwritten by the model: {left:.2g} of a small change "
                        f"is left after one step, and memory asks for {self.memory:g}. Set also "
                        "what it is computed from (`following`), or give memory=0 where this is so "
                        "in nature"
                    )

    def left_of_a_change(self, ensemble: xr.Dataset, name: str) -> float:
        """Share of a small change of the state `name` of the first member after one model step."""
        one = ensemble.isel(member=[0])
        values = one[name].values
        size = NUDGE * max(float(np.abs(values).max()), 1e-3)
        low, high = self.state[name].bounds
        if values.min() - size >= low:
            size = -size
        elif values.max() + size > high:
            raise DataError(f"{name} fills its bounds {low:g} to {high:g}: no change fits")
        changed, _ = self.reconcile(one.assign({name: one[name] + size}), (name,))
        after = []
        for state in (one, changed):
            values_of = self._values(state, 0)
            with self._instance(values_of) as bmi:
                self._set(bmi, values_of)
                bmi.update()
                after.append(self._read(bmi)[name])
        return float(np.mean(after[1] - after[0]) / size) + 0.0


@cache
def _state_of(variables: tuple[Exchange, ...]) -> StateVector:
    lines = {each.name: each.variable for each in variables}
    return type("BMIState", (StateVector,), lines)()


# --- talking to an instance -----------------------------------------------------------------------


def _name(bmi: Any) -> str:
    return str(bmi.get_component_name())


def value_of(bmi: Any, there: str) -> Array:
    """All numbers of a BMI variable, in its own unit and order."""
    try:
        kind = np.dtype(bmi.get_var_type(there))
        size = int(bmi.get_var_nbytes(there)) // int(bmi.get_var_itemsize(there))
        buffer = np.empty(size, kind)
        bmi.get_value(there, buffer)
    except HydrodaError:
        raise
    except Exception as error:
        known = sorted({*bmi.get_input_var_names(), *bmi.get_output_var_names()})
        raise DeclarationError(
            f"{_name(bmi)} does not give {there!r} ({error!r}); it has {', '.join(known)}"
        ) from error
    return buffer.astype(float)


def _set_value(bmi: Any, there: str, values: Array) -> Array:
    """What the instance holds in `there` after it was set: `values` in the model's precision.

    Some models take only their inputs through `set_value`, but lend the memory of the others.

    Raises
    ------
    DeclarationError
        The model cannot be set.
    """
    held = np.ascontiguousarray(values, np.dtype(bmi.get_var_type(there)))
    for attempt in (
        lambda: bmi.set_value(there, held),
        lambda: bmi.set_value_at_indices(there, np.arange(held.size), held),
    ):
        try:
            attempt()
        except Exception:  # whatever the model raises says that this way is closed
            continue
        if np.array_equal(value_of(bmi, there), held.astype(float)):
            return held.astype(float)
    raise DeclarationError(
        f"{_name(bmi)} cannot be set: {there!r} does not read back what set_value gave it; its "
        f"inputs are {', '.join(sorted(bmi.get_input_var_names()))}"
    )


def _unit(bmi: Any, there: str) -> str:
    unit = str(bmi.get_var_units(there)).strip()
    return "1" if unit in DIMENSIONLESS else unit


def _convert(values: Array, source: str, target: str, name: str) -> Array:
    """In the other unit; the model's word for a number without unit is taken as it is."""
    if source == target or {source, target} <= {"1", ""}:
        return np.asarray(values, float)
    return convert(values, source, target, name)


def _time_unit(bmi: Any) -> float:
    """Seconds in the model's unit of time."""
    words = str(bmi.get_time_units()).split()
    try:
        return float(magnitude(f"1 {words[0]}", "s", "get_time_units"))
    except (UnitError, IndexError):
        raise DeclarationError(
            f"{_name(bmi)} counts its time in {' '.join(words)!r}, which is no unit of time"
        ) from None


def _advance(bmi: Any, until: float) -> None:
    """Nothing; the instance stands at `until` [its unit of time]."""
    step, now, last = bmi.get_time_step(), float(bmi.get_current_time()), bmi.get_end_time()
    if last is not None and until > float(last) * (1.0 + WHOLE):
        raise DeclarationError(
            f"{_name(bmi)} ends at {last:g} {bmi.get_time_units()}, and the forecast at {until:g}; "
            "let its configuration end later"
        )
    count = round((until - now) / step) if step else 0
    if step and abs(count * step - (until - now)) <= WHOLE * step * max(count, 1):
        for _ in range(count):
            bmi.update()
    else:
        bmi.update_until(until)
    reached = float(bmi.get_current_time())
    if abs(reached - until) > 1e-6 * max(until - now, abs(step or 0.0)):
        raise DeclarationError(
            f"{_name(bmi)} stands at {reached:g} {bmi.get_time_units()} and not at {until:g}: make "
            f"its step of {step:g} a part of the steps of the forcing"
        )


def _weather(value: Array, each: Sets, unit: str, seconds: float) -> Array:
    """Weather in the unit of the model; an amount per step where that is a rate."""
    source = WEATHER[each.source].unit if each.source in WEATHER else unit
    candidates = [(value, source)]
    if source == "mm":
        if not isinstance(each, Adds):
            candidates.append((value / seconds, "mm s-1"))
            candidates.append((value / seconds, "kg m-2 s-1"))  # 1 mm of water is 1 kg m-2
        candidates.append((value, "kg m-2"))
    for amount, own in candidates:
        try:
            return np.asarray(_convert(amount, own, unit, each.there), float)
        except UnitError:
            continue
    raise UnitError(f"{each.there} is in {unit!r}, which {each.source} [{source}] cannot become")


def _places(
    bmi: Any, spatial: list[Exchange], chosen: NDArray[np.bool_] | None
) -> tuple[Array | None, Array | None]:
    """x and y [m] of the columns; None where the grid does not tell them."""
    if not spatial:
        return None, None
    count = len(spatial[0].layout.stack(value_of(bmi, spatial[0].there)))
    try:
        grid = bmi.get_var_grid(spatial[0].there)
        kind, rank = bmi.get_grid_type(grid), bmi.get_grid_rank(grid)
        x, y = _uniform(bmi, grid, rank) if kind == "uniform_rectilinear" else _listed(bmi, grid)
    except Exception:  # many models leave these functions out
        return None, None
    if x.size != count or y.size != count:
        return None, None
    return (x, y) if chosen is None else (x[chosen.ravel()], y[chosen.ravel()])


def _uniform(bmi: Any, grid: int, rank: int) -> tuple[Array, Array]:
    shape, spacing, origin = np.empty(rank, int), np.empty(rank), np.empty(rank)
    bmi.get_grid_shape(grid, shape)
    bmi.get_grid_spacing(grid, spacing)
    bmi.get_grid_origin(grid, origin)
    y, x = (origin[i] + spacing[i] * np.arange(shape[i]) for i in (-2, -1))
    return np.tile(x, y.size), np.repeat(y, x.size)


def _listed(bmi: Any, grid: int) -> tuple[Array, Array]:
    size = int(bmi.get_grid_size(grid))
    buffers = np.empty(size), np.empty(size)
    # Some models hand back their own arrays and leave the buffer as it was.
    lent = bmi.get_grid_x(grid, buffers[0]), bmi.get_grid_y(grid, buffers[1])
    x, y = (
        b if own is None else np.asarray(own, float) for own, b in zip(lent, buffers, strict=True)
    )
    return x, y


def _spread(name: str, value: Array, like: Array) -> Array:
    try:
        shape = like.shape if value.ndim <= like.ndim else value.shape
        grown = value.reshape(value.shape + (1,) * (len(shape) - value.ndim))
        return np.array(np.broadcast_to(grown, shape))
    except ValueError:
        raise DataError(
            f"{name} of a member has shape {value.shape}; the model has {like.shape}"
        ) from None
