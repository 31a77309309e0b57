"""Chat with llama-server: what the roles share that complete prompts, wherever they compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from budget import host_memory, layout
from budget.amounts import mib
from budget.number_formats import number_bytes
from deploys.catalogue import Model
from deploys.llama_server import LlamaServer
from deploys.llama_slots import whole_slots

_DEFAULT_BATCH = "stays as llama-server has it; the memory is reckoned with that"
_OTHER_ROLE = "is what the role embeddings is for"
_SHARED_CONTEXT = "would let requests take context from each other"


class ChatServer(LlamaServer):
    """Which chat model is served, and what its server may take of the host."""

    purpose: ClassVar[str] = "model API"
    refused_arguments: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("-c", "--ctx-size"), "follows from context_per_slot_tokens"),
        **dict.fromkeys(("-kvu", "--kv-unified", "--kv-unified-per-slot"), _SHARED_CONTEXT),
        **dict.fromkeys(("-b", "--batch-size", "-ub", "--ubatch-size"), _DEFAULT_BATCH),
        **dict.fromkeys(("-fa", "--flash-attn"), "is flash_attention (`on`, `off` or `auto`)"),
        **dict.fromkeys(("-ctk", "--cache-type-k", "-ctv", "--cache-type-v"), "is cache_type"),
        **dict.fromkeys(("-cram", "--cache-ram"), "is prompt_cache_mib"),
        "--cache-reuse": "is reuse_chunk_tokens: a number of tokens, not of slots",
        **dict.fromkeys(("--embedding", "--embeddings", "--pooling"), _OTHER_ROLE),
        "--swa-full": "keeps more than the model's window, which no memory is reckoned for",
    }

    port: int = Field(default=8080, ge=1, le=65535, description="port on the host's address")
    context_per_slot_tokens: int = Field(
        default=4096, ge=256, description="context that each of them has, prompt and answer"
    )
    cache_type: Literal["f16", "q8_0", "q4_0"] = Field(
        default="f16", description="numbers of the KV cache; smaller ones cost quality"
    )
    flash_attention: Literal["on", "off", "auto"] = Field(
        default="auto", description="whether attention is computed in one pass (--flash-attn)"
    )
    prompt_cache_mib: int = Field(
        default=1024, ge=0, description="memory for prompts that may come again; 0: none is kept"
    )
    reuse_chunk_tokens: int = Field(
        default=0, ge=0, description="shortest part of a kept prompt that is moved; 0: none is"
    )
    _is_granular = field_validator("context_per_slot_tokens")(whole_slots)

    @model_validator(mode="after")
    def _can_read_its_cache(self) -> Self:
        if self.cache_type != "f16" and self.flash_attention == "off":
            raise ValueError(
                f"cache_type `{self.cache_type}` needs flash attention: llama-server refuses "
                "quantised values without it; set flash_attention to `on`"
            )
        return self

    @property
    def sequence_tokens(self) -> int:
        return self.context_per_slot_tokens

    def own_arguments(self) -> tuple[str, ...]:
        return (
            *("--cache-ram", str(self.prompt_cache_mib)),
            *("--cache-reuse", str(self.reuse_chunk_tokens)),
            *("--cache-type-k", self.cache_type, "--cache-type-v", self.cache_type),
            *("--flash-attn", self.flash_attention),
        )

    def needed_mib(self, model: Model) -> dict[str, int]:
        """The prompt cache takes one sequence at least, if there is one: its last prompt is kept
        whatever its limit is (server_prompt_cache::update in llama.cpp's tools/server)."""
        tokens, value_bytes = self.context_per_slot_tokens, number_bytes(self.cache_type)
        sequence = model.architecture.cache_bytes(tokens, value_bytes, layout.llama_cpp())
        kept = max(self.prompt_cache_mib, mib(sequence)) if self.prompt_cache_mib else 0
        return host_memory.needs(
            model.weights_bytes,
            self.parallel_sequences * sequence,
            vocabulary=model.architecture.vocabulary,
            prompt_cache_mib=kept,
        )

    def misplaced(self, model: Model) -> str:
        if model.architecture.caches:
            return ""
        return f"`{model.name}` keeps no KV cache: it is an encoder and completes nothing"
