"""llama.cpp: it completes a prompt for whoever has the key, and can do little else."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

from deploys.llama_cpp import LlamaCpp
from deploys.topology import Machine
from tests.verify import llama_server
from tests.verify.llama_server import Server

OPENING = {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": 8}
SHOW_ON_FAILURE = llama_server.evidence("llama_cpp")


@pytest.fixture
def server(host: Host, machine: Machine, settings: LlamaCpp) -> Server:
    return llama_server.of(host, machine, settings)


def test_it_completes_a_prompt_for_the_key(server: Server, settings: LlamaCpp) -> None:
    status, answer = server.ask("/v1/chat/completions", {"model": settings.model, **OPENING})
    assert status == 200
    completion = json.loads(answer)
    assert completion["model"] == settings.model
    assert completion["choices"][0]["message"]["content"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/v1/completions"])
def test_nobody_else_gets_a_completion(server: Server, path: str) -> None:
    assert server.ask(path, {"prompt": "Hi", **OPENING}, key=False)[0] == 401


@pytest.mark.parametrize("path", ["/metrics", "/props", "/slots", "/v1/models"])
def test_nobody_else_sees_what_it_does(server: Server, path: str) -> None:
    assert server.ask(path, key=False)[0] == 401


def test_it_measures_itself_under_the_known_names(server: Server) -> None:
    status, metrics = server.ask("/metrics")
    assert status == 200
    for name in ("prompt_tokens_total", "tokens_predicted_total", "requests_deferred"):
        assert f"\nllamacpp:{name} " in metrics


def test_every_slot_has_the_context_that_was_promised(server: Server, settings: LlamaCpp) -> None:
    slots = json.loads(server.ask("/slots")[1])
    contexts = [slot["n_ctx"] for slot in slots]
    assert contexts == [settings.context_per_slot_tokens] * settings.parallel_sequences
