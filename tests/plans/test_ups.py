"""The UPS on a bare host: what comes before what, on the server and on its clients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import ups
from deploys.node_exporter import NodeExporter
from deploys.ups import Ups
from tests.fake_host import Run, run

ITSELF, OTHER = "@fake/machine", "@fake/bystander"
TRIXIE = ["ID=debian", 'VERSION_ID="13"', "VERSION_CODENAME=trixie"]
BARE: dict[str, Any] = {
    "cat /etc/os-release": TRIXIE,
    "names=$(cat)": ["will\tnut-client\t2.8.1-5", "end"],
    "wanted=$(cat)": ["end"],
}


def settings(server: str) -> Ups:
    return Ups(
        server=server,
        watts=900,
        volt_amperes=1500,
        battery_watt_hours=216,
        low_runtime_seconds=360,
    )


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure(settings(ITSELF).secrets())
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    return {**store, **network, "node_exporter": NodeExporter(), "ssh_hostname": "192.0.2.1"}


def roll_out(
    deploy: Callable[[], object], answers: dict[str, Any], data: dict[str, Any], server: str
) -> Run:
    values = {**data, "ups": settings(server)}
    return run(deploy, answers, values, groups=("node_exporter", "ups"))


def changing(outcome: Run) -> list[str]:
    """The commands that change something: which packages, or which set."""
    found = []
    for command in outcome.commands:
        if "action=install" in command or "action=remove" in command:
            lines = command.splitlines()
            line = next(line for line in lines if line.startswith("packages="))
            found.append(line.partition("=")[2].strip("'\""))
        elif "transaction.sh start" in command:
            found.append(command.split()[1])
    return found


LANDED = "/var/lib/ai-idp/services/ups/transaction/transaction.sh"


@pytest.mark.parametrize(
    ("server", "packages"),
    [(ITSELF, "iputils-ping nut-client nut-server"), (OTHER, "nut-client")],
)
def test_packages_come_first_and_the_files_in_one_transaction(
    data: dict[str, Any], server: str, packages: str
) -> None:
    outcome = roll_out(ups.install, BARE, data, server)
    assert outcome.succeeded
    assert changing(outcome) == [packages, LANDED]


@pytest.mark.parametrize("answer", ["cat /etc/os-release", "names=$(cat)", "wanted=$(cat)"])
def test_what_cannot_be_read_is_not_changed(answer: str, data: dict[str, Any]) -> None:
    unreadable = {**BARE, "names=$(cat)": ["end"], answer: {"success": False, "stderr": "no"}}
    outcome = roll_out(ups.install, unreadable, data, ITSELF)
    assert not outcome.succeeded
    assert LANDED not in changing(outcome)


def test_a_converged_role_takes_three_commands(data: dict[str, Any]) -> None:
    answers = {**BARE, "names=$(cat)": ["have\tnut-client\tinstalled\t2.8.1-5", "end"]}
    outcome = roll_out(ups.install, answers, data, OTHER)
    asked = [command for command in outcome.commands if "transaction" not in command]
    assert len(asked) <= 3


def test_no_command_has_a_password_in_it(data: dict[str, Any]) -> None:
    outcome = roll_out(ups.install, BARE, data, ITSELF)
    store = secret_store.for_data(data)
    values = [store.get(name).get_secret_value() for name in settings(ITSELF).secrets()]
    assert not [value for value in values for command in outcome.commands if value in command]


def test_removal_ends_the_monitor_before_its_package_goes(data: dict[str, Any]) -> None:
    answers = {
        "names=$(cat)": ["have\tnut-client\tinstalled\t2.8.1-5", "end"],
        "wanted=$(cat)": ["manifest\t/etc/nut/upsmon.conf", "end"],
    }
    outcome = roll_out(ups.remove, answers, data, OTHER)
    assert outcome.succeeded
    assert changing(outcome) == [LANDED, "nut-client"]
