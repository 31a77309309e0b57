"""The memory of a cache, held against what has been published and what servers have printed."""

from __future__ import annotations

import pytest

from budget.architecture import (
    Architecture,
    FullAttention,
    LatentAttention,
    Layers,
    RecurrentState,
    SlidingAttention,
)
from budget.layout import EXACT, Layout, llama_cpp, vllm
from budget.number_formats import NUMBER_BYTES, number_bytes
from group_data.models import models

KIB, MIB, GIB = 1024, 1024**2, 1024**3


def model(*caches: Layers, vocabulary: int = 128256) -> Architecture:
    return Architecture(context_tokens=131072, vocabulary=vocabulary, caches=caches)


def full(layers: int, kv_heads: int, head_dimension: int) -> FullAttention:
    return FullAttention(layers=layers, kv_heads=kv_heads, head_dimension=head_dimension)


def sliding(layers: int, kv_heads: int, head_dimension: int, window: int) -> SlidingAttention:
    return SlidingAttention(
        layers=layers, kv_heads=kv_heads, head_dimension=head_dimension, window_tokens=window
    )


LLAMA_8B = model(full(32, 8, 128))
LLAMA_3B = model(full(28, 8, 128))
LLAMA_1B = model(full(16, 8, 64))
LLAMA_70B = model(full(80, 8, 128))
NEMOTRON_7B = model(full(28, 4, 128), vocabulary=152064)
TINY_LLAMA = model(full(22, 4, 64), vocabulary=32000)
NOMIC = Architecture(context_tokens=2048, vocabulary=30528)

# Architectures of the models, in their config.json: the table of reference/facts.md, section 7.
FACTS = {
    "Llama 3.1 8B": (LLAMA_8B, 128 * KIB, 1.00),
    "Llama 3.2 3B": (LLAMA_3B, 112 * KIB, 0.875),
    "Llama 3.2 1B": (LLAMA_1B, 32 * KIB, 0.25),
    "Llama 3.3 70B": (LLAMA_70B, 320 * KIB, 2.50),
    "OpenMath-Nemotron-7B": (NEMOTRON_7B, 56 * KIB, 0.44),
    "TinyLlama 1.1B": (TINY_LLAMA, 22 * KIB, 0.17),
    "nomic-embed v1.5: an encoder keeps nothing": (NOMIC, 0, 0),
}

# DeepSeek-AI, "Insights into DeepSeek-V3", ISCA 2025 (arXiv 2505.09343), table 1, BF16; KB of 1000.
TABLE_1 = {
    "DeepSeek-V3 (MLA)": (
        model(LatentAttention(layers=61, latent_dimension=512, rope_dimension=64)),
        70.272,
    ),
    "Qwen-2.5 72B (GQA)": (model(full(80, 8, 128)), 327.680),
    "LLaMA-3.1 405B (GQA)": (model(full(126, 8, 128)), 516.096),
}

GEMMA_3_4B = model(full(5, 4, 256), sliding(29, 4, 256, 1024))
GEMMA_3_12B = model(full(8, 8, 256), sliding(40, 8, 256, 1024))
GEMMA_3_27B = model(full(10, 16, 128), sliding(52, 16, 128, 1024))
GEMMA_4_12B = model(full(8, 1, 512), sliding(40, 8, 256, 1024))
GPT_OSS_20B = model(full(12, 8, 64), sliding(12, 8, 64, 128))
GPT_OSS_120B = model(full(18, 8, 64), sliding(18, 8, 64, 128))
TRINITY_NANO = model(full(14, 2, 128), sliding(42, 2, 128, 2048))
# Of the 32 and 64 layers, one in four keeps keys and values; the others a state (R and S, f32).
QWEN_3_5_9B = model(full(8, 4, 256), RecurrentState(layers=24, state_bytes=2195456))
QWEN_3_5_27B = model(full(16, 4, 256), RecurrentState(layers=48, state_bytes=3268608))

