"""`python -m trust HOST…`: pins the host key of each host and gives it the deploying account.

What is in place already is checked and left alone, so the command can be repeated.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import inventory_json
from deploys.guest import Guest
from inventory_json import InventoryError, InventoryHost
from trust import TrustError, account, guests, host_keys, operator_key
from trust import target as targets
from trust.account import FirstLogin


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    # paramiko reports a dropped connection with a trace of its own before it raises.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    try:
        known = inventory_json.read(options.inventory)
        hosts = inventory_json.select(known, options.hosts)
        if options.fingerprint and len(hosts) > 1:
            raise TrustError("--fingerprint speaks of one host; name only that one")
        refused = [host.name for host in hosts if not _trust(host, known, options)]
    except (InventoryError, TrustError) as error:
        print(f"trust: {error}", file=sys.stderr)
        return 1
    if refused:
        print(f"trust: not ready: {', '.join(refused)}", file=sys.stderr)
    return 1 if refused else 0


def _trust(
    host: InventoryHost, known: Sequence[InventoryHost], options: argparse.Namespace
) -> bool:
    try:
        target = targets.of(host)
        key, made = operator_key.load_or_make(target.key_path)
        if made:
            print(f"made an SSH key for you: {target.key_path}")
        told = options.fingerprint or _told_by_node(host, known)
        host_key = host_keys.verified(target, told, _confirm, options.replace)
        print(f"{target.name}: host key {host_key.fingerprint} is pinned in {target.known_hosts}")
        if account.is_ready(target, host_key, key):
            print(f"{target.name}: {target.account} logs in by key and may use sudo already")
        else:
            account.make(target, host_key, key, _first_login(options, "guest" in host.data))
            print(f"{target.name}: made {target.account}; it logs in by key and may use sudo")
    except TrustError as error:
        print(f"trust: {error}", file=sys.stderr)
        return False
    return True


def _told_by_node(host: InventoryHost, known: Sequence[InventoryHost]) -> str | None:
    """The fingerprint that a guest's node tells; None for a machine of its own."""
    if host.data.get("guest") is None:
        return None
    guest = Guest.model_validate(host.data["guest"])
    (node,) = inventory_json.select(known, [guest.node])
    return guests.fingerprint(host.name, guest, targets.of(node))


def _first_login(options: argparse.Namespace, is_guest: bool) -> FirstLogin:
    given = None if options.password_file is None else _first_line(options.password_file)

    def user() -> str:
        # A guest is created with our key for its root.
        usual = "root" if is_guest else None
        question = "Account for the first login (such as root): "
        return options.login or usual or _typed(question, "--login")

    def password(question: str) -> str:
        if given is not None:
            return given
        _need_terminal("--password-file")
        return getpass.getpass(question)

    return FirstLogin(user, password)


def _first_line(file: str) -> str:
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise TrustError(f"the password file cannot be read: {error}") from error
    return text.partition("\n")[0]


def _confirm(question: str) -> bool:
    return _typed(f"{question} [yes/no] ", "--fingerprint").strip().lower() == "yes"


def _typed(question: str, instead: str) -> str:
    _need_terminal(instead)
    return input(question)


def _need_terminal(instead: str) -> None:
    if not sys.stdin.isatty():
        raise TrustError(f"nobody is there to ask; answer beforehand with {instead}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trust", description=__doc__)
    parser.add_argument("hosts", nargs="+", metavar="HOST", help="a host or group")
    parser.add_argument("--inventory", type=Path, default=Path("inventory.py"))
    parser.add_argument("--login", metavar="USER", help="an account that the host has already")
    parser.add_argument(
        "--password-file", metavar="FILE", help="its password in the first line; - for stdin"
    )
    parser.add_argument(
        "--fingerprint", metavar="SHA256:…", help="the host key that is right, instead of asking"
    )
    parser.add_argument(
        "--replace", action="store_true", help="the host was reinstalled: pin its new key"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
