"""The account that pyinfra deploys with: checked, made by a first login, and proven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from inventory_json import ROOT
from trust import login, operator_key
from trust.login import LoginRefusedError
from trust.target import Target, TrustError

SCRIPT = ROOT / "files" / "trust" / "account.sh"


@dataclass(frozen=True)
class FirstLogin:
    """Who opens a fresh host, and how its password is asked for when no key opens it."""

    user: Callable[[], str]
    password: Callable[[str], str]


def is_ready(target: Target, host_key: paramiko.PKey, key: paramiko.PKey) -> bool:
    """Whether the account can be used: login by key, and sudo without a password."""
    try:
        with login.by_key(target, host_key, target.account, key) as session:
            return session.sudo_needs_no_password()
    except LoginRefusedError:
        return False


def make(target: Target, host_key: paramiko.PKey, key: paramiko.PKey, first: FirstLogin) -> None:
    """Make the account through a first login, and prove it by a second one."""
    user = first.user()
    keys = [key, *paramiko.Agent().get_keys()]

    def password() -> str:
        return first.password(f"Password of {user} on {target.name}: ")

    with login.by_any_means(target, host_key, user, keys, password) as session:
        if not session.is_root() and not session.has_sudo():
            raise TrustError(
                f"{target} has no sudo and {user} is not root; repeat with --login root, or run "
                f"`apt-get install sudo && adduser {user} sudo` as root on its console"
            )
        line = operator_key.authorized_line(key)
        answer = session.run_as_root(SCRIPT.read_text(), target.account, line)
    if answer.status != 0:
        raise TrustError(f"{target}: making the account {target.account} failed:\n{answer.text}")
    if not is_ready(target, host_key, key):
        raise TrustError(
            f"{target} has the account {target.account} now, but its key login with sudo does "
            "not work; does sshd_config allow it (AllowUsers, PubkeyAuthentication), and does "
            "/etc/sudoers include /etc/sudoers.d?"
        )
