"""Embeddings: texts become vectors of the model's dimension, for whoever has the key."""

from __future__ import annotations

import json
import math

import pytest
from testinfra.host import Host

from deploys.embeddings import Embeddings
from deploys.topology import Machine
from tests.verify import llama_server
from tests.verify.any_llama_server import *  # noqa: F403  (its tests are this role's)
from tests.verify.llama_server import Server

DOCUMENT, QUERY = "search_document: ", "search_query: "
"""What nomic-embed-text was trained to find before each text."""
SHOW_ON_FAILURE = llama_server.evidence("embeddings")


@pytest.fixture
def server(host: Host, machine: Machine, settings: Embeddings) -> Server:
    return llama_server.of(host, machine, settings)


def vectors(server: Server, settings: Embeddings, *texts: str) -> list[list[float]]:
    body = {"model": settings.model, "input": list(texts)}
    status, answer = server.ask("/v1/embeddings", body)
    assert status == 200, answer
    return [found["embedding"] for found in json.loads(answer)["data"]]


def test_every_text_becomes_a_vector_of_the_dimension(server: Server, settings: Embeddings) -> None:
    found = vectors(server, settings, f"{DOCUMENT}one", f"{DOCUMENT}two", f"{QUERY}three")
    assert [len(vector) for vector in found] == [settings.dimension] * 3


def test_vectors_have_the_length_one(server: Server, settings: Embeddings) -> None:
    (vector,) = vectors(server, settings, f"{QUERY}one")
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-3)


def test_the_same_text_is_the_same_vector(server: Server, settings: Embeddings) -> None:
    first, second = vectors(server, settings, f"{QUERY}one", f"{QUERY}one")
    assert first == pytest.approx(second, abs=1e-4)


def test_the_task_before_a_text_is_part_of_it(server: Server, settings: Embeddings) -> None:
    asked, searched = vectors(server, settings, f"{QUERY}one", f"{DOCUMENT}one")
    assert asked != pytest.approx(searched, abs=1e-4)


def test_a_text_of_almost_the_context_is_one_batch(server: Server, settings: Embeddings) -> None:
    # A word is one token at least, and the model adds two for begin and end.
    text = " ".join(["a"] * (settings.context_tokens - 16))
    (vector,) = vectors(server, settings, text)
    assert len(vector) == settings.dimension


def test_a_text_longer_than_the_context_is_refused_with_the_reason(
    server: Server, settings: Embeddings
) -> None:
    text = " ".join(["a"] * (settings.context_tokens + 16))
    status, answer = server.ask("/v1/embeddings", {"model": settings.model, "input": text})
    assert status >= 400
    assert "is too large to process" in json.loads(answer)["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embedding", "/embeddings"])
def test_nobody_else_gets_a_vector(server: Server, path: str) -> None:
    assert server.ask(path, {"input": "hi", "content": "hi"}, key=False)[0] == 401


def test_it_measures_itself_under_the_known_names(server: Server) -> None:
    status, metrics = server.ask("/metrics")
    assert status == 200
    for name in ("prompt_tokens_total", "requests_processing", "requests_deferred"):
        assert f"\nllamacpp:{name} " in metrics


def test_it_completes_nothing(server: Server, settings: Embeddings) -> None:
    messages = [{"role": "user", "content": "hello"}]
    body = {"model": settings.model, "messages": messages}
    assert server.ask("/v1/chat/completions", body)[0] >= 400


def test_every_slot_reads_a_whole_text(server: Server, settings: Embeddings) -> None:
    slots = json.loads(server.ask("/slots")[1])
    contexts = [slot["n_ctx"] for slot in slots]
    assert contexts == [settings.context_tokens] * settings.parallel_sequences
