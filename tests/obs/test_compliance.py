"""What hydroda writes passes the compliance checker of the Integrated Ocean Observing System.

The checker runs in a process of its own: it warns of its own dependencies, and the tests treat
every warning as an error.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from hydroda.obs import Records, read, write
from tests.obs.test_formats import CASES, EXAMPLES, mixed, orthogonal
from tests.obs.test_records import hourly

Shared = Callable[[str], Path]

CHECK = """
import json, sys
from compliance_checker.runner import CheckSuite, ComplianceChecker

CheckSuite.load_all_available_checkers()
faults = {}
for path in sys.argv[2:]:
    ComplianceChecker.run_checker(
        path, ["cf:1.11"], 0, "strict", output_filename=sys.argv[1], output_format="json"
    )
    with open(sys.argv[1]) as file:
        report = json.load(file)["cf:1.11"]
    faults[path] = [
        f"{fault['name']}: {' '.join(fault['msgs'])}"
        for fault in report["all_priorities"]
        if fault["value"][0] < fault["value"][1]
    ] + ["nothing was checked"] * (report["possible_points"] < 50)
print("FAULTS" + json.dumps(faults))
"""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("compliance_checker") is None,
    reason="compliance-checker is not installed: pip install 'hydroda[test]'",
)


def faults_of(paths: list[Path], folder: Path) -> dict[str, list[str]]:
    """What the checker finds, by the name of the file; [] for nothing, be it ever so slight."""
    told = subprocess.run(
        [sys.executable, "-c", CHECK, str(folder / "report.json"), *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(told.stdout.rpartition("FAULTS")[2])
    return {Path(path).name: faults for path, faults in found.items()}


def everything() -> Records:
    """Errors, flags, counts, depths, elevations and three quantities in one file."""
    frame = orthogonal().values.assign(quantity="neutron_counts", value=1500.0, depth=0.05)
    places = pd.DataFrame({"elevation": [1.0, 2.0], "lat": [50.0, 51.0]}, index=["a", "Wüstebach"])
    counts = Records.of(frame, {"neutron_counts": "h-1"}, places, zone="UTC")
    return counts.joined([mixed().select(["w"])])


def placeless() -> Records:
    """Two wells read on different days, whose places nobody tells."""
    frames = [
        hourly([1.0, 2.0], f"2016-01-0{day}T00:00Z", quantity="groundwater_level", station=name)
        for day, name in enumerate("ab", 1)
    ]
    return Records.of(pd.concat(frames), {"groundwater_level": "m"})


def test_that_written_files_pass_without_a_remark(tmp_path: Path) -> None:
    cases = (*CASES, everything, placeless)
    paths = [tmp_path / f"{case.__name__}.nc" for case in cases]
    for case, path in zip(cases, paths, strict=True):
        write(case(), path)
        assert read(path) == case()
    assert faults_of(paths, tmp_path) == {path.name: [] for path in paths}


def test_that_copies_of_the_examples_pass_without_a_remark(shared: Shared, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.nc" for name in EXAMPLES]
    for path in paths:
        write(read(shared(f"data/cf_dsg_examples/{path.name}")), path)
    assert faults_of(paths, tmp_path) == {path.name: [] for path in paths}


def test_that_the_checker_would_find_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "wrong.nc"
    write(mixed(), path)
    import netCDF4

    with netCDF4.Dataset(path, "a") as file:
        file["soil_moisture"].units = "furlongs"
    assert faults_of([path], tmp_path)["wrong.nc"]
