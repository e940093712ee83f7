"""Compiled kernels: stale on disk as soon as one beside them changes; chosen by types of tokens."""

import subprocess
import sys
import textwrap
from typing import NamedTuple

import pytest
from numba.core.errors import TypingError

from hydroda.compiled import Choice, chosen_by, kernel

CALLER = """
from hydroda.compiled import kernel
from inner import inner

@kernel
def outer(x):
    return inner(x)
"""


def test_that_a_change_in_a_called_file_reaches_the_caller(tmp_path):
    def inner(body: str) -> None:
        (tmp_path / "inner.py").write_text(
            textwrap.dedent(f"""
            from hydroda.compiled import kernel

            @kernel
            def inner(x):
                return {body}
            """)
        )

    def outer() -> float:
        code = "import sys; sys.path.insert(0, '.'); from outer import outer; print(outer(3.0))"
        done = subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    (tmp_path / "outer.py").write_text(CALLER)
    inner("x + 1.0")
    assert outer() == 4.0
    inner("x * 5.0")
    assert outer() == 15.0


class Doubling(Choice):
    """Twice a number."""


class Scaling(NamedTuple):
    factor: float


@kernel
def _double(x: float) -> float:
    return 2.0 * x


@kernel
def _scale(token: Scaling, x: float) -> float:
    return token.factor * x


WITHOUT, WITH = {Doubling: _double}, {Scaling: _scale}


@chosen_by(WITHOUT, given=False)
def plain(token, x):
    return WITHOUT[type(token)](x)


@chosen_by(WITH)
def scaled(token, x):
    return WITH[type(token)](token, x)


@kernel
def both(a, b, x):
    return plain(a, x) + scaled(b, x)


def test_that_the_type_of_a_token_chooses_the_kernel():
    assert both(Doubling(), Scaling(5.0), 3.0) == 21.0
    assert plain(Doubling(), 3.0) == 6.0 and scaled(Scaling(5.0), 3.0) == 15.0


def test_that_a_token_without_a_kernel_is_refused():
    with pytest.raises((TypingError, KeyError)):
        both(Scaling(1.0), Scaling(5.0), 3.0)
