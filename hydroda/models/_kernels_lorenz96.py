"""Compiled Lorenz-96: classical Runge-Kutta steps of many members."""

import numpy as np
from numba import njit


@njit(cache=True)
def tendency(x: np.ndarray, forcing: float, out: np.ndarray) -> None:
    """dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F on a ring, (variable, member)."""
    n, members = x.shape
    for i in range(n):
        after = i + 1 if i + 1 < n else 0
        for j in range(members):
            out[i, j] = (x[after, j] - x[i - 2, j]) * x[i - 1, j] - x[i, j] + forcing


@njit(cache=True)
def _moved(x: np.ndarray, k: np.ndarray, dt: float, out: np.ndarray) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] + dt * k[i, j]


@njit(cache=True)
def integrate(x: np.ndarray, forcing: float, dt: float, steps: int) -> np.ndarray:
    """x (variable, member) after some steps of the fourth-order Runge-Kutta scheme."""
    out, y = x.copy(), np.empty_like(x)
    k1, k2, k3, k4 = np.empty_like(x), np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for _ in range(steps):
        tendency(out, forcing, k1)
        _moved(out, k1, 0.5 * dt, y)
        tendency(y, forcing, k2)
        _moved(out, k2, 0.5 * dt, y)
        tendency(y, forcing, k3)
        _moved(out, k3, dt, y)
        tendency(y, forcing, k4)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                slope = k1[i, j] + 2.0 * k2[i, j] + 2.0 * k3[i, j] + k4[i, j]
                out[i, j] += dt / 6.0 * slope
    return out
