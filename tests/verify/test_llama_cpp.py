"""llama.cpp: it completes a prompt for whoever has the key, and can do little else."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.llama_cpp import LlamaCpp
from deploys.topology import Machine
from tests.verify import llama_server
from tests.verify.chat_server import *  # noqa: F403  (its tests are this role's)
from tests.verify.llama_server import Server

SHOW_ON_FAILURE = llama_server.evidence("llama_cpp")


@pytest.fixture
def server(host: Host, machine: Machine, settings: LlamaCpp) -> Server:
    return llama_server.of(host, machine, settings)
