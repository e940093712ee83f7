import logging
import os

import numpy as np
import pytest

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.experiment import Experiment
from hydroda.filters import EnKF
from hydroda.forcing import ForcingWindow
from hydroda.localization import GaspariCohn
from hydroda.models.bmi import (
    Adds,
    BMIModel,
    ConfigFile,
    ConfigTemplate,
    Exchange,
    LayersFromTop,
    Scalar,
    Sets,
    value_of,
)
from hydroda.obs import ObservationNetwork, PointSensor
from hydroda.state import Variable
from hydroda.testing import check_model
from hydroda.update import Update
from tests.models import toy_bmi
from tests.models.toy_bmi import LAYERS, RATE, WATER, reservoir_members, reservoirs

START = np.datetime64("2020-06-01", "ns")
HOUR = np.timedelta64(3600 * 10**9, "ns")


def rain(*amounts):
    """Rain [mm] per hour from START, the same for all; a row per member where amounts are rows."""
    values = np.atleast_2d(np.array(amounts, float))
    return ForcingWindow(START + np.arange(values.shape[1]) * HOUR, 3600.0, {"rain": values})


# --- grids, units and time ------------------------------------------------------------------------


def test_that_layers_come_from_the_top_and_columns_have_their_places():
    ensemble = reservoir_members(reservoirs())
    np.testing.assert_allclose(ensemble["thickness"], [0.4, 0.6])
    np.testing.assert_allclose(ensemble["depth"], [0.2, 0.7])
    np.testing.assert_allclose(ensemble["x"], [10, 260, 510, 10, 260, 510])
    np.testing.assert_allclose(ensemble["y"], [20, 20, 20, 520, 520, 520])
    assert ensemble["water"].dims == ("member", "column", "layer")
    assert ensemble["rate"].dims == ("member",)


def test_that_layers_are_turned_and_turned_back():
    values = np.arange(12.0).reshape(6, 2)
    for layout in (LAYERS, LayersFromTop(LAYERS.thickness)):
        np.testing.assert_array_equal(layout.stack(layout.flat(values)), values)
    np.testing.assert_array_equal(LAYERS.flat(values)[:6], values[:, 1])
    np.testing.assert_array_equal(LayersFromTop(("1 m", "1 m")).flat(values)[:6], values[:, 0])


@pytest.mark.parametrize("hours", [1, 7])
def test_that_a_forecast_is_the_closed_form_of_the_reservoir(hours):
    model = reservoirs()
    start = reservoir_members(model)
    after = model.forecast(start, None, START, START + hours * HOUR)
    upper = start["water"].values[..., 0]
    kept = np.exp(-3600.0 * hours * start["rate"].values)[:, None]
    np.testing.assert_allclose(after["water"].values[..., 0], upper * kept, rtol=1e-12)


def test_that_rain_arrives_in_full_and_water_is_kept():
    model = reservoirs()
    start = reservoir_members(model)
    after = model.forecast(start, rain(2.0, 0.0, 5.0, 1.0), START, START + 4 * HOUR)
    change = (after["water"] - start["water"]).sum("layer") + after["runoff"]
    np.testing.assert_allclose(change, 8.0, rtol=1e-12)


def test_that_each_member_and_column_has_its_own_weather():
    model = reservoirs()
    start = reservoir_members(model)
    values = np.arange(3.0 * 2 * 6).reshape(3, 2, 6)
    window = ForcingWindow(START + np.arange(2) * HOUR, 3600.0, {"rain": values})
    after = model.forecast(start, window, START, START + 2 * HOUR)
    change = (after["water"] - start["water"]).sum("layer") + after["runoff"]
    np.testing.assert_allclose(change, values.sum(axis=1), rtol=1e-9, atol=1e-9)


