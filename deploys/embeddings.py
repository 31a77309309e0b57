"""Embeddings: texts become vectors on the processor, behind an API like OpenAI's.

Listens on `port` of the host's address, for the gateway and Prometheus alone. Keeps no data.
nomic-embed-text was trained with a task before each text: clients write `search_document: ` before
what is searched and `search_query: ` before what is asked. The server cannot see whether they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from budget import host_memory
from deploys import llama_stack
from deploys.catalogue import Model
from deploys.llama_image import LlamaImage
from deploys.llama_server import LlamaServer
from deploys.llama_slots import whole_slots
from operations import compose

API_KEY = "embeddings/api-key"
WORKSPACE_BYTES = 128 * 1024
"""For each token of a batch: 250 MiB for 2048 of nomic-bert without flash attention (measured)."""

_IS_CONTEXT = "is context_tokens: an encoder reads a whole text in one batch"
_NO_CACHE = "saves nothing: an encoder keeps no KV cache"


class Embeddings(LlamaServer):
    """Which embedding model is served by which build, and what it may take of the host."""

    role: ClassVar[str] = "embeddings"
    title: ClassVar[str] = "Embeddings"
    purpose: ClassVar[str] = "embedding API"
    refused_arguments: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("-c", "--ctx-size"), "follows from context_tokens"),
        **dict.fromkeys(("-b", "--batch-size", "-ub", "--ubatch-size"), _IS_CONTEXT),
        **dict.fromkeys(("-ctk", "--cache-type-k", "-ctv", "--cache-type-v"), _NO_CACHE),
        **dict.fromkeys(
            ("-cram", "--cache-ram", "--cache-reuse", "-kvu", "--kv-unified"), _NO_CACHE
        ),
        **dict.fromkeys(("--embedding", "--embeddings"), "is set by the role"),
        "--pooling": "is pooling",
        **dict.fromkeys(("--rerank", "--reranking"), "ranks texts instead of embedding them"),
    }

    image: LlamaImage = Field(
        description="`name:tag@sha256:digest`; flags differ from build to build"
    )
    port: int = Field(default=8090, ge=1, le=65535, description="port on the host's address")
    dimension: int = Field(default=768, ge=1, description="numbers in each vector of the model")
    pooling: Literal["mean", "cls"] = Field(
        default="mean", description="how the vectors of a text's tokens become one"
    )
    context_tokens: int = Field(
        default=2048, ge=256, description="longest text; a longer one is refused"
    )
    parallel_sequences: int = Field(
        default=2, ge=1, le=64, description="texts read at once; others wait"
    )
    memory_limit_mib: int = Field(default=1024, ge=256, description="memory of the container")

    _is_granular = field_validator("context_tokens")(whole_slots)

    @property
    def sequence_tokens(self) -> int:
        return self.context_tokens

    def own_arguments(self) -> tuple[str, ...]:
        tokens = str(self.context_tokens)
        batch = ("--batch-size", tokens, "--ubatch-size", tokens)
        return ("--embedding", "--pooling", self.pooling, *batch)

    def needed_mib(self, model: Model) -> dict[str, int]:
        workspace_bytes = self.context_tokens * WORKSPACE_BYTES
        return host_memory.needs(model.weights_bytes, workspace_bytes=workspace_bytes)

    def misplaced(self, model: Model) -> str:
        if not model.architecture.caches:
            return ""
        return f"`{model.name}` keeps a KV cache: it is no encoder, and answers with words"


@deploy("Embeddings")
def install() -> None:
    settings = Embeddings.of(host)
    llama_stack.serve(settings, settings.image)


@deploy("Remove embeddings")
def remove() -> None:
    """Take the server off; the model stays."""
    compose.removed(name="Remove the server", project=Embeddings.role)
