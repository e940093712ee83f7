"""The tutorials run as their readers run them, in small; the published tables are met."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hydroda.studies.report import StudyReport, Value

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "tutorials"
# Not those of other packages while they are imported, which are as in setup.cfg.
WARNINGS = ["-W", "error", "-W", "ignore:numpy.ndarray size changed:RuntimeWarning"]


def run_in(folder, script):
    """What a tutorial prints, run in a folder of its own."""
    done = subprocess.run(
        [sys.executable, *WARNINGS, str(script)],
        cwd=folder,
        env=os.environ | {"HYDRODA_TUTORIAL": "quick"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_that_the_first_experiment_runs_and_draws_its_pictures(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "01_first_experiment.py")
    assert "after the end of assimilation" in said
    assert all(name in said for name in ("LargeDetector", "WithProbe"))
    assert len(list((tmp_path / "tutorial_01").glob("*.png"))) == 7


def test_that_your_catchment_runs_and_resumes(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "02_your_catchment.py")
    assert "bad_flag: digging" in said
    assert "check_taper says: the taper must be 1 at r = 0" in said
    assert "the same bits as without the power cut: True" in said
    assert len(list((tmp_path / "tutorial_02").glob("*.png"))) == 2


def test_that_your_own_model_is_refused_mended_and_run(tmp_path):
    for package in ("landlab", "parflow"):
        pytest.importorskip(package, reason=f"tutorial 7 needs {package}, which is not installed")
    said = run_in(tmp_path, TUTORIALS / "07_your_own_model.py")
    assert "water_table__elevation is overwritten by the model" in said
    assert "('surface_water__discharge',): one piece and two differ by 0 mm" in said
    assert "on 12 columns" in said
    assert (tmp_path / "tutorial_07" / "valley.png").exists()


def test_that_a_sensor_is_written_looked_at_and_used(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "03_a_sensor.py")
    assert "columns in the pixel: 16" in said
    assert "refused: sd of Radiometer 'mast' must be convertible to 'm3 m-3'; got 4 K" in said
    assert "wet mast" in said
    assert len(list((tmp_path / "tutorial_03").glob("*.png"))) == 1


def test_that_the_water_budget_is_opened_and_closed(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "04_the_water_budget.py")
    assert all(name in said for name in ("WC-Inf-Loc", "members", "Strict"))
    assert (tmp_path / "tutorial_04" / "schemes.png").exists()


def test_that_a_land_column_closes_and_changes_its_parts(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "05_a_land_column.py")
    assert all(name in said for name in ("without litter", "CoLMColumn", "mown: "))
    assert len(list((tmp_path / "tutorial_05").glob("*.png"))) == 2


def test_that_a_hillslope_sheds_a_storm_and_learns_from_wells(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "09_hillslope.py")
    assert all(name in said for name in ("saturation excess", "thin layers", "found no room"))
    assert all(name in said for name in ("ByWells", "ByGauge", "ByRealGauge"))
    assert len(list((tmp_path / "tutorial_09").glob("*.png"))) == 4


def test_that_rain_runs_over_a_v_and_makes_its_streams(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "10_tilted_v.py")
    assert "as in 2006" in said
    assert "rain times drained area, the median column: 1.0000" in said
    assert len(list((tmp_path / "tutorial_10").glob("*.png"))) == 6


def test_that_coupling_on_a_hillslope_is_weak_full_and_of_own_radii(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "06_weak_coupling.py")
    assert all(name in said for name in ("open loop", "full", "weak", "own radii", "Deeper"))
    assert len(list((tmp_path / "tutorial_06").glob("*.png"))) == 2


def test_that_dan2020_expects_numbers_that_the_study_gives_and_meets_table_2():
    paper = runpy.run_path(str(TUTORIALS / "papers" / "dan2020.py"))
    found = paper["ours"](paper["dan2020"].run(table="2"))
    assert {key for key in paper["EXPECTED"] if key[0] == "2"} == set(found)
    for key, value in found.items():
        expected = paper["EXPECTED"][key]
        assert abs(value - expected.published) <= expected.tolerance, key


def test_that_a_catchment_comes_from_files_and_a_wrong_one_is_refused(tmp_path):
    said = run_in(tmp_path, TUTORIALS / "08_catchment_from_files.py")
    assert "refused: sand of valley/wrong.csv must lie in 0..100 %; got 140" in said
    assert "Unconfined" in said and "groundwater_level (withheld)" in said
    names = {path.name for path in (tmp_path / "valley").iterdir()}
    assert {"dem.nc", "soil.csv", "wells.csv", "wells.stations.csv", "crns.nc"} <= names
    assert "plan.csv" not in names
    assert len(list((tmp_path / "tutorial_08").glob("*.png"))) == 3


def test_that_li2025_expects_gains_that_the_paper_has_and_finds_those_of_a_report():
    paper = runpy.run_path(str(TUTORIALS / "papers" / "li2025.py"))
    study, expected = paper["li2025"], paper["EXPECTED"]
    tables = study.tables.UBRMSE
    values = []
    for table, row, name in expected:
        variable, _, group = row.removesuffix(" km").partition(" ")
        block = tables[table][variable, group]
        own = expected[table, row, name]
        assert (own.open_loop, own.score) == (block["OL"][3], block[name][3]), (row, name)
        for column, ours in (("OL", 2.0), (name, 2.0 * own.gain)):
            values.append(Value(table, f"{row}, all days", column, "m", None, ours))
    report = StudyReport("li2025", "small", (1,), 0.0, tuple(values), ())
    for key, gain in paper["ours"](report).items():
        assert abs(gain - expected[key].gain) < 1e-12
    # What the paper found is near to itself: no line is marked.
    assert len(paper["lines"](report)) == 1 + len(expected)
    assert not any("not as in" in line for line in paper["lines"](report))


@pytest.mark.parametrize("script", sorted(TUTORIALS.glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_that_a_tutorial_is_text_and_code_in_turn_and_ends_with_an_answer(script):
    lines = script.read_text(encoding="utf-8").splitlines()
    cells = [line for line in lines if line.startswith("# %%")]
    assert cells[0] == "# %% [markdown]"
    assert all(line in ("# %%", "# %% [markdown]") for line in cells)
    assert any(line == "# ## Exercise" for line in lines)
    assert lines[-1] == "# endregion"


def test_that_the_documents_of_the_tutorials_name_every_script():
    text = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    for script in TUTORIALS.rglob("*.py"):
        assert script.name in text, script


def test_that_sakov2008_expects_what_the_study_runs_and_meets_it_in_small():
    paper = runpy.run_path(str(TUTORIALS / "papers" / "sakov2008.py"))
    expected, rows = paper["EXPECTED"], paper["ROWS"]
    assert list(expected) == [row.name for row in rows]
    for row in rows:
        other = expected[row.name]
        published = (row.published, row.low, row.high)
        np.testing.assert_allclose((other.score, other.low, other.high), published, atol=1e-9)
    # 300 cycles are uncertain by about a tenth; a filter that fails errs by 3.6, noise alone by 1.
    for name, ours in paper["scores"](cycles=300, seed=1).items():
        assert abs(float(ours["mean"]) / expected[name].score - 1) < 0.25, name
