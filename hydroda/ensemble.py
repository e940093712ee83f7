"""An ensemble: a dataset with a `member` dimension, which hides where each member lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return self._dataset(self.moments(names)[0])

    def spread(self, names: Sequence[str] | None = None) -> xr.Dataset:
        """The standard deviation over all members (divided by N - 1), on every rank."""
        return self._dataset(self.moments(names)[1])

    def moments(
        self, names: Sequence[str] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Mean and standard deviation over all members by variable, as arrays, on every rank."""
        names = [str(name) for name in (self.data.data_vars if names is None else names)]
        fields = [self.data.variables[name].values for name in names]
        if not fields:
            return {}, {}
        x = np.concatenate([field.reshape(field.shape[0], -1) for field in fields], axis=1).T
        rows = self.comm.members_to_rows(np.ascontiguousarray(x), self.comm.shares(x.shape[0]))
        mean = self.comm.all_rows(rows.mean(axis=1))
        spread = self.comm.all_rows(rows.std(axis=1, ddof=1))
        edges = np.cumsum([field[0].size for field in fields])[:-1]
        means, spreads = (
            {
                name: part.reshape(field.shape[1:])
                for name, field, part in zip(names, fields, np.split(moment, edges), strict=True)
            }
            for moment in (mean, spread)
        )
        return means, spreads

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
