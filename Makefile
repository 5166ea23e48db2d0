# Each target sets up its own .venv from nothing. PYTHON=... chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PYTEST := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# Two installations into one environment at a time would break it, whatever -j says.
.NOTPARALLEL:
.PHONY: train test test-fast reference check lint types doctest fresh matrix mutants machines bench docs docs-serve docs-test release-check clean

train: $(VENV)/.viz
	$(BIN)/python examples/train_mnist.py --dataset digits

test: $(VENV)/.test
	$(PYTEST) -q -n $(JOBS)

# The suite with the extra fast: compiled twins take arrays of every size. TESTS="tests/kernels tests/nn": some of it.
TESTS ?=
test-fast: $(VENV)/.fast $(VENV)/.test
	TL_RANKS=0 TL_FAST=all $(PYTEST) -q -n $(JOBS) $(if $(TESTS),$(TESTS),--matrix docs/_build/fast.json)

# The whole suite again, beside what it compares with: PyTorch, JAX and others. None of it may be skipped for want of them.
# REST=1: without what passed in `make test` before it.
REST ?=
reference: $(VENV)/.reference $(VENV)/.test
	TL_RANKS=0 $(PYTEST) -q -n $(JOBS) --reference $(if $(REST),--rest,--matrix docs/_build/reference.json)

check: lint types fresh test doctest

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

doctest: $(VENV)/.test $(VENV)/.scipy
	$(PYTEST) -q --doctest-modules --import-mode=prepend tensorflowlite_clone

fresh: $(VENV)/.dev
	$(BIN)/python docs/generate.py --check

# The page of derivatives, from the outcomes of its tests. Run it with PyTorch installed (make bench) to fill that column too.
matrix: $(VENV)/.test
	$(PYTEST) -q -n $(JOBS) tests/test_operations.py tests/test_operation_domains.py tests/test_against_torch.py --matrix docs/_build/matrix.json
	$(BIN)/python docs/matrix.py

# Changes that no test notices, of some drawn at random. DRAW="--only ops/index.py": all of a file (tests/mutants.py).
DRAW ?= --draw 200
mutants: $(VENV)/.test
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/mutants.py --jobs $(JOBS) $(DRAW)

# The suite as on other machines: BLAS kernels, threads, Pythons, NumPys... ROWS="--rows 1,5": some of them (tests/machines.py).
machines: $(VENV)/.test
	$(BIN)/python tests/machines.py $(ROWS)

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

# QUICK=1: the same pages, into docs/_build/quick, without running their programs and without Python for the browser.
QUICK ?=
docs: SITE = docs/_build/$(if $(QUICK),quick,html)
docs: $(VENV)/.docs
	$(BIN)/python docs/generate.py --check
	PATH="$(CURDIR)/$(BIN):$$PATH" OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sphinx -b html -j $(JOBS) -q -W --keep-going -d $(SITE)-doctrees \
	  $(if $(QUICK),-D nb_execution_mode=off -D suppress_warnings=myst-nb.lexer -D browser_python=0) docs $(SITE)
	@echo "open $(SITE)/index.html, or make docs-serve for the pages that run Python"

docs-serve: docs
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory docs/_build/html 8000

# The built site in Debian's Chromium, which reaches nothing but this machine. What cannot be had (Chromium, Pyodide, axe) is skipped, and said.
docs-test: docs
	$(BIN)/python -m pytest -q -s -rs tests/site

# Wheel and sdist in dist/, as users get them: built, checked, installed and tested on every Python found (tests/release.py). ALL=1: all tests.
release-check: $(VENV)/.release
	$(BIN)/python tests/release.py $(if $(ALL),--all)

clean:
	rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One stamp per extra, so that each is installed when it is first needed and again when pyproject.toml changes.
$(VENV)/.%: pyproject.toml $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable ".[$*]" || \
	  { echo "Could not install the extra '$*': is a package index reachable? (pip's message is above)" >&2; exit 1; }
	touch $@

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@
