"""Ready experiments: places with their weather, soil, sensors and observations."""

from hydroda.catchments.bondville import Bondville
from hydroda.catchments.dutch_well import DutchWell
from hydroda.catchments.fuerstensee import Fuerstensee
from hydroda.catchments.kansas import Kansas
from hydroda.catchments.mongolia import MongolianGrassland
from hydroda.catchments.rur import RurCatchment
from hydroda.experiment import Experiment

CATCHMENTS: dict[str, type[Experiment]] = {
    "fuerstensee": Fuerstensee,
    "bondville": Bondville,
    "kansas": Kansas,
    "dutch_well": DutchWell,
    "mongolia": MongolianGrassland,
    "rur": RurCatchment,
}

__all__ = [
    "CATCHMENTS",
    "Bondville",
    "DutchWell",
    "Fuerstensee",
    "Kansas",
    "MongolianGrassland",
    "RurCatchment",
]
