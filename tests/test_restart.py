import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydroda import io
from hydroda.errors import DataError, DeclarationError
from hydroda.io import CHECKPOINT, PARTS
from hydroda.obs import ObservationNetwork
from hydroda.result import Result
from hydroda.update import Update
from tests.distributed.cases import Stopped, bits, stopping
from tests.test_cycling import driven, weather
from tests.toys import Buckets, BucketTwin, readings, well

ROOT = Path(__file__).parents[1]
SHORT = replace(BucketTwin(), period=("2020-01-01", "2020-01-03"))


def measurements():
    return readings(
        *((f"s{i}", "store", hour, 60.0 + i) for hour in range(6, 49, 6) for i in range(3)),
        ("tower", "evapotranspiration", (0, 24), 5.0),
        ("tower", "evapotranspiration", (24, 48), 5.0),
    )


MEASURED = replace(SHORT, network=SHORT.network.with_data(measurements()))
# The same, slow enough to be killed on the way.
SLOW = replace(MEASURED, model=Buckets(nap=0.1))
# One process that starts ten runs, one after the other, and kills each at a random moment.
KILLER = """
import os, signal, sys, time
import numpy as np
from tests.test_restart import SLOW
random, kills = np.random.default_rng(7), 0
for _ in range(10):
    child = os.fork()
    if child == 0:
        SLOW.compare(sys.argv[1], resume=True)
        os._exit(0)
    time.sleep(random.uniform(0.05, 0.4))
    os.kill(child, signal.SIGKILL)
    kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(kills)
"""


def test_that_a_run_killed_at_random_moments_ends_in_the_same_bits(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path / "killed")],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) >= 3, "the run was too fast to be killed"
    result = MEASURED.compare(tmp_path / "killed", resume=True)
    assert bits(result.tree) == bits(MEASURED.compare(tmp_path / "whole").tree)
    files = sorted(path.name for path in (tmp_path / "killed").iterdir())
    assert files == ["assimilation.nc", "open_loop.nc"]


@pytest.mark.parametrize("after", [1, 3, 7])
def test_that_a_run_stopped_after_any_cycle_resumes(tmp_path, after):
    wanted = bits(SHORT.twin().tree)
    with pytest.raises(Stopped):
        SHORT.twin(tmp_path, progress=stopping(after))
    assert bits(SHORT.twin(tmp_path, resume=True).tree) == wanted


