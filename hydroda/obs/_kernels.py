"""Loops over members and columns of the sensors; numpy, numba and math only."""

import numpy as np
from numba import njit


@njit(cache=True)
def column_mean(values, columns, shares):
    """Mean (member, …) over some columns of `values` (member, column, …) with shares of sum one.

    One member after the other: a sum by numpy may end in another bit where fewer members are held.
    """
    mean = np.zeros((values.shape[0], *values.shape[2:]))
    for member in range(values.shape[0]):
        for k in range(columns.size):
            mean[member] += shares[k] * values[member, columns[k]]
    return mean
