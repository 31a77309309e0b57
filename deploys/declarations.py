"""What a role declares: its ports, its metrics, and what it cannot live with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EVERYONE = "everyone"
"""In `Port.reachable_from`: every address, not only hosts of the inventory."""


@dataclass(frozen=True)
class Port:
    """One listening port.

    `reachable_from` names groups of the inventory (or `EVERYONE`); nobody else gets through the
    firewall. `published_by_container` marks a port that Docker publishes: such traffic is
    forwarded and never passes the input chain. Whoever comes in by `interface` gets through too.
    """

    number: int
    purpose: str
    reachable_from: tuple[str, ...]
    protocol: Literal["tcp", "udp"] = "tcp"
    published_by_container: bool = False
    interface: str = ""


@dataclass(frozen=True)
class Scrape:
    """One metrics endpoint for Prometheus. `bearer_secret` names the secret that it demands."""

    job: str
    port: int
    path: str = "/metrics"
    bearer_secret: str | None = None


@dataclass(frozen=True)
class Route:
    """A port that the gateway passes requests on to.

    Which paths it passes on is in `templates/nginx/routes/<role>.conf.j2`. `title` is what people
    call the service, `health` the path at which the server itself answers 200 while it is well.
    `page` is the path below the gateway that people open; empty for one that only programs use.
    `bearer_secret` names the secret that the gateway itself asks for, of a server that asks for
    none; `password_secret` does so for people, who give it with the user name `admin`.
    """

    port: int
    title: str
    health: str = "/health"
    page: str = ""
    bearer_secret: str | None = None
    password_secret: str | None = None


@dataclass(frozen=True)
class MemoryClaim:
    """Main memory that a role may take of its host: the limit that its container has."""

    mib: int


@dataclass(frozen=True)
class GpuClaim:
    """Memory that a role takes of one graphics card of its host.

    `share_mib` is the most that it ever takes, everything included. Before the cache come the
    weights, the `workspace_mib` (activations, graphs) and the `context_mib` of CUDA itself; what
    is left of the share is for caches, of which one sequence of `sequence_tokens` takes
    `sequence_bytes`. `free_at_start`: the server starts only where its whole share is free beside
    its own context, as vLLM does.
    """

    card: int
    share_mib: int
    weights_mib: int
    workspace_mib: int
    context_mib: int
    sequence_tokens: int = 0
    sequence_bytes: int = 0
    parallel_sequences: int = 1
    free_at_start: bool = False

    @property
    def cache_mib(self) -> int:
        """What the share leaves for caches; below zero where it does not hold the rest."""
        return self.share_mib - self.weights_mib - self.workspace_mib - self.context_mib


@dataclass(frozen=True)
class DiskClaim:
    """Space that a role takes below `path`, and what it leaves free there."""

    path: str
    bytes: int
    reserve_bytes: int = 0


@dataclass(frozen=True)
class Backup:
    """Data of a role that nothing else can make again.

    `what` names it in snapshots and metrics. `databases` are sqlite files, of which a copy is
    taken that holds no half transaction; where they lie below one of the `paths` they are left
    out there. `held` are patterns of folders whose files never change, but may go at any time: hard
    links keep them until they are copied, and their parent is put back without anything else.
    `early` are patterns of what is read before the rest, since the rest may only grow: all that it
    names is there then.
    While the data are put back, `units` are stopped. `drill` is a shell text that runs as root with
    `$RESTORED`, a folder with the restored paths below it, and uses what was restored: it ends with
    another status than 0 unless the role could live from it, and leaves nothing. What is not
    `in_place` is put beside the present data, for a person to choose from.
    """

    what: str
    paths: tuple[str, ...]
    databases: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    drill: str = ""
    held: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    in_place: bool = True


@dataclass(frozen=True)
class GivenSecret:
    """A secret that nobody can generate: what is wrong without it, and how to get and give it."""

    name: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Conflict:
    """What is wrong between a role's settings and the rest of the inventory, and the remedy."""

    what: str
    remedy: str
