# Every target installs what it needs into .venv; nothing else has to be prepared by hand.
#
#   make demo      the quickstart notebook on real builders, then a running JupyterLab to try things in
#   make test      every test: unit, integration on real services, notebooks, a real browser
#   make lint      ruff, mypy, import-linter
#   make bench     the figures, one a line: name value unit goal ok|short
#   make services  a registry and a builder to play with, until Ctrl-C

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ENVD_ANALYTICS := false
STAMP := .venv/.installed

.PHONY: help install demo demo-stop test unit integration notebooks browser lint format bench services proto clean

help:
	@sed -n 's/^#   //p' Makefile

$(STAMP): pyproject.toml envd_jupyter/_version.py
	@PYTHON=$(PYTHON) bash .ci/install

install: $(STAMP)

demo: $(STAMP)
	@python -m tests.services.demo

demo-stop:
	@python -m tests.services.demo --stop

services: $(STAMP)
	@python -m tests.services run

unit: $(STAMP)
	python -m pytest tests/unit

integration: $(STAMP)
	python -m pytest tests/integration

notebooks: $(STAMP)
	python -m pytest tests/notebooks

browser: $(STAMP)
	python -m pytest tests/browser

test: $(STAMP)
	python -m pytest tests

lint: $(STAMP)
	ruff check .
	ruff format --check .
	mypy
	lint-imports

format: $(STAMP)
	ruff check --fix .
	ruff format .

bench: $(STAMP)
	@python -m bench

# An old compiler: what it writes works with every protobuf from 5.26 on.
proto: $(STAMP)
	python -m venv .venv/protoc
	.venv/protoc/bin/pip install -q 'grpcio-tools==1.64.1' setuptools
	.venv/protoc/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. \
	  $$(git ls-files '*.proto')

clean:
	rm -rf .venv dist
