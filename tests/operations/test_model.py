"""`model.present` and `model.undeclared_removed`: which commands a state of the host leads to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import changes
from changes import Change
from operations import model, model_lock
from operations.model_fetch import Fetch
from operations.model_lock import Found
from operations.model_shelf import Download, Shelf, Wanted
from tests.fake_host import Run, run

SHA256 = "b" * 64
REVISION = "a" * 40
FOLDER = f"/srv/models/small/{REVISION}"
CONFIG, WEIGHTS = Wanted("config.json", 2, SHA256), Wanted("sub/w.safetensors", 7, None)
SMALL = Download("small", "owner/Small", REVISION, (CONFIG, WEIGHTS))
COMMAND = "env HF_HOME=/x /opt/fetch"
MOUNT = f"mount\t{FOLDER}\tvllm/server\t/vllm-server-1\ttrue"


def row(
    path: str,
    sha256: str = SHA256,
    marked: str = "yes",
    verified: str = SHA256,
    owner: str = "644 root:root",
) -> str:
    return f"file\t{FOLDER}/{path}\t{sha256}\t{marked}\t{verified}\t2\t{owner}"


GOOD = [row("config.json"), row("sub/w.safetensors")]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf("/srv/models", "/opt/fetch", tmp_path / "lock.json", 5, {"HF_HOME": "/x"})


@pytest.fixture
def locked(shelf: Shelf) -> Shelf:
    model_lock.record(shelf.lock, {SMALL.source: {WEIGHTS.path: Found(7, SHA256)}})
    return shelf


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a reader is shown: kind, action and subject of each change, or a notice's text."""
    shown: list[Any] = []

    def announce(_: object, rows: Sequence[Change]) -> None:
        shown.extend((row.kind, row.action, row.what) for row in rows)

    monkeypatch.setattr(changes, "announce", announce)
    monkeypatch.setattr(changes, "notice", lambda _, text: shown.append(text))
    return shown


def present(shelf: Shelf, rows: Any, output: Any = "", token: str | None = None) -> Run:
    secret = SecretStr(token) if token else None
    return run(
        lambda: model.present(models=[SMALL], shelf=shelf, token=secret),
        {"root=/srv/models\n": rows, "/opt/fetch": output},
    )


def test_what_is_there_and_locked_costs_one_command(locked: Shelf) -> None:
    outcome = present(locked, [*GOOD, "end"])
    assert outcome.succeeded
    assert len(outcome.commands) == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], [("model", "download", "small")]),
        ([GOOD[0]], [("model", "replace", "small")]),
        (
            [row("config.json", sha256="0" * 64, marked="no"), GOOD[1], MOUNT],
            [("model", "replace", "small"), ("container", "restart", "vllm/server")],
        ),
        ([row("config.json", marked="no"), GOOD[1]], [("model", "mark as verified", "small")]),
        (
            [row("config.json", owner="600 root:root"), GOOD[1]],
            [("file", "modify", f"{FOLDER}/config.json")],
        ),
    ],
)
def test_each_state_is_planned_as_what_it_needs_and_costs_one_command_more(
    locked: Shelf, announced: list[Any], rows: list[str], expected: list[Any]
) -> None:
    assert present(locked, [*rows, "end"]).commands[1:] == [COMMAND]
    assert announced == expected


def test_a_sum_that_is_not_known_yet_is_planned_to_be_locked(
    shelf: Shelf, announced: list[Any]
) -> None:
    assert present(shelf, [*GOOD, "end"]).commands[1:] == [COMMAND]
    assert announced == [("model", "lock its sha256", "small")]


def test_what_the_run_found_is_locked_and_then_nothing_is_left_to_do(shelf: Shelf) -> None:
    found = ["small: 1.00 MB of 2.00 MB", f"found small {WEIGHTS.path} 7 {SHA256}"]
    assert present(shelf, ["end"], found).succeeded
    assert model_lock.read(shelf.lock) == {SMALL.source: {WEIGHTS.path: Found(7, SHA256)}}
    assert len(present(shelf, [*GOOD, "end"]).commands) == 1


def test_what_a_failed_run_found_is_locked_too(shelf: Shelf) -> None:
    answer = {"success": False, "stdout": [f"found small {WEIGHTS.path} 7 {SHA256}"]}
    assert not present(shelf, ["end"], answer).succeeded
    assert model_lock.read(shelf.lock) != {}


