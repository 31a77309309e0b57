"""vLLM's settings with defects of the seeds: each is refused in exactly these words.

A reference is a seed (docs/seeds.md) and its line; every row has the corrected value beside it.
"""

from __future__ import annotations

import pytest

from deploys.vllm_speculation import Speculation
from group_data.vllm import vllm
from tests.unit.seed_defects import Defect, argument, assert_corrected, assert_refused, variable

VLLM = "docker.io/vllm/vllm-openai:v0.33.0"
SERVE = "python -m vllm.entrypoints.openai.api_server --seed 1"
VLLM_KEY = "would put the key into the definition of the container; it comes as a file; take it out"
NO_VARIABLE = "is no variable of vLLM (VLLM_...); take it out"

DEFECTS: dict[str, Defect] = {
    "roadmap:322: vLLM without kernels for sm_120": Defect(
        vllm,
        {"image": "vllm/vllm-openai:v0.7.1"},
        "`vllm/vllm-openai:v0.7.1` is too old: up to v0.7 vLLM has no kernels for sm_120, the RTX "
        "50 cards, v0.9.2 ran there and v0.10.0 did not; take v0.31.0 or newer, made with CUDA 13",
        {"image": VLLM},
    ),
    "roadmap:333: a command line": Defect(
        vllm,
        {"extra_arguments": f'/bin/bash -c "{SERVE}"'},
        "extra_arguments is a command line, and nothing splits it: the image's entry point is "
        "`vllm serve`; give a tuple of its arguments, such as (`--seed`, `1`)",
        {"extra_arguments": ("--seed", "1")},
    ),
    "roadmap:333: a shell as arguments": Defect(
        vllm,
        {"extra_arguments": ("/bin/bash", "-c", SERVE)},
        "`/bin/bash` is no argument: the image's entry point is `vllm serve` already; name "
        "arguments only, such as `--seed`, `1`",
        {"extra_arguments": ("--seed", "1")},
    ),
    "roadmap:335: a folder that no step makes": argument(
        vllm,
        "--model /models/llama-3.1-8b-instruct",
        "`--model` is set by the role; use model",
        model="llama-3.1-8b-instruct-fp8",
    ),
    "roadmap:338: float16 of a bfloat16 model": argument(
        vllm,
        "--dtype float16",
        "`--dtype` is read from the checkpoint; take it out: float16 would cut a bfloat16 model",
    ),
    "roadmap:343: chunked prefill": argument(
        vllm,
        "--enable-chunked-prefill",
        "`--enable-chunked-prefill` is what vLLM does anyway; take it out",
    ),
    "roadmap:344: prefix caching": argument(
        vllm,
        "--enable-prefix-caching",
        "`--enable-prefix-caching` is what vLLM does anyway; take it out",
    ),
    "roadmap:345: block size": argument(
        vllm, "--block-size 16", "`--block-size` is chosen by vLLM for the card; take it out"
    ),
    "roadmap:346: a name of its own": argument(
        vllm,
        "--served-model-name llama-3.1-8b",
        "`--served-model-name` is set by the role; use model",
        model="llama-3.1-8b-instruct-fp8",
    ),
    "roadmap:347: the key in the command": argument(
        vllm,
        "--api-key ${VLLM_API_KEY}",
        "`--api-key` would show the key in the process list; take it out: the role passes a file",
    ),
    "roadmap:348: every address": argument(
        vllm,
        "--host 0.0.0.0",
        "`--host` moves the server away from where its users ask; take it out",
        port=8000,
    ),
    "roadmap:350: no metrics": argument(
        vllm,
        "--disable-log-stats",
        "`--disable-log-stats` takes away every `vllm:` metric, which Prometheus reads; take it "
        "out",
    ),
    "mathllm:30: swap space against running out of memory": argument(
        vllm,
        "--swap-space 8",
        "`--swap-space` was removed from vLLM; take it out: the cache has a fixed size, and "
        "requests wait when it is full",
        max_sequences=8,
    ),
    "mathllm:64: the draft's old argument": argument(
        vllm,
        "--speculative-model TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "`--speculative-model` was removed from vLLM; use the setting `speculation`",
        speculation=Speculation(model="llama-3.1-8b-instruct-eagle3"),
    ),
    "corrections:156: the key in the environment": variable(
        vllm, "VLLM_API_KEY", "sk-1736000000", f"`VLLM_API_KEY` {VLLM_KEY}"
    ),
    "roadmap:458: a command in place of the key": variable(
        vllm, "VLLM_API_KEY", "$(openssl rand -hex 32)", f"`VLLM_API_KEY` {VLLM_KEY}"
    ),
    "roadmap:327: the hub's token for a server": variable(
        vllm, "HF_TOKEN", "${HF_TOKEN}", f"`HF_TOKEN` {NO_VARIABLE}"
    ),
    "roadmap:39: nothing leaves, but telemetry does": variable(
        vllm,
        "VLLM_NO_USAGE_STATS",
        "0",
        "`VLLM_NO_USAGE_STATS` is set by the role, which has nobody told of the usage; take it out",
    ),
    "roadmap:466: a variable that nothing reads": variable(
        vllm,
        "GPU_MEMORY_UTILIZATION",
        "0.80",
        f"`GPU_MEMORY_UTILIZATION` {NO_VARIABLE}",
        gpu_memory_utilization=0.80,
    ),
    "roadmap:467: a setting that nothing reads": Defect(
        vllm, {"gpu_max_seqs": 32}, "Extra inputs are not permitted", {"max_sequences": 32}
    ),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_defect_of_the_seeds_is_refused(defect: Defect) -> None:
    assert_refused(defect)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_its_correction_is_taken(defect: Defect) -> None:
    assert_corrected(defect)
