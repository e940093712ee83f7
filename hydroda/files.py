"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hydroda.errors import DataError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the name of `path` at the end.

    Raises
    ------
    DataError
        The folder cannot be written to, or the disk is full. `path` is then as it was before.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    except RuntimeError as error:  # what netCDF4 makes of a full disk
        if "NetCDF" not in str(error) and "HDF" not in str(error):
            raise
        raise DataError(f"cannot write {path}: {error}; is the disk full?") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_leftovers(folder: Path) -> None:
    """Nothing; the temporary files of a process that was killed while it wrote are gone."""
    for path in folder.glob(".*.tmp"):
        path.unlink()
