"""Blackbox exporter: it runs as declared, and the routes of the gateway answer it."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.blackbox_exporter import MODULE, BlackboxExporter, probes
from deploys.topology import Machine, Topology

SHOW_ON_FAILURE = ("journalctl --unit prometheus-blackbox-exporter --lines 20 --no-pager",)


@pytest.fixture
def settings(machine: Machine) -> BlackboxExporter:
    found = machine.settings["blackbox_exporter"]
    assert isinstance(found, BlackboxExporter)
    return found


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("prometheus-blackbox-exporter").is_running
    assert host.service("prometheus-blackbox-exporter").is_enabled


def test_it_listens_on_the_address_of_the_host_only(
    host: Host, machine: Machine, settings: BlackboxExporter
) -> None:
    assert host.socket(f"tcp://{machine.address}:{settings.port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.port}").is_listening


def test_every_route_of_the_gateway_is_well(
    host: Host, machine: Machine, settings: BlackboxExporter, topology: Topology
) -> None:
    url = f"http://{machine.address}:{settings.port}/probe?module={MODULE}&target="
    wanted = [probe for probe in probes(topology) if not probe.may_be_absent]
    states = {probe.role: _probe(host, url + probe.url) for probe in wanted}
    assert states == dict.fromkeys(states, ("1", True))


def _probe(host: Host, url: str) -> tuple[str, bool]:
    """Whether a probe succeeded, and whether it tells when the certificate expires."""
    command = "curl --silent --show-error --fail --max-time 10 %s"
    samples = dict(
        line.rsplit(" ", 1)
        for line in host.check_output(command, url).splitlines()
        if not line.startswith("#")
    )
    return samples["probe_success"], "probe_ssl_earliest_cert_expiry" in samples
