"""The model of Lorenz (1996), on which filters are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError
from hydroda.forcing import ForcingWindow
from hydroda.models._kernels_lorenz96 import integrate
from hydroda.models.base import Model, along_a_line, steps_between
from hydroda.state import StateVector, Variable
from hydroda.units import Duration, duration

__all__ = ["Lorenz96", "step"]

Array = NDArray[np.float64]


class _Ring(StateVector):
    u = Variable("1", meaning="a quantity of the atmosphere along a circle of latitude")


@dataclass(frozen=True)
class Lorenz96(Model):
    """du_i/dt = (u_{i+1} - u_{i-2}) u_{i-1} - u_i + F on a ring of columns 1 m apart, by RK4.

    One `step` of calendar time is `dt` of the model's own (0.05 is read as 6 hours).
    """

    F: float = 8.0
    dt: float = 0.05
    step: Duration = "6 h"

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", duration(self.step, "step"))

    @property
    def state(self) -> StateVector:
        return _Ring()

    def dataset(self, u: ArrayLike) -> xr.Dataset:
        """The ensemble of u (member, column); columns stand at 0, 1, ... m of a closed line."""
        values = np.array(u, float)
        if values.ndim != 2 or values.shape[1] < 4:
            raise DataError(
                f"u must be (member, column) with 4 columns or more; got {values.shape}"
            )
        return along_a_line(values)

    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        steps = steps_between(start, end, duration(self.step, "step"))
        u = step(ensemble["u"].values.T, self.dt, F=self.F, steps=steps)
        return ensemble.assign(u=ensemble["u"].copy(data=np.ascontiguousarray(u.T)))


def step(x: ArrayLike, dt: float = 0.05, *, F: float = 8.0, steps: int = 1) -> Array:
    """x (variable, member), or (variable,) of one, after `steps` Runge-Kutta steps of dt."""
    values = np.asarray(x, float)
    columns = np.ascontiguousarray(values.reshape(values.shape[0], -1))
    return np.asarray(integrate(columns, F, dt, steps).reshape(values.shape))
