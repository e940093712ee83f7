"""Mistakes of users, each at the door through which it comes: one line and exit code 2."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hydroda.obs.formats import write
from hydroda.result import Result
from tests.distributed.cases import bits
from tests.test_cli import command
from tests.toys import readings

ROOT = Path(__file__).parents[1]
HEAD = """
from dataclasses import replace
from pathlib import Path
import numpy as np
import xarray as xr
from hydroda import Experiment, Forcing, ObservationNetwork, Update
from hydroda.models.soil_column import SoilColumn
from tests.test_cycling import weather
from tests.toys import HOUR, BucketTwin, Buckets, readings, well
here = Path(__file__).parent

class Case(BucketTwin):
    period = "2020-01-01", "2020-01-03"
"""
TABLE = (
    HEAD
    + """
    network = ObservationNetwork((well(0), well(1)), here / "store.csv")
"""
)
GOOD = [
    "time,station,store,store_error",
    "UTC,,mm,mm",
    *(f"2020-01-0{day}T12:00,s{i},6{day}.{i},0.5" for day in (1, 2) for i in (0, 1)),
]


def table(folder, lines):
    (folder / "store.csv").write_text("\n".join(lines) + "\n")


def case(folder, body):
    (folder / "case.py").write_text(body)
    return folder / "case.py"


def refused(capsys, folder, *arguments):
    """The one line that `hydroda run` says of the case in `folder`."""
    code, out, error = command(
        capsys, "run", folder / "case.py", "--out", folder / "run", "--no-figures", *arguments
    )
    assert code == 2, error
    assert out == "" and error.count("\n") == 1 and error.startswith("hydroda: ")
    assert "Traceback" not in error
    return error.removeprefix("hydroda: ").strip()


def test_that_the_good_case_runs(tmp_path, capsys):
    table(tmp_path, GOOD)
    file = case(tmp_path, TABLE)
    code, out, error = command(capsys, "run", file, "--out", tmp_path / "run", "--no-figures")
    assert (code, error) == (0, "") and f"written to {tmp_path / 'run'}" in out


DECLARATIONS = {
    "missing variable of the forcing": (
        '    forcing = Forcing(weather().data.rename(rain="snow"), variables=("rain",))',
        r"rain",
    ),
    "gap in the forcing": (
        '    forcing = Forcing(weather().data.isel(time=np.r_[0:9, 11:48]), variables=("rain",))',
        r"2020-01-01T09:00.*",
    ),
    "duplicate times of the forcing": (
        '    forcing = Forcing(weather().data.isel(time=np.r_[0:9, 8:48]), variables=("rain",))',
        r"2020-01-01T08:00.*",
    ),
    "negative rain": (
        '    forcing = Forcing(weather().data - 1.5, variables=("rain",))',
        r"rain",
    ),
    "wrong unit": (
        '    network = ObservationNetwork((well(0, sd="0.5 kg"),))',
        r"sd of PointSensor 's0' must be convertible to 'mm'; got 0\.5 kg",
    ),
    "bare number": (
        "    network = ObservationNetwork((well(0, sd=0.5),))",
        r"sd of PointSensor 's0' needs a unit: got 0\.5, write for example '0\.5 mm'",
    ),
    "station outside the domain": (
        '    network = ObservationNetwork((well(0), well(1, x="9 km")), readings('
        '("s0", "store", 6, 60.0), ("s1", "store", 6, 60.0)))',
        r"PointSensor 's1' lies outside the domain: .*8800 m away, 100 m are allowed",
    ),
    "all missing": (
        "    network = ObservationNetwork((well(0), well(1)), readings("
        '("s0", "store", 6, 60.0), ("s1", "store", 6, np.nan)))',
        r"PointSensor 's1' has no value of store in the data, all are missing",
    ),
    "update of an unknown quantity": (
        '    updates = (Update("moisture", "store"),)\n'
        '    network = ObservationNetwork((well(0),), readings(("s0", "store", 6, 60.0)))',
        r"no sensor of the network observes 'moisture'; observed are store",
    ),
    "updates without observations": (
        "    network = ObservationNetwork((well(0),))",
        r"there are updates but no observations: give the network data=…, or run a twin",
    ),
    "theta above the porosity": (
        "    model, network, updates = SoilColumn(('1 m', '1 m')), ObservationNetwork(()), ()\n"
        "    def prior(self, rng, members):\n"
        "        return self.model.dataset(theta=np.full((members, 2), 0.5))",
        r"the prior of member 0: theta .* is 0\.5, above the porosity 0\.43 m3 m-3",
    ),
    "period the wrong way round": (
        '    period = "2020-01-03", "2020-01-01"',
        r"period must end after it starts",
    ),
}


@pytest.mark.parametrize("body, message", DECLARATIONS.values(), ids=DECLARATIONS)
def test_that_a_mistake_in_a_declaration_is_one_clear_line(tmp_path, capsys, body, message):
    case(tmp_path, f"{HEAD}{body}\n")
    error = refused(capsys, tmp_path)
    assert re.search(message, error), error
    assert not list(tmp_path.glob("run/*.nc"))


TABLES = {
    "naive times": (
        [GOOD[0], ",,mm,mm", *GOOD[2:]],
        r"times without a zone, such as 2020-01-01 12:00:00; write them in UTC with a trailing Z",
    ),
    "duplicate times": (
        [*GOOD, GOOD[-1]],
        r"station 's1' has store twice at 2020-01-02 12:00:00",
    ),
    "negative error": (
        [*GOOD[:-1], GOOD[-1].replace("0.5", "-0.5")],
        r"PointSensor 's1' has an error of -0\.5 at 2020-01-02 12:00:00; it must be positive",
    ),
    "corrupt line": (
        [*GOOD[:-1], GOOD[-1].replace("62", "six")],
        r"store\.csv line 6: store must be a number, got 'six\.1'",
    ),
    "line cut short": (
        [*GOOD[:-1], "2020-01-02T12:0"],
        r"store\.csv line 6 has 1 cells in place of 4",
    ),
    "wrong unit": (
        [GOOD[0], "UTC,,kg,kg", *GOOD[2:]],
        r"store must be convertible to 'mm'; got 'kg'",
    ),
    "unit that is not there": (
        [GOOD[0], "UTC,,,", *GOOD[2:]],
        r"store\.csv gives no unit for store",
    ),
    "unknown station": (
        [*GOOD, GOOD[-1].replace("s1", "s9")],
        r"the data hold store of station 's9', for which there is no sensor",
    ),
    "missing variable": (
        ["time,station", "UTC,", "2020-01-01T12:00,s0"],
        r"store\.csv holds no quantity",
    ),
}


@pytest.mark.parametrize("lines, message", TABLES.values(), ids=TABLES)
def test_that_a_mistake_in_a_table_is_one_clear_line(tmp_path, capsys, lines, message):
    table(tmp_path, lines)
    case(tmp_path, TABLE)
    error = refused(capsys, tmp_path)
    assert re.search(message, error), error


def test_that_there_must_be_a_file_of_observations(tmp_path, capsys):
    case(tmp_path, TABLE)
    assert refused(capsys, tmp_path) == f"there is no file {tmp_path / 'store.csv'}"


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_that_truncated_observations_are_named(tmp_path, capsys, share):
    write(readings(*((f"s{i}", "store", 6, 60.0) for i in range(2))), tmp_path / "store.nc")
    whole = (tmp_path / "store.nc").read_bytes()
    (tmp_path / "store.nc").write_bytes(whole[: int(share * len(whole))])
    case(tmp_path, TABLE.replace(".csv", ".nc"))
    assert "store.nc is truncated" in refused(capsys, tmp_path)


# --- the experiment file ------------------------------------------------------------------------


FILES = {
    "syntax": (
        "x = 1\nclass Case(:\n",
        "case.py cannot be run: SyntaxError at line 2: invalid syntax",
    ),
    "name": ("import numpy\n\nx = nothing\n", "NameError at line 3: name 'nothing' is not defined"),
    "inside a library": (
        "import numpy as np\nx = np.zeros(3) + \\\n    np.zeros(4)\n",
        "case.py cannot be run: ValueError at line 2",
    ),
    "two": (f"{HEAD}class Other(Case):\n    seed = 4\n", "declares 2 experiments; choose "),
    "none": ("x = 1\n", "case.py declares 0 experiments; write one"),
    "incomplete": (
        "from hydroda import Experiment\nfrom tests.toys import Buckets\n"
        "class Case(Experiment):\n    model = Buckets()\n    def prior(self, rng, members): ...\n",
        "case.py:Case is not complete: ",
    ),
}


@pytest.mark.parametrize("body, message", FILES.values(), ids=FILES)
def test_that_a_file_that_declares_no_experiment_says_why(tmp_path, capsys, body, message):
    case(tmp_path, body)
    assert message in refused(capsys, tmp_path)


def test_that_one_of_two_experiments_can_be_chosen(tmp_path, capsys):
    file = case(tmp_path, f"{HEAD}class Other(Case):\n    seed = 4\n")
    code, out, _ = command(
        capsys, "run", f"{file}:Other", "--twin", "--out", tmp_path / "run", "--no-figures"
    )
    assert code == 0 and "Other: truth, open loop, assimilation" in out and "seed 4" in out
    code, _, error = command(capsys, "run", f"{file}:Third")
    assert code == 2 and "declares no experiment 'Third'; it has Case, Other" in error


def test_that_an_experiment_may_import_its_neighbour_and_be_called_like_a_library(tmp_path, capsys):
    (tmp_path / "stations_of_mine.py").write_text("SEED = 8\n")
    text = HEAD + "    from stations_of_mine import SEED as seed\n"
    (tmp_path / "json.py").write_text(text)
    code, out, error = command(
        capsys, "run", tmp_path / "json.py", "--twin", "--out", tmp_path / "run", "--no-figures"
    )
    assert code == 0 and "seed 8" in out, error
    assert sys.modules["json"].__name__ == "json" and hasattr(sys.modules["json"], "dumps")


SETTINGS = {
    "unknown": (("--set", "member=4"), "Case has no setting 'member' (in 'member'); it has"),
    "unknown inside": (("--set", "model.rows=4"), "Buckets has no setting 'rows' (in"),
    "no value": (("--set", "members"), "--set needs NAME=VALUE; got 'members'"),
    "ensemble of one": (("--members", "1"), "an ensemble of one has no spread; got 1"),
    "not a number": (("--set", "members=many"), "members must be a whole number"),
    "bare time": (("--set", "every=24"), "every needs a unit of time: got 24"),
    "option": (("--sed", "4"), "No such option"),
    "type": (("--seed", "four"), "'four' is not a valid integer"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, message", SETTINGS.values(), ids=SETTINGS)
def test_that_a_wrong_setting_is_one_clear_line(tmp_path, capsys, arguments, message):
    case(tmp_path, HEAD)
    assert message in refused(capsys, tmp_path, *arguments)


def test_that_an_unknown_catchment_is_answered_with_those_there_are(capsys):
    code, _, error = command(capsys, "run", "Atlantis")
    assert code == 2 and error.count("\n") == 1
    assert "there is no file and no catchment 'Atlantis'; catchments are fuerstensee" in error


def test_that_a_traceback_comes_only_when_asked_for(tmp_path, capsys):
    case(tmp_path, "x = nothing\n")
    arguments = ("run", tmp_path / "case.py")
    assert "Traceback" not in command(capsys, *arguments)[2]
    for debug in (("--debug", *arguments), (*arguments, "--debug")):
        code, _, error = command(capsys, *debug)
        assert code == 2 and "Traceback" in error and error.count("hydroda: ") == 1


def test_that_the_result_of_a_mistyped_folder_is_not_there(tmp_path, capsys):
    for arguments in (("score", tmp_path), ("plot", tmp_path), ("info", tmp_path)):
        code, out, error = command(capsys, *arguments)
        assert (code, out) == (2, "") and "holds no run of hydroda" in error
    code, _, error = command(capsys, "info", tmp_path / "nothing")
    assert code == 2 and "there is no file" in error


def test_that_a_truncated_result_is_named(tmp_path, capsys):
    (tmp_path / "open_loop.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    code, _, error = command(capsys, "score", tmp_path)
    assert code == 2 and "open_loop.nc is damaged" in error and error.count("\n") == 1


# --- where to write -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["below a file", "in a folder of the system"])
def test_that_a_folder_that_cannot_be_written_is_refused_first(tmp_path, capsys, place):
    table(tmp_path, GOOD)
    file = case(tmp_path, TABLE)
    out = file / "run" if place == "below a file" else Path("/proc/hydroda")
    code, shown, error = command(capsys, "run", file, "--out", out)
    assert (code, shown) == (2, "") and error.count("\n") == 1
    assert f"cannot write {out}" in error or f"cannot write to {out}" in error


def test_that_numbers_that_cannot_be_written_are_refused(tmp_path, capsys):
    table(tmp_path, GOOD)
    file = case(tmp_path, TABLE)
    command(capsys, "run", file, "--out", tmp_path / "run", "--no-figures")
    code, _, error = command(capsys, "score", tmp_path / "run", "--json", file / "scores.json")
    assert code == 2 and f"cannot write {file / 'scores.json'}" in error


QUICK = ("--no-figures", "--no-open-loop")


def limited(folder, size):
    """A run in a process that may write no file larger than `size` bytes."""
    limit = (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    return subprocess.run(
        [sys.executable, "-m", "hydroda", "run", str(folder / "case.py"),
         "--out", str(folder / "run"), *QUICK],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip


@pytest.mark.parametrize("size, file", [(8_000, "checkpoint.npz"), (60_000, "assimilation.nc")])
def test_that_a_file_that_does_not_fit_is_named_and_the_run_goes_on_later(
    tmp_path, capsys, size, file
):
    table(tmp_path, GOOD)
    case(tmp_path, TABLE)
    done = limited(tmp_path, size)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"{file}: " in done.stderr and "--resume goes on with it" in done.stderr
    assert not list(tmp_path.rglob("*.tmp"))
    arguments = ("run", tmp_path / "case.py", *QUICK)
    assert command(capsys, *arguments, "--out", tmp_path / "run", "--resume")[0] == 0
    assert command(capsys, *arguments, "--out", tmp_path / "whole")[0] == 0
    run, whole = (bits(Result.open(tmp_path / name).tree) for name in ("run", "whole"))
    assert run == whole


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)]
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # netCDF4 never closes what failed


def test_that_a_full_disk_is_one_clear_line(tmp_path, small_disk, capsys):
    table(tmp_path, GOOD)
    case(tmp_path, TABLE)
    code, _, error = command(
        capsys, "run", tmp_path / "case.py", "--out", small_disk / "run", "--no-figures"
    )
    assert code == 2 and error.count("\n") == 1, error
    assert "cannot write" in error and str(small_disk) in error
    assert "--resume goes on with it" in error and not list(small_disk.rglob("*.tmp"))
