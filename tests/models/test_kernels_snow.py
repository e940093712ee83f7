import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.models import snowpack, soil_heat
from hydroda.models.kernels import heat, snow
from hydroda.models.kernels.column import (
    AGE,
    COUNT,
    DENSITY_OF_ICE,
    DZ,
    FREEZING,
    FUSION,
    HEAT_OF_ICE,
    HEAT_OF_WATER,
    ICE,
    LIQ,
    PACK,
    PACK_DEPTH,
    SNOW,
    T,
)

from .test_kernels_heat import LOAM, column, ground, work

WHOLE = soil_heat.SoilHeat().kernel()
USUAL = snowpack.Snowpack().kernel()
DRY = snowpack.Snowpack(holding=0.0).kernel()
THICKNESS = soil_heat.thickness(soil_heat.nodes())
EARTH = ground(LOAM, THICKNESS)
HOUR = 3600.0
EACH = settings(max_examples=200, deadline=None)


def bare(t=FREEZING + 1.0, theta=0.3):
    return column(THICKNESS, t, theta)


def layered(*layers, soil=FREEZING - 1.0):
    """A column under layers (ice, liquid [kg m-2], thickness [m], temperature [K])."""
    x, s = bare(soil)
    s[COUNT] = len(layers)
    for j, (ice, liquid, depth, t) in zip(range(SNOW - len(layers), SNOW), layers, strict=True):
        x[ICE, j], x[LIQ, j], x[DZ, j], x[T, j] = ice, liquid, depth, t
    snow.totals(x, s)
    return x, s


def water(x, s):
    """All water [kg m-2]; with layers, `PACK` repeats theirs."""
    top = SNOW - int(s[COUNT])
    return (x[ICE] + x[LIQ])[top:].sum() + (s[PACK] if top == SNOW else 0.0)


def energy(x, s):
    return heat.energy(WHOLE, EARTH, x, s)


def capacity(x, s):
    return heat.top_capacity(EARTH, x, s)


def fall(x, s, mass, air, pack=USUAL):
    snow.fall(pack, x, s, mass / HOUR, air, capacity(x, s), HOUR)


def evolve(x, s, rain=0.0, pack=USUAL):
    return let_out(x, s, rain, pack).water


def let_out(x, s, rain=0.0, pack=USUAL):
    """Water that leaves the snow, and heat that the soil does not take."""
    return snow.evolve(pack, x, s, rain / HOUR, capacity(x, s), HOUR)


def whole(x, s):
    """Whether the snow is one that may be: filled from below, nothing negative or over-full."""
    top = SNOW - int(s[COUNT])
    ice, liquid, dz, t = (x[row, top:SNOW] for row in (ICE, LIQ, DZ, T))
    assert 0 <= s[COUNT] <= SNOW
    assert (ice >= 0.0).all() and (liquid >= 0.0).all() and (dz > 0.0).all()
    assert (t <= FREEZING).all() and (t > 150.0).all()
    assert (liquid[t < FREEZING] <= 1e-9 * ice[t < FREEZING]).all()
    assert (ice <= DENSITY_OF_ICE * dz * (1.0 + 1e-12)).all()
    if top < SNOW:
        assert s[PACK] == pytest.approx((ice + liquid).sum(), rel=1e-12)
        assert s[PACK_DEPTH] == pytest.approx(dz.sum(), rel=1e-12)
    else:
        assert s[PACK] >= 0.0 and (s[PACK_DEPTH] > 0.0) == (s[PACK] > 0.0)
    return True


# -------------------------------------------------------------------------------- any snow at all


@st.composite
def snows(draw):
    """A column under any layers of snow, thin ones and light ones too, or under none."""
    count = draw(st.integers(0, SNOW))
    x, s = bare(FREEZING + draw(st.floats(-20.0, 5.0)))
    if x[T, SNOW] < FREEZING:
        x[ICE, SNOW:], x[LIQ, SNOW:] = x[LIQ, SNOW:].copy(), 0.0
    if count == 0:
        s[PACK] = draw(st.sampled_from((0.0, 1e-12, 0.01, 2.0)))
        s[PACK_DEPTH] = s[PACK] / draw(st.floats(250.0, 800.0))
    s[COUNT] = count
    s[AGE] = draw(st.floats(0.0, 3.0))
    for j in range(SNOW - count, SNOW):
        x[ICE, j] = draw(st.one_of(st.just(0.0), st.floats(1e-6, 400.0)))
        x[T, j] = FREEZING - draw(st.one_of(st.just(0.0), st.floats(0.0, 60.0)))
        if x[T, j] == FREEZING:
            x[LIQ, j] = draw(st.one_of(st.just(0.0), st.floats(0.0, 60.0)))
        if x[ICE, j] + x[LIQ, j] == 0.0:
            x[ICE, j] = 1e-6
        full = x[ICE, j] / DENSITY_OF_ICE + x[LIQ, j] / 1000.0
        x[DZ, j] = full * draw(st.floats(1.0, 20.0))
    snow.totals(x, s)
    return x, s


