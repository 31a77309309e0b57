"""NPU: what a host has for Intel's neural processing unit, before a driver is installed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("npu_state.sh")


@dataclass(frozen=True)
class Npu:
    """`architecture` and `kernel` as uname(1) says them; `linux`: ID and VERSION_ID of os-release.

    `devices`: PCI addresses of NPUs. `has_module`: the kernel that runs has intel_vpu.
    `unknown`: those of the asked users that have no account; `outside`: those that are not in the
    group that may open the device.
    """

    architecture: str
    kernel: str
    linux: tuple[str, str] = ("", "")
    devices: tuple[str, ...] = ()
    has_module: bool = False
    unknown: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


class NpuState(FactBase[Npu | None]):
    """Sample: Npu("x86_64", "6.12.48-amd64", ("debian", "13"), ("0000:00:0b.0",), True)."""

    @override
    def command(self, users: Sequence[str], group: str) -> str:
        asked = f"users={shlex.quote(' '.join(users))}\ngroup={shlex.quote(group)}\n"
        return asked + SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> Npu:
        if not output or output[-1] != "end":
            raise FactProcessError("what the host has for an NPU could not be read")
        lines = [line.split("\t") for line in output]
        values = {line[0]: line[1:] for line in lines}
        name, version = values["linux"]
        return Npu(
            architecture=values["architecture"][0],
            kernel=values["kernel"][0],
            linux=(name, version),
            devices=_all(lines, "device"),
            has_module=["module"] in lines,
            unknown=_all(lines, "unknown"),
            outside=_all(lines, "outside"),
        )


def _all(lines: list[list[str]], name: str) -> tuple[str, ...]:
    return tuple(line[1] for line in lines if line[0] == name)
