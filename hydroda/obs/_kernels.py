"""Loops over members and columns of the sensors; numpy, numba and math only."""

import numpy as np
from numba import njit


@njit(cache=True)
def column_mean(values, columns, shares):
    """Mean (member, layer) over some columns of `values` (member, column, layer).

    `shares` have the sum one. One member after the other: a sum by numpy may end in another bit
    where fewer members are held.
    """
    members, _, layers = values.shape
    mean = np.zeros((members, layers))
    for member in range(members):
        for k in range(columns.size):
            share, column = shares[k], columns[k]
            for layer in range(layers):
                mean[member, layer] += share * values[member, column, layer]
    return mean


@njit(cache=True)
def gathered(values, columns, order):
    """Profiles (sensor, member, layer) of `columns` (sensor,), their layers in `order`."""
    members, layers = values.shape[0], order.size
    profiles = np.empty((columns.size, members, layers))
    for member in range(members):
        for sensor in range(columns.size):
            for layer in range(layers):
                profiles[sensor, member, layer] = values[member, columns[sensor], order[layer]]
    return profiles


@njit(cache=True)
def weighted_sums(profiles, rows):
    """Sums (sensor, member) of profiles (sensor, member, layer) with weights (sensor, layer)."""
    sensors, members, layers = profiles.shape
    sums = np.zeros((sensors, members))
    for sensor in range(sensors):
        for member in range(members):
            for layer in range(layers):
                sums[sensor, member] += rows[sensor, layer] * profiles[sensor, member, layer]
    return sums
