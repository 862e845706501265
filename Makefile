# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= hubbub-data
# Trust what the machine trusts: behind a company proxy uv's own list of authorities is not enough.
export UV_SYSTEM_CERTS := true
WORKERS ?= auto

.PHONY: help demo test lint dev bench soak docs format clean
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## the whole road on a simulated community: sync, import, pictures, search, export
	@$(BIN)/hubbub --home "$(HOME_DIR)" demo

test: $(VENV)/.test ## set up and run the whole suite, in parallel
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak"

lint: $(VENV)/.test ## style, strict types, import contracts, size of files and functions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_size.py

dev: $(VENV)/.test ## environment and pre-commit hooks for contributors
	$(BIN)/prek install

format: $(VENV)/.test ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(VENV)/.test ## the long runs: big hostile files, many kills
	$(BIN)/python -m pytest -m soak

bench: $(VENV)/.bench ## side-by-side measurements; prints ratios and writes JSON
	$(BIN)/python -m bench

docs: $(VENV)/.docs ## build the documentation into site/
	$(BIN)/zensical build --clean --strict

clean: ## remove the environment and everything built (never your data)
	rm -rf $(VENV) site dist build bench/.cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo "hubbub needs Python 3.11 or newer, and none was found; set PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# One stamp per set of packages: a second run starts at once.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[demo,images,parquet,postgres,ray,redis]' --group dev
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group bench
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e . --group docs
	@touch $@
