"""Spool: files of which each is whole on the disk, or not there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class BusyError(Exception):
    """Somebody else holds the lock for too long."""


def key(repository: str, sha: str) -> str:
    """The name of an event: the same commit of the same repository is the same event."""
    return hashlib.sha256(f"{repository}\0{sha}".encode()).hexdigest()[:40]


def put(path: Path, content: Any, mode: int = 0o600) -> None:
    """Have JSON at `path`, whole and on the disk; OSError where that cannot be had."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        os.fchmod(file, mode)
        with open(file, "wb", closefd=False) as stream:
            stream.write(json.dumps(content, ensure_ascii=True).encode())
        os.fsync(file)
        os.replace(beside, path)
        # The directory may be one that its writers cannot open; this brings the new name to the
        # disk too, where a file system keeps a journal.
        os.fsync(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


@contextmanager
def locked(path: Path, seconds: float) -> Generator[None]:
    """Hold the lock at `path`; BusyError where another holds it for that long."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(f"{path} is held by another one") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(file)
