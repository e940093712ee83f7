"""Forecast models: land columns and toy models behind one small base class."""

from hydroda.models.base import Budget, Model
from hydroda.models.bmi import BMIModel
from hydroda.models.land import (
    FAO56,
    Arithmetic,
    Atmosphere,
    DegreeDay,
    Feddes,
    FluxPotential,
    FreeDrainage,
    HeldHead,
    Outlet,
    Upstream,
    Vegetation,
    WaterTable,
    ZeroFlux,
)
from hydroda.models.linear import Linear
from hydroda.models.lorenz96 import Lorenz96
from hydroda.models.parflow import ParFlowModel
from hydroda.models.retention import (
    BrooksCorey,
    ClappHornberger,
    Gardner,
    Retention,
    VanGenuchten,
    rosetta,
)
from hydroda.models.roots import ExponentialRoots, JacksonRoots, UniformRoots, ZengRoots
from hydroda.models.soil_column import SoilColumn, Steps

__all__ = [
    "FAO56",
    "Arithmetic",
    "Atmosphere",
    "BMIModel",
    "BrooksCorey",
    "Budget",
    "ClappHornberger",
    "DegreeDay",
    "ExponentialRoots",
    "Feddes",
    "FluxPotential",
    "FreeDrainage",
    "Gardner",
    "HeldHead",
    "JacksonRoots",
    "Linear",
    "Lorenz96",
    "Model",
    "Outlet",
    "ParFlowModel",
    "Retention",
    "SoilColumn",
    "Steps",
    "UniformRoots",
    "Upstream",
    "VanGenuchten",
    "Vegetation",
    "WaterTable",
    "ZengRoots",
    "ZeroFlux",
    "rosetta",
]
