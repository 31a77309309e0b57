"""Invocation: what this run of pyinfra was asked to do, read from its command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import click

_AUTHENTICATION = ("ssh_user", "ssh_key", "ssh_key_password", "ssh_port", "ssh_password")


@dataclass(frozen=True)
class Invocation:
    """The part of pyinfra's command line that decides what is checked and against which data.

    The defaults are those of a tool that loads the inventory without running anything.
    """

    inventory: str = "inventory.py"
    operations: tuple[str, ...] = ("debug-inventory",)
    limit: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    override_data: Mapping[str, Any] = field(default_factory=dict)
    group_data_directories: tuple[str, ...] = ()
    dry: bool = False

    @classmethod
    def current(cls) -> Self:
        """The command line of this process; the defaults where pyinfra's CLI does not run."""
        context = click.get_current_context(silent=True)
        if context is None or "operations" not in context.params:
            return cls()
        return cls.of(context.params)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(
            inventory=parameters["inventory"],
            operations=tuple(parameters["operations"]),
            limit=tuple(parameters["limit"]),
            exclude=tuple(parameters["exclude"]),
            override_data=_override_data(parameters),
            group_data_directories=tuple(parameters["group_data"]),
            dry=_only_plans(parameters),
        )

    @property
    def connects(self) -> bool:
        return self.operations[0] != "debug-inventory"

    @property
    def plans(self) -> bool:
        """Whether deploys or operations are planned, not just facts read or a command run."""
        return self.connects and self.operations[0] not in {"fact", "exec"}

    @property
    def changes(self) -> bool:
        return self.plans and not self.dry


def _override_data(parameters: Mapping[str, Any]) -> dict[str, Any]:
    # Here, not above: importing pyinfra_cli patches the sockets of the whole process.
    from pyinfra_cli.util import parse_cli_arg

    pairs = (pair.split("=", 1) for pair in parameters["data"])
    data = {key: parse_cli_arg(value) for key, value in pairs}
    return data | {name: parameters[name] for name in _AUTHENTICATION if parameters[name]}


def _only_plans(parameters: Mapping[str, Any]) -> bool:
    """pyinfra stops before executing also for these, not only for ``--dry``."""
    prints_plan = parameters["json_output"] and not parameters["yes"]
    return bool(
        parameters["dry"]
        or parameters["debug_facts"]
        or parameters["debug_operations"]
        or prints_plan
    )
