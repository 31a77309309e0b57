"""Graphics: a host's NVIDIA cards, and what stands in the way of a driver for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("graphics_state.sh")


@dataclass(frozen=True)
class Foreign:
    """A part of a driver that did not come from NVIDIA's repository, and where it came from."""

    package: str
    version: str
    origin: str


@dataclass(frozen=True)
class Graphics:
    """`cards`: PCI addresses of NVIDIA graphics cards. `kernel`: the release that runs.

    `nouveau`: that kernel has the free driver. `secure_boot`: it loads signed modules alone;
    `key_enrolled`: the firmware trusts the key that DKMS signs with. `headers`: those of the kernel
    are `present`, `offered` by apt, or `missing`; `kernels`: installed packages that follow
    the newest kernel of a kind, such as linux-image-amd64. `run_file`: NVIDIA's own
    installer was used here.
    """

    kernel: str
    cards: tuple[str, ...] = ()
    nouveau: bool = False
    secure_boot: bool = False
    key_enrolled: bool = False
    headers: str = "missing"
    kernels: tuple[str, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    run_file: bool = False


class GraphicsState(FactBase[Graphics | None]):
    """Sample: Graphics(kernel="6.12.48-amd64", cards=("0000:01:00.0",), headers="offered")."""

    @override
    def command(self) -> str:
        return SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> Graphics:
        if not output or output[-1] != "end":
            raise FactProcessError("what the host has for a graphics card could not be read")
        lines = [line.split("\t") for line in output]
        values = {line[0]: line[1] for line in lines if len(line) == 2}
        return Graphics(
            kernel=values["kernel"],
            cards=_all(lines, "card"),
            nouveau=["nouveau"] in lines,
            secure_boot=["secure-boot"] in lines,
            key_enrolled=["key-enrolled"] in lines,
            headers=values["headers"],
            kernels=_all(lines, "kernels"),
            foreign=tuple(Foreign(*line[1:]) for line in lines if line[0] == "foreign"),
            run_file=["run-file"] in lines,
        )


def headers_package(kernel: str) -> str:
    """The package with the headers of a kernel; Proxmox VE names those of its own otherwise."""
    return f"{'proxmox' if kernel.endswith('-pve') else 'linux'}-headers-{kernel}"


def _all(lines: list[list[str]], name: str) -> tuple[str, ...]:
    return tuple(line[1] for line in lines if line[0] == name)
