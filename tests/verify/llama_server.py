"""A llama-server as its neighbours on the network see it, asked from its own host.

Elsewhere only the gateway and Prometheus get through the firewall.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from testinfra.host import Host

from deploys.llama_server import LlamaServer
from deploys.llama_stack import SERVICE
from deploys.topology import Machine
from operations import compose


@dataclass(frozen=True)
class Server:
    """The server of one role on one host."""

    host: Host
    url: str
    key_file: str

    def ask(self, path: str, body: Any = None, key: bool = True) -> tuple[int, str]:
        """Status and body of an answer; the key travels over standard input, not in argv."""
        header = f'printf \'header = "Authorization: Bearer %s"\\n\' "$(cat {self.key_file})"'
        command = f"{header if key else 'true'} | curl -sS --config - -w '\\n%{{http_code}}'"
        if body is not None:
            command += f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        text, _, status = self.host.check_output(f"{command} {self.url}{path}").rpartition("\n")
        return int(status), text


def of(host: Host, machine: Machine, settings: LlamaServer) -> Server:
    key_file = f"{compose.directory(settings.role)}/api-key"
    return Server(host, f"http://{machine.address}:{settings.port}", key_file)


def container(role: str) -> str:
    """The identifier of a role's container, as a word of the host's shell."""
    labels = (f"com.docker.compose.project={role}", f"com.docker.compose.service={SERVICE}")
    return f"$(docker ps --quiet {' '.join(f'--filter label={label}' for label in labels)})"


def evidence(role: str) -> tuple[str, ...]:
    """What explains a failed check."""
    label = f"label=com.docker.compose.project={role}"
    return (f"docker logs --tail 20 {container(role)}", f"docker ps --all --filter {label}")
