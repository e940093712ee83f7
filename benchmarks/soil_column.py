"""Time of the soil column per column and hour, on one thread: `python benchmarks/soil_column.py`.

A year of made-up hourly weather in daily forecasts, 64 members with their own rain. Processor time,
so that other work on the machine counts less; what shares the core still slows it down.
"""

import time

import numba
import numpy as np

from hydroda.forcing import ForcingWindow
from hydroda.models import SoilColumn, VanGenuchten

MEMBERS, DAYS = 64, 365
START = np.datetime64("2016-01-01", "ns")
DAY = np.timedelta64(1, "D")


def weather(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """750 mm of rain in storms of six hours, seasons, days and nights; (member or 1, step)."""
    hour = np.arange(24 * DAYS)
    summer = -np.cos(2 * np.pi * (hour / 24 - 20) / 365)
    sun = np.maximum(np.sin((hour % 24 - 6) / 12 * np.pi), 0.0)
    wet = np.repeat(rng.random((MEMBERS, 4 * DAYS)) < 0.12, 6, axis=1)
    return {
        "rain": wet * rng.gamma(0.6, 1.2, wet.shape),
        "air_temperature": (283.0 + 10.0 * summer + 4.0 * (sun - 0.5))[None],
        "shortwave": (sun * (350.0 + 250.0 * summer) * rng.uniform(0.3, 1.0, hour.size))[None],
        "longwave": (300.0 + 40.0 * summer)[None],
        "relative_humidity": np.full((1, hour.size), 0.75),
        "wind_speed": np.full((1, hour.size), 2.0),
        "pressure": np.full((1, hour.size), 1e5),
    }


def microseconds(model: SoilColumn, **parameters: np.ndarray) -> float:
    """Processor time per column and hour [us]."""
    values = weather(np.random.default_rng(1))
    shape = (MEMBERS, 1, model.dz.size)
    ensemble = model.dataset(h=np.full(shape, -1.0), **parameters)
    begin = 0.0
    for day in range(-1, DAYS):  # the first one compiles
        if day == 0:
            begin = time.process_time()
        first = max(day, 0)
        hours = slice(24 * first, 24 * first + 24)
        start = START + first * DAY
        times = start + np.arange(24) * np.timedelta64(1, "h")
        window = ForcingWindow(times, 3600.0, {k: v[:, hours] for k, v in values.items()})
        ensemble = model.forecast(ensemble, window, start, start + DAY)
    assert np.isfinite(ensemble["h"].values).all()
    return (time.process_time() - begin) / (MEMBERS * DAYS * 24) * 1e6


def main() -> None:
    numba.set_num_threads(1)
    rng = np.random.default_rng(2)
    print("layers  soil                        us per column-hour  64 members, 6.4 years [s]")
    clay = VanGenuchten("0.07 m3/m3", "0.38 m3/m3", "0.8 1/m", 1.09, "4.8 cm/day")
    for layers in (10, 15, 30):
        model = SoilColumn(SoilColumn.layers("3 m", first="2 cm", count=layers))
        horizons = np.repeat(
            [[[1.8, 1.5, 1.3]]], [layers // 3, layers // 3, layers - 2 * (layers // 3)], axis=2
        )
        every = (MEMBERS, 1, layers)
        for name, column, parameters in (
            ("loam, K_s by member", model, {"log10_Ks": rng.normal(-5.5, 0.5, (MEMBERS, 1))}),
            ("three horizons", model, {"n": np.broadcast_to(horizons, every)}),
            ("another in every layer", model, {"n": rng.uniform(1.2, 2.2, every)}),
            ("clay, n 1.09", SoilColumn(model.thickness, soil=clay), {}),
        ):
            cost = microseconds(column, **parameters)
            print(f"{layers:6d}  {name:26s}  {cost:18.1f}  {cost * 64 * 6.4 * 8766e-6:25.0f}")


if __name__ == "__main__":
    main()
