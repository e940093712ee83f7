from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from hydroda.errors import DataError, UnitError
from hydroda.forcing import Forcing, ForcingNoise, Multiplicative
from hydroda.rng import Streams
from tests.forcing.examples import HOUR, SITE, START, record


def changed(name, value, at=10, steps=1):
    data = record()
    data[name][at : at + steps] = value
    return data


def test_that_a_window_holds_the_steps_that_start_in_it():
    forcing = Forcing(record())
    window = forcing.between(START + 5 * HOUR, START + 8 * HOUR)
    assert_array_equal(window.times, START + np.arange(5, 8) * HOUR)
    assert_array_equal(window["rain"], [[0, 0, 1.5]])
    assert window.step_seconds == 3600
    assert window["pressure"].shape == (1, 3)


def test_that_windows_side_by_side_are_the_whole():
    forcing = Forcing(record(columns=3))
    edges = START + np.array([0, 1, 24, 95, 96]) * HOUR
    parts = [forcing.between(a, b)["longwave"] for a, b in pairwise(edges)]
    assert_array_equal(np.concatenate(parts, axis=1)[0], forcing.data["longwave"])
    assert parts[0].shape == (1, 1, 3)


def test_that_a_window_cannot_change_the_forcing():
    window = Forcing(record()).between(START, START + HOUR)
    with pytest.raises(ValueError, match="read-only"):
        window["rain"][0] = 5


def test_that_the_record_a_forcing_was_made_of_may_change_later():
    data = record()
    forcing = Forcing(data)
    data["rain"][:] = 99
    assert forcing.between(START, forcing.end)["rain"].max() == 1.5


def test_that_a_window_outside_the_record_names_what_is_covered():
    with pytest.raises(DataError, match=r"covers 2016-05-01.* to 2016-05-05.*lies outside"):
        Forcing(record()).between(START, START + 97 * HOUR)


def test_that_a_window_within_a_step_is_refused():
    with pytest.raises(DataError, match="lies within a forcing step of 3600 s"):
        Forcing(record()).between(START + HOUR // 2, START + HOUR)


def test_that_a_window_must_end_after_it_starts():
    with pytest.raises(DataError, match="must end after it starts"):
        Forcing(record()).between(START + HOUR, START + HOUR)


def test_that_a_missing_variable_is_named_with_two_cures():
    with pytest.raises(DataError, match=r"has no longwave, .*completed\(data, site\).*variables="):
        Forcing(record().drop_vars("longwave"))
    few = Forcing(record()[["rain"]], variables=("rain",))
    assert list(few.between(START, START + HOUR).values) == ["rain"]


def test_that_a_gap_in_time_is_named_from_to_and_counted():
    data = record().isel(time=[*range(10), *range(15, 40), *range(41, 96)])
    message = (
        r"gap from 2016-05-01T10:00:00 to 2016-05-01T15:00:00 \(5 steps; 2 gaps in all\).*completed"
    )
    with pytest.raises(DataError, match=message):
        Forcing(data)


def test_that_missing_values_are_named_from_to_and_counted():
    data = changed("pressure", np.nan, steps=3)
    data["pressure"][50] = np.nan
    message = (
        r"pressure is missing from 2016-05-01T10:00:00 to 2016-05-01T13:00:00 "
        r"\(3 steps; 4 in 2 runs in all\).*completed"
    )
    with pytest.raises(DataError, match=message):
        Forcing(data)


def test_that_negative_rain_is_refused():
    with pytest.raises(DataError, match=r"rain must not be negative; got -0.2 mm, first at 2016"):
        Forcing(changed("rain", -0.2))


def test_that_infinite_values_are_refused():
    with pytest.raises(DataError, match="wind_speed must be finite"):
        Forcing(changed("wind_speed", np.inf))


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("relative_humidity", 83.0, "is it a fraction, or %"),
        ("air_temperature", 12.0, "is it K, or degC"),
        ("pressure", 1013.0, "is it Pa, or hPa"),
        ("rain", 3000.0, "is it mm per step"),
        ("shortwave", -300.0, "is the unit right"),
    ],
)
def test_that_impossible_values_are_refused_with_a_hint(name, value, hint):
    with pytest.raises(DataError, match=rf"{name} must lie in .* got {value:g}, first at .*{hint}"):
        Forcing(changed(name, value))


def test_that_humidity_a_little_over_one_needs_an_explicit_clip():
    data = changed("relative_humidity", 1.09, steps=2)
    with pytest.raises(DataError, match=r"reaches 1.09 from .* clips and flags"):
        Forcing(data)
    forcing = Forcing.completed(data, SITE)
    assert forcing.data["relative_humidity"].max() == 1
    assert_array_equal(np.flatnonzero(forcing.data["relative_humidity_filled"]), [10, 11])


def test_that_a_unit_is_needed():
    data = record()
    data["rain"].attrs.clear()
    with pytest.raises(UnitError, match="rain has no unit"):
        Forcing(data)


def test_that_the_repr_tells_two_forcings_apart():
    assert repr(Forcing(record())) == repr(Forcing(record()))
    assert repr(Forcing(record())) != repr(Forcing(changed("rain", 0.123)))


def test_that_rows_added_to_the_completions_leave_the_weather_as_it_is():
    forcing = Forcing.completed(record().drop_vars("wind_speed"), SITE)
    noted = forcing.noted(forcing.completions.assign(method="moved"))
    assert len(noted.completions) == 2 * len(forcing.completions)
    assert noted.data.identical(forcing.data)


def test_that_a_window_of_some_members_keeps_what_all_share():
    noise = ForcingNoise((Multiplicative("rain", sd=0.3),), correlation=None)
    window = Forcing(record()).perturbed(noise, Streams(1), 5).between(START, START + 24 * HOUR)
    part = window.of_members([4, 1])
    assert_array_equal(part["rain"], window["rain"][[4, 1]])
    assert part["pressure"] is window["pressure"] and part["pressure"].shape == (1, 24)
    assert_array_equal(part.times, window.times)
    assert part.step_seconds == window.step_seconds
