"""Fields of ParFlow, read without it."""

import struct

import numpy as np
import pytest

from hydroda.errors import DataError
from hydroda.models.pfb import read_pfb


def written(path, field, cuts):
    """A field (z, y, x) in subgrids that split x at `cuts`, byte by byte as the manual says."""
    nz, ny, nx = field.shape
    parts = list(zip([0, *cuts], [*cuts, nx], strict=True))
    content = struct.pack(">3d3i3di", 0.0, 0.0, 0.0, nx, ny, nz, 10.0, 10.0, 1.0, len(parts))
    for first, last in parts:
        content += struct.pack(">9i", first, 0, 0, last - first, ny, nz, 1, 1, 1)
        content += field[:, :, first:last].astype(">f8").tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("cuts", [[], [2], [1, 3]])
def test_that_a_field_is_read_however_it_is_split(tmp_path, cuts):
    field = np.random.default_rng(1).normal(size=(3, 4, 5))
    np.testing.assert_array_equal(read_pfb(written(tmp_path / "a.pfb", field, cuts)), field)


def test_that_a_file_cut_short_is_told(tmp_path):
    path = written(tmp_path / "a.pfb", np.ones((3, 4, 5)), [2])
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"a\.pfb"):
        read_pfb(path)
    path.write_bytes(b"no field")
    with pytest.raises(DataError, match=r"no \.pfb file"):
        read_pfb(path)
