"""Docker's daemon: what its configuration says, and how a changed one is checked and taken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deploys import docker_data_root
from facts.storage import Storage
from operations.entries import Directory, Entry, File
from operations.transaction import Steps

if TYPE_CHECKING:
    from deploys.docker import Docker

DAEMON = "/etc/docker/daemon.json"

# The journal's own limits keep the disk; each line there has the name of its container, and the
# labels as fields (docs.docker.com, "Journald logging driver").
LOG_DRIVER = "journald"
LOG_OPTIONS = {
    "tag": "{{.Name}}",
    "labels": "com.docker.compose.project,com.docker.compose.service",
}

# A reload would apply live-restore alone; address pools, CDI and logs need a restart. Its unit
# allows three starts a minute, which the last good configuration shall not be kept from.
ACTIVATE = """\
systemctl daemon-reload
systemctl enable --quiet docker
systemctl reset-failed docker
systemctl restart docker
"""
STEPS = Steps(
    validate=f'dockerd --validate --config-file "$STAGE{DAEMON}"',
    activate=ACTIVATE,
    probe="docker info >/dev/null",
)


def entries(settings: Docker, nvidia: bool, root: str, storage: Storage) -> list[Entry]:
    """daemon.json, and what keeps the engine off while the disk of its data root is."""
    daemon = content(settings, nvidia=nvidia, data_root=root)
    found: list[Entry] = [File(DAEMON, f"{json.dumps(daemon, indent=2)}\n".encode())]
    mount = docker_data_root.mount_point(root, storage)
    if mount:
        waiting = docker_data_root.drop_in(root, mount)
        found += [Directory(docker_data_root.DROP_INS), File(docker_data_root.DROP_IN, waiting)]
    return found


def content(settings: Docker, nvidia: bool = False, data_root: str = "") -> dict[str, Any]:
    """The content of daemon.json; dockerd wants the log options as strings.

    With `nvidia` it has the runtime that the container toolkit would else write into it.
    """
    pool = {"base": str(settings.address_pool), "size": settings.network_prefix_bits}
    runtimes = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    return {
        "log-driver": LOG_DRIVER,
        "log-opts": LOG_OPTIONS,
        "live-restore": settings.keep_containers_running,
        "default-address-pools": [pool],
        # A fresh engine 29 would keep images where the distributions' older ones do not look
        # (docs.docker.com, "containerd image store"): moving would lose the containers.
        "features": {"cdi": True, "containerd-snapshotter": False},
        "no-new-privileges": True,
        **({"runtimes": runtimes} if nvidia else {}),
        **({"data-root": data_root} if data_root not in ("", docker_data_root.DEFAULT) else {}),
    }
