"""Grafana: its settings, what its files say, and what its tool refuses."""

from __future__ import annotations

import json
import sqlite3
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from deploys.declarations import Port, Route, Scrape
from deploys.grafana import (
    ADMIN_PASSWORD,
    SECRET_KEY,
    Grafana,
    configuration,
    plugin_archives,
    secret_files,
)
from deploys.grafana_data_sources import LOGS_PLUGIN, DataSource, data_sources
from deploys.nginx import Nginx
from deploys.prometheus import Prometheus
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from files.grafana import grafana as tool
from operations.entries import Directory, File
from secret_store import SecretStore

SETTINGS = Grafana(version="13.2.3", logs_plugin_version="0.32.0", logs_plugin_sha256="a" * 64)
PROMETHEUS = DataSource("Prometheus", "prometheus", "prometheus", "http://192.0.2.2:9090", True, 15)
LOGS = DataSource("Logs", "victoria-logs", LOGS_PLUGIN, "http://192.0.2.2:9428")
BOARD = {"uid": "one", "title": "One", "tags": ["role:prometheus"], "panels": []}


class VictoriaLogs(Settings):
    role = "victoria_logs"

    def ports(self) -> tuple[Port, ...]:
        return (Port(9428, "logs", ("grafana",)),)


def machine(name: str, number: int, **settings: Settings) -> Machine:
    data = {"domain": "example.home.arpa"}
    return Machine(name, f"192.0.2.{number}", tuple(settings), settings, data)


def topology(*machines: Machine) -> Topology:
    return Topology(machines, ())


OWN = machine("own", 1, grafana=SETTINGS)
METRICS = machine("metrics", 2, prometheus=Prometheus())
EVERYTHING = machine("metrics", 2, prometheus=Prometheus(), victoria_logs=VictoriaLogs())
GATEWAY = machine("gateway", 3, nginx=Nginx())


def texts(there: Topology, boards: tuple[File, ...] = ()) -> dict[str, str]:
    entries = configuration(SETTINGS, there, OWN, data_sources(there), boards)
    return {entry.path: entry.content.decode() for entry in entries if isinstance(entry, File)}


def ini(there: Topology, *boards: File) -> ConfigParser:
    found = ConfigParser(interpolation=None, comment_prefixes=(";", "#"))
    found.read_string(texts(there, boards)["/etc/grafana/grafana.ini"])
    return found


def test_gateway_and_prometheus_reach_it_below_its_path() -> None:
    assert SETTINGS.ports() == (Port(3000, "dashboards", ("nginx", "prometheus")),)
    assert SETTINGS.scrapes() == (Scrape("grafana", 3000, path="/grafana/metrics"),)
    assert SETTINGS.route() == Route(3000, "Grafana", health="/api/health", page="/grafana/")
    assert SETTINGS.secrets() == (ADMIN_PASSWORD, SECRET_KEY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "13.2"),
        ("version", "latest"),
        ("logs_plugin_version", "v0.32.0"),
        ("logs_plugin_sha256", "abc"),
        ("key_fingerprint", "B53A E77B"),
    ],
)
def test_a_pin_that_is_none_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match=rf"{field}\n  String should match pattern"):
        Grafana(**{**SETTINGS.model_dump(), field: value})


def test_its_packages_are_those_of_grafanas_repository() -> None:
    source = SETTINGS.repository()
    assert (source.uri, source.suite) == ("https://apt.grafana.com", "stable")
    assert source.components == ("main",)
    assert source.key_url == "https://apt.grafana.com/gpg.key"
    assert source.key_fingerprint == "B53AE77BADB630A683046005963FA27710458545"


def test_it_serves_the_address_of_the_gateway_from_its_own() -> None:
    server = dict(ini(topology(OWN, GATEWAY))["server"])
    assert server == {
        "protocol": "http",
        "http_addr": "192.0.2.1",
        "http_port": "3000",
        "root_url": "https://gateway.example.home.arpa/grafana/",
        "serve_from_sub_path": "true",
    }


