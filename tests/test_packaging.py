"""What users get beside the code: metadata, documents, the wheel and the command."""

import ast
import re
import shutil
import subprocess
import sys
import types
import zipfile
from configparser import ConfigParser
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_layers import PACKAGE, ROOT, imported

SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def citation(key: str) -> str:
    """A one-line entry of CITATION.cff."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    return re.search(rf"^{key}: (.*)$", text, re.MULTILINE)[1].strip('"')


def test_that_version_and_licence_are_the_same_everywhere():
    assert citation("version") == SETUP["metadata"]["version"]
    assert citation("license") == SETUP["metadata"]["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License")
    assert f"## {citation('version')} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_that_the_readme_starts_with_two_commands_of_the_makefile():
    commands = re.findall(r"^make (\w+)", blocks("README.md", "sh")[0], re.MULTILINE)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands == ["demo", "test"]
    assert set(commands) <= set(targets)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_that_every_local_link_of_a_document_leads_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


def test_that_the_experiment_of_the_readme_uses_only_names_that_exist():
    import hydroda

    (experiment,) = blocks("README.md", "python")
    used = {
        node.attr
        for node in ast.walk(ast.parse(experiment))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "hda"
    }
    assert used
    assert not used - set(dir(hydroda))


def test_that_the_sketches_for_contributors_run(monkeypatch):
    # A dataclass looks its module up while it is being made.
    sketches = types.ModuleType("sketches")
    monkeypatch.setitem(sys.modules, sketches.__name__, sketches)
    exec("\n".join(blocks("CONTRIBUTING.md", "python")), vars(sketches))
    assert len(sketches.scores)


def test_that_hydroda_imports_only_what_it_declares_to_need():
    extras = SETUP["options.extras_require"]
    needed = (
        SETUP["options"]["install_requires"],
        *(extras[e] for e in ("mpi", "plot", "parflow")),
    )
    declared = "".join(needed)
    names = {canonicalize_name(Requirement(line).name) for line in declared.split("\n") if line}
    modules = {name.partition(".")[0] for path in PACKAGE.rglob("*.py") for name in imported(path)}
    owners = packages_distributions()
    for module in modules - sys.stdlib_module_names - {"", "hydroda"}:
        assert {canonicalize_name(owner) for owner in owners.get(module, [module])} & names, module


def test_that_the_wheel_holds_every_module_and_under_a_megabyte_of_data(tmp_path):
    tree = tmp_path / "tree"
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(PACKAGE, tree / "hydroda", ignore=leave_out)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)

    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {item.filename: item.file_size for item in wheel.infolist()}
    shipped = {
        str(path.relative_to(tree)) for path in (tree / "hydroda").rglob("*") if path.is_file()
    }
    assert {name for name in packed if ".dist-info" not in name} == shipped
    assert sum(size for name, size in packed.items() if not name.endswith(".py")) < 1_000_000


def test_that_python_m_hydroda_explains_itself():
    command = [sys.executable, "-m", "hydroda", "--help"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert all(word in said for word in ("run", "reproduce", "score", "plot", "info"))
