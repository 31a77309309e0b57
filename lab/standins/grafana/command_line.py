"""`grafana cli … admin reset-admin-password`, with the password as an argument or over stdin."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from .configuration import HOME, Configuration, RefusedError
from .database import Database

SHORTEST_PASSWORD = 4


def run(arguments: Sequence[str]) -> int:
    parser = ArgumentParser("grafana cli")
    parser.add_argument("--homepath", type=Path, default=HOME)
    parser.add_argument("--config", type=Path, default=HOME / "conf" / "custom.ini")
    parser.add_argument("--configOverrides", default="")
    commands = parser.add_subparsers(required=True)
    admin = commands.add_parser("admin").add_subparsers(required=True)
    reset = admin.add_parser("reset-admin-password")
    reset.add_argument("--password-from-stdin", action="store_true")
    reset.add_argument("--user-id", type=int, default=1)
    reset.add_argument("password", nargs="?", default="")
    given = parser.parse_args(arguments)
    settings = Configuration.read(given.config, given.configOverrides.split())
    password = given.password
    if given.password_from_stdin:
        print("New Password: ", end="")
        password = sys.stdin.readline().removesuffix("\n")
    if len(password) <= SHORTEST_PASSWORD:
        raise RefusedError("new password is too short")
    Database(settings).set_password(given.user_id, password)
    print("\nAdmin password changed successfully ✔")
    return 0
