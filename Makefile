# `make help` says what there is. The first call of anything sets up: .venv/ with the versions of requirements.lock.
PYTHON ?= python3
WORKERS ?= 2
TESTS ?=
BIN := .venv/bin
INSTALLED := .venv/installed
WITH_REJAX := .venv/installed-benchmark
WITH_SB3 := .venv/installed-sb3
WITH_DOCS := .venv/installed-docs
IN_VENV := PATH="$$PWD/$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help reproduce clients test test-slow fuzz conformance benchmark docs setup lock clean new-venv same-python \
  lint lint-style lint-types lint-imports lint-workflow

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1@/p' Makefile | awk -F@ '{printf "make %-10s  %s\n", $$1, $$2}'

reproduce: setup  ## everything that params.yaml plans; SCALE=smoke|quick|standard|paper for another scale
	$(IN_VENV) snakemake --cores all$(if $(SCALE), --config scale=$(SCALE))

clients: $(WITH_SB3)  ## agents of Stable-Baselines3 in the environments, where a scale plans them; SCALE=standard
	$(IN_VENV) snakemake --cores all all_clients$(if $(SCALE), --config scale=$(SCALE))

test: setup  ## what has to hold: lint, formats, types, import contracts, workflow, tests (minutes)
	$(MAKE) --no-print-directory -j $(WORKERS) lint
	$(IN_VENV) pytest -n $(WORKERS) $(TESTS)

test-slow: setup  ## the long tests: agents solve the real tasks
	$(IN_VENV) pytest -n $(WORKERS) -m slow

fuzz: setup  ## plans, settings and files damaged at random: accepted and sane, or refused; into docs/fuzz.json; CASES=20000
	PYTHONPATH=src:tests $(BIN)/python tests/fuzz.py $(if $(CASES),--cases $(CASES))

conformance: setup  ## what each environment of the zoo passes of what Gymnasium's own do, into docs/conformance.md
	PYTHONPATH=tests $(BIN)/python tests/conformance.py

benchmark: $(WITH_REJAX)  ## speed beside rejax, into benchmarks/README.md; AGENTS="ppo dqn", OPTIONS="--runs 3"
	$(BIN)/python -m benchmarks $(if $(AGENTS),--agents $(AGENTS)) $(OPTIONS)

# The site has the layout of the repository, so that links between documents, results and figures are the same.
SITE_FILES := '*.md' 'results/standard/*.png' LICENSE CITATION.cff src/synthgym/stages.yaml docs/site.css docs/first_steps.ipynb

docs: $(WITH_DOCS)  ## the documentation as a site, site/index.html; a link that leads nowhere is an error
	rm -rf work/docs
	mkdir -p work/docs
	git ls-files -z -- $(SITE_FILES) | tar --null --files-from - -cf - | tar -xf - -C work/docs
	$(BIN)/jupyter-nbconvert --to markdown --log-level WARN --output-dir work/docs/docs docs/first_steps.ipynb
	$(IN_VENV) zensical build --clean --strict

lint: lint-style lint-types lint-imports lint-workflow  ## the checks of `make test` that run no test

lint-style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow

lint-types: setup
	$(BIN)/mypy

lint-imports: setup
	$(BIN)/lint-imports --no-logo

# Rules need neither conda nor containers, as requirements.lock pins the software; any other remark is a failure.
lint-workflow: setup
	@report=$$($(IN_VENV) snakemake --lint 2>&1); \
	  if ! echo "$$report" | grep -qE '^(Lints for |Congratulations)' \
	  || echo "$$report" | grep -E '^ +\* ' | grep -vqF 'Specify a conda environment or container for each rule.'; then \
	    echo "$$report" >&2; exit 1; \
	  fi; \
	  echo "snakemake --lint: nothing but that rules name no conda environment"

setup: $(INSTALLED)  ## .venv/ with snakemake, dvc, synthgym; PYTHON=python3.12 for another Python

# All extras but sb3 and clients: PyTorch pins the libraries of CUDA, and would take others from JAX.
LOCKED := cuda workflow slurm brax watch hpo docs benchmark testing dev

lock: setup  ## requirements.lock for what pyproject.toml asks; UPGRADE=--upgrade for the newest versions
	$(BIN)/uv pip compile pyproject.toml --universal --fork-strategy fewest $(LOCKED:%=--extra %) $(UPGRADE) --quiet --no-header \
	  --no-annotate --output-file requirements.lock

clean:  ## removes caches; never results, checkpoints or .venv
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find benchmarks src tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +

# Bytecode is written now: where Python may not write it later, as in many containers, each job would compile JAX anew.
# pip can read the user's own index from pip's configuration, and uv cannot; so pip installs where there is one.
define INSTALL
if $(BIN)/python -m pip config list | grep -q '[.]index.url=' \
  || ! $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(or $(2),requirements.lock) --editable '.[$(1)]'; then \
  echo "... with pip, which takes a minute or two ..." ; \
  $(BIN)/python -m pip install --quiet --constraint $(or $(2),requirements.lock) --editable '.[$(1)]'; \
fi
@$(BIN)/python -m compileall -qq -j 0 .venv/lib || true # a few are no Python 3
endef

$(INSTALLED): pyproject.toml requirements.lock
	@echo "Installing the versions of requirements.lock into .venv ..."
	@$(BIN)/python -m pip install --quiet --constraint requirements.lock uv
	@$(call INSTALL,dev)
	@touch $@

$(WITH_REJAX): $(INSTALLED)
	@echo "Installing rejax, for the comparison, into .venv ..."
	@$(call INSTALL,benchmark)
	@touch $@

$(WITH_SB3): $(INSTALLED)
	@echo "Installing Stable-Baselines3, with PyTorch, into .venv ..."
	@grep -v '^nvidia-' requirements.lock > .venv/constraints-sb3.txt
	@$(call INSTALL,sb3,.venv/constraints-sb3.txt)
	@touch $@

$(WITH_DOCS): $(INSTALLED)
	@echo "Installing the tools of the documentation's site into .venv ..."
	@$(call INSTALL,docs)
	@touch $@

ifneq ($(shell $(BIN)/python -c 'import pip; print("pip")' 2>/dev/null),pip)
$(INSTALLED): new-venv
else ifeq ($(filter file default,$(origin PYTHON)),)
$(INSTALLED): | same-python
endif

VERSION := import sys; print("%d.%d" % sys.version_info[:2])

new-venv:
	@version=$$($(PYTHON) -c '$(VERSION)' 2>/dev/null); case "$$version" in \
	  3.11|3.12|3.13) ;; \
	  "") echo "$(PYTHON) does not run here. SynthGym needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 1 ;; \
	  *) echo "$(PYTHON) is Python $$version. SynthGym needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 1 ;; \
	esac
	@$(PYTHON) -m venv --clear .venv || { \
	  echo "$(PYTHON) cannot make a virtual environment: its module venv is missing (Debian, Ubuntu: apt install python3-venv)." >&2; \
	  exit 1; }

same-python:
	@asked=$$($(PYTHON) -c '$(VERSION)' 2>/dev/null); there=$$($(BIN)/python -c '$(VERSION)'); \
	  said="is Python $$asked"; [ -n "$$asked" ] || said="does not run here"; \
	  [ "$$asked" = "$$there" ] || { \
	  echo "$(PYTHON) $$said, and .venv was made with Python $$there: remove .venv to change." >&2; exit 1; }
