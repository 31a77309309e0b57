"""Storage: the file systems on a host's disks, and what Docker keeps in its data root."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("storage_state.sh")


@dataclass(frozen=True)
class FileSystem:
    """A mounted one: mount point, kind such as "ext4", and whether an NVMe disk holds it."""

    where: str
    kind: str
    on_nvme: bool


@dataclass(frozen=True)
class Storage:
    """`data_root`: where Docker keeps its data now, or would. `containers`: how many lie there.

    `snapshots`: how many of them are made of containerd's image store, as a fresh engine 29 does.
    `guard`: the mount point without which the engine does not start, empty where there is none.
    `file_systems` and `nvme_disks` (device names) are empty unless they were asked for.
    """

    data_root: str
    containers: int = 0
    volumes: tuple[str, ...] = ()
    snapshots: int = 0
    file_systems: tuple[FileSystem, ...] = ()
    nvme_disks: tuple[str, ...] = ()
    guard: str = ""


class StorageState(FactBase[Storage | None]):
    """Sample: Storage("/var/lib/docker", 2, ("notes",)); None where it could not be read."""

    @override
    def command(self, disks: bool = False) -> str:
        return f"disks={'yes' if disks else ''}\n{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> Storage:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the storage ended in the middle")
        lines = [line.partition("\t") for line in output]
        values = {name: value for name, _, value in lines}
        devices = _devices(values.get("disks", ""))
        return Storage(
            data_root=values["root"],
            containers=sum(name == "container" for name, _, _ in lines),
            volumes=tuple(value for name, _, value in lines if name == "volume"),
            snapshots=sum(name == "snapshot" for name, _, _ in lines),
            file_systems=tuple(found for device in devices for found in _mounted(device)),
            nvme_disks=tuple(x["name"] for x in devices if x["type"] == "disk" and _is_nvme(x)),
            guard=values.get("guard", ""),
        )


def _devices(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    try:
        found: list[dict[str, Any]] = json.loads(text)["blockdevices"]
    except (ValueError, KeyError) as error:
        raise FactProcessError(f"lsblk answered `{text[:60]}`, which lists no disks") from error
    return found


def _mounted(device: dict[str, Any], on_nvme: bool = False) -> Iterator[FileSystem]:
    """Every file system of a disk, those in partitions and containers (LUKS, LVM) among them."""
    on_nvme = on_nvme or _is_nvme(device)
    for where in device.get("mountpoints") or ():
        if where and where.startswith("/"):
            yield FileSystem(where, device.get("fstype") or "", on_nvme)
    for child in device.get("children") or ():
        yield from _mounted(child, on_nvme)


def _is_nvme(device: dict[str, Any]) -> bool:
    return device.get("tran") == "nvme" or str(device["name"]).startswith("/dev/nvme")
