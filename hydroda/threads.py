"""How many of numba's threads a kernel is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import numba

# Waking a second thread takes 0.1 ms, and 10 ms on a busy machine; so many operations repay it.
WORTH_A_THREAD = 2_000_000
# A kernel's work is dealt out like cards, piece k to hand k modulo HANDS: numba's threads take
# equal runs of hands whatever is in them, and a run of pieces would be one half of a catchment.
HANDS = 64


@contextmanager
def threads_for(operations: float) -> Iterator[None]:
    """Runs the kernels within in this thread alone where `operations` is small.

    Results do not depend on it: the threads of a kernel share nothing.
    """
    before = numba.get_num_threads()
    if operations < WORTH_A_THREAD:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


# A thread takes one of so many pieces after the other, since pieces differ in length.
PIECES = 8


def in_pieces(work: Callable[[int, int], None], count: int, operations: float) -> None:
    """Calls work(first, last) for pieces of range(count), in threads where that is worth it.

    For kernels that free the interpreter (nogil) and that numba cannot run in parallel itself.
    """
    threads = min(numba.get_num_threads(), count)
    if threads < 2 or operations < WORTH_A_THREAD:
        work(0, count)
        return
    pieces = min(count, PIECES * threads)
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda ends: work(*ends), pairwise(edges)):
            pass
