"""Workstation: whose desk it is, and what the roll-out leaves alone there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from deploys import workstation_trust
from deploys.declarations import Conflict
from deploys.topology import Machine, Topology
from deploys.workstation import Workstation, entries, obstacle, steps
from deploys.workstation_desk import Desk
from facts.person import Person
from operations.entries import Link
from tests.unit.sample_desk import *  # noqa: F403  (its fixture)
from tests.unit.sample_desk import ADA


def test_no_file_of_the_roll_out_is_in_anybodys_home(desk: Desk) -> None:
    paths = [entry.path for entry in entries(desk)]
    assert not [path for path in paths if path.startswith(("/home", "/root"))]


def test_whatever_touches_the_home_runs_as_the_person(desk: Desk) -> None:
    found = steps(desk)
    texts = (found.activate, found.probe, found.live, workstation_trust.withdrawal())
    lines = [line for text in texts for line in text.splitlines() if "browser_trust.py" in line]
    calls = [line for line in lines if "python3" in line]
    assert len(calls) == 4
    assert all("runuser -u ada -- env -i" in line or '-u "$user"' in line for line in calls)


def test_what_others_have_put_there_stands_in_the_way(desk: Desk) -> None:
    (line,) = (x for x in steps(desk).validate.splitlines() if x.startswith("for path in"))
    assert line == (
        "for path in /etc/firefox/policies/policies.json /opt/ai-idp/workstation/clients"
        " /usr/local/bin/hf /usr/local/bin/mlflow"
        " /etc/systemd/user/timers.target.wants/ai-idp-clone-vault.timer; do"
    )


def test_the_commands_are_those_of_the_environment(desk: Desk) -> None:
    links = {entry.path: entry.target for entry in entries(desk) if isinstance(entry, Link)}
    assert links["/usr/local/bin/mlflow"] == "/opt/ai-idp/workstation/clients/bin/mlflow"


def test_the_account_has_to_be_there() -> None:
    assert obstacle(Workstation(user="ada"), Person()) == (
        "there is no account ada on this host; make it there with `adduser ada`, or set `user` in "
        "group_data/workstation.py to the login of whoever works at it"
    )


def test_the_home_has_to_be_the_persons() -> None:
    assert obstacle(Workstation(user="ada"), replace(ADA, home_owner="root")) == (
        "/home/ada, the home of ada, belongs to root; have it and all in it given back: "
        "chown -R ada: /home/ada"
    )
    assert obstacle(Workstation(user="ada"), ADA) == ""


@pytest.mark.parametrize("user", ["root", "Ada", "ada; id", "", "-x"])
def test_nobody_else_can_be_the_person(user: str) -> None:
    with pytest.raises(ValidationError):
        Workstation(user=user)


@pytest.mark.parametrize("folder", ["/etc", "../x", "a/../b", ".ssh", "a//b", "-x", "x\ny"])
def test_the_vaults_folder_is_one_below_the_home(folder: str) -> None:
    with pytest.raises(ValidationError):
        Workstation(user="ada", vault_folder=folder)


def test_the_account_that_deploys_is_nobodys() -> None:
    own = Machine("desk", "192.0.2.1", (), {}, {"ssh_user": "ada"})
    settings = Workstation(user="ada", model_server="")
    assert settings.conflicts(own, Topology((own,), ())) == (
        Conflict(
            "`user` is ada, the account that deploys, and nobody works with that",
            "set `user` in group_data/workstation.py to the login of a person",
        ),
    )
    assert Workstation(user="eve", model_server="").conflicts(own, Topology((own,), ())) == ()


def test_the_model_server_has_to_be_somewhere(desk: Desk) -> None:
    found = Workstation(user="ada", model_server="edge").conflicts(desk.machine, desk.topology)
    assert found == (
        Conflict(
            "its programs are led to edge, which no host has",
            "set another `model_server` in group_data/workstation.py, or empty",
        ),
    )
    assert Workstation(user="ada").conflicts(desk.machine, desk.topology) == ()
