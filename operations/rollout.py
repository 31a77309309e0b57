"""The roll-out's record on a host: its mark, and the roles that the host has been given.

The mark is the id of the secret store. A host that carries another one is refused before anything
is planned: with a new store its services would silently get new secrets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

import changes
import secret_store
from changes import Change
from facts.rollout import Rollout, RolloutState
from operations.service import UNREADABLE

DIRECTORY = "/var/lib/ai-idp"


@operation()
def joined(roles: Sequence[str]) -> Generator[StringCommand]:
    """
    Have the host carry the mark of this roll-out, and the record of its roles.

    + roles: roles that the inventory gives to the host; one that it had before is named, not
      removed: that is what `make retire` does
    """
    found = _read()
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    for role in sorted(set(found.roles) - set(roles)):
        changes.notice(host, f"the role {role} was taken off this host; `make retire` removes it")
    files = {} if found.marked else {"rollout": f"{_rollout_id()}\n"}
    files |= {f"roles/{role}": "" for role in sorted(set(roles) - set(found.roles))}
    if files:
        changes.announce(host, [_creation(name, text) for name, text in files.items()])
        yield StringCommand(_write(files))


@operation()
def left(roles: Sequence[str]) -> Generator[StringCommand]:
    """
    Have none of these roles in the host's record.

    + roles: roles that were removed from the host
    """
    found = _read()
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    paths = [f"{DIRECTORY}/roles/{role}" for role in sorted(set(roles) & set(found.roles))]
    if paths:
        changes.announce(host, [Change("file", "remove", path) for path in paths])
        yield StringCommand("rm", "-f", *paths)


@operation()
def noticed(text: str) -> Generator[StringCommand]:
    """
    Tell the reader of a plan or of a run something that no run changes.

    + text: one sentence, with what to do about it
    """
    changes.notice(host, text)
    yield from ()


def roles_left_behind(roles: Sequence[str]) -> tuple[str, ...]:
    """The roles in the record of the current host that are not among `roles`."""
    found = _read()
    # Where the record cannot be read pyinfra has failed the host already.
    return tuple(role for role in found.roles if role not in roles) if found else ()


def _read() -> Rollout | None:
    return host.get_fact(RolloutState, rollout_id=_rollout_id())


def _rollout_id() -> str:
    return secret_store.for_data(host.data).rollout_id


def _creation(name: str, text: str) -> Change:
    digest = hashlib.sha256(text.encode()).hexdigest()
    detail = {"sha256": digest, "mode": "0600", "owner": "root:root"}
    return Change("file", "create", f"{DIRECTORY}/{name}", detail)


def _write(files: dict[str, str]) -> str:
    """Shell text that writes them whole; synchronised, as a power cut may leave one empty else."""
    new = f"{DIRECTORY}/.new"
    lines = [
        f"printf '%s' '{text}' >{new} && sync {new} && mv {new} {DIRECTORY}/{name}"
        for name, text in files.items()
    ]
    return " && ".join([f"umask 077; mkdir -p {DIRECTORY}/roles", *lines])
