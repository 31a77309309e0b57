"""Proxmox: the guests of a Proxmox VE node, created and kept as the inventory has them.

Listens on nothing; the node's own web interface does, on port 8006. A guest that is not in the
inventory is never touched. Guests stay when the role leaves a host.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

from deploys.declarations import Conflict
from deploys.refusal import refuse
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations import guests
from operations.guest_options import GRAPHICS_DEVICES, Place, Wanted
from operations.guest_refusals import refusals


class Proxmox(Settings):
    """What the guests of a node have in common."""

    role: ClassVar[str] = "proxmox"

    gateway: str = Field(description="the router that guests reach other networks through")
    prefix_length: int = Field(
        default=24, ge=8, le=30, description="size of the guests' network; 24: 192.168.1.0/24"
    )
    nameserver: str | None = Field(
        default=None, description="what guests ask for names; without it the gateway"
    )
    bridge: str = Field(
        default="vmbr0", pattern=r"^[\w.-]+$", description="the node's bridge that guests are on"
    )
    template: str = Field(
        default="debian-13-standard_13.6-1_amd64.tar.zst",
        pattern=r"^[\w.+-]+\.tar\.(zst|xz|gz)$",
        description="what a new guest is made from; `pveam available` lists the names",
    )
    template_storage: str = Field(
        default="local", pattern=r"^[\w.-]+$", description="the storage that templates lie on"
    )
    rootfs_storage: str = Field(
        default="local-lvm", pattern=r"^[\w.-]+$", description="the storage of the guests' disks"
    )
    start_on_boot: bool = Field(default=True, description="guests start when the node does")
    start_order: tuple[str, ...] = Field(
        default=(), description="guests in the order of their start; others come after these"
    )
    gpu_passthrough: tuple[str, ...] = Field(
        default=(),
        description="guests that may use the node's NVIDIA card; the node needs its driver then",
    )
    start_seconds: int = Field(default=300, ge=10, description="time for a guest to start")

    @field_validator("gateway", "nameserver")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        return text and str(IPv4Address(text))

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """What the settings name is a guest, and every guest is in the network."""
        return (
            *self._strangers(machine, topology),
            *self._far_addresses(machine, topology),
            *self._overfull_memory(machine, topology),
        )

    def _strangers(self, machine: Machine, topology: Topology) -> list[Conflict]:
        known = {guest.name for guest, _ in topology.guests_of(machine.name)}
        named = {"start_order": self.start_order, "gpu_passthrough": self.gpu_passthrough}
        return [
            Conflict(
                f"`{setting}` names {name}, which is no guest of it",
                f"correct the name in group_data/proxmox.py, or give {name} a `guest` with "
                f'node="{machine.name}" in the inventory',
            )
            for setting, names in named.items()
            for name in names
            if name not in known
        ]

    def _far_addresses(self, machine: Machine, topology: Topology) -> list[Conflict]:
        network = IPv4Interface((self.gateway, self.prefix_length)).network
        return [
            Conflict(
                f"its guest {guest.name} has the address {guest.address}, which is not in the "
                f"gateway's network {network}",
                "correct the address in the inventory, or `gateway` and `prefix_length` in "
                "group_data/proxmox.py",
            )
            for guest, _ in topology.guests_of(machine.name)
            if not _is_within(guest.address, network)
        ]

    def _overfull_memory(self, machine: Machine, topology: Topology) -> list[Conflict]:
        if machine.hardware is None:
            return []
        asked = sum(guest.memory_mib for _, guest in topology.guests_of(machine.name))
        there = (machine.hardware.memory_gib - machine.hardware.system_gib) * 1024
        if asked <= there:
            return []
        return [
            Conflict(
                f"its guests may take {asked} MiB of memory, but it has {there} MiB for them",
                "give them less `memory_mib` in the inventory",
            )
        ]


@deploy("Proxmox VE")
def install() -> None:
    settings = Proxmox.of(host)
    key = _public_key()
    if not key.exists():
        refuse(f"{key} is missing, which opens new guests: `ssh-keygen -y` makes it of `ssh_key`")
        return
    wanted = containers(settings, Topology.of(inventory), host.name)
    shared = place(settings, key.read_text().strip())
    found = guests.read(wanted, shared)
    if found is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    reasons = refusals(wanted, shared, found)
    if reasons:
        refuse("; ".join(reasons))
        return
    guests.present(name="Have the guests", guests=wanted, place=shared)


def containers(settings: Proxmox, topology: Topology, node: str) -> list[Wanted]:
    """The guests of `node`, in the order of their start."""
    order = settings.start_order
    wanted = [
        Wanted(
            name=machine.name,
            address=machine.address,
            start_order=order.index(machine.name) + 1 if machine.name in order else None,
            devices=GRAPHICS_DEVICES if machine.name in settings.gpu_passthrough else (),
            **guest.model_dump(exclude={"node"}),
        )
        for machine, guest in topology.guests_of(node)
    ]
    return sorted(wanted, key=lambda guest: guest.start_order or len(order) + 1)


def place(settings: Proxmox, public_key: str) -> Place:
    """What the containers share; root of a new one is opened by `public_key`."""
    return Place(
        bridge=settings.bridge,
        gateway=settings.gateway,
        prefix_length=settings.prefix_length,
        nameserver=settings.nameserver or settings.gateway,
        template=settings.template,
        template_storage=settings.template_storage,
        rootfs_storage=settings.rootfs_storage,
        public_key=public_key,
        start_on_boot=settings.start_on_boot,
        start_seconds=settings.start_seconds,
    )


def _public_key() -> Path:
    """The half of `ssh_key` that a new guest is given; `make trust` makes it with the other one."""
    private = Path(str(host.data.get("ssh_key"))).expanduser()
    return private.with_name(f"{private.name}.pub")


def _is_within(address: str, network: IPv4Network) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        # Another check names an address that is none.
        return True
