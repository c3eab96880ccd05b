.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

export BENTOML_DO_NOT_TRACK := True

PYTHON ?= python3
VENV ?= .venv
# Not ?=, which would take the variable HOST that conda's compilers and tcsh set.
HOST = 127.0.0.1
PORT ?= 3000
SCALER ?= artifacts/model-scaler.pkl
MODEL ?= artifacts/svc.onnx
HORIZON ?= 4

BIN := $(VENV)/bin

# More processes than cores, since a test that waits for a service needs none. A module's tests go to one
# process: they share their services.
PARALLEL ?= -n 4 --dist loadfile

# `make TARGET ARGS=--help` prints the options of the target's command, and installs nothing for it: its parser
# needs no package. Only drift's needs those of make serve.
HELP := $(filter -h --help,$(ARGS))
DEVELOPMENT := $(if $(HELP),,$(VENV)/development)
# $(call command,MODULE OF THE PARSER,COMMAND)
command = $(if $(HELP),@$(PYTHON) -m $(1) --help,$(2) $(ARGS))

.PHONY: figures help doctor needs-NAME needs-DATA needs-FIELDS serve stations key train import evaluate drift bento image image-stations render loadtest loadtest-stations chaos test-replicas fuzz bench capacity picture notebook test test-stations test-all coverage test-image test-image-stations test-clients test-artifacts check docs docs-serve hooks lock fork clean

help: ## show this list
	@awk '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { target = $$1; sub(/:$$/, "", target); sub(/^.*## /, ""); printf "  make %-19s %s\n", target, $$0 }' \
	  $(MAKEFILE_LIST)

doctor: ## what this machine lacks, for which target, and how to get it; installs nothing
	@$(PYTHON) requirements/doctor.py --port $(PORT) --venv $(VENV)

# The lock files form a chain, each a superset of the one before. A stamp marks what .venv holds;
# a larger set satisfies every target that needs a smaller one.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, and this is %d.%d: give another one, as PYTHON=python3.11 (make doctor looks for it)" % sys.version_info[:2])'
	@echo "making the environment $(VENV) …" >&2
	@# With half of an environment the next run would go on.
	@$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

INSTALL = @$(BIN)/python requirements/install.py

$(VENV)/development: requirements/development.lock requirements/places.lock requirements/schemas.lock | $(BIN)/python
	$(INSTALL) $< --no-deps requirements/places.lock requirements/schemas.lock
	@touch $(VENV)/import $(VENV)/training $@

$(VENV)/training: requirements/training.lock requirements/places.lock | $(BIN)/python
	$(INSTALL) $< --no-deps requirements/places.lock
	@touch $(VENV)/import $@

$(VENV)/import: requirements/import.lock | $(BIN)/python
	$(INSTALL) $<
	@touch $@

# Environments of their own, for what can't be installed beside the rest.
.venv-%/installed: requirements/%.lock
	@$(PYTHON) -m venv .venv-$* || { rm -f .venv-$*/bin/python; exit 1; }
	@.venv-$*/bin/python requirements/install.py $<
	@touch $@

# A variable that a target can't do without; asked for before anything is installed.
needs-NAME needs-DATA needs-FIELDS:
	$(if $($(@:needs-%=%)),,$(error $(EXAMPLE_$(@:needs-%=%))))
EXAMPLE_NAME = give the client's name: make key NAME=station-7
EXAMPLE_DATA = give your observations: make evaluate DATA=mine.csv (docs/first-model.md has the columns)
EXAMPLE_FIELDS = give a name and its fields: make fork NAME=iris_virginica FIELDS=fork/examples/iris.toml (docs/fork.md)

##@ serve

serve: $(VENV)/import ## serve on http://127.0.0.1:3000 (HOST=…, PORT=…)
	$(BIN)/python train_import.py import --if-missing
	exec $(BIN)/bentoml serve . --host $(HOST) --port $(PORT)

stations: $(DEVELOPMENT) ## both services and a replayed week of three stations; prints the page's address
	$(call command,stations.demo,$(BIN)/python -m stations.demo)

key: needs-NAME $(VENV)/import ## make an API key for NAME=…
	@$(BIN)/python -m weather.http.api_keys $(NAME)

