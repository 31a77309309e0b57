"""The fact about NVIDIA's container toolkit on a Jetson, on what boards have in /etc/apt."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.container_toolkit import ToolkitOffered

LINE = "deb https://repo.download.nvidia.com/jetson/common r36.4 main\n"
SIGNED = "deb [signed-by=/k.gpg] https://repo.download.nvidia.com/jetson/common r39.2 main\n"
DEB822 = "Types: deb\nURIs: https://repo.download.nvidia.com/jetson/common\nSuites: r39.2\n"
OTHER = "deb https://repo.download.nvidia.com/jetson/t234 r36.4 main\n"


def offered(folder: Path, text: str, status: str = "") -> bool:
    """What a host says whose apt has these sources, and dpkg that status of the package."""
    (folder / "sources.list.d").mkdir()
    (folder / "sources.list.d" / "nvidia-l4t-apt-source.list").write_text(text)
    (folder / "dpkg-query").write_text(f"#!/bin/sh\necho '{status}'\n")
    (folder / "dpkg-query").chmod(0o755)
    command = ToolkitOffered().command().replace("/etc/apt", str(folder))
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment)
    return ToolkitOffered().process(done.stdout.splitlines())


@pytest.mark.parametrize("text", [LINE, OTHER + LINE, SIGNED, DEB822])
def test_the_board_s_own_source_is_found(tmp_path: Path, text: str) -> None:
    assert offered(tmp_path, text)


@pytest.mark.parametrize("text", ["", f"# {LINE}", f"#{LINE}", OTHER])
def test_a_source_that_is_switched_off_is_none(tmp_path: Path, text: str) -> None:
    assert not offered(tmp_path, text)


def test_what_is_installed_needs_no_source(tmp_path: Path) -> None:
    assert offered(tmp_path, "", status="installed")


def test_no_answer_is_not_no() -> None:
    with pytest.raises(FactProcessError, match="apt's sources could not be read"):
        ToolkitOffered().process([])
