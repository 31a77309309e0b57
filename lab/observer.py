"""The observer: what is on a lab host, read through the engine and not through our own facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lab.checkout import container_name
from lab.engine import docker

SCRIPT = Path(__file__).with_name("observer.sh")
KINDS = {"f": "file", "d": "directory", "l": "link"}


@dataclass(frozen=True)
class Observation:
    """Everything that a roll-out can change on one host.

    `entries` maps a path to (kind, mode, owner, sha256 or link target); `owned` are the paths that
    Debian packages brought. `units` maps a unit to (activity, enablement), `containers` a name to
    (image, state, start time). `guests` maps a container of a Proxmox VE node to its options in
    force and its `status` and `vmid`; `templates` are those that the node has.
    """

    entries: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    owned: frozenset[str] = frozenset()
    units: dict[str, tuple[str, str]] = field(default_factory=dict)
    containers: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    guests: dict[str, dict[str, str]] = field(default_factory=dict)
    templates: frozenset[str] = frozenset()

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The observation whose `asdict` went through JSON."""
        pairs = {
            name: {key: tuple(value) for key, value in record[name].items()}
            for name in ("entries", "units", "containers")
        }
        return cls(
            **pairs,
            packages=record["packages"],
            owned=frozenset(record["owned"]),
            guests=record["guests"],
            templates=frozenset(record["templates"]),
        )


def observe(host: str) -> Observation:
    """Look at `host` now."""
    output = docker("exec", container_name(host), "sh", "-c", SCRIPT.read_text())
    return parse(output)


def parse(output: str) -> Observation:
    """An observation from the lines of `observer.sh`."""
    rows = [line.split("\t") for line in output.splitlines()]
    digests = (row[1].split("  ", 1) for row in rows if row[0] == "sum")
    sums = {path: digest for digest, path in digests}
    active = {row[1]: row[2] for row in rows if row[0] == "active"}
    enabled = {row[1]: row[2] for row in rows if row[0] == "enabled"}
    return Observation(
        entries={
            path: (KINDS[kind], mode, owner, target or sums.get(path, ""))
            for _, kind, mode, owner, path, target in (row for row in rows if row[0] == "entry")
        },
        packages={row[1]: row[2] for row in rows if row[0] == "package" and row[3] == "installed"},
        owned=frozenset(row[1] for row in rows if row[0] == "owned"),
        units={u: (active.get(u, "inactive"), enabled.get(u, "")) for u in active | enabled},
        containers={
            row[1].lstrip("/"): (row[2], row[3], row[4]) for row in rows if row[0] == "container"
        },
        guests=_guests([(row[1], row[2]) for row in rows if row[0] == "guest"]),
        templates=frozenset(row[1] for row in rows if row[0] == "template"),
    )


def _guests(lines: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    by_number: dict[str, dict[str, str]] = {}
    for vmid, line in lines:
        option, _, value = line.partition(": ")
        by_number.setdefault(vmid, {"vmid": vmid}).setdefault(option, value)
    return {options["hostname"]: options for options in by_number.values()}
