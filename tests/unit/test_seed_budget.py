"""Defects of the seeds that take more of a card or of memory than there is: the whole arithmetic.

Each row changes production's inventory in one place; its twin is the corrected value in that place.
A reference is a seed (docs/seeds.md) and its line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from budget.architecture import Architecture, FullAttention
from deploys.catalogue import Model, ModelFile
from deploys.hardware import Gpu
from deploys.models import Models
from deploys.topology import Machine
from group_data.models import models as production_models
from tests.unit.changed_inventory import HOST, Change, refusals, setting


def model(name: str, gigabytes: float, architecture: Architecture, **more: Any) -> Model:
    return Model(
        name=name,
        repository=f"owner/{name}",
        revision="a" * 40,
        files=(ModelFile(path="model.safetensors", bytes=int(gigabytes * 1e9)),),
        licence="mit",
        format="safetensors",
        architecture=architecture,
        **more,
    )


def llama(layers: int) -> Architecture:
    caches = (FullAttention(layers=layers, kv_heads=8, head_dimension=128),)
    return Architecture(context_tokens=131_072, vocabulary=128_256, caches=caches)


def qwen(layers: int) -> Architecture:
    caches = (FullAttention(layers=layers, kv_heads=4, head_dimension=128),)
    return Architecture(context_tokens=131_072, vocabulary=152_064, caches=caches)


TINY = Architecture(
    context_tokens=2048,
    vocabulary=32_000,
    caches=(FullAttention(layers=22, kv_heads=4, head_dimension=64),),
)
# Sizes and numbers: section 7 of the facts, from the hub's pages.
FURTHER = (
    model("llama-3.3-70b-q4", 42.5, llama(80), quantization="awq"),
    model("openmath-nemotron-7b", 15.231271904, qwen(28)),
    model("openmath-nemotron-7b-fp8", 8.6, qwen(28), quantization="compressed-tensors"),
    model("openmath-draft", 0.99, qwen(24)),
    model("llama-3.1-8b-instruct", 16.06, llama(32)),
    model("tinyllama-1.1b-awq", 0.77, TINY, quantization="awq"),
)


def served(name: str, **values: Any) -> Change:
    """vLLM with another model, on a host that holds it."""
    catalogue = (*production_models.catalogue, *FURTHER)
    holding = setting("models", **dict(Models(catalogue=catalogue, without=())))
    serving = setting("vllm", model=name, **values)
    return lambda machine: serving(holding(machine))


def on_12_gb(change: Change) -> Change:
    """The report's card: an RTX 5070."""
    card = Gpu(name="NVIDIA GeForce RTX 5070", memory_mib=12_227)

    def changed(machine: Machine) -> Machine:
        assert machine.hardware is not None
        hardware = machine.hardware.model_copy(update={"gpus": (card,)})
        return change(replace(machine, data={**machine.data, "hardware": hardware}))

    return changed


def math_model(name: str, **values: Any) -> Change:
    stated = {"gpu_memory_utilization": 0.85, "context_tokens": 4096, "max_sequences": 8}
    return served(name, **stated, **values)


CARD = f"{HOST} card 0 (NVIDIA GeForce RTX 5070 Ti, 15853 MiB usable)"
SMALL_CARD = f"{HOST} card 0 (NVIDIA GeForce RTX 5070, 11777 MiB usable)"
LESS = "take a smaller model, a shorter context or a larger share in group_data/vllm.py"
LESS_OF_LLAMA = "raise it in group_data/llama_cpp.py, or ask for less there"

