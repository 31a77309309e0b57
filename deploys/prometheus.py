"""Prometheus: asks every metrics endpoint that a role declares, and remembers the answers.

Listens on the host's address. Keeps its data in /var/lib/prometheus/metrics2, also when the role
is removed. A target comes from `scrapes()` of the role that serves it, never from here. Rules lie
in `files/prometheus/rules/<role>.yaml` (alerts) and `recording/<role>.yaml`; those of a role land
when some host has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import secret_store
from deploys import blackbox_exporter
from deploys.alertmanager import Alertmanager
from deploys.alertmanager import endpoint as alertmanager_endpoint
from deploys.blackbox_exporter import BlackboxExporter, probes
from deploys.declarations import Backup, DiskClaim, Port, Route, Scrape
from deploys.gateway import ADMIN_PASSWORD, base_url
from deploys.rendering import render
from deploys.scrape_jobs import Job, scrape_jobs
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations import packages, retirement, service
from operations.entries import Directory, Entry, File
from operations.transaction import Steps
from secret_store import SecretStore

PACKAGES = ("prometheus", "curl")
DIRECTORY = "/etc/prometheus"
DROP_IN = "/etc/systemd/system/prometheus.service.d/ai-idp.conf"
DATA = "/var/lib/prometheus/metrics2"
BLOCK = "01" + "[0-9A-Z]" * 24
"""A block is named by a ULID, whose first characters are its time: 01 until the year 3084."""
PAGE = "/prometheus/"
RULES = Path(__file__).parent.parent / "files" / "prometheus"
KINDS = ("rules", "recording")
GIB = 1024**3


class Prometheus(Settings):
    """How often Prometheus asks, how long it remembers, and where it answers."""

    role: ClassVar[str] = "prometheus"

    port: int = Field(default=9090, ge=1, le=65535, description="Port of the API and web interface")
    scrape_interval_seconds: int = Field(
        default=15, ge=1, le=120, description="Time between two questions to a target"
    )
    retention_days: int = Field(default=30, ge=1, description="How long answers are kept")
    size_limit_gib: int = Field(
        default=8,
        ge=1,
        description="Space that they may take; the oldest go earlier rather than fill the disk",
    )

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "metrics database", ("prometheus", "nginx", "grafana", "n8n")),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("prometheus", self.port),)

    def route(self) -> Route:
        return Route(
            self.port,
            "Prometheus",
            health="/-/healthy",
            page=PAGE,
            password_secret=ADMIN_PASSWORD,
        )

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        """The limit; blocks are merged into a new one before the old ones go."""
        return (DiskClaim(DATA, self.size_limit_gib * GIB, reserve_bytes=2 * GIB),)

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """The blocks, which never change; the newest hours are in none of them yet.

        Not the snapshot of the admin API, which can also delete series: whoever reaches the port
        would.
        """
        drill = render("prometheus/steps/drill.sh.j2", data=DATA).decode()
        blocks = (f"{DATA}/{BLOCK}",)
        return (Backup("prometheus", (), units=("prometheus.service",), held=blocks, drill=drill),)


@dataclass(frozen=True)
class Around:
    """What of the rest of the inventory Prometheus' configuration depends on."""

    jobs: tuple[Job, ...]
    alertmanagers: tuple[str, ...]
    probed: Probed | None
    external_url: str

    @classmethod
    def of(cls, topology: Topology) -> Self:
        gateway = base_url(topology)
        return cls(
            jobs=scrape_jobs(topology.targets()),
            alertmanagers=tuple(
                alertmanager_endpoint(settings, machine)
                for machine, settings in topology.holders(Alertmanager)
            ),
            probed=Probed.of(topology),
            external_url=f"{gateway}{PAGE}" if gateway else "",
        )


@dataclass(frozen=True)
class Probed:
    """What the first blackbox exporter is to ask of the gateway, and where it listens."""

    exporter: str
    module: str
    probes: tuple[blackbox_exporter.Probe, ...]

    @classmethod
    def of(cls, topology: Topology) -> Self | None:
        wanted = probes(topology)
        for machine, settings in topology.holders(BlackboxExporter):
            where = blackbox_exporter.endpoint(settings, machine)
            return cls(where, blackbox_exporter.MODULE, wanted) if wanted else None
        return None


@deploy("Prometheus")
def install() -> None:
    settings = Prometheus.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    around = Around.of(topology)
    packages.installed(name="Install the package", packages=PACKAGES)
    service.deployed(
        name="Deploy the configuration",
        service="prometheus",
        entries=[
            *configuration(settings, machine, around),
            *rule_files(topology),
            *credentials(around.jobs, secret_store.for_data(host.data)),
        ],
        units=["prometheus"],
        steps=Steps(
            validate='promtool check config "$STAGE/etc/prometheus/prometheus.yml"\n',
            activate=render("prometheus/steps/activate.sh.j2").decode(),
            probe=render(
                "prometheus/steps/probe.sh.j2", endpoint=endpoint(settings, machine)
            ).decode(),
            # The first start after a long silence replays the write-ahead log.
            probe_seconds=60,
        ),
    )


@deploy("Remove Prometheus")
def remove() -> None:
    """Take Prometheus off the host; what it remembers stays."""
    retirement.service_removed(
        name="Remove the configuration", service="prometheus", units=["prometheus"]
    )
    packages.removed(name="Remove the package", packages=["prometheus"])


def endpoint(settings: Prometheus, machine: Machine) -> str:
    return f"{machine.address}:{settings.port}"


def rule_files(topology: Topology, folder: Path = RULES) -> list[File]:
    """The rules about every role that some host has, checked in as they land."""
    return [
        File(f"{DIRECTORY}/{kind}/{path.name}", path.read_bytes())
        for kind in KINDS
        for path in sorted((folder / kind).glob("*.yaml"))
        if topology.having(path.stem)
    ]


def configuration(settings: Prometheus, machine: Machine, around: Around) -> list[File]:
    """Everything but rules and credentials."""
    values = {
        "settings": settings,
        "endpoint": endpoint(settings, machine),
        "around": around,
        "kinds": KINDS,
    }
    return [
        File(f"{DIRECTORY}/prometheus.yml", render("prometheus/prometheus.yml.j2", **values)),
        File("/etc/default/prometheus", render("prometheus/prometheus.default.j2", **values)),
        File(DROP_IN, render("prometheus/ai-idp.conf.j2", **values)),
    ]


def credentials(jobs: Iterable[Job], store: SecretStore) -> list[Entry]:
    """A file for each secret that a job presents, readable by Prometheus alone."""
    needed = {job.bearer_secret: job.credentials_file for job in jobs if job.bearer_secret}
    files = [
        File(
            f"{DIRECTORY}/{path}",
            store.get(name).get_secret_value().encode(),
            mode="0640",
            group="prometheus",
            secret=True,
        )
        for name, path in needed.items()
    ]
    # A secret's name may have parts: secrets/llama_cpp/api-key lies two directories deep.
    folders = {str(parent) for path in needed.values() if path for parent in Path(path).parents}
    directories = [
        Directory(f"{DIRECTORY}/{folder}", mode="0750", group="prometheus")
        for folder in sorted(folders - {"."})
    ]
    return [*directories, *files]
