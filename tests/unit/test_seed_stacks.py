"""Defects of the seeds that a Compose file can carry: our stacks keep the rules, theirs does not.

Rules: tests/unit/compose_rules.py. A reference is a seed (docs/seeds.md) and its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from deploys import dcgm_exporter, triton_stack, vllm_stack
from deploys.llama_server import LlamaServer
from deploys.llama_stack import Stack
from deploys.models import Models
from deploys.roles import role_names, settings_class
from deploys.vllm import Vllm
from group_data.dcgm_exporter import dcgm_exporter as dcgm_settings
from group_data.edge import edge as edge_settings
from group_data.embeddings import embeddings as embeddings_settings
from group_data.llama_cpp import llama_cpp as llama_settings
from group_data.models import models
from group_data.triton import triton as triton_settings
from group_data.vllm import vllm as vllm_settings
from operations.entries import Directory, Entry, File
from tests.unit import compose_rules

ADDRESS, KEY = "192.0.2.1", "secret-key"


def of_vllm(settings: Vllm, held: Models) -> Sequence[Entry]:
    served = held.named(settings.model)
    return vllm_stack.entries(settings, [served], {served.name: held.folder(served)}, ADDRESS, KEY)


def of_llama_server(settings: LlamaServer, image: str) -> Sequence[Entry]:
    (served,) = (model for model in models.catalogue if model.name == settings.model)
    return Stack(settings, image, served, models.folder(served), ADDRESS, threads=12).entries(KEY)


STACKS: dict[str, Sequence[Entry]] = {
    "vllm": of_vllm(vllm_settings, models),
    "llama_cpp": of_llama_server(llama_settings, llama_settings.image),
    "embeddings": of_llama_server(embeddings_settings, embeddings_settings.image),
    "edge": of_llama_server(edge_settings, edge_settings.images[36]),
    "triton": triton_stack.entries(triton_settings, ADDRESS),
    "dcgm_exporter": dcgm_exporter.entries(dcgm_settings, ADDRESS),
}


def definition(role: str) -> Any:
    (file,) = (entry for entry in STACKS[role] if entry.path.endswith("/compose.yaml"))
    assert isinstance(file, File)
    return yaml.safe_load(file.content)


def test_every_role_that_runs_a_stack_is_among_them() -> None:
    """A role that needs the engine runs one."""
    needing = {
        role for role in role_names() if "docker" in getattr(settings_class(role), "requires", ())
    }
    assert needing == set(STACKS)


@pytest.mark.parametrize("role", STACKS)
def test_our_stacks_keep_every_rule(role: str) -> None:
    assert compose_rules.complaints(definition(role)) == []


@pytest.mark.parametrize("role", STACKS)
def test_a_key_is_in_its_own_closed_file_alone(role: str) -> None:
    """corrections:173: `cat > .env`, and `chmod 600` only once everybody could have read it."""
    files = [entry for entry in STACKS[role] if isinstance(entry, File)]
    keys = [entry for entry in files if KEY.encode() in entry.content]
    assert {(entry.path.rpartition("/")[2], entry.mode, entry.secret) for entry in keys} <= {
        ("api-key", "0400", True)
    }
    assert len(keys) == ("secrets" in definition(role))
    folder, *_ = (entry for entry in STACKS[role] if isinstance(entry, Directory))
    assert folder.mode == "0700"


# Of their file what the rules look at, each value as it is there.
SEEDS_OWN = """
version: '3.8'
services:
  vllm-primary:
    image: vllm/vllm-openai:v0.7.1
    runtime: nvidia
    environment: ["NVIDIA_VISIBLE_DEVICES=0", "HF_TOKEN=${HF_TOKEN}"]
    volumes: ["/mnt/models/llama-3.1-8b-fp8:/models:ro"]
    ports: ["8000:8000"]
    command: --api-key ${VLLM_API_KEY} --host 0.0.0.0
    deploy: &card
      {resources: {reservations: {devices: [{driver: nvidia, device_ids: ['0']}]}}}
    healthcheck: &check
      {test: [CMD, curl, -f, "http://localhost:8000/health"], interval: 30s}
  llamacpp-cpu:
    image: ghcr.io/ggerganov/llama.cpp:server
    ports: ["8003:8080"]
    command: --api-key ${LLAMACPP_API_KEY}
    healthcheck: *check
  triton-server:
    image: nvcr.io/nvidia/tritonserver:25.05-py3
    runtime: nvidia
    ports: ["8001:8000", "8002:8001", "8003:8002"]
    deploy: *card
  dcgm-exporter:
    image: nvcr.io/nvidia/k8s/dcgm-exporter:3.3.8-3.6.0-ubuntu22.04
    runtime: nvidia
    ports: ["9400:9400"]
    deploy: *card
