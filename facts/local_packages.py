"""Local packages: versions of packages that come from files, as dpkg has them installed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

_FORMAT = r"${Package}\t${db:Status-Status}\t${Version}\n"


class LocalPackagesState(FactBase[dict[str, str] | None]):
    """Versions by name, of those of the packages that are installed; None where unreadable.

    Sample: {"intel-fw-npu": "1.38.0.20260910-34487311128~ubuntu24.04"}
    """

    @override
    def command(self, names: Iterable[str]) -> str:
        # dpkg itself is asked for as well: without its line the database was not read.
        asked = shlex.join(["dpkg", *names])
        return f"dpkg-query --show --showformat='{_FORMAT}' {asked} 2>/dev/null || :"

    @override
    def process(self, output: list[str]) -> dict[str, str]:
        rows = [line.split("\t") for line in output if line.count("\t") == 2]
        installed = {name: version for name, state, version in rows if state == "installed"}
        if "dpkg" not in installed:
            raise FactProcessError("the dpkg database could not be read")
        del installed["dpkg"]
        return installed
