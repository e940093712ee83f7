"""Light in a canopy: limits with a closed form, sums, and the parts of shortwave."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import solve_bvp

from hydroda.models import plants
from hydroda.models.kernels import radiation as rad

SPLITS = (rad.FixedSplit(0.5, 0.7), rad.CloudSplit(0.58), rad.FluxSplit(0.5))
NEW_SNOW = rad.AgedSnow(0.95, 0.65, 0.2, 0.5)
SKY = rad.Sky(200.0, 120.0, 210.0, 90.0)
BLACK = rad.Albedo(0.0, 0.0, 0.0, 0.0)


def leaves(vis=(0.1, 0.05), nir=(0.45, 0.25), chi=0.01, fading=0.0):
    """Leaves and stems alike, (reflected, transmitted) in both bands."""
    return rad.Optics(
        chi, vis[0], nir[0], vis[0], nir[0], vis[1], nir[1], vis[1], nir[1], fading,
        *rad.orientation(chi),
    )  # fmt: skip


def grey(value):
    return rad.Albedo(value, value, value, value)


fraction = st.floats(0.0, 1.0)
light = st.floats(0.0, 700.0)


@given(
    st.tuples(light, light, light, light),
    st.tuples(fraction, fraction, fraction, fraction),
    st.sampled_from(plants.CLM4_TYPES),
    st.floats(-0.1, 1.0),
    st.floats(0.0, 9.0),
    st.floats(0.0, 4.0),
    fraction,
)
def test_that_light_is_neither_made_nor_lost(sky, albedo, plant, mu, lai, sai, snowy):
    sky = rad.Sky(*sky)
    optics = rad.optics(np.array(plants.clm4(plant).optics_row()))
    got = rad.absorb(optics, sky, rad.Albedo(*albedo), mu, lai, sai, snowy)
    total = sum(sky)
    assert_allclose(got.sun + got.shade + got.ground + got.reflected, total, rtol=1e-14, atol=1e-12)
    assert min(got.sun, got.shade, got.ground, got.reflected) >= -1e-9 * (1.0 + total)
    assert_allclose(got.lai_sun + got.lai_shade, lai, atol=1e-12)
    assert np.isfinite(got).all()


@pytest.mark.parametrize("mu", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("chi", [-0.3, 0.01, 0.25])
def test_that_black_leaves_over_black_ground_follow_beer(mu, chi):
    optics = leaves((0.0, 0.0), (0.0, 0.0), chi)
    lai = 2.5
    got = rad.absorb(optics, rad.Sky(300.0, 0.0, 300.0, 0.0), BLACK, mu, lai, 0.0, 0.0)
    depth = (optics.phi1 + optics.phi2 * mu) / mu
    assert_allclose(got.ground, 600.0 * math.exp(-depth * lai), rtol=1e-12)
    assert got.reflected == 0.0
    assert_allclose(got.sun, 600.0 - got.ground, rtol=1e-12)  # a shaded leaf sees no light
    assert_allclose(got.shade, 0.0, atol=1e-9)
    assert_allclose(got.lai_sun, (1 - math.exp(-depth * lai)) / depth, rtol=1e-12)
    diffuse = rad.absorb(optics, rad.Sky(0.0, 300.0, 0.0, 300.0), BLACK, mu, lai, 0.0, 0.0)
    assert_allclose(diffuse.ground, 600.0 * math.exp(-lai / optics.mean_mu), rtol=1e-12)


def test_that_leaves_that_absorb_nothing_give_all_light_back_or_to_the_ground():
    white = leaves((0.7, 0.3), (0.5, 0.5))
    got = rad.absorb(white, SKY, grey(0.3), 0.7, 4.0, 0.5, 0.0)
    assert abs(got.sun + got.shade) < 1e-4
    assert_allclose(rad.absorb(white, SKY, grey(1.0), 0.7, 4.0, 0.5, 0.0).reflected, 620, rtol=1e-6)


def test_that_conservative_leaves_transmit_diffuse_light_as_the_inverse_of_depth():
    """Two streams without absorption: T = 1/(1 + beta L / mu) over black ground."""
    white = leaves((0.6, 0.4), (0.6, 0.4))
    beta = 0.5 * (1.0 + (0.6 - 0.4) * (0.505**2))
    got = rad.absorb(white, rad.Sky(0.0, 100.0, 0.0, 0.0), BLACK, 0.5, 5.0, 0.0, 0.0)
    assert_allclose(got.ground, 100.0 / (1.0 + beta * 5.0 / white.mean_mu), rtol=1e-6)


def test_that_no_leaves_are_the_bare_ground():
    albedo = rad.Albedo(0.1, 0.12, 0.2, 0.22)
    bare = rad.absorb(leaves(), SKY, albedo, 0.5, 0.0, 0.0, 0.0)
    few = rad.absorb(leaves(), SKY, albedo, 0.5, 2e-6, 0.0, 0.0)
    assert_allclose(bare.reflected, sum(a * s for a, s in zip(albedo, SKY, strict=True)))
    assert_allclose(few.ground, bare.ground, rtol=1e-5)


def test_that_an_endless_canopy_hides_the_ground():
    deep = rad.absorb(leaves(), SKY, grey(0.0), 0.5, 200.0, 0.0, 0.0)
    snow = rad.absorb(leaves(), SKY, grey(0.9), 0.5, 200.0, 0.0, 0.0)
    assert deep.ground < 1e-9
    assert_allclose(deep.reflected, snow.reflected)


@pytest.mark.parametrize(("direct", "diffuse"), [(100.0, 0.0), (0.0, 100.0), (60.0, 40.0)])
def test_that_the_closed_form_solves_the_two_stream_equations(direct, diffuse):
    """Against a numerical solution of the boundary value problem, with its sunlit absorption."""
    omega, beta, beta0, m, k, area = 0.7, 0.55, 0.48, 1.05, 0.9, 3.0
    soil_direct, soil_diffuse = 0.25, 0.2
    a, c = 1 - omega * (1 - beta), omega * beta

    def streams(x, y):
        beam = direct * k * np.exp(-k * x) * omega
        return np.array(
            [
                (-a * y[0] + c * y[1]) / m + beam * (1 - beta0),
                (a * y[1] - c * y[0]) / m - beam * beta0,
            ]
        )

    def ends(top, bottom):
        beam = direct * math.exp(-k * area)
        return np.array(
            [top[0] - diffuse, bottom[1] - soil_direct * beam - soil_diffuse * bottom[0]]
        )

    x = np.linspace(0, area, 400)
    sol = solve_bvp(streams, ends, x, np.ones((2, x.size)), tol=1e-9, max_nodes=20000)
    got = rad._band(
        direct, diffuse, soil_direct, soil_diffuse, omega, beta, beta0, m, k,
        math.exp(-k * area), area,
    )  # fmt: skip
    assert_allclose(got.reflected, sol.sol(0.0)[1], rtol=1e-6)
    beam = direct * math.exp(-k * area)
    wanted = (1 - soil_diffuse) * sol.sol(area)[0] + (1 - soil_direct) * beam
    assert_allclose(got.ground, wanted, rtol=1e-6)
    fine = np.linspace(0, area, 20001)
    scattered = np.trapezoid(np.exp(-k * fine) * sol.sol(fine).sum(axis=0), fine) / m
    assert_allclose(got.sun, (1 - omega) * (direct - beam + scattered), rtol=1e-6)


def test_that_nothing_jumps_where_beam_and_diffuse_light_fade_alike():
    omega, beta, m, area = 0.6, 0.5, 1.0, 3.0
    a, c = 1 - omega * (1 - beta), omega * beta
    same = math.sqrt(a * a - c * c) / m

    def shared(k):
        return rad._band(80.0, 20.0, 0.2, 0.2, omega, beta, 0.5, m, k, math.exp(-k * area), area)

    at, below, above = shared(same), shared(same * 0.999), shared(same * 1.001)
    assert_allclose(at, (np.array(below) + above) / 2, rtol=2e-3)
    assert_allclose(sum(at), 100.0, rtol=1e-14)


def test_that_diffuse_light_reaches_more_ground_than_a_low_sun():
    high = rad.absorb(leaves(), rad.Sky(100.0, 0.0, 0.0, 0.0), BLACK, 0.95, 2.0, 0.0, 0.0)
    low = rad.absorb(leaves(), rad.Sky(100.0, 0.0, 0.0, 0.0), BLACK, 0.1, 2.0, 0.0, 0.0)
    diffuse = rad.absorb(leaves(), rad.Sky(0.0, 100.0, 0.0, 0.0), BLACK, 0.95, 2.0, 0.0, 0.0)
    assert low.ground < diffuse.ground < high.ground


def test_that_capacity_fades_into_the_canopy_and_is_shared_in_full():
    lai, fading = 4.0, 0.3
    got = rad.absorb(leaves(fading=fading), SKY, grey(0.1), 0.6, lai, 0.0, 0.0)
    mean = (got.lai_sun * got.vmax_sun + got.lai_shade * got.vmax_shade) / lai
    assert_allclose(mean, (1 - math.exp(-fading * lai)) / (fading * lai), rtol=1e-12)
    assert got.vmax_shade < got.vmax_sun < 1.0


# ------------------------------------------------------------------------------- parts of shortwave


@pytest.mark.parametrize("token", SPLITS, ids=lambda token: type(token).__name__)
@given(st.floats(0.0, 1300.0), st.floats(-1.0, 1.0))
def test_that_the_parts_of_shortwave_sum_to_it(token, shortwave, mu):
    sky = rad.split(token, shortwave, mu)
    assert_allclose(sum(sky), shortwave, rtol=1e-14, atol=1e-12)
    assert min(sky) >= -1e-12
    if mu <= 0.0:
        assert sky.vis_direct == sky.nir_direct == 0.0


def test_that_an_overcast_sky_has_no_beam_and_a_bright_one_has_most_in_it():
    dull, bright = (rad.split(rad.CloudSplit(0.0), w, 0.8) for w in (60.0, 1000.0))
    assert dull.vis_direct + dull.nir_direct < 1e-9
    assert bright.vis_direct + bright.nir_direct > 0.8 * 1000.0


# ------------------------------------------------------------------------------------ ground albedo


def test_that_soil_darkens_with_water_down_to_its_saturated_colour():
    colour = rad.SoilColour(0.24, 0.48, 0.12, 0.24)
    dry, moist, wet = (
        rad.ground_albedo(colour, NEW_SNOW, theta, 0.0, 0.0, 0.5) for theta in (0.0, 0.1, 0.5)
    )
    assert dry.vis_diffuse == pytest.approx(0.23)  # 0.12 + 0.11
    assert dry.nir_diffuse == pytest.approx(0.35)
    assert moist.vis_diffuse == pytest.approx(0.12 + 0.11 - 0.04)
    assert (wet.vis_diffuse, wet.nir_direct) == (0.12, 0.24)


def test_that_snow_hides_the_soil_and_greys_with_age():
    colour = rad.SoilColour(0.24, 0.48, 0.12, 0.24)
    fresh = rad.ground_albedo(colour, NEW_SNOW, 0.2, 1.0, 0.0, 0.5)
    old = rad.ground_albedo(colour, NEW_SNOW, 0.2, 1.0, 1e9, 0.5)
    assert fresh.vis_diffuse == pytest.approx(0.95)
    assert old.vis_diffuse == pytest.approx(0.95 * 0.8)
    assert old.nir_diffuse == pytest.approx(0.65 * 0.5)
    half = rad.ground_albedo(colour, NEW_SNOW, 0.2, 0.5, 0.0, 0.5)
    soil = rad.ground_albedo(colour, NEW_SNOW, 0.2, 0.0, 0.0, 0.5)
    assert_allclose(half, (np.array(fresh) + soil) / 2)


def test_that_a_low_sun_brightens_snow_and_a_high_one_does_not():
    low, middle, high = (rad.snow_albedo(NEW_SNOW, 1.0, mu) for mu in (0.05, 0.5, 0.9))
    assert low.vis_direct > low.vis_diffuse
    assert_allclose(middle.vis_direct, middle.vis_diffuse, rtol=1e-12)
    assert high.vis_direct == high.vis_diffuse
