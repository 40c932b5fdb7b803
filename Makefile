# Takt. `make demo` and `make test` are all that a fresh machine needs; both install what is missing.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest

.PHONY: help setup demo test check check-python check-web docs peers chaos soak
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## make .venv with exactly the packages of constraints.txt
	@$(PYTHON) deploy/bootstrap.py

demo: setup ## everything with a simulated plant; ARGS="--speed 60 --seed 2"
	@exec $(BIN)/mes demo $(ARGS)

test: ## install what the tests need and run them all; ARGS="tests/host -k port"
	@$(PYTHON) deploy/bootstrap.py --browser
	@exec $(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder -m "not chaos and not soak and not peers" $(ARGS)

check: check-python check-web ## everything that can be said without running the product

check-python: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) tests/house

check-web:
	@deploy/check-web

docs: setup ## write docs/reference from the code; make check says when it is not current
	@$(BIN)/python deploy/reference.py

peers: setup ## node-opcua, sparkplug-client and mosquitto, each through restart, kill -9, cut, black hole, half-open
	@exec $(PYTEST) -n 2 --dist loadfile tests/collectors/test_peer_*.py $(ARGS)

chaos: setup ## long runs with faults
	@exec $(PYTEST) -m chaos $(ARGS)

soak: setup ## half an hour steadily and ten minutes without a database, then the figures
	@exec $(PYTEST) -m soak tests/collectors/test_soak.py $(ARGS)
