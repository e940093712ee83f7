import numpy as np
import pytest

from hydroda.errors import DeclarationError, UnitError
from hydroda.models.land import (
    FAO56,
    Atmosphere,
    DegreeDay,
    Feddes,
    HeldHead,
    Outlet,
    Vegetation,
    WaterTable,
)
from hydroda.models.roots import ExponentialRoots, UniformRoots


@pytest.mark.parametrize("roots", [ExponentialRoots(), UniformRoots("60 cm")])
def test_that_roots_fill_the_column_and_end_where_they_end(roots):
    thickness = np.full(50, 0.1)
    parts = roots.parts(thickness)
    assert parts.sum() == pytest.approx(1.0)
    deep = np.cumsum(thickness) > float(roots.deepest) + 0.11
    assert not parts[deep].any()
    assert (np.diff(parts) <= 1e-15).all()


def test_that_uniform_roots_take_the_same_of_every_metre():
    np.testing.assert_allclose(
        UniformRoots("40 cm").parts(np.array([0.1, 0.2, 0.2])), (0.25, 0.5, 0.25)
    )


def test_that_twelve_leaf_areas_hold_in_the_middle_of_the_months_and_join_over_new_year():
    plants = Vegetation(leaf_area_index=tuple(float(i) for i in range(12)))
    times = np.array(["2015-07-17T14:30", "2016-01-01", "2015-12-31T23:00"], "datetime64[ns]")
    july, january, december = plants.leaf_area(times)
    assert july == pytest.approx(6.0, abs=0.05)
    assert january == pytest.approx(5.5, abs=0.01)
    assert december == pytest.approx(january, abs=0.05)
    assert (Vegetation(leaf_area_index=3.0).leaf_area(times) == 3.0).all()


def test_that_a_water_table_is_a_head_at_the_bottom():
    assert WaterTable("50 cm").kernel(2.0)[1] == pytest.approx(1.5)
    assert WaterTable("5 m").kernel(2.0)[1] == pytest.approx(-3.0)
    kind, level = Outlet("50 cm", "10 D").kernel(2.0)
    assert (level, kind.rate) == pytest.approx((1.5, 1.0 / 864000.0))
    assert HeldHead("-3 m").top() == (-3.0, -1.0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Feddes(full="-10 m"), DeclarationError, "falling heads"),
        (lambda: FAO56(p=1.2), DeclarationError, "0 <= p < 1"),
        (lambda: FAO56(wilting="-1 m"), DeclarationError, "field_capacity > wilting"),
        (lambda: Vegetation(leaf_area_index=(1.0, 2.0)), DeclarationError, "one number or twelve"),
        (lambda: DegreeDay(all_snow="280 K"), DeclarationError, "colder than all_rain"),
        (lambda: Atmosphere(dry="1 m"), DeclarationError, "dry < 0"),
        (lambda: WaterTable(2.0), UnitError, "depth needs a unit"),
        (lambda: DegreeDay(melt="3 mm/day"), UnitError, "melt must be convertible"),
    ],
)
def test_that_an_impossible_choice_is_refused_with_its_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
