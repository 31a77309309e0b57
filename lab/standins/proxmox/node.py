"""The node: what it keeps of its containers, and how it reaches the lab's guests."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED = Path(os.environ.get("LAB_GUESTS", "/var/lib/lab-guests"))
"""A volume of the node and of every guest."""

NODE = SHARED / "node"
CONFIGS, TEMPLATES, VMS = NODE / "lxc", NODE / "templates", NODE / "qemu-server"
STATUS = NODE / "status"
STOP_SECONDS = 60
GIB = 1024**3

STORAGES = {
    "local": {"type": "dir", "content": "iso,vztmpl,backup", "total": 94 * GIB},
    "local-lvm": {"type": "lvmthin", "content": "rootdir,images", "total": 348 * GIB},
}
"""The two that the installer makes of one disk."""

TAKEN_BY_A_CONTAINER = 1 * GIB
"""A thin volume takes what is written to it, not its size."""


class RefusedError(Exception):
    """What the real tool dies with; its text goes to standard error as it is."""


@contextmanager
def locked() -> Iterator[None]:
    for folder in (CONFIGS, TEMPLATES, VMS, STATUS, SHARED / "guests"):
        folder.mkdir(parents=True, exist_ok=True)
    with (NODE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def refuse_locked(config: dict[str, str]) -> None:
    if config.get("lock"):
        raise RefusedError(f"CT is locked ({config['lock']})")


def name() -> str:
    return os.uname().nodename


def vmids() -> list[int]:
    return sorted(int(file.stem) for file in CONFIGS.glob("*.conf"))


def read(vmid: int) -> dict[str, dict[str, str]]:
    """The options in force (under an empty name) and the pending ones of a container."""
    file = CONFIGS / f"{vmid}.conf"
    if not file.exists():
        raise RefusedError(f"Configuration file 'nodes/{name()}/lxc/{vmid}.conf' does not exist")
    parts: dict[str, dict[str, str]] = {"": {}}
    part = ""
    for line in file.read_text().splitlines():
        if line.startswith("["):
            part = line.strip("[]")
            parts[part] = {}
        elif line:
            option, _, value = line.partition(": ")
            parts[part][option] = value
    return parts


def write(vmid: int, parts: dict[str, dict[str, str]]) -> None:
    text = _lines(parts[""])
    text += "".join(f"\n[{part}]\n{_lines(rows)}" for part, rows in parts.items() if part and rows)
    file = CONFIGS / f".{vmid}.new"
    file.write_text(text)
    file.rename(CONFIGS / f"{vmid}.conf")


def _lines(rows: dict[str, str]) -> str:
    return "".join(f"{option}: {rows[option]}\n" for option in sorted(rows))


def remove(vmid: int) -> None:
    (CONFIGS / f"{vmid}.conf").unlink()
    (STATUS / str(vmid)).unlink(missing_ok=True)


def is_running(vmid: int) -> bool:
    file = STATUS / str(vmid)
    return file.exists() and file.read_text() == "running"


def set_running(vmid: int, running: bool) -> None:
    (STATUS / str(vmid)).write_text("running" if running else "stopped")


def guest(config: dict[str, str]) -> Path:
    """Where the lab's machine at the container's address looks for what it shall be."""
    network = dict(part.partition("=")[::2] for part in config.get("net0", "").split(","))
    folder = SHARED / "guests" / (network.get("ip", "").partition("/")[0] or "without-address")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_disk(config: dict[str, str], keys: str) -> None:
    folder = guest(config)
    (folder / "keys").write_text(keys)
    (folder / "creation").write_text(str(uuid.uuid4()))


def destroy_disk(config: dict[str, str]) -> None:
    for part in ("keys", "creation", "state"):
        (guest(config) / part).unlink(missing_ok=True)
    wake(guest(config))


def turn_on(vmid: int, config: dict[str, str]) -> None:
    (guest(config) / "state").write_text("running")
    set_running(vmid, True)
    wake(guest(config))


def turn_off(vmid: int, config: dict[str, str]) -> None:
    """Let the machine go down, and wait until it has."""
    folder = guest(config)
    (folder / "state").write_text("stopped")
    if wake(folder):
        deadline = time.monotonic() + STOP_SECONDS
        while not (folder / "off").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    set_running(vmid, False)


def wake(folder: Path) -> bool:
    """Tell the machine that something is new; False where no machine is there to be told."""
    try:
        pipe = os.open(folder / "wake", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise
    try:
        os.write(pipe, b"\n")
    finally:
        os.close(pipe)
    return True


def execute(config: dict[str, str], command: list[str]) -> int:
    """Run a command in the guest; its streams come out here, its status is returned."""
    request = guest(config) / "exec" / uuid.uuid4().hex
    request.parent.mkdir(exist_ok=True)
    new = request.with_suffix(".new-request")
    new.write_text(f"exec {shlex.join(command)}\n")
    new.rename(request.with_suffix(".request"))
    if not wake(guest(config)):
        request.with_suffix(".request").unlink(missing_ok=True)
        raise RefusedError("lxc-attach: Connection refused - Failed to get init pid")
    ended = request.with_suffix(".ended")
    while not ended.exists():
        time.sleep(0.02)
    sys.stdout.write(request.with_suffix(".out").read_text(errors="replace"))
    sys.stderr.write(request.with_suffix(".err").read_text(errors="replace"))
    status = int(ended.read_text())
    for file in request.parent.glob(f"{request.name}.*"):
        file.unlink()
    return status


def end(error: RefusedError) -> int:
    """What a tool of Perl does when it dies."""
    print(error, file=sys.stderr)
    return 255
