"""restic: called with its repository and password by environment and file, never by arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from .configuration import CACHE, ETC, Configuration, Failed
from .record import Record

PASSWORD, PREVIOUS = ETC / "password", ETC / "password.previous"
INCOMPLETE = 3
"""Exit status of a backup that could not read everything (restic, doc/075_scripting.rst)."""
LACKS_FILES = "incomplete"
"""The tag of what such a backup left: it is kept apart, and is nobody's newest snapshot."""


class Restic:
    """The repository of one host."""

    def __init__(self, configuration: Configuration, record: Record) -> None:
        self.configuration, self.record = configuration, record
        way = configuration.sftp_command
        self.command = ["restic", *(("-o", f"sftp.command={way}") if way else ())]

    def run(
        self, *arguments: str, password: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """One call; its complaints go to the journal, its status is the caller's to judge."""
        environment = {
            **os.environ,
            "RESTIC_REPOSITORY": self.configuration.repository,
            "RESTIC_PASSWORD_FILE": str(password or PASSWORD),
            "RESTIC_CACHE_DIR": str(CACHE / "restic"),
            # Go's collector doubles the heap before it collects; a guest has little memory.
            "GOGC": os.environ.get("GOGC", "25"),
        }
        return subprocess.run(
            [*self.command, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )

    def expect(self, *arguments: str) -> str:
        """The output of a call that has to succeed."""
        done = self.run(*arguments)
        if done.returncode != 0:
            raise self.failure(f"restic {arguments[0]}", done)
        return done.stdout

    def failure(self, who: str, done: subprocess.CompletedProcess[str]) -> Failed:
        said = done.stderr.strip() or done.stdout.strip()
        print(said, file=sys.stderr)
        return Failed(
            f"{who} to {self.configuration.repository} ended with {done.returncode}: "
            f"{_reason(said)}; mend that, then: systemctl start ai-idp-backup"
        )

    def open(self, make: bool = False) -> None:
        """Insist on the repository that this host knows.

        With `make` there is one afterwards, if this host never had one.
        """
        done = self.run("cat", "config")
        if _is_wrong_password(done) and PREVIOUS.exists():
            done = self._with_new_password(done)
        if done.returncode == 0:
            self._recognise(str(json.loads(done.stdout)["id"]))
        elif not _is_missing(done):
            raise self._closed(done)
        elif self.record.repository_id:
            raise Failed(
                f"{self.configuration.repository} holds no repository any more, but this host "
                "backed up to it; see what became of it on the NAS. To begin with an empty one: "
                f"rm {self.record.file}"
            )
        elif make:
            self._make()
            self.open()
        else:
            raise Failed(f"{self.configuration.repository} holds no repository yet, so no snapshot")

    def _make(self) -> None:
        """A new repository; restic refuses one whose making was cut short (keys, but no config)."""
        done = self.run("init")
        if "already contains keys" in done.stderr:
            raise Failed(
                f"the making of {self.configuration.repository} was interrupted, so nothing was "
                "ever backed up to it; remove its folder `keys` on the NAS, then: "
                "systemctl start ai-idp-backup"
            )
        if done.returncode != 0:
            raise self.failure("restic init", done)

    def unlock(self) -> None:
        """Remove the locks of runs that are dead; restic leaves those of the living."""
        self.expect("unlock")

    def mark_incomplete(self, done: subprocess.CompletedProcess[str]) -> None:
        """Tell the snapshot of a backup that could not read everything from the whole ones."""
        if snapshot := summary(done.stdout).get("snapshot_id"):
            self.expect("tag", "--add", LACKS_FILES, str(snapshot))

    def snapshots(self, what: str) -> list[dict[str, Any]]:
        """The snapshots of `what` of this host, the oldest first."""
        return [snapshot for snapshot in self._listed if what in (snapshot.get("tags") or ())]

    @cached_property
    def _listed(self) -> list[dict[str, Any]]:
        """All of them by one call: each takes a second for the password's key alone."""
        found = json.loads(self.expect("snapshots", "--json", "--host", self.configuration.host))
        return sorted(found or [], key=lambda snapshot: str(snapshot["time"]))

    def _recognise(self, found: str) -> None:
        known = self.record.repository_id
        if known and known != found:
            raise Failed(
                f"{self.configuration.repository} is another repository ({found[:8]}) than the one "
                f"that this host backed up to ({known[:8]}); see what became of that. To go on "
                f"with this one: rm {self.record.file}"
            )
        if not known:
            self.record.know(found)

    def _with_new_password(
        self, refused: subprocess.CompletedProcess[str]
    ) -> subprocess.CompletedProcess[str]:
        """After `make secret ROTATE=1` the repository is given the new password by the old one."""
        changed = self.run("key", "passwd", "--new-password-file", str(PASSWORD), password=PREVIOUS)
        return self.run("cat", "config") if changed.returncode == 0 else refused

    def _closed(self, done: subprocess.CompletedProcess[str]) -> Failed:
        if _is_wrong_password(done):
            return Failed(
                f"{self.configuration.repository} was made with another password than the secret "
                "backup/password; give the secret the right value (docs/runbooks/restore.md)"
            )
        return self.failure("the way", done)


def summary(said: str) -> dict[str, Any]:
    """What `backup --json` says at its end; empty where it did not come to that."""
    found: dict[str, Any] = {}
    for line in said.splitlines():
        with suppress(ValueError):
            message = json.loads(line)
            found = message if message.get("message_type") == "summary" else found
    return found


def _is_missing(done: subprocess.CompletedProcess[str]) -> bool:
    """Status 10 from restic 0.17 on; before, any trouble is 1 and only the words tell."""
    absent = "no such file" in done.stderr or "does not exist" in done.stderr
    older = done.returncode == 1 and "Is there a repository at the following" in done.stderr
    return done.returncode == 10 or (older and absent)


def _is_wrong_password(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == 12 or (
        done.returncode == 1 and "wrong password or no key found" in done.stderr
    )


def _reason(said: str) -> str:
    """The line that names the cause: restic's last, but for advice that follows it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [
        line for line in lines if line.startswith("Fatal:") or '"message_type":"error"' in line
    ]
    return (fatal or lines or ["it said nothing"])[-1][:500]
