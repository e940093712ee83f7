"""The schemes as declarations: the five of the paper, those that separate causes, one more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hydroda.bias import Dee2005, FixedGain, PrintedGain
from hydroda.constraint import WaterBudget
from hydroda.errors import DeclarationError
from hydroda.filters import LETKF, EnKF, Filter
from hydroda.inflation import RTPS, MaximumLikelihood
from hydroda.localization import GaspariCohn, Search, Vertical, VerticalExponential

SOIL, ALL = ("theta", "ice"), ("theta", "ice", "canopy_water", "snow")
SHALLOW, DEEP = "3 cm", "50 cm"
THRESHOLDS = tuple(range(2, 11))
FIXED = 6  # the threshold layer of 28 of Dan's 40 columns


@dataclass(frozen=True)
class Scheme:
    """A filter, the variables it changes, and the depths of the probes it uses; no filter: none.

    Tapers on anomalies and the likelihood inflation act on `scales`, as in the paper.

    Where the filter declares `threshold=Search()`, each column gets the layer that the bias-blind
    runs chose for it. Without a filter the means of the first `told` layers become nature's.
    """

    name: str
    filter: Filter | None
    changes: tuple[str, ...] = ALL
    probes: tuple[str, ...] = (SHALLOW,)
    scales: tuple[str, ...] = ("theta",)
    told: int = 0

    @property
    def searches(self) -> bool:
        """Whether its threshold layers are chosen by the runs with fixed ones."""
        taper = None if self.filter is None else self.filter.localization
        return isinstance(taper, VerticalExponential) and not taper.fixed

    def with_threshold(self, layer: int) -> Scheme:
        """The same scheme with a fixed threshold layer."""
        if self.filter is None or not isinstance(self.filter.localization, VerticalExponential):
            raise DeclarationError(f"{self.name} has no threshold layer to fix")
        taper = replace(self.filter.localization, threshold=layer, mu=None)
        return replace(self, filter=replace(self.filter, localization=taper))

    def candidate(self, layer: int) -> Scheme:
        """The run of the search with this threshold layer."""
        return replace(self.with_threshold(layer), name=f"{self.name} s={layer}")


SEARCHED = VerticalExponential(threshold=Search())
BOTH = VerticalExponential(mu="0.0164 1/cm")  # that of layer 6, from the nearer of two probes
SIXTH = VerticalExponential(threshold=FIXED)
THIRD, FOURTH, EIGHTH = (VerticalExponential(threshold=s) for s in (3, 4, 8))
NEAR = GaspariCohn(halfwidth="50 cm", along=Vertical())
LIKELIEST = MaximumLikelihood(at_least=1)
BUDGET = WaterBudget()
INFLATED_BUDGET = WaterBudget(inflate_budget=True)

OPEN_LOOP = Scheme("open loop", None)
ENKF = Scheme("EnKF", EnKF())
WC = Scheme("WCEnKF", EnKF(constraint=BUDGET))
INF = Scheme("WCEnKF-Inf", EnKF(inflation=LIKELIEST, constraint=BUDGET))
LOC = Scheme("WCEnKF-Inf-Loc", EnKF(SEARCHED, LIKELIEST, BUDGET))
BA = Scheme("WCEnKF-Inf-Loc-BA", EnKF(SEARCHED, LIKELIEST, BUDGET, Dee2005()))
PAPER = (ENKF, WC, INF, LOC, BA)

# No filter can do it: what the moisture of nature above 36.6 cm costs the water budget.
TOLD = Scheme("layers 1 to 5 told", None, told=5)

# Not in the paper: the members themselves carry the inflated and tapered anomalies. What was
# inflated above stays in the spread, and below none is kept that no reading speaks of. Layer 6 was
# chosen on seeds 12 and 13: least error above of layers 4 to 7. A longer taper (8) mends the soil
# below and makes several times the water.
IN_MEMBERS = MaximumLikelihood(at_least=1, members=True)
RECOMMENDED = Scheme("WCEnKF-Inf-Loc, members", EnKF(SIXTH, IN_MEMBERS, BUDGET))

VARIANTS = (
    Scheme("WCEnKF-Inf-Loc, members s=4", EnKF(FOURTH, IN_MEMBERS, BUDGET)),
    Scheme("WCEnKF-Inf-Loc, members s=8", EnKF(EIGHTH, IN_MEMBERS, BUDGET)),
    Scheme("EnKF-Inf", EnKF(inflation=LIKELIEST)),
    Scheme("EnKF-Inf-Loc s=6", EnKF(SIXTH, LIKELIEST)),
    Scheme("WCEnKF-Inf, phi x lambda", EnKF(inflation=LIKELIEST, constraint=INFLATED_BUDGET)),
    Scheme("WCEnKF-Inf-Loc s=6, phi x lambda", EnKF(SIXTH, LIKELIEST, INFLATED_BUDGET)),
    Scheme("WCEnKF-Inf-Loc s=6, no CWC, SWE", EnKF(SIXTH, LIKELIEST, BUDGET), SOIL),
    Scheme("WCEnKF-Inf-Loc-BA s=6", EnKF(SIXTH, LIKELIEST, BUDGET, Dee2005())),
    Scheme("WCEnKF-Inf-Loc-BA s=3", EnKF(THIRD, LIKELIEST, BUDGET, Dee2005())),
    Scheme(
        "WCEnKF-Inf-Loc-BA s=6, mu = 0.05", EnKF(SIXTH, LIKELIEST, BUDGET, Dee2005(FixedGain(0.05)))
    ),
    Scheme(
        "WCEnKF-Inf-Loc-BA s=6, printed gamma",
        EnKF(SIXTH, LIKELIEST, BUDGET, Dee2005(PrintedGain())),
    ),
    Scheme("WCLETKF-Inf, Gaspari-Cohn 50 cm", LETKF(NEAR, LIKELIEST, BUDGET), scales=ALL),
    Scheme("WCEnKF-RTPS-Loc s=6", EnKF(SIXTH, RTPS(0.9), BUDGET)),
    Scheme("WCEnKF-Inf-Loc, 3 and 50 cm", EnKF(BOTH, LIKELIEST, BUDGET), ALL, (SHALLOW, DEEP)),
)