AMOUNT = st.one_of(st.just(0.0), st.floats(1e-9, 60.0))
AIR = st.floats(-60.0, 3.0)


@EACH
@given(snows(), AMOUNT, AIR)
def test_that_falling_snow_brings_its_water_and_its_cold(case, mass, warm):
    x, s = case
    before, held = energy(x, s), water(x, s)
    fall(x, s, mass, FREEZING + warm)
    brought = mass * (HEAT_OF_ICE * min(warm, 0.0) - FUSION)
    assert water(x, s) == pytest.approx(held + mass, rel=1e-13)
    assert energy(x, s) == pytest.approx(before + brought, rel=1e-12, abs=1e-3)


@EACH
@given(snows(), AMOUNT)
def test_that_the_evolution_of_snow_keeps_water_and_enthalpy(case, rain):
    x, s = case
    before, held = energy(x, s), water(x, s)
    outflow = let_out(x, s, rain)
    assert outflow.water >= 0.0 and outflow.warmth >= 0.0
    assert water(x, s) + outflow.water == pytest.approx(held + rain, rel=1e-13)
    # Rain and outflow are water at the freezing point, whose enthalpy is nothing.
    assert energy(x, s) + outflow.warmth == pytest.approx(before, rel=1e-12, abs=1e-3)
    assert whole(x, s)


@EACH
@given(snows(), st.floats(-1e-2, 1e-2), st.floats(-1e-2, 1e-2))
def test_that_vapour_is_taken_from_the_snow_or_comes_back(case, liquid, ice):
    x, s = case
    top = SNOW - int(s[COUNT])
    held, wet, frozen = s[PACK], x[LIQ, top:SNOW].sum(), x[ICE, top:SNOW].sum()
    lack = snow.vapour(x, s, liquid, ice, HOUR)
    assert s[PACK] - held == pytest.approx(
        HOUR * (liquid + ice) - lack.liquid - lack.ice, rel=1e-9, abs=1e-9
    )
    assert x[LIQ, :SNOW].min() >= 0.0 and x[ICE, :SNOW].min() >= 0.0 and s[PACK] >= 0.0
    mass = (x[ICE] + x[LIQ])[top:SNOW]
    tiny = np.finfo(float).tiny  # less is no number to divide
    assert np.array_equal(x[DZ, top:SNOW] > tiny, mass > tiny)
    assert abs(lack.ice) < 1e-12 or np.sign(lack.ice) == np.sign(ice)
    if top < SNOW:
        assert lack.ice == pytest.approx(min(frozen + ice * HOUR, 0.0), abs=1e-9)
        dry = min(wet + liquid * HOUR, 0.0)
        left = max(frozen + ice * HOUR, 0.0)
        # A layer's ice goes before the water of the next one: at least what all the water lacks.
        assert min(-dry, left) - 1e-9 <= lack.instead <= left + 1e-9
        assert lack.liquid == pytest.approx(min(dry + left, 0.0), abs=1e-9)
        assert x[ICE, top:SNOW].sum() == pytest.approx(left - lack.instead, rel=1e-9, abs=1e-9)


@EACH
@given(
    snows(),
    st.lists(
        st.tuples(AMOUNT, AIR, st.floats(-300.0, 900.0), st.sampled_from((0.0, 0.0, 12.0))),
        min_size=1,
        max_size=12,
    ),
)
def test_that_weather_on_snow_is_closed_in_water_and_energy(case, weather):
    x, s = case
    rows = work(x)
    evolve(x, s)
    for mass, warm, flux, rain in weather:
        held = water(x, s)
        fall(x, s, mass, FREEZING + warm)
        before = energy(x, s)
        result = heat.solve(WHOLE, EARTH, x, s, flux, -15.0, HOUR, rows)
        gained = HOUR * (flux - 15.0 * result.rise)
        assert abs(result.residual) < 1e-6
        assert energy(x, s) == pytest.approx(before + gained, rel=1e-11, abs=1e-2)
        after = energy(x, s)
        outflow = let_out(x, s, rain)
        left = result.melt + outflow.water
        assert energy(x, s) + outflow.warmth == pytest.approx(after, rel=1e-11, abs=1e-2)
        assert water(x, s) + left == pytest.approx(held + mass + rain, rel=1e-12)
        assert whole(x, s)


