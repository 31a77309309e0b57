"""`pvesh`: the two questions of the API that a roll-out asks, answered as JSON."""

from __future__ import annotations

import json
import sys
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


def main(given: list[str]) -> int:
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
