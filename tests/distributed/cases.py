"""Experiments that must give the same bits on any number of processes."""

from dataclasses import replace

import numpy as np

from hydroda.bias import Dee2005, FixedGain
from hydroda.constraint import WaterBudget
from hydroda.experiment import Experiment
from hydroda.filters import LETKF, EnKF, OnAnomalies
from hydroda.forcing import Forcing, ForcingNoise, Multiplicative
from hydroda.inflation import RTPS, MaximumLikelihood
from hydroda.localization import GaspariCohn
from hydroda.models.soil_column import SoilColumn
from hydroda.obs import CosmicRayNeutron, Disc, ObservationNetwork, SoilMoistureProbe
from hydroda.update import KeepAll, Update
from hydroda.zone import SaturatedInEachMember, Unsaturated
from tests.forcing.examples import record
from tests.test_cycling import driven
from tests.toys import START, TOWER, Buckets, BucketTwin, ProfileRun, failing, probe, readings, well

INFLATED = MaximumLikelihood(at_least=1)
NEAR = GaspariCohn(cutoff="250 m")
WIDE = replace(
    BucketTwin(),
    model=Buckets(columns=7),
    network=ObservationNetwork((*map(well, range(7)), TOWER), withheld=("s2", "s5")),
    period=("2020-01-01", "2020-01-02"),
    members=11,
)
MEASURED = WIDE.network.with_data(
    readings(
        *((f"s{i}", "store", hour, 55.0 + i) for hour in (6, 12, 24) for i in range(7)),
        ("tower", "evapotranspiration", (0, 24), 6.0),
    )
)


def updated(*updates):
    return replace(WIDE, network=MEASURED, updates=updates)


def profiles():
    records = readings(
        *((f"p{i}", "theta", hour, 0.3 + 0.02 * i) for hour in (6, 12, 24) for i in range(3))
    )
    network = ObservationNetwork(
        tuple(probe(f"p{i}", f"{0.3 + 0.2 * i:.1f} m") for i in range(3)), records
    )
    zones = (Unsaturated(), SaturatedInEachMember())
    updates = tuple(Update("theta", "theta", zone=zone, outliers=KeepAll()) for zone in zones)
    return replace(ProfileRun(), network=network, updates=updates)


class Soil(Experiment):
    """Grass on three layers of soil, under rain that differs between members."""

    model = SoilColumn(("10 cm", "20 cm", "70 cm"))
    period = "2020-01-01", "2020-01-02"
    forcing = Forcing(record(24, start=START))
    noise = ForcingNoise((Multiplicative("rain", sd=0.5),), correlation=None)
    network = ObservationNetwork(
        (SoilMoistureProbe(station="p", depth="15 cm", sd="0.02 m3/m3", every="6 h"),)
    )
    updates = (Update("soil_moisture", ("theta", "log10_Ks"), filter=LETKF()),)
    members = 7

    def prior(self, rng, members):
        theta = rng.uniform(0.15, 0.35, (members, 1))
        return self.model.dataset(theta=np.repeat(theta, 3, axis=1))


SEEN = {"y": "20 m", "sd": "0.02 m3/m3", "every": "6 h"}


class Slope(Soil):
    """The same in five columns, under sensors that average over an area."""

    network = ObservationNetwork(
        (
            CosmicRayNeutron(station="c", x="200 m", footprint=Disc("150 m"), **SEEN),
            SoilMoistureProbe(
                station="s", depth="5 cm", x="310 m", footprint=Disc("250 m"), **SEEN
            ),
        )
    )
    updates = (Update("soil_moisture", ("theta", "log10_Ks"), filter=EnKF(NEAR)),)

    def prior(self, rng, members):
        theta = rng.uniform(0.15, 0.35, (members, 5, 1))
        places = {"x": 100.0 * np.arange(5), "y": np.zeros(5)}
        return self.model.dataset(theta=np.repeat(theta, 3, axis=2), **places)


CASES = {
    "twin": replace(
        WIDE, updates=(Update("store", ("store", "rate"), filter=EnKF(NEAR), damping=0.5),)
    ),
    "letkf": updated(Update("store", ("store", "rate"), filter=LETKF(NEAR, RTPS(0.4)))),
    "two updates": updated(
        Update("store", "store", filter=LETKF(NEAR)),
        Update("store", ("store", "rate"), filter=EnKF(NEAR, INFLATED), every="12 h"),
    ),
    "all rows": updated(
        Update(
            "store",
            "store",
            filter=EnKF(
                NEAR, constraint=WaterBudget(), bias=Dee2005(FixedGain(0.1)), taper=OnAnomalies()
            ),
        )
    ),
    "zones": profiles(),
    # member 10 lives on the last process, member 0 on the first
    "failures": failing(
        updated(Update("store", "store", filter=EnKF(NEAR))),
        (10, "2020-01-01T12:00", 9),
        (0, "2020-01-01T18:00", 0),
    ),
    "soil": Soil(),
    "areas": Slope(),
    "forcing": failing(driven(members=11), (10, "2020-01-02T12:00", 1)),
}


class Stopped(Exception):
    """What a test stops a run with."""


def stopping(after):
    """A progress that ends the run once `after` cycles are done."""

    def progress(steps, total, label):
        for count, step in enumerate(steps, 1):
            yield step
            if count == after:
                raise Stopped

    return progress


def carried_out(experiment, folder, **how):
    """The result of a case: a twin where there are updates but no data."""
    twin = experiment.updates and experiment.network.data is None
    return (experiment.twin if twin else experiment.run)(folder, **how)


def bits(tree):
    """Every number and word of a tree, by path."""
    found = {}
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            values = np.asarray(variable.values)
            words = values.dtype.kind in "OUST" or not values.size
            content = values.astype(str).tolist() if words else values.tobytes()
            found[f"{node.path}/{name}"] = (variable.dims, content)
        found[f"{node.path}:attrs"] = {k: str(v) for k, v in node.attrs.items()}
    return found