##@ your model

train: $(VENV)/training ## train on DATA=FILE.csv (default: New York, 2013) and write artifacts/
	$(BIN)/python train_import.py train --horizon $(HORIZON) $(if $(DATA),--data $(DATA))

import: $(VENV)/import ## import SCALER=FILE.pkl MODEL=FILE.onnx into the model store
	$(BIN)/python train_import.py import --scaler $(SCALER) --model $(MODEL)

evaluate: needs-DATA $(VENV)/training ## verify SCALER=… MODEL=… on DATA=FILE.csv
	$(BIN)/python train_import.py evaluate --data $(DATA) --scaler $(SCALER) --model $(MODEL)

drift: $(if $(HELP),$(VENV)/import,$(VENV)/development) ## drift report of LOG=FOLDER, or of a load test of 20 s (ARGS=--help)
	$(if $(or $(LOG),$(HELP)),,rm -rf reports/forecasts && $(BIN)/python -m loadtest.run --forecast-log reports/forecasts)
	$(if $(HELP),,mkdir -p reports)
	$(BIN)/python train_import.py drift $(if $(HELP),,--log $(or $(LOG),reports/forecasts) --out reports/drift.md) $(ARGS)

fork: EXAMPLE_NAME = $(EXAMPLE_FIELDS)
fork: needs-NAME needs-FIELDS $(VENV)/development ## start a project for another problem: NAME=…, FIELDS=fields.toml (DATA=FILE.csv, TO=FOLDER)
	$(BIN)/python -m fork '$(NAME)' '$(FIELDS)' $(if $(DATA),--data '$(DATA)') $(if $(TO),--to '$(TO)')

##@ ship

bento: $(VENV)/import ## build the Bento from the latest models in the store
	$(BIN)/python train_import.py import --if-missing
	$(BIN)/bentoml build

image: $(VENV)/import ## build the Bento and its container image (IMAGE=name:tag, ENGINE=podman, GRPC=1)
	$(BIN)/python train_import.py import --if-missing
	$(BIN)/python -m deploy.image.build $(IMAGE) $(if $(GRPC),--grpc) $(ARGS)

image-stations: $(VENV)/import ## build the container image of the second service (IMAGE=name:tag, ENGINE=podman)
	$(BIN)/python -m deploy.stations.build $(IMAGE)

render: ## print the Kubernetes manifests of each overlay (needs kubectl)
	@for folder in $(RENDERED); do \
	  echo "---"; echo "# deploy/kubernetes/$$folder"; kubectl kustomize deploy/kubernetes/$$folder; \
	done

##@ load

loadtest: $(DEVELOPMENT) ## load a service of its own, or HOST=http://…, with Locust for 20 s (ARGS=--help)
	$(call command,loadtest.options $@,$(BIN)/python -m loadtest.run $(if $(filter file,$(origin HOST)),,--url '$(HOST)'))

loadtest-stations: $(DEVELOPMENT) ## 10,000 home stations at one report a minute on the second service, 60 s (ARGS=--help)
	$(call command,loadtest.options $@,$(BIN)/python -m loadtest.consoles)

chaos: $(DEVELOPMENT) ## overload, kill, drain, soak, annoy a service and swap its model, 6 minutes (ARGS=--help)
	$(call command,loadtest.options $@,$(BIN)/python -m loadtest.chaos)

test-replicas: $(DEVELOPMENT) ## three replicas behind HAProxy: kill one, roll out a second model, 2 minutes
	$(call command,loadtest.options $@,$(BIN)/python -m loadtest.replicas)

fuzz: $(VENV)/development ## 20,000 requests made from the OpenAPI document, 6 minutes
	FUZZ_EXAMPLES=7000 $(BIN)/python -m pytest tests/end_to_end/test_conformance.py

##@ measure

bench: $(if $(HELP),,.venv-benchmarks/installed .venv-mlserver/installed) ## measure this service beside its peers, 20 minutes (ARGS=--help)
	$(call command,benchmarks.options,.venv-benchmarks/bin/python -m benchmarks.run)

