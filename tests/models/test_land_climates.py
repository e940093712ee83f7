"""Both land columns in any climate: water and energy close in each step, and states stay finite."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hydroda.forcing import ForcingWindow
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.plants import MonthlyLeaves, clm4, igbp

TOGETHER = 20  # climates in one example, a column each
STEPS = 36
HOUR = np.timedelta64(3600 * 10**9, "ns")
AREAS = ((0.0, 0.0), (0.0, 0.3), (0.5, 1.0), (3.0, 0.5), (8.0, 2.0))  # of leaves and stems
WATER, ENERGY = 1e-6, 1e-3  # [mm], [W m-2]


def column(kind, plant):
    plants = tuple(replace(plant, leaves=MonthlyLeaves((a,) * 12, (b,) * 12)) for a, b in AREAS)
    place = {"latitude": "0 degree", "longitude": "0 degree"}
    return kind(plants=plants, sand="30 %", clay="25 %", **place)


COLUMNS = [column(CLM4Column, clm4("c3 grass")), column(CoLMColumn, igbp("croplands"))]

# What is drawn for one climate: air [degC], its daily swing, humidity, wind [m s-1], cloud, rain
# [mm/h] and how often, pressure [hPa], latitude, month, plant, wetness, ground less air [K], snow.
CLIMATE = st.fixed_dictionaries(
    {
        "air": st.floats(-50.0, 45.0),
        "swing": st.floats(0.0, 15.0),
        "humidity": st.floats(0.02, 1.0),
        "wind": st.sampled_from([0.0, 0.01, 0.5, 3.0, 12.0, 35.0]),
        "cloud": st.floats(0.0, 1.0),
        "rain": st.sampled_from([0.0, 0.1, 2.0, 20.0, 120.0]),
        "often": st.floats(0.0, 1.0),
        "pressure": st.floats(550.0, 1040.0),
        "latitude": st.floats(-89.0, 89.0),
        "month": st.integers(1, 12),
        "plant": st.integers(0, len(AREAS) - 1),
        "wetness": st.sampled_from([0.02, 0.15, 0.4, 0.8, 0.999, 1.0]),
        "contrast": st.floats(-15.0, 15.0),
        "snow": st.sampled_from([0.0, 0.0, 0.5, 30.0, 1500.0]),
        "seed": st.integers(0, 2**20),
    }
)
EXTREMES = {
    "polar night": {"air": -35.0, "swing": 0.0, "latitude": 85.0, "month": 12, "rain": 0.0},
    "monsoon": {"air": 27.0, "humidity": 1.0, "rain": 120.0, "often": 1.0, "wetness": 1.0},
    "desert": {"air": 45.0, "humidity": 0.02, "rain": 0.0, "wetness": 0.02, "plant": 0},
    "-50 degC": {"air": -50.0, "swing": 0.0, "snow": 30.0, "month": 1, "latitude": 62.0},
    "calm": {"wind": 0.0, "air": 20.0, "swing": 15.0, "cloud": 0.0},
    "no leaves": {"plant": 0, "air": 15.0, "rain": 2.0, "often": 0.3},
    "saturated": {"wetness": 1.0, "air": 10.0, "rain": 20.0, "often": 0.5},
    "5 m of snow": {"snow": 1500.0, "air": 3.0, "contrast": -10.0, "rain": 2.0, "often": 0.5},
    "hot storm on snow": {
        "snow": 30.0,
        "air": 34.0,
        "contrast": -5.0,
        "wind": 35.0,
        "rain": 120.0,
        "often": 0.5,
        "humidity": 0.65,
        "pressure": 750.0,
        "wetness": 0.15,
    },
}


@st.composite
def climates(draw):
    found = draw(st.lists(CLIMATE, min_size=TOGETHER, max_size=TOGETHER))
    for one, extreme in zip(found, EXTREMES.values(), strict=False):
        one |= extreme
    return found


def row(climates, name):
    return np.array([float(one[name]) for one in climates])


def weather(climates):
    """(1, step, column) from noon of the fifteenth of one month: months differ by the sun only."""
    start = np.datetime64(f"2001-{climates[0]['month']:02d}-15T00", "ns")
    times = start + np.arange(STEPS) * HOUR
    hours = np.arange(STEPS)[:, None]
    sun = np.maximum(np.sin(2.0 * np.pi * (hours - 6.0) / 24.0), 0.0)
    lit = np.cos(np.deg2rad(row(climates, "latitude")))
    air = 273.15 + row(climates, "air") + row(climates, "swing") * (sun - 0.5)
    falls = np.array([np.random.default_rng(int(c["seed"])).random(STEPS) for c in climates]).T
    dim = 1.0 - 0.75 * row(climates, "cloud")
    values = {
        "rain": np.where(falls < row(climates, "often"), row(climates, "rain"), 0.0),
        "shortwave": 1000.0 * sun * lit * dim,
        "longwave": 5.67e-8 * (0.65 + 0.35 * row(climates, "cloud")) * air**4,
        "air_temperature": air,
        "relative_humidity": row(climates, "humidity") + 0.0 * air,
        "wind_speed": row(climates, "wind") + 0.0 * air,
        "pressure": 100.0 * row(climates, "pressure") + 0.0 * air,
    }
    return ForcingWindow(times, 3600.0, {name: v[None] for name, v in values.items()})


def members(model, climates):
    n, layers = len(climates), model.dz.size
    ground = 273.15 + row(climates, "air") + row(climates, "contrast")
    temperature = np.clip(ground[:, None] + 0.5 * np.arange(layers), 215.0, 325.0)
    theta = 0.42 * row(climates, "wetness")[:, None] + np.zeros(layers)
    ensemble = model.dataset(
        theta=theta[None],
        temperature=temperature[None],
        x=np.arange(float(n)),
        y=np.zeros(n),
        plant=np.array([one["plant"] for one in climates]),
    )
    ensemble = ensemble.assign_coords(latitude=("column", row(climates, "latitude")))
    snowed = ensemble["snow"].copy(data=row(climates, "snow")[None])
    return model.reconcile(ensemble.assign(snow=snowed), ("snow",))[0]


def stepped(model, ensemble, window):
    """The state after each step of the weather."""
    for k, begin in enumerate(window.times):
        now = ForcingWindow(
            window.times[k : k + 1], 3600.0, {n: v[:, k : k + 1] for n, v in window.values.items()}
        )
        ensemble = model.forecast(ensemble, now, begin, begin + HOUR)
        yield ensemble


@pytest.mark.parametrize("model", COLUMNS, ids=lambda each: type(each).__name__)
@settings(max_examples=6, deadline=None, phases=(Phase.reuse, Phase.generate))
@given(climates=climates())
def test_that_each_step_closes_in_any_climate(model, climates):
    window = weather(climates)
    for k, state in enumerate(stepped(model, members(model, climates), window)):
        for name in state.data_vars:
            bad = ~np.isfinite(state[name].values).all(axis=0)
            where = bad.reshape(bad.shape[0], -1).any(axis=1)
            assert not where.any(), f"{name}, step {k}: {climates[int(where.argmax())]}"
        for name, most in (("budget_error", WATER), ("energy_error", ENERGY)):
            missed = np.abs(state[name].values[0])
            worst = climates[int(missed.argmax())]
            assert missed.max() < most, f"{name} {missed.max():.2g}, step {k}: {worst}"
        held = (state["theta"] + state["ice"]).values
        assert held.min() >= 0.0 and state["snow"].values.min() >= 0.0, k
        warmth = state["temperature"].values
        assert warmth.min() > 180.0 and warmth.max() < 360.0, (k, warmth.min(), warmth.max())
