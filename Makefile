# Commands for developers and CI; `make help` lists them. Needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
BIN := .venv/bin
ENV ?= embedded
SETUP := .venv/.setup-done
export UV_PYTHON_DOWNLOADS = never
export PIP_DISABLE_PIP_VERSION_CHECK = 1
unexport PYTHONDONTWRITEBYTECODE # without cached bytecode each start takes two seconds longer

.PHONY: help setup smoke test sensitivity check lock clean
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

setup: $(SETUP) ## create .venv from the lock files and install the Worker's npm packages

smoke: setup ## run the smoke gate; ENV=embedded (default) starts a real Django and a real Worker on loopback
	@$(BIN)/pytest -n 2 -m smoke --env $(ENV)

test: setup ## run all tests of the suite: unit, embedded pair, verdicts, planted faults; print why tests were skipped
	$(BIN)/pytest -n 2 --dist loadgroup -rs -m "unit or pair or verdicts or sensitivity"

sensitivity: setup ## run every planted fault and its control against the whole gate and print the table
	CUTOVER_SENSITIVITY=full $(BIN)/pytest -rs -m sensitivity

check: setup ## run ruff, mypy --strict, codespell and shellcheck, and compare manifest.toml with the checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/shellcheck .ci/run examples/*.sh
	$(BIN)/cutover manifest

lock: setup ## compile requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras --no-header \
	  --annotation-style line --upgrade pyproject.toml --output-file requirements.lock

clean: ## remove everything that make setup and the runs created
	rm -rf .venv reference/worker/node_modules .mypy_cache .ruff_cache .pytest_cache
	find reports -mindepth 1 -not -name README.md -delete

# The stamp is written last, so an interrupted setup is repeated.
$(SETUP): requirements.lock bootstrap.lock pyproject.toml reference/worker/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "cutover needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version). Use make PYTHON=python3.11 …" >&2; exit 4; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "$(PYTHON) cannot make a virtual environment (Debian: apt-get install python3-venv)." >&2; exit 4; }
	@$(BIN)/python -m pip install --quiet --require-hashes -r bootstrap.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m cutover.embedded.packages
	@touch $@
