"""Workstation: how the vault comes to its person, and who is told why it does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from deploys import workstation_vault
from deploys.workstation_desk import Desk
from facts.person import Person
from tests.unit.sample_desk import *  # noqa: F403  (its fixture)
from tests.unit.sample_desk import ADA, contents


def test_a_person_with_a_known_key_is_told_nothing(desk: Desk) -> None:
    assert workstation_vault.advice(desk) == []


@pytest.mark.parametrize(
    ("person", "advice"),
    [
        (
            replace(ADA, keys=()),
            "ada has no SSH key, so /home/ada/Vault cannot be cloned; as ada: "
            "`ssh-keygen -t ed25519`, then its line of ~/.ssh/id_ed25519.pub into `keys` of "
            "group_data/git.py, and `make apply LIMIT=notes`",
        ),
        (
            replace(ADA, keys=("ssh-ed25519 other",)),
            "notes knows no key of ada, so /home/ada/Vault cannot be cloned; add to "
            "`keys` of group_data/git.py: ssh-ed25519 other",
        ),
        (
            replace(ADA, vault="git@elsewhere:x"),
            "/home/ada/Vault is there and no clone of git@notes:vault.git; it is left as it is: "
            "move it away, or set another `vault_folder` in group_data/workstation.py",
        ),
    ],
)
def test_whoever_cannot_clone_is_told_why(desk: Desk, person: Person, advice: str) -> None:
    assert workstation_vault.advice(replace(desk, person=person)) == [advice]


def test_a_clone_that_is_there_wants_no_key(desk: Desk) -> None:
    person = replace(ADA, keys=(), vault="git@notes:vault.git")
    assert workstation_vault.advice(replace(desk, person=person)) == []


def test_the_persons_own_systemd_clones(desk: Desk) -> None:
    unit = contents(desk)["/etc/systemd/user/ai-idp-clone-vault.service"]
    assert "ConditionUser=ada\nConditionPathExists=!%h/Vault/.git\n" in unit
    told = json.loads(contents(desk)["/etc/ai-idp/workstation/vault.json"])
    assert (told["repository"], told["folder"]) == ("git@notes:vault.git", "Vault")


def test_without_a_vault_nothing_clones(desk: Desk) -> None:
    found = contents(replace(desk, vault_folder=""))
    assert not [path for path in found if "vault" in path]
