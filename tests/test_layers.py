"""The architecture that setup.cfg declares: imports go down only."""

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner
from importlinter.cli import lint_imports_command

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hydroda"


def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it; relative imports with their dots."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def test_that_imports_go_down_only(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(lint_imports_command, ["--no-cache"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("_kernels*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_that_kernels_import_numpy_numba_and_math_only(path):
    annotations = {"__future__", "collections", "typing"}
    roots = {name.partition(".")[0] for name in imported(path)}
    assert roots <= {"math", "numba", "numpy"} | annotations
