"""Connections: testinfra over the same address, account, key and pinned host key as pyinfra."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path

import paramiko
from testinfra.backend.paramiko import ParamikoBackend
from testinfra.host import Host

from connection import transport
from deploys.topology import Machine
from inventory_json import ROOT

CONNECT_SECONDS = 10


class AbsentError(Exception):
    """Nothing answers at the address of a machine."""


class PinnedBackend(ParamikoBackend):  # type: ignore[misc]
    """testinfra's own backend knows a host by any key; this one only by the pinned one."""

    def __init__(self, machine: Machine) -> None:
        data = machine.data
        account = data["ssh_user"]
        super().__init__(f"{account}@{machine.address}", sudo=account != "root")
        self.data = data

    @cached_property
    def client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.load_host_keys(str(_path(self.data["ssh_known_hosts_file"])))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            self.host.name,
            port=int(self.data.get("ssh_port") or 22),
            username=self.host.user,
            key_filename=str(_path(self.data["ssh_key"])),
            timeout=CONNECT_SECONDS,
            allow_agent=False,
            look_for_keys=False,
            transport_factory=transport,
        )
        return client


def connected(machine: Machine) -> Host:
    """A connected host, one for the whole session; AbsentError where nothing answers."""
    try:
        return _connected(machine)
    except OSError as error:
        raise AbsentError(f"{machine.name} ({machine.address}) does not answer: {error}") from error


@cache
def _connected(machine: Machine) -> Host:
    backend = PinnedBackend(machine)
    assert backend.client
    return Host(backend)


def _path(name: str) -> Path:
    return ROOT / Path(name).expanduser()
