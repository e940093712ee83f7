import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import erf, erfc

from hydroda.compiled import kernel
from hydroda.models import soil_heat
from hydroda.models.kernels import heat, soil
from hydroda.models.kernels.column import (
    CONDUCTIVITY_OF_ICE,
    CONDUCTIVITY_OF_WATER,
    COUNT,
    DZ,
    FREEZING,
    FUSION,
    GRAVITY,
    HEAT_OF_ICE,
    HEAT_OF_WATER,
    ICE,
    LIQ,
    PACK,
    PACK_DEPTH,
    ROWS,
    SCALARS,
    SNOW,
    T,
)
from hydroda.models.retention import BrooksCorey, ClappHornberger, Gardner, VanGenuchten

IMPLICIT = soil_heat.SoilHeat().kernel()
CRANK_NICOLSON = soil_heat.SoilHeat(implicit=0.5).kernel()
LOAM = ClappHornberger("0.45 m3/m3", "-0.3 m", 5.4, "5e-6 m/s")
CURVES = (
    LOAM,
    BrooksCorey("0.05 m3/m3", "0.4 m3/m3", "-0.1 m", 0.4, "1e-5 m/s"),
    VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day"),
    VanGenuchten("0.068 m3/m3", "0.38 m3/m3", "0.8 1/m", 1.09, "4.8 cm/day"),
    Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h"),
)
# Water that freezes within a millikelvin, and no soil around it.
WATER = Gardner("0 m3/m3", "1 m3/m3", "100 1/m", "1 m/s")


def ground(curve, dz, thermal=None, above=None):
    """Soil of layers dz [m] with nodes in their middles, of loam's thermal numbers."""
    n = len(dz)
    row = curve.stack(curve.values())
    raw = np.array(np.broadcast_to(row, (n, row.shape[-1])))
    c = soil.coefficients(curve.token, raw)[0]
    porosity = np.array(np.broadcast_to(curve.values()["theta_s"], n))
    if thermal is None:
        thermal = np.array(soil_heat.thermal(43.0, 18.0, porosity))
    above = 0.5 * np.asarray(dz) if above is None else above
    return heat.ground(curve.token, c, above, porosity, thermal)


def column(dz, t, theta, ice=0.0, scalars=()):
    """x and s of a column without layers of snow; theta and ice [m3 m-3 of water]."""
    n = len(dz)
    x, s = np.zeros((ROWS, SNOW + n)), np.zeros(SCALARS)
    x[DZ, SNOW:], x[T, SNOW:] = dz, t
    x[LIQ, SNOW:] = 1000.0 * np.asarray(dz) * theta
    x[ICE, SNOW:] = 1000.0 * np.asarray(dz) * ice
    for place, value in scalars:
        s[place] = value
    return x, s


def work(x):
    return np.empty((heat.WORK, x.shape[1]))


def pure_water(n):
    """Thermal numbers of layers without solids."""
    full = np.full(n, CONDUCTIVITY_OF_WATER)
    return np.array([np.zeros(n), np.zeros(n), full, full])


@kernel
def under(conduction, earth, x, s, surface, conductance, seconds, rows):
    """Steps under surface temperatures [K] behind a conductance [W m-2 K-1]."""
    for k in range(surface.size):
        flux = conductance * (surface[k] - x[T, SNOW])
        heat.solve(conduction, earth, x, s, flux, -conductance, seconds, rows)


# ---------------------------------------------------------------------------------- closed forms


