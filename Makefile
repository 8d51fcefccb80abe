# make replicate | test | soundness | audit | figures | bench | docs | lint    Each sets up .venv by itself; nothing else need be installed.
# make replicate VERBOSE=1 shows all that Snakemake says, not only how far the run is.
PYTHON ?= python3
CORES ?= all
# A test file runs in one process, so that it makes its fixtures once; four processes suffice: each takes a GB of memory, and
# 10 s to import and list all tests before it runs the first.
PYTEST := python -m pytest --durations 10 --dist loadfile --maxprocesses 4 --numprocesses $(subst all,auto,$(CORES))
# What simulates or lists cases, and does so at greater length under `make soundness`.
LONG := tests/soundness tests/smoothing tests/noise tests/stats tests/classifiers
ALL_IT_SAYS := $(if $(VERBOSE),--printshellcmds)
VENV := .venv/bin
export PATH := $(CURDIR)/$(VENV):$(PATH)
export PYTHONUNBUFFERED := 1
export PYTHONDONTWRITEBYTECODE :=
export XDG_CACHE_HOME := $(CURDIR)/.cache
# Compiled code and caches stay in the checkout: many short processes share them, and HOME need not be writable.

.PHONY: replicate test soundness audit figures bench docs lint
.DEFAULT_GOAL := replicate

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "resmooth needs Python 3.11 or later, and this is " + sys.version.split()[0] + "; name another with make PYTHON=python3.12")'
	@echo "Setting up .venv (several GB with PyTorch; minutes on a first run) ..."
	@$(PYTHON) -m venv .venv
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

replicate: .venv/ready
	@snakemake --cores $(CORES) $(ALL_IT_SAYS)
	@echo "Results: results/README.md says what is where; open results/digits/audit/index.html"

test: .venv/ready
	@$(PYTEST)

soundness: .venv/ready
	@RESMOOTH_SOUNDNESS=long $(PYTEST) $(LONG)

audit: .venv/ready
	@resmooth audit $(addprefix --claims ,$(wildcard claims/*.csv)) --out results/published

figures: .venv/ready
	@snakemake --cores $(CORES) $(ALL_IT_SAYS) figures

# The peers that the benchmarks compare with are installed for them alone.
.venv/bench: requirements-bench.lock .venv/ready
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-bench.lock
	@touch $@

bench: .venv/bench
	@python benchmarks/bench_certify.py
	@python benchmarks/bench_train.py
	@python benchmarks/bench_noise.py
	@python benchmarks/bench_idrs.py
	@python benchmarks/bench_video.py

docs: .venv/ready
	@resmooth report --run config/digits.yaml $(addprefix --kept ,$(wildcard docs/runs/*)) --out docs/replication.md
	@python -m resmooth.site.lists README.md config/README.md

lint: .venv/ready
	@ruff check .
	@ruff format --check .
	@snakefmt --check Snakefile workflow
	@mypy
	@python workflow/scripts/lint.py
