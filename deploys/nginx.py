"""NGINX: the one address of everything, with TLS, and nothing behind it but what a route allows.

Listens on 80 (redirects) and 443. Keeps no data but its logs in /var/log/nginx. Each role with a
`route()` is an upstream; its paths are in `templates/nginx/routes/<role>.conf.j2`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import DeployError

import certificates
import secret_store
from certificates import Leaf
from deploys.declarations import EVERYONE, Port, Route
from deploys.gateway import host_names
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.packages import PackagesState
from operations import packages, retirement, service
from operations.entries import Directory, File
from operations.transaction import Steps
from secret_store import SecretStore

HTTP, HTTPS = 80, 443
PACKAGES = ("nginx", "curl")
DIRECTORY = "/etc/nginx"
DIRECTORIES = (
    Directory(f"{DIRECTORY}/routes"),
    Directory(f"{DIRECTORY}/keys", mode="0700"),
    Directory(f"{DIRECTORY}/tls", mode="0700"),
)
FIRST_WITH_HTTP2_DIRECTIVE = (1, 25, 1)


class Nginx(Settings):
    """What the gateway lets through, and for how long it waits."""

    role: ClassVar[str] = "nginx"

    upstream_timeout_seconds: int = Field(
        default=600, ge=1, description="Longest silence of a server before its request is given up"
    )
    client_max_body_mib: int = Field(
        default=16, ge=1, description="Largest request that is passed on"
    )

    def ports(self) -> tuple[Port, ...]:
        return (
            Port(HTTP, "redirect to HTTPS", (EVERYONE,)),
            Port(HTTPS, "gateway", (EVERYONE,)),
        )


@dataclass(frozen=True)
class Upstream:
    """A role behind the gateway, and its servers as `address:port`: no name has to resolve.

    `bearer_secret` names the secret that the gateway asks for in the servers' place.
    """

    role: str
    servers: tuple[str, ...]
    bearer_secret: str | None = None


@deploy("NGINX")
def install() -> None:
    settings = Nginx.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    names = host_names(machine)
    authority = certificates.for_data(host.data)
    leaf = authority.leaf("nginx", names, [machine.address])
    packages.installed(name="Install the package", packages=PACKAGES)
    found = upstreams(topology)
    files = configuration(settings, machine, found, nginx_version())
    files += key_files(found, secret_store.for_data(host.data))
    files += tls_files(leaf, authority.certificate())
    service.deployed(
        name="Deploy the configuration",
        service="nginx",
        entries=[*DIRECTORIES, *with_revision(files)],
        units=["nginx"],
        on_change="reload",
        steps=Steps(
            validate='nginx -t -q -c "$STAGE/etc/nginx/nginx.conf"\n',
            probe=render("nginx/steps/probe.sh.j2", name=names[0]).decode(),
            probe_seconds=10,
        ),
    )


@deploy("Remove NGINX")
def remove() -> None:
    """Take the gateway off the host; its logs stay."""
    retirement.service_removed(name="Remove the configuration", service="nginx", units=["nginx"])
    packages.removed(name="Remove the package", packages=["nginx"])


def upstreams(topology: Topology) -> tuple[Upstream, ...]:
    """Every role that declares a route, with all its servers, in the order of the roles."""
    found: dict[str, list[tuple[str, Route]]] = {}
    for machine in topology.machines:
        for role, settings in machine.settings.items():
            if route := settings.route():
                found.setdefault(role, []).append((f"{machine.address}:{route.port}", route))
    return tuple(
        Upstream(role, tuple(server for server, _ in reached), reached[0][1].bearer_secret)
        for role, reached in found.items()
    )


def nginx_version() -> tuple[int, ...]:
    """The version that this host has or, where it has none, that apt will install."""
    found = host.get_fact(PackagesState, _stdin="nginx\n")
    text = {**found.will_install, **found.installed}.get("nginx", "") if found else ""
    # An unreadable package database has failed the host already; what is rendered goes nowhere.
    return parsed_version(text) if found else FIRST_WITH_HTTP2_DIRECTIVE


def parsed_version(text: str) -> tuple[int, ...]:
    """A Debian version's upstream numbers: `1.26.3-3+deb13u7` is (1, 26, 3)."""
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        raise DeployError(f"`{text}` is no version of nginx; see `apt-cache policy nginx`")
    return tuple(int(number) for number in match.groups())


def configuration(
    settings: Nginx, machine: Machine, upstreams: Sequence[Upstream], version: tuple[int, ...]
) -> list[File]:
    """Everything but the keys, the certificate and the revision."""
    values = {
        "settings": settings,
        "names": [*host_names(machine), machine.address],
        "upstreams": upstreams,
        "http2_directive": version >= FIRST_WITH_HTTP2_DIRECTIVE,
    }
    names = ["nginx.conf", "proxy.conf", "security_headers.conf"]
    names += [f"routes/{upstream.role}.conf" for upstream in upstreams]
    return [File(f"{DIRECTORY}/{name}", render(f"nginx/{name}.j2", **values)) for name in names]


def key_files(upstreams: Sequence[Upstream], store: SecretStore) -> list[File]:
    """For each role whose key the gateway checks itself, the map that knows it."""
    return [
        File(
            f"{DIRECTORY}/keys/{upstream.role}.conf",
            render(
                "nginx/key.conf.j2",
                role=upstream.role,
                key=store.get(upstream.bearer_secret).get_secret_value(),
            ),
            mode="0600",
            secret=True,
        )
        for upstream in upstreams
        if upstream.bearer_secret
    ]


def tls_files(leaf: Leaf, ca: bytes) -> list[File]:
    key = leaf.key.get_secret_value().encode()
    return [
        File(f"{DIRECTORY}/tls/ca.crt", ca),
        File(f"{DIRECTORY}/tls/gateway.crt", leaf.certificate),
        File(f"{DIRECTORY}/tls/gateway.key", key, mode="0600", secret=True),
    ]


def with_revision(files: Sequence[File]) -> list[File]:
    """`files` and the one that names them all: what /health answers once they are in force.

    A reload is asynchronous and falls back to the old configuration without an error, so only the
    workers themselves can say which one they serve. Keys count too, so that a rotated one is known
    to be in force: they are 256 random bits, of which a sum over everything tells nothing.
    """
    lines = [f"{file.sha256}  {file.path}\n" for file in files]
    revision = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
    content = render("nginx/revision.conf.j2", revision=revision)
    return [*files, File(f"{DIRECTORY}/revision.conf", content)]
