"""`pct create`: a container from a template, and what a creation refuses."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from . import arguments, node
from .arguments import OPTIONS
from .node import RefusedError
from .pct_options import network


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
    return config | ({"net0": network(config["net0"])} if "net0" in config else {})


def _refuse_template(template: str) -> None:
    storage, mark, path = template.partition(":vztmpl/")
    if not mark:
        raise RefusedError(f"can't find file '{template}'")
    if storage not in node.STORAGES:
        raise RefusedError(f"storage '{storage}' does not exist")
    if not (node.TEMPLATES / path).exists():
        raise RefusedError(f"volume '{template}' does not exist")
