import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydroda.errors import DataError, DeclarationError
from hydroda.experiment import Experiment
from hydroda.filters import EnKF
from hydroda.forcing import ForcingWindow
from hydroda.localization import GaspariCohn
from hydroda.models.parflow import (
    CLM,
    AllFolders,
    FailedFolders,
    NetRain,
    ParFlowModel,
)
from hydroda.models.retention import Gardner, VanGenuchten, content
from hydroda.obs import GroundwaterLevel, ObservationNetwork, SoilMoistureProbe
from hydroda.testing import check_model
from hydroda.update import Update
from hydroda.zone import Saturated, Unsaturated
from tests.models import stand_in_parflow as stand_in

io = pytest.importorskip("parflow.tools.io", reason="pftools is not installed")

START = np.datetime64("2020-06-01", "ns")
HOUR = np.timedelta64(3600 * 10**9, "ns")
SOIL = VanGenuchten("0.05 m3/m3", "0.4 m3/m3", "2 1/m", 2.0, "5 cm/h")
REAL = pytest.mark.skipif("PARFLOW_DIR" not in os.environ, reason="PARFLOW_DIR is not set")


def slope(folder, processes=(1, 1, 1), keys=None, **settings):
    """The hillslope of the stand-in, run by it."""
    path = stand_in.write_definition(folder / "definition", processes, **(keys or {}))
    by = {"executable": stand_in.__file__, "launcher": (sys.executable,), "at_once": 2}
    return ParFlowModel(str(path), SOIL, **(by | settings))


def members(model, count=3):
    tables = np.linspace(1.0, 1.6, count)[:, None, None]
    return model.dataset(h=model.z - tables, log10_Ks=np.linspace(-5.2, -4.6, count))


def weather(*rain, **more):
    """Hourly rain [mm], the same for all; (member, step) or (member, step, column) in arrays."""
    values = np.array(rain, float)[None] if np.ndim(rain[0]) == 0 else rain[0]
    count = values.shape[1]
    others = {name: np.full((1, count), value) for name, value in more.items()}
    return ForcingWindow(START + np.arange(count) * HOUR, 3600.0, {"rain": values} | others)


def run(model, ensemble, window):
    return model.forecast(ensemble, window, START, START + window.times.size * HOUR)


def moved(model, ensemble, rain):
    """Heads as the stand-in moves them under `rain` [mm] in hours, (member, column or 1, step)."""
    conductivity = 3600.0 * 10.0 ** ensemble["log10_Ks"].values[:, None, None]
    change = np.asarray(rain) / 1000.0 / 0.4 - stand_in.DRAINED * conductivity
    return ensemble["h"].values + change.sum(axis=-1)[..., None]


# --- the grid and its files -----------------------------------------------------------------------


def test_that_the_grid_is_the_one_of_the_definition(tmp_path):
    ensemble = members(slope(tmp_path))
    np.testing.assert_allclose(ensemble["thickness"], [0.1, 0.15, 0.25, 0.5, 1.0])
    np.testing.assert_allclose(ensemble["depth"], [0.05, 0.175, 0.375, 0.75, 1.5])
    np.testing.assert_allclose(ensemble["x"], np.tile([5.0, 15.0, 25.0, 35.0], 3))
    np.testing.assert_allclose(ensemble["y"], np.repeat([5.0, 15.0, 25.0], 4))


def test_that_a_field_goes_to_parflow_and_back(tmp_path):
    model = slope(tmp_path)
    values = np.arange(60.0).reshape(12, 5)
    model.grid.write(tmp_path / "field.pfb", model.grid.cube(values))
    np.testing.assert_array_equal(model.read(tmp_path / "field.pfb"), values)
    field = stand_in.read_pfb(tmp_path / "field.pfb", (1, 1, 1))
    assert field[-1, 0, 1] == values[1, 0]  # highest layer, second column in x
    assert field[0, 2, 3] == values[11, 4]


def test_that_columns_outside_the_mask_are_left_out(tmp_path):
    inside = np.ones((1, 3, 4))
    inside[0, 0, 0] = inside[0, 2, 1] = 0.0
    stand_in.write_pfb(tmp_path / "mask.pfb", inside)
    model = slope(tmp_path, mask=str(tmp_path / "mask.pfb"))
    ensemble = members(model)
    assert ensemble.sizes["column"] == 10
    assert float(ensemble["x"][0]) == 15.0
    after = run(model, ensemble, weather(1.0))
    np.testing.assert_allclose(after["h"], moved(model, ensemble, [[[1.0]]]))


