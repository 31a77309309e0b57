"""The role proxmox: its settings, what they cannot be together with, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deploys.guest import Guest
from deploys.hardware import Hardware
from deploys.proxmox import Proxmox, containers, place
from deploys.topology import Machine, Topology
from operations.guest_options import GRAPHICS_DEVICES

GATEWAY = "192.0.2.1"


def guest(name: str, vmid: int, address: str = "192.0.2.21", node: str = "pve") -> Machine:
    values = Guest(node=node, vmid=vmid, cores=2, memory_mib=1024, disk_gib=8)
    return Machine(name, address, (), {}, {"guest": values})


WEB, MAIL = guest("web", 121), guest("mail", 122, "192.0.2.22")


def node(**data: Any) -> Machine:
    return Machine("pve", "192.0.2.20", ("proxmox",), {}, data)


def conflicts(settings: Proxmox, *guests: Machine, **data: Any) -> list[str]:
    machine = node(**data)
    found = settings.conflicts(machine, Topology((machine, *guests), ()))
    return [f"{conflict.what}; {conflict.remedy}" for conflict in found]


@pytest.mark.parametrize(
    "wrong",
    [
        {"gateway": "router"},
        {"gateway": "fe80::1"},
        {"nameserver": "1.1.1"},
        {"prefix_length": 33},
        {"bridge": "vmbr0; id"},
        {"template": "debian"},
        {"rootfs_storage": "local lvm"},
        {"storage": "local"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Proxmox.model_validate({"gateway": GATEWAY, **wrong})


def test_settings_that_name_guests_of_the_node_go_together() -> None:
    settings = Proxmox(gateway=GATEWAY, start_order=("mail", "web"), gpu_passthrough=("web",))
    assert conflicts(settings, WEB, MAIL) == []


@pytest.mark.parametrize("setting", ["start_order", "gpu_passthrough"])
def test_a_name_that_is_no_guest_of_the_node_is_refused(setting: str) -> None:
    settings = Proxmox.model_validate({"gateway": GATEWAY, setting: ("web", "mali")})
    assert conflicts(settings, WEB, guest("mali", 130, node="other")) == [
        f"`{setting}` names mali, which is no guest of it; correct the name in "
        'group_data/proxmox.py, or give mali a `guest` with node="pve" in the inventory'
    ]


def test_an_address_in_another_network_is_refused() -> None:
    assert conflicts(Proxmox(gateway=GATEWAY), guest("web", 121, "198.51.100.9")) == [
        "its guest web has the address 198.51.100.9, which is not in the gateway's network "
        "192.0.2.0/24; correct the address in the inventory, or `gateway` and `prefix_length` in "
        "group_data/proxmox.py"
    ]


def test_guests_with_more_memory_than_the_node_are_refused() -> None:
    small = Hardware(physical_cores=8, memory_gib=3, system_gib=2, disk_gib=100)
    assert conflicts(Proxmox(gateway=GATEWAY), WEB, hardware=small) == []
    assert conflicts(Proxmox(gateway=GATEWAY), WEB, MAIL, hardware=small) == [
        "its guests may take 2048 MiB of memory, but it has 1024 MiB for them; give them less "
        "`memory_mib` in the inventory"
    ]


def test_guests_come_in_the_order_of_their_start_and_others_after_them() -> None:
    settings = Proxmox(gateway=GATEWAY, start_order=("mail",), gpu_passthrough=("web",))
    found = containers(settings, Topology((node(), WEB, MAIL), ()), "pve")
    assert [(one.name, one.vmid, one.start_order) for one in found] == [
        ("mail", 122, 1),
        ("web", 121, None),
    ]
    assert [one.devices for one in found] == [(), GRAPHICS_DEVICES]


def test_names_are_asked_of_the_gateway_unless_somebody_else_is_named() -> None:
    assert place(Proxmox(gateway=GATEWAY), "key").nameserver == GATEWAY
    other = Proxmox(gateway=GATEWAY, nameserver="192.0.2.53")
    assert place(other, "key").nameserver == "192.0.2.53"
