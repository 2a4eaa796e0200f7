# Everything that a newcomer needs, behind a few targets. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
UV_VERSION := 0.13.9
BIN := .venv/bin
PORT ?= 8420
DEVICES ?= 6
STAGE ?= dev
unexport PYTHONPATH

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

setup: .venv/.synced ## make .venv with everything, from uv.lock

.venv/.synced: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fieldline needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/uv || { echo "==> making .venv with $(PYTHON)"; \
	  $(PYTHON) -m venv .venv || { echo "Python's venv module is missing: on Debian, apt-get install python3-venv"; exit 1; }; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@echo "==> installing what uv.lock pins"
	@$(BIN)/uv sync --quiet --frozen --all-extras
	@touch $@

up: setup ## run the whole platform on this machine, with live devices (Ctrl-C stops it)
	@$(BIN)/fieldline local up --port $(PORT) --devices $(DEVICES)

down: setup ## stop it
	@$(BIN)/fieldline local down --port $(PORT)

test: setup ## run every test: units in parallel, then those that need the laptop cloud
	@echo "==> unit tests"
	@$(BIN)/python -m pytest -q -n auto -m "not cloud"
	@echo "==> tests against the laptop cloud"
	@$(BIN)/python -m pytest -q -m cloud

check: setup ## lint, types, import arrows, and the synthesized templates
	@echo "==> ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy" && $(BIN)/mypy
	@echo "==> import arrows" && $(BIN)/lint-imports --no-logo --no-cache
	@echo "==> templates: cdk-nag and cfn-lint" && $(BIN)/python -m infra.check

bench: setup ## measure (QUICK=1 for a short look)
	@for script in bench/*.py; do echo "==> $$script"; $(BIN)/python $$script $(if $(QUICK),--quick) || exit 1; done

synth: setup ## write the CloudFormation templates of STAGE to cdk.out
	@CDK_OUTDIR=cdk.out CDK_CONTEXT_JSON='{"stage": "$(STAGE)"}' $(BIN)/python app.py && echo "cdk.out holds the templates of stage $(STAGE)"

.PHONY: help setup up down test check bench synth
