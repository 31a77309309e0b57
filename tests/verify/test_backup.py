"""Backups: one is taken now, restored into a scratch folder, and used there as its roles would."""

from __future__ import annotations

import json
import time

import pytest
from testinfra.host import Host

from deploys.backup import NOT_CONFIGURED, Backups
from deploys.backup_jobs import kept, mirrors
from deploys.backup_program import COMMAND, CONFIGURATION
from deploys.backup_units import timers
from deploys.node_exporter import TEXTFILES
from deploys.topology import Machine

SHOW_ON_FAILURE = ("journalctl --unit 'ai-idp-backup*' --lines 30 --no-pager",)
DRILL_SECONDS = 300
MAY_FOLLOW_SECONDS = 36 * 3600


@pytest.fixture(autouse=True)
def is_configured(settings: Backups) -> None:
    assert settings.target is not None, NOT_CONFIGURED


@pytest.fixture(scope="module")
def backed_up(host: Host, machine: Machine) -> None:
    """A backup of this moment."""
    done = host.run("systemctl start ai-idp-backup.service")
    assert done.rc == 0, host.check_output(SHOW_ON_FAILURE[0])


def metrics(host: Host) -> dict[tuple[str, str], float]:
    """Name and `what` of each metric, with its value."""
    found = {}
    for line in host.file(f"{TEXTFILES}/ai_idp_backup.prom").content_string.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            what = labels.partition('what="')[2].partition('"')[0]
            found[name.removeprefix("ai_idp_backup_"), what] = float(value)
    return found


def test_its_timers_wait_for_their_time(host: Host, machine: Machine) -> None:
    for timer in timers(machine):
        unit = host.service(timer)
        assert unit.is_enabled and unit.is_running, timer


def test_nobody_else_reads_what_opens_the_backups(host: Host) -> None:
    for name in ("password", "backup.json"):
        file = host.file(f"/etc/ai-idp/backup/{name}")
        assert (file.user, file.mode) == ("root", 0o600), name


def test_a_backup_of_everything_can_be_taken_now(
    host: Host, machine: Machine, settings: Backups, backed_up: None
) -> None:
    told, now = metrics(host), time.time()
    for backup in kept(machine, settings.secret_store_on):
        assert now - told["last_success_timestamp_seconds", backup.what] < 600, backup.what
        assert told["size_bytes", backup.what] > 0, backup.what


def test_mirrors_are_no_older_than_a_day_and_a_half(host: Host, machine: Machine) -> None:
    if not mirrors(machine):
        assert not host.file("/etc/systemd/system/ai-idp-backup-mirror.timer").exists
        return
    told = metrics(host)
    if not told["last_success_timestamp_seconds", mirrors(machine)[0][0]]:
        assert host.run("systemctl start ai-idp-backup-mirror.service").rc == 0
        told = metrics(host)
    for what, _ in mirrors(machine):
        assert time.time() - told["last_success_timestamp_seconds", what] < MAY_FOLLOW_SECONDS


def test_what_was_restored_from_it_can_be_used(
    host: Host, machine: Machine, settings: Backups, backed_up: None
) -> None:
    before, began = live(host, machine, settings), time.monotonic()
    done = host.run("systemctl start ai-idp-backup-drill.service")
    assert done.rc == 0, host.check_output(SHOW_ON_FAILURE[0])
    assert time.monotonic() - began < DRILL_SECONDS
    assert live(host, machine, settings) == before
    assert host.run("ls -d /var/cache/ai-idp-backup/drill-*").stdout == ""
    assert time.time() - metrics(host)["drill_last_success_timestamp_seconds", ""] < 600


def test_the_drill_of_each_role_notices_a_spoilt_copy(host: Host, backed_up: None) -> None:
    done = host.run(f"{COMMAND} drill --damaged")
    assert done.rc == 0, done.stderr
    assert host.run("ls -d /var/cache/ai-idp-backup/drill-*").stdout == ""


def live(host: Host, machine: Machine, settings: Backups) -> dict[str, str]:
    """What a drill must not touch: the services, and the places of their data."""
    backups = kept(machine, settings.secret_store_on)
    units = sorted({unit for backup in backups for unit in backup.units})
    show = "systemctl show --property=MainPID,NRestarts,ActiveState --value"
    found = {unit: host.check_output(f"{show} {unit}") for unit in units}
    jobs = json.loads(host.file(CONFIGURATION).content_string)["jobs"]
    places = [place for job in jobs for place in (*job["paths"], *job["databases"])]
    return found | {
        place: host.check_output("stat --format '%%i %%U:%%G %%a' %s", place) for place in places
    }
