"""The stand-in for Grafana does as the real one in what the roll-out relies on."""

from __future__ import annotations

import base64
import http.client
import io
import json
import threading
from collections.abc import Generator
from contextlib import closing
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.standins.grafana import command_line
from lab.standins.grafana.configuration import Configuration, RefusedError
from lab.standins.grafana.database import Database
from lab.standins.grafana.metrics import Metrics
from lab.standins.grafana.provisioning import State, provision
from lab.standins.grafana.server import Handler

BOARD = {"uid": "one", "title": "One", "panels": []}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A host's folders, with a grafana.ini and one dashboard."""
    for name in ("data", "plugins", "ai-idp/datasources", "ai-idp/dashboards", "dashboards"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "password").write_text("first-password\n")
    (tmp_path / "grafana.ini").write_text(
        f"[paths]\ndata = {tmp_path}/data\nplugins = {tmp_path}/plugins\n"
        f"provisioning = {tmp_path}/ai-idp\n"
        f"[server]\nroot_url = https://gateway.test/grafana/\nserve_from_sub_path = true\n"
        f"[security]\nadmin_password = $__file{{{tmp_path}/password}}\ncookie_secure = true\n"
    )
    provider = {"options": {"path": f"{tmp_path}/dashboards"}}
    (tmp_path / "ai-idp/dashboards/one.yaml").write_text(json.dumps({"providers": [provider]}))
    source = {"uid": "prometheus", "name": "P", "type": "prometheus", "url": "http://127.0.0.1:9"}
    logs = {"uid": "logs", "name": "L", "type": "victoriametrics-logs-datasource", "url": "x"}
    sources = {"prune": True, "datasources": [source, logs]}
    (tmp_path / "ai-idp/datasources/one.yaml").write_text(json.dumps(sources))
    (tmp_path / "dashboards/one.json").write_text(json.dumps(BOARD))
    return tmp_path


def started(home: Path) -> tuple[Configuration, Database, State]:
    """As `grafana server` does before it listens."""
    settings = Configuration.read(home / "grafana.ini")
    database = Database(settings)
    database.make_admin("admin", settings["security", "admin_password"])
    return settings, database, provision(settings, database)


def test_the_ini_sets_the_password_of_a_new_database_alone(home: Path) -> None:
    assert started(home)[1].accepts("admin", "first-password")
    (home / "password").write_text("second-password")
    _, database, _ = started(home)
    assert database.accepts("admin", "first-password")
    assert not database.accepts("admin", "second-password")


def test_the_command_line_sets_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(home)
    monkeypatch.setattr("sys.stdin", io.StringIO("second-password"))
    reset = ("admin", "reset-admin-password", "--password-from-stdin")
    assert command_line.run(["--config", str(home / "grafana.ini"), *reset]) == 0
    assert started(home)[1].accepts("admin", "second-password")


@pytest.mark.parametrize("short", ["", "four"])
def test_a_short_password_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, short: str
) -> None:
    started(home)
    reset = ["--config", str(home / "grafana.ini"), "admin", "reset-admin-password", short]
    with pytest.raises(RefusedError, match="new password is too short"):
        command_line.run(reset)


def test_five_failures_lock_and_a_login_before_them_forgets(home: Path) -> None:
    _, database, _ = started(home)
    for _ in range(4):
        assert not database.accepts("admin", "wrong")
    assert database.accepts("admin", "first-password")
    for _ in range(5):
        assert not database.accepts("admin", "wrong")
    assert not database.accepts("admin", "first-password")


def test_a_secret_file_that_is_missing_ends_the_start(home: Path) -> None:
    (home / "password").unlink()
    with pytest.raises(RefusedError, match=r"failed to expand variables: open .*/password"):
        started(home)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("a: [", "Datasource provisioning error: failed to parse"),
        (
            json.dumps({"datasources": [{"isDefault": True}, {"isDefault": True}]}),
            "Only one datasource per organization can be marked as default",
        ),
    ],
)
def test_data_sources_that_make_no_sense_end_the_start(
    home: Path, document: str, message: str
) -> None:
    (home / "ai-idp/datasources/one.yaml").write_text(document)
    with pytest.raises(RefusedError, match=message):
        started(home)


@pytest.mark.parametrize("text", ["{", '{"uid": "one"}'])
def test_a_dashboard_that_is_none_leaves_the_old_one(
    home: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started(home)
    (home / "dashboards/one.json").write_text(text)
    (board,) = started(home)[1].dashboards()
    assert board["data"] == BOARD
    assert "failed to load dashboard" in capsys.readouterr().out


def test_a_uid_in_two_files_is_served_from_neither(home: Path) -> None:
    (home / "dashboards/two.json").write_text(json.dumps(BOARD))
    assert started(home)[1].dashboards() == []


def test_a_dashboard_whose_file_goes_goes_too(home: Path) -> None:
    started(home)
    (home / "dashboards/one.json").unlink()
    assert started(home)[1].dashboards() == []


@pytest.fixture
def port(home: Path) -> Generator[int]:
    """The server on loopback."""
    Handler.settings, Handler.database, Handler.state = started(home)
    Handler.metrics, Handler.version = Metrics("13.2.3"), "13.2.3"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, path: str, password: str | None = None, body: Any = None) -> tuple[int, Any]:
    """Status, and the answer's JSON, text or Location."""
    headers = {}
    if password is not None:
        shown = base64.b64encode(f"admin:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {shown}"
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        method = "GET" if body is None else "POST"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.headers["Content-Type"].startswith("application/json"):
            return answer.status, json.loads(text)
        return answer.status, answer.headers["Location"] or text


def test_beside_its_path_it_redirects_all_but_the_api(port: int) -> None:
    assert ask(port, "/metrics") == (301, "https://gateway.test/grafana/metrics")
    assert ask(port, "/api/health")[1]["database"] == "ok"
    assert ask(port, "/grafana/api/health")[0] == 200
    assert "grafana_build_info" in ask(port, "/grafana/metrics")[1]


def test_without_a_login_there_is_the_login_page(port: int) -> None:
    assert ask(port, "/grafana/api/search")[0] == 401
    assert ask(port, "/grafana/") == (302, "/grafana/login")
    assert ask(port, "/grafana/login")[0] == 200


def test_a_data_source_without_its_plugin_is_there_and_not_well(port: int) -> None:
    there = "/grafana/api/datasources/uid/logs"
    assert ask(port, there, "first-password")[0] == 200
    assert ask(port, f"{there}/health", "first-password") == (
        404,
        {"message": "Plugin not found", "status": "ERROR"},
    )


def test_a_data_source_that_does_not_answer_is_not_well(port: int) -> None:
    status, answer = ask(port, "/grafana/api/datasources/uid/prometheus/health", "first-password")
    assert (status, answer["status"]) == (400, "ERROR")


def test_a_provisioned_dashboard_cannot_be_saved(port: int) -> None:
    answer = ask(port, "/grafana/api/dashboards/db", "first-password", {"dashboard": BOARD})
    assert answer == (400, {"message": "Cannot save provisioned dashboard"})
