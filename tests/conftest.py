"""What every test needs: few threads, no screen, reproducible examples, and the shared folder."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# numpy, numba and matplotlib read these once, when the first test module imports them.
for name, value in {
    "MPLBACKEND": "Agg",
    "NUMBA_NUM_THREADS": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(name, value)
# matplotlib and numba keep caches below HOME, which a build machine may not have.
if not os.access(os.path.expanduser("~"), os.W_OK):
    for name in ("MPLCONFIGDIR", "NUMBA_CACHE_DIR"):
        os.environ.setdefault(name, os.path.join(tempfile.gettempdir(), f"hydroda-{os.getuid()}"))

ROOT = Path(__file__).parents[1]

# The same examples on every machine, so that a red test is red for everyone; compilation and
# crowded machines make a deadline meaningless.
settings.register_profile("hydroda", deadline=None, derandomize=True, database=None)
settings.load_profile("hydroda")


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A function from a name inside the shared folder to its Path; skips the test without it.

    The shared folder (data and reference numbers that hydroda may not ship) stands beside the
    repository; the environment variable HYDRODA_SHARED names another place.
    """
    folder = Path(os.environ.get("HYDRODA_SHARED", ROOT / ".." / "shared"))

    def path(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"needs {name} of the shared folder, which is not at {folder.resolve()}")
        return folder / name

    return path
