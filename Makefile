# SPDX-License-Identifier: Apache-2.0
# `make` lists what can be made. Everything runs in an environment of its own in .venv, made by the first target that needs it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
IMAGE ?=
OUT ?= demo-output
SEED ?= 7
PYTEST_ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
LOCK := Testing/requirements.lock
say = @printf '\n== %s\n'

.PHONY: help demo test test-slow bench lint format picture cmake-lists lock package clean
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done
	@printf '\nVariables: PYTHON=%s TORCH=%s TORCH_INDEX=(address of an extra package index, for the CPU build of torch)\n' "$(PYTHON)" "$(TORCH)"

$(READY): $(LOCK) pyproject.toml
	$(say) "Making the environment .venv: torch and some 600 MB of packages, the first time (README: how to get the small CPU build of torch)"
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.10 or newer is needed, $(PYTHON) is {sys.version.split()[0]}: make PYTHON=python3.11 ..." if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || Testing/install-debian-packages python3-venv
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY) ## segment a synthetic film, or your own: make demo IMAGE=film.png
ifneq ($(IMAGE),)
	$(say) "Segmenting $(IMAGE)"
	$(BIN)/spine segment "$(IMAGE)" -o "$(OUT)" --overlay
else
	$(say) "Making a synthetic film: a procedural phantom of the spine, projected"
	$(BIN)/spine synth ap -n 1 --seed $(SEED) -o "$(OUT)"
	$(say) "Segmenting it"
	$(BIN)/spine segment "$(OUT)/film_0001.dcm" -o "$(OUT)" --overlay
	$(say) "Comparing with the phantom's true mask"
	$(BIN)/spine evaluate "$(OUT)" "$(OUT)" -o "$(OUT)/scores"
endif

test: $(READY) ## run the tests
	$(say) "Debian packages for the tests"
	@Testing/install-debian-packages
	$(say) "Tests"
	@$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 $(PYTEST_ARGS)

test-slow: $(READY) ## run the tests that take minutes, too
	@Testing/install-debian-packages
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## bring the code into shape
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(READY) ## measure speed and memory
	$(BIN)/python Testing/Benchmarks/benchmark_film.py
	$(BIN)/python Testing/Benchmarks/benchmark_ct.py --task fracture

package: $(READY) ## build the wheel of SpineLib into dist/
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls -l dist

picture: demo ## make the pictures in the README anew
	@Testing/install-debian-packages
	$(BIN)/python Resources/make_demo_picture.py "$(OUT)"
	QT_QPA_PLATFORM=offscreen $(BIN)/python Resources/make_panel_picture.py

cmake-lists: ## bring the file lists of the CMakeLists.txt files up to date
	$(PYTHON) Testing/cmake_lists.py

# trame-slicer is there for its terminology files only, so its own requirements are left out.
lock: $(READY) ## renew the lock file; packages keep the versions installed in .venv
	@mkdir -p build
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m pip freeze --exclude-editable | grep -vE '@|^torch==' > build/lock.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate \
	    --extra research --extra test --constraint <(echo "$(TORCH)") --output-file build/lock.txt pyproject.toml
	{ echo "# Versions the tests run with. Made by: make lock. torch itself is named in the Makefile (TORCH)."; \
	  grep -vE '^(torch|triton|nvidia-|cuda-)' build/lock.txt; \
	  $(BIN)/python -m pip freeze | grep -i '^trame-slicer=='; } > $(LOCK)

clean: ## remove the environment and everything made
	rm -rf .venv build dist demo-output SpineLib.egg-info .pytest_cache .ruff_cache .mypy_cache
	find SpineLib SpineSegmentation SpineFracture Testing -name __pycache__ -type d -prune -exec rm -rf {} +
