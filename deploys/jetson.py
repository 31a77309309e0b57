"""Jetson: the board's power mode and clocks, its swap and its USB link, and metrics of all that.

The link is USB device mode: a computer that holds the cable of the USB-C socket finds a network
with the board at 192.168.55.1. It is USB 3.2 at best, never USB4. The metrics are a text file
of the node exporter.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys import jetpack
from deploys.declarations import Conflict, Port
from deploys.jetson_preflight import USB_UNIT, ZRAM_UNIT, obstacle
from deploys.node_exporter import TEXTFILES
from deploys.refusal import refuse
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.board import Board, BoardState
from facts.jetson_linux import JetsonLinux
from operations import board, retirement, service
from operations.entries import Entry, File, Link
from operations.transaction import Steps

PROGRAM = Path(__file__).parent.parent / "files" / "jetson" / "jetson_metrics.py"
METRICS_PROGRAM = "/usr/local/lib/ai-idp/jetson_metrics.py"
METRICS_FILE = f"{TEXTFILES}/ai_idp_jetson.prom"
METRICS, CLOCKS = "ai-idp-jetson-metrics.service", "ai-idp-jetson-clocks.service"
SWAP = "ai-idp-jetson-swap.service"
DISPLAY = "display-manager.service"
ZRAM_DEVICES = "/dev/zram"
UNITS = "/etc/systemd/system"
USB_ADDRESS, USB_BRIDGE = "192.168.55.1", "l4tbr0"


class Jetson(Settings):
    """How the board runs, and what of it that JetPack brought is kept on."""

    role: ClassVar[str] = "jetson"
    requires: ClassVar[tuple[str, ...]] = ("node_exporter",)

    power_mode: str = Field(
        pattern=r"^\w+$",
        description="by its name in the board's /etc/nvpmodel.conf, such as 15W, 25W or "
        "MAXN_SUPER. One that gives other parts of the graphics unit power means a reboot; on "
        "JetPack 7 each one does as soon as the graphics unit was used",
    )
    jetson_clocks: bool = Field(
        default=False,
        description="hold all clocks at the power mode's maximum: even answer times, more heat",
    )
    desktop: bool = Field(
        default=False,
        description="start the graphical desktop; without it a model has about 1 GB more",
    )
    zram: bool | None = Field(
        default=None,
        description="swap in compressed memory (JetPack's nvzramconfig); None: as it is there",
    )
    swap_file_gib: int = Field(
        default=0, ge=0, description="size of a swap file; 0: none. Set 0 once to move it"
    )
    swap_file: str = Field(
        default="/swapfile",
        pattern=r"^/[a-zA-Z0-9_]+(/[a-zA-Z0-9_]+)*$",
        description="where it lies: on the NVMe disk, a memory card is refused",
    )
    usb_device_mode: bool = Field(
        default=True,
        description="keep the network over the USB-C socket on (USB 3.2 device mode: the board is "
        "192.168.55.1, the computer with the cable gets 192.168.55.100). To log in over it, "
        "`networks` has to hold 192.168.55.0/24",
    )
    interval_seconds: int = Field(
        default=5, ge=1, le=60, description="how often temperatures, power and load are measured"
    )
    reboot_seconds: int = Field(
        default=600, ge=30, description="time for the host to come back from a reboot"
    )

    def ports(self) -> tuple[Port, ...]:
        """JetPack's DHCP server gives the computer with the cable its address."""
        if not self.usb_device_mode:
            return ()
        return (Port(67, "addresses on the USB link", (), "udp", interface=USB_BRIDGE),)

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """Who comes over the link does not cut it."""
        if self.usb_device_mode or machine.address != USB_ADDRESS:
            return ()
        return (
            Conflict(
                f"is reached at {USB_ADDRESS}, over the USB link that usb_device_mode=False ends",
                "set its `ssh_hostname` to its address in the LAN, or keep usb_device_mode on",
            ),
        )

    @property
    def restarted(self) -> tuple[str, ...]:
        """Those that a change restarts."""
        return tuple(unit for unit in self.units if unit != SWAP)

    @property
    def units(self) -> tuple[str, ...]:
        """Those of this role that run, the present settings given."""
        return (
            METRICS,
            *((CLOCKS,) if self.jetson_clocks else ()),
            *((SWAP,) if self.swap_file_gib else ()),
        )


