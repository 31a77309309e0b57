"""Distribution: which Linux a host runs, as its /etc/os-release says."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override


@dataclass(frozen=True)
class Linux:
    """`name`, `version` and `codename` as os-release(5) has them: ("debian", "13", "trixie")."""

    name: str
    version: str
    codename: str = ""


class Distribution(FactBase[Linux | None]):
    """The Linux of a host; None where it could not be read."""

    @override
    def command(self) -> str:
        return "cat /etc/os-release"

    @override
    def process(self, output: list[str]) -> Linux:
        pairs = (line.split("=", 1) for line in output if "=" in line)
        values = {name: "".join(shlex.split(value)) for name, value in pairs}
        if "ID" not in values:
            raise FactProcessError("/etc/os-release has no ID")
        codename = values.get("VERSION_CODENAME", "")
        return Linux(values["ID"], values.get("VERSION_ID", ""), codename)
