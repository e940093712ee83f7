"""The declared variables of a state, and their packed form (row, member).

A variable of an ensemble dataset has the dimensions (member, column, layer), (member, column) or
(member,). Packed, the rows of one column lie together, variable after variable, layer after layer;
rows of variables without a column come last and have no place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr

from hydroda.errors import DataError, DeclarationError
from hydroda.transforms import Identity, Transform
from hydroda.units import convert


@dataclass(frozen=True)
class Variable:
    """One variable: its unit, the transform a filter sees it through, its bounds and its role.

    `bounds` are physical, in `unit`. A parameter is not moved by the forecast model.
    """

    unit: str
    transform: Transform = field(default_factory=Identity)
    bounds: tuple[float, float] = (-np.inf, np.inf)
    role: Literal["state", "parameter"] = "state"
    meaning: str = ""

    @property
    def seen_unit(self) -> str:
        """The unit in which a filter sees the variable, such as "log10(m s-1)"."""
        if isinstance(self.transform, Identity):
            return self.unit
        return f"{type(self.transform).__name__.lower()}({self.unit})"

    @property
    def seen_bounds(self) -> tuple[float, float]:
        """The bounds in the space of the filter."""
        with np.errstate(divide="ignore", invalid="ignore"):
            lower, upper = self.transform.forward(np.array(self.bounds))
        return (
            -np.inf if np.isnan(lower) else float(lower),
            np.inf if np.isnan(upper) else float(upper),
        )


class StateVector:
    """The variables of a state, declared as a class body of `Variable` lines.

    >>> class ThetaAndKs(StateVector):
    ...     theta = Variable("m3 m-3", bounds=(0.0, 1.0))
    ...     Ks = Variable("m s-1", transform=Log10(), role="parameter")
    """

    variables: ClassVar[Mapping[str, Variable]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Variable)}
        cls.variables = {**cls.variables, **own}

    def __getitem__(self, name: str) -> Variable:
        try:
            return self.variables[name]
        except KeyError:
            known = ", ".join(self.variables)
            raise DeclarationError(f"the state has no variable {name!r}; it has {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.variables

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StateVector) and dict(self.variables) == dict(other.variables)

    def __hash__(self) -> int:
        return hash(tuple(self.variables.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.variables)})"

    def check(self, dataset: xr.Dataset) -> None:
        """Nothing, if `dataset` holds every variable, finite, in its unit and within its bounds.

        Raises
        ------
        DataError
            Names the variable, the value that came and what was wanted.
        """
        for name, variable in self.variables.items():
            if name not in dataset:
                raise DataError(f"the ensemble lacks the state variable {name!r} [{variable.unit}]")
            values = dataset[name].values
            unit = dataset[name].attrs.get("units")
            if unit is not None and unit != variable.unit:
                convert(0.0, unit, variable.unit, name)
                raise DataError(f"{name} must be in {variable.unit!r}; got {unit!r}")
            if not np.isfinite(values).all():
                raise DataError(f"{name} has values that are not finite")
            lower, upper = variable.bounds
            if values.min() < lower or values.max() > upper:
                raise DataError(
                    f"{name} must lie in [{lower:g}, {upper:g}] {variable.unit}; "
                    f"got {values.min():g} to {values.max():g}"
                )

    def rows(self, dataset: xr.Dataset, names: Sequence[str]) -> Rows:
        """Where each number of the packed variables `names` comes from."""
        return Rows(tuple(names), tuple(_shape(dataset[name]) for name in names))

    def pack(self, dataset: xr.Dataset, names: Sequence[str]) -> np.ndarray:
        """The variables `names`, transformed, as a C-contiguous float64 matrix (row, member)."""
        columns = [name for name in names if "column" in dataset[name].dims]
        others = [name for name in names if "column" not in dataset[name].dims]
        parts = []
        if columns:
            blocks = [self._transformed(dataset, name) for name in columns]
            block = np.concatenate(blocks, axis=1)
            parts.append(block.reshape(-1, block.shape[-1]))
        parts += [self._transformed(dataset, name).reshape(1, -1) for name in others]
        return np.ascontiguousarray(np.concatenate(parts, axis=0))

    def unpack(self, x: np.ndarray, dataset: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
        """`dataset` with the variables `names` taken from the packed matrix (row, member)."""
        rows = self.rows(dataset, names)
        fields = {}
        for name in names:
            old = dataset[name]
            block = x[rows.of(name)]
            shape = tuple(old.sizes[dim] for dim in old.dims if dim != "member")
            values = self[name].transform.inverse(block).reshape(*shape, -1)
            fields[name] = old.copy(data=np.ascontiguousarray(np.moveaxis(values, -1, 0)))
        return dataset.assign(fields)

    def _transformed(self, dataset: xr.Dataset, name: str) -> np.ndarray:
        """Variable `name` as (column, layer or 1, member), or (member,) where it has no column."""
        values = self[name].transform.forward(dataset[name].values)
        if values.ndim == 1:
            return values
        return np.moveaxis(values.reshape(values.shape[0], values.shape[1], -1), 0, -1)


# The coordinate that says x, y and depth along a dimension. A land surface may have fewer layers
# than the flow below it, with depths of their own.
COORDINATES = ({"column": "x"}, {"column": "y"}, {"layer": "depth", "land_layer": "land_depth"})


def _shape(variable: xr.DataArray) -> tuple[int, int]:
    """(columns, layers) of a variable; columns is 0 where it has none."""
    if variable.dims[0] != "member":
        raise DataError(
            f"{variable.name} must lead with the dimension 'member'; got {variable.dims}"
        )
    if variable.ndim == 1:
        return 0, 1
    return variable.shape[1], (variable.shape[2] if variable.ndim == 3 else 1)


@dataclass(frozen=True)
class Rows:
    """Which row of a packed state is what: `shapes` are (columns, layers) of each variable."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]

    @property
    def columns(self) -> int:
        return max((columns for columns, _ in self.shapes), default=0)

    @property
    def width(self) -> int:
        """Rows of one column."""
        return sum(layers for columns, layers in self.shapes if columns)

    @property
    def size(self) -> int:
        return self.columns * self.width + sum(not columns for columns, _ in self.shapes)

    def of(self, name: str) -> np.ndarray:
        """Row numbers of variable `name`, column after column."""
        offset, tail = 0, self.columns * self.width
        for other, (columns, layers) in zip(self.names, self.shapes, strict=True):
            if other == name:
                if not columns:
                    return np.array([tail])
                within = offset + np.arange(layers)
                return (np.arange(columns)[:, None] * self.width + within).ravel()
            if columns:
                offset += layers
            else:
                tail += 1
        raise KeyError(name)

    @property
    def column(self) -> np.ndarray:
        """Column of each row; rows without one count as columns of their own behind the last."""
        loose = self.size - self.columns * self.width
        return np.r_[
            np.repeat(np.arange(self.columns), self.width), self.columns + np.arange(loose)
        ]

    def spread_out(
        self, fields: Mapping[str, Any], fill: Any, dtype: Any = np.float64
    ) -> np.ndarray:
        """One value per row from arrays (column, layer), (column,) or scalars by variable name."""
        values = np.full(self.size, fill, dtype=dtype)
        for name, (columns, layers) in zip(self.names, self.shapes, strict=True):
            if name in fields:
                given = np.asarray(fields[name])
                if given.ndim == 1:
                    given = given[:, None]
                target = (columns, layers) if columns else (1, 1)
                values[self.of(name)] = np.broadcast_to(given, target).ravel()
        return values

    def places(self, dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y and depth [m] of each row; NaN where a row has no such place."""
        axes = []
        for coordinates in COORDINATES:
            known = {
                name: dataset[axis].values[:, None]
                if dim == "column"
                else dataset[axis].values[None]
                for name in self.names
                for dim, axis in coordinates.items()
                if axis in dataset.coords and dim in dataset[name].dims
            }
            axes.append(self.spread_out(known, np.nan))
        return axes[0], axes[1], axes[2]
