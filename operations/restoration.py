"""Restoration: data of a host are put back by its own backup program."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State

import changes
from changes import Change

UNIT = "ai-idp-restore"
LOG = "/run/ai-idp-restore.log"


@operation(is_idempotent=False)
def restored(command: str, what: Sequence[str], snapshot: str) -> Generator[FunctionCommand]:
    """
    Put back the data of these names from their newest or a named snapshot.

    + command: the backup program of the host
    + what: names of backups; none stands for all that have a place of their own
    + snapshot: an id of restic, or `latest`

    The work is a unit of its own: it comes to its end also when the SSH connection is lost.
    """
    changes.announce(host, [Change("setting", "restore", " ".join(what) or "all data")])
    work = shlex.join([command, "restore", "--snapshot", snapshot, "--", *what])
    run = (
        f"systemd-run --quiet --wait --collect --unit={UNIT} --property=TimeoutStopSec=10min"
        f" --property=StandardOutput=truncate:{LOG} --property=StandardError=inherit {work}"
    )
    text = f"umask 077; {run}; status=$?; cat {LOG} >&2; exit $status"
    yield FunctionCommand(_run_and_show, [StringCommand(text)], {})


def _run_and_show(state: State, host: Host, command: StringCommand) -> bool:
    """pyinfra keeps what a command says that succeeds; here it says where the old data are."""
    sudo = bool(host.data.get("_sudo", state.config.SUDO))
    succeeded, output = host.run_shell_command(command, False, False, _sudo=sudo)
    for line in output.stderr_lines:
        host.log_styled(line, fg=None if succeeded else "red")
    return succeeded