# What llama.cpp printed of itself, in public logs: model, tokens, number format, layout, and the
# MiB of all its caches together.
LLAMA_CPP_LOGS: dict[str, tuple[Architecture, int, str, Layout, float]] = {
    "Llama 3 8B, -c 8192: 1024.00 MiB (8192 cells, 32 layers)": (
        LLAMA_8B,
        8192,
        "f16",
        llama_cpp(),
        1024.00,
    ),
    "Llama 3 8B, -c 8192 -ctk q8_0 -ctv q8_0: 544.00 MiB": (
        LLAMA_8B,
        8192,
        "q8_0",
        llama_cpp(),
        544.00,
    ),
    "TinyLlama 1.1B, 2048 cells: 44.00 MiB": (TINY_LLAMA, 2048, "f16", llama_cpp(), 44.00),
    "Gemma 3 4B, -c 8192: 160.00 + 174.00 MiB (1536 cells, 29 layers)": (
        GEMMA_3_4B,
        8192,
        "f16",
        llama_cpp(),
        160.00 + 174.00,
    ),
    # ggml-org/llama.cpp pull request 13194, and the table of its contributor.
    "Gemma 3 12B, 8k: 512 + 480 MiB": (GEMMA_3_12B, 8192, "f16", llama_cpp(), 512 + 480),
    "Gemma 3 27B, 64k: 5120 + 624 MiB": (GEMMA_3_27B, 65536, "f16", llama_cpp(), 5120 + 624),
    "Gemma 3 27B, 64k, ubatch 2048: 5120 + 1248 MiB": (
        GEMMA_3_27B,
        65536,
        "f16",
        llama_cpp(2048),
        5120 + 1248,
    ),
    "Gemma 4 12B, 16384 cells q8_0: 136.00 + 255.00 MiB (1536 cells, 40 layers)": (
        GEMMA_4_12B,
        16384,
        "q8_0",
        llama_cpp(),
        136.00 + 255.00,
    ),
    "Gemma 4 12B, 4 sequences in one cache, q8_0: 68.00 + 765.00 MiB (4608 cells)": (
        GEMMA_4_12B,
        8192,
        "q8_0",
        llama_cpp(sequences=4),
        68.00 + 765.00,
    ),
    "gpt-oss 20B, -c 131072: 3072.00 + 18.00 MiB (768 cells, padded from 640)": (
        GPT_OSS_20B,
        131072,
        "f16",
        llama_cpp(),
        3072.00 + 18.00,
    ),
    "gpt-oss 20B, -c 131072 -ub 2048: 3072.00 + 54.00 MiB (2304 cells)": (
        GPT_OSS_20B,
        131072,
        "f16",
        llama_cpp(2048),
        3072.00 + 54.00,
    ),
    "gpt-oss 120B, -c 65535, 4 sequences in one cache: 2304.00 + 36.00 MiB (65536, 1024 cells)": (
        GPT_OSS_120B,
        65535,
        "f16",
        llama_cpp(sequences=4),
        2304.00 + 36.00,
    ),
    "Trinity-Nano, -c 131072: 1792.00 + 105.00 MiB (2560 cells, 42 layers)": (
        TRINITY_NANO,
        131072,
        "f16",
        llama_cpp(),
        1792.00 + 105.00,
    ),
    "Qwen3.5 9B, 4 sequences in one cache: 4224.00 MiB (135168 cells), recurrent 201.00 MiB": (
        QWEN_3_5_9B,
        135168,
        "f16",
        llama_cpp(sequences=4),
        4224.00 + 201.00,
    ),
    "Qwen3.5 27B, 16384 cells, 16 layers: 1024.00 MiB, recurrent 149.62 MiB": (
        QWEN_3_5_27B,
        16384,
        "f16",
        llama_cpp(),
        1024.00 + 149.625,
    ),
}


@pytest.mark.parametrize(("given", "per_token", "per_8k_gib"), FACTS.values(), ids=FACTS)
def test_a_token_and_8k_of_them_take_what_the_facts_say(
    given: Architecture, per_token: int, per_8k_gib: float
) -> None:
    assert given.cache_bytes(1) == per_token
    assert given.cache_bytes(8192) / GIB == pytest.approx(per_8k_gib, abs=0.005)


@pytest.mark.parametrize(
    ("name", "per_token"),
    [
        ("llama-3.1-8b-instruct-fp8", 128 * KIB),
        ("qwen2.5-7b-instruct-awq", 56 * KIB),
        ("llama-3.2-3b-instruct", 112 * KIB),
        ("llama-3.2-1b-instruct", 32 * KIB),
        ("nomic-embed-text-v1.5", 0),
    ],
)
def test_the_catalogue_has_the_architectures_of_its_models(name: str, per_token: int) -> None:
    (held,) = (held for held in models.catalogue if held.name == name)
    assert held.architecture.cache_bytes(1) == per_token


@pytest.mark.parametrize(("given", "kilobytes"), TABLE_1.values(), ids=TABLE_1)
def test_a_token_takes_what_deepseeks_paper_says(given: Architecture, kilobytes: float) -> None:
    assert given.cache_bytes(1) == round(kilobytes * 1000)


@pytest.mark.parametrize(
    ("given", "tokens", "number", "layout", "mib"), LLAMA_CPP_LOGS.values(), ids=LLAMA_CPP_LOGS
)
def test_caches_are_as_large_as_llama_cpp_prints(
    given: Architecture, tokens: int, number: str, layout: Layout, mib: float
) -> None:
    assert given.cache_bytes(tokens, number_bytes(number), layout) == mib * MIB


