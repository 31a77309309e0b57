"""Checks of guests: each has a node that can make it, and a number of its own."""

from __future__ import annotations

from itertools import combinations

from deploys.topology import Topology
from preflight.problems import Problem

ROLE = "proxmox"
FOR_DOCKER = ("keyctl", "nesting")
"""Docker in an unprivileged container needs both (pct(1), `--features`)."""


def without_node(topology: Topology) -> list[Problem]:
    """A guest is made by a host of the inventory that has the role for it."""
    nodes = [machine.name for machine in topology.having(ROLE)]
    return [
        Problem(
            machine.name,
            f"is a guest of {machine.guest.node}, which does not have the role {ROLE}",
            f"correct `node`, or add {machine.guest.node} to `{ROLE}` in the inventory",
        )
        for machine in topology.machines
        if machine.guest is not None and machine.guest.node not in nodes
    ]


def sharing_a_number(topology: Topology) -> list[Problem]:
    """One container would get the options of two guests in turn."""
    guests = [(machine.name, machine.guest) for machine in topology.machines if machine.guest]
    return [
        Problem(
            f"{name} and {other_name}",
            f"have the same vmid {guest.vmid} on {guest.node}",
            "give each guest its own `vmid` in the inventory",
        )
        for (name, guest), (other_name, other) in combinations(guests, 2)
        if (guest.node, guest.vmid) == (other.node, other.vmid)
    ]


def with_docker_but_not_its_features(topology: Topology) -> list[Problem]:
    return [
        Problem(
            machine.name,
            "has the role docker, which in a guest needs the features keyctl and nesting",
            'set `features=("nesting", "keyctl")` in its `guest` in the inventory',
        )
        for machine in topology.having("docker")
        if machine.guest is not None and not {*FOR_DOCKER} <= {*machine.guest.features}
    ]
