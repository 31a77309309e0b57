"""`guests.present`: which exact commands a node's state leads to, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from facts.guests import GuestsState
from operations import guests
from operations.guest_options import GRAPHICS_DEVICES, Place, Wanted
from operations.guest_refusals import refusals
from tests.fake_host import Run, run

GIB = 1024**3
TEMPLATE = "debian-13-standard_13.6-1_amd64.tar.zst"
WEB = Wanted(
    name="web",
    address="192.0.2.21",
    vmid=121,
    cores=2,
    memory_mib=1024,
    swap_mib=512,
    disk_gib=8,
    features=("nesting",),
    start_order=1,
)
MAIL = replace(WEB, name="mail", address="192.0.2.22", vmid=122)
PLACE = Place(
    bridge="vmbr0",
    gateway="192.0.2.1",
    prefix_length=24,
    nameserver="192.0.2.1",
    template=TEMPLATE,
    template_storage="local",
    rootfs_storage="local-lvm",
    public_key="ssh-ed25519 AAAA operator@desk",
    start_seconds=60,
)
CONFIG = {
    "arch": "amd64",
    "cores": "2",
    "features": "nesting=1",
    "hostname": "web",
    "memory": "1024",
    "nameserver": "192.0.2.1",
    "net0": "name=eth0,bridge=vmbr0,firewall=1,gw=192.0.2.1,hwaddr=BC:24:11:AA:BB:CC,"
    "ip=192.0.2.21/24,type=veth",
    "onboot": "1",
    "ostype": "debian",
    "rootfs": "local-lvm:vm-121-disk-0,size=8G",
    "startup": "order=1,up=5",
    "swap": "512",
    "tags": "ai-idp",
    "unprivileged": "1",
}
STORAGES = {
    "local": {"content": "iso,vztmpl", "active": 1, "enabled": 1, "avail": 50 * GIB},
    "local-lvm": {"content": "rootdir,images", "active": 1, "enabled": 1, "avail": 100 * GIB},
}
FOREIGN = {"vmid": 200, "type": "lxc", "node": "pve", "name": "somebody", "status": "stopped"}


def node(
    config: dict[str, str] | None = None,
    pending: dict[str, str] | None = None,
    status: str = "running",
    taken: tuple[dict[str, Any], ...] = (),
    storages: dict[str, Any] = STORAGES,
    templates: tuple[str, ...] = (TEMPLATE,),
    offered: tuple[str, ...] = (TEMPLATE,),
    present: tuple[str, ...] = ("/sys/class/net/vmbr0",),
) -> list[str]:
    """What the fact reads on a node with this container 121."""
    rows = [FOREIGN, *taken]
    listed = ["200        stopped                 somebody            "]
    sections: list[str] = []
    if config is not None:
        rows.append({"vmid": 121, "type": "lxc", "node": "pve", "name": config.get("hostname")})
        listed.append(f"121        {status:<10} {'':<12} {config.get('hostname', '')}")
        sections = ["== config 121", *(f"{option}: {value}" for option, value in config.items())]
        if pending:
            sections += ["", "[pve:pending]", *(f"{k}: {v}" for k, v in pending.items())]
    found = [{"storage": name, **values} for name, values in storages.items()]
    return [
        *("== name", "pve", "== resources", json.dumps(rows)),
        *("== storages", json.dumps(found)),
        *("== containers", "VMID       Status     Lock         Name", *listed),
        *("== templates", "NAME SIZE", *(f"local:vztmpl/{name} 129.72MB" for name in templates)),
        *("== offered", *(f"system          {name} amd64" for name in offered)),
        *sections,
        *("== present", *present, "== end"),
    ]


def present(state: list[str], *wanted: Wanted, place: Place = PLACE, **answers: Any) -> Run:
    install = lambda: guests.present(guests=wanted or (WEB,), place=place)  # noqa: E731
    return run(install, {"command -v pct": state, **answers})


def steps(outcome: Run) -> list[str]:
    """What is run on the node, without the script around it and the fact's own command."""
    found = []
    for command in outcome.commands:
        if "pveam download" in command or "started()" in command:
            script = command.split("done\n}\n\n")[-1].partition("' </dev/null")[0]
            found += script.replace("'\"'\"'", "'").strip().splitlines()
    return found


