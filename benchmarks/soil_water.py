"""Time of the soil water of land columns per column and hour: `python benchmarks/soil_water.py`.

Ten layers, 4000 columns, one thread, weeks of made-up hourly weather; processor time.
"""

import time

import numpy as np

from hydroda.compiled import kernel
from hydroda.models.kernels import runoff, soil, water
from hydroda.models.kernels.column import AQUIFER, LIQ, ROWS, SCALARS, SNOW
from hydroda.models.kernels.column import H as HEAD
from hydroda.models.retention import ClappHornberger, Retention, VanGenuchten, content

COLUMNS, HOURS = 4000, 240
NUMBERS = water.Numbers(-150.0, -1000.0, 0.0, 1e-5, 6.0, 1.0, 1e-5, 30)


def grid() -> water.Layers:
    """The ten layers of the Common Land Model."""
    z = 0.025 * np.expm1(0.5 * (np.arange(1, 11) - 0.5))
    faces = np.concatenate([[0.0], 0.5 * (z[1:] + z[:-1]), [z[-1] + 0.5 * (z[-1] - z[-2])]])
    return water.layers(np.diff(faces), z)


@kernel
def forecast(curve, scheme, form, bottom, layers, numbers, raw, x, s, supply, demand, roots):  # type: ignore[no-untyped-def]
    """Hours of all columns; gives the number of steps."""
    steps = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        which = min(i, raw.shape[0] - 1)
        here = water.soil(curve, scheme, layers, numbers, raw[which])
        work = water.rows(layers.dz.size)
        uptake = np.zeros(layers.dz.size)
        for hour in range(supply.shape[1]):
            for j in range(layers.dz.size):
                uptake[j] = roots[j] * demand[hour]
            moved = water.soil_water(
                here, layers, numbers, form, bottom, x[i], s[i], work,
                supply[i, hour], 0.3 * demand[hour], uptake, 3600.0,
            )  # fmt: skip
            steps[i] += moved.steps
    return steps


def microseconds(retention: Retention, form, bottom, scheme) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Processor time per column and hour [us], and steps per hour."""
    layers = grid()
    n = layers.dz.size
    rng = np.random.default_rng(1)
    raw = retention.stack(retention.values())
    full = (COLUMNS if raw.ndim == 3 else 1, n, raw.shape[-1])
    raw = np.array(np.broadcast_to(raw, full), order="C")
    h = rng.uniform(-3.0, -1.0, (COLUMNS, 1)) - 0.3 * np.arange(n)
    x, s = np.zeros((COLUMNS, ROWS, SNOW + n)), np.zeros((COLUMNS, SCALARS))
    x[:, HEAD, SNOW:], s[:, AQUIFER] = h, 4000.0
    x[:, LIQ, SNOW:] = 1000.0 * layers.dz * content(retention, raw, h)
    hour = np.arange(HOURS)
    wet = np.repeat(rng.random((COLUMNS, HOURS // 6)) < 0.12, 6, axis=1)
    supply = wet * rng.gamma(0.6, 1.2, wet.shape) / 3600.0
    demand = np.maximum(np.sin((hour % 24 - 6) / 12 * np.pi), 0.0) * 1.2e-4
    roots = np.exp(-layers.z / 0.3) * layers.dz
    roots /= roots.sum()
    args = (retention.token, scheme, form, bottom, layers, NUMBERS, raw)
    forecast(*args, x[:1].copy(), s[:1].copy(), supply[:1], demand, roots)  # compiles
    begin = time.process_time()
    steps = forecast(*args, x, s, supply, demand, roots)
    spent = (time.process_time() - begin) / (COLUMNS * HOURS) * 1e6
    assert np.isfinite(x).all()
    return spent, steps.mean() / HOURS


def main() -> None:
    rng = np.random.default_rng(2)
    each = (COLUMNS, 10)
    even = ClappHornberger("0.43 m3/m3", "-0.3 m", 5.0, "5e-6 m/s")
    porous = ClappHornberger(rng.uniform(0.38, 0.48, each), "-0.3 m", 5.0, "5e-6 m/s")
    unlike = ClappHornberger(
        rng.uniform(0.38, 0.48, each), -rng.uniform(0.1, 0.6, each),
        rng.uniform(4.0, 8.0, each), 10.0 ** rng.uniform(-6.0, -5.0, each),
    )  # fmt: skip
    loam = VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day")
    simtop, topmodel = (
        runoff.Simtop(0.38, 0.5, 2.5, 5.5e-3, 3.0),
        runoff.Topmodel(0.3, 1.0, 0.04, 1e-5, 0.0906, 0.2891, 2.2961),
    )
    print("soil                    runoff    bottom        us per column-hour  steps per hour")
    for name, retention, form, bottom in (
        ("Clapp-Hornberger", even, runoff.NoRunoff(), runoff.FreeDrainage()),
        ("Clapp-Hornberger", even, topmodel, runoff.ZeroFlux()),
        ("Clapp-Hornberger", even, simtop, runoff.Aquifer(25.0, 0.2)),
        ("porosity by layer", porous, runoff.NoRunoff(), runoff.FreeDrainage()),
        ("another in every layer", unlike, runoff.NoRunoff(), runoff.FreeDrainage()),
        ("van Genuchten", loam, runoff.NoRunoff(), runoff.FreeDrainage()),
    ):
        cost, steps = microseconds(retention, form, bottom, soil.FluxPotential())
        choices = f"{type(form).__name__:8s}  {type(bottom).__name__:12s}"
        print(f"{name:22s}  {choices}  {cost:18.2f}  {steps:14.3f}")


if __name__ == "__main__":
    main()
