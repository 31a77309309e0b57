"""`jetson_clocks`: holds the clocks at the mode's highest until the next start, or lets them go."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import board
from .board import Mode

HELD = board.CHIP / "clocks"
SLOWEST = {"CPU": 729600, "GPU": 306000000, "EMC": 204000000}
MACHINE = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"


def main(arguments: list[str]) -> int:
    """Do what `arguments` say; without any, hold the clocks."""
    action = arguments[0] if arguments else "hold"
    if action not in ("hold", "--show", "--store", "--restore"):
        print(f"Unknown option: {action}")
        return 1
    if action == "--show":
        print(f"SOC family:tegra234  Machine:{MACHINE}")
    if os.geteuid():
        print("Error: Run this script(/usr/bin/jetson_clocks) as a root user")
        return 1
    file = Path(*arguments[1:2]) if arguments[1:] else Path.home() / "l4t_dfs.conf"
    if action == "--store":
        return _store(file)
    if action == "--restore":
        return _restore(file)
    mode = board.current(board.modes(board.CONFIGURATION.read_text()))
    if mode is None:
        print("Error: the power mode is not set")
        return 1
    if action == "--show":
        _show(mode)
    else:
        HELD.touch()
    return 0


def _store(file: Path) -> int:
    if file.exists():
        print(f"File {file} already exists. Can I overwrite it? Y/N:", flush=True)
        if sys.stdin.readline().strip() not in ("y", "Y"):
            print(f"Error: file {file} already exists!")
            return 1
    minimum = "held" if HELD.exists() else "free"
    file.write_text(f"/sys/devices/platform/17000000.gpu/devfreq_dev/min_freq:{minimum}\n")
    return 0


def _restore(file: Path) -> int:
    if not file.exists():
        print(f"Error: {file} file not found !")
        return 1
    if file.read_text().rstrip().endswith(":free"):
        HELD.unlink(missing_ok=True)
    else:
        HELD.touch()
    return 0


def _show(mode: Mode) -> None:
    r36 = board.major() == "r36"
    held = HELD.exists()
    cores = mode.online()
    print(f"Online CPUs: 0-{cores[-1]}" + ("" if r36 else ", Offline CPUs: "))
    for core in cores:
        online = "Online=1 " if r36 else ""
        idle = "WFI=0 c7=0" if held else "WFI=1 c7=1"
        print(f"cpu{core}:  {online}Governor=schedutil {_clocks(mode, 'CPU')} IdleStates: {idle} ")
    print(f"GPU {_clocks(mode, 'GPU')}")
    print("Active GPU TPCs: 4")
    highest = mode.fastest("EMC")
    override = f" FreqOverride={int(held)}" if r36 else ""
    print(
        f"EMC MinFreq={SLOWEST['EMC']} MaxFreq={highest} "
        f"CurrentFreq={highest if held else 665600000}{override}"
    )
    print("FAN Dynamic Speed Control=nvfancontrol hwmon0_pwm1=58")
    print(f"NV Power Mode: {mode.name}")


def _clocks(mode: Mode, unit: str) -> str:
    highest = mode.fastest(unit)
    lowest = highest if HELD.exists() else SLOWEST[unit]
    return f"MinFreq={lowest} MaxFreq={highest} CurrentFreq={lowest}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
