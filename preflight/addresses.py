"""Checks of addresses: every host has one, of its own, that can be one."""

from __future__ import annotations

import ipaddress
from itertools import combinations

from deploys.topology import Topology
from preflight.problems import Problem

_REMEDY = "set its `ssh_hostname` in the inventory"


def missing(topology: Topology) -> list[Problem]:
    return [
        Problem(machine.name, "has no address", _REMEDY)
        for machine in topology.machines
        if not machine.address
    ]


def malformed(topology: Topology) -> list[Problem]:
    return [
        Problem(
            machine.name,
            f"`{machine.address}` is not an IP address; /etc/hosts, the firewall and what listens "
            "on one address need it",
            _REMEDY,
        )
        for machine in topology.machines
        if machine.address and not _is_address(machine.address)
    ]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def shared(topology: Topology) -> list[Problem]:
    """Two names for one machine would have its roles fight over it."""
    return [
        Problem(
            f"{one.name} and {other.name}",
            f"have the same address {one.address}",
            "give each host of the inventory its own `ssh_hostname`",
        )
        for one, other in combinations(topology.machines, 2)
        if one.address and one.address == other.address
    ]


def domain_of_multicast_dns(topology: Topology) -> list[Problem]:
    """Hosts would ask each other for such names, and no public CA vouches for one."""
    domains = {str(machine.data.get("domain", "")) for machine in topology.machines}
    return [
        Problem(
            f"domain `{domain}`",
            "is below .local, which belongs to multicast DNS (RFC 6762)",
            "set one below home.arpa (RFC 8375) in group_data/all.py",
        )
        for domain in sorted(domains)
        if f".{domain}".endswith(".local")
    ]
