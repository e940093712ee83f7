"""Operators far beyond the reference tables, held to quadrature that shares nothing with them."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from hydroda.obs import Conventional, Desilets, Revised, TransportSolution
from hydroda.obs.neutrons import horizontal_weight

FACES = {
    "shallower than D86": [0.0, 0.01, 0.03],
    "one thin layer": [0.0, 1e-4],
    "thin on thick": [0.0, 1e-3, 5.0],
    "one thick layer": [0.0, 50.0],
    "as a land model": [0.0, 0.0175, 0.0451, 0.0906, 0.1655, 0.2891, 0.4929, 0.8289, 1.3828, 3.8],
}
MOISTURE = {
    "dust": lambda z: np.full_like(z, 1e-4),
    "none": np.zeros_like,
    "above porosity": lambda z: np.full_like(z, 0.95),
    "dry on wet": lambda z: np.where(z < 0.02, 0.02, 0.55),
    "wet on dry": lambda z: np.where(z < 0.02, 0.9, 0.01),
}


def d86(theta: float, density: float, r: float) -> float:
    """[m]; Schrön et al. 2017, App. A, with the density in g cm-3."""
    wet = (20 + theta) / (0.0429 + theta)
    return (8.321 + 0.14249 * (0.96655 + np.exp(-r / 100)) * wet) / density / 100


def by_quadrature(theta: np.ndarray, faces: np.ndarray, weight: Callable[[float], float]) -> float:
    sums = [quad(weight, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pairwise(faces)]
    return float(np.dot(sums, theta) / np.sum(sums))


@pytest.mark.parametrize("layers", FACES)
@pytest.mark.parametrize("profile", MOISTURE)
@pytest.mark.parametrize(("density", "r"), [(0.13, 1.0), (1.4, 50.0), (2.6, 500.0)])
def test_that_the_revised_mean_is_the_root_of_its_quadrature(
    layers: str, profile: str, density: float, r: float
) -> None:
    faces = np.array(FACES[layers])
    theta = MOISTURE[profile](0.5 * (faces[1:] + faces[:-1]))

    def beyond(mean: float) -> float:
        reach = d86(mean, density, r)
        return by_quadrature(theta, faces, lambda z: np.exp(-2 * z / reach)) - mean

    low, high = theta.min(), theta.max()
    expected = low if high - low < 1e-14 else brentq(beyond, low, high, xtol=1e-15, rtol=1e-13)
    revised = Revised(f"{density} g/cm3", f"{r} m")
    mean, reach, weights = revised.average(theta[None], faces[:-1], faces[1:])
    assert mean[0] == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert reach[0] == pytest.approx(d86(expected, density, r), rel=1e-9)
    assert weights.sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("layers", FACES)
@pytest.mark.parametrize("profile", MOISTURE)
def test_that_the_conventional_mean_gives_itself(layers: str, profile: str) -> None:
    faces = np.array(FACES[layers])
    theta = MOISTURE[profile](0.5 * (faces[1:] + faces[:-1]))
    tight = Conventional(tolerance=1e-12, iterations=500)
    mean, reach, weights = tight.average(theta[None], faces[:-1], faces[1:])
    z = 0.058 / (mean[0] + 0.0829)
    sums = [
        quad(lambda x: max(1 - x / z, 0.0), a, b, points=[z] if a < z < b else None)[0]
        for a, b in pairwise(faces)
    ]
    assert mean[0] == pytest.approx(np.dot(sums, theta) / np.sum(sums), rel=1e-8, abs=1e-15)
    assert reach[0] == pytest.approx(z, rel=1e-8)
    np.testing.assert_allclose(weights[0], np.array(sums) / np.sum(sums), atol=1e-8)


CURVES = [Desilets(), TransportSolution()]


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(CURVES), st.floats(2e-3, 4.5), st.sampled_from([0.0, 1.0, 40.0]),
    st.floats(1.0, 1e5),
)  # fmt: skip
def test_that_moisture_of_the_counts_of_a_moisture_is_that_moisture(
    curve: Desilets | TransportSolution, moisture: float, humidity: float, n0: float
) -> None:
    """From nearly dry soil to peat that is mostly water, in dry air and in a steam bath."""
    counts = curve.counts(moisture, humidity, n0)
    assert curve.moisture(counts, humidity, n0) == pytest.approx(moisture, rel=1e-7)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("moisture", [0.03, 0.2, 0.6])
def test_that_small_errors_are_the_slope_of_the_curve(
    curve: Desilets | TransportSolution, moisture: float
) -> None:
    counts, step = float(curve.counts(moisture, 6.0, 1000.0)), 1e-5
    slope = (
        curve.counts(moisture + step, 6.0, 1000.0) - curve.counts(moisture - step, 6.0, 1000.0)
    ) / (2 * step)
    error = curve.moisture_error(counts, 1e-3, 6.0, 1000.0)
    assert error == pytest.approx(1e-3 / abs(slope), rel=1e-4)


@pytest.mark.parametrize("humidity", [0.0, 30.0])
@pytest.mark.parametrize("moisture", [0.0, 0.01, 0.5, 0.9])
def test_that_the_horizontal_weight_is_positive_and_ends_at_600_metres(
    humidity: float, moisture: float
) -> None:
    """Beyond what was simulated, too: drier than 2 % and drier air than 1 g m-3."""
    r = np.concatenate([np.linspace(0.01, 599.9, 2000), [600.0, 1e4]])
    weight = horizontal_weight(r, humidity, moisture)
    assert np.isfinite(weight).all()
    assert (weight[-2:] == 0).all()
    if humidity or moisture > 0.01:
        assert (weight[:-2] > 0).all()
