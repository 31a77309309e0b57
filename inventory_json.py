"""What pyinfra says of an inventory, asked in a process of its own: names, groups and data.

`pyinfra INVENTORY debug-inventory --json` is public, loads group data and overlays as every run
does, and keeps pyinfra's patched sockets out of the asking process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deploys.roles import is_role, settings_class
from deploys.settings import Settings
from deploys.topology import Machine, Topology

ROOT = Path(__file__).parent


class InventoryError(Exception):
    """The inventory does not load, or does not say what was asked of it."""


@dataclass(frozen=True)
class InventoryHost:
    """One host of an inventory; `data` holds plain types only."""

    name: str
    groups: tuple[str, ...]
    data: dict[str, Any]


def read(inventory: Path) -> list[InventoryHost]:
    """Every host of `inventory`, in its order; InventoryError with pyinfra's own words.

    As for every run of pyinfra, the working directory's group_data count too.
    """
    if not inventory.is_file():
        # pyinfra would take the path for the name of a host.
        raise InventoryError(f"there is no inventory {inventory}; name one with --inventory")
    command = [sys.executable, "-m", "pyinfra", str(inventory.absolute())]
    answer = subprocess.run([*command, "debug-inventory", "--json"], capture_output=True, text=True)
    if answer.returncode != 0:
        raise InventoryError(f"{inventory} does not load:\n{answer.stderr.strip()}")
    hosts = [InventoryHost(h["name"], tuple(h["groups"]), h["data"]) for h in _parsed(answer)]
    if not hosts:
        raise InventoryError(f"{inventory} has no hosts; write at least one group with a host")
    return hosts


def select(hosts: Sequence[InventoryHost], wanted: Sequence[str]) -> list[InventoryHost]:
    """The hosts that `wanted` names, each a host or a group, every host once."""
    known = {name for host in hosts for name in (host.name, *host.groups)}
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise InventoryError(f"`{name}` is neither a host nor a group of the inventory{hint}")
    return [host for host in hosts if {host.name, *host.groups} & set(wanted)]


def shared(hosts: Sequence[InventoryHost], key: str) -> Any:
    """The one value that every host has for `key`; InventoryError where they differ."""
    values = [host.data.get(key) for host in hosts]
    if values[0] is None or any(value != values[0] for value in values):
        raise InventoryError(f"every host needs the same `{key}`; set it in group_data/all.py")
    return values[0]


def topology(hosts: Sequence[InventoryHost]) -> Topology:
    """The same hosts with their typed settings, as the roles see them."""
    machines = tuple(
        Machine(host.name, str(host.data["ssh_hostname"]), host.groups, _settings(host), host.data)
        for host in hosts
    )
    return Topology(machines, tuple(dict.fromkeys(g for host in hosts for g in host.groups)))


def _settings(host: InventoryHost) -> dict[str, Settings]:
    classes = {group: settings_class(group) for group in host.groups if is_role(group)}
    return {
        role: found.model_validate(host.data[role])
        for role, found in classes.items()
        if found is not None and role in host.data
    }


def _parsed(answer: subprocess.CompletedProcess[str]) -> Any:
    try:
        return json.loads(answer.stdout)
    except ValueError as error:
        raise InventoryError(f"pyinfra's inventory is not JSON: {answer.stdout!r}") from error
