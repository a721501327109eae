# Every target installs what it needs into .venv; nothing else has to be prepared by hand.
#
#   make demo      the quickstart notebook on real builders, then a running JupyterLab to try things in
#   make test      every test: unit, integration on real services, notebooks, Lab and browser
#   make lint      ruff, mypy, import-linter, eslint, prettier
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

.PHONY: help install demo demo-stop test unit integration notebooks lab browser lint format bench services proto labextension clean

help:
	@sed -n 's/^#   //p' Makefile

$(STAMP): pyproject.toml envd_jupyter/_version.py
	@PYTHON=$(PYTHON) bash .ci/install

install: $(STAMP)

labextension: $(STAMP)
	@python labextension/build.py

demo: labextension
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

lab: labextension
	python labextension/build.py test

browser: labextension
	python -m pytest tests/browser

test: labextension
	python labextension/build.py test
	python -m pytest tests

lint: labextension
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python labextension/build.py lint

format: $(STAMP)
	ruff check --fix .
	ruff format .

bench: $(STAMP)
	@python -m bench

proto: $(STAMP)
	python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. envd_jupyter/buildkit/wire.proto envd_jupyter/build/insight/llb.proto

clean:
	rm -rf .venv dist envd_jupyter/labextension labextension/lib labextension/node_modules
