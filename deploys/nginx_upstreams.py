"""NGINX's upstreams: every role that declares a route, with all its servers."""

from __future__ import annotations

from dataclasses import dataclass

from deploys.declarations import Route
from deploys.topology import Topology


@dataclass(frozen=True)
class Upstream:
    """A role behind the gateway.

    `servers` are `address:port`, so that no name has to resolve; `hosts` are their names.
    """

    role: str
    route: Route
    servers: tuple[str, ...]
    hosts: tuple[str, ...]

    @property
    def is_closed(self) -> bool:
        """Whether the gateway asks for a key or a password in the servers' place."""
        return bool(self.route.bearer_secret or self.route.password_secret)


def upstreams(topology: Topology) -> tuple[Upstream, ...]:
    """Every role that declares a route, with all its servers, in the order of the roles."""
    found: dict[str, list[tuple[str, str, Route]]] = {}
    for machine in topology.machines:
        for role, settings in machine.settings.items():
            if route := settings.route():
                server = f"{machine.address}:{route.port}"
                found.setdefault(role, []).append((machine.name, server, route))
    return tuple(_upstream(role, reached) for role, reached in found.items())


def _upstream(role: str, reached: list[tuple[str, str, Route]]) -> Upstream:
    hosts, servers, routes = zip(*reached, strict=True)
    return Upstream(role, routes[0], servers, hosts)
