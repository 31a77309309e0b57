"""Checkout: the paths and the names that keep the labs of two checkouts on one machine apart."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = Path(__file__).resolve().parent

STATE = ROOT / ".lab"
NETWORK_FILE = STATE / "network.json"
LOCK_FILE = STATE / "lock.json"
KNOWN_HOSTS_FILE = STATE / "known_hosts"
KEY_FILE = STATE / "id_ed25519"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ai-idp" / "lab"
"""What every checkout of this machine shares beside the Docker images: the lab's own CA."""

NAME = "ai-idp-" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
"""Name of this checkout's network, and the first part of its containers' and volumes' names."""

LABEL = f"ai-idp.lab={NAME}"


def container_name(host: str) -> str:
    """The container that plays ``host`` in this checkout's lab."""
    return f"{NAME}-{host}"


def volume_name(host: str) -> str:
    """The volume under ``/var/lib/docker`` of ``host``: overlay2 cannot stack on a container."""
    return f"{NAME}-{host}-docker"


def disk_name(host: str) -> str:
    """The volume with the content of ``host``'s NVMe disk, where the lab plays one."""
    return f"{NAME}-{host}-nvme"
