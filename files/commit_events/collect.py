"""Collect: compares a repository with what was told of it, and spools an event for each new commit.

What was told is remembered in the repository itself, and only after the events are on the disk. So
whatever fails in between, the next look finds the same commits again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from . import spool
from .events import event, text
from .repository import Repository

REMEMBERED = "ai-idp-commit-events.json"
LOCK = "ai-idp-commit-events.lock"
LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Collected:
    """How many events were spooled, and how many older commits of a long history were left out."""

    spooled: int
    left_out: int


def collect(repository: Repository, incoming: Path, most: int) -> Collected:
    """Spool an event for each commit that is new, of each ref the newest `most`."""
    with spool.locked(repository.git_dir / LOCK, LOCK_SECONDS):
        told = _told(repository) or {}
        tips = repository.tips()
        known = list(told.values())
        spooled = left_out = 0
        for ref, tip in tips.items():
            if told.get(ref) == tip:
                continue
            commits, more = repository.new_commits([tip], known, most)
            for sha in commits:
                _put(incoming, repository, _branch(ref), sha)
            spooled, left_out = spooled + len(commits), left_out + more
            known.append(tip)
        if tips != told:
            _remember(repository, tips)
        return Collected(spooled, left_out)


def begin(repository: Repository) -> None:
    """Remember what the repository has now: its history is no news."""
    with spool.locked(repository.git_dir / LOCK, LOCK_SECONDS):
        if _told(repository) is None:
            _remember(repository, repository.tips())


def end(repository: Repository) -> None:
    """Forget what was told of the repository."""
    for name in (REMEMBERED, LOCK):
        (repository.git_dir / name).unlink(missing_ok=True)


def _put(incoming: Path, repository: Repository, branch: str, sha: str) -> None:
    path = incoming / f"{spool.key(repository.name, sha)}.json"
    try:
        spool.put(path, event(repository, branch, sha), mode=0o640)
    except PermissionError:
        # Another account's event of the same commit cannot be replaced, and need not.
        if not path.exists():
            raise


def _branch(ref: str) -> str:
    return text(os.fsencode(ref.split("/", 2)[2]))


def _told(repository: Repository) -> dict[str, str] | None:
    """Tips by ref; None where nothing is remembered, or nothing that could be read."""
    try:
        found = json.loads((repository.git_dir / REMEMBERED).read_text())
        return {str(ref): str(tip) for ref, tip in found["tips"].items()}
    except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
        return None


def _remember(repository: Repository, tips: dict[str, str]) -> None:
    spool.put(repository.git_dir / REMEMBERED, {"tips": tips})
