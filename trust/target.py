"""The host that is to be trusted, as pyinfra will reach it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventory_json import ROOT, InventoryHost


class TrustError(Exception):
    """A host cannot be trusted or prepared; the text says why and what to do."""


@dataclass(frozen=True)
class Target:
    """Where a host is, who deploys it with which key, and where its host key is pinned."""

    name: str
    address: str
    port: int
    account: str
    key_path: Path
    known_hosts: Path

    @property
    def pinned_name(self) -> str:
        """The name under which paramiko looks the host key up."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"

    def __str__(self) -> str:
        return f"{self.name} ({self.address} port {self.port})"


def of(host: InventoryHost) -> Target:
    """The target that a host's pyinfra data describe; TrustError where they lack something."""
    account = _needed(host, "ssh_user")
    # The name becomes a file in sudoers.d, where sudo ignores names with a dot.
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", account):
        raise TrustError(f"{host.name}: `ssh_user` {account!r} is not a plain account name")
    return Target(
        name=host.name,
        address=host.data.get("ssh_hostname") or host.name,
        port=int(host.data.get("ssh_port") or 22),
        account=account,
        key_path=ROOT / Path(_needed(host, "ssh_key")).expanduser(),
        known_hosts=ROOT / Path(_needed(host, "ssh_known_hosts_file")).expanduser(),
    )


def _needed(host: InventoryHost, key: str) -> str:
    value: Any = host.data.get(key)
    if not isinstance(value, str) or not value:
        raise TrustError(f"{host.name} has no `{key}`; set it in group_data/all.py")
    return value
