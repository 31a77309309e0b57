"""Proxmox: every guest of the inventory runs with what it was given, and starts with its node."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.proxmox import Proxmox, containers, place
from deploys.topology import Machine, Topology
from facts.guests import Container
from operations import guest_options as options
from operations.guest_options import Wanted

SHOW_ON_FAILURE = ("pct list", "tail -n 40 /var/log/ai-idp-guests.log")


@pytest.fixture
def settings(machine: Machine) -> Proxmox:
    found = machine.settings["proxmox"]
    assert isinstance(found, Proxmox)
    return found


@pytest.fixture
def wanted(machine: Machine, settings: Proxmox, topology: Topology) -> list[Wanted]:
    return containers(settings, topology, machine.name)


def _container(host: Host, guest: Wanted) -> Container:
    """What the node itself says of it, in the words of `pct`."""
    lines = host.check_output("pct config %s --current 1", str(guest.vmid)).splitlines()
    config = dict(line.split(": ", 1) for line in lines)
    status = host.check_output("pct status %s", str(guest.vmid))
    return Container(status == "status: running", config)


def test_every_guest_runs_as_declared(host: Host, settings: Proxmox, wanted: list[Wanted]) -> None:
    for guest in wanted:
        found = _container(host, guest)
        declared = options.declared(guest, place(settings, ""), found.config)
        assert found.name == guest.name
        assert found.running, guest.name
        assert options.differing(declared, found.config) == {}, guest.name
        assert options.disk_storage(found) == settings.rootfs_storage
        assert options.growth(guest, found) == ""


def test_no_change_of_a_guest_waits_for_a_restart(host: Host, wanted: list[Wanted]) -> None:
    for guest in wanted:
        config = host.check_output("cat %s", f"/etc/pve/lxc/{guest.vmid}.conf")
        assert "[pve:pending]" not in config, guest.name


def test_every_guest_answers_at_its_address_with_the_key_that_it_has(
    host: Host, wanted: list[Wanted]
) -> None:
    for guest in wanted:
        path = "/etc/ssh/ssh_host_ed25519_key.pub"
        own = host.check_output("pct exec %s -- cat %s", str(guest.vmid), path).split()[1]
        shown = host.check_output("ssh-keyscan -T 5 -t ed25519 %s 2>/dev/null", guest.address)
        assert own in shown, guest.name
