"""Node exporter: answers on the host's address and nowhere else, with the metrics asked for."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.node_exporter import NodeExporter
from deploys.topology import Machine

SHOW_ON_FAILURE = ("journalctl --unit prometheus-node-exporter --lines 20 --no-pager",)
FETCH = "curl --noproxy '*' --fail --silent --show-error --max-time 5 %s"


@pytest.fixture
def settings(machine: Machine) -> NodeExporter:
    found = machine.settings["node_exporter"]
    assert isinstance(found, NodeExporter)
    return found


@pytest.mark.parametrize(
    "metric", ["node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_filesystem_"]
)
def test_the_metrics_of_the_machine_are_there(
    host: Host, machine: Machine, settings: NodeExporter, metric: str
) -> None:
    text = host.check_output(FETCH, f"http://{machine.address}:{settings.port}/metrics")
    assert f"\n{metric}" in text


def test_the_state_of_units_is_among_them(
    host: Host, machine: Machine, settings: NodeExporter
) -> None:
    text = host.check_output(FETCH, f"http://{machine.address}:{settings.port}/metrics")
    assert 'node_systemd_unit_state{name="ssh.service",state="active"' in text


def test_a_text_file_becomes_metrics(host: Host, machine: Machine, settings: NodeExporter) -> None:
    text = host.check_output(FETCH, f"http://{machine.address}:{settings.port}/metrics")
    assert "\nnode_textfile_scrape_error 0\n" in text


def test_it_does_not_answer_on_the_loopback_address(host: Host, settings: NodeExporter) -> None:
    assert host.run(FETCH, f"http://127.0.0.1:{settings.port}/metrics").failed


def test_it_starts_at_boot(host: Host) -> None:
    assert host.service("prometheus-node-exporter").is_enabled
