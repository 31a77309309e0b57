"""Commit events' hooks: in whose repositories they are, and how they get there."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from deploys.commit_events_program import COMMAND
from deploys.git import AS_GIT, Git
from deploys.topology import Machine


class Watched(BaseModel):
    """A repository of somebody's on a workstation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = Field(pattern=r"^[a-z_][a-z0-9_-]*$", description="Account that works in it")
    path: str = Field(pattern=r"^/[^\x00-\x1f]*$", description="Its folder")


def watched_on_server(machine: Machine) -> list[str]:
    """The bare repositories whose pushes are events: all but the vault."""
    settings = machine.settings.get(Git.role)
    return settings.paths() if isinstance(settings, Git) else []


def calls(watched: Sequence[Watched], machine: Machine) -> list[str]:
    """Shell commands, each run by whose repositories they are; `{}` in them is what to do."""
    paths = watched_on_server(machine)
    found = [f"{AS_GIT} {COMMAND} {{}} {shlex.join(paths)}"] if paths else []
    return found + [f"{_as(one.user)} {COMMAND} {{}} {shlex.quote(one.path)}" for one in watched]


def _as(user: str) -> str:
    return f'runuser -u {user} -- env --chdir=/ HOME="$(getent passwd {user} | cut -d: -f6)"'