@EACH
@given(snows(), st.one_of(st.just(0.0), st.floats(1e-6, 900.0)))
def test_that_layers_follow_a_mass_that_an_analysis_gave(case, mass):
    x, s = case
    evolve(x, s)
    soil = x[:, SNOW:].copy()
    s[PACK] = mass
    snow.follow(x, s)
    assert s[PACK] == pytest.approx(mass, rel=1e-12)
    assert whole(x, s)
    assert np.array_equal(x[:, SNOW:], soil)
    assert water(x, s) - (x[ICE] + x[LIQ])[SNOW:].sum() == pytest.approx(mass, rel=1e-9, abs=1e-9)
    outflow = evolve(x, s)
    assert whole(x, s) and s[PACK] + outflow == pytest.approx(mass, rel=1e-9, abs=1e-12)


def test_that_layers_stay_where_an_analysis_changes_nothing():
    x, s = layered((30.0, 1.0, 0.1, FREEZING), (80.0, 0.0, 0.3, FREEZING - 4.0))
    before = x.copy(), s.copy()
    snow.follow(x, s)
    assert x == pytest.approx(before[0], rel=1e-14) and s == pytest.approx(before[1], rel=1e-14)


# ------------------------------------------------------------------------------------ the extremes


def test_that_five_metres_of_snow_lie_in_five_layers():
    x, s = bare(FREEZING)
    rows = work(x)
    total = 0.0
    while s[PACK_DEPTH] < 5.0:
        fall(x, s, 5.0, FREEZING - 8.0)
        total += 5.0
        heat.solve(WHOLE, EARTH, x, s, 20.0 * (FREEZING - 8.0 - x[T, SNOW - 1]), -20.0, HOUR, rows)
        assert evolve(x, s) == 0.0
        assert whole(x, s)
    assert s[COUNT] == SNOW
    assert s[PACK] == pytest.approx(total, rel=1e-12)
    assert 80.0 < s[PACK] / s[PACK_DEPTH] < 500.0
    density = x[ICE, :SNOW] / x[DZ, :SNOW]
    assert np.all(np.diff(density[1:]) > 0.0)


def test_that_minus_fifty_degrees_are_borne():
    x, s = bare(FREEZING - 50.0, 0.25)
    rows = work(x)
    for _ in range(24 * 60):
        fall(x, s, 0.05, FREEZING - 50.0)
        flux = -60.0 - 4.0 * (x[T, SNOW - int(s[COUNT])] - FREEZING + 50.0)
        result = heat.solve(WHOLE, EARTH, x, s, flux, -4.0, HOUR, rows)
        assert abs(result.residual) < 1e-6
        assert evolve(x, s) == 0.0
    assert whole(x, s) and s[PACK] == pytest.approx(0.05 * 24 * 60)


def test_that_one_flake_falls_and_goes():
    x, s = bare(FREEZING - 0.5)
    fall(x, s, 1e-9, FREEZING - 3.0)
    assert s[COUNT] == 0.0 and s[PACK] == 1e-9 and s[PACK_DEPTH] > 0.0
    assert evolve(x, s) == 0.0
    x[T, SNOW:] = FREEZING
    result = heat.solve(WHOLE, EARTH, x, s, 50.0, -5.0, HOUR, work(x))
    assert result.melt == pytest.approx(1e-9, rel=1e-12)
    assert s[PACK] == s[PACK_DEPTH] == 0.0


def test_that_rain_warms_cold_snow_by_freezing():
    mass, cold = 100.0, 6.0
    x, s = layered((mass, 0.0, 0.5, FREEZING - cold))
    needed = mass * HEAT_OF_ICE * cold / FUSION
    half = evolve(x, s, 0.5 * needed)
    assert half == 0.0
    top = SNOW - int(s[COUNT])
    assert x[LIQ, top:SNOW].sum() == pytest.approx(0.0, abs=1e-9)
    assert x[T, top:SNOW] == pytest.approx(
        FREEZING - 0.5 * cold * mass / (mass + 0.5 * needed), rel=1e-12
    )
    x, s = layered((mass, 0.0, 0.5, FREEZING - cold))
    outflow = evolve(x, s, needed + 20.0, DRY)
    assert outflow == pytest.approx(20.0, rel=1e-9)
    top = SNOW - int(s[COUNT])
    assert np.all(x[T, top:SNOW] == FREEZING)


