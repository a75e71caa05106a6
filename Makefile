# make test   all checks, in an environment made from nothing
# make demo   the main job on a real table: which loss, why, a model and a report in demo-report/
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export LOSSKIT_CACHE_DIR ?= $(CURDIR)/.losskit-cache

.PHONY: help env lint test test-all bench demo clean

help:
	@sed -n 's/^# make/make/p' Makefile

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "losskit needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,lint]'
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

bench: $(STAMP)
	$(BIN)/losskit bench kernels

clean:
	rm -rf $(VENV) demo-report .losskit-cache .pytest_cache .ruff_cache .mypy_cache
