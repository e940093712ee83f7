"""An ensemble: a dataset with a `member` dimension, which hides where each member lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core.indexing import (
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)

from hydroda import packing
from hydroda.parallel import Communicator
from hydroda.threads import in_pieces


@dataclass(frozen=True)
class Ensemble:
    """The members of this rank (`data`) out of `size` members on all ranks.

    Variables lead with `member`; further dimensions are `column` and `layer`.
    """

    data: xr.Dataset
    size: int
    comm: Communicator = field(default_factory=Communicator)

    @property
    def held(self) -> np.ndarray:
        """Numbers of the members that this rank holds."""
        return np.arange(self.size)[self.comm.share(self.size)]

    def holding(self, data: xr.Dataset) -> Ensemble:
        """The same ensemble with other values."""
        return Ensemble(data, self.size, self.comm)

    def mean(self, names: Sequence[str] | None = None) -> xr.Dataset:
        """The mean over all members, on every rank."""
        return self._dataset({name: self._moments(name, 0)[0] for name in self._named(names)})

    def spread(self, names: Sequence[str] | None = None) -> xr.Dataset:
        """The standard deviation over all members (divided by N - 1), on every rank."""
        return self._dataset(self.moments(names)[1])

    def lazy_mean(self) -> xr.Dataset:
        """The mean over all members as one member; a variable is averaged when it is asked for.

        With several ranks all must ask for the same variables, in the same order.
        """
        fields = {
            name: (variable.dims, LazilyIndexedArray(_Mean(self, str(name))), variable.attrs)
            for name, variable in self.data.variables.items()
            if name in self.data.data_vars
        }
        return xr.Dataset(fields, self._coordinates())

    def moments(
        self, names: Sequence[str] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Mean and standard deviation over all members by variable, as arrays, on every rank."""
        found = {name: self._moments(name, 1) for name in self._named(names)}
        return {n: mean for n, (mean, _) in found.items()}, {n: sd for n, (_, sd) in found.items()}

    def _named(self, names: Sequence[str] | None) -> list[str]:
        return [str(name) for name in (self.data.data_vars if names is None else names)]

    def _moments(self, name: str, spread: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and, if asked for (1), deviation of one variable, which is exchanged if need be."""
        field = np.asarray(self.data.variables[name].values, float)
        size = field[0].size
        local = np.ascontiguousarray(field.reshape(len(field), size))
        rows = self.comm.members_to_rows(local.T, self.comm.shares(size))
        every = np.ascontiguousarray(rows.T)  # with one rank the field itself
        mean, sd = np.empty(every.shape[1]), np.empty(spread * every.shape[1])
        in_pieces(partial(packing.moments, every, mean, sd), mean.size, every.size)
        found = self.comm.all_rows(mean).reshape(field.shape[1:])
        return found, self.comm.all_rows(sd).reshape(field.shape[1:] if spread else 0)

    def anomalies(self) -> xr.Dataset:
        """This rank's members less the mean over all members."""
        return self.data - self.mean()

    def whole(self) -> xr.Dataset:
        """All members on every rank."""
        fields = {
            name: (value.dims, self.comm.all_members(value.values, axis=0), value.attrs)
            for name, value in self.data.data_vars.items()
        }
        return xr.Dataset(fields, self._coordinates())

    def smallest(self, name: str) -> np.ndarray:
        """The smallest value of `name` over the members that have one, e.g. (column,)."""
        local = np.fmin.reduce(self.data[name].values, axis=0)
        return np.fmin.reduce(self.comm.everywhere(local), axis=0)

    def largest(self, name: str) -> np.ndarray:
        """The largest value of `name` over all members, e.g. (column,); NaN where one has none."""
        local = self.data[name].values.max(axis=0)
        return np.maximum.reduce(self.comm.everywhere(local), axis=0)

    def _coordinates(self) -> dict[str, xr.DataArray]:
        return {
            str(name): value
            for name, value in self.data.coords.items()
            if "member" not in value.dims
        }

    def _dataset(self, fields: Mapping[str, np.ndarray]) -> xr.Dataset:
        variables = self.data.variables
        labelled = {
            name: (variables[name].dims[1:], values, variables[name].attrs)
            for name, values in fields.items()
        }
        return xr.Dataset(labelled, self._coordinates())


class _Mean(BackendArray):
    """The mean of one variable over all members, (1, ...), taken once, when first indexed."""

    def __init__(self, ensemble: Ensemble, name: str) -> None:
        self._ensemble, self._name = ensemble, name
        self.shape = (1, *ensemble.data.variables[name].shape[1:])
        self.dtype = np.dtype(float)

    @cached_property
    def _values(self) -> np.ndarray:
        return self._ensemble._moments(self._name, 0)[0][None]

    def __getitem__(self, key: ExplicitIndexer) -> np.ndarray:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._indexed)

    def _indexed(self, key: tuple[int | slice | np.ndarray, ...]) -> np.ndarray:
        values = self._values
        for axis, part in reversed(list(enumerate(key))):  # an integer takes its axis away
            values = values[(slice(None),) * axis + (part,)]
        return values
