"""Wheels: what the roles' Python environments are made of, fetched once for every host and run."""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path

from lab.checkout import CACHE, LAB, ROOT
from lab.engine import docker
from lab.progress import step

FOLDER = CACHE / "wheels"
FETCH = LAB / "wheels" / "fetch.sh"
PIP = LAB / "wheels" / "pip.conf"
INSIDE = "/usr/share/lab/wheels"

MOUNTS = (f"{FOLDER}:{INSIDE}:ro", f"{PIP}:/etc/pip.conf:ro")
"""By which pip on a host finds them, and looks nowhere else."""


def ensure(image: str) -> None:
    """Have the wheels of every lock of the roles, for the Python of a host of `image`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as only_one:
        fcntl.flock(only_one, fcntl.LOCK_EX)
        missing = {lock: mark for lock, mark in _marks().items() if not mark.exists()}
        if missing:
            with step("Fetch the Python packages of the roles"):
                _fetch(image, list(missing))
            for mark in missing.values():
                mark.touch()


def _marks() -> dict[Path, Path]:
    """By lock, the file that says that all of it is there."""
    locks = sorted((ROOT / "files").glob("*/requirements.txt"))
    by_lock = {lock: lock.read_bytes() + FETCH.read_bytes() for lock in locks}
    return {
        lock: FOLDER / f".{hashlib.sha256(content).hexdigest()}"
        for lock, content in by_lock.items()
    }


def _fetch(image: str, locks: list[Path]) -> None:
    mounts = [f"{FOLDER}:/wheels", f"{FETCH}:/fetch.sh:ro"]
    mounts += [f"{lock}:/locks/{lock.parent.name}.txt:ro" for lock in locks]
    options = [word for mount in mounts for word in ("-v", mount)]
    docker("run", "--rm", *options, image, "sh", "/fetch.sh")