def test_that_snow_holds_its_part_of_the_pores():
    x, s = layered((100.0, 0.0, 0.4, FREEZING))
    pores = 1000.0 * (0.4 - 100.0 / DENSITY_OF_ICE)
    assert evolve(x, s, 50.0) == pytest.approx(50.0 - 0.033 * pores, rel=1e-12)


def test_that_melt_takes_the_heat_of_fusion():
    x, s = layered((200.0, 0.0, 0.6, FREEZING), soil=FREEZING)
    result = heat.solve(WHOLE, EARTH, x, s, 300.0, 0.0, HOUR, work(x))
    assert result.rise == 0.0
    assert x[LIQ, SNOW - 1] == pytest.approx(300.0 * HOUR / FUSION, rel=1e-9)
    # The snow that stays keeps its density.
    assert x[ICE, SNOW - 1] / x[DZ, SNOW - 1] == pytest.approx(200.0 / 0.6, rel=1e-12)


def test_that_a_pack_melts_to_nothing_in_one_step():
    for layers in ([(6.0, 0.0, 0.03, FREEZING - 2.0)], [(3.0, 0.5, 0.02, FREEZING)] * 3):
        x, s = layered(*layers, soil=FREEZING)
        held = s[PACK]
        before = energy(x, s)
        result = heat.solve(WHOLE, EARTH, x, s, 3000.0, -10.0, HOUR, work(x))
        outflow, warmth = let_out(x, s)
        assert outflow + result.melt == pytest.approx(held, rel=1e-12)
        assert s[COUNT] == s[PACK] == s[PACK_DEPTH] == 0.0
        gained = HOUR * (3000.0 - 10.0 * result.rise)
        assert energy(x, s) + warmth == pytest.approx(before + gained, rel=1e-11)
        assert x[T, SNOW] > FREEZING


def test_that_melted_snow_heats_dry_ground_to_its_own_temperature_at_most():
    """30 mm that a storm melts and warms by 30 K: four times the heat dry ground is worth."""
    x, s = layered((0.0, 30.0, 0.03, FREEZING + 30.0), soil=FREEZING)
    ground, before = capacity(x, s), energy(x, s)
    mixed = 30.0 * HEAT_OF_WATER * 30.0 / (30.0 * HEAT_OF_WATER + ground)
    outflow = let_out(x, s)
    assert outflow.water == pytest.approx(30.0, rel=1e-12)
    assert x[T, SNOW] == pytest.approx(FREEZING + mixed, rel=1e-12)
    assert outflow.warmth == pytest.approx(before - energy(x, s), rel=1e-9)


def test_that_sublimation_goes_on_into_the_next_layer():
    x, s = layered((1.0, 0.0, 0.01, FREEZING - 5.0), (20.0, 0.0, 0.1, FREEZING - 3.0))
    lack = snow.vapour(x, s, 0.0, -3.0 / HOUR, HOUR)
    assert lack == (0.0, 0.0, 0.0)
    assert x[ICE, SNOW - 2] == 0.0 and x[ICE, SNOW - 1] == pytest.approx(18.0)
    assert x[DZ, SNOW - 1] == pytest.approx(0.1 * 18.0 / 20.0)
    assert evolve(x, s) == 0.0
    assert s[COUNT] == 2.0 or x[ICE, SNOW - 1] == pytest.approx(18.0)
    assert s[PACK] == pytest.approx(18.0, rel=1e-12)


# ------------------------------------------------------------------------------- settling, layers


def test_that_ice_goes_where_liquid_water_runs_out():
    x, s = layered((20.0, 0.3, 0.1, FREEZING), (20.0, 5.0, 0.1, FREEZING))
    lack = snow.vapour(x, s, -1.0 / HOUR, 0.0, HOUR)
    assert lack == pytest.approx((0.0, 0.0, 0.7))
    assert x[ICE, SNOW - 2] == pytest.approx(19.3) and x[LIQ, SNOW - 1] == 5.0


