"""Commit events: n8n hears of each new commit of watched repositories, once, and when it can.

Listens on nothing. Hooks put an event for each commit into a queue below
/var/lib/ai-idp-commit-events and never keep a push or a commit from succeeding; a service sends the
queue to n8n's webhook. On a host of role `git` all its repositories are watched but the vault; on
others whoever works there chooses with `watch-repository`. What waits stays when the role goes.
"""

from __future__ import annotations

import json
from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import secret_store
from deploys.commit_events_hooks import Watched, calls, watched_on_server
from deploys.commit_events_program import PROGRAM, program
from deploys.commit_events_queue import METRICS, STATE, account_of, state
from deploys.commit_events_units import COLLECT, COLLECT_UNITS, DELIVER, UNITS, unit_names, units
from deploys.declarations import Backup, Conflict
from deploys.git import Git
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.webhooks import N8N, TOKEN, beside_n8n, through_gateway
from operations import packages, retirement, service
from operations.entries import Directory, Entry, File
from operations.transaction import Steps

CONFIGURATION = "/etc/ai-idp/commit-events"


class CommitEvents(Settings):
    """What is watched, and how often it is told."""

    role: ClassVar[str] = "commit_events"

    watched: tuple[Watched, ...] = Field(
        default=(),
        description="Repositories of people on this host, beside those that they add themselves "
        "with `watch-repository`",
    )
    longest_push: int = Field(
        default=200,
        ge=1,
        description="Commits of one branch that are told at once; of a longer history the newest",
    )
    retry_seconds: int = Field(
        default=30, ge=5, description="How often to try while n8n does not answer"
    )
    untagged_seconds: int = Field(
        default=300, ge=10, description="How often to ask again for a note that wants its tags"
    )
    answer_seconds: int = Field(
        default=180, ge=10, description="How long n8n, and the model behind it, may take for a note"
    )
    webhook_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where to send to; empty: n8n of this inventory, over the gateway from afar",
    )

    def secrets(self) -> tuple[str, ...]:
        return (TOKEN,)

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """What waits, and what n8n was told; on a workstation both are made again from its own.

        Not what n8n refused: that is never sent again, and git has those commits.
        """
        if Git.role not in machine.groups:
            return ()
        paths = tuple(f"{STATE}/{name}" for name in ("incoming", "queue", "done"))
        drill = render("commit_events/steps/drill.sh.j2", state=STATE).decode()
        return (Backup("commit-events", paths, units=UNITS, drill=drill),)

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """An event is told once, to one n8n."""
        holders = topology.having(N8N)
        if self.webhook_url or len(holders) == 1:
            return ()
        if not holders:
            return (
                Conflict(
                    "no host has `n8n`, so nobody would be told of a commit",
                    "give a host `n8n` in the inventory, or say who is told with `webhook_url` in "
                    "group_data/commit_events.py",
                ),
            )
        return (
            Conflict(
                "several hosts have `n8n`, and a commit is told to one",
                "say which with `webhook_url` in group_data/commit_events.py",
            ),
        )


@deploy("Commit events")
def install() -> None:
    settings = CommitEvents.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    account = account_of(machine)
    token = secret_store.for_data(host.data).get(TOKEN).get_secret_value()
    packages.installed(name="Install what hooks need", packages=["git", "python3"])
    service.deployed(
        name="Have the account",
        service="commit_events_account",
        entries=[account.declaration()],
        steps=account.steps(),
    )
    service.deployed(
        name="Watch, queue and deliver",
        service="commit_events",
        entries=[
            *state(machine),
            *program(),
            *configuration(settings, topology, machine, token),
            *units(settings, machine),
        ],
        units=unit_names(machine),
        steps=steps(settings, machine),
    )


@deploy("Remove commit events")
def remove() -> None:
    """Tell nobody any more. What waits stays; hooks that are left over do nothing."""
    names = [*UNITS, *COLLECT_UNITS, f"{DELIVER}.service", f"{COLLECT}.service"]
    retirement.service_removed(name="Remove the delivery", service="commit_events", units=names)
    retirement.service_removed(
        name="Forget the account's declaration", service="commit_events_account"
    )


def url(settings: CommitEvents, topology: Topology, machine: Machine) -> str:
    """Where events go: beside n8n to it, from elsewhere over TLS where there is a gateway."""
    direct = beside_n8n(topology, "commits")
    if N8N in machine.groups:
        return settings.webhook_url or direct
    return settings.webhook_url or through_gateway(topology, "commits") or direct


def configuration(
    settings: CommitEvents, topology: Topology, machine: Machine, token: str
) -> list[Entry]:
    """What the program is told; hooks of everybody read it, but for the token."""
    told = {
        "url": url(settings, topology, machine),
        "state": STATE,
        "metrics": f"{STATE}/metrics/{METRICS}",
        "token_file": f"{CONFIGURATION}/token",
        "longest_push": settings.longest_push,
        "untagged_seconds": settings.untagged_seconds,
        "answer_seconds": settings.answer_seconds,
        "repositories": watched_on_server(machine),
    }
    return [
        Directory(CONFIGURATION),
        File(f"{CONFIGURATION}/settings.json", f"{json.dumps(told, indent=2)}\n".encode()),
        File(
            f"{CONFIGURATION}/token",
            f"{token}\n".encode(),
            mode="0400",
            owner=account_of(machine).name,
            secret=True,
        ),
    ]


def steps(settings: CommitEvents, machine: Machine) -> Steps:
    """Hooks are set by those whose repositories they are; a plan asks whether they are there."""
    of_hooks = calls(settings.watched, machine)
    values: dict[str, object] = {
        "watch": [call.format("watch") for call in of_hooks],
        "watched": [call.format("watched") for call in of_hooks],
        "units": unit_names(machine),
        "deliver": DELIVER,
        "metrics": f"{STATE}/metrics/{METRICS}",
        "program": PROGRAM,
    }
    return Steps(
        validate=_step("validate", values),
        activate=_step("activate", values),
        probe=_step("probe", values),
        probe_seconds=15,
        live="; ".join(call.format("watched") for call in of_hooks),
    )


def _step(name: str, values: dict[str, object]) -> str:
    return render(f"commit_events/steps/{name}.sh.j2", **values).decode()
