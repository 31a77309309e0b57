"""The journal of a plan: every change that a run would make, recorded where it is decided."""

from __future__ import annotations

import atexit
import difflib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click
from pyinfra.api.host import Host
from pyinfra.context import ctx_state, state

import absence

JOURNAL = "AI_IDP_PLAN_JOURNAL"
"""Environment variable: the file to which a dry run appends its changes, a JSON line each."""


@dataclass(frozen=True)
class Change:
    """One thing that a run does to a host.

    `kind`: file, directory, link, package, unit, container, image, model, archive, setting, host
    or role.
    `action`: a verb in the present tense (create, modify, remove, install, start, ...).
    `what`: path, package, unit or name. `detail`: what an observer finds afterwards (sha256,
    version, mode, image, ...). `diff`: unified, empty for secrets and for what is not text.
    """

    kind: str
    action: str
    what: str
    detail: dict[str, str] = field(default_factory=dict)
    diff: str = ""


def shown() -> bool:
    """True where somebody reads the changes: in a plan, or with pyinfra's --diff."""
    return JOURNAL in os.environ or bool(state.config.DIFF)


def announce(host: Host, changes: Sequence[Change]) -> None:
    """Record what the current operation would change on `host`; quiet while a run executes."""
    if not state.is_executing and JOURNAL in os.environ:
        _append(host, changes)
    elif state.config.DIFF:
        _print(host, changes)


def notice(host: Host, text: str) -> None:
    """Tell the reader something about `host` that no run changes, once in a plan or in a run."""
    if JOURNAL in os.environ and not state.is_executing:
        _write({"host": host.name, "notice": text})
    elif JOURNAL not in os.environ and state.is_executing:
        host.log_styled(text, fg="yellow")


@atexit.register
def _record_missing_hosts() -> None:
    """pyinfra's JSON of a dry run says neither which hosts failed nor which are absent."""
    if JOURNAL not in os.environ or not ctx_state.isset():  # type: ignore[no-untyped-call]
        return
    if not state.initialised:
        return
    for host in state.failed_hosts:
        _write({"failed": host.name})
    for name in absence.absent:
        _write({"absent": name})


def unified_diff(path: str, old: bytes | None, new: bytes | None) -> str:
    """A unified diff of two contents of `path`; None stands for a file that does not exist."""
    try:
        before, after = ((text or b"").decode().splitlines(True) for text in (old, new))
    except UnicodeDecodeError:
        return "(binary content)\n"
    names = (path if old is not None else "/dev/null", path if new is not None else "/dev/null")
    lines = difflib.unified_diff(before, after, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _append(host: Host, changes: Sequence[Change]) -> None:
    rows = [asdict(change) for change in changes]
    _write({"host": host.name, "role": host.current_deploy_name or "", "changes": rows})


def _write(record: dict[str, Any]) -> None:
    with open(os.environ[JOURNAL], "a", encoding="utf-8") as journal:
        journal.write(f"{json.dumps(record)}\n")


def _print(host: Host, changes: Sequence[Change]) -> None:
    for change in changes:
        click.echo(f"{host.print_prefix}{change.action} {change.kind} {change.what}", err=True)
        for line in change.diff.splitlines():
            click.echo(f"{host.print_prefix}  {line}", err=True)
