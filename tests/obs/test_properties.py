"""What holds for any records: nothing is lost or doubled between file, network and file."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hydroda.obs import ObservationNetwork, PointSensor, Records, read, sensors_at, write
from hydroda.units import convert

ENDINGS = (".nc", ".csv", ".csv.gz")
UNITS = {"soil_moisture": "m3 m-3", "groundwater_level": "m", "neutron_counts": "h-1"}
NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=6
)
TIMES = st.integers(0, 4 * 365 * 86400).map(lambda s: pd.Timestamp("2015-01-01") + s * SECOND)
SECOND = pd.Timedelta("1s")
VALUES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False, width=64),
    st.sampled_from([-9999.0, 9999.0, 0.0, -0.0, 1 / 3]),
)


@st.composite
def rows(draw: st.DrawFn, stations: list[str]) -> dict[str, Any]:
    time = draw(TIMES)
    return {
        "time": time,
        "end": time + draw(st.sampled_from([0, 0, 3600, 86400])) * SECOND,
        "station": draw(st.sampled_from(stations)),
        "quantity": draw(st.sampled_from(list(UNITS))),
        "depth": draw(st.sampled_from([np.nan, 0.05, 0.2])),
        "value": draw(VALUES),
        "error": draw(st.sampled_from([np.nan, 0.01, 1 / 7, 9999.0])),
        "flag": draw(st.sampled_from(["", "", "frozen", "too_few"])),
        "count": draw(st.integers(0, 30)),
    }


@st.composite
def any_records(draw: st.DrawFn) -> Records:
    """Some stations, quantities, depths, intervals, flags, gaps; each value once."""
    stations = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    table = draw(
        st.lists(
            rows(stations),
            min_size=1,
            max_size=20,
            unique_by=lambda r: (r["time"], r["station"], r["quantity"], repr(r["depth"])),
        )
    )
    places = {
        "x": st.floats(-1e6, 1e6),
        "y": st.floats(-1e6, 1e6),
        "lon": st.floats(-180, 360),
        "lat": st.floats(-90, 90),
        "elevation": st.sampled_from([np.nan, 12.5, -430.5, 8848.86]),
    }
    known = draw(st.sets(st.sampled_from([("x", "y"), ("lon", "lat"), ("elevation",)])))
    named = sorted(name for group in known for name in group)
    columns = {name: [draw(places[name]) for _ in stations] for name in named}
    about = draw(
        st.dictionaries(st.sampled_from(["title", "source"]), st.just("A, b: c"), max_size=2)
    )
    frame = pd.DataFrame(table)
    return Records.of(frame, UNITS, pd.DataFrame(columns, index=stations), about, zone="UTC")


def copied(records: Records, ending: str) -> Records:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{ending}"
        write(records, path)
        return read(path)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(records=any_records())
def test_that_any_records_survive_a_file(ending: str, records: Records) -> None:
    back = copied(records, ending)
    pd.testing.assert_frame_equal(back.values, records.values, check_exact=True)
    assert back == records


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    deadline=None,
)
@given(records=any_records())
def test_that_no_value_is_lost_or_doubled_from_file_to_network_to_file(records: Records) -> None:
    values = records.values
    possible = values["value"].between(-1e300, 1e300) & values["depth"].notna()
    records = records.where(possible & (values["quantity"] == "neutron_counts"))
    assume(len(records))
    like = PointSensor(station="", quantity="neutron_counts", unit="h-1", sd="1 h-1")
    sensors = sensors_at(records, like)
    net = ObservationNetwork(sensors, copied(records, ".csv"))
    table = net.table
    assert len(table) == len(records) == table["id"].nunique()
    assert sorted(table["value"]) == sorted(records.values["value"])
    again = copied(net.records, ".nc")
    assert again.values.equals(records.values)
    for ends in (table["end"].min(), table["end"].max()):
        cycle = net.between(ends - SECOND, ends)
        assert len(cycle) == (table["end"] == ends).sum()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(records=any_records(), seed=st.integers(0, 2**32 - 1))
def test_that_the_order_of_rows_is_no_matter(records: Records, seed: int) -> None:
    mixed = records.values.sample(frac=1, random_state=seed)
    units = dict(reversed(list(records.units.items())))
    other = Records.of(mixed, units, records.stations.iloc[::-1], records.attributes, "UTC")
    assert other == records and other.digest == records.digest
    parts = [records.select([name]) for name in records.stations.index]
    first, *rest = parts[::-1]
    assert first.joined(rest).values.equals(records.values)


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20),
    st.sampled_from(
        [
            ("m3 m-3", "%"),
            ("m", "cm"),
            ("hPa", "Pa"),
            ("degC", "K"),
            ("mm d-1", "m s-1"),
            ("h-1", "s-1"),
        ]
    ),
)
def test_that_units_there_and_back_are_the_same_to_rounding(
    values: list[float], pair: tuple[str, str]
) -> None:
    there = convert(values, *pair)
    back = convert(there, pair[1], pair[0])
    np.testing.assert_allclose(back, values, rtol=1e-14, atol=1e-12)
    frame = pd.DataFrame({"time": pd.Timestamp("2016"), "station": "a", "quantity": "q"}, [0])
    one = Records.of(frame.assign(value=values[0]), {"q": pair[0]}, zone="UTC")
    again = one.in_units({"q": pair[1]}).in_units({"q": pair[0]})
    assert again.units == one.units
    np.testing.assert_allclose(again.values["value"], values[0], rtol=1e-14, atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=24, max_size=24 * 4), st.integers(0, 23))
def test_that_a_mean_counts_each_good_value_once(values: list[float], bad: int) -> None:
    times = pd.date_range("2016-01-01", periods=len(values), freq="h", tz="UTC")
    frame = pd.DataFrame({"time": times, "station": "a", "quantity": "q", "value": values})
    frame["flag"] = np.where(frame.index < bad, "spike", "")
    day = Records.of(frame, {"q": "1"}).aggregated("1 D").values
    assert day["count"].sum() == len(values) - bad
    total = (day["value"] * day["count"]).sum()
    np.testing.assert_allclose(total, sum(values[bad:]), rtol=1e-12, atol=1e-12)


@settings(max_examples=30)
@given(st.integers(1, 400), st.sampled_from(["1 D", "6 h", "12 h"]))
def test_that_one_mean_a_day_does_not_overlap_another(hours: int, every: str) -> None:
    ends = pd.date_range("2016-01-01T05:00", periods=hours, freq="h", tz="UTC")
    span = pd.Timedelta(every)
    frame = pd.DataFrame(
        {"time": ends - span, "end": ends, "station": "a", "quantity": "q", "value": 1.0}
    )
    kept = Records.of(frame, {"q": "1"}).ending_every(every).values
    assert (kept["time"].iloc[1:].to_numpy() == kept["end"].iloc[:-1].to_numpy()).all()
    assert (kept["end"].dt.normalize() <= kept["end"]).all()
