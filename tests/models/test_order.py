import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.models.kernels.column import FREEZING, FUSION, GRAVITY
from hydroda.models.order import Profile, snow_as_set, snow_in_order, soil_in_order
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


# Water [mm] that a forecast leaves in 3, 1 and 5 layers and in none.
LYING = np.array([[0.0, 0.0, 10.0, 15.0, 30.0], [0.0, 0.0, 0.0, 0.0, 4.0], [5.0] * 5, [0.0] * 5])


def forecast(rng):
    """Packs of five members, 0 to 5 layers or thin snow, each in agreement."""
    water = rng.permutation(np.concatenate([LYING, [[0.0] * 5]]))[:, None, :]
    density = rng.uniform(60.0, 900.0, water.shape)
    liquid = water * rng.choice([0.0, 0.1, 1.0], water.shape)
    thickness = water / density
    layered = water.sum(axis=-1) > 0.0
    thin = rng.choice([0.0, 0.8], layered.shape)
    return {
        "snow": np.where(layered, water.sum(axis=-1), thin),
        "snow_depth": np.where(layered, thickness.sum(axis=-1), thin / rng.uniform(100.0, 400.0)),
        "snow_ice": water - liquid,
        "snow_liquid": liquid,
        "snow_thickness": thickness,
        "snow_temperature": np.where(water > 0.0, 265.0, 0.0),
    }


NAMES = ("snow", "snow_depth", "snow_ice", "snow_liquid", "snow_thickness")
SUBSETS = st.sets(st.sampled_from(NAMES), min_size=1)


def analysed(before, changed, rng):
    """Each member drawn towards the mean of all, or anything at all."""
    pull, noise = rng.choice([0.2, 0.9]), rng.choice([0.0, 1.0])
    after = dict(before)
    for name in changed:
        value, scale = before[name], before[name].std() * noise
        value = value + pull * (value.mean(axis=0) - value)
        after[name] = value + scale * rng.normal(size=value.shape)
    return after


def agree(snow):
    """Nothing, if sums are those of layers, which lie one on another, or else the snow is thin."""
    there = snow["snow_thickness"] > 0.0
    layered = there[..., -1]
    water = snow["snow_ice"] + snow["snow_liquid"]
    assert all((snow[name] >= 0.0).all() for name in NAMES)
    assert (np.diff(there.astype(int), axis=-1) >= 0).all()
    np.testing.assert_array_equal(water > 0.0, there)
    np.testing.assert_array_equal(snow["snow_temperature"] > 0.0, there)
    sums = {"snow": water, "snow_depth": snow["snow_thickness"]}
    for name, layers in sums.items():
        np.testing.assert_allclose(layers.sum(axis=-1)[layered], snow[name][layered], rtol=1e-12)
    assert (snow["snow_thickness"] * 50.0 <= water * (1.0 + 1e-12)).all()
    assert (snow["snow_thickness"] * 1001.0 >= water * (1.0 - 1e-12)).all()
    assert (snow["snow_depth"][~layered] < 0.01).all()
    np.testing.assert_array_equal(snow["snow_depth"] > 0.0, snow["snow"] > 0.0)


