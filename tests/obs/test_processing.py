"""From raw counts to soil moisture: each step, what is refused, and the station of Fürstensee."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.obs import (
    CosmicRayNeutron,
    NeutronProcessing,
    ObservationNetwork,
    TransportSolution,
    read,
    write,
)
from hydroda.obs.neutrons import (
    absolute_humidity,
    desilets_moisture,
    humidity_factor,
    moisture_error,
    penetration_depth,
    pressure_factor,
    simulated_radius,
)

Shared = Callable[[str], Path]
SITE = {"n0": "1500 h-1", "bulk_density": "1.4 g/cm3", "lattice_water": "1 %"}
PROCESSING = NeutronProcessing(**SITE)


def raw(hours: int = 48, **columns: Any) -> pd.DataFrame:
    times = pd.date_range("2016-01-01", periods=hours, freq="h", tz="UTC")
    weather = {
        "counts": 900.0,
        "pressure": 99_000.0,
        "temperature": 283.15,
        "relative_humidity": 0.7,
    }
    return pd.DataFrame({**weather, **columns}, index=times)


def test_that_every_step_is_kept() -> None:
    hour = PROCESSING.hourly(raw(1)).iloc[0]
    humidity = absolute_humidity(283.15, 0.7)
    factor = pressure_factor(99_000.0, 101_325.0) * humidity_factor(humidity)
    assert hour["humidity"] == pytest.approx(humidity)
    assert (hour["humidity_source"], hour["f_incoming"]) == ("outside", 1.0)
    assert hour["f_vegetation"] == 1.0
    assert hour["f_pressure"] * hour["f_humidity"] == pytest.approx(factor)
    assert hour["corrected"] == pytest.approx(900 * factor)
    assert hour["corrected_sd"] == pytest.approx(30 * factor)
    assert hour["flag"] == ""


def test_that_a_day_becomes_moisture_with_the_error_of_its_counts() -> None:
    day = PROCESSING.means(raw(24)).iloc[0]
    corrected = PROCESSING.hourly(raw(1))["corrected"].iloc[0]
    sd = PROCESSING.hourly(raw(1))["corrected_sd"].iloc[0] / np.sqrt(24)
    assert day["corrected"] == pytest.approx(corrected)
    assert day["corrected_sd"] == pytest.approx(sd)
    assert day["moisture"] == pytest.approx(1.4 * desilets_moisture(corrected, 1500.0, 0.01))
    assert day["moisture_sd"] == pytest.approx(1.4 * moisture_error(corrected, sd, 1500.0))


# --- with the universal transport solution --------------------------------------------------------

UTS = TransportSolution()
BY_UTS = NeutronProcessing(**{**SITE, "n0": "2400 h-1"}, curve=UTS)


def test_that_the_transport_solution_sees_the_air_itself() -> None:
    """Counts that it makes over one soil in an air that changes give that soil back."""
    weather = raw(96, relative_humidity=np.repeat([0.2, 0.5, 0.8, 1.0], 24))
    humidity = absolute_humidity(weather["temperature"], weather["relative_humidity"])
    made = UTS.counts(0.2, humidity, 2400.0) / pressure_factor(99_000.0, 101_325.0)
    hourly = BY_UTS.hourly(weather.assign(counts=made))
    assert (hourly["f_humidity"] == 1).all()
    means = BY_UTS.means(weather.assign(counts=made))
    # 1 % of the 0.2 kg/kg is bound
    np.testing.assert_allclose(means["moisture"], 1.4 * 0.19, rtol=1e-10)
    # and all counts are taken to the same dry air
    np.testing.assert_allclose(means["corrected"], UTS.counts(0.2, 0.0, 2400.0), rtol=1e-10)
    by_desilets = PROCESSING.means(weather.assign(counts=made))["moisture"]
    assert by_desilets.max() - by_desilets.min() > 0.01


def test_that_the_error_by_the_transport_solution_is_that_of_poisson_counts() -> None:
    rng, hours = np.random.default_rng(8), 24
    counts = rng.poisson(900.0, 400 * hours).astype(float)
    means = BY_UTS.means(raw(400 * hours, counts=counts))
    assert means["moisture_sd"].mean() == pytest.approx(means["moisture"].std(), rel=0.08)
    sd = 30 * pressure_factor(99_000.0, 101_325.0) / np.sqrt(hours)
    day = BY_UTS.means(raw(hours)).iloc[0]
    humidity = absolute_humidity(283.15, 0.7)
    seen = 900 * pressure_factor(99_000.0, 101_325.0)
    assert day["moisture_sd"] == pytest.approx(
        1.4 * float(UTS.moisture_error(seen, sd, humidity, 2400.0)), rel=1e-9
    )
    assert day["corrected_sd"] / day["corrected"] == pytest.approx(sd / seen)


def test_that_an_hour_without_humidity_has_no_counts_for_the_transport_solution() -> None:
    data = raw(24)
    data.iloc[5, data.columns.get_loc("relative_humidity")] = np.nan
    hourly = BY_UTS.hourly(data)
    assert hourly["flag"].tolist().count("no_humidity") == 1
    assert hourly["corrected"].isna().sum() == 1


def test_that_counts_no_soil_explains_have_neither_moisture_nor_error() -> None:
    day = BY_UTS.means(raw(24, counts=200.0)).iloc[0]
    assert np.isnan(day[["moisture", "moisture_sd", "corrected"]].to_numpy(float)).all()


def test_that_records_say_by_which_curve() -> None:
    assert "curve=TransportSolution(" in BY_UTS.records(raw(), "x").attributes["processing"]
    assert "curve=Desilets()" in PROCESSING.records(raw(), "x").attributes["processing"]


# --- what is missing, and what else is corrected --------------------------------------------------


def test_that_nothing_is_filled() -> None:
    counts = np.full(48, 900.0)
    counts[:10] = np.nan
    data = raw(counts=counts)
    data.iloc[20, data.columns.get_loc("pressure")] = np.nan
    data.iloc[30, data.columns.get_loc("relative_humidity")] = np.nan
    hourly = PROCESSING.hourly(data)
    assert hourly["flag"].value_counts().to_dict() == {
        "": 36,
        "no_counts": 10,
        "no_pressure": 1,
        "no_humidity": 1,
    }
    assert (hourly["corrected"].notna() == (hourly["flag"] == "")).all()
    means = PROCESSING.means(data)
    assert means["hours"].tolist() == [13, 23]
    assert means["flag"].tolist() == ["too_few", ""]


def test_that_single_hours_far_from_their_day_are_left_out_where_asked_for() -> None:
    counts = np.random.default_rng(1).poisson(np.repeat([900.0, 800.0], 24)).astype(float)
    counts[[5, 30]] = 1400.0, 300.0
    data = raw(counts=counts)
    strict = NeutronProcessing(**SITE, spike=8.0)
    hourly = strict.hourly(data)
    assert np.flatnonzero(hourly["flag"] == "spike").tolist() == [5, 30]
    assert np.flatnonzero(hourly["corrected"].isna()).tolist() == [5, 30]
    assert strict.means(data)["hours"].tolist() == [23, 23]
    assert (PROCESSING.hourly(data)["flag"] == "").all()


def test_that_the_air_of_the_box_stands_in_and_is_named() -> None:
    data = raw(24, box_temperature=290.0, box_relative_humidity=0.5)
    data.iloc[:6, data.columns.get_loc("temperature")] = np.nan
    hourly = PROCESSING.hourly(data)
    assert hourly["humidity_source"].value_counts().to_dict() == {"outside": 18, "box": 6}
    assert hourly["humidity"].iloc[0] == pytest.approx(absolute_humidity(290.0, 0.5))
    notes = PROCESSING.records(data, "x").attributes["notes"]
    assert "air humidity from inside the box in 6 of 24 hours" in notes
    assert "incoming neutrons not corrected" in notes


def test_that_a_monitor_corrects_incoming_neutrons() -> None:
    monitor = pd.Series(110.0, raw().index)
    processing = NeutronProcessing(**SITE, reference_monitor=100.0)
    plain, corrected = processing.means(raw()), processing.means(raw(), monitor)
    np.testing.assert_allclose(corrected["corrected"], plain["corrected"] / 1.1)
    assert processing.notes(corrected, monitor) == [
        "vegetation not corrected (no biomass): factor 1"
    ]
    with pytest.raises(DeclarationError, match="a monitor series needs reference_monitor"):
        PROCESSING.means(raw(), monitor)
    late = processing.hourly(raw(), monitor.iloc[24:])
    assert late["corrected"].isna().sum() == 24
    assert (late["flag"].iloc[:24] == "no_monitor").all()


def test_that_a_crop_is_seen_through() -> None:
    among = NeutronProcessing(**SITE, biomass="2 kg/m2")
    plain, corrected = PROCESSING.means(raw()), among.means(raw())
    np.testing.assert_allclose(corrected["corrected"], plain["corrected"] / (1 - 0.009 * 2))
    assert (corrected["moisture"] < plain["moisture"]).all()
    assert not any("vegetation" in note for note in among.notes(corrected))
    with pytest.raises(DeclarationError, match="biomass of NeutronProcessing cannot be '200"):
        NeutronProcessing(**SITE, biomass="200 kg/m2")


def test_that_each_mean_says_how_far_and_deep_it_looks() -> None:
    dry, wet = (PROCESSING.means(raw(24, counts=n)).iloc[0] for n in (1000.0, 850.0))
    assert dry["moisture"] < wet["moisture"]
    for name, low, high in (("footprint_radius", 95, 230), ("footprint_depth", 0.1, 0.8)):
        assert low < wet[name] < dry[name] < high
    humidity = float(absolute_humidity(283.15, 0.7))
    assert dry["footprint_radius"] == pytest.approx(
        float(simulated_radius(dry["moisture"], humidity, 99_000.0))
    )
    reach = penetration_depth(dry["moisture"], 1400.0, 50.0)
    assert dry["footprint_depth"] == pytest.approx(float(reach))
    assert np.isnan(PROCESSING.means(raw(24, counts=np.nan))["footprint_radius"]).all()


def test_that_files_have_the_footprint_as_ancillary_variables(tmp_path: Path) -> None:
    records = PROCESSING.records(raw(), "x")
    write(records, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as file:
        beside = file["soil_moisture"].attrs["ancillary_variables"].split()
        assert {"soil_moisture_error", "footprint_radius", "footprint_depth"} <= set(beside)
        assert file["footprint_radius"].attrs["units"] == "m"
    back = read(tmp_path / "x.nc")
    assert back == records
    network = ObservationNetwork((CosmicRayNeutron(station="x"),), back)
    assert set(network.records.units) == {"soil_moisture"}


def test_that_smoothing_takes_the_window_that_has_just_ended() -> None:
    counts = np.repeat([800.0, 900.0, 1000.0], 24)
    smooth = NeutronProcessing(**SITE, smoothing="2 D").means(raw(72, counts=counts))
    daily = PROCESSING.means(raw(72, counts=counts))["corrected"].to_numpy()
    np.testing.assert_allclose(smooth["corrected"].iloc[1:], 0.5 * (daily[1:] + daily[:-1]))
    assert smooth["flag"].tolist() == ["too_few", "", ""]
    notes = NeutronProcessing(**SITE, smoothing="2 D").notes(smooth)
    assert "errors correlated over 2 days 00:00:00 by smoothing" in notes


def test_that_records_go_straight_into_a_network() -> None:
    records = PROCESSING.records(raw(), "x")
    net = ObservationNetwork(
        (CosmicRayNeutron(station="x"),), records.select(quantities=["soil_moisture"])
    )
    assert net.table["reason"].tolist() == ["usable", "usable"]
    assert net.table["end"][0] == pd.Timestamp("2016-01-02")
    assert net.table["count"].tolist() == [24, 24]
    assert "n0='1500.0 h-1'" in records.attributes["processing"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n0": 1500}, UnitError, "n0 of NeutronProcessing needs a unit"),
        ({"n0": "0 h-1"}, DeclarationError, "n0 of NeutronProcessing cannot be"),
        ({"smoothing": "36 h"}, DeclarationError, "smoothing must be a multiple of every"),
        ({"at_least": 0}, DeclarationError, "at_least must lie in"),
        ({"spike": 0.0}, DeclarationError, "spike must be positive, or None; got 0"),
    ],
)
def test_that_a_wrong_declaration_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        NeutronProcessing(**{**SITE, **change})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raw().drop(columns="pressure"), "need a column 'pressure'; they have counts"),
        (raw().tz_localize(None), "the raw neutron data has times without a zone"),
        (pd.concat([raw(2), raw(1)]), "have 2016-01-01 00:00:00 twice"),
        (raw(pressure=990.0), "pressure must be in Pa; its median is 990"),
        (raw(counts=-1.0), "counts must not be negative; got -1"),
        (raw(relative_humidity=70.0), "temperature must be in K and relative_humidity a fraction"),
        (raw(temperature=10.0), "temperature must be in K"),
    ],
)
def test_that_impossible_raw_data_are_refused(data: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        PROCESSING.hourly(data)


def test_that_counts_of_less_than_an_hour_are_refused() -> None:
    data = raw(4)
    data.index = pd.date_range("2016-01-01", periods=4, freq="15min", tz="UTC")
    with pytest.raises(DataError, match="must be hourly: sum the counts of each hour first"):
        PROCESSING.hourly(data)


def test_that_fuerstensee_gives_a_plausible_year(shared: Shared) -> None:
    data = pd.read_csv(
        shared("data/fuerstensee/FSC001_time_series.csv.gz"), index_col=0, parse_dates=[0]
    )
    frame = pd.DataFrame(
        {
            "counts": data["NeutronCount_Epithermal_Cum1h"],
            "pressure": 100 * data["AirPressure"],
            "temperature": data["AirTemperature"] + 273.15,
            "relative_humidity": data["AirHumidity_Relative"] / 100,
            "box_temperature": data["AirTemperature_Sensor2"] + 273.15,
            "box_relative_humidity": data["AirHumidity_Relative_Sensor2"] / 100,
        }
    ).loc["2014":"2017"]
    processing = NeutronProcessing(
        n0="1119 h-1",
        bulk_density="1.167 g/cm3",
        lattice_water="0.002 kg/kg",
        organic_water="0.03 kg/kg",
    )
    means = processing.means(frame)
    good = means[means["flag"] == ""]
    assert len(good) > 1200
    assert (good["box_hours"].loc["2014"] == good["hours"].loc["2014"]).all()
    winter, summer = (
        good["moisture"][good.index.month.isin(months)].mean() for months in ((1, 2), (6, 7))
    )
    assert 0.05 < summer < 0.12 < 0.17 < winter < 0.30
    assert good["moisture_sd"].median() < 0.01
