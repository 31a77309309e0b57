"""Reboot: a host started anew, waited for until it runs another boot, and connected again."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.util import clear_askpass_cache

# The kernel makes it anew at each start, and never else (random(4)); an uptime can be misread.
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
# The session that asks for it ends first.
REBOOT = "setsid sh -c 'sleep 1; systemctl reboot' </dev/null >/dev/null 2>&1 &"
# Fails for a start that ended degraded as well, which is the end of a start too.
STARTED = "timeout {seconds} systemctl is-system-running --wait >/dev/null 2>&1 || :"

# sshd refuses who asks in vain too often in a short time (PerSourcePenalties, sshd_config(5)).
ASK_AGAIN_SECONDS = 3
KNOCK_SECONDS = 5
LOST = (ConnectError, SSHException, OSError, EOFError)


def reboot_and_wait(state: State, host: Host, seconds: int, order: str = REBOOT) -> bool:
    """Start the host anew and reconnect; False, with the reason shown, when it is not back in time.

    It is back when another boot answers and its start has ended. That SSH answers says nothing:
    the old boot still does while it goes down. `order` makes it reboot, after its session's end.
    """
    deadline = time.monotonic() + seconds
    before = _ask(host.connector, BOOT_ID, state, host)
    if not before:
        return _failed(host, "its boot id could not be read; it was not rebooted")
    _ask(host.connector, order, state, host)
    disconnect(host)
    host.log_styled(f"rebooting; it has {seconds} s to come back", fg="yellow")
    amiss = wait_for_boot(before, lambda: _boot_id(state, host), deadline)
    if amiss:
        return _failed(
            host,
            f"it was told to reboot and is not back after {seconds} s ({amiss}); look at its "
            "console, and run this once more when it answers",
        )
    host.connect(reason="rebooted")
    rest = max(10, int(deadline - time.monotonic()))
    _ask(host.connector, STARTED.format(seconds=rest), state, host)
    return host.connected


def wait_for_boot(before: str, ask: Callable[[], str], deadline: float) -> str:
    """Ask for the boot id until it is another than `before`; what was amiss last, else empty."""
    while True:
        try:
            found = ask()
            amiss = "" if found not in ("", before) else "it still runs the boot from before"
        except LOST as error:
            amiss = str(error) or type(error).__name__
        if not amiss or time.monotonic() >= deadline:
            return amiss
        time.sleep(ASK_AGAIN_SECONDS)


def _boot_id(state: State, host: Host) -> str:
    """The id of the boot that answers, on a connection made for this question."""
    address = host.data.get("ssh_hostname")
    if address:
        # A port that is closed is no failed login, which sshd would count.
        port = int(host.data.get("ssh_port", 22))
        socket.create_connection((address, port), KNOCK_SECONDS).close()
    connector = type(host.connector)(state, host)
    try:
        connector.connect()
        return _ask(connector, BOOT_ID, state, host)
    finally:
        _close(connector)


def _ask(connector: BaseConnector, command: str, state: State, host: Host) -> str:
    sudo = bool(host.data.get("_sudo", state.config.SUDO))
    succeeded, output = connector.run_shell_command(
        StringCommand(command), False, False, _sudo=sudo
    )
    return output.stdout.strip() if succeeded else ""


def disconnect(host: Host) -> None:
    """End the connection to a host that will be gone; `host.connect` makes another one."""
    # The files that sudo's askpass names are gone with this boot.
    clear_askpass_cache(host)
    _close(host.connector)
    host.disconnect()


def _close(connector: BaseConnector) -> None:
    client = getattr(connector, "client", None)
    if client is not None:
        client.close()


def _failed(host: Host, reason: str) -> bool:
    host.log_styled(reason, fg="red", log_func=logger.error)
    return False
