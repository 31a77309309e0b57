"""Guests in the inventory: their values, and what preflight refuses of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import new_guests
import preflight
from deploys.docker import Docker
from deploys.guest import Guest
from deploys.proxmox import Proxmox
from deploys.topology import Machine, Topology
from preflight import access, guests
from preflight.problems import Problem

WEB = {"node": "pve", "vmid": 121, "cores": 2, "memory_mib": 1024, "disk_gib": 8}
Rule = Callable[[Topology], list[Problem]]


def guest(name: str = "web", *roles: str, **values: Any) -> Machine:
    return Machine(name, "192.0.2.21", roles, {}, {"guest": Guest(**{**WEB, **values})})


def node(name: str = "pve") -> Machine:
    settings = Proxmox(gateway="192.0.2.1")
    return Machine(name, "192.0.2.20", ("proxmox",), {"proxmox": settings}, {})


def topology(*machines: Machine) -> Topology:
    return Topology(machines, tuple(group for machine in machines for group in machine.groups))


@pytest.mark.parametrize(
    "wrong",
    [
        {"vmid": 99},
        {"cores": 0},
        {"memory_mib": 16},
        {"disk_gib": 0},
        {"features": ("docker",)},
        {"ram": 1},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Guest.model_validate({**WEB, **wrong})


def test_a_guest_survives_the_way_through_json() -> None:
    declared = Guest.model_validate(WEB)
    machine = Machine("web", "192.0.2.21", (), {}, {"guest": declared.to_json()})
    assert machine.guest == declared
    assert node().guest is None


def test_the_guests_of_a_node_are_those_that_name_it() -> None:
    found = topology(node(), guest(), guest("far", node="other", vmid=122))
    assert [machine.name for machine, _ in found.guests_of("pve")] == ["web"]


KEPT: dict[str, tuple[Rule, Topology]] = {
    "a guest of a node": (guests.without_node, topology(node(), guest())),
    "two numbers": (guests.sharing_a_number, topology(guest(), guest("two", vmid=122))),
    "one number on two nodes": (guests.sharing_a_number, topology(guest(), guest("two", node="b"))),
    "Docker with its features": (
        guests.with_docker_but_not_its_features,
        topology(guest("web", "docker", features=("nesting", "keyctl"))),
    ),
    "Docker on a machine": (
        guests.with_docker_but_not_its_features,
        topology(Machine("desk", "192.0.2.9", ("docker",), {"docker": Docker()}, {})),
    ),
}
BROKEN: dict[str, tuple[Rule, Topology, str]] = {
    "a guest of nobody": (
        guests.without_node,
        topology(node("other"), guest()),
        "web: is a guest of pve, which does not have the role proxmox; correct `node`, or add "
        "pve to `proxmox` in the inventory",
    ),
    "one number twice": (
        guests.sharing_a_number,
        topology(guest(), guest("two")),
        "web and two: have the same vmid 121 on pve; give each guest its own `vmid` in the "
        "inventory",
    ),
    "Docker without its features": (
        guests.with_docker_but_not_its_features,
        topology(guest("web", "docker")),
        "web: has the role docker, which in a guest needs the features keyctl and nesting; set "
        '`features=("nesting", "keyctl")` in its `guest` in the inventory',
    ),
}


@pytest.mark.parametrize(("rule", "given"), KEPT.values(), ids=KEPT)
def test_a_rule_passes(rule: Rule, given: Topology) -> None:
    assert rule in preflight.RULES
    assert rule(given) == []


@pytest.mark.parametrize(("rule", "given", "message"), BROKEN.values(), ids=BROKEN)
def test_a_rule_refuses(rule: Rule, given: Topology, message: str) -> None:
    assert [str(problem) for problem in rule(given)] == [message]


def test_a_guest_without_a_pin_is_told_how_to_get_one(tmp_path: Path) -> None:
    data = {"ssh_known_hosts_file": str(tmp_path / "known_hosts")}
    strangers = tuple(
        Machine(name, "192.0.2.21", (), {}, {**guest().data, **data}) for name in ("web", "mail")
    )
    assert [str(problem) for problem in access.unpinned_guests(strangers, "inventory.py")] == [
        "web, mail: no SSH host key is pinned, so nothing is done there; `make apply` creates "
        "guests that do not exist yet and pins their keys; for those that exist run "
        '`make trust HOST="web mail"`'
    ]
    assert access.unpinned_guests((), "inventory.py") == []


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that `new_guests` runs, without the interpreter before them."""
    found: list[list[str]] = []

    class Done:
        returncode = 0

    def record(command: list[str], **_: Any) -> Done:
        found.append(command[2:])
        return Done()

    monkeypatch.setattr(subprocess, "run", record)
    return found


def test_new_guests_are_made_by_their_nodes_and_trusted_if_nobody_did(
    runs: list[list[str]], tmp_path: Path
) -> None:
    pins = {"ssh_known_hosts_file": str(tmp_path / "known_hosts")}
    member = guest()
    known = topology(node(), Machine("web", "192.0.2.21", (), {}, {**member.data, **pins}))
    assert new_guests._made(Path("inventory.py"), known, [node()]) == 0
    assert runs == [
        ["pyinfra", "-y", "inventory.py", "deploys.proxmox.install", "--limit", "pve"],
        ["trust", "web", "--inventory", "inventory.py"],
    ]