def neumann(cold, warm):
    """mu of the front 2 mu sqrt(a t) of water at `warm` [K above] under a surface at -`cold`."""
    k_i, k_w = CONDUCTIVITY_OF_ICE, CONDUCTIVITY_OF_WATER
    c_i, c_w = 1000.0 * HEAT_OF_ICE, 1000.0 * HEAT_OF_WATER
    a_i, a_w = k_i / c_i, k_w / c_w
    ratio = np.sqrt(a_i / a_w)

    def balance(mu):
        ice = k_i * cold * np.exp(-(mu**2)) / (np.sqrt(a_i) * erf(mu))
        water = k_w * warm * np.exp(-((ratio * mu) ** 2)) / (np.sqrt(a_w) * erfc(ratio * mu))
        return ice - water - np.sqrt(np.pi) * mu * 1000.0 * FUSION * np.sqrt(a_i)

    return brentq(balance, 1e-4, 3.0), a_i


def frost(conduction, cold, warm, thin, days):
    """Column of pure water at `warm` under a surface at -`cold`, in layers of `thin` [m]."""
    n = round(2.0 / thin)
    dz = np.full(n, thin)
    x, s = column(dz, FREEZING + warm, 1.0)
    # Crank-Nicolson wants steps that heat does not cross a layer in.
    seconds = 300.0 if conduction is IMPLICIT else 60.0
    surface = np.full(round(days * 86400.0 / seconds), FREEZING - cold)
    earth, conductance = ground(WATER, dz, pure_water(n)), CONDUCTIVITY_OF_ICE / (0.5 * thin)
    under(conduction, earth, x, s, surface, conductance, seconds, work(x))
    return x


@pytest.mark.parametrize("conduction", [IMPLICIT, CRANK_NICOLSON], ids=["implicit", "middle"])
@pytest.mark.parametrize("cold, warm", [(10.0, 2.0), (2.0, 5.0), (30.0, 0.1)])
def test_that_a_front_of_frost_is_neumanns(conduction, cold, warm):
    mu, diffusivity = neumann(cold, warm)
    for days in (5, 20):
        exact = 2.0 * mu * np.sqrt(diffusivity * days * 86400.0)
        coarse, fine = (
            frost(conduction, cold, warm, thin, days)[ICE].sum() / 1000.0 for thin in (0.02, 0.01)
        )
        # A layer that freezes holds its front in its middle: an error of first order in its size.
        assert abs(fine - exact) < 0.01
        assert 2.0 * fine - coarse == pytest.approx(exact, abs=2e-3)


def test_that_the_frost_profile_is_neumanns():
    thin, seconds = 0.005, 20 * 86400.0
    x = frost(IMPLICIT, 10.0, 2.0, thin, 20)
    mu, a_i = neumann(10.0, 2.0)
    a_w = CONDUCTIVITY_OF_WATER / (1000.0 * HEAT_OF_WATER)
    z = thin * np.arange(400) + 0.5 * thin
    ice = 10.0 * (erf(z / (2.0 * np.sqrt(a_i * seconds))) / erf(mu) - 1.0)
    ahead = erfc(z / (2.0 * np.sqrt(a_w * seconds))) / erfc(np.sqrt(a_i / a_w) * mu)
    exact = np.where(ice < 0.0, ice, 2.0 * (1.0 - ahead))
    # Within the difference between neighbouring layers: the front stands in one of them.
    steepest = np.abs(np.diff(exact)).max()
    assert x[T, SNOW:] - FREEZING == pytest.approx(exact, abs=steepest)