def test_that_a_definition_in_yaml_is_the_same(tmp_path):
    model = slope(tmp_path)
    for name in ("slope.yaml", "slope.json"):
        path = tmp_path / "definition" / name
        io.write_dict(stand_in.hillslope(), str(path))
        other = replace(model, definition=str(path))
        assert {k: str(v) for k, v in other.keys.items()} == {
            k: str(v) for k, v in model.keys.items()
        }


# --- forecasts ------------------------------------------------------------------------------------


def test_that_a_forecast_is_the_closed_form_of_the_stand_in(tmp_path):
    model = slope(tmp_path)
    ensemble = members(model)
    rain = [0.0, 5.0, 2.0]
    after = run(model, ensemble, weather(*rain))
    np.testing.assert_allclose(after["h"], moved(model, ensemble, [[rain]]), rtol=0, atol=1e-12)
    expected = content(SOIL, SOIL.stack(SOIL.values()), after["h"].values)
    np.testing.assert_array_equal(after["theta"], expected)
    assert "failures" not in after.attrs


def test_that_weather_of_one_step_and_of_many_are_the_same(tmp_path):
    model = slope(tmp_path)
    ensemble = members(model)
    once = run(model, ensemble, weather(3.0, 3.0))
    hour = model.forecast(ensemble, weather(3.0), START, START + HOUR)
    twice = model.forecast(hour, weather(3.0), START, START + HOUR)
    np.testing.assert_allclose(once["h"], twice["h"], rtol=0, atol=1e-12)


def test_that_each_member_and_column_has_its_own_rain_less_its_demand(tmp_path):
    model = slope(tmp_path, atmosphere=NetRain(crop=0.5))
    ensemble = members(model)
    rain = np.random.default_rng(1).gamma(1.0, 3.0, (3, 2, 12))
    after = run(model, ensemble, weather(rain, potential_evapotranspiration=0.4))
    wanted = moved(model, ensemble, np.moveaxis(rain, 1, 2) - 0.2)
    np.testing.assert_allclose(after["h"], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("processes", [(2, 1, 1), (2, 3, 1), (4, 2, 1)])
def test_that_every_input_is_distributed_over_the_process_grid(tmp_path, processes):
    model = slope(tmp_path, processes)
    ensemble = members(model, 2)
    after = run(model, ensemble, weather(1.0, 0.0))
    np.testing.assert_allclose(after["h"], moved(model, ensemble, [[[1.0, 0.0]]]))


def test_that_the_stand_in_misses_a_distribution_file(tmp_path, monkeypatch):
    model = slope(tmp_path)
    write = io.write_pfb
    monkeypatch.setattr(io, "write_pfb", lambda *a, **k: write(*a, **(k | {"dist": False})))
    after = run(model, members(model, 2), weather(1.0))
    assert "has no distribution file" in after.attrs["failures"]


def test_that_the_number_at_once_and_the_working_directory_change_nothing(tmp_path, monkeypatch):
    model = slope(tmp_path)
    ensemble = members(model)
    wanted = run(model, ensemble, weather(1.0, 4.0))
    monkeypatch.chdir(tmp_path)
    beside = replace(model, definition="definition/hillslope.pfidb", at_once=1)
    assert run(beside, ensemble, weather(1.0, 4.0)).identical(wanted)


def test_that_the_arguments_of_the_script_are_not_taken_for_those_of_pftools(tmp_path, monkeypatch):
    # pftools reads "-p" of whatever script runs it as a number of processes.
    monkeypatch.setattr(sys, "argv", ["pytest", "-p", "no:xdist"])
    model = slope(tmp_path)
    assert np.isfinite(run(model, members(model, 2), weather(1.0))["h"]).all()


def test_that_the_model_conforms(tmp_path):
    model = slope(tmp_path)
    check_model(model, members(model, 2), weather(2.0, 0.0), START, START + 2 * HOUR)


def test_that_nothing_is_left_on_the_disk(tmp_path):
    (tmp_path / "scratch").mkdir()
    model = slope(tmp_path, scratch=str(tmp_path / "scratch"))
    run(model, members(model, 2), weather(1.0))
    assert not list((tmp_path / "scratch").iterdir())


# --- members that fail ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wettest", "words"),
    [
        (stand_in.DIES, "exit code 1: .* did not converge"),
        (stand_in.LEAVES_NOTHING, "left no pressure"),
        (stand_in.GIVES_UP, "did not solve the problem: Error: Time step failed"),
        (stand_in.HANGS, "took longer than 2 s"),
        (stand_in.SPOILS, "has cells without a pressure"),
    ],
)
def test_that_a_member_that_fails_is_nan_and_says_why(tmp_path, caplog, wettest, words):
    model = slope(tmp_path, patience="2 s")
    ensemble = members(model, 2)
    ensemble["h"][1, 0, 4] = wettest + 0.5
    with caplog.at_level(logging.WARNING):
        after = run(model, ensemble, weather(1.0))
    assert np.isfinite(after["h"][0]).all()
    assert np.isnan(after["h"][1]).all()
    assert np.isnan(after["theta"][1]).all()
    assert np.isnan(after["water"][1]).all()
    with pytest.raises(AssertionError, match=rf"member 1: .*{words}"):
        raise AssertionError(after.attrs["failures"])
    assert "member 1" in caplog.text


