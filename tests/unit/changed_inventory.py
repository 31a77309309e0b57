"""Production's inventory with one change, and all that preflight says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import inventory_json
import preflight
from deploys.topology import Machine, Topology

HOST = "schlimers-server"
"""The host of all roles that need a card."""
Change = Callable[[Machine], Machine]


@cache
def production() -> Topology:
    root = Path(__file__).parents[2]
    found = inventory_json.topology(inventory_json.read(root / "inventory.py"))
    # A group that pyinfra adds, named after the file.
    return replace(found, groups=tuple(group for group in found.groups if group != "inventory"))


def setting(role: str, **values: Any) -> Change:
    """Other settings of a role, checked as a file of group_data/ is."""

    def change(machine: Machine) -> Machine:
        settings = machine.settings[role]
        changed = type(settings)(**{**dict(settings), **values})
        return replace(machine, settings={**machine.settings, role: changed})

    return change


def refusals(change: Change) -> list[str]:
    """All that preflight says of production's inventory with one change on its GPU host."""
    machines = tuple(
        change(machine) if machine.name == HOST else machine for machine in production().machines
    )
    topology = replace(production(), machines=machines)
    return [str(problem) for rule in preflight.RULES for problem in rule(topology)]
