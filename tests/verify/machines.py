"""Machines: the inventory as pyinfra itself reads it, with typed settings, in plain pytest."""

from __future__ import annotations

from pathlib import Path

import inventory_json
from deploys.roles import is_role, settings_class
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from inventory_json import InventoryHost


def topology(inventory: Path) -> Topology:
    """Every host of `inventory`; what the roll-out was told is what it is measured by."""
    machines = tuple(_machine(host) for host in inventory_json.read(inventory))
    groups = dict.fromkeys(group for machine in machines for group in machine.groups)
    return Topology(machines, tuple(groups))


def selected(topology: Topology, limit: list[str]) -> tuple[Machine, ...]:
    """The machines that `limit` names by host or group; all of them where it is empty."""
    if not limit:
        return topology.machines
    hosts = [InventoryHost(m.name, m.groups, m.data) for m in topology.machines]
    wanted = {host.name for host in inventory_json.select(hosts, limit)}
    return tuple(machine for machine in topology.machines if machine.name in wanted)


def _machine(host: InventoryHost) -> Machine:
    return Machine(
        name=host.name,
        address=host.data["ssh_hostname"],
        groups=host.groups,
        settings={role: _settings(role, host) for role in host.groups if is_role(role)},
        data=host.data,
    )


def _settings(role: str, host: InventoryHost) -> Settings:
    expected = settings_class(role)
    assert expected is not None, f"deploys/{role}.py has no settings"
    return expected.model_validate(host.data[role])