class Drained(Experiment):
    """A slope without observations."""

    model = None
    period = "2020-06-01", "2020-06-02"
    members = 11

    def prior(self, rng, members):
        return self.model.dataset(h=self.model.z - rng.uniform(0.7, 1.3, (members, 1, 1)))


def test_that_a_failed_member_is_retried_replaced_and_told_by_the_run(tmp_path):
    experiment = Drained(model=slope(tmp_path))
    start = experiment.prior(np.random.default_rng(1), 11)
    start["h"][3, 0, 4] = stand_in.DIES
    leg = experiment.open_loop(start=start).leg("open_loop")
    np.testing.assert_array_equal(leg["failures"]["member"], [3])
    assert "replaced by a copy of member" in str(leg["failures"]["remedy"].values[0])
    assert np.isfinite(leg["final"]["h"]).all()


def test_that_a_member_without_heads_stays_without(tmp_path):
    model = slope(tmp_path)
    ensemble = members(model, 2)
    ensemble["h"][0, 2] = np.nan
    after = run(model, ensemble, weather(1.0))
    assert "member 0: began with heads that are not finite" in after.attrs["failures"]
    assert np.isfinite(after["h"][1]).all()


def test_that_directories_are_kept_as_asked(tmp_path):
    where = tmp_path / "kept"
    model = slope(tmp_path, keep=FailedFolders(str(where)))
    ensemble = members(model, 2)
    ensemble["h"][1, 0, 4] = stand_in.DIES
    for _ in range(2):
        run(model, ensemble, weather(1.0))
    found = sorted(path.name for path in where.iterdir())
    assert found == ["2020-06-01T0000_member1", "2020-06-01T0000_member1_2"]
    assert "converge" in (where / found[0] / "said.txt").read_text()
    run(replace(model, keep=AllFolders(str(tmp_path / "all"))), members(model, 2), weather(1.0))
    assert len(list((tmp_path / "all").iterdir())) == 2


def test_that_retries_take_smaller_steps(tmp_path):
    model = slope(tmp_path, keep=AllFolders(str(tmp_path / "kept")))
    finer = model.refined()
    assert finer.step == model.step / 4
    run(finer, members(model, 1), weather(1.0, 1.0))
    (kept,) = (tmp_path / "kept").iterdir()
    keys = stand_in.keys_of(kept / "hydroda.pfidb")
    assert (keys["TimeStep.Value"], keys["TimingInfo.BaseUnit"]) == ("0.25", "1.0")


# --- after an analysis ----------------------------------------------------------------------------


def test_that_theta_follows_h_and_h_follows_theta(tmp_path):
    model = slope(tmp_path)
    ensemble = members(model)
    wetter = ensemble.assign(h=ensemble["h"] + 0.1)
    kept, added = model.reconcile(wetter, ("h",))
    np.testing.assert_array_equal(kept["h"], wetter["h"])
    assert (kept["theta"] >= ensemble["theta"]).all()
    np.testing.assert_allclose(added, 0.0, atol=1e-9)
    drier = ensemble.assign(theta=0.9 * ensemble["theta"])
    kept, added = model.reconcile(drier, ("theta",))
    np.testing.assert_allclose(kept["theta"], drier["theta"], rtol=1e-12)
    np.testing.assert_allclose(SOIL.theta(kept["h"].values), drier["theta"], rtol=1e-9)


def test_that_water_cut_off_at_the_porosity_is_told(tmp_path):
    model = slope(tmp_path)
    ensemble = members(model)
    flooded = ensemble.assign(theta=ensemble["theta"].copy(data=np.full((3, 12, 5), 0.41)))
    kept, added = model.reconcile(flooded, ("theta",))
    assert float(kept["theta"].max()) <= 0.4
    np.testing.assert_allclose(added, -(0.41 - 0.9999 * 0.4) * 2000.0)


