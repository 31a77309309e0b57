"""`pct`: the containers of the node, with a lab guest behind each address that the lab plays."""

from __future__ import annotations

import sys
from collections.abc import Callable

from . import arguments, node
from .node import RefusedError
from .pct_create import create
from .pct_life import destroy, reboot, start, stop, unlock
from .pct_options import PENDING, change, resize


def status(given: list[str]) -> None:
    vmid = arguments.vmid("pct status", given)
    node.read(vmid)
    print(f"status: {'running' if node.is_running(vmid) else 'stopped'}")


def show(given: list[str]) -> None:
    found = arguments.parsed("pct config", given, ("vmid",), ("current",))
    parts = node.read(int(found["vmid"]))
    config = parts[""]
    if found.get("current") != "1":
        config = {**config, **parts.get(PENDING, {})}
        for option in filter(None, config.pop("delete", "").split(",")):
            config.pop(option, None)
    for option in sorted(config):
        print(f"{option}: {config[option]}")


def listing(given: list[str]) -> None:
    arguments.parsed("pct list", given, (), ())
    rows = [(vmid, node.read(vmid)[""]) for vmid in node.vmids()]
    if rows:
        print(f"{'VMID':<10} {'Status':<10} {'Lock':<12} {'Name':<20}")
    for vmid, config in rows:
        running = "running" if node.is_running(vmid) else "stopped"
        name, lock = config.get("hostname", f"CT{vmid}"), config.get("lock", "")
        print(f"{vmid:<10} {running:<10} {lock:<12} {name:<20}")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "create": create,
    "set": change,
    "resize": resize,
    "start": start,
    "stop": stop,
    "shutdown": stop,
    "reboot": reboot,
    "destroy": destroy,
    "unlock": unlock,
    "status": status,
    "config": show,
    "list": listing,
}


def execute(given: list[str]) -> int:
    vmid, mark, *command = [*given, "", ""] if len(given) < 2 else given
    config = node.read(int(vmid))[""]
    if not node.is_running(int(vmid)):
        raise RefusedError(f"container '{vmid}' not running!")
    if mark != "--" or not any(command):
        raise RefusedError("missing command")
    return node.execute(config, command)


def main(given: list[str]) -> int:
    command, rest = (given[0] if given else ""), given[1:]
    try:
        if command == "exec":
            # Not under the lock: it may wait for the guest, as one that still starts.
            return execute(rest)
        if command not in COMMANDS:
            raise RefusedError(f"ERROR: unknown command 'pct {command}'")
        with node.locked():
            COMMANDS[command](rest)
    except RefusedError as error:
        return node.end(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
