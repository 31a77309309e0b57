"""n8n's webhooks: where they answer, and the secret that whoever calls one shows."""

from __future__ import annotations

from deploys.gateway import base_url
from deploys.topology import Topology

N8N = "n8n"
PATH = "/n8n/"
"""Where the gateway has n8n, which lies at the root of its own port."""
TOKEN = "n8n/webhook-token"
"""Name of the secret."""


def beside_n8n(topology: Topology, name: str) -> str:
    """A webhook as n8n itself answers it, in the clear; empty where no host has n8n."""
    holders = topology.having(N8N)[:1]
    return "".join(
        f"{machine.url(machine.settings[N8N].ports()[0].number)}/webhook/{name}"
        for machine in holders
    )


def through_gateway(topology: Topology, name: str) -> str:
    """A webhook over TLS; empty without a gateway, or where no host has n8n."""
    base = base_url(topology)
    return f"{base}{PATH}webhook/{name}" if base and topology.having(N8N) else ""
