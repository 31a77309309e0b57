"""Gateway: the names under which everything else is reached."""

from __future__ import annotations

from deploys.base import Base
from deploys.topology import Machine, Topology

ADMIN_PASSWORD = "nginx/admin-password"
"""Name of the secret that people give, as `admin`, for pages whose servers know no login."""


def host_names(machine: Machine) -> list[str]:
    """What clients call the gateway: first the names that stand for this role, then the host's."""
    base = machine.settings.get(Base.role)
    service_names = base.service_names.items() if isinstance(base, Base) else ()
    names = [f"{name}.{machine.data['domain']}" for name, role in service_names if role == "nginx"]
    return [*names, machine.fqdn]


def base_url(topology: Topology) -> str:
    """Where people find the services, without a slash at its end; empty without a gateway."""
    gateways = topology.having("nginx")
    return f"https://{host_names(gateways[0])[0]}" if gateways else ""
