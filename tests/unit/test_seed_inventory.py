"""Defects of the seeds that only show between roles and models: preflight's own words.

Each row changes production's inventory in one place; its twin is the corrected value in that place.
A reference is a seed (docs/seeds.md) and its line.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.changed_inventory import HOST, Change, refusals, setting

LESS_OF_LLAMA = "raise it in group_data/llama_cpp.py, or ask for less there"

DEFECTS: dict[str, tuple[Change, str, Change]] = {
    "roadmap:336: another method than the checkpoint's": (
        setting("vllm", extra_arguments=("--quantization", "fp8")),
        f"{HOST}: vllm: `--quantization fp8` contradicts the files of `llama-3.1-8b-instruct-fp8`, "
        "which are quantised already (compressed-tensors); take it out; vLLM reads the method from "
        "the checkpoint",
        setting("vllm", extra_arguments=()),
    ),
    "roadmap:110: a name that nobody serves": (
        setting("vllm", model="llama-3.1-8b-fp8"),
        f"{HOST}: vllm: its models do not include `llama-3.1-8b-fp8`; there is "
        "llama-3.1-8b-instruct-fp8; name one of them, or give it `llama-3.1-8b-fp8` in "
        "group_data/models.py",
        setting("vllm", model="llama-3.1-8b-instruct-fp8"),
    ),
    "roadmap:496: GGUF files for vLLM": (
        setting("vllm", model="llama-3.2-3b-instruct"),
        f"{HOST}: vllm: `llama-3.2-3b-instruct` is a GGUF file, and vLLM's image has no plugin "
        "that reads it; serve it with llama_cpp, or give vLLM a model of safetensors files",
        setting("vllm", model="qwen2.5-7b-instruct-awq"),
    ),
    "roadmap:377: more threads than cores": (
        setting("llama_cpp", threads=64),
        f"{HOST}: llama_cpp: threads (64) are more than the cores of the host (12); the work waits "
        "for the slowest; take `threads` out of group_data/llama_cpp.py: then each core has one",
        setting("llama_cpp", threads=12),
    ),
    "roadmap:375: 8 slots of 8192 tokens": (
        setting("llama_cpp", parallel_sequences=8, context_per_slot_tokens=8192),
        f"{HOST}: llama_cpp: memory_limit_mib (8192) is less than the 10625 MiB that 8 x 8192 "
        "tokens come to need: weights 1926 + KV cache 7168 + kept prompts 1024 + scores 251 + "
        f"process 256; {LESS_OF_LLAMA}",
        setting(
            "llama_cpp",
            parallel_sequences=8,
            context_per_slot_tokens=8192,
            memory_limit_mib=12_288,
        ),
    ),
}


def test_production_itself_is_not_refused() -> None:
    assert refusals(lambda machine: machine) == []


@pytest.mark.parametrize(("wrong", "message", "right"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_of_the_seeds_is_refused(wrong: Change, message: str, right: Change) -> None:
    assert refusals(wrong) == [message]
    assert refusals(right) == []


def domain(name: str) -> Change:
    return lambda machine: replace(machine, data={**machine.data, "domain": name})


def test_one_port_for_llama_cpp_and_tritons_metrics_is_refused() -> None:
    """roadmap:382 and 401."""
    metrics, api = setting("triton", metrics_port=8003), setting("llama_cpp", port=8003)
    assert refusals(lambda machine: api(metrics(machine))) == [
        f"{HOST}: tcp port 8003 is claimed by llama_cpp (model API) and triton (metrics); "
        "give one of them another port in group_data/triton.py",
        f"{HOST}: 192.168.1.10:8003/metrics is scraped as job llama_cpp of llama_cpp and job "
        "triton of triton; remove the scrape from deploys/triton.py",
    ]
    assert refusals(api) == []


@pytest.mark.parametrize("name", ["sclimers.local", "local"])
def test_a_domain_of_multicast_dns_is_refused(name: str) -> None:
    """roadmap:652: no public CA can vouch for such a name, and every host may claim it."""
    assert refusals(domain(name)) == [
        f"domain `{name}`: is below .local, which belongs to multicast DNS (RFC 6762); "
        "set one below home.arpa (RFC 8375) in group_data/all.py"
    ]
    assert refusals(domain("local.home.arpa")) == []


def test_without_graphs_is_slower_but_a_choice() -> None:
    """mathllm:31 takes it for speed; it saves memory, so its setting says so and is not refused."""
    assert refusals(setting("vllm", enforce_eager=True)) == []
