# Everything anyone types. LIMIT= narrows to hosts or roles, INVENTORY= chooses other hosts.
INVENTORY ?= inventory.py
LIMIT ?=
HOST ?=
NAME ?=

PYTHON := .venv/bin/python
PYINFRA := .venv/bin/pyinfra
LIMITED := $(foreach name,$(LIMIT),--limit $(name))
needs = $(if $($(1)),,$(error $(1)= is missing: make $@ $(1)=...))

.DEFAULT_GOAL := help
.PHONY: help setup lab lab-down lab-clean plan apply verify budget check check-plans test bench link real-vllm trust secret restore backup-key retire docs lock lock-mlflow lock-workstation lock-npu

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

setup: ## make .venv hold the pinned packages
	@./setup

lab: setup ## build, roll out and verify the whole lab on this computer
	$(PYTHON) -m lab up
	$(PYTHON) -m lab rollout

lab-down: setup ## remove everything that this checkout's lab runs
	$(PYTHON) -m lab down

lab-clean: setup ## lab-down, and the images and downloads too
	$(PYTHON) -m lab clean

plan: setup ## show what a run would change, with diffs (LIMIT=, INVENTORY=)
	@./plan $(INVENTORY) $(LIMITED) || [ $$? -eq 2 ]

apply: setup ## change what differs; guests are made first (LIMIT=, INVENTORY=)
	$(PYTHON) -m new_guests $(INVENTORY) $(LIMITED)
	$(PYINFRA) -y $(INVENTORY) deploy.py $(LIMITED)

verify: setup ## use every service as its users do (LIMIT=, INVENTORY=)
	$(PYTHON) -m pytest tests/verify --inventory $(INVENTORY) $(LIMITED)

budget: setup ## draw what the roles take of each host's cards, memory and disk (LIMIT=, INVENTORY=)
	@$(PYTHON) -m budget --inventory $(INVENTORY) $(LIMITED)

check: setup ## format, lint, types, and the tests that need no host
	./setup --tests
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	$(PYTHON) -m settings_reference --check
	$(PYTHON) -m dashboards --check
	$(PYTHON) -m workflows --check
	$(PYTHON) -m alerts_reference --check
	$(PYTHON) -m power_reference --check
	$(PYTHON) -m pytest tests/unit

check-plans: check
	$(PYTHON) -m pytest tests/operations tests/facts tests/plans

# The lab is rolled out while the checks run: one waits for its hosts, the other for the processor.
test: ## every check and every test, the lab included
	./setup --tests
	$(MAKE) --jobs=2 check-plans lab
	$(PYTHON) -m pytest tests/lab

bench: setup ## measure the converged run, and the gateway beside plain NGINX (the lab has to be up)
	$(PYTHON) -m benchmarks.converged
	$(PYTHON) -m benchmarks.gateway

link: setup ## measure request round trips from the desktop to the Jetson (INVENTORY=)
	$(PYTHON) -m benchmarks.link --inventory $(INVENTORY)

real-vllm: setup ## hold the lab's stand-in for vLLM to the real one (half an hour, 3 GB)
	$(PYTHON) -m lab.real_vllm

lock-real-vllm: setup
	.venv/bin/uv pip compile --quiet --python-version 3.14 --python-platform x86_64-manylinux_2_35 \
		--only-binary :all: --generate-hashes --no-header --no-annotate \
		--override lab/real_vllm/debian.txt lab/real_vllm/requirements.in \
		--output-file lab/real_vllm/requirements.txt

trust: setup ## pin a host's SSH key and make our account there (HOST=, LOGIN=, REPLACE=1)
	$(call needs,HOST)$(PYTHON) -m trust $(HOST) --inventory $(INVENTORY) $(if $(LOGIN),--login $(LOGIN)) $(if $(REPLACE),--replace)

secret: setup ## show a secret (NAME=), give it a new value (ROTATE=1), or yours (GIVE=1)
	$(call needs,NAME)$(PYTHON) -m secret_store $(NAME) $(if $(ROTATE),--rotate) $(if $(GIVE),--stdin) --inventory $(INVENTORY)

restore: setup ## put back data of a host from its backups, then roll it out (LIMIT=, WHAT=, SNAPSHOT=)
	$(call needs,LIMIT)$(PYINFRA) -y $(INVENTORY) restore.py $(LIMITED) $(if $(WHAT),--data what=$(WHAT)) $(if $(SNAPSHOT),--data snapshot=$(SNAPSHOT))
	$(PYINFRA) -y $(INVENTORY) deploy.py $(LIMITED)

backup-key: setup ## show the public SSH key that a NAS has to know (INVENTORY=)
	@$(PYTHON) -m deploys.backup_identity --inventory $(INVENTORY)

retire: setup ## remove roles that a host no longer has (data stay), and old models (LIMIT=)
	$(PYINFRA) -y $(INVENTORY) retire.py $(LIMITED)

docs: setup ## write what is generated: docs/{settings,alerts,power}.md, dashboards, workflows
	$(PYTHON) -m settings_reference
	$(PYTHON) -m alerts_reference
	$(PYTHON) -m power_reference
	$(PYTHON) -m dashboards
	$(PYTHON) -m workflows

lock: setup ## pin requirements.in with hashes into requirements.txt
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate requirements.in --output-file requirements.txt

lock-mlflow: setup ## pin files/mlflow/requirements.in in the same way, for every Python from 3.10 on
	.venv/bin/uv pip compile --quiet --universal --python-version 3.10 --only-binary :all: \
		--generate-hashes --no-header --no-annotate --override files/mlflow/left_out.txt \
		files/mlflow/requirements.in --output-file files/mlflow/requirements.txt

lock-workstation: setup ## pin files/workstation/requirements.in in the same way
	.venv/bin/uv pip compile --quiet --universal --python-version 3.10 --only-binary :all: \
		--generate-hashes --no-header --no-annotate \
		files/workstation/requirements.in --output-file files/workstation/requirements.txt

lock-npu: setup ## pin files/npu/requirements.in, for every Python from 3.10 on
	.venv/bin/uv pip compile --quiet --universal --python-version 3.10 --only-binary :all: \
		--generate-hashes --no-header --no-annotate --override files/npu/left_out.txt \
		files/npu/requirements.in --output-file files/npu/requirements.txt
