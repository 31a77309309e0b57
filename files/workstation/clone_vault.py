#!/usr/bin/python3 -I
"""Clone vault: the notes, into the folder of whoever runs this; what is there stays as it is."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

TOLD = Path("/etc/ai-idp/workstation/vault.json")
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10"
LATER = 75
"""The status when nothing but time is missing (EX_TEMPFAIL of sysexits.h)."""


def origin(folder: Path) -> str:
    """Where a clone came from; empty for what is none."""
    asked = ["git", "-C", str(folder), "config", "--get", "remote.origin.url"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def is_free(folder: Path) -> bool:
    """Whether a clone can be put there: nothing is, or an empty folder."""
    return not os.path.lexists(folder) or (
        folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    )


def clone(repository: str, folder: Path) -> str:
    """Clone beside the folder, then move; what git complained of, or nothing."""
    beside = folder.with_name(f".{folder.name}.cloning")
    # Of a run that was cut off.
    shutil.rmtree(beside, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["git", "clone", "--quiet", repository, str(beside)],
        env={**os.environ, "GIT_SSH_COMMAND": SSH},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(beside, ignore_errors=True)
        return done.stderr.strip() or f"git ended with {done.returncode}"
    beside.rename(folder)
    return ""


def remedy(complaint: str, repository: str) -> tuple[int, str]:
    """The status to end with, and what to do about git's complaint."""
    host = repository.partition("@")[2].partition(":")[0]
    # ssh lists the ways that were tried; git's own complaints of folders have no such list.
    if "Permission denied (" in complaint:
        return 1, (
            f"{host} knows none of your SSH keys. If you have none: ssh-keygen -t ed25519. Then "
            "have the line of ~/.ssh/id_ed25519.pub put into `keys` of group_data/git.py, and "
            f"`make apply LIMIT={host}` run. One with a passphrase is used only while an agent "
            "holds it: ssh-add, then clone-vault"
        )
    if "Host key verification failed" in complaint:
        return 1, f"the SSH key of {host} is not the pinned one, or none is: make trust HOST={host}"
    if "ssh: " in complaint or "timed out" in complaint:
        return LATER, f"{host} does not answer; it is tried again later"
    return 1, "see what git said"


def main(home: Path, told: dict[str, str]) -> int:
    """Have the clone; 0 where it is there, LATER where the host is away, else 1."""
    repository, folder = told["repository"], home / told["folder"]
    if not is_free(folder):
        if origin(folder) == repository:
            return 0
        print(f"{folder} is there and no clone of {repository}: it is left alone", file=sys.stderr)
        return 1
    complaint = clone(repository, folder)
    if not complaint:
        print(f"the notes are in {folder}")
        return 0
    status, advice = remedy(complaint, repository)
    print(f"{complaint}\n{advice}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(pwd.getpwuid(os.getuid()).pw_dir), json.loads(TOLD.read_text())))
