"""NGINX's files: the configuration that follows from the settings and from what has a route."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from certificates import Leaf
from deploys.gateway import host_names
from deploys.nginx_upstreams import Upstream
from deploys.nginx_version import FIRST_WITH_HTTP2_DIRECTIVE
from deploys.rendering import render
from deploys.topology import Machine
from operations.entries import File

if TYPE_CHECKING:
    from deploys.nginx import Nginx

DIRECTORY = "/etc/nginx"
ALWAYS = ("nginx.conf", "proxy.conf", "security_headers.conf", "answers.conf", "status.conf")
STATUS_PAGE = ("status/index.html", "status/status.css")
HEALTH_PORT = 8099
"""On loopback alone: where NGINX asks itself how the services are."""


def configuration(
    settings: Nginx, machine: Machine, upstreams: Sequence[Upstream], version: tuple[int, ...]
) -> list[File]:
    """Everything but keys, passwords, the certificate, the log's rotation and the revision."""
    routes = {u.role: _rendered(f"routes/{u.role}.conf", upstream=u) for u in upstreams}
    values: dict[str, Any] = {
        "settings": settings,
        "names": [*host_names(machine), machine.address],
        "upstreams": upstreams,
        "paths": {role: path_of(file) for role, file in routes.items()},
        "http2_directive": version >= FIRST_WITH_HTTP2_DIRECTIVE,
        "health_port": HEALTH_PORT,
    }
    files = [_rendered(name, **values) for name in (*ALWAYS, *STATUS_PAGE)]
    for upstream in upstreams:
        content = render("nginx/passed_on.conf.j2", settings=settings, upstream=upstream)
        files.append(File(f"{DIRECTORY}/passed_on/{upstream.role}.conf", content))
    return [*files, *routes.values()]


def _rendered(name: str, **values: Any) -> File:
    return File(f"{DIRECTORY}/{name}", render(f"nginx/{name}.j2", **values))


def path_of(route: File) -> str:
    """The path below which a route's locations lie: `/llama/` of `location /llama/v1/ {`."""
    found = re.search(r"^location (?:= )?(/[^/\s]+)", route.content.decode(), re.MULTILINE)
    return f"{found[1]}/" if found else "/"


def tls_files(leaf: Leaf, ca: bytes) -> list[File]:
    """The certificate and its key, and the CA's for this host and for whoever downloads it."""
    key = leaf.key.get_secret_value().encode()
    return [
        File(f"{DIRECTORY}/tls/ca.crt", ca),
        File(f"{DIRECTORY}/status/ca.crt", ca),
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
