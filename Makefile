# `make run`, `make test` and `make lint` are the commands to know; everything happens in .venv.

PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    ?= .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation
COMPILE := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
JOBS    ?= 2

.PHONY: run test lint format bench soak fuzz lock packages clean

run: $(VENV)/.run
	$(BIN)/mailserver demo --dir ./var $(DEMO)

test: packages $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) -m "not soak" --cov --cov-report=term:skip-covered $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: packages $(VENV)/.dev
	$(BIN)/python -m tests.bench $(BENCH)

soak: packages $(VENV)/.dev
	CRASH_ROUNDS=1000 $(BIN)/python -m pytest --timeout 0 tests/crash/test_sigkill.py
	OUTBOUND_MESSAGES=2000 OUTBOUND_KILLS=50 $(BIN)/python -m pytest --timeout 0 tests/crash/test_outbound_kill.py
	$(BIN)/python -m pytest -m soak --timeout 0 $(TESTS)

# Coverage-guided fuzzing of the IMAP grammar: make fuzz FUZZ=-max_total_time=600
fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python -m tests.fuzz.atheris_imap $(FUZZ)

# The foreign clients that tests and benches drive.
packages:
	@tests/debian-packages

# New versions of everything; `uv` comes from the registry: pip install uv
lock:
	$(COMPILE) requirements-build.in -o requirements-build.lock --allow-unsafe
	$(COMPILE) pyproject.toml -o requirements.lock --allow-unsafe
	$(COMPILE) pyproject.toml --group dev -c requirements.lock -c requirements-build.lock -o requirements-dev.lock --allow-unsafe

$(VENV)/.build: requirements-build.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements-build.lock
	@touch $@

$(VENV)/.run: $(VENV)/.build requirements.lock pyproject.toml
	$(PIP) -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(PIP) -r requirements-dev.lock
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* htmlcov
	find mailserver tests -name __pycache__ -type d -prune -exec rm -rf {} +
