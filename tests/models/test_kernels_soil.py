import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from hydroda.models.kernels import soil as kernels
from hydroda.models.retention import Gardner, VanGenuchten

LOAM = VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day")
SAND = VanGenuchten("0.045 m3/m3", "0.43 m3/m3", "14.5 1/m", 2.68, "713 cm/day")
EXPONENTIAL = Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h")
SCHEMES = (kernels.FluxPotential(), kernels.Upstream(), kernels.Arithmetic())


def cell(soil, h):
    """h, K, dK/dh and flux potential."""
    return h, *(
        float(f(h)) for f in (soil.conductivity, soil.conductivity_slope, soil.flux_potential)
    )


def name(scheme):
    return type(scheme).__name__


@pytest.mark.parametrize("scheme", SCHEMES, ids=name)
@pytest.mark.parametrize("heads", [(-1.0, -0.3), (-0.3, -1.0), (-0.5, -0.5 + 1e-9), (0.05, -0.2),
                                   (-0.4, -0.38), (0.1, 0.2), (-0.35, -0.2)])  # fmt: skip
def test_that_the_slopes_of_a_face_flux_are_its_derivatives(scheme, heads):
    dz, (a, b) = 0.1, heads
    _, by_a, by_b = kernels.face(scheme, dz, cell(LOAM, a), cell(LOAM, b))
    for slope, shift in ((by_a, (1e-7, 0.0)), (by_b, (0.0, 1e-7))):
        up = kernels.face(scheme, dz, cell(LOAM, a + shift[0]), cell(LOAM, b + shift[1]))[0]
        down = kernels.face(scheme, dz, cell(LOAM, a - shift[0]), cell(LOAM, b - shift[1]))[0]
        scale = float(max(LOAM.conductivity(a), LOAM.conductivity(b))) / dz
        assert slope == pytest.approx((up - down) / 2e-7, rel=1e-4, abs=1e-3 * scale)


@pytest.mark.parametrize("scheme", SCHEMES, ids=name)
@pytest.mark.parametrize("soil", [LOAM, SAND, EXPONENTIAL])
def test_that_nothing_flows_at_a_constant_total_head(scheme, soil):
    for h in (-3.0, -0.5, -0.08, -0.01, 0.3):
        for dz in (0.02, 0.3):
            q = kernels.face(scheme, dz, cell(soil, h), cell(soil, h + dz))[0]
            # The flux potentials, of some K alpha^-1, are known to 1e-10 of themselves.
            assert abs(q) < 1e-9 * float(soil.conductivity(h + dz)) / dz


def test_that_the_flux_by_the_potential_is_exact_for_steady_flow_in_exponential_soil():
    alpha, dz = 10.0, 0.25
    for a, b in ((-0.2, -0.6), (-0.6, -0.2), (-0.3, -0.3), (0.0, -1.0)):
        up, down = (float(EXPONENTIAL.conductivity(h)) for h in (a, b))
        exact = (up * np.exp(alpha * dz) - down) / np.expm1(alpha * dz)
        q = kernels.face(kernels.FluxPotential(), dz, cell(EXPONENTIAL, a), cell(EXPONENTIAL, b))[0]
        # The hydrostatic correction is zero here up to the rounding of the potentials.
        assert q == pytest.approx(exact, rel=1e-9)


def test_that_the_flux_by_the_potential_is_near_the_steady_flow_in_loam():
    """Steady flow q between two heads: dz = int K / (q - K) dh, without any grid."""

    def distance(q, a, b):
        return quad(lambda h: LOAM.conductivity(h) / (q - LOAM.conductivity(h)), b, a, limit=200)[0]

    for a, b, dz in ((-0.3, -0.6, 0.1), (-0.1, -2.0, 0.2), (-0.2, -5.0, 0.05)):
        low = float(LOAM.conductivity(a)) * (1.0 + 1e-9)
        exact = brentq(lambda q, a=a, b=b, dz=dz: distance(q, a, b) - dz, low, 1e4 * low)
        q = kernels.face(kernels.FluxPotential(), dz, cell(LOAM, a), cell(LOAM, b))[0]
        upstream = kernels.face(kernels.Upstream(), dz, cell(LOAM, a), cell(LOAM, b))[0]
        assert q == pytest.approx(exact, rel=0.05)
        assert abs(upstream - exact) > 5.0 * abs(q - exact)


def test_that_the_weight_and_its_slope_join_smoothly():
    for p in (0.5, -0.5):
        series, formula = kernels._weight.py_func(p * (1 - 1e-9)), kernels._weight.py_func(p)
        assert series == pytest.approx(formula, abs=1e-9)
    assert kernels._weight(1e4)[0] == pytest.approx(1.0 - 1e-4)
    assert kernels._weight(-800.0)[0] == pytest.approx(1.0 / 800.0)


