"""The run lock: one run at a time changes the hosts of an inventory; a second names the first.

The lock is the kernel's (flock), so it ends with its process however that ends; the text in the
file only tells others who holds it.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError

import atomic_file

_PASSWORD = re.compile(r"--(ssh-|key-|ssh-key-)?password")
_ATTACHED = re.compile(rf"--data=[^=]*=|{_PASSWORD.pattern}=")

_held: dict[Path, RunLock] = {}


class RunLockedError(PyinfraError):
    """Another run holds the lock; the text names it."""


@dataclass(frozen=True)
class RunLock:
    """A held lock. It lasts until `release` or the end of this process.

    The descriptor is a bare number: nothing closes it because an object was forgotten.
    """

    path: Path
    descriptor: int

    def release(self) -> None:
        if _held.pop(self.path, None) is self:
            os.ftruncate(self.descriptor, 0)
            os.close(self.descriptor)


def acquire(directory: Path, what: str) -> RunLock:
    """Take the lock of `directory` for this process; RunLockedError at once if another has it.

    `what` says what the run does, for whoever finds it held. A process that holds the lock
    already gets the same one again, since pyinfra can load an inventory twice in one run.
    """
    path = directory.absolute() / "run.lock"
    if path in _held:
        return _held[path]
    atomic_file.make_private_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, atomic_file.PRIVATE)
    try:
        # Never waits, so other greenlets of a gevent-patched process go on.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(os.pread(descriptor, 65536, 0))
        os.close(descriptor)
        raise RunLockedError(
            f"another run is at work on these hosts: {holder}; wait for it to end"
        ) from error
    _describe(descriptor, what)
    _held[path] = RunLock(path, descriptor)
    return _held[path]


def without_secrets(arguments: Sequence[str]) -> str:
    """A command line for people: values of pyinfra's `--data` and password options become `…`."""
    text: list[str] = []
    option = ""
    for argument in arguments:
        hidden = argument
        if option == "--data":
            hidden = f"{argument.partition('=')[0]}=…"
        elif _PASSWORD.fullmatch(option):
            hidden = "…"
        elif attached := _ATTACHED.match(argument):
            hidden = f"{attached[0]}…"
        text.append(hidden if hidden != argument else shlex.quote(argument))
        option = argument
    return " ".join(text)


def _describe(descriptor: int, what: str) -> None:
    holder = {
        "what": what,
        "pid": os.getpid(),
        "user": getpass.getuser(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": without_secrets([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder, ensure_ascii=False).encode(), 0)


def _holder(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return "{what}, process {pid} of {user} since {since} ({command})".format(**holder)
    except (ValueError, KeyError):
        return "a process that has just begun"
