"""The fact about the person at a desk: what a host says becomes, and what is nobody's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.person import Person, PersonState

PROGRAMS = {
    "getent": '[ "$2" = ada ] || exit ${NOBODY:-2}; echo "ada:x:1000:1000::$PLACE:/bin/bash"',
    "id": "echo people",
    "stat": "echo ada",
    "runuser": 'shift 3; exec "$@"',
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    return tmp_path / "home"


def read(home: Path, user: str = "ada", **environment: str) -> Person:
    path = f"{home.parent / 'programs'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", PersonState().command(user, "Notes/Vault")],
        env={**os.environ, "PATH": path, "PLACE": str(home), **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise FactProcessError(done.stderr)
    return PersonState().process(done.stdout.splitlines())


def test_a_new_account_has_nothing_yet(home: Path) -> None:
    assert read(home) == Person(True, "people", str(home), "ada")


def test_keys_are_told_without_their_comments(home: Path) -> None:
    (home / ".ssh" / "id_ed25519.pub").write_text("ssh-ed25519 AAAA+/= ada@desk\n")
    (home / ".ssh" / "id_ed25519").write_text("ssh-ed25519 SECRET\n")
    assert read(home).keys == ("ssh-ed25519 AAAA+/=",)


def test_a_clone_is_told_from_something_else(home: Path) -> None:
    vault = home / "Notes" / "Vault"
    vault.mkdir(parents=True)
    assert not read(home).vault_is_other
    (vault / "own.md").write_text("mine")
    assert read(home).vault_is_other
    subprocess.run(["git", "init", "--quiet", str(vault)], check=True)
    subprocess.run(["git", "-C", str(vault), "remote", "add", "origin", "git@x:v"], check=True)
    assert (read(home).vault, read(home).vault_is_other) == ("git@x:v", False)


def test_an_account_that_is_not_there_is_told(home: Path) -> None:
    assert read(home, "somebody") == Person()


def test_accounts_that_cannot_be_asked_are_not_absent(home: Path) -> None:
    with pytest.raises(FactProcessError):
        read(home, "somebody", NOBODY="1")


def test_what_ends_in_the_middle_is_unreadable() -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        PersonState().process(["account\tada\t/home/ada"])
