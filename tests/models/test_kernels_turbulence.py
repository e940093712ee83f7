"""Exchange with the air: the neutral log law, published stability functions, consistency, calm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import brentq

from hydroda.models.kernels import turbulence as kernels
from hydroda.models.kernels.column import GRAVITY, KARMAN

VIRTUAL = 300.0


def exchange(difference, wind, height=10.0, rough=0.05, rough_heat=0.05, height_heat=None):
    above = height if height_heat is None else height_heat
    return kernels.exchange(
        difference, VIRTUAL, wind, height, above, rough, rough_heat,
        math.log(height / rough), math.log(above / rough_heat),
    )  # fmt: skip


def phi_momentum(zeta):
    """Gradient of the wind profile, Zeng et al. (1998)."""
    if zeta < -1.574:
        return 0.7 * KARMAN ** (2 / 3) * (-zeta) ** (1 / 3)
    if zeta < 0:
        return (1 - 16 * zeta) ** -0.25
    return 1 + 5 * zeta if zeta <= 1 else 5 + zeta


def phi_heat(zeta):
    if zeta < -0.465:
        return 0.9 * KARMAN ** (4 / 3) * (-zeta) ** (-1 / 3)
    if zeta < 0:
        return (1 - 16 * zeta) ** -0.5
    return 1 + 5 * zeta if zeta <= 1 else 5 + zeta


def test_that_neutral_wind_is_logarithmic():
    got = exchange(0.0, 5.0)
    assert_allclose(got.friction, KARMAN * 5.0 / math.log(200.0), rtol=1e-12)
    assert_allclose(got.heat, math.log(200.0) / (KARMAN * got.friction), rtol=1e-12)
    assert_allclose(got.momentum, 5.0 / got.friction**2, rtol=1e-12)


@pytest.mark.parametrize("zeta", [-30.0, -5.0, -1.6, -1.0, -0.3, -0.05, 0.3, 1.0, 1.7])
@pytest.mark.parametrize(
    ("profile", "phi", "free"),
    [
        (kernels.wind_profile, phi_momentum, -1.574),
        (kernels.heat_profile, phi_heat, -0.465),
    ],
    ids=["wind", "heat"],
)
def test_that_profiles_are_the_integrals_of_their_published_gradients(profile, phi, free, zeta):
    """int phi(s) ds / s from z0/L to z/L; the coefficients 1.14 and 0.8 are printed rounded."""
    rough = 0.01
    breaks = [b for b in (free * math.copysign(1, -zeta), 1.0) if rough * abs(zeta) < b < abs(zeta)]
    sign = math.copysign(1.0, zeta)
    wanted, _ = quad(
        lambda s: phi(sign * math.exp(s)),
        math.log(rough * abs(zeta)),
        math.log(abs(zeta)),
        points=[math.log(b) for b in breaks] or None,
    )
    assert_allclose(profile(zeta, rough, math.log(1 / rough)), wanted, rtol=5e-3)


@pytest.mark.parametrize("profile", [kernels.wind_profile, kernels.heat_profile])
@pytest.mark.parametrize("edge", [-1.574, -0.465, -2e-3, 0.0, 1.0])
def test_that_profiles_do_not_jump_between_their_pieces(profile, edge):
    below, above = (profile(edge + side, 0.01, 4.6) for side in (-1e-9, 1e-9))
    assert_allclose(below, above, atol=2e-6)


@given(
    st.floats(-20.0, 20.0),
    st.floats(0.0, 25.0),
    st.floats(0.001, 3.0),
    st.floats(0.01, 1.0),
    st.floats(0.3, 1.0),
)
def test_that_stability_friction_and_gusts_belong_together(difference, wind, rough, ratio, lower):
    height, rough_heat = 10.0 + rough, rough * ratio
    got = exchange(difference, wind, height, rough, rough_heat, lower * height)
    assert np.isfinite(got).all()
    assert got.friction > 0
    assert got.heat > 0
    profile = kernels.heat_profile(
        got.zeta * lower, rough_heat / (lower * height), math.log(lower * height / rough_heat)
    )
    scale = KARMAN * difference / profile
    zeta = height * KARMAN * GRAVITY * scale / (got.friction**2 * VIRTUAL)
    zeta = min(max(zeta, kernels.UNSTABLEST), kernels.STABLEST)
    assert abs(zeta - got.zeta) <= 0.03 * abs(zeta) + 1e-6  # the stable side is exact to rounding
    gust = max(-GRAVITY * got.friction * scale * kernels.MIXED_LAYER / VIRTUAL, 0.0) ** (1 / 3)
    assert_allclose(got.wind, math.hypot(max(wind, kernels.CALM), gust), rtol=1e-3)


@pytest.mark.parametrize("difference", [-15.0, -3.0, -0.2, 0.2, 1.0])
@pytest.mark.parametrize("wind", [0.5, 3.0, 10.0])
def test_that_fluxes_are_those_of_the_exact_stability(difference, wind):
    height, rough = 10.0, 0.05
    log_height = math.log(height / rough)

    def parts(zeta):
        shape = kernels.wind_profile(zeta, rough / height, log_height)
        return shape, kernels.heat_profile(zeta, rough / height, log_height)

    def speed(zeta):
        shape, profile = parts(zeta)
        lift = max(-GRAVITY * 1000 * KARMAN**2 * difference / (shape * profile) / VIRTUAL, 0.0)
        calm = max(wind, 1.0)
        return brentq(lambda v: v * v - calm * calm - (lift * v) ** (2 / 3), calm, 100.0)

    def mismatch(zeta):
        shape, profile = parts(zeta)
        found = GRAVITY * height * difference / VIRTUAL / speed(zeta) ** 2 * shape**2 / profile
        return found - zeta

    low, high = (-50.0, -1e-9) if difference < 0 else (1e-9, 2.0)
    zeta = brentq(mismatch, low, high) if mismatch(low) * mismatch(high) < 0 else 2.0
    shape, profile = parts(zeta)
    got = exchange(difference, wind, height, rough, rough)
    assert_allclose(1 / got.heat, KARMAN**2 * speed(zeta) / (shape * profile), rtol=5e-3)


def test_that_calm_air_still_exchanges_and_convection_makes_its_own_wind():
    calm, stable, unstable = exchange(0.0, 0.0), exchange(2.0, 0.0), exchange(-5.0, 0.0)
    assert calm.wind == stable.wind == 1.0
    assert unstable.wind > 1.4
    assert unstable.heat < calm.heat < stable.heat
    assert stable.heat < 1e5


@given(st.floats(0.0, 15.0), st.floats(-10.0, 10.0))
def test_that_a_warmer_surface_is_never_coupled_less(wind, difference):
    less, more = exchange(difference, wind), exchange(difference - 0.1, wind)
    assert more.heat <= less.heat * (1 + 2e-3)


def test_that_the_search_finds_a_number_that_simple_iteration_jumps_around():
    search, value = kernels.begin(), 3.0
    for _ in range(15):
        search, value = kernels.refine(search, value, -3.0 * math.tanh(value) + 0.5)
    assert_allclose(value, brentq(lambda v: v + 3.0 * math.tanh(v) - 0.5, -5, 5), atol=1e-9)
