"""Jetson Linux: the release of NVIDIA's board support (L4T) that a host runs, if it is a Jetson."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

FILE = "/etc/nv_tegra_release"

# "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: ..."
_LINE = re.compile(r"# R(\d+) \(release\), REVISION: (\d+(?:\.\d+)*),")


@dataclass(frozen=True)
class Release:
    """`major` 36 and `revision` "4.3" for r36.4.3; 0 and "" for a host that is no Jetson."""

    major: int = 0
    revision: str = ""

    def __str__(self) -> str:
        return f"r{self.major}.{self.revision}" if self.major else "no Jetson Linux"


class JetsonLinux(FactBase[Release | None]):
    """Sample: Release(36, "4.3"); None where it could not be read."""

    @override
    def command(self) -> str:
        return f"if [ -e {FILE} ]; then head -n 1 {FILE} || exit 3; fi; echo end"

    @override
    def process(self, output: list[str]) -> Release:
        if not output or output[-1] != "end":
            raise FactProcessError(f"{FILE} could not be read")
        if output == ["end"]:
            return Release()
        found = _LINE.match(output[0])
        if found is None:
            raise FactProcessError(f"{FILE} begins with `{output[0]}`, which names no release")
        return Release(int(found[1]), found[2])
