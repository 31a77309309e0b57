"""Grafana: a password that follows its secret, and nothing broken that ever comes into force."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys.grafana import ADMIN_PASSWORD, TOOL
from group_data.backup import backup
from lab import network
from lab.checkout import container_name
from lab.engine import docker
from lab.group_data.grafana import grafana
from lab.observer import observe
from lab.outside import HOST as OUTSIDE
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.announced import differences
from tests.lab.conftest import (
    INVENTORY,
    apply,
    changed,
    converge,
    inventory_hosts,
    plan,
    repair,
    shell,
)
from tests.lab.overlay import Overlay
from tests.lab.waiting import wait_until

HOST = "sclimers-grafana"
ROLE = "deploys.grafana.install"
DATABASE = "/var/lib/grafana/grafana.db"
PASSWORD_FILE = "/etc/grafana/secrets/admin-password"
RESTORED = ("setting", "restore", f"grafana: python3 -B {TOOL} state")
BOARD = "files/grafana/dashboards/by-test.json"
ON_HOST = "/etc/grafana/dashboards/by-test.json"
PLUGIN = grafana.logs_plugin()
PANEL = {"type": "text", "title": "hello", "gridPos": {"x": 0, "y": 0, "w": 6, "h": 3}}


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds this host converged and leaves it so."""
    converge(HOST)


@pytest.fixture
def checkout(tmp_path: Path) -> Generator[AlteredCheckout]:
    yield AlteredCheckout(tmp_path)
    converge(HOST, deploy=ROLE)


def password(previous: bool = False) -> str:
    store = secret_store.for_data(inventory_hosts()[0].data)
    found = store.previous(ADMIN_PASSWORD) if previous else store.get(ADMIN_PASSWORD)
    assert found is not None
    return found.get_secret_value()


def rotate() -> None:
    store = secret_store.for_data(inventory_hosts()[0].data)
    store.rotate(ADMIN_PASSWORD)


def asked(path: str, shown: str) -> tuple[int, Any]:
    """Status and JSON of what Grafana answers whoever comes with this password of `admin`."""
    url = f"http://{network.read().hosts[HOST]}:3000/grafana/{path}"
    ask = f"curl --silent --write-out '\\n%{{http_code}}' --config - {url}"
    said = docker(
        *("exec", "-i", container_name(HOST), "sh", "-c", ask),
        stdin=f'user = "admin:{shown}"\n',
    )
    body, _, status = said.rpartition("\n")
    return int(status), json.loads(body)


def status(shown: str) -> int:
    return asked("api/user", shown)[0]


def rows(checkout: Path) -> list[dict[str, Any]]:
    """What the plan of a checkout names on this host."""
    command = ["./plan", INVENTORY, "--json", "--limit", HOST, "--deploy", ROLE]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["hosts"].get(HOST, [])
    return found


def write_board(checkout: AlteredCheckout, text: str | None = None) -> None:
    board = {"uid": "by-test", "title": "By a test", "schemaVersion": 41, "panels": [PANEL]}
    file = checkout.directory / BOARD
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(board) if text is None else text)


def test_the_password_follows_its_secret_also_after_a_backup_is_put_back() -> None:
    shell(HOST, f"cp --preserve=all {DATABASE} /root/grafana.db")
    rotate()
    assert changed(plan(HOST, deploy=ROLE)) == {HOST: {("file", "modify", PASSWORD_FILE)}}
    assert apply(HOST, deploy=ROLE).returncode == 0
    assert status(password(previous=True)) == 401
    assert status(password()) == 200

    restore = f"mv /root/grafana.db {DATABASE}"
    shell(HOST, f"systemctl stop grafana-server && {restore} && systemctl start grafana-server")
    assert changed(plan(HOST, deploy=ROLE)) == {HOST: {RESTORED}}
    repair(HOST, deploy=ROLE)
    # The backup of that host holds the secrets as they are now.
    repair(backup.secret_store_on, deploy="deploys.backup.install")
    assert status(password()) == 200


