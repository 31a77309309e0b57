"""A login on a host whose key is verified, and commands there, as root where need be."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import paramiko

from trust import transports
from trust.target import Target, TrustError

# sshd ends a connection at the sixth failure (MaxAuthTries); one is left for the password.
KEYS_TRIED = 4


class LoginRefusedError(TrustError):
    """The host did not accept the key or the password."""


@dataclass(frozen=True)
class Answer:
    """What a remote command said, both streams together, and how it ended."""

    status: int
    text: str


@dataclass
class Login:
    """An open connection of `user`, closed by `with`. `password` is what sudo may ask for."""

    target: Target
    transport: paramiko.Transport
    user: str
    password: str | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    def run(self, command: str, stdin: str = "") -> Answer:
        """Run `command`; `stdin` is the only way in which a secret may travel."""
        try:
            channel = self.transport.open_session()
            channel.set_combine_stderr(True)
            channel.exec_command(command)
            channel.sendall(stdin.encode())
            channel.shutdown_write()
            text = channel.makefile("rb").read().decode(errors="replace").strip()
            return Answer(channel.recv_exit_status(), text)
        except (paramiko.SSHException, OSError) as error:
            raise TrustError(f"the connection to {self.target} was lost: {error}") from error

    def is_root(self) -> bool:
        return self.run("id -u").text == "0"

    def has_sudo(self) -> bool:
        return self.run("command -v sudo").status == 0

    def sudo_needs_no_password(self) -> bool:
        # -k: a password given a minute ago must not count.
        return self.run("sudo -k -n true").status == 0

    def run_as_root(self, script: str, *arguments: str) -> Answer:
        """Run a POSIX sh `script` as root; TrustError where sudo does not allow it."""
        command = shlex.join(["sh", "-c", script, "sh", *arguments])
        if self.is_root():
            return self.run(command)
        if self.sudo_needs_no_password():
            return self.run(f"sudo -n -- {command}")
        if self.password is None:
            raise TrustError(f"{self.target}: sudo wants a password of {self.user}; none was given")
        # Apart from the script, so that sudo's own refusal is told from a failing script.
        refusal = self.run("env LC_ALL=C sudo -k -S -p '' true", f"{self.password}\n")
        if refusal.status != 0:
            raise TrustError(f"{self.target}: sudo refuses {self.user}: {refusal.text}")
        return self.run(f"sudo -k -S -p '' -- {command}", f"{self.password}\n")


def by_key(target: Target, host_key: paramiko.PKey, user: str, key: paramiko.PKey) -> Login:
    """Log in with `key` alone, only to the machine that has `host_key`."""
    transport = _verified(target, host_key)
    if not _accepts(transport, user, key):
        transport.close()
        raise LoginRefusedError(f"{target} refuses the key of {user}")
    return Login(target, transport, user)


def by_any_means(
    target: Target,
    host_key: paramiko.PKey,
    user: str,
    keys: Sequence[paramiko.PKey],
    password: Callable[[], str],
) -> Login:
    """Log in with one of `keys`, else with the password, which sudo may need in either case.

    All is tried on one connection: a failure that a success follows costs no penalty.
    """
    login = Login(target, _verified(target, host_key), user)
    try:
        if not any(_accepts(login.transport, user, key) for key in keys[:KEYS_TRIED]):
            login.password = password()
            _authenticate(login, login.password)
        elif not login.is_root() and not login.sudo_needs_no_password():
            login.password = password()
    except TrustError:
        login.transport.close()
        raise
    return login


def _authenticate(login: Login, password: str) -> None:
    try:
        login.transport.auth_password(login.user, password)
    except paramiko.AuthenticationException as error:
        raise LoginRefusedError(
            f"{login.target} refuses the password of {login.user}: {error}"
        ) from error
    except paramiko.SSHException as error:
        raise TrustError(f"{login.target} ended the login of {login.user}: {error}") from error
    if not login.transport.is_authenticated():
        raise LoginRefusedError(f"{login.target} wants more than the password of {login.user}")


def _verified(target: Target, host_key: paramiko.PKey) -> paramiko.Transport:
    transport = transports.connected(target, host_key)
    if transport.get_remote_server_key() != host_key:
        transport.close()
        raise TrustError(f"{target} shows another host key than the one just compared")
    return transport


def _accepts(transport: paramiko.Transport, user: str, key: paramiko.PKey) -> bool:
    try:
        transport.auth_publickey(user, key)
    except paramiko.SSHException:
        # A connection that was lost shows at the next use of it.
        return False
    return transport.is_authenticated()
