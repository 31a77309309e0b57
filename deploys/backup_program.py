"""Backup program: its files on the host, the command, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploys.backup_jobs import mirrors
from deploys.backup_target import DIRECTORY, Target
from deploys.declarations import Backup
from deploys.rendering import render
from deploys.topology import Machine
from operations.entries import Directory, Entry, File

PROGRAM = Path(__file__).parent.parent / "files" / "backup" / "backup"
LIBRARY = "/usr/local/lib/ai-idp"
COMMAND = "/usr/local/sbin/ai-idp-backup"
CONFIGURATION = f"{DIRECTORY}/backup.json"


def program() -> list[Entry]:
    """The program, and the command that people and timers call."""
    modules = sorted(PROGRAM.glob("*.py"))
    return [
        Directory(f"{LIBRARY}/backup"),
        *(File(f"{LIBRARY}/backup/{module.name}", module.read_bytes()) for module in modules),
        File(COMMAND, render("backup/ai-idp-backup.j2", library=LIBRARY), mode="0755"),
    ]


def document(
    target: Target,
    machine: Machine,
    jobs: Sequence[Backup],
    keep: Mapping[str, int],
    check_percent: int,
) -> bytes:
    """What the program on the host is told, as JSON.

    `keep`: by period (daily, weekly, monthly) of how many the last backup stays.
    """
    values: dict[str, Any] = {
        "host": machine.name,
        "repository": target.repository(machine.name),
        "mount_point": target.mount_point,
        "sftp_command": target.sftp_command,
        "keep": {period: number for period, number in keep.items() if number},
        "check_percent": check_percent,
        "jobs": [asdict(job) for job in jobs],
        "mirrors": [
            {
                "what": what,
                "source": folder,
                "destination": target.mirror(machine.name, what),
                "ssh": target.ssh,
            }
            for what, folder in mirrors(machine)
        ],
    }
    return f"{json.dumps(values, indent=2)}\n".encode()
