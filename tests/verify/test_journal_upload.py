"""Journal upload: a line of this host arrives where all of them are kept."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

from deploys.journal_upload import UNIT, JournalUpload
from deploys.topology import Machine, Topology
from deploys.victoria_logs import VictoriaLogs
from tests.verify.logs import Logs

SHOW_ON_FAILURE = (f"journalctl --unit {UNIT} --lines 20 --no-pager",)
# A sender that found nobody tries again five seconds later.
ARRIVAL_SECONDS = 20


@pytest.fixture
def logs(topology: Topology, host_named: Callable[[str], Host]) -> Logs:
    ((machine, engine),) = topology.holders(VictoriaLogs)
    return Logs(host_named(machine.name), f"{machine.address}:{engine.port}")


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not host.service(UNIT).is_running and time.monotonic() < deadline:
        time.sleep(0.5)
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled


def test_the_journal_is_kept_on_the_disk_within_its_limit(
    host: Host, settings: JournalUpload
) -> None:
    machine_id = host.file("/etc/machine-id").content_string.strip()
    used = host.check_output("du --summarize --block-size 1M %s", f"/var/log/journal/{machine_id}")
    # journald removes whole files, and the one in use may be an eighth of the limit.
    assert int(used.split()[0]) <= settings.journal_limit_mib * 9 / 8 + 1


def test_a_line_of_this_host_arrives_once(host: Host, machine: Machine, logs: Logs) -> None:
    word = f"verify{secrets.token_hex(8)}"
    host.check_output("logger --tag ai-idp-verify %s", word)
    # Where sudo is used, it writes down what it starts.
    query = f"SYSLOG_IDENTIFIER:=ai-idp-verify {word}"
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not (lines := logs.found(query)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert [(line["_HOSTNAME"], line["_msg"]) for line in lines] == [(machine.name, word)]
