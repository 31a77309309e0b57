"""Git, vault and commit events on a bare host: what comes before what, and nothing half-way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import commit_events, git, vault, webhooks
from deploys.base import Base
from deploys.commit_events import CommitEvents
from deploys.git import Git
from deploys.ssh import Ssh
from deploys.vault import Vault
from tests.fake_host import Run, run

SETTINGS: dict[str, Any] = {
    "base": Base(),
    "ssh": Ssh(),
    "git": Git(repositories=("projects",)),
    "vault": Vault(),
    "commit_events": CommitEvents(),
}
INSTALLS = {"git": git.install, "vault": vault.install, "commit_events": commit_events.install}
REMOVALS = {"git": git.remove, "vault": vault.remove, "commit_events": commit_events.remove}
BARE: dict[str, Any] = {"names=$(cat)": ["will\tgit\t2.47", "end"], "wanted=$(cat)": ["end"]}
BROKEN = {**BARE, "wanted=$(cat)": {"success": False, "stderr": "unreadable: /srv"}}
THERE = {
    **BARE,
    "wanted=$(cat)": [
        "manifest\t/etc/x",
        "entry\tregular file\t644\troot\troot\t/etc/x\t0\t0",
        f"sum\t{'a' * 64}  /etc/x",
        "end",
    ],
}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure(CommitEvents().secrets())
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    return {**store, **network, **SETTINGS, "ssh_hostname": "192.0.2.1"}


def roll_out(do: Callable[[], object], answers: dict[str, Any], data: dict[str, Any]) -> Run:
    return run(do, answers, data, groups=tuple(SETTINGS))


def changing(outcome: Run) -> list[str]:
    """What changes the host, in order."""
    return [
        "install" if "action=install" in command else Path(command.split()[-1]).parent.name
        for command in outcome.commands
        if "action=install" in command or "transaction.sh start" in command
    ]


@pytest.mark.parametrize("role", INSTALLS)
def test_the_account_comes_before_the_files_that_it_owns(role: str, data: dict[str, Any]) -> None:
    outcome = roll_out(INSTALLS[role], BARE, data)
    assert outcome.succeeded
    assert changing(outcome) == ["install", f"{role}_account", role]


@pytest.mark.parametrize("role", INSTALLS)
def test_what_cannot_be_read_is_not_changed(role: str, data: dict[str, Any]) -> None:
    outcome = roll_out(INSTALLS[role], BROKEN, data)
    assert not outcome.succeeded
    assert not any("transaction.sh start" in command for command in outcome.commands)


@pytest.mark.parametrize("role", INSTALLS)
def test_a_roll_out_asks_three_things(role: str, data: dict[str, Any]) -> None:
    commands = roll_out(INSTALLS[role], BARE, data).commands
    asked = [x for x in commands if "wanted=$(cat)" in x or "names=$(cat)" in x]
    assert len(asked) == 3


@pytest.mark.parametrize("role", REMOVALS)
def test_removing_a_role_touches_neither_notes_nor_repositories(
    role: str, data: dict[str, Any]
) -> None:
    outcome = roll_out(REMOVALS[role], THERE, data)
    assert outcome.succeeded
    assert not any("rm -rf /srv" in command for command in outcome.commands)
    removed = [x for x in outcome.commands if x.startswith("rm -rf")]
    assert removed == [
        f"rm -rf /var/lib/ai-idp/services/{role}",
        f"rm -rf /var/lib/ai-idp/services/{role}_account",
    ]


def test_the_token_is_in_no_command(data: dict[str, Any]) -> None:
    token = secret_store.for_data(data).get(webhooks.TOKEN).get_secret_value()
    outcome = roll_out(commit_events.install, BARE, data)
    assert not any(token in command for command in outcome.commands)
