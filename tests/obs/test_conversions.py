"""Any file into any other: what a format holds comes back to the last digit, more is refused."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.errors import DataError
from hydroda.obs import DinoLoket, Records, read
from hydroda.obs.dinoloket import Datum
from hydroda.obs.formats import FORMATS, WRITTEN, left_out, unread
from hydroda.obs.textfiles import SENTINELS

FEW = settings(max_examples=25, deadline=None)
HOUR, DAY = pd.Timedelta("1h"), pd.Timedelta("1D")
numbers = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(
    lambda value: value not in SENTINELS
)
holes = st.one_of(numbers, st.just(math.nan))
positive = st.floats(1e-12, 1e6)


def series(
    values: list[float],
    quantity: str,
    step: pd.Timedelta = HOUR,
    span: pd.Timedelta = 0 * HOUR,
    start: str = "2016-03-26T20:00",
    **columns: Any,
) -> pd.DataFrame:
    times = pd.date_range(start, periods=len(values), freq=step)
    frame = pd.DataFrame({"time": times, "end": times + span, "value": values, "station": "S1"})
    return frame.assign(quantity=quantity, **columns)


def held(
    parts: list[pd.DataFrame], units: dict[str, str], place: dict[str, float] | None = None,
    **attributes: str,
) -> Records:  # fmt: skip
    stations = pd.DataFrame(place, index=["S1"]) if place else None
    return Records.of(pd.concat(parts), units, stations, attributes, "UTC")


def back(records: Records, form: str, name: str, **more: Any) -> Records:
    """The records after they were a file of the format."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        WRITTEN[form].write(records, path)
        return read(path, **more)


def same(one: Records, other: Records) -> None:
    pd.testing.assert_frame_equal(one.values, other.values, check_exact=True)
    assert dict(one.units) == dict(other.units)
    pd.testing.assert_frame_equal(one.stations, other.stations, check_exact=True)


PLACE = {"lon": 6.4, "lat": 50.500000000000007, "elevation": 519.9}
GRID = {"x": 200_123.4, "y": 412_000.25, "elevation": -0.30000000000000004}
STM = "NET_NET_S1_sm_0.050000_0.050000_Probe_20160101_20170101.stm"


# --- what can be held comes back ------------------------------------------------------------------


@FEW
@given(st.lists(st.tuples(numbers, st.sampled_from(["", "D03", "D03+D10", "C01"])), min_size=1))
def test_that_ismn_gives_back_what_it_holds(rows: list[tuple[float, str]]) -> None:
    values, flags = zip(*rows, strict=True)
    part = series(list(values), "soil_moisture", depth=0.05, flag=list(flags))
    records = held([part], {"soil_moisture": "m3 m-3"}, PLACE, source="ISMN, network NET")
    again = back(records, "ismn", STM)
    same(records, again)
    assert again.attributes["source"] == "ISMN, network NET"


@FEW
@given(st.lists(st.tuples(holes, holes, st.one_of(positive, st.just(math.nan))), min_size=1))
def test_that_cosmos_level_2_gives_back_what_it_holds(
    rows: list[tuple[float, float, float]],
) -> None:
    raw, corrected, error = (list(column) for column in zip(*rows, strict=True))
    parts = [
        series(raw, "raw_neutron_counts", span=HOUR),
        series(corrected, "neutron_counts", span=HOUR, error=error),
    ]
    records = held(parts, {"raw_neutron_counts": "h-1", "neutron_counts": "h-1"})
    same(records, back(records, "cosmos-level-2", "S1_corcounts.txt"))


