"""Tracy's steady cube with other conductivities of the faces sideways, apart from the model.

`TerrestrialSystem` takes the upstream conductivity sideways, as ParFlow does. These few lines solve
the same finite volumes with it and with two others, to say what of the error is its.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from hydroda.studies.flow_problems import TRACY, TRACY_ALPHA, tracy_exact

Face = Callable[[Any, Any], Any]
STEP = 1e-30  # of the derivative along the imaginary axis


def _upstream(a: Any, b: Any) -> Any:
    return np.exp(np.where(np.real(a) >= np.real(b), a, b)) * (a - b)


def _arithmetic(a: Any, b: Any) -> Any:
    return 0.5 * (np.exp(a) + np.exp(b)) * (a - b)


def _potential(a: Any, b: Any) -> Any:
    return np.exp(a) - np.exp(b)


# Flux from a to b, heads times alpha, in units of K_s over alpha and the distance.
FACES: Mapping[str, Face] = MappingProxyType(
    {"upstream": _upstream, "arithmetic": _arithmetic, "flux potential": _potential}
)


def steady_error(cells: int, name: str) -> float:
    """RMSE of e^(alpha h) of the steady cube of `cells` a side with the faces of that name."""
    width = TRACY / cells
    centre = (np.arange(cells) + 0.5) * width
    z, y, x = np.meshgrid(centre, centre, centre, indexing="ij")
    exact = _exact(x, y, z).ravel()
    number = np.arange(cells**3).reshape((cells,) * 3)
    faces, rims = [], []
    for axis in range(3):
        turned = np.moveaxis(number, axis, 0)
        faces.append((turned[:-1].ravel(), turned[1:].ravel(), axis == 0, width))
        for end, place in ((0, 0.0), (-1, TRACY)):
            cell = turned[end].ravel()
            at = [each.ravel()[cell] for each in (z, y, x)]
            at[axis] = np.full(cell.size, place)
            rims.append((cell, np.log(_exact(at[2], at[1], at[0])), axis == 0, end == 0))
    v = np.log(exact)
    for _ in range(30):
        change = _newton(v, faces, rims, FACES[name], width)
        v = v + change
        if np.abs(change).max() < 1e-10:
            break
    return float(np.sqrt(np.mean((np.exp(v) - exact) ** 2)))


def _exact(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """e^(alpha h) at rest."""
    low = np.exp(-TRACY_ALPHA * TRACY)
    levels, where = np.unique(np.round(z, 9), return_inverse=True)
    inside = np.clip(levels, 1e-9, TRACY - 1e-9)
    middle = np.exp(TRACY_ALPHA * tracy_exact(inside, 1e3, terms=2)) - low
    shape = np.sin(np.pi * x / TRACY) * np.sin(np.pi * y / TRACY)
    return np.asarray(low + np.reshape(middle[where], np.shape(z)) * shape)


def _down(a: Any, b: Any, distance: float) -> Any:
    """Flux down from a to b in exponential soil (exact), scaled as those sideways."""
    p = TRACY_ALPHA * distance
    return p * (np.exp(a) - np.exp(b) * np.exp(-p)) / (1.0 - np.exp(-p))


def _newton(v: np.ndarray, faces: Any, rims: Any, face: Face, width: float) -> np.ndarray:
    """Newton's change of alpha h (cell,)."""
    missing = np.zeros(v.size)
    rows, columns, slopes = [], [], []

    def add(cell: np.ndarray, by: np.ndarray, slope: np.ndarray) -> None:
        rows.append(cell)
        columns.append(by)
        slopes.append(slope)

    for low, high, vertical, distance in faces:
        flux: Face = partial(_down, distance=distance) if vertical else face
        out = flux(v[high], v[low])
        np.add.at(missing, high, out)
        np.add.at(missing, low, -out)
        for source, value in ((high, flux(v[high] + 1j * STEP, v[low])),
                              (low, flux(v[high], v[low] + 1j * STEP))):  # fmt: skip
            slope = np.imag(value) / STEP
            add(high, source, slope)
            add(low, source, -slope)
    for cell, outside, vertical, lower in rims:
        here = v[cell] + 1j * STEP
        if not vertical:
            out = 2.0 * face(here, outside)
        elif lower:
            out = 2.0 * _down(here, outside, 0.5 * width)
        else:
            out = -2.0 * _down(outside, here, 0.5 * width)
        np.add.at(missing, cell, np.real(out))
        add(cell, cell, np.imag(out) / STEP)
    matrix = coo_array(
        (np.concatenate(slopes), (np.concatenate(rows), np.concatenate(columns))),
        (v.size, v.size),
    )
    return np.asarray(spsolve(matrix.tocsc(), -missing))
