"""Checksums of files, and the marks that say for which file one was computed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

BLOCK_BYTES = 4 << 20


def sha256(path: Path) -> str:
    return digest(path, hashlib.sha256())


def git_blob(path: Path) -> str:
    """The name that git gives to a file of these bytes."""
    head = f"blob {path.stat().st_size}\0".encode()
    return digest(path, hashlib.sha1(head, usedforsecurity=False))


def digest(path: Path, sums: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            sums.update(block)
    return str(sums.hexdigest())


def mark_of(path: Path, checksum: str) -> str:
    """The line that a file is known by: checksum, size, time (to the nanosecond) and inode."""
    status = path.stat()
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    return f"{checksum} {status.st_size} {seconds}.{nanoseconds:09} {status.st_ino}"