@FEW
@given(st.lists(holes, min_size=1), st.sampled_from(["cm", "m"]), st.sampled_from(list(Datum)))
def test_that_dinoloket_gives_back_what_it_holds(
    values: list[float], unit: str, datum: Datum
) -> None:
    """Over the hour that a Dutch summer takes away."""
    values = [1.0, *values]  # a file without any level is refused on reading
    local = pd.date_range("2016-03-25", periods=len(values) + 1, freq="D", tz="Europe/Amsterdam")
    times = local.tz_convert("UTC").tz_localize(None)
    part = series(values, "groundwater_level").assign(time=times[:-1], end=times[1:])
    part["flag"] = np.where(np.isnan(values), "no_level", "")
    records = held([part], {"groundwater_level": unit}, GRID, reference=datum.name.lower())
    formats = (DinoLoket(datum), *FORMATS)
    again = back(records, "dinoloket", "S1.csv", formats=formats)
    same(records, again)
    assert again.attributes["reference"] == datum.name.lower()


def test_that_a_filter_stands_apart_from_its_location(tmp_path: Path) -> None:
    part = series([1.0], "groundwater_level", DAY, DAY, "2016-01-05T23:00").assign(
        station="B28C0314001"
    )
    stations = pd.DataFrame(GRID, index=["B28C0314001"])
    records = Records.of(part, {"groundwater_level": "m"}, stations, {"reference": "nap"}, "UTC")
    WRITTEN["dinoloket"].write(records, tmp_path / "w.csv")
    assert "B28C0314,001,06-01-2016,1.0" in (tmp_path / "w.csv").read_text()
    same(records, read(tmp_path / "w.csv"))


AVERAGE = {"span": 24 * HOUR, "start": "2016-03-26T07:00"}  # of the time 20:00


@FEW
@given(
    st.lists(
        st.tuples(holes, holes, st.one_of(positive, st.just(math.nan)), st.sampled_from("xyz")),
        min_size=1,
    )
)
def test_that_cosmos_europe_gives_back_what_it_holds(
    rows: list[tuple[float, float, float, str]],
) -> None:
    counts, moisture, error, letter = (list(column) for column in zip(*rows, strict=True))
    flags = [{"x": "", "y": "OutOfRange", "z": "Frost"}[each] for each in letter]
    parts = [
        series(counts, "neutron_counts", span=HOUR, start="2016-03-26T19:00", flag=flags),
        series(moisture, "soil_moisture", **AVERAGE, error=error, flag=flags),
    ]
    records = held(parts, {"neutron_counts": "h-1", "soil_moisture": "m3 m-3"}, PLACE)
    same(records, back(records, "cosmos-europe", "S1.csv"))


@FEW
@given(st.lists(st.tuples(numbers, numbers), min_size=1), st.sampled_from([0, 1, 24]))
def test_that_a_plain_table_gives_back_what_it_holds(
    rows: list[tuple[float, float]], hours: int
) -> None:
    theta, head = zip(*rows, strict=True)
    parts = [
        series(list(theta), "soil moisture", 24 * HOUR, hours * HOUR, depth=0.05, station="a, b"),
        series(list(head), "level", 24 * HOUR, hours * HOUR, station='"2"'),
    ]
    frame = pd.concat(parts)
    records = Records.of(frame, {"soil moisture": "%", "level": "cm"}, None, {"title": "ä"}, "UTC")
    again = back(records, "plain", "x.csv")
    same(records, again)
    assert dict(again.attributes) == {"title": "ä"}


def test_that_series_whose_names_run_together_stay_apart() -> None:
    parts = [series([1.0], "c", station="a_b"), series([2.0], "b_c", station="a")]
    records = held(parts, {"c": "m", "b_c": "m"})
    same(records, back(records, "plain", "x.csv"))


@pytest.mark.parametrize("value", SENTINELS)
def test_that_a_measured_number_that_often_is_a_gap_survives_a_plain_table(value: float) -> None:
    records = held([series([value, 1.0], "level")], {"level": "m"})
    same(records, back(records, "plain", "x.csv"))


# --- any into any ---------------------------------------------------------------------------------


def counts() -> Records:
    """What COSMOS-Europe, COSMOS level 2, a plain table, CF and a tidy table can all hold."""
    return held([series([900.5, 901.25], "neutron_counts", span=HOUR)], {"neutron_counts": "h-1"})


