"""First login: what the person at a fresh lab machine knows of it, for `make trust`."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checkout import container_name
from lab.engine import docker
from lab.machines import all_machines

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


@dataclass(frozen=True)
class FirstLogin:
    """What to give `make trust HOST=`."""

    host: str
    user: str
    password: str | None
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
        fingerprint=shown.split()[1],
    )


def first_logins() -> tuple[FirstLogin, ...]:
    """The first login to every host that is no guest, in the inventory's order.

    A guest is trusted through its node, and opened by the key that it was created with.
    """
    return tuple(first_login(machine.name) for machine in all_machines() if not machine.is_guest)