def test_vllm_prints_as_many_tokens_for_a_cache_of_that_size() -> None:
    """vLLM 0.22.1, Qwen2.5-7B-Instruct-AWQ: 14.43 GiB, 270,144 tokens; 65.95x for 4,096."""
    qwen = model(full(28, 4, 128))
    assert qwen.cache_bytes(270_144) / GIB == pytest.approx(14.43, abs=0.005)
    sequences = qwen.cache_bytes(270_144) / qwen.cache_bytes(4096, 2, vllm(2048))
    assert round(sequences, 2) == 65.95


def test_vllm_without_windows_keeps_every_token_of_every_layer() -> None:
    """vLLM, gpt-oss 120B: 5.38 GiB, 78,384 tokens, all 36 layers alike (hf-mem issue 60)."""
    assert model(full(36, 8, 64)).cache_bytes(78_384) / GIB == pytest.approx(5.38, abs=0.005)


def test_vllm_counts_a_window_its_batch_and_one_block_more() -> None:
    layer = model(sliding(1, 1, 1, 1024))
    assert layer.cache_bytes(16384, 1, vllm(2048)) == 2 * (1024 + 2048 - 1 + 1 + 16)


def test_a_sequence_shorter_than_its_window_keeps_itself() -> None:
    assert GEMMA_3_4B.cache_bytes(512) == 34 * 512 * 4096


def test_room_comes_in_granules() -> None:
    assert LLAMA_8B.cache_bytes(1, 2, vllm(2048)) == LLAMA_8B.cache_bytes(16)
    assert LLAMA_8B.cache_bytes(257, 2, llama_cpp()) == LLAMA_8B.cache_bytes(512)


def test_a_state_does_not_grow_with_the_sequence() -> None:
    state = model(RecurrentState(layers=2, state_bytes=100))
    assert state.cache_bytes(1, 4) == state.cache_bytes(131072, 1) == 200
    assert state.cache_bytes(1, 2, llama_cpp(sequences=3)) == 600


def test_fp8_takes_half_of_f16() -> None:
    # facts.md, section 7: one full sequence of 16384 tokens is 1 GiB in fp8 and 2 GiB in f16.
    assert LLAMA_8B.cache_bytes(16384, number_bytes("fp8")) == GIB
    assert LLAMA_8B.cache_bytes(16384, number_bytes("bf16")) == 2 * GIB


@pytest.mark.parametrize(
    ("name", "expected"),
    [("f32", 4), ("f16", 2), ("fp8_e4m3", 1), ("q8_0", 34 / 32), ("q4_0", 18 / 32)],
)
def test_a_number_takes_the_bytes_of_its_format(name: str, expected: float) -> None:
    assert number_bytes(name) == expected


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"`q3_K` is no known number format; known are f32, f16,"):
        number_bytes("q3_K")
    assert "q3_K" not in NUMBER_BYTES


def test_an_architecture_comes_back_from_json() -> None:
    given = model(*GEMMA_3_4B.caches, *QWEN_3_5_9B.caches, *TABLE_1["DeepSeek-V3 (MLA)"][0].caches)
    assert Architecture.model_validate_json(given.model_dump_json()) == given
    assert given.cache_bytes(10) == given.cache_bytes(10, 2, EXACT)


# What the seeds say (000: critical-corrections.md, 004: deployment-roadmap.md), done again; section
# 14c of the facts has the corrections.


def test_seed_000_15_32_sequences_of_32k_take_64_gib_and_not_4_to_6() -> None:
    assert 32 * LLAMA_8B.cache_bytes(32768, number_bytes("fp8")) == 64 * GIB
    assert 32 * LLAMA_8B.cache_bytes(32768, number_bytes("f16")) == 128 * GIB


def test_seed_000_59_a_sequences_512_kb_would_be_the_cache_of_eight_tokens() -> None:
    assert 512 * KIB // LLAMA_8B.cache_bytes(1, number_bytes("fp8")) == 8


@pytest.mark.parametrize(("beside_mib", "thousand_tokens"), [(1024, 48), (1536, 40)])
def test_seed_004_340_four_fifths_of_the_card_hold_two_sequences_of_16384_and_not_32(
    beside_mib: int, thousand_tokens: int
) -> None:
    """With 1 to 1.5 GiB of activations, graphs and context beside the weights: section 7."""
    cache = (int(0.80 * (16303 - 450)) - 8660 - beside_mib) * MIB
    assert round(cache / LLAMA_8B.cache_bytes(1, number_bytes("fp8")) / 1000) == thousand_tokens
    assert cache // LLAMA_8B.cache_bytes(16384, number_bytes("fp8")) == 2


def test_seed_000_216_70b_has_80_layers_and_20_of_them_take_10_6_gb_and_not_14() -> None:
    (layers,) = LLAMA_70B.caches
    assert layers.layers == 80
    assert 20 * 42.5 / layers.layers == pytest.approx(10.6, abs=0.05)
