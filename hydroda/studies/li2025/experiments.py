"""The eleven experiments of Li's Table 3, each a list of updates, with its decisions as options.

>>> RurCatchment(updates=EXPERIMENTS["WC_DA_r_PAR"].updates())
>>> EXPERIMENTS["WC_DA_r"].updates(replace(LI, outliers=InflateError(2.0), inflation=RTPS(0.9)))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.ground import SoilNoise
from hydroda.filters import EnKF, Filter
from hydroda.inflation import RTPS, Inflation, NoInflation
from hydroda.localization import GaspariCohn, Localization
from hydroda.obs.neutrons import Conventional, Revised, Weighting
from hydroda.obs.sensors import FreeTable, Level
from hydroda.units import Amount, Duration
from hydroda.update import InflateError, KeepAll, OutlierRule, Update
from hydroda.zone import Everywhere, Saturated, Unsaturated, Zone

MOISTURE, LEVEL, KS = "soil_moisture", "groundwater_level", "log10_Ks"
NEAR, FAR = GaspariCohn(halfwidth="5 km"), GaspariCohn(halfwidth="100 km")


class BiasOver(StrEnum):
    """Along which dimension ubRMSE takes off the mean: over the stations at each time as in Li's
    Eq. 6, or over the times of each station."""

    STATIONS = "station"
    TIMES = "time"


@dataclass(frozen=True)
class Choices:
    """What the paper leaves open, numbered as in the thirteen decisions of the study.

    saturated          : 1, where wells act: under the shallowest table of the ensemble
    level              : 2, what of a member a well reads: one value, its own water table
    representativeness : 3, error of a well standing for its cell, beside 0.05 m; None in Li
    outliers           : 4, what happens to values far off; all are kept in Li
    unsaturated        : 5, where probes act: unsaturated in the whole ensemble
    together           : 6, what fully coupled updates change: of theta and h of one cell the model
                         keeps theta where it is unsaturated and h where it is saturated; ("h",) is
                         the variant
    moisture_first     : 7, probes, then the mask anew, then wells; else the other way round
    inflation          : 8, what gives spread back; nothing in Li
    soils              : 9, one shift of the aquifers per member, or a field
    largest_increment  : 10, mm of water above which an update is reported as a shock
    damping            : 11, of log10 K_s, in the zone of its own module
    edges              : 12, classes of the distance to the next assimilated well, by true places
    bias_over          : 13, the mean that ubRMSE takes off first; both readings are reported
    weighting          : how probes weight the profile; of Li's software
    filter             : what analyses; localization and inflation take the place of its own
    parameters         : what is estimated where parameters are
    reach              : takes the place of the radii by kind of observation
    """

    saturated: Zone = field(default_factory=Saturated)
    level: Level = field(default_factory=FreeTable)
    representativeness: Amount | None = None
    outliers: OutlierRule = field(default_factory=KeepAll)
    unsaturated: Zone = field(default_factory=Unsaturated)
    together: tuple[str, ...] = ("theta", "h")
    moisture_first: bool = True
    inflation: Inflation = field(default_factory=NoInflation)
    soils: SoilNoise = field(default_factory=SoilNoise)
    largest_increment: Amount = "100 mm"
    damping: float = 0.1
    edges: tuple[Amount, ...] = ("0.5 km", "2.5 km", "5 km")
    bias_over: BiasOver = BiasOver.STATIONS
    weighting: Weighting = field(default_factory=Conventional)
    filter: Filter = field(default_factory=EnKF)
    parameters: tuple[str, ...] = (KS,)
    reach: Mapping[str, Localization] = field(default_factory=dict)
    moisture_every: Duration = "1 D"
    level_every: Duration = "7 D"
    parameters_every: Duration = "7 D"


LI = Choices()
# What the decisions recommend to those who do not repeat the paper.
USERS = Choices(
    representativeness="1 m",
    outliers=InflateError(2.0),
    inflation=RTPS(0.9),
    weighting=Revised(),
)


@dataclass(frozen=True)
class Module:
    """One kind of observations: what it changes, in which zone, how far it reaches.

    A zone of None is the one that the choices have for this kind; changes of None those that fully
    coupled updates have.
    """

    observations: str
    changes: tuple[str, ...] | None
    localization: Localization
    zone: Zone | None = None

    def updates(self, choices: Choices, parameters: bool) -> list[Update]:
        """Its update of states, and of log10 K_s with the same gain where `parameters` is set."""
        wet = self.observations == LEVEL
        zone = self.zone or (choices.saturated if wet else choices.unsaturated)
        every = choices.level_every if wet else choices.moisture_every
        reach = choices.reach.get(self.observations, self.localization)
        filter = replace(choices.filter, localization=reach, inflation=choices.inflation)
        changes = choices.together if self.changes is None else self.changes
        common: dict[str, Any] = {"zone": zone, "filter": filter, "outliers": choices.outliers}
        found = [Update(self.observations, changes, every=every, **common)]
        if parameters:
            found.append(
                Update(
                    self.observations,
                    choices.parameters,
                    every=choices.parameters_every,
                    damping=choices.damping,
                    **common,
                )
            )
        return found


@dataclass(frozen=True)
class Study:
    """One row of Table 3."""

    name: str
    modules: tuple[Module, ...] = ()
    parameters: bool = False

    def updates(self, choices: Choices = LI) -> tuple[Update, ...]:
        """The updates in the order in which they act."""
        modules = self.modules if choices.moisture_first else self.modules[::-1]
        return tuple(
            update for module in modules for update in module.updates(choices, self.parameters)
        )

    def experiment(self, rur: RurCatchment, choices: Choices = LI) -> RurCatchment:
        """The catchment with these updates, and with the instruments and soils of the choices."""
        fields: dict[str, Any] = {
            "updates": self.updates(choices),
            "soils": choices.soils,
            "level": choices.level,
            "weighting": choices.weighting,
            "well_representativeness": choices.representativeness,
        }
        return replace(rur, **fields)

    @property
    def observations(self) -> tuple[str, ...]:
        return tuple(module.observations for module in self.modules)


PROBES, WELLS = Module(MOISTURE, ("theta",), FAR), Module(LEVEL, ("h",), NEAR)
PROBES_NEAR = Module(MOISTURE, ("theta",), NEAR)
BOTH_EVERYWHERE = (
    Module(MOISTURE, None, NEAR, Everywhere()),
    Module(LEVEL, None, NEAR, Everywhere()),
)

SCHEMES: Mapping[str, tuple[Module, ...]] = {
    "SM_DA": (PROBES,),
    "GWL_DA": (WELLS,),
    "FC_DA": BOTH_EVERYWHERE,
    "WC_DA": (PROBES_NEAR, WELLS),
    "WC_DA_r": (PROBES, WELLS),
}

TABLE_3: tuple[Study, ...] = (
    Study("OL"),
    *(
        Study(name + ("_PAR" if parameters else ""), modules, parameters)
        for name, modules in SCHEMES.items()
        for parameters in (False, True)
    ),
)
EXPERIMENTS: Mapping[str, Study] = {study.name: study for study in TABLE_3}
# Of these the K_s of one year drives an open loop in the others (Table 7).
VALIDATED = ("SM_DA_PAR", "GWL_DA_PAR", "WC_DA_r_PAR")
