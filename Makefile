# `make run` starts the gallery, `make test` checks it; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
# The PostgreSQL server on which the tests run a second time, where one answers.
POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/test
# The Redis server of the tests of wake-ups, likewise.
REDIS_URL ?= redis://127.0.0.1:6379/0
# Where the workshop's data set lies and where its intermediate files may.
FLICKR8K ?= $(HOME)/data/flickr8k
CACHE ?= $(HOME)/.cache/mmsite/features
RUNS ?= runs
# What is installed beyond the site itself: EXTRAS=samples leaves the reader of text in pictures out.
EXTRAS ?= samples,text,onnxruntime

# How often `make test-faults` kills web, and as often the worker; each of the others a tenth of that.
MMSITE_TEST_KILLS ?= 200
FAULTS ?= tests/faults

# What is compiled once is read by each of the many processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-browser test-load test-postgresql test-api test-faults openapi test-training test-hostile fuzz test-services lint types audit licences format words install install-dev workshop browser bench bench-full bench-growth bench-index bench-search bench-pages screenshots train-builtin evaluate clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## Start the gallery; PHOTOS=folder imports a folder meanwhile
	@$(BIN)/python manage.py setup
	@exec $(BIN)/python manage.py run $(if $(PHOTOS),--photos "$(PHOTOS)")

test: install-dev browser ## Run the tests: SQLite, real processes, the main thing in a browser, Redis where it answers
	OMP_NUM_THREADS=1 TEST_REDIS_URL="$(REDIS_URL)" $(BIN)/pytest -n 2 --dist loadgroup -m "not training and not flows and not hostile and not crashes"

test-browser: install-dev browser ## Do all that people do, in a real browser, on a phone and on a desk
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup -m flows tests/e2e

test-postgresql: install-dev ## Run the tests of the database a second time, on PostgreSQL, where one answers
	@if $(POSTGRES_ANSWERS); then \
		$(DATABASE_TESTS); \
	else \
		echo "No PostgreSQL at $(POSTGRES_URL): its tests were left out (make test-services installs one)"; \
	fi

test-api: install-dev ## Ask the API 200 things an operation, many of them senseless: no 5xx, no answer but as described
	OMP_NUM_THREADS=1 MMSITE_TEST_EXAMPLES=200 $(BIN)/pytest -n 2 tests/api/test_openapi.py

test-faults: install-dev ## Kill the processes of a whole site 500 times, and setup midway; an hour or two (MMSITE_TEST_KILLS=4: minutes)
	OMP_NUM_THREADS=1 MMSITE_TEST_KILLS=$(MMSITE_TEST_KILLS) TEST_POSTGRES_URL="$(POSTGRES_URL)" $(BIN)/pytest -s -m crashes $(FAULTS)

openapi: install-dev ## Write docs/openapi.yaml, the description of the API, anew
	DJANGO_SETTINGS_MODULE=mmsite.settings.test $(BIN)/python manage.py spectacular --fail-on-warn --file docs/openapi.yaml

test-training: install-dev ## Run the tests that train networks
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup -m training tests/ml

test-hostile: install-dev ## Decode the heaviest hostile pictures; invent hundreds of senseless files and texts
	OMP_NUM_THREADS=1 MMSITE_TEST_EXAMPLES=300 $(BIN)/pytest -n 2 tests/hostile/test_heavy.py tests/hostile/test_fuzz.py

fuzz: install-dev ## Look for bytes on which queries, EXIF, XMP, archives and tables fail; FUZZ_SECONDS=60 for each
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[fuzz]'
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.hostile.fuzz_atheris --seconds $(or $(FUZZ_SECONDS),60)

test-services: install-dev ## Run the tests that want PostgreSQL and Redis, which are installed where they are missing
	@{ $(POSTGRES_ANSWERS) && $(REDIS_ANSWERS); } || .ci/services
	@for attempt in 1 2 3 4 5 6 7 8 9 10; do $(POSTGRES_ANSWERS) && $(REDIS_ANSWERS) && break || sleep 1; done
	@$(POSTGRES_ANSWERS) || { echo "No PostgreSQL answers at $(POSTGRES_URL)"; exit 1; }
	@$(REDIS_ANSWERS) || { echo "No Redis answers at $(REDIS_URL)"; exit 1; }
	$(DATABASE_TESTS)