def test_that_two_forecasts_are_one_to_the_bit():
    model = reservoirs()
    start = reservoir_members(model)
    once = model.forecast(start, rain(1.0, 2.0, 3.0), START, START + 3 * HOUR)
    middle = model.forecast(start, rain(1.0), START, START + HOUR)
    twice = model.forecast(middle, rain(2.0, 3.0), START + HOUR, START + 3 * HOUR)
    np.testing.assert_array_equal(once["water"], twice["water"])


def test_that_a_rest_of_a_step_is_taken_by_the_model_itself():
    model = reservoirs()
    start = reservoir_members(model)
    once = model.forecast(start, None, START, START + HOUR // 3)
    kept = np.exp(-1200.0 * start["rate"].values)[:, None]
    expected = start["water"].values[..., 0] * kept
    np.testing.assert_allclose(once["water"].values[..., 0], expected, rtol=1e-12)


def test_that_a_model_in_single_precision_reads_back():
    model = reservoirs(toy_bmi.SinglePrecision)
    check_model(model, reservoir_members(model), rain(1.0, 2.0), START, START + 2 * HOUR)


@pytest.mark.parametrize(
    ("unit", "there", "expected"),
    [("mm h-1", Sets, 6.0), ("kg m-2 s-1", Sets, 6 / 3600), ("m", Adds, 0.006), ("mm", Adds, 6.0)],
)
def test_that_rain_comes_in_the_unit_of_the_model(unit, there, expected, monkeypatch):
    monkeypatch.setitem(toy_bmi.Reservoirs.units, "rain__rate", unit)
    seen = []

    class Watching(toy_bmi.Reservoirs):
        def advance(self, hours):
            seen.append(self.fields["rain__rate"][0])
            super().advance(hours)

    model = BMIModel(Watching, (WATER, RATE), inputs=(there("rain", "rain__rate"),))
    start = reservoir_members(model)
    seen.clear()
    model.forecast(start, rain(6.0), START, START + HOUR)
    assert seen[0] == pytest.approx(expected)


def test_that_a_template_takes_the_numbers_of_the_member():
    start = Exchange("start", "", Variable("mm", role="parameter"), Scalar())
    config = ConfigTemplate("start: $start\n")
    model = BMIModel(toy_bmi.Reservoirs, (WATER, start), config)
    ensemble = model.dataset(2, start=[50.0, 70.0])
    np.testing.assert_array_equal(ensemble["water"][:, 0, 0], [50.0, 70.0])
    after = model.forecast(ensemble, None, START, START + HOUR)
    np.testing.assert_array_equal(after["start"], [50.0, 70.0])


def test_that_instances_are_finalised_also_after_an_error():
    for component in (toy_bmi.Reservoirs, toy_bmi.Fragile):
        model = reservoirs(component)
        wet = reservoir_members(model)
        wet["water"][1] = 400.0
        model.forecast(wet, None, START, START + HOUR)
        assert component.alive == 0


# --- after an analysis ----------------------------------------------------------------------------


def test_that_an_analysis_is_read_back_from_the_model():
    model = reservoirs()
    ensemble = reservoir_members(model)
    analysed = ensemble.assign(water=ensemble["water"] + 3.0)
    kept, _ = model.reconcile(analysed, ("water",))
    np.testing.assert_array_equal(kept["water"], analysed["water"])
    after = model.forecast(kept, None, START, START + HOUR)
    free = model.forecast(ensemble, None, START, START + HOUR)
    assert float((after["water"] - free["water"]).min()) > 2.9


def test_that_a_model_that_cannot_be_set_is_refused():
    with pytest.raises(DeclarationError, match=r"Deaf cannot be set: 'soil__water' .* inputs are"):
        reservoirs(toy_bmi.Deaf).dataset(2, water=np.full((2, 6, 2), 50.0))


def test_that_a_model_that_overwrites_what_it_is_told_is_refused():
    with pytest.raises(
        DeclarationError, match=r"soil__water is overwritten .* 0 of a small change"
    ):
        reservoir_members(reservoirs(toy_bmi.Forgetful))
    reservoir_members(reservoirs(toy_bmi.Forgetful, memory=0.0))


def test_that_a_failed_member_is_nan_and_told(caplog):
    model = reservoirs(toy_bmi.Fragile)
    ensemble = reservoir_members(model)
    ensemble["water"][1] = 400.0
    with caplog.at_level(logging.WARNING):
        after = model.forecast(ensemble, None, START, START + HOUR)
    assert np.isnan(after["water"][1]).all()
    assert np.isfinite(after["water"][[0, 2]]).all()
    assert "member 1" in caplog.text
    assert "no convergence" in caplog.text


def test_that_a_member_without_values_stays_without(caplog):
    model = reservoirs()
    ensemble = reservoir_members(model)
    ensemble["water"][2, 0] = np.nan
    after = model.forecast(ensemble, None, START, START + HOUR)
    assert np.isnan(after["water"][2]).all()
    assert np.isfinite(after["water"][:2]).all()
    assert "began with values that are not finite" in caplog.text


# --- mistakes -------------------------------------------------------------------------------------


def test_that_mistakes_have_their_own_words():
    with pytest.raises(DeclarationError, match=r"'theta'; it has water, rate"):
        reservoirs().dataset(2, theta=[1.0, 2.0])
    with pytest.raises(DeclarationError, match=r"does not give 'snow' .* it has drainage__rate"):
        BMIModel(toy_bmi.Reservoirs, (Exchange("snow", "snow", Variable("mm")),)).dataset(2)
    with pytest.raises(DeclarationError, match=r"12 numbers, which do not fit LayersFromTop"):
        layers = LayersFromTop(("1 m",) * 5)
        BMIModel(
            toy_bmi.Reservoirs, (Exchange("w", "soil__water", Variable("mm"), layers),)
        ).dataset(2)
    with pytest.raises(UnitError, match=r"w must be convertible to 'K'"):
        BMIModel(toy_bmi.Reservoirs, (Exchange("w", "soil__water", Variable("K")),)).dataset(2)
    with pytest.raises(DeclarationError, match="no BMI variable to be set through"):
        BMIModel(toy_bmi.Reservoirs, (Exchange("w", "", Variable("mm")),))
    with pytest.raises(DeclarationError, match="must have role='parameter'"):
        BMIModel(toy_bmi.Reservoirs, (Exchange("w", "", Variable("mm"), Scalar()),))
    with pytest.raises(DataError, match="water of a member has shape"):
        reservoirs().dataset(2, water=np.ones((2, 5, 2)))
    with pytest.raises(DeclarationError, match=r"the template asks for \$depth"):
        BMIModel(toy_bmi.Reservoirs, (WATER,), ConfigTemplate("start: $depth")).dataset(2)
    model = reservoirs()
    with pytest.raises(DataError, match="the forcing lacks 'rain' for rain__rate"):
        window = ForcingWindow(np.array([START]), 3600.0, {"snow": np.zeros((1, 1))})
        model.forecast(reservoir_members(model), window, START, START + HOUR)


def test_that_the_clock_of_the_model_is_minded():
    model = reservoirs(toy_bmi.Fortnight)
    with pytest.raises(DeclarationError, match=r"ends at 2 h, and the forecast at 3"):
        model.forecast(reservoir_members(model), None, START, START + 3 * HOUR)
    model = reservoirs(toy_bmi.Moody)
    with pytest.raises(DeclarationError, match=r"counts its time in 'moods since noon'"):
        model.forecast(reservoir_members(model), None, START, START + HOUR)


# --- an experiment --------------------------------------------------------------------------------


class Hills(Experiment):
    """Six columns of reservoirs, two of them gauged."""

    model = reservoirs()
    period = "2020-06-01", "2020-06-04"
    members = 12
    seed = 4
    network = ObservationNetwork(
        tuple(
            PointSensor(
                station=f"S{i}", x=x, y="20 m", quantity="water", unit="mm", depth="20 cm",
                sd="1 mm", every="1 D",
            )
            for i, x in enumerate(("10 m", "510 m"))
        )
    )  # fmt: skip
    updates = (Update("water", changes=("water", "rate"), filter=EnKF()),)

    def prior(self, rng, members):
        water = 100.0 + rng.normal(0.0, 15.0, (members, 1, 1)) + np.zeros((1, 6, 2))
        return self.model.dataset(members, water=water, rate=10 ** rng.normal(-5.8, 0.3, members))


def test_that_a_twin_with_an_update_finds_water_and_rate():
    result = Hills().twin()
    rmse = {}
    for leg in ("open_loop", "assimilation"):
        truth = result.leg("truth")["forecast"]["water"]
        last = result.leg(leg)["analysis"]["water"]
        rmse[leg] = float(np.sqrt(((last - truth).isel(time=-1) ** 2).mean()))
    assert rmse["assimilation"] < 0.3 * rmse["open_loop"]


# --- landlab --------------------------------------------------------------------------------------

GRID = """
grid:
  RasterModelGrid:
    - [5, 9]
    - xy_spacing: 100.
    - fields:
        node:
          topographic__elevation: {plane: [{point: [0., 0., 20.], normal: [-0.01, 0., 1.]}]}
          %s
"""
AQUIFER = (
    GRID
    % """aquifer_base__elevation: {constant: [{value: 0.}]}
          water_table__elevation: {constant: [{value: 8.}]}
clock: {start: 0., step: 3600., stop: 1.e9}
groundwater_dupuit_percolator:
  hydraulic_conductivity: $K
  porosity: 0.2
  recharge_rate: 1.e-8
"""
)
SLOPE = (
    GRID
    % """surface_water__depth: {constant: [{value: 0.001}]}
clock: {start: 0., step: 60., stop: 1.e9}
overland_flow: {mannings_n: 0.05, steep_slopes: true}
"""
)
TABLE = Exchange("table", "water_table__elevation", Variable("m", bounds=(0.0, 30.0)))
K = Exchange("K", "", Variable("m s-1", bounds=(0.0, 1.0), role="parameter"), Scalar())
DEPTH = Exchange("depth_of_flow", "surface_water__depth", Variable("m", bounds=(0.0, np.inf)))


def landlab_component(name):
    """A landlab component behind the interface."""
    # Its loops over these few nodes would wait for threads that share a core with others.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pytest.importorskip("landlab", reason="landlab is not installed")
    from landlab import components
    from landlab.bmi import wrap_as_bmi

    return wrap_as_bmi(getattr(components, name))


class CoreNodes(BMIModel):
    """The nodes of a landlab grid that are no boundary."""

    def active(self, bmi):
        return value_of(bmi, "boundary_condition_flag") == 0


class Aquifer(CoreNodes):
    """`GroundwaterDupuitPercolator`, which computes the table from its thickness."""

    def following(self, bmi, values):
        base = value_of(bmi, "aquifer_base__elevation")
        return {"aquifer__thickness": value_of(bmi, "water_table__elevation") - base}


def aquifer(kind=Aquifer, **settings):
    component = landlab_component("GroundwaterDupuitPercolator")
    return kind(component, (TABLE, K), ConfigTemplate(AQUIFER), **settings)


def overland_flow(tmp_path, *carries):
    path = tmp_path / "slope.yml"
    path.write_text(SLOPE, encoding="utf-8")
    component = landlab_component("OverlandFlow")
    rain = Adds("rain", "surface_water__depth")
    return CoreNodes(component, (DEPTH,), ConfigFile(str(path)), (rain,), carries=carries)


def test_that_landlabs_aquifer_conforms_and_moves_as_its_conductivity_says():
    model = aquifer()
    x = np.arange(21.0) % 7
    table = 8.0 + 0.5 * np.array([1.0, 2.0, 3.0])[:, None] * np.sin(x)
    ensemble = model.dataset(3, table=table, K=[1e-3, 1e-4, 1e-4])
    check_model(model, ensemble, None, START, START + 24 * HOUR)
    after = model.forecast(ensemble, None, START, START + 24 * HOUR)
    moved = np.abs(after["table"] - ensemble["table"]).max("column")
    assert moved[0] > 3 * moved[1] > 0


def test_that_landlabs_aquifer_without_its_thickness_is_refused():
    model = aquifer(CoreNodes)
    with pytest.raises(DeclarationError, match="water_table__elevation is overwritten"):
        model.dataset(2, K=[1e-3, 1e-3])


def test_that_boundary_nodes_of_landlab_keep_their_values():
    model = aquifer()
    ensemble = model.dataset(1, table=np.full((1, 21), 9.0), K=[1e-3])
    with model._instance({"K": 1e-3}) as bmi:
        model._set(bmi, model._values(ensemble, 0))
        full = value_of(bmi, "water_table__elevation").reshape(5, 9)
    assert (full[1:-1, 1:-1] == 9.0).all()
    assert (full[0] == 8.0).all()


def test_that_landlabs_overland_flow_goes_on_only_with_its_discharge(tmp_path):
    apart = {}
    for carries in ((), ("surface_water__discharge",)):
        model = overland_flow(tmp_path, *carries)
        start = model.dataset(2, depth_of_flow=np.full((2, 21), 0.01))
        minutes = [START + i * HOUR // 60 for i in (0, 5, 10)]
        once = model.forecast(start, None, minutes[0], minutes[2])
        middle = model.forecast(start, None, minutes[0], minutes[1])
        twice = model.forecast(middle, None, minutes[1], minutes[2])
        apart[carries] = float(np.abs(once["depth_of_flow"] - twice["depth_of_flow"]).max())
    assert apart[("surface_water__discharge",)] == 0.0
    assert apart[()] > 1e-6


def test_that_landlabs_overland_flow_conforms_under_rain(tmp_path):
    model = overland_flow(tmp_path, "surface_water__discharge")
    ensemble = model.dataset(2, depth_of_flow=np.full((2, 21), 0.002) * [[1.0], [2.0]])
    check_model(model, ensemble, rain(3.0), START, START + HOUR)
    wet, dry = (
        model.forecast(ensemble, weather, START, START + HOUR) for weather in (rain(3.0), None)
    )
    assert float((wet["depth_of_flow"] - dry["depth_of_flow"]).min()) > 0.0


class Valley(Experiment):
    """An aquifer under a river plain with two wells; the truth is one more draw of the prior."""

    model = None
    period = "2020-06-01", "2020-06-05"
    members = 8
    seed = 2
    network = ObservationNetwork(
        tuple(
            PointSensor(
                station=f"W{i}", x=x, y="200 m", quantity="table", unit="m", sd="2 cm", every="1 D"
            )
            for i, x in enumerate(("200 m", "600 m"))
        )
    )
    updates = (Update("table", changes="table", filter=EnKF(GaspariCohn(halfwidth="600 m"))),)

    def prior(self, rng, members):
        x = np.arange(21) % 7 * 100.0 + 100.0
        level, slope = 8.0 + rng.normal(0, 0.5, (members, 1)), rng.normal(0, 1e-3, (members, 1))
        return self.model.dataset(
            members, table=level + slope * (x - 400.0), K=10 ** rng.normal(-4, 0.3, members)
        )


def test_that_a_twin_of_landlabs_aquifer_finds_the_table():
    result = Valley(model=aquifer()).twin()
    rmse = {}
    for leg in ("open_loop", "assimilation"):
        truth = result.leg("truth")["forecast"]["table"]
        last = result.leg(leg)["analysis"]["table"]
        rmse[leg] = float(np.sqrt(((last - truth).isel(time=-1) ** 2).mean()))
    assert rmse["assimilation"] < 0.3 * rmse["open_loop"]
