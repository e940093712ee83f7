"""An ensemble: a dataset with a `member` dimension, which hides where each member lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from hydroda.parallel import Communicator


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
        return self._reduce(lambda x: x.mean(axis=1), names)

    def spread(self, names: Sequence[str] | None = None) -> xr.Dataset:
        """The standard deviation over all members (divided by N - 1), on every rank."""
        return self._reduce(lambda x: x.std(axis=1, ddof=1), names)

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

    def _reduce(
        self, reduction: Callable[[np.ndarray], np.ndarray], names: Sequence[str] | None
    ) -> xr.Dataset:
        fields = {}
        for name in self.data.data_vars if names is None else names:
            value = self.data[name]
            x = np.ascontiguousarray(value.values.reshape(value.shape[0], -1).T)
            rows = self.comm.members_to_rows(x, self.comm.shares(x.shape[0]))
            reduced = self.comm.all_rows(reduction(np.ascontiguousarray(rows)))
            fields[name] = (value.dims[1:], reduced.reshape(value.shape[1:]), value.attrs)
        return xr.Dataset(fields, self._coordinates())