@pytest.mark.parametrize(
    ("there", "secure"),
    [(topology(OWN, GATEWAY), "true"), (topology(OWN), "false")],
    ids=["behind the gateway", "without one"],
)
def test_a_cookie_is_kept_from_plain_http_where_there_is_tls(there: Topology, secure: str) -> None:
    assert ini(there)["security"]["cookie_secure"] == secure
    expected = "https://gateway.example.home.arpa" if secure == "true" else "http://192.0.2.1:3000"
    assert ini(there)["server"]["root_url"] == f"{expected}/grafana/"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("security", "admin_password", "$__file{/etc/grafana/secrets/admin-password}"),
        ("security", "secret_key", "$__file{/etc/grafana/secrets/secret-key}"),
        ("security", "disable_brute_force_login_protection", "false"),
        ("security", "disable_gravatar", "true"),
        ("auth.anonymous", "enabled", "false"),
        ("users", "allow_sign_up", "false"),
        ("analytics", "reporting_enabled", "false"),
        ("analytics", "check_for_updates", "false"),
        ("analytics", "check_for_plugin_updates", "false"),
        ("analytics", "feedback_links_enabled", "false"),
        ("news", "news_feed_enabled", "false"),
        ("snapshots", "external_enabled", "false"),
        ("plugins", "preinstall_disabled", "true"),
        ("unified_alerting", "enabled", "false"),
        ("log", "mode", "console"),
        ("metrics", "enabled", "true"),
    ],
)
def test_nobody_gets_in_unasked_and_nothing_goes_out(section: str, key: str, value: str) -> None:
    assert ini(topology(OWN))[section][key] == value


def test_the_overview_is_the_first_page_where_there_is_one() -> None:
    overview = File("/etc/grafana/dashboards/overview.json", b"{}")
    found = ini(topology(OWN), overview)["dashboards"]["default_home_dashboard_path"]
    assert found == overview.path
    assert "dashboards" not in ini(topology(OWN))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (topology(OWN), []),
        (topology(OWN, METRICS), [PROMETHEUS]),
        (topology(OWN, EVERYTHING), [PROMETHEUS, LOGS]),
    ],
)
def test_data_sources_are_the_servers_of_the_inventory(
    there: Topology, expected: list[DataSource]
) -> None:
    assert data_sources(there) == expected
    document = yaml.safe_load(texts(there)["/etc/grafana/ai-idp/datasources/ai-idp.yaml"])
    assert document["prune"] is True
    assert document["datasources"] == [
        {
            **{"name": source.name, "uid": source.uid, "type": source.type, "url": source.url},
            **{"access": "proxy", "isDefault": source.is_default, "editable": False},
            **({"jsonData": {"timeInterval": "15s"}} if source == PROMETHEUS else {}),
        }
        for source in expected
    ]


def test_the_plugin_comes_with_the_role_that_it_reads() -> None:
    assert plugin_archives(SETTINGS, [PROMETHEUS]) == []
    assert plugin_archives(SETTINGS, [PROMETHEUS, LOGS]) == [SETTINGS.logs_plugin()]
    there = ini(topology(OWN, EVERYTHING))["paths"]["plugins"]
    assert there == f"/opt/ai-idp/archives/{LOGS_PLUGIN}/0.32.0-aaaaaaaaaaaa"
    assert ini(topology(OWN, METRICS))["paths"]["plugins"] == "/var/lib/grafana/plugins"


def test_the_plugin_is_the_project_s() -> None:
    assert SETTINGS.logs_plugin().url == (
        "https://github.com/VictoriaMetrics/victorialogs-datasource/releases/download/v0.32.0/"
        "victoriametrics-logs-datasource-v0.32.0.tar.gz"
    )


