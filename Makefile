# The front door. `make help` lists the targets; what they do is in rbp/ and tests/.

PYTHON = python3

bin := .venv/bin
venv := .venv/.installed
figure1 := $(addprefix build/figure1/figure1.,json png)
sources := $(shell find golden hdl cosim rbp -name "*.py" -o -name "*.cpp")

.PHONY: all test bench estimators synth formal board-test verify slow-test lint format docs help clean
.DELETE_ON_ERROR:

all: $(figure1)  ## set up .venv, then the paper's Figure 1 (default)

test: $(venv)  ## every test
	$(bin)/python -m pytest -n 2 --dist worksteal

bench: $(venv)  ## utilisation, cycles, speed: build/bench.json
	@mkdir -p build
	$(bin)/rbp bench --out build/bench.json

estimators: $(venv)  ## accuracy and time beside scikit-learn: docs/howto/estimators.md; 10 minutes
	$(bin)/python -m rbp.benchmarks.estimators

synth: $(venv)  ## area and Fmax of a few cores, against synth/baselines.json; hours
	$(bin)/python -m rbp.fpga.baselines

formal: $(venv)  ## proofs of the buses, by induction, and the faults that they notice
	$(bin)/python -m pytest -n 2 tests/hdl/bus/test_proofs.py

board-test: $(venv)  ## images of boards, read back bit by bit, learn; needs fpga-icestorm; half an hour
	$(bin)/python -m pytest -m "slow or not slow" tests/rbp/boards/test_images.py

verify: $(venv)  ## the sign-off, docs/verification.md: all rows, or ROW="reset bits" MINUTES=30; hours
	$(bin)/python -m tests.verify $(ROW) $(if $(MINUTES),--minutes $(MINUTES))

slow-test: $(venv)  ## the tests that make test leaves out: larger netlists, an installation; an hour
	$(bin)/python -m pytest -m slow

lint: $(venv)  ## ruff: rules and format; mypy: types; nothing is changed
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy

format: $(venv)  ## ruff: sort imports, reformat
	$(bin)/ruff check --select I --fix
	$(bin)/ruff format

docs: $(venv)  ## the pages as a site: build/site/index.html
	$(bin)/python docs/build.py

help:  ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

clean:  ## remove what was built, but not .venv
	rm -rf build .pytest_cache .ruff_cache

$(figure1) &: $(sources) $(venv)
	$(bin)/rbp figure1 --out build/figure1

# A .venv that was moved names its old place; pip install . puts a copy where the link should be.
ifneq ($(shell cat $(venv) 2>/dev/null),$(shell pwd -P))
$(shell rm -f $(venv))
endif
ifneq ($(wildcard .venv/lib/python*/site-packages/rbp/__init__.py),)
$(shell rm -f $(venv))
endif

$(venv): pyproject.toml
	@echo "installing into .venv, a minute or so"
	$(PYTHON) -m venv --clear .venv
	$(bin)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@pwd -P > $@
