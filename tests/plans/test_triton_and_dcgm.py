"""Triton and the DCGM exporter: what they run on a host of containers, and leave on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import dcgm_exporter, triton
from deploys.dcgm_exporter import DcgmExporter
from deploys.triton import API_KEY, Triton
from deploys.triton_stack import steps
from tests.fake_host import Run, run

TRITON = Triton(image="nvcr.io/nvidia/tritonserver:25.10-py3")
DCGM_EXPORTER = DcgmExporter(image="nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless")
BARE = {
    "wanted=$(cat)": ["end"],
    "project=triton": ["end"],
    "project=dcgm_exporter": ["end"],
}
UNREADABLE = {**BARE, "project=triton": {"success": False, "stderr": "unreadable: docker"}}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """What the host has by inventory."""
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure([API_KEY])
    settings = {"triton": TRITON, "dcgm_exporter": DCGM_EXPORTER}
    return {**store, **settings, "ssh_hostname": "192.0.2.1"}


def roll_out(install: Callable[[], object], data: dict[str, Any], answers: dict[str, Any]) -> Run:
    return run(install, answers, data, groups=("triton", "dcgm_exporter"))


def started(outcome: Run, project: str) -> list[str]:
    mark = f"services/{project}/transaction/transaction.sh start"
    return [command for command in outcome.commands if mark in command]


@pytest.mark.parametrize(
    ("install", "project"),
    [(triton.install, "triton"), (dcgm_exporter.install, "dcgm_exporter")],
)
def test_on_a_bare_host_the_stack_lands_once(
    install: Callable[[], object], project: str, data: dict[str, Any]
) -> None:
    outcome = roll_out(install, data, BARE)
    assert outcome.succeeded
    assert len(started(outcome, project)) == 1


def test_containers_that_cannot_be_read_fail_the_host_unchanged(data: dict[str, Any]) -> None:
    outcome = roll_out(triton.install, data, UNREADABLE)
    assert not outcome.succeeded
    assert not started(outcome, "triton")


def test_the_key_of_the_gateway_never_reaches_the_host_of_triton(data: dict[str, Any]) -> None:
    key = secret_store.for_data(data).get(API_KEY).get_secret_value()
    commands = roll_out(triton.install, data, BARE).commands
    assert not any(key in command for command in commands)


def test_models_are_loaded_before_they_count() -> None:
    text = steps(TRITON, "192.0.2.1").validate
    assert '--volume "$STAGE/opt/ai-idp/stacks/triton/models:/models:ro"' in text
    assert "--network none --read-only --cap-drop ALL" in text
    assert f"{TRITON.image} sh -c " in text


def test_a_card_does_not_have_to_hold_the_models_twice() -> None:
    on_a_card = TRITON.model_copy(update={"gpu": True})
    assert steps(on_a_card, "192.0.2.1").validate == ""


def test_counters_are_tried_on_the_card_before_they_count() -> None:
    text = dcgm_exporter.steps(DCGM_EXPORTER, "192.0.2.1").validate
    assert "--device nvidia.com/gpu=0" in text
    assert "--user 65532:65532" in text
