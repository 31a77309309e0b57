"""Desk: one host of the role `workstation`, as the parts of that role see it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from deploys.topology import Machine, Topology
from facts.person import Person
from secret_store import SecretStore

CONFIGURATION = "/etc/ai-idp/workstation"
LIBRARY = "/usr/local/lib/ai-idp/workstation"


@dataclass(frozen=True)
class Desk:
    """The role's settings on this host, the person there, and what its files are made of."""

    user: str
    model_server: str
    ssh_user: str
    vault_folder: str
    firefox: bool
    person: Person
    topology: Topology
    machine: Machine
    authority: bytes
    store: SecretStore

    def as_person(self, command: str) -> str:
        """A shell command that runs `command` as the person, in their home."""
        return as_user(self.user, command)


def as_user(user: str, command: str) -> str:
    """`command` as run by `user`, with that account's home and nothing of root's environment."""
    return f"runuser -u {shlex.quote(user)} -- env -i --chdir=/ PATH=/usr/bin:/bin {command}"