STARTED = ["pct start 121", "started 121 60"]
CREATED = (
    "create 121 'ssh-ed25519 AAAA operator@desk' "
    f"local:vztmpl/{TEMPLATE} --hostname web --rootfs local-lvm:8 --cores 2 --memory 1024 "
    "--swap 512 --net0 name=eth0,bridge=vmbr0,gw=192.0.2.1,ip=192.0.2.21/24,type=veth "
    "--nameserver 192.0.2.1 --onboot 1 --features nesting=1 --startup order=1 --unprivileged 1"
)


def test_a_guest_that_is_as_declared_costs_one_command() -> None:
    outcome = present(node(CONFIG))
    assert outcome.succeeded
    assert len(outcome.commands) == 1


def test_a_backup_of_a_guest_that_is_as_declared_is_let_alone() -> None:
    outcome = present(node({**CONFIG, "lock": "backup"}))
    assert outcome.succeeded
    assert len(outcome.commands) == 1


def test_a_backup_of_one_guest_does_not_hold_up_another() -> None:
    outcome = present(node({**CONFIG, "lock": "backup"}), WEB, MAIL)
    assert outcome.succeeded
    assert steps(outcome)[0].startswith("create 122 ")


def test_a_missing_guest_is_created_and_started() -> None:
    outcome = present(node())
    assert outcome.succeeded
    assert steps(outcome) == [CREATED, *STARTED]


def test_a_template_that_is_offered_only_is_downloaded_first() -> None:
    outcome = present(node(templates=()))
    assert steps(outcome)[0] == f"pveam download local {TEMPLATE}"
    assert steps(outcome)[1:] == [CREATED, *STARTED]


def test_a_node_without_templates_that_creates_nothing_downloads_nothing() -> None:
    assert steps(present(node(CONFIG, templates=()))) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cores": 4}, ["pct set 121 --cores 4"]),
        ({"memory_mib": 2048, "swap_mib": 0}, ["pct set 121 --memory 2048 --swap 0"]),
        ({"disk_gib": 16}, ["pct resize 121 rootfs 16G"]),
        ({"start_order": 2}, ["pct set 121 --startup order=2,up=5"]),
        (
            {"address": "192.0.2.22"},
            [
                "pct set 121 --net0 name=eth0,bridge=vmbr0,firewall=1,gw=192.0.2.1,"
                "hwaddr=BC:24:11:AA:BB:CC,ip=192.0.2.22/24,type=veth"
            ],
        ),
    ],
)
def test_a_change_that_a_running_guest_takes_over_is_made_at_once(
    change: dict[str, Any], expected: list[str]
) -> None:
    assert steps(present(node(CONFIG), replace(WEB, **change))) == expected


def test_what_is_its_own_in_an_option_of_ours_is_kept() -> None:
    no_turn = replace(WEB, start_order=None)
    assert steps(present(node(CONFIG), no_turn)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"features": ("nesting", "keyctl")}, "pct set 121 --features keyctl=1,nesting=1"),
        ({"features": ()}, "pct set 121 --delete features"),
    ],
)
def test_a_change_that_a_guest_gets_at_its_start_restarts_it(
    change: dict[str, Any], expected: str
) -> None:
    outcome = present(node(CONFIG), replace(WEB, **change))
    assert steps(outcome) == [expected, "pct reboot 121", "started 121 60"]


def test_a_change_that_still_waits_for_a_start_restarts_it() -> None:
    config = {**CONFIG, "features": "keyctl=1,nesting=1"}
    outcome = present(node(config, pending={"features": "nesting=1"}))
    assert steps(outcome) == ["pct reboot 121", "started 121 60"]


