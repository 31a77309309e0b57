"""Container toolkit: whether a Jetson has NVIDIA's, or a source that brings it."""

from __future__ import annotations

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

PACKAGE = "nvidia-container-toolkit"
REPOSITORY = "https://repo.download.nvidia.com/jetson/common"

_COMMAND = rf"""\
if dpkg-query --show --showformat '${{db:Status-Status}}\n' {PACKAGE} 2>/dev/null |
    grep -qx installed ||
    grep -rqsE '^(deb|URIs:) .*{REPOSITORY.replace(".", "[.]")}' \
        /etc/apt/sources.list /etc/apt/sources.list.d
then echo yes; else echo no; fi"""


class ToolkitOffered(FactBase[bool | None]):
    """Whether apt can have it from JetPack's repository, or has it; None where unreadable.

    A board's image knows that repository (package nvidia-l4t-apt-source).
    """

    @override
    def command(self) -> str:
        return _COMMAND

    @override
    def process(self, output: list[str]) -> bool:
        if output not in (["yes"], ["no"]):
            raise FactProcessError("apt's sources could not be read")
        return output == ["yes"]
