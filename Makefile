# make demo    train session 6's network, deploy it to six targets, compare
# make test    run the tests, but for the slow ones
# make test-all  run all of them: real trainings, installations and whole lessons, too
# make fuzz    10,000 spoiled bundles and inputs: each answered, or refused in one line
# make lint    format, lint and type checks
# VENV=folder names the virtual environment, PYTHON=command the Python (3.11 or newer) to make it of.

VENV ?= .venv
PYTHON ?= python3
RUN := $(VENV)/bin/python

.PHONY: demo test test-all fuzz lint

demo: $(VENV)/installed
	$(RUN) -m courses run s06 --out runs/demo \
	    --target cpu --target cpu-float --target cpu-dynamic --target gpu --target cortex-m \
	    --target ethos-u55-128

test: $(VENV)/installed
	$(RUN) -m pytest -n auto --dist worksteal -m "not slow"

test-all: $(VENV)/installed
	$(RUN) -m pytest -n auto --dist worksteal

fuzz: $(VENV)/installed
	$(RUN) -m benchmarks.fuzz

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

$(VENV)/installed: requirements.txt requirements-mobile.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'expected Python 3.11 or newer, received ' + sys.version)"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check -r requirements.txt
	$(RUN) -m pip install --disable-pip-version-check --no-deps -r requirements-mobile.txt
	touch $@
