"""`nvpmodel`: shows the power mode, and enters another: at once, or with a reboot."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import board
from .board import Mode

FAILED = 255


def main() -> int:
    """Do what the arguments say; without a mode, what nvpmodel.service does at each start."""
    arguments = _arguments()
    configuration = Path(arguments.file)
    if not configuration.exists():
        print(f"NVPM ERROR: failed to open {configuration}: 2")
        return FAILED
    text = configuration.read_text()
    known = board.modes(text)
    if arguments.query:
        return _show(board.current(known))
    if os.geteuid():
        return _not_root()
    if arguments.mode is None:
        wanted = board.saved()
        wanted = board.default(text) if wanted is None else wanted
    else:
        wanted = arguments.mode
    if wanted not in known:
        print(f"NVPM ERROR: request for bad power mode {wanted}")
        return FAILED
    mode = known[wanted]
    if arguments.mode is not None and _needs_reboot(board.current(known), mode):
        return _reboot(mode, ask=not arguments.force)
    board.save(mode)
    board.enter(mode)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nvpmodel", allow_abbrev=False)
    parser.add_argument("-f", "--file", default=str(board.CONFIGURATION))
    parser.add_argument("-m", "--mode", type=int)
    parser.add_argument("-q", "--query", action="store_true")
    parser.add_argument("--force", action="store_true")
    return parser.parse_args()


def _show(mode: Mode | None) -> int:
    if mode is None:
        print("NVPM ERROR: power mode is not set!")
        return FAILED
    print(f"NV Power Mode: {mode.name}\n{mode.id}")
    return 0


def _not_root() -> int:
    path = "/sys/devices/system/cpu/cpu0/online"
    print(f"NVPM ERROR: Error opening {path}: 13")
    print(f"NVPM ERROR: failed to write PARAM CPU_ONLINE: ARG CORE_0: PATH {path}")
    print("NVPM ERROR: failed to set power mode!")
    return FAILED


def _gpu_was_used() -> bool:
    return (board.CHIP / "gpu-used").exists()


def _needs_reboot(current: Mode | None, wanted: Mode) -> bool:
    return _gpu_was_used() or (current is not None and current.gating() != wanted.gating())


def _reboot(mode: Mode, *, ask: bool) -> int:
    if _gpu_was_used():
        print("NVPM WARN: Golden image context is already created")
    print(f"NVPM WARN: Reboot required for changing to this power mode: {mode.id}")
    if ask:
        print("NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:", flush=True)
        answer = sys.stdin.readline()
        if answer.strip() not in ("YES", "yes"):
            if not answer:
                print("NVPM ERROR: bad input!")
            print("NVPM ERROR: optMask is 1, no request for power mode")
            return FAILED
    board.save(mode)
    print("NVPM WARN: rebooting", flush=True)
    reboot()
    return 0


def reboot() -> None:
    """Restart the machine."""
    subprocess.run(["/usr/sbin/reboot"], check=True)


if __name__ == "__main__":
    sys.exit(main())
