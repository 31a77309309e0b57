"""Configuration: what the roll-out says of this host's backups, read from a JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ETC = Path("/etc/ai-idp/backup")
STATE = Path("/var/lib/ai-idp/backup")
CACHE = Path("/var/cache/ai-idp-backup")
TEXTFILES = Path("/var/lib/prometheus/node-exporter")


class Failed(Exception):
    """Who, what is wrong, what to do: for the journal and for the person at the keyboard."""


@dataclass(frozen=True)
class Job:
    """Data that belong together: `Backup` of the roll-out's declarations.py, with its words."""

    what: str
    paths: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    drill: str = ""
    in_place: bool = True

    def places(self) -> tuple[str, ...]:
        """Files and folders that are put back as a whole: none lies below another."""
        parents = (str(Path(pattern).parent) for pattern in self.held)
        found = sorted({*self.paths, *self.databases, *parents})
        return tuple(place for place in found if not any(_below(place, other) for other in found))


def _below(path: str, folder: str) -> bool:
    return path != folder and Path(path).is_relative_to(folder)


@dataclass(frozen=True)
class Mirror:
    """A folder that can be had again, copied as it is: `ssh` is rsync's way to another host."""

    what: str
    source: str
    destination: str
    ssh: str = ""


@dataclass(frozen=True)
class Configuration:
    """Where backups go, what they hold and how long they stay.

    `repository` is restic's name for the place, `mount_point` what has to be mounted for it (empty:
    nothing), `sftp_command` how restic gets there by SSH (empty: it is a folder).
    """

    host: str
    repository: str
    mount_point: str
    sftp_command: str
    keep: dict[str, int]
    check_percent: int
    jobs: tuple[Job, ...]
    mirrors: tuple[Mirror, ...]

    def named(self, what: str) -> Job:
        for job in self.jobs:
            if job.what == what:
                return job
        known = ", ".join(job.what for job in self.jobs)
        raise Failed(f"{self.host} has no backup of `{what}`; it has: {known}")


def load(path: Path) -> Configuration:
    """The configuration in `path`; Failed where it is none."""
    try:
        values: dict[str, Any] = json.loads(path.read_text())
        jobs = tuple(Job(**_tuples(job)) for job in values.pop("jobs"))
        mirrors = tuple(Mirror(**mirror) for mirror in values.pop("mirrors"))
        return Configuration(jobs=jobs, mirrors=mirrors, **values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Failed(
            f"{path} is no configuration of backups ({error}); roll it out again"
        ) from None


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(x) if isinstance(x, list) else x for name, x in values.items()}
