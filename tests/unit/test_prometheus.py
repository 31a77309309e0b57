"""Prometheus: which jobs follow from the roles' scrapes, and what its files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pyinfra.api.exceptions import DeployError

from deploys.declarations import Port, Scrape
from deploys.prometheus import Prometheus, configuration, credentials, scrape_jobs
from deploys.topology import Machine, Target
from operations.entries import Directory, File
from secret_store import SecretStore


def machine(name: str, number: int) -> Machine:
    return Machine(name, f"192.0.2.{number}", (), {}, {})


ONE, TWO = machine("one", 1), machine("two", 2)
NODE = Scrape("node", 9100)
MODEL = Scrape("model", 8080, path="/v1/metrics", bearer_secret="model/api-key")
TARGETS = [
    Target(ONE, "node_exporter", NODE),
    Target(TWO, "model", MODEL),
    Target(TWO, "node_exporter", NODE),
]


def texts(settings: Prometheus | None = None) -> dict[str, str]:
    files = configuration(settings or Prometheus(), ONE, scrape_jobs(TARGETS))
    return {file.path: file.content.decode() for file in files}


def rendered(settings: Prometheus | None = None) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(texts(settings)["/etc/prometheus/prometheus.yml"])
    return document


def test_it_is_scraped_where_it_listens() -> None:
    settings = Prometheus(port=9091)
    assert settings.ports() == (Port(9091, "metrics database", ("prometheus",)),)
    assert settings.scrapes() == (Scrape("prometheus", 9091),)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("port", 0, "greater than or equal to 1"),
        ("port", 65536, "less than or equal to 65535"),
        ("scrape_interval_seconds", 0, "greater than or equal to 1"),
        ("scrape_interval_seconds", 121, "less than or equal to 120"),
        ("retention_days", 0, "greater than or equal to 1"),
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


def test_retention_and_address_are_arguments() -> None:
    last = texts(Prometheus(retention_days=7, port=9091))["/etc/default/prometheus"].splitlines()[
        -1
    ]
    assert last == ('ARGS="--web.listen-address=192.0.2.1:9091 --storage.tsdb.retention.time=7d"')


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
