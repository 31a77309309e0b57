"""Runs a program as on a host that loses power: `power_cut.py FOLDER CHANGES PROGRAM ARGUMENT...`.

After so many changes of files, or at its end, it is gone. What it made in the folder and did not
synchronise is empty then: a file system may keep a name and lose what was written a moment ago.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

CHANGES = ("fsync", "link", "mkdir", "rename", "replace", "rmdir", "unlink")


def program(folder: Path, changes: int) -> list[str]:
    """What to put before a command."""
    return [sys.executable, "-B", __file__, str(folder), str(changes)]


class Host:
    """One whose power goes after some changes."""

    def __init__(self, folder: Path, changes: int) -> None:
        self.folder, self.left = folder, changes
        self.on_disk = set(self.files())

    def files(self) -> dict[int, Path]:
        return {path.stat().st_ino: path for path in self.folder.rglob("*") if path.is_file()}

    def counted(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def act(*given: Any, **more: Any) -> Any:
            if self.left == 0:
                self.lose_power()
            self.left -= 1
            if change.__name__ == "fsync":
                self.on_disk.add(os.fstat(given[0]).st_ino)
            return change(*given, **more)

        return act

    def lose_power(self) -> NoReturn:
        for inode, path in self.files().items():
            if inode not in self.on_disk:
                os.truncate(path, 0)
        os._exit(137)


def main() -> NoReturn:
    host = Host(Path(sys.argv[1]), int(sys.argv[2]))
    del sys.argv[:3]
    for name in CHANGES:
        setattr(os, name, host.counted(getattr(os, name)))
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        host.lose_power()


if __name__ == "__main__":
    main()
