"""Packages of a host: what is installed, and exactly what apt would install, in one command."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("packages_state.sh")


@dataclass(frozen=True)
class Packages:
    """Versions by name. `will_install` holds dependencies too; `will_remove` what would go.

    `unfinished`: dpkg was interrupted. `guarded`: our ban on starting services was left behind.
    """

    installed: dict[str, str] = field(default_factory=dict)
    will_install: dict[str, str] = field(default_factory=dict)
    will_remove: tuple[str, ...] = ()
    unfinished: bool = False
    guarded: bool = False


class PackagesState(FactBase[Packages | None]):
    """State of the packages named on standard input; None where it could not be read."""

    @override
    def command(self) -> str:
        return SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> Packages:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the packages ended in the middle")
        lines = [tuple(line.split("\t")) for line in output]
        return Packages(
            installed={x[1]: x[3] for x in lines if x[0] == "have" and x[2] == "installed"},
            will_install={x[1]: x[2] for x in lines if x[0] == "will"},
            will_remove=tuple(x[1] for x in lines if x[0] == "gone"),
            unfinished=("unfinished",) in lines,
            guarded=("guarded",) in lines,
        )
