"""The SSH transport of every host: quick on small packets, and dead when the peer is dead."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import paramiko
from paramiko.hostkeys import HostKeys
from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.context import state

SILENCE_SECONDS = 30
"""After so long without an answer a connection counts as lost (a pulled cable, a power cut)."""

# paramiko logs the traceback of every failure, and without a handler Python prints it; pyinfra
# says the same in its own words.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Transport(paramiko.Transport):
    """A transport that says who was lost, or shows another key than the pinned one."""

    host: Host | None = None
    ending = False

    def get_exception(self) -> Exception | None:
        """A loss is an SSHException here.

        pyinfra 3.10 does not catch the EOFError that paramiko reports for a dropped connection: one
        lost host would abort the run of all others (pyinfra/api/operations.py, `_run_host_op`).
        """
        error = super().get_exception()
        if isinstance(error, EOFError):
            return paramiko.SSHException("the connection was lost")
        return error

    def run(self) -> None:
        """Serve until the end; of one that nobody here wanted pyinfra would not say the reason."""
        super().run()
        logged_in = self.auth_handler is not None and self.auth_handler.is_authenticated()
        if logged_in and not self.ending and self.host:
            self.host.log_styled(
                "the SSH connection was lost; a change that was under way there ends or undoes "
                "itself without it: when the host can be reached again, run this once more",
                fg="red",
                log_func=logger.error,
            )

    def stop_thread(self) -> None:
        self.ending = True
        super().stop_thread()

    def get_remote_server_key(self) -> paramiko.PKey:
        """What the host shows; pyinfra's own remedy would change a file that nothing here reads."""
        key = super().get_remote_server_key()
        pinned = _pinned_keys(self.host) if self.host else {}
        if pinned and pinned.get(key.get_name()) != key:
            raise paramiko.SSHException(
                f"its host key is not the pinned one: it was made anew, or something else answers "
                f"at {self.host}'s address; nothing was sent to it. If you know that it was made "
                f"anew: make trust HOST={self.host}"
            )
        return key


def transport(sock: Any, **options: Any) -> Transport:
    """The `transport_factory` of paramiko's SSHClient.connect, for pyinfra's host data."""
    connection = Transport(sock, **options)
    if isinstance(sock, socket.socket):
        # paramiko never sets TCP_NODELAY, which costs 40 ms (a delayed ACK) for each command.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Covers data in flight; the keepalive below covers an idle connection (tcp(7)).
        milliseconds = SILENCE_SECONDS * 1000
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        connection.host = _host_at(sock.getpeername()[0])
    connection.set_keepalive(SILENCE_SECONDS // 3)
    return connection


def _host_at(address: str) -> Host | None:
    """The host of this run that has the address; pyinfra tells the transport nothing else."""
    inventory = getattr(state, "inventory", None)
    hosts = inventory or ()
    return next((host for host in hosts if host.data.get("ssh_hostname") == address), None)


def _pinned_keys(host: Host) -> dict[str, paramiko.PKey]:
    file, port = host.data.get("ssh_known_hosts_file"), host.data.get("ssh_port", 22)
    if not file or not Path(file).exists():
        return {}
    # sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: another port than 22 is part of the name.
    address = str(host.data.get("ssh_hostname"))
    return dict(HostKeys(file).lookup(address if port == 22 else f"[{address}]:{port}") or {})
