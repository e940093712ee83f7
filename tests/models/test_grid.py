import numpy as np
import pytest

from hydroda.errors import DeclarationError
from hydroda.models.grid import Grid

THIN = ("0.1 m", "0.2 m")
MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)


def test_that_columns_are_the_active_ones_row_by_row():
    grid = Grid((2, 3), "10 m", "20 m", THIN, active=MASK, x0="100 m", y0="0 m")
    assert grid.columns == 4
    x, y = grid.places
    np.testing.assert_array_equal(x, [105.0, 115.0, 115.0, 125.0])
    np.testing.assert_array_equal(y, [10.0, 10.0, 30.0, 30.0])
    np.testing.assert_allclose(grid.z, [0.05, 0.2])
    np.testing.assert_array_equal(
        grid.beside, [[-1, 1, -1, -1], [0, -1, -1, 2], [-1, 3, 1, -1], [2, -1, -1, -1]]
    )
    assert grid.column_at("118 m", "39 m") == 2


def test_that_maps_and_columns_are_each_other():
    grid = Grid((2, 3), "10 m", "20 m", THIN, active=MASK)
    field = np.arange(12.0).reshape(2, 2, 3)
    back = grid.on_map(grid.of_columns(field))
    np.testing.assert_array_equal(back[:, MASK], field[:, MASK])
    assert np.isnan(back[:, ~MASK]).all()


def test_that_neighbours_see_each_other():
    rng = np.random.default_rng(1)
    grid = Grid((7, 9), "1 m", "1 m", THIN, active=rng.random((7, 9)) < 0.7)
    for side in range(4):
        here = np.flatnonzero(grid.beside[:, side] >= 0)
        np.testing.assert_array_equal(grid.beside[grid.beside[here, side], side ^ 1], here)


def test_that_slopes_give_the_surface_and_the_surface_its_slopes():
    y, x = np.mgrid[0:5, 0:6]
    rise = 0.02 * 10.0 * x - 0.01 * 20.0 * y
    by_slopes = Grid((5, 6), "10 m", "20 m", THIN, slope_x=0.02, slope_y=-0.01)
    by_height = Grid((5, 6), "10 m", "20 m", THIN, elevation=rise)
    for found, expected in zip(by_height.slopes, (0.02, -0.01), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    heights = by_slopes.heights - by_slopes.heights[0]
    np.testing.assert_allclose(heights, rise.ravel() - rise.flat[0], atol=1e-6)
    for a, b in zip(by_slopes.faces, by_height.faces, strict=True):
        inside = by_slopes.beside >= 0
        np.testing.assert_allclose(a[inside], b[inside], atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"active": np.zeros((2, 3), bool)}, "false everywhere"),
        ({"active": np.ones((3, 2), bool)}, "active must be"),
        ({"thickness": ("0.1 m", "0 m")}, "positive lengths"),
        ({"names": ("sand",)}, "names must name"),
        ({"slope_x": np.zeros((3, 3))}, "slope_x must be"),
        ({"elevation": np.full((2, 3), np.nan)}, "not finite"),
        ({"shape": (0, 3)}, "shape must be"),
        ({"dx": "-1 m"}, "must be positive"),
    ],
)
def test_that_a_grid_that_cannot_be_is_refused(changes, words):
    choices = {"shape": (2, 3), "dx": "10 m", "dy": "20 m", "thickness": THIN} | changes
    with pytest.raises(DeclarationError, match=words):
        assert Grid(**choices).beside.size


def test_that_a_place_outside_is_refused():
    grid = Grid((2, 3), "10 m", "20 m", THIN, active=MASK)
    for x, y in (("-1 m", "5 m"), ("25 m", "5 m")):
        with pytest.raises(DeclarationError, match="no active column"):
            grid.column_at(x, y)