def test_what_waits_and_is_not_ours_restarts_nothing() -> None:
    assert steps(present(node(CONFIG, pending={"cmode": "shell"}))) == []


def test_a_stopped_guest_is_started() -> None:
    assert steps(present(node(CONFIG, status="stopped"))) == STARTED


def test_a_stopped_guest_is_changed_and_then_started() -> None:
    outcome = present(node(CONFIG, status="stopped"), replace(WEB, features=()))
    assert steps(outcome) == ["pct set 121 --delete features", *STARTED]


DEVICES = ("/sys/class/net/vmbr0", *GRAPHICS_DEVICES)


def test_a_card_is_handed_on_and_taken_back() -> None:
    with_card = replace(WEB, devices=GRAPHICS_DEVICES)
    given = steps(present(node(CONFIG, present=DEVICES), with_card))
    assert given == [
        "pct set 121 --dev0 /dev/nvidia0,mode=0666 --dev1 /dev/nvidiactl,mode=0666 "
        "--dev2 /dev/nvidia-uvm,mode=0666 --dev3 /dev/nvidia-uvm-tools,mode=0666",
        *("pct reboot 121", "started 121 60"),
    ]
    devices = {f"dev{n}": f"{path},mode=0666" for n, path in enumerate(GRAPHICS_DEVICES)}
    assert steps(present(node({**CONFIG, **devices}, present=DEVICES), with_card)) == []
    serial = {"dev4": "/dev/ttyUSB0"}
    assert steps(present(node({**CONFIG, **devices, **serial}))) == [
        "pct set 121 --delete dev0 --delete dev1 --delete dev2 --delete dev3",
        *("pct reboot 121", "started 121 60"),
    ]


VM = {"vmid": 121, "type": "qemu", "node": "pve", "name": "windows"}
ELSEWHERE = {"vmid": 121, "type": "lxc", "node": "pve2", "name": "web"}

FAILING: dict[str, Any] = {"echo ": {"success": False}}
"""The command that only says why nothing is done."""

