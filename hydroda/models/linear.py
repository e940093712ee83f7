"""A linear model, for which the Kalman filter is the exact answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import ForcingWindow
from hydroda.models.base import Model, along_a_line, steps_between
from hydroda.state import StateVector, Variable
from hydroda.units import Duration, duration

__all__ = ["Linear"]


class _Vector(StateVector):
    u = Variable("1", meaning="a vector")


@dataclass(frozen=True)
class Linear(Model):
    """u after a step is matrix u + offset; `matrix` (column, column), `offset` (column,) or none.

    >>> decay = Linear(((0.9, 0.0), (0.1, 0.9)))
    """

    matrix: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...] = ()
    step: Duration = "1 h"

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, float)
        offset = np.array(self.offset, float) if len(self.offset) else np.zeros(len(matrix))
        if matrix.ndim != 2 or matrix.shape != (len(offset), len(offset)):
            raise DeclarationError(
                f"matrix must be square and as long as offset; got {matrix.shape}, {offset.shape}"
            )
        object.__setattr__(self, "matrix", tuple(tuple(row) for row in matrix.tolist()))
        object.__setattr__(self, "offset", tuple(offset.tolist()))
        object.__setattr__(self, "step", duration(self.step, "step"))

    @property
    def state(self) -> StateVector:
        return _Vector()

    def dataset(self, u: ArrayLike) -> xr.Dataset:
        """The ensemble of u (member, column); columns stand 1 m apart."""
        values = np.array(u, float)
        if values.ndim != 2 or values.shape[1] != len(self.offset):
            raise DataError(
                f"u must be (member, column) with {len(self.offset)} columns; got {values.shape}"
            )
        return along_a_line(values)

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        u, matrix, offset = ensemble["u"].values, np.array(self.matrix), np.array(self.offset)
        for _ in range(steps_between(start, end, duration(self.step, "step"))):
            # A sum of products instead of `@`: a member's bits must not depend on the others.
            u = (u[:, None, :] * matrix).sum(axis=-1) + offset
        return ensemble.assign(u=ensemble["u"].copy(data=u))