@pytest.mark.parametrize("conduction", [IMPLICIT, CRANK_NICOLSON], ids=["implicit", "middle"])
def test_that_a_heat_wave_is_damped_and_late_with_depth(conduction):
    dz, period = np.full(200, 0.01), 86400.0
    earth = ground(LOAM, dz)
    x, s = column(dz, FREEZING + 15.0, 0.3)
    rows = work(x)
    numbers = earth.numbers[:, 0]
    conductivity = heat.conductivity(conduction.kersten, earth.numbers, 0, 0.0, x[LIQ, SNOW], dz[0])
    capacity = numbers[heat.STONE] + 300.0 * HEAT_OF_WATER
    damping = np.sqrt(conductivity / capacity * period / np.pi)
    conductance, seconds = conductivity / (0.5 * dz[0]), 225.0
    worst = 0.0
    turns = 2.0 * np.pi * np.arange(1, 20 * 384 + 1) * seconds / period
    surface = FREEZING + 15.0 + 8.0 * np.sin(turns)
    z = np.cumsum(dz)[:40] - 0.005
    for day in np.split(np.arange(turns.size), 20 * 24):
        under(conduction, earth, x, s, surface[day], conductance, seconds, rows)
        if day[-1] > 19 * 384:
            exact = np.exp(-z / damping) * np.sin(turns[day[-1]] - z / damping)
            found = x[T, SNOW : SNOW + 40] - FREEZING - 15.0
            worst = max(worst, np.abs(found - 8.0 * exact).max())
    assert 0.08 < damping < 0.2
    assert worst < 0.06  # of 8 K: backward differences are of first order in time


def test_that_steady_conduction_passes_the_same_heat_through_unlike_layers():
    dz = np.array([0.02, 0.05, 0.1, 0.3, 0.5, 1.0])
    n = dz.size
    conductivity = np.array([0.2, 2.0, 0.5, 3.0, 0.1, 1.0])
    stone = np.full(n, 2e6)
    stone[-1] = 1e18  # the last layer keeps its temperature
    thermal = np.array([stone, np.zeros(n), conductivity, conductivity])
    above = np.array([0.3, 0.5, 0.7, 0.5, 0.4, 0.5]) * dz
    earth = ground(LOAM, dz, thermal, above)
    x, s = column(dz, 280.0, 0.0)
    rows = work(x)
    under(IMPLICIT, earth, x, s, np.full(20000, 294.0), 3.0, 86400.0, rows)
    below = dz - above
    resistance = below[:-1] / conductivity[:-1] + above[1:] / conductivity[1:]
    q = (294.0 - 280.0) / (1.0 / 3.0 + resistance.sum())
    exact = 280.0 + q * np.cumsum(resistance[::-1])[::-1]
    assert x[T, SNOW:-1] == pytest.approx(exact, abs=1e-6)


def test_that_supercooled_water_is_the_content_at_clapeyrons_head():
    for curve in CURVES:
        earth = ground(curve, np.array([0.1]))
        for depression in (1e-4, 0.01, 0.3, 5.0, 60.0):
            t = FREEZING - depression
            head = FUSION * (t - FREEZING) / (GRAVITY * t)
            theta, _ = heat.supercooled(earth.soil, earth.c, 0, t)
            assert theta == pytest.approx(1000.0 * float(curve.theta(head)), rel=1e-12)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_that_the_slope_of_supercooled_water_is_its_derivative(curve):
    earth = ground(curve, np.array([0.1]))
    for depression in (0.05, 0.7, 20.0):
        t, shift = FREEZING - depression, 1e-4 * depression
        up = heat.supercooled(earth.soil, earth.c, 0, t + shift)[0]
        down = heat.supercooled(earth.soil, earth.c, 0, t - shift)[0]
        slope = heat.supercooled(earth.soil, earth.c, 0, t)[1]
        assert slope == pytest.approx((up - down) / (2.0 * shift), rel=1e-5, abs=1e-9)


def test_that_thin_snow_melts_by_the_heat_that_reaches_it():
    dz = np.full(5, 0.1)
    x, s = column(dz, FREEZING, 0.2, scalars=[(PACK, 4.0), (PACK_DEPTH, 0.008)])
    earth = ground(LOAM, dz)
    warmth = heat.solve(IMPLICIT, earth, x, s, 100.0, 0.0, 3600.0, work(x))
    melted = 100.0 * 3600.0 / FUSION
    assert warmth.melt == pytest.approx(melted, rel=1e-12)
    assert s[PACK] == pytest.approx(4.0 - melted, rel=1e-12)
    assert s[PACK_DEPTH] / 0.008 == pytest.approx(s[PACK] / 4.0, rel=1e-12)
    assert x[T, SNOW] == FREEZING
    warmth = heat.solve(IMPLICIT, earth, x, s, 1000.0, 0.0, 3600.0, work(x))
    assert warmth.melt == pytest.approx(4.0 - melted)
    assert s[PACK] == s[PACK_DEPTH] == 0.0
    assert x[T, SNOW] > FREEZING


