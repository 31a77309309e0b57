"""Repository: what git says of one repository, whatever the caller's environment says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

READ_BYTES = 64 * 1024


class GitError(Exception):
    """git did not answer; the message has the command and what it said."""


def run(directory: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Standard output of git in a directory; GitError where it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=_environment(), input=given, capture_output=True
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise GitError(f"git {' '.join(arguments[:2])} in {directory}: {said}")
    return done.stdout


def stream(directory: Path, *arguments: str, limit: int = -1) -> Iterator[bytes]:
    """Standard output of git, piece by piece, the first `limit` bytes (-1: all)."""
    process = subprocess.Popen(
        ["git", *arguments],
        cwd=directory,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        while limit and (piece := process.stdout.read(READ_BYTES)):
            piece = piece[:limit] if limit > 0 else piece
            limit -= len(piece) if limit > 0 else 0
            yield piece
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@dataclass(frozen=True)
class Repository:
    """A repository by its git directory; `name` is what its notes are filed under."""

    git_dir: Path
    name: str
    bare: bool

    @classmethod
    def at(cls, path: Path) -> Repository:
        """The repository that `path` lies in; GitError where it is in none."""
        bare = _asked(path, "--is-bare-repository") == b"true"
        git_dir = Path(os.fsdecode(_asked(path, "--path-format=absolute", "--git-common-dir")))
        named = git_dir if bare else Path(os.fsdecode(_asked(path, "--show-toplevel")))
        name = os.fsencode(named.name.removesuffix(".git")).decode(errors="replace")
        return cls(git_dir, name, bare)

    def tips(self) -> dict[str, str]:
        """The commit of each branch, and of each tag of a bare repository, branches first."""
        # Tags of a clone come from elsewhere, with a history that is no news.
        wanted = ("refs/heads", "refs/tags") if self.bare else ("refs/heads",)
        shown = "--format=%(objectname) %(objecttype) %(*objectname) %(*objecttype) %(refname)"
        lines = run(self.git_dir, "for-each-ref", shown, *wanted).splitlines()
        found = (_tip(line) for line in lines)
        return {os.fsdecode(ref): sha for ref, sha in found if sha}

    def new_commits(
        self, tips: Sequence[str], known: Sequence[str], most: int
    ) -> tuple[list[str], int]:
        """The newest commits of `tips` that `known` does not reach, oldest first, and how many more
        there are."""
        present = self._present(known)
        given = "".join([*(f"{tip}\n" for tip in tips), *(f"^{sha}\n" for sha in present)]).encode()
        listed = run(self.git_dir, "rev-list", "--topo-order", "--stdin", given=given).split()
        newest = [sha.decode() for sha in listed[:most]]
        return newest[::-1], len(listed) - len(newest)

    def _present(self, commits: Sequence[str]) -> list[str]:
        """Those of some commits that have not been collected as garbage."""
        given = "".join(f"{sha}\n" for sha in commits).encode()
        lines = run(self.git_dir, "cat-file", "--batch-check", given=given).splitlines()
        return [line.split()[0].decode() for line in lines if line.split()[1:2] == [b"commit"]]


def _asked(path: Path, *arguments: str) -> bytes:
    return run(path, "rev-parse", *arguments).removesuffix(b"\n")


def _tip(line: bytes) -> tuple[bytes, str]:
    """A ref and its commit; empty for one that shows no commit."""
    fields = line.split(b" ")
    sha, kind, peeled, peeled_kind = fields[0], fields[1], fields[2], fields[3]
    commit = sha if kind == b"commit" else peeled if peeled_kind == b"commit" else b""
    return b" ".join(fields[4:]), commit.decode()


def _environment() -> dict[str, str]:
    # A hook's variables (GIT_DIR, GIT_INDEX_FILE, ...) are about the command that called it.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
