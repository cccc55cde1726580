# make demo   compare methods on the bundled sample with the bundled model: needs Python 3.11 or newer, and make
# make test   the whole suite, offline after the install
# make lint   ruff, mypy, import-linter
# make docs   docs/methods.md from the catalogue

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# an index with wheels of torch without CUDA, such as PyTorch's own; empty: what pip finds
TORCH_INDEX ?=
# processes that run the tests, whole files each
WORKERS ?= 2
# what demo compares; .ci/run makes it smaller
DEMO ?= --report report.html

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
OFFLINE := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1

.PHONY: demo test lint docs clean

demo: $(VENV)/.demo
	@echo "== Comparing methods on the bundled sample with the bundled model (a few minutes) =="
	HF_HUB_OFFLINE=1 $(BIN)/idiolect compare $(DEMO)

test: $(VENV)/.dev
	$(OFFLINE) $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.demo
	$(BIN)/python scripts/methods_page.py

clean:
	rm -rf $(VENV) .idiolect report.html .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@echo "== Making $(VENV) with $(PYTHON) =="
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "idiolect needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# torch comes first and alone, so that an index given for it is asked for nothing else
$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "== Installing torch (some 200 MB; a minute or two) =="
	$(PIP) install --quiet --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch -c constraints.txt
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "== Installing idiolect with what a comparison needs (a minute) =="
	$(PIP) install --quiet -e '.[local,bench]' -c constraints.txt
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "== Installing idiolect with everything, and what its tests need (a few minutes) =="
	$(PIP) install --quiet -e '.[all,dev]' -c constraints.txt
	@touch $@ $(VENV)/.demo
