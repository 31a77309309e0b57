"""Board: a Jetson in a power mode, after a reboot where only that brings it, and its swap file."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.board import Board, Mode
from operations.reboot import reboot_and_wait

SCRIPT = Path(__file__).with_name("board.sh")
GIB = 2**30


@dataclass(frozen=True)
class Units:
    """Units that the board has already: what shall be of them. Others are left alone."""

    enabled: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


@operation()
def in_power_mode(
    found: Board, mode: Mode, reboot_seconds: int, once_used: bool = False
) -> Generator[PyinfraCommand]:
    """
    Have the board in this power mode, now and after each boot.

    + found: state of the board
    + mode: one of its modes
    + reboot_seconds: time for the host to come back, where the mode needs a reboot
    + once_used: any other mode needs one as soon as the graphics unit was used

    **Example:**

        board.in_power_mode(
            name="Set the power mode", found=found, mode=found.mode("25W"), reboot_seconds=600
        )
    """
    if found.current == mode.name:
        return
    reboots = found.reboots_for(mode, once_used)
    changes.announce(host, [change_of_mode(found, mode, host.name if reboots else "")])
    if reboots:
        # The session that asks for it ends first.
        step = shlex.quote(f"sleep 1\n{_script('reboot_into', mode)}")
        order = f"setsid sh -c {step} </dev/null >/dev/null 2>&1 &"
        yield FunctionCommand(reboot_and_wait, [reboot_seconds, order], {})
        yield StringCommand(_script("confirm", mode))
        return
    yield StringCommand(_script("switch", mode))


@operation()
def units_kept(
    found: Board, units: Units, swap_off: Sequence[str] = ()
) -> Generator[PyinfraCommand]:
    """
    Have units of the board's own on or off, at boot and now.

    + found: state of the board, with these units
    + units: what shall be of each
    + swap_off: devices that shall not be swapped to
    """
    orders = unit_orders(found, units)
    devices = [device for device in swap_off if device in found.swaps]
    if not orders and not devices:
        return
    changes.announce(
        host,
        [
            *(Change("unit", action, name) for action, names in orders for name in names),
            *(Change("setting", "switch off", f"swap on {device}") for device in devices),
        ],
    )
    for action, names in orders:
        yield StringCommand("systemctl", "--quiet", action, *names)
    for device in devices:
        yield StringCommand("swapoff", device)


@operation()
def swap_file(found: Board, path: str, gib: int) -> Generator[PyinfraCommand]:
    """
    Have a file to swap to, which a unit switches on; with 0 GiB none.

    + found: state of the board, read with this path
    + path: of the file; what lies there already with another size is replaced
    + gib: its size
    """
    if found.swap_bytes == gib * GIB:
        return
    what = f"swap file {path}"
    size = f"{gib} GiB"
    action = "remove" if not gib else "replace" if found.swap_bytes else "create"
    changes.announce(host, [Change("setting", action, what, {"size": size})])
    if found.swap_bytes:
        # Its unit may have ended a moment ago, and the swap with it.
        yield StringCommand(f"swapoff {path} || ! grep '^{path} ' /proc/swaps")
        yield StringCommand("rm", path)
    if gib:
        # Who could read a swap file would read what any program has in its memory.
        yield StringCommand(f"umask 077 && mkdir -p $(dirname {path}) && {_make(path, gib)}")
    if gib and path in found.swaps:
        yield StringCommand("swapon", path)


def change_of_mode(found: Board, mode: Mode, rebooting: str) -> Change:
    """The change to this mode; with `rebooting`, the name of the host that reboots for it."""
    diff = f"- power mode {found.current}\n+ power mode {mode.name}\n"
    if rebooting:
        return Change("host", "reboot", rebooting, {"power mode": mode.name}, diff)
    return Change("setting", "set", "power mode", {"mode": mode.name}, diff)


def unit_orders(found: Board, units: Units) -> list[tuple[str, list[str]]]:
    """What systemctl is told, in order: actions that have nothing to do are left out."""
    known = found.units
    orders = [
        ("stop", [known[x].name for x in units.stopped if known[x].active]),
        ("disable", [known[x].name for x in units.disabled if known[x].enabled]),
        ("enable", [known[x].name for x in units.enabled if not known[x].enabled]),
        ("start", [known[x].name for x in units.running if not known[x].active]),
    ]
    return [(action, names) for action, names in orders if names]


def _script(action: str, mode: Mode) -> str:
    names = f"action={action}\nnumber={mode.number}\nmode={shlex.quote(mode.name)}\n"
    return names + SCRIPT.read_text()


def _make(path: str, gib: int) -> str:
    # Under its name it is whole: one without mkswap's mark has the right size too.
    new = f"{path}.new"
    make = f"rm -f {new} && fallocate --length {gib}GiB {new} && mkswap {new} && mv {new} {path}"
    return f"{{ {make} || {{ rm -f {new}; exit 1; }}; }}"
