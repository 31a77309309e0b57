"""The roll-out that a host belongs to: its mark, and the roles that were given to the host."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("rollout_state.sh")


@dataclass(frozen=True)
class Rollout:
    """`marked`: the host carries the mark already. `roles`: every role it has been given."""

    marked: bool
    roles: tuple[str, ...]


class RolloutState(FactBase[Rollout | None]):
    """The host's part in the roll-out `rollout_id`; None where it belongs to another one.

    Sample: Rollout(marked=True, roles=("base", "nginx"))
    """

    @override
    def command(self, rollout_id: str) -> str:
        return _script(rollout_id)

    @override
    def process(self, output: list[str]) -> Rollout:
        if not output or output[-1] != "end":
            raise FactProcessError("the record of the roll-out ended in the middle")
        lines = [line.split("\t") for line in output]
        roles = tuple(line[1] for line in lines if line[0] == "role")
        return Rollout(marked=["marked"] in lines, roles=roles)


def refusal(rollout_id: str) -> str:
    """Shell text that ends a fact of its own with the reason, on a host of another roll-out."""
    return f"(\n{_script(rollout_id)}\n) >/dev/null || exit\n"


def _script(rollout_id: str) -> str:
    return f"expected={shlex.quote(rollout_id)}\n{SCRIPT.read_text()}"