# The server is asked for its own database: the one in the URL need not be there, since the tests make theirs.
POSTGRES_ANSWERS = $(BIN)/python -c \
	'import psycopg, sys; psycopg.connect(sys.argv[1], dbname="postgres", connect_timeout=2)' "$(POSTGRES_URL)" 2>/dev/null
REDIS_ANSWERS = $(BIN)/python -c 'import redis, sys; redis.from_url(sys.argv[1], socket_connect_timeout=2).ping()' \
	"$(REDIS_URL)" 2>/dev/null
DATABASE_TESTS = OMP_NUM_THREADS=1 MMSITE_DATABASE_URL="$(POSTGRES_URL)" TEST_REDIS_URL="$(REDIS_URL)" \
	$(BIN)/pytest -n 2 --dist loadgroup -m "database and not browser and not models" \
	tests/api tests/gallery tests/captioning tests/reading tests/search tests/mmsite tests/faults/test_locked_database.py

lint: install-dev ## Style, import contracts, templates, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	git ls-files 'templates/*.html' | xargs $(BIN)/djade --check --target-version 5.2
	git ls-files 'templates/*.html' | xargs $(BIN)/djhtml --check
	DJANGO_SETTINGS_MODULE=mmsite.settings.test $(BIN)/python manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=mmsite.settings.test $(BIN)/python manage.py check --fail-level WARNING

types: install-dev ## mypy, strict
	$(BIN)/mypy

audit: install-dev ## Ask bandit about the code, and the advisories about the packages, where they can be reached
	git ls-files '*.py' | xargs $(BIN)/bandit --quiet --configfile pyproject.toml
	$(BIN)/python .ci/audit.py

licences: install-dev ## Write docs/licences.md anew: under what licence each package comes
	$(BIN)/python .ci/licences.py

format: install-dev ## Rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files 'templates/*.html' | xargs $(BIN)/djade --target-version 5.2
	git ls-files 'templates/*.html' | xargs $(BIN)/djhtml

words: install-dev ## Gather what the site says for translators, and compile what they wrote (locale/)
	@command -v xgettext >/dev/null || { echo "GNU gettext is missing: apt-get install gettext, or brew install gettext"; exit 1; }
	DJANGO_SETTINGS_MODULE=mmsite.settings.test $(BIN)/python manage.py makemessages $(WORDS)
	DJANGO_SETTINGS_MODULE=mmsite.settings.test $(BIN)/python manage.py makemessages $(WORDS) --domain djangojs
	DJANGO_SETTINGS_MODULE=mmsite.settings.test $(BIN)/python manage.py compilemessages --ignore $(VENV)

WORDS = --all --no-location --no-obsolete --no-wrap \
	--ignore $(VENV) --ignore tests --ignore bench --ignore ml --ignore var --ignore staticfiles

bench: install-dev ## Compare parts with their baselines, in minutes; fails where one fell by more than a third
	$(BIN)/python -m bench.guard

# Each writes its own part when it is done: where one fails, those before it are new and the others as they were.
BENCHES = bench bench.start bench.index bench.pipeline bench.fallback $(if $(CHROMIUM),bench.paint)
# Where that is, the first two measure more, and the others at all.
BENCHES_OF_FLICKR8K = bench.encoding bench.captioning $(if $(wildcard $(FLICKR8K)),bench.fusion bench.duplicates)
BENCHES_ON_ONE_THREAD = bench.search bench.pages bench.growth

CHROMIUM = $(shell command -v chromium >/dev/null && command -v chromedriver)
LEFT_OUT = $(strip $(if $(CHROMIUM),,bench.paint (no Chromium)) \
	$(if $(wildcard $(FLICKR8K)),,bench.fusion and bench.duplicates (no Flickr8k at $(FLICKR8K))))

