"""The fact about graphics cards: what a host says becomes, and what counts as unreadable."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.graphics import SCRIPT, Foreign, Graphics, GraphicsState, headers_package

BARE = ["kernel\t6.12.48+deb13-amd64", "card\t0000:01:00.0", "nouveau", "headers\toffered", "end"]


def test_a_bare_machine_is_read() -> None:
    assert GraphicsState().process(BARE) == Graphics(
        kernel="6.12.48+deb13-amd64", cards=("0000:01:00.0",), nouveau=True, headers="offered"
    )


def test_everything_that_can_stand_in_the_way_is_read() -> None:
    found = GraphicsState().process(
        [
            *("kernel\t6.8.0-87-generic", "secure-boot", "key-enrolled", "headers\tmissing"),
            *("kernels\tlinux-image-generic", "run-file"),
            *("foreign\tlibcuda1\t550.163.01-2\thttp://mirror.example/debian", "end"),
        ]
    )
    assert found == Graphics(
        kernel="6.8.0-87-generic",
        secure_boot=True,
        key_enrolled=True,
        kernels=("linux-image-generic",),
        foreign=(Foreign("libcuda1", "550.163.01-2", "http://mirror.example/debian"),),
        run_file=True,
    )


@pytest.mark.parametrize("output", [[], BARE[:-1]])
def test_what_ends_in_the_middle_is_unreadable(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="could not be read"):
        GraphicsState().process(output)


@pytest.mark.parametrize(
    ("kernel", "package"),
    [
        ("6.12.48+deb13-amd64", "linux-headers-6.12.48+deb13-amd64"),
        ("6.17.2-1-pve", "proxmox-headers-6.17.2-1-pve"),
    ],
)
def test_headers_are_named_after_their_kernel(kernel: str, package: str) -> None:
    assert headers_package(kernel) == package


def test_only_what_follows_the_newest_kernel_is_named(tmp_path: Path) -> None:
    program = tmp_path / "dpkg-query"
    names = ("generic-hwe-24.04", "unsigned-6.8.0-31-generic", "extra-virtual", "amd64-dbg")
    lines = "".join(f"installed linux-image-{name}\\n" for name in names)
    program.write_text(f"#!/bin/sh\nprintf '{lines}'\n")
    for silent in ("apt-cache", "apt-get"):
        (tmp_path / silent).write_text("#!/bin/sh\n")
    for file in tmp_path.iterdir():
        file.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", SCRIPT], env={"PATH": path}, check=True, capture_output=True, text=True
    )
    found = GraphicsState().process(done.stdout.splitlines())
    assert found.kernels == ("linux-image-generic-hwe-24.04",)
