"""`pct set` and `pct resize`: options of a container, in force at once or at its next start."""

from __future__ import annotations

import secrets

from . import arguments, node
from .arguments import OPTIONS
from .node import RefusedError

AT_ONCE: tuple[str, ...] = (
    "description",
    "onboot",
    "startup",
    "protection",
    "hostname",
    "cores",
    "tags",
    "net0",
)
AT_ONCE += ("memory", "swap")
"""What a running container takes over without a restart (`vmconfig_hotplug_pending`)."""

PENDING = "pve:pending"
UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def change(given: list[str]) -> None:
    found = arguments.parsed("pct set", given, ("vmid",), (*OPTIONS, "delete"))
    vmid = int(found.pop("vmid"))
    parts = node.read(vmid)
    node.refuse_locked(parts[""])
    gone = [option for option in found.pop("delete", "").split(",") if option]
    if not found and not gone:
        raise RefusedError("no options specified")
    if "rootfs" in found:
        raise RefusedError("400 Parameter verification failed.\nrootfs: not played by the lab")
    if "net0" in found:
        found["net0"] = network(found["net0"])
    waiting = parts.setdefault(PENDING, {})
    for option, value in found.items():
        at_once = not node.is_running(vmid) or option in AT_ONCE
        at_once = at_once or (option.startswith("dev") and option not in parts[""])
        waiting.pop(option, None)
        (parts[""] if at_once else waiting)[option] = value
    for option in gone:
        waiting.pop(option, None)
        if not node.is_running(vmid) or option in AT_ONCE:
            parts[""].pop(option, None)
        else:
            listed = [name for name in waiting.get("delete", "").split(",") if name]
            waiting["delete"] = ",".join([*listed, option])
    node.write(vmid, parts)


def resize(given: list[str]) -> None:
    found = arguments.parsed("pct resize", given, ("vmid", "disk", "size"), ())
    vmid = int(found["vmid"])
    parts = node.read(vmid)
    node.refuse_locked(parts[""])
    volume, _, size = parts[""][found["disk"]].partition(",size=")
    wanted = _bytes(found["size"].lstrip("+"))
    if found["size"].startswith("+"):
        wanted += _bytes(size)
    if wanted < _bytes(size):
        raise RefusedError("unable to shrink disk size")
    if wanted == _bytes(size):
        raise RefusedError("disk is already at specified size")
    parts[""][found["disk"]] = f"{volume},size={wanted / UNITS['G']:g}G"
    node.write(vmid, parts)


def _bytes(size: str) -> float:
    return float(size[:-1]) * UNITS[size[-1]] if size[-1] in UNITS else float(size)


def network(value: str) -> str:
    """An interface with an own hardware address below Proxmox' prefix, and its keys in order."""
    parts = dict(part.split("=", 1) for part in value.split(","))
    digits = secrets.token_hex(3).upper()
    address = ":".join(["BC:24:11", digits[:2], digits[2:4], digits[4:]])
    parts = {"hwaddr": address, "type": "veth", **parts}
    rest = {key: parts[key] for key in sorted(parts) if key != "name"}
    return ",".join(f"{key}={text}" for key, text in {"name": parts["name"], **rest}.items())


def apply_pending(vmid: int, parts: dict[str, dict[str, str]]) -> None:
    """What a start does first: all that waited for it comes into force."""
    waiting = parts.pop(PENDING, {})
    for option in filter(None, waiting.pop("delete", "").split(",")):
        parts[""].pop(option, None)
    parts[""] |= waiting
    node.write(vmid, parts)
