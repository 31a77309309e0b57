"""Machines: the hosts that the lab plays, and the state in which each leaves its installer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import inventory as production
from lab.engine import LabError


@dataclass(frozen=True)
class Login:
    """How a person gets into a fresh machine: a user, with a password or with the own SSH key."""

    user: str
    password: str | None = None


# The installers of Debian, Ubuntu and JetPack ask for a first user, who may then use sudo.
OWNER = Login("owner", password="lab-owner-password")
# Proxmox' installer sets a password for root and lets root log in with it.
HYPERVISOR = Login("root", password="lab-root-password")
# Its node creates it with the operator's key for root.
GUEST = Login("root")

LOGINS = {
    "schlimers-server": OWNER,
    "xps15": HYPERVISOR,
    "sclimers-gateway": GUEST,
    "sclimers-observation": GUEST,
    "sclimers-grafana": GUEST,
    "sclimers-automation": GUEST,
    "sclimers-mlflow": GUEST,
    "xps13": OWNER,
    "jetson": OWNER,
}


BY_SFTP = ("sclimers-grafana", "sclimers-mlflow")
"""Those that back up to the NAS by SFTP; the others of that role have it mounted."""


JETSON = "jetson"
"""The one that is a board of NVIDIA's, and not a PC."""


@dataclass(frozen=True)
class Machine:
    """One host of the inventory as the lab plays it."""

    name: str
    login: Login
    has_docker: bool
    has_graphics_card: bool
    is_jetson: bool
    has_npu: bool
    has_python_programs: bool
    has_browser: bool
    is_guest: bool
    is_node: bool
    mounts_nas: bool


def all_machines() -> tuple[Machine, ...]:
    """Every host of the production inventory, in its order."""
    names = tuple(_name(host) for host in production.all)
    guests = {host[0] for host in production.all if isinstance(host, tuple) and "guest" in host[1]}
    with_python = {*production.models, *production.mlflow, *production.workstation, *production.npu}
    unknown = [name for name in names if name not in LOGINS]
    if unknown:
        raise LabError(
            f"the lab does not know the first login to {', '.join(unknown)}: "
            "add it to LOGINS in lab/machines.py"
        )
    return tuple(
        Machine(
            name,
            LOGINS[name],
            has_docker=name in production.docker,
            has_graphics_card=name in production.nvidia,
            is_jetson=name == JETSON,
            has_npu=name in production.npu,
            has_python_programs=name in with_python,
            has_browser=name in production.workstation,
            is_guest=name in guests,
            is_node=name in production.proxmox,
            mounts_nas=name in production.backup and name not in BY_SFTP,
        )
        for name in names
    )


def production_groups() -> dict[str, list[Any]]:
    """Every group of the production inventory, as pyinfra finds them: its public lists."""
    return {
        name: list(value)
        for name, value in vars(production).items()
        if isinstance(value, list) and not name.startswith("_")
    }


def _name(host: str | tuple[str, object]) -> str:
    return host if isinstance(host, str) else host[0]
