"""Checks of roles: each has a module, settings, a host, its companions, and no conflict."""

from __future__ import annotations

from deploys.roles import is_role, settings_class
from deploys.topology import Topology
from preflight.problems import Problem


def without_module(topology: Topology) -> list[Problem]:
    """A group is a role, and a role is a module of the same name."""
    return [
        Problem(
            group,
            "is a group, but no role of that name is known",
            f"write deploys/{group}.py with its settings, or take the group out of the inventory",
        )
        for group in topology.groups
        if not is_role(group)
    ]


def without_host(topology: Topology) -> list[Problem]:
    """A list without a host, or settings that nobody has, is a role that was forgotten."""
    return [
        Problem(
            role,
            "has no host",
            f"name its hosts in the inventory, or remove group_data/{role}.py",
        )
        for role in topology.groups
        if not topology.having(role)
    ]


def without_settings(topology: Topology) -> list[Problem]:
    """Every host of a role has that role's settings, and no other class under its name."""
    return [
        Problem(
            machine.name,
            f"has the role {role}, but no `{role}` settings",
            f"set `{role} = {expected.__name__}(...)` in group_data/{role}.py",
        )
        for machine in topology.machines
        for role in machine.groups
        if is_role(role) and (expected := settings_class(role)) is not None
        if not isinstance(machine.settings.get(role), expected)
    ]


def without_companion(topology: Topology) -> list[Problem]:
    """What a role requires is a role of the same host."""
    return [
        Problem(
            machine.name,
            f"has the role {role}, which requires {companion} on the same host",
            f"add {machine.name} to `{companion}` in the inventory",
        )
        for machine in topology.machines
        for role, settings in machine.settings.items()
        for companion in settings.requires
        if companion not in machine.groups
    ]


def conflicting(topology: Topology) -> list[Problem]:
    """What a role itself says of its settings beside those of the others."""
    return [
        Problem(machine.name, f"{role}: {conflict.what}", conflict.remedy)
        for machine in topology.machines
        for role, settings in machine.settings.items()
        for conflict in settings.conflicts(machine, topology)
    ]
