"""n8n on a bare host: what comes before what, and that nothing is changed half-way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import n8n
from deploys.base import Base
from deploys.n8n_files import OWNER_PASSWORD
from deploys.n8n_login import password_hash
from deploys.vault import Vault
from group_data.n8n import n8n as SETTINGS
from tests.fake_host import Run, run

NODE, ADDON = SETTINGS.node_archive(), SETTINGS.sqlite_addon()
OLD_NODE = "/opt/ai-idp/archives/node/24.0.0-cccccccccccc"
TRANSACTION = "/var/lib/ai-idp/services/n8n/transaction"
BARE: dict[str, Any] = {
    "names=$(cat)": ["will\tcurl\t8.14.1-2", "end"],
    "end of archives": ["end of archives"],
    "wanted=$(cat)": ["end"],
}
MARKS = {
    "action=install": "install the tools",
    f"\nurl={NODE.url}": "download Node",
    f"\nurl={ADDON.url}": "download the addon",
    "umask 077; mkdir -p /var/lib/ai-idp/services/n8n": "bring the set",
    f"sh {TRANSACTION}/transaction.sh start {TRANSACTION}": "land the set",
    "! systemctl is-active --quiet n8n || systemctl restart n8n": "restart one that runs",
    f"rm -rf -- {OLD_NODE}": "remove the old Node",
    "rm -rf /var/lib/ai-idp/services/n8n": "forget the set",
    "rm -rf /opt/ai-idp/n8n": "remove the tree",
}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure(SETTINGS.secrets())
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    held = {"base": Base(), "vault": Vault(), "n8n": SETTINGS}
    return {**store, **network, **held, "ssh_hostname": "192.0.2.1"}


def roll_out(deploy: Callable[[], object], answers: dict[str, Any], data: dict[str, Any]) -> Run:
    return run(deploy, answers, data, groups=("base", "vault", "n8n"))


def done(outcome: Run) -> list[str]:
    """The commands that change something, by what they do."""
    changing = [command for command in outcome.commands if not asks(command)]
    return [next((name for mark, name in MARKS.items() if mark in x), x) for x in changing]


def asks(command: str) -> bool:
    """Whether it reads the host's state."""
    return command.startswith("folders=") or "names=$(cat)" in command or "wanted=$(cat)" in command


def test_what_the_set_is_made_with_comes_before_it(data: dict[str, Any]) -> None:
    outcome = roll_out(n8n.install, BARE, data)
    assert outcome.succeeded
    assert done(outcome) == [
        *("install the tools", "download Node", "download the addon"),
        *("restart one that runs", "bring the set", "land the set"),
    ]


def test_a_node_that_was_replaced_goes_last(data: dict[str, Any]) -> None:
    there = [f"whole\t{x}" for x in (OLD_NODE, NODE.folder, ADDON.folder)]
    outcome = roll_out(n8n.install, {**BARE, "end of archives": [*there, "end of archives"]}, data)
    assert done(outcome)[:4] == [
        *("install the tools", "bring the set", "land the set"),
        "remove the old Node",
    ]


def test_a_roll_out_asks_four_things(data: dict[str, Any]) -> None:
    assert len([x for x in roll_out(n8n.install, BARE, data).commands if asks(x)]) == 4


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        ("names=$(cat)", []),
        ("end of archives", ["install the tools"]),
        ("wanted=$(cat)", ["install the tools", "download Node", "download the addon"]),
    ],
)
def test_what_cannot_be_read_is_not_changed(
    answer: str, changed: list[str], data: dict[str, Any]
) -> None:
    unreadable = {"success": False, "stderr": "unreadable"}
    outcome = roll_out(n8n.install, {**BARE, answer: unreadable}, data)
    assert not outcome.succeeded
    assert done(outcome)[: len(changed)] == changed
    assert not any("transaction.sh start" in command for command in outcome.commands)


def test_no_command_has_a_secret_in_it(data: dict[str, Any]) -> None:
    store = secret_store.for_data(data)
    values = [store.get(name).get_secret_value() for name in SETTINGS.secrets()]
    values.append(password_hash(store.get(OWNER_PASSWORD).get_secret_value()).decode())
    outcome = roll_out(n8n.install, BARE, data)
    assert not [value for value in values for command in outcome.commands if value in command]


def test_a_file_that_is_no_workflow_fails_the_host_before_anything_is_read(
    data: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "one.json").write_text("{")
    monkeypatch.setattr(n8n, "WORKFLOWS", tmp_path)
    outcome = roll_out(n8n.install, BARE, data)
    assert (outcome.succeeded, outcome.commands) == (False, [])
    assert "one.json is no workflow" in caplog.text


def test_removal_ends_the_service_and_keeps_its_data(data: dict[str, Any]) -> None:
    there = {
        **BARE,
        "wanted=$(cat)": [
            "manifest\t/etc/n8n/n8n.env",
            "entry\tregular file\t644\troot\troot\t/etc/n8n/n8n.env\t0\t0",
            f"sum\t{'a' * 64}  /etc/n8n/n8n.env",
            "end",
        ],
        "end of archives": [f"whole\t{OLD_NODE}", "end of archives"],
    }
    outcome = roll_out(n8n.remove, there, data)
    assert outcome.succeeded
    assert done(outcome)[:3] == ["bring the set", "land the set", "forget the set"]
    assert "remove the old Node" in done(outcome)
    assert not any("rm -rf /var/lib/n8n" in command for command in outcome.commands)
