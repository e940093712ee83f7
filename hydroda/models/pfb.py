"""ParFlow's binary fields (.pfb), without ParFlow.

The format as the ParFlow manual describes it, all numbers big-endian: origin (3 doubles), numbers
of cells (3 ints), widths (3 doubles), number of subgrids (int); then of each subgrid its first cell
(3 ints), numbers of cells (3 ints), refinement (3 ints) and its values (doubles), x fastest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hydroda.errors import DataError

__all__ = ["read_pfb"]

HEADER = np.dtype(
    [("origin", ">f8", 3), ("cells", ">i4", 3), ("width", ">f8", 3), ("grids", ">i4")]
)
SUBGRID = np.dtype([("first", ">i4", 3), ("cells", ">i4", 3), ("refined", ">i4", 3)])


def read_pfb(path: str | Path) -> NDArray[np.float64]:
    """A field (z, y, x): z from the bottom up, y from south to north, as ParFlow counts.

    Raises
    ------
    DataError
        The file is shorter than its header says, or no such file at all.
    """
    content = Path(path).read_bytes()
    if len(content) < HEADER.itemsize:
        raise DataError(f"{path} is no .pfb file: it has {len(content)} bytes, less than a header")
    header = np.frombuffer(content, HEADER, 1)[0]
    shape = tuple(int(n) for n in header["cells"][::-1])
    if min(shape) < 1 or 8 * np.prod(shape, dtype=float) > len(content):
        raise DataError(f"{path} is no whole .pfb file: {len(content)} bytes for {shape} cells")
    field, place = np.full(shape, np.nan), HEADER.itemsize
    for _ in range(int(header["grids"])):
        grid = np.frombuffer(content, SUBGRID, 1, place)[0]
        place += SUBGRID.itemsize
        nx, ny, nz = (int(n) for n in grid["cells"])
        x, y, z = (int(n) for n in grid["first"])
        if place + 8 * nx * ny * nz > len(content):
            raise DataError(f"{path} ends within its values; fetch it again")
        values = np.frombuffer(content, ">f8", nx * ny * nz, place)
        place += values.nbytes
        field[z : z + nz, y : y + ny, x : x + nx] = values.reshape(nz, ny, nx)
    if np.isnan(field).all():
        raise DataError(f"{path} holds no subgrid")
    return field
