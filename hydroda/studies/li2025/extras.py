"""What none of the eleven experiments has, one declaration each, and runs that explain.

All begin as WC_DA_r_PAR, the last of the paper, and change one thing; `RECOMMENDED` changes what
the decisions of the study advise those who do not repeat the paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hydroda.bias import Dee2005
from hydroda.catchments.rur.ground import SoilNoise
from hydroda.constraint import WaterBudget
from hydroda.filters import LETKF, EnKF
from hydroda.inflation import RTPS, MaximumLikelihood
from hydroda.localization import GaspariCohn
from hydroda.obs.records import Records
from hydroda.studies.li2025.experiments import (
    EXPERIMENTS,
    KS,
    LEVEL,
    LI,
    USERS,
    Choices,
)
from hydroda.studies.li2025.runs import Planned
from hydroda.units import Amount, magnitude
from hydroda.update import InflateError

BASE = "WC_DA_r_PAR"


def varied(name: str, choices: Choices, base: str = BASE) -> Planned:
    """One of the eleven under other choices, by a name of its own."""
    return Planned(replace(EXPERIMENTS[base], name=name), choices)


# Readings of nature were made with the weighting of Li's software: so the operator has it too.
RECOMMENDED = varied("recommended", replace(USERS, weighting=LI.weighting))

EXTRAS: tuple[Planned, ...] = (
    RECOMMENDED,
    varied("water budget", replace(LI, filter=EnKF(constraint=WaterBudget()))),
    varied("adaptive inflation", replace(LI, inflation=MaximumLikelihood())),
    varied("bias-aware", replace(LI, filter=EnKF(bias=Dee2005()))),
    varied("LETKF", replace(LI, filter=LETKF())),
    varied("all parameters", replace(LI, parameters=(KS, "theta_s", "alpha", "n"))),
    varied("reach by correlation", replace(LI, reach={LEVEL: GaspariCohn(halfwidth="8 km")})),
)

# What gives the ensemble its spread back, one thing at a time (decisions 3, 4, 8, 9).
RESTORING: tuple[Planned, ...] = (
    varied("RTPS 0.9", replace(LI, inflation=RTPS(0.9))),
    varied("representativeness 1 m", replace(LI, representativeness="1 m")),
    varied("outliers inflated", replace(LI, outliers=InflateError(2.0))),
)
# Members of other soils are another ensemble, with a spin-up of its own.
AQUIFERS = SoilNoise(aquifer_sd=0.4, aquifer_range=4e3)


@dataclass(frozen=True)
class Datum:
    """Readings of one well that are off by an error of its datum."""

    station: str
    error: Amount = "5 m"

    def __call__(self, readings: Records) -> Records:
        """The readings with those of the well moved."""
        values = readings.values.copy()
        own = (values["station"] == self.station).to_numpy()
        moved = values["value"].to_numpy(float) + float(magnitude(self.error, "m", "error"))
        values["value"] = np.where(own, moved, values["value"].to_numpy(float))
        return replace(readings, values=values)


def spoilt(station: str) -> tuple[Planned, ...]:
    """GWL_DA with a datum error of 5 m in one well, kept and with the rule for outliers."""
    well = Datum(station)
    kept, ruled = (
        varied(f"GWL_DA, datum off{label}", replace(LI, outliers=rule), "GWL_DA")
        for label, rule in (("", LI.outliers), (", outliers inflated", InflateError(2.0)))
    )
    return replace(kept, spoilt=well), replace(ruled, spoilt=well)