# ----------------------------------------------------------------------------------- conservation


def thick(draw, n):
    return np.array(draw(st.lists(st.floats(0.005, 2.0), min_size=n, max_size=n)))


@st.composite
def columns(draw):
    """Any soil, any water and ice in it, thin snow or layers of it."""
    n = draw(st.integers(1, 12))
    dz = thick(draw, n)
    unit = st.floats(0.0, 1.0)
    curve = draw(st.sampled_from(CURVES))
    room = 1.05 * float(curve.values()["theta_s"])
    lowest = float(curve.values().get("theta_r", 0.0)) + 0.005
    wet = np.array(draw(st.lists(unit, min_size=n, max_size=n)))
    frozen = np.array(draw(st.lists(unit, min_size=n, max_size=n)))
    t = FREEZING + np.array(draw(st.lists(st.floats(-60.0, 40.0), min_size=n, max_size=n)))
    water = lowest + wet * (room - lowest)
    ice = np.where(t < FREEZING, frozen, 0.0) * water
    x, s = column(dz, t, water - ice, ice)
    count = draw(st.integers(0, SNOW))
    if count == 0:
        s[PACK] = draw(st.sampled_from((0.0, 1e-9, 0.5, 3.0)))
        s[PACK_DEPTH] = s[PACK] / draw(st.floats(50.0, 400.0))
    s[COUNT] = count
    for j in range(SNOW - count, SNOW):
        x[DZ, j] = draw(st.floats(0.01, 1.5))
        x[ICE, j] = x[DZ, j] * draw(st.floats(30.0, 600.0))
        x[T, j] = FREEZING - draw(st.one_of(st.just(0.0), st.floats(0.0, 50.0)))
        x[LIQ, j] = draw(st.floats(0.0, 0.3)) * x[ICE, j] if x[T, j] == FREEZING else 0.0
    return curve, x, s


EACH = settings(max_examples=300, deadline=None)
FLUXES = st.floats(-800.0, 1500.0)
SLOPES = st.floats(-200.0, 0.0)
STEPS = st.sampled_from((60.0, 900.0, 3600.0, 10800.0))
WEIGHTS = st.sampled_from((IMPLICIT, CRANK_NICOLSON))


@EACH
@given(columns(), FLUXES, SLOPES, STEPS, WEIGHTS)
def test_that_a_step_keeps_energy_and_water(case, flux, slope, seconds, conduction):
    curve, x, s = case
    earth = ground(curve, x[DZ, SNOW:])
    before = heat.energy(conduction, earth, x, s)
    top = SNOW - int(s[COUNT])
    water = (x[ICE] + x[LIQ])[top:].copy()
    thin = s[PACK]
    result = heat.solve(conduction, earth, x, s, flux, slope, seconds, work(x))
    after = heat.energy(conduction, earth, x, s)
    scale = max(abs(before), abs(after), 1e6)
    assert abs(result.residual) < 1e-6
    entered = seconds * (flux + slope * result.rise)
    assert after - before == pytest.approx(entered, abs=1e-12 * scale + 1e-5)
    assert (x[ICE] + x[LIQ])[top:] == pytest.approx(water, rel=1e-13)
    if s[COUNT] == 0.0:
        assert s[PACK] + result.melt == pytest.approx(thin, rel=1e-12, abs=1e-15)
    assert x[ICE].min() >= 0.0 and x[LIQ].min() >= 0.0 and s[PACK] >= 0.0
    assert result.iterations < heat.MOST