DEFECTS: dict[str, tuple[Change, str, Change]] = {
    "roadmap:405: Triton's models on the card of vLLM": (
        setting("triton", gpu=True, gpu_models_mib=3072),
        f"{CARD}: vllm 12682 (weights 8660 + workspace 1087 + context 400 + cache 2535) + "
        "triton 3648 (weights 3072 + workspace 64 + context 512 + unused 0) + dcgm_exporter 0 "
        "(weights 0 + workspace 0 + context 0 + unused 0) = 16330 MiB, 477 MiB too much; "
        "lower a share in group_data/vllm.py or group_data/triton.py or "
        "group_data/dcgm_exporter.py",
        setting("triton", gpu=False),
    ),
    "roadmap:353: Triton and vLLM on one card, whoever starts first": (
        setting("triton", gpu=True, gpu_models_mib=2560),
        f"{CARD}: vllm starts only with its share of 12682 MiB free, but of 15853 MiB its own "
        "context 400 + triton 3136 + dcgm_exporter 0 leave 12317 MiB; lower a share in "
        "group_data/vllm.py or group_data/triton.py or group_data/dcgm_exporter.py",
        setting("triton", gpu=True, gpu_models_mib=2048),
    ),
    "corrections:15: 32 sequences of 32k tokens on the card": (
        setting("vllm", context_tokens=32_768),
        f"{CARD}: vllm needs weights 8660 + workspace 1087 + context 400 + cache of one sequence "
        "of 32768 tokens 4096 = 14243 MiB, but its share is 12682 MiB, 1561 MiB too little; "
        f"{LESS}",
        setting("vllm", context_tokens=16_384),
    ),
    "corrections:15: 32 sequences of 32k tokens in memory": (
        setting("llama_cpp", parallel_sequences=32, context_per_slot_tokens=32_768),
        f"{HOST}: llama_cpp: memory_limit_mib (8192) is less than the 120705 MiB that 32 x 32768 "
        "tokens come to need: weights 1926 + KV cache 114688 + kept prompts 3584 + scores 251 + "
        f"process 256; {LESS_OF_LLAMA}",
        setting(
            "llama_cpp",
            parallel_sequences=1,
            context_per_slot_tokens=32_768,
            memory_limit_mib=10_240,
        ),
    ),
    "corrections:206: 70B in four bits on 16 GB": (
        served("llama-3.3-70b-q4"),
        f"{CARD}: vllm needs weights 40532 + workspace 1087 + context 400 + cache of one sequence "
        "of 16384 tokens 5120 = 47139 MiB, but its share is 12682 MiB, 34457 MiB too little; "
        f"{LESS}",
        served("llama-3.1-8b-instruct-fp8"),
    ),
    "mathllm:16: OpenMath in BF16 at 0.85 on 12 GB": (
        on_12_gb(math_model("openmath-nemotron-7b")),
        f"{SMALL_CARD}: vllm needs weights 14526 + workspace 1043 + context 400 + cache of one "
        "sequence of 4096 tokens 224 = 16193 MiB, but its share is 10010 MiB, 6183 MiB too little; "
        f"{LESS}",
        on_12_gb(math_model("openmath-nemotron-7b-fp8", batched_tokens=2048, enforce_eager=True)),
    ),
    "mathllm:16: OpenMath in BF16 at 0.85 on 16 GB": (
        math_model("openmath-nemotron-7b"),
        f"{CARD}: vllm needs weights 14526 + workspace 1043 + context 400 + cache of one sequence "
        "of 4096 tokens 224 = 16193 MiB, but its share is 13475 MiB, 2718 MiB too little; "
        f"{LESS}",
        math_model("openmath-nemotron-7b-fp8"),
    ),
    "mathllm:63: a draft of another vocabulary": (
        math_model(
            "openmath-nemotron-7b-fp8",
            speculation={"model": "tinyllama-1.1b-awq", "method": "draft_model"},
        ),
        f"{HOST}: vllm: the draft `tinyllama-1.1b-awq` has a vocabulary of 32000 tokens, "
        "`openmath-nemotron-7b-fp8` one of 152064; choose a draft that was made for it, or take "
        "`speculation` out",
        math_model(
            "openmath-nemotron-7b-fp8",
            speculation={"model": "openmath-draft", "method": "draft_model"},
        ),
    ),
    "mathllm:156: Llama 3.1 8B in BF16 on 12 GB": (
        on_12_gb(served("llama-3.1-8b-instruct", context_tokens=4096)),
        f"{SMALL_CARD}: vllm needs weights 15317 + workspace 1087 + context 400 + cache of one "
        "sequence of 4096 tokens 512 = 17316 MiB, but its share is 9421 MiB, 7895 MiB too little; "
        f"{LESS}",
        on_12_gb(
            served("llama-3.1-8b-instruct-fp8", context_tokens=4096, gpu_memory_utilization=0.95)
        ),
    ),
}


@pytest.mark.parametrize(("wrong", "message", "right"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_of_the_seeds_is_refused(wrong: Change, message: str, right: Change) -> None:
    assert refusals(wrong) == [message]
    assert refusals(right) == []
