"""numba's compiler as the kernels of hydroda use it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit

FUSED: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}


def kernel(function: Callable[..., Any]) -> Any:
    """`function` compiled for one thread, and kept on disk."""
    return _kept(njit(cache=True, error_model="numpy", nogil=True)(function))


def fused_kernel(function: Callable[..., Any]) -> Any:
    """As `kernel`, where a product and a sum may be one instruction, rounded once."""
    return _kept(njit(cache=True, **FUSED)(function))


def inlined_kernel(function: Callable[..., Any]) -> Any:
    """As `fused_kernel`, and part of whoever calls it: loops over it can become vectors."""
    return _kept(njit(cache=True, forceinline=True, **FUSED)(function))


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """`function` compiled for several threads, and kept on disk."""
    return _kept(njit(cache=True, error_model="numpy", nogil=True, parallel=True)(function))


def _kept(compiled: Any) -> Any:
    """`compiled`, whose copies on disk are named after all modules beside it.

    numba looks at the file of the function alone, and would go on with old versions of what it
    calls in other files, or stumble over types that are gone.
    """
    path = Path(compiled.py_func.__code__.co_filename)
    files = compiled._cache._cache_file
    name = f"{compiled._cache._impl.filename_base}.{_stamp(path.parent)}"
    files._index_name = f"{name}.nbi"
    files._index_path = str(Path(files._cache_path) / files._index_name)
    files._data_name_pattern = f"{name}.{{number:d}}.nbc"
    return compiled


@cache
def _stamp(folder: Path) -> str:
    sources = sorted(folder.glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