def test_a_find_that_contradicts_the_lock_fails_the_host(locked: Shelf) -> None:
    found = [f"found small {WEIGHTS.path} 7 {'0' * 64}"]
    assert not present(locked, ["end"], found).succeeded
    assert model_lock.read(locked.lock)[SMALL.source][WEIGHTS.path].sha256 == SHA256


def test_what_cannot_be_read_changes_nothing_and_fails_the_host(shelf: Shelf) -> None:
    outcome = present(shelf, {"success": False, "stderr": "unreadable: /srv/models"})
    assert not outcome.succeeded
    assert COMMAND not in outcome.commands


def test_the_request_travels_over_standard_input(locked: Shelf) -> None:
    fetch = Fetch([SMALL], locked, SecretStr("hf_secret"))
    given = json.loads(str(fetch.connector_arguments["_stdin"]))
    assert given == {
        "root": "/srv/models",
        "reserve_bytes": 5,
        "token": "hf_secret",
        "models": [
            {
                "name": "small",
                "repository": "owner/Small",
                "revision": REVISION,
                "files": [vars(CONFIG), vars(WEIGHTS)],
                "gated": False,
            }
        ],
    }
    assert fetch.get_raw_value() == COMMAND
    assert "hf_secret" not in repr(fetch)


OLD = "/srv/models/old/1/file"
OTHER_REVISION = "/srv/models/small/ccc/config.json"
STRAY = f"{FOLDER}/extra.safetensors"
UNDECLARED = [
    f"found\t{OLD}\t3000000000",
    f"found\t{OTHER_REVISION}\t2",
    f"found\t{STRAY}\t1",
    f"found\t{FOLDER}/config.json\t2",
]


def test_what_the_catalogue_lacks_is_a_notice(locked: Shelf, announced: list[Any]) -> None:
    assert len(present(locked, [*GOOD, *UNDECLARED, "end"]).commands) == 1
    reason = "is no model of the catalogue; `make retire` removes it"
    assert announced == [
        f"/srv/models/old (3.00 GB) {reason}",
        f"{STRAY} (0.00 GB) {reason}",
        f"/srv/models/small/ccc (0.00 GB) {reason}",
    ]


def remove(shelf: Shelf, rows: list[str]) -> Run:
    return run(
        lambda: model.undeclared_removed(models=[SMALL], shelf=shelf),
        {"root=/srv/models\n": rows, "stays:": {"success": False}},
    )


def test_what_the_catalogue_lacks_is_removed_on_request(shelf: Shelf, announced: list[Any]) -> None:
    assert remove(shelf, [*UNDECLARED, MOUNT, "end"]).commands[1:] == [
        "rm -rf -- /srv/models/old",
        f"rm -rf -- {STRAY}",
        "rm -rf -- /srv/models/small/ccc && rmdir --ignore-fail-on-non-empty /srv/models/small",
    ]
    assert announced == [
        ("model", "remove", "/srv/models/old"),
        ("model", "remove", STRAY),
        ("model", "remove", "/srv/models/small/ccc"),
    ]


def test_what_a_container_maps_stays(shelf: Shelf) -> None:
    stopped = "mount\t/srv/models/old/1\tllama_cpp/server\t/llama_cpp-server-1\tfalse"
    outcome = remove(shelf, [*UNDECLARED, stopped, "end"])
    assert not outcome.succeeded
    assert outcome.commands[1:] == [
        "echo '/srv/models/old stays: llama_cpp/server maps it; give that another model first' "
        ">&2; exit 1"
    ]


def test_a_catalogue_that_is_there_announces_nothing(locked: Shelf, announced: list[Any]) -> None:
    assert len(present(locked, [*GOOD, "end"]).commands) == 1
    assert announced == []


def test_nothing_is_removed_while_a_later_one_is_mapped(shelf: Shelf, announced: list[Any]) -> None:
    last = "mount\t/srv/models/small/ccc\tllama_cpp/server\t/llama_cpp-server-1\ttrue"
    outcome = remove(shelf, [*UNDECLARED, last, "end"])
    assert not outcome.succeeded
    assert announced == []
    assert not any("rm -rf" in command for command in outcome.commands[1:])


def test_nothing_beside_the_catalogue_is_nothing_to_remove(shelf: Shelf) -> None:
    assert len(remove(shelf, [f"found\t{FOLDER}/config.json\t2", "end"]).commands) == 1
