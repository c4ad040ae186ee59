# Two commands set everything up on a machine with Python >= 3.10 and make:
#   make studio   opens the studio in the browser
#   make test     runs every test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: studio test lint clean help

help:
	@echo "make studio   set everything up and open the studio in the browser"
	@echo "make test     set everything up and run all tests"
	@echo "make lint     style and types"
	@echo "make clean    remove $(VENV)"

studio: $(VENV)/.studio
	@echo "== opening the studio (stop it with Ctrl-C)"
	$(BIN)/creativeml studio

test: $(VENV)/.test
	@echo "== running all tests"
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "error: '$(PYTHON)' was not found; install Python 3.10 or newer, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "error: $$($(PYTHON) --version) is too old; creativeml needs Python 3.10 or newer: make PYTHON=python3.12"; exit 1; }
	@echo "== making a Python environment of its own in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: no environment could be made (see above); on Debian or Ubuntu it may want: sudo apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.studio: $(VENV)/.made pyproject.toml
	@echo "== installing creativeml and what the page needs (torch is large: 1 to 10 minutes the first time)"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[apps]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@echo "== installing creativeml with everything that tests and training need (torch is large: 1 to 10 minutes the first time)"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.studio

clean:
	rm -rf $(VENV)
