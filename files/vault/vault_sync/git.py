"""Git: plumbing on the bare repository of the vault; nothing checks out, filters or runs hooks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

FILE, EXECUTABLE, LINK, MODULE = "100644", "100755", "120000", "160000"
IDENTITY = ("ai-idp", "ai-idp@localhost")


class GitError(Exception):
    """git failed; the message has the command and what it said."""


@dataclass(frozen=True)
class Blob:
    """What a tree has at one path: mode as git writes it, and object name."""

    mode: str
    sha: str


Tree = Mapping[bytes, Blob]
"""A whole tree, flat: path (bytes, `/` between folders) to what is there."""


@dataclass(frozen=True)
class Conflict:
    """What a path had, and what both sides want there; None is no file."""

    base: Blob | None = None
    ours: Blob | None = None
    theirs: Blob | None = None


@dataclass(frozen=True)
class Merge:
    """A merged tree, and the paths at which both sides want something else."""

    tree: str
    conflicts: dict[bytes, Conflict]


class Git:
    """A bare repository, asked with nothing of the caller's configuration."""

    def __init__(self, directory: Path, index: Path) -> None:
        self._directory = directory
        self._index = index

    def run(self, *arguments: str, given: bytes = b"", also: tuple[int, ...] = ()) -> bytes:
        """Standard output of git; GitError where it ends with another status than 0 and `also`."""
        done = self._run(arguments, given)
        if done.returncode not in (0, *also):
            said = done.stderr.decode(errors="replace").strip()
            raise GitError(f"git {arguments[0]}: {said or done.returncode}")
        return done.stdout

    def commit_of(self, ref: str) -> str | None:
        """The commit that a ref shows; None where there is no such ref."""
        done = self._run(("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"), b"")
        return done.stdout.decode().strip() or None

    def tree(self, commit: str | None) -> dict[bytes, Blob]:
        """What a commit or tree has; nothing without one."""
        if commit is None:
            return {}
        rows = self.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        return dict(_entry(row) for row in rows if row)

    def blob(self, sha: str) -> bytes:
        return self.run("cat-file", "blob", sha)

    def store(self, content: bytes) -> str:
        """Have a blob of this content, its object name."""
        return self.run("hash-object", "-w", "--stdin", given=content).decode().strip()

    def store_tree(self, tree: Tree) -> str:
        """Have a tree, its object name. GitError where one path is a folder of another."""
        rows = (f"{blob.mode} {blob.sha}\t".encode() + path + b"\0" for path, blob in tree.items())
        # One run at a time has this index: whose lock is there was killed.
        for left in (self._index, self._index.with_name(f"{self._index.name}.lock")):
            left.unlink(missing_ok=True)
        self.run("update-index", "-z", "--add", "--replace", "--index-info", given=b"".join(rows))
        return self.run("write-tree").decode().strip()

    def commit(self, tree: str, parents: Iterable[str], message: str) -> str:
        """Have a commit by ai-idp, its object name."""
        named = [word for parent in parents for word in ("-p", parent)]
        made = self.run("commit-tree", tree, *named, given=f"{message}\n".encode())
        return made.decode().strip()

    def reaches(self, commit: str, ancestor: str) -> bool:
        done = self._run(("merge-base", "--is-ancestor", ancestor, commit), b"")
        return done.returncode == 0

    def merge(self, ours: str, theirs: str) -> Merge:
        """The merged tree of two commits; of Markdown both sides' lines (info/attributes)."""
        options = ("--write-tree", "-z", "--no-messages", "--allow-unrelated-histories")
        said = self.run("merge-tree", *options, ours, theirs, also=(1,)).split(b"\0")
        conflicts: dict[bytes, Conflict] = {}
        for row in (row for row in said[1:] if row):
            info, _, path = row.partition(b"\t")
            mode, sha, stage = info.decode().split(" ")
            side = {"1": "base", "2": "ours", "3": "theirs"}[stage]
            known = conflicts.get(path, Conflict())
            conflicts[path] = replace(known, **{side: Blob(mode, sha)})
        return Merge(said[0].decode(), conflicts)

    def move(self, ref: str, new: str, old: str | None) -> bool:
        """Have `ref` show `new` if it still shows `old`; False where somebody was faster."""
        words = ("update-ref", ref, new, old or "0" * len(new))
        return self._run(words, b"").returncode == 0

    def keep(self, ref: str, new: str) -> None:
        """Have `ref`, which nobody else moves, show `new`; GitError where that cannot be had."""
        self.run("update-ref", ref, new)

    def _run(self, arguments: tuple[str, ...], given: bytes) -> subprocess.CompletedProcess[bytes]:
        # The repository belongs to the account that people push with (safe.directory).
        command = ["git", "-c", f"safe.directory={self._directory}", "--git-dir"]
        return subprocess.run(
            [*command, str(self._directory), *arguments],
            cwd=self._directory,
            env=self._environment(),
            input=given,
            capture_output=True,
        )

    def _environment(self) -> dict[str, str]:
        name, email = IDENTITY
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C",
            "HOME": "/nonexistent",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_INDEX_FILE": str(self._index),
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }


def _entry(row: bytes) -> tuple[bytes, Blob]:
    info, _, path = row.partition(b"\t")
    mode, _, sha = info.decode().split(" ")
    return path, Blob(mode, sha)
