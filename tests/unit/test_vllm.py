"""vLLM's settings and files: what is refused, what is claimed, and how the container is defined."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from budget.architecture import SlidingAttention
from deploys import vllm_arguments
from deploys.declarations import MemoryClaim, Route
from deploys.models import Models
from deploys.topology import Machine, Topology
from deploys.vllm import API_KEY, Vllm
from deploys.vllm_speculation import Speculation
from deploys.vllm_stack import entries
from deploys.vllm_variables import REFUSED as REFUSED_VARIABLES
from group_data.vllm import vllm as production
from operations.entries import Directory, File
from tests.unit.sample_checkpoints import DRAFT, HARDWARE, LLAMA, machine

IMAGE = "docker.io/vllm/vllm-openai:v0.33.0"
GOOD: dict[str, Any] = {"image": IMAGE, "model": "llama-8b"}
NOBODY = Topology((), ())
OLD = (
    "is too old: up to v0.7 vLLM has no kernels for sm_120, the RTX 50 cards, v0.9.2 ran there "
    "and v0.10.0 did not; take v0.31.0 or newer, made with CUDA 13"
)

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"image": "docker.io/vllm/vllm-openai:v0.7.1"}, f"`docker.io/vllm/vllm-openai:v0.7.1` {OLD}"),
    (
        {"image": "docker.io/vllm/vllm-openai:v0.10.0"},
        f"`docker.io/vllm/vllm-openai:v0.10.0` {OLD}",
    ),
    (
        {"image": "docker.io/vllm/vllm-openai:latest"},
        "`docker.io/vllm/vllm-openai:latest` may become another program tomorrow",
    ),
    (
        {"image": f"docker.io/someone/server:1.0@sha256:{'d' * 64}"},
        "does not say which vLLM it has; take `docker.io/vllm/vllm-openai:v<number>`",
    ),
    (
        {"batched_tokens": 64, "max_sequences": 128},
        "batched_tokens (64) are fewer than max_sequences (128), and each sequence needs one in "
        "each step; raise batched_tokens to 128 at least",
    ),
    (
        {"extra_arguments": ("--enable-lora",)},
        "`--enable-lora` takes memory of the card that the budget does not count; take it out",
    ),
    (
        {"extra_arguments": ("--tensor-parallel-size", "2")},
        "`--tensor-parallel-size` wants further cards, and the role is given one; take it out",
    ),
    (
        {"shared_memory_mib": 16_384},
        "shared_memory_mib (16384) leaves nothing of memory_limit_mib (16384); lower it",
    ),
    (
        {"extra_arguments": "python -m vllm.entrypoints.openai.api_server --seed 1"},
        "extra_arguments is a command line, and nothing splits it: the image's entry point is "
        "`vllm serve`; give a tuple of its arguments, such as (`--seed`, `1`)",
    ),
    (
        {"extra_arguments": ("/bin/bash", "-c", "vllm serve")},
        "`/bin/bash` is no argument: the image's entry point is `vllm serve` already; name "
        "arguments only, such as `--seed`, `1`",
    ),
    (
        {"extra_arguments": ("--seed 1",)},
        "`--seed 1` is one word; write two: `--seed`, `1`",
    ),
    (
        {"extra_arguments": ("-tp", "2")},
        "`-tp` is a short form, which cannot be checked; write the long one",
    ),
    (
        {"extra_arguments": ("--swap-space", "8")},
        "`--swap-space` was removed from vLLM; take it out: the cache has a fixed size, and "
        "requests wait when it is full",
    ),
    (
        {"extra_arguments": ("--swap_space=8",)},
        "`--swap-space` was removed from vLLM; take it out",
    ),
    (
        {"extra_arguments": ("--speculative-model", "TinyLlama/TinyLlama-1.1B-Chat-v1.0-AWQ")},
        "`--speculative-model` was removed from vLLM; use the setting `speculation`",
    ),
    (
        {"extra_arguments": ("--num-speculative-tokens", "5")},
        "`--num-speculative-tokens` was removed from vLLM; use the setting `speculation`",
    ),
    (
        {"extra_arguments": ("--device", "cuda")},
        "`--device` was removed from vLLM; take it out: it finds the card itself",
    ),
    (
        {"extra_arguments": ("--disable-log-requests",)},
        "`--disable-log-requests` is no longer needed; take it out: requests are not logged",
    ),
    (
        {"extra_arguments": ("--guided-decoding-backend", "xgrammar")},
        "`--guided-decoding-backend` was removed from vLLM; use `--structured-outputs-config`",
    ),
    (
        {"extra_arguments": ("--num-scheduler-steps", "8")},
        "`--num-scheduler-steps` was removed from vLLM; take it out: nothing replaces it",
    ),
    (
        {"extra_arguments": ("--preemption-mode", "swap")},
        "`--preemption-mode` was removed from vLLM; take it out: it always computes anew",
    ),
    (
        {"extra_arguments": ("--disable-log-stats",)},
        "`--disable-log-stats` takes away every `vllm:` metric, which Prometheus reads; take it "
        "out",
    ),
    (
        {"extra_arguments": ("--enable-chunked-prefill",)},
        "`--enable-chunked-prefill` is what vLLM does anyway; take it out",
    ),
    (
        {"extra_arguments": ("--disable-chunked-prefill",)},
        "`--disable-chunked-prefill` demands a batch as long as the context, which takes the "
        "cache's memory; take it out",
    ),
    (
        {"extra_arguments": ("--enable-prefix-caching",)},
        "`--enable-prefix-caching` is what vLLM does anyway; take it out",
    ),
    (
        {"extra_arguments": ("--block-size", "16")},
        "`--block-size` is chosen by vLLM for the card; take it out",
    ),
    (
        {"extra_arguments": ("--dtype", "float16")},
        "`--dtype` is read from the checkpoint; take it out: float16 would cut a bfloat16 model",
    ),
    (
        {"extra_arguments": ("--api-key", "x")},
        "`--api-key` would show the key in the process list; take it out: the role passes a file",
    ),
    (
        {"extra_arguments": ("--api-k", "x")},
        "`--api-k` would show the key in the process list; take it out: the role passes a file",
    ),
    (
        {"extra_arguments": ("--config", "/etc/vllm.yaml")},
        "`--config` would bring arguments past these checks; name them in extra_arguments",
    ),
    (
        {"extra_arguments": ("--trust-remote-code",)},
        "`--trust-remote-code` runs code of the model's repository that nobody verified; choose a "
        "model that vLLM knows itself",
    ),
    (
        {"extra_arguments": ("--kv-cache-memory-bytes", "8g")},
        "`--kv-cache-memory-bytes` takes memory of the card that the budget does not count; use "
        "gpu_memory_utilization",
    ),
    (
        {"extra_arguments": ("--max-model-len", "8192")},
        "`--max-model-len` is set by the role; use context_tokens",
    ),
    (
        {"extra_arguments": ("--served-model-name", "mine")},
        "`--served-model-name` is set by the role; use model",
    ),
    (
        {"extra_arguments": ("--port", "8001")},
        "`--port` moves the server away from where its users ask; take it out",
    ),
    (
        {"extra_arguments": ("--max-num-partial-prefils", "2")},
        "vLLM 0.33.0 has no argument `--max-num-partial-prefils`; did you mean",
    ),
    (
        {"extra_arguments": ("--zzz",)},
        "vLLM 0.33.0 has no argument `--zzz`; take it out",
    ),
    (
        {"environment": {"HF_HUB_OFFLINE": "0"}},
        "`HF_HUB_OFFLINE` is no variable of vLLM (VLLM_...); take it out",
    ),
    *(
        ({"environment": {name: "1"}}, f"`{name}` {reason}; take it out")
        for name, reason in REFUSED_VARIABLES.items()
    ),
]
RIGHT: list[dict[str, Any]] = [
    {},
    {"image": f"{IMAGE}@sha256:{'d' * 64}"},
    {"image": "docker.io/vllm/vllm-openai:v0.31.0"},
    {"batched_tokens": 128, "max_sequences": 128},
    {"extra_arguments": ("--seed", "1", "--cpu-offload-gb", "-1")},
    {"extra_arguments": ("--compilation-config.mode", "3", "--max_logprobs=5")},
    # Nobody recorded what 0.34.0 has: its own image says.
    {"image": "docker.io/vllm/vllm-openai:v0.34.0", "extra_arguments": ("--new-argument",)},
    {"environment": {"VLLM_LOGGING_LEVEL": "DEBUG"}},
    {"kv_cache_dtype": "fp8", "enforce_eager": True},
]
CONFLICTS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"model": "llama8b"},
        "its models do not include `llama8b`; there is llama-8b",
        "name one of them, or give it `llama8b` in group_data/models.py",
    ),
    (
        {"model": "llama-3b"},
        "`llama-3b` is a GGUF file, and vLLM's image has no plugin that reads it",
        "serve it with llama_cpp, or give vLLM a model of safetensors files",
    ),
    (
        {"context_tokens": 262_144},
        "context_tokens (262144) are more than `llama-8b` was made for",
        "set context_tokens to 131072 at most",
    ),
    (
        {"extra_arguments": ("--quantization", "fp8")},
        "`--quantization fp8` contradicts the files of `llama-8b`, which are quantised already "
        "(compressed-tensors)",
        "take it out; vLLM reads the method from the checkpoint",
    ),
    (
        {"extra_arguments": ("--quantization=fp8",)},
        "`--quantization fp8` contradicts the files of `llama-8b`, which are quantised already "
        "(compressed-tensors)",
        "take it out; vLLM reads the method from the checkpoint",
    ),
    (
        {"speculation": {"model": "tiny-draft", "method": "draft_model"}},
        "the draft `tiny-draft` has a vocabulary of 32000 tokens, `llama-8b` one of 128256",
        "choose a draft that was made for it, or take `speculation` out",
    ),
    (
        {"speculation": {"model": "llama-drafts"}},
        "its models do not include `llama-drafts`; there is llama-draft",
        "name one of them, or give it `llama-drafts` in group_data/models.py",
    ),
]
FITTING: list[dict[str, Any]] = [
    {},
    {"context_tokens": 131_072},
    {"model": "plain-8b", "extra_arguments": ("--quantization", "fp8_per_tensor")},
    {"speculation": {"model": "llama-draft"}},
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Vllm(**{**GOOD, **change})
    assert message in str(refused.value)


@pytest.mark.parametrize("change", RIGHT)
def test_right_settings_are_taken(change: dict[str, Any]) -> None:
    Vllm(**{**GOOD, **change})


@pytest.mark.parametrize(("change", "what", "remedy"), CONFLICTS)
def test_what_the_host_cannot_serve_is_a_conflict(
    change: dict[str, Any], what: str, remedy: str
) -> None:
    (conflict,) = Vllm(**{**GOOD, **change}).conflicts(machine(), NOBODY)
    assert what in conflict.what
    assert conflict.remedy == remedy


@pytest.mark.parametrize("change", FITTING)
def test_what_the_host_can_serve_is_none(change: dict[str, Any]) -> None:
    assert Vllm(**{**GOOD, **change}).conflicts(machine(), NOBODY) == ()


def test_every_argument_of_the_role_is_one_of_the_version() -> None:
    settings = production.model_copy(update={"enforce_eager": True})
    given = Vllm(**GOOD, speculation=Speculation(model="llama-draft")).arguments(LLAMA)
    names = {vllm_arguments.flag(word) for word in (*settings.arguments(LLAMA), *given)} - {""}
    assert names <= vllm_arguments.listed("0.33.0")


def test_the_settings_are_those_of_the_corrected_plans() -> None:
    words = production.arguments(LLAMA)
    stated = dict(zip(words[1::2], words[2::2], strict=False))
    assert stated["--gpu-memory-utilization"] == "0.8"
    assert stated["--max-num-seqs"] == "32"
    assert stated["--max-num-batched-tokens"] == "4096"
    assert stated["--max-model-len"] == "16384"


def test_the_model_is_served_under_its_name_in_the_catalogue() -> None:
    words = Vllm(**GOOD).arguments(LLAMA)
    assert words[0] == "/models/llama-8b"
    assert words[words.index("--served-model-name") + 1] == "llama-8b"


def test_a_draft_is_said_in_json() -> None:
    words = Vllm(**GOOD, speculation=Speculation(model="llama-draft")).arguments(LLAMA)
    assert json.loads(words[words.index("--speculative-config") + 1]) == {
        "model": "/models/llama-draft",
        "method": "eagle3",
        "num_speculative_tokens": 3,
    }


def test_the_cache_has_the_type_that_was_chosen() -> None:
    words = Vllm(**GOOD, kv_cache_dtype="fp8").arguments(LLAMA)
    assert words[words.index("--kv-cache-dtype") + 1] == "fp8"


def test_the_claim_is_the_arithmetic_of_a_16_gb_card() -> None:
    (claim,) = Vllm(**GOOD).gpu_memory(machine())
    # 0.80 x (16303 - 450) MiB; 9.08 GB of weights; 4096 x 128 KiB + 32 x 128256 x 16 B + graphs.
    assert claim.share_mib == 12_682
    assert claim.weights_mib == 8_660
    assert claim.workspace_mib == 512 + 63 + 512
    assert claim.context_mib == 400
    # 32 layers x 8 heads x 128 x 2 x 2 bytes = 128 KiB a token.
    assert claim.sequence_bytes == 16_384 * 128 * 1024
    assert (claim.sequence_tokens, claim.parallel_sequences) == (16_384, 32)


def test_an_fp8_cache_takes_half() -> None:
    (claim,) = Vllm(**GOOD, kv_cache_dtype="fp8").gpu_memory(machine())
    assert claim.sequence_bytes == 16_384 * 64 * 1024


def test_without_graphs_it_takes_less() -> None:
    (claim,) = Vllm(**GOOD, enforce_eager=True).gpu_memory(machine())
    assert claim.workspace_mib == 512 + 63


def test_a_draft_takes_weights_and_cache_too() -> None:
    (claim,) = Vllm(**GOOD, speculation=Speculation(model="llama-draft")).gpu_memory(machine())
    total = LLAMA.weights_bytes + DRAFT.weights_bytes
    assert claim.weights_mib == -(-total // 2**20)
    assert claim.sequence_bytes == 16_384 * (128 + 4) * 1024


def test_a_window_is_reckoned_in_blocks_and_with_the_running_batch() -> None:
    layers = SlidingAttention(layers=32, kv_heads=8, head_dimension=128, window_tokens=1024)
    architecture = LLAMA.architecture.model_copy(update={"caches": (layers,)})
    windowed = LLAMA.model_copy(update={"architecture": architecture})
    held = Models(catalogue=(windowed,))
    host = Machine("one", "192.0.2.1", (), {"models": held}, {"hardware": HARDWARE})
    (claim,) = Vllm(**GOOD).gpu_memory(host)
    # 1024 + 4095 tokens rounded up to blocks of 16, and one block more, at 128 KiB a token.
    assert claim.sequence_bytes == (5120 + 16) * 128 * 1024


def test_it_starts_only_where_its_share_is_free() -> None:
    (claim,) = Vllm(**GOOD).gpu_memory(machine())
    assert claim.free_at_start


def test_without_its_model_it_claims_nothing() -> None:
    assert Vllm(**{**GOOD, "model": "other"}).gpu_memory(machine()) == ()


def test_main_memory_holds_the_server_and_the_check_of_its_next_arguments() -> None:
    assert Vllm(**GOOD).memory(machine()) == (MemoryClaim(16_384 + 4096),)
    small = Vllm(**GOOD, memory_limit_mib=1024, shared_memory_mib=64)
    assert small.memory(machine()) == (MemoryClaim(2 * 1024),)


def test_the_port_is_for_the_gateway_and_prometheus_and_published_by_a_container() -> None:
    (port,) = Vllm(**GOOD).ports()
    assert port.number == 8000
    assert port.reachable_from == ("nginx", "prometheus")
    assert port.published_by_container


def test_the_gateway_reaches_it_and_leaves_the_key_to_it() -> None:
    assert Vllm(**GOOD).route() == Route(8000, "vLLM")


def test_metrics_need_no_key() -> None:
    (scrape,) = Vllm(**GOOD).scrapes()
    assert (scrape.job, scrape.port, scrape.bearer_secret) == ("vllm", 8000, None)
    assert Vllm(**GOOD).secrets() == (API_KEY,)


def files(**change: Any) -> dict[str, File | Directory]:
    settings = Vllm(**{**GOOD, **change})
    folders = {name: f"/srv/models/{name}" for name in settings.names}
    models = [{LLAMA.name: LLAMA, DRAFT.name: DRAFT}[name] for name in settings.names]
    made = entries(settings, models, folders, "192.0.2.1", "secret-key")
    return {entry.path.rpartition("/")[2]: entry for entry in made if entry.path}


def server(**change: Any) -> Any:
    definition = files(**change)["compose.yaml"]
    assert isinstance(definition, File)
    return yaml.safe_load(definition.content)["services"]["server"]


def test_the_key_is_a_file_for_the_container_alone() -> None:
    key, definition = files()["api-key"], files()["compose.yaml"]
    assert isinstance(key, File) and isinstance(definition, File)
    assert (key.content, key.mode, key.secret) == (b"secret-key\n", "0400", True)
    assert key.owner == "2000"
    assert b"secret-key" not in definition.content


def test_the_key_reaches_the_server_in_no_definition_and_an_empty_one_starts_nothing() -> None:
    assert "VLLM_API_KEY" not in server()["environment"]
    *shell, script, name = server()["entrypoint"]
    assert (shell, name) == (["/bin/sh", "-euc"], "vllm")
    assert script == (
        "VLLM_API_KEY=$$(cat /run/secrets/api-key)\n"
        'export VLLM_API_KEY="$${VLLM_API_KEY:?is empty}"\n'
        'exec vllm serve "$$@"\n'
    )


def test_the_command_is_the_arguments_as_words() -> None:
    assert tuple(server()["command"]) == Vllm(**GOOD).arguments(LLAMA)


def test_a_dollar_is_not_taken_for_a_variable_of_compose() -> None:
    assert "$$HOME" in server(extra_arguments=("--chat-template", "$HOME"))["command"]


def test_the_port_is_published_on_one_address() -> None:
    assert server()["ports"] == ["192.0.2.1:8000:8000"]


def test_the_container_is_hardened() -> None:
    assert server()["cap_drop"] == ["ALL"]
    assert server()["security_opt"] == ["no-new-privileges:true"]
    assert server()["read_only"]
    assert server()["user"] == "2000:0"


def test_it_writes_into_its_caches_alone_and_runs_what_it_compiled() -> None:
    cache, model = server()["volumes"]
    assert (cache["source"], cache["target"]) == ("/var/cache/ai-idp/vllm", "/home/vllm")
    assert server()["environment"]["HOME"] == "/home/vllm"
    assert (model["source"], model["read_only"]) == ("/srv/models/llama-8b", True)
    assert server()["tmpfs"] == ["/tmp:exec,size=2g,mode=1777"]
    directory = files()["vllm"]
    assert isinstance(directory, Directory)
    assert (directory.owner, directory.mode) == ("2000", "0700")


def test_a_draft_is_mounted_beside_the_model() -> None:
    mounts = server(speculation={"model": "llama-draft"})["volumes"]
    assert [mount["target"] for mount in mounts[1:]] == ["/models/llama-8b", "/models/llama-draft"]
    assert all(mount["read_only"] for mount in mounts[1:])


def test_it_talks_to_nobody_outside() -> None:
    told = server(environment={"VLLM_LOGGING_LEVEL": "DEBUG"})["environment"]
    assert told["HF_HUB_OFFLINE"] == told["VLLM_NO_USAGE_STATS"] == told["DO_NOT_TRACK"] == "1"
    assert told["VLLM_LOGGING_LEVEL"] == "DEBUG"


def test_it_is_given_its_card_and_no_other() -> None:
    (device,) = server(card=1)["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["device_ids"]) == ("cdi", ["nvidia.com/gpu=1"])


def test_another_model_of_the_same_name_is_another_definition() -> None:
    assert server()["labels"]["ai-idp.model"] == LLAMA.fingerprint
    both = server(speculation={"model": DRAFT.name})["labels"]["ai-idp.model"]
    assert both == f"{LLAMA.fingerprint} {DRAFT.fingerprint}"


def test_it_has_time_to_compile_before_it_counts_as_unhealthy() -> None:
    assert server()["healthcheck"]["start_period"] == "900s"
