"""Board: the power modes of a Jetson and the present one, its swap, its tools and units."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("board_state.sh")

# "< POWER_MODEL ID=2 NAME=MAXN_SUPER >", and within it "TPC_POWER_GATING TPC_PG_MASK 240".
_MODE = re.compile(r"\s*<\s*POWER_MODEL\s.*?>")
_NUMBER, _NAME = re.compile(r"\bID=(\d+)"), re.compile(r"\bNAME=([^\s>]+)")
_MASK = re.compile(r"\s*[A-Z_]+\s+([A-Z]+_PG_MASK)\s+(-?\w+)\s*")
_NUMERAL = re.compile(r"-?(?:0x[0-9a-f]+|[1-9]\d*|0)", re.IGNORECASE)
_PRESENT = "NV Power Mode: "


@dataclass(frozen=True)
class Mode:
    """A power mode of nvpmodel.conf; `masks` say which parts of the graphics unit get no power."""

    number: int
    name: str
    masks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """A systemd unit by its own name, where it was asked for by another one."""

    name: str
    there: bool = True
    enabled: bool = False
    active: bool = False


@dataclass(frozen=True)
class Board:
    """What lies on a Jetson besides Jetson Linux.

    `masks` are those that the driver has now, empty where it does not tell. `used`: whether it has
    made the graphics unit's first context, None where it does not tell. `asked`: the mode that the
    board would not take without a reboot. `disk`: the device below the swap file, with
    `free_bytes`; `swap_bytes`: the size of that file, 0 where there is none.
    """

    modes: tuple[Mode, ...] = ()
    current: str = ""
    masks: Mapping[str, int] = field(default_factory=dict)
    used: bool | None = None
    asked: str = ""
    tools: tuple[str, ...] = ()
    swaps: tuple[str, ...] = ()
    disk: str = ""
    free_bytes: int = 0
    swap_bytes: int = 0
    units: Mapping[str, Unit] = field(default_factory=dict)

    def mode(self, name: str) -> Mode | None:
        return next((mode for mode in self.modes if mode.name == name), None)

    def reboots_for(self, mode: Mode, once_used: bool = False) -> bool:
        """Whether only a reboot brings this mode; `once_used`: any, as soon as there is a context.

        The driver takes other masks only before the first context of the graphics unit is made
        (nvgpu, sysfs.c, tpc_pg_mask_store: -EBUSY); nvpmodel then wants a reboot.
        """
        if self.asked == mode.name:
            return True
        if self.used is None or (self.used and not once_used):
            present = self.mode(self.current)
            masks = {**(present.masks if present else {}), **self.masks}
            return any(masks.get(name, n) != n for name, n in mode.masks.items())
        return self.used


class BoardState(FactBase[Board | None]):
    """State of a board; None where it could not be read. Unit names come over standard input."""

    @override
    def command(self, swap_file: str) -> str:
        return f"swap_file={shlex.quote(swap_file)}\n{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> Board:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the board ended in the middle")
        rows = [line.split("\t") for line in output]
        disk = next((row[1:] for row in rows if row[0] == "disk"), ["", "0"])
        modes = power_modes(row[1] for row in rows if row[0] == "conf")
        return Board(
            modes=modes,
            current=_current([row[1] for row in rows if row[0] == "said"]) if modes else "",
            masks={row[1]: int(row[-1], 0) for row in rows if row[0] == "real" and _tells(row[-1])},
            used=next((row[1] == "1" for row in rows if row[0] == "used"), None),
            asked="".join(row[1] for row in rows if row[0] == "asked"),
            tools=tuple(row[1] for row in rows if row[0] == "tool"),
            swaps=tuple(row[1] for row in rows if row[0] == "swap"),
            disk=disk[0],
            free_bytes=int(disk[1]),
            swap_bytes=next((int(row[1]) for row in rows if row[0] == "swap-file"), 0),
            units={row[1]: _unit(row[2:]) for row in rows if row[0] == "unit"},
        )


def power_modes(lines: Iterable[str]) -> tuple[Mode, ...]:
    """The modes of an nvpmodel.conf, in its order."""
    found: list[tuple[int, str, dict[str, int]]] = []
    for line in lines:
        if _MODE.match(line):
            number, name = _NUMBER.search(line), _NAME.search(line)
            if number is None or name is None:
                raise FactProcessError(f"nvpmodel.conf has a mode without ID or NAME: {line}")
            found.append((int(number[1]), name[1], {}))
        elif found and (mask := _MASK.fullmatch(line)):
            if not _tells(mask[2]):
                raise FactProcessError(f"nvpmodel.conf has a mask that is no number: {line}")
            found[-1][2][mask[1]] = int(mask[2], 0)
    return tuple(Mode(*row) for row in found)


def _tells(value: str) -> bool:
    """Whether it is a number; a Thor's is an option of a module, in a file for modprobe."""
    return _NUMERAL.fullmatch(value) is not None


def _current(said: list[str]) -> str:
    for line in said:
        if line.startswith(_PRESENT):
            return line.removeprefix(_PRESENT).strip()
    raise FactProcessError(f"nvpmodel -q names no mode; it says: {' '.join(said) or 'nothing'}")


def _unit(properties: list[str]) -> Unit:
    values = dict(item.split("=", 1) for item in properties if "=" in item)
    return Unit(
        name=values["Id"],
        there=values.get("LoadState") == "loaded",
        enabled=values.get("UnitFileState") == "enabled",
        active=values.get("ActiveState") in ("active", "activating", "reloading"),
    )
