import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from hydroda.cli import main
from hydroda.obs.formats import read, write
from hydroda.obs.records import Records
from hydroda.result import Result
from tests.distributed.cases import bits
from tests.obs.test_dinoloket import TEXT as DINO
from tests.test_parallel import launched
from tests.toys import readings

ROOT = Path(__file__).parents[1]
TOY = """
from tests.toys import BucketTwin

class Toy(BucketTwin):
    period = "2020-01-01", "2020-01-03"
    assimilate_until = "2020-01-02"
"""


def command(capsys, *arguments):
    """Exit code, output and errors of a command."""
    modules, path = set(sys.modules), list(sys.path)
    try:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if name.startswith("experiment_"):
                del sys.modules[name]
    out, error = capsys.readouterr()
    return end.value.code or 0, out, error


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    file = tmp_path_factory.mktemp("toy") / "toy.py"
    file.write_text(TOY)
    return file


@pytest.fixture(scope="module")
def run(toy):
    """A folder in which the toy has been run, and what was shown."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hydroda", "run", str(toy), "--twin", "--out", "run",
         "--no-figures"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=toy.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return toy.parent / "run", done


def numbers(text):
    """The numbers of the tables in a text, by (variable, period, score, run, unit)."""
    found, title, head, first = {}, "", [], ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("┃│").split("┃" if "┃" in line else "│")]
        if line.startswith("┃"):
            head = cells
        elif line.startswith("│"):
            first = cells[0] or first
            for name, value in zip(head[2:], cells[2:], strict=True):
                if title == "what was done" and name != "unit":
                    key = first, "all", cells[1], name.replace(" ", "_"), cells[-1]
                    found[key] = value
                elif title != "what was done":
                    variable, _, unit = title.partition(" [")
                    run = cells[1].replace(" ", "_")
                    found[variable, first, name, run, unit.rstrip("]")] = value
        elif not line.startswith(("┏", "┡", "└", " ")):
            title = line.strip()
    return found


# --- run ----------------------------------------------------------------------------------------


def test_that_a_run_is_quiet_where_there_is_no_terminal(run):
    _, done = run
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "written to run"
    assert "\x1b" not in done.stdout and "\r" not in done.stdout


def test_that_a_run_leaves_its_legs_and_nothing_else(run):
    names = {path.name for path in run[0].iterdir()}
    assert names == {"truth.nc", "open_loop.nc", "assimilation.nc"}


def test_that_the_command_line_runs_what_python_runs(run, toy, capsys):
    sys.path.insert(0, str(toy.parent))
    try:
        from toy import Toy
    finally:
        sys.path.remove(str(toy.parent))
    ours, theirs = bits(Result.open(run[0]).tree), bits(Toy().twin().tree)
    for name, value in theirs.items():
        if not name.endswith(":attrs"):
            assert ours[name] == value, name


def test_that_settings_reach_the_experiment(toy, capsys, tmp_path):
    code, out, _ = command(
        capsys, "run", toy, "--twin", "--out", tmp_path / "run", "--no-figures", "--members", "5",
        "--seed", "8", "--set", "every=3 h", "--set", "model.steps=2",
    )  # fmt: skip
    result = Result.open(tmp_path / "run")
    assert code == 0 and "5 members, seed 8" in out
    assert result.attrs["members"] == 5 and result.ensemble().sizes["member"] == 5
    assert result.leg()["forecast"].sizes["time"] == 16
    assert "steps=2" in result.attrs["experiment"]
    assert not list((tmp_path / "run").glob("*.png"))


def test_that_there_may_be_no_open_loop(tmp_path, capsys):
    body = TOY + (
        "    from tests.toys import BucketTwin, readings\n"
        "    network = BucketTwin().network.with_data(readings(\n"
        "        *((f's{i}', 'store', h, 60.0) for i in range(3) for h in (6, 30)),\n"
        "        ('tower', 'evapotranspiration', (0, 24), 5.0)))\n"
    )
    (tmp_path / "toy.py").write_text(body)
    arguments = ("run", tmp_path / "toy.py", "--no-figures", "--out", tmp_path / "run")
    assert command(capsys, *arguments, "--no-open-loop")[0] == 0
    assert Result.open(tmp_path / "run").legs == ("assimilation",)
    code, _, error = command(capsys, *arguments)
    assert code == 2 and "--resume goes on with it, --overwrite replaces it" in error
    assert command(capsys, *arguments, "--resume")[0] == 0
    assert Result.open(tmp_path / "run").legs == ("open_loop", "assimilation")
    assert command(capsys, *arguments, "--no-open-loop", "--overwrite")[0] == 0
    assert Result.open(tmp_path / "run").legs == ("assimilation",)


def test_that_figures_are_drawn_where_the_name_of_the_file_says(capsys, tmp_path, monkeypatch):
    """And again by `plot`, the same ones."""
    lines = (
        "    from tests.toys import ObservationNetwork, well",
        "    network = ObservationNetwork((well(0),))",
    )
    (tmp_path / "one.py").write_text(TOY + "\n".join(lines))
    monkeypatch.chdir(tmp_path)
    assert command(capsys, "run", "one.py", "--twin", "--no-open-loop")[0] == 0
    folder = tmp_path / "runs" / "one"
    drawn = {path.name for path in folder.glob("*.png")}
    assert Result.open(folder).legs[0] == "truth" and "series_store_s0.png" in drawn
    code, out, _ = command(capsys, "plot", folder, "--out", tmp_path / "again")
    assert code == 0 and {path.name for path in (tmp_path / "again").iterdir()} == drawn
    assert set(out.split()) == {str(tmp_path / "again" / name) for name in drawn}


def test_that_a_file_of_observations_is_drawn(capsys, tmp_path):
    days = pd.date_range("2020-01-01", periods=9, freq="D")
    table = pd.DataFrame({"time": days, "station": "w", "quantity": "level", "value": 1.0})
    write(Records.of(table, {"level": "m"}, zone="UTC"), tmp_path / "some.csv")
    code, out, _ = command(capsys, "plot", tmp_path / "some.csv", "--out", tmp_path / "drawn")
    names = {path.stem for path in (tmp_path / "drawn").iterdir()}
    assert code == 0 and len(out.split()) == len(names)
    assert names == {"availability", "observed_level_w"}


def test_that_what_a_catchment_measures_is_drawn_before_any_run(capsys, tmp_path):
    code, _, error = command(capsys, "plot", "fuerstensee", "--out", tmp_path)
    assert (code, error) == (0, "")
    names = {path.stem for path in tmp_path.iterdir()}
    own = {"counts_to_moisture_FSC001", "sampled_days_FSC001", "footprint_FSC001"}
    assert names == {"availability", *own}
    code, _, error = command(capsys, "plot", "dutch_well", "--out", tmp_path)
    assert code == 2 and "dutch_well needs its data" in error
    code, _, error = command(capsys, "plot", "nowhere", "--out", tmp_path)
    assert code == 2 and "there is no file and no catchment 'nowhere'" in error


# --- the other doors ----------------------------------------------------------------------------


def test_that_json_holds_every_number_that_is_shown(run, capsys, tmp_path):
    folder, done = run
    code, out, error = command(capsys, "score", folder, "--json", tmp_path / "s.json")
    assert (code, error) == (0, "")
    assert out.strip() == done.stdout.split("\n\nwritten to")[0].strip()
    content = json.loads((tmp_path / "s.json").read_text())
    assert content["experiment"]["members"] == 12 and content["experiment"]["seed"] == 3
    assert set(content["values"][0]) == {"score", "variable", "group", "run", "unit", "value"}
    written = {
        (row["variable"], row["group"], row["score"], row["run"]): row["value"]
        for row in content["values"]
    }
    shown = {key: text for key, text in numbers(out).items() if text}
    assert len(shown) > 100
    for (*key, _), text in shown.items():
        assert text == f"{written[tuple(key)]:.4g}", key
    told = {key[:4] for key in shown}
    assert {key for key, value in written.items() if value is not None} == told
    units = {row["variable"]: row["unit"] for row in content["values"] if row["score"] == "rmse"}
    assert {(key[0], key[4]) for key in shown if key[2] == "rmse"} == set(units.items())


def test_that_info_tells_of_a_run(run, capsys):
    code, out, _ = command(capsys, "info", run[0])
    assert code == 0 and out.startswith("Toy: truth, open loop, assimilation\n")
    assert numbers(out)["store", "all", "withheld", "assimilation", "1"] == "8"


def test_that_info_explains_an_observation(run, capsys):
    code, out, _ = command(capsys, "info", run[0], "--explain", "s0/store/2020-01-01T12")
    assert code == 0 and out == f"{Result.open(run[0]).explain('s0/store/2020-01-01T12')}\n"
    code, _, error = command(capsys, "info", run[0], "--explain", "s9")
    assert code == 2 and "0 observations are called 's9'" in error


@pytest.mark.parametrize("name", ["wells.nc", "wells.csv"])
def test_that_info_tells_of_a_file_of_observations(capsys, tmp_path, name):
    write(readings(("s0", "store", 6, 60.0), ("s0", "store", 12, float("nan"))), tmp_path / name)
    code, out, _ = command(capsys, "info", tmp_path / name)
    assert code == 0
    assert out.splitlines() == [
        "2 values of 1 station",
        "  s0: store [mm], 1 good of 2, 2020-01-01 06:00:00 to 2020-01-01 12:00:00 UTC",
        "      every 6 h; no gaps; 1 missing",
    ]


LOGGER = "when;level\n2020-01-01 00:00;1,5\n2020-01-01 01:00;1,25\n2020-01-01 04:00;\n"
LOGGER_MAP = """
time = "when"
separator = ";"
decimal = ","
[columns.level]
station = "w"
quantity = "groundwater_level"
unit = "m"
"""


@pytest.fixture
def logger(tmp_path):
    """A plain table and the map of its columns."""
    (tmp_path / "logger.txt").write_text(LOGGER)
    (tmp_path / "map.toml").write_text(LOGGER_MAP)
    return tmp_path / "logger.txt", tmp_path / "map.toml"


def test_that_info_tells_of_a_plain_table_with_its_map(capsys, logger):
    file, columns = logger
    code, out, _ = command(capsys, "info", file, "--map", columns, "--zone", "UTC")
    assert code == 0 and "  w: groundwater_level [m], 2 good of 3" in out
    assert "irregular" not in out and "no gaps; 1 missing" in out
    code, _, error = command(capsys, "info", file, "--map", columns)
    assert code == 2 and "has times without a zone, such as 2020-01-01" in error
    code, _, error = command(capsys, "info", file)
    assert code == 2 and "logger.txt is of no known format" in error


def test_that_info_tells_of_rows_out_of_order(capsys, tmp_path):
    rows = ("2020-01-02,a,1", "2020-01-01,a,2", "2019-01-01,b,3")
    text = "\n".join(("time,station,store", "UTC,,mm", *rows)) + "\n"
    (tmp_path / "x.csv").write_text(text)
    code, out, _ = command(capsys, "info", tmp_path / "x.csv")
    assert code == 0
    assert out.splitlines()[-1] == (
        "  odd: rows out of the order of time: 1, first the one of 2020-01-01"
    )
    (tmp_path / "x.csv").write_text(text.replace("02,a,1", "01,a,1"))
    code, _, error = command(capsys, "info", tmp_path / "x.csv")
    assert code == 2 and "lines 3 and 4: station 'a' has store twice at 2020-01-01" in error
    (tmp_path / "x.csv").write_text(text.replace("02,a,1", "02,a,-9999"))
    code, _, error = command(capsys, "info", tmp_path / "x.csv")
    assert code == 2 and "line 3: store is -9999, which often stands for a missing value" in error
    (tmp_path / "y.csv").write_text("date,head\n2020-01-01,1\n")
    code, _, error = command(capsys, "info", tmp_path / "y.csv")
    assert code == 2 and "needs a ColumnMap (on the command line --map)" in error


@pytest.mark.parametrize("name", ["out.nc", "out.csv", "out.csv.gz"])
def test_that_convert_turns_a_table_into_any_format(capsys, logger, name):
    file, columns = logger
    target = file.with_name(name)
    arguments = ("convert", file, target, "--map", columns, "--zone", "UTC")
    code, out, _ = command(capsys, *arguments)
    assert code == 0 and out == f"3 values written to {target}\n"
    records = read(target)
    assert records.values["value"].tolist()[:2] == [1.5, 1.25]
    assert records.units == {"groundwater_level": "m"}
    code, _, error = command(capsys, *arguments)
    assert code == 2 and "is there already; --overwrite replaces it" in error
    assert command(capsys, *arguments, "--overwrite")[0] == 0
    again = file.with_name("again.nc")
    assert command(capsys, "convert", target, again)[0] == 0
    assert read(again) == records


def test_that_convert_names_what_it_leaves_out(capsys, tmp_path):
    place = pd.DataFrame({"lon": 6.4, "lat": 50.5}, index=["S1"])
    frame = pd.DataFrame(
        {"time": ["2016-01-01T00:00Z"], "end": ["2016-01-01T01:00Z"], "value": [900.0]}
    ).assign(station="S1", quantity="neutron_counts")
    for name in ("a", "b"):
        told = {"title": name, "operator": "us"}
        write(Records.of(frame, {"neutron_counts": "h-1"}, place, told), tmp_path / f"{name}.nc")
    target = tmp_path / "S1.txt"
    one = command(capsys, "convert", tmp_path / "a.nc", target, "--as", "cosmos-level-2")
    assert one == (
        0,
        f"1 values written to {target}\n",
        "hydroda: S1.txt leaves out attributes: title, operator; --as cf or --as tidy keeps them\n"
        "hydroda: S1.txt leaves out places of stations: lon, lat; "
        "--as cf or --as tidy keeps them\n",
    )
    code, _, error = command(capsys, "convert", tmp_path / "a.nc", tmp_path / "a.csv")
    assert (code, error) == (0, "")
    code, out, _ = command(capsys, "info", tmp_path / "a.csv")
    assert out.splitlines()[-3:] == [
        "  places of stations: lon, lat", "  title: a", "  operator: us",
    ]  # fmt: skip
    target.write_text("YYYY-MM-DD HH:MM MOD PRESS CORR ERR\n2016-01-01 01:00 1 1 1 1\n")
    code, _, error = command(capsys, "convert", target, tmp_path / "c.nc")
    assert (code, error) == (0, "hydroda: S1.txt has columns that are not read: PRESS\n")
    code, out, _ = command(capsys, "info", target)
    assert out.splitlines()[-1] == "  columns not read: PRESS"


def test_that_convert_says_in_what_joined_files_differ(capsys, tmp_path):
    for name, station in (("a", "S1"), ("b", "S2")):
        records = readings((station, "store", 6, 60.0))
        write(
            replace(records, attributes={"title": name, "operator": "us"}), tmp_path / f"{name}.nc"
        )
    files = [tmp_path / f"{name}.nc" for name in "ab"]
    code, _, error = command(capsys, "convert", *files, tmp_path / "c.nc")
    assert (code, error) == (
        0, "hydroda: the files differ in attribute title; that of a.nc is kept\n",
    )  # fmt: skip


def test_that_a_failed_conversion_leaves_nothing(capsys, logger):
    file, columns = logger
    file.write_text(LOGGER.replace("04:00", "00:30"))
    target = file.with_name("out.nc")
    code, _, error = command(capsys, "convert", file, target, "--map", columns, "--zone", "UTC")
    assert code == 2 and "line 4: the time 2020-01-01 00:30:00 UTC is out of order" in error
    assert not target.exists()
    file.write_text(LOGGER)
    wrong = file.with_name("out.stm")
    code, _, error = command(capsys, "convert", file, wrong, "--map", columns, "--zone", "UTC")
    assert code == 2 and "ISMN .stm cannot hold groundwater_level, only soil_moisture" in error
    assert not wrong.exists()


CALIBRATIONS = """# corrected counts
id;date;Nscaled;bd;thetaeff;tocal
RUC006;2013-07-18 16:00:00;1800.0;1200.0;0.30;True
RUC006;2014-05-01;1700.0;1200.0;0.40;True
X1;2015-09-03;1500.0;1000.0;0.35;False
"""


def test_that_calibrate_shows_every_n0_and_writes_all_it_shows(capsys, tmp_path):
    (tmp_path / "c.csv").write_text(CALIBRATIONS)
    code, out, error = command(capsys, "calibrate", tmp_path / "c.csv", "--json", tmp_path / "c")
    content = json.loads((tmp_path / "c").read_text())
    assert (code, error) == (0, "")
    n0 = [row["n0"] for row in content["calibrations"]]
    general, named = content["general"], content["named"][0]
    assert general["mean"] == pytest.approx((n0[0] + n0[1]) / 2) and general["values"] == 2
    assert named == {"name": "Aachen", "station": "RUC006", **general}
    told = f"{general['mean']:.4g} ± {general['sd']:.4g} counts per hour over 2 marked of 3"
    assert f"N0 = {told} calibrations" in out
    written = {
        f"{value:.4g}" if isinstance(value, float) else str(value)
        for row in (*content["calibrations"], named)
        for value in row.values()
    }
    cells = {cell.strip() for line in out.splitlines() if "│" in line for cell in line.split("│")}
    assert cells - {""} == written


def test_that_convert_writes_any_format_that_can_hold_the_values(capsys, tmp_path):
    (tmp_path / "a.csv").write_text(
        "time,end,station,neutron_counts\nUTC,UTC,,h-1\n2016-01-01T00Z,2016-01-01T01Z,S1,900.1\n"
    )
    for form, name in (("cosmos-europe", "S1.csv"), ("plain", "p.csv"), ("cf", "x.data.nc")):
        code, out, error = command(
            capsys, "convert", tmp_path / "a.csv", tmp_path / form / name, "--as", form
        )
        assert (code, error) == (0, "") and "1 values written to" in out
        code, out, _ = command(capsys, "info", tmp_path / form / name)
        assert code == 0 and "neutron_counts" in out and "S1" in out
    code, _, error = command(
        capsys, "convert", tmp_path / "a.csv", tmp_path / "w.csv", "--as", "dinoloket"
    )
    assert code == 2 and "DINOloket cannot hold neutron_counts, only groundwater_level" in error
    assert not (tmp_path / "w.csv").exists()


def test_that_calibrate_takes_the_universal_transport_solution(capsys, tmp_path):
    _, head, *rows = CALIBRATIONS.splitlines()
    air = "\n".join([f"{head};abshum;fh", *(f"{row};8.0;1.02" for row in rows), ""])
    (tmp_path / "c.csv").write_text(air)
    shown = [command(capsys, "calibrate", tmp_path / "c.csv", *more)[1] for more in ((), UTS)]
    by_desilets, by_uts = (float(re.search(r"N0 = ([\d.]+)", out)[1]) for out in shown)
    assert 1.5 < by_uts / by_desilets < 1.7
    (tmp_path / "c.csv").write_text(CALIBRATIONS)
    code, _, error = command(capsys, "calibrate", tmp_path / "c.csv", *UTS)
    assert code == 2 and "c.csv needs a column 'abshum'" in error


UTS = ("--curve", "uts")


def test_that_calibrate_names_what_is_wrong_with_a_file(capsys, tmp_path):
    (tmp_path / "c.csv").write_text(CALIBRATIONS.replace("1700.0", "?"))
    code, _, error = command(capsys, "calibrate", tmp_path / "c.csv")
    assert code == 2 and "c.csv, calibration 2 (RUC006): Nscaled cannot be '?'" in error
    (tmp_path / "c.csv").write_text(CALIBRATIONS.replace("True", "False"))
    code, out, _ = command(capsys, "calibrate", tmp_path / "c.csv")
    assert code == 0 and "no calibration is marked for the general N0" in out


def test_that_an_unknown_study_is_answered_with_those_there_are(capsys):
    code, _, error = command(capsys, "reproduce", "nobody1999")
    assert code == 2 and re.search(r"there is no study 'nobody1999'; there are \w+\d{4}", error)


def test_that_the_version_is_that_of_the_package(capsys):
    assert version("hydroda") in command(capsys, "--version")[1]


def test_that_help_comes_without_a_command_and_with_every_one(capsys):
    for name in ("run", "reproduce", "score", "plot", "info", "convert", "calibrate"):
        assert name in command(capsys, "--help")[1]
        assert command(capsys, name, "-h")[0] == 0
    assert "Usage" in command(capsys)[2]


# --- several processes --------------------------------------------------------------------------


def test_that_several_processes_speak_once_and_run_the_same(run, toy, tmp_path):
    out = tmp_path / "run"
    done = launched(2, "-m", "hydroda", "run", toy, "--twin", "--out", out, "--no-figures")
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace(str(tmp_path / "run"), "run") == run[1].stdout
    assert bits(Result.open(tmp_path / "run").tree) == bits(Result.open(run[0]).tree)


def test_that_a_mistake_ends_several_processes_with_one_line(tmp_path, toy):
    done = launched(2, "-m", "hydroda", "run", toy, "--members", "1", "--out", tmp_path / "run")
    assert done.returncode != 0
    assert done.stderr.count("an ensemble of one has no spread") == 1
    assert "Traceback" not in done.stderr


def test_that_a_run_can_begin_where_another_ended(run, toy, capsys, tmp_path):
    folder, _ = run
    later = ("--set", "period=('2020-01-03', '2020-01-04')", "--no-figures", "--start", folder)
    code, _, error = command(capsys, "run", toy, "--twin", *later, "--out", tmp_path / "later")
    assert (code, error) == (0, "")
    code, _, error = command(
        capsys, "run", toy, "--twin", *later, "--members", 3, "--out", tmp_path / "few"
    )
    assert code == 2 and "start= has 12 members, the experiment 3" in error


def test_that_convert_joins_files_and_takes_levels_in_relation_to_a_datum(capsys, tmp_path):
    files = [tmp_path / f"{name}.csv" for name in ("one", "two")]
    files[0].write_text(DINO)
    files[1].write_text(DINO.replace("B99X0001", "B99X0002"))
    target = tmp_path / "wells.nc"
    code, out, error = command(capsys, "convert", *files, target, "--datum", "ground")
    assert (code, out) == (0, f"6 values written to {target}\n")
    assert [line[: line.index("Ext")] for line in error.splitlines()] == [
        f"hydroda: {file.name} has columns that are not read: " for file in files
    ]
    assert "Stand (cm t.o.v. NAP), " in error and "Opmerking" in error
    records = read(target)
    assert records.values["value"].tolist()[:2] == [200, 210]
    assert records.attributes["reference"] == "ground"
    code, _, error = command(capsys, "convert", files[0], target, tmp_path / "x.nc")
    assert code == 2 and "is in relation to nap, that of" in error
    assert not (tmp_path / "x.nc").exists()
    code, out, _ = command(capsys, "info", files[0], "--datum", "measuring_point")
    assert code == 0 and "groundwater_level [cm], 3 good of 3" in out
