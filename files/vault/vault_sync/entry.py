"""Entry: one name in an open folder, exchanged or removed only while its file is as expected."""

from __future__ import annotations

import os
from contextlib import suppress

FILE_MODE = 0o660

Stamp = tuple[int, int, int]
"""What changes whenever a file is written: inode, size, and time in nanoseconds."""


def stamp(found: os.stat_result) -> Stamp:
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def put(folder: int, name: bytes, content: bytes) -> Stamp:
    """Have a new file of this content at `name`, on the disk and not only in memory."""
    unlink(folder, name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    file = os.open(name, flags, FILE_MODE, dir_fd=folder)
    with open(file, "wb") as stream:
        os.fchmod(file, FILE_MODE)
        stream.write(content)
        stream.flush()
        os.fsync(file)
        return stamp(os.fstat(file))


def exchange(folder: int, new: bytes, name: bytes, expected: Stamp | None) -> bool:
    """Put `new` at `name`; what lies there has to be as expected, and is looked at once more after.

    Who truncates a file to write it anew has changed its stamp by then, and gets it back.
    """
    if expected is None:
        linked = _link(folder, new, name)
        unlink(folder, new)
        return linked
    kept = _kept(folder, name, expected)
    if kept is None:
        return False
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    if _stamp(folder, kept) != expected:
        os.rename(kept, name, src_dir_fd=folder, dst_dir_fd=folder)
        return False
    unlink(folder, kept)
    return True


def drop(folder: int, name: bytes, expected: Stamp) -> bool:
    """Have nothing at `name`; what lies there has to be as expected, as in `exchange`."""
    kept = _kept(folder, name, expected)
    if kept is None:
        return False
    unlink(folder, name)
    if _stamp(folder, kept) != expected:
        _link(folder, kept, name)
        return False
    unlink(folder, kept)
    return True


def _kept(folder: int, name: bytes, expected: Stamp) -> bytes | None:
    """A second name of the file as long as it is as expected; None where it is not."""
    kept = b".ai-idp-old"
    unlink(folder, kept)
    try:
        return kept if _stamp(folder, name) == expected and _link(folder, name, kept) else None
    except FileNotFoundError:
        return None


def _link(folder: int, name: bytes, other: bytes) -> bool:
    """Give a file another name, which has to be free."""
    try:
        os.link(name, other, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    return True


def _stamp(folder: int, name: bytes) -> Stamp:
    return stamp(os.stat(name, dir_fd=folder, follow_symlinks=False))


def unlink(folder: int, name: bytes) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
