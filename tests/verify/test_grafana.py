"""Grafana: people log in through the gateway, and see dashboards over data that are there."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import pytest
from testinfra.host import Host

import secret_store
from deploys.grafana import ADMIN_PASSWORD, TOOL, Grafana
from deploys.grafana_dashboards import DASHBOARDS, dashboards
from deploys.grafana_data_sources import data_sources
from deploys.topology import Machine, Topology
from tests.verify.gateway import Answer, Connection, Gateway

SHOW_ON_FAILURE = ("journalctl --unit grafana-server --lines 20 --no-pager",)


class Person:
    """Somebody at the gateway who asks Grafana, with a password of `admin` or without any."""

    def __init__(self, gateway: Gateway, password: str | None) -> None:
        self.gateway, self.password = gateway, password

    def ask(self, path: str, body: Any = None, cookie: str = "") -> Answer:
        headers = {"Content-Type": "application/json", "Cookie": cookie}
        if self.password is not None:
            shown = base64.b64encode(f"admin:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {shown}"
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        there = self.gateway
        with closing(Connection(there.address, there.name, there.trust)) as connection:
            connection.request(method, f"/grafana/{path}", content, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, (answer.read(),), ())


@pytest.fixture
def settings(machine: Machine) -> Grafana:
    found = machine.settings["grafana"]
    assert isinstance(found, Grafana)
    return found


@pytest.fixture
def admin(gateway: Gateway, secret: Callable[[str], str]) -> Person:
    return Person(gateway, secret(ADMIN_PASSWORD))


@pytest.fixture
def stranger(gateway: Gateway) -> Person:
    return Person(gateway, None)


@pytest.fixture
def forgotten(admin: Person) -> Generator[None]:
    """Failed logins count for five minutes, and a good one forgets them."""
    yield
    assert admin.ask("api/user").status == 200


def test_grafana_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("grafana-server").is_running
    assert host.service("grafana-server").is_enabled


def test_it_listens_on_the_address_of_the_host_only(
    host: Host, machine: Machine, settings: Grafana
) -> None:
    assert host.socket(f"tcp://{machine.address}:{settings.port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.port}").is_listening


def test_it_is_the_version_that_apt_is_kept_from_changing(host: Host, settings: Grafana) -> None:
    assert host.package("grafana").version == settings.version
    assert "grafana" in host.check_output("apt-mark showhold").split()


def test_secrets_are_for_grafana_alone(host: Host) -> None:
    listing = "find /etc/grafana/secrets -type f -printf '%m %u:%g %f\\n'"
    assert sorted(host.check_output(listing).splitlines()) == [
        "640 root:grafana admin-password",
        "640 root:grafana secret-key",
    ]


def test_on_its_host_it_lets_the_admin_in(host: Host) -> None:
    assert host.run(f"python3 -B {TOOL} probe").rc == 0


def test_on_its_host_it_refuses_strangers(host: Host, machine: Machine, settings: Grafana) -> None:
    url = f"http://{machine.address}:{settings.port}/grafana/api/datasources"
    command = "curl --noproxy '*' --silent --output /dev/null --write-out '%%{http_code}' %s"
    assert host.check_output(command, url) == "401"


def test_strangers_get_the_login_page_and_nothing_else(stranger: Person) -> None:
    page = stranger.ask("login")
    assert page.status == 200
    assert "Grafana" in page.text
    first = stranger.ask("")
    assert (first.status, first.headers["Location"]) == (302, "/grafana/login")
    refused = ["api/datasources", "api/search", "api/dashboards/home"]
    assert {path: stranger.ask(path).status for path in refused} == dict.fromkeys(refused, 401)


def test_nobody_can_sign_up(stranger: Person) -> None:
    answer = stranger.ask("api/user/signup", {"email": "somebody@example.com"})
    assert answer.status in (401, 404)


@pytest.mark.usefixtures("forgotten")
def test_a_wrong_password_is_refused_and_so_is_the_one_before_the_last_rotation(
    gateway: Gateway, topology: Topology
) -> None:
    before = secret_store.for_data(topology.machines[0].data).previous(ADMIN_PASSWORD)
    for password in ["wrong", *([before.get_secret_value()] if before else [])]:
        assert Person(gateway, password).ask("api/user").status == 401


def test_a_login_opens_a_session_that_scripts_and_other_sites_cannot_read(
    stranger: Person, secret: Callable[[str], str]
) -> None:
    answer = stranger.ask("login", {"user": "admin", "password": secret(ADMIN_PASSWORD)})
    assert answer.status == 200
    cookies = answer.headers.get_all("Set-Cookie") or []
    (session,) = [cookie for cookie in cookies if cookie.startswith("grafana_session=")]
    words = {word.strip().lower() for word in session.split(";")}
    assert {"httponly", "secure", "samesite=lax", "path=/grafana"} <= words
    assert stranger.ask("api/user", cookie=session.partition(";")[0]).json()["login"] == "admin"


def test_it_has_the_declared_data_sources_and_no_other(admin: Person, topology: Topology) -> None:
    found = {
        source["uid"]: (source["type"], source["url"])
        for source in admin.ask("api/datasources").json()
    }
    assert found == {source.uid: (source.type, source.url) for source in data_sources(topology)}


def test_each_data_source_says_that_it_is_well(admin: Person, topology: Topology) -> None:
    uids = [source.uid for source in data_sources(topology)]
    answers = {uid: admin.ask(f"api/datasources/uid/{uid}/health").json() for uid in uids}
    assert {uid: answer["status"] for uid, answer in answers.items()} == dict.fromkeys(uids, "OK")


def test_a_query_through_grafana_returns_data(admin: Person, topology: Topology) -> None:
    if not topology.having("prometheus"):
        pytest.skip("the inventory has no Prometheus")
    answer = admin.ask("api/datasources/proxy/uid/prometheus/api/v1/query?query=up").json()
    jobs = {sample["metric"]["job"] for sample in answer["data"]["result"]}
    assert {"grafana", "prometheus"} <= jobs


def test_every_dashboard_is_served_and_cannot_be_changed_by_hand(
    admin: Person, topology: Topology
) -> None:
    for path in dashboards(DASHBOARDS, topology):
        declared = json.loads(path.read_bytes())
        answer = admin.ask(f"api/dashboards/uid/{declared['uid']}")
        assert answer.status == 200, path.name
        assert answer.json()["dashboard"]["title"] == declared["title"]
        assert answer.json()["meta"]["provisioned"] is True
        assert admin.ask("api/dashboards/db", {"dashboard": declared}).status == 400


def test_it_has_no_dashboard_of_a_role_that_no_host_has(admin: Person, topology: Topology) -> None:
    declared = {json.loads(path.read_bytes())["uid"] for path in dashboards(DASHBOARDS, topology)}
    provisioned = {
        board["uid"]
        for board in admin.ask("api/search?type=dash-db").json()
        if admin.ask(f"api/dashboards/uid/{board['uid']}").json()["meta"]["provisioned"]
    }
    assert provisioned == declared
