"""Accounts: those that own files or run units of ours, from a declaration that systemd reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operations.entries import File
from operations.transaction import Steps

HEADER = "# Managed by ai-idp; changes here are lost."


@dataclass(frozen=True)
class Account:
    """A system account with a group of its name. `members` are others in that group."""

    name: str
    home: str
    purpose: str
    shell: str = "/usr/sbin/nologin"
    members: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"/etc/sysusers.d/ai-idp-{self.name}.conf"

    def declaration(self) -> File:
        """What declares it, as sysusers.d(5) has it."""
        lines = [f'u {self.name} - "{self.purpose}" {self.home} {self.shell}']
        lines += [f"m {member} {self.name}" for member in self.members]
        return File(self.path, "".join(f"{line}\n" for line in [HEADER, *lines]).encode())

    def steps(self) -> Steps:
        """Have it, and see that it is ours: systemd leaves what exists as it is."""
        return Steps(
            activate=f'[ -n "$RESTORING" ] || systemd-sysusers {self.path}\n',
            probe=f'[ -z "$RESTORING" ] || exit 0\n{self._check()}',
            probe_seconds=1,
            live=f"getent passwd {self.name} | cut -d: -f1,6,7; {_listed(self.name, self.members)}",
        )

    def _check(self) -> str:
        return f"""found=$(getent passwd {self.name} | cut -d: -f6,7)
[ "$found" = "{self.home}:{self.shell}" ] || {{
    echo "an account {self.name} is there already, with home and shell $found; ours has" \\
        "{self.home}:{self.shell}. Give it another name: usermod --login OTHER {self.name}" \\
        "and groupmod --new-name OTHER {self.name}"
    exit 1
}}
"""


def _listed(group: str, members: Sequence[str]) -> str:
    """Shell text that names those of `members` who are in the group."""
    each = f"id -nG $member | tr ' ' '\\n' | grep -qx {group} && echo $member"
    return f"for member in {' '.join(members)}; do {each}; done" if members else ":"
