"""Queue: the events that are still to be told, each a file until its answer says otherwise."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from . import spool
from .events import Event

LARGEST = 4 * 2**20
"""Bytes of an event at most: message and 500 paths, each byte as six of JSON."""
KEPT_SECONDS = 30 * 86400
"""How long a delivered event is known: as long as somebody may push the same commit again."""
UNFINISHED_SECONDS = 3600
"""How old a file is that somebody was killed over."""
FIELDS = {
    "repository": str,
    "branch": str,
    "sha": str,
    "author": str,
    "email": str,
    "committed": str,
    "message": str,
    "message_truncated": bool,
    "files": list,
    "more_files": int,
}


@dataclass(frozen=True)
class Waiting:
    """One event in the queue: how often it was sent, and when it may be sent again (epoch).

    `untagged`: its note is there, and waits for the model.
    """

    key: str
    event: Event
    since: float
    attempts: int = 0
    not_before: float = 0.0
    untagged: bool = False


class Queue:
    """The folders below a directory; only one process works with them at a time."""

    def __init__(self, directory: Path) -> None:
        self.incoming = directory / "incoming"
        self._waiting = directory / "queue"
        self._rejected = directory / "rejected"
        self._done = directory / "done"

    def take(self) -> None:
        """Have everything that hooks have put into `incoming` here, in the order it came."""
        # Whoever may put events there may put anything there.
        found = [x for x in os.scandir(self.incoming) if not x.is_dir(follow_symlinks=False)]
        for entry in sorted(found, key=_age):
            if entry.name.endswith(".json"):
                self._take(self.incoming / entry.name)
            elif _age(entry)[0] / 1e9 < time.time() - UNFINISHED_SECONDS:
                os.unlink(entry.path)

    def waiting(self) -> list[Waiting]:
        """What is to be told, the oldest first."""
        found = [_waiting(path) for path in self._waiting.glob("*.json")]
        return sorted(found, key=lambda waiting: (waiting.since, waiting.key))

    def later(self, waiting: Waiting, seconds: float, untagged: bool = False) -> None:
        """Keep an event, to be sent again after some time."""
        kept = replace(
            waiting,
            attempts=waiting.attempts + 1,
            not_before=time.time() + seconds,
            untagged=waiting.untagged or untagged,
        )
        self._put(kept)

    def done(self, waiting: Waiting) -> None:
        """The event is told: remember that, then forget the rest."""
        (self._done / waiting.key).touch()
        self._path(waiting.key).unlink(missing_ok=True)

    def reject(self, waiting: Waiting) -> None:
        """Set an event aside that is none for the receiver, as `incoming` takes it again."""
        spool.put(self._rejected / f"{waiting.key}.json", waiting.event)
        self._path(waiting.key).unlink()

    def rejected(self) -> int:
        return sum(1 for _ in self._rejected.iterdir())

    def prune(self) -> None:
        """Forget events that were told long ago."""
        limit = time.time() - KEPT_SECONDS
        for entry in os.scandir(self._done):
            if entry.stat().st_mtime < limit:
                os.unlink(entry.path)

    def _take(self, path: Path) -> None:
        try:
            event, since = read(path)
        except (OSError, ValueError) as error:
            print(f"<4>{path.name} is no event and was set aside: {error}", file=sys.stderr)
            os.replace(path, self._rejected / path.name)
            return
        key = spool.key(event["repository"], event["sha"])
        if not (self._done / key).exists() and not self._path(key).exists():
            self._put(Waiting(key, event, since))
        path.unlink()

    def _put(self, waiting: Waiting) -> None:
        spool.put(self._path(waiting.key), {**vars(waiting)})

    def _path(self, key: str) -> Path:
        return self._waiting / f"{key}.json"


def read(path: Path) -> tuple[Event, float]:
    """An event that somebody put there, and when; ValueError for what is none."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(file, "rb") as stream:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise ValueError("no regular file, or too large")
        event = json.loads(stream.read(LARGEST))
    _insist(event)
    return event, found.st_mtime_ns / 1e9


def _insist(event: Event) -> None:
    if not isinstance(event, dict) or event.keys() != FIELDS.keys():
        raise ValueError("its fields are not those of a commit")
    if wrong := [name for name, kind in FIELDS.items() if type(event[name]) is not kind]:
        raise ValueError(f"not of the right type: {', '.join(wrong)}")
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", event["sha"]):
        raise ValueError("its sha is none")


def _age(entry: os.DirEntry[str]) -> tuple[int, str]:
    return entry.stat(follow_symlinks=False).st_mtime_ns, entry.name


def _waiting(path: Path) -> Waiting:
    return Waiting(**json.loads(path.read_text()))
