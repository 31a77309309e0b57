"""NGINX: the one address of everything, with TLS, and nothing behind it but what a route allows.

Listens on 80 (redirects) and 443; its metrics are on a port for Prometheus. Keeps no data but its
logs in /var/log/nginx. Each role with a `route()` is an upstream, a row of the status page at `/`
and a label of the metrics; its paths are in `templates/nginx/routes/<role>.conf.j2`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import certificates
import secret_store
from deploys import nginx_metrics
from deploys.declarations import EVERYONE, Port, Scrape
from deploys.gateway import ADMIN_PASSWORD, host_names
from deploys.nginx_files import DIRECTORY, configuration, tls_files, with_revision
from deploys.nginx_logins import KEYS, PASSWORDS, key_files, password_files
from deploys.nginx_upstreams import upstreams
from deploys.nginx_version import nginx_version
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Topology
from operations import packages, retirement, service
from operations.entries import Directory, File
from operations.transaction import Steps

HTTP, HTTPS = 80, 443
PACKAGES = ("nginx", "curl", "logrotate", nginx_metrics.PACKAGE)
DIRECTORIES = (
    *(Directory(f"{DIRECTORY}/{name}") for name in ("routes", "passed_on", "status")),
    Directory(KEYS, mode="0700"),
    Directory(f"{DIRECTORY}/tls", mode="0700"),
    Directory(PASSWORDS, mode="0750", group="www-data"),
)
LOGROTATE = "/etc/logrotate.d/nginx"


class Nginx(Settings):
    """What the gateway lets through, how much of it, and for how long it waits."""

    role: ClassVar[str] = "nginx"

    upstream_timeout_seconds: int = Field(
        default=600, ge=1, description="Longest silence of a server before its request is given up"
    )
    client_max_body_mib: int = Field(
        default=16, ge=1, description="Largest request that is passed on"
    )
    requests_per_second: int = Field(
        default=50, ge=1, description="Requests that one address may make to the APIs of models"
    )
    burst: int = Field(
        default=100, ge=1, description="Requests that may come at once before that counts"
    )
    parallel_requests: int = Field(
        default=64, ge=1, description="Requests of one address that may be answered at a time"
    )
    failed_logins_per_minute: int = Field(
        default=30, ge=1, description="Wrong passwords that one address may try"
    )
    log_days: int = Field(default=14, ge=1, description="How long access and error logs are kept")
    metrics_port: int = Field(
        default=3903, ge=1, le=65535, description="Port of the metrics, on the host's address"
    )

    def ports(self) -> tuple[Port, ...]:
        return (
            Port(HTTP, "redirect to HTTPS", (EVERYONE,)),
            Port(HTTPS, "gateway", (EVERYONE,)),
            Port(self.metrics_port, "gateway's metrics", ("prometheus",)),
        )

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("nginx", self.metrics_port),)

    def secrets(self) -> tuple[str, ...]:
        return (ADMIN_PASSWORD,)


@deploy("NGINX")
def install() -> None:
    settings = Nginx.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    names = host_names(machine)
    authority = certificates.for_data(host.data)
    store = secret_store.for_data(host.data)
    leaf = authority.leaf("nginx", names, [machine.address])
    packages.installed(name="Install the packages", packages=PACKAGES)
    found = upstreams(topology)
    files = configuration(settings, machine, found, nginx_version())
    files += key_files(found, store) + password_files(found, store)
    files += tls_files(leaf, authority.certificate())
    rotation = File(LOGROTATE, render("nginx/logrotate.j2", settings=settings))
    service.deployed(
        name="Deploy the configuration",
        service="nginx",
        entries=[*DIRECTORIES, *with_revision(files), rotation],
        units=["nginx"],
        on_change="reload",
        steps=Steps(
            validate=render("nginx/steps/validate.sh.j2").decode(),
            probe=render("nginx/steps/probe.sh.j2", name=names[0]).decode(),
            probe_seconds=10,
        ),
    )
    nginx_metrics.deployed(machine.address, settings.metrics_port)


@deploy("Remove NGINX")
def remove() -> None:
    """Take the gateway off the host; its logs stay."""
    retirement.service_removed(
        name="Remove the metrics", service=nginx_metrics.SERVICE, units=[nginx_metrics.UNIT]
    )
    retirement.service_removed(name="Remove the configuration", service="nginx", units=["nginx"])
    packages.removed(name="Remove the packages", packages=["nginx", nginx_metrics.PACKAGE])
