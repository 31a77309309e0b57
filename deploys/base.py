"""Base: what every host has: names, trust in the internal CA, the right time, security updates.

Also undoes, at boot and before anything is served, a change that a power cut interrupted.
Keeps the roll-out's record in /var/lib/ai-idp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, IPvAnyAddress
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import certificates
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.host_kind import HostKind, HostKindState
from operations import packages, rollout, service
from operations.entries import Entry, File, Link
from operations.transaction import Steps

CA = "/usr/local/share/ca-certificates/ai-idp.crt"
UPGRADES = "/etc/apt/apt.conf.d/52ai-idp-security-upgrades"
RECOVER = "ai-idp-recover.service"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
PACKAGES = ("ca-certificates", "curl", "openssl", "tzdata", "unattended-upgrades")


class Base(Settings):
    role: ClassVar[str] = "base"

    service_names: dict[str, str] = Field(
        default={"gateway": "nginx"},
        description="Names below the domain that stand for the first host of a role",
    )
    extra_hosts: dict[str, IPvAnyAddress] = Field(
        default={},
        description="Further names for /etc/hosts with their addresses; that file is managed whole",
    )
    automatic_reboot: bool = Field(
        default=False, description="Reboot by itself where a security update needs it"
    )
    automatic_reboot_time: str = Field(
        default="04:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="When it reboots then, HH:MM in the host's time zone",
    )


@deploy("Base")
def install() -> None:
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    rollout.joined(name="Join the roll-out", roles=tuple(machine.settings))
    kind = host.get_fact(HostKindState)
    if kind is None:
        return  # pyinfra has failed the host, and shows the reason
    clock = time_daemons(kind)
    packages.installed(name="Install the packages", packages=[*PACKAGES, *clock])
    service.deployed(
        name="Deploy names, trust, time and updates",
        service="base",
        entries=_entries(topology, machine, kind),
        units=[*TIMERS, *clock],
        boot_units=[RECOVER],
        steps=_steps(machine, [*TIMERS, *clock]),
    )


def time_daemons(kind: HostKind) -> tuple[str, ...]:
    """Name of the package and of its unit; a container has the clock of its machine."""
    return () if kind.container else (kind.time_daemon or "systemd-timesyncd",)


def _entries(topology: Topology, machine: Machine, kind: HostKind) -> list[Entry]:
    settings, timezone = Base.of(host), str(host.data.timezone)
    entries: list[Entry] = [
        File("/etc/hosts", render("base/hosts.j2", **names(topology, machine, settings))),
        File("/etc/hostname", f"{machine.name}\n".encode()),
        File(CA, certificates.for_data(host.data).certificate()),
        Link("/etc/localtime", f"/usr/share/zoneinfo/{timezone}"),
        File("/etc/timezone", f"{timezone}\n".encode()),
        File("/etc/apt/apt.conf.d/20auto-upgrades", render("base/20auto-upgrades.j2")),
        File(UPGRADES, render("base/52ai-idp-security-upgrades.j2", settings=settings)),
        File("/usr/local/lib/ai-idp/recover.sh", render("base/recover.sh.j2")),
        File(f"/etc/systemd/system/{RECOVER}", render(f"base/{RECOVER}.j2")),
    ]
    if kind.container == "lxc":
        # Proxmox VE rewrites both files at each start of a guest, unless these exist (pct(1)).
        entries += [File(f"/etc/.pve-ignore.{name}", b"") for name in ("hosts", "hostname")]
    return entries


def names(topology: Topology, machine: Machine, settings: Base) -> dict[str, Any]:
    """Everything that /etc/hosts names, for its template."""
    services = [
        (holders[0].address, f"{name}.{machine.data['domain']}")
        for name, role in settings.service_names.items()
        if (holders := topology.having(role))
    ]
    return {
        "machines": topology.machines,
        "services": services,
        "extra_hosts": settings.extra_hosts,
    }


def _steps(machine: Machine, units: Sequence[str]) -> Steps:
    # Programs read the one or the other; OpenSSL finds nothing in the folder without its hashes.
    trusting = ("-CAfile /etc/ssl/certs/ca-certificates.crt", "-no-CAfile -CApath /etc/ssl/certs")
    is_trusted = " && ".join(f"openssl verify {store} {CA}" for store in trusting)
    return Steps(
        validate=_validate(machine.name, str(host.data.timezone)),
        activate=f"""update-ca-certificates >/dev/null
# It does so itself only after it made a link, and one that was cut short has made it.
openssl rehash /etc/ssl/certs >/dev/null
hostname -F /etc/hostname
systemctl daemon-reload
systemctl enable --quiet {RECOVER} {" ".join(units)}
systemctl start {" ".join(units)}
""",
        deactivate=_DEACTIVATE,
        probe=f"""{is_trusted}
[ "$(uname -n)" = {machine.name} ]
getent hosts {machine.fqdn} | grep -qF '{machine.address} '
""",
        live=f"uname -n; {is_trusted}",
    )


def _validate(name: str, timezone: str) -> str:
    return f"""openssl x509 -noout -in "$STAGE{CA}"
apt-config -c "$STAGE{UPGRADES}" dump >/dev/null
[ -e /usr/share/zoneinfo/{timezone} ] || {{
    echo "this host knows no time zone {timezone}; correct timezone in group_data/all.py" >&2
    exit 1
}}
# Proxmox VE keeps a node's guests below its host name, and loses sight of them under another.
[ ! -d /etc/pve ] || [ -d /etc/pve/nodes/{name} ] || {{
    echo "this Proxmox node is named $(uname -n); give it that name in inventory.py" >&2
    exit 1
}}
"""


# What ran before this role (timers, clock) stays; only what the role itself brought goes.
_DEACTIVATE = f"""systemctl disable --quiet {RECOVER}
rm -f {CA}
update-ca-certificates >/dev/null
[ ! -e "$STAGE/../old/tree/etc/hostname" ] || hostname -F "$STAGE/../old/tree/etc/hostname"
"""
