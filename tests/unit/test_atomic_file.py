"""Local files appear whole, with their mode, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import atomic_file
from tests.processes import started

ROOT = Path(atomic_file.__file__).parent


def test_a_file_is_replaced_whole_and_gets_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic_file.write(path, b"first")
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("rb") as open_before:
        atomic_file.write(path, b"second", 0o644)
        assert open_before.read() == b"first"
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["a"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o777)
    try:
        atomic_file.write(tmp_path / "a", b"x", 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    assert atomic_file.write_new(tmp_path / "a", b"first")
    assert not atomic_file.write_new(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a"]


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        atomic_file.write(tmp_path / "a", b"x")
    assert os.listdir(tmp_path) == ["a"]


def test_a_lock_keeps_another_process_out_until_it_ends(tmp_path: Path) -> None:
    program = "import atomic_file, pathlib, sys\n"
    program += "with atomic_file.locked(pathlib.Path(sys.argv[1])): print('in', flush=True)"
    command = [sys.executable, "-c", program, str(tmp_path)]
    with ExitStack() as others:
        with atomic_file.locked(tmp_path):
            other = others.enter_context(started(command, cwd=ROOT, stdout=subprocess.PIPE))
            with pytest.raises(subprocess.TimeoutExpired):
                other.communicate(timeout=1)
        assert other.communicate(timeout=30)[0] == "in\n"
