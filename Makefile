# Every command sets up what it needs; run again, it only checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= .inaya
N ?= 10

.PHONY: setup demo test lint crash bench conformance reference clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml scripts/setup
	PYTHON="$(PYTHON)" sh scripts/setup $(VENV)
	touch $@

demo: setup
	$(BIN)/inaya demo --state-dir $(STATE) $(if $(ONCE),--once)

test: lint
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

crash: setup
	$(BIN)/python -m tests.crash --kills $(N)

bench: setup
	$(BIN)/python -m tests.load

conformance: setup
	$(BIN)/pytest -m conformance

reference: setup
	$(BIN)/inaya reference --write

clean:
	rm -rf $(STATE) .pytest_cache .mypy_cache .ruff_cache
