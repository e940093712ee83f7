import math

import numpy as np
import pytest

from hydroda.models.grid import Grid
from hydroda.models.kernels import soil as column_kernels
from hydroda.models.kernels.flow import curves, faces, lanes, linear
from hydroda.models.retention import BrooksCorey, ClappHornberger, Gardner, VanGenuchten
from hydroda.models.terrestrial import TerrestrialSystem, _coarse

LOAM = VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day")
SAND = VanGenuchten("0.045 m3/m3", "0.43 m3/m3", "14.5 1/m", 2.68, "713 cm/day", -0.5)
CLAY = VanGenuchten("0.068 m3/m3", "0.38 m3/m3", "0.8 1/m", 1.09, "4.8 cm/day")
BROOKS = BrooksCorey("0.05 m3/m3", "0.4 m3/m3", "-0.3 m", 0.7, "1e-6 m/s")
CLAPP = ClappHornberger("0.45 m3/m3", "-0.5 m", 5.4, "7e-6 m/s")
GARDNER = Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h")
SOILS = (LOAM, SAND, CLAY, BROOKS, CLAPP, GARDNER)
HEADS = np.r_[-np.geomspace(1e-6, 1e5, 180), np.linspace(-0.01, 2.0, 21)]


def evaluated(soil, h):
    """theta, dtheta/dh, K / K_s, its slope and potential / K_s by the lanes, (5, point)."""
    model = TerrestrialSystem(
        Grid((1, 1), "1 m", "1 m", ("1 m",) * h.size), soil, specific_storage="0 1/m"
    )
    found, ks = model._soil(model.dataset(h=np.zeros((1, 1, 1))), 0)
    out = np.empty((5, h.size))
    curves.curves(soil.token, found, h, True, out)
    return out, ks[0]


@pytest.mark.parametrize("soil", SOILS)
def test_that_the_lanes_give_the_curves_of_the_soil(soil):
    out, ks = evaluated(soil, HEADS)
    np.testing.assert_allclose(out[0], soil.theta(HEADS), rtol=1e-12)
    np.testing.assert_allclose(out[1], soil.capacity(HEADS), rtol=1e-9, atol=1e-14)
    # Where (1 - x)^m loses its digits, 1e-9 of k is left.
    np.testing.assert_allclose(out[2] * ks, soil.conductivity(HEADS), rtol=1e-8, atol=1e-60)
    slope = soil.conductivity_slope(HEADS)
    np.testing.assert_allclose(out[3] * ks, slope, rtol=1e-7, atol=1e-60)
    np.testing.assert_allclose(out[4] * ks, soil.flux_potential(HEADS), rtol=3e-5, atol=1e-60)


@pytest.mark.parametrize("soil", SOILS)
def test_that_heads_come_back_from_contents(soil):
    h = -np.geomspace(1e-3, 2.0 if soil is GARDNER else 1e3, 60)
    model = TerrestrialSystem(Grid((1, 1), "1 m", "1 m", ("1 m",) * h.size), soil)
    ensemble = model.dataset(h=h[None, None])
    back = model._heads(ensemble, ensemble["theta"].values)[0, 0]
    entry = float(getattr(soil, "entry_head", 0.0))
    dry = h < entry
    # theta near theta_s hardly knows its head.
    np.testing.assert_allclose(back[dry], h[dry], rtol=2e-7)


def test_that_the_table_between_shapes_is_as_good_as_one_of_its_own():
    count = 600  # more than the rows of the table
    n = np.linspace(1.15, 3.0, count)
    soil = VanGenuchten("0.05 m3/m3", "0.4 m3/m3", "2 1/m", tuple(n), "1e-6 m/s")
    h = np.full(count, -1.7)
    out, ks = evaluated(soil, h)
    for i in (0, 17, 333, 599):
        alone = VanGenuchten("0.05 m3/m3", "0.4 m3/m3", "2 1/m", float(n[i]), "1e-6 m/s")
        assert out[4, i] * ks == pytest.approx(float(alone.flux_potential(-1.7)), rel=1e-4)


