"""numba's compiler as the kernels of hydroda use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from numba import njit
from numba.extending import overload

Function = TypeVar("Function", bound=Callable[..., Any])

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


class Choice(NamedTuple):
    """A token whose type says all; numba wants a tuple to have a field."""

    code: int = 0


def chosen_by(kernels: Mapping[type, Any], given: bool = True) -> Callable[[Function], Function]:
    """Compiled, the decorated function of a token is the kernel that its type has in `kernels`.

    A token is a NamedTuple: its type is the choice, its fields are the numbers of the choice. The
    compiler specialises on it, and no kernel asks which one it is. Kernels take the token as their
    first argument where it is `given` to them.
    """

    def of(function: Function) -> Function:
        # Without annotations, as lambdas are: numba wants both signatures to be equal.
        @overload(function)
        def _(token, *others):  # type: ignore[no-untyped-def]
            chosen = kernels[token.instance_class]
            if given:
                return lambda token, *others: chosen(token, *others)
            return lambda token, *others: chosen(*others)

        return function

    return of


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
