"""Which wells are used, which validate, which go, and why: the rules of Li et al."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.obs import GroundwaterLevel, ObservationNetwork, Records, sensors_at
from hydroda.obs.screening import (
    Apart,
    AtRandom,
    Cells,
    Inside,
    MeanOfCell,
    MedianOfCell,
    MedianStation,
    Monthly,
    Named,
    ObservedDepth,
    OffStream,
    Rule,
    Screening,
    Stations,
    Unconfined,
    distance_classes,
    per_cell,
)

LEVEL = {"groundwater_level": "m"}


def grid(n: int = 8, size: float = 500.0) -> xr.Dataset:
    """n × n cells, with a river along the second row of x."""
    x, y = np.meshgrid(np.arange(n) * size, np.arange(n) * size, indexing="ij")
    places = {"x": ("column", x.ravel()), "y": ("column", y.ravel())}
    return xr.Dataset({"river": ("column", (x == size).ravel())}, places)


def wells(places: dict[str, tuple[float, float]], months: int = 12, **columns: Any) -> Records:
    """Wells with a value in the middle of each month."""
    times = pd.date_range("2016-01-15", periods=months, freq=pd.DateOffset(months=1), tz="UTC")
    parts = [
        pd.DataFrame(
            {
                "time": times, "station": name, "quantity": "groundwater_level",
                "value": 1.0 + n, "error": 0.05, **columns,
            }
        )
        for n, name in enumerate(places)
    ]  # fmt: skip
    frame = pd.DataFrame(places, index=["x", "y"]).T
    return Records.of(pd.concat(parts), LEVEL, frame)


def about(records: Records, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=records.stations.index)


def why(rule: Rule, records: Records, known: Any = None, columns: Any = None) -> list[str]:
    return rule.refused(Stations.of(records, known, columns)).tolist()


PLACES = {"a": (2000.0, 2000.0), "b": (3000.0, 2100.0), "c": (3600.0, 100.0)}


# --- rules ----------------------------------------------------------------------------------------


def test_that_wells_are_screened_by_aquifer_and_depth() -> None:
    records = wells(PLACES)
    known = about(records, aquifer=["Unconfined", "confined", None], depth=[20.0, 20.1, np.nan])
    assert why(Unconfined(), records, known) == ["", "aquifer confined", "aquifer unknown"]
    rule = ObservedDepth("0 m", "20 m")
    assert why(rule, records, known) == ["", "depth 20.1 m", "depth unknown"]
    assert rule == ObservedDepth("0 cm", "2000 cm")
    with pytest.raises(UnitError, match="high needs a unit"):
        ObservedDepth("0 m", 20)
    with pytest.raises(DeclarationError, match="low must be less than high"):
        ObservedDepth("2 m", "1 m")


def test_that_a_month_without_a_good_value_is_one_too_many() -> None:
    rule = Monthly("2016-01-01", "2017-01-01")
    whole = wells(PLACES)
    assert why(rule, whole) == ["", "", ""]
    gap = whole.where(~((whole.values["station"] == "b") & (whole.values["time"].dt.month == 7)))
    assert why(rule, gap) == ["", "values in 11 of 12 months", ""]
    assert why(Monthly("2016-01-01", "2017-01-01", at_least=0.9), gap) == ["", "", ""]
    flagged = wells(PLACES, flag=["", *["pumped"] * 11])
    assert why(rule, flagged) == ["values in 1 of 12 months"] * 3
    with pytest.raises(DeclarationError, match="no month begins"):
        why(Monthly("2016-01-02", "2016-01-20"), whole)


def test_that_several_values_in_a_month_do_not_stand_for_another_month() -> None:
    records = wells({"a": (0.0, 0.0)}, months=6)
    later = records.values["time"] + pd.Timedelta("1 D")
    twice = records.values.assign(time=later, end=later)
    both = records.joined([Records.of(twice, LEVEL, records.stations, zone="UTC")])
    assert why(Monthly("2016-01-01", "2017-01-01"), both) == ["values in 6 of 12 months"]


def test_that_river_cells_and_those_beside_are_found_across_corners() -> None:
    cells = Cells(grid())
    beside = cells.beside(cells.river).reshape(8, 8)
    assert beside[:3].all() and not beside[3:].any()
    one = np.zeros((8, 8), bool)
    one[4, 4] = True
    expected = np.zeros((8, 8), bool)
    expected[3:6, 3:6] = True
    np.testing.assert_array_equal(cells.beside(one).reshape(8, 8), expected)


def test_that_wells_at_the_stream_are_refused() -> None:
    places = {"river": (600.0, 900.0), "bank": (240.0, 0.0), "far": (1300.0, 0.0), "out": (-9e3, 0)}
    records = wells(places)
    found = dict(zip(records.stations.index, why(OffStream(), records, None, grid()), strict=True))
    assert found == {
        "river": "in a river cell", "bank": "in a cell next to a river", "far": "", "out": "",
    }  # fmt: skip
    assert why(Inside(), records, None, grid())[2] == "in no cell of the model"  # out
    with pytest.raises(DeclarationError, match="give columns="):
        why(OffStream(), records)
    with pytest.raises(DeclarationError, match="need a mask 'river'"):
        why(OffStream(), records, None, grid().drop_vars("river"))


def test_that_a_well_at_the_edge_of_its_cell_is_inside() -> None:
    stations = pd.DataFrame({"x": [-250.0, 249.0, 251.0, -251], "y": [-250.0, 0, 0, -251.0]})
    assert Cells(grid()).of(stations).tolist() == [0, 0, 8, -1]


def test_that_cells_are_found_by_longitude_and_latitude_too() -> None:
    columns = xr.Dataset({"lon": ("column", [6.0, 6.01]), "lat": ("column", [50.0, 50.0])})
    stations = pd.DataFrame({"lon": [6.001, 6.009, 7.0], "lat": [50.0, 50.001, 50.0]})
    assert Cells(columns).of(stations).tolist() == [0, 1, -1]


def test_that_cells_may_be_longer_than_wide():
    y, x = np.meshgrid(np.arange(4.0) * 50.0, np.arange(5.0) * 20.0, indexing="ij")
    columns = xr.Dataset({"x": ("column", x.ravel()), "y": ("column", y.ravel())})
    stations = pd.DataFrame({"x": [1.0, 9.0, 71.0], "y": [24.0, 30.0, 126.0]}, list("abc"))
    cells = Cells(columns)
    assert cells.of(stations).tolist() == [0, 5, 19]
    beside = cells.beside(np.arange(20) == 7).reshape(4, 5)
    assert np.argwhere(beside).tolist() == [[r, c] for r in (0, 1, 2) for c in (1, 2, 3)]


def test_that_thinning_keeps_the_wells_with_most_values_and_none_nearer_than_that() -> None:
    places = {name: (100.0 * n, 0.0) for n, name in enumerate("abcde")}
    records = wells(places)
    records = records.where(~((records.values["station"] == "a") & (records.values.index < 3)))
    assert why(Apart("200 m"), records) == ["near b", "", "near b", "", "near d"]
    assert why(Apart("1 m"), records) == [""] * 5


def test_that_a_draw_depends_on_seed_and_name_alone() -> None:
    names = {f"w{n}": (0.0, 0.0) for n in range(60)}

    def drawn(places: dict[str, tuple[float, float]], seed: int = 1) -> set[str]:
        records = wells(places, months=1)
        words = why(AtRandom(20, seed), records)
        return {n for n, w in zip(records.stations.index, words, strict=True) if w == ""}

    first = drawn(names)
    assert len(first) == 20
    assert drawn(dict(reversed(names.items()))) == first
    assert len(drawn({**names, "one more": (0.0, 0.0)}) ^ first) in (0, 2)
    assert drawn(names, seed=2) != first


def test_that_more_are_drawn_than_there_are_is_all() -> None:
    assert why(AtRandom(9, seed=0), wells(PLACES)) == [""] * 3


# --- screening ------------------------------------------------------------------------------------


def li() -> tuple[Records, pd.DataFrame]:
    places = {f"w{n:03d}": (137.0 * n % 3600, 211.0 * n % 3700) for n in range(200)}
    records = wells(places)
    rng = np.random.default_rng(0)
    known = about(
        records,
        aquifer=rng.choice(["unconfined", "confined"], 200, p=[0.8, 0.2]),
        depth=rng.uniform(0, 25, 200),
    )
    return records, known


LI = Screening(
    keep=(
        Inside(),
        Unconfined(),
        ObservedDepth("0 m", "20 m"),
        Monthly("2016-01-01", "2017-01-01"),
    ),
    assimilate=(OffStream(), AtRandom(15, seed=3)),
)


def test_that_every_station_has_one_role_and_every_refusal_a_reason() -> None:
    records, known = li()
    screened = LI.of(records, known, grid())
    table = screened.table
    assert set(table.index) == set(records.stations.index)
    assert ((table["why"] == "") == (table["role"] == "assimilated")).all()
    assert (table["role"] == "assimilated").sum() == 15
    assert set(screened.withheld) == set(table.index[table["role"] == "withheld"])
    kept = set(table.index[table["role"] != "left_out"])
    assert set(screened.records.values["station"]) == kept
    assert len(screened.records) == 12 * len(kept)
    assert screened.summary.sum() == 200
    assert set(table["rule"]) == {"", "Unconfined", "ObservedDepth", "OffStream", "AtRandom"}


def test_that_a_screened_network_assimilates_and_withholds() -> None:
    records, known = li()
    screened = LI.of(records, known, grid())
    sensors = sensors_at(screened.records, GroundwaterLevel(station="", sd="5 cm"))
    net = ObservationNetwork(sensors, screened.records, withheld=screened.withheld)
    assert len(net.assimilated) == 15 and len(net.validation) == len(screened.withheld)
    assert (net.table["reason"] == "withheld").sum() == 12 * len(screened.withheld)


def test_that_the_order_of_stations_and_times_does_not_matter() -> None:
    records, known = li()
    mixed = records.values.sample(frac=1, random_state=0)
    other = Records.of(mixed, LEVEL, records.stations.iloc[::-1], zone="UTC")
    one, two = LI.of(records, known, grid()), LI.of(other, known.iloc[::-1], grid())
    pd.testing.assert_frame_equal(one.table, two.table)
    assert one.records == two.records


def test_that_a_rule_sees_only_what_the_rules_before_left() -> None:
    records = wells(PLACES)
    screened = Screening(keep=(Named("a"), AtRandom(2, seed=0))).of(records)
    assert screened.table["role"].tolist() == ["left_out", "assimilated", "assimilated"]
    nothing = Screening(keep=(Named(("a", "b", "c")), Apart("1 m"))).of(records)
    assert len(nothing.records) == 0 and (nothing.table["rule"] == "Named").all()


def test_that_a_rule_of_ones_own_is_short() -> None:
    @dataclass(frozen=True)
    class East(Rule):
        def refused(self, stations: Stations) -> pd.Series:
            return stations.column("x").map(lambda x: "west" if x < 2500 else "")

    assert Screening(assimilate=(East(),)).of(wells(PLACES)).withheld == ("a",)


def test_that_what_is_not_known_of_stations_is_asked_for() -> None:
    records = wells(PLACES)
    with pytest.raises(DataError, match="needs 'aquifer' of every station; known is x, y"):
        LI.of(records, None, grid())
    with pytest.raises(DataError, match="nothing is known of station 'c'"):
        LI.of(records, about(records.select(["a", "b"]), aquifer="unconfined"), grid())
    twice = pd.DataFrame({"aquifer": ["unconfined"] * 4}, index=["a", "a", "b", "c"])
    with pytest.raises(DataError, match="'a' stands twice"):
        LI.of(records, twice, grid())


# --- several stations in a cell ------------------------------------------------------------------

CLOSE = {"a": (0.0, 0.0), "b": (90.0, 30.0), "c": (30.0, 60.0), "d": (2000.0, 0.0)}


def test_that_wells_of_a_cell_become_their_median_or_mean() -> None:
    records = wells(CLOSE)  # 1, 2, 3 m in one cell, 4 m elsewhere
    january = records.values["time"].dt.month == 1
    records = records.where(~(january & (records.values["station"] == "c")))
    for how in (MedianOfCell(), MeanOfCell()):
        found = per_cell(records, grid(), how)
        one = found.records.values[found.records.values["station"] == "a+b+c"]
        assert one["value"].tolist() == [1.5] + [2.0] * 11
        assert one["count"].tolist() == [2] + [3] * 11
        assert found.records.stations.loc["a+b+c"].tolist() == [30, 30]
        assert found.table["became"].tolist() == ["a+b+c"] * 3 + ["d"]
    np.testing.assert_allclose(one["error"], 0.05 / np.sqrt([2] + [3] * 11))


def test_that_the_error_of_a_median_is_that_of_many_normal_values() -> None:
    draws = np.random.default_rng(1).normal(0, 1, (20000, 51))
    ratio = np.median(draws, axis=1).std() / draws.mean(axis=1).std()
    five = wells({name: (0.0, float(n)) for n, name in enumerate("abcde")})
    found = per_cell(five, grid(), MedianOfCell())
    assert found.records.values["error"][0] / (0.05 / np.sqrt(5)) == pytest.approx(ratio, rel=0.02)


def test_that_the_median_station_is_a_series_as_it_was_measured() -> None:
    records = wells(CLOSE)
    found = per_cell(records, grid(), MedianStation())
    assert found.records == records.select(["b", "d"])
    assert found.table["became"].to_dict() == {"a": "b", "b": "b", "c": "b", "d": "d"}
    two = per_cell(records.select(["a", "b"]), grid(), MedianStation())
    assert two.records == records.select(["a"])


def test_that_other_quantities_stay_and_mixed_ones_are_refused() -> None:
    moist = wells(CLOSE).values.assign(quantity="soil_moisture", value=0.2)
    records = wells(CLOSE).joined([Records.of(moist, {"soil_moisture": "1"}, zone="UTC")])
    with pytest.raises(DataError, match="stations a, b, c of one cell have several quantities"):
        per_cell(records, grid(), MeanOfCell())
    found = per_cell(records, grid(), MeanOfCell(), "groundwater_level").records
    assert found.select(quantities=["soil_moisture"]) == records.select(
        quantities=["soil_moisture"]
    )
    assert set(found.select(quantities=["groundwater_level"]).stations.index) == {"a+b+c", "d"}


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.floats(0, 3500), st.floats(0, 3500)), min_size=1, max_size=12, unique=True
    ),
    st.sampled_from([MedianOfCell(), MeanOfCell()]),
)
def test_that_a_cell_counts_every_value_once(
    places: list[tuple[float, float]], how: MedianOfCell
) -> None:
    records = wells({f"w{n}": place for n, place in enumerate(places)}, months=2)
    found = per_cell(records, grid(), how)
    assert found.records.values["count"].sum() == len(records)
    assert found.table["became"].nunique() == found.table["cell"].nunique()


# --- distances ------------------------------------------------------------------------------------


def test_that_distance_classes_are_those_of_li_by_true_places() -> None:
    x = [0.0, 0.0, 1.0, 500.0, 501.0, 2500.0, 2501.0, 5000.0, 5001.0]
    stations = pd.DataFrame({"x": x, "y": 0.0}, index=list("abcdefghi"))
    found = distance_classes(stations, ["a"])
    assert found["group"].values.tolist() == [
        "0", "0", "0-0.5", "0-0.5", "0.5-2.5", "0.5-2.5", "2.5-5", "2.5-5", ">5",
    ]  # fmt: skip
    np.testing.assert_array_equal(found["distance"], x)
    assert found["distance"].attrs["units"] == "m"
    own = distance_classes(stations, ["a"], edges=("1 km",))
    assert set(own["group"].values) == {"0", "0-1", ">1"}


def test_that_distances_on_the_sphere_are_those_of_the_great_circle() -> None:
    stations = pd.DataFrame({"lon": [6.0, 6.07], "lat": [50.9, 50.9]}, index=["a", "b"])
    expected = 6_371_000 * np.radians(0.07) * np.cos(np.radians(50.9))
    assert float(distance_classes(stations, ["a"])["distance"][1]) == pytest.approx(expected, 1e-6)


def test_that_impossible_distance_classes_are_refused() -> None:
    stations = pd.DataFrame({"x": [0.0, np.nan], "y": 0.0}, index=["a", "b"])
    with pytest.raises(DataError, match="station 'b' has no place"):
        distance_classes(stations, ["a"])
    with pytest.raises(DeclarationError, match="'z', which is no station"):
        distance_classes(stations, ["z"])
    with pytest.raises(DeclarationError, match="no assimilated station"):
        distance_classes(stations, [])
    with pytest.raises(DeclarationError, match="edges must grow"):
        distance_classes(stations.iloc[:1], ["a"], ("5 km", "1 km"))
