"""Record: which backups ended well and when, and the metrics that tell it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .configuration import Configuration

HELP = {
    "last_success_timestamp_seconds": "When a backup ended well the last time; 0: never.",
    "size_bytes": "Size of what it holds.",
    "check_last_success_timestamp_seconds": "When the repository was read and found whole; before "
    "the first time: when it was first used.",
    "drill_last_success_timestamp_seconds": "When a restored copy was used with success; before "
    "the first time: when the repository was first used.",
}


class Record:
    """What is remembered of one repository, in `file`; each change is told in `metrics`.

    A backup that fails changes nothing here: the time of the last good one goes on to age.
    """

    def __init__(self, configuration: Configuration, file: Path, metrics: Path) -> None:
        self.file, self.metrics = file, metrics
        self.repository = configuration.repository
        self.wanted = [job.what for job in configuration.jobs]
        self.wanted += [mirror.what for mirror in configuration.mirrors]

    @property
    def repository_id(self) -> str:
        """Of the repository that this host has used; empty where it has used none there."""
        return str(self._here().get("id", ""))

    def know(self, repository_id: str) -> None:
        self._update(lambda here: here.update(id=repository_id, since=int(time.time())))

    def backed_up(self, what: str, size_bytes: int) -> None:
        entry = {"success": int(time.time()), "size": size_bytes}
        self._update(lambda here: here.setdefault("backups", {}).update({what: entry}))

    def owns(self, what: str) -> bool:
        """Whether this host made or restored a snapshot of `what` there."""
        here = self._here()
        return what in here.get("backups", {}) or what in here.get("owned", [])

    def own(self, what: str) -> None:
        if not self.owns(what):
            self._update(lambda here: here.setdefault("owned", []).append(what))

    def succeeded(self, work: str) -> None:
        """Note that `work`, which is "check" or "drill", ended well now."""
        self._update(lambda here: here.update({work: int(time.time())}))

    def tell(self) -> None:
        """Write the metrics; nothing where node exporter has no folder for them."""
        if self.metrics.parent.is_dir():
            _write(self.metrics, "".join(f"{line}\n" for line in self._lines()), 0o644)

    def _lines(self) -> Iterable[str]:
        here = self._here()
        backups: dict[str, dict[str, int]] = here.get("backups", {})
        yield from _head("last_success_timestamp_seconds")
        for what in self.wanted:
            success = backups.get(what, {}).get("success", 0)
            yield self._line("last_success_timestamp_seconds", success, what)
        yield from _head("size_bytes")
        for what in self.wanted:
            if what in backups:
                yield self._line("size_bytes", backups[what]["size"], what)
        for work in ("check", "drill"):
            # One that never succeeds has to age too, or nobody is told.
            if last := here.get(work) or here.get("since"):
                yield from _head(f"{work}_last_success_timestamp_seconds")
                yield self._line(f"{work}_last_success_timestamp_seconds", last)

    def _line(self, name: str, value: int, what: str = "") -> str:
        labels = f'repository="{self.repository}"' + (f',what="{what}"' if what else "")
        return f"ai_idp_backup_{name}{{{labels}}} {value}"

    def _all(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.file.read_text())
        except FileNotFoundError:
            return {}
        return found

    def _here(self) -> dict[str, Any]:
        here: dict[str, Any] = self._all().get(self.repository, {})
        return here

    def _update(self, change: Any) -> None:
        everything = self._all()
        change(everything.setdefault(self.repository, {}))
        _write(self.file, json.dumps(everything, indent=1), 0o600)
        self.tell()


def _head(name: str) -> tuple[str, str]:
    return f"# HELP ai_idp_backup_{name} {HELP[name]}", f"# TYPE ai_idp_backup_{name} gauge"


def _write(path: Path, text: str, mode: int) -> None:
    """Whole or not at all: node exporter reads at any moment, and the power may fail at any."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
