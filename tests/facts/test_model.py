"""The fact about models, run for real on files of this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.model import FileState, ModelState, Mount, Shelved, state_request

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = "0" * 64
INSPECTED = """\
mount\t{root}/small/1\tvllm/server\t/vllm-server-1\ttrue
mount\t/etc/other\tvllm/server\t/vllm-server-1\ttrue
mount\t{root}/small/1\t/\t/by-hand\tfalse"""


def execute(root: Path, engine: str = "exit 3") -> subprocess.CompletedProcess[str]:
    """Run the fact's command with an engine of its own, whatever this machine has."""
    programs = root.parent / "bin"
    programs.mkdir(exist_ok=True)
    for name, text in {"systemctl": engine, "docker": '[ "$1" = ps ] && echo 1 || cat'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text} <{root.parent}/inspected\n")
        (programs / name).chmod(0o755)
    (root.parent / "inspected").write_text(INSPECTED.format(root=root))
    return subprocess.run(
        ["sh", "-c", ModelState().command(root=str(root))],
        input=state_request([(f"{root}/small/1", "m.gguf"), (f"{root}/small/1", "sub/config")]),
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )


def read(root: Path, engine: str = "exit 3") -> Shelved:
    run = execute(root, engine)
    assert run.returncode == 0, run.stderr
    return ModelState().process(run.stdout.splitlines())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


@pytest.fixture
def model(root: Path) -> Path:
    path = root / "small" / "1" / "m.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    path.chmod(0o640)
    return path


def mark(model: Path, sha256: str = SHA256) -> None:
    command = ["stat", "--printf=%s %.9Y %i", str(model)]
    now = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = f"{sha256} {now} {model.name}\n"
    (model.parent / ".verified").write_text(f"{WRONG} 1 1 1 sub/config\n{line}")


def test_a_host_without_models_has_none(tmp_path: Path) -> None:
    assert read(tmp_path / "missing") == Shelved()


def test_an_unmarked_file_is_read_whole(root: Path, model: Path) -> None:
    owner = f"{model.owner()}:{model.group()}"
    expected = FileState(SHA256, False, "", len(CONTENT), f"640 {owner}")
    assert read(root).files == {str(model): expected}


def test_a_marked_file_is_not_read_again(root: Path, model: Path) -> None:
    mark(model, WRONG)
    found = read(root).files[str(model)]
    assert (found.sha256, found.marked) == (WRONG, True)


def test_a_file_that_was_written_to_is_read_again(root: Path, model: Path) -> None:
    mark(model)
    model.write_bytes(b"Weights")
    os.utime(model, (1, 1))
    found = read(root).files[str(model)]
    assert found.sha256 == hashlib.sha256(b"Weights").hexdigest()
    assert (found.marked, found.verified) == (False, SHA256)


def test_a_file_in_a_folder_of_the_model_is_found(root: Path, model: Path) -> None:
    (model.parent / "sub").mkdir()
    (model.parent / "sub" / "config").write_bytes(b"{}")
    assert f"{model.parent}/sub/config" in read(root).files


def test_all_that_lies_there_is_listed_but_marks_and_downloads(root: Path, model: Path) -> None:
    mark(model)
    (root / "old").mkdir()
    (root / "old" / "file").write_bytes(b"12345")
    (root / ".incoming" / "x").mkdir(parents=True)
    (root / ".incoming" / "x" / "partial").write_bytes(b"1")
    assert read(root).sizes == {str(model): len(CONTENT), f"{root}/old/file": 5}


def test_what_is_no_file_is_unreadable(root: Path, model: Path) -> None:
    model.unlink()
    model.mkdir()
    run = execute(root)
    assert run.returncode == 3
    assert run.stderr == f"unreadable: {model} is not a regular file\n"


def test_who_maps_a_model_is_told_with_its_service(root: Path, model: Path) -> None:
    found = read(root, engine="exit 0")
    folder = str(model.parent)
    assert found.mounts == (
        Mount(folder, "vllm/server", "vllm-server-1", True),
        Mount(folder, "/", "by-hand", False),
    )
    assert found.mapping(folder) == ["vllm/server", "by-hand"]
    assert found.mapping(f"{root}/small", running=True) == ["vllm/server"]
    assert found.mapping(f"{root}/smal") == []


def test_a_stopped_engine_is_not_asked(root: Path, model: Path) -> None:
    assert read(root, engine="exit 3").mounts == ()


def test_what_ends_in_the_middle_is_unreadable() -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        ModelState().process([])
