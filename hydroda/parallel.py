"""All of MPI: who holds which member, and how members become cells and back.

Without mpi4py, or outside mpiexec, everything runs on one process. Every exchange moves numbers
and none adds them, so results do not depend on the number of ranks, bit for bit.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

_LAUNCHER_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS")

# mpiexec drops what it has not passed on when it ends the ranks [s].
LAST_WORDS = 0.5


@dataclass(frozen=True)
class Communicator:
    """One process of several, or the only one (`comm` is None)."""

    comm: Any = None

    @property
    def rank(self) -> int:
        return 0 if self.comm is None else int(self.comm.Get_rank())

    @property
    def size(self) -> int:
        return 1 if self.comm is None else int(self.comm.Get_size())

    @property
    def root(self) -> bool:
        """Whether this rank writes files and talks to the user."""
        return self.rank == 0

    def shares(self, count: int) -> list[slice]:
        """The block of 0..count-1 that each rank holds."""
        edges = [count * rank // self.size for rank in range(self.size + 1)]
        return [slice(a, b) for a, b in pairwise(edges)]

    def share(self, count: int) -> slice:
        """The block of 0..count-1 that this rank holds."""
        return self.shares(count)[self.rank]

    def everywhere(self, value: Any) -> list[Any]:
        """`value` of every rank, in rank order, on every rank."""
        return [value] if self.comm is None else self.comm.allgather(value)

    def from_root(self, value: Any) -> Any:
        """The root's `value` on every rank."""
        return value if self.comm is None else self.comm.bcast(value, root=0)

    def to_root(self, value: Any) -> list[Any] | None:
        """`value` of every rank, in rank order, on the root; None elsewhere."""
        return [value] if self.comm is None else self.comm.gather(value, root=0)

    def abort(self, code: int) -> None:
        """End every rank; without MPI nothing."""
        if self.comm is not None:
            sys.stderr.flush()
            time.sleep(LAST_WORDS)
            self.comm.Abort(code)

    def all_members(self, values: np.ndarray, axis: int = -1) -> np.ndarray:
        """`values` of all members on every rank, from this rank's members along `axis`.

        In C order whatever came, since the order of a sum follows that of the memory.
        """
        parts = [values] if self.comm is None else self.comm.allgather(values)
        return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis))

    def members_to_rows(self, x: np.ndarray, rows: Sequence[slice]) -> np.ndarray:
        """(my rows, all members) from (all rows, my members); `rows` names each rank's rows."""
        if self.comm is None:
            return x
        parts = self.comm.alltoall([np.ascontiguousarray(x[block]) for block in rows])
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def rows_to_members(self, x: np.ndarray, members: int) -> np.ndarray:
        """(all rows, my members) from (my rows, all members)."""
        if self.comm is None:
            return x
        blocks = self.shares(members)
        parts = self.comm.alltoall([np.ascontiguousarray(x[:, block]) for block in blocks])
        return np.concatenate(parts, axis=0)

    def all_rows(self, values: np.ndarray) -> np.ndarray:
        """All rows on every rank, from this rank's block of rows (axis 0)."""
        if self.comm is None:
            return values
        return np.concatenate(self.comm.allgather(values), axis=0)


def row_blocks(place: np.ndarray, size: int) -> list[slice]:
    """Contiguous blocks of rows, one per rank, that never part the rows of one place.

    place : (row,) non-decreasing group number of each row
    """
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    edges = np.r_[starts, place.size]
    cuts = [edges[starts.size * rank // size] for rank in range(size + 1)]
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]


@cache
def communicator() -> Communicator:
    """The communicator of this run: MPI's world under mpiexec, one process otherwise."""
    if not any(name in os.environ for name in _LAUNCHER_VARIABLES):
        return Communicator()
    try:
        from mpi4py import MPI
    except ImportError:
        return Communicator()
    world = MPI.COMM_WORLD
    if world.Get_size() == 1:
        return Communicator()
    comm = Communicator(world)
    sys.excepthook = _ending_all(comm, sys.excepthook)
    return comm


def _ending_all(comm: Communicator, show: Callable[..., Any]) -> Callable[..., None]:
    """An exception hook that ends every rank: the others would wait for this one for ever."""

    def shown(*exception: Any) -> None:
        show(*exception)
        comm.abort(1)

    return shown
