# The commands of this project. `make help` lists them.
#
# Everything runs in .venv, which is made from requirements.lock and this checkout alone.
#   make study PYTHON=python3.12    choose the Python (3.11 to 3.13); `make clean` before a change
#   make lock UV=path/to/uv         choose the uv that resolves the lock
#   make test WORKERS=4             run the tests in so many processes

PYTHON ?= python3
UV ?= uv
WORKERS ?= 2

VENV := .venv
BENCH_LOCK := experiments/speed/requirements.lock
ENGINES_LOCK := requirements-engines.lock
READY := $(VENV)/.complete
PIP := $(VENV)/bin/python -m pip -qq --disable-pip-version-check --no-input

export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

.DEFAULT_GOAL := study
.PHONY: study test test-slow bench bench-extra engines-extra ui lock clean help

study: $(READY)  ## train the default study by fit() and by tapes, compare them (a few minutes)
	$(VENV)/bin/harness run experiment=quickstart

test: $(READY)  ## lint, formatting, types, tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n $(WORKERS) --dist worksteal

test-slow: $(READY)  ## the tests that take minutes each
	$(VENV)/bin/pytest -m slow -n $(WORKERS) --dist worksteal

bench: $(READY)  ## speed of tape loops, folds and sweeps against fit(), JAX and PyTorch (about 35 minutes)
	$(VENV)/bin/python experiments/speed/bench.py

bench-extra: $(READY)  ## JAX and PyTorch for `make bench`: once, minutes, 6 GB
	$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r $(BENCH_LOCK)

engines-extra: $(READY)  ## Ray and submitit for engine=ray, submitit_local and submitit_slurm (once, 300 MB)
	$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r $(ENGINES_LOCK)

ui: $(READY)  ## MLflow's web interface on the recorded studies
	$(VENV)/bin/harness ui

lock:  ## resolve requirements.lock again; newest versions with LOCK_FLAGS=--upgrade (needs uv)
	@command -v "$(UV)" >/dev/null || { echo "make: uv is missing: pip install uv, or make lock UV=path/to/uv" >&2; exit 1; }
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --group dev --extra postgres $(LOCK_FLAGS) --output-file requirements.lock pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --extra bench --constraint requirements.lock --output-file $(BENCH_LOCK) pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --extra ray --extra submitit --constraint requirements.lock \
	  --output-file $(ENGINES_LOCK) pyproject.toml

clean:  ## remove the environment and all caches; recorded studies in mlruns/ stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# The stamp is written last, so an interrupted installation starts afresh. A change of the lock or of
# pyproject.toml updates a complete environment in place. antlr4-python3-runtime comes as source only:
# with setuptools installed first and build isolation off, what builds it is pinned too. Compiled to bytecode on all
# cores afterwards, which takes half of what pip needs on one.
$(READY): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { echo "make: no $(PYTHON) here: install Python 3.11 to 3.13, or make PYTHON=path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "make: Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1): try make PYTHON=python3.13" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) lacks venv: install it (Debian, Ubuntu: apt install python3-venv), or make PYTHON=path/to/python" >&2; exit 1; }
	@test -f $@ || rm -rf $(VENV)
	@rm -f $@
	@echo "Setting up $(VENV) from requirements.lock: once, one to three minutes, 3 GB"
	@test -d $(VENV) || "$(PYTHON)" -m venv $(VENV)
	@awk '/^[a-zA-Z0-9]/ { wanted = /^setuptools==/ } wanted' requirements.lock > $(VENV)/setuptools.lock
	@$(PIP) install --require-hashes --no-deps -r $(VENV)/setuptools.lock
	@$(PIP) install --no-compile --require-hashes --no-build-isolation --use-pep517 -r requirements.lock
	@$(VENV)/bin/python -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib || true
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
