"""What none of the eleven experiments has, one declaration each, and runs that explain.

All begin as WC_DA_r_PAR, the last of the paper, and change one thing. `ADVISED` changes all that
the decisions of the study advise those who do not repeat the paper, `RECOMMENDED` what helps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from hydroda.bias import Dee2005
from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.ground import SoilNoise
from hydroda.catchments.rur.terrain import LAYERS
from hydroda.constraint import ColumnBudgets
from hydroda.filters import LETKF, EnKF
from hydroda.inflation import RTPS, MaximumLikelihood
from hydroda.localization import GaspariCohn
from hydroda.obs import ObservationNetwork
from hydroda.obs.cosmic import Cosmic, CosmicSite
from hydroda.obs.records import Records
from hydroda.obs.sensors import CosmicCounts, predicted
from hydroda.rng import Streams
from hydroda.studies.li2025.experiments import (
    EXPERIMENTS,
    FAR,
    KS,
    LEVEL,
    LI,
    MOISTURE,
    USERS,
    WELLS,
    Choices,
    Module,
    Study,
)
from hydroda.studies.li2025.runs import Planned
from hydroda.units import Amount, Magnitude, magnitude
from hydroda.update import InflateError

BASE, COUNTS = "WC_DA_r_PAR", "neutron_counts"
SITE = CosmicSite(bulk_density="1.35 g/cm3", N=510.0)


def varied(name: str, choices: Choices, base: str = BASE) -> Planned:
    """One of the eleven under other choices, by a name of its own."""
    return Planned(replace(EXPERIMENTS[base], name=name), choices)


# A field of the aquifers per member in place of one shift: another ensemble, spun up for itself.
AQUIFERS = SoilNoise(aquifer_sd=0.4, aquifer_range=4e3)
# With one shift all members differ in the same way everywhere, and a well that moves its own ground
# moves what it knows nothing of. RTPS keeps the spread that fields have; the rule for outliers is
# for datum errors. In a twin wells stand for their cells: no error of representativeness.
RECOMMENDED = varied(
    "recommended",
    replace(LI, soils=AQUIFERS, inflation=RTPS(0.9), outliers=InflateError(2.0)),
)
# Readings of nature were made with the weighting of Li's software: so the operator has it too.
ADVISED = varied("all that is advised", replace(USERS, weighting=LI.weighting))


@dataclass(frozen=True)
class Counts:
    """Neutron counts at the probes, by COSMIC from the profile, of the same worth as moisture.

    Their error is what 0.03 m3 m-3 makes at a moisture of 0.3. Bulk density and the counts of pure
    water are the same at all sites, in nature and in the operator.
    """

    operator: Cosmic = field(default_factory=lambda: Cosmic(SITE))
    moisture: float = 0.3
    error: float = 0.03

    @property
    def sd(self) -> Magnitude:
        """Error of the counts [h-1]."""
        profiles = self.moisture + self.error * np.array([[-1.0] * 10, [1.0] * 10])
        many, few = self.operator.counts(profiles, np.cumsum(LAYERS[:10]))
        return Magnitude(0.5 * abs(many - few), "h-1")

    def sensors(self, network: ObservationNetwork) -> tuple[CosmicCounts, ...]:
        """A counter beside every probe."""
        sd = self.sd
        return tuple(
            CosmicCounts(
                station=f"{probe.station} counts", x=probe.x, y=probe.y, sd=sd, every="1 D",
                within=probe.within, operator=self.operator,
            )
            for probe in network.select(MOISTURE).sensors
        )  # fmt: skip

    def __call__(self, network: ObservationNetwork, nature: xr.Dataset) -> ObservationNetwork:
        """The network with counters, which read the top ten layers of nature with their error."""
        counters = self.sensors(network)
        days = nature[["theta"]].rename(time="member", top_layer="layer").drop_vars("member")
        ground = {n: ("layer", nature[n].values[:10]) for n in ("depth", "thickness")}
        places = {n: ("column", nature[n].values) for n in ("x", "y")}
        bare = xr.Dataset({"theta": (days["theta"].dims, days["theta"].values.astype(float))})
        bare["theta"].attrs["units"] = "m3 m-3"
        counts = predicted(counters, bare.assign_coords(ground | places)).T
        streams = Streams(int(nature.attrs["seed"]))
        rng = [streams.generator("counts", counter.station) for counter in counters]
        draws = np.stack([own.standard_normal(len(counts)) for own in rng], axis=1)
        own = ObservationNetwork(counters, zone="UTC")
        read = own.with_readings(nature["time"].values, counts + float(self.sd) * draws)
        data = network.records.joined([read.records])
        return replace(network, sensors=(*network.sensors, *counters), data=data)


@dataclass(frozen=True)
class SampledReach:
    """The reach of wells from the members: as far as their levels vary with the tables around.

    r² over members, less what chance gives M of them (1 - r²)/(M - 2), is averaged over wells by
    distance; where it falls below `least` the taper shall be zero, at two half-widths.
    """

    least: float = 0.2
    bin: Amount = "4 km"

    def __call__(self, rur: RurCatchment, start: xr.Dataset) -> RurCatchment:
        """The experiment with this reach in the updates that wells drive."""
        reach = GaspariCohn(halfwidth=Magnitude(0.5 * self.distance(rur, start), "m"))
        updates = tuple(
            replace(u, filter=replace(u.filter, localization=reach)) if u.observations == LEVEL
            else u
            for u in rur.updates
        )  # fmt: skip
        return replace(rur, updates=updates)

    def distance(self, rur: RurCatchment, start: xr.Dataset) -> float:
        """Where the correlation ends [m]; at least a bin, at most the catchment."""
        wells = rur.network.select(LEVEL).assimilated.sensors
        levels, tables = predicted(wells, start), start["water_table_depth"].values.T
        tables = np.where(np.isfinite(tables), tables, np.nanmax(tables))
        r2 = correlations(levels, tables) ** 2
        r2 -= (1.0 - r2) / (start.sizes["member"] - 2)
        place = np.array([well.place(start) for well in wells])
        away = np.hypot(place[:, :1] - start["x"].values, place[:, 1:] - start["y"].values)
        width = float(magnitude(self.bin, "m", "bin"))
        number = (away / width).astype(int)
        for n in range(number.max() + 1):
            if (number == n).any() and float(np.mean(r2[number == n])) < self.least:
                return width * max(n, 1)
        return float(away.max())


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's R of rows (a, b) over members; 0 where a row does not vary."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    sizes = np.sqrt((a**2).sum(axis=1)[:, None] * (b**2).sum(axis=1))
    return np.divide(a @ b.T, sizes, out=np.zeros_like(sizes), where=sizes > 0.0)


BY_COUNTS = Module(COUNTS, ("theta",), FAR)

EXTRAS: tuple[Planned, ...] = (
    RECOMMENDED,
    ADVISED,
    # Column by column: one system with the budgets of all columns would not fit at 500 m.
    varied("water budget", replace(LI, filter=EnKF(constraint=ColumnBudgets()))),
    varied("adaptive inflation", replace(LI, inflation=MaximumLikelihood())),
    varied("bias-aware", replace(LI, filter=EnKF(bias=Dee2005()))),
    varied("LETKF", replace(LI, filter=LETKF())),
    varied("all parameters", replace(LI, parameters=(KS, "theta_s", "alpha", "n"))),
    replace(varied("sampled reach", LI), adapted=SampledReach()),
    Planned(Study("COSMIC counts", (BY_COUNTS, WELLS), True), instruments=Counts()),
)

# What gives the ensemble its spread back, one thing at a time (decisions 3, 4, 8, 9).
RESTORING: tuple[Planned, ...] = (
    varied("RTPS 0.9", replace(LI, inflation=RTPS(0.9))),
    varied("representativeness 1 m", replace(LI, representativeness="1 m")),
    varied("outliers inflated", replace(LI, outliers=InflateError(2.0))),
    varied("aquifer fields", replace(LI, soils=AQUIFERS)),
)


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
