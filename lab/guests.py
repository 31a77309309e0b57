"""Guests: the lab's machines that are off until their node, a stand-in, creates and starts them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab.checkout import LAB, NAME, container_name
from lab.engine import docker

VOLUME = f"{NAME}-guests"
"""What the node and its guests share: who shall run, as the stand-in keeps it."""

SHARED = "/var/lib/lab-guests"
STANDIN = LAB / "standins" / "proxmox"
INSIDE = Path("/usr/lib/lab/standins/proxmox")

MOUNTS = (f"{VOLUME}:{SHARED}", f"{STANDIN}:{INSIDE}:ro")
NODE_INIT, GUEST_INIT = str(INSIDE / "node-init"), str(INSIDE / "guest-init")


def running(guests: Iterable[str], addresses: dict[str, str]) -> list[str]:
    """Those of the lab's guests that their node has started."""
    return [guest for guest in guests if _state(guest, addresses[guest], "state") == "running"]


def is_stale(guest: str, address: str) -> bool:
    """Whether the guest was destroyed by its node, so that it needs another disk."""
    return _has(guest, f"{SHARED}/guests/{address}/stale")


def remove_volume() -> None:
    """Forget what the node knows of its guests."""
    if docker("volume", "ls", "-q", "--filter", f"name=^{VOLUME}$").strip():
        docker("volume", "rm", VOLUME)


def _state(guest: str, address: str, name: str) -> str:
    file = f"{SHARED}/guests/{address}/{name}"
    return docker("exec", container_name(guest), "sh", "-c", f"cat {file} 2>/dev/null || :").strip()


def _has(guest: str, file: str) -> bool:
    command = ["docker", "exec", container_name(guest), "test", "-e", file]
    return subprocess.run(command, capture_output=True).returncode == 0
