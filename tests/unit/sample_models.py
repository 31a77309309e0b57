"""A chat model, an encoder, and one that llama-server does not read: sizes of real ones."""

from __future__ import annotations

from budget.architecture import Architecture, FullAttention
from deploys.catalogue import Model, ModelFile
from deploys.models import Models

DIGEST = f"sha256:{'d' * 64}"
IMAGE = f"ghcr.io/ggml-org/llama.cpp:server-b11223@{DIGEST}"
CHAT = Model(
    name="chat",
    repository="owner/Chat",
    revision="a" * 40,
    files=(ModelFile(path="chat.gguf", bytes=2_019_377_696, sha256="b" * 64),),
    licence="mit",
    format="gguf",
    architecture=Architecture(
        context_tokens=131_072,
        vocabulary=128_256,
        caches=(FullAttention(layers=28, kv_heads=8, head_dimension=128),),
    ),
)
ENCODER = CHAT.model_copy(
    update={
        "name": "encoder",
        "files": (ModelFile(path="encoder.gguf", bytes=146_146_432, sha256="c" * 64),),
        "architecture": Architecture(context_tokens=2048, vocabulary=30_528),
    }
)
TENSORS = CHAT.model_copy(
    update={
        "name": "tensors",
        "files": (ModelFile(path="model.safetensors", bytes=9_080_000_000, sha256="d" * 64),),
        "format": "safetensors",
    }
)
MODELS = Models(catalogue=(CHAT, ENCODER, TENSORS))
