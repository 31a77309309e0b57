"""NUT: its packages, units, files and steps on one host, in the words of its version there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploys.rendering import render
from deploys.topology import Machine
from deploys.ups_programs import PLAN, RESUME, SHUTDOWN, TIMER, UNITS
from facts.distribution import Linux
from operations.entries import Directory, Entry, File, Link
from operations.transaction import Steps
from secret_store import SecretStore

if TYPE_CHECKING:
    from deploys.ups import Ups

DEVICE, GROUP = "ups", "nut"
PORT = 3493
MONITOR_PASSWORD, PRIMARY_PASSWORD = "ups/monitor-password", "ups/primary-password"

MASTER_AND_SLAVE = (("ubuntu", "22.04"),)
"""Distributions whose NUT is older than 2.8, which renamed the two (NUT NEWS, 2.8.0)."""
ENUMERATOR = ("nut-driver-enumerator.path", "nut-driver-enumerator.service")
"""They restart drivers and upsd at each change of ups.conf, in the middle of a roll-out."""


@dataclass(frozen=True)
class NutHost:
    """One host that runs NUT; `server` is the host with the cable, which may be itself."""

    machine: Machine
    server: Machine
    linux: Linux

    @property
    def serves(self) -> bool:
        return self.machine.name == self.server.name

    @property
    def has_targets(self) -> bool:
        """Whether NUT's units hang below nut.target, with a unit for each driver (2.8 on)."""
        return (self.linux.name, self.linux.version) not in MASTER_AND_SLAVE


def package_names(nut: NutHost) -> list[str]:
    return ["nut-client", *(["nut-server", "iputils-ping"] if nut.serves else [])]


def units(nut: NutHost) -> list[str]:
    if not nut.serves:
        return ["nut-monitor"]
    driver = [f"nut-driver@{DEVICE}"] if nut.has_targets else []
    return [*driver, "nut-server", "nut-monitor", TIMER]


def configuration(settings: Ups, nut: NutHost, command: str, store: SecretStore) -> list[Entry]:
    """NUT's own files; those with a password are read by root and the group `nut` alone.

    `command` is what upsmon runs when the hosts have to go down.
    """
    serves = nut.serves
    address = nut.server.address
    words = ("primary", "secondary") if nut.has_targets else ("master", "slave")
    values = {
        "settings": settings,
        "mode": "netserver" if serves else "netclient",
        "device": DEVICE,
        "port": PORT,
        "address": address,
        "primary": words[0],
        "secondary": words[1],
        "user": "primary" if serves else "secondary",
        "type": words[0] if serves else words[1],
        "asked": "127.0.0.1" if serves else address,
        "primary_password": store.get(PRIMARY_PASSWORD).get_secret_value() if serves else "",
        "monitor_password": store.get(MONITOR_PASSWORD).get_secret_value(),
        "command": command,
    }
    secret_files = ["upsmon.conf", *(["upsd.users"] if serves else [])]
    open_files = ["nut.conf", *(["ups.conf", "upsd.conf"] if serves else [])]
    return [
        Directory("/etc/nut", group=GROUP),
        *(_file(name, values) for name in open_files),
        *(_file(name, values, secret=True) for name in secret_files),
        *_drop_ins(nut),
    ]


def _file(name: str, values: Mapping[str, object], secret: bool = False) -> File:
    text = render(f"ups/{name}.j2", **values)
    return File(f"/etc/nut/{name}", text, mode="0640", group=GROUP, secret=secret)


def _drop_ins(nut: NutHost) -> list[Entry]:
    names = ["nut-monitor", *(["nut-server"] if nut.serves else [])]
    entries: list[Entry] = []
    for name in names:
        folder = f"{UNITS}/{name}.service.d"
        entries += [Directory(folder), File(f"{folder}/ai-idp.conf", render("ups/ai-idp.conf.j2"))]
    masked = ENUMERATOR if nut.serves and nut.has_targets else ()
    return [*entries, *(Link(f"{UNITS}/{name}", "/dev/null") for name in masked)]


def steps(nut: NutHost) -> Steps:
    names = units(nut)
    if nut.serves and not nut.has_targets:
        # Not enabled by itself: upsd's unit pulls it in.
        names = ["nut-driver", *names]
    values = {
        "shutdown": SHUTDOWN,
        "plan": PLAN,
        "server": nut.server.name,
        "serves": nut.serves,
        "device": DEVICE,
        "endpoint": f"{DEVICE}@{nut.server.address}:{PORT}",
        "server_address": nut.server.address,
        "port": PORT,
        "own_address": "127.0.0.1" if nut.serves else nut.machine.address,
        "units": " ".join(names),
        "enabled": " ".join(
            # What NUT's units hang below; its package has enabled it already.
            [*units(nut), RESUME, *(["nut.target"] if nut.has_targets else [])]
        ),
    }
    return Steps(
        validate=render("ups/steps/validate.sh.j2", **values).decode(),
        activate=render("ups/steps/activate.sh.j2", **values).decode(),
        probe=render("ups/steps/probe.sh.j2", **values).decode(),
        probe_seconds=60,
    )
