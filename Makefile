# Each of these sets up what it needs by itself, once (.ci/set-up), and then runs.
#
#     make demo [HEADLESS=1]   a throw-away site on this machine
#     make test                the whole suite: ruff, mypy, pytest
#     make faults              the long randomised runs [RUNS=300]
#     make bench               the measurements in the README
#     make lint                ruff and mypy only
#
# PYTHON names an interpreter of 3.11 or newer if python3 is older. WORKERS is the number of test processes.

PYTHON ?= python3
WORKERS ?= 2
RUNS ?= 300
BIN := .venv/bin

export PYTHON

.PHONY: demo test faults bench lint set-up-demo set-up-test

demo: set-up-demo
	@$(BIN)/quietbell demo $(if $(filter-out 0 no,$(HEADLESS)),--headless)

test: lint
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope

faults: set-up-test
	@QUIETBELL_FAULT_RUNS=$(RUNS) $(BIN)/python -m pytest -q -n $(WORKERS) --dist load -m faults tests/faults

bench: set-up-test
	@$(BIN)/quietbell bench path --json
	@$(BIN)/quietbell bench portal --json

lint: set-up-test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

set-up-demo:
	@.ci/set-up demo

set-up-test:
	@.ci/set-up test
