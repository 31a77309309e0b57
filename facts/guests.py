"""Guests of a Proxmox VE node: its containers, numbers, storages and templates, in one command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("guests_state.sh")
PENDING = "pve:pending"


@dataclass(frozen=True)
class Container:
    """One container of the node. `config` is in force, `pending` waits for its next start.

    Both map an option of pct.conf(5) to its value; `pending` has under `delete` what will go.
    """

    running: bool
    config: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.config.get("hostname", "")

    @property
    def lock(self) -> str:
        """What has locked it, such as `create` or `backup`; empty for nothing."""
        return self.config.get("lock", "")


@dataclass(frozen=True)
class Storage:
    """One storage of the node: what may lie on it, and how much still fits."""

    content: frozenset[str]
    active: bool
    free_bytes: int


@dataclass(frozen=True)
class Guests:
    """What a node has.

    `taken` maps each number of the whole cluster to (`lxc` or `qemu`, node, name). `containers` are
    those that were asked for, by number. `templates` are volumes (`local:vztmpl/…`), `offered` the
    names that can be downloaded, `present` those of the asked paths that exist.
    """

    name: str
    taken: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    containers: dict[int, Container] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    templates: frozenset[str] = frozenset()
    offered: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()


class GuestsState(FactBase[Guests | None]):
    """Sample: Guests("pve", {121: ("lxc", "pve", "web")}, …); None where it is unreadable.

    A host without `pct` is no node: its name is empty.
    """

    @override
    def command(
        self, vmids: Iterable[int], template_storage: str, bridge: str, devices: Iterable[str]
    ) -> str:
        asked = {
            "vmids": " ".join(map(str, vmids)),
            "template_storage": template_storage,
            "bridge": bridge,
            "devices": " ".join(devices),
        }
        header = "".join(f"{name}={shlex.quote(value)}\n" for name, value in asked.items())
        return header + SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> Guests:
        if not output or output[-1] != "== end":
            raise FactProcessError("the state of the guests ended in the middle")
        sections = _sections(output)
        if "no node" in sections:
            return Guests(name="")
        running = {int(line.split()[0]): line.split()[1] for line in sections["containers"][1:]}
        storages = _storages(sections["storages"])
        return Guests(
            name=sections["name"][0].partition(".")[0],
            taken=_taken(sections["resources"]),
            containers={
                int(name.split()[1]): _container(lines, running, int(name.split()[1]))
                for name, lines in sections.items()
                if name.startswith("config ")
            },
            storages=storages,
            templates=frozenset(line.split()[0] for line in sections["templates"][1:]),
            offered=frozenset(line.split()[1] for line in sections["offered"]),
            present=frozenset(sections["present"]),
        )


def _sections(output: list[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in output:
        if line.startswith("== "):
            lines = sections.setdefault(line.removeprefix("== "), [])
        elif line.strip():
            lines.append(line)
    return sections


def _taken(lines: list[str]) -> dict[int, tuple[str, str, str]]:
    # Perl's JSON writes a number that was read as text in quotes.
    return {
        int(row["vmid"]): (str(row["type"]), str(row["node"]), str(row.get("name", "")))
        for row in _json(lines)
    }


def _storages(lines: list[str]) -> dict[str, Storage]:
    return {
        str(row["storage"]): Storage(
            content=frozenset(str(row.get("content", "")).split(",")),
            active=bool(int(row.get("active", 0))) and bool(int(row.get("enabled", 1))),
            free_bytes=int(row.get("avail", 0)),
        )
        for row in _json(lines)
    }


def _json(lines: list[str]) -> list[dict[str, str]]:
    try:
        found: list[dict[str, str]] = json.loads("".join(lines))
    except ValueError as error:
        raise FactProcessError(f"pvesh did not answer with JSON: {error}") from error
    return found


def _container(lines: list[str], running: dict[int, str], vmid: int) -> Container:
    parts: dict[str, dict[str, str]] = {"": {}}
    part = ""
    for line in lines:
        if line.startswith("["):
            part = line.strip("[] ")
            parts[part] = {}
        elif not line.startswith("#"):
            option, _, value = line.partition(": ")
            parts[part][option] = value.strip()
    return Container(running.get(vmid) == "running", parts[""], parts.get(PENDING, {}))
