# `make demo` and `make test` need Python 3.11 or 3.12, make and a package index; everything else they get themselves.
.DEFAULT_GOAL := help
.PHONY: help install demo test chaos lint check format generate bench-peers clean

VENV := .venv
BIN := $(VENV)/bin
# A shim that answers for a version that is not installed fails here, so every candidate is run.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	"$$p" -c '$(FITS)' >/dev/null 2>&1 && { command -v "$$p"; break; }; done)
STAMP := $(VENV)/.installed
# More workers than most machines have cores: many tests wait, for processes, brokers and time that passes.
PYTEST_ARGS ?= -n 3 --dist worksteal
PEERS_ARGS ?=
CHAOS_ARGS ?=

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create the environment in .venv, with pinned versions

$(STAMP): pyproject.toml requirements/test.txt
	@test -n "$(PYTHON)" || { echo "Makegood needs Python 3.11 or 3.12; none was found. Give one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint requirements/test.txt --editable '.[test]'
	@touch $@

demo: $(STAMP) ## See an incident, an alert and a failover, on simulated feeds
	@$(BIN)/makegood demo

test: $(STAMP) ## Run the tests (SECOND_TRY=1: those that fail beside processes once more)
	$(BIN)/pytest $(PYTEST_ARGS) $(if $(SECOND_TRY),--second-try -rR)

chaos: $(STAMP) ## Kill notifiers, Redis and providers; count what is lost (CHAOS_ARGS="--nightly", "--help")
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

lint: $(STAMP) ## Check style, types and layers
	@failed=; for tool in 'ruff check --quiet .' 'ruff format --check --quiet .' 'mypy' 'lint-imports'; do \
		echo "$$tool"; $(BIN)/$$tool || failed="$$failed [$$tool]"; \
	done; test -z "$$failed" || { echo "lint: failed:$$failed" >&2; exit 1; }

check: lint test ## Everything that must hold before a change goes in

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

generate: $(STAMP) ## Write the files that come from the code: JSON Schema, reference pages
	$(BIN)/python -m tests.docs.generate

bench-peers: $(STAMP) ## Run the same job by Makegood, Flink, Pathway, Quix Streams and Bytewax (PEERS_ARGS="--help")
	$(BIN)/python -m benchmarks.peers $(PEERS_ARGS)

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis .cache
