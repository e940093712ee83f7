import os
import shutil
import subprocess
import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numba
import numpy as np
import pytest

from hydroda import threads
from hydroda.errors import DataError
from hydroda.parallel import Communicator, row_blocks
from hydroda.result import Result
from tests.distributed.cases import CASES, Stopped, bits, carried_out, stopping

ROOT = Path(__file__).parents[1]
MPIEXEC = next(
    (str(p) for p in (Path(sys.executable).with_name("mpiexec"),) if p.exists()),
    shutil.which("mpiexec"),
)
# One thread each: the processes already outnumber the cores.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def launched(processes, *arguments):
    """A finished run of Python on several processes; the test is skipped without MPI."""
    pytest.importorskip("mpi4py", reason="needs mpi4py: pip install hydroda[mpi]")
    if MPIEXEC is None:
        pytest.skip("needs mpiexec: pip install hydroda[mpi]")
    command = [MPIEXEC, "-n", str(processes), sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder in which one process, without MPI, ran every case."""
    out = tmp_path_factory.mktemp("alone")
    for name, experiment in CASES.items():
        carried_out(experiment, out / name)
    return out


@pytest.fixture(scope="module", params=[2, 4])
def together(request, tmp_path_factory):
    """The folder in which several processes ran every case."""
    out = tmp_path_factory.mktemp(f"on{request.param}")
    with suppress(Stopped):
        carried_out(CASES["all rows"], out / "begun elsewhere", progress=stopping(1))
    done = launched(request.param, "tests/distributed/every_case.py", out, request.param)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("name", CASES)
def test_that_the_number_of_processes_changes_no_bit(alone, together, name):
    assert bits(Result.open(together / name).tree) == bits(Result.open(alone / name).tree)


def test_that_another_number_of_processes_can_resume(alone, together):
    wanted = bits(Result.open(alone / "all rows").tree)
    assert bits(Result.open(together / "begun elsewhere").tree) == wanted
    with pytest.raises(DataError, match="has not finished"):
        Result.open(together / "begun here")
    carried_out(CASES["all rows"], together / "begun here", resume=True)
    assert bits(Result.open(together / "begun here").tree) == wanted


def test_that_the_cases_reach_what_they_are_for(alone):
    failures = Result.open(alone / "failures").leg()["failures"]
    assert failures["member"].values.tolist() == [10, 0]
    assert failures["remedy"].values[0].startswith("replaced by a copy of member")
    assert Result.open(alone / "forcing").leg()["failures"]["member"].values.tolist() == [10]
    rows = Result.open(alone / "two updates").leg()["updates"]["update"].values.tolist()
    assert {"store -> store", "store -> store, rate"} == set(rows)
    for name in ("twin", "letkf", "all rows", "zones", "areas"):
        tree = Result.open(alone / name).leg()
        changed = tree["forecast"].to_dataset() != tree["analysis"].to_dataset()
        assert any(
            bool(changed[variable].any()) for variable in ("store", "theta") if variable in changed
        )


def test_that_threads_change_no_bit(alone, tmp_path, monkeypatch):
    # the cases are so small that they ran in one thread until here
    assert numba.get_num_threads() > 1
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 0)
    for name in ("twin", "letkf", "all rows", "soil", "areas"):
        carried_out(CASES[name], tmp_path / name)
        assert bits(Result.open(tmp_path / name).tree) == bits(Result.open(alone / name).tree)


# --- errors -------------------------------------------------------------------------------------


def test_that_an_error_on_one_process_ends_all():
    script = (
        "from hydroda.parallel import communicator\n"
        "comm = communicator()\n"
        "if comm.rank == 1: raise ValueError('only here')\n"
        "comm.everywhere(1)\n"
    )
    done = launched(2, "-c", script)
    assert done.returncode != 0 and "ValueError: only here" in done.stderr


def test_that_more_processes_than_members_are_refused():
    script = (
        "from dataclasses import replace\n"
        "from tests.toys import BucketTwin\n"
        "replace(BucketTwin(), members=2).open_loop()\n"
    )
    done = launched(3, "-c", script)
    assert done.returncode != 0
    assert "2 members cannot be spread over 3 processes" in done.stderr


# --- without MPI --------------------------------------------------------------------------------


def test_that_everything_runs_without_mpi4py():
    script = (
        "import sys; sys.modules['mpi4py'] = None\n"
        "from dataclasses import replace\n"
        "from tests.toys import BucketTwin\n"
        "short = replace(BucketTwin(), period=('2020-01-01', '2020-01-02'))\n"
        "print(short.twin().legs)\n"
    )
    environment = {**ENVIRONMENT, "PMI_SIZE": "2"}  # as under mpiexec
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "('truth', 'open_loop', 'assimilation')"


def test_that_one_process_hands_everything_through():
    comm, x = Communicator(), np.arange(6.0).reshape(2, 3)
    assert comm.root and comm.size == 1 and comm.share(7) == slice(0, 7)
    assert comm.everywhere(3) == [3] and comm.to_root(3) == [3] and comm.from_root(3) == 3
    rows = comm.members_to_rows(x, comm.shares(2))
    assert np.array_equal(comm.rows_to_members(rows, 3), x)
    assert np.array_equal(comm.all_members(x.T, axis=0), x.T)


def test_that_members_of_all_processes_come_in_c_order():
    # whatever the order in memory, so that sums over them have the same bits everywhere
    fortran = np.asfortranarray(np.ones((3, 4)))
    assert Communicator().all_members(fortran, axis=0).flags.c_contiguous


# --- who holds what -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_that_shares_are_whole_contiguous_and_even(size):
    class Fake:
        def Get_size(self):
            return size

    shares = Communicator(Fake()).shares(10)
    held = [list(range(10)[share]) for share in shares]
    assert list(chain(*held)) == list(range(10))
    assert max(map(len, held)) - min(map(len, held)) <= 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
def test_that_blocks_of_rows_never_part_a_place(size):
    place = np.repeat(np.arange(9), [3, 1, 4, 1, 5, 9, 2, 6, 5])
    blocks = row_blocks(place, size)
    assert [row for block in blocks for row in range(*block.indices(36))] == list(range(36))
    groups = [set(place[block]) for block in blocks]
    assert sum(map(len, groups)) == 9
    assert row_blocks(np.array([], dtype=int), size) == [slice(0, 0)] * size
