"""Settings of the other servers with defects of the seeds: each is refused in exactly these words.

A reference is a seed (docs/seeds.md) and its line; every row has the corrected value beside it.
"""

from __future__ import annotations

import pytest

from group_data.dcgm_exporter import dcgm_exporter
from group_data.embeddings import embeddings
from group_data.llama_cpp import llama_cpp
from group_data.triton import triton
from tests.unit.seed_defects import Defect, argument, assert_corrected, assert_refused, variable

LLAMA_CPP = "ghcr.io/ggml-org/llama.cpp:server-b11223"
DCGM = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"
DEFAULT_BATCH = "stays as llama-server has it; the memory is reckoned with that; take it out"
ENCODER_BATCH = "is context_tokens: an encoder reads a whole text in one batch; take it out"
NO_CACHE = "saves nothing: an encoder keeps no KV cache; take it out"
REUSE = "`--cache-reuse` is reuse_chunk_tokens: a number of tokens, not of slots; take it out"
LLAMA_KEY = "would show the key; the role passes a file; take it out"

DEFECTS: dict[str, Defect] = {
    "roadmap:367: the project's former registry": Defect(
        llama_cpp,
        {"image": "ghcr.io/ggerganov/llama.cpp:server-b11223"},
        "`ghcr.io/ggerganov/llama.cpp:server-b11223` is where the project was; its images are now "
        "ghcr.io/ggml-org/llama.cpp",
        {"image": LLAMA_CPP},
    ),
    "roadmap:367: an image that moves": Defect(
        llama_cpp,
        {"image": "ghcr.io/ggml-org/llama.cpp:server"},
        "`ghcr.io/ggml-org/llama.cpp:server` may become another program tomorrow; name registry, "
        "repository and the tag of one build: `registry/owner/name:1.2.3@sha256:<64 hex digits>`",
        {"image": LLAMA_CPP},
    ),
    "roadmap:374: a file that no step brings": argument(
        llama_cpp,
        "-m /models/llama-3.2-3b-instruct-Q4_K_M.gguf",
        "`-m` is model; take it out",
        model="llama-3.2-3b-instruct",
    ),
    "roadmap:375: 8192 tokens, of which a slot has 1024": argument(
        llama_cpp,
        "-c 8192",
        "`-c` follows from context_per_slot_tokens; take it out",
        context_per_slot_tokens=8192,
    ),
    "roadmap:378: 8 slots": argument(
        llama_cpp, "-np 8", "`-np` is parallel_sequences; take it out", parallel_sequences=8
    ),
    "roadmap:377: 64 threads on 12 cores": argument(
        llama_cpp, "-tb 64", "`-tb` follows threads by itself; take it out", threads=12
    ),
    "roadmap:380: no log": argument(
        llama_cpp,
        "--log-disable",
        "`--log-disable` takes away the log that a failed start is explained by; take it out",
    ),
    "roadmap:381: the key in the command": argument(
        llama_cpp, "--api-key ${LLAMACPP_API_KEY}", f"`--api-key` {LLAMA_KEY}"
    ),
    "corrections:216: 20 layers on the card": argument(
        llama_cpp,
        "-ngl 20",
        "`-ngl` is for graphics cards; this role works on the processor; take it out",
    ),
    "corrections:360: RPC, which asks for no key": argument(
        llama_cpp,
        "--rpc jetson.local:50052",
        "`--rpc` opens the host to whoever reaches the port; take it out",
    ),
    "tuning:13: memory is locked": argument(
        llama_cpp,
        "--mlock",
        "`--mlock` was removed; use --load-mode; take it out",
        extra_arguments=("--load-mode", "mmap"),
    ),
    "tuning:13: memory is locked by the new argument": argument(
        llama_cpp,
        "--load-mode mlock",
        "`--load-mode mlock` needs the right to lock memory, which the container does not have; "
        "take it out",
        extra_arguments=("--load-mode", "mmap"),
    ),
    "tuning:12: 256 slots": argument(llama_cpp, "--cache-reuse 256", REUSE, reuse_chunk_tokens=256),
    "tuning:154: 512 slots": argument(
        llama_cpp, "--cache-reuse 512", REUSE, reuse_chunk_tokens=512
    ),
    "tuning:22: a physical batch of 128": argument(llama_cpp, "-ub 128", f"`-ub` {DEFAULT_BATCH}"),
    "tuning:27: a batch of 256": argument(llama_cpp, "-b 256", f"`-b` {DEFAULT_BATCH}"),
    "tuning:330: no flash attention with a quantised cache": Defect(
        llama_cpp,
        {"cache_type": "q8_0", "flash_attention": "off"},
        "cache_type `q8_0` needs flash attention: llama-server refuses quantised values without "
        "it; set flash_attention to `on`",
        {"cache_type": "q8_0", "flash_attention": "on"},
    ),
    "tuning:113: a context of 2048 with a batch of 512": argument(
        embeddings,
        "--batch-size 512",
        f"`--batch-size` {ENCODER_BATCH}",
        context_tokens=2048,
    ),
    "tuning:113: a context of 2048 with a physical batch of 512": argument(
        embeddings,
        "-ub 512",
        f"`-ub` {ENCODER_BATCH}",
        context_tokens=2048,
    ),
    "tuning:117: a quantised cache of an encoder": argument(
        embeddings,
        "--cache-type-k q8_0",
        f"`--cache-type-k` {NO_CACHE}",
        context_tokens=2048,
    ),
    "roadmap:402: a repository that nobody fills": Defect(
        triton,
        {"models": ()},
        "no model is named: Triton would say that it is ready, and serve nothing; name at least "
        "one of digits",
        {"models": ("digits",)},
    ),
    "corrections:176: a key that Triton does not read": variable(
        triton,
        "TRITON_API_KEY",
        "${TRITON_API_KEY}",
        "`TRITON_API_KEY` is read by nothing in Triton; the gateway checks the secret "
        "`triton/api-key`: take it out",
    ),
    "roadmap:394: the card for Triton": variable(
        triton,
        "NVIDIA_VISIBLE_DEVICES",
        "0",
        "`NVIDIA_VISIBLE_DEVICES` is set by the role; use gpu and card",
        gpu=True,
    ),
    "roadmap:414: DCGM 3": Defect(
        dcgm_exporter,
        {"image": "nvcr.io/nvidia/k8s/dcgm-exporter:3.3.8-3.6.0-ubuntu22.04"},
        "`nvcr.io/nvidia/k8s/dcgm-exporter:3.3.8-3.6.0-ubuntu22.04` is no release of DCGM 4; those "
        "of DCGM 3 are older than Blackwell cards: use 4.5.3-4.8.2-distroless or newer",
        {"image": DCGM},
    ),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_defect_of_the_seeds_is_refused(defect: Defect) -> None:
    assert_refused(defect)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_its_correction_is_taken(defect: Defect) -> None:
    assert_corrected(defect)
