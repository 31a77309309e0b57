"""Tests of every llama-server that chats; the file of its role has them by importing them."""

from __future__ import annotations

import json

import pytest

from deploys.llama_chat import ChatServer
from tests.verify.any_llama_server import *  # noqa: F403  (its tests are a chatting one's too)
from tests.verify.llama_server import Server

OPENING = {"messages": [{"role": "user", "content": "Tell me a long story."}]}


def test_it_completes_a_prompt_for_the_key(server: Server, settings: ChatServer) -> None:
    body = {"model": settings.model, "max_tokens": 8, **OPENING}
    status, answer = server.ask("/v1/chat/completions", body)
    assert status == 200
    completion = json.loads(answer)
    assert completion["model"] == settings.model
    assert completion["choices"][0]["message"]["content"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/v1/completions"])
def test_nobody_else_gets_a_completion(server: Server, path: str) -> None:
    assert server.ask(path, {"prompt": "Hi", **OPENING}, key=False)[0] == 401


def test_it_measures_itself_under_the_known_names(server: Server) -> None:
    status, metrics = server.ask("/metrics")
    assert status == 200
    for name in ("prompt_tokens_total", "tokens_predicted_total", "requests_deferred"):
        assert f"\nllamacpp:{name} " in metrics


def test_every_slot_has_the_context_that_was_promised(server: Server, settings: ChatServer) -> None:
    slots = json.loads(server.ask("/slots")[1])
    contexts = [slot["n_ctx"] for slot in slots]
    assert contexts == [settings.context_per_slot_tokens] * settings.parallel_sequences
