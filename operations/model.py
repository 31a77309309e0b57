"""Models: files from a hub, whole and verified before any server can see them."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence

from pydantic import SecretStr
from pyinfra import host
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.model import ModelState, Shelved, state_request
from operations import model_lock
from operations.model_differences import changes_of, undeclared
from operations.model_fetch import Fetch
from operations.model_shelf import Download, Shelf
from operations.service import UNREADABLE


@operation()
def present(
    models: Sequence[Download], shelf: Shelf, token: SecretStr | None = None
) -> Generator[PyinfraCommand]:
    """
    Have these models at `<shelf.root>/<name>/<revision>`, with the bytes that they are known by.

    A model with a file of other bytes is replaced; until then the containers that map it are
    stopped. What a file without a checksum turns out to be is locked.

    + models: what belongs there
    + shelf: where it belongs
    + token: opens gated models on the hub

    **Example:**

        model.present(name="Have the models", models=[...], shelf=Shelf("/srv/models", ...))
    """
    lock = model_lock.read(shelf.lock)
    declared = [model.locked(lock) for model in models]
    found = _state(declared, shelf)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    for what, size in undeclared(declared, shelf, found).items():
        changes.notice(
            host,
            f"{what} ({size / 1e9:.2f} GB) is no model of the catalogue; `make retire` removes it",
        )
    needed = {model.name: changes_of(model, shelf, found) for model in declared}
    if any(needed.values()):
        changes.announce(host, [change for rows in needed.values() for change in rows])
        yield Fetch([model for model in declared if needed[model.name]], shelf, token)


@operation()
def undeclared_removed(models: Sequence[Download], shelf: Shelf) -> Generator[StringCommand]:
    """
    Have nothing on the shelf but these models; what a container maps is not removed.

    + models: what belongs there
    + shelf: where it belongs

    **Example:**

        model.undeclared_removed(name="Remove old models", models=[...], shelf=...)
    """
    found = _state(models, shelf)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    surplus = undeclared(models, shelf, found)
    mapped = [
        f"{what} stays: {' and '.join(readers)} maps it"
        for what in surplus
        if (readers := found.mapping(what))
    ]
    if mapped:
        text = f"{'; '.join(mapped)}; give that another model first"
        yield StringCommand(f"echo {shlex.quote(text)} >&2; exit 1")
        return
    if surplus:
        rows = [Change("model", "remove", what, {"bytes": str(n)}) for what, n in surplus.items()]
        changes.announce(host, rows)
    for what in surplus:
        yield StringCommand(_removal(what, models, shelf))


def _removal(what: str, models: Sequence[Download], shelf: Shelf) -> str:
    """The last revision of a model takes the model's folder along."""
    command = f"rm -rf -- {shlex.quote(what)}"
    parent = what.rpartition("/")[0]
    if parent in {f"{shelf.root}/{model.name}" for model in models}:
        command += f" && rmdir --ignore-fail-on-non-empty {shlex.quote(parent)}"
    return command


def _state(models: Sequence[Download], shelf: Shelf) -> Shelved | None:
    request = state_request(
        (shelf.folder(model), file.path) for model in models for file in model.files
    )
    state: Shelved | None = host.get_fact(ModelState, root=shelf.root, _stdin=request)
    return state
