"""First login: what the person at a fresh lab machine knows of it, for `make trust`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.checkout import KEY_FILE, container_name
from lab.engine import docker
from lab.machines import all_machines

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


@dataclass(frozen=True)
class FirstLogin:
    """What to give `make trust HOST=`; ``key`` and ``password`` exclude each other."""

    host: str
    user: str
    password: str | None
    key: Path | None
    fingerprint: str
    """Of the host's Ed25519 key as ssh-keygen shows it (``SHA256:…``), read on the host itself."""


def first_login(host: str) -> FirstLogin:
    """The first login to ``host``; its container has to run."""
    login = next(machine.login for machine in all_machines() if machine.name == host)
    shown = docker("exec", container_name(host), "ssh-keygen", "-lf", HOST_KEY)
    return FirstLogin(
        host=host,
        user=login.user,
        password=login.password,
        key=None if login.password else KEY_FILE,
        fingerprint=shown.split()[1],
    )


def first_logins() -> tuple[FirstLogin, ...]:
    """The first login to every host of the lab, in the inventory's order."""
    return tuple(first_login(machine.name) for machine in all_machines())
