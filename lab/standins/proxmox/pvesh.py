"""`pvesh`: two questions of the API, answered as JSON, and what a node does to all its guests."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import arguments, node
from .node import RefusedError


def resources() -> list[dict[str, Any]]:
    rows = [_container(vmid) for vmid in node.vmids()]
    return rows + [_machine(int(file.stem), file.read_text()) for file in node.VMS.glob("*.conf")]


def _container(vmid: int) -> dict[str, Any]:
    config = node.read(vmid)[""]
    row = {"id": f"lxc/{vmid}", "type": "lxc", "vmid": vmid, "node": node.name(), "template": 0}
    row |= {"status": "running" if node.is_running(vmid) else "stopped"}
    return row | {
        "name": config.get("hostname", f"CT{vmid}"),
        "maxcpu": int(config.get("cores", 8)),
    }


def _machine(vmid: int, text: str) -> dict[str, Any]:
    row = {"id": f"qemu/{vmid}", "type": "qemu", "vmid": vmid, "node": node.name(), "template": 0}
    return row | {"status": "stopped", "name": text.partition("name: ")[2].split("\n")[0]}


def storages() -> list[dict[str, Any]]:
    return [_storage(name, values) for name, values in node.STORAGES.items()]


def _storage(name: str, values: dict[str, Any]) -> dict[str, Any]:
    holds = "rootdir" in values["content"]
    used = len(node.vmids()) * node.TAKEN_BY_A_CONTAINER if holds else 4 * node.GIB
    total = values["total"]
    row = {"storage": name, "type": values["type"], "content": values["content"], "shared": 0}
    row |= {"active": 1, "enabled": 1, "total": total, "used": used, "avail": total - used}
    return row | {"used_fraction": used / total}


WITHOUT_ORDER = sys.maxsize


def stop_all() -> None:
    """The last to start is the first to stop; those of one order at once."""
    groups = _by_order([vmid for vmid in node.vmids() if node.is_running(vmid)])
    for order in sorted(groups, reverse=True):
        with ThreadPoolExecutor() as pool:
            list(pool.map(_stop, groups[order]))


def _stop(vmid: int) -> None:
    print(f"Stopping CT {vmid} (timeout = 60 seconds)")
    node.turn_off(vmid, node.read(vmid)[""])


def start_all() -> None:
    """Those with `onboot`, in their order."""
    wanted = [vmid for vmid in node.vmids() if node.read(vmid)[""].get("onboot") == "1"]
    groups = _by_order([vmid for vmid in wanted if not node.is_running(vmid)])
    for order in sorted(groups):
        for vmid in groups[order]:
            print(f"Starting CT {vmid}")
            node.turn_on(vmid, node.read(vmid)[""])


def _by_order(vmids: list[int]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for vmid in vmids:
        startup = node.read(vmid)[""].get("startup", "")
        values = dict(part.partition("=")[::2] for part in startup.split(","))
        groups[int(values.get("order", WITHOUT_ORDER))].append(vmid)
    return groups


def create(given: list[str]) -> int:
    options = ("timeout", "force-stop", "force")
    try:
        found = arguments.parsed("pvesh", given, ("command", "api_path"), options)
        local = found["api_path"].replace("/nodes/localhost", f"/nodes/{node.name()}")
        actions = {
            f"/nodes/{node.name()}/stopall": stop_all,
            f"/nodes/{node.name()}/startall": start_all,
        }
        if local not in actions:
            raise RefusedError(f"No 'create' handler defined for '{found['api_path']}'")
        with node.locked():
            actions[local]()
    except RefusedError as error:
        return node.end(error)
    return 0


def main(given: list[str]) -> int:
    # It would show the name of the task that it made.
    given = given[1:] if given[:1] == ["--nooutput"] else given
    if given[:1] == ["create"]:
        return create(given)
    try:
        found = arguments.parsed("pvesh", given, ("command", "api_path"), ("type", "output-format"))
        local = found["api_path"].replace("/nodes/localhost", f"/nodes/{node.name()}")
        paths = {"/cluster/resources": resources, f"/nodes/{node.name()}/storage": storages}
        if found["command"] != "get" or local not in paths:
            raise RefusedError(f"No '{found['command']}' handler defined for '{found['api_path']}'")
        if found.get("output-format") != "json":
            raise RefusedError("the lab plays --output-format json only")
        with node.locked():
            print(json.dumps(paths[local](), separators=(",", ":"), sort_keys=True))
    except RefusedError as error:
        return node.end(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
