"""Compiled kernels on disk: stale as soon as a kernel beside them changes."""

import subprocess
import sys
import textwrap

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