def test_dashboards_are_provisioned_and_not_to_be_changed_there() -> None:
    document = yaml.safe_load(texts(topology(OWN))["/etc/grafana/ai-idp/dashboards/ai-idp.yaml"])
    (provider,) = document["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["options"] == {"path": "/etc/grafana/dashboards"}


def test_what_grafana_reads_has_the_owners_that_its_package_gives() -> None:
    there = topology(OWN)
    entries = configuration(SETTINGS, there, OWN, [], [])
    below = [entry for entry in entries if entry.path.startswith("/etc/grafana/")]
    directories = [entry for entry in below if isinstance(entry, Directory)]
    files = [entry for entry in below if isinstance(entry, File)]
    assert {(x.mode, x.owner, x.group) for x in directories} == {("0755", "root", "grafana")}
    assert {(x.mode, x.owner, x.group) for x in files} == {("0640", "root", "grafana")}


def test_secrets_lie_in_files_of_their_own(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure(SETTINGS.secrets())
    files = secret_files(store)
    assert [file.path for file in files] == [
        "/etc/grafana/secrets/admin-password",
        "/etc/grafana/secrets/secret-key",
    ]
    assert all(file.secret and (file.mode, file.group) == ("0640", "grafana") for file in files)
    assert files[0].content.decode() == store.get(ADMIN_PASSWORD).get_secret_value()


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A staged set that is right, for `grafana.py validate`."""
    there = topology(OWN, METRICS)
    board = File("/etc/grafana/dashboards/one.json", json.dumps(BOARD).encode())
    entries = [*configuration(SETTINGS, there, OWN, data_sources(there), [board]), board]
    secrets = [
        File(f"/etc/grafana/secrets/{name}", b"x") for name in ("admin-password", "secret-key")
    ]
    for entry in [*entries, *secrets]:
        if isinstance(entry, File):
            path = tmp_path / entry.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entry.content)
    return tmp_path


def test_the_staged_set_as_rendered_is_accepted(stage: Path) -> None:
    assert tool.main(["validate", str(stage)]) == 0


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("grafana.ini", "[server\n", "grafana.ini: "),
        (
            "grafana.ini",
            "[security]\nsecret_key = $__file{/etc/grafana/secrets/other}\n",
            "secret_key is to be read from /etc/grafana/secrets/other, which is not there",
        ),
        ("ai-idp/datasources/ai-idp.yaml", "a: [", "ai-idp.yaml: while parsing"),
        ("ai-idp/datasources/ai-idp.yaml", "a: 1", "does not begin with `apiVersion: 1`"),
        ("dashboards/one.json", "{", "one.json is no JSON: "),
        ("dashboards/one.json", '{"uid": "one"}', "one.json has no uid or no title"),
    ],
)
def test_a_staged_set_with_a_fault_is_refused(
    stage: Path, path: str, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (stage / "etc/grafana" / path).write_text(text)
    assert tool.main(["validate", str(stage)]) == 1
    assert message in capsys.readouterr().out


# A row of a Grafana of 2021 that was published in an answer on how to set the password to `admin`.
PUBLISHED = (
    "59acf18b94d7eb0694c61e60ce44c110c7a683ac6a8f09580d626f90f4a24200"
    "0746579358d77dd9e570e83fa24faa88a8a6"
)


def test_a_password_is_compared_as_grafana_keeps_it() -> None:
    assert tool.encoded("admin", "F3FAxVm33R") == PUBLISHED


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """grafana.db with the password `admin`, and the secret that says so."""
    path = tmp_path / "grafana.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE user (login TEXT, password TEXT, salt TEXT)")
        made.execute("INSERT INTO user VALUES ('admin', ?, 'F3FAxVm33R')", [PUBLISHED])
        made.execute("CREATE TABLE login_attempt (username TEXT, created INTEGER)")
    made.close()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "admin-password").write_text("admin")
    monkeypatch.setattr(tool, "DATABASE", str(path))
    monkeypatch.setattr(tool, "ETC", str(tmp_path))
    return path


def test_the_declared_password_is_recognised(database: Path) -> None:
    assert tool.state() == "password of admin: as declared"
    assert tool.main(["admin-password"]) == 0


@pytest.mark.parametrize("spoil", ["DELETE FROM user", "UPDATE user SET salt = 'other'"])
def test_another_password_is_noticed(database: Path, spoil: str) -> None:
    with sqlite3.connect(database) as opened:
        opened.execute(spoil)
    opened.close()
    assert tool.state() == "password of admin: another"
    assert tool.main(["admin-password"]) == 1


def test_a_new_database_gets_its_password_from_grafana_itself(database: Path) -> None:
    database.unlink()
    assert tool.state() == "password of admin: no database"
    assert tool.main(["admin-password"]) == 0


@pytest.mark.parametrize(("failures", "is_locked"), [(4, False), (5, True)])
def test_five_failed_logins_lock_the_admin(database: Path, failures: int, is_locked: bool) -> None:
    with sqlite3.connect(database) as opened:
        sql = "INSERT INTO login_attempt VALUES ('admin', strftime('%s'))"
        for _ in range(failures):
            opened.execute(sql)
    opened.close()
    assert tool.locked() is is_locked
