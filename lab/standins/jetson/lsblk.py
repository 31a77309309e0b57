"""`lsblk`: the disks of the board, where the kernel of the lab's computer has others."""

from __future__ import annotations

import json
import os
import sys

ASKED = ["--json", "--bytes", "--paths", "--output", "NAME,TYPE,TRAN,SIZE,FSTYPE,MOUNTPOINTS"]
NVME = "/mnt/nvme"


def main(arguments: list[str]) -> int:
    """Answer the one question about disks; all others are the real one's."""
    if arguments != ASKED:
        os.execv("/usr/bin/lsblk", ["lsblk", *arguments])
    nvme = [NVME] if os.path.ismount(NVME) else [None]
    card = _part("/dev/mmcblk0p1", 126604017152, "ext4", ["/"])
    disks = [
        _disk("/dev/mmcblk0", None, 128177930240, card),
        _disk(
            "/dev/nvme0n1", "nvme", 21475885056, _part("/dev/nvme0n1p1", 21474836480, "ext4", nvme)
        ),
    ]
    print(json.dumps({"blockdevices": disks}, indent=3))
    return 0


def _disk(
    name: str, transport: str | None, size: int, part: dict[str, object]
) -> dict[str, object]:
    return {
        **{"name": name, "type": "disk", "tran": transport, "size": size},
        **{"fstype": None, "mountpoints": [None], "children": [part]},
    }


def _part(name: str, size: int, system: str, points: list[str] | list[None]) -> dict[str, object]:
    tran = "nvme" if "nvme" in name else None
    return {
        **{"name": name, "type": "part", "tran": tran, "size": size},
        **{"fstype": system, "mountpoints": points},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