NAMES = {
    "cf": "S1.nc",
    "tidy": "S1.csv",
    "cosmos-europe": "S1.csv",
    "cosmos-level-2": "S1.txt",
    "plain": "S1.csv",
}


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
def test_that_files_turn_into_each_other(tmp_path: Path, first: str, second: str) -> None:
    one, other = tmp_path / "one" / NAMES[first], tmp_path / "other" / NAMES[second]
    WRITTEN[first].write(counts(), one)
    WRITTEN[second].write(read(one).select(quantities=["neutron_counts"]), other)
    good = read(other).select(quantities=["neutron_counts"])
    same(counts(), good)


# --- what cannot is refused, and nothing written --------------------------------------------------


def moisture(**columns: Any) -> Records:
    part = series([0.2, 0.3], "soil_moisture", **{"depth": 0.05, **columns})
    return held([part], {"soil_moisture": "m3 m-3"}, PLACE)


def levels(span: pd.Timedelta = DAY, place: dict[str, float] | None = GRID) -> Records:
    part = series([1.0], "groundwater_level", DAY, span, "2016-01-05T23:00")
    return held([part], {"groundwater_level": "m"}, place, reference="nap")


def two_stations() -> Records:
    parts = [series([1.0], "neutron_counts", span=HOUR, station=name) for name in "ab"]
    return held(parts, {"neutron_counts": "h-1"})


