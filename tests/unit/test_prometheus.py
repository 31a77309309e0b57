"""Prometheus: which jobs follow from the roles' scrapes, and what its files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pyinfra.api.exceptions import DeployError

from deploys.alertmanager import Alertmanager
from deploys.blackbox_exporter import BlackboxExporter
from deploys.declarations import Port, Scrape
from deploys.nginx import Nginx
from deploys.prometheus import (
    Around,
    Prometheus,
    configuration,
    credentials,
    rule_files,
)
from deploys.scrape_jobs import scrape_jobs
from deploys.settings import Settings
from deploys.topology import Machine, Target, Topology
from operations.entries import Directory, File
from secret_store import SecretStore


def machine(name: str, number: int, *held: Settings, **data: Any) -> Machine:
    settings = {one.role: one for one in held}
    data = {"domain": "example.home.arpa", **data}
    return Machine(name, f"192.0.2.{number}", tuple(settings), settings, data)


ONE, TWO = machine("one", 1), machine("two", 2)
NODE = Scrape("node", 9100)
MODEL = Scrape("model", 8080, path="/v1/metrics", bearer_secret="model/api-key")
TARGETS = [
    Target(ONE, "node_exporter", NODE),
    Target(TWO, "model", MODEL),
    Target(TWO, "node_exporter", NODE),
]


ALONE = Around(scrape_jobs(TARGETS), alertmanagers=(), probed=None, external_url="")


def texts(settings: Prometheus | None = None, around: Around = ALONE) -> dict[str, str]:
    files = configuration(settings or Prometheus(), ONE, around)
    return {file.path: file.content.decode() for file in files}


def rendered(settings: Prometheus | None = None, around: Around = ALONE) -> dict[str, Any]:
    text = texts(settings, around)["/etc/prometheus/prometheus.yml"]
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def test_it_is_scraped_where_it_listens() -> None:
    settings = Prometheus(port=9091)
    reach = ("prometheus", "nginx", "grafana", "n8n")
    assert settings.ports() == (Port(9091, "metrics database", reach),)
    assert settings.scrapes() == (Scrape("prometheus", 9091),)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("port", 0, "greater than or equal to 1"),
        ("port", 65536, "less than or equal to 65535"),
        ("scrape_interval_seconds", 0, "greater than or equal to 1"),
        ("scrape_interval_seconds", 121, "less than or equal to 120"),
        ("retention_days", 0, "greater than or equal to 1"),
        ("size_limit_gib", 0, "greater than or equal to 1"),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: int, message: str) -> None:
    with pytest.raises(ValueError, match=rf"{field}\n  Input should be {message}"):
        Prometheus(**{field: value})


def test_targets_of_one_job_stand_together_under_their_hosts_names() -> None:
    node = rendered()["scrape_configs"][0]
    assert node == {
        "job_name": "node",
        "metrics_path": "/metrics",
        "static_configs": [
            {
                "targets": ["192.0.2.1:9100"],
                "labels": {"instance": "one", "role": "node_exporter"},
            },
            {
                "targets": ["192.0.2.2:9100"],
                "labels": {"instance": "two", "role": "node_exporter"},
            },
        ],
    }


def test_a_protected_target_is_asked_with_a_key_from_a_file_beside() -> None:
    model = rendered()["scrape_configs"][1]
    assert model["authorization"] == {
        "type": "Bearer",
        "credentials_file": "secrets/model/api-key",
    }
    assert model["metrics_path"] == "/v1/metrics"


@pytest.mark.parametrize(("interval", "timeout"), [(5, "5s"), (60, "10s")])
def test_the_timeout_never_exceeds_the_interval(interval: int, timeout: str) -> None:
    assert rendered(Prometheus(scrape_interval_seconds=interval))["global"] == {
        "scrape_interval": f"{interval}s",
        "scrape_timeout": timeout,
        "evaluation_interval": f"{interval}s",
    }


def arguments(settings: Prometheus, around: Around = ALONE) -> list[str]:
    last = texts(settings, around)["/etc/default/prometheus"].splitlines()[-1]
    assert last.startswith('ARGS="') and last.endswith('"')
    return last.removeprefix('ARGS="').removesuffix('"').split(" ")


def test_address_retention_and_size_are_arguments() -> None:
    assert arguments(Prometheus(retention_days=7, size_limit_gib=3, port=9091)) == [
        "--web.listen-address=192.0.2.1:9091",
        "--storage.tsdb.retention.time=7d",
        "--storage.tsdb.retention.size=3GB",
    ]


def test_behind_a_gateway_its_links_lead_there_and_its_paths_stay() -> None:
    around = Around((), (), None, external_url="https://gateway.example/prometheus/")
    assert arguments(Prometheus(), around)[3:] == [
        "--web.external-url=https://gateway.example/prometheus/",
        "--web.route-prefix=/",
    ]


def test_it_claims_what_it_may_take_of_the_disk() -> None:
    (claim,) = Prometheus(size_limit_gib=3).disk(ONE)
    assert (claim.path, claim.bytes) == ("/var/lib/prometheus/metrics2", 3 * 1024**3)


def test_the_gateway_passes_people_on_who_know_the_password() -> None:
    route = Prometheus(port=9091).route()
    assert (route.port, route.page, route.health) == (9091, "/prometheus/", "/-/healthy")
    assert route.password_secret == "nginx/admin-password"


@pytest.mark.parametrize(("data", "label"), [({}, None), ({"may_be_absent": True}, "yes")])
def test_a_host_that_may_be_absent_is_labelled(data: dict[str, Any], label: str | None) -> None:
    jobs = scrape_jobs([Target(machine("laptop", 3, **data), "node_exporter", NODE)])
    (job,) = rendered(around=Around(jobs, (), None, ""))["scrape_configs"]
    assert job["static_configs"][0]["labels"].get("may_be_absent") == label


OBSERVER = machine("observer", 4, Alertmanager(port=9094), BlackboxExporter(port=9116))
GATEWAY = machine("gateway", 5, Nginx())
SERVED = Topology((machine("served", 6, Prometheus()), OBSERVER, GATEWAY), ())


def test_alerts_go_to_every_alertmanager_of_the_inventory() -> None:
    assert rendered(around=Around.of(SERVED))["alerting"] == {
        "alertmanagers": [{"static_configs": [{"targets": ["192.0.2.4:9094"]}]}]
    }
    assert "alerting" not in rendered()


def test_the_blackbox_exporter_is_asked_for_every_route_of_the_gateway() -> None:
    *_, job = rendered(around=Around.of(SERVED))["scrape_configs"]
    url = "https://gateway.example.home.arpa/status"
    assert job == {
        "job_name": "blackbox",
        "metrics_path": "/probe",
        "params": {"module": ["route"]},
        "static_configs": [
            {"targets": [f"{url}/prometheus"], "labels": {"route": "prometheus"}},
            {"targets": [f"{url}/alertmanager"], "labels": {"route": "alertmanager"}},
        ],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": "192.0.2.4:9116"},
        ],
    }


@pytest.mark.parametrize("machines", [(GATEWAY, machine("served", 6, Prometheus())), (OBSERVER,)])
def test_without_gateway_or_exporter_nothing_is_probed(machines: tuple[Machine, ...]) -> None:
    names = [
        job["job_name"]
        for job in rendered(around=Around.of(Topology(machines, ())))["scrape_configs"]
    ]
    assert "blackbox" not in names


def test_rules_land_for_roles_that_some_host_has(tmp_path: Path) -> None:
    for name in ("rules/nginx.yaml", "rules/ups.yaml", "recording/nginx.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    found = {file.path: file.content for file in rule_files(SERVED, tmp_path)}
    assert found == {
        "/etc/prometheus/rules/nginx.yaml": b"# rules/nginx.yaml\n",
        "/etc/prometheus/recording/nginx.yaml": b"# recording/nginx.yaml\n",
    }


def test_every_folder_of_rules_is_read() -> None:
    assert rendered()["rule_files"] == ["rules/*.yaml", "recording/*.yaml"]


@pytest.mark.parametrize(
    "other", [Scrape("node", 9200, path="/other"), Scrape("node", 9200, bearer_secret="x")]
)
def test_two_ways_of_asking_under_one_name_are_refused(other: Scrape) -> None:
    message = (
        "the scrape job node has more than one path or secret; "
        r"give each its own job name in the scrapes\(\) of node_exporter and other"
    )
    with pytest.raises(DeployError, match=message):
        scrape_jobs([*TARGETS, Target(TWO, "other", other)])


def test_a_secret_lies_in_a_file_for_prometheus_alone(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure(["model/api-key"])
    *directories, file = credentials(scrape_jobs(TARGETS), store)
    assert isinstance(file, File)
    assert file.path == "/etc/prometheus/secrets/model/api-key"
    assert (file.mode, file.owner, file.group, file.secret) == ("0640", "root", "prometheus", True)
    assert file.content.decode() == store.get("model/api-key").get_secret_value()
    assert directories == [
        Directory(f"/etc/prometheus/{name}", mode="0750", group="prometheus")
        for name in ("secrets", "secrets/model")
    ]
