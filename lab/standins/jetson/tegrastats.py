"""`tegrastats`: a recorded line of a board in this mode each interval, with the time that it is.

The load of the GPU in it is that of a busy one while a process that was given it computes.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import time
from datetime import datetime
from pathlib import Path

from . import board

RECORDED = Path(__file__).parent / "recorded"
PROCESSES = Path("/proc")
ON_GPU = b"LAB_ON_GPU=1"
"""In the environment of processes that have found the GPU (lab/servers/edge)."""
_IDLE, _BUSY = re.compile(r"GR3D_FREQ \d+%"), "GR3D_FREQ 99%"
_TIME = re.compile(r"^(\d\d-\d\d-\d{4} \d\d:\d\d:\d\d )?")


def main() -> int:
    """Print until a signal ends it."""
    parser = argparse.ArgumentParser(prog="tegrastats", allow_abbrev=False)
    parser.add_argument("--interval", type=int, default=1000)
    parser.add_argument("--readall", action="store_true")
    arguments = parser.parse_args()
    spent = ticks()
    for number in itertools.count():
        time.sleep(arguments.interval / 1000)
        before, spent = spent, ticks()
        print(_IDLE.sub(_BUSY, line(number)) if spent > before else line(number), flush=True)
    return 0


def line(number: int) -> str:
    """What is printed after `number` others."""
    lines = _recording().read_text().splitlines()
    stamp = datetime.now().strftime("%m-%d-%Y %H:%M:%S ")
    return _TIME.sub(stamp, lines[number % len(lines)])


def ticks() -> int:
    """The processor's time that programs on the GPU have taken here, where its work is done."""
    found = 0
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if ON_GPU in (process / "environ").read_bytes():
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                found += int(fields[11]) + int(fields[12])
        except OSError:
            continue  # It ended meanwhile.
    return found


def _recording() -> Path:
    """That of the mode and what the chip does in it, or the nearest that there is."""
    mode = board.current(board.modes(board.CONFIGURATION.read_text()))
    folders = [RECORDED / release / "tegrastats" for release in (board.major(), "r36")]
    folder = next(folder for folder in folders if folder.exists())
    name = mode.name if mode else "25W"
    states = [state for state in ("busy", "clocks") if (board.CHIP / state).exists()]
    files = [folder / f"{name}.{state}" for state in states] + [folder / name]
    return next(file for file in files if file.exists())


if __name__ == "__main__":
    sys.exit(main())
