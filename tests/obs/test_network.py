"""Networks: which values may be used, when, and why the others may not."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.obs import (
    CosmicRayNeutron,
    Flux,
    GroundwaterLevel,
    ObservationNetwork,
    Reason,
    Records,
    Sensor,
    SoilMoistureProbe,
    sensors_at,
    write,
)
from tests.obs.soil import grid

A = SoilMoistureProbe(station="a", x="0 m", y="0 m", depth="5 cm", sd="2 %", every="1 D")
DEEP = replace(A, depth="20 cm")
C = CosmicRayNeutron(station="c", x="500 m", y="0 m", sd="3 %", every="1 D")
W = GroundwaterLevel(
    station="w", x="1 km", y="1 km", sd="5 cm", representativeness=None, every="7 D"
)
ET = Flux(station="e", x="0 m", y="1 km")


def series(station: str, values: list[float], quantity: str = "soil_moisture", **more: Any) -> Any:
    times = pd.date_range("2016-01-01", periods=len(values), freq="D", tz="UTC")
    basic = {"time": times, "station": station, "quantity": quantity, "value": values}
    return pd.DataFrame({**basic, **more})


def records(*parts: Any, units: dict[str, str] | None = None) -> Records:
    known = {"soil_moisture": "m3 m-3", "groundwater_level": "m", "evapotranspiration": "mm d-1"}
    return Records.of(pd.concat(parts), {**known, **(units or {})})


def network(*sensors: Sensor, data: Any = None, **more: Any) -> ObservationNetwork:
    return ObservationNetwork(sensors, data, **more)


# --- parts ----------------------------------------------------------------------------------------


def test_that_a_network_knows_its_stations_and_quantities_in_order() -> None:
    whole = network(A, DEEP, C, W, ET)
    assert whole.stations == ("a", "c", "w", "e")
    assert whole.quantities == ("soil_moisture", "groundwater_level", "evapotranspiration")
    assert len(whole) == 5


def test_that_a_network_is_split_by_quantity_and_by_role() -> None:
    data = records(
        series("a", [0.2], depth=0.05),
        series("c", [0.3]),
        series("w", [1.0], "groundwater_level"),
        series("e", [2.0], "evapotranspiration"),
    )
    whole = network(A, C, W, ET, data=data, withheld=("c",))
    assert whole.select("soil_moisture").stations == ("a", "c")
    assert whole.assimilated.stations == ("a", "w")
    assert whole.validation.stations == ("c", "e")
    assert whole.assimilated.table["station"].tolist() == ["a", "w"]
    assert (whole.validation.table["reason"] == Reason.WITHHELD).tolist() == [False, True]
    with pytest.raises(DeclarationError, match="no sensor of the network observes 'snow'"):
        whole.select("snow")


def test_that_two_sensors_of_one_series_are_refused() -> None:
    with pytest.raises(DeclarationError, match="station 'a' has two sensors of soil_moisture"):
        network(A, replace(A, sd="1 %"))
    assert len(network(A, DEEP)) == 2


def test_that_an_unknown_withheld_station_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"withheld names 'z', which is no station; .* a, w"):
        network(A, W, withheld="z")


def test_that_predictions_have_a_row_per_sensor_and_move_with_the_sensors() -> None:
    data = grid()
    one, other = network(A, DEEP, C, W).predict(data), network(W, C, A, DEEP).predict(data)
    assert one.shape == (4, 4)
    np.testing.assert_array_equal(one, other[[2, 3, 1, 0]])
    assert network().predict(data).shape == (0, 4)


# --- place ----------------------------------------------------------------------------------------


def test_that_stations_out_of_the_domain_are_found_before_the_run() -> None:
    far = replace(W, x="9 km")
    network(A, W).check(grid())
    with pytest.raises(DeclarationError, match=r"'w' lies outside the domain.*and 1 more stations"):
        network(A, far, replace(C, y="-4 km")).check(grid())


def test_that_values_of_stations_outside_can_be_refused_and_listed() -> None:
    data = records(series("a", [0.2], depth=0.05), series("c", [0.3]))
    whole = network(A, replace(C, y="-4 km"), data=data).inside(grid())
    assert whole.outside == ("c",)
    assert [o.reason for o in whole.between("2015-12-31", "2016-01-31")] == [
        "usable",
        "outside_domain",
    ]


# --- values and reasons ---------------------------------------------------------------------------


def test_that_every_value_has_a_reason() -> None:
    values = [0.2, np.nan, 1.4, 0.3, 0.25, -0.1, 0.3]
    flags = ["", "", "", "frozen", "too_few", "", ""]
    table = network(C, data=records(series("c", values, flag=flags))).table
    assert table["reason"].tolist() == [
        Reason.USABLE,
        Reason.MISSING,
        Reason.RANGE,
        Reason.FLAGGED,
        Reason.TOO_FEW,
        Reason.RANGE,
        Reason.USABLE,
    ]


def test_that_an_observation_has_a_stable_id_its_sensor_and_its_error() -> None:
    data = records(series("a", [0.2, 0.3], depth=0.05, error=[np.nan, 0.01]), series("c", [0.3]))
    found = list(network(A, C, data=data).at("soil_moisture", "2015-12-31", "2016-01-02"))
    assert [o.id for o in found] == [
        "a/soil_moisture/0.05m/2016-01-01T00:00:00",
        "c/soil_moisture/2016-01-01T00:00:00",
        "a/soil_moisture/0.05m/2016-01-02T00:00:00",
    ]
    assert [o.error for o in found] == pytest.approx([0.02, 0.03, 0.01])
    assert found[1].sensor == C
    assert {o.id for o in network(C, A, data=data).between("2015", "2017")} == {o.id for o in found}


def test_that_a_mean_is_used_when_its_interval_ends() -> None:
    end = pd.date_range("2016-01-02", periods=2, freq="D", tz="UTC")
    net = network(C, data=records(series("c", [0.2, 0.3], end=end)))
    assert len(net.at("soil_moisture", "2015-12-31", "2016-01-01")) == 0
    ready = net.at("soil_moisture", "2016-01-01", "2016-01-02")
    assert ready.value.tolist() == [0.2]
    assert ready.time[0] == np.datetime64("2016-01-01") and ready.end[0] == np.datetime64(
        "2016-01-02"
    )
    np.testing.assert_array_equal(net.times("2016-01-01", "2017-01-01"), end.tz_localize(None))


def test_that_consecutive_cycles_meet_each_value_once() -> None:
    net = network(A, data=records(series("a", [0.1, 0.2, 0.3, 0.4, 0.5])))
    days = pd.date_range("2015-12-31", periods=6, freq="D")
    found = [net.at("soil_moisture", a, b) for a, b in pairwise(days)]
    assert [part.value.tolist() for part in found] == [[0.1], [0.2], [0.3], [0.4], [0.5]]


def test_that_observations_are_arrays_that_can_be_cut_and_predicted() -> None:
    data = records(series("a", [0.2, 0.3]), series("w", [1.0, 1.1], "groundwater_level"))
    found = network(A, W, data=data).between("2015-12-31", "2016-01-31")
    assert found.quantity.tolist() == ["soil_moisture", "groundwater_level"] * 2
    wells = found[found.quantity == "groundwater_level"]
    assert wells.value.tolist() == [1.0, 1.1] and len(wells) == 2
    hx = found.predict(grid())
    np.testing.assert_array_equal(
        hx, np.stack([A.predict(grid()), W.predict(grid())])[[0, 1, 0, 1]]
    )
    assert found[:0].predict(grid()).shape == (0, 4)


def test_that_data_in_other_units_are_converted() -> None:
    net = network(C, data=records(series("c", [25.0], error=3.0), units={"soil_moisture": "%"}))
    row = net.table.iloc[0]
    assert (row["value"], row["error"]) == (pytest.approx(0.25), pytest.approx(0.03))
    with pytest.raises(UnitError, match="soil_moisture must be convertible"):
        _ = network(C, data=records(series("c", [0.2]), units={"soil_moisture": "mm"})).table


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([series("c", [0.2]), series("c", [0.3])], "'c' has soil_moisture twice at 2016-01-01"),
        ([series("z", [0.2])], "hold soil_moisture of station 'z', for which there is no sensor"),
        ([series("c", [np.nan] * 3)], "has no value of soil_moisture in the data, all are missing"),
        (
            [series("c", [0.2], error=0.0)],
            "has an error of 0 at 2016-01-01",
        ),
        ([series("c", [0.2], error=-0.1)], "has an error of -0.1"),
        ([series("c", [21.0, 0.2, 30.0])], "such as 21 m3 m-3, possible is 0 to 1; is the unit"),
    ],
)
def test_that_useless_data_are_refused_with_their_cure(parts: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _ = network(C, data=records(*parts)).table


def test_that_values_without_depth_are_refused_among_several_depths() -> None:
    with pytest.raises(DataError, match="have no depth, but 2 sensors of soil_moisture"):
        _ = network(A, DEEP, data=records(series("a", [0.2]))).table
    with pytest.raises(DataError, match=r"station 'a' at 0\.5 m, for which there is no sensor"):
        _ = network(A, DEEP, data=records(series("a", [0.2], depth=0.5))).table


def test_that_a_station_missing_in_a_file_is_refused(tmp_path: Path) -> None:
    write(records(series("c", [0.2])), tmp_path / "sm.csv")
    assert len(network(C, data=tmp_path / "sm.csv").table) == 1
    with pytest.raises(DataError, match="GroundwaterLevel 'w' has no value"):
        _ = network(C, W, data=tmp_path / "sm.csv").table


def test_that_data_may_be_several_files(tmp_path: Path) -> None:
    write(records(series("c", [0.2])), tmp_path / "sm.csv")
    write(records(series("w", [1.0], "groundwater_level")), tmp_path / "gwl.nc")
    net = network(C, W, data=[tmp_path / "sm.csv", str(tmp_path / "gwl.nc")])
    assert net.table["station"].tolist() == ["c", "w"]


def test_that_only_what_is_assimilated_needs_an_error() -> None:
    data = records(series("c", [0.2]), series("e", [2.0], "evapotranspiration"))
    table = network(C, ET, data=data).table
    assert np.isnan(table["error"][1])
    bare = network(replace(C, sd=None), ET, data=data)
    with pytest.raises(DeclarationError, match="CosmicRayNeutron 'c' needs an error"):
        _ = bare.table
    assert np.isnan(replace(bare, withheld=("c",)).table["error"]).all()


# --- twins ----------------------------------------------------------------------------------------


def test_that_a_twin_reads_each_sensor_at_its_cadence() -> None:
    net = network(A, W, every="2 D")
    assert net.times("2016-01-01", "2016-01-15").size == 14
    np.testing.assert_array_equal(
        net.times("2016-01-01", "2016-01-15", "groundwater_level"),
        np.array(["2016-01-08", "2016-01-15"], dtype="datetime64[ns]"),
    )
    slow = network(replace(A, every=None), every="2 D")
    assert slow.times("2016-01-01", "2016-01-15").size == 7
    with pytest.raises(DeclarationError, match="has neither data nor every="):
        network(replace(A, every=None)).times("2016-01-01", "2016-01-15")


def test_that_readings_become_data() -> None:
    net = network(A, DEEP, W)
    times = net.times("2016-01-01", "2016-01-03")
    values = np.array([[0.1, 0.2, 1.0], [0.3, 0.4, np.nan]])
    twin = net.with_readings(times, values)
    assert twin.table["value"].tolist() == [0.1, 0.2, 1.0, 0.3, 0.4]
    assert twin.table["error"].tolist() == pytest.approx([0.02, 0.02, 0.05, 0.02, 0.02])
    assert twin.with_data(None) == net
    assert len(net.with_readings(times, values).select("groundwater_level").table) == 1


def test_that_a_network_without_data_says_so() -> None:
    with pytest.raises(DeclarationError, match="the network has no data: give data=…"):
        _ = network(A).table


def test_that_networks_are_compared_and_printed_by_their_data() -> None:
    one = network(C, data=records(series("c", [0.2])))
    assert one == network(C, data=records(series("c", [0.2])))
    assert one != network(C, data=records(series("c", [0.3])))
    assert "Records(1 values" in repr(one)


def test_that_sensors_are_made_for_every_series_of_a_file() -> None:
    places = pd.DataFrame({"x": [0.0, 500.0], "y": [0.0, 500.0]}, index=["a", "b"])
    frame = pd.concat([series("a", [0.2], depth=0.05), series("b", [0.3], depth=0.2)])
    data = Records.of(frame, {"soil_moisture": "m3 m-3"}, places)
    made = sensors_at(data, SoilMoistureProbe(station="", depth="0 m", sd="2 %"))
    assert made[0] == SoilMoistureProbe(station="a", depth="5 cm", sd="2 %", x="0 m", y="0 m")
    assert [sensor.depth for sensor in made] == [0.05, 0.2]
    assert network(*made, data=data).predict(grid()).shape == (2, 4)


def test_that_levels_above_a_datum_make_wells_with_their_ground() -> None:
    places = pd.DataFrame({"x": [0.0, 500.0], "y": 0.0, "elevation": [12.5, np.nan]}, ["a", "b"])
    frame = pd.concat([series(name, [10.0], "groundwater_level") for name in "ab"])
    like = GroundwaterLevel(station="", sd="5 cm")
    for reference, ground in (("nap", 12.5), ("datum", 12.5), ("ground", None)):
        data = Records.of(frame, {"groundwater_level": "m"}, places, {"reference": reference})
        assert [sensor.ground for sensor in sensors_at(data.select(["a"]), like)] == [ground]
        kept = sensors_at(data, replace(like, ground="3 m"))
        assert [sensor.ground for sensor in kept] == [3.0, 3.0]
        if ground is not None:  # an elevation must not be taken for a depth
            with pytest.raises(DataError, match=r"'b' are in relation to .* ground is not known"):
                sensors_at(data, like)


def test_that_quantities_without_a_sensor_are_left_out() -> None:
    data = records(series("c", [0.2]), series("c", [1.0], "groundwater_level"))
    assert network(C, data=data).table["quantity"].tolist() == ["soil_moisture"]
    with pytest.raises(DataError, match="hold groundwater_level of station 'c', for which there"):
        _ = network(C, data=data.select(quantities=["groundwater_level"])).table
