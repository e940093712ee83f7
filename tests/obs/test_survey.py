"""What a file holds: spacing, gaps, flags and oddities."""

import numpy as np
import pandas as pd
import pytest

from hydroda.obs import Records
from hydroda.obs.survey import described, survey
from tests.obs.test_records import UNITS, hourly


def series(values: list[float], **columns: object) -> Records:
    return Records.of(hourly(values, **columns), UNITS)  # type: ignore[arg-type]


def without(records: Records, *rows: int) -> Records:
    return records.where(~np.isin(np.arange(len(records)), rows))


def test_that_a_complete_series_has_neither_gaps_nor_oddities() -> None:
    (found,) = survey(series([0.1, 0.2, 0.3]))
    assert found.spacing == pd.Timedelta("1 h") and found.regular
    assert (found.gaps, found.missing, dict(found.flags), found.oddities) == (0, 0, {}, ())
    assert str(found) == "every 1 h; no gaps"


def test_that_gaps_are_counted_and_the_longest_is_named() -> None:
    records = without(series([0.01 * i for i in range(20)]), 3, 8, 9, 10)
    (found,) = survey(records)
    assert (found.gaps, found.longest) == (2, pd.Timedelta("4 h"))
    assert found.since == pd.Timestamp("2016-01-01 07:00")
    assert str(found) == "every 1 h; 2 gaps, the longest 4 h from 2016-01-01 07:00:00"


def test_that_values_that_are_missing_or_flagged_leave_gaps() -> None:
    values = [0.1, np.nan, 0.2, 0.3, 0.4, 0.5]
    (found,) = survey(series(values, flag=["", "", "", "frozen", "", ""]))
    assert (found.gaps, found.missing, dict(found.flags)) == (2, 1, {"frozen": 1})
    assert "flags: frozen 1" in str(found)


def test_that_an_irregular_series_has_a_median_spacing() -> None:
    days = [0, 13, 27, 42, 58, 150, 163]
    times = pd.Timestamp("2016-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    frame = hourly([0.1] * 7).assign(time=times)
    (found,) = survey(Records.of(frame, UNITS))
    assert not found.regular and found.spacing == pd.Timedelta("14.5 D")
    assert (found.gaps, found.longest) == (1, pd.Timedelta("92 D"))
    assert str(found).startswith("irregular, about every 14.5 d; 1 gap, the longest 92 d")


def test_that_a_stuck_sensor_is_odd_but_a_dry_gauge_is_not() -> None:
    (stuck,) = survey(series([0.1, *[0.2] * 30, 0.3]))
    assert stuck.oddities == ("30 values of 0.2 in a row from 2016-01-01 01:00:00",)
    assert survey(series([0.1, *[0.0] * 30, 0.3]))[0].oddities == ()
    assert survey(series([0.1, *[0.2] * 23, 0.3]))[0].oddities == ()


def test_that_numbers_for_missing_values_and_times_told_twice_are_odd() -> None:
    frame = pd.concat([hourly([0.1, -9999, -9999, 9999]), hourly([0.1])])
    (found,) = survey(Records.of(frame, UNITS))
    assert found.oddities == (
        "1 time more than once, first 2016-01-01 00:00:00",
        "2 values of -9999",
        "1 value of 9999",
    )


@pytest.mark.parametrize("value", [0.2, np.nan])
def test_that_a_single_value_is_a_series(value: float) -> None:
    (found,) = survey(series([value]))
    assert found.spacing is None and str(found).startswith("no gaps")


def test_that_every_series_is_described_below_its_line() -> None:
    records = Records.of(pd.concat([hourly([0.1, 0.2], depth=d) for d in (0.05, 0.2)]), UNITS)
    lines = described(records).splitlines()
    assert lines[0] == "4 values of 1 station"
    assert [line.strip() for line in lines[2::2]] == ["every 1 h; no gaps"] * 2
    assert lines[3].startswith("  a at 0.2 m: soil_moisture")


def test_that_a_series_may_begin_end_or_be_nothing_but_a_gap() -> None:
    (found,) = survey(series([np.nan, np.nan, 0.1, 0.2, np.nan]))
    assert (found.gaps, found.longest, found.since) == (
        1,
        pd.Timedelta("2 h"),
        pd.Timestamp("2016-01-01"),
    )
    (found,) = survey(series([np.nan] * 5))
    assert str(found) == "every 1 h; 1 gap, the longest 4 h from 2016-01-01 00:00:00; 5 missing"


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ("m3 m-3", "1 value beyond 0 to 1 m3 m-3, first 25 m3 m-3 at 2016-01-01 01:00:00"),
        ("%", None),
        ("m", "'m' is no unit of soil_moisture, 'm3 m-3' is"),
        ("wetness", "'wetness' is no unit"),
    ],
)
def test_that_values_in_a_mixture_of_units_are_odd(unit: str, told: str | None) -> None:
    (found,) = survey(Records.of(hourly([0.2, 25.0]), {"soil_moisture": unit}))
    assert found.oddities == ((told,) if told else ())


def test_that_rain_may_be_a_rate() -> None:
    frame = hourly([0.0, 0.001], quantity="precipitation")
    (found,) = survey(Records.of(frame, {"precipitation": "m d-1"}))
    assert found.oddities == ()


def test_that_places_are_shown_with_their_range_and_what_is_odd_about_them() -> None:
    frame = pd.concat([hourly([0.1, 0.2], station=name) for name in ("A", "a", "b")])
    places = pd.DataFrame({"lat": [50.5, 6.5], "lon": [6.4, 50.4]}, index=["A", "a"])
    told = described(Records.of(frame, UNITS, places))
    assert "places of stations: lon 6.4 to 50.4 degrees, lat 6.5 to 50.5 degrees" in told
    assert "odd: no place is known of b" in told
    assert "odd: names of stations differ in capitals only: A, a" in told
    assert told.count("with latitude and longitude swapped") == 2
