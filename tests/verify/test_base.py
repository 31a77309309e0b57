"""Base: names resolve, the internal CA is trusted, the time is right, security updates come."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from testinfra.host import Host

import certificates
import secret_store
from budget import disk
from deploys.base import Base
from deploys.hardware import Hardware
from deploys.topology import Machine, Topology

MIB = 1024**2
SHOW_ON_FAILURE = ("cat /etc/hosts", "systemctl --failed --no-pager")


@pytest.fixture
def settings(machine: Machine) -> Base:
    found = machine.settings["base"]
    assert isinstance(found, Base)
    return found


@pytest.fixture
def hardware(machine: Machine) -> Hardware:
    """What the inventory says of the host; a test that asks for it runs where it says anything."""
    assert machine.hardware is not None
    return machine.hardware


def _addresses(host: Host, name: str) -> set[str]:
    return {line.split()[0] for line in host.run("getent ahosts %s", name).stdout.splitlines()}


def test_every_host_has_its_name_and_address_here(host: Host, topology: Topology) -> None:
    names = {name: m.address for m in topology.machines for name in (m.name, m.fqdn)}
    assert {name: _addresses(host, name) for name in names} == {
        name: {address} for name, address in names.items()
    }


def test_the_service_names_lead_to_the_hosts_of_their_roles(
    host: Host, topology: Topology, machine: Machine, settings: Base
) -> None:
    names = {
        f"{name}.{machine.data['domain']}": topology.having(role)[0].address
        for name, role in settings.service_names.items()
        if topology.having(role)
    }
    assert {name: _addresses(host, name) for name in names} == {
        name: {address} for name, address in names.items()
    }


def test_the_host_knows_its_own_name(host: Host, machine: Machine) -> None:
    assert host.check_output("uname -n") == machine.name
    assert host.check_output("hostname --fqdn") == machine.fqdn


def test_the_internal_ca_is_among_those_that_programs_trust(host: Host, machine: Machine) -> None:
    ca = certificates.for_data(machine.data).certificate().decode()
    assert ca in host.file("/etc/ssl/certs/ca-certificates.crt").content_string


def test_openssl_finds_the_internal_ca_by_itself(host: Host) -> None:
    certificate = "/usr/local/share/ca-certificates/ai-idp.crt"
    assert host.run("openssl verify -CApath /etc/ssl/certs %s", certificate).succeeded


def test_it_is_as_late_here_as_everywhere(host: Host, machine: Machine) -> None:
    zone = ZoneInfo(machine.data["timezone"])
    assert host.check_output("date +%z") == datetime.now(zone).strftime("%z")
    assert abs(int(host.check_output("date +%s")) - time.time()) < 5


def test_somebody_keeps_the_clock_unless_the_machine_around_does(host: Host) -> None:
    in_container = host.run("systemd-detect-virt --quiet --container").succeeded
    daemons = ("systemd-timesyncd", "chrony", "ntpsec", "openntpd")
    kept = any(host.service(name).is_running for name in daemons)
    assert kept != in_container


@pytest.mark.parametrize("timer", ["apt-daily.timer", "apt-daily-upgrade.timer"])
def test_updates_are_fetched_and_installed_daily(host: Host, timer: str) -> None:
    assert host.service(timer).is_running
    assert host.service(timer).is_enabled


def test_unattended_upgrades_takes_security_updates_only(host: Host) -> None:
    prefix = "Unattended-Upgrade::"
    values = [
        line.split(" ", 1)[1].strip('";')
        for line in host.check_output("apt-config dump").splitlines()
        if line.startswith((f"{prefix}Origins-Pattern::", f"{prefix}Allowed-Origins::"))
    ]
    assert values
    assert [value for value in values if "security" not in value.lower()] == []


def test_it_reboots_by_itself_only_where_that_was_wanted(host: Host, settings: Base) -> None:
    found = host.check_output("apt-config shell reboot Unattended-Upgrade::Automatic-Reboot")
    assert found == f"reboot='{str(settings.automatic_reboot).lower()}'"


def test_a_change_interrupted_by_a_power_cut_would_be_undone_at_boot(host: Host) -> None:
    assert host.service("ai-idp-recover").is_enabled


def test_no_units_wait_for_each_other_in_a_circle(host: Host) -> None:
    """systemd would leave one of them out at boot, and not the same one each time."""
    found = host.run("systemd-analyze verify --man=no default.target")
    assert found.rc != 127, found.stderr
    assert [x for x in found.stderr.splitlines() if "ordering cycle" in x.lower()] == []


def test_no_change_is_left_in_the_middle(host: Host) -> None:
    assert host.run("ls /var/lib/ai-idp/services/*/transaction/swapped").stdout == ""


def test_the_host_carries_the_mark_of_this_rollout(host: Host, machine: Machine) -> None:
    mark = host.file("/var/lib/ai-idp/rollout").content_string
    assert mark.strip() == secret_store.for_data(machine.data).rollout_id


def test_it_has_the_cores_that_the_inventory_says(host: Host, hardware: Hardware) -> None:
    lines = host.check_output("lscpu --parse=SOCKET,CORE").splitlines()
    assert len({line for line in lines if not line.startswith("#")}) == hardware.physical_cores


def test_it_has_the_memory_that_the_inventory_says(host: Host, hardware: Hardware) -> None:
    kib = int(host.check_output("awk '/^MemTotal:/ {print $2}' /proc/meminfo"))
    # Firmware, kernel and a processor's own graphics keep some of what is built in.
    kept = hardware.memory_gib - kib / MIB
    assert -0.5 <= kept <= max(1, hardware.memory_gib / 10), f"MemTotal is {kib / MIB:.1f} GiB"


def test_it_has_the_disk_that_the_inventory_says(
    host: Host, machine: Machine, hardware: Hardware
) -> None:
    for path in {claim.path for _, claim in disk.claimed(machine)} or {"/"}:
        kib = int(host.check_output("df --output=size -k %s", path).split()[-1])
        assert kib / MIB == pytest.approx(hardware.disk_gib, rel=0.05, abs=1), path
