import math

import numpy as np
import pytest

from hydroda.models.grid import Grid
from hydroda.models.kernels import soil as column_kernels
from hydroda.models.kernels.flow import curves, faces, lanes, linear
from hydroda.models.retention import BrooksCorey, ClappHornberger, Gardner, VanGenuchten
from hydroda.models.terrestrial import PECLET, TerrestrialSystem, _coarse

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


# ------------------------------------------------------------------------------ beside each other


def ends(soil, h):
    """h, k, dk/dh and potential / K_s (4, point), as faces take them."""
    out, _ = evaluated(soil, h)
    return np.stack([h, out[2], out[3], out[4]])


def sloping(a, b, lift):
    """Flux from a to b (4, point) times the distance, and its slopes, by the lanes."""
    found = []
    for start in range(0, a.shape[1], lanes.LANES):
        f = np.zeros((faces.FACE_ROWS, lanes.LANES))
        count = min(lanes.LANES, a.shape[1] - start)
        f[faces.F_A : faces.F_A + 4, :count] = a[:, start : start + count]
        f[faces.F_B : faces.F_B + 4, :count] = b[:, start : start + count]
        flat = f.ravel()
        faces.sloping_lanes(flat, np.full(lanes.LANES, lift))
        found.append(f[faces.F_Q : faces.F_Q + 3, :count].copy())
    return np.concatenate(found, axis=1)


def pairs_of_heads(rng, count=640):
    """Dry, wet and ponded cells, near each other and far apart."""
    h = np.where(
        rng.random((2, count)) < 0.25,
        10.0 ** rng.uniform(-2, 1, (2, count)),
        -(10.0 ** rng.uniform(-3.5, 1.3, (2, count))),
    )
    near = rng.random(count) < 0.5
    h[1, near] = h[0, near] + 10.0 ** rng.uniform(-3, 0, near.sum()) * rng.normal(size=near.sum())
    return h


def highest(soil):
    """The largest lift at which water goes by potentials."""
    model = TerrestrialSystem(Grid((1, 1), "1 m", "1 m", ("1 m",)), soil)
    found = model._soil(model.dataset(h=np.zeros((1, 1, 1))), 0)[0]
    return PECLET / float(model._steepest(found, np.zeros(1, int))[0])


@pytest.mark.parametrize("part", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("soil", SOILS)
def test_that_flux_between_columns_rises_with_the_head_it_leaves_and_falls_with_the_other(
    soil, part
):
    """With that no head goes beyond those around it, and Newton's matrix is an M-matrix."""
    h = pairs_of_heads(np.random.default_rng(6))
    lift = part * highest(soil)
    a, b = ends(soil, h[0]), ends(soil, h[1])
    flux, by_a, by_b = sloping(a, b, lift)
    scale = np.maximum(a[1], b[1])
    assert (by_a >= -1e-6 * scale).all()
    assert (by_b <= 1e-6 * scale).all()
    # So it goes down the total head.
    drop = h[0] - h[1] + lift
    assert (flux * drop >= -1e-6 * scale * drop**2).all()


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("soil", [GARDNER, LOAM, SAND, BROOKS])
def test_that_slopes_between_columns_are_those_of_the_flux(soil, part):
    rng = np.random.default_rng(7)
    h = pairs_of_heads(rng)
    # Not across air entry, where the curve has a kink, nor where differences lose their digits.
    kinks = np.array([0.0, getattr(soil, "entry_head", 0.0)]).astype(float)
    clear = (np.abs(h[..., None] - kinks) > 2e-3).all(axis=(0, 2)) & (np.abs(h[0] - h[1]) > 1e-2)
    h = h[:, clear]
    lift, step = part * highest(soil), 1e-5 * np.abs(h)

    def flux(h_a, h_b):
        return sloping(ends(soil, h_a), ends(soil, h_b), lift)

    _, by_a, by_b = flux(*h)
    scale = np.maximum(ends(soil, h[0])[1], ends(soil, h[1])[1])
    for slope, (da, db) in ((by_a, (step[0], 0.0)), (by_b, (0.0, step[1]))):
        up, down = flux(h[0] + da, h[1] + db)[0], flux(h[0] - da, h[1] - db)[0]
        there = (up - down) / (2.0 * (da + db))
        # A table of potentials has slopes of its own, 1e-4 off k.
        np.testing.assert_allclose(slope / scale, there / scale, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("soil", SOILS)
def test_that_nothing_flows_between_columns_at_rest(soil):
    a = -np.geomspace(1e-3, 3.0, 64)
    a[::3] += 2.0
    lift = highest(soil)
    here, there = ends(soil, a), ends(soil, a + lift)
    flux = sloping(here, there, lift)[0]
    np.testing.assert_allclose(flux / (lift * there[1]), 0.0, atol=2e-4)


def test_that_flux_down_a_slope_is_exact_in_exponential_soil():
    """Q = lift (k_a - k_b e^(-alpha lift)) / (1 - e^(-alpha lift)) over the distance."""
    alpha, h = 10.0, pairs_of_heads(np.random.default_rng(8))
    h = np.minimum(h, 0.0)[:, np.abs(h[0] - h[1]) > 1e-3]
    for lift in (1e-6, 0.01, 0.15):
        k = np.exp(alpha * h)
        exact = lift * (k[0] - k[1] * np.exp(-alpha * lift)) / -np.expm1(-alpha * lift)
        flux = sloping(ends(GARDNER, h[0]), ends(GARDNER, h[1]), lift)[0]
        np.testing.assert_allclose(flux, exact, rtol=1e-6, atol=1e-9 * k.max(axis=0).max())
