"""Containers: what runs in the stacks of a host, as Docker and the kernel have it.

One command reads everything; what a stack should be comes from the settings of its role.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testinfra.host import Host

from deploys.settings import Settings
from deploys.topology import Machine
from facts.jetson_linux import Release
from operations.compose import STACKS

STATUS = ("Uid", "CapEff", "CapBnd", "CapPrm", "NoNewPrivs", "Seccomp")
"""Lines of /proc/<pid>/status, proc(5)."""
READ = rf"""
for id in $(docker ps --quiet --no-trunc --filter label=com.docker.compose.project); do
    for pid in $(docker top "$id" -eo pid | tail -n +2); do
        # What starts a health check is not of the container yet.
        grep -qs '^Name:.runc' "/proc/$pid/status" && continue
        status=$(grep -E '^({"|".join(STATUS)}):' "/proc/$pid/status" 2>/dev/null) || continue
        printf 'process\t%s\t%s\n' "$id" "$(printf %s "$status" | tr -s '\t\n' '  ')"
    done
    image=$(docker inspect --format '{{{{.Image}}}}' "$id")
    digests=$(docker image inspect --format '{{{{json .RepoDigests}}}}' "$image")
    printf 'container\t%s\t%s\n' "$id" "$(docker inspect --format '{{{{json .}}}}' "$id")"
    printf 'image\t%s\t%s\n' "$id" "$digests"
done
"""
READ_FILES = rf"""
find {STACKS}/ -type f -size -64k -exec sh -c 'for file; do
    printf "%s\t%s\t%s\n" "$(stat --format %a "$file")" "$file" "$(base64 --wrap 0 "$file")"
done' _ {{}} + 2>/dev/null
true
"""


@dataclass(frozen=True)
class Process:
    """One process of a container, by its entry in /proc on the host."""

    uid: int
    capabilities: int
    no_new_privileges: bool
    seccomp: bool


@dataclass(frozen=True)
class Container:
    """A running container of a stack."""

    inspected: dict[str, Any]
    digests: tuple[str, ...]
    processes: tuple[Process, ...]

    @property
    def project(self) -> str:
        return str(self.inspected["Config"]["Labels"]["com.docker.compose.project"])

    @property
    def limits(self) -> dict[str, Any]:
        """Its HostConfig."""
        found: dict[str, Any] = self.inspected["HostConfig"]
        return found

    @property
    def sources(self) -> list[str]:
        """Paths of the host that are mounted into it."""
        return [mount["Source"] for mount in self.inspected["Mounts"] if mount["Type"] == "bind"]

    @property
    def published(self) -> set[tuple[str, int]]:
        """Address and port of the host for each port that it publishes."""
        ports = self.inspected["NetworkSettings"]["Ports"] or {}
        return {
            (binding["HostIp"], int(binding["HostPort"]))
            for bindings in ports.values()
            for binding in bindings or ()
        }

    @property
    def definition(self) -> str:
        """All that Docker tells of it but the environment."""
        config = {k: v for k, v in self.inspected["Config"].items() if k != "Env"}
        return json.dumps({**self.inspected, "Config": config})

    @property
    def environment(self) -> str:
        return "\n".join(self.inspected["Config"]["Env"] or ())


def stacks(machine: Machine) -> dict[str, Settings]:
    """The roles of `machine` that run a container: those whose settings name its image."""
    named = ("image", "images")
    return {
        role: held
        for role, held in machine.settings.items()
        if any(hasattr(held, name) for name in named)
    }


def image_of(held: Any, release: Release) -> str:
    """The image that a role of these settings runs on a host of this release of Jetson Linux."""
    image: str = held.images[release.major] if hasattr(held, "images") else held.image
    return image


def read(host: Host) -> dict[str, Container]:
    """Every running container of a Compose project, by project."""
    rows = [line.split("\t", 2) for line in host.check_output(READ).splitlines()]
    found = (_container(identifier, rows) for kind, identifier, _ in rows if kind == "container")
    return {container.project: container for container in found}


def _container(identifier: str, rows: list[list[str]]) -> Container:
    mine = [(kind, text) for kind, owner, text in rows if owner == identifier]
    (inspected,) = (json.loads(text) for kind, text in mine if kind == "container")
    (digests,) = (json.loads(text) for kind, text in mine if kind == "image")
    processes = tuple(_process(text) for kind, text in mine if kind == "process")
    return Container(inspected, tuple(digests), processes)


def _process(text: str) -> Process:
    words = text.split()
    fields = {word.rstrip(":"): words[at + 1] for at, word in enumerate(words) if word[-1] == ":"}
    assert fields.keys() == set(STATUS), f"/proc/<pid>/status has only {text}"
    effective, bound, permitted = (int(fields[f"Cap{name}"], 16) for name in ("Eff", "Bnd", "Prm"))
    return Process(
        uid=int(fields["Uid"]),
        capabilities=effective | bound | permitted,
        no_new_privileges=fields["NoNewPrivs"] == "1",
        seccomp=fields["Seccomp"] != "0",
    )


def foreign_mounts(container: Container) -> list[str]:
    """Files of stacks that are another one's, and the engine's socket, as far as it has them."""
    own = f"{STACKS}/{container.project}/"
    return [
        source
        for source in container.sources
        if (source.startswith(f"{STACKS}/") and not source.startswith(own))
        or source.endswith((".sock", ".socket"))
        or source in ("/", "/proc", "/sys", "/dev", "/run", "/var/run", "/etc", "/root", "/home")
    ]


def secrets_in(text: str, secrets: Mapping[str, str]) -> list[str]:
    """Names of the secrets whose value stands in `text`."""
    return [name for name, value in secrets.items() if value in text]


def key_files(host: Host, secrets: Mapping[str, str]) -> Iterator[tuple[str, str, str, list[str]]]:
    """Project, path, mode and the secrets inside, of each file of a stack that holds one."""
    for line in host.check_output(READ_FILES).splitlines():
        mode, path, content = line.split("\t")
        if found := secrets_in(base64.b64decode(content).decode(errors="replace"), secrets):
            yield Path(path).relative_to(STACKS).parts[0], path, mode, found
