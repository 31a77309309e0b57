"""Grafana's data sources: the servers of the inventory that it knows how to ask."""

from __future__ import annotations

from dataclasses import dataclass

from deploys.prometheus import Prometheus
from deploys.topology import Topology

LOGS = "victoria_logs"
"""The role that keeps the logs."""
LOGS_PLUGIN = "victoriametrics-logs-datasource"
"""The type of its data source, which a plugin of this name brings."""


@dataclass(frozen=True)
class DataSource:
    """A data source as Grafana's provisioning has it; dashboards refer to its `uid`.

    Of one with a `scrape_interval_seconds` Grafana reckons the shortest time that a rate is over.
    """

    name: str
    uid: str
    type: str
    url: str
    is_default: bool = False
    scrape_interval_seconds: int = 0


def data_sources(topology: Topology) -> list[DataSource]:
    """One for each server of the inventory that Grafana knows how to ask."""
    found = [
        DataSource(
            *("Prometheus", "prometheus", "prometheus", machine.url(held.port)),
            is_default=True,
            scrape_interval_seconds=held.scrape_interval_seconds,
        )
        for machine, held in topology.holders(Prometheus)
    ]
    logs = [(machine, machine.settings[LOGS]) for machine in topology.having(LOGS)]
    return [
        *found[:1],
        *(
            DataSource("Logs", "victoria-logs", LOGS_PLUGIN, machine.url(held.ports()[0].number))
            for machine, held in logs[:1]
        ),
    ]
