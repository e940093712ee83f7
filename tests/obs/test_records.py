"""Tidy series: times, units, selection, joining and means."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydroda.errors import DataError, UnitError
from hydroda.obs import Records
from hydroda.obs.records import COLUMNS, from_wide, to_wide

UNITS = {"soil_moisture": "m3 m-3"}


def hourly(
    values: list[float], start: str = "2016-01-01T00:00Z", **columns: object
) -> pd.DataFrame:
    times = pd.date_range(start, periods=len(values), freq="h")
    basic = {"time": times, "station": "a", "quantity": "soil_moisture", "value": values}
    return pd.DataFrame({**basic, **columns})


def test_that_records_have_all_columns_and_an_order_of_their_own() -> None:
    frame = hourly([0.2, 0.3, 0.1])
    records = Records.of(frame, UNITS)
    assert tuple(records.values) == COLUMNS
    assert records == Records.of(frame.iloc[::-1], UNITS)
    assert (records.values["end"] == records.values["time"]).all()
    assert records.values["error"].isna().all()


def test_that_times_of_another_zone_become_utc() -> None:
    there = Records.of(hourly([0.2], "2016-01-01T02:00+02:00"), UNITS)
    assert there == Records.of(hourly([0.2]), UNITS)
    bare = hourly([0.2], "2016-07-01T02:00")
    local = Records.of(bare, UNITS, zone="Europe/Berlin")
    assert local == Records.of(hourly([0.2], "2016-07-01T00:00Z"), UNITS)


@pytest.mark.parametrize(
    ("times", "zone", "message"),
    [
        (["2016-01-01 00:00"], None, "times without a zone, such as 2016-01-01 00:00:00; write"),
        (["2016-10-30 02:30"], "Europe/Berlin", "times that zone 'Europe/Berlin' does not settle"),
        (["2016-01-01"], "Mars/Olympus", "'Mars/Olympus'"),
        (["yesterday noon"], "UTC", "has a time that cannot be read"),
        ([None, "2016-01-01T00:00Z"], None, "has no time in row 1"),
    ],
)
def test_that_unclear_times_are_refused(times: list[str], zone: str | None, message: str) -> None:
    frame = pd.DataFrame({"time": times, "station": "a", "quantity": "soil_moisture", "value": 0.2})
    with pytest.raises(DataError, match=message):
        Records.of(frame, UNITS, zone=zone)


def test_that_incomplete_tables_are_refused() -> None:
    with pytest.raises(DataError, match="needs a column 'value'; it has time, station, quantity"):
        Records.of(hourly([0.2]).drop(columns="value"), UNITS)
    with pytest.raises(DataError, match="gives no unit for soil_moisture"):
        Records.of(hourly([0.2]), {})
    with pytest.raises(DataError, match="has a value without a station"):
        Records.of(hourly([0.2], station=""), UNITS)
    with pytest.raises(DataError, match="a flag must be one word; the series has 'very bad'"):
        Records.of(hourly([0.2], flag="very bad"), UNITS)
    with pytest.raises(DataError, match="must not end before it starts"):
        Records.of(hourly([0.2], end=pd.Timestamp("2015-12-31T00:00Z")), UNITS)


def test_that_good_flags_are_empty() -> None:
    records = Records.of(hourly([0.2] * 3, flag=["good", "OK", "frozen"]), UNITS)
    assert records.values["flag"].tolist() == ["", "", "frozen"]


def test_that_units_convert_values_and_errors() -> None:
    percent = Records.of(hourly([20.0], error=2.0), {"soil_moisture": "%"}).in_units(UNITS)
    assert percent.values["value"][0] == pytest.approx(0.2)
    assert percent.values["error"][0] == pytest.approx(0.02)
    assert percent.units == UNITS
    with pytest.raises(UnitError, match="soil_moisture must be convertible to 'm3 m-3'; got 'mm'"):
        Records.of(hourly([20.0]), {"soil_moisture": "mm"}).in_units(UNITS)


def test_that_records_are_selected_and_joined_again() -> None:
    frame = pd.concat([hourly([0.2, 0.3]), hourly([0.1], station="b")])
    places = pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "b"])
    records = Records.of(frame, UNITS, places)
    a, b = records.select(["a"]), records.select(["b"])
    assert len(a) == 2 and a.stations.index.tolist() == ["a"]
    assert b.joined([a]) == records == a.joined([b])
    moved = Records.of(hourly([0.2]), UNITS, pd.DataFrame({"x": [9.0]}, index=["a"]))
    with pytest.raises(DataError, match=r"a station has two values of x: 1\.0 and 9\.0"):
        records.joined([moved])


def test_that_joined_records_take_the_first_units() -> None:
    percent = Records.of(hourly([30.0], station="b"), {"soil_moisture": "%"})
    both = Records.of(hourly([0.2]), UNITS).joined([percent])
    np.testing.assert_allclose(both.values["value"], [0.2, 0.3])


def test_that_a_period_contains_its_start_but_not_its_end() -> None:
    records = Records.of(hourly([0.1, 0.2, 0.3]), UNITS)
    part = records.between("2016-01-01T00:00", "2016-01-01T02:00")
    assert part.values["value"].tolist() == [0.1, 0.2]


@given(st.permutations(range(12)))
def test_that_rows_come_in_one_order(order: list[int]) -> None:
    parts = [hourly([0.1, 0.2], depth=depth) for depth in (np.nan, 0.05)]
    parts += [hourly([0.3, 0.4], station="b"), hourly([0.3, 0.4], station="b", quantity="t")]
    longer = hourly([0.5, 0.6]).assign(depth=0.05)
    longer["end"] = longer["time"] + pd.Timedelta("1h")
    wells = hourly([1.0, 2.0], station="c", quantity="t")
    frame = pd.concat([*parts, longer, wells], ignore_index=True)
    frame["end"] = frame["end"].fillna(frame["time"])
    units = {**UNITS, "t": "degC"}
    assert Records.of(frame.iloc[order], units) == Records.of(frame, units)


def test_that_the_fingerprint_changes_with_any_value() -> None:
    one, same, other = (Records.of(hourly([0.1, x]), UNITS) for x in (0.2, 0.2, 0.2 + 1e-15))
    assert one.digest == same.digest and hash(one) == hash(same)
    assert one.digest != other.digest
    assert one.digest[:12] in repr(one)


# --- means ----------------------------------------------------------------------------------------


def test_that_a_daily_mean_has_the_error_of_independent_hours() -> None:
    day = Records.of(hourly([0.1, 0.3] * 12, error=0.06), UNITS).aggregated("1 D").values
    assert len(day) == 1
    assert day["value"][0] == pytest.approx(0.2)
    assert day["error"][0] == pytest.approx(0.06 / np.sqrt(24))
    assert day["count"][0] == 24 and day["flag"][0] == ""
    assert day["end"][0] - day["time"][0] == pd.Timedelta("1 D")


def test_that_a_mean_of_too_few_hours_is_flagged_and_bad_hours_do_not_count() -> None:
    values = [0.2] * 24 + [0.2] * 12 + [np.nan] * 12
    flags = ["spike"] * 5 + [""] * 43
    means = Records.of(hourly(values, flag=flags), UNITS).aggregated("1 D").values
    assert means["count"].tolist() == [19, 12]
    assert means["flag"].tolist() == ["", "too_few"]
    loose = Records.of(hourly(values, flag=flags), UNITS).aggregated("1 D", at_least=0.5)
    assert loose.values["flag"].tolist() == ["", ""]


def test_that_a_day_without_any_good_hour_is_missing_not_filled() -> None:
    values = [0.2] * 24 + [np.nan] * 24 + [0.4] * 24
    means = Records.of(hourly(values), UNITS).aggregated("1 D").values
    assert np.isnan(means["value"][1]) and means["flag"][1] == "too_few"
    assert means["value"][2] == pytest.approx(0.4)


def test_that_rain_is_summed_and_a_sum_lacks_nothing() -> None:
    rain = hourly([0.5] * 24 + [0.5] * 23 + [np.nan], quantity="rain", error=0.1)
    wet = hourly([0.2] * 48)
    both = Records.of(pd.concat([rain, wet]), {"rain": "mm", **UNITS}).accumulating("rain")
    days = both.aggregated("1 D").values
    sums = days[days["quantity"] == "rain"]
    assert sums["value"].tolist() == pytest.approx([12.0, 11.5])
    assert sums["error"].tolist() == pytest.approx([0.1 * 24**0.5, 0.1 * 23**0.5])
    assert sums["flag"].tolist() == ["", "too_few"]
    assert days["value"][days["quantity"] == "soil_moisture"].tolist() == pytest.approx([0.2, 0.2])
    with pytest.raises(DataError, match="there is no 'snow' to accumulate"):
        both.accumulating("snow")


@given(st.lists(st.integers(0, 50), min_size=48, max_size=48))
def test_that_rain_of_hours_and_of_days_is_the_same(tenths: list[int]) -> None:
    records = Records.of(hourly([0.1 * n for n in tenths], quantity="rain"), {"rain": "mm"})
    records = records.accumulating("rain")
    days = records.aggregated("6 h").aggregated("1 D").values["value"]
    np.testing.assert_allclose(days, [0.1 * sum(tenths[:24]), 0.1 * sum(tenths[24:])], rtol=1e-12)


def test_that_records_joined_know_the_sums_of_both() -> None:
    one = Records.of(hourly([0.5], quantity="rain"), {"rain": "mm"}).accumulating("rain")
    other = Records.of(hourly([0.5], quantity="snow"), {"snow": "mm"}).accumulating("snow")
    assert one.joined([other]).accumulated == {"rain", "snow"}
    assert one.joined([other]).select(quantities=["snow"]).accumulated == {"snow"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_that_hourly_means_of_hours_are_the_hours(values: list[float]) -> None:
    records = Records.of(hourly(values), UNITS)
    np.testing.assert_array_equal(records.aggregated("1 h").values["value"], values)


# --- wide tables ----------------------------------------------------------------------------------


def mixed() -> Records:
    """Two quantities at different times, depths, flags, errors, counts and a missing value."""
    deep = hourly([0.3, np.nan], depth=0.2, error=[0.01, np.nan], flag=["", "frozen"])
    wells = hourly([1.5, 1.6, 1.7], station="w", quantity="groundwater_level", count=3)
    levels = hourly([2.0], quantity="groundwater_level")
    frame = pd.concat([hourly([0.2, 0.25], depth=0.05), deep, wells, levels])
    places = pd.DataFrame({"lon": [6.1, 6.2], "elevation": [500.0, np.nan]}, index=["a", "w"])
    return Records.of(frame, {**UNITS, "groundwater_level": "m"}, places, {"title": "Two kinds"})


def test_that_a_wide_table_gives_back_the_records() -> None:
    wide, units = to_wide(mixed())
    back = from_wide(
        wide, list(mixed().units), units, mixed().stations, mixed().attributes, "UTC", "x"
    )
    assert back == mixed()


def test_that_two_values_at_one_time_have_no_wide_table() -> None:
    records = Records.of(pd.concat([hourly([0.2]), hourly([0.3])]), UNITS)
    with pytest.raises(DataError, match="station 'a' has soil_moisture twice at 2016-01-01"):
        to_wide(records)


def test_that_stations_without_a_place_may_be_joined() -> None:
    wet, dry = (Records.of(hourly([0.2], quantity=name), {name: "1"}) for name in ("wet", "dry"))
    assert wet.joined([dry]).stations.index.tolist() == ["a"]
