# Two commands matter: `make course` opens the course, `make test` proves that it works. `make help` lists the rest.
# All paths are relative, so that the repository may live in a folder with spaces in its name.

PY := .venv/bin/python
PORT ?= 8888
LAB_ARGS ?=
PYTEST_ARGS ?=

# JupyterLab on this computer alone, with its token, opening the first notebook, and asking nothing of the network.
LAB := --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
	--LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

# The first Python that really runs and is new enough (version managers leave commands that exist and fail).
CANDIDATES = "$(PYTHON)" python3.13 python3.12 python3.11 python3 python
FIND_PYTHON = for python in $(CANDIDATES); do \
	if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; \
	then exec "$$python" tools/install.py $(1); fi; done; \
	if command -v uv >/dev/null 2>&1; \
	then exec uv run --quiet --no-project --python '>=3.11,<3.14' tools/install.py $(1); fi; \
	echo "No Python between 3.11 and 3.13 was found under the names python3.13, python3.12, python3.11, python3 or python." \
	"Install one (https://www.python.org/downloads, or: sudo apt install python3 python3-venv) and run the same command" \
	"again; or name yours: make course PYTHON=/path/to/python3." >&2; exit 1

.PHONY: help course test lint unit notebooks-test install install-dev install-site notebooks verify bench site lock oldest test-matrix audit stamp wheel clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

course: install ## set up and open the course in JupyterLab
	@$(PY) -m jupyterlab $(LAB) --port=$(PORT) $$([ "$$(id -u)" = 0 ] && echo --allow-root) $(LAB_ARGS)

test: lint unit notebooks-test ## set up and run everything: lint, types, unit and browser tests, every notebook

lint: install-dev ## style, types, and notebooks whose outputs are older than their code
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet
	@$(PY) -m mypy
	@$(PY) tools/notebooks.py fresh

unit: install-dev install-site ## unit tests, examples in docstrings and browser tests, with line coverage
	@$(PY) -m pytest -n 2 --dist loadscope --cov --cov-report=term -q $(PYTEST_ARGS)

notebooks-test: install-dev ## run every notebook with preset tiny; compare the cells tagged nbval-check-output
	@PIX2PIX_EDU_PRESET=tiny $(PY) -m pytest -n 2 --dist loadscope -q -p no:cacheprovider \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=600 notebooks

notebooks: install-dev ## execute every notebook with preset small and write the outputs back
	@$(PY) -m ruff format --quiet notebooks
	@$(PY) tools/notebooks.py run

verify: install-dev ## execute every notebook with preset small and compare with the committed outputs
	@$(PY) tools/notebooks.py verify

bench: install-dev ## measure training speed; results go to benchmarks/results
	@$(PY) -m benchmarks && $(PY) -m benchmarks.table

lock: install-dev ## renew constraints.txt: the newest versions that work together on Python 3.11 to 3.13
	@$(PY) -m uv pip compile pyproject.toml --extra dev --extra site --upgrade --universal --python-version 3.11 \
		--fork-strategy fewest --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet -o constraints.txt

oldest: install-dev ## unit tests with the oldest versions that pyproject.toml allows, in a throw-away environment
	@rm -rf build/oldest && $(PY) -m uv venv --quiet --python 3.11 build/oldest
	@$(PY) -m uv pip install --quiet --python build/oldest/bin/python --resolution lowest-direct --editable '.[dev]'
	@build/oldest/bin/python -m pytest -q --ignore tests/browser $(PYTEST_ARGS) # ipywidgets 7 does not show in JupyterLab 4

test-matrix: install-dev ## the wheel outside the repository: newest and oldest versions on each Python here, and Colab's
	@$(PY) tools/matrix.py

audit: install-dev ## hold constraints.txt against the published vulnerabilities; this needs a network
	@$(PY) -m uv tool run pip-audit@2.10.1 --strict --disable-pip --no-deps -r constraints.txt

stamp: install-dev ## write badges and set-up cells into every notebook, for the repository that pyproject.toml names
	@$(PY) tools/colab.py stamp

site: install-site ## build the site of the course into build/site
	@$(PY) tools/site.py --strict

wheel: install-dev ## build the wheel into dist/
	@$(PY) -m hatchling build -t wheel

clean: ## remove everything that was built or installed here, but no run and no cache of yours
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage test-results

install:
	@$(call FIND_PYTHON,course)

install-dev:
	@$(call FIND_PYTHON,dev)

install-site:
	@$(call FIND_PYTHON,site)
