"""Ready experiments: places with their weather, soil, sensors and observations."""

from hydroda.catchments.bondville import Bondville
from hydroda.catchments.fuerstensee import Fuerstensee
from hydroda.experiment import Experiment

CATCHMENTS: dict[str, type[Experiment]] = {"fuerstensee": Fuerstensee, "bondville": Bondville}

__all__ = ["CATCHMENTS", "Bondville", "Fuerstensee"]
