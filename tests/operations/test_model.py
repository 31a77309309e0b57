"""`model.present`: which commands a state leads to, and what the script does with a download."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations import model
from operations.model import Download, Shelf
from tests.fake_host import Run, run

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SMALL = Download("small", "owner/Small", "a" * 40, "m.gguf", len(CONTENT), SHA256)


def row(sha256: str = SHA256, marked: str = "yes", owner: str = "644 root:root") -> str:
    return f"model\tsmall\t{sha256}\t{marked}\t{SHA256}\t{owner}\tllama_cpp/server=abc "


def present(state: Any) -> Run:
    shelf = Shelf("/srv/models", "/opt/hf")
    return run(lambda: model.present(models=[SMALL], shelf=shelf), {"printf 'model": state})


def actions(outcome: Run) -> list[str]:
    lines = [text for command in outcome.commands for text in command.splitlines()]
    return [text.partition("=")[2] for text in lines if text.startswith("action=")]


def test_a_verified_model_costs_one_command() -> None:
    outcome = present([row(), "end"])
    assert outcome.succeeded
    assert len(outcome.commands) == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ["download"]),
        ([row(sha256="0" * 64, marked="no")], ["download"]),
        ([row(marked="no")], ["mark"]),
        ([row(owner="600 root:root")], ["own"]),
        ([row(marked="no", owner="600 root:root")], ["own", "mark"]),
    ],
)
def test_each_state_leads_to_what_it_needs(rows: list[str], expected: list[str]) -> None:
    assert actions(present([*rows, "end"])) == expected


def test_containers_stop_only_for_a_file_that_went_bad() -> None:
    bad = present([row(sha256="0" * 64, marked="no"), "end"]).commands[-1]
    assert "readers=abc\n" in bad
    good = row().replace(SHA256, "1" * 64)
    assert "readers=''\n" in present([good, "end"]).commands[-1]


def test_what_cannot_be_read_changes_nothing_and_fails_the_host() -> None:
    outcome = present({"success": False, "stderr": "unreadable: /srv/models/small/m.gguf"})
    assert not outcome.succeeded
    assert actions(outcome) == []


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


@pytest.mark.skipif(os.geteuid() != 0, reason="a model belongs to root: only root can place one")
class TestDownload:
    """The script itself, with a client that delivers what a test wants."""

    def download(self, shelf: Path, delivered: bytes, **changes: str) -> str:
        """Run it; what it says on standard error, empty when it succeeded."""
        client = shelf.parent / "hf"
        client.write_text(
            '#!/bin/sh\nwhile [ "$1" != --local-dir ]; do shift; done\n'
            f'cp {shelf.parent}/delivered "$2/m.gguf"\n'
        )
        client.chmod(0o755)
        (shelf.parent / "delivered").write_bytes(delivered)
        values = {name: str(value) for name, value in vars(SMALL).items()}
        values |= {"action": "download", "root": str(shelf), "client": str(client)}
        values |= {"reserve": "0", "broken": "", "readers": "", **changes}
        header = "".join(f"{name}='{value}'\n" for name, value in values.items())
        script = header + model.SCRIPT.read_text()
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        assert (done.returncode == 0) == (done.stderr == "")
        return done.stderr

    def test_a_model_is_placed_and_marked(self, shelf: Path) -> None:
        assert self.download(shelf, CONTENT) == ""
        path = shelf / "small" / "m.gguf"
        assert path.read_bytes() == CONTENT
        status = path.stat()
        mark = f"{SHA256} {status.st_size} {int(status.st_mtime)} {status.st_ino}\n"
        assert Path(f"{path}.verified").read_text() == mark

    def test_one_wrong_byte_is_never_placed(self, shelf: Path) -> None:
        said = self.download(shelf, b"Weights")
        found = hashlib.sha256(b"Weights").hexdigest()
        assert f"its sha256 is {found}, expected {SHA256}" in said
        assert not (shelf / "small").exists()
        assert not list(shelf.rglob("*.gguf"))

    def test_a_good_model_stays_when_its_successor_is_bad(self, shelf: Path) -> None:
        self.download(shelf, CONTENT)
        self.download(shelf, b"Weights", sha256="1" * 64)
        assert (shelf / "small" / "m.gguf").read_bytes() == CONTENT

    def test_a_model_that_went_bad_is_withdrawn_first(self, shelf: Path) -> None:
        self.download(shelf, CONTENT)
        (shelf / "small" / "m.gguf").write_bytes(b"Weights")
        assert self.download(shelf, b"also bad", broken="yes") != ""
        assert not list(shelf.rglob("*.gguf*"))

    def test_a_full_disk_is_found_before_the_download(self, shelf: Path) -> None:
        said = self.download(shelf, CONTENT, reserve=str(1 << 60))
        assert "stay free (reserve_gib): make room there\n" in said
        assert not (shelf / ".incoming" / "small").exists()

    def test_what_an_interrupted_download_left_is_thrown_away(self, shelf: Path) -> None:
        left = shelf / ".incoming" / "small" / "m.gguf.incomplete"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"wei")
        assert self.download(shelf, CONTENT) == ""
        assert not left.parent.exists()
