# The commands of this project. Each one needs nothing but Python 3.11 or later; `make` alone lists them.
# Windows and places without make: see "Without make" in README.md.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
# Written when everything is installed, so that a prepared environment starts at once.
READY := .venv/.ready

MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.12 chooses the interpreter of a new environment, ARGS=... is passed on."

.PHONY: install
install: $(READY) ## Make the environment .venv with the pinned dependencies

# Standard output belongs to the command that was asked for, so installing writes to standard error.
$(READY): requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	    echo "There is no '$(PYTHON)' here: install Python 3.11 or later, or name one: make $(or $(MAKECMDGOALS),install) PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "'$(PYTHON)' is $$($(PYTHON) --version 2>&1), GConnect needs 3.11 or later: make $(or $(MAKECMDGOALS),install) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "'$(PYTHON)' cannot make environments: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Installing the pinned dependencies into .venv ..." >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

.PHONY: test
test: $(READY) ## Check and test everything, against real RabbitMQ and PostgreSQL (ARGS go to pytest)
	@$(BIN)/python -m tests $(ARGS)

.PHONY: check
check: $(READY) ## The static checks of "make test" only
	@$(BIN)/python -m tests --static

.PHONY: chaos
chaos: $(READY) ## Break everything for some minutes and look what is lost (ARGS="--minutes 2 --seed 7 --json")
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: demo
demo: $(READY) ## Show the service at work against a simulated Naver (ARGS=--once ends after the first round)
	@$(BIN)/gconnect demo $(ARGS)

.PHONY: lock
lock: ## Pin the newest dependencies that pyproject.toml allows, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "Install uv first: python3 -m pip install uv" >&2; exit 1; }
	@set -e; \
	compile() { \
	    uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
	        --generate-hashes --no-annotate --no-header "$$@"; }; \
	heading='# Compiled from pyproject.toml; "make lock" makes it anew.'; \
	trap 'rm -f requirements.new requirements-dev.new' EXIT; \
	{ echo "$$heading"; compile; } > requirements.new; \
	{ echo "$$heading"; compile --extra dev -c requirements.new; } > requirements-dev.new; \
	mv requirements.new requirements.txt; \
	mv requirements-dev.new requirements-dev.txt

.PHONY: clean
clean: ## Remove the environment, caches and what a build made; var/ with its databases stays
	@rm -rf .venv build *.egg-info .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
