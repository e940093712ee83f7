"""What models of columns share: from labelled ensembles to the arrays of kernels, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError
from hydroda.models.retention import Retention
from hydroda.state import StateVector
from hydroda.units import magnitude

Array = NDArray[np.float64]

PLACE = ("member", "column")
PROFILE = ("member", "column", "layer")


def profile(name: str, value: ArrayLike | xr.DataArray, layers: int) -> Array:
    """A given profile as (member, column, layer); (member, layer) is one column.

    Raises
    ------
    DataError
        It has another shape.
    """
    if isinstance(value, xr.DataArray):
        value = value.transpose(*(dim for dim in PROFILE if dim in value.dims)).values
    given = np.array(value, float)
    if given.ndim == 2:
        given = given[:, None, :]
    if given.ndim != 3 or given.shape[2] not in (1, layers):
        raise DataError(
            f"{name} must be (member, column, layer) or (member, layer) with {layers} layers; got "
            f"shape {np.shape(value)}"
        )
    return np.ascontiguousarray(np.broadcast_to(given, (*given.shape[:2], layers)))


def in_units_of(state: StateVector, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given for a state: amounts as numbers in its units, Ks [m s-1] as its logarithm."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        unit = "m/s" if name == "Ks" else state[name].unit
        found[name] = magnitude(value, unit, name) if isinstance(value, str) else value
    if "Ks" in found:
        found["log10_Ks"] = np.log10(found.pop("Ks"))
    return found


def leading(name: str, value: Any, shape: tuple[int, ...], keep: bool) -> Array:
    """A given variable as (member, column[, layer]), or as (member,) if `keep`."""
    if isinstance(value, xr.DataArray):
        order = [dim for dim in PROFILE if dim in value.dims]
        ordered = value.transpose(*order)
        axes = [axis for axis, dim in enumerate(PROFILE) if dim not in order]
        size = 3 if "layer" in order else 2
        array = np.expand_dims(ordered.values, [axis for axis in axes if axis < size])
    else:
        array = np.asarray(value, float)
        if array.ndim == 1 and not keep:
            array = array[:, None]
        size = max(array.ndim, 1 if keep else 2)
    try:
        return np.array(np.broadcast_to(array, shape[:size]), float)
    except ValueError:
        raise DataError(
            f"{name} of shape {np.shape(value)} does not fit the ensemble (member, column, layer) "
            f"{shape}"
        ) from None


def coordinates(
    z: Array, dz: Array, columns: int, x: ArrayLike | None, y: ArrayLike | None
) -> dict[str, Any]:
    """Places of the columns and depths of the layers as coordinates of an ensemble."""
    places = {
        name: ("column", np.zeros(columns) if value is None else np.asarray(value, float))
        for name, value in (("x", x), ("y", y))
    }
    coords: dict[str, Any] = {
        name: (dim, value, {"units": "m"}) for name, (dim, value) in places.items()
    }
    coords["depth"] = ("layer", z, {"units": "m", "positive": "down"})
    coords["thickness"] = ("layer", dz, {"units": "m"})
    return coords


def parameters(soil: Retention, ensemble: xr.Dataset) -> dict[str, Array]:
    """Parameters of the soil as (member, column, layer), with length 1 where shared.

    Those the ensemble lacks are the ones of `soil`.
    """
    values = soil.values()
    found = {}
    for name in soil.parameters:
        if name in ensemble:
            value = ensemble[name].values
            found[name] = value.reshape(value.shape + (1,) * (3 - value.ndim))
        else:
            value = values[name]
            found[name] = value.reshape((1,) * (3 - value.ndim) + value.shape)
    return found


def raw_parameters(soil: Retention, ensemble: xr.Dataset, layers: int) -> Array:
    """What the kernels want: (member or 1, column or 1, layer, parameter)."""
    raw = soil.stack(parameters(soil, ensemble))
    shape = (*raw.shape[:2], layers, raw.shape[3])
    # A copy: numba compiles anew for a read-only array or another order, here and below.
    return np.array(np.broadcast_to(raw, shape), order="C")


def by_column(value: Array) -> Array:
    """(member, step[, column]) as (member, column or 1, step)."""
    return value[:, None] if value.ndim == 2 else np.moveaxis(value, 2, 1)


def water_table_depth(h: Array, z: Array, dz: Array) -> Array:
    """Depth [m] of the top of the saturated layers that reach the bottom; NaN where none do.

    Heads (..., layer) are hydrostatic next to the table; it may also lie in the lower half of the
    lowest layer.
    """
    dry = ~(h >= 0.0)
    # First layer of the saturated block at the bottom: one below the lowest dry layer.
    first = h.shape[-1] - np.argmax(dry[..., ::-1], axis=-1)
    first = np.where(dry.any(axis=-1), first, 0)
    layer = np.minimum(first, h.shape[-1] - 1)
    depth = z[layer] - np.take_along_axis(h, layer[..., None], axis=-1)[..., 0]
    return np.where(depth <= z[-1] + 0.5 * dz[-1], np.maximum(depth, 0.0), np.nan)