def test_a_dashboard_changed_by_hand_is_put_back_and_a_broken_one_refused(
    checkout: AlteredCheckout,
) -> None:
    write_board(checkout)
    assert checkout.apply(HOST, deploy=ROLE).returncode == 0
    assert title() == "By a test"
    before = observe(HOST)
    shell(HOST, f"sed -i 's/By a test/By hand/' {ON_HOST}")
    assert [(row["action"], row["what"]) for row in rows(checkout.directory)] == [
        ("modify", ON_HOST)
    ]
    assert checkout.apply(HOST, deploy=ROLE).returncode == 0
    assert title() == "By a test"
    assert differences([], before, observe(HOST)) == []

    write_board(checkout, '{"uid": "by-test", "title": ')
    run = checkout.apply(HOST, deploy=ROLE)
    assert run.returncode != 0
    assert f"{BOARD} is no JSON" in run.stdout
    assert differences([], before, observe(HOST)) == []
    assert title() == "By a test"

    (checkout.directory / BOARD).unlink()
    assert checkout.apply(HOST, deploy=ROLE).returncode == 0
    wait_until("it is gone", lambda: asked("api/dashboards/uid/by-test", password())[0] == 404)


def title() -> str:
    """Of the test's dashboard, as Grafana serves it."""
    return str(asked("api/dashboards/uid/by-test", password())[1]["dashboard"]["title"])


@pytest.mark.parametrize(
    ("template", "old", "new", "reason"),
    [
        pytest.param(
            "grafana.ini",
            "secrets/secret-key}",
            "secrets/no-such-key}",
            "refused at 'validate', nothing was changed",
            id="a file that is not there",
        ),
        pytest.param(
            "datasources.yaml",
            "    access: proxy",
            "    access: sideways",
            "the previous state is back and answers",
            id="what only Grafana itself refuses",
        ),
    ],
)
def test_a_configuration_that_does_not_work_is_not_left_in_force(
    checkout: AlteredCheckout, template: str, old: str, new: str, reason: str
) -> None:
    checkout.replace(f"templates/grafana/{template}.j2", old, new)
    before = observe(HOST)
    run = checkout.apply(HOST, deploy=ROLE)
    assert run.returncode != 0
    assert reason in run.stdout
    assert differences([], before, observe(HOST)) == []
    assert status(password()) == 200


def test_another_version_lands_and_the_repository_may_be_down_meanwhile(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path)
    overlay.update("grafana", version="13.2.2")
    before = observe(HOST)
    shell(HOST, "apt-get clean")
    shell(OUTSIDE, "systemctl stop nginx")
    try:
        assert overlay.apply(HOST, deploy=ROLE).returncode != 0
    finally:
        shell(OUTSIDE, "systemctl start nginx")
    assert differences([], before, observe(HOST)) == []
    assert status(password()) == 200
    done = overlay.apply(HOST, deploy=ROLE)
    assert done.returncode == 0, done.stderr
    assert asked("api/health", password())[1]["version"] == "13.2.2"
    repair(HOST, deploy=ROLE)
    assert asked("api/health", password())[1]["version"] == "13.2.3"


def test_a_plugin_with_other_bytes_is_refused_before_anything_changes(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path)
    overlay.update("grafana", logs_plugin_sha256="0" * 64)
    before = observe(HOST)
    refused = overlay.apply(HOST, deploy=ROLE)
    assert refused.returncode != 0
    assert f"{PLUGIN.url} has the sha256 {PLUGIN.sha256}, not {'0' * 64}; " in refused.stderr
    assert differences([], before, observe(HOST)) == []
    assert knows_its_plugin()


def test_a_plugin_that_was_removed_comes_back_and_counts() -> None:
    shell(HOST, f"rm -r {PLUGIN.folder} && systemctl restart grafana-server")
    wait_for_answers()
    assert not knows_its_plugin()
    lost = ("archive", "download", f"{PLUGIN.name} {PLUGIN.version}")
    assert changed(plan(HOST, deploy=ROLE)) == {HOST: {lost}}
    assert apply(HOST, deploy=ROLE).returncode == 0
    wait_for_answers()
    assert knows_its_plugin()
    readable = f"test -r {PLUGIN.folder}/{PLUGIN.name}/plugin.json"
    shell(HOST, f"runuser --user grafana -- {readable}")


def wait_for_answers() -> None:
    ask = f"python3 -B {TOOL} answers >/dev/null"
    shell(HOST, f"timeout 60 sh -c 'until {ask}; do sleep 0.2; done'")


def knows_its_plugin() -> bool:
    health = asked("api/datasources/uid/victoria-logs/health", password())[1]
    return bool(health["message"] != "Plugin not found")
