"""A transaction: the commands that bring a service's files to a host and land them as one."""

from __future__ import annotations

import base64
import io
import shlex
import tarfile
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand

from operations.entries import Directory, Entry, File, Link
from operations.second_session import confirm_by_second_session

STATE = "/var/lib/ai-idp/services"
SCRIPT = Path(__file__).with_name("transaction.sh")


@dataclass(frozen=True)
class Steps:
    """What happens around the swap: shell texts that run as root, `$STAGE` being the staged tree.

    `prepare` may take long and changes nothing that serves (an image pull). `validate` is the
    service's own checker on the staged set. `activate` makes the files count, also after a
    restore. `deactivate` turns off what had never run before when its first roll-out fails.
    `probe` asks the service for what its users want, until it succeeds or `probe_seconds` are
    over. `live` prints settings that live in no file; its hash is kept and compared. What
    a line `differs: WHAT` of it names is out of place by itself, and a plan names it. With
    `confirm_seconds` the change stays only when a second SSH session reaches the host in time.
    """

    prepare: str = ""
    validate: str = ""
    activate: str = ""
    deactivate: str = ""
    probe: str = ""
    live: str = ""
    probe_seconds: int = 30
    confirm_seconds: int = 0


@dataclass(frozen=True)
class Transaction:
    """One service's declared set on one host, and which of its paths differ there."""

    service: str
    entries: Sequence[Entry]
    put: Sequence[str]
    drop: Sequence[str]
    units: Sequence[str]
    steps: Steps = field(default_factory=Steps)

    @property
    def directory(self) -> str:
        return f"{STATE}/{self.service}/transaction"

    def commands(self) -> Generator[PyinfraCommand]:
        """Upload, start and, where asked for, confirm from a second session.

        The remote part is one detached process: from `start` on it needs no SSH to finish.
        """
        yield self._upload()
        script = f"sh {self.directory}/transaction.sh"
        yield StringCommand(f"{script} start {self.directory}")
        if self.steps.confirm_seconds:
            yield FunctionCommand(confirm_by_second_session, [f"{self.directory}/confirmed"], {})
            yield StringCommand(f"{script} finish {self.directory}")

    def _upload(self) -> StringCommand:
        # The lock is held so that a transaction whose SSH connection was lost ends first; one that
        # was killed half-way is undone before its old files are thrown away.
        there = shlex.quote(f"{STATE}/{self.service}")
        receive = (
            "umask 077; [ ! -e transaction/swapped ] || sh transaction/transaction.sh recover"
            " transaction || { echo 'an interrupted change cannot be undone, see above'; exit 1; };"
            " rm -rf transaction && mkdir transaction &&"
            " base64 -d | tar -xzf - -C transaction --no-same-owner"
            " || { rm -rf transaction; exit 1; }"
        )
        return StringCommand(
            f"umask 077; mkdir -p {there} && cd {there} &&"
            f" flock -w 600 {STATE}/{self.service}/lock sh -c {shlex.quote(receive)}",
            _stdin=base64.encodebytes(self._archive()).decode(),
        )

    def _archive(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in self._members():
                member = tarfile.TarInfo(name)
                member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
                archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()

    def _members(self) -> Generator[tuple[str, bytes]]:
        yield "transaction.sh", SCRIPT.read_bytes()
        yield "service", self.service.encode()
        yield "entries", _lines(map(_entry_line, self.entries))
        yield "put", _lines(self.put)
        yield "drop", _lines(self.drop)
        yield "units", _lines(self.units)
        yield "manifest", _lines(entry.path for entry in self.entries)
        yield "probe_seconds", str(self.steps.probe_seconds).encode()
        yield "confirm_seconds", str(self.steps.confirm_seconds).encode()
        for step in ("prepare", "validate", "activate", "deactivate", "probe", "live"):
            yield f"steps/{step}", getattr(self.steps, step).encode()
        for entry in self.entries:
            if isinstance(entry, File):
                yield f"stage{entry.path}", entry.content


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def _entry_line(entry: Entry) -> str:
    match entry:
        case File():
            columns = ("file", entry.mode, entry.owner, entry.group, entry.path, "-")
        case Directory():
            columns = ("directory", entry.mode, entry.owner, entry.group, entry.path, "-")
        case Link():
            columns = ("link", "-", "-", "-", entry.path, entry.target)
    return "\t".join(columns)
