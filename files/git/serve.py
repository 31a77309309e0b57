#!/usr/bin/python3 -I
"""Serve: the one command that a key of the account `git` may run, on the repositories that exist.

authorized_keys forces it on every key; git-shell finds it in ~/git-shell-commands. What the client
asked for is in SSH_ORIGINAL_COMMAND, and only git's three services on a repository by name pass.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

SERVICES = ("git-receive-pack", "git-upload-pack", "git-upload-archive")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class RefusedError(Exception):
    """The client may not have what it asks for; the message is for the person there."""


def allowed(asked: str, home: Path) -> list[str]:
    """The arguments of git-shell for what was asked; RefusedError for everything else."""
    try:
        words = shlex.split(asked)
    except ValueError:
        words = []
    if words[:1] == ["git"]:
        words = [f"git-{words[1]}" if len(words) > 1 else "", *words[2:]]
    if len(words) != 2 or words[0] not in SERVICES:
        raise RefusedError("this key is for git only: clone, fetch and push")
    path = words[1].removeprefix("~").removeprefix(str(home)).strip("/")
    name = path.removesuffix(".git")
    if not NAME.fullmatch(name) or not (home / f"{name}.git").is_dir():
        raise RefusedError(f"no such repository; there are: {', '.join(repositories(home))}")
    return ["git-shell", "-c", f"{words[0]} '{home}/{name}.git'"]


def repositories(home: Path) -> list[str]:
    """The names of the repositories, as a client gives them."""
    return sorted(path.name for path in home.glob("*.git") if path.is_dir())


def main() -> int:
    try:
        command = allowed(os.environ.get("SSH_ORIGINAL_COMMAND", ""), Path.home())
    except RefusedError as error:
        print(f"ai-idp: {error}", file=sys.stderr)
        return 128
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