@settings(max_examples=300, deadline=None)
@given(changed=SUBSETS, seed=st.integers(0, 10_000))
def test_that_layers_add_up_to_the_snow_whatever_an_analysis_changed(changed, seed):
    rng = np.random.default_rng(seed)
    before = forecast(rng)
    set_ = analysed(before, changed, rng)
    after = snow_in_order(set_, changed, np.full((5, 1), 285.0))
    agree(after)
    # Only what was set below zero makes a difference.
    positive = {name: np.maximum(value, 0.0) for name, value in set_.items()}
    np.testing.assert_allclose(
        after["snow"], snow_as_set(positive, changed), rtol=1e-12, atol=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(changed=SUBSETS, seed=st.integers(0, 10_000))
def test_that_what_an_analysis_put_in_is_counted_as_its_own(changed, seed):
    rng = np.random.default_rng(seed)
    before = forecast(rng)
    set_ = analysed(before, changed, rng)
    parts = ("snow_ice", "snow_liquid")
    layered = before["snow_temperature"].max(axis=-1) > 0.0
    gain = sum((set_[name] - before[name]).sum(axis=-1) for name in parts)
    if changed.isdisjoint(parts):
        gain = set_["snow"] - before["snow"]
    elif "snow" in changed:
        gain = np.where(layered, gain, set_["snow"] - before["snow"])
    expected = before["snow"] + gain
    np.testing.assert_allclose(snow_as_set(set_, changed), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(changed=SUBSETS, seed=st.integers(0, 10_000))
def test_that_snow_which_no_analysis_moved_stays(changed, seed):
    before = forecast(np.random.default_rng(seed))
    after = snow_in_order(before, changed, np.full((5, 1), 285.0))
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    changed=st.sampled_from([*((name,) for name in NAMES), ("snow", "snow_depth")]),
    factor=st.floats(0.9, 1.1),
)
def test_that_what_was_changed_within_reason_is_kept(changed, factor):
    set_ = pack(**{name: factor * pack()[name] for name in changed})
    after = snow_in_order(set_, changed, WARM)
    for name in changed:
        np.testing.assert_allclose(after[name], set_[name], rtol=1e-12)


def test_that_snow_and_depth_changed_together_are_both_kept():
    changed = {"snow": np.array([[30.0, 0.8]]), "snow_depth": np.array([[0.15, 0.004]])}
    after = snow_in_order(pack(**changed), tuple(changed), WARM)
    for name, value in changed.items():
        np.testing.assert_allclose(after[name], value, rtol=1e-12)
    np.testing.assert_allclose(after["snow_thickness"], 0.5 * pack()["snow_thickness"])
    np.testing.assert_allclose(after["snow_liquid"], 0.5 * pack()["snow_liquid"])


def test_that_layers_follow_the_depth_and_the_depth_its_layers():
    after = snow_in_order(pack(snow_depth=np.array([[0.24, 0.005]])), ("snow_depth",), WARM)
    np.testing.assert_allclose(after["snow_thickness"], 0.8 * pack()["snow_thickness"])
    np.testing.assert_array_equal(after["snow"], pack()["snow"])
    thinner = pack(snow_thickness=0.8 * pack()["snow_thickness"])
    after = snow_in_order(thinner, ("snow_thickness",), WARM)
    np.testing.assert_allclose(after["snow_depth"], [[0.24, 0.005]])


def test_that_a_thickness_put_where_thin_snow_has_no_layer_loses_no_snow():
    thicker = pack()["snow_thickness"]
    thicker[0, 1, -1] = 0.01
    after = snow_in_order(pack(snow_thickness=thicker), ("snow_thickness",), WARM)
    np.testing.assert_array_equal(after["snow"], pack()["snow"])
    assert after["snow_depth"][0, 1] == after["snow_thickness"][0, 1, -1] == 0.015
    assert after["snow_ice"][0, 1, -1] == 1.0 and after["snow_temperature"][0, 1, -1] == 273.15


def test_that_ice_put_where_no_layer_lies_joins_the_snow_that_is_there():
    more = pack()["snow_ice"]
    more[0, :, 0] = 2.0
    after = snow_in_order(pack(snow_ice=more), ("snow_ice",), WARM)
    np.testing.assert_allclose(after["snow"], [[62.0, 3.0]])
    np.testing.assert_array_equal(after["snow_ice"][0, 0], [0.0, 0.0, 12.0, 15.0, 30.0])


def test_that_a_layer_that_lost_its_water_leaves_no_gap():
    less = pack()["snow_ice"]
    less[0, 0, -1] = -1.0
    changes = {"snow_ice": less, "snow_liquid": 0.0 * less}
    after = snow_in_order(pack(**changes), tuple(changes), WARM)
    np.testing.assert_array_equal(after["snow_ice"][0, 0], [0.0, 0.0, 0.0, 10.0, 15.0])
    np.testing.assert_array_equal(after["snow_temperature"][0, 0], [0.0, 0.0, 0.0, 265.0, 268.0])
    assert after["snow_depth"][0, 0] == pytest.approx(0.1)


def test_that_a_depth_that_no_snow_has_is_brought_to_one_it_has():
    for depth, density in ((-0.1, 500.0), (0.0005, 500.0), (9.0, 50.0)):
        thickness = (pack()["snow_ice"] + pack()["snow_liquid"]) / 200.0
        set_ = pack(snow_depth=np.array([[depth, depth]]), snow_thickness=thickness)
        after = snow_in_order(set_, ("snow_depth",), WARM)
        np.testing.assert_allclose(after["snow_depth"], pack()["snow"] / density, rtol=1e-12)
        np.testing.assert_array_equal(after["snow"], pack()["snow"])
