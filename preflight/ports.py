"""Checks of ports: one listener for each, and only known groups may reach it."""

from __future__ import annotations

from itertools import groupby

from deploys.declarations import EVERYONE
from deploys.topology import Exposure, Machine, Topology
from preflight.problems import Problem


def clashing(topology: Topology) -> list[Problem]:
    """No two listeners of one host have the same protocol and number."""
    return [problem for machine in topology.machines for problem in _clashes(machine)]


def _clashes(machine: Machine) -> list[Problem]:
    listeners = sorted(machine.exposures(), key=_address)
    shared = [(key, list(group)) for key, group in groupby(listeners, key=_address)]
    return [
        Problem(
            machine.name,
            f"{protocol} port {number} is claimed by {_named(group)}",
            f"give one of them another port in group_data/{group[-1].role}.py",
        )
        for (protocol, number), group in shared
        if len(group) > 1
    ]


def _address(exposure: Exposure) -> tuple[str, int]:
    return exposure.port.protocol, exposure.port.number


def _named(exposures: list[Exposure]) -> str:
    return " and ".join(f"{exposure.role} ({exposure.port.purpose})" for exposure in exposures)


def open_to_unknown_group(topology: Topology) -> list[Problem]:
    """A misspelt group in `reachable_from` would silently shut somebody out."""
    return [
        Problem(
            machine_and_role,
            f"port {number} is reachable from `{group}`, which is no group of the inventory",
            f"correct `reachable_from` in deploys/{role}.py, or add the group",
        )
        for machine_and_role, role, number, group in _reaching(topology)
        if group not in {EVERYONE, *topology.groups}
    ]


def _reaching(topology: Topology) -> list[tuple[str, str, int, str]]:
    return [
        (f"{exposure.machine.name} {exposure.role}", exposure.role, exposure.port.number, group)
        for exposure in topology.exposures()
        for group in exposure.port.reachable_from
    ]
