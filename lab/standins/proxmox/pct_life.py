"""`pct start`, `stop`, `reboot`, `destroy` and `unlock`: a container's life on the node."""

from __future__ import annotations

from . import arguments, node
from .node import RefusedError
from .pct_options import apply_pending


def start(given: list[str]) -> None:
    vmid = arguments.vmid("pct start", given)
    parts = node.read(vmid)
    if node.is_running(vmid):
        raise RefusedError(f"CT {vmid} already running")
    node.refuse_locked(parts[""])
    apply_pending(vmid, parts)
    node.turn_on(vmid, parts[""])


def stop(given: list[str]) -> None:
    vmid = arguments.vmid("pct stop", given, "timeout")
    parts = node.read(vmid)
    if not node.is_running(vmid):
        raise RefusedError(f"CT {vmid} not running")
    node.turn_off(vmid, parts[""])


def reboot(given: list[str]) -> None:
    vmid = arguments.vmid("pct reboot", given, "timeout")
    parts = node.read(vmid)
    if not node.is_running(vmid):
        raise RefusedError(f"VM {vmid} not running")
    node.turn_off(vmid, parts[""])
    apply_pending(vmid, parts)
    node.turn_on(vmid, parts[""])


def destroy(given: list[str]) -> None:
    found = arguments.parsed("pct destroy", given, ("vmid",), ("force", "purge"))
    vmid = int(found["vmid"])
    config = node.read(vmid)[""]
    node.refuse_locked(config)
    if config.get("protection") == "1":
        raise RefusedError(f"can't remove CT {vmid} - protection mode enabled")
    if node.is_running(vmid):
        if found.get("force") != "1":
            raise RefusedError(f"unable to destroy CT {vmid} - container is running")
        node.turn_off(vmid, config)
    node.remove(vmid)
    node.destroy_disk(config)


def unlock(given: list[str]) -> None:
    vmid = arguments.vmid("pct unlock", given)
    parts = node.read(vmid)
    parts[""].pop("lock", None)
    node.write(vmid, parts)
