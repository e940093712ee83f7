"""Many cells side by side in a scratch array, and powers and logarithms that become vectors."""

import math

import numpy as np

from hydroda.compiled import inlined_kernel as inlined

# Long enough that the lanes of a loop do not wait for each other, short enough for the nearest
# memory.
LANES = 64


@inlined
def natural(n: int) -> int:
    """n, at least 0. An index that may be negative counts from the end, and loops over it crawl."""
    return max(n, 0)


# Rows by their numbers: a view of a row costs more than copying a part of it.


@inlined
def load(source: np.ndarray, row: int, start: int, w: np.ndarray, to: int) -> None:
    begin = natural(start)
    for j in range(LANES):
        w[to * LANES + j] = source[row, begin + j]


@inlined
def keep(w: np.ndarray, row: int, target: np.ndarray, to: int, start: int, count: int) -> None:
    begin = natural(start)
    if count == LANES:
        for j in range(LANES):
            target[to, begin + j] = w[row * LANES + j]
    else:
        for j in range(count):
            target[to, begin + j] = w[row * LANES + j]


# ------------------------------------------------------------------- logarithm and power of two
# Branch-free; errors of some 1e-15.

_HALF_ROOT = int(np.float64(math.sqrt(0.5)).view(np.int64))
_SHIFT = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to a whole number
_SHIFT_BITS = int(np.float64(_SHIFT).view(np.int64))
L0, L1, L2, L3, L4, L5, L6, L7, L8 = (2.0 / math.log(2.0) / (2 * i + 1) for i in range(9))
P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11 = (
    math.log(2.0) ** i / math.factorial(i) for i in range(1, 12)
)
LOG2_E = 1.0 / math.log(2.0)


@inlined
def log2(x: float) -> float:
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _HALF_ROOT) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)
    z = (mantissa - 1.0) / (mantissa + 1.0)
    q = z * z
    # Pairs first: a chain of nine sums, each waiting for the one before, takes twice as long.
    q2 = q * q
    low = (L0 + q * L1) + q2 * (L2 + q * L3)
    high = (L4 + q * L5) + q2 * (L6 + q * L7)
    q4 = q2 * q2
    return np.float64(exponent) + z * (low + q4 * (high + q4 * L8))


@inlined
def exp2(x: float) -> float:
    x = min(max(x, -1020.0), 1020.0)
    shifted = x + _SHIFT
    whole = np.float64(shifted).view(np.int64) - _SHIFT_BITS
    f = x - (shifted - _SHIFT)
    f2 = f * f
    f4 = f2 * f2
    low = (1.0 + f * P1) + f2 * (P2 + f * P3)
    middle = (P4 + f * P5) + f2 * (P6 + f * P7)
    high = (P8 + f * P9) + f2 * (P10 + f * P11)
    power = low + f4 * (middle + f4 * high)
    return power * np.int64((whole + 1023) << 52).view(np.float64)