REFUSED: dict[str, tuple[list[str], Wanted, Place, str]] = {
    "no node": (
        ["== no node", "== end"],
        WEB,
        PLACE,
        "it has no `pct`, so it is no Proxmox VE node; install that, or take the host out of "
        "`proxmox` in inventory.py",
    ),
    "a smaller disk": (
        node(CONFIG),
        replace(WEB, disk_gib=4),
        PLACE,
        "web: its disk has 8G and cannot shrink to 4 GiB without losing data; set `disk_gib` to "
        "what it has at least",
    ),
    "another storage": (
        node({**CONFIG, "rootfs": "tank:subvol-121-disk-0,size=8G"}),
        WEB,
        PLACE,
        "web: its disk lies on tank, not on local-lvm; set `rootfs_storage`, or move it by hand: "
        "`pct move-volume 121 rootfs local-lvm`",
    ),
    "a virtual machine's number": (
        node(taken=(VM,)),
        WEB,
        PLACE,
        "web: its number 121 belongs to the virtual machine windows; give it another `vmid` in "
        "the inventory",
    ),
    "a number of another node": (
        node(taken=(ELSEWHERE,)),
        WEB,
        PLACE,
        "web: its number 121 belongs to the container web of the node pve2; give it another "
        "`vmid` in the inventory",
    ),
    "another container's number": (
        node({**CONFIG, "hostname": "mail"}),
        WEB,
        PLACE,
        "web: its number 121 belongs to the container mail; give it another `vmid` in the "
        "inventory",
    ),
    "a lock": (
        node({"lock": "create"}),
        WEB,
        PLACE,
        "web: container 121 differs and is locked (create): wait for that to end. If nobody is at "
        "work on it: `pct unlock 121`, and after an interrupted creation `pct destroy 121`",
    ),
    "a lock on one that is to be changed": (
        node({**CONFIG, "lock": "backup"}),
        replace(WEB, cores=4),
        PLACE,
        "web: container 121 differs and is locked (backup): wait for that to end. If nobody is at "
        "work on it: `pct unlock 121`, and after an interrupted creation `pct destroy 121`",
    ),
    "a lock on one that is to be started": (
        node({**CONFIG, "lock": "backup"}, status="stopped"),
        WEB,
        PLACE,
        "web: container 121 differs and is locked (backup): wait for that to end. If nobody is at "
        "work on it: `pct unlock 121`, and after an interrupted creation `pct destroy 121`",
    ),
    "an unknown template": (
        node(templates=(), offered=("debian-13-standard_13.7-1_amd64.tar.zst", "alpine_1")),
        WEB,
        PLACE,
        f"the template {TEMPLATE} is neither on local nor offered (offered of its kind: "
        "debian-13-standard_13.7-1_amd64.tar.zst); run `pveam update` on the node, or set "
        "`template` in group_data/proxmox.py",
    ),
    "no room": (
        node(),
        replace(WEB, disk_gib=101),
        PLACE,
        "its storage local-lvm has 100.0 GiB left, but the guests want 101.0 GiB more; make "
        "room, or set smaller disks",
    ),
    "no room to grow": (
        node(CONFIG),
        replace(WEB, disk_gib=109),
        PLACE,
        "its storage local-lvm has 100.0 GiB left, but the guests want 101.0 GiB more; make "
        "room, or set smaller disks",
    ),
    "an unknown storage": (
        node(CONFIG),
        WEB,
        replace(PLACE, template_storage="nas"),
        "it has no storage nas (known are local, local-lvm); set `template_storage` in "
        "group_data/proxmox.py",
    ),
    "a storage that is off": (
        node(CONFIG, storages={**STORAGES, "local": {**STORAGES["local"], "active": 0}}),
        WEB,
        PLACE,
        "its storage local is switched off or cannot be reached; switch it on, or set "
        "`template_storage` in group_data/proxmox.py",
    ),
    "a storage for something else": (
        node(CONFIG, storages={**STORAGES, "local": {**STORAGES["local"], "content": "iso"}}),
        WEB,
        PLACE,
        "its storage local does not take vztmpl; allow that under Datacenter, Storage, or set "
        "`template_storage` in group_data/proxmox.py",
    ),
    "no bridge": (
        node(CONFIG, present=()),
        WEB,
        PLACE,
        "it has no bridge vmbr0; set `bridge` in group_data/proxmox.py",
    ),
    "no driver": (
        node(CONFIG),
        replace(WEB, devices=("/dev/nvidia0",)),
        PLACE,
        "web: the node has no /dev/nvidia0; install NVIDIA's driver with its module on the node, "
        "and the same version without the module in the guest, or take the guest out of "
        "`gpu_passthrough`",
    ),
}


@pytest.mark.parametrize(("state", "wanted", "place", "said"), REFUSED.values(), ids=REFUSED)
def test_what_loses_data_or_is_somebody_elses_is_refused_and_nothing_changes(
    state: list[str], wanted: Wanted, place: Place, said: str
) -> None:

    assert refusals((wanted,), place, GuestsState().process(state)) == [said]
    outcome = present(state, wanted, place=place, **FAILING)
    assert not outcome.succeeded
    assert steps(outcome) == []


def test_one_refused_guest_keeps_the_others_as_they_are() -> None:
    other = replace(WEB, name="new", vmid=122, address="192.0.2.22")
    outcome = present(node({**CONFIG, "hostname": "mail"}), WEB, other, **FAILING)
    assert not outcome.succeeded
    assert steps(outcome) == []


def test_what_cannot_be_read_changes_nothing_and_fails_the_host() -> None:
    for broken in ({"success": False, "stderr": "ipcc_send_rec failed"}, ["== name", "pve"]):
        outcome = run(
            lambda: guests.present(guests=(WEB,), place=PLACE), {"command -v pct": broken}
        )
        assert not outcome.succeeded
        assert steps(outcome) == []
