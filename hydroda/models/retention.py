"""Soil water retention and conductivity: what a soil is, in numbers with units."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import pint
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.models.kernels import soil as kernels
from hydroda.state import Variable
from hydroda.threads import threads_for
from hydroda.units import Magnitude, magnitude

__all__ = ["BrooksCorey", "ClappHornberger", "Gardner", "Retention", "VanGenuchten", "rosetta"]

Array = NDArray[np.float64]

OPERATIONS = 50  # of one cell on its curve, roughly
THETA_R = Variable("m3 m-3", bounds=(0.0, 1.0), role="parameter", meaning="residual water content")
THETA_S = Variable("m3 m-3", bounds=(0.0, 1.0), role="parameter", meaning="porosity")
LOG10_KS = Variable(
    "log10(m s-1)", bounds=(-14.0, 0.0), role="parameter", meaning="saturated conductivity"
)


@dataclass(frozen=True)
class Retention(ABC):
    """A soil. Fields are amounts with units, one or a sequence of one per layer.

    Arrays of numbers, of shapes that broadcast to (member, column, layer), are taken as SI. The
    author of a retention curve writes the fields, `parameters`, `values` and `raw`, and its kernels
    (`kernels.soil`).
    """

    parameters: ClassVar[Mapping[str, Variable]]
    units: ClassVar[Mapping[str, str]]
    token: ClassVar[tuple[int]]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = _amounts(getattr(self, field.name), self.units[field.name], field.name)
            object.__setattr__(self, field.name, value)

    @abstractmethod
    def values(self) -> dict[str, Array]:
        """The parameters as they stand in an ensemble dataset, by name."""

    @abstractmethod
    def raw(self, values: Mapping[str, Array]) -> list[Array]:
        """What the kernels want, from the parameters of a dataset."""

    def theta(self, h: ArrayLike) -> Array:
        """Water content [m3 m-3] at a pressure head [m]."""
        return self._curve(h)[0]

    def capacity(self, h: ArrayLike) -> Array:
        """dtheta/dh [m-1]."""
        return self._curve(h)[1]

    def conductivity(self, h: ArrayLike) -> Array:
        """K [m s-1]."""
        return self._curve(h)[2]

    def conductivity_slope(self, h: ArrayLike) -> Array:
        """dK/dh [s-1]."""
        return self._curve(h)[3]

    def flux_potential(self, h: ArrayLike) -> Array:
        """Matric flux potential, the integral of K from minus infinity to h [m2 s-1]."""
        return self._curve(h)[4]

    def head(self, theta: ArrayLike) -> Array:
        """Pressure head [m] of a water content [m3 m-3]; 0 for a saturated soil."""
        return head(self, self.stack(self.values()), theta)

    def stack(self, values: Mapping[str, Array]) -> Array:
        """`raw` as one array with the parameters along the last axis."""
        return np.stack(np.broadcast_arrays(*self.raw(values)), axis=-1)

    def _curve(self, h: ArrayLike) -> Array:
        raw = self.stack(self.values())
        heads = np.asarray(h, float)
        shape = np.broadcast_shapes(heads.shape, raw.shape[:-1])
        spread = np.array(np.broadcast_to(raw, (*shape, raw.shape[-1])), order="C")
        flat = np.array(np.broadcast_to(heads, shape).ravel())
        out = kernels.curve(self.token, spread.reshape(-1, raw.shape[-1]), flat)
        return np.asarray(out.reshape(5, *shape))


def head(soil: Retention, raw: Array, theta: ArrayLike) -> Array:
    """Pressure head [m] of `theta`, whose shape broadcasts with raw (..., parameter)."""
    contents = np.asarray(theta, float)
    shape = np.broadcast_shapes(contents.shape, raw.shape[:-1])
    return _blockwise(kernels.heads, soil, raw, contents, shape)


def content(soil: Retention, raw: Array, h: ArrayLike) -> Array:
    """Water content [m3 m-3] at `h`, whose shape broadcasts with raw (..., parameter)."""
    pressure = np.asarray(h, float)
    shape = np.broadcast_shapes(pressure.shape, raw.shape[:-1])
    return _blockwise(kernels.contents, soil, raw, pressure, shape)


def _blockwise(
    function: Any, soil: Retention, raw: Array, given: Array, shape: tuple[int, ...]
) -> Array:
    """A kernel over (member, column, layer), from shapes with fewer axes or axes of length 1."""
    full = (1,) * (3 - len(shape)) + shape
    spread = raw.reshape((1,) * (4 - raw.ndim) + raw.shape)
    # Members and columns that share a soil share its coefficients; layers are spelt out.
    spread = np.broadcast_to(spread, (*spread.shape[:2], full[2], spread.shape[3]))
    # Copies: numba compiles anew for a read-only array or another order.
    inputs = np.array(np.broadcast_to(given, full), order="C")
    out = np.empty(full)
    with threads_for(OPERATIONS * out.size):
        function(soil.token, np.array(spread, order="C"), inputs, out)
    return out.reshape(shape)


@dataclass(frozen=True)
class VanGenuchten(Retention):
    """van Genuchten's retention with Mualem's conductivity, m = 1 - 1/n (10.2136/sssaj1980).

    >>> loam = VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day")
    """

    theta_r: Any
    theta_s: Any
    alpha: Any
    n: Any
    Ks: Any
    l: Any = 0.5  # noqa: E741 - Mualem's letter

    parameters: ClassVar[Mapping[str, Variable]] = {
        "theta_r": THETA_R,
        "theta_s": THETA_S,
        "alpha": Variable("m-1", bounds=(1e-3, 1e3), role="parameter", meaning="1/air entry"),
        "n": Variable("1", bounds=(1.01, 20.0), role="parameter", meaning="van Genuchten's n"),
        "log10_Ks": LOG10_KS,
        "l": Variable("1", bounds=(-1.5, 20.0), role="parameter", meaning="Mualem's exponent"),
    }
    units: ClassVar[Mapping[str, str]] = {
        "theta_r": "m3/m3", "theta_s": "m3/m3", "alpha": "1/m", "n": "", "Ks": "m/s", "l": "",
    }  # fmt: skip
    token: ClassVar[tuple[int]] = kernels.VanGenuchten()

    def values(self) -> dict[str, Array]:
        names = ("theta_r", "theta_s", "alpha", "n", "l")
        return {name: np.asarray(getattr(self, name), float) for name in names} | {
            "log10_Ks": np.log10(self.Ks)
        }

    def raw(self, values: Mapping[str, Array]) -> list[Array]:
        v = values
        conductivity = 10.0 ** v["log10_Ks"]
        return [v["theta_r"], v["theta_s"], conductivity, v["alpha"], v["n"], v["l"]]


@dataclass(frozen=True)
class BrooksCorey(Retention):
    """S = (h_e/h)^lambda below the entry head h_e, K = K_s S^(3 + 2/lambda) (Burdine)."""

    theta_r: Any
    theta_s: Any
    entry_head: Any
    pore_index: Any
    Ks: Any

    parameters: ClassVar[Mapping[str, Variable]] = {
        "theta_r": THETA_R,
        "theta_s": THETA_S,
        "entry_head": Variable("m", bounds=(-100.0, -1e-3), role="parameter", meaning="air entry"),
        "pore_index": Variable("1", bounds=(0.02, 10.0), role="parameter", meaning="lambda"),
        "log10_Ks": LOG10_KS,
    }
    units: ClassVar[Mapping[str, str]] = {
        "theta_r": "m3/m3", "theta_s": "m3/m3", "entry_head": "m", "pore_index": "", "Ks": "m/s",
    }  # fmt: skip
    token: ClassVar[tuple[int]] = kernels.BrooksCorey()

    def values(self) -> dict[str, Array]:
        names = ("theta_r", "theta_s", "entry_head", "pore_index")
        return {name: np.asarray(getattr(self, name), float) for name in names} | {
            "log10_Ks": np.log10(self.Ks)
        }

    def raw(self, values: Mapping[str, Array]) -> list[Array]:
        v = values
        index = v["pore_index"]
        conductivity = 10.0 ** v["log10_Ks"]
        exponent = 2.0 + 3.0 * index
        return [v["theta_r"], v["theta_s"], conductivity, v["entry_head"], index, exponent]


@dataclass(frozen=True)
class ClappHornberger(Retention):
    """S = (h_e/h)^(1/b), K = K_s S^(2b + 3), no residual water (10.1029/WR014i004p00601)."""

    theta_s: Any
    entry_head: Any
    b: Any
    Ks: Any

    parameters: ClassVar[Mapping[str, Variable]] = {
        "theta_s": THETA_S,
        "entry_head": BrooksCorey.parameters["entry_head"],
        "b": Variable("1", bounds=(0.1, 50.0), role="parameter", meaning="Clapp-Hornberger's b"),
        "log10_Ks": LOG10_KS,
    }
    units: ClassVar[Mapping[str, str]] = {
        "theta_s": "m3/m3", "entry_head": "m", "b": "", "Ks": "m/s",
    }  # fmt: skip
    token: ClassVar[tuple[int]] = kernels.BrooksCorey()

    def values(self) -> dict[str, Array]:
        names = ("theta_s", "entry_head", "b")
        return {name: np.asarray(getattr(self, name), float) for name in names} | {
            "log10_Ks": np.log10(self.Ks)
        }

    def raw(self, values: Mapping[str, Array]) -> list[Array]:
        v = values
        index = 1.0 / v["b"]
        conductivity = 10.0 ** v["log10_Ks"]
        dry = np.zeros_like(v["theta_s"])
        return [dry, v["theta_s"], conductivity, v["entry_head"], index, 2.0 + 3.0 * index]


@dataclass(frozen=True)
class Gardner(Retention):
    """K = K_s e^(alpha h) and theta = theta_r + (theta_s - theta_r) e^(alpha h)."""

    theta_r: Any
    theta_s: Any
    alpha: Any
    Ks: Any

    parameters: ClassVar[Mapping[str, Variable]] = {
        name: VanGenuchten.parameters[name] for name in ("theta_r", "theta_s", "alpha", "log10_Ks")
    }
    units: ClassVar[Mapping[str, str]] = {
        "theta_r": "m3/m3", "theta_s": "m3/m3", "alpha": "1/m", "Ks": "m/s",
    }  # fmt: skip
    token: ClassVar[tuple[int]] = kernels.Gardner()

    def values(self) -> dict[str, Array]:
        names = ("theta_r", "theta_s", "alpha")
        return {name: np.asarray(getattr(self, name), float) for name in names} | {
            "log10_Ks": np.log10(self.Ks)
        }

    def raw(self, values: Mapping[str, Array]) -> list[Array]:
        v = values
        return [v["theta_r"], v["theta_s"], 10.0 ** v["log10_Ks"], v["alpha"]]


def rosetta(
    sand: ArrayLike, silt: ArrayLike, clay: ArrayLike, bulk_density: ArrayLike | None = None
) -> VanGenuchten:
    """van Genuchten parameters by Rosetta 3 from texture [%] and bulk density [g cm-3].

    Shapes broadcast; a single soil gives numbers. Zhang and Schaap 2017,
    10.1016/j.jhydrol.2017.01.004.

    Raises
    ------
    DeclarationError
        Sand, silt and clay do not sum to 100 %.
    """
    from rosetta import SoilData
    from rosetta import rosetta as predict

    inputs = [sand, silt, clay] + ([] if bulk_density is None else [bulk_density])
    columns = np.broadcast_arrays(*[np.asarray(values, float) for values in inputs])
    total = sum(columns[:3])
    if not np.all(np.abs(total - 100.0) <= 1.0):
        worst = np.ravel(total)[np.argmax(np.abs(np.ravel(total) - 100.0))]
        raise DeclarationError(f"sand, silt and clay must sum to 100 %; got {worst:g} %")
    table = np.stack([values.ravel() for values in columns], axis=-1)
    # alpha comes in 1/cm and K_s in cm/day, neither as a logarithm.
    means = predict(3, SoilData.from_iter(table.tolist()))[0]
    theta_r, theta_s, alpha, n, ks = (
        np.asarray(means[:, i].reshape(columns[0].shape) * factor)
        for i, factor in enumerate((1.0, 1.0, 100.0, 1.0, 0.01 / 86400.0))
    )
    return VanGenuchten(theta_r, theta_s, alpha, n, ks)


def _amounts(value: Any, unit: str, name: str) -> Any:
    """A number in SI, a tuple of one per layer, or an array, from what a user gives."""
    if isinstance(value, pint.Quantity) and np.ndim(value.magnitude):
        value = np.asarray(value.to(unit).magnitude, float)
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return Magnitude(float(value), unit)
        return tuple(value.tolist()) if value.ndim == 1 else value
    if isinstance(value, tuple | list):
        return tuple(
            item if type(item) is float else magnitude(item, unit, f"{name}[{i}]")
            for i, item in enumerate(value)
        )
    return magnitude(value, unit, name)
