"""Hooks: one of ours in a watched repository, beside what its owner has there."""

from __future__ import annotations

import os
from pathlib import Path

from .repository import Repository, run

COMMAND = "/usr/local/bin/commit-events"
MARK = "# Managed by ai-idp: tells n8n of new commits."
OWN = ".before-ai-idp"
"""Ending of the hook that was there before, which ours runs first."""
HOOK = f"""#!/bin/sh
{MARK} Taken out by `unwatch-repository`.
# A hook that was here before lies beside this one; its word counts.
status=0
if [ -x "$0{OWN}" ]; then
    "$0{OWN}" "$@" || status=$?
fi
[ ! -x {COMMAND} ] || timeout 30 {COMMAND} collect . </dev/null ||
    echo "ai-idp: what is new could not be queued yet; it will be, later" >&2
exit "$status"
"""


def install(repository: Repository) -> None:
    """Have our hook run after each push (bare) or commit; a hook of the owner's runs first."""
    path = hook(repository)
    if is_installed(repository):
        return
    path.parent.mkdir(exist_ok=True)
    if os.path.lexists(path) and not _is_ours(path):
        os.replace(path, path.with_name(path.name + OWN))
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(HOOK)
    beside.chmod(0o755)
    os.replace(beside, path)


def uninstall(repository: Repository) -> None:
    """Have the owner's hook where ours was."""
    path = hook(repository)
    own = path.with_name(path.name + OWN)
    if _is_ours(path):
        path.unlink()
        if os.path.lexists(own):
            os.replace(own, path)


def is_installed(repository: Repository) -> bool:
    """Whether our hook is there, whole."""
    path = hook(repository)
    return _is_ours(path) and path.read_text() == HOOK and os.access(path, os.X_OK)


def hook(repository: Repository) -> Path:
    """Where git looks for the hook, `core.hooksPath` included."""
    name = "post-receive" if repository.bare else "post-commit"
    found = run(repository.git_dir, "rev-parse", "--git-path", "hooks").rstrip(b"\n")
    return repository.git_dir / os.fsdecode(found) / name


def _is_ours(path: Path) -> bool:
    return path.is_file() and MARK in path.read_text(errors="replace")