def test_that_a_run_killed_after_its_last_cycle_keeps_its_members(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(io, "CHECKPOINT_SHARE", np.inf)  # a checkpoint after every cycle
        MEASURED.run(tmp_path, progress=stopping(8))
    counts = []

    def counting(steps, total, label):
        counts.append(total)
        return steps

    result = MEASURED.run(tmp_path, resume=True, progress=counting)
    assert counts == [0]
    assert bits(result.tree) == bits(MEASURED.run().tree)


def test_that_resuming_computes_only_what_is_left(tmp_path):
    with pytest.raises(Stopped):
        replace(SHORT, updates=()).run(tmp_path, progress=stopping(5))
    counts = []

    def counting(steps, total, label):
        counts.append((label, total))
        return steps

    replace(SHORT, updates=()).run(tmp_path, resume=True, progress=counting)
    ((label, left),) = counts
    assert label == "open loop" and left < 8


@pytest.mark.parametrize("moment", ["before the part", "before the checkpoint"])
def test_that_a_run_killed_while_it_writes_resumes(tmp_path, monkeypatch, moment):
    """With parts of three records, so that a part is written between two checkpoints."""
    monkeypatch.setattr(io, "RECORDS_PER_PART", 3)
    monkeypatch.setattr(io, "CHECKPOINT_SHARE", np.inf)
    wanted = bits(SHORT.twin().tree)
    save, parts = io._save, []

    def killed(path, arrays, facts):
        if path.parent.name == PARTS:
            parts.append(path)
            if moment == "before the part" and len(parts) == 2:
                raise Stopped
        elif moment == "before the checkpoint" and len(parts) == 2:
            raise Stopped
        save(path, arrays, facts)

    monkeypatch.setattr(io, "_save", killed)
    with pytest.raises(Stopped):
        SHORT.twin(tmp_path)
    monkeypatch.setattr(io, "_save", save)
    assert bits(SHORT.twin(tmp_path, resume=True).tree) == wanted


def test_that_running_sums_and_perturbed_forcing_survive(tmp_path):
    experiment = driven(network=SHORT.network.with_data(measurements()), every="6 h")
    experiment = replace(experiment, updates=SHORT.updates)
    wanted = bits(experiment.run().tree)
    with pytest.raises(Stopped):
        experiment.run(tmp_path, progress=stopping(5))  # within the tower's interval
    assert bits(experiment.run(tmp_path, resume=True).tree) == wanted


# --- what may be resumed ------------------------------------------------------------------------


OTHERS = {
    "members": replace(MEASURED, members=13),
    "seed": replace(MEASURED, seed=4),
    "update": replace(MEASURED, updates=(Update("store", "store"),)),
    "data": replace(
        MEASURED,
        network=ObservationNetwork(
            tuple(map(well, range(3))), readings(*((f"s{i}", "store", 6, 1.0) for i in range(3)))
        ),
    ),
    "forcing": replace(MEASURED, forcing=weather()),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("state", ["interrupted", "finished"])
def test_that_other_settings_do_not_resume(tmp_path, what, state):
    if state == "finished":
        MEASURED.run(tmp_path)
    else:
        with pytest.raises(Stopped):
            MEASURED.run(tmp_path, progress=stopping(2))
    with pytest.raises(DeclarationError, match=r"holds a run with other settings; resume with the"):
        OTHERS[what].run(tmp_path, resume=True)


def test_that_a_file_with_other_values_does_not_resume(tmp_path):
    experiment = replace(SHORT, network=ObservationNetwork((well(0),), data=tmp_path / "store.csv"))
    text = "time,station,store\nUTC,,mm\n2020-01-01T06:00:00Z,s0,{}\n"
    (tmp_path / "store.csv").write_text(text.format(55))
    experiment.run(tmp_path / "run")
    assert experiment.run(tmp_path / "run", resume=True).legs == ("assimilation",)
    (tmp_path / "store.csv").write_text(text.format(56))
    again = replace(experiment, network=replace(experiment.network))
    with pytest.raises(DeclarationError, match="other settings"):
        again.run(tmp_path / "run", resume=True)


def test_that_finished_legs_are_not_rerun(tmp_path):
    MEASURED.open_loop(tmp_path)
    before = (tmp_path / "open_loop.nc").stat().st_mtime_ns
    labels = []

    def noting(steps, total, label):
        labels.append(label)
        return steps

    result = MEASURED.compare(tmp_path, resume=True, progress=noting)
    assert labels == ["assimilation"] and result.legs == ("open_loop", "assimilation")
    assert (tmp_path / "open_loop.nc").stat().st_mtime_ns == before


def test_that_a_run_in_the_folder_is_neither_lost_nor_mixed_by_accident(tmp_path):
    MEASURED.run(tmp_path)
    with pytest.raises(DataError, match=r"holds a run already; --resume goes on .* --overwrite"):
        replace(MEASURED, seed=4).run(tmp_path)
    with pytest.raises(Stopped):
        MEASURED.open_loop(tmp_path / "stopped", progress=stopping(1))
    with pytest.raises(DataError, match="holds a run already"):
        MEASURED.open_loop(tmp_path / "stopped")


def test_that_overwriting_starts_afresh(tmp_path):
    MEASURED.compare(tmp_path)
    other = replace(MEASURED, seed=4)
    result = other.run(tmp_path, overwrite=True)
    assert result.legs == ("assimilation",)
    assert bits(result.tree) == bits(other.run().tree)


def test_that_a_damaged_checkpoint_is_named(tmp_path):
    with pytest.raises(Stopped):
        MEASURED.run(tmp_path, progress=stopping(3))
    path = tmp_path / "assimilation" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"checkpoint\.npz is damaged .* start the run afresh"):
        MEASURED.run(tmp_path, resume=True)


def test_that_what_a_killed_run_half_wrote_is_removed(tmp_path):
    stale = tmp_path / ".assimilation.nc.12345.tmp"
    stale.write_text("half")
    MEASURED.run(tmp_path)
    assert not stale.exists()


def test_that_a_run_between_two_legs_is_unfinished(tmp_path):
    count = []

    def stopped_in_second(steps, total, label):
        count.append(label)
        if len(count) == 2:
            raise Stopped
        return steps

    with pytest.raises(Stopped):
        MEASURED.compare(tmp_path, progress=stopped_in_second)
    assert (tmp_path / "open_loop.nc").exists()
    with pytest.raises(DataError, match="has not finished; go on with --resume"):
        Result.open(tmp_path)