def test_that_an_analysis_reaches_parflow(tmp_path):
    model = slope(tmp_path)
    ensemble = members(model)
    analysed, _ = model.reconcile(
        ensemble.assign(h=ensemble["h"] + 0.2, log10_Ks=ensemble["log10_Ks"] + 0.5),
        ("h", "log10_Ks"),
    )
    after = run(model, analysed, weather(0.0, 0.0))
    np.testing.assert_allclose(after["h"], moved(model, analysed, [[[0.0, 0.0]]]))


# --- CLM ------------------------------------------------------------------------------------------

AIR = {
    "shortwave": 300.0,
    "longwave": 350.0,
    "air_temperature": 290.0,
    "relative_humidity": 0.6,
    "wind_speed": 2.0,
    "pressure": 1e5,
}


def hours_of(model, ensemble):
    """The hours that CLM has seen, as the stand-in counts them in its restart."""
    folders = [f"{int(number):016d}" for number in ensemble["clm_restart"].values]
    store = Path(model.atmosphere.store)
    return [int((store / folder / "clm.rst.00000.0").read_text()) for folder in folders]


def test_that_clm_goes_on_from_its_own_restart(tmp_path):
    model = slope(tmp_path, atmosphere=CLM(str(tmp_path / "store")))
    start = members(model)
    middle = run(model, start, weather(1.0, 2.0, **AIR))
    assert hours_of(model, middle) == [2, 2, 2]
    mixed = middle.isel(member=[2, 0])  # as after a swap of members, or on another rank
    end = run(model, mixed, weather(0.0, 1.0, 1.0, **AIR))
    assert hours_of(model, end) == [5, 5]
    wanted = moved(model, middle, [[[0.0, 1.0, 1.0]]])[[2, 0]]
    np.testing.assert_allclose(end["h"], wanted, rtol=0, atol=1e-9)
    assert run(model, start, weather(1.0, 2.0, **AIR)).identical(middle)


def test_that_clm_takes_weather_of_each_column(tmp_path):
    model = slope(tmp_path, (2, 1, 1), atmosphere=CLM(str(tmp_path / "store")))
    ensemble = members(model, 2)
    rain = np.random.default_rng(1).gamma(1.0, 3.0, (2, 2, 12))
    after = run(model, ensemble, weather(rain, **AIR))
    wanted = moved(model, ensemble, np.moveaxis(rain, 1, 2))
    np.testing.assert_allclose(after["h"], wanted, rtol=0, atol=1e-9)


def test_that_a_lost_restart_and_lacking_weather_are_told(tmp_path):
    model = slope(tmp_path, atmosphere=CLM(str(tmp_path / "store")))
    ensemble = members(model, 2)
    lost = ensemble.assign(clm_restart=ensemble["clm_restart"] + 5.0)
    with pytest.raises(DataError, match=r"restart of CLM .*0000000000000005 is gone"):
        run(model, lost, weather(1.0, **AIR))
    with pytest.raises(DataError, match=r"the forcing lacks shortwave, .* which CLM needs"):
        run(model, ensemble, weather(1.0))


# --- mistakes -------------------------------------------------------------------------------------


