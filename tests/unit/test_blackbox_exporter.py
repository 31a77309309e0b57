"""Blackbox exporter: what it asks, and whom it believes."""

from __future__ import annotations

import yaml

from deploys.alertmanager import Alertmanager
from deploys.blackbox_exporter import BlackboxExporter, Probe, configuration, probes
from deploys.declarations import Port, Scrape
from deploys.nginx import Nginx
from deploys.node_exporter import NodeExporter
from deploys.prometheus import Prometheus
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations.entries import File


def machine(name: str, *held: Settings) -> Machine:
    settings = {one.role: one for one in held}
    return Machine(name, "192.0.2.1", tuple(settings), settings, {"domain": "example.home.arpa"})


def texts(settings: BlackboxExporter) -> dict[str, str]:
    files = configuration(settings, machine("observer"))
    return {file.path: file.content.decode() for file in files if isinstance(file, File)}


def test_it_listens_for_prometheus_alone() -> None:
    settings = BlackboxExporter(port=9116)
    assert settings.ports() == (Port(9116, "probes of the gateway", ("prometheus",)),)
    assert settings.scrapes() == (Scrape("blackbox_exporter", 9116),)
    assert settings.route() is None
    last = texts(settings)["/etc/default/prometheus-blackbox-exporter"].splitlines()[-1]
    assert last == (
        'ARGS="--config.file=/etc/prometheus/blackbox.yml --web.listen-address=192.0.2.1:9116"'
    )


def test_it_believes_the_internal_authority_alone_and_only_a_200() -> None:
    document = yaml.safe_load(
        texts(BlackboxExporter(timeout_seconds=3))["/etc/prometheus/blackbox.yml"]
    )
    assert document["modules"]["route"] == {
        "prober": "http",
        "timeout": "3s",
        "http": {
            "valid_status_codes": [200],
            "follow_redirects": False,
            "fail_if_not_ssl": True,
            "tls_config": {
                "ca_file": "/usr/local/share/ca-certificates/ai-idp.crt",
                "min_version": "TLS12",
            },
        },
    }


def test_it_asks_for_every_role_with_a_route_once() -> None:
    machines = (
        machine("one", Prometheus(), NodeExporter()),
        machine("two", Prometheus(), Alertmanager()),
        machine("gateway", Nginx()),
    )
    url = "https://gateway.example.home.arpa/status"
    assert probes(Topology(machines, ())) == (
        Probe("prometheus", f"{url}/prometheus"),
        Probe("alertmanager", f"{url}/alertmanager"),
    )


def test_a_route_whose_hosts_may_all_be_off_is_told_apart() -> None:
    sleeper = machine("one", Prometheus(), Alertmanager())
    sleeper.data["may_be_absent"] = True
    machines = (sleeper, machine("two", Alertmanager()), machine("gateway", Nginx()))
    found = {probe.role: probe.may_be_absent for probe in probes(Topology(machines, ()))}
    assert found == {"prometheus": True, "alertmanager": False}


def test_without_a_gateway_there_is_nothing_to_ask() -> None:
    assert probes(Topology((machine("one", Prometheus()),), ())) == ()
