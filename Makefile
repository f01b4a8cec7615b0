# Every command sets up what it needs; run again, it only checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= .inaya
N ?= 10
DOCUMENTS ?= 1000
JOBS ?= 3

.PHONY: setup demo test lint crash weather bench conformance reference lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml scripts/setup
	PYTHON="$(PYTHON)" sh scripts/setup $(VENV)
	touch $@

demo: setup
	$(BIN)/inaya demo --state-dir $(STATE) $(if $(ONCE),--once)

# More processes than cores: most of a test is waiting. JOBS=1 runs all in one. Who hangs or dies is named, and ends the run.
SHARED := --dist loadfile --max-worker-restart 0 -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true
test: lint
	$(BIN)/pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS) $(SHARED))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

crash: setup
	$(BIN)/python -m tests.crash --kills $(N)

# The state systems misbehave in every way they know, processes are killed, then a week of silence: nobody lost, none twice.
weather: setup
	$(BIN)/python -m tests.crash --weather --documents $(DOCUMENTS) --kills $(N)

bench: setup
	$(BIN)/python -m tests.load

# The long proofs, which `make test` leaves out: fuzz of the doors, leaks of memory, other versions of PostgreSQL.
conformance: setup
	$(BIN)/pytest -m conformance -rs tests/conformance

reference: setup
	$(BIN)/inaya reference --write
	$(BIN)/python scripts/schema.py

# Pins every dependency with its hashes; run after changing pyproject.toml.
lock: setup
	$(BIN)/python -m pip install --quiet "pip-tools>=7.6,<8"
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --extra dev --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --all-build-deps -o requirements.lock pyproject.toml

clean:
	rm -rf $(STATE) .pytest_cache .mypy_cache .ruff_cache
