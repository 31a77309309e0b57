"""Containers: one per machine, fresh from its installer, kept until its definition changes."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from lab.checkout import (
    KNOWN_HOSTS_FILE,
    LABEL,
    NAME,
    container_name,
    disk_name,
    volume_name,
)
from lab.engine import LabError, docker
from lab.progress import step

# What systemd and a nested Docker need beyond Docker's own list. SYS_TIME is left out: the clock
# of a container is that of the computer that the lab runs on.
CAPABILITIES = (
    *("AUDIT_CONTROL", "AUDIT_READ", "DAC_READ_SEARCH", "IPC_LOCK", "IPC_OWNER", "LEASE"),
    *("LINUX_IMMUTABLE", "NET_ADMIN", "NET_BROADCAST", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_PTRACE", "SYS_TTY_CONFIG", "SYSLOG"),
)
UNCONFINED = ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined")
DEFINITION = "ai-idp.lab.definition"
BOOT_SECONDS = 300
"""All at once, they take longer than one."""


@dataclass(frozen=True)
class Container:
    """A machine of the lab: what `docker run` is told."""

    host: str
    image: str
    address: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    has_docker: bool = False
    mounts: tuple[str, ...] = ()
    device_rules: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return container_name(self.host)

    def arguments(self) -> list[str]:
        """The arguments of `docker run`; one without an address is no part of the lab.

        It has no label of the lab either: an image made from it would hand that on.
        """
        part_of_lab = ("--label", LABEL, "--network", NAME, "--ip", self.address)
        return [
            *("--name", self.name, "--hostname", self.host),
            *(part_of_lab if self.address else ()),
            *_each("--network-alias", self.aliases),
            *_each("--cap-add", CAPABILITIES),
            *_each("--security-opt", UNCONFINED),
            *("--cgroupns=private", "--stop-signal=SIGRTMIN+3"),
            # `reboot` ends process 1 with a signal; a machine comes back from it.
            "--restart=on-failure",
            *("--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
            *_each("--env", (f"{name}={value}" for name, value in self.environment)),
            *(("-v", f"{volume_name(self.host)}:/var/lib/docker") if self.has_docker else ()),
            *_each("-v", self.mounts),
            *_each("--device-cgroup-rule", self.device_rules),
            self.image,
            *self.command,
        ]


def ensure(container: Container) -> bool:
    """Have the container running as defined; an unchanged running one is left alone.

    True where it took the place of one with another definition, whose disk is lost.
    """
    arguments = container.arguments()
    definition = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:12]
    state = state_of(container.host)
    if state and _label(container.name) == definition:
        if state != "running":
            with step(f"Start {container.host} again"):
                docker("start", container.name)
        return False
    if state:
        with step(f"Remove {container.host}: its definition changed"):
            remove(container.host)
    with step(f"Make {container.host} at {container.address}"):
        if container.address:
            forget_host_key(container.address)
        docker("run", "--detach", "--label", f"{DEFINITION}={definition}", *arguments)
    return bool(state)


def state_of(host: str) -> str:
    """Docker's word for the state of a host's container; empty where there is none."""
    states = docker(
        *("ps", "--all", "--format", "{{.State}}"),
        *("--filter", f"name=^{container_name(host)}$"),
    )
    return states.strip()


def remove(host: str) -> None:
    """Remove a host with everything on it, its Docker volume included."""
    docker("rm", "--force", "--volumes", container_name(host))
    for volume in (volume_name(host), disk_name(host)):
        if docker("volume", "ls", "-q", "--filter", f"name=^{volume}$").strip():
            docker("volume", "rm", volume)


def boot_state(host: str) -> str:
    """What systemd says of the machine's start: ``running``, ``degraded``, ``starting`` …"""
    command = "systemctl is-system-running || :"
    try:
        return docker("exec", container_name(host), "sh", "-c", command).strip() or "booting"
    except LabError:
        # Until lab-init has become systemd there is nobody to ask.
        return "booting"


def wait_booted(hosts: Iterable[str]) -> None:
    """Wait until systemd has started everything on each of ``hosts``."""
    deadline = time.monotonic() + BOOT_SECONDS
    waiting = list(hosts)
    while waiting := [host for host in waiting if boot_state(host) not in ("running", "degraded")]:
        if time.monotonic() > deadline:
            raise LabError(
                f"{', '.join(waiting)} did not boot within {BOOT_SECONDS} s; look inside with "
                f"`docker exec {container_name(waiting[0])} journalctl -b`"
            )
        time.sleep(0.5)


def wait_answering(addresses: Iterable[str], port: int = 22) -> None:
    """Wait until something accepts connections on ``port`` of each address."""
    deadline = time.monotonic() + BOOT_SECONDS
    for address in addresses:
        while not _accepts(address, port):
            if time.monotonic() > deadline:
                raise LabError(
                    f"nothing answers at {address} port {port}; "
                    "does this machine's firewall keep it from its own containers?"
                )
            time.sleep(0.2)


def forget_host_key(address: str) -> None:
    """Drop the pin of a machine that the lab itself has replaced by a fresh one."""
    if KNOWN_HOSTS_FILE.exists():
        lines = KNOWN_HOSTS_FILE.read_text().splitlines(keepends=True)
        kept = [line for line in lines if address not in line.split(" ")[0].split(",")]
        KNOWN_HOSTS_FILE.write_text("".join(kept))


def _accepts(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def _label(name: str) -> str:
    format = f'{{{{index .Config.Labels "{DEFINITION}"}}}}'
    return docker("inspect", "--format", format, name).strip()


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (option, value)]
