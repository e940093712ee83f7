"""Filters: one analysis from arrays."""

from hydroda.filters.base import Filter
from hydroda.filters.enkf import DEnKF, EnKF
from hydroda.filters.square_root import ETKF, LETKF
from hydroda.filters.taper import OnAnomalies, OnCovariances, OnCrossCovariance, OnGain

__all__ = [
    "ETKF",
    "LETKF",
    "DEnKF",
    "EnKF",
    "Filter",
    "OnAnomalies",
    "OnCovariances",
    "OnCrossCovariance",
    "OnGain",
]
