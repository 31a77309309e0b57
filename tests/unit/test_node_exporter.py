"""Node exporter: its settings, and the arguments that they become."""

from __future__ import annotations

import shlex

import pytest
from pydantic import ValidationError

from deploys.declarations import Port, Scrape
from deploys.node_exporter import NodeExporter
from deploys.rendering import render


def arguments(settings: NodeExporter) -> list[str]:
    text = render(
        "node_exporter/prometheus-node-exporter.j2",
        exporter=settings,
        address="192.0.2.1",
        textfiles="/textfiles",
    ).decode()
    name, value = text.splitlines()[-1].split("=", 1)
    assert name == "ARGS"
    return shlex.split(shlex.split(value)[0])


def test_it_listens_on_one_address() -> None:
    assert arguments(NodeExporter(port=9200))[0] == "--web.listen-address=192.0.2.1:9200"


def test_further_collectors_are_switched_on() -> None:
    settings = NodeExporter(extra_collectors=("systemd", "processes"))
    assert arguments(settings)[2:] == ["--collector.systemd", "--collector.processes"]


def test_prometheus_may_reach_what_it_is_told_to_scrape() -> None:
    settings = NodeExporter(port=9200)
    assert settings.ports() == (Port(9200, "machine metrics", ("prometheus",)),)
    assert settings.scrapes() == (Scrape("node", 9200),)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(ValidationError, match="port\n  Input should be"):
        NodeExporter(port=port)
