# make run    set up what is missing, then serve the dashboard         make test   set up what tests need, then run them all
# make check  the inner loop: lint, types, unit tests                  make help   the rest

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench prove matrix screenshots lock clean
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
HTMX := static/vendor/htmx.min.js

# The stamps stand for a finished set-up. While they are newer than what they were made from, nothing is done twice.
SETUP := $(VENV)/.setup-done
DEV := $(VENV)/.dev-done

help:
	@sed -n 's/^# make/make/p' Makefile
	@echo 'make setup  the set-up alone                                         make bench, prove, matrix, screenshots'
	@echo 'make lock   pin the newest allowed versions again                    make clean  remove what set-up made'

setup: $(SETUP) $(HTMX)

run: setup
	@exec $(BIN)/interlock serve

test: $(DEV) $(HTMX)
	@$(BIN)/python -m tests.chromium
	@$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

check: $(DEV)
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/unit $(ARGS)

bench: $(DEV) $(HTMX)
	@$(BIN)/python -m tests.bench $(ARGS)

prove: $(DEV)
	@$(BIN)/python -m tests.prove $(ARGS)

matrix: $(DEV)
	@$(BIN)/python -m tests.matrix $(ARGS)

screenshots: $(DEV) $(HTMX)
	@$(BIN)/python -m tests.screenshots $(ARGS)

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$($$python --version)"; \
	        $$python -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); \
	        echo "$$python cannot make a virtual environment (see above)." >&2; \
	        echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	    fi; \
	done; \
	echo "Interlock needs Python 3.11 or newer. Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1

$(SETUP): requirements/build.txt requirements/dashboard.txt pyproject.toml | $(BIN)/python
	@echo "Installing the dashboard's libraries"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/dashboard.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(SETUP)
	@echo "Installing what the tests need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# htmx comes out of a Python package, so that neither node nor a copy in the repository is needed.
$(HTMX): requirements/htmx.txt | $(BIN)/python
	@echo "Fetching htmx"
	@rm -rf build/htmx && $(PIP) download --no-deps --require-hashes --dest build/htmx -r $<
	@$(BIN)/python requirements/extract_htmx.py build/htmx/django_htmx-*.whl $@

# Needs the `uv` command. --universal: the same files serve every supported Python and platform.
LOCK = uv pip compile --quiet --universal --generate-hashes --no-header --upgrade
lock:
	$(LOCK) --python-version 3.11 pyproject.toml --output-file requirements/dashboard.txt
	$(LOCK) --python-version 3.11 pyproject.toml --group dev -c requirements/dashboard.txt --output-file requirements/dev.txt
	$(LOCK) --python-version 3.11 --group build -c requirements/dev.txt --output-file requirements/build.txt
	for stack in requirements/stacks/*.in; do $(LOCK) --python-version 3.9 $$stack --output-file $${stack%.in}.txt; done

clean:
	rm -rf $(VENV) build dist static/vendor *.egg-info .mypy_cache .ruff_cache .pytest_cache