capacity: $(DEVELOPMENT) ## which load one replica takes at which latency, 2 minutes (ARGS=--help)
	$(call command,loadtest.options $@,$(BIN)/python -m loadtest.capacity)

figures: $(if $(HELP),,$(VENV)/development .venv-benchmarks/installed .venv-mlserver/installed) ## make every figure and picture of the documents, 50 minutes (ARGS=--help; --list, --stale, --changed)
	$(call command,loadtest.make_figures,$(BIN)/python -m loadtest.make_figures)

picture: $(VENV)/development ## take docs/page.png and docs/page-dark.png of the page (needs Chromium)
	$(BIN)/python -m tests.pages.picture

##@ develop

notebook: $(VENV)/development ## run docs/tutorial.ipynb and store its outputs, a minute
	$(BIN)/python -m tests.documents.notebook

test: $(VENV)/development ## run all tests but the slow ones, 4 minutes (ARGS=… for pytest)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

test-stations: $(VENV)/development ## the tests of the second service, 2 minutes (ARGS=… for pytest)
	$(BIN)/python -m pytest $(PARALLEL) tests/stations $(ARGS)

test-all: $(VENV)/development ## run every test
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

coverage: $(VENV)/development ## run every test, and say which lines of the program they reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-image: $(VENV)/development ## build the image and test it, confined; as root on Debian installs podman
	deploy/image/engine.sh $(BIN)/python -m pytest deploy/image $(ARGS)

test-image-stations: $(VENV)/development ## build that image and test it, confined; as root on Debian installs podman
	deploy/image/engine.sh $(BIN)/python -m pytest deploy/stations $(ARGS)

test-clients: $(VENV)/development $(if $(HELP),,.venv-clients/installed .venv-mlserver/installed) ## round trips of other people's clients (KServe, Triton, MLServer)
	$(BIN)/python -m pytest tests/clients $(ARGS)

test-artifacts: $(VENV)/development $(if $(HELP),,.venv-artifacts/installed) ## import models of scikit-learn, XGBoost, LightGBM, CatBoost and networks, 5 minutes
	$(if $(HELP),,rm -rf reports/artifacts)
	$(if $(HELP),,CASES=reports/artifacts .venv-artifacts/bin/python -m tests.producers.generate)
	CASES=reports/artifacts $(BIN)/python -m pytest tests/producers $(ARGS)

check: $(VENV)/development ## ruff, mypy --strict and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@# A report, no fault: a figure is measured on an idle machine, not for each commit.
	@$(PYTHON) -m loadtest.make_figures --stale

docs: $(VENV)/development ## build the documentation site in reports/site/html, half a minute
	$(BIN)/python -m docs.site

docs-serve: $(VENV)/development ## build the documentation site and serve it on this machine (ARGS="--port 8001")
	$(BIN)/python -m docs.site --serve $(ARGS)

hooks: $(VENV)/development ## run the same checks before each commit, on what it changes
	$(BIN)/pre-commit install

lock: $(VENV)/development ## add and remove pins in requirements/*.lock as pyproject.toml asks (UPGRADE=--upgrade, or "--upgrade-package NAME")
	$(COMPILE) pyproject.toml -o requirements/serving.lock
	for set in import grpc scale training benchmarks; do \
	  $(COMPILE) pyproject.toml --extra $$set -c requirements/serving.lock -o requirements/$$set.lock; \
	done
	$(COMPILE) pyproject.toml --extra development --group stations -c requirements/serving.lock \
	  -o requirements/development.lock
	$(COMPILE) --group stations -c requirements/serving.lock -o requirements/stations.lock
	for set in mlserver clients artifacts; do $(COMPILE) --group $$set -o requirements/$$set.lock; done
	for set in places schemas; do $(COMPILE) --no-deps --group $$set -o requirements/$$set.lock; done

clean: ## remove .venv and what builds and tests left
	rm -rf $(VENV) .venv-artifacts .venv-benchmarks .venv-clients .venv-mlserver .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

# What is pinned stays pinned, so the result depends on pyproject.toml and the lock files alone.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" --no-emit-package rain-forecast $(UPGRADE)

RENDERED = overlays/production overlays/canary overlays/canary-weights overlays/canary-mirror overlays/kserve
