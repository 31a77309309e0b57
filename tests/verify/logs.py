"""Logs: VictoriaLogs' API, asked on its own host."""

from __future__ import annotations

import json
from dataclasses import dataclass

from testinfra.host import Host


@dataclass(frozen=True)
class Logs:
    """VictoriaLogs at `endpoint` (`address:port`), which `host` reaches."""

    host: Host
    endpoint: str

    def found(self, query: str) -> list[dict[str, str]]:
        """The lines that a query in LogsQL finds, each with its fields."""
        command = "curl --silent --show-error --fail --max-time 20 %s --data-urlencode %s"
        url = f"http://{self.endpoint}/select/logsql/query"
        said = self.host.check_output(command, url, f"query={query}")
        return [json.loads(line) for line in said.splitlines()]

    def metrics(self) -> list[tuple[str, float]]:
        """Its own metrics: name with labels, and value."""
        command = "curl --silent --show-error --fail --max-time 20 %s"
        said = self.host.check_output(command, f"http://{self.endpoint}/metrics")
        rows = (line.rpartition(" ") for line in said.splitlines() if not line.startswith("#"))
        return [(name, float(value)) for name, _, value in rows]
