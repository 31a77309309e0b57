"""Blackbox exporter: asks the gateway's routes as their users would, over TLS, for Prometheus.

Listens on the host's address. Keeps no data. What it asks follows from `route()` of every role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

from deploys.base import CA
from deploys.declarations import Port, Scrape
from deploys.gateway import base_url
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations import packages, retirement, service
from operations.entries import Entry, File
from operations.transaction import Steps

PACKAGE = UNIT = "prometheus-blackbox-exporter"
CONFIGURATION = "/etc/prometheus/blackbox.yml"
DROP_IN = f"/etc/systemd/system/{UNIT}.service.d/ai-idp.conf"
MODULE = "route"


class BlackboxExporter(Settings):
    role: ClassVar[str] = "blackbox_exporter"

    port: int = Field(default=9115, ge=1, le=65535, description="Port on the host's address")
    timeout_seconds: int = Field(
        default=5,
        ge=1,
        le=9,
        description="How long a route may take to say that it is well; Prometheus waits ten",
    )

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "probes of the gateway", ("prometheus",)),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("blackbox_exporter", self.port),)


@dataclass(frozen=True)
class Probe:
    """One page of the gateway that says whether the servers of a role are well.

    `may_be_absent`: every host of the role may be off, so that nobody is told when they are.
    """

    role: str
    url: str
    may_be_absent: bool = False


@deploy("Blackbox exporter")
def install() -> None:
    settings = BlackboxExporter.of(host)
    machine = Topology.of(inventory).machine(host.name)
    packages.installed(name="Install the package", packages=[PACKAGE, "curl"])
    service.deployed(
        name="Deploy the configuration",
        service="blackbox_exporter",
        entries=configuration(settings, machine),
        units=[UNIT],
        steps=Steps(
            validate=f'{PACKAGE} --config.check --config.file="$STAGE{CONFIGURATION}"\n',
            probe=render(
                "blackbox_exporter/steps/probe.sh.j2", endpoint=endpoint(settings, machine)
            ).decode(),
        ),
    )


@deploy("Remove blackbox exporter")
def remove() -> None:
    retirement.service_removed(
        name="Remove the configuration", service="blackbox_exporter", units=[UNIT]
    )
    packages.removed(name="Remove the package", packages=[PACKAGE])


def endpoint(settings: BlackboxExporter, machine: Machine) -> str:
    return f"{machine.address}:{settings.port}"


def configuration(settings: BlackboxExporter, machine: Machine) -> list[Entry]:
    values = {
        "settings": settings,
        "endpoint": endpoint(settings, machine),
        "configuration": CONFIGURATION,
        "module": MODULE,
        "ca": CA,
    }
    return [
        File(CONFIGURATION, render("blackbox_exporter/blackbox.yml.j2", **values)),
        File(
            f"/etc/default/{PACKAGE}",
            render("blackbox_exporter/blackbox_exporter.default.j2", **values),
        ),
        File(DROP_IN, render("blackbox_exporter/ai-idp.conf.j2")),
    ]


def probes(topology: Topology) -> tuple[Probe, ...]:
    """The health of each role with a route, as the gateway tells it; none without a gateway."""
    gateway = base_url(topology)
    roles = dict.fromkeys(
        role
        for machine in topology.machines
        for role, settings in machine.settings.items()
        if settings.route()
    )
    return tuple(
        Probe(
            role,
            f"{gateway}/status/{role}",
            all(machine.may_be_absent for machine in topology.machines if role in machine.settings),
        )
        for role in roles
        if gateway
    )
