"""The script that writes the health of containers, with a Docker that tells what a test wants."""

from __future__ import annotations

import fcntl
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


LATE = "listen tcp 192.0.2.1:8000: bind: cannot assign requested address"


@pytest.mark.parametrize(
    ("found", "is_started"),
    [
        (f"abc|unless-stopped|{LATE}", True),
        (f"abc|no|{LATE}", False),
        ("abc|unless-stopped|", False),
        ("abc|unless-stopped|could not select device driver", False),
        ("", False),
    ],
)
def test_a_container_that_came_before_its_address_is_started(
    tmp_path: Path, found: str, is_started: bool
) -> None:
    assert started(tmp_path, found) == ["abc"] * is_started


def started(folder: Path, states: str, fails: str = "") -> list[str]:
    """What the other script starts; `fails`, a container, cannot be."""
    program, calls = folder / "docker", folder / "started"
    start = f'[ "$1" != start ] || {{ echo "$2" >>{calls}; [ "$2" != "{fails}" ]; }}\n'
    program.write_text(DOCKER.replace('exit "$STATUS"\n', start))
    program.chmod(0o755)
    (folder / "var/lib/ai-idp").mkdir(parents=True, exist_ok=True)
    script = render("docker/start-late-containers.sh.j2").decode()
    script = script.replace("PATH=", f"PATH={folder}:")
    script = script.replace("/var/lib/ai-idp", f"{folder}/var/lib/ai-idp")
    subprocess.run(["sh", "-c", script], env={**os.environ, "STATES": states}, check=True)
    return calls.read_text().split() if calls.exists() else []


def test_what_an_exchange_of_the_engine_left_stopped_is_started_once(tmp_path: Path) -> None:
    left = tmp_path / "var/lib/ai-idp/engine.running"
    left.parent.mkdir(parents=True)
    left.write_text("one\ntwo\none\n")
    assert started(tmp_path, "", fails="one") == ["one", "two"]
    assert not left.exists()


def test_what_an_exchange_that_is_under_way_has_stopped_stays_off(tmp_path: Path) -> None:
    state = tmp_path / "var/lib/ai-idp"
    state.mkdir(parents=True)
    (state / "engine.running").write_text("one\n")
    with (state / "packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert started(tmp_path, "") == []
    assert (state / "engine.running").exists()


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
        "/usr/local/lib/ai-idp/start-late-containers.sh",
        "/etc/systemd/system/ai-idp-container-health.service",
        "/etc/systemd/system/ai-idp-container-health.timer",
    ]
