"""NGINX: the one address of everything, with TLS, and nothing behind it but what a route allows.

Listens on 80 (redirects) and 443. Keeps no data but its logs in /var/log/nginx. A route sends a
path of the gateway to a role's servers: its paths are in `templates/nginx/routes/<role>.conf.j2`.
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
from certificates import Leaf
from deploys.base import Base
from deploys.declarations import EVERYONE, Port
from deploys.llama_cpp import LlamaCpp
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.packages import PackagesState
from operations import packages, retirement, service
from operations.entries import Directory, File
from operations.transaction import Steps

HTTP, HTTPS = 80, 443
PACKAGES = ("nginx", "curl")
DIRECTORY = "/etc/nginx"
DIRECTORIES = (Directory(f"{DIRECTORY}/routes"), Directory(f"{DIRECTORY}/tls", mode="0700"))
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
class Route:
    """A role behind the gateway, and its servers as `address:port`: no name has to resolve."""

    role: str
    servers: tuple[str, ...]


@deploy("NGINX")
def install() -> None:
    settings = Nginx.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    names = host_names(machine)
    authority = certificates.for_data(host.data)
    leaf = authority.leaf("nginx", names, [machine.address])
    packages.installed(name="Install the package", packages=PACKAGES)
    files = configuration(settings, machine, routes(topology), nginx_version())
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


def host_names(machine: Machine) -> list[str]:
    """What clients call the gateway: first the names that stand for this role, then the host's."""
    base = machine.settings.get(Base.role)
    service_names = base.service_names.items() if isinstance(base, Base) else ()
    names = [f"{name}.{machine.data['domain']}" for name, role in service_names if role == "nginx"]
    return [*names, machine.fqdn]


def routes(topology: Topology) -> tuple[Route, ...]:
    """The routes to the roles that have a host."""
    llama_cpp = (f"{m.address}:{settings.port}" for m, settings in topology.holders(LlamaCpp))
    found = [Route("llama_cpp", tuple(llama_cpp))]
    return tuple(route for route in found if route.servers)


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
    settings: Nginx, machine: Machine, routes: Sequence[Route], version: tuple[int, ...]
) -> list[File]:
    """Everything but the certificate and the revision."""
    values = {
        "settings": settings,
        "names": [*host_names(machine), machine.address],
        "routes": routes,
        "http2_directive": version >= FIRST_WITH_HTTP2_DIRECTIVE,
    }
    names = ["nginx.conf", "security_headers.conf"]
    names += [f"routes/{route.role}.conf" for route in routes]
    return [File(f"{DIRECTORY}/{name}", render(f"nginx/{name}.j2", **values)) for name in names]


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
    workers themselves can say which one they serve. The key stays out of the sum; a new key has a
    new certificate.
    """
    lines = [f"{file.sha256}  {file.path}\n" for file in files if not file.secret]
    revision = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
    content = render("nginx/revision.conf.j2", revision=revision)
    return [*files, File(f"{DIRECTORY}/revision.conf", content)]
