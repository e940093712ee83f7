"""Loops over members, columns and layers of the sensors; numpy, numba and math only."""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def thickness_mean(theta, top, bottom, row):
    """Mean of one profile [m3 m-3] over all its layers."""
    total, extent = 0.0, 0.0
    for layer in range(top.size):
        total += (bottom[layer] - top[layer]) * theta[row, layer]
        extent += bottom[layer] - top[layer]
    return total / extent


@njit(cache=True)
def normalised_mean(theta, weights, row):
    """Mean of one profile with `weights`, which leave with sum one; NaN without any weight."""
    total, norm = 0.0, 0.0
    for layer in range(weights.shape[1]):
        total += weights[row, layer] * theta[row, layer]
        norm += weights[row, layer]
    if not norm > 0:
        return math.nan
    for layer in range(weights.shape[1]):
        weights[row, layer] /= norm
    return total / norm


@njit(cache=True)
def conventional(theta, top, bottom, tolerance, cap):
    """Mean (row,), z* (row,) [m] and weights (row, layer) of a linear weight 1 - z/z*.

    The weight is integrated over each layer, which z* may cut.
    """
    rows, layers = theta.shape
    mean, reach = np.empty(rows), np.empty(rows)
    weights = np.empty((rows, layers))
    for row in range(rows):
        old = thickness_mean(theta, top, bottom, row)
        for _ in range(cap):
            z = 0.058 / (old + 0.0829)
            for layer in range(layers):
                end = min(bottom[layer], z)
                weights[row, layer] = 0.0
                if top[layer] < z:
                    weights[row, layer] = (1 - 0.5 * (top[layer] + end) / z) * (end - top[layer])
            new = normalised_mean(theta, weights, row)
            done = not abs(new - old) > tolerance * abs(old)
            old = new
            if done:
                break
        mean[row], reach[row] = old, z
    return mean, reach, weights


@njit(cache=True)
def d86(theta, bulk_density, r):
    """Depth [m] from which 86 % of the neutrons come; `bulk_density` in [g cm-3], r* in [m]."""
    wet = (20.0 + theta) / (0.0429 + theta)
    return 0.01 / bulk_density * (8.321 + 0.14249 * (0.96655 + math.exp(-0.01 * r)) * wet)


@njit(cache=True)
def vegetation_factor(height, theta):
    """F_veg of the rescaled distance; `height` of the vegetation in [m]."""
    return 1 - 0.17 * (1 - math.exp(-0.41 * height)) * (1 + math.exp(-9.25 * theta))


@njit(cache=True)
def revised(theta, top, bottom, bulk_density, r, height, tolerance, cap):
    """Mean (row,), D86 (row,) [m] and weights (row, layer) of exp(-2 z/D86), integrated by layer.

    `r` is the distance over F_p; F_veg follows the moisture inside the fixed point.
    """
    rows, layers = theta.shape
    mean, reach = np.empty(rows), np.empty(rows)
    weights = np.empty((rows, layers))
    for row in range(rows):
        old = thickness_mean(theta, top, bottom, row)
        for _ in range(cap):
            d = d86(old, bulk_density, r / vegetation_factor(height, old))
            for layer in range(layers):
                # expm1 keeps the digits of a thin layer
                part = -math.expm1(-2 * (bottom[layer] - top[layer]) / d)
                weights[row, layer] = math.exp(-2 * top[layer] / d) * part
            new = normalised_mean(theta, weights, row)
            done = not abs(new - old) > tolerance * abs(old)
            old = new
            if done:
                break
        mean[row], reach[row] = old, d
    return mean, reach, weights


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
