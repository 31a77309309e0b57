"""Commit events' units: what delivers the queue, and what looks for commits beside the hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deploys.commit_events_program import COMMAND
from deploys.commit_events_queue import STATE, account_of, is_server
from deploys.git import ACCOUNT as GIT
from deploys.git import HOME as REPOSITORIES
from deploys.rendering import render
from deploys.topology import Machine
from operations.entries import Directory, Entry, File, Link

if TYPE_CHECKING:
    from deploys.commit_events import CommitEvents

DELIVER, COLLECT = "ai-idp-commit-events", "ai-idp-commit-events-collect"
UNITS = (f"{DELIVER}.path", f"{DELIVER}.timer")
COLLECT_UNITS = (f"{COLLECT}.timer",)


def unit_names(machine: Machine) -> tuple[str, ...]:
    return (*UNITS, *(COLLECT_UNITS if is_server(machine) else ()))


def units(settings: CommitEvents, machine: Machine) -> list[Entry]:
    """The delivery; on a server the look at repositories whose hook could not queue, too."""
    values = {
        "settings": settings,
        "command": COMMAND,
        "account": account_of(machine).name,
        "state": STATE,
        "git": GIT.name,
        "home": REPOSITORIES,
    }
    names = [f"{DELIVER}.service", *UNITS]
    names += [f"{COLLECT}.service", *COLLECT_UNITS] if is_server(machine) else []
    return [
        *(
            File(f"/etc/systemd/system/{name}", render(f"commit_events/{name}.j2", **values))
            for name in names
        ),
        *([] if is_server(machine) else for_everybody(values)),
    ]


def for_everybody(values: Mapping[str, object]) -> list[Entry]:
    """On a workstation each user's own systemd looks at what that user watches."""
    folder, timer = "/etc/systemd/user", COLLECT_UNITS[0]
    return [
        Directory(f"{folder}/timers.target.wants"),
        File(
            f"{folder}/{COLLECT}.service",
            render(f"commit_events/user/{COLLECT}.service.j2", **values),
        ),
        File(f"{folder}/{timer}", render(f"commit_events/{timer}.j2", **values)),
        Link(f"{folder}/timers.target.wants/{timer}", f"{folder}/{timer}"),
    ]