@EACH
@given(columns(), FLUXES, SLOPES, STEPS)
def test_that_ice_and_water_are_in_equilibrium_after_a_step(case, flux, slope, seconds):
    curve, x, s = case
    earth = ground(curve, x[DZ, SNOW:])
    heat.solve(IMPLICIT, earth, x, s, flux, slope, seconds, work(x))
    for j in range(SNOW - int(s[COUNT]), x.shape[1]):
        ice, liquid, t = x[ICE, j], x[LIQ, j], x[T, j]
        if t > FREEZING:
            assert ice == 0.0
        elif t < FREEZING and j < SNOW:
            assert liquid == pytest.approx(0.0, abs=1e-9 * ice)
        elif t < FREEZING:
            allowed = x[DZ, j] * heat.supercooled(earth.soil, earth.c, j - SNOW, t)[0]
            if ice > 1e-3 * liquid:
                assert liquid == pytest.approx(allowed, rel=2e-3, abs=1e-6)
            else:
                assert liquid <= 1.002 * allowed + 1e-6


def test_that_nothing_changes_in_equilibrium_without_heat():
    dz = np.full(4, 0.2)
    for t in (FREEZING - 7.0, FREEZING + 7.0):
        x, s = column(dz, t, 0.3)
        earth = ground(LOAM, dz)
        for _ in range(3):
            heat.solve(IMPLICIT, earth, x, s, 0.0, -10.0, 3600.0, work(x))
        settled = x.copy()
        result = heat.solve(IMPLICIT, earth, x, s, 0.0, -10.0, 3600.0, work(x))
        if t > FREEZING:
            assert np.array_equal(x, settled)
        assert result.iterations == 1


def test_that_short_steps_and_long_ones_lead_to_the_same_winter():
    dz = soil_heat.thickness(soil_heat.nodes())
    ends = []
    for seconds in (3600.0, 300.0):
        x, s = column(dz, FREEZING + 4.0, 0.3)
        earth, rows = ground(LOAM, dz), work(x)
        turns = 2.0 * np.pi * np.arange(1, int(60 * 86400 / seconds) + 1) * seconds / 86400.0
        air = FREEZING - 6.0 + 4.0 * np.sin(turns)
        under(IMPLICIT, earth, x, s, air, 15.0, seconds, rows)
        ends.append(x.copy())
    assert ends[0][ICE].sum() == pytest.approx(ends[1][ICE].sum(), rel=0.01)
    assert ends[0][T, SNOW:] == pytest.approx(ends[1][T, SNOW:], abs=0.25)


def test_that_the_skin_of_clms_nodes_has_its_published_share():
    z = soil_heat.nodes()
    dz = soil_heat.thickness(z)
    skin = heat.Skin()
    share = heat.factor(skin, dz[0], z[0], z[1])
    # Oleson et al. 2010: 1/2 (z_1 - z_h,0 + c_a (z_2 - z_h,0)) in place of dz.
    assert share * dz[0] == pytest.approx(0.5 * (0.0071006 + 0.34 * 0.0279250), abs=1e-7)


def test_that_conductivity_goes_from_dry_to_saturated_and_frozen():
    earth = ground(LOAM, np.array([1.0]))
    dry, wet = earth.numbers[heat.DRY, 0], earth.numbers[heat.WET, 0]
    for choice in (heat.Farouki(), heat.CoteKonrad()):
        of = [heat.conductivity(choice, earth.numbers, 0, 0.0, w, 1.0) for w in (0, 90, 300, 450)]
        assert of[0] == dry and of[-1] == pytest.approx(wet)
        assert np.all(np.diff(of) > 0.0)
        frozen = heat.conductivity(choice, earth.numbers, 0, 450.0, 0.0, 1.0)
        ratio = (CONDUCTIVITY_OF_ICE / CONDUCTIVITY_OF_WATER) ** 0.45
        assert frozen == pytest.approx(wet * ratio)
