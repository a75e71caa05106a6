# make test   all checks, in an environment made from nothing
# make demo   the main job on a real table: which loss, why, a model and a report in demo-report/
# make docs   the reference, in docs/_build: a page for every loss and one for the public names
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export LOSSKIT_CACHE_DIR ?= $(CURDIR)/.losskit-cache

.PHONY: help env lint test test-all bench demo docs clean

help:
	@sed -n 's/^# make/make/p' Makefile

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "losskit needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[test,lint]'
	@touch $@

env: $(STAMP)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not slow'

test-all: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

demo: $(STAMP)
	$(BIN)/losskit select examples/data/doctor_visits.csv --target doctor_visits --out demo-report --force

docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -n -q -b html docs docs/_build
	@echo "open docs/_build/index.html"

bench: $(STAMP)
	$(BIN)/losskit bench kernels

clean:
	rm -rf $(VENV) demo-report docs/_build docs/losses docs/api.md docs/findings docs/findings.md .losskit-cache .pytest_cache .ruff_cache .mypy_cache
