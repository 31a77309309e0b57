"""Refusals: what is not done to a node's guests, since it loses data or is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facts.guests import Container, Guests, Storage
from operations import guest_options as options
from operations.guest_options import GIB, Place, Wanted


def refusals(guests: Sequence[Wanted], place: Place, found: Guests) -> list[str]:
    """Every reason to change nothing on this node: who, what is wrong, what to do."""
    if not found.name:
        return [
            "it has no `pct`, so it is no Proxmox VE node; install that, or take the host out of "
            "`proxmox` in inventory.py"
        ]
    return [
        *_of_place(place, found),
        *(reason for guest in guests for reason in _of_guest(guest, place, found)),
        *_of_template(guests, place, found),
        *_of_room(guests, place, found),
    ]


def _of_place(place: Place, found: Guests) -> Iterator[str]:
    yield from _of_storage("template_storage", place.template_storage, "vztmpl", found)
    yield from _of_storage("rootfs_storage", place.rootfs_storage, "rootdir", found)
    if f"/sys/class/net/{place.bridge}" not in found.present:
        yield f"it has no bridge {place.bridge}; set `bridge` in group_data/proxmox.py"


def _of_storage(setting: str, name: str, content: str, found: Guests) -> Iterator[str]:
    storage = found.storages.get(name)
    remedy = f"set `{setting}` in group_data/proxmox.py"
    if storage is None:
        known = ", ".join(sorted(found.storages)) or "none"
        yield f"it has no storage {name} (known are {known}); {remedy}"
    elif not storage.active:
        yield f"its storage {name} is switched off or cannot be reached; switch it on, or {remedy}"
    elif content not in storage.content:
        yield (
            f"its storage {name} does not take {content}; allow that under Datacenter, Storage, "
            f"or {remedy}"
        )


def _of_guest(guest: Wanted, place: Place, found: Guests) -> Iterator[str]:
    kind, node, name = found.taken.get(guest.vmid, ("", "", ""))
    container = found.containers.get(guest.vmid)
    if kind == "qemu":
        yield _taken(guest, f"the virtual machine {name}")
    elif kind and container is None:
        yield _taken(guest, f"the container {name} of the node {node}")
    elif container is not None and container.lock and options.differs(guest, place, container):
        yield (
            f"{guest.name}: container {guest.vmid} differs and is locked ({container.lock}): wait "
            f"for that to end. If nobody is at work on it: `pct unlock {guest.vmid}`, and after an "
            f"interrupted creation `pct destroy {guest.vmid}`"
        )
    elif container is not None and container.name != guest.name:
        yield _taken(guest, f"the container {container.name or 'without a name'}")
    elif container is not None:
        yield from _of_disk(guest, place, container)
    missing = [path for path in guest.devices if path not in found.present]
    if missing:
        yield (
            f"{guest.name}: the node has no {', '.join(missing)}; install NVIDIA's driver with its "
            "module on the node, and the same version without the module in the guest, or take "
            "the guest out of `gpu_passthrough`"
        )


def _taken(guest: Wanted, whose: str) -> str:
    return (
        f"{guest.name}: its number {guest.vmid} belongs to {whose}; give it another `vmid` in the "
        "inventory"
    )


def _of_disk(guest: Wanted, place: Place, container: Container) -> Iterator[str]:
    storage, size = options.disk_storage(container), options.disk_size(container)
    if storage != place.rootfs_storage:
        yield (
            f"{guest.name}: its disk lies on {storage}, not on {place.rootfs_storage}; set "
            f"`rootfs_storage`, or move it by hand: `pct move-volume {guest.vmid} rootfs "
            f"{place.rootfs_storage}`"
        )
    if size and options.kib(size) > guest.disk_gib * GIB:
        yield (
            f"{guest.name}: its disk has {size} and cannot shrink to {guest.disk_gib} GiB without "
            "losing data; set `disk_gib` to what it has at least"
        )


def _of_template(guests: Sequence[Wanted], place: Place, found: Guests) -> Iterator[str]:
    is_needed = any(guest.vmid not in found.taken for guest in guests)
    if is_needed and place.volume not in found.templates and place.template not in found.offered:
        family = place.template.partition("_")[0]
        near = sorted(name for name in found.offered if name.startswith(family))
        yield (
            f"the template {place.template} is neither on {place.template_storage} nor offered "
            f"(offered of its kind: {', '.join(near) or 'none'}); run `pveam update` on the node, "
            "or set `template` in group_data/proxmox.py"
        )


def _of_room(guests: Sequence[Wanted], place: Place, found: Guests) -> Iterator[str]:
    storage = found.storages.get(place.rootfs_storage, Storage(frozenset(), False, 0))
    needed = sum(_growth_kib(guest, found) for guest in guests)
    if storage.active and needed * 1024 > storage.free_bytes:
        yield (
            f"its storage {place.rootfs_storage} has {storage.free_bytes / 1024**3:.1f} GiB left, "
            f"but the guests want {needed / GIB:.1f} GiB more; make room, or set smaller disks"
        )


def _growth_kib(guest: Wanted, found: Guests) -> float:
    container = found.containers.get(guest.vmid)
    has = options.disk_size(container) if container else "0"
    return max(0.0, guest.disk_gib * GIB - options.kib(has)) if has else 0.0
