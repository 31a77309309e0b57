"""A host that runs nothing: pyinfra's own `@fake` connector, with recorded commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State, StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.context import ctx_config, ctx_host, ctx_inventory, ctx_state


@dataclass(frozen=True)
class Run:
    """What a run did: the commands in order, and whether every operation succeeded."""

    commands: list[str]
    succeeded: bool


def run(
    install: Callable[[], object],
    responses: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
    groups: tuple[str, ...] = (),
) -> Run:
    """Execute `install` on one fake host.

    `responses` maps a part of a command to its output (a string), or to a dictionary with
    `stdout`, `stderr` and `success`; a command that matches nothing succeeds without output.
    """
    name = "@fake/machine"
    fake = {"fake_responses": dict(responses), "fake_delay": 0, "fake_delay_jitter": 0}
    host_data = {**fake, **(data or {})}
    named: dict[str, Any] = {group: ([name], {}) for group in groups}
    # pyinfra stops with an exception of its own when its last host fails: there is one more.
    hosts = [(name, host_data), ("@fake/bystander", host_data)]
    inventory = Inventory((hosts, {}), **named)  # type: ignore[no-untyped-call]
    state = State(inventory, Config(), check_for_changes=False)  # type: ignore[no-untyped-call]
    with ctx_state.use(state), ctx_inventory.use(inventory), ctx_config.use(state.config):
        connect_all(state)
        state.set_stage(StateStage.Prepare)
        host = inventory.get_host(name)
        with ctx_host.use(host):
            install()
        state.set_stage(StateStage.Execute)
        run_ops(state)
    assert isinstance(host.connector, FakeConnector)
    return Run(host.connector.executed_commands, host not in state.failed_hosts)