@deploy("Jetson")
def install() -> None:
    settings = Jetson.of(host)
    release, found = host.get_fact(JetsonLinux), None
    if release is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    reason = jetpack.obstacle(release)
    if not reason:
        found = state(settings)
        reason = obstacle(settings, found) if found else ""
    mode = found.mode(settings.power_mode) if found else None
    if reason or found is None or mode is None:
        if reason:
            refuse(reason)
        return
    board.in_power_mode(
        name="Set the power mode",
        found=found,
        mode=mode,
        reboot_seconds=settings.reboot_seconds,
        once_used=jetpack.KNOWN[release.major].reboots_once_used,
    )
    board.units_kept(
        name="Keep on and off what JetPack brought",
        found=found,
        units=kept(settings, found),
        swap_off=[x for x in found.swaps if x.startswith(ZRAM_DEVICES)]
        if settings.zram is False
        else [],
    )
    if settings.swap_file_gib or found.units[SWAP].there:
        board.swap_file(
            name="Have the swap file",
            found=found,
            path=settings.swap_file,
            gib=settings.swap_file_gib,
        )
    service.deployed(
        name="Deploy what runs beside the board",
        service="jetson",
        entries=entries(settings),
        units=settings.units,
        steps=steps(settings),
    )


@deploy("Remove Jetson")
def remove() -> None:
    """Take metrics, held clocks and swap off; power mode, JetPack's units and swap file stay."""
    retirement.service_removed(
        name="Remove what runs beside the board", service="jetson", units=[METRICS, CLOCKS, SWAP]
    )


def state(settings: Jetson) -> Board | None:
    """The state of the current host's board; None where it could not be read."""
    names = [USB_UNIT, ZRAM_UNIT, DISPLAY, CLOCKS, SWAP]
    request = "".join(f"{name}\n" for name in names)
    return host.get_fact(BoardState, swap_file=settings.swap_file, _stdin=request)


def kept(settings: Jetson, found: Board) -> board.Units:
    """What shall be of the units that are there already."""
    enabled, running, disabled, stopped = [], [], [], []
    if settings.usb_device_mode:
        enabled.append(USB_UNIT)
        running.append(USB_UNIT)
    else:
        disabled.append(USB_UNIT)
        stopped.append(USB_UNIT)
    if settings.zram is not None:
        (enabled if settings.zram else disabled).append(ZRAM_UNIT)
    if settings.zram and not any(device.startswith(ZRAM_DEVICES) for device in found.swaps):
        # It ends when its work is done: whether it is active says nothing.
        running.append(ZRAM_UNIT)
    if found.units[DISPLAY].there:
        (running if settings.desktop else stopped).append(DISPLAY)
    for unit, wanted in ((CLOCKS, settings.jetson_clocks), (SWAP, settings.swap_file_gib)):
        if not wanted:
            disabled.append(unit)
            stopped.append(unit)
    return board.Units(tuple(enabled), tuple(running), tuple(disabled), tuple(stopped))


def entries(settings: Jetson) -> list[Entry]:
    target = "graphical" if settings.desktop else "multi-user"
    return [
        File(METRICS_PROGRAM, PROGRAM.read_bytes(), mode="0755"),
        _unit(METRICS, program=METRICS_PROGRAM, file=METRICS_FILE, settings=settings),
        Link(f"{UNITS}/default.target", f"/usr/lib/systemd/system/{target}.target"),
        *([_unit(CLOCKS)] if settings.jetson_clocks else []),
        *([_unit(SWAP, path=settings.swap_file)] if settings.swap_file_gib else []),
    ]


def steps(settings: Jetson) -> Steps:
    values: dict[str, object] = {
        "settings": settings,
        "file": METRICS_FILE,
        "clocks": CLOCKS,
        "swap": SWAP,
    }
    held = settings.jetson_clocks or settings.swap_file_gib
    return Steps(
        validate=f'python3 -B -m py_compile "$STAGE{METRICS_PROGRAM}"\n',
        activate=_text("steps/activate.sh", **values).decode(),
        probe=_text("steps/probe.sh", **values).decode(),
        live=_text("steps/live.sh", **values).decode() if held else "",
    )


def _unit(name: str, **values: object) -> File:
    return File(f"{UNITS}/{name}", _text(name, **values))


def _text(name: str, **values: object) -> bytes:
    return render(f"jetson/{name}.j2", **values)
