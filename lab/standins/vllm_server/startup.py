"""Startup: what vLLM checks before it listens, in its order and words."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .card import Card
from .checkpoint import Checkpoint, read
from .refusal import Refused

GIB = 1024**3
BLOCK_TOKENS = 16
OVERHEAD_BYTES = round(1.5 * GIB)
"""Libraries, activations and CUDA graphs of a model of 8 billion parameters."""
COMPILE_SECONDS, CACHED_SECONDS = 1.0, 0.1
MORE_MEMORY = (
    "Try increasing `gpu_memory_utilization` (which also controls CPU memory on the CPU backend) "
    "or decreasing `max_model_len` when initializing the engine. See "
    "https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."
)
DANGER = (
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used with extreme caution. If the model uses relative "
    "position encoding (RoPE), positions exceeding derived_max_model_len lead to nan. If the model "
    "uses absolute position encoding, positions exceeding derived_max_model_len will cause a CUDA "
    "array out-of-bounds error."
)


@dataclass(frozen=True)
class Served:
    """The model as it is served."""

    name: str
    folder: str
    context_tokens: int
    cache_tokens: int
    max_sequences: int


def served(arguments: argparse.Namespace, card: Card) -> Served:
    """What is served by these arguments; Refused if vLLM would not start."""
    folder = arguments.model_tag or arguments.model
    model = read(Path(folder))
    context = _context(arguments, model)
    _quantization(arguments, model)
    _speculation(arguments, model)
    _batch(arguments)
    cache_tokens = _cache_tokens(arguments, model, card, context)
    _compile(f"{folder} {arguments.max_num_batched_tokens}")
    names: list[str] = arguments.served_model_name or [folder]
    return Served(names[0], folder, context, cache_tokens, arguments.max_num_seqs)


def _context(arguments: argparse.Namespace, model: Checkpoint) -> int:
    wanted: int = arguments.max_model_len or model.context_tokens
    if wanted > model.context_tokens:
        raise Refused(
            "pydantic_core._pydantic_core.ValidationError",
            "1 validation error for ModelConfig\n"
            f"  Value error, User-specified max_model_len ({wanted}) is greater than the derived "
            f"max_model_len (max_position_embeddings={float(model.context_tokens)} or "
            "model_max_length=None in model's config.json). To allow overriding this maximum, set "
            f"the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. {DANGER}",
        )
    return wanted


def _quantization(arguments: argparse.Namespace, model: Checkpoint) -> None:
    asked = arguments.quantization
    if asked and model.quantization and asked != model.quantization:
        raise Refused(
            "pydantic_core._pydantic_core.ValidationError",
            "1 validation error for ModelConfig\n"
            "  Value error, Quantization method specified in the model config "
            f"({model.quantization}) does not match the quantization method specified in the "
            f"`quantization` argument ({asked}).",
        )


def _speculation(arguments: argparse.Namespace, model: Checkpoint) -> None:
    stated: dict[str, Any] | None = arguments.speculative_config
    if stated is None or "model" not in stated:
        return
    draft = read(Path(stated["model"]))
    if stated.get("method") == "draft_model" and draft.vocabulary != model.vocabulary:
        raise Refused(
            "pydantic_core._pydantic_core.ValidationError",
            "1 validation error for SpeculativeConfig\n"
            "  Value error, Target and draft model should have the same vocabulary size. Target "
            f"model vocab_size={model.vocabulary}. Draft model vocab_size={draft.vocabulary}. "
            "Using models with different tokenizers can cause out-of-bounds errors during "
            "speculative decoding.",
        )


def _batch(arguments: argparse.Namespace) -> None:
    tokens, sequences = arguments.max_num_batched_tokens, arguments.max_num_seqs
    if tokens < sequences:
        raise Refused(
            "pydantic_core._pydantic_core.ValidationError",
            "1 validation error for SchedulerConfig\n"
            f"  Value error, max_num_batched_tokens ({tokens}) must be greater than or equal to "
            f"max_num_seqs ({sequences}).",
        )


def _cache_tokens(
    arguments: argparse.Namespace, model: Checkpoint, card: Card, context: int
) -> int:
    share: float = arguments.gpu_memory_utilization
    requested = round(card.total * share)
    if card.free < requested:
        raise Refused(
            "ValueError",
            f"Free memory on device cuda:0 ({_gib(card.free)}/{_gib(card.total)} GiB) on startup "
            f"is less than desired GPU memory utilization ({share}, {_gib(requested)} GiB). "
            "Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        )
    available = requested - model.weights_bytes - OVERHEAD_BYTES
    if available <= 0:
        raise Refused(
            "ValueError",
            "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` "
            "when initializing the engine.",
        )
    token_bytes = model.cache_values * (1 if arguments.kv_cache_dtype.startswith("fp8") else 2)
    tokens = available // token_bytes // BLOCK_TOKENS * BLOCK_TOKENS
    if tokens < context:
        raise Refused(
            "ValueError",
            f"To serve at least one request with the model's max seq len ({context}), "
            f"({_gib(context * token_bytes)} GiB KV cache is needed, which is larger than the "
            f"available KV cache memory ({_gib(available)} GiB). Based on the available memory, "
            f"the estimated maximum model length is {tokens}. {MORE_MEMORY}",
        )
    return tokens


def _compile(what: str) -> None:
    """Keep something in each cache below HOME, and run something below /tmp, as its kernels do."""
    for cache in (".cache/vllm/torch_compile_cache", ".cache/flashinfer", ".triton/cache"):
        (Path.home() / cache).mkdir(parents=True, exist_ok=True)
    compiled = Path.home() / ".cache/vllm/torch_compile_cache" / what.replace("/", "_")
    time.sleep(CACHED_SECONDS if compiled.exists() else COMPILE_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder) / "kernel"
        kernel.write_text("#!/bin/sh\n")
        kernel.chmod(0o700)
        try:
            subprocess.run([kernel], check=True)
        except PermissionError as error:
            raise Refused(
                "ImportError", f"{kernel}.so: failed to map segment from shared object"
            ) from error
    compiled.touch()


def _gib(count: int) -> float:
    return round(count / GIB, 2)
