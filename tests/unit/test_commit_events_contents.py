"""Commit events: what an event says of its commit, whatever that holds."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from files.commit_events.events import MARK, MESSAGE_BYTES, changed_files, event, shortened, text
from files.commit_events.queue import Queue
from files.commit_events.repository import Repository
from tests.unit.sample_repository import commit, git, raw_commit
from tests.unit.watched_repository import *  # noqa: F403  (its fixtures)
from tests.unit.watched_repository import collected

HOSTILE = (
    b"---\ntags: [x]\n---\n# [[../../etc/passwd]] {{7*7}} {% raw %} ={{ $env.PATH }}\n"
    b"$(touch pwned) `touch pwned`; \x1b[31m <script> \xe2\x80\xae\n"
)


def told(clone: Path, sha: str) -> dict[str, Any]:
    return event(Repository.at(clone), "main", sha)


def test_an_event_has_what_the_webhook_wants(clone: Path) -> None:
    when = "2026-11-21T17:30:00+0100"
    (clone / "new.txt").write_text("new")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "Say it", GIT_COMMITTER_DATE=when)
    assert told(clone, git(clone, "rev-parse", "HEAD")) == {
        "repository": "project",
        "branch": "main",
        "sha": git(clone, "rev-parse", "HEAD"),
        "author": "Ada",
        "email": "ada@example.org",
        "committed": "2026-11-21T16:30:00Z",
        "message": "Say it\n",
        "message_truncated": False,
        "files": [{"status": "A", "path": "new.txt"}],
        "more_files": 0,
    }


def test_changed_renamed_and_removed_files_are_told(clone: Path) -> None:
    commit(clone, old="a\nb\nc\nd\n", gone="x", same="y")
    git(clone, "mv", "old", "renamed")
    git(clone, "rm", "--quiet", "gone")
    sha = commit(clone, same="z")
    assert told(clone, sha)["files"] == [
        {"status": "D", "path": "gone"},
        {"status": "R", "path": "renamed"},
        {"status": "M", "path": "same"},
    ]


def test_a_merge_is_told_by_what_it_brought(clone: Path) -> None:
    commit(clone, a="1")
    git(clone, "checkout", "--quiet", "-b", "side")
    commit(clone, side="2")
    git(clone, "checkout", "--quiet", "main")
    commit(clone, main="3")
    git(clone, "merge", "--quiet", "--no-edit", "side")
    found = told(clone, git(clone, "rev-parse", "HEAD"))
    assert found["files"] == [{"status": "A", "path": "side"}]


def test_an_empty_commit_has_no_files(clone: Path) -> None:
    found = told(clone, commit(clone, b""))
    assert (found["files"], found["message"]) == ([], "")


def test_files_beyond_the_limit_are_counted(clone: Path) -> None:
    for number in range(505):
        (clone / f"file{number:04}").touch()
    found = told(clone, commit(clone))
    assert (len(found["files"]), found["more_files"]) == (500, 5)


@pytest.mark.parametrize("character", [b"\x01", "\N{PILE OF POO}".encode()])
def test_the_largest_event_is_one_for_the_queue(clone: Path, state: Path, character: bytes) -> None:
    blob = git(clone, "hash-object", "-w", "--stdin")
    names = (character * 1000 + b"/" + character * 200 + f"{n}".encode() for n in range(600))
    rows = b"".join(f"100644 {blob}\t".encode() + name + b"\0" for name in names)
    git(clone, "update-index", "-z", "--add", "--index-info", given=rows)
    git(clone, "commit", "--quiet", "--cleanup=verbatim", "--file=-", given=character * 70_000)
    collected(clone, state)
    queue = Queue(state)
    queue.take()
    (one,) = queue.waiting()
    assert (len(one.event["files"]), one.event["more_files"], queue.rejected()) == (500, 100, 0)


def test_paths_may_hold_any_bytes(clone: Path) -> None:
    for name in (b"line\nbreak", b'tab\tand"quote', b"\xff\xfe", "ü".encode()):
        (clone / os.fsdecode(name)).write_text("x")
    found = told(clone, commit(clone))
    paths = {one["path"] for one in found["files"]}
    assert paths == {"line\nbreak", 'tab\tand"quote', "\ufffd\ufffd", "ü"}


def test_a_pipe_that_ends_within_a_name_does_not_split_it() -> None:
    assert changed_files([b"A\0lo", b"ng\0M", b"\0b\0"]) == (
        [{"status": "A", "path": "long"}, {"status": "M", "path": "b"}],
        0,
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (HOSTILE, HOSTILE.decode()),
        (b"caf\xe9 \xff\x80", "caf\ufffd \ufffd\ufffd"),
        ("emoji \U0001f600".encode(), "emoji \U0001f600"),
        (b"\xed\xa0\x80 half a pair", "\ufffd\ufffd\ufffd half a pair"),
    ],
)
def test_any_message_becomes_valid_unicode(clone: Path, message: bytes, expected: str) -> None:
    found = told(clone, raw_commit(clone, message))
    assert found["message"] == expected
    assert json.loads(json.dumps(found)) == found
    found["message"].encode()


def test_a_message_in_an_encoding_of_its_own_is_read_in_that(clone: Path) -> None:
    git(clone, "config", "i18n.commitEncoding", "ISO-8859-1")
    assert told(clone, commit(clone, b"caf\xe9"))["message"] == "café"


@pytest.mark.parametrize("encoding", ["punycode", "hex", "no-such", "../../x", ""])
def test_odd_encodings_are_not_tried(encoding: str) -> None:
    assert text(b"caf\xe9", encoding) == "caf\ufffd"


def test_a_message_of_five_megabytes_is_cut_off_and_costs_little(clone: Path) -> None:
    sha = commit(clone, b"Long: " + b"\xc3\xbc" * 2_621_440)
    begun = time.monotonic()
    found = told(clone, sha)
    assert time.monotonic() - begun < 1
    assert found["message_truncated"]
    assert found["message"].endswith(MARK)
    assert len(found["message"].encode()) <= MESSAGE_BYTES


def test_a_message_that_just_fits_is_whole() -> None:
    assert shortened("x" * MESSAGE_BYTES) == ("x" * MESSAGE_BYTES, False)
    cut, truncated = shortened("x" * (MESSAGE_BYTES + 1))
    assert (len(cut), truncated) == (MESSAGE_BYTES, True)


@pytest.mark.parametrize(
    "who",
    [
        "Ada <ada@x> 99999999999999999999 +0000",
        "<> -5 +0000",
        "no address at all",
        "A <b> <c> 1 +0",
    ],
)
def test_odd_authors_and_times_are_told_too(clone: Path, who: str) -> None:
    sha = raw_commit(clone, b"Odd\n", who)
    found = told(clone, sha)
    assert found["committed"].endswith("Z")
    assert found["message"] == "Odd\n"


def test_names_are_as_long_as_the_webhook_takes_them(clone: Path) -> None:
    name = "\N{PILE OF POO}" * 400
    sha = raw_commit(clone, b"Long\n", f"{name} <{'é' * 700}> 1 +0000")
    found = event(Repository.at(clone), "é" * 700, sha)
    assert [len(found[key].encode()) for key in ("author", "email", "branch")] == [1000] * 3
