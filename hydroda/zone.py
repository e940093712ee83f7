"""Which cells an update may change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import xarray as xr

from hydroda.ensemble import Ensemble
from hydroda.errors import DeclarationError

TABLE = "water_table_depth"


class Zone(ABC):
    """A part of the domain; the author of a zone writes `mask`."""

    @abstractmethod
    def mask(self, ensemble: Ensemble) -> xr.DataArray:
        """True where an update may act: (column, layer), or with the members of this rank first."""


@dataclass(frozen=True)
class Everywhere(Zone):
    """The whole domain."""

    def mask(self, ensemble: Ensemble) -> xr.DataArray:
        return xr.DataArray(True)


@dataclass(frozen=True)
class Saturated(Zone):
    """Cells under the shallowest water table of the ensemble (Li 2.4).

    Members that are still dry there are wetted, which is what makes a water table rise: saturated
    cells alone store almost no water.
    """

    def mask(self, ensemble: Ensemble) -> xr.DataArray:
        return _under(_shallowest(ensemble), ensemble.data)


@dataclass(frozen=True)
class Unsaturated(Zone):
    """Cells above the shallowest water table of the ensemble: unsaturated in every member."""

    def mask(self, ensemble: Ensemble) -> xr.DataArray:
        return ~_under(_shallowest(ensemble), ensemble.data)


@dataclass(frozen=True)
class SaturatedInEveryMember(Zone):
    """Cells under the deepest water table of the ensemble. Cannot raise a table that is too low."""

    def mask(self, ensemble: Ensemble) -> xr.DataArray:
        deepest = xr.DataArray(ensemble.largest(_table(ensemble)), dims="column")
        return _under(deepest, ensemble.data)


@dataclass(frozen=True)
class SaturatedInEachMember(Zone):
    """Each member's own saturated cells. Cannot raise a table that is too low."""

    def mask(self, ensemble: Ensemble) -> xr.DataArray:
        return _under(ensemble.data[_table(ensemble)], ensemble.data)


def _table(ensemble: Ensemble) -> str:
    if TABLE not in ensemble.data:
        raise DeclarationError(
            f"a zone of saturation needs a model that reports {TABLE!r}; this one has none"
        )
    return TABLE


def _shallowest(ensemble: Ensemble) -> xr.DataArray:
    return xr.DataArray(ensemble.smallest(_table(ensemble)), dims="column")


def _under(table: xr.DataArray, data: xr.Dataset) -> xr.DataArray:
    """Whether a cell's centre lies at or under the table [m]; NaN is a column without a table."""
    return (data["depth"] >= table).transpose(..., "column", "layer")
