"""Commit events' queue: where events wait, whose they are, and who may put them in."""

from __future__ import annotations

from deploys.accounts import Account
from deploys.git import ACCOUNT as GIT
from deploys.git import Git
from deploys.node_exporter import OWN as NODE_EXPORTER
from deploys.node_exporter import TEXTFILES
from deploys.topology import Machine
from operations.entries import Directory, Entry, Link

STATE = "/var/lib/ai-idp-commit-events"
METRICS = "ai_idp_commit_events.prom"


def account_of(machine: Machine) -> Account:
    """The account that delivers; on a server nobody but it and `git` reaches the queue."""
    members = (GIT.name,) if is_server(machine) else ()
    return Account("commit-events", STATE, "Commit events", members=members)


def is_server(machine: Machine) -> bool:
    """Whether people push to this host."""
    return isinstance(machine.settings.get(Git.role), Git)


def state(machine: Machine) -> list[Entry]:
    """The queue. Everybody on a workstation may put events in, and nobody reads others' ones."""
    account = account_of(machine)
    own = {"owner": account.name, "group": account.name}
    # The set-group-id bit gives each event the group that delivers it; sticky, so that nobody
    # takes another one's away.
    incoming = "3770" if is_server(machine) else "3733"
    return [
        Directory(STATE, mode="0711", **own),
        Directory(f"{STATE}/incoming", mode=incoming, **own),
        *(
            Directory(f"{STATE}/{name}", mode="0700", **own)
            for name in ("queue", "rejected", "done")
        ),
        Directory(f"{STATE}/metrics", **own),
        NODE_EXPORTER,
        Link(f"{TEXTFILES}/{METRICS}", f"{STATE}/metrics/{METRICS}"),
    ]
