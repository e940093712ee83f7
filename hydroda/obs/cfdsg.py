"""CF-1.11 discrete-sampling-geometry NetCDF: time series and profiles of stations."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import xarray as xr

from hydroda.obs.records import Format, Records


class DiscreteSampling(Format):
    """NetCDF with featureType timeSeries or timeSeriesProfile."""

    suffixes: ClassVar[tuple[str, ...]] = (".nc", ".nc4", ".cdf")

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a NetCDF file."""
        raise NotImplementedError

    def decode(self, dataset: xr.Dataset, source: str) -> Records:
        """The records of an open dataset."""
        raise NotImplementedError
