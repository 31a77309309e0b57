"""Absence: a host that may be absent, and does not answer, is left out of a run and reported.

pyinfra 3.10 counts every host that it cannot connect to as failed, ends with 1 for it, and stops
where no other is left; it offers no hook that could say otherwise (pyinfra/api/connect.py).
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial
from typing import Any

from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.state import State, StateStage

NO_ANSWER = "Could not connect"
"""What pyinfra says of a host that is off; one with another host key or login is not absent."""

absent: dict[str, str] = {}
"""The hosts that this run left out, and what connecting to each ended with."""


def tolerate(state: State) -> None:
    """Have `state`, which connects later, leave such hosts out instead of failing them."""
    silent: set[Host] = set()
    triggered = partial(_triggered, state, silent, state.trigger_callbacks)
    _replace(state, "trigger_callbacks", triggered)
    _replace(state, "fail_hosts", partial(_failed, state, silent, state.fail_hosts))
    atexit.register(_report)


def is_away(reason: str) -> bool:
    """Whether that is what pyinfra says of a host that does not answer."""
    return NO_ANSWER in reason


def _triggered(
    state: State,
    silent: set[Host],
    trigger: Callable[..., None],
    event: str,
    host: Any,
    *more: Any,
) -> None:
    # A host that was there and does not come back, of a reboot say, is no absent one.
    if event == "host_connect_error" and state.current_stage == StateStage.Connect:
        (error,) = more
        if host.data.get("may_be_absent") and is_away(str(error)) and not _is_refused(error):
            silent.add(host)
            absent[host.name] = str(error)
    trigger(event, host, *more)


def _is_refused(error: BaseException) -> bool:
    """Whether the host itself answered that nothing listens: it is there, and its sshd is not."""
    cause = error.__context__
    # paramiko gathers what each address of a host ended with (NoValidConnectionsError).
    causes = [cause, *getattr(cause, "errors", {}).values()]
    return any(isinstance(each, ConnectionRefusedError) for each in causes)


def _failed(
    state: State,
    silent: set[Host],
    fail: Callable[..., None],
    hosts: set[Host],
    activated_count: int | None = None,
) -> None:
    if state.current_stage != StateStage.Connect:
        fail(hosts, activated_count)
        return
    connected = None if activated_count is None else activated_count - len(silent)
    fail(hosts - silent, connected)
    if silent and not state.active_hosts:
        raise SystemExit(0)


def _report() -> None:
    for host in absent:
        logger.warning(f"{host} is absent (it may be): nothing was done there")


def _replace(state: State, method: str, by: Callable[..., None]) -> None:
    setattr(state, method, by)
