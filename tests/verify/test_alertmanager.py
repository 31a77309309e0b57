"""Alertmanager: it runs as declared, and Prometheus' alerts reach it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from testinfra.host import Host

from deploys.alertmanager import Alertmanager
from deploys.prometheus import Prometheus
from deploys.topology import Machine, Topology
from deploys.webhooks import beside_n8n

SHOW_ON_FAILURE = ("journalctl --unit prometheus-alertmanager --lines 20 --no-pager",)


@pytest.fixture
def settings(machine: Machine) -> Alertmanager:
    found = machine.settings["alertmanager"]
    assert isinstance(found, Alertmanager)
    return found


@pytest.fixture
def url(machine: Machine, settings: Alertmanager) -> str:
    return f"http://{machine.address}:{settings.port}"


def ask(host: Host, url: str) -> Any:
    command = "curl --silent --show-error --fail --max-time 10 --globoff %s"
    return json.loads(host.check_output(command, url))


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("prometheus-alertmanager").is_running
    assert host.service("prometheus-alertmanager").is_enabled


def test_it_listens_on_the_address_of_the_host_only_and_forms_no_cluster(
    host: Host, machine: Machine, settings: Alertmanager
) -> None:
    assert host.socket(f"tcp://{machine.address}:{settings.port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.port}").is_listening
    assert not any(":9094" in socket for socket in host.socket.get_listening_sockets())


def test_the_watchdog_of_every_prometheus_has_arrived(
    host: Host, url: str, topology: Topology
) -> None:
    if not topology.holders(Prometheus):
        pytest.skip("the inventory has no Prometheus")
    # Prometheus finds Alertmanager, evaluates its rules and sends: three of its intervals at most.
    deadline = time.monotonic() + 5 + 3 * topology.holders(Prometheus)[0][1].scrape_interval_seconds
    while not (alerts := ask(host, f"{url}/api/v2/alerts?filter=alertname=Watchdog")):
        assert time.monotonic() < deadline, "Alertmanager knows no Watchdog"
        time.sleep(0.5)
    assert [alert["status"]["state"] for alert in alerts] == ["active"]


def test_the_declared_configuration_is_in_force(host: Host, url: str) -> None:
    status = ask(host, f"{url}/api/v2/status")
    assert "receiver: people" in status["config"]["original"]


def test_addresses_and_passwords_are_for_alertmanager_alone(host: Host) -> None:
    found = host.check_output(
        "find /etc/prometheus/alertmanager -type f -printf '%m %u %g\\n' 2>/dev/null || :"
    )
    assert set(found.splitlines()) <= {"640 root prometheus"}


@pytest.mark.parametrize(("token", "status"), [("", "422"), ("wrong", "403")])
def test_n8n_takes_what_it_posts_and_nothing_without_its_token(
    host: Host, topology: Topology, token: str, status: str
) -> None:
    """An empty post writes no note: n8n says that it is no alert."""
    if not (url := beside_n8n(topology, "alerts")):
        pytest.skip("the inventory has no n8n")
    given = f'"{token}"' if token else '"$(cat /etc/prometheus/alertmanager/n8n-token)"'
    # The token goes in over standard input: a command line is for all to see.
    said = host.check_output(
        f"printf 'Authorization: Bearer %s' {given} | curl --silent --max-time 90 --header @-"
        " --header 'Content-Type: application/json' --data '{}' --output /dev/null"
        " --write-out '%{http_code}' " + url
    )
    assert said == status
