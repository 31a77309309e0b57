"""Workstation: what ssh there knows of the hosts, and which it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deploys import workstation_ssh
from deploys.topology import Topology
from deploys.workstation_desk import Desk
from tests.unit.sample_desk import *  # noqa: F403  (its fixture)
from tests.unit.sample_desk import KEY, contents


def test_pinned_hosts_are_known_by_all_their_names(desk: Desk) -> None:
    known = contents(desk)[workstation_ssh.KNOWN_HOSTS].splitlines()
    assert known == [
        f"desk,desk.example.home.arpa,192.0.2.1 {KEY}",
        f"notes,notes.example.home.arpa,192.0.2.3 {KEY}",
    ]
    text = contents(desk)[workstation_ssh.CONFIGURATION]
    assert "Host notes notes.example.home.arpa 192.0.2.3\n    Port 22\n" in text
    assert text.count("StrictHostKeyChecking yes") == text.count("UserKnownHostsFile none") == 2
    assert "User " not in text


def test_another_port_is_part_of_the_name(desk: Desk) -> None:
    own = desk.machine
    Path(own.data["ssh_known_hosts_file"]).write_text(f"[192.0.2.1]:2222 {KEY}\n")
    moved = replace(own, data={**own.data, "ssh_port": 2222})
    moved_desk = replace(desk, topology=Topology((moved,), ()), ssh_user="ops")
    known = contents(moved_desk)[workstation_ssh.KNOWN_HOSTS]
    names = "[desk]:2222,[desk.example.home.arpa]:2222,[192.0.2.1]:2222"
    assert known == f"{names} {KEY}\n"
    assert "    Port 2222\n    User ops\n" in contents(moved_desk)[workstation_ssh.CONFIGURATION]


def test_a_host_without_a_pin_is_left_out_and_told(desk: Desk) -> None:
    assert workstation_ssh.advice(desk) == [
        "ssh there does not know door, runs: no host key is pinned; run "
        "`make trust HOST=door`, and so for each, then this again"
    ]
    assert "door" not in contents(desk)[workstation_ssh.CONFIGURATION]