bench-full: install-dev browser ## Measure everything, in the better part of an hour; 8 GB of memory, 12 GB of disk (FLICKR8K=folder); writes docs/performance.md and what `make bench` compares with
	@$(if $(LEFT_OUT),echo "Left out: $(LEFT_OUT)")
	@set -e; for part in $(BENCHES); do echo "$$part"; $(BIN)/python -m $$part; done
	@set -e; for part in $(BENCHES_OF_FLICKR8K); do echo "$$part"; $(BIN)/python -m $$part --data "$(FLICKR8K)"; done
	@set -e; for part in $(BENCHES_ON_ONE_THREAD); do echo "$$part"; OMP_NUM_THREADS=1 $(BIN)/python -m $$part; done
	$(BIN)/python -m bench.guard --write

bench-growth: install-dev ## Measure what grows from 1,000 pictures to a million; a quarter of an hour, 12 GB of disk
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.growth

bench-index: install-dev ## Measure the vector index alone, to a million vectors; some minutes and 8 GB of memory
	$(BIN)/python -m bench.index

bench-search: install-dev ## Measure the results page at 100,000 pictures, and the share of each step; some minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.search

bench-pages: install-dev ## Measure every page at 1,000, 20,000 and 200,000 pictures, on SQLite and PostgreSQL; a quarter of an hour
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.pages

test-load: install-dev ## Have 20 upload and 20 search for 10 minutes, over 10,000 pictures; writes docs/reliability.md
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.load

screenshots: install-dev browser ## Take pictures of every page anew, for the README and docs/screenshots.md
	$(BIN)/python -m bench.screenshots

workshop: $(VENV)/.installed-workshop ## Install what training, scoring and collecting data need

train-builtin: workshop ## Train the committed models anew (FLICKR8K=folder RUNS=folder); goes on where it was stopped
	@train() { \
		family=$$1; run="$(RUNS)/$$2"; shift 2; \
		if [ -e "$$run/metrics.json" ]; then echo "$$run is done already"; \
		elif [ -e "$$run/config.json" ]; then $(BIN)/python -m ml train --resume "$$run"; \
		else $(BIN)/python -m ml train $$family --data "$(FLICKR8K)" --cache "$(CACHE)" --output "$$run" "$$@"; fi; \
	}; \
	export OMP_NUM_THREADS=1; \
	train encoder builtin-encoder && \
	train captioner voice-0 --seed 0 && \
	train captioner voice-1 --seed 1 && \
	train chorus builtin-captioner --models "$(RUNS)/voice-0/model,$(RUNS)/voice-1/model" && \
	echo "The cards in ml/weights say which files of $(RUNS) to copy, and where to pin their hashes."

evaluate: workshop ## Score the built-in models on the Flickr8k test split (FLICKR8K=folder)
	$(BIN)/python -m ml evaluate retrieval --data "$(FLICKR8K)" --split test
	$(BIN)/python -m ml evaluate captions --data "$(FLICKR8K)" --split test

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

# pip comes last into a new environment: an interrupted start has none, and is done again.
$(BIN)/pip:
	$(PYTHON) -m venv --clear $(VENV)

# torch goes first and alone: its pin in constraints.txt decides which build everything else sees.
$(VENV)/.installed: $(BIN)/pip pyproject.toml constraints.txt
	@echo "Installing mmsite into $(VENV) (a minute or two the first time)…"
	@$(PIP) install --quiet --constraint constraints.txt torch
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[samples,text,onnxruntime,openvino,workshop,dev]'
	@touch $@

$(VENV)/.installed-workshop: $(VENV)/.installed
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[samples,text,onnxruntime,openvino,workshop]'
	@touch $@

# A real browser for the end-to-end test, which is skipped with a message where this cannot install one.
browser:
	@if [ -n "$(CHROMIUM)" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests…"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver; } >/dev/null \
			|| echo "Chromium could not be installed: the browser tests will be skipped"; \
	else echo "No chromium and chromedriver here: the browser tests will be skipped"; fi

clean: ## Remove caches (never your pictures, which lie in var/)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