REFUSED: dict[str, tuple[str, str, Callable[[], Records], str]] = {
    "a quantity": ("ismn", STM, counts, "ISMN .stm cannot hold neutron_counts, only soil_moisture"),
    "a quantity of DINOloket": (
        "dinoloket",
        "x.csv",
        counts,
        "cannot hold neutron_counts, only gr",
    ),
    "a quantity of level 2": ("cosmos-level-2", "S1.txt", moisture, "only raw_neutron_counts, neu"),
    "a quantity of Europe": ("cosmos-europe", "S1.csv", levels, "cannot hold groundwater_level"),
    "an error": ("ismn", STM, lambda: moisture(error=0.1), "errors of soil_moisture; CF NetCDF"),
    "an error in a table": ("plain", "x.csv", lambda: moisture(error=0.1), "cannot hold errors of"),
    "a count": ("ismn", STM, lambda: moisture(count=4), "how many readings are behind a value; CF"),
    "a flag": ("ismn", STM, lambda: moisture(flag="too_few"), "cannot hold a flag 'too_few'; CF"),
    "a flag in a table": ("plain", "x.csv", lambda: moisture(flag="D03"), "hold a flag 'D03'"),
    "a gap's number": (
        "ismn",
        STM,
        lambda: held([series([-9999.0], "soil_moisture", depth=0.1)], {"soil_moisture": "m3 m-3"}),
        "cannot hold -9999, which stands for a missing value there; CF",
    ),
    "no depth": ("ismn", STM, lambda: moisture(depth=np.nan), "needs the depth of soil_moisture"),
    "intervals": ("ismn", STM, lambda: moisture(span=HOUR), "ISMN .stm cannot hold intervals"),
    "two stations": ("cosmos-europe", "S1.csv", two_stations, "is of one station, got 2; write a"),
    "no place": ("dinoloket", "x.csv", lambda: levels(place=None), "DINOloket needs x and y of"),
    "hours": ("dinoloket", "x.csv", lambda: levels(HOUR), "has levels of whole days in the Nether"),
    "instants": (
        "cosmos-europe",
        "S1.csv",
        lambda: moisture(depth=np.nan),
        "COSMOS-Europe has soil_moisture of 1 days 00:00:00; it cannot hold one from",
    ),
    "another name": ("ismn", "x.stm", moisture, "called as the ISMN does, such as NET_NET_S1_sm_0"),
    "another station": ("cosmos-europe", "x.csv", counts, "x.csv must be called S1.csv"),
    "another probe": ("cosmos-level-2", "x.txt", counts, "x.txt must be called S1_corcounts.txt"),
    "a depth": (
        "cosmos-europe",
        "S1.csv",
        lambda: moisture(**AVERAGE),
        "COSMOS-Europe cannot hold depths",
    ),
    "gaps in counting": (
        "cosmos-level-2",
        "S1.txt",
        lambda: held([series([1.0, 2.0], "neutron_counts", DAY, HOUR)], {"neutron_counts": "h-1"}),
        "counts from one time to the next",
    ),
    "two lengths": (
        "plain",
        "x.csv",
        lambda: held([series([1.0], "a"), series([1.0], "b", span=HOUR)], {"a": "m", "b": "m"}),
        "has one length of intervals, got 0 days 00:00:00 and 0 days 01:00:00",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_that_what_a_format_cannot_hold_is_refused_and_nothing_written(
    tmp_path: Path, case: str
) -> None:
    form, name, records, message = REFUSED[case]
    with pytest.raises(DataError) as error:
        WRITTEN[form].write(records(), tmp_path / name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", WRITTEN)
def test_that_seconds_are_kept_or_refused(tmp_path: Path, form: str) -> None:
    part = series([0.2, 0.3], "soil_moisture", start="2016-01-01T00:00:30", depth=0.05)
    records = held([part], {"soil_moisture": "m3 m-3"}, PLACE)
    name = {"ismn": STM, "cf": "S1.nc"}.get(form, "S1.csv")
    try:
        WRITTEN[form].write(records, tmp_path / name)
    except DataError:
        assert list(tmp_path.iterdir()) == []
    else:
        pd.testing.assert_frame_equal(read(tmp_path / name).values, records.values)


# --- what describes the values and is left out is said --------------------------------------------

TOLD = {"title": "Ä", "source": "probes", "levels_S1": "ground 1 m", "a:b": "c", "featureType": "x"}
ANYWHERE = {"x": 1.0, "y": 2.0, "lon": 6.4, "lat": 50.5, "elevation": 500.0}


def rain() -> Records:
    return held([series([1.0], "precipitation", depth=0.05)], {"precipitation": "mm"}, ANYWHERE)


def daily() -> Records:
    part = series([1.0, 2.0], "groundwater_level", DAY, DAY, "2016-01-05T23:00")
    return held([part], {"groundwater_level": "m"}, ANYWHERE, reference="ground")


def counted(place: dict[str, float] | None = ANYWHERE) -> Records:
    return held([series([1.0], "neutron_counts", span=HOUR)], {"neutron_counts": "h-1"}, place)


# By format: the name of a file, what it holds, and the places that it keeps.
DESCRIBED: dict[str, tuple[str, Callable[[], Records], tuple[str, ...]]] = {
    "cf": ("S1.nc", counted, tuple(ANYWHERE)),
    "tidy": ("S1.csv", counted, tuple(ANYWHERE)),
    "plain": ("S1.csv", counted, ()),
    "cosmos-europe": ("S1.csv", counted, ("lon", "lat", "elevation")),
    "cosmos-level-2": ("S1.txt", counted, ()),
    "dinoloket": ("S1.csv", daily, ("x", "y", "elevation")),
    "ismn": (STM, moisture, ("lon", "lat", "elevation")),
}
MORE: dict[str, tuple[str, str, Callable[[], Records]]] = {
    "rain": ("ismn", STM.replace("_sm_", "_p_"), rain),
    "half a place": ("cosmos-europe", "S1.csv", lambda: counted({"lon": 6.4, "lat": 50.5})),
    "no ground": ("dinoloket", "S1.csv", lambda: levels(place={"x": 1.0, "y": 2.0})),
}


def as_read(records: Records, form: str, path: Path) -> Records:
    WRITTEN[form].write(records, path)
    datum = records.attributes.get("reference", "nap")
    return read(path, formats=(DinoLoket(Datum[datum.upper()]), *FORMATS))


@pytest.mark.parametrize("case", [*WRITTEN, *MORE])
@pytest.mark.parametrize("told", [{}, TOLD, {"source": "ISMN, network NET"}])
def test_that_exactly_what_a_file_does_not_give_back_is_said(
    tmp_path: Path, case: str, told: dict[str, str]
) -> None:
    form, name, made = MORE[case] if case in MORE else (case, *DESCRIBED[case][:2])
    plain = made()
    records = replace(plain, attributes={**plain.attributes, **told})
    path = tmp_path / name
    left = WRITTEN[form].left_out(records, path)
    again = as_read(records, form, path)
    assert dict(again.attributes) == dict(WRITTEN[form].attributes_held(records, path))
    kept = {k for k, v in records.attributes.items() if again.attributes.get(k) == v}
    assert set(left.get("attributes", ())) == set(records.attributes) - kept
    gone = set(records.stations) - set(again.stations)
    assert set(left.get("places of stations", ())) == gone
    for place in again.stations:
        assert again.stations[place].equals(records.stations[place])


@pytest.mark.parametrize("form", WRITTEN)
def test_that_each_format_keeps_its_places(form: str, tmp_path: Path) -> None:
    name, made, places = DESCRIBED[form]
    records = made()
    records = replace(records, stations=pd.DataFrame(ANYWHERE, index=records.stations.index))
    again = as_read(records, form, tmp_path / name)
    assert set(again.stations) == set(places) == set(WRITTEN[form].places_held(records))


def test_that_a_line_names_what_is_left_out_and_what_keeps_it(tmp_path: Path) -> None:
    records = replace(counted(), attributes={"title": "Ä", "a:b": "c", "featureType": "x"})

    def lines(form: str, name: str) -> tuple[str, ...]:
        return left_out(records, tmp_path / name, WRITTEN[form])

    assert lines("cosmos-level-2", "S1.txt") == (
        "S1.txt leaves out attributes: title, a:b, featureType; none keeps them all",
        "S1.txt leaves out places of stations: x, y, lon, lat, elevation; "
        "--as cf or --as tidy keeps them",
    )
    assert lines("tidy", "S1.csv") == ("S1.csv leaves out attributes: a:b; --as cf keeps them",)
    assert lines("cf", "S1.nc") == (
        "S1.nc leaves out attributes: featureType; --as tidy keeps them",
    )
    assert left_out(counted(), tmp_path / "S1.nc", WRITTEN["cf"]) == ()


def test_that_a_file_names_what_of_it_is_not_read(tmp_path: Path) -> None:
    head = "DateTime_utc,NeutronCount_Epithermal_Cum1h,Biomass\n2016-01-01 00:00:00+00:00,1,2\n"
    (tmp_path / "S1.csv").write_text(head)
    assert unread(tmp_path / "S1.csv") == {"columns": ("Biomass",)}
    (tmp_path / "S1.txt").write_text(
        "YYYY-MM-DD HH:MM MOD PRESS CORR ERR\n2016-01-01 00:00 1 1 1 1\n"
    )
    assert unread(tmp_path / "S1.txt") == {"columns": ("PRESS",)}
    well = tmp_path / "w.csv"
    WRITTEN["dinoloket"].write(levels(), well)
    assert unread(well) == {}
    well.write_text(
        re.sub(r"(Peildatum.*|\d+-\d+-\d+,1.0)\n", r"\1,Bijzonderheid\n", well.read_text())
    )
    assert unread(well) == {"columns": ("Bijzonderheid",)}
    WRITTEN["cf"].write(moisture(error=0.1, flag="D03"), tmp_path / "S1.nc")
    assert unread(tmp_path / "S1.nc") == {}
    with xr.open_dataset(tmp_path / "S1.nc") as dataset:
        dataset["soil_moisture"].attrs["comment"] = "buried twice"
        more = dataset.assign(crs=0, battery=2 * dataset["soil_moisture"]).load()
    del more["battery"].attrs["units"], more["battery"].attrs["ancillary_variables"]
    more = more.assign(battery=more["battery"].isel(time=0, drop=True))
    more.to_netcdf(tmp_path / "S2.nc")
    assert unread(tmp_path / "S2.nc") == {
        "variables": ("crs", "battery"),
        "attributes of variables": ("soil_moisture:comment",),
    }
