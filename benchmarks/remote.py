"""A Python program on a host of an inventory: over SSH, with the pinned key, left nowhere there."""

from __future__ import annotations

import paramiko

from connection import transport
from inventory_json import InventoryHost
from trust import target as targets
from trust.target import Target, TrustError

CONNECT_SECONDS = 10
PYTHON = "exec python3 -"


class RemoteError(Exception):
    """The host was not reached, or the program ended with an error there; says what to do."""


def run_python(host: InventoryHost, program: str) -> str:
    """What `program` prints on `host`, run by the deploying account, without root.

    The program travels on standard input: what it holds stands in no file and no list of processes.
    """
    try:
        target = targets.of(host)
        with paramiko.SSHClient() as client:
            _connect(client, target)
            return _said(client, target, program)
    except TrustError as error:
        raise RemoteError(str(error)) from error


def _connect(client: paramiko.SSHClient, target: Target) -> None:
    try:
        client.load_host_keys(str(target.known_hosts))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            target.address,
            port=target.port,
            username=target.account,
            key_filename=str(target.key_path),
            timeout=CONNECT_SECONDS,
            allow_agent=False,
            look_for_keys=False,
            transport_factory=transport,
        )
    except (paramiko.SSHException, FileNotFoundError) as error:
        # RejectPolicy and BadHostKeyException tell which key; all of them are mended alike.
        raise RemoteError(
            f"{target} is there, but no login: {error}; try: make trust HOST={target.name}"
        ) from error
    except OSError as error:
        raise RemoteError(
            f"{target} does not answer on SSH: {error}; switch it on, and try again"
        ) from error


def _said(client: paramiko.SSHClient, target: Target, program: str) -> str:
    try:
        stdin, stdout, stderr = client.exec_command(PYTHON)
        stdin.write(program)
        stdin.channel.shutdown_write()
        said, complaint = stdout.read().decode(), stderr.read().decode().strip()
        status = stdout.channel.recv_exit_status()
    except (OSError, paramiko.SSHException) as error:
        raise RemoteError(f"the connection to {target} was lost: {error}") from error
    if status == 127:
        raise RemoteError(f"{target} has no python3; install it there: apt-get install python3")
    if status != 0:
        raise RemoteError(f"the program ended with {status} on {target}: {complaint}")
    return said