def test_that_a_layer_of_each_place_is_no_thicker_than_told():
    x, s = bare(FREEZING - 2.0)
    for _ in range(400):
        fall(x, s, 2.0, FREEZING - 4.0)
        evolve(x, s)
        top = SNOW - int(s[COUNT])
        for place in range(int(s[COUNT]) - 1):
            assert x[DZ, top + place] <= snow.MOST[place] * (1.0 + 1e-12)
        if s[COUNT] < SNOW:
            assert x[DZ, SNOW - 1] <= snow.SPLIT[int(s[COUNT]) - 1] * (1.0 + 1e-12)


def test_that_light_snow_settles_at_andersons_rate():
    still = snowpack.Snowpack(compaction=snowpack.Compaction(viscosity="1e30 kg s/m2")).kernel()
    for cold in (0.0, 10.0):
        x, s = layered((2.0, 0.0, 0.025, FREEZING - cold))
        snow.evolve(still, x, s, 0.0, capacity(x, s), 60.0)
        rate = 2.777e-6 * np.exp(-0.04 * cold)
        assert s[PACK_DEPTH] == pytest.approx(0.025 / (1.0 + 60.0 * rate), rel=1e-12)


def test_that_snow_yields_to_its_load():
    lasting = snowpack.Snowpack(compaction=snowpack.Compaction(rate="0 1/s")).kernel()
    x, s = layered((60.0, 0.0, 0.2, FREEZING - 10.0), (90.0, 0.0, 0.3, FREEZING - 10.0))
    snow._settle(lasting.compaction, x, s, HOUR)
    for j, load, depth in ((SNOW - 2, 30.0, 0.2), (SNOW - 1, 105.0, 0.3)):
        viscosity = 9e5 * np.exp(0.08 * 10.0 + 0.023 * 300.0)
        assert x[DZ, j] == pytest.approx(depth / (1.0 + HOUR * load / viscosity), rel=1e-12)


def test_that_snow_never_gets_denser_than_ice():
    x, s = layered(*[(300.0, 0.0, 0.4, FREEZING)] * 5)
    for _ in range(24 * 365):
        snow._settle(USUAL.compaction, x, s, 10.0 * HOUR)
    assert np.all(x[ICE, :SNOW] / x[DZ, :SNOW] <= DENSITY_OF_ICE * (1.0 + 1e-12))


def test_that_cover_is_as_published():
    niu, rough = snow.NiuYang(), snow.RoughCover()
    assert snow.cover(niu, 0.05, 5.0, 0.01) == pytest.approx(np.tanh(0.05 / 0.025))
    assert snow.cover(niu, 0.05, 15.0, 0.01) == pytest.approx(np.tanh(0.05 / (0.025 * 3.0)))
    assert snow.cover(rough, 0.1, 10.0, 0.01) == pytest.approx(0.5)
    for choice in (niu, rough):
        assert snow.cover(choice, 0.0, 0.0, 0.01) == 0.0
        assert 0.9 < snow.cover(choice, 5.0, 1500.0, 0.01) <= 1.0


def test_that_fresh_snow_is_lighter_in_the_cold():
    anderson, hedstrom = snow.AndersonDensity(), snow.HedstromPomeroy()
    assert snow.fresh(anderson, FREEZING - 30.0) == 50.0
    assert snow.fresh(anderson, FREEZING + 5.0) == pytest.approx(50.0 + 1.7 * 17.0**1.5)
    assert snow.fresh(anderson, FREEZING) == pytest.approx(50.0 + 1.7 * 15.0**1.5)
    assert snow.fresh(hedstrom, FREEZING) == pytest.approx(67.92 + 51.25)


def test_that_the_surface_ages_and_fresh_snow_renews_it():
    x, s = layered((50.0, 0.0, 0.2, FREEZING), soil=FREEZING)
    evolve(x, s)
    assert s[AGE] == pytest.approx(1e-6 * HOUR * 2.3)
    x, s = layered((50.0, 0.0, 0.2, FREEZING - 20.0))
    evolve(x, s)
    grains = np.exp(5000.0 * (1.0 / FREEZING - 1.0 / (FREEZING - 20.0)))
    assert s[AGE] == pytest.approx(1e-6 * HOUR * (grains + grains**10 + 0.3))
    s[AGE] = 0.8
    fall(x, s, 2.5, FREEZING - 5.0)
    assert s[AGE] == pytest.approx(0.6)
    fall(x, s, 12.0, FREEZING - 5.0)
    assert s[AGE] == 0.0
