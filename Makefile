# Each target creates what it needs. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.PHONY: demo test lint format bench clean

demo: $(VENV)/.demo                ## play both cities' applications on an embedded database
	$(BIN)/kjfh demo

test: $(VENV)/.dev                 ## the whole suite, on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.dev                 ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev                ## acts and due alarms a second, against a raw floor and against peers
	$(BIN)/python -m benchmarks.acts
	$(BIN)/python -m benchmarks.timers
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.http

clean:
	rm -rf $(VENV) demo-output

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# An editable install compiles nothing, and where Python is told to keep no bytecode every command would do it again.
$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[xlsx]'
	$(BIN)/python -m compileall -q kjfh_workflow
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m compileall -q kjfh_workflow tests
	touch $@ $(VENV)/.demo
