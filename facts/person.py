"""Person: who works at a desk, as the host knows them: account, home, keys, and their vault."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("person_state.sh")


@dataclass(frozen=True)
class Person:
    """An account and what is in its home. `exists` is False where the host has no such account.

    `keys`: public SSH keys without their comments. `vault`: the address that the clone in the
    vault's folder came from; empty where there is no clone. `vault_is_other`: something lies in
    that folder that is no clone.
    """

    exists: bool = False
    group: str = ""
    home: str = ""
    home_owner: str = ""
    keys: tuple[str, ...] = ()
    vault: str = ""
    vault_is_other: bool = False


class PersonState(FactBase[Person | None]):
    """Sample: Person(exists=True, group="ada", home="/home/ada", ...); None where unreadable."""

    @override
    def command(self, user: str, folder: str) -> str:
        names = f"user={shlex.quote(user)}\nfolder={shlex.quote(folder)}\n"
        return f"{names}{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> Person:
        if not output or output[-1] != "end":
            raise FactProcessError("what is known of the person ended in the middle")
        lines = [line.split("\t") for line in output]
        account = next((line[1:] for line in lines if line[0] == "account"), None)
        if account is None:
            return Person()
        return Person(
            exists=True,
            group=account[0],
            home=account[1],
            home_owner=next(line[1] for line in lines if line[0] == "home"),
            keys=tuple(line[1] for line in lines if line[0] == "key"),
            vault=next((line[1] for line in lines if line[0] == "clone"), ""),
            vault_is_other=["other"] in lines,
        )
