"""Hardware: what a lab host has, which is what this computer has; only its cards are played."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from deploys.hardware import Hardware
from lab.engine import run

DAEMON_SETTINGS = Path("/etc/docker/daemon.json")
DATA_ROOT = "/var/lib/docker"
MEMORY = Path("/proc/meminfo")
GIB = 1024**3


def as_played(data: Mapping[str, Any]) -> dict[str, Hardware]:
    """The data `hardware` of a host of these data in the lab: none where production has none."""
    declared = data.get("hardware")
    return {"hardware": _here(declared)} if isinstance(declared, Hardware) else {}


@cache
def _here(declared: Hardware) -> Hardware:
    # A host's own disk is a layer on the disk that Docker keeps its data on.
    disk = shutil.disk_usage(_data_root()).total
    measured = {"physical_cores": _cores(), "memory_gib": _memory_gib(), "disk_gib": disk // GIB}
    return declared.model_copy(update={**measured, "system_gib": 1})


def _cores() -> int:
    lines = run("lscpu", "--parse=SOCKET,CORE").splitlines()
    return len({line for line in lines if not line.startswith("#")})


def _memory_gib() -> int:
    """MemTotal rounded up: the kernel has kept some of what is built in."""
    (total,) = (line for line in MEMORY.read_text().splitlines() if line.startswith("MemTotal:"))
    kib = int(total.split()[1])
    return -(-kib * 1024 // GIB)


def _data_root() -> str:
    settings = json.loads(DAEMON_SETTINGS.read_text()) if DAEMON_SETTINGS.exists() else {}
    return str(settings.get("data-root", DATA_ROOT))