def test_that_mistakes_have_their_own_words(tmp_path, monkeypatch):
    model = slope(tmp_path)
    ensemble = members(model, 2)
    with pytest.raises(DeclarationError, match=r"definition .*nothing.pfidb is no file"):
        replace(model, definition="nothing.pfidb").grid  # noqa: B018
    with pytest.raises(DeclarationError, match=r"lacks ComputationalGrid.DX"):
        path = tmp_path / "empty.yaml"
        path.write_text("Domain: {GeomName: domain}\nComputationalGrid: {NX: 1, NY: 1, NZ: 1}\n")
        replace(model, definition=str(path)).grid  # noqa: B018
    with pytest.raises(DeclarationError, match=r"is named 'domain'; got .* 'catchment'"):
        slope(tmp_path / "b", keys={"Domain.GeomName": "catchment"}).grid  # noqa: B018
    with pytest.raises(DeclarationError, match=r"TopoSlopesX.FileName .*no_slope.pfb, which is no"):
        wrong = slope(tmp_path / "c", keys={"TopoSlopesX.FileName": "no_slope.pfb"})
        run(wrong, ensemble, weather(1.0))
    monkeypatch.delenv("PARFLOW_DIR", raising=False)
    with pytest.raises(DeclarationError, match="set PARFLOW_DIR to where it is installed"):
        run(replace(model, executable=""), ensemble, weather(1.0))
    with pytest.raises(DeclarationError, match="there is no ParFlow at /nowhere/parflow"):
        run(replace(model, executable="/nowhere/parflow"), ensemble, weather(1.0))
    with pytest.raises(DeclarationError, match="takes a VanGenuchten soil"):
        replace(model, soil=Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h"))
    with pytest.raises(DeclarationError, match=r"ParFlow has l = 0.5; got a soil with l = 1"):
        replace(model, soil=replace(SOIL, l=1.0))
    with pytest.raises(DeclarationError, match=r"estimates must be of theta_r, .*; got .*porosity"):
        replace(model, estimates=("porosity",))
    with pytest.raises(DeclarationError, match="at_once must be a whole number from 1; got 0"):
        replace(model, at_once=0)
    with pytest.raises(
        DataError, match=r"h must be \(member, 12 columns, 5 layers\); got \(2, 7, 5\)"
    ):
        model.dataset(h=np.zeros((2, 7, 5)))
    with pytest.raises(DeclarationError, match="exactly one of h= and theta="):
        model.dataset()


# --- experiments ----------------------------------------------------------------------------------


class Slope(Experiment):
    """A hillslope with a probe and a well, in the words of the weakly coupled scheme."""

    model = None
    period = "2020-06-01", "2020-06-03"
    members = 4
    seed = 3
    network = ObservationNetwork(
        (
            SoilMoistureProbe(
                station="P", x="5 m", y="15 m", depth="5 cm", sd="0.01 m3/m3", every="1 D"
            ),
            GroundwaterLevel(
                station="W", x="35 m", y="15 m", screen="1.5 m", sd="2 cm", every="1 D"
            ),
        )
    )
    updates = (
        Update(
            "soil_moisture",
            changes="theta",
            zone=Unsaturated(),
            filter=EnKF(GaspariCohn(halfwidth="100 m")),
        ),
        Update(
            "groundwater_level",
            changes="h",
            zone=Saturated(),
            filter=EnKF(GaspariCohn(halfwidth="50 m")),
        ),
    )

    def prior(self, rng, members):
        table = rng.uniform(0.7, 1.3, (members, 1, 1))
        return self.model.dataset(h=self.model.z - table, log10_Ks=rng.normal(-5, 0.2, members))


def errors(result):
    """RMSE of the heads at the end by leg."""
    truth = result.leg("truth")["forecast"]["h"].isel(time=-1)
    return {
        leg: float(np.sqrt(((result.leg(leg)["analysis"]["h"].isel(time=-1) - truth) ** 2).mean()))
        for leg in ("open_loop", "assimilation")
    }


def test_that_a_twin_updates_theta_and_h_and_keeps_water_in_sight(tmp_path):
    result = Slope(model=slope(tmp_path)).twin()
    rmse = errors(result)
    assert rmse["assimilation"] < 0.7 * rmse["open_loop"]
    done = result.observations()
    assert done["status"].str.startswith("assimilated").all()


@REAL
def test_that_the_real_parflow_keeps_the_rain(tmp_path):
    model = slope(tmp_path, executable="", launcher=())
    ensemble = members(model)
    after = run(model, ensemble, weather(0.0, 5.0, 5.0, 0.0))
    assert "failures" not in after.attrs
    kept = (after["water"] - ensemble["water"]).mean("column")
    np.testing.assert_allclose(kept, 10.0, atol=1e-6)


@REAL
def test_that_the_real_parflow_goes_on_to_the_bit(tmp_path):
    model = slope(tmp_path, executable="", launcher=())
    ensemble = members(model, 2)
    once = run(model, ensemble, weather(0.0, 8.0, 30.0, 0.0))
    middle = run(model, ensemble, weather(0.0, 8.0))
    twice = run(model, middle, weather(30.0, 0.0))
    np.testing.assert_array_equal(once["h"], twice["h"])


@REAL
def test_that_the_real_parflow_conforms(tmp_path):
    model = slope(tmp_path, executable="", launcher=())
    check_model(model, members(model, 2), weather(2.0, 0.0), START, START + 2 * HOUR)


@REAL
def test_that_a_step_of_the_real_parflow_that_does_not_converge_is_told(tmp_path):
    stubborn = {"Solver.Nonlinear.MaxIter": 1, "Solver.Nonlinear.ResidualTol": 1e-14}
    model = slope(tmp_path, keys=stubborn, executable="", launcher=())
    after = run(model, members(model, 1), weather(5.0))
    assert np.isnan(after["h"]).all()
    assert "Error: Time step failed" in after.attrs["failures"]


@REAL
def test_that_a_twin_of_the_real_parflow_finds_the_heads(tmp_path):
    rmse = errors(Slope(model=slope(tmp_path, executable="", launcher=())).twin())
    assert rmse["assimilation"] < 0.7 * rmse["open_loop"]
