# Two commands matter: `make serve` and `make test`. Each works alone on a fresh clone with Python >= 3.11.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: serve test web web-tools install clients catalogue-tools link-tools lint lock bench docs clean
.DEFAULT_GOAL := help

help:
	@echo "make serve    build the graph and serve it on http://127.0.0.1:$(PORT)"
	@echo "make test     run the test suite (KYMGRAPH_TEST=quick|ci|night)"
	@echo "make install  what both share: .venv with the pinned dependencies and the kymgraph command"
	@echo "make web      build the front end, if its sources have changed"
	@echo "make web-tools  what the front end is checked and tested with; without it those tests are skipped"
	@echo "make clients  what tests/clients need of npm; without it those tests are skipped"
	@echo "make catalogue-tools  what tests/catalogues reads our catalogue with; without it those tests are skipped"
	@echo "make link-tools  what tests/linking reads our export of links with; without it that test is skipped"
	@echo "make lint     ruff, mypy --strict, import contracts; tsc, eslint, vitest"
	@echo "make lock     renew requirements.lock from pyproject.toml"
	@echo "make bench    run the benchmarks (minutes)"
	@echo "make docs     regenerate the references in docs/"

# The stamp is written last, so an interrupted installation is taken up again; with the stamp in place
# nothing here touches the network.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "kymgraph needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The front end: sheets and islands from api/web, with the Node.js that came as a wheel. Installing the package
# builds it; this looks whether a source has changed since, by hash.
web: $(STAMP)
	@$(BIN)/python hatch_build.py

# What the front end is checked and tested with: type checker, linters, axe-core, a validator of HTML.
web-tools: $(STAMP)
	@$(BIN)/python hatch_build.py tools

install: web

# Clients in JavaScript that the tests ask the endpoint with. Only tests need Node.js.
CLIENTS := tests/clients/node_modules/.installed
$(CLIENTS): tests/clients/package-lock.json
	npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

clients: $(CLIENTS)

# CKAN's reader of DCAT-AP, in an environment of its own: it brings other versions of what we use ourselves.
TOOLS := tests/catalogues/.venv
$(TOOLS)/.installed: tests/catalogues/requirements.lock
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r tests/catalogues/requirements.lock
	touch $@

catalogue-tools: $(TOOLS)/.installed

# The package of SSSOM, likewise.
LINK_TOOLS := tests/linking/.venv
$(LINK_TOOLS)/.installed: tests/linking/requirements.lock
	test -x $(LINK_TOOLS)/bin/python || $(PYTHON) -m venv $(LINK_TOOLS)
	$(LINK_TOOLS)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r tests/linking/requirements.lock
	touch $@

link-tools: $(LINK_TOOLS)/.installed

serve: web
	$(BIN)/kymgraph serve --port $(PORT)

# One file more at a time than there are cores: much of a run is waiting for processes and deadlines.
AT_ONCE = $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 6))')
test: web
	$(BIN)/python -m pytest --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder

lint: web
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -x api/web/node_modules/.bin/eslint ]; then PATH="$(CURDIR)/$(BIN):$$PATH" npm run --prefix api/web --silent check; \
	else echo "api/web is not checked: make web-tools installs what it needs"; fi

# uv resolves for every platform and Python at once; hashes without addresses, so any mirror serves.
lock:
	uv pip compile pyproject.toml --extra reason --extra mcp --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet -o requirements.lock
	uv pip compile tests/catalogues/requirements.in --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet -o tests/catalogues/requirements.lock
	uv pip compile tests/linking/requirements.in --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet -o tests/linking/requirements.lock

bench: $(STAMP)
	$(BIN)/python benchmarks/query.py

docs: $(STAMP)
	$(BIN)/python -m kymgraph.cli.references docs

clean:
	rm -rf .venv .kymgraph dist build api/static/dist api/web/node_modules
