import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.models.kernels.column import FREEZING, FUSION, GRAVITY
from hydroda.models.order import Profile, snow_in_order, soil_in_order
from hydroda.models.retention import ClappHornberger, VanGenuchten, content

LAYERS = 6
SOILS = (
    ClappHornberger("0.43 m3/m3", "-0.3 m", 5.0, "5e-6 m/s"),
    VanGenuchten("0.06 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "3e-6 m/s"),
)


def put_right(soil, profile, changed):
    raw = soil.stack(soil.values())
    return soil_in_order(soil, raw, np.full(profile.h.shape, float(soil.theta_s)), profile, changed)


def balanced(soil, rng):
    """A profile whose water is that of its heads, with ice in some cold layers."""
    shape = (2, 1, LAYERS)
    h = -(10.0 ** rng.uniform(-1.0, 3.0, shape))
    ice = np.where(rng.random(shape) < 0.5, rng.uniform(0.0, 0.3, shape), 0.0)
    theta = (1.0 - ice / float(soil.theta_s)) * content(soil, soil.stack(soil.values()), h)
    return Profile(theta, ice, h, np.where(ice > 0.0, 272.0, 285.0))


@pytest.mark.parametrize("soil", SOILS)
def test_that_what_is_in_order_stays_bit_for_bit(soil):
    profile = balanced(soil, np.random.default_rng(1))
    for changed in (("theta",), ("ice",), ("theta", "ice"), ("h",), ("canopy_water",)):
        for before, after in zip(profile, put_right(soil, profile, changed), strict=True):
            np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("soil", SOILS)
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_that_water_stays_within_the_pores_and_heads_follow(soil, seed):
    rng = np.random.default_rng(seed)
    profile = balanced(soil, rng)
    shape, porosity = profile.h.shape, float(soil.theta_s)
    analysed = profile._replace(
        theta=profile.theta + rng.normal(0.0, 0.2, shape),
        ice=profile.ice + rng.normal(0.0, 0.2, shape),
    )
    after = put_right(soil, analysed, ("theta", "ice"))
    assert (after.ice >= 0.0).all() and (after.theta >= 0.0).all()
    assert (after.ice + after.theta <= porosity + 1e-12).all()
    opened = 1.0 - after.ice / porosity
    again = opened * content(soil, soil.stack(soil.values()), after.h)
    np.testing.assert_allclose(again, after.theta, atol=1e-9)
    assert (after.temperature[after.ice > 0.0] <= FREEZING).all()
    # Water that had room was neither cut nor made.
    room = (analysed.ice > 0.0) & (analysed.ice < 0.9 * porosity)
    room &= (analysed.theta > 0.12) & (analysed.theta + analysed.ice < 0.99 * porosity)
    np.testing.assert_array_equal(after.theta[room], analysed.theta[room])
    np.testing.assert_array_equal(after.ice[room], analysed.ice[room])


def test_that_cold_water_without_ice_is_as_warm_as_it_must_be_to_stay_liquid():
    soil = SOILS[0]
    profile = balanced(soil, np.random.default_rng(2))
    profile = profile._replace(ice=np.zeros_like(profile.ice))
    analysed = profile._replace(
        theta=np.full(profile.h.shape, 0.3), temperature=np.full(profile.h.shape, 260.0)
    )
    after = put_right(soil, analysed, ("theta", "ice"))
    clapeyron = FUSION * (after.temperature - FREEZING) / (GRAVITY * after.temperature)
    np.testing.assert_allclose(clapeyron, after.h, rtol=1e-9)


def test_that_heads_alone_decide_where_they_alone_were_changed():
    soil = SOILS[1]
    profile = balanced(soil, np.random.default_rng(3))
    after = put_right(soil, profile._replace(h=profile.h / 2.0), ("h",))
    np.testing.assert_array_equal(after.h, profile.h / 2.0)
    assert (after.theta > profile.theta).all()


WARM = np.array([[272.0, 285.0]])  # ground [K]


def pack(**changes):
    """Two columns: three layers of snow, and thin snow without any."""
    values = {
        "snow": np.array([[60.0, 1.0]]),
        "snow_depth": np.array([[0.3, 0.005]]),
        "snow_ice": np.array([[[0.0, 0.0, 10.0, 15.0, 30.0], [0.0] * 5]]),
        "snow_liquid": np.array([[[0.0, 0.0, 0.0, 2.0, 3.0], [0.0] * 5]]),
        "snow_thickness": np.array([[[0.0, 0.0, 0.05, 0.05, 0.2], [0.0] * 5]]),
        "snow_temperature": np.array([[[0.0, 0.0, 265.0, 268.0, 270.0], [0.0] * 5]]),
    }
    return values | changes


def test_that_snow_layers_follow_the_snow_in_proportion():
    after = snow_in_order(pack(snow=np.array([[30.0, 3.0]])), ("snow",), WARM)
    np.testing.assert_allclose(after["snow_ice"], 0.5 * pack()["snow_ice"])
    np.testing.assert_allclose(after["snow_thickness"], 0.5 * pack()["snow_thickness"])
    assert after["snow_depth"][0, 0] == pytest.approx(0.15)
    np.testing.assert_array_equal(after["snow"], [[30.0, 3.0]])


def test_that_the_snow_follows_its_layers():
    analysed = pack(snow_ice=2.0 * pack()["snow_ice"])
    after = snow_in_order(analysed, ("snow_ice",), WARM)
    np.testing.assert_allclose(after["snow"], [[115.0, 1.0]])


def test_that_no_snow_leaves_nothing_and_negative_snow_is_none():
    after = snow_in_order(pack(snow=np.array([[-5.0, 0.0]])), ("snow",), WARM)
    assert all((value == 0.0).all() for value in after.values())


def test_that_unchanged_snow_stays_bit_for_bit():
    after = snow_in_order(pack(), ("theta",), WARM)
    for name, value in pack().items():
        np.testing.assert_array_equal(after[name], value)


def test_that_much_snow_on_warm_ground_begins_a_layer_at_freezing():
    """As thin snow it would be as warm as the ground, and its heat would go into the soil."""
    after = snow_in_order(pack(snow=np.array([[60.0, 500.0]])), ("snow",), WARM)
    assert after["snow_ice"][0, 1, -1] == after["snow"][0, 1] == 500.0
    assert after["snow_thickness"][0, 1, -1] == after["snow_depth"][0, 1] > 0.01
    assert after["snow_temperature"][0, 1, -1] == 273.15
