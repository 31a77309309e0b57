"""Refusal: one host that a role cannot be given, while the others go on."""

from __future__ import annotations

from pyinfra import logger
from pyinfra.context import ctx_host, state


def refuse(reason: str) -> None:
    """Fail the current host; an exception in a deploy would end the run of every host."""
    host = ctx_host.get()  # type: ignore[no-untyped-call]
    logger.error(f"{host.print_prefix}{reason}")
    state.fail_hosts({host})  # type: ignore[no-untyped-call]
