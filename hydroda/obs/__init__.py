"""Sensors, networks of them, and the files that hold what they measured."""

from hydroda.obs.calibration import (
    FootprintSoil,
    calibrated_n0,
    footprint_soil,
    joint_n0,
    n0_by_name,
    n0_spread,
    read_calibrations,
)
from hydroda.obs.cosmic import (
    Cosmic,
    CosmicSite,
    ExactAngles,
    LeftRule,
    cosmic_counts,
    cosmic_sites,
)
from hydroda.obs.cosmoseurope import CosmosEurope
from hydroda.obs.cosmoslevels import CosmosLevels
from hydroda.obs.dinoloket import Datum, DinoLoket
from hydroda.obs.formats import read, write
from hydroda.obs.ismn import Ismn
from hydroda.obs.mappedcsv import Column, ColumnMap, MappedCsv
from hydroda.obs.network import Observation, ObservationNetwork, Observations, Reason, sensors_at
from hydroda.obs.neutrons import Conventional, Revised, Weighting
from hydroda.obs.processing import NeutronProcessing
from hydroda.obs.records import Format, Records
from hydroda.obs.sampling import (
    BetweenNodes,
    Disc,
    Footprint,
    LayerMean,
    Polygon,
    Rectangle,
    Sampling,
)
from hydroda.obs.sensors import (
    CosmicCounts,
    CosmicRayNeutron,
    Discharge,
    Flux,
    FreeTable,
    GroundwaterLevel,
    HeadAtScreen,
    LatentHeat,
    Level,
    ModelSurface,
    NeutronCounts,
    PointSensor,
    Sensor,
    SoilMoistureProbe,
    StorageAnomaly,
    profile,
)

__all__ = [
    "BetweenNodes",
    "Column",
    "ColumnMap",
    "Conventional",
    "Cosmic",
    "CosmicCounts",
    "CosmicRayNeutron",
    "CosmicSite",
    "CosmosEurope",
    "CosmosLevels",
    "Datum",
    "DinoLoket",
    "Disc",
    "Discharge",
    "ExactAngles",
    "Flux",
    "Footprint",
    "FootprintSoil",
    "Format",
    "FreeTable",
    "GroundwaterLevel",
    "HeadAtScreen",
    "Ismn",
    "LatentHeat",
    "LayerMean",
    "LeftRule",
    "Level",
    "MappedCsv",
    "ModelSurface",
    "NeutronCounts",
    "NeutronProcessing",
    "Observation",
    "ObservationNetwork",
    "Observations",
    "PointSensor",
    "Polygon",
    "Reason",
    "Records",
    "Rectangle",
    "Revised",
    "Sampling",
    "Sensor",
    "SoilMoistureProbe",
    "StorageAnomaly",
    "Weighting",
    "calibrated_n0",
    "cosmic_counts",
    "cosmic_sites",
    "footprint_soil",
    "joint_n0",
    "n0_by_name",
    "n0_spread",
    "profile",
    "read",
    "read_calibrations",
    "sensors_at",
    "write",
]
