"""Stand-in for nvidia-container-runtime on a Jetson: gives a container the board, then runs runc.

As the real one it changes the bundle's config.json at `create`, for containers that ask for a GPU
in NVIDIA_VISIBLE_DEVICES (SOURCES.md).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

BOARD = Path("etc/nv_tegra_release")
DEVICES = ("dev/nvmap", "dev/nvgpu", "dev/nvhost-ctrl-gpu", "dev/nvhost-prof-gpu", "dev/nvsciipc")
DRIVER = Path("usr/lib/aarch64-linux-gnu/nvidia")
LIBRARIES = ("libcuda.so.1", "libcuda.so.1.1", "libnvidia-ml.so.1", "libnvrm_gpu.so")
NOBODY = ("", "void", "none")
NO_BOARD = (
    "error running prestart hook #0: exit status 1, stdout: , stderr: Auto-detected mode as "
    "'legacy'\nnvidia-container-cli: initialization error: load library failed: "
    "libnvidia-ml.so.1: cannot open shared object file: no such file or directory: unknown"
)


def wants_gpu(config: Mapping[str, Any]) -> bool:
    """Whether the container's environment asks for the GPU."""
    pairs = (pair.partition("=") for pair in config["process"].get("env", ()))
    asked = {name: value for name, _, value in pairs}
    return asked.get("NVIDIA_VISIBLE_DEVICES", "") not in NOBODY


def give_board(config: dict[str, Any], root: Path = Path("/")) -> dict[str, Any]:
    """`config` with the board's nodes and its driver; SystemExit where `root` is no Jetson's."""
    if not (root / BOARD).exists():
        raise SystemExit(NO_BOARD)
    linux = config.setdefault("linux", {})
    allowed = linux.setdefault("resources", {}).setdefault("devices", [])
    user = config["process"].get("user", {})
    # A node belongs to the container's user, whoever has it on the host.
    owner = {name: user[name] for name in ("uid", "gid") if user.get(name)}
    for node in _nodes(root):
        found = node.stat()
        number = {"major": os.major(found.st_rdev), "minor": os.minor(found.st_rdev)}
        device = {"path": f"/{node.relative_to(root)}", "type": "c", **number, **owner}
        linux.setdefault("devices", []).append(device)
        allowed.append({"allow": True, "type": "c", **number, "access": "rwm"})
    for name in LIBRARIES:
        library = root / DRIVER / name
        if library.exists():
            config.setdefault("mounts", []).append(_mount(library, f"/{DRIVER / name}"))
    return config


def _nodes(root: Path) -> Iterator[Path]:
    for name in DEVICES:
        top = root / name
        for path in sorted([top, *top.rglob("*")] if top.is_dir() else [top]):
            if path.is_char_device():
                yield path


def _mount(source: Path, destination: str) -> dict[str, Any]:
    options = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
    return {"destination": destination, "type": "bind", "source": str(source), "options": options}


def bundle(arguments: list[str]) -> Path:
    """The folder that `create` was given, else the present one."""
    for option, value in pairwise(arguments):
        if option in ("--bundle", "-b"):
            return Path(value)
    named = [x.partition("=")[2] for x in arguments if x.startswith("--bundle=")]
    return Path(named[0]) if named else Path()


def main(arguments: list[str]) -> None:
    if "create" in arguments:
        file = bundle(arguments) / "config.json"
        config = json.loads(file.read_text())
        if wants_gpu(config):
            file.write_text(json.dumps(give_board(config)))
    os.execvp("runc", ["runc", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
