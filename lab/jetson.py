"""Jetson: the lab's machine that plays the board, with a disk of its own beside the SD card."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from lab.checkout import CACHE, LAB, container_name, disk_name
from lab.engine import LabError, docker, run

STANDIN = LAB / "standins" / "jetson"
INSIDE = "/usr/local/lib/lab/jetson"
INIT = f"{INSIDE}/board-init"
RELEASE = os.environ.get("LAB_JETSON", "r36")
"""Which release of Jetson Linux a new board has; `play` gives it another later."""

ENVIRONMENT = (("LAB_JETSON", RELEASE),)

DISK_BYTES = 20 * 1024**3
BLANK = CACHE / "nvme-20g.img"
LOOP_DEVICES = Path("/dev/loop-control")
# "b 7" are loop devices, "c 10:237" is where one asks for a free one.
DEVICE_RULES = ("b 7:* rwm", "c 10:237 rwm")

KEY = "/etc/apt/trusted.gpg.d/jetson-ota-public.asc"
KEY_URL = "https://repo.download.nvidia.com/jetson/jetson-ota-public.asc"


def mounts(host: str) -> tuple[str, ...]:
    """What the machine shares with this computer: the stand-in's files, and its disk."""
    return (
        f"{STANDIN}:{INSIDE}:ro",
        f"{disk_name(host)}:/var/lib/lab-nvme",
        f"{BLANK}:/var/lib/lab-nvme.blank:ro",
    )


def ensure_blank() -> None:
    """Have a formatted, empty disk for every board of this computer to begin with."""
    if not LOOP_DEVICES.exists():
        raise LabError(
            f"this computer has no {LOOP_DEVICES}, of which the Jetson's disk is made: "
            "load the kernel's module `loop`"
        )
    if BLANK.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    new = BLANK.with_suffix(f".{os.getpid()}")
    with new.open("wb") as file:
        file.truncate(DISK_BYTES)
    run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", str(new))
    new.replace(BLANK)


def trust_repository(host: str, names: Sequence[str]) -> None:
    """Give the board what its installer leaves: the key of NVIDIA's repository, and its line.

    `names` are those under which the outside world answers.
    """
    if urlsplit(KEY_URL).hostname not in names:
        return
    fetch = f"[ -e {KEY} ] || {{ curl -fsS -o {KEY} {KEY_URL} && {INSIDE}/apt-source; }}"
    docker("exec", container_name(host), "sh", "-c", fetch)
