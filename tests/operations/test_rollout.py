"""`rollout.joined` and `rollout.left`: the mark and the roles of a host, and whom they refuse."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from facts.rollout import SCRIPT
from operations import rollout
from tests.fake_host import Run, run


@pytest.fixture
def join(tmp_path: Path) -> Callable[..., Run]:
    """Joins a host, whose record answers as given, with these roles."""
    data = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(data).ensure([])

    def joined(record: Any, roles: tuple[str, ...] = ("base",)) -> Run:
        return run(lambda: rollout.joined(roles=roles), {"expected=": record}, data)

    return joined


def test_a_bare_host_gets_the_mark_and_its_roles(join: Callable[..., Run]) -> None:
    outcome = join(["end"], ("nginx", "base"))
    written = outcome.commands[1].split(" && ")
    assert [line.rpartition(" ")[2] for line in written if line.startswith("mv ")] == [
        "/var/lib/ai-idp/rollout",
        "/var/lib/ai-idp/roles/base",
        "/var/lib/ai-idp/roles/nginx",
    ]


def test_a_host_with_its_record_costs_one_command(join: Callable[..., Run]) -> None:
    outcome = join(["marked", "role\tbase", "end"])
    assert len(outcome.commands) == 1
    assert outcome.succeeded


def test_a_host_of_another_rollout_fails_and_nothing_is_written(join: Callable[..., Run]) -> None:
    outcome = join({"success": False, "stderr": "deployed with another secret store"})
    assert not outcome.succeeded
    assert not any("mkdir" in command for command in outcome.commands)


def test_a_role_taken_off_the_host_is_named_and_stays(
    join: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="pyinfra"):
        outcome = join(["marked", "role\tbase", "role\tnginx", "end"])
    assert len(outcome.commands) == 1
    assert "the role nginx was taken off this host; `make retire` removes it" in caplog.text


def _state(directory: Path, expected: str) -> subprocess.CompletedProcess[str]:
    """What the fact's script says of a host whose state lies in `directory`."""
    script = SCRIPT.read_text().replace("/var/lib/ai-idp", str(directory))
    command = f"expected={expected}\n{script}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True)


def test_the_script_finds_nothing_on_a_bare_host(tmp_path: Path) -> None:
    assert _state(tmp_path / "absent", "ours").stdout == "end\n"


def test_the_script_lists_mark_and_roles(tmp_path: Path) -> None:
    (tmp_path / "rollout").write_text("ours\n")
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "nginx").touch()
    assert _state(tmp_path, "ours").stdout == "marked\nrole\tnginx\nend\n"


def test_the_script_refuses_another_mark_and_says_how_to_recover(tmp_path: Path) -> None:
    (tmp_path / "rollout").write_text("theirs\n")
    said = _state(tmp_path, "ours")
    assert said.returncode == 4
    assert "roll-out theirs, not ours" in said.stderr
    assert "restore the store and its identity from your backup" in said.stderr


def test_a_mark_that_cannot_be_read_is_not_absent(tmp_path: Path) -> None:
    (tmp_path / "rollout").mkdir()
    assert _state(tmp_path, "ours").returncode == 3
