"""Local files that appear whole or not at all, with their final mode from the first byte on."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600


def make_private_directory(directory: Path) -> None:
    """Have `directory`; it and its missing parents are made for this user alone (0700)."""
    if not directory.is_dir():
        make_private_directory(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def write(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Have `content` at `path`, in place of what was there."""
    with _complete_draft(path, content, mode) as draft:
        os.replace(draft, path)


def write_new(path: Path, content: bytes, mode: int = PRIVATE) -> bool:
    """Have `content` at `path` unless something is there already; whether it was written."""
    with _complete_draft(path, content, mode) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes (and other `locked` blocks) out of `directory` meanwhile."""
    make_private_directory(directory)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # gevent defers closing a directory until its loop runs; the lock must not last as long.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextmanager
def _complete_draft(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    draft = path.parent / f".{path.name}.{secrets.token_hex(8)}.draft"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        yield draft
        _sync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    # The name lives in the directory: without this a power cut can take it back (fsync(2)).
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
