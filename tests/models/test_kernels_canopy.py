"""Leaves and ground: closed balances, limits with a closed form, stress, store and dew."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hydroda.models import plants
from hydroda.models.kernels import canopy as kernels
from hydroda.models.kernels import radiation as rad
from hydroda.models.kernels.column import (
    DZ,
    FREEZING,
    HEAT_OF_AIR,
    ICE,
    LIQ,
    ROWS,
    SNOW,
    STEFAN_BOLTZMANN,
    VAPORISATION,
    H,
    T,
)

PRESSURE, HOUR = 95000.0, 3600.0
NUMBERS = kernels.Settings(0.25, 0.1, 0.004, 0.5, 0.1, 20)
EXACT = NUMBERS._replace(tolerance=1e-10, iterations=200)
WET = kernels.TopSoil(-0.5, 0.9, 0.6, 0.0, 0.0)
DARK = rad.Absorbed(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 1.0, 1.0)
TOKENS = (
    kernels.KelvinHumidity(0),
    kernels.SakaguchiZeng(0.5, 0.05),
    kernels.LinearSaturation(0.1),
)


def plant(name="c3 crop", **changes):
    return kernels.plant(np.array(plants.clm4(name).plant_row()))._replace(**changes)


def air(temperature=295.0, relative=0.6, wind=3.0, longwave=340.0, co2=370e-6):
    q = kernels.saturation_humidity(temperature, PRESSURE)[0] * relative
    return kernels.air(temperature, q, PRESSURE, wind, longwave, co2, 10.0, 10.0)


def ground(weather, temperature=295.0, token=TOKENS[1], top=WET):
    moisture = kernels.ground_humidity(token, temperature, weather.humidity, PRESSURE, top)
    return kernels.ground(temperature, moisture, top.snow_cover)


def sunlight(shortwave=600.0, mu=0.7, lai=3.0, sai=0.4, name="c3 crop"):
    optics = rad.optics(np.array(plants.clm4(name).optics_row()))
    sky = rad.split(rad.FluxSplit(0.5), shortwave, mu)
    return rad.absorb(optics, sky, rad.Albedo(0.1, 0.1, 0.2, 0.2), mu, lai, sai, 0.0)


def exchange(
    kind=None, weather=None, below=None, light=None, lai=3.0, sai=0.4, water=0.0, t_leaf=295.0,
    btran=1.0, numbers=NUMBERS, rough=None,
):  # fmt: skip
    kind, weather = kind or plant(), weather or air()
    below = below or ground(weather)
    rough = rough or kernels.roughness(kernels.DenseRoughness(2.0), kind, lai, sai, 0.01)
    return kernels.fluxes(
        numbers, kind, weather, below, light or sunlight(lai=lai, sai=sai), rough, lai, sai, water,
        t_leaf, btran, HOUR,
    )  # fmt: skip


# --------------------------------------------------------------------------------- closed balances

weather = st.tuples(
    st.floats(223.0, 325.0),  # temperature
    st.floats(0.02, 1.2),  # relative humidity
    st.floats(0.0, 40.0),  # wind
    st.floats(0.5, 1.1),  # longwave over black body
)


@settings(max_examples=300)
@given(
    weather,
    st.floats(-25.0, 25.0),  # ground minus air
    st.floats(-15.0, 15.0),  # last leaf temperature minus air
    st.floats(0.0, 1100.0),
    st.floats(-0.3, 1.0),
    st.sampled_from([0.0, 0.06, 0.5, 3.0, 8.0]),
    st.sampled_from([0.0, 0.3, 4.0]),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.sampled_from(plants.CLM4_TYPES),
    st.sampled_from(TOKENS),
)
def test_that_energy_closes_in_any_weather(
    sky, warmer, leaf, shortwave, mu, lai, sai, full, btran, name, token
):
    temperature, relative, wind, longwave = sky
    above = air(temperature, relative, wind, longwave * STEFAN_BOLTZMANN * temperature**4)
    below = ground(above, temperature + warmer, token)
    light = sunlight(shortwave * max(mu, 0.0), mu, lai, sai, name)
    water = full * NUMBERS.capacity * (lai + sai)
    got = exchange(plant(name), above, below, light, lai, sai, water, temperature + leaf, btran)
    assert np.isfinite(got).all()
    net = above.longwave - got.longwave_up - got.longwave_ground
    latent = VAPORISATION * (got.evaporation_leaf + got.transpiration)
    assert_allclose(light.sun + light.shade + net, got.sensible_leaf + latent, atol=1e-9)
    assert got.evaporation_leaf * HOUR <= water + 1e-15
    assert got.transpiration >= 0.0
    assert got.sensible_ground_dt > 0
    assert got.evaporation_ground_dt >= 0
    assert abs(got.t_leaf - temperature) < 60.0
    assert got.iterations < NUMBERS.iterations or abs(got.residual) < 20.0


@settings(max_examples=200)
@given(weather, st.floats(-8.0, 8.0), st.floats(0.0, 900.0), st.floats(0.0, 1.0))
def test_that_leaves_keep_nothing_once_their_temperature_is_found(sky, warmer, shortwave, btran):
    temperature, relative, wind, longwave = sky
    above = air(temperature, relative, wind, longwave * STEFAN_BOLTZMANN * temperature**4)
    got = exchange(
        weather=above, below=ground(above, temperature + warmer), light=sunlight(shortwave),
        btran=btran, t_leaf=temperature, numbers=EXACT,
    )  # fmt: skip
    assert abs(got.residual) < 1e-9


def test_that_bare_ground_radiates_and_exchanges_by_itself():
    above = air()
    below = ground(above, 300.0)
    light = sunlight(lai=0.0, sai=0.0)
    got = exchange(weather=above, below=below, light=light, lai=0.0, sai=0.0)
    emitted = 0.96 * STEFAN_BOLTZMANN * 300.0**4
    assert_allclose(got.longwave_ground, 0.96 * 340.0 - emitted)
    assert_allclose(got.longwave_up, emitted + 0.04 * 340.0)
    assert got.sensible_leaf == got.evaporation_leaf == got.transpiration == 0.0
    assert_allclose(got.sensible_ground, got.sensible_ground_dt * (300.0 - above.potential))
    assert_allclose(
        got.sensible_ground * got.resistance, above.density * HEAT_OF_AIR * (300 - above.potential)
    )


def test_that_the_air_gets_what_leaves_and_ground_give():
    above = air()
    got = exchange(weather=above, below=ground(above, 301.0), water=0.1, numbers=EXACT)
    heat = above.density * HEAT_OF_AIR * (got.t_air - above.potential) / got.resistance
    vapour = above.density * (got.q_air - above.humidity) / got.resistance
    assert_allclose(got.sensible_leaf + got.sensible_ground, heat, rtol=1e-9)
    given_off = got.evaporation_leaf + got.transpiration + got.evaporation_ground
    assert_allclose(given_off, vapour, rtol=1e-9)


def test_that_longwave_of_leaves_as_warm_as_a_black_sky_and_ground_is_none():
    above = air(290.0, 0.5, 3.0, STEFAN_BOLTZMANN * 290.0**4)
    above = above._replace(potential=290.0)
    below = ground(above, 290.0)._replace(emissivity=0.9)
    dry = below._replace(moisture=below.moisture._replace(humidity=above.humidity))
    got = exchange(weather=above, below=dry, light=DARK, t_leaf=290.0, btran=0.0, numbers=EXACT)
    assert_allclose(got.t_leaf, 290.0, atol=1e-9)
    assert_allclose(got.longwave_up, above.longwave, rtol=1e-12)
    assert_allclose(got.longwave_ground, 0.0, atol=1e-8)


# ------------------------------------------------------------------------------- wet leaves, dew


@pytest.mark.parametrize("relative", [0.2, 0.6, 1.0])
def test_that_wet_leaves_follow_penman(relative):
    """With the chord of the saturation curve the combination equation is exact."""
    above = air(relative=relative)
    above = above._replace(potential=above.temperature)
    alone = EXACT._replace(drag=1e-12)
    got = exchange(weather=above, lai=30.0, sai=0.0, water=10.0, numbers=alone)
    boundary = math.sqrt(plant().leaf_size / got.friction) / kernels.LEAF_TRANSFER
    resistance = got.resistance + boundary / 30.0
    at_leaf, at_air = (
        kernels.saturation_humidity(t, PRESSURE)[0] for t in (got.t_leaf, above.temperature)
    )
    slope = (at_leaf - at_air) / (got.t_leaf - above.temperature)
    gamma = HEAT_OF_AIR / VAPORISATION
    net = got.sensible_leaf + VAPORISATION * got.evaporation_leaf
    deficit = above.density * HEAT_OF_AIR * (at_air - above.humidity) / resistance
    penman = (slope * net + deficit) / (slope + gamma)
    assert_allclose(VAPORISATION * got.evaporation_leaf, penman, rtol=1e-6)
    if relative == 1.0:  # equilibrium evaporation, that of Priestley and Taylor without their 1.26
        assert_allclose(penman, slope / (slope + gamma) * net, rtol=1e-9)


def test_that_cold_leaves_collect_dew_and_do_not_transpire():
    above = air(285.0, 0.99, 1.0, 220.0)
    got = exchange(weather=above, below=ground(above, 284.0), light=DARK, t_leaf=285.0)
    assert got.evaporation_leaf < 0.0
    assert got.transpiration == 0.0


@given(st.floats(1e-6, 0.3))
def test_that_wet_leaves_lose_no_more_than_they_hold(water):
    got = exchange(weather=air(305.0, 0.2, 8.0), water=water)
    assert 0.0 < got.evaporation_leaf <= water / HOUR * (1 + 1e-12)


def test_that_the_limit_of_the_store_is_reached_without_a_jump():
    """The balance on both sides of the supply that wet leaves just need."""
    above = air(305.0, 0.3, 5.0)
    below = ground(above)
    paths = kernels.Paths(0.03, 0.2, 0.01, 0.01, 0.1, 0.02)
    humidity = kernels.saturation_humidity(303.0, PRESSURE)
    free = kernels.balance(303.0, 900.0, 1e-7, humidity, paths, above, below, 1.0)
    just = kernels.balance(
        303.0, 900.0, 1e-7, humidity, paths, above, below, free.evaporation * (1 - 1e-9)
    )
    assert just.evaporation < free.evaporation
    assert_allclose(just.transpiration, free.transpiration, rtol=1e-6)
    assert_allclose(just.q_air, free.q_air, rtol=1e-9)


# ----------------------------------------------------------------------------------------- slopes


@pytest.mark.parametrize("supply", [1.0, 1e-6])
def test_that_slopes_are_those_of_finite_differences(supply):
    above = air(300.0, 0.5)
    paths = kernels.Paths(0.03, 0.2, 0.01, 0.004, 0.05, 0.03)

    def at(t_leaf, t_ground):
        below = ground(above, t_ground)
        humidity = kernels.saturation_humidity(t_leaf, PRESSURE)
        now = kernels.balance(t_leaf, 900.0, 1e-7, humidity, paths, above, below, supply)
        heat = above.density * HEAT_OF_AIR * paths.ground * (t_ground - now.t_air)
        vapour = above.density * paths.ground_vapour * (below.moisture.humidity - now.q_air)
        return now, heat, vapour, below

    now, _, _, below = at(301.0, 299.0)
    d = 1e-4
    assert_allclose(
        (at(301 - d, 299)[0].gain - at(301 + d, 299)[0].gain) / (2 * d), now.slope, 1e-6
    )
    slopes = kernels.ground_slopes(paths, above, below, now.vapour_path)
    warm, cold = at(301.0, 299.0 + d), at(301.0, 299.0 - d)
    assert_allclose(slopes, [(warm[k] - cold[k]) / (2 * d) for k in (1, 2)], rtol=1e-6)


@pytest.mark.parametrize("kelvin", [215.0, 260.0, 273.1, 273.2, 300.0])
def test_that_saturation_has_its_published_values_and_its_slope(kelvin):
    e, slope = kernels.saturation(kelvin)
    d = 1e-4
    fine = (kernels.saturation(kelvin + d)[0] - kernels.saturation(kelvin - d)[0]) / (2 * d)
    assert_allclose(slope, fine, rtol=1e-6)
    # Goff & Gratch (1946), Smithsonian tables [Pa]
    printed = {260.0: 195.8, 300.0: 3536.0}
    if kelvin in printed:
        assert_allclose(e, printed[kelvin], rtol=5e-3)
    _, q_slope, _ = kernels.saturation_humidity(kelvin, PRESSURE)
    fine_q = kernels.saturation_humidity(kelvin + d, PRESSURE)[0]
    fine_q -= kernels.saturation_humidity(kelvin - d, PRESSURE)[0]
    assert_allclose(q_slope, fine_q / (2 * d), rtol=1e-6)


def test_that_ground_longwave_falls_with_its_temperature_as_told():
    above = air()
    warm, cold, at = (
        exchange(weather=above, below=ground(above, t), numbers=EXACT, light=DARK, btran=0.0)
        for t in (295.001, 294.999, 295.0)
    )
    emitted = 0.96 * STEFAN_BOLTZMANN * (295.001**4 - 294.999**4) / 0.002
    assert_allclose(at.longwave_ground_dt, -emitted, rtol=1e-8)
    assert warm.longwave_ground < cold.longwave_ground


# ---------------------------------------------------------------------------------------- stomata

LEAF = kernels.leaf_rates(298.15, PRESSURE, 1.0)


def test_that_rates_at_25_degrees_are_their_reference_values():
    hot = math.exp((710 * 298.15 - 2.2e5) / (8.314 * 298.15))
    oxygen = 0.209 * PRESSURE
    assert_allclose(LEAF.capacity, 1 / (1 + hot), rtol=1e-12)
    assert_allclose(LEAF.kinetics, 30.0 * (1 + oxygen / 30000.0), rtol=1e-12)
    assert_allclose(LEAF.compensation, 0.5 * 30.0 / 30000.0 * 0.21 * oxygen, rtol=1e-12)
    cool = kernels.leaf_rates(288.15, PRESSURE, 1.0)
    cold = math.exp((710 * 288.15 - 2.2e5) / (8.314 * 288.15))
    assert_allclose(LEAF.capacity * (1 + hot) / (cool.capacity * (1 + cold)), 2.4, rtol=1e-12)
    assert_allclose(kernels.leaf_rates(298.15, PRESSURE, 0.3).capacity, 0.3 * LEAF.capacity)


def test_that_photosynthesis_takes_the_least_of_its_limits():
    c3, c4 = plant(), plant("c4 grass")
    co2, gamma = 25.0, LEAF.compensation

    def fixed(kind, vmax, light, inside=co2):
        return kernels.assimilation(kind, LEAF, vmax, light, inside, PRESSURE)

    assert_allclose(fixed(c3, 1e6, 10.0), 10.0 * (co2 - gamma) / (co2 + 2 * gamma))
    assert_allclose(fixed(c3, 50.0, 1e6), 50.0 * (co2 - gamma) / (co2 + LEAF.kinetics))
    assert fixed(c3, 50.0, 1e6, 1e6) == 25.0  # export, half the capacity
    assert fixed(c3, 50.0, 1e6, 0.5 * gamma) == 0.0
    assert fixed(c4, 50.0, 1e6) == 50.0
    assert fixed(c4, 50.0, 12.0) == 12.0
    assert_allclose(fixed(c4, 50.0, 1e6, 0.1), 4000.0 * 50.0 * 0.1 / PRESSURE)


@pytest.mark.parametrize("name", ["c3 grass", "c4 grass"])
@pytest.mark.parametrize("par", [5.0, 60.0, 250.0])
@pytest.mark.parametrize("humidity", [0.45, 0.9])
def test_that_stomata_have_the_slope_of_ball_and_berry(name, par, humidity):
    kind, above = plant(name), air()
    got = kernels.stomata(kind, LEAF, par, 0.8, 25.0, humidity, 1e-6, 1.0, above)
    molar = PRESSURE / (8.314 * above.temperature) * 1e6
    co2 = above.co2 * PRESSURE
    wanted = kind.slope * got.assimilation * humidity * PRESSURE / co2 + kind.resting
    assert_allclose(molar / got.resistance, wanted, rtol=1e-6)
    inside = co2 - 1.65 * got.assimilation * PRESSURE * got.resistance / molar
    assert_allclose(got.inside, inside, atol=2e-4 * co2)


@given(
    st.floats(0.1, 500.0), st.floats(0.05, 1.0), st.floats(1.0, 500.0), st.floats(0.01, 1.0),
    st.floats(263.0, 318.0), st.sampled_from(["c3 grass", "c4 grass"]), st.floats(0.1, 60.0),
)  # fmt: skip
def test_that_the_diffusion_of_carbon_dioxide_closes(
    par, humidity, boundary, btran, t, name, start
):
    kind, above = plant(name), air(295.0)
    rates = kernels.leaf_rates(t, PRESSURE, btran)
    got = kernels.stomata(kind, rates, par, 1.0, start, humidity, boundary, btran, above)
    molar = PRESSURE / (8.314 * above.temperature) * 1e6
    path = (1.37 * boundary + 1.65 * got.resistance) / molar
    drop = above.co2 * PRESSURE - got.inside
    assert_allclose(got.assimilation * PRESSURE * path, drop, atol=5e-4 * above.co2 * PRESSURE)
    assert got.resistance > 0


def test_that_wilted_leaves_do_not_transpire_and_dark_ones_hardly():
    assert exchange(btran=0.0).transpiration == 0.0
    open_, shut = exchange().transpiration, exchange(light=DARK).transpiration
    assert 0.0 < shut < 0.3 * open_


def test_that_transpiration_grows_with_the_wetness_of_the_roots_and_of_light():
    wetness = [exchange(btran=b).transpiration for b in (0.05, 0.2, 0.5, 1.0)]
    assert (np.diff(wetness) > 0).all()
    bright = [exchange(light=sunlight(w)).transpiration for w in (30.0, 150.0, 600.0)]
    assert (np.diff(bright) > 0).all()


def test_that_more_carbon_dioxide_saves_water_and_feeds_more():
    now, later = exchange(weather=air(co2=370e-6)), exchange(weather=air(co2=740e-6))
    assert later.transpiration < now.transpiration
    assert later.assimilation > now.assimilation


# ------------------------------------------------------------------------------------- interception


@given(
    st.floats(0.0, 2.0), st.floats(0.0, 0.02), st.floats(0.0, 0.01), st.floats(0.0, 8.0),
    st.floats(0.0, 4.0), st.sampled_from([60.0, 1800.0, 3600.0]), st.sampled_from([0.25, 1.0]),
)  # fmt: skip
def test_that_leaves_neither_make_nor_lose_rain(water, rain, snow, lai, sai, dt, share):
    numbers = NUMBERS._replace(interception=share)
    got = kernels.intercept(numbers, water, rain, snow, lai, sai, dt)
    came, went = water + dt * (rain + snow), got.water + dt * (got.rain + got.snow)
    assert_allclose(went, came, atol=1e-12)
    assert 0.0 <= got.water <= NUMBERS.capacity * (lai + sai) + 1e-15
    assert min(got.rain, got.snow) >= 0.0
    if rain + snow > 0:
        assert_allclose(got.snow * rain, got.rain * snow, atol=1e-15)


def test_that_leaves_catch_the_published_share_of_rain():
    got = kernels.intercept(NUMBERS, 0.0, 1e-5, 0.0, 3.0, 0.4, HOUR)
    assert_allclose(got.water, 0.25 * (1 - math.exp(-1.7)) * 1e-5 * HOUR)
    assert_allclose(kernels.wet_fraction(NUMBERS, 0.17, 3.0, 0.4), 0.5 ** (2 / 3))
    assert kernels.wet_fraction(NUMBERS, 1.0, 3.0, 0.4) == 1.0
    assert kernels.wet_fraction(NUMBERS, 0.1, 0.0, 0.0) == 0.0


# --------------------------------------------------------------------------------- stress and roots


def column(temperature=285.0, head=-5.0, wet=0.5, ice=0.0):
    x = np.zeros((ROWS, SNOW + 4))
    x[T], x[DZ], x[H] = temperature, 0.1, head
    x[LIQ], x[ICE] = wet * 45.0, ice * 45.0
    return x


POROSITY, ROOTS = np.full(4, 0.45), np.array([0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("token", [kernels.HeadStress(0), kernels.SaturationStress(0.2, 1.0)])
def test_that_shares_of_transpiration_sum_to_one_and_frozen_layers_give_none(token):
    x, share = column(), np.full(4, np.nan)
    x[T, SNOW] = 270.0
    wet = kernels.stress(token, plant(), x, POROSITY, ROOTS, share)
    assert 0.0 < wet < 1.0
    assert_allclose(share.sum(), 1.0, rtol=1e-14)
    assert share[0] == 0.0
    assert_allclose(share[1:], ROOTS[1:] / 0.6)
    x[T] = 265.0
    assert kernels.stress(token, plant(), x, POROSITY, ROOTS, share) == 0.0
    assert (share == 0.0).all()


def test_that_roots_feel_the_head_between_opening_and_closing():
    kind, share = plant(), np.zeros(4)
    half = 0.5 * (kind.open_head + kind.closed_head)
    for head, wanted in ((-1.0, 1.0), (half, 0.5), (kind.closed_head, 0.0), (-1e5, 0.0)):
        got = kernels.stress(kernels.HeadStress(0), kind, column(head=head), POROSITY, ROOTS, share)
        assert_allclose(got, wanted, atol=1e-12)
    icy = kernels.stress(
        kernels.HeadStress(0), kind, column(head=-1.0, ice=0.25, wet=0.5), POROSITY, ROOTS, share
    )
    assert_allclose(icy, 0.75)


def test_that_roots_feel_saturation_between_its_two_values():
    token, share = kernels.SaturationStress(0.2, 1.0), np.zeros(4)
    for wet, wanted in ((0.1, 0.0), (0.2, 0.0), (0.6, 0.5), (1.0, 1.0)):
        got = kernels.stress(token, plant(), column(wet=wet), POROSITY, ROOTS, share)
        assert_allclose(got, wanted, atol=1e-12)


# ---------------------------------------------------------------------------------- ground humidity


def humidity(token, top, q_air=0.0, temperature=295.0):
    return kernels.ground_humidity(token, temperature, q_air, PRESSURE, top)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: type(token).__name__)
def test_that_wet_ground_is_saturated_and_its_slope_right(token):
    top = kernels.TopSoil(0.0, 1.0, 0.6, 0.0, 0.0)
    q = kernels.saturation_humidity(295.0, PRESSURE)
    got = humidity(token, top)
    assert_allclose([got.humidity, got.humidity_dt, got.factor], [q[0], q[1], 1.0])


def test_that_dry_soil_takes_dew_only_from_saturated_air():
    dry = kernels.TopSoil(-1e5, 0.1, 0.6, 0.0, 0.0)
    q = kernels.saturation_humidity(295.0, PRESSURE)[0]
    alpha = math.exp(-1e5 * 9.80616 / (461.5 * 295.0))
    kelvin = kernels.KelvinHumidity(0)
    assert_allclose(humidity(kelvin, dry).humidity, alpha * q)
    between = humidity(kelvin, dry, 0.8 * q)
    assert (between.humidity, between.humidity_dt) == (0.8 * q, 0.0)
    assert_allclose(humidity(kelvin, dry, 1.1 * q).humidity, q)


def test_that_drying_soil_and_litter_hold_vapour_back():
    token = kernels.SakaguchiZeng(0.5, 0.05)
    for part, wanted in ((0.6, 1.0), (0.3, 0.25), (0.006, 0.0)):
        got = humidity(token, kernels.TopSoil(-1.0, part, 0.6, 0.0, 0.0))
        assert_allclose(got.factor, wanted, atol=1e-6)
    assert humidity(token, WET).litter == 0.5
    snowy = humidity(token, kernels.TopSoil(-1.0, 0.3, 0.6, 1.0, 0.08))
    assert (snowy.factor, snowy.litter) == (1.0, 0.0)
    linear = humidity(kernels.LinearSaturation(0.2), kernels.TopSoil(-1.0, 0.6, 0.6, 0.0, 0.0))
    assert_allclose(linear.factor, 0.5)


def test_that_litter_slows_evaporation_below_leaves():
    above = air()
    bare, covered = (
        exchange(weather=above, below=ground(above, 298.0, kernels.SakaguchiZeng(area, 0.05)))
        for area in (0.0, 2.0)
    )
    assert 0.0 < covered.evaporation_ground < bare.evaporation_ground


# ---------------------------------------------------------------------------------------- roughness


def test_that_roughness_fades_to_the_ground_with_leaves():
    kind, dense = plant(), kernels.DenseRoughness(2.0)
    full = kernels.roughness(dense, kind, 3.0, 0.5, 0.01)
    thin = kernels.roughness(dense, kind, 1e-5, 0.0, 0.01)
    assert_allclose(full, [kind.roughness, kind.displacement])
    assert_allclose(thin, [0.01, 0.0], atol=1e-4)
    fixed = kernels.roughness(kernels.FixedRoughness(0), kind, 0.1, 0.0, 0.01)
    assert_allclose(fixed, [kind.roughness, kind.displacement])
    assert kernels.roughness(kernels.FixedRoughness(0), kind, 0.0, 0.0, 0.01) == (0.01, 0.0)


def test_that_frost_is_colder_than_freezing():
    assert kernels.saturation(FREEZING - 20.0)[0] < 125.9  # over supercooled water [Pa]
