"""Prometheus: every declared target is asked and answers, and the past is kept long enough."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

from deploys.alertmanager import Alertmanager, endpoint
from deploys.prometheus import Probed, Prometheus, rule_files
from deploys.topology import Machine, Topology
from tests.verify import connections
from tests.verify.connections import AbsentError

SHOW_ON_FAILURE = ("journalctl --unit prometheus --lines 20 --no-pager",)


@pytest.fixture
def settings(machine: Machine) -> Prometheus:
    found = machine.settings["prometheus"]
    assert isinstance(found, Prometheus)
    return found


class Api:
    """Prometheus' HTTP API, asked on its own host."""

    def __init__(self, host: Host, machine: Machine, port: int) -> None:
        self.host, self.url = host, f"http://{machine.address}:{port}/api/v1"

    def ask(self, path: str) -> Any:
        command = "curl --silent --show-error --fail --max-time 10 --globoff %s"
        return json.loads(self.host.check_output(command, f"{self.url}/{path}"))["data"]

    def targets(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every active target by job and host."""
        active = self.ask("targets?state=active")["activeTargets"]
        return {(t["labels"]["job"], t["labels"]["instance"]): t for t in active}

    def values(self, query: str) -> dict[str, float]:
        """The samples of an instant query by their label `instance`."""
        command = f"curl --silent --show-error --fail --max-time 10 --get {self.url}/query"
        said = self.host.check_output(f"{command} --data-urlencode %s", f"query={query}")
        found = json.loads(said)["data"]["result"]
        return {one["metric"].get("instance", ""): float(one["value"][1]) for one in found}


@pytest.fixture
def api(host: Host, machine: Machine, settings: Prometheus) -> Api:
    return Api(host, machine, settings.port)


def test_prometheus_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("prometheus").is_running
    assert host.service("prometheus").is_enabled


def test_it_listens_on_the_address_of_the_host_only(
    host: Host, machine: Machine, settings: Prometheus
) -> None:
    assert host.socket(f"tcp://{machine.address}:{settings.port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.port}").is_listening


def test_it_asks_every_declared_target_and_no_other(
    api: Api, topology: Topology, settings: Prometheus
) -> None:
    declared = {(t.scrape.job, t.machine.name): t.endpoint for t in topology.targets()}
    if probed := Probed.of(topology):
        declared |= {("blackbox", probe.url): probe.url for probe in probed.probes}

    def asked() -> dict[tuple[str, str], str]:
        return {key: t["discoveredLabels"]["__address__"] for key, t in api.targets().items()}

    assert _settled(asked, declared, settings) == declared


def test_every_target_is_up(api: Api, topology: Topology, settings: Prometheus) -> None:
    present = [(t.scrape.job, t.machine.name) for t in topology.targets() if _present(t.machine)]

    def state() -> dict[tuple[str, str], str]:
        targets = api.targets()
        unknown = {"health": "unknown", "lastError": "not asked yet"}
        asked = {key: targets.get(key, unknown) for key in present}
        return {key: target["lastError"] or target["health"] for key, target in asked.items()}

    expected = dict.fromkeys(present, "up")
    assert _settled(state, expected, settings) == expected


def test_every_route_of_the_gateway_is_probed_and_well(
    api: Api, topology: Topology, settings: Prometheus
) -> None:
    probed = Probed.of(topology)
    if probed is None:
        pytest.skip("the inventory has no gateway, or nobody who probes it")
    urls = {probe.url for probe in probed.probes}
    expected = {probe.url: 1.0 for probe in probed.probes if not probe.may_be_absent}

    def found() -> dict[str, float]:
        states = api.values("probe_success")
        return {url: states.get(url, -1) for url in expected}

    assert _settled(found, expected, settings) == expected
    assert set(api.values("probe_ssl_earliest_cert_expiry")) == urls


def test_the_rules_of_every_role_are_loaded_and_none_fails(
    api: Api, topology: Topology, settings: Prometheus
) -> None:
    declared = sorted(file.path for file in rule_files(topology))
    expected = dict.fromkeys(declared, ("ok",))

    def found() -> dict[str, tuple[str, ...]]:
        states: dict[str, set[str]] = {}
        for group in api.ask("rules")["groups"]:
            said = {rule.get("lastError") or rule["health"] for rule in group["rules"]}
            states.setdefault(group["file"], set()).update(said)
        return {file: tuple(sorted(said)) for file, said in sorted(states.items())}

    assert _settled(found, expected, settings) == expected


def test_it_knows_every_alertmanager(api: Api, topology: Topology, settings: Prometheus) -> None:
    expected = [
        f"http://{endpoint(held, machine)}/api/v2/alerts"
        for machine, held in topology.holders(Alertmanager)
    ]

    def known() -> list[str]:
        return [one["url"] for one in api.ask("alertmanagers")["activeAlertmanagers"]]

    assert _settled(known, expected, settings) == expected


def test_answers_are_kept_as_long_as_declared(api: Api, settings: Prometheus) -> None:
    flags = api.ask("status/flags")
    assert flags["storage.tsdb.retention.time"] == f"{settings.retention_days}d"
    assert flags["storage.tsdb.retention.size"] == f"{settings.size_limit_gib}GiB"


def test_it_can_neither_be_stopped_nor_emptied_from_outside(api: Api) -> None:
    flags = api.ask("status/flags")
    assert (flags["web.enable-lifecycle"], flags["web.enable-admin-api"]) == ("false", "false")


def test_the_present_configuration_is_loaded(api: Api) -> None:
    query = "prometheus_config_last_reload_successful"
    (sample,) = api.ask(f"query?query={query}")["result"]
    assert sample["value"][1] == "1"


def test_secrets_are_for_prometheus_alone(host: Host, topology: Topology) -> None:
    names = {t.scrape.bearer_secret for t in topology.targets() if t.scrape.bearer_secret}
    for name in names:
        file = host.file(f"/etc/prometheus/secrets/{name}")
        assert (file.mode, file.user, file.group) == (0o640, "root", "prometheus"), name


def _present(machine: Machine) -> bool:
    try:
        connections.connected(machine)
    except AbsentError:
        return not machine.may_be_absent
    return True


def _settled(observe: Callable[[], Any], expected: Any, settings: Prometheus) -> Any:
    """What is observed once it is as expected, or when a change should long have shown.

    After a restart targets appear within 5 s, and each is asked within one interval.
    """
    deadline = time.monotonic() + 5 + 2 * settings.scrape_interval_seconds
    while (observed := observe()) != expected and time.monotonic() < deadline:
        time.sleep(0.5)
    return observed
