import copy
import pickle

import numpy as np
import pytest

from hydroda.errors import UnitError
from hydroda.units import convert, duration, instant, magnitude, ureg


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("5 km", "m", 5000.0),
        ("0.03 m3/m3", "m3 m-3", 0.03),
        ("3 %", "m3 m-3", 0.03),
        ("20 W m-2", "W m-2", 20.0),
        (ureg.Quantity(60, "cm"), "m", 0.6),
        (1.06, "", 1.06),
        ("1e-5 m/s", "m s-1", 1e-5),
    ],
)
def test_that_a_quantity_is_converted(value, unit, expected):
    assert magnitude(value, unit, "argument") == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("bare", [5, 5.0, "5", "-5.0", "1e3", np.float64(5)])
def test_that_a_bare_number_is_refused_with_the_unit_it_lacks(bare):
    with pytest.raises(UnitError, match=r"radius needs a unit.*km"):
        magnitude(bare, "km", "radius")


def test_that_a_wrong_dimension_names_what_came_and_what_was_wanted():
    with pytest.raises(UnitError, match="probe depth must be convertible to 'm'; got 5 kg"):
        magnitude("5 kg", "m", "probe depth")


def test_that_an_unknown_unit_is_refused():
    with pytest.raises(UnitError, match="'5 bananas'"):
        magnitude("5 bananas", "m", "depth")


@pytest.mark.parametrize("text", ["{} kg m-3", "{}", "'5' kg m-3", '5" kg m-3', "5 kg m-3'"])
def test_that_quotes_in_an_amount_are_refused(text):
    # An amount in an f-string shows its quotes: '1400.0 kg m-3' kg m-3 was once read as 1.
    amount = magnitude("1400 kg m-3", "kg m-3", "bulk_density")
    with pytest.raises(UnitError, match=r"bulk_density must be .* without quotes; got"):
        magnitude(text.format(amount), "kg m-3", "bulk_density")


def test_that_a_magnitude_survives_being_passed_in_again_copied_and_pickled():
    once = magnitude("5 km", "m", "radius")
    assert magnitude(once, "m", "radius") == 5000.0
    assert magnitude(once, "km", "radius") == 5.0
    for other in (copy.deepcopy(once), pickle.loads(pickle.dumps(once))):
        assert other == once and other.unit == "m"
    with pytest.raises(UnitError, match="'s'"):
        magnitude(once, "s", "time")


def test_that_the_repr_of_a_magnitude_can_be_read_back():
    once = magnitude("12.3456789 km", "m", "radius")
    assert magnitude(eval(repr(once)), "m", "radius") == once


@pytest.mark.parametrize(
    ("value", "hours"),
    [("7 D", 168), ("1 h", 1), (np.timedelta64(90, "m"), 1.5), (ureg.Quantity(2, "day"), 48)],
)
def test_that_durations_are_timedeltas(value, hours):
    assert duration(value, "every") / np.timedelta64(1, "h") == hours


@pytest.mark.parametrize("wrong", [7, "7", 7.0, "soon", "-1 D", "0 h"])
def test_that_a_duration_without_a_unit_or_direction_is_refused(wrong):
    with pytest.raises(UnitError, match="every"):
        duration(wrong, "every")


def test_that_instants_are_utc():
    assert instant("2016-05-01T02:00+02:00", "start") == np.datetime64("2016-05-01T00:00")
    with pytest.raises(UnitError, match="start must be a time"):
        instant("the first of May", "start")


def test_that_arrays_are_converted_and_other_dimensions_refused():
    assert convert([1.0, 2.0], "mm", "m").tolist() == [0.001, 0.002]
    with pytest.raises(UnitError, match=r"rain must be convertible to 'mm'; got 'K'"):
        convert([1.0], "K", "mm", "rain")
