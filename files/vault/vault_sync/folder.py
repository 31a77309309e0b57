"""Folder: the working vault as files, read and written without following any symbolic link."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .entry import Stamp, drop, exchange, put, stamp, unlink

FOLDER_MODE = 0o2770
LEFT_OUT = re.compile(
    rb"(^|/)(\.git|\.trash|\.ai-idp-[^/]*|\.obsidian/workspace[^/]*\.json)(/|$)", re.IGNORECASE
)
"""What is of one computer only (Obsidian's windows and bin), ours in between, and `.git` itself."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
"""Errors that are of the disk, and not of one path."""


@dataclass(frozen=True)
class Seen:
    """A file of the folder: its stamp, and whether nobody has written to it for a while."""

    stamp: Stamp
    settled: bool


class Folder:
    """The files below a directory, by their paths as git writes them."""

    def __init__(self, root: Path, settle_seconds: float) -> None:
        self._root = root
        self._settle_seconds = settle_seconds

    def scan(self) -> dict[bytes, Seen]:
        """Every regular file; links and everything else are not there."""
        return dict(self._scan(os.fsencode(self._root), b""))

    def read(self, path: bytes) -> tuple[bytes, Stamp] | None:
        """Content and stamp of a file; None where it goes or changes meanwhile."""
        with self._opened(path, make=False) as (folder, name):
            if folder is None:
                return None
            try:
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except OSError:
                return None
            with open(file, "rb") as stream:
                before = os.fstat(file)
                content = stream.read()
                after = os.fstat(file)
        same = stat.S_ISREG(before.st_mode) and stamp(before) == stamp(after)
        return (content, stamp(after)) if same else None

    def write(self, path: bytes, content: bytes, expected: Stamp | None) -> Stamp | None:
        """Have this content at `path` if the file there is still as expected (None: no file).

        The stamp of what was written; None where somebody else was at it, whose file then stays.
        """
        with self._opened(path, make=True) as (folder, name):
            if folder is None:
                return None
            beside = b".ai-idp-new"
            try:
                written = put(folder, beside, content)
                if exchange(folder, beside, name, expected):
                    return written
                unlink(folder, beside)
            except OSError as error:
                if error.errno in FULL:
                    raise
                print(f"<4>{path!r} cannot be written: {error}", file=sys.stderr)
            return None

    def remove(self, path: bytes, expected: Stamp) -> bool:
        """Have no file at `path` if it is still as expected."""
        with self._opened(path, make=False) as (folder, name):
            if folder is None:
                return True
            try:
                removed = drop(folder, name, expected)
            except OSError as error:
                if error.errno in FULL:
                    raise
                print(f"<4>{path!r} cannot be removed: {error}", file=sys.stderr)
                return False
        if removed:
            self._prune(path)
        return removed

    def _prune(self, path: bytes) -> None:
        """Folders that are empty now go, but for those at the top: they are the roll-out's."""
        parent = os.path.dirname(path)
        while b"/" in parent:
            try:
                os.rmdir(os.path.join(os.fsencode(self._root), parent))
            except OSError:
                return
            parent = os.path.dirname(parent)

    def _scan(self, directory: bytes, prefix: bytes) -> Iterator[tuple[bytes, Seen]]:
        now = time.time()
        for entry in os.scandir(directory):
            path = prefix + entry.name
            if is_left_out(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._scan(entry.path, path + b"/")
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                # A clock that was set back shows files of the future, which are old.
                age = abs(now - max(found.st_mtime, found.st_ctime))
                yield path, Seen(stamp(found), age >= self._settle_seconds)

    @contextmanager
    def _opened(self, path: bytes, make: bool) -> Iterator[tuple[int | None, bytes]]:
        """The folder of a path, opened step by step from the root, and the name in it.

        No folder where one on the way is missing, a link, or no folder.
        """
        *steps, name = path.split(b"/")
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for step in steps:
                folder = _enter(folder, step, make)
                if folder < 0:
                    yield None, name
                    return
            yield folder, name
        finally:
            if folder >= 0:
                os.close(folder)


def is_left_out(path: bytes) -> bool:
    """Whether the sync has nothing to do with a path."""
    return LEFT_OUT.search(path) is not None


def is_safe(path: bytes) -> bool:
    """Whether a path of a tree names something below the folder, and no repository there."""
    steps = path.split(b"/")
    return not any(step in (b"", b".", b"..") for step in steps) and not is_left_out(path)


def _enter(folder: int, step: bytes, make: bool) -> int:
    """The folder `step` of an open one, which is closed; -1 where it is none."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        try:
            return os.open(step, flags, dir_fd=folder)
        except FileNotFoundError:
            if not make:
                return -1
        os.mkdir(step, dir_fd=folder)
        made = os.open(step, flags, dir_fd=folder)
        os.fchmod(made, FOLDER_MODE)
        return made
    except OSError:
        return -1
    finally:
        os.close(folder)
