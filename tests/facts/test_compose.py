"""The fact about containers: what Docker says becomes, and what counts as unreadable."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.compose import ComposeState, Container, Containers

RUNNING = "container\tserver\tabc\tghcr.io/x:1@sha256:d\trunning\thealthy\th1\tMemory=1"


def test_a_container_is_read_with_all_that_a_plan_needs() -> None:
    state = ComposeState().process([RUNNING, "recorded\tserver\tMemory=1", "end"])
    container = Container(
        "server", "abc", "ghcr.io/x:1@sha256:d", "running", "healthy", "h1", "Memory=1"
    )
    assert state == Containers((container,), {"server": "Memory=1"})


def test_a_container_without_a_health_check_has_no_health() -> None:
    (found,) = ComposeState().process([RUNNING.replace("healthy", ""), "end"]).found
    assert found.health == ""


def test_no_docker_is_no_container() -> None:
    assert ComposeState().process(["end"]) == Containers()


def test_a_stopped_engine_with_containers_is_neither_empty_nor_unreadable() -> None:
    assert ComposeState().process(["stopped", "end"]) == Containers(engine_stopped=True)


@pytest.mark.parametrize("text", ['{\n  "data-root": "%s"\n}', '{"data-root":"%s","icc":false}'])
def test_a_stopped_engine_s_containers_lie_in_its_data_root(tmp_path: Path, text: str) -> None:
    (tmp_path / "nvme" / "containers" / "abc").mkdir(parents=True)
    (tmp_path / "daemon.json").write_text(text % (tmp_path / "nvme"))
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho inactive\n")
    (tmp_path / "systemctl").chmod(0o755)
    script = ComposeState().command("edge")
    assert "/etc/docker/daemon.json" in script
    script = script.replace("/etc/docker", str(tmp_path)).replace("/var/lib/docker", "/nowhere")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == ["stopped", "end"]


@pytest.mark.parametrize("output", [[], [RUNNING]])
def test_what_ends_in_the_middle_is_unreadable(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        ComposeState().process(output)


def test_a_project_name_cannot_become_a_command() -> None:
    assert "project='a; reboot'\n" in ComposeState().command("a; reboot")
