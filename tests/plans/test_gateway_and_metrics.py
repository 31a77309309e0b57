"""Gateway and metrics: what their roles run on a bare host, and on one that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import alertmanager, blackbox_exporter, nginx, prometheus
from deploys.alertmanager import Alertmanager
from deploys.base import Base
from deploys.blackbox_exporter import BlackboxExporter
from deploys.gateway import ADMIN_PASSWORD
from deploys.nginx import Nginx
from deploys.prometheus import Prometheus
from tests.fake_host import Run, run

INSTALLS: dict[str, Callable[[], object]] = {
    "nginx": nginx.install,
    "prometheus": prometheus.install,
    "alertmanager": alertmanager.install,
    "blackbox_exporter": blackbox_exporter.install,
}
REMOVALS: dict[str, Callable[[], object]] = {
    "nginx": nginx.remove,
    "prometheus": prometheus.remove,
    "alertmanager": alertmanager.remove,
    "blackbox_exporter": blackbox_exporter.remove,
}
PACKAGES = {
    "alertmanager": "prometheus-alertmanager",
    "blackbox_exporter": "prometheus-blackbox-exporter",
}
BARE = {
    "names=$(cat)": ["will\tnginx\t1.26.3-3+deb13u7", "will\tprometheus\t2.53.3+ds1-2", "end"],
    "wanted=$(cat)": ["end"],
}
TRANSACTIONS = {"nginx": 2}
"""The gateway and the metrics of its log land apart: one does not take the other back."""
UNREADABLE = {"success": False, "stderr": "unreadable: the dpkg database"}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """What a host of both roles has by inventory."""
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure([ADMIN_PASSWORD])
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    settings = {
        "base": Base(),
        "nginx": Nginx(),
        "prometheus": Prometheus(),
        "alertmanager": Alertmanager(),
        "blackbox_exporter": BlackboxExporter(),
    }
    return {**store, **network, **settings, "ssh_hostname": "192.0.2.1"}


def roll_out(install: Callable[[], object], answers: dict[str, Any], data: dict[str, Any]) -> Run:
    return run(install, answers, data, groups=("base", *INSTALLS))


def kinds(outcome: Run) -> list[str]:
    """The commands that change something, by kind."""
    marks = {
        "action=install\npackages=": "install packages",
        "action=remove\npackages=": "remove packages",
        "tar -xzf": "upload",
        "transaction.sh start": "start",
    }
    return [kind for command in outcome.commands for mark, kind in marks.items() if mark in command]


@pytest.mark.parametrize("role", INSTALLS)
def test_on_a_bare_host_packages_come_first_and_files_in_transactions(
    role: str, data: dict[str, Any]
) -> None:
    outcome = roll_out(INSTALLS[role], BARE, data)
    assert outcome.succeeded
    landed = ["upload", "start"] * TRANSACTIONS.get(role, 1)
    assert kinds(outcome) == ["install packages", *landed]


@pytest.mark.parametrize("role", INSTALLS)
def test_what_cannot_be_read_is_not_changed(role: str, data: dict[str, Any]) -> None:
    outcome = roll_out(INSTALLS[role], {**BARE, "names=$(cat)": UNREADABLE}, data)
    assert not outcome.succeeded
    assert kinds(outcome) == []


@pytest.mark.parametrize("role", REMOVALS)
def test_removal_stops_the_service_before_its_package_goes(role: str, data: dict[str, Any]) -> None:
    there = {
        "names=$(cat)": [f"have\t{PACKAGES.get(role, role)}\tinstalled\t1.0", "end"],
        "wanted=$(cat)": [f"manifest\t/etc/{role}/one", "end"],
    }
    outcome = roll_out(REMOVALS[role], there, data)
    assert outcome.succeeded
    landed = ["upload", "start"] * TRANSACTIONS.get(role, 1)
    assert kinds(outcome) == [*landed, "remove packages"]
