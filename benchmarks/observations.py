"""Time of what sensors read, on one thread: `python benchmarks/observations.py`.

600 stations, 128 members, 25 layers to 2.6 m, in a model of 20 000 columns. Processor time, the
least of some rounds, so that other work on the machine counts less.
"""

import time

import numba
import numpy as np
import xarray as xr

from hydroda.obs import (
    Conventional,
    Cosmic,
    CosmicCounts,
    CosmicRayNeutron,
    CosmicSite,
    Disc,
    GroundwaterLevel,
    HeadAtScreen,
    LayerMean,
    LeftRule,
    NeutronCounts,
    Sensor,
    SoilMoistureProbe,
    cosmic_counts,
)
from hydroda.obs.neutrons import Revised
from hydroda.obs.sensors import predicted

STATIONS, MEMBERS, COLUMNS = 600, 128, 20_000
THICKNESS = np.diff(np.cumsum(np.geomspace(0.02, 0.3, 25)), prepend=0.0)
BOTTOM = np.cumsum(THICKNESS)
TOP = BOTTOM - THICKNESS


def seconds(work, rounds=7):
    """Processor time of `work`, the least of some rounds after a first that compiles."""
    work()
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def row(name, least):
    print(f"| {name} | {1000 * least:.1f} |", flush=True)


def operators():
    """The operators alone, from profiles (station, member, layer)."""
    theta = np.random.default_rng(1).uniform(0.05, 0.5, (STATIONS, MEMBERS, 25))
    rows = theta.reshape(-1, 25)
    sites = [
        CosmicSite(bulk_density="1.4 g/cm3", N=float(300 + k), lattice_water="3 %")
        for k in range(STATIONS)
    ]
    cosmic = [Cosmic(site) for site in sites]
    work = {
        "conventional": lambda: Conventional().means(rows, TOP, BOTTOM),
        "revised": lambda: Revised().means(rows, TOP, BOTTOM),
        "COSMIC": lambda: cosmic_counts(cosmic, theta, BOTTOM),
    }
    taken = {name: seconds(each) for name, each in work.items()}
    for name, least in taken.items():
        row(name, least)
    row("the three", sum(taken.values()))
    few = [Cosmic(site, LeftRule()) for site in sites[:6]]
    row(
        "COSMIC by the published sum, 6 stations",
        seconds(lambda: cosmic_counts(few, theta[:6], BOTTOM), 2),
    )


def ensemble(rng):
    """Members in columns on a grid of 500 m."""
    shape = (MEMBERS, COLUMNS)
    theta = np.full((*shape, 25), 0.25)
    theta += rng.uniform(-0.2, 0.2, (MEMBERS, 1, 25))
    x, y = np.divmod(np.arange(COLUMNS), 150)
    return xr.Dataset(
        {
            "theta": (("member", "column", "layer"), theta, {"units": "m3 m-3"}),
            "h": (("member", "column", "layer"), theta - 0.5, {"units": "m"}),
            "water_table_depth": (("member", "column"), rng.uniform(1, 3, shape), {"units": "m"}),
        },
        {
            "x": ("column", 500.0 * x),
            "y": ("column", 500.0 * y),
            "depth": ("layer", BOTTOM - THICKNESS / 2),
            "thickness": ("layer", THICKNESS),
        },
    )


def networks():
    """Networks of 600 sensors of one kind, from the labelled ensemble to (sensor, member)."""
    rng = np.random.default_rng(2)
    data = ensemble(rng)
    places = [
        {"station": str(k), "x": f"{data.x.values[c]} m", "y": f"{data.y.values[c]} m"}
        for k, c in enumerate(rng.choice(COLUMNS, STATIONS, replace=False))
    ]
    site = CosmicSite(bulk_density="1.4 g/cm3", N=400.0, lattice_water="3 %")
    counter = {"n0": "1500 h-1", "bulk_density": "1.4 g/cm3"}
    kinds: dict[str, list[Sensor]] = {
        "probes": [SoilMoistureProbe(**p, depth="10 cm") for p in places],
        "probes over 10 cm": [
            SoilMoistureProbe(**p, depth="10 cm", sampling=LayerMean("10 cm")) for p in places
        ],
        "cosmic-ray moisture, conventional": [
            CosmicRayNeutron(**p, weighting=Conventional()) for p in places
        ],
        "cosmic-ray moisture, revised": [CosmicRayNeutron(**p) for p in places],
        "counts, Desilets": [NeutronCounts(**p, **counter) for p in places],
        "counts, COSMIC": [CosmicCounts(**p, operator=Cosmic(site)) for p in places],
        "wells": [GroundwaterLevel(**p) for p in places],
        "heads at screens": [
            GroundwaterLevel(**p, screen="2 m", level=HeadAtScreen()) for p in places
        ],
        "pixels of 5 km": [
            SoilMoistureProbe(**p, depth="2 cm", footprint=Disc("2.5 km")) for p in places
        ],
    }
    for name, sensors in kinds.items():
        row(name, seconds(lambda own=sensors: predicted(own, data), 3))


if __name__ == "__main__":
    numba.set_num_threads(1)
    print(f"{STATIONS} stations, {MEMBERS} members, 25 layers\n\n| operators | ms |\n|---|---|")
    operators()
    print(f"\n| networks in {COLUMNS} columns | ms |\n|---|---|")
    networks()
