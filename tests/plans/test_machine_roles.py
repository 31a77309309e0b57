"""The roles of every machine: what they run on a host that is bare, or somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import base, firewall, node_exporter, ssh
from deploys.base import Base
from deploys.firewall import Firewall
from deploys.node_exporter import NodeExporter
from deploys.ssh import Ssh
from tests.fake_host import Run, run

INSTALLS: dict[str, Callable[[], object]] = {
    "base": base.install,
    "ssh": ssh.install,
    "firewall": firewall.install,
    "node_exporter": node_exporter.install,
}
SETTINGS = {
    "base": Base(),
    "ssh": Ssh(),
    "firewall": Firewall(),
    "node_exporter": NodeExporter(),
}
BARE = {
    "expected=": ["end"],
    "systemd-detect-virt": ["container lxc", "end"],
    "names=$(cat)": ["will\tdemo\t1.0", "end"],
    "wanted=$(cat)": ["end"],
}
MACHINE = {**BARE, "systemd-detect-virt": ["container ", "end"]}
FOREIGN = {**BARE, "expected=": {"success": False, "stderr": "another secret store"}}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """What every host has by inventory."""
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure([])
    network = {"domain": "lab.test", "timezone": "Europe/Berlin", "networks": ["192.0.2.0/24"]}
    return {**store, **network, **SETTINGS, "ssh_hostname": "192.0.2.1"}


def roll_out(role: str, answers: dict[str, Any], data: dict[str, Any]) -> Run:
    return run(INSTALLS[role], answers, data, groups=tuple(INSTALLS))


def starts(outcome: Run) -> list[str]:
    """The steps that change something, by what they run."""
    return [
        "install" if "action=install" in command else command.rpartition("/")[2]
        for command in outcome.commands
        if "action=install" in command or "transaction.sh start" in command
    ]


@pytest.mark.parametrize("role", INSTALLS)
def test_on_a_bare_host_packages_come_first_and_the_files_in_one_transaction(
    role: str, data: dict[str, Any]
) -> None:
    outcome = roll_out(role, BARE, data)
    assert outcome.succeeded
    assert starts(outcome) == ["install", "transaction"]


@pytest.mark.parametrize("role", ["ssh", "firewall"])
def test_a_second_session_has_to_confirm_what_could_shut_us_out(
    role: str, data: dict[str, Any]
) -> None:
    state = f"/var/lib/ai-idp/services/{role}/transaction"
    commands = roll_out(role, BARE, data).commands
    assert commands[-1] == f"sh {state}/transaction.sh finish {state}"


def installed(outcome: Run) -> set[str]:
    lines = [line for command in outcome.commands for line in command.splitlines()]
    found = [line for line in lines if line.startswith("packages=")]
    return set(" ".join(found).replace("packages=", "").replace("'", " ").replace('"', " ").split())


@pytest.mark.parametrize(("answers", "expected"), [(BARE, False), (MACHINE, True)])
def test_a_machine_keeps_its_clock_and_a_container_has_none(
    answers: dict[str, Any], expected: bool, data: dict[str, Any]
) -> None:
    names = installed(roll_out("base", answers, data))
    assert "unattended-upgrades" in names
    assert ("systemd-timesyncd" in names) == expected


def test_a_host_of_another_rollout_is_not_touched(data: dict[str, Any]) -> None:
    outcome = roll_out("base", FOREIGN, data)
    assert not outcome.succeeded
    assert starts(outcome) == []
    assert not any("mkdir" in command for command in outcome.commands)


@pytest.mark.parametrize("role", INSTALLS)
def test_what_cannot_be_read_is_not_changed(role: str, data: dict[str, Any]) -> None:
    broken = {"success": False, "stderr": "unreadable: /etc"}
    outcome = roll_out(role, {**BARE, "names=$(cat)": ["end"], "wanted=$(cat)": broken}, data)
    assert not outcome.succeeded
    assert "transaction" not in starts(outcome)
