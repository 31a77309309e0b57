"""An SSH connection to a host before anybody logs in: all that is known is the key it shows."""

from __future__ import annotations

import socket
import sys
import time

import paramiko

import connection
from trust.target import Target, TrustError

CONNECT_SECONDS = 10
# OpenSSH 9.8 and newer drop the connections of an address for a while after it failed to log in
# (PerSourcePenalties in sshd_config(5): 5 s a failure, in force from 15 s on).
PENALTY_SECONDS = 15


def connected(target: Target, expected: paramiko.PKey | None = None) -> paramiko.Transport:
    """A connection to `target`; the host is asked for its key of `expected`'s type first."""
    try:
        return _connected(target, expected)
    except paramiko.SSHException:
        print(
            f"{target} drops connections, as sshd does after failed logins; "
            f"trying again in {PENALTY_SECONDS} s",
            file=sys.stderr,
        )
        time.sleep(PENALTY_SECONDS)
    try:
        return _connected(target, expected)
    except paramiko.SSHException as error:
        raise TrustError(
            f"{target} does not answer as an SSH server: {error}. After several failed logins "
            "sshd needs some minutes; is this an sshd, and does its log tell more?"
        ) from error


def _connected(target: Target, expected: paramiko.PKey | None) -> paramiko.Transport:
    transport = connection.transport(_socket(target))
    if expected is not None:
        # A host that got one more type of key since is still the same host.
        options = transport.get_security_options()
        types = _signatures(expected)
        options.key_types = (*types, *(kind for kind in options.key_types if kind not in types))
    try:
        transport.start_client(timeout=CONNECT_SECONDS)
    except paramiko.SSHException:
        transport.close()
        raise
    return transport


def _socket(target: Target) -> socket.socket:
    try:
        return socket.create_connection((target.address, target.port), CONNECT_SECONDS)
    except OSError as error:
        raise TrustError(
            f"{target} cannot be reached: {error}; is it on, and is its sshd running?"
        ) from error


def _signatures(key: paramiko.PKey) -> tuple[str, ...]:
    if key.get_name() == "ssh-rsa":
        return ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
    return (key.get_name(),)
