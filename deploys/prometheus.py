"""Prometheus: asks every metrics endpoint that a role declares, and remembers the answers.

Listens on the host's address. Keeps its data in /var/lib/prometheus/metrics2, also when the role
is removed. A target comes from `scrapes()` of the role that serves it, never from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import DeployError

import secret_store
from deploys.declarations import Port, Scrape
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Target, Topology
from operations import packages, retirement, service
from operations.entries import Directory, Entry, File
from operations.transaction import Steps
from secret_store import SecretStore

PACKAGES = ("prometheus", "curl")
DIRECTORY = "/etc/prometheus"
DROP_IN = "/etc/systemd/system/prometheus.service.d/ai-idp.conf"


class Prometheus(Settings):
    """How often Prometheus asks, how long it remembers, and where it answers."""

    role: ClassVar[str] = "prometheus"

    port: int = Field(default=9090, ge=1, le=65535, description="Port of the API and web interface")
    scrape_interval_seconds: int = Field(
        default=15, ge=1, le=120, description="Time between two questions to a target"
    )
    retention_days: int = Field(default=30, ge=1, description="How long answers are kept")

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "metrics database", ("prometheus",)),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("prometheus", self.port),)


@dataclass(frozen=True)
class Job:
    """Targets that are asked in the same way; a secret of theirs lies in a file beside."""

    name: str
    path: str
    bearer_secret: str | None
    targets: tuple[Target, ...]

    @property
    def credentials_file(self) -> str | None:
        """Relative to prometheus.yml, so that promtool finds the staged one."""
        return f"secrets/{self.bearer_secret}" if self.bearer_secret else None


@deploy("Prometheus")
def install() -> None:
    settings = Prometheus.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    jobs = scrape_jobs(topology.targets())
    packages.installed(name="Install the package", packages=PACKAGES)
    service.deployed(
        name="Deploy the configuration",
        service="prometheus",
        entries=[
            *configuration(settings, machine, jobs),
            *credentials(jobs, secret_store.for_data(host.data)),
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


def scrape_jobs(targets: Iterable[Target]) -> tuple[Job, ...]:
    """One job for each name; two ways of asking under one name are refused."""
    by_name: dict[str, list[Target]] = {}
    for target in targets:
        by_name.setdefault(target.scrape.job, []).append(target)
    return tuple(_job(name, members) for name, members in by_name.items())


def _job(name: str, targets: Sequence[Target]) -> Job:
    ways = {(target.scrape.path, target.scrape.bearer_secret) for target in targets}
    if len(ways) > 1:
        roles = " and ".join(sorted({target.role for target in targets}))
        raise DeployError(
            f"the scrape job {name} has more than one path or secret; "
            f"give each its own job name in the scrapes() of {roles}"
        )
    (path, bearer_secret) = ways.pop()
    return Job(name, path, bearer_secret, tuple(targets))


def configuration(settings: Prometheus, machine: Machine, jobs: Sequence[Job]) -> list[File]:
    values = {"settings": settings, "endpoint": endpoint(settings, machine), "jobs": jobs}
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
