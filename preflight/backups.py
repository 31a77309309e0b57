"""Checks of backups: data that nothing can make again are on a host that backs up."""

from __future__ import annotations

from deploys.topology import Topology
from preflight.problems import Problem

ROLE = "backup"


def without_backup(topology: Topology) -> list[Problem]:
    """A disk dies without asking whether somebody had thought of it."""
    return [
        Problem(
            machine.name,
            f"{role} keeps data there that nothing can make again ({', '.join(names)}), "
            "and the host has no backup",
            f"add {machine.name} to `{ROLE}` in the inventory",
        )
        for machine in topology.machines
        if ROLE not in machine.groups
        for role, settings in machine.settings.items()
        if (names := [backup.what for backup in settings.backups(machine)])
    ]
