"""Driver: which one a graphics card has now, and which one containers are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("driver_state.sh")


@dataclass(frozen=True)
class Driver:
    """Versions such as 580.159.04, empty for none.

    `loaded`: of NVIDIA's module in the kernel; `nouveau_loaded`: another one has the card.
    `specified`: of the driver that the CDI specification gives to containers.
    """

    loaded: str = ""
    nouveau_loaded: bool = False
    specified: str = ""


class DriverState(FactBase[Driver | None]):
    """Sample: Driver(loaded="580.159.04", specified="580.159.04"); None where unreadable."""

    @override
    def command(self) -> str:
        return SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> Driver:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the driver ended in the middle")
        values = dict(line.split("\t") for line in output if "\t" in line)
        return Driver(
            loaded=values.get("loaded", ""),
            nouveau_loaded="nouveau" in output,
            specified=values.get("specified", ""),
        )
