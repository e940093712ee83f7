"""Filters: one analysis from arrays."""

from hydroda.filters.base import Filter
from hydroda.filters.columns import EachColumn
from hydroda.filters.enkf import DEnKF, EnKF, GainFilter
from hydroda.filters.smoother import ESMDA, Smoothing
from hydroda.filters.square_root import ETKF, LETKF
from hydroda.filters.taper import (
    OnAnomalies,
    OnCovariances,
    OnCrossCovariance,
    OnGain,
    TaperForm,
)

__all__ = [
    "ESMDA",
    "ETKF",
    "LETKF",
    "DEnKF",
    "EachColumn",
    "EnKF",
    "Filter",
    "GainFilter",
    "OnAnomalies",
    "OnCovariances",
    "OnCrossCovariance",
    "OnGain",
    "Smoothing",
    "TaperForm",
]
