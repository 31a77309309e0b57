"""Commit events: where events go, who may queue them, and what hosts are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploys.base import Base
from deploys.commit_events import CommitEvents, configuration, steps, url
from deploys.commit_events_hooks import Watched
from deploys.commit_events_queue import account_of, state
from deploys.commit_events_units import unit_names, units
from deploys.declarations import Conflict
from deploys.git import Git
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from files.commit_events.settings import Settings as Told
from group_data.n8n import n8n
from operations.entries import Directory, File

DATA = {"domain": "example.home.arpa"}
TOKEN = "t0ken"
N8N = n8n.model_copy(update={"port": 5679})


def machine(name: str, address: str, **held: Settings) -> Machine:
    return Machine(name, address, tuple(held), held, DATA)


SERVER = machine("server", "192.0.2.1", git=Git(repositories=("one", "two")), n8n=N8N)
WORKSTATION = machine("workstation", "192.0.2.2")
GATEWAY = Machine("gateway", "192.0.2.3", ("nginx",), {"base": Base()}, DATA)


def topology(*machines: Machine) -> Topology:
    return Topology(machines, ("git", "n8n", "nginx"))


@pytest.mark.parametrize(
    ("machines", "asking", "expected"),
    [
        ((SERVER, GATEWAY), SERVER, "http://192.0.2.1:5679/webhook/commits"),
        (
            (SERVER, GATEWAY),
            WORKSTATION,
            "https://gateway.example.home.arpa/n8n/webhook/commits",
        ),
        ((SERVER,), WORKSTATION, "http://192.0.2.1:5679/webhook/commits"),
        ((GATEWAY,), WORKSTATION, ""),
    ],
    ids=["beside n8n", "from afar", "without a gateway", "without n8n"],
)
def test_events_go_to_n8n(machines: tuple[Machine, ...], asking: Machine, expected: str) -> None:
    assert url(CommitEvents(), topology(*machines, WORKSTATION), asking) == expected


def test_another_address_may_be_given() -> None:
    settings = CommitEvents(webhook_url="https://elsewhere.test/x")
    assert url(settings, topology(SERVER, GATEWAY), SERVER) == "https://elsewhere.test/x"


def test_of_two_n8n_one_has_to_be_named() -> None:
    both = topology(SERVER, machine("other", "192.0.2.9", n8n=N8N))
    assert CommitEvents().conflicts(SERVER, both) == (
        Conflict(
            "several hosts have `n8n`, and a commit is told to one",
            "say which with `webhook_url` in group_data/commit_events.py",
        ),
    )
    assert CommitEvents(webhook_url="http://x.test").conflicts(SERVER, both) == ()
    assert CommitEvents().conflicts(SERVER, topology(SERVER)) == ()


def test_without_n8n_somebody_else_has_to_be_named() -> None:
    none = topology(WORKSTATION, GATEWAY)
    assert CommitEvents().conflicts(WORKSTATION, none) == (
        Conflict(
            "no host has `n8n`, so nobody would be told of a commit",
            "give a host `n8n` in the inventory, or say who is told with `webhook_url` in "
            "group_data/commit_events.py",
        ),
    )
    assert CommitEvents(webhook_url="http://x.test").conflicts(WORKSTATION, none) == ()


@pytest.mark.parametrize(
    ("where", "mode", "members"), [(SERVER, "3770", ("git",)), (WORKSTATION, "3733", ())]
)
def test_on_a_server_only_git_queues_and_on_a_workstation_everybody(
    where: Machine, mode: str, members: tuple[str, ...]
) -> None:
    (incoming,) = (x for x in state(where) if x.path.endswith("/incoming"))
    assert isinstance(incoming, Directory)
    assert (incoming.mode, incoming.owner, incoming.group) == (
        mode,
        "commit-events",
        "commit-events",
    )
    assert account_of(where).members == members


def test_the_program_reads_what_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    found = configuration(CommitEvents(longest_push=7), topology(SERVER), SERVER, TOKEN)
    files = {entry.path: entry for entry in found if isinstance(entry, File)}
    path.write_bytes(files["/etc/ai-idp/commit-events/settings.json"].content)
    told = Told.read(path)
    assert told.longest_push == 7
    assert told.repositories == (Path("/srv/git/one.git"), Path("/srv/git/two.git"))
    token = files["/etc/ai-idp/commit-events/token"]
    assert (token.content, token.mode, token.owner) == (b"t0ken\n", "0400", "commit-events")
    assert token.secret
    assert TOKEN not in json.dumps([str(path.read_text()), told.url])


def test_a_server_looks_for_what_its_hooks_could_not_queue() -> None:
    assert "ai-idp-commit-events-collect.timer" in unit_names(SERVER)
    assert "ai-idp-commit-events-collect.timer" not in unit_names(WORKSTATION)
    names = [entry.path for entry in units(CommitEvents(), SERVER)]
    assert "/etc/systemd/system/ai-idp-commit-events-collect.service" in names
    assert not any(name.startswith("/etc/systemd/user/") for name in names)


def test_on_a_workstation_everybody_s_own_systemd_does() -> None:
    found = [entry.path for entry in units(CommitEvents(), WORKSTATION)]
    assert found == [
        "/etc/systemd/system/ai-idp-commit-events.service",
        "/etc/systemd/system/ai-idp-commit-events.path",
        "/etc/systemd/system/ai-idp-commit-events.timer",
        "/etc/systemd/user/timers.target.wants",
        "/etc/systemd/user/ai-idp-commit-events-collect.service",
        "/etc/systemd/user/ai-idp-commit-events-collect.timer",
        "/etc/systemd/user/timers.target.wants/ai-idp-commit-events-collect.timer",
    ]


def test_hooks_are_set_by_those_whose_repositories_they_are() -> None:
    settings = CommitEvents(watched=(Watched(user="ada", path="/home/ada/my work"),))
    found = steps(settings, SERVER)
    git = "runuser -u git -- env --chdir=/srv/git HOME=/srv/git /usr/local/bin/commit-events"
    ada = (
        'runuser -u ada -- env --chdir=/ HOME="$(getent passwd ada | cut -d: -f6)" '
        "/usr/local/bin/commit-events"
    )
    assert f"{git} watch /srv/git/one.git /srv/git/two.git\n" in found.activate
    assert f"{ada} watch '/home/ada/my work'\n" in found.activate
    assert found.live == (
        f"{git} watched /srv/git/one.git /srv/git/two.git; {ada} watched '/home/ada/my work'"
    )
    assert steps(CommitEvents(), WORKSTATION).live == ""


@pytest.mark.parametrize(
    ("user", "path"), [("ada; id", "/x"), ("", "/x"), ("ada", "relative"), ("ada", "/x\ny")]
)
def test_odd_users_and_paths_are_refused(user: str, path: str) -> None:
    with pytest.raises(ValidationError):
        Watched(user=user, path=path)
