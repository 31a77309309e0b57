"""Grafana on a bare host: what comes before what, and that nothing is changed half-way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import grafana
from deploys.base import Base
from deploys.grafana import Grafana
from deploys.victoria_logs import VictoriaLogs
from tests.fake_host import Run, run

SETTINGS = Grafana(version="13.2.3", logs_plugin_version="0.32.0", logs_plugin_sha256="a" * 64)
LOGS = VictoriaLogs(version="1.52.0", sha256="b" * 64)
OLD_PLUGIN = "/opt/ai-idp/archives/victoriametrics-logs-datasource/0.31.0-cccccccccccc"
BARE: dict[str, Any] = {
    "service_state()": ["source\tgrafana", "end", "key\tYQ==", "end of sources"],
    "names=$(cat)": ["will\tcurl\t8.14.1-2", "will\tgrafana\t13.2.3", "end"],
    "end of archives": ["end of archives"],
    "wanted=$(cat)": ["end"],
}
MARKS = {
    "services/apt-grafana/transaction/transaction.sh start": "add the repository",
    "ca-certificates curl python3-yaml": "install the tools",
    "\nurl=https://github.com/": "download the plugin",
    f"rm -rf -- {OLD_PLUGIN}": "remove the old plugin",
    "grafana=13.2.3": "install Grafana",
    "services/grafana/transaction/transaction.sh start": "land the set",
    "action=remove\npackages=": "remove the package",
    "rm -rf /var/lib/ai-idp/services/apt-grafana": "forget the repository",
}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure(SETTINGS.secrets())
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    return {**store, **network, "base": Base(), "grafana": SETTINGS, "ssh_hostname": "192.0.2.1"}


def roll_out(deploy: Callable[[], object], answers: dict[str, Any], data: dict[str, Any]) -> Run:
    held = [role for role in ("base", "grafana", "victoria_logs") if role in data]
    return run(deploy, answers, data, groups=tuple(held))


def done(outcome: Run) -> list[str]:
    """The commands that change something, by what they do."""
    changing = [command for command in outcome.commands if "names=$(cat)" not in command]
    return [name for command in changing for mark, name in MARKS.items() if mark in command]


def test_the_package_comes_from_the_repository_and_the_files_after_it(
    data: dict[str, Any],
) -> None:
    outcome = roll_out(grafana.install, BARE, data)
    assert outcome.succeeded
    assert done(outcome) == [
        *("add the repository", "install the tools", "install Grafana", "land the set"),
    ]


def test_the_plugin_is_there_before_anything_else_of_grafana_and_the_old_one_goes_last(
    data: dict[str, Any],
) -> None:
    there = {**BARE, "end of archives": [f"whole\t{OLD_PLUGIN}", "end of archives"]}
    outcome = roll_out(grafana.install, there, {**data, "victoria_logs": LOGS})
    assert outcome.succeeded
    assert done(outcome) == [
        *("add the repository", "install the tools", "download the plugin"),
        *("install Grafana", "land the set", "remove the old plugin"),
    ]


def test_without_logs_no_plugin_stays(data: dict[str, Any]) -> None:
    there = {**BARE, "end of archives": [f"whole\t{OLD_PLUGIN}", "end of archives"]}
    changed = done(roll_out(grafana.install, there, data))
    assert "download the plugin" not in changed
    assert changed[-1] == "remove the old plugin"


def test_apt_is_kept_from_changing_grafana_and_nothing_else(data: dict[str, Any]) -> None:
    outcome = roll_out(grafana.install, BARE, data)
    installations = [text for text in outcome.commands if "action=install" in text]
    holds = [
        line.partition("=")[2].strip("'\"")
        for text in installations
        for line in text.splitlines()
        if line.startswith("hold=")
    ]
    assert holds == ["", "grafana"]


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        ("service_state()", []),
        ("names=$(cat)", ["add the repository"]),
        ("wanted=$(cat)", ["add the repository", "install the tools", "install Grafana"]),
    ],
)
def test_what_cannot_be_read_is_not_changed(
    answer: str, changed: list[str], data: dict[str, Any]
) -> None:
    unreadable = {"success": False, "stderr": "unreadable"}
    outcome = roll_out(grafana.install, {**BARE, answer: unreadable}, data)
    assert not outcome.succeeded
    assert done(outcome) == changed


def test_no_command_has_a_secret_in_it(data: dict[str, Any]) -> None:
    outcome = roll_out(grafana.install, BARE, data)
    store = secret_store.for_data(data)
    values = [store.get(name).get_secret_value() for name in SETTINGS.secrets()]
    assert not [value for value in values for command in outcome.commands if value in command]


def test_a_dashboard_that_is_none_fails_the_host_before_anything_is_read(
    data: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "one.json").write_text("{")
    monkeypatch.setattr(grafana, "DASHBOARDS", tmp_path)
    outcome = roll_out(grafana.install, BARE, data)
    assert not outcome.succeeded
    assert outcome.commands == []
    assert "files/grafana/dashboards/one.json is no JSON" in caplog.text


def test_removal_ends_the_service_before_package_and_repository_go(data: dict[str, Any]) -> None:
    there = {
        "service_state()": [
            *("source\tgrafana", "manifest\t/etc/apt/keyrings/ai-idp-grafana.asc"),
            *("end", "end of sources"),
        ],
        "names=$(cat)": ["have\tgrafana\tinstalled\t13.2.3", "end"],
        "wanted=$(cat)": ["manifest\t/etc/grafana/grafana.ini", "end"],
        "end of archives": [f"whole\t{OLD_PLUGIN}", "end of archives"],
    }
    outcome = roll_out(grafana.remove, there, data)
    assert outcome.succeeded
    assert done(outcome)[:2] == ["land the set", "remove the package"]
    assert {"forget the repository", "remove the old plugin"} <= {*done(outcome)}