"""
GIVEN = "gives it cards past its devices; take it out"
OPEN = "is published on every address, past the host's firewall; name the address before it"
SHOWN = "shows the secret; give it as a file of `secrets:`"
LOADING = "counts as unhealthy while it loads; give its healthcheck a start_period"
DEVICE = "device driver `nvidia`; give the card by `driver: cdi`"
PRIVILEGES = (
    "keeps capabilities; say `cap_drop: [ALL]`",
    'can gain privileges; say `security_opt: ["no-new-privileges:true"]`',
    "can change its own programs; say `read_only: true`",
)
TELLS = "vLLM tells its makers of its usage or asks the hub; set"
NO_HEALTHCHECK = "has no healthcheck; ask its health path"


def test_the_file_of_the_seeds_breaks_them_where_its_errors_are() -> None:
    """roadmap:317 to 428."""
    names = ("vllm-primary", "llamacpp-cpu", "triton-server", "dcgm-exporter")
    vllm_, llama, triton_, dcgm = names
    with_card = (vllm_, triton_, dcgm)
    assert compose_rules.complaints(yaml.safe_load(SEEDS_OWN)) == [
        "`version` is obsolete; take it out",
        *(f"{name}: `runtime: nvidia` {GIVEN}" for name in with_card),
        *(f"{name}: {DEVICE}" for name in with_card),
        f"{vllm_}: `8000:8000` {OPEN}",
        f"{llama}: `8003:8080` {OPEN}",
        f"{triton_}: `8001:8000` {OPEN}",
        f"{triton_}: `8002:8001` {OPEN}",
        f"{triton_}: `8003:8002` {OPEN}",
        f"{dcgm}: `9400:9400` {OPEN}",
        f"{vllm_}: `${{VLLM_API_KEY` in its command {SHOWN}",
        f"{vllm_}: `${{HF_TOKEN` in its environment {SHOWN}",
        f"{llama}: `${{LLAMACPP_API_KEY` in its command {SHOWN}",
        *(f"{name}: {complaint}" for name in names for complaint in PRIVILEGES),
        f"{vllm_}: {TELLS} VLLM_NO_USAGE_STATS=1",
        f"{vllm_}: {TELLS} HF_HUB_OFFLINE=1",
        f"{triton_}: {NO_HEALTHCHECK}",
        f"{dcgm}: {NO_HEALTHCHECK}",
        f"{vllm_}: {LOADING}",
        f"{llama}: {LOADING}",
    ]


PLAIN_CHECK = {"test": ["CMD", "curl", "-f", "http://localhost:8000/health"], "interval": "30s"}
# What the corrected file of the seeds would still do to one of our stacks.
DEFECTS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "roadmap:324: a runtime beside the devices": (
        "vllm",
        {"runtime": "nvidia"},
        [f"server: `runtime: nvidia` {GIVEN}"],
    ),
    "roadmap:331: every address, by default": (
        "vllm",
        {"ports": ["8000:8000"]},
        [f"server: `8000:8000` {OPEN}"],
    ),
    "roadmap:331: every address, by name": (
        "llama_cpp",
        {"ports": ["0.0.0.0:8003:8080"]},
        [f"server: `0.0.0.0:8003:8080` {OPEN}"],
    ),
    "roadmap:331: every address of IPv6": (
        "llama_cpp",
        {"ports": ["[::]:8003:8080"]},
        [f"server: `[::]:8003:8080` {OPEN}"],
    ),
    "roadmap:347: the key in the command": (
        "vllm",
        {"command": ["--api-key", "${VLLM_API_KEY}"]},
        [f"server: `${{VLLM_API_KEY` in its command {SHOWN}"],
    ),
    "roadmap:358: a check that counts while it loads": (
        "vllm",
        {"healthcheck": PLAIN_CHECK},
        [f"server: {LOADING}"],
    ),
    "roadmap:389: Triton without a check": (
        "triton",
        {"healthcheck": None},
        [f"server: {NO_HEALTHCHECK}"],
    ),
    "corrections:187: the keys of all services": (
        "llama_cpp",
        {"env_file": [".env"]},
        [
            "server: env_file gives it the keys of all services; give it its own as `secrets:`",
        ],
    ),
    "corrections:421: Docker's socket": (
        "triton",
        {"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]},
        [
            "server: mounts `/var/run/docker.sock`, which makes it root of the host; take it out",
        ],
    ),
    "corrections:440: nothing is dropped": (
        "embeddings",
        {"cap_drop": None},
        [f"server: {PRIVILEGES[0]}"],
    ),
    "corrections:443: a port below 1024, which there is none of": (
        "vllm",
        {"cap_add": ["NET_BIND_SERVICE"]},
        ["server: asks for NET_BIND_SERVICE, which nothing here needs; take it out"],
    ),
    "roadmap:939: privileges can be gained": (
        "dcgm_exporter",
        {"security_opt": None},
        [f"server: {PRIVILEGES[1]}"],
    ),
    "corrections:445: what is compiled in /tmp cannot run": (
        "vllm",
        {"tmpfs": ["/tmp", "/run"]},
        ["server: what vLLM compiles in /tmp cannot run; mount `/tmp:exec`"],
    ),
    "corrections:444: no folder for what was compiled": (
        "vllm",
        {"volumes": ["/srv/models/llama:/models:ro"]},
        ["server: vLLM cannot keep what it compiled; mount a folder where HOME is"],
    ),
    "roadmap:39: usage is told": (
        "vllm",
        {"environment": {"HOME": "/home/vllm", "HF_HUB_OFFLINE": "1"}},
        [f"server: {TELLS} VLLM_NO_USAGE_STATS=1"],
    ),
}


@pytest.mark.parametrize(("role", "change", "messages"), DEFECTS.values(), ids=DEFECTS)
def test_one_defect_of_the_seeds_in_a_stack_of_ours_is_named(
    role: str, change: dict[str, Any], messages: list[str]
) -> None:
    found = definition(role)
    service = {**found["services"]["server"], **change}
    kept = {name: value for name, value in service.items() if value is not None}
    assert compose_rules.complaints({**found, "services": {"server": kept}}) == messages


def test_an_obsolete_version_is_named() -> None:
    """roadmap:317."""
    assert compose_rules.complaints({"version": "3.8", **definition("vllm")}) == [
        "`version` is obsolete; take it out"
    ]


def test_every_rule_is_broken_by_a_defect() -> None:
    broken = [yaml.safe_load(SEEDS_OWN)]
    for role, change, _ in DEFECTS.values():
        found = definition(role)
        kept = {**found["services"]["server"], **change}
        broken.append({"services": {"server": {k: v for k, v in kept.items() if v is not None}}})
    assert [rule for rule in compose_rules.RULES if not any(map(rule, broken))] == []
