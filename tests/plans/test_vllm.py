"""vLLM: what its role runs on a host that has nothing of it yet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import vllm
from deploys.vllm import API_KEY, Vllm
from deploys.vllm_stack import steps
from tests.fake_host import Run, run
from tests.unit.sample_checkpoints import MODELS

SETTINGS: dict[str, Any] = {
    "models": MODELS,
    "vllm": Vllm(image="docker.io/vllm/vllm-openai:v0.33.0", model="llama-8b"),
}
BARE: dict[str, Any] = {"wanted=$(cat)": ["end"], "project=vllm": ["end"]}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """What the host has by inventory."""
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure([API_KEY])
    return {**store, **SETTINGS, "ssh_hostname": "192.0.2.1"}


def roll_out(data: dict[str, Any]) -> Run:
    return run(vllm.install, BARE, data, groups=tuple(SETTINGS))


def test_the_stack_lands_as_one(data: dict[str, Any]) -> None:
    outcome = roll_out(data)
    assert outcome.succeeded
    starts = [
        text
        for text in outcome.commands
        if "services/vllm/transaction/transaction.sh start" in text
    ]
    assert len(starts) == 1


def test_the_key_is_in_no_command(data: dict[str, Any]) -> None:
    key = secret_store.for_data(data).get(API_KEY).get_secret_value()
    assert not any(key in command for command in roll_out(data).commands)


def test_the_image_reads_its_own_arguments_before_the_old_server_stops(
    data: dict[str, Any],
) -> None:
    step = steps(data["vllm"], MODELS.named("llama-8b"), "192.0.2.1").validate
    (command,) = re.findall(r"^docker run .*?>/dev/null$", step, re.MULTILINE | re.DOTALL)
    arguments = " ".join(data["vllm"].arguments(MODELS.named("llama-8b")))
    assert "--device nvidia.com/gpu=0 docker.io/vllm/vllm-openai:v0.33.0 " in command
    assert command.endswith(f"{arguments} $unknown >/dev/null")


def test_the_check_of_the_arguments_has_the_variables_of_the_server(data: dict[str, Any]) -> None:
    told = {"environment": {"VLLM_LOGGING_LEVEL": "DEBUG", "VLLM_TARGET_DEVICE": "a b"}}
    settings = data["vllm"].model_copy(update=told)
    step = steps(settings, MODELS.named("llama-8b"), "192.0.2.1").validate
    before_image = step.partition(settings.image)[0]
    assert before_image.endswith("--env VLLM_LOGGING_LEVEL=DEBUG --env 'VLLM_TARGET_DEVICE=a b' ")
