"""Models: files from a hub, verified against the catalogue before any server can see them."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.model import ModelFile, ModelState, state_request
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("model.sh")
OWNERSHIP = "644 root:root"


@dataclass(frozen=True)
class Download:
    """One file of one commit of a hub's repository, and what it has to be."""

    name: str
    repository: str
    revision: str
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Shelf:
    """Where models lie on a host, and the hub's own client (`hf`) that brings them there.

    A download leaves `reserve_bytes` of that disk free; `environment` is the client's.
    """

    root: str
    client: str
    reserve_bytes: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


@operation()
def present(models: Sequence[Download], shelf: Shelf) -> Generator[StringCommand]:
    """
    Have these models at `<shelf.root>/<name>/<file>`, each with the bytes that it is known by.

    A file of other bytes is replaced; until then the containers that map it are stopped.

    + models: the files, and their sha256
    + shelf: where they belong

    **Example:**

        model.present(name="Have the models", models=[...], shelf=Shelf("/srv/models", "/.../hf"))
    """
    request = state_request({model.name: model.file for model in models})
    found = host.get_fact(ModelState, root=shelf.root, _stdin=request)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    needed = [(model, action) for model in models for action in _actions(model, found)]
    for model, action in needed:
        changes.announce(host, _changes(model, action, found.get(model.name), shelf.root))
    for model, action in needed:
        yield _command(model, action, found.get(model.name), shelf)


def _actions(model: Download, found: Mapping[str, ModelFile]) -> list[str]:
    there = found.get(model.name)
    if there is None or there.sha256 != model.sha256:
        return ["download"]
    return [
        *(["own"] if there.ownership != OWNERSHIP else []),
        *(["mark"] if not there.marked else []),
    ]


def _changes(model: Download, action: str, there: ModelFile | None, root: str) -> list[Change]:
    path = f"{root}/{model.name}/{model.file}"
    detail = {"path": path, "sha256": model.sha256}
    if there is None:
        return [Change("model", "download", model.name, detail)]
    if action == "own":
        diff = f"- {there.ownership}\n+ {OWNERSHIP}\n"
        found = {"sha256": model.sha256, "mode": "0644", "owner": "root:root"}
        return [Change("file", "modify", path, found, diff)]
    if action == "mark":
        return [Change("model", "mark as verified", model.name, detail)]
    diff = f"- sha256 {there.sha256}\n+ sha256 {model.sha256}\n"
    restarted = there.readers if _is_broken(there) else {}
    return [
        Change("model", "replace", model.name, detail, diff),
        *(Change("container", "restart", reader) for reader in restarted),
    ]


def _is_broken(there: ModelFile) -> bool:
    """Not what it once was, other than a good file that the catalogue has since replaced."""
    return there.sha256 != there.verified


def _command(model: Download, action: str, there: ModelFile | None, shelf: Shelf) -> StringCommand:
    withdrawn = there is not None and _is_broken(there)
    values = {
        **{name: str(value) for name, value in vars(model).items()},
        **{"action": action, "root": shelf.root, "client": shelf.client},
        **{"reserve": str(shelf.reserve_bytes), "broken": "yes" if withdrawn else ""},
        "readers": " ".join(there.readers.values()) if there is not None and withdrawn else "",
    }
    exported = [f"export {name}={shlex.quote(text)}" for name, text in shelf.environment.items()]
    assigned = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    return StringCommand("\n".join([*exported, *assigned, SCRIPT.read_text()]))
