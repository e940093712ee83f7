"""numba's compiler as the kernels of hydroda use it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """`function` compiled for one thread, and kept on disk."""
    return _kept(njit(cache=True, error_model="numpy", nogil=True)(function))


def fused_kernel(function: Callable[..., Any]) -> Any:
    """As `kernel`, where a product and a sum may be one instruction, rounded once."""
    options = {"cache": True, "error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
    return _kept(njit(**options)(function))


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """`function` compiled for several threads, and kept on disk."""
    return _kept(njit(cache=True, error_model="numpy", nogil=True, parallel=True)(function))


def _kept(compiled: Any) -> Any:
    """`compiled`, whose copy on disk is stale once any module beside it has changed.

    numba looks at the file of the function alone, and would go on with old versions of what it
    calls in other files.
    """
    folder = Path(compiled.py_func.__code__.co_filename).parent
    compiled._cache._cache_file._source_stamp = _stamp(folder)
    return compiled


@cache
def _stamp(folder: Path) -> str:
    sources = sorted(folder.glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
