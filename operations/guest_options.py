"""Options of a guest: what the inventory declares, in the words of pct.conf(5), beside what is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from facts.guests import Container

UNITS = {"K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}
GIB = UNITS["G"]
"""In KiB, as the units are."""

GRAPHICS_DEVICES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
"""What a program that uses an NVIDIA card opens."""

NEEDS_START = ("features", "nameserver", "dev")
"""What a running container gets at its next start only, by how the option begins; the rest is given
to it at once (pve-container 6.1, `vmconfig_hotplug_pending` in PVE/LXC/Config.pm)."""


@dataclass(frozen=True)
class Wanted:
    """A container as the inventory has it; `devices` are paths that the node hands on to it.

    `start_order` is its turn when the node starts; None for whenever.
    """

    name: str
    address: str
    vmid: int
    cores: int
    memory_mib: int
    swap_mib: int
    disk_gib: int
    features: tuple[str, ...] = ()
    start_order: int | None = None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """What the containers of a node share; `public_key` opens a new one for its root."""

    bridge: str
    gateway: str
    prefix_length: int
    nameserver: str
    template: str
    template_storage: str
    rootfs_storage: str
    public_key: str
    start_on_boot: bool = True
    start_seconds: int = 300

    @property
    def volume(self) -> str:
        """The template as `pveam list` names it once it is there."""
        return f"{self.template_storage}:vztmpl/{self.template}"


def declared(guest: Wanted, place: Place, now: Mapping[str, str]) -> dict[str, str]:
    """Every option that is ours, with its value; what else `now` says in one of them is kept."""
    network = {
        **_parsed(now.get("net0", "")),
        "name": "eth0",
        "bridge": place.bridge,
        "gw": place.gateway,
        "ip": f"{guest.address}/{place.prefix_length}",
    }
    network.setdefault("type", "veth")
    found = {
        "cores": str(guest.cores),
        "memory": str(guest.memory_mib),
        "swap": str(guest.swap_mib),
        "net0": _joined(network),
        "nameserver": place.nameserver,
        "onboot": str(int(place.start_on_boot)),
    }
    if guest.features:
        found["features"] = _joined(dict.fromkeys(sorted(guest.features), "1"))
    if guest.start_order is not None:
        turn = {**_parsed(now.get("startup", "")), "order": str(guest.start_order)}
        found["startup"] = _joined(turn)
    return found | _devices(guest, now)


def _devices(guest: Wanted, now: Mapping[str, str]) -> dict[str, str]:
    handed_on = {_path(value) for option, value in now.items() if _is_device(option)}
    free = (f"dev{number}" for number in range(256) if f"dev{number}" not in now)
    missing = [path for path in guest.devices if path not in handed_on]
    # Readable for every account in the container, as the driver makes them on a machine.
    return dict(zip(free, (f"{path},mode=0666" for path in missing), strict=False))


def surplus(guest: Wanted, now: Mapping[str, str]) -> list[str]:
    """Options of ours that the container has and shall not have."""
    gone = ["features"] if "features" in now and not guest.features else []
    return gone + [
        option
        for option, value in now.items()
        if _is_device(option) and _path(value) in GRAPHICS_DEVICES
        if _path(value) not in guest.devices
    ]


def coming(container: Container) -> dict[str, str]:
    """The options as they will be at its next start."""
    found = {**container.config, **container.pending}
    gone = found.pop("delete", "").split(",") if "delete" in container.pending else []
    return {option: value for option, value in found.items() if option not in gone}


def waiting(container: Container) -> list[str]:
    """Options of which a change waits for the next start."""
    deleted = container.pending.get("delete", "")
    return [option for option in (*container.pending, *deleted.split(",")) if option != "delete"]


def differs(guest: Wanted, place: Place, container: Container) -> bool:
    """Whether something is to be done with a container: changed, restarted or started."""
    now = coming(container)
    changed = [*differing(declared(guest, place, now), now), *surplus(guest, now)]
    return bool(
        changed
        or growth(guest, container)
        or waits_for_start(waiting(container))
        or not container.running
    )


def waits_for_start(changed: Iterable[str]) -> bool:
    """Whether one of these options reaches a running container at its next start only."""
    return any(option.startswith(NEEDS_START) for option in changed)


def differing(wanted: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Those of the wanted options that have another meaning now."""
    absent = {"onboot": "0"}
    return {
        option: value
        for option, value in wanted.items()
        if _meaning(value) != _meaning(now.get(option, absent.get(option, "")))
    }


def growth(guest: Wanted, container: Container) -> str:
    """The size of a disk that is smaller than declared, as the node writes it; else empty."""
    size = disk_size(container)
    return size if size and kib(size) < guest.disk_gib * GIB else ""


def disk_size(container: Container) -> str:
    return _parsed(container.config.get("rootfs", "")).get("size", "")


def disk_storage(container: Container) -> str:
    return container.config.get("rootfs", "").partition(":")[0]


def kib(size: str) -> float:
    """A size as the node writes it (`8G`, `512M`, bytes without a unit)."""
    return float(size[:-1]) * UNITS[size[-1]] if size[-1] in UNITS else float(size) / 1024


def arguments(options: Mapping[str, str], gone: Iterable[str] = ()) -> str:
    """Options as `pct` takes them."""
    given = [f"--{option} {shlex.quote(value)}" for option, value in options.items()]
    return " ".join([*given, *(f"--delete {option}" for option in gone)])


def _is_device(option: str) -> bool:
    return option.startswith("dev") and option[3:].isdigit()


def _path(device: str) -> str:
    first = device.partition(",")[0]
    return first.removeprefix("path=")


def _meaning(value: str) -> object:
    return _parsed(value) if "=" in value else value


def _parsed(value: str) -> dict[str, str]:
    """`a=1,b=2` as a mapping; a part without a name is kept under its own text."""
    parts = (part.partition("=") for part in value.split(",") if part)
    return {name: text if mark else name for name, mark, text in parts}


def _joined(values: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())
