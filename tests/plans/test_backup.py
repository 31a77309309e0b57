"""Backup on a bare host: what comes before what, with a NAS and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import backup
from deploys.backup import NOT_CONFIGURED, Backups
from deploys.backup_target import Folder
from deploys.base import Base
from deploys.node_exporter import NodeExporter
from operations.restoration import LOG
from tests.fake_host import Run, run

NAS = Folder(mount_point="/mnt/nas", path="/mnt/nas/ai-idp")
BARE: dict[str, Any] = {
    "names=$(cat)": ["will\trestic\t0.18.0-1", "will\trsync\t3.4.1", "end"],
    "wanted=$(cat)": ["end"],
}
DEPLOYED = {
    "wanted=$(cat)": ["manifest\t/etc/systemd/system/ai-idp-backup.timer", "end"],
}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure(["backup/password"])
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    return {**store, **network, "base": Base(), "node_exporter": NodeExporter()}


def roll_out(settings: Backups, answers: dict[str, Any], data: dict[str, Any]) -> Run:
    held = {**data, "backup": settings, "ssh_hostname": "192.0.2.1"}
    return run(backup.install, answers, held, groups=("base", "node_exporter", "backup"))


def changes(outcome: Run) -> list[str]:
    marks = {"action=install": "install", "transaction.sh start": "land"}
    return [name for text in outcome.commands for mark, name in marks.items() if mark in text]


def test_the_packages_come_before_the_timers(data: dict[str, Any]) -> None:
    outcome = roll_out(Backups(target=NAS), BARE, data)
    assert outcome.succeeded
    assert changes(outcome) == ["install", "land"]


def test_without_a_nas_nothing_is_deployed_and_it_is_said(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("changes.notice", lambda _, text: said.append(text))
    outcome = roll_out(Backups(), BARE, data)
    assert outcome.succeeded
    assert changes(outcome) == []
    assert NOT_CONFIGURED in said


def test_a_nas_that_was_taken_away_takes_the_timers_with_it(data: dict[str, Any]) -> None:
    outcome = roll_out(Backups(), DEPLOYED, data)
    assert outcome.succeeded
    assert changes(outcome) == ["land"]


@pytest.mark.parametrize(
    ("answer", "changed"), [("names=$(cat)", ["land"]), ("wanted=$(cat)", ["install"])]
)
def test_what_cannot_be_read_is_not_changed(
    answer: str, changed: list[str], data: dict[str, Any]
) -> None:
    unreadable = {"success": False, "stderr": "unreadable"}
    outcome = roll_out(Backups(target=NAS), {**BARE, answer: unreadable}, data)
    assert not outcome.succeeded
    assert changes(outcome) in (changed, [])


def test_no_command_has_a_secret_in_it(data: dict[str, Any]) -> None:
    outcome = roll_out(Backups(target=NAS), BARE, data)
    value = secret_store.for_data(data).get("backup/password").get_secret_value()
    assert not [command for command in outcome.commands if value in command]


def test_a_restore_is_a_unit_that_ends_without_us(data: dict[str, Any]) -> None:
    held = {**data, "backup": Backups(target=NAS)}
    outcome = run(lambda: backup.restore(what=("grafana", "x; reboot"), snapshot=""), {}, held)
    (command,) = outcome.commands
    assert command.endswith(
        "systemd-run --quiet --wait --collect --unit=ai-idp-restore "
        f"--property=TimeoutStopSec=10min --property=StandardOutput=truncate:{LOG} "
        "--property=StandardError=inherit /usr/local/sbin/ai-idp-backup restore --snapshot latest "
        f"-- grafana 'x; reboot'; status=$?; cat {LOG} >&2; exit $status"
    )


def test_a_restore_that_was_refused_fails_its_host(data: dict[str, Any]) -> None:
    refused = {"success": False, "stderr": "backup: /nas has no snapshot of grafana"}
    held = {**data, "backup": Backups(target=NAS)}
    outcome = run(
        lambda: backup.restore(what=(), snapshot="latest"), {"systemd-run": refused}, held
    )
    assert not outcome.succeeded


@pytest.mark.parametrize("held", [{}, {"backup": Backups()}])
def test_a_restore_of_a_host_without_a_backup_is_refused(
    held: dict[str, Any], data: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = run(lambda: backup.restore(what=(), snapshot=""), {}, {**data, **held})
    assert not outcome.succeeded
    assert outcome.commands == []
    assert "this host has no backup, so nothing of it can be put back" in caplog.text
