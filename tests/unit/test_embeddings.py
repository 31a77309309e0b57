"""Embeddings' own settings: one text is one batch, and no cache can be given."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from deploys.embeddings import Embeddings
from deploys.llama_stack import Stack
from tests.unit.sample_models import ENCODER, IMAGE

GOOD: dict[str, Any] = {"image": IMAGE, "model": "encoder"}
IS_CONTEXT = "is context_tokens: an encoder reads a whole text in one batch"
NO_CACHE = "saves nothing: an encoder keeps no KV cache"
WRONG = [
    (("-ub", "512"), IS_CONTEXT),
    (("--batch-size", "512"), IS_CONTEXT),
    (("--ctx-size", "8192"), "follows from context_tokens"),
    (("-ctk", "q8_0"), NO_CACHE),
    (("--cache-type-v", "q8_0"), NO_CACHE),
    (("--cache-ram", "1024"), NO_CACHE),
    (("--pooling", "none"), "is pooling"),
    (("--reranking",), "ranks texts instead of embedding them"),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG)
def test_arguments_that_the_role_answers_for_are_refused(
    arguments: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Embeddings(**GOOD, extra_arguments=arguments)
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, `{arguments[0]}` {reason}; take it out"


def test_an_uneven_context_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Embeddings(**GOOD, context_tokens=2000)
    (error,) = refused.value.errors()
    assert error["msg"] == (
        "Value error, 2000 is not a multiple of 256, in which llama.cpp deals context out; use 2048"
    )


def test_a_text_as_long_as_the_context_is_one_batch_of_one_slot() -> None:
    arguments = Embeddings(**GOOD, context_tokens=1024, parallel_sequences=4).arguments(ENCODER, 2)
    values = dict(pairwise(arguments))
    assert (values["--ctx-size"], values["--parallel"]) == ("4096", "4")
    assert values["--batch-size"] == values["--ubatch-size"] == "1024"
    assert values["--pooling"] == "mean"
    assert "--embedding" in arguments


def test_no_argument_is_about_a_cache() -> None:
    assert not [word for word in Embeddings(**GOOD).arguments(ENCODER, 2) if "cache" in word]


def test_the_probe_counts_the_numbers_of_a_vector() -> None:
    stack = Stack(Embeddings(**GOOD, dimension=384), IMAGE, ENCODER, "/srv", "192.0.2.1", threads=2)
    probe = stack.steps().probe
    assert '[ "$found" = 384 ]' in probe
    assert "http://192.0.2.1:8090/v1/embeddings" in probe
