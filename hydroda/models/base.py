"""What a forecast model is: a declared state and a pure `forecast`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda.errors import DeclarationError
from hydroda.state import StateVector, Variable

if TYPE_CHECKING:
    from hydroda.forcing import ForcingWindow

__all__ = ["Budget", "Model"]


@dataclass(frozen=True)
class Budget:
    """Which variables of a forecast close the water budget, all in mm per column.

    `storage` names the water held; `gains` and `losses` the fluxes summed over the forecast, so
    that storage(end) - storage(start) = sum(gains) - sum(losses).
    """

    storage: str = "water"
    gains: tuple[str, ...] = ("rain",)
    losses: tuple[str, ...] = ()

    @property
    def terms(self) -> dict[str, int]:
        """Sign of every flux: +1 adds to the storage, -1 takes from it."""
        return dict.fromkeys(self.gains, 1) | dict.fromkeys(self.losses, -1)

    def net(self, forecast: xr.Dataset) -> xr.DataArray:
        """Water the fluxes of one forecast brought [mm], (member, column)."""
        storage = forecast[self.storage]
        net = np.zeros(storage.shape)
        for name, sign in self.terms.items():
            net += sign * forecast[name].values
        return storage.copy(data=net)


@dataclass(frozen=True)
class Model(ABC):
    """Forecasts an ensemble. A subclass writes `state` and `forecast`; the rest has a default.

    Ensembles are datasets with dimension `member` first, then `column` and, for profiles, `layer`.
    Nothing passed in is changed. A member that could not be computed comes back as NaN.
    """

    @property
    @abstractmethod
    def state(self) -> StateVector:
        """The declared variables, states and parameters."""

    @property
    def diagnostics(self) -> Mapping[str, Variable]:
        """What a forecast adds to the state."""
        return {}

    @property
    def budget(self) -> Budget | None:
        """Storage and fluxes of the water budget; None where the model has no water."""
        return None

    @abstractmethod
    def forecast(
        self,
        ensemble: xr.Dataset,
        forcing: ForcingWindow | None,
        start: np.datetime64,
        end: np.datetime64,
    ) -> xr.Dataset:
        """The ensemble at `end`, with diagnostics; fluxes are sums over [start, end)."""

    def refined(self) -> Model | None:
        """The same model with smaller steps, to retry failed members; None where there is none."""
        return None

    def reconcile(
        self, ensemble: xr.Dataset, changed: tuple[str, ...]
    ) -> tuple[xr.Dataset, xr.DataArray]:
        """The ensemble after an analysis of `changed`, with dependent variables following.

        Second comes the water [mm], (member, column), that keeping the bounds added (negative:
        removed).
        """
        return ensemble, no_water(ensemble)

    def water(self, ensemble: xr.Dataset) -> xr.DataArray | None:
        """All water of each column [mm], (member, column); None for a model without water."""
        return None


def no_water(ensemble: xr.Dataset) -> xr.DataArray:
    """Zeros [mm] over (member, column), or over (member,) where there is no column."""
    dims = [dim for dim in ("member", "column") if dim in ensemble.dims]
    return xr.DataArray(
        np.zeros([ensemble.sizes[dim] for dim in dims]),
        dims=dims,
        coords={dim: ensemble.coords[dim] for dim in dims if dim in ensemble.coords},
        attrs={"units": "mm"},
    )


def steps_between(start: np.datetime64, end: np.datetime64, step: np.timedelta64) -> int:
    """How often `step` fits into [start, end).

    Raises
    ------
    DeclarationError
        It does not fit a whole number of times.
    """
    steps, rest = divmod(end - start, step)
    if rest or steps < 0:
        raise DeclarationError(
            f"a forecast from {start} to {end} is no whole number of model steps of {step}; "
            "change the step of the model or the times of the updates"
        )
    return int(steps)


def along_a_line(u: np.ndarray) -> xr.Dataset:
    """The ensemble of a toy model of one variable, u (member, column), with columns 1 m apart."""
    places = np.arange(u.shape[1], dtype=float)
    return xr.Dataset(
        {"u": (("member", "column"), u, {"units": "1"})},
        {
            "x": ("column", places, {"units": "m"}),
            "y": ("column", np.zeros_like(places), {"units": "m"}),
        },
    )
