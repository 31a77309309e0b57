"""Commit events: which commits of real repositories are told, once, whatever fails."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from files.commit_events.collect import REMEMBERED, Collected, begin
from files.commit_events.repository import Repository
from tests.unit.sample_repository import commit, git
from tests.unit.watched_repository import *  # noqa: F403  (its fixtures)
from tests.unit.watched_repository import collected, messages, spooled


def test_each_commit_of_a_push_is_an_event_the_oldest_first(
    clone: Path, bare: Path, state: Path
) -> None:
    shas = [commit(clone, f"Number {n}".encode(), a=str(n)) for n in range(3)]
    git(clone, "push", "--quiet", "origin", "main")
    assert collected(bare, state) == Collected(3, 0)
    assert [one["sha"] for one in spooled(state)] == shas
    assert {one["branch"] for one in spooled(state)} == {"main"}
    assert {one["repository"] for one in spooled(state)} == {"project"}


def test_nothing_is_told_twice(clone: Path, bare: Path, state: Path) -> None:
    commit(clone)
    git(clone, "push", "--quiet", "origin", "main")
    collected(bare, state)
    assert collected(bare, state) == Collected(0, 0)
    git(clone, "push", "--quiet", "origin", "main:other")
    assert collected(bare, state) == Collected(0, 0)


def test_a_forced_push_tells_what_it_brought(clone: Path, bare: Path, state: Path) -> None:
    commit(clone, b"First", a="1")
    commit(clone, b"Second", a="2")
    git(clone, "push", "--quiet", "origin", "main")
    collected(bare, state)
    git(clone, "reset", "--quiet", "--hard", "HEAD~1")
    commit(clone, b"Another second", a="3")
    git(clone, "push", "--quiet", "--force", "origin", "main")
    assert collected(bare, state) == Collected(1, 0)
    assert messages(state)[-1] == "Another second"


def test_what_was_told_and_is_gone_stops_nothing(clone: Path, bare: Path, state: Path) -> None:
    commit(clone, b"First", a="1")
    git(clone, "push", "--quiet", "origin", "main")
    collected(bare, state)
    git(clone, "checkout", "--quiet", "--orphan", "new")
    commit(clone, b"Another first", a="2")
    git(clone, "push", "--quiet", "--force", "origin", "new:main")
    git(bare, "gc", "--quiet", "--prune=now")
    assert collected(bare, state) == Collected(1, 0)


def test_a_deleted_branch_tells_nothing(clone: Path, bare: Path, state: Path) -> None:
    commit(clone)
    git(clone, "push", "--quiet", "origin", "main", "main:other")
    collected(bare, state)
    git(clone, "push", "--quiet", "origin", ":other")
    assert collected(bare, state) == Collected(0, 0)


def test_a_tag_tells_commits_that_no_branch_has(clone: Path, bare: Path, state: Path) -> None:
    commit(clone, b"On a branch")
    git(clone, "tag", "--annotate", "--message", "v1", "v1")
    git(clone, "push", "--quiet", "origin", "main", "v1")
    assert collected(bare, state) == Collected(1, 0)
    commit(clone, b"Only tagged")
    git(clone, "tag", "v2")
    git(clone, "push", "--quiet", "origin", "v2")
    assert collected(bare, state) == Collected(1, 0)
    assert (spooled(state)[-1]["branch"], messages(state)[-1]) == ("v2", "Only tagged")


def test_a_tag_of_no_commit_is_passed_over(clone: Path, bare: Path, state: Path) -> None:
    commit(clone, a="1")
    git(clone, "tag", "blob", git(clone, "rev-parse", "HEAD:a"))
    git(clone, "push", "--quiet", "origin", "main", "blob")
    assert collected(bare, state) == Collected(1, 0)


def test_of_a_long_history_the_newest_are_told_and_the_others_counted(
    clone: Path, bare: Path, state: Path
) -> None:
    for number in range(5):
        commit(clone, f"Number {number}".encode())
    git(clone, "push", "--quiet", "origin", "main")
    assert collected(bare, state, most=2) == Collected(2, 3)
    assert messages(state) == ["Number 3", "Number 4"]
    assert collected(bare, state, most=2) == Collected(0, 0)


def test_what_a_repository_has_when_it_gets_watched_is_no_news(clone: Path, state: Path) -> None:
    commit(clone, b"Old")
    begin(Repository.at(clone))
    assert collected(clone, state) == Collected(0, 0)
    commit(clone, b"New")
    assert collected(clone, state) == Collected(1, 0)
    assert messages(state) == ["New"]


def test_tags_of_a_clone_come_from_elsewhere(clone: Path, state: Path) -> None:
    commit(clone)
    git(clone, "checkout", "--quiet", "--detach")
    commit(clone, b"Fetched")
    git(clone, "tag", "v1")
    assert collected(clone, state) == Collected(1, 0)


def test_refs_with_odd_names_are_told_and_run_nothing(
    clone: Path, bare: Path, state: Path, tmp_path: Path
) -> None:
    commit(clone)
    names = ["$(touch${IFS}pwned)", "--upload-pack=touch", "a'b\"c;d", "ünï", "{{7}}"]
    sha = git(clone, "rev-parse", "HEAD")
    for number, name in enumerate(names):
        git(clone, "reset", "--quiet", "--hard", sha)
        commit(clone, b"On an odd branch", a=str(number))
        git(clone, "push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
    assert collected(bare, state) == Collected(len(names) + 1, 0)
    assert {one["branch"] for one in spooled(state)} == set(names)
    assert not list(tmp_path.rglob("pwned"))


def test_nothing_is_lost_when_the_spool_cannot_be_written(
    clone: Path, bare: Path, state: Path
) -> None:
    commit(clone)
    git(clone, "push", "--quiet", "origin", "main")
    os.rename(state / "incoming", state / "gone")
    with pytest.raises(OSError):
        collected(bare, state)
    os.rename(state / "gone", state / "incoming")
    assert collected(bare, state) == Collected(1, 0)


def test_a_memory_that_cannot_be_read_loses_nothing(clone: Path, bare: Path, state: Path) -> None:
    commit(clone)
    git(clone, "push", "--quiet", "origin", "main")
    (bare / REMEMBERED).write_text("{half")
    assert collected(bare, state) == Collected(1, 0)


def test_events_are_private(clone: Path, state: Path) -> None:
    commit(clone)
    collected(clone, state)
    (path,) = (state / "incoming").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
