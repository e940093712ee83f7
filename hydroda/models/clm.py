"""The two land columns of Dan et al. (2020): the same layers, other parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from hydroda.models.canopy import (
    BuriedByHeight,
    BuriedByRoughness,
    CanopyNumbers,
    CloudSplit,
    DaylengthCapacity,
    DenseRoughness,
    FixedRoughness,
    FixedSplit,
    FluxSplit,
    KelvinHumidity,
    LinearSaturation,
    SakaguchiZeng,
    SteadyCapacity,
)
from hydroda.models.land import Underground, ZeroFlux
from hydroda.models.land_column import LandColumn
from hydroda.models.runoff import Aquifer, Runoff, Topmodel
from hydroda.models.snowpack import RoughCover, Snowpack

__all__ = ["CLM4Column", "CoLMColumn"]


@dataclass(frozen=True)
class CLM4Column(LandColumn):
    """A column in the structure of CLM 4.0 (Oleson et al. 2010, NCAR/TN-478+STR).

    SIMTOP's runoff over an unconfined aquifer; soil and litter resist evaporation; shorter days
    take capacity from leaves.
    """

    bottom: Underground = field(default_factory=Aquifer)


@dataclass(frozen=True)
class CoLMColumn(LandColumn):
    """A column in the structure of the Common Land Model (Dai et al. 2003).

    10.1175/BAMS-84-8-1013. TOPMODEL's runoff over a bottom that nothing passes; leaves as rough as
    their type, which catch all rain they can hold.
    """

    light: FixedSplit | CloudSplit | FluxSplit = field(default_factory=CloudSplit)
    roughness: FixedRoughness | DenseRoughness = field(default_factory=FixedRoughness)
    burial: BuriedByHeight | BuriedByRoughness = field(default_factory=BuriedByRoughness)
    humidity: KelvinHumidity | SakaguchiZeng | LinearSaturation = field(
        default_factory=KelvinHumidity
    )
    canopy: CanopyNumbers = field(
        default_factory=lambda: CanopyNumbers(interception=1.0, drag_stability=0.0)
    )
    capacity: SteadyCapacity | DaylengthCapacity = field(default_factory=SteadyCapacity)
    snow: Snowpack = field(default_factory=lambda: Snowpack(cover=RoughCover()))
    runoff: Runoff = field(default_factory=Topmodel)
    bottom: Underground = field(default_factory=ZeroFlux)
