"""What a run was declared with, as one number: whether a result on disk is the one asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AnySet
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def fingerprint(*things: Any) -> str:
    """64 digits that differ as soon as a number in declarations, arrays or tables does.

    Dataclasses count by the name of their class and the fields that their repr shows, functions and
    classes by name, arrays, datasets and tables by every value; anything else by its repr, in which
    numpy would shorten long arrays.
    """
    digest = hashlib.sha256()
    for part in _parts(things):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    """The bytes of a value between brackets, so that neighbours cannot run together."""
    yield f"<{type(value).__qualname__} ".encode()
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        yield value.__qualname__.encode()
    elif isinstance(value, np.ndarray):
        yield from _of_array(value)
    elif isinstance(value, xr.Dataset | xr.DataArray):
        yield from _of_labelled(value)
    elif isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        yield from _of_table(value)
    elif is_dataclass(value):
        for each in filter(lambda each: each.repr, fields(value)):
            yield each.name.encode()
            yield from _parts(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _parts(name)
            yield from _parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, AnySet):
        yield from sorted(b"".join(_parts(item)) for item in value)
    else:
        yield ADDRESS.sub("", repr(value)).encode()
    yield b">"


def _of_array(value: np.ndarray) -> Iterator[bytes]:
    yield f"{value.dtype} {value.shape} ".encode()
    yield repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes()


def _of_labelled(value: xr.Dataset | xr.DataArray) -> Iterator[bytes]:
    whole = value.to_dataset(name="values") if isinstance(value, xr.DataArray) else value
    for name in sorted(map(str, whole.variables)):
        variable = whole.variables[name]
        yield f"{name} {variable.dims} {variable.attrs.get('units', '')} ".encode()
        yield from _of_array(variable.values)


def _of_table(value: pd.DataFrame | pd.Series | pd.Index) -> Iterator[bytes]:
    if isinstance(value, pd.DataFrame):
        yield repr(value.columns.tolist()).encode()
    yield pd.util.hash_pandas_object(value).to_numpy().tobytes()