def test_that_two_soils_join_at_the_head_where_both_carry_the_same_flux():
    thickness = np.array([0.1, 0.2])
    raw = np.stack([SAND.stack(SAND.values()), LOAM.stack(LOAM.values())])
    for a, b in ((-0.3, -0.5), (-0.1, -4.0), (-2.0, -0.1), (0.1, 0.2), (-0.2, -0.05)):
        q, joint, slopes = _through(raw, thickness, a, b)
        above = kernels.face(SCHEMES[0], 0.05, cell(SAND, a), cell(SAND, joint))[0]
        below = kernels.face(SCHEMES[0], 0.1, cell(LOAM, joint), cell(LOAM, b))[0]
        assert above == pytest.approx(below, rel=1e-6, abs=1e-15)
        assert q == pytest.approx(above, rel=1e-6, abs=1e-15)
        for slope, shift in zip(slopes, ((1e-6, 0.0), (0.0, 1e-6)), strict=True):
            up = _through(raw, thickness, a + shift[0], b + shift[1], joint)[0]
            down = _through(raw, thickness, a - shift[0], b - shift[1], joint)[0]
            assert slope == pytest.approx((up - down) / 2e-6, rel=1e-2, abs=1e-9)


def _through(raw, thickness, a, b, guess=None):
    """Flux, head at the interface and slopes, by Python functions of the kernels."""
    choices = kernels.Choices(thickness, np.zeros(2), -150.0, 0.0, 0.0, 3600.0)
    plant = kernels.Plant(0.0, -0.1, -5.0, -80.0, -80.0, -80.0, 1.0)
    column = kernels._column.py_func(
        kernels.VanGenuchten(), SCHEMES[0], plant, kernels.Bottom(1.0, 0.0, 0.0), choices, raw, 0.0
    )
    x = np.zeros((kernels.ROWS, 3))
    x[kernels.H, :2] = a, b
    x[kernels.JOINT, 1] = 0.5 * (a + b) if guess is None else guess
    for _ in range(4):  # the last change enters by its slope: again from there it is exact
        kernels._fill.py_func(column, x)
        kernels._faces.py_func(column, x)
    return x[kernels.Q, 1], x[kernels.JOINT, 1], (x[kernels.Q_A, 1], x[kernels.Q_B, 1])


def test_that_plant_stress_is_a_trapezoid_of_the_head_or_a_ramp_of_the_content():
    trapezoid = np.array([-0.1, -0.3, -4.0, -80.0, 0.0, 0.0])
    for h, part in ((-0.05, 0.0), (-0.2, 0.5), (-1.0, 1.0), (-42.0, 0.5), (-90.0, 0.0)):
        assert kernels._stress.py_func(trapezoid, 0.3, 0.1, h)[0] == pytest.approx(part)
    ramp = np.array([np.inf, np.inf, -np.inf, -np.inf, 0.1, 0.3])
    for theta, part in ((0.05, 0.0), (0.2, 0.5), (0.35, 1.0)):
        assert kernels._stress.py_func(ramp, theta, 0.1, -3.0)[0] == pytest.approx(part)
    assert kernels._stress.py_func(ramp, 0.2, 0.1, -3.0)[1] == pytest.approx(0.5)


def test_that_snow_and_canopy_give_all_water_back():
    rng = np.random.default_rng(1)
    cover = kernels.Cover(272.15, 275.15, 273.15, 3e-3 / 86400, 0.05, 0.1)
    ice, wet, leaves = 0.0, 0.0, 0.0
    brought, left = 0.0, 0.0
    for _ in range(500):
        rain, snowfall = rng.exponential(1e-3, 2)
        leaves, through, evaporated = kernels._canopy.py_func(rain, 2e-4, 0.6, 5e-4, leaves)
        ice, wet, out = kernels._snowpack.py_func(
            snowfall, through, rng.normal(0.0, 6.0), 3600.0, cover, ice, wet
        )
        brought, left = brought + rain + snowfall, left + out + evaporated
        assert min(ice, wet, leaves, out, evaporated) >= 0.0
        assert wet <= 0.1 * ice + 1e-12
        assert leaves <= 5e-4
    assert ice + wet + leaves + left == pytest.approx(brought, rel=1e-12)


def test_that_meltwater_freezes_again_in_the_cold():
    cover = kernels.Cover(272.15, 275.15, 273.15, 3e-3 / 86400, 0.5, 0.1)
    ice, wet, out = kernels._snowpack.py_func(0.0, 0.0, -4.0, 86400.0, cover, 0.1, 0.008)
    assert (ice, wet, out) == pytest.approx((0.106, 0.002, 0.0))
