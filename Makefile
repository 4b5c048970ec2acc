# All commands of the project; `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The Python that .venv is made from; afterwards only .venv is used.
PYTHON ?= python3
# cpu or gpu; .venv remembers what it was made with.
LOCK ?= $(or $(shell cat .venv/.installed/lock 2>/dev/null),cpu)
# Further arguments of the command behind a target: make test ARGS="-k factors"
ARGS ?=
# make test SLOW=1 runs the long tests too; WORKERS=1 runs one test after the other
SLOW ?=
WORKERS ?= auto

VENV := .venv/bin/python
INSTALL = @PYTHON='$(PYTHON)' sh requirements/install.sh '$(LOCK)'

# Jobs find the programs of .venv, and of nothing else that happens to be set in the shell.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Their bytecode is kept: without it each job and each process of the tests compiles what it imports.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
TF_CPP_MIN_LOG_LEVEL ?= 2
export TF_CPP_MIN_LOG_LEVEL

# Written by npm when it has installed what the lock says.
NODE_MODULES := frontend/node_modules/.package-lock.json

COMPILE = $(VENV) -m uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --only-binary :all: --no-binary connection-pool \
	--generate-hashes --no-emit-index-url --custom-compile-command 'make $@' $(ARGS)

.PHONY: help setup run-environment figures test test-slurm check check-frontend format docs site bundle bench bench-scale bench-faults bench-zoo reproduce lock \
	lock-gpu clean clean-results distclean

help: ## list these commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' \
		Makefile

setup: run-environment ## make .venv with everything (LOCK=gpu for the GPU packages, PYTHON=python3.12 for another Python)
	$(INSTALL) dev

run-environment:
	$(INSTALL) run

figures: run-environment ## run the default config, up to results/index.html
	$(VENV) -m snakemake $(ARGS)
	@echo 'The gallery of all runs: results/index.html'

test: setup ## run the tests (SLOW=1: the long ones too; ARGS: options of pytest)
	$(VENV) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(if $(SLOW),,-m 'not slow') $(ARGS)

test-slurm: setup ## run jobs, and what happens to them, on a real SLURM that is started for it (root, Debian)
	$(VENV) -m pytest tests/slurm -n 5 $(ARGS)

check: setup ## lint, format, docstrings, types, import contract, format of the workflow, spelling
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	.venv/bin/pydoclint --quiet src studies
	$(VENV) -m mypy
	.venv/bin/lint-imports
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/codespell

check-frontend: $(NODE_MODULES) ## types, lint and format of the pages' scripts (needs Node from 20.19)
	npm --prefix frontend run check

$(NODE_MODULES): frontend/package-lock.json
	@command -v npm >/dev/null || { echo 'this needs Node from 20.19 with npm; the committed bundles serve without' >&2; exit 2; }
	npm --prefix frontend ci

format: setup ## format the code and the workflow, fix what can be fixed
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .
	.venv/bin/snakefmt Snakefile workflow

docs: setup ## write the generated pages again
	$(VENV) -m blockscope.config.reference --fix

site: setup ## build the documentation as a site, build/site/docs/site/index.html (warnings are errors)
	$(INSTALL) docs
	$(VENV) -m sphinx --builder html --conf-dir docs/site --fresh-env --write-all --fail-on-warning \
		--keep-going --quiet . build/site
	@echo 'The site: build/site/docs/site/index.html'

bundle: check-frontend ## build the pages' scripts from frontend/ (for developers; needs Node from 20.19)
	npm --prefix frontend run build

bench: run-environment ## measure speed, memory and agreement with the ground truth
	$(VENV) -m bench.run $(ARGS)

bench-scale: run-environment ## measure what planning takes with 100 to 1000 rows (ARGS="--rows 3000" for others)
	$(VENV) -m bench.scale $(ARGS)

bench-zoo: setup ## compare networks with the gradient of their own framework (ARGS="--keras ResNet50")
	$(VENV) -m bench.zoo $(ARGS)

bench-faults: run-environment ## kill, fill, damage: check what the next command makes of it (ARGS="--rounds 20")
	$(VENV) -m bench.faults $(ARGS)

reproduce: run-environment ## compare the article's numbers with those computed here (ARGS: see docs/reproduce.md)
	$(VENV) -m studies.reproduce $(ARGS)

lock: setup ## resolve the packages again (ARGS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml --extra cpu --group build -o requirements/cpu.txt
	$(COMPILE) --group pyproject.toml:build -c requirements/cpu.txt -o requirements/build.txt
	$(COMPILE) --group pyproject.toml:dev -c requirements/cpu.txt -o requirements/dev.txt
	$(COMPILE) --group pyproject.toml:docs -c requirements/cpu.txt -c requirements/dev.txt \
		-o requirements/docs.txt

lock-gpu: setup ## the same for the GPU packages, with the versions of the CPU lock
	$(COMPILE) pyproject.toml --extra gpu --group build -c requirements/cpu.txt \
		-o requirements/gpu.txt

clean: ## remove what the tools left behind; results and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find src studies bench tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +

clean-results: ## remove the results and Snakemake's memory of them
	rm -rf results logs .snakemake
	find benchmarks -name '*.tsv' -delete 2>/dev/null || true

distclean: clean clean-results ## remove everything that is not the source, .venv too
	rm -rf .venv src/blockscope.egg-info
