"""`pct`: the containers of the node, with a lab guest behind each address that the lab plays."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

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


def create(given: list[str]) -> None:
    options = (*OPTIONS, "ssh-public-keys", "unprivileged", "start", "password", "storage", "pool")
    found = arguments.parsed("pct create", given, ("vmid", "ostemplate"), options)
    vmid, template = int(found.pop("vmid")), found.pop("ostemplate")
    _refuse_taken(vmid)
    keys = _keys(found.pop("ssh-public-keys", ""))
    config = _created(vmid, template, found)
    node.write(vmid, {"": {"lock": "create"}})
    print(f"extracting archive '/var/lib/vz/template/cache/{template.partition('/')[2]}'")
    if (node.NODE / "killed-in-create").exists():
        # What a `kill -9` leaves once the system in the template has been detected.
        (node.NODE / "killed-in-create").unlink()
        node.write(vmid, {"": {**config, "lock": "create"}})
        os.kill(os.getpid(), signal.SIGKILL)
    _refuse_own_mask(vmid)
    node.make_disk(config, keys)
    node.write(vmid, {"": config})
    node.set_running(vmid, False)
    print("Detected container architecture: amd64")


def _refuse_own_mask(vmid: int) -> None:
    """The guest's root unpacks its system below a folder that has the mask of who called."""
    mask = os.umask(0)
    os.umask(mask)
    if mask & 0o055:
        (node.CONFIGS / f"{vmid}.conf").unlink()
        raise RefusedError(
            f"unable to create CT {vmid} - command 'tar xpf -' failed: exit code 2\n"
            f"tar: /var/lib/lxc/{vmid}/rootfs: Cannot open: Permission denied"
        )


def _refuse_taken(vmid: int) -> None:
    kinds = {"VM": node.VMS, "CT": node.CONFIGS}
    for kind, folder in kinds.items():
        if (folder / f"{vmid}.conf").exists():
            raise RefusedError(f"{kind} {vmid} already exists on node '{node.name()}'")


def _keys(file: str) -> str:
    if not file:
        return ""
    try:
        text = Path(file).read_text()
    except OSError as error:
        raise RefusedError(f"can't open '{file}' - {error.strerror}") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not all(line.startswith(("ssh-", "ecdsa-", "sk-")) for line in lines):
        raise RefusedError("SSH public key validation error")
    return text


def _created(vmid: int, template: str, found: dict[str, str]) -> dict[str, str]:
    _refuse_template(template)
    storage, _, size = found.pop("rootfs", "local:4").partition(":")
    if storage not in node.STORAGES:
        raise RefusedError(f"storage '{storage}' does not exist")
    if "rootdir" not in str(node.STORAGES[storage]["content"]):
        raise RefusedError(
            "400 Parameter verification failed.\n"
            f"storage: storage '{storage}' does not support container directories"
        )
    unprivileged = found.pop("unprivileged", "1")
    config = {"memory": "512", "swap": "512", "hostname": f"CT{vmid}", **found}
    config |= {"arch": "amd64", "ostype": "debian"}
    config["rootfs"] = f"{storage}:vm-{vmid}-disk-0,size={float(size):g}G"
    if unprivileged == "1":
        config["unprivileged"] = "1"
    return config | ({"net0": _network(config["net0"])} if "net0" in config else {})


def _refuse_template(template: str) -> None:
    storage, mark, path = template.partition(":vztmpl/")
    if not mark:
        raise RefusedError(f"can't find file '{template}'")
    if storage not in node.STORAGES:
        raise RefusedError(f"storage '{storage}' does not exist")
    if not (node.TEMPLATES / path).exists():
        raise RefusedError(f"volume '{template}' does not exist")


def _network(value: str) -> str:
    """With an own hardware address below Proxmox' prefix, and its keys in order."""
    parts = dict(part.split("=", 1) for part in value.split(","))
    digits = secrets.token_hex(3).upper()
    address = ":".join(["BC:24:11", digits[:2], digits[2:4], digits[4:]])
    parts = {"hwaddr": address, "type": "veth", **parts}
    rest = {key: parts[key] for key in sorted(parts) if key != "name"}
    return ",".join(f"{key}={text}" for key, text in {"name": parts["name"], **rest}.items())


def change(given: list[str]) -> None:
    found = arguments.parsed("pct set", given, ("vmid",), (*OPTIONS, "delete"))
    vmid = int(found.pop("vmid"))
    parts = node.read(vmid)
    _refuse_locked(parts[""])
    gone = [option for option in found.pop("delete", "").split(",") if option]
    if not found and not gone:
        raise RefusedError("no options specified")
    if "rootfs" in found:
        raise RefusedError("400 Parameter verification failed.\nrootfs: not played by the lab")
    if "net0" in found:
        found["net0"] = _network(found["net0"])
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
    _refuse_locked(parts[""])
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


def start(given: list[str]) -> None:
    vmid = _vmid("pct start", given)
    parts = node.read(vmid)
    if node.is_running(vmid):
        raise RefusedError(f"CT {vmid} already running")
    _refuse_locked(parts[""])
    _apply_pending(vmid, parts)
    node.turn_on(vmid, parts[""])


def stop(given: list[str]) -> None:
    vmid = _vmid("pct stop", given, "timeout")
    parts = node.read(vmid)
    if not node.is_running(vmid):
        raise RefusedError(f"CT {vmid} not running")
    node.turn_off(vmid, parts[""])


def reboot(given: list[str]) -> None:
    vmid = _vmid("pct reboot", given, "timeout")
    parts = node.read(vmid)
    if not node.is_running(vmid):
        raise RefusedError(f"VM {vmid} not running")
    node.turn_off(vmid, parts[""])
    _apply_pending(vmid, parts)
    node.turn_on(vmid, parts[""])


def _apply_pending(vmid: int, parts: dict[str, dict[str, str]]) -> None:
    waiting = parts.pop(PENDING, {})
    for option in filter(None, waiting.pop("delete", "").split(",")):
        parts[""].pop(option, None)
    parts[""] |= waiting
    node.write(vmid, parts)


def destroy(given: list[str]) -> None:
    found = arguments.parsed("pct destroy", given, ("vmid",), ("force", "purge"))
    vmid = int(found["vmid"])
    config = node.read(vmid)[""]
    _refuse_locked(config)
    if config.get("protection") == "1":
        raise RefusedError(f"can't remove CT {vmid} - protection mode enabled")
    if node.is_running(vmid):
        if found.get("force") != "1":
            raise RefusedError(f"unable to destroy CT {vmid} - container is running")
        node.turn_off(vmid, config)
    node.remove(vmid)
    node.destroy_disk(config)


def unlock(given: list[str]) -> None:
    vmid = _vmid("pct unlock", given)
    parts = node.read(vmid)
    parts[""].pop("lock", None)
    node.write(vmid, parts)


def status(given: list[str]) -> None:
    vmid = _vmid("pct status", given)
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


def _refuse_locked(config: dict[str, str]) -> None:
    if config.get("lock"):
        raise RefusedError(f"CT is locked ({config['lock']})")


def _vmid(command: str, given: list[str], *options: str) -> int:
    return int(arguments.parsed(command, given, ("vmid",), options)["vmid"])


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
