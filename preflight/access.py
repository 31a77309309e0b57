"""Checks of access: a pinned host key for every host, and a key of ours to log in with."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from paramiko.hostkeys import HostKeys

from deploys.topology import Machine
from preflight.problems import Problem


def unpinned(machines: tuple[Machine, ...], inventory: str) -> list[Problem]:
    """Every host whose key nobody has confirmed, in one problem: the remedy is one for all."""
    names = [machine.name for machine in machines if not is_pinned(machine)]
    if not names:
        return []
    where = "" if inventory == "inventory.py" else f" INVENTORY={inventory}"
    return [
        Problem(
            ", ".join(names),
            "the SSH host key is not pinned",
            f"run `make trust{where} HOST={names[0]}`, and so for each",
        )
    ]


def unpinned_guests(machines: tuple[Machine, ...], inventory: str) -> list[Problem]:
    """Guests whose key nobody has confirmed, mostly since they do not exist yet."""
    names = " ".join(machine.name for machine in machines if not is_pinned(machine))
    if not names:
        return []
    where = "" if inventory == "inventory.py" else f" INVENTORY={inventory}"
    return [
        Problem(
            names.replace(" ", ", "),
            "no SSH host key is pinned, so nothing is done there",
            f"`make apply{where}` creates guests that do not exist yet and pins their keys; for "
            f'those that exist run `make trust{where} HOST="{names}"`',
        )
    ]


def is_pinned(machine: Machine) -> bool:
    pins = _pins(_path(machine.data.get("ssh_known_hosts_file", "~/.ssh/known_hosts")))
    port = machine.data.get("ssh_port", 22)
    # sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: another port than 22 is part of the name.
    return (machine.address if port == 22 else f"[{machine.address}]:{port}") in pins


@cache
def _pins(file: Path) -> HostKeys:
    return HostKeys(str(file)) if file.exists() else HostKeys()


def without_key(machines: tuple[Machine, ...]) -> list[Problem]:
    """A missing key file would be found out only by a refused login on every host."""
    files = {str(machine.data["ssh_key"]) for machine in machines if machine.data.get("ssh_key")}
    return [
        Problem(
            file,
            "is the key to log in with, but does not exist",
            f"make one with `ssh-keygen -t ed25519 -f {file}`, or set `ssh_key`",
        )
        for file in sorted(files)
        if not _path(file).exists()
    ]


def _path(file: str) -> Path:
    return Path(file).expanduser()
