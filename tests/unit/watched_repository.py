"""A repository whose commits are told: a clone, what it pushes to, and the folder of the events.

A file of tests has them by importing all that is here: they are fixtures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from files.commit_events.collect import Collected, collect
from files.commit_events.repository import Repository
from tests.unit.sample_repository import git


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    git(path, "init", "--quiet")
    return path


@pytest.fixture
def bare(tmp_path: Path, clone: Path) -> Path:
    """What `clone` pushes to."""
    path = tmp_path / "served" / "project.git"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare")
    git(clone, "remote", "add", "origin", str(path))
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    for name in ("incoming", "queue", "rejected", "done"):
        (tmp_path / "state" / name).mkdir(parents=True)
    return tmp_path / "state"


def spooled(state: Path) -> list[dict[str, Any]]:
    paths = sorted((state / "incoming").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in paths]


def messages(state: Path) -> list[str]:
    return [one["message"] for one in spooled(state)]


def collected(path: Path, state: Path, most: int = 200) -> Collected:
    return collect(Repository.at(path), state / "incoming", most)
