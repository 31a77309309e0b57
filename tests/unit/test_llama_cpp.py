"""llama.cpp's settings and files: what is refused, and how the container is defined."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from budget.architecture import Architecture
from deploys.llama_cpp import API_KEY, LlamaCpp, entries
from deploys.models import Model, ModelFile, Models
from deploys.topology import Machine, Topology
from operations.entries import File

DIGEST = f"sha256:{'d' * 64}"
IMAGE = f"ghcr.io/ggml-org/llama.cpp:server-b11223@{DIGEST}"
GOOD: dict[str, Any] = {"image": IMAGE, "model": "small", "physical_cores": 12, "threads": 12}
MODEL = Model(
    name="small",
    repository="owner/Small",
    revision="a" * 40,
    files=(ModelFile(path="small.gguf", bytes=10, sha256="b" * 64),),
    licence="mit",
    format="gguf",
    architecture=Architecture(context_tokens=4096, vocabulary=32_000),
)
NOT_PINNED = (
    "may become another program tomorrow; pin a build and its digest: "
    "`name:server-b<build>@sha256:<64 hex digits>`"
)

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"image": f"ghcr.io/ggerganov/llama.cpp:server-b1@{DIGEST}"},
        "is where the project was; its images are now ghcr.io/ggml-org/llama.cpp",
    ),
    ({"image": "ghcr.io/ggml-org/llama.cpp:server-b11223"}, NOT_PINNED),
    ({"image": f"ghcr.io/ggml-org/llama.cpp@{DIGEST}"}, NOT_PINNED),
    ({"image": f"ghcr.io/ggml-org/llama.cpp:latest@{DIGEST}"}, NOT_PINNED),
    ({"image": "ghcr.io/ggml-org/llama.cpp:server-b1@sha256:abc"}, NOT_PINNED),
    (
        {"threads": 64},
        "threads (64) are more than physical_cores (12); "
        "generation waits for the slowest: use at most one for each core",
    ),
    (
        {"context_per_slot_tokens": 1000},
        "1000 is not a multiple of 256, in which llama.cpp deals context out; use 1024",
    ),
    (
        {"prompt_cache_mib": 8192},
        "prompt_cache_mib (8192) leaves nothing of memory_limit_mib (8192) for the model",
    ),
    ({"extra_arguments": ("--mlock",)}, "`--mlock` was removed; use --load-mode; take it out"),
    (
        {"extra_arguments": ("--ctx-size=8192",)},
        "`--ctx-size` follows from context_per_slot_tokens; take it out",
    ),
    (
        {"extra_arguments": ("--api-key", "x")},
        "`--api-key` would show the key; the role passes a file; take it out",
    ),
    (
        {"extra_arguments": ("--tools", "all")},
        "`--tools` opens the host to whoever reaches the port; take it out",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LlamaCpp(**{**GOOD, **change})
    assert message in str(refused.value)


def test_right_settings_are_taken() -> None:
    assert LlamaCpp(**{**GOOD, "extra_arguments": ("--temp", "0.2")}).image == IMAGE


def test_a_model_that_the_catalogue_lacks_is_a_conflict_with_the_close_matches() -> None:
    machine = Machine("one", "192.0.2.1", (), {"models": Models(catalogue=(MODEL,))}, {})
    (conflict,) = LlamaCpp(**{**GOOD, "model": "smal"}).conflicts(machine, Topology((), ()))
    assert conflict.what == "the catalogue has no model `smal`; it has small"
    assert LlamaCpp(**GOOD).conflicts(machine, Topology((), ())) == ()


def test_the_context_is_that_of_a_slot_for_each_sequence() -> None:
    settings = LlamaCpp(**GOOD, parallel_sequences=8, context_per_slot_tokens=8192)
    arguments = settings.arguments(MODEL)
    assert arguments[arguments.index("--ctx-size") + 1] == str(8 * 8192)
    assert arguments[arguments.index("--parallel") + 1] == "8"


def test_the_port_is_for_the_gateway_and_prometheus_and_published_by_a_container() -> None:
    (port,) = LlamaCpp(**GOOD).ports()
    assert port.reachable_from == ("nginx", "prometheus")
    assert port.published_by_container


def test_metrics_are_asked_for_with_the_key() -> None:
    settings = LlamaCpp(**GOOD)
    (scrape,) = settings.scrapes()
    assert (scrape.port, scrape.bearer_secret) == (settings.port, API_KEY)
    assert settings.secrets() == (API_KEY,)


def files(key: str = "secret-key") -> dict[str, File]:
    made = entries(LlamaCpp(**GOOD), MODEL, "/srv/models/small", "192.0.2.1", key)
    return {entry.path.rpartition("/")[2]: entry for entry in made if isinstance(entry, File)}


@pytest.fixture
def server() -> Any:
    return yaml.safe_load(files()["compose.yaml"].content)["services"]["server"]


def test_the_key_is_a_file_for_the_container_alone() -> None:
    key = files()["api-key"]
    assert (key.content, key.mode, key.secret) == (b"secret-key\n", "0400", True)
    assert key.owner == key.group == "65532"
    assert b"secret-key" not in files()["compose.yaml"].content


def test_the_port_is_published_on_one_address(server: Any) -> None:
    assert server["ports"] == ["192.0.2.1:8080:8080"]


def test_the_container_is_hardened(server: Any) -> None:
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert server["read_only"]
    assert server["user"] == "65532:65532"


def test_the_model_is_mounted_read_only(server: Any) -> None:
    (mount,) = server["volumes"]
    assert (mount["source"], mount["read_only"]) == ("/srv/models/small", True)


def test_another_model_of_the_same_name_is_another_definition(server: Any) -> None:
    assert server["labels"]["ai-idp.model"] == MODEL.fingerprint


def test_the_model_has_time_to_load_before_it_counts_as_unhealthy(server: Any) -> None:
    assert server["healthcheck"]["start_period"] == "120s"
