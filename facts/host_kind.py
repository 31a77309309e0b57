"""What kind of host this is, as far as a role's decisions need it: container, and clock."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override


@dataclass(frozen=True)
class HostKind:
    """`container`: its manager (`lxc`, `docker`, ...), empty on a machine.

    `time_daemon`: the installed one besides systemd-timesyncd (`chrony`, `ntpsec`), else empty.
    """

    container: str
    time_daemon: str


class HostKindState(FactBase[HostKind | None]):
    """Sample: HostKind(container="lxc", time_daemon=""); None where it could not be told."""

    @override
    def command(self) -> str:
        # systemd-detect-virt exits with 1 for `none` as well, so only the word tells.
        return (
            "container=$(systemd-detect-virt --container)\n"
            'case $container in "") exit 3 ;; none) container= ;; esac\n'
            "daemons=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\\n')"
            " || exit 3\n"
            "printf 'container %s\\n' \"$container\"\n"
            "printf '%s\\n' \"$daemons\" | sed -n"
            " 's/^\\(chrony\\|ntpsec\\|openntpd\\) installed$/daemon \\1/p'\n"
            "echo end"
        )

    @override
    def process(self, output: list[str]) -> HostKind:
        if not output or output[-1] != "end":
            raise FactProcessError("the kind of the host could not be told")
        values = dict(line.rstrip().partition(" ")[::2] for line in output)
        return HostKind(values["container"], values.get("daemon", ""))
