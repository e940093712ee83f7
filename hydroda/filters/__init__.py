"""Filters: one analysis from arrays."""

from hydroda.filters.base import Filter
from hydroda.filters.enkf import DEnKF, EnKF
from hydroda.filters.taper import OnAnomalies, OnCovariances, OnCrossCovariance, OnGain

__all__ = [
    "DEnKF",
    "EnKF",
    "Filter",
    "OnAnomalies",
    "OnCovariances",
    "OnCrossCovariance",
    "OnGain",
]
