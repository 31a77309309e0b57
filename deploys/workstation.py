"""Workstation: the desk of whoever uses the services: trust, names, clients, and the vault.

Listens on nothing. Nothing is written into the person's home but by programs that run as that
person: the internal CA into browsers' stores, and a clone of the vault. Both stay theirs when the
role goes, but for the CA.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pyinfra import host, inventory, logger
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

import certificates
import secret_store
from deploys import (
    python_environment,
    workstation_clients,
    workstation_completion,
    workstation_session,
    workstation_ssh,
    workstation_trust,
    workstation_vault,
)
from deploys.declarations import Conflict
from deploys.refusal import refuse
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.workstation_desk import Desk
from facts.person import Person, PersonState
from operations import packages, service
from operations.entries import Entry
from operations.transaction import Steps

PACKAGES = (*python_environment.PACKAGES, "bash-completion", "git", "libnss3-tools")
SERVICE = "workstation"


class Workstation(Settings):
    """Who works at the desk, and what their programs are told."""

    role: ClassVar[str] = "workstation"
    requires: ClassVar[tuple[str, ...]] = ("base",)

    user: str = Field(
        pattern=r"^[a-z_][a-z0-9_-]{0,31}$",
        description="Login of whoever works there; the account has to exist",
    )
    model_server: Literal["vllm", "llama_cpp", "edge", ""] = Field(
        default="vllm",
        description="Role that OPENAI_BASE_URL and OPENAI_API_KEY lead to; empty: neither is set",
    )
    ssh_user: str = Field(
        default="",
        pattern=r"^([a-z_][a-z0-9_-]{0,31})?$",
        description="Account that `ssh HOST` logs in to; empty: the person's own name",
    )
    vault_folder: str = Field(
        default="Vault",
        pattern=r"^([A-Za-z0-9_][A-Za-z0-9_. -]*(/[A-Za-z0-9_][A-Za-z0-9_. -]*)*)?$",
        description="Where below the home the notes are cloned to; empty: they are not",
    )
    firefox: bool = Field(
        default=True,
        description="Tell Firefox of the internal CA by its policies.json, which has one owner",
    )

    @field_validator("user")
    @classmethod
    def _is_a_person(cls, user: str) -> str:
        if user == "root":
            raise ValueError("`user` is whoever works at the desk, which root is not; name them")
        return user

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """The person is not the account that deploys, and the model server is somewhere."""
        found = []
        if self.user == machine.data.get("ssh_user"):
            found.append(
                Conflict(
                    f"`user` is {self.user}, the account that deploys, and nobody works with that",
                    "set `user` in group_data/workstation.py to the login of a person",
                )
            )
        if self.model_server and not topology.having(self.model_server):
            found.append(
                Conflict(
                    f"its programs are led to {self.model_server}, which no host has",
                    "set another `model_server` in group_data/workstation.py, or empty",
                )
            )
        return tuple(found)


@deploy("Workstation")
def install() -> None:
    settings = Workstation.of(host)
    person = host.get_fact(PersonState, user=settings.user, folder=settings.vault_folder)
    if person is None:
        return  # pyinfra has failed the host, and shows the reason
    if reason := obstacle(settings, person):
        refuse(reason)
        return
    desk = desk_of(settings, person)
    if reason := workstation_session.obstacle(desk):
        refuse(reason)
        return
    for advice in (*workstation_ssh.advice(desk), *workstation_vault.advice(desk)):
        logger.warning(f"{host.print_prefix}{advice}")
    packages.installed(name="Install what the desk needs", packages=PACKAGES)
    service.deployed(
        name="Have trust, names, clients and the vault",
        service=SERVICE,
        entries=entries(desk),
        steps=steps(desk),
    )


@deploy("Remove the workstation")
def remove() -> None:
    """Take off what was brought; the vault, keys and settings of the person stay."""
    service.deployed(
        name="Remove trust, names and clients",
        service=SERVICE,
        entries=[],
        steps=Steps(
            prepare=workstation_trust.withdrawal(), activate=workstation_session.withdrawal()
        ),
    )
    files.directory(
        name="Remove what the clients were made of",
        path=workstation_clients.PROGRAM,
        present=False,
    )


def obstacle(settings: Workstation, person: Person) -> str:
    """Why this host cannot be that person's desk, and what to do; empty where it can."""
    if not person.exists:
        return (
            f"there is no account {settings.user} on this host; make it there with "
            f"`adduser {settings.user}`, or set `user` in group_data/workstation.py to the login "
            "of whoever works at it"
        )
    if person.home_owner != settings.user:
        return (
            f"{person.home}, the home of {settings.user}, belongs to {person.home_owner}; have it "
            f"and all in it given back: chown -R {settings.user}: {person.home}"
        )
    return ""


def desk_of(settings: Workstation, person: Person) -> Desk:
    """What the parts of the role know of this host."""
    topology = Topology.of(inventory)
    return Desk(
        user=settings.user,
        model_server=settings.model_server,
        ssh_user=settings.ssh_user,
        vault_folder=settings.vault_folder,
        firefox=settings.firefox,
        person=person,
        topology=topology,
        machine=topology.machine(host.name),
        authority=certificates.for_data(host.data).certificate(),
        store=secret_store.for_data(host.data),
    )


def entries(desk: Desk) -> list[Entry]:
    """All files of the role; none of them is in the person's home."""
    return [
        *workstation_trust.entries(desk),
        *workstation_ssh.entries(desk),
        *workstation_clients.entries(),
        *workstation_session.entries(desk),
        *workstation_vault.entries(desk),
        *workstation_completion.entries(),
    ]


def steps(desk: Desk) -> Steps:
    """What has to hold beside the files."""
    environment = workstation_clients.environment()
    return Steps(
        prepare=environment.preparation(),
        validate=workstation_trust.validation(entries(desk)) + workstation_ssh.validation(desk),
        activate=workstation_session.activation(desk.user) + workstation_trust.activation(desk),
        deactivate=workstation_trust.withdrawal() + workstation_session.withdrawal(),
        probe=workstation_session.probe(desk) + workstation_trust.probe(desk),
        probe_seconds=10,
        live="; ".join(
            [workstation_trust.live(desk), workstation_session.live(desk.user), environment.live]
        ),
    )
