"""Drills of roles whose data are plain files: what they accept, and what they complain of."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from deploys.commit_events import CommitEvents
from deploys.commit_events_queue import STATE
from deploys.git import Git
from deploys.rendering import render
from deploys.topology import Machine
from tests.unit.sample_repository import git

SERVER = Machine("server", "192.0.2.1", ("git",), {"git": Git()}, {})
(EVENTS,) = CommitEvents().backups(SERVER)


def drill(text: str, restored: Path) -> tuple[int, str]:
    """Its status and what it says, as the backup program runs it."""
    done = subprocess.run(
        ["sh", "-e", "-c", text],
        env={"PATH": "/usr/bin:/bin", "RESTORED": str(restored)},
        capture_output=True,
        text=True,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.fixture
def notes(tmp_path: Path) -> list[Path]:
    """Three notes of a restored vault, all of which the repository beside it has had."""
    vault = tmp_path / "srv" / "vault"
    (vault / "Daily").mkdir(parents=True)
    repository = tmp_path / "vault.git"
    git(tmp_path, "init", "--quiet", "--bare", str(repository))
    found = [vault / "Home.md", vault / "Daily" / "one.md", vault / "Daily" / "two.md"]
    for note in found:
        note.write_text(f"what {note.name} says\n")
        git(repository, "hash-object", "-w", str(note))
    return found


def vault_drill(tmp_path: Path) -> tuple[int, str]:
    values = {"vault": "/srv/vault", "repository": str(tmp_path / "vault.git")}
    return drill(render("vault/steps/drill.sh.j2", **values).decode(), tmp_path)


def test_notes_that_the_repository_had_are_accepted(tmp_path: Path, notes: list[Path]) -> None:
    assert vault_drill(tmp_path) == (0, "")
    notes[0].write_text("changed in the moment before the backup\n")
    assert vault_drill(tmp_path) == (0, "")


def test_notes_that_were_spoilt_are_not(tmp_path: Path, notes: list[Path]) -> None:
    for note in notes:
        note.write_text("spoilt")
    said = f"of 3 restored notes {tmp_path}/vault.git ever had 0"
    assert vault_drill(tmp_path) == (1, said)


def test_a_vault_without_notes_is_none(tmp_path: Path, notes: list[Path]) -> None:
    for note in notes:
        note.unlink()
    assert vault_drill(tmp_path) == (1, "no note was restored")


def test_a_queue_is_accepted_with_the_events_that_wait(tmp_path: Path) -> None:
    queue = tmp_path / STATE.lstrip("/") / "queue"
    queue.mkdir(parents=True)
    assert drill(EVENTS.drill, tmp_path) == (0, "")
    (queue / "a.json").write_text(json.dumps({"key": "a", "event": {"sha": "0" * 40}}))
    assert drill(EVENTS.drill, tmp_path) == (0, "")


@pytest.mark.parametrize("content", ["spoilt", "[]", '{"event": {}}'])
def test_an_event_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    queue = tmp_path / STATE.lstrip("/") / "queue"
    queue.mkdir(parents=True)
    (queue / "a.json").write_text(content)
    assert drill(EVENTS.drill, tmp_path) == (1, "the restored a.json is no event")


def test_a_restore_without_a_queue_is_told(tmp_path: Path) -> None:
    assert drill(EVENTS.drill, tmp_path) == (1, "no queue was restored")


def test_metrics_and_what_was_refused_are_not_backed_up() -> None:
    assert EVENTS.paths == tuple(f"{STATE}/{name}" for name in ("incoming", "queue", "done"))
