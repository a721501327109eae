# Every target installs what it needs into .venv; nothing else has to be prepared by hand.
#
#   make demo      the quickstart notebook on real builders, then a running JupyterLab to try things in
#   make test      every test: unit, integration on real services, notebooks, a real browser
#   make test-pythons  the unit tests on every Python here, and with the oldest dependencies
#   make lab-test  the unit tests of the JupyterLab extension
#   make screenshots  the pictures of the README, made anew
#   make lint      ruff, mypy, import-linter; eslint, prettier and stylelint for the extension
#   make bench     the figures, one a line: name value unit goal ok|short
#   make docs      run the tests that show what works, and write docs/compatibility.md
#   make services  a registry, builders, S3 and an Actions cache to play with, until Ctrl-C
#   make saved-notebooks  run the example notebooks and save them with what they show

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ENVD_ANALYTICS := false
STAMP := .venv/.installed
LAB := .venv/.labextension
LAB_PACKAGES := labextension/node_modules/.installed
LAB_SOURCES := $(shell find labextension \( -name node_modules -o -name lib \) -prune \
  -o -type f ! -name '*.tsbuildinfo' -print)

.PHONY: help install demo demo-stop test test-pythons unit integration notebooks saved-notebooks \
  browser screenshots lint \
  lab-test lab-lint lab-format format bench services proto clean

help:
	@sed -n 's/^#   //p' Makefile

$(STAMP): pyproject.toml envd_jupyter/_version.py
	@PYTHON=$(PYTHON) bash .ci/install

install: $(STAMP) $(LAB)

# The JupyterLab extension, built again when its sources have changed.
$(LAB): $(STAMP) $(LAB_SOURCES)
	@bash .ci/labextension

demo: $(STAMP) $(LAB)
	@python -m tests.services.demo

demo-stop:
	@python -m tests.services.demo --stop

services: $(STAMP)
	@python -m tests.services run

unit: $(STAMP)
	python -m pytest tests/unit

test-pythons:
	@bash .ci/test-pythons

integration: $(STAMP)
	python -m pytest tests/integration

notebooks: $(STAMP)
	python -m pytest tests/notebooks

saved-notebooks: $(STAMP)
	python -m tests.notebooks.saving

browser: $(STAMP)
	python -m pytest tests/browser

# The pictures of the README, made anew of real builds.
screenshots: $(STAMP) $(LAB)
	python -m pytest tests/browser/pictures.py

test: $(STAMP) $(LAB) lab-test
	python -m pytest tests

lab-test: $(LAB_PACKAGES)
	@bash .ci/jlpm test

$(LAB_PACKAGES): $(STAMP) labextension/package.json labextension/yarn.lock
	@bash .ci/jlpm install --immutable
	@touch $@

lint: $(STAMP) lab-lint
	ruff check .
	ruff format --check .
	mypy
	lint-imports

lab-lint: .venv/.lab-checked

.venv/.lab-checked: $(LAB_SOURCES) | $(LAB_PACKAGES)
	@bash .ci/jlpm check
	@touch $@

format: $(STAMP) lab-format
	ruff check --fix .
	ruff format .

lab-format: $(LAB_PACKAGES)
	@bash .ci/jlpm fix

.PHONY: docs
docs: $(STAMP)
	ENVD_JUPYTER_SHOWN=docs/compatibility.json python -m pytest tests/integration -m shows
	python -m tests.compatibility.page

bench: $(STAMP)
	@python -m bench

# An old compiler: what it writes works with every protobuf from 5.26 on.
proto: $(STAMP)
	python -m venv .venv/protoc
	.venv/protoc/bin/pip install -q 'grpcio-tools==1.64.1' setuptools
	.venv/protoc/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. \
	  $$(git ls-files '*.proto')

clean:
	rm -rf .venv dist envd_jupyter/labextension labextension/lib labextension/node_modules
