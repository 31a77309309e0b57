"""`sources.present` and `sources.removed`: which commands the state of a host leads to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

import changes
from changes import Change
from facts.sources import Source
from operations import sources
from operations.entries import File
from tests.fake_host import Run, run

KEY = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
VENDOR = Source(
    "vendor",
    "https://vendor.test/debian",
    "trixie",
    ("stable",),
    "https://vendor.test/gpg",
    "A" * 40,
    preferences="Package: *\nPin: origin vendor.test\nPin-Priority: 600",
)
STATE = "/var/lib/ai-idp/services/apt-vendor"
START = f"sh {STATE}/transaction/transaction.sh start {STATE}/transaction"


def state(*files: File, key: bytes = KEY, name: str = "vendor") -> list[str]:
    """What the fact prints where these files lie on the host."""
    rows = [f"source\t{name}"]
    for file in files:
        digest = hashlib.sha256(file.content).hexdigest()
        rows += [
            f"manifest\t{file.path}",
            f"entry\tregular file\t644\troot\troot\t{file.path}\t0\t0",
            f"sum\t{digest}  {file.path}",
        ]
    return [*rows, "end", f"key\t{base64.b64encode(key).decode()}"]


def present(answer: Any) -> Run:
    return run(lambda: sources.present(sources=[VENDOR]), {"end of sources": answer})


def test_a_source_that_is_there_costs_one_command() -> None:
    outcome = present([*state(*sources.entries(VENDOR, KEY)), "end of sources"])
    assert outcome.succeeded
    assert len(outcome.commands) == 1


@pytest.mark.parametrize("missing", range(3))
def test_a_file_that_is_missing_is_landed(missing: int) -> None:
    files = sources.entries(VENDOR, KEY)
    del files[missing]
    assert present([*state(*files), "end of sources"]).commands[-1] == START


@pytest.mark.parametrize("edited", range(3))
def test_a_file_that_was_edited_is_landed(edited: int) -> None:
    files = sources.entries(VENDOR, KEY)
    files[edited] = File(files[edited].path, b"# by hand\n")
    assert present([*state(*files), "end of sources"]).commands[-1] == START


def test_the_files_are_the_keyring_the_source_and_its_preferences() -> None:
    assert [(file.path, file.content) for file in sources.entries(VENDOR, KEY)] == [
        ("/etc/apt/keyrings/ai-idp-vendor.asc", KEY),
        ("/etc/apt/sources.list.d/ai-idp-vendor.sources", VENDOR.list_text().encode()),
        (
            "/etc/apt/preferences.d/ai-idp-vendor.pref",
            b"# Managed by ai-idp; changes here are lost.\n"
            b"Package: *\nPin: origin vendor.test\nPin-Priority: 600\n",
        ),
    ]


def test_a_source_without_preferences_has_no_file_for_them() -> None:
    plain = Source(**{**vars(VENDOR), "preferences": ""})
    assert len(sources.entries(plain, KEY)) == 2


def test_only_the_index_of_the_new_source_is_fetched() -> None:
    steps = sources.activation(VENDOR)
    assert "Dir::Etc::sourcelist=/etc/apt/sources.list.d/ai-idp-vendor.sources" in steps
    assert "APT::Update::Error-Mode=any" in steps


def test_no_source_is_ever_trusted_without_its_key() -> None:
    assert "rusted" not in VENDOR.list_text()


REFUSED = {"success": False, "stderr": "unreadable: … does not answer with exactly the key …"}


def test_a_refused_key_changes_nothing_and_fails_the_host() -> None:
    outcome = present(REFUSED)
    assert not outcome.succeeded
    assert START not in outcome.commands


def remove(answer: Any) -> Run:
    return run(lambda: sources.removed(names=["vendor"]), {"end of sources": answer})


def test_a_source_that_is_not_there_is_left_alone() -> None:
    outcome = remove(["source\tvendor", "end", "end of sources"])
    assert outcome.succeeded
    assert len(outcome.commands) == 1


def test_a_removed_source_takes_its_files_its_record_and_its_key_with_it() -> None:
    outcome = remove([*state(*sources.entries(VENDOR, KEY)), "end of sources"])
    assert outcome.commands[-2:] == [START, f"rm -rf {STATE} /var/lib/ai-idp/apt/keys/vendor.asc"]


def test_the_state_that_cannot_be_read_removes_nothing() -> None:
    outcome = remove(REFUSED)
    assert not outcome.succeeded
    assert START not in outcome.commands


def test_every_source_is_announced_before_the_first_one_lands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plan ends at an operation's first command; what comes later is in no plan."""
    announced: list[tuple[str, bool]] = []

    def announce(host: Any, rows: Sequence[Change]) -> None:
        landed = any(
            "transaction.sh start" in command for command in host.connector.executed_commands
        )
        announced.extend((row.what, landed) for row in rows)

    monkeypatch.setattr(changes, "announce", announce)
    other = Source(**{**vars(VENDOR), "name": "other"})
    answer = [*state(), *state(name="other"), "end of sources"]
    run(lambda: sources.present(sources=[VENDOR, other]), {"end of sources": answer})
    assert {(VENDOR.list_path, False), (other.list_path, False)} <= set(announced)
    assert not any(landed for _, landed in announced)
