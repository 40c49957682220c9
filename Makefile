# Everything a person does here, by one word each. `make` alone prints the list.
# On a fresh machine Python 3.11+ and make are enough: each target sets up what it needs, once.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup run test test-dates lint format bench bench-sync docs clean .runtime .dev

BIN := .venv/bin
# More words for pytest or the benchmarks, as in: make test ARGS="-k consent"
ARGS ?=
# Only from the command line: some shells export a HOST of their own.
FLAGS = $(strip $(foreach name,HOST PORT,$(if $(filter command,$(origin $(name))),$(FLAG_$(name)) $($(name)))))
FLAG_HOST := --host
FLAG_PORT := --port

##@ Use
run: .runtime ## Start everything on this machine; PORT=8000 HOST=127.0.0.1 may follow
	@exec $(BIN)/tajo run $(FLAGS)

setup: .dev ## Make .venv with all that is needed (the other targets do it themselves); PYTHON=python3.12 may follow

##@ Work on it
test: .dev ## Run the tests, several at a time; ARGS="-k consent" may follow, then one at a time
	@$(BIN)/python -m pytest $(or $(ARGS),-n auto)

test-dates: .dev ## Run the tests as if it were a year later, and a month earlier; ARGS may follow
	@scripts/test-dates $(or $(ARGS),-n auto)

lint: .dev ## Check style, types, imports, docstrings, generated docs and words
	@scripts/lint

format: .dev ## Mend what a machine can mend: layout, simple faults, generated docs
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/python scripts/check_docs.py --write

bench: .dev ## Measure speed, memory and recovery; ARGS="--help" may follow
	@$(BIN)/python -m benchmarks $(ARGS)

bench-sync: .dev ## Measure full syncs of 50,000 customers; ARGS="--customers 1000000" or "--case live" may follow
	@$(BIN)/python -m benchmarks sync $(ARGS)

docs: .dev ## Build the documentation as a site, in build/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "build/docs/index.html"

##@ House
clean: ## Remove .venv, caches and build files; your tajo.yaml and the data in .tajo stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Print this list
	@awk 'BEGIN { FS = ":.*## "; print "make <target>" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.runtime .dev:
	@python=$$(PYTHON='$(PYTHON)' scripts/python) && exec "$$python" scripts/setup.py $(if $(filter .dev,$@),dev,run)
