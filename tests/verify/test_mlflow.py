"""MLflow: people and programs log in through the gateway, log a run and read it back."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import pytest
from testinfra.host import Host

import secret_store
from deploys.mlflow import (
    ADMIN_PASSWORD,
    PASSWORD_FILE,
    PATH,
    REQUIREMENTS,
    TOOL,
    UNIT_FILE,
    Mlflow,
    version,
)
from deploys.topology import Machine, Topology
from tests.verify.gateway import Answer, Connection, Gateway

SHOW_ON_FAILURE = ("journalctl --unit mlflow --lines 20 --no-pager",)
API = "api/2.0/mlflow"
ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"
LARGE = bytes(24 * 2**20)
"""More than the gateway lets through to others."""


class Person:
    """Somebody at the gateway who asks MLflow, with a password of `admin` or without any."""

    def __init__(self, gateway: Gateway, password: str | None) -> None:
        self.gateway, self.password = gateway, password

    def ask(self, path: str, content: bytes | None = None, method: str = "GET") -> Answer:
        headers = {"Content-Type": "application/json"}
        if self.password is not None:
            shown = base64.b64encode(f"admin:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {shown}"
        there = self.gateway
        with closing(Connection(there.address, there.name, there.trust)) as connection:
            connection.request(method, f"{PATH}{path}", content, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, (answer.read(),), ())

    def post(self, call: str, **body: Any) -> Answer:
        return self.ask(f"{API}/{call}", json.dumps(body).encode(), "POST")


@pytest.fixture
def admin(gateway: Gateway, secret: Callable[[str], str]) -> Person:
    return Person(gateway, secret(ADMIN_PASSWORD))


@pytest.fixture
def stranger(gateway: Gateway) -> Person:
    return Person(gateway, None)


@pytest.fixture
def run(admin: Person) -> Generator[dict[str, Any]]:
    """A run that is never finished, so that nothing makes a note of it, and that goes again."""
    started = int(time.time() * 1000)
    made = admin.post("runs/create", experiment_id="0", run_name="verify", start_time=started)
    assert made.status == 200, made.text
    info: dict[str, Any] = made.json()["run"]["info"]
    yield info
    assert admin.post("runs/delete", run_id=info["run_id"]).status == 200


def status(host: Host, machine: Machine, settings: Mlflow, path: str, name: str = "") -> str:
    """What the server answers on its own host to whoever has no login, under a Host header."""
    endpoint = f"{machine.address}:{settings.port}"
    command = (
        "curl --noproxy '*' --silent --output /dev/null --write-out '%%{http_code}' --header %s %s"
    )
    url = f"http://{endpoint}/{path}"
    return str(host.check_output(command, f"Host: {name or endpoint}", url))


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("mlflow").is_running
    assert host.service("mlflow").is_enabled


def test_it_is_the_version_of_the_lock_and_lets_admin_in(host: Host) -> None:
    assert host.run(f"python3 -B {TOOL} probe {UNIT_FILE}").rc == 0


def test_it_listens_on_the_address_of_the_host_only(
    host: Host, machine: Machine, settings: Mlflow
) -> None:
    assert host.socket(f"tcp://{machine.address}:{settings.port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.port}").is_listening


def test_the_password_is_for_root_alone(host: Host) -> None:
    file = host.file(PASSWORD_FILE)
    assert (file.user, file.group, file.mode) == ("root", "root", 0o600)


def test_its_data_are_its_own(host: Host) -> None:
    assert host.check_output("stat --format '%a %U' /var/lib/mlflow") == "750 mlflow"


def test_its_memory_is_limited(host: Host, settings: Mlflow) -> None:
    limit = host.check_output("systemctl show --property MemoryMax --value mlflow")
    assert int(limit) == settings.memory_limit_mib * 2**20


def test_a_foreign_host_header_is_refused(host: Host, machine: Machine, settings: Mlflow) -> None:
    path = f"{API}/experiments/search"
    assert status(host, machine, settings, path) == "401"
    assert status(host, machine, settings, path, name="evil.example.com") == "403"


def test_the_gateway_says_whether_it_is_well(stranger: Person) -> None:
    assert stranger.ask("health").text == "OK"


@pytest.mark.parametrize(
    "path",
    ["", "signup", "version", "metrics", "graphql", f"{API}/experiments/search", ARTIFACTS],
)
def test_strangers_are_asked_for_a_login(stranger: Person, path: str) -> None:
    answer = stranger.ask(path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="mlflow"'


def test_a_wrong_password_is_refused_and_so_is_the_one_before_the_last_rotation(
    gateway: Gateway, topology: Topology
) -> None:
    before = secret_store.for_data(topology.machines[0].data).previous(ADMIN_PASSWORD)
    for password in ["wrong", *([before.get_secret_value()] if before else [])]:
        assert Person(gateway, password).ask("version").status == 401


def test_a_login_shows_the_pages_and_the_version(admin: Person) -> None:
    assert "<title>MLflow</title>" in admin.ask("").text
    assert admin.ask("version").text == version(REQUIREMENTS.read_bytes())


def test_a_run_is_logged_and_read_back(admin: Person, run: dict[str, Any]) -> None:
    key = run["run_id"]
    measured = {"key": "loss", "value": 0.25, "timestamp": run["start_time"], "step": 3}
    logged = admin.post(
        "runs/log-batch", run_id=key, params=[{"key": "rate", "value": "3"}], metrics=[measured]
    )
    assert logged.status == 200
    data = admin.ask(f"{API}/runs/get?run_id={key}").json()["run"]["data"]
    assert data["params"] == [{"key": "rate", "value": "3"}]
    assert [(metric["key"], metric["value"]) for metric in data["metrics"]] == [("loss", 0.25)]


def test_a_large_artifact_comes_back_as_it_was(admin: Person, run: dict[str, Any]) -> None:
    folder = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    path = f"{ARTIFACTS}/{folder}/large.bin"
    try:
        assert admin.ask(path, LARGE, "PUT").status == 200
        assert admin.ask(path).pieces == (LARGE,)
    finally:
        assert admin.ask(path, method="DELETE").status == 200


def test_a_page_of_another_site_cannot_change_anything(
    gateway: Gateway, secret: Callable[[str], str]
) -> None:
    shown = base64.b64encode(f"admin:{secret(ADMIN_PASSWORD)}".encode()).decode()
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Basic {shown}",
        "Origin": "https://evil.example.com",
    }
    with closing(Connection(gateway.address, gateway.name, gateway.trust)) as connection:
        connection.request("POST", f"{PATH}{API}/experiments/create", b'{"name": "x"}', headers)
        assert connection.getresponse().status == 403