def test_that_powers_and_logarithms_are_those_of_the_library():
    for x in (1e-300, 0.3, 0.999999, 1.0, 1.5, 7.3e200):
        assert lanes.log2(x) == pytest.approx(math.log2(x), abs=1e-14, rel=1e-15)
    for x in (-1000.0, -3.7, -1e-9, 0.0, 0.5, 12.25, 900.1):
        assert lanes.exp2(x) == pytest.approx(2.0**x, rel=3e-15)


SCHEMES = (column_kernels.FluxPotential(), column_kernels.Upstream(), column_kernels.Arithmetic())


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: type(scheme).__name__)
def test_that_faces_are_those_of_the_columns(scheme):
    rng = np.random.default_rng(2)
    for _ in range(200):
        h_a, h_b = -(10.0 ** rng.uniform(-3, 2, 2)) + 0.1
        dz = 10.0 ** rng.uniform(-2, 0.5)
        functions = LOAM.conductivity, LOAM.conductivity_slope, LOAM.flux_potential
        cells = [(h, *(float(f(h)) for f in functions)) for h in (h_a, h_b)]
        ours, theirs = faces.face(scheme, dz, *cells), column_kernels.face(scheme, dz, *cells)
        scale = max(cells[0][1], cells[1][1]) * max(1.0, abs(h_a - h_b) / dz)
        assert ours[0] == pytest.approx(theirs[0], abs=1e-9 * scale)
        np.testing.assert_allclose(ours[1:], theirs[1:], rtol=1e-6, atol=1e-7 * scale / dz)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: type(scheme).__name__)
def test_that_many_faces_at_once_are_each_of_them_alone(scheme):
    rng = np.random.default_rng(3)
    f = np.zeros((faces.FACE_ROWS, lanes.LANES))
    for row in (faces.F_A, faces.F_B):
        h = -(10.0 ** rng.uniform(-3, 2, lanes.LANES)) + 0.1
        f[row : row + 4] = (
            h,
            *(
                function(h)
                for function in (LOAM.conductivity, LOAM.conductivity_slope, LOAM.flux_potential)
            ),
        )
    f[faces.F_B : faces.F_B + 4, :8] = f[:4, :8]  # the same head on both sides
    f[faces.F_DZ] = 10.0 ** rng.uniform(-2, 0.5, lanes.LANES)
    faces.face_lanes(scheme, f.ravel())
    for j in range(lanes.LANES):
        alone = faces.face(scheme, f[faces.F_DZ, j], tuple(f[:4, j]), tuple(f[4:8, j]))
        np.testing.assert_allclose(f[faces.F_Q : faces.F_Q + 3, j], alone, rtol=1e-10, atol=1e-20)


def test_that_columns_follow_their_higher_neighbours():
    rng = np.random.default_rng(5)
    grid = Grid(
        (9, 14), "1 m", "1 m", ("1 m",), elevation=rng.integers(0, 5, (9, 14)).astype(float),
        active=rng.random((9, 14)) < 0.9,
    )  # fmt: skip
    order = np.empty(grid.columns, np.int64)
    linear.downstream(grid.heights, grid.beside, 0, grid.columns, order)
    rank = np.argsort(order)
    assert sorted(order) == list(range(grid.columns))
    for side in range(4):
        here = np.flatnonzero(grid.beside[:, side] >= 0)
        other = grid.beside[here, side]
        lower = (grid.heights[other] > grid.heights[here]) | (
            (grid.heights[other] == grid.heights[here]) & (other < here)
        )
        np.testing.assert_array_equal(rank[other] < rank[here], lower)


def test_that_levels_merge_columns_two_by_two():
    mask = np.random.default_rng(4).random((13, 9)) < 0.8
    coarse = _coarse(Grid((13, 9), "1 m", "1 m", ("1 m",), active=mask))
    assert (coarse.levels[:, 1] > 0).all()
    assert coarse.levels[-1, 1] <= 6
    places = np.stack(np.nonzero(mask)) // 2
    number = coarse.parent[: mask.sum()]
    for own in range(coarse.levels[0, 1]):
        assert np.unique(places[:, number == own], axis=1).shape[1] == 1
    first = coarse.beside[: coarse.levels[0, 1]]
    for side in range(4):
        here = np.flatnonzero(first[:, side] >= 0)
        np.testing.assert_array_equal(first[first[here, side], side ^ 1], here)
