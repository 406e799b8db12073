# Everything sets itself up: a virtual environment in .venv, with the versions of requirements.lock.
# PYTHON chooses the interpreter (3.11 or newer), for example: make test PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint requirements.lock
STAMP := $(VENV)/.installed

.PHONY: demo test test-vm bench screens soak lint mutants lock clean

demo: $(STAMP)-demo
	$(BIN)/kiosk demo $(ARGS)

test: $(STAMP)-test
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

# The kiosk inside a virtual machine, under the kernel's own drivers. Its image is kept in KIOSK_VM; without the Debian
# packages it needs it says which.
test-vm: export KIOSK_VM ?= $(HOME)/.cache/kiosk-vm
test-vm: $(STAMP)-test
	$(BIN)/python -m pytest --timeout 900 --capture no --verbose tests/vm $(ARGS)

bench: $(STAMP)-test
	set -e; for part in $(or $(PARTS),door restart list delivery); do PYTHONPATH=. $(BIN)/python tests/bench/$$part.py $(ARGS); done

# Pictures of every state of the door's page and of the staff page, for looking at: tests/screens.
screens: $(STAMP)-test
	rm -rf tests/screens
	KIOSK_SCREENS=tests/screens $(BIN)/python -m pytest --numprocesses auto --timeout 900 tests/display/test_screens.py \
	    tests/display/staff/test_screens.py $(ARGS)

# The long forms of tests that make test plays shortly; half an hour.
soak: $(STAMP)-test
	KIOSK_EXAMPLES=4000 $(BIN)/python -m pytest --timeout 3600 tests/sync/test_exactly_once.py
	KIOSK_SOAK=2000 $(BIN)/python -m pytest --timeout 3600 -s tests/test_delivery.py -k any_faults_and_kills
	KIOSK_SOAK=100 $(BIN)/python -m pytest --timeout 3600 tests/test_damage.py
	KIOSK_SOAK_S=600 $(BIN)/python -m pytest --timeout 3600 -s tests/test_soak.py
	KIOSK_CUTS=360 $(BIN)/python -m pytest --timeout 3600 --numprocesses auto tests/power

lint: $(STAMP)-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

mutants: $(STAMP)-dev
	bash tests/mutants.sh $(BIN)

lock: $(STAMP)-dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links --extra hid --extra gpio --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "$(PYTHON) is missing or older than 3.11: apt-get install python3, or: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(STAMP)-demo: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

# The hid extra is compiled from source; without a compiler the rest is tested all the same, and says so.
$(STAMP)-test: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(BIN)/python tests/requirements.py test > $(VENV)/test.txt
	$(PIP) --editable . --requirement $(VENV)/test.txt
	$(PIP) --editable '.[hid]' || echo "No compiler for evdev, so keyboard scanners go untested:" \
	    "apt-get install gcc python3-dev linux-libc-dev"
	@touch $@ $(STAMP)-demo

$(STAMP)-dev: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(BIN)/python tests/requirements.py dev > $(VENV)/dev.txt
	$(PIP) --editable . --requirement $(VENV)/dev.txt
	@touch $@
