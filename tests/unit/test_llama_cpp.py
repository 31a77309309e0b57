"""llama.cpp's own settings: context of a slot, caches, and the memory that they take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from budget.architecture import SlidingAttention
from deploys.llama_cpp import LlamaCpp
from tests.unit.sample_models import CHAT, IMAGE

GOOD: dict[str, Any] = {"image": IMAGE, "model": "chat"}
DEFAULT_BATCH = "stays as llama-server has it; the memory is reckoned with that"
WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"context_per_slot_tokens": 1000},
        "1000 is not a multiple of 256, in which llama.cpp deals context out; use 1024",
    ),
    (
        {"cache_type": "q8_0", "flash_attention": "off"},
        "cache_type `q8_0` needs flash attention: llama-server refuses quantised values without "
        "it; set flash_attention to `on`",
    ),
    *(
        ({"extra_arguments": arguments}, f"`{arguments[0]}` {reason}; take it out")
        for arguments, reason in (
            (("-c", "8192"), "follows from context_per_slot_tokens"),
            (("--ctx-size=8192",), "follows from context_per_slot_tokens"),
            (("--kv-unified",), "would let requests take context from each other"),
            (("-ub", "128"), DEFAULT_BATCH),
            (("-b", "256"), DEFAULT_BATCH),
            (("-fa",), "is flash_attention (`on`, `off` or `auto`)"),
            (("--flash-attn", "off"), "is flash_attention (`on`, `off` or `auto`)"),
            (("--cache-type-v", "q8_0"), "is cache_type"),
            (("--cache-ram", "-1"), "is prompt_cache_mib"),
            (("--cache-reuse", "256"), "is reuse_chunk_tokens: a number of tokens, not of slots"),
            (("--embedding",), "is what the role embeddings is for"),
            (
                ("--swa-full",),
                "keeps more than the model's window, which no memory is reckoned for",
            ),
        )
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    if "=" in str(change.get("extra_arguments", "")):
        message = message.replace("--ctx-size=8192", "--ctx-size")
    with pytest.raises(ValidationError) as refused:
        LlamaCpp(**{**GOOD, **change})
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, {message}"


RIGHT: list[tuple[dict[str, Any], list[str]]] = [
    ({"flash_attention": "on"}, ["--flash-attn", "on"]),
    (
        {"cache_type": "q8_0", "flash_attention": "on"},
        ["--cache-type-k", "q8_0", "--cache-type-v", "q8_0", "--flash-attn", "on"],
    ),
    ({"reuse_chunk_tokens": 256}, ["--cache-reuse", "256"]),
    ({"prompt_cache_mib": 2048}, ["--cache-ram", "2048"]),
    # `-c 8192 -np 8` would have left 1024 tokens for each.
    (
        {"parallel_sequences": 8, "context_per_slot_tokens": 8192},
        ["--ctx-size", "65536", "--parallel", "8"],
    ),
]


@pytest.mark.parametrize(("change", "words"), RIGHT)
def test_settings_reach_the_command_line(change: dict[str, Any], words: list[str]) -> None:
    arguments = LlamaCpp(**{**GOOD, **change}).arguments(CHAT, threads=12)
    start = arguments.index(words[0])
    assert list(arguments[start : start + len(words)]) == words


def test_metrics_are_asked_for_since_they_are_off_by_default() -> None:
    assert "--metrics" in LlamaCpp(**GOOD).arguments(CHAT, threads=12)


NEEDED: list[tuple[dict[str, Any], dict[str, int]]] = [
    # 112 KiB for a token at f16: 4 x 4096 of them are 1792 MiB.
    (
        {},
        {
            "weights": 1926,
            "KV cache": 1792,
            "kept prompts": 1024,
            "scores": 251,
            "process": 256,
        },
    ),
    ({"cache_type": "q8_0"}, {"KV cache": 952}),
    # The last prompt is kept whatever the limit says.
    ({"prompt_cache_mib": 1, "context_per_slot_tokens": 8192}, {"kept prompts": 896}),
]


@pytest.mark.parametrize(("change", "parts"), NEEDED)
def test_its_memory_is_reckoned_part_by_part(change: dict[str, Any], parts: dict[str, int]) -> None:
    needed = LlamaCpp(**{**GOOD, **change}).needed_mib(CHAT)
    assert {what: needed[what] for what in parts} == parts


def test_without_a_prompt_cache_none_is_reckoned() -> None:
    assert "kept prompts" not in LlamaCpp(**GOOD, prompt_cache_mib=0).needed_mib(CHAT)


def test_a_window_is_reckoned_with_the_batch_that_llama_cpp_keeps_beside_it() -> None:
    layers = SlidingAttention(layers=32, kv_heads=8, head_dimension=128, window_tokens=1024)
    architecture = CHAT.architecture.model_copy(update={"caches": (layers,)})
    windowed = CHAT.model_copy(update={"architecture": architecture})
    # 4 slots of 1024 + 512 tokens, at 128 KiB each.
    assert LlamaCpp(**GOOD).needed_mib(windowed)["KV cache"] == 4 * 1536 * 128 // 1024
