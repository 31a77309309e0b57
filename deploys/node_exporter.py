"""Node exporter: the machine's own metrics, on the host's address only (port 9100)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

from deploys.declarations import Port, Scrape
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Topology
from operations import packages, retirement, service
from operations.entries import Directory, File
from operations.transaction import Steps

PACKAGE = UNIT = "prometheus-node-exporter"
TEXTFILES = "/var/lib/prometheus/node-exporter"
OWN = Directory("/var/lib/prometheus", owner="prometheus", group="prometheus")
"""The folder above it, as the package makes it: for who announces something below it."""


class NodeExporter(Settings):
    role: ClassVar[str] = "node_exporter"

    port: int = Field(default=9100, ge=1, le=65535, description="Port on the host's address")
    extra_collectors: tuple[str, ...] = Field(
        default=("systemd",), description="Collectors beyond those that are on by default"
    )

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "machine metrics", reachable_from=("prometheus",)),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("node", self.port),)


@deploy("Node exporter")
def install() -> None:
    settings = NodeExporter.of(host)
    address = _in_url(Topology.of(inventory).machine(host.name).address)
    arguments = render(
        "node_exporter/prometheus-node-exporter.j2",
        exporter=settings,
        address=address,
        textfiles=TEXTFILES,
    )
    start = render("node_exporter/ai-idp.conf.j2")
    packages.installed(name="Install the package", packages=[PACKAGE])
    service.deployed(
        name="Deploy the configuration",
        service="node_exporter",
        entries=[
            File(f"/etc/default/{PACKAGE}", arguments),
            Directory(f"/etc/systemd/system/{UNIT}.service.d"),
            File(f"/etc/systemd/system/{UNIT}.service.d/ai-idp.conf", start),
        ],
        units=[UNIT],
        steps=Steps(probe=_probe(address, settings.port)),
    )


@deploy("Node exporter")
def remove() -> None:
    retirement.service_removed(
        name="Remove the configuration", service="node_exporter", units=[UNIT]
    )
    packages.removed(name="Remove the package", packages=[PACKAGE])


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _probe(address: str, port: int) -> str:
    return f"""fetch() {{ curl --noproxy '*' --fail --silent --show-error --max-time 5 "$1"; }}
fetch http://{address}:{port}/metrics | grep -q '^node_exporter_build_info'
if fetch http://127.0.0.1:{port}/metrics >/dev/null 2>&1; then
    echo "it answers on 127.0.0.1 too, not only on {address}" >&2
    exit 1
fi
"""
