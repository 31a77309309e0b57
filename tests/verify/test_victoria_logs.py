"""VictoriaLogs: it runs as declared, within its limits, and answers nobody but by its address."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.topology import Machine
from deploys.victoria_logs import PROGRAM, UNIT, VictoriaLogs
from tests.verify.logs import Logs

SHOW_ON_FAILURE = (f"journalctl --unit {UNIT} --lines 20 --no-pager",)


@pytest.fixture
def logs(host: Host, machine: Machine, settings: VictoriaLogs) -> Logs:
    return Logs(host, f"{machine.address}:{settings.port}")


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled


def test_the_program_that_runs_is_the_declared_release(host: Host, settings: VictoriaLogs) -> None:
    pid = host.check_output("systemctl show --property MainPID --value %s", UNIT)
    running = host.check_output("readlink %s", f"/proc/{pid}/exe")
    assert running == f"{settings.archive().folder}/{PROGRAM}"


def test_it_listens_on_the_address_of_the_host_only(
    host: Host, machine: Machine, settings: VictoriaLogs
) -> None:
    assert host.socket(f"tcp://{machine.address}:{settings.port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.port}").is_listening


def test_it_takes_lines_and_has_space_for_them(logs: Logs) -> None:
    metrics = logs.metrics()
    assert {value for name, value in metrics if name.startswith("vl_storage_is_read_only")} == {0}


def test_its_data_are_its_own(host: Host) -> None:
    directory = host.file("/var/lib/private/victoria-logs")
    assert (directory.is_directory, directory.mode) == (True, 0o700)
    pid = host.check_output("systemctl show --property MainPID --value %s", UNIT)
    assert host.check_output("stat --format %%u %s", f"/proc/{pid}") != "0"


def test_its_memory_is_limited(host: Host, settings: VictoriaLogs) -> None:
    limit = host.check_output("systemctl show --property MemoryMax --value %s", UNIT)
    assert int(limit) == settings.memory_limit_mib * 2**20
