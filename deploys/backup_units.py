"""Backup units: the timers of a host, the services they start, and what those may write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploys.backup_jobs import mirrors
from deploys.backup_program import COMMAND
from deploys.backup_target import Target
from deploys.declarations import Backup
from deploys.node_exporter import TEXTFILES
from deploys.rendering import render
from deploys.topology import Machine
from operations.entries import File

if TYPE_CHECKING:
    from deploys.backup import Backups

DIRECTORY = "/etc/systemd/system"
RECOVERY = "ai-idp-backup-recover.service"


def timers(machine: Machine) -> list[str]:
    """The timers of a host."""
    works = ["", "-check", "-drill", *(["-mirror"] if mirrors(machine) else [])]
    return [f"ai-idp-backup{work}.timer" for work in works]


def unit_files(
    settings: Backups, target: Target, machine: Machine, jobs: Sequence[Backup]
) -> list[File]:
    """The timers with their services, and what takes back an interrupted restore at boot."""
    values = {
        "settings": settings,
        "command": COMMAND,
        "mount_point": target.mount_point,
        "mount_unit": target.mount_unit,
        "textfiles": TEXTFILES,
        "writable": writable(jobs),
        "data_units": sorted({_unit(unit) for job in jobs for unit in job.units}),
    }
    names = [
        name for timer in timers(machine) for name in (timer, timer.replace("timer", "service"))
    ]
    return [
        File(f"{DIRECTORY}/{name}", render(f"backup/{name}.j2", **values))
        for name in (*names, RECOVERY)
    ]


def writable(jobs: Sequence[Backup]) -> list[str]:
    """Folders of databases, where sqlite keeps its locks, and of what is held by links."""
    files = (path for job in jobs for path in (*job.databases, *job.held))
    return sorted({str(Path(path).parent) for path in files})


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"
