"""Preflight of a Jetson's board: why it cannot be as its settings say, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facts.board import Board
from operations.board import GIB

if TYPE_CHECKING:
    from deploys.jetson import Jetson

USB_UNIT = "nv-l4t-usb-device-mode.service"
ZRAM_UNIT = "nvzramconfig.service"
SUPER = ("25W", "40W", "MAXN_SUPER")
RESERVE_GIB = 2


def obstacle(settings: Jetson, found: Board) -> str:
    """The sentence that a host is refused with; empty where nothing stands in the way."""
    return (
        _tools(settings, found)
        or _mode(settings, found)
        or _units(settings, found)
        or _swap(settings, found)
    )


def _tools(settings: Jetson, found: Board) -> str:
    if "tegrastats" not in found.tools:
        return (
            "it has no tegrastats, which the board's metrics come from; as root: "
            "apt-get install nvidia-l4t-tools"
        )
    if settings.jetson_clocks and "jetson_clocks" not in found.tools:
        return (
            "`jetson_clocks` is set and it has no such program; as root: "
            "apt-get install nvidia-l4t-tools, or set jetson_clocks=False"
        )
    return ""


def _mode(settings: Jetson, found: Board) -> str:
    if not found.modes:
        return (
            "it has no /etc/nvpmodel.conf with its power modes; as root: "
            "apt-get install nvidia-l4t-nvpmodel"
        )
    if found.mode(settings.power_mode):
        return ""
    names = [mode.name for mode in found.modes]
    flash = (
        "; a board that was flashed without its super configuration lacks 25W and MAXN_SUPER: "
        "flash it as `jetson-orin-nano-devkit-super`"
        if settings.power_mode in SUPER and not set(SUPER) & set(names)
        else ""
    )
    return (
        f"its board has no power mode {settings.power_mode}; set `power_mode` to one that "
        f"/etc/nvpmodel.conf there names: {', '.join(names)}{flash}"
    )


def _units(settings: Jetson, found: Board) -> str:
    if settings.usb_device_mode and not found.units[USB_UNIT].there:
        return (
            f"`usb_device_mode` is set and it has no {USB_UNIT}; set usb_device_mode=False, or as "
            "root: apt-get install --reinstall nvidia-l4t-init"
        )
    if settings.zram and not found.units[ZRAM_UNIT].there:
        return (
            f"`zram` is set and it has no {ZRAM_UNIT}; leave `zram` out, or as root: "
            "apt-get install --reinstall nvidia-l4t-init"
        )
    return ""


def _swap(settings: Jetson, found: Board) -> str:
    gib = settings.swap_file_gib
    if not gib or found.swap_bytes == gib * GIB:
        return ""
    if found.disk.startswith("/dev/mmcblk"):
        return (
            f"{settings.swap_file} would lie on {found.disk}, a card that swapping wears out; set "
            "`swap_file` to a path on its NVMe disk, or swap_file_gib=0"
        )
    free = (found.free_bytes + found.swap_bytes) // GIB
    if free < gib + RESERVE_GIB:
        return (
            f"{settings.swap_file} is to take {gib} GiB of {found.disk}, which has {free} GiB free "
            f"and keeps {RESERVE_GIB}; set a smaller `swap_file_gib`, or free space"
        )
    return ""
