# Every target does its own set-up: a machine with Python 3.11 or later and make is enough.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help venv demo demo-check test check interop bench soak serve clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable)' 2>/dev/null && break; done)
# One more than there are processors: some tests wait for a time-out, or for a process that starts.
JOBS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST_FLAGS ?=
# What others wrote, to judge our adapters by: a server made of a vendor's own description, and vendors' own libraries.
NPM_PARTS := @stoplight/prism-cli@5.14.2 euplatesc@1.0.5 sms-segments-calculator@1.3.0
NPM_STAMP := node_modules/.ready

help: ## what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

venv: $(STAMP) ## .venv with everything that is needed to run and to test

$(STAMP): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or later is needed" >&2; exit 1; fi
	@if command -v uv >/dev/null 2>&1; then \
		set -ex; \
		test -x $(BIN)/python || uv venv --quiet --python "$(PYTHON)" $(VENV); \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
		set -ex; \
		test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	fi
	@touch $@

demo: venv ## the whole promise in a browser, with no account anywhere
	$(BIN)/achit demo

demo-check: venv ## the same without a browser: one JSON object, exit code 0 or 1; an outage's goes to stderr
	@$(BIN)/achit demo --once --json
	@$(BIN)/achit demo --once --json --scenario failover >&2

serve: venv ## the gateway, with achit.toml when there is one
	$(BIN)/achit serve

check: venv ## style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## the checks and every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(PYTEST_FLAGS)

soak: venv ## the long tests: kill -9 under load over and over, money and HTTP searched further, every benchmark's counts
	$(BIN)/python -m pytest -m soak --timeout 1800 -rP $(PYTEST_FLAGS)

interop: venv ## our adapters against parts that nobody here wrote; what cannot be installed is skipped, and said
	@if ! command -v npm >/dev/null 2>&1; then \
		echo "interop: there is no npm: what needs $(NPM_PARTS) is skipped" >&2; \
	elif [ "$$(cat $(NPM_STAMP) 2>/dev/null)" != "$(NPM_PARTS)" ]; then \
		if npm install --prefix . --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --fetch-timeout 20000 --fetch-retries 1 --loglevel error $(NPM_PARTS); then \
			echo "$(NPM_PARTS)" >$(NPM_STAMP); \
		else \
			echo "interop: npm cannot install $(NPM_PARTS): what needs them is skipped" >&2; \
		fi; \
	fi
	$(BIN)/python -m pytest -m interop tests/vectors $(PYTEST_FLAGS)

bench: venv ## what it does on this machine, each leg beside its floor
	$(BIN)/python -m benchmarks

clean: ## forget .venv and every cache
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
