import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from hydroda.errors import DeclarationError, UnitError
from hydroda.models.kernels import soil as kernels
from hydroda.models.retention import BrooksCorey, ClappHornberger, Gardner, VanGenuchten, rosetta
from hydroda.units import ureg

LOAM = VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day")
SOILS = (
    LOAM,
    VanGenuchten("0.045 m3/m3", "0.43 m3/m3", "14.5 1/m", 2.68, "713 cm/day"),
    VanGenuchten("0.07 m3/m3", "0.38 m3/m3", "0.8 1/m", 1.09, "4.8 cm/day"),
    VanGenuchten("0.05 m3/m3", "0.40 m3/m3", "2 1/m", 1.4, "1e-6 m/s", -0.7),
    BrooksCorey("0.05 m3/m3", "0.40 m3/m3", "-0.2 m", 0.4, "1e-5 m/s"),
    ClappHornberger("0.45 m3/m3", "-0.5 m", 5.4, "7e-6 m/s"),
    Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h"),
)
HEADS = -np.array([30.0, 8.0, 3.0, 1.0, 0.61, 0.4, 0.3, 0.1, 0.02, 0.007])


@pytest.mark.parametrize("soil", SOILS, ids=lambda soil: type(soil).__name__)
def test_that_slopes_are_the_derivatives_of_their_curves(soil):
    h = HEADS[np.abs(soil.theta(HEADS) - soil.theta(HEADS * 1.001)) > 0]
    step = 1e-6 * h
    for slope, curve, size in (
        (soil.capacity, soil.theta, 1.0),
        (soil.conductivity_slope, soil.conductivity, soil.conductivity(0.0)),
        (soil.conductivity, soil.flux_potential, soil.conductivity(0.0)),
    ):
        numeric = (curve(h + step) - curve(h - step)) / (2.0 * step)
        np.testing.assert_allclose(slope(h), numeric, rtol=2e-6, atol=1e-8 * float(size))


@pytest.mark.parametrize("soil", SOILS, ids=lambda soil: type(soil).__name__)
def test_that_the_flux_potential_is_the_integral_of_the_conductivity(soil):
    for low, high in ((-8.0, -3.0), (-0.4, -0.02), (-0.05, 0.3)):
        points = [-0.2, -0.5, -0.01, -0.003, -1e-3, -1e-4, 0.0]
        inside = [point for point in points if low < point < high]
        exact = quad(
            soil.conductivity, low, high, points=inside or None, epsabs=0.0, epsrel=1e-10, limit=500
        )[0]
        ours = soil.flux_potential(high) - soil.flux_potential(low)
        assert ours == pytest.approx(exact, rel=2e-8)


@pytest.mark.parametrize("soil", SOILS, ids=lambda soil: type(soil).__name__)
def test_that_the_head_of_a_content_gives_the_content_back(soil):
    wet, dry = soil.theta(-0.01), soil.theta(-100.0)
    theta = np.linspace(float(dry), float(wet) * 0.9999, 50)
    np.testing.assert_allclose(soil.theta(soil.head(theta)), theta, rtol=1e-11)
    assert soil.head(soil.theta_s) == pytest.approx(float(getattr(soil, "entry_head", 0.0)))


def test_that_a_saturated_soil_conducts_fully_and_holds_its_porosity():
    for soil in SOILS:
        for h in (0.0, 2.0):
            assert soil.theta(h) == soil.theta_s
            assert soil.capacity(h) == 0.0
            assert soil.conductivity(h) == pytest.approx(float(soil.Ks), rel=1e-14)


def test_that_the_conductivity_is_continuous_near_saturation_with_a_bounded_slope():
    for n in (1.05, 1.2, 1.5, 1.9, 2.5):
        soil = replace(LOAM, n=n)
        h = -np.geomspace(1e-9, 1.0, 4001)[::-1]
        k = soil.conductivity(np.append(h, 0.0)) / float(soil.Ks)
        assert (np.diff(k) > 0.0).all()
        assert (
            np.abs(soil.conductivity_slope(h)).max() / float(soil.Ks) < 1.0 / kernels.GENTLE + 1.0
        )


