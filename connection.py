"""The SSH transport of every host: quick on small packets, and dead when the peer is dead."""

from __future__ import annotations

import socket
from typing import Any

import paramiko

SILENCE_SECONDS = 30
"""After so long without an answer a connection counts as lost (a pulled cable, a power cut)."""


class Transport(paramiko.Transport):
    """A transport whose loss is an SSHException.

    pyinfra 3.10 does not catch the EOFError that paramiko reports for a dropped connection: one
    lost host would abort the run of all others (pyinfra/api/operations.py, `_run_host_op`).
    """

    def get_exception(self) -> Exception | None:
        error = super().get_exception()
        if isinstance(error, EOFError):
            return paramiko.SSHException("the connection was lost")
        return error


def transport(sock: Any, **options: Any) -> Transport:
    """The `transport_factory` of paramiko's SSHClient.connect, for pyinfra's host data."""
    if isinstance(sock, socket.socket):
        # paramiko never sets TCP_NODELAY, which costs 40 ms (a delayed ACK) for each command.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Covers data in flight; the keepalive below covers an idle connection (tcp(7)).
        milliseconds = SILENCE_SECONDS * 1000
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    connection = Transport(sock, **options)
    connection.set_keepalive(SILENCE_SECONDS // 3)
    return connection
