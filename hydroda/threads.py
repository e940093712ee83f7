"""How many of numba's threads a kernel is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

# Waking a second thread takes 0.1 ms, and 10 ms on a busy machine; so many operations repay it.
WORTH_A_THREAD = 2_000_000


@contextmanager
def threads_for(operations: float) -> Iterator[None]:
    """Runs the kernels within in this thread alone where `operations` is small.

    Threads take one piece of work after the other, since pieces differ in length. Results do not
    depend on it: the threads of a kernel share nothing.
    """
    before = numba.get_num_threads()
    if operations < WORTH_A_THREAD:
        numba.set_num_threads(1)
    try:
        with numba.parallel_chunksize(1):
            yield
    finally:
        numba.set_num_threads(before)
