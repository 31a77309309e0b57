"""Models for vLLM: an 8B one, others that go with it or do not, and a card of 16 GB."""

from __future__ import annotations

from budget.architecture import Architecture, FullAttention
from deploys.catalogue import Model, ModelFile
from deploys.hardware import Gpu, Hardware
from deploys.models import Models
from deploys.topology import Machine

LLAMA = Model(
    name="llama-8b",
    repository="owner/Llama-8B",
    revision="a" * 40,
    files=(
        ModelFile(path="config.json", bytes=2_000, sha256="b" * 64),
        ModelFile(path="model.safetensors", bytes=9_080_000_000, sha256="c" * 64),
    ),
    licence="mit",
    format="safetensors",
    quantization="compressed-tensors",
    architecture=Architecture(
        context_tokens=131_072,
        vocabulary=128_256,
        caches=(FullAttention(layers=32, kv_heads=8, head_dimension=128),),
    ),
)
PLAIN = LLAMA.model_copy(update={"name": "plain-8b", "quantization": ""})
DRAFT = LLAMA.model_copy(
    update={
        "name": "llama-draft",
        "files": (ModelFile(path="model.safetensors", bytes=1_900_000_000, sha256="d" * 64),),
        "architecture": Architecture(
            context_tokens=131_072,
            vocabulary=128_256,
            caches=(FullAttention(layers=1, kv_heads=8, head_dimension=128),),
        ),
    }
)
TINY = DRAFT.model_copy(
    update={
        "name": "tiny-draft",
        "architecture": Architecture(context_tokens=2048, vocabulary=32_000),
    }
)
GGUF = LLAMA.model_copy(
    update={
        "name": "llama-3b",
        "files": (ModelFile(path="llama.gguf", bytes=2_000_000_000, sha256="e" * 64),),
        "format": "gguf",
        "quantization": "",
    }
)
MODELS = Models(catalogue=(LLAMA, PLAIN, DRAFT, TINY, GGUF))
HARDWARE = Hardware(
    physical_cores=12,
    memory_gib=128,
    disk_gib=1000,
    gpus=(Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16_303),),
)


def machine() -> Machine:
    """A host that holds all of them."""
    return Machine("one", "192.0.2.1", (), {"models": MODELS}, {"hardware": HARDWARE})
