"""Sensors, networks of them, and the files that hold what they measured."""

from hydroda.obs.formats import read, write
from hydroda.obs.network import Observation, ObservationNetwork, Observations, Reason
from hydroda.obs.neutrons import Conventional, Revised, Weighting
from hydroda.obs.records import Format, Records
from hydroda.obs.sensors import (
    CosmicRayNeutron,
    Flux,
    GroundwaterLevel,
    ModelSurface,
    NeutronCounts,
    PointSensor,
    Sensor,
    SoilMoistureProbe,
)

__all__ = [
    "Conventional",
    "CosmicRayNeutron",
    "Flux",
    "Format",
    "GroundwaterLevel",
    "ModelSurface",
    "NeutronCounts",
    "Observation",
    "ObservationNetwork",
    "Observations",
    "PointSensor",
    "Reason",
    "Records",
    "Revised",
    "Sensor",
    "SoilMoistureProbe",
    "Weighting",
    "read",
    "write",
]
