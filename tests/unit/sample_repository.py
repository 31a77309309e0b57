"""A sample repository: a real one in a folder of its own, for programs that read repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

WHO = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(directory: Path, *arguments: str, given: bytes = b"", **environment: str) -> str:
    """What git says in a directory; the test fails where git does."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), **WHO, **environment},
        input=given,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace").strip()


def commit(
    clone: Path, message: bytes = b"Work", files: Mapping[str, str] | None = None, **named: str
) -> str:
    """A commit with these files ("name" or "folder__name" = content); its sha."""
    given = {name.replace("__", "/"): content for name, content in named.items()}
    for name, content in {**(files or {}), **given}.items():
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(clone, "add", "--all")
    options = ("--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "--file=-")
    git(clone, "commit", "--quiet", *options, given=message)
    return git(clone, "rev-parse", "HEAD")


def raw_commit(clone: Path, message: bytes, who: str = "Ada <ada@example.org> 1 +0000") -> str:
    """A commit whose message and people are exactly these bytes, on no branch; its sha."""
    tree = git(clone, "write-tree")
    raw = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n".encode() + message
    return git(clone, "hash-object", "-t", "commit", "--literally", "-w", "--stdin", given=raw)
