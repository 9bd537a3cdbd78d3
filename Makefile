# Vigil's commands. Each brings what it needs; a second run reinstalls nothing.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
SET_UP = @$(if $(PYTHON),,$(error Vigil needs Python 3.11 or newer and found none: install it (Debian \
	and Ubuntu: apt-get install python3 python3-venv), or name it: make $@ PYTHON=/path/to/python3)) \
	$(PYTHON) scripts/set_up.py
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# One more than the cores: tests that wait for real time leave theirs idle.
WORKERS ?= 3
SOAK_MINUTES ?= 60
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-strip-extras

.PHONY: help setup dev demo run migrate test test-15 check lint fix bench bench-large bench-before bench-trail faults soak mutants screenshots lock audit secrets

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1#/p' Makefile | while IFS='#' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

setup: ## bring everything that Vigil needs to run
	$(SET_UP) run

dev: ## bring what checks and tests need too
	$(SET_UP) test

demo: setup ## a demo unit on http://127.0.0.1:8000 (VIGIL_PORT); Ctrl-C stops it, the data stays
	@exec $(BIN)/vigil demo

migrate: setup ## bring the database up to date
	@$(BIN)/vigil migrate

run: migrate ## the real thing: server and watch, no demo unit
	@$(BIN)/vigil watch & watch=$$!; trap 'kill $$watch 2>/dev/null; wait $$watch' EXIT; \
	trap : INT TERM; $(BIN)/vigil serve

test: dev ## every test but those of `make faults`, on a PostgreSQL built by the migrations (TESTS=path)
	@$(PYTEST) -n $(WORKERS) --dist worksteal $(TESTS)

test-15: dev ## the same on the machine's own PostgreSQL 15, where that is installed
	@$(BIN)/python -m tests.core.machine_postgres 15 $(PYTEST) -n $(WORKERS) --dist worksteal $(TESTS)

check: lint ## everything that must hold before a commit (TESTS=none leaves the tests out)
	@$(if $(filter none,$(TESTS)),,$(MAKE) --no-print-directory test)

lint: dev ## format, lint, types, import contracts, templates, spelling
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint templates --quiet --lint
	$(BIN)/typos

fix: dev ## format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/typos --write-changes

bench: dev ## speed as ratios measured in one run (FORMAT=json: one object, on the last line)
	@FORMAT="$(FORMAT)" $(BIN)/python -m tests.bench

bench-large: dev ## the same with 10,000,000 observations
	@FORMAT="$(FORMAT)" $(BIN)/python -m tests.bench --large

bench-before: dev ## recording now against an earlier revision, in one run (BEFORE=revision)
	@$(BIN)/python -m tests.bench.before $(BEFORE)

bench-trail: dev ## how long the privacy officer waits with ten million audit entries (ENTRIES)
	@$(BIN)/python -m tests.bench.trail $(ENTRIES)

mutants: dev ## who may do what, each rule broken in turn: some test must notice (minutes)
	@$(BIN)/python -m tests.mutants

faults: dev ## only the tests that kill, freeze and starve real processes
	@$(PYTEST) -m faults

soak: dev ## those again and again (SOAK_MINUTES)
	@until=$$(($$(date +%s) + 60 * $(SOAK_MINUTES))); \
	while [ $$(date +%s) -lt $$until ]; do $(PYTEST) -q -m faults || exit 1; done

screenshots: dev ## every page as the browser tests see it, into build/screenshots
	@VIGIL_SCREENSHOTS=build/screenshots $(PYTEST) -m browser

lock: dev ## resolve pyproject.toml and package.json into the locks
	$(LOCK) pyproject.toml -o requirements.txt >/dev/null
	$(LOCK) pyproject.toml --group dev -o requirements-dev.txt >/dev/null
	$(LOCK) --group npm -o requirements-npm.txt >/dev/null
	$(LOCK) --group audit -o requirements-audit.txt >/dev/null
	npm install --package-lock-only --silent
	@! grep -nE 'https?://|index-url|"resolved"' requirements*.txt package-lock.json

audit: dev ## known weaknesses in what is locked, and the list of it (build/sbom.cdx.json)
	@$(BIN)/python scripts/audit.py

secrets: ## passwords for docker-compose.yml, into secrets/
	@$(PYTHON) scripts/make_secrets.py
