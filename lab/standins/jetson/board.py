"""Board: the power modes of its configuration, and the state of its chip until it is off."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

CONFIGURATION = Path("/etc/nvpmodel.conf")
STATUS = Path("/var/lib/nvpmodel/status")
RELEASE = Path("/etc/nv_tegra_release")
CHIP = Path("/run/lab/jetson")
"""Empty at each start. `mode`: the mode's ID. `clocks`: jetson_clocks was called. `busy`: the GPU
is to show load. `gpu-used`: something has used the GPU since the start."""

FASTEST = {"CPU": 1728000, "GPU": 1020000000, "EMC": 3199000000}
"""What -1 means on this board (kHz, Hz, Hz)."""

_MODEL = re.compile(r"< *POWER_MODEL +ID=(\d+) +NAME=(\S+) *>")
_DEFAULT = re.compile(r"< *PM_CONFIG +DEFAULT=(\d+) *>")


@dataclass
class Mode:
    """A power mode; `values` by (parameter, argument), as written."""

    id: int
    name: str
    values: dict[tuple[str, str], str] = field(default_factory=dict)

    def online(self) -> list[int]:
        """The cores that run."""
        return [core for core in range(6) if self.values[("CPU_ONLINE", f"CORE_{core}")] == "1"]

    def gating(self) -> dict[tuple[str, str], str]:
        """What only a start of the board changes: the cores, and the gated parts of the GPU."""
        return {
            key: value
            for key, value in self.values.items()
            if key[0] in ("CPU_ONLINE", "FBP_POWER_GATING", "TPC_POWER_GATING")
        }

    def fastest(self, unit: str) -> int:
        """The highest clock of `CPU` (kHz), `GPU` or `EMC` (Hz)."""
        parameter = "CPU_A78_0" if unit == "CPU" else unit
        value = int(self.values[(parameter, "MAX_FREQ")])
        return FASTEST[unit] if value == -1 else value


def modes(text: str) -> dict[int, Mode]:
    """Every mode of a configuration by ID."""
    found: dict[int, Mode] = {}
    current: Mode | None = None
    for line in text.splitlines():
        if line.startswith(("<", "#")):
            model = _MODEL.match(line)
            current = Mode(int(model[1]), model[2]) if model else None
            if current:
                found[current.id] = current
        elif current and line.split():
            parameter, argument, value = line.split()
            current.values[(parameter, argument)] = value
    return found


def default(text: str) -> int:
    """The ID of the mode of a board that was never told another."""
    found = _DEFAULT.search(text)
    return int(found[1]) if found else 0


def saved() -> int | None:
    """The ID that the next start takes; None where none was ever saved."""
    found = re.match(r"pmode:(\d+)", STATUS.read_text()) if STATUS.exists() else None
    return int(found[1]) if found else None


def save(mode: Mode) -> None:
    """Have the next start take `mode`."""
    STATUS.parent.mkdir(parents=True, exist_ok=True)
    STATUS.write_text(f"pmode:{mode.id:04d}")


def current(known: dict[int, Mode]) -> Mode | None:
    """The mode that the chip is in; None before nvpmodel.service has set one."""
    file = CHIP / "mode"
    return known.get(int(file.read_text())) if file.exists() else None


def enter(mode: Mode) -> None:
    """Put the chip into `mode`, with its clocks free again."""
    CHIP.mkdir(parents=True, exist_ok=True)
    (CHIP / "mode").write_text(f"{mode.id}\n")
    (CHIP / "clocks").unlink(missing_ok=True)


def major() -> str:
    """The release that the board plays, such as "r36"."""
    found = re.match(r"# R(\d+) ", RELEASE.read_text()) if RELEASE.exists() else None
    return f"r{found[1]}" if found else ""
