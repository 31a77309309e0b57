"""The script that writes the health of containers, with a Docker that tells what a test wants."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploys import container_health
from deploys.rendering import render

DOCKER = """\
#!/bin/sh
case $1 in
ps) [ -z "$STATES" ] || echo abc ;;
inspect) printf '%s\\n' "$STATES" ;;
esac
exit "$STATUS"
"""


def written(folder: Path, states: str, status: int = 0) -> tuple[int, dict[str, str]]:
    """The exit status of the script, and the samples that node exporter then finds."""
    metrics, program = folder / "metrics.prom", folder / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    script = render("docker/container-health.sh.j2", metrics=metrics).decode()
    # Its own path has no place for a program of the test.
    script = script.replace("PATH=", f"PATH={folder}:")
    done = subprocess.run(
        ["sh", "-c", script], env={**os.environ, "STATES": states, "STATUS": str(status)}
    )
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return done.returncode, samples


@pytest.mark.parametrize(
    ("state", "healthy"),
    [
        ("running healthy", "1"),
        ("running starting", "1"),
        ("running none", "1"),
        ("running unhealthy", "0"),
        ("restarting none", "0"),
        ("exited none", "0"),
        ("created none", "0"),
    ],
)
def test_a_container_is_healthy_while_it_runs_and_its_check_does_not_fail(
    tmp_path: Path, state: str, healthy: str
) -> None:
    _, samples = written(tmp_path, f"vllm server {state}")
    assert samples['ai_idp_container_healthy{project="vllm",service="server"}'] == healthy
    assert samples["ai_idp_containers"] == "1"


def test_each_container_is_written(tmp_path: Path) -> None:
    _, samples = written(tmp_path, "vllm server running healthy\ntriton server running unhealthy")
    assert samples == {
        "ai_idp_containers": "2",
        'ai_idp_container_healthy{project="vllm",service="server"}': "1",
        'ai_idp_container_healthy{project="triton",service="server"}': "0",
    }


def test_a_host_without_containers_says_so(tmp_path: Path) -> None:
    assert written(tmp_path, "") == (0, {"ai_idp_containers": "0"})


def test_an_engine_that_does_not_answer_leaves_what_was_written_to_become_old(
    tmp_path: Path,
) -> None:
    _, before = written(tmp_path, "vllm server running healthy")
    status, after = written(tmp_path, "", status=1)
    assert status != 0
    assert after == before


def test_it_is_a_set_of_its_own_that_restarts_no_engine() -> None:
    assert [entry.path for entry in container_health.entries()] == [
        "/usr/local/lib/ai-idp/container-health.sh",
        "/etc/systemd/system/ai-idp-container-health.service",
        "/etc/systemd/system/ai-idp-container-health.timer",
    ]
