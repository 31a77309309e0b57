"""The fact about models, run for real on files of this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.model import ModelFile, ModelState, state_request

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = "0" * 64


def execute(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the fact's command where no engine runs, whatever this machine has."""
    stopped = root / "bin" / "systemctl"
    stopped.parent.mkdir(exist_ok=True)
    stopped.write_text("#!/bin/sh\nexit 3\n")
    stopped.chmod(0o755)
    return subprocess.run(
        ["sh", "-c", ModelState().command(root=str(root))],
        input=state_request({"small": "m.gguf"}),
        env={**os.environ, "PATH": f"{stopped.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )


def read(root: Path) -> dict[str, ModelFile]:
    run = execute(root)
    assert run.returncode == 0, run.stderr
    return ModelState().process(run.stdout.splitlines())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small" / "m.gguf"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def mark(model: Path, sha256: str = SHA256) -> None:
    status = model.stat()
    text = f"{sha256} {status.st_size} {int(status.st_mtime)} {status.st_ino}\n"
    Path(f"{model}.verified").write_text(text)


def test_a_model_that_is_not_there_is_absent(tmp_path: Path) -> None:
    assert read(tmp_path) == {}


def test_an_unmarked_model_is_read_whole(tmp_path: Path, model: Path) -> None:
    found = read(tmp_path)["small"]
    assert (found.sha256, found.marked, found.verified) == (SHA256, False, "")


def test_a_marked_model_is_not_read_again(tmp_path: Path, model: Path) -> None:
    mark(model, WRONG)
    found = read(tmp_path)["small"]
    assert (found.sha256, found.marked) == (WRONG, True)


def test_a_model_that_was_written_to_is_read_again(tmp_path: Path, model: Path) -> None:
    mark(model)
    model.write_bytes(b"Weights")
    os.utime(model, (1, 1))
    found = read(tmp_path)["small"]
    assert found.sha256 == hashlib.sha256(b"Weights").hexdigest()
    assert (found.marked, found.verified) == (False, SHA256)


def test_what_is_no_file_is_unreadable(tmp_path: Path, model: Path) -> None:
    model.unlink()
    model.mkdir()
    run = execute(tmp_path)
    assert run.returncode == 3
    assert run.stderr == f"unreadable: {model} is not a regular file\n"


def test_readers_are_named_by_their_service() -> None:
    line = f"model\tsmall\t{SHA256}\tyes\t{SHA256}\t644 root:root\tllama_cpp/server=abc "
    found = ModelState().process([line, "end"])["small"]
    assert found.readers == {"llama_cpp/server": "abc"}


def test_what_ends_in_the_middle_is_unreadable() -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        ModelState().process([])