@given(
    n=st.floats(1.05, 6.0), alpha=st.floats(0.3, 15.0), part=st.floats(1e-3, 1.0 - 1e-9)
)  # fmt: skip
@settings(max_examples=60)
def test_that_the_van_genuchten_inverse_holds_eleven_digits(n, alpha, part):
    soil = VanGenuchten("0.05 m3/m3", "0.45 m3/m3", f"{alpha} 1/m", n, "1e-6 m/s")
    theta = 0.05 + 0.4 * part
    assert soil.theta(soil.head(theta)) == pytest.approx(theta, abs=1e-11)


@pytest.mark.parametrize("soil", SOILS, ids=lambda soil: type(soil).__name__)
def test_that_the_compiled_curves_are_their_python_functions(soil):
    raw = soil.stack(soil.values())
    c = np.zeros(kernels.COEFFICIENTS)
    kernels.PREPARE[type(soil.token)].py_func(raw, c)
    for h in (-5.0, -0.3, -0.05, -0.001, 0.1):
        python = kernels.EVALUATE[type(soil.token)].py_func(c, h)
        compiled = kernels.curve(soil.token, raw[None], np.array([h]))[:, 0]
        np.testing.assert_allclose(python, compiled, rtol=1e-12)
    theta = float(soil.theta(-0.9))
    assert kernels.INVERSE[type(soil.token)].py_func(c, theta) == pytest.approx(-0.9, rel=1e-12)


def test_that_layers_and_arrays_of_parameters_broadcast():
    porosities = ("0.40 m3/m3", "0.45 m3/m3")
    rates = ureg.Quantity([1.0, 2.0], "cm/h")
    layered = VanGenuchten("0.05 m3/m3", porosities, "3 1/m", (1.5, 1.3), rates)
    theta = layered.theta([-1.0, -1.0])
    for i, (porosity, n) in enumerate(((0.40, 1.5), (0.45, 1.3))):
        one = VanGenuchten("0.05 m3/m3", f"{porosity} m3/m3", "3 1/m", n, "1 cm/h")
        assert theta[i] == one.theta(-1.0)
    assert layered == replace(layered)


def test_that_a_parameter_without_a_unit_is_refused_by_name():
    with pytest.raises(UnitError, match="alpha needs a unit"):
        VanGenuchten("0.05 m3/m3", "0.4 m3/m3", 3.6, 1.5, "1 cm/h")


def test_that_rosetta_gives_the_published_means_in_si(shared):
    with shared("reference/crns/rosetta3_usda_textures.csv").open() as file:
        rows = list(csv.DictReader(file))
    for rows_of_kind in (
        [row for row in rows if not row["bulk_density_gcm3"]],
        [row for row in rows if row["bulk_density_gcm3"]],
    ):
        names = [name for name in rows[0] if name != "texture"]
        number = {
            name: np.array([float(row[name] or "nan") for row in rows_of_kind]) for name in names
        }
        density = number["bulk_density_gcm3"]
        soil = rosetta(
            number["sand_pct"],
            number["silt_pct"],
            number["clay_pct"],
            None if np.isnan(density).any() else density,
        )
        np.testing.assert_allclose(soil.theta_r, number["theta_r"], rtol=1e-10)
        np.testing.assert_allclose(soil.theta_s, number["theta_s"], rtol=1e-10)
        np.testing.assert_allclose(soil.alpha, number["alpha_1_per_cm"] * 100.0, rtol=1e-10)
        np.testing.assert_allclose(soil.n, number["n"], rtol=1e-10)
        np.testing.assert_allclose(soil.Ks, number["Ksat_cm_per_day"] / 8.64e6, rtol=1e-10)


def test_that_a_texture_that_does_not_sum_to_a_hundred_is_refused():
    with pytest.raises(DeclarationError, match="sum to 100 %; got 90"):
        rosetta(40.0, 30.0, 20.0)
