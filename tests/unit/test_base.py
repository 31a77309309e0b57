"""Base: its settings, the names that /etc/hosts gives, and what its fact reads."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from pyinfra.api.exceptions import FactProcessError

from deploys import base
from deploys.base import Base
from deploys.rendering import render
from deploys.topology import Machine, Topology
from facts.host_kind import HostKind, HostKindState
from facts.rollout import Rollout, RolloutState

DATA = {"domain": "lab.test"}


def machine(name: str, address: str, *groups: str) -> Machine:
    return Machine(name, address, groups, settings={}, data=DATA)


DESK = machine("desk", "192.0.2.1")
GATE = machine("gate", "192.0.2.2", "nginx")
TOPOLOGY = Topology((DESK, GATE), ("nginx",))


def hosts_file(topology: Topology, settings: Base) -> list[str]:
    text = render("base/hosts.j2", **base.names(topology, DESK, settings)).decode()
    return [line.replace("\t", " ") for line in text.splitlines()]


def test_every_host_is_named_with_and_without_the_domain() -> None:
    lines = hosts_file(TOPOLOGY, Base())
    assert "192.0.2.1 desk.lab.test desk" in lines
    assert "192.0.2.2 gate.lab.test gate" in lines


def test_a_service_name_stands_for_the_first_host_of_its_role() -> None:
    assert "192.0.2.2 gateway.lab.test" in hosts_file(TOPOLOGY, Base())


def test_a_service_name_without_a_host_is_left_out() -> None:
    without = Topology((DESK,), ())
    assert not any("gateway" in line for line in hosts_file(without, Base()))


def test_names_of_things_outside_the_inventory_are_added() -> None:
    extra: dict[str, Any] = {"printer": "192.0.2.9"}
    assert "192.0.2.9 printer" in hosts_file(TOPOLOGY, Base(extra_hosts=extra))


@pytest.mark.parametrize("wrong", [{"printer": "upstairs"}, {"printer": "192.0.2.300"}])
def test_a_further_name_needs_an_address(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="value is not a valid IPv4 or IPv6 address"):
        Base(extra_hosts=wrong)


@pytest.mark.parametrize("time", ["00:00", "04:30", "23:59"])
def test_a_time_of_day_to_reboot_is_taken(time: str) -> None:
    assert Base(automatic_reboot_time=time).automatic_reboot_time == time


@pytest.mark.parametrize("time", ["24:00", "4:00", "04:60", "now"])
def test_anything_else_is_no_time_to_reboot(time: str) -> None:
    with pytest.raises(ValidationError, match="automatic_reboot_time\n  String should match"):
        Base(automatic_reboot_time=time)


@pytest.mark.parametrize(
    ("kind", "daemons"),
    [
        (HostKind(container="", time_daemon=""), ("systemd-timesyncd",)),
        (HostKind(container="", time_daemon="chrony"), ("chrony",)),
        (HostKind(container="lxc", time_daemon=""), ()),
        (HostKind(container="lxc", time_daemon="chrony"), ()),
    ],
)
def test_the_clock_is_kept_where_it_can_be_set(kind: HostKind, daemons: tuple[str, ...]) -> None:
    assert base.time_daemons(kind) == daemons


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (["container lxc", "end"], HostKind("lxc", "")),
        (["container ", "daemon chrony", "end"], HostKind("", "chrony")),
        # pyinfra strips the blanks at the end of a line.
        (["container", "end"], HostKind("", "")),
    ],
)
def test_the_kind_of_a_host_is_read(output: list[str], kind: HostKind) -> None:
    assert HostKindState().process(output) == kind


def test_half_an_answer_is_no_kind() -> None:
    with pytest.raises(FactProcessError):
        HostKindState().process(["container lxc"])


def test_the_record_of_a_host_is_read() -> None:
    output = ["marked", "role\tbase", "role\tnginx", "end"]
    assert RolloutState().process(output) == Rollout(marked=True, roles=("base", "nginx"))


def test_half_a_record_is_none() -> None:
    with pytest.raises(FactProcessError):
        RolloutState().process(["marked"])


def test_an_interrupted_change_is_undone_when_the_disks_can_be_written() -> None:
    unit = render("base/ai-idp-recover.service.j2").decode()
    # Debian and Ubuntu boot with `ro`, and a mounted root orders nothing after its remount.
    assert "\nAfter=systemd-remount-fs.service\n" in unit
