"""Runs every case, and the one that another number of processes left unfinished."""

import sys
from contextlib import suppress
from pathlib import Path

from hydroda.parallel import communicator
from tests.distributed.cases import CASES, Stopped, carried_out, stopping

out = Path(sys.argv[1])
expected = int(sys.argv[2])
assert communicator().size == expected, f"{communicator().size} processes in place of {expected}"
for name, experiment in CASES.items():
    carried_out(experiment, out / name)
carried_out(CASES["all rows"], out / "begun elsewhere", resume=True)
with suppress(Stopped):
    carried_out(CASES["all rows"], out / "begun here", progress=stopping(2))
