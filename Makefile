# make demo    one assimilation run with its picture and table, in demo/
# make verify  flow and land beside exact solutions and ParFlow, in verification/; DATA=folder
# make test    every check: ruff, mypy, the layers of imports, pytest
# Each makes its own environment in .venv; VENV=folder puts it elsewhere, PYTHON=python chooses the
# interpreter. Nothing is activated and no script's first line is trusted: the path may hold spaces.

VENV ?= .venv
IN = "$(VENV)/bin/python"
export VENV PYTHON
unexport PYTHONPATH PYTHONHOME
# All checks run, also after one has failed, and in this order.
MAKEFLAGS += --keep-going
.NOTPARALLEL:
.PHONY: demo verify test lint bench clean plot-environment test-environment style format types layers pytest

demo: plot-environment
	$(IN) -m hydroda run fuerstensee --out demo --overwrite
	$(IN) -m hydroda score demo --json demo/scores.json >demo/scores.txt

# ParFlow's numbers (CONTRIBUTING.md, Checks and benchmarks).
DATA ?= ../shared/reference/parflow

verify: plot-environment
	$(IN) -m hydroda reproduce verification --data "$(DATA)" --out verification

test: lint pytest

lint: style format types layers

style: test-environment
	$(IN) -m ruff check

format: test-environment
	$(IN) -m ruff format --check

types: test-environment
	$(IN) -m mypy

layers: test-environment
	$(IN) -c "from importlinter.cli import lint_imports_command as lint; lint()"

pytest: test-environment
	$(IN) -m pytest -n 2 --dist worksteal

bench: test-environment
	$(IN) -m benchmarks

plot-environment test-environment: %-environment:
	@.ci/environment $*

clean:
	rm -rf .venv demo verification build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
