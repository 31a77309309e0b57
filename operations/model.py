"""Models: files from a hub, whole and verified before any server can see them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr
from pyinfra import host
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput
from typing_extensions import override

import changes
from changes import Change
from facts.model import FileState, ModelState, Shelved, state_request
from operations import model_lock
from operations.model_lock import Found, Locked
from operations.service import UNREADABLE

OWNERSHIP = "644 root:root"
LOCKED_BY_THE_RUN = "locked by the run"
_FOUND = re.compile(r"found (\S+) (\S+) (\d+) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Wanted:
    """One file of a model; without `sha256` it is locked when it comes, and `bytes` estimate it."""

    path: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Download:
    """Files of one commit of a hub's repository, and what they have to be."""

    name: str
    repository: str
    revision: str
    files: tuple[Wanted, ...]
    gated: bool = False

    @property
    def source(self) -> str:
        return f"{self.repository}@{self.revision}"

    def locked(self, lock: Locked) -> Download:
        """With what is locked in place of what the catalogue does not know."""
        known = lock.get(self.source, {})
        return replace(self, files=tuple(_locked(file, known) for file in self.files))


@dataclass(frozen=True)
class Shelf:
    """Where models lie on a host, and the program (`fetch`) that brings them there.

    A download leaves `reserve_bytes` of that disk free; `environment` is the program's. `lock`
    is the file on this machine that keeps what a first download found.
    """

    root: str
    fetch: str
    lock: Path
    reserve_bytes: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    def folder(self, model: Download) -> str:
        return f"{self.root}/{model.name}/{model.revision}"


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
    needed = {model.name: _changes(model, shelf, found) for model in declared}
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


def undeclared(models: Sequence[Download], shelf: Shelf, found: Shelved) -> dict[str, int]:
    """What lies on the shelf beside `models`: bytes by path of the whole model, or revision."""
    revisions = {(model.name, model.revision) for model in models}
    names = {model.name for model in models}
    files = {f"{shelf.folder(model)}/{file.path}" for model in models for file in model.files}
    sizes: dict[str, int] = {}
    for path, size in found.sizes.items():
        parts = path.removeprefix(f"{shelf.root}/").split("/")
        if path in files:
            continue
        depth = 1 if parts[0] not in names else 2 if tuple(parts[:2]) not in revisions else None
        top = "/".join([shelf.root, *parts[:depth]])
        sizes[top] = sizes.get(top, 0) + size
    return dict(sorted(sizes.items()))


def _removal(what: str, models: Sequence[Download], shelf: Shelf) -> str:
    """The last revision of a model takes the model's folder along."""
    command = f"rm -rf -- {shlex.quote(what)}"
    parent = what.rpartition("/")[0]
    if parent in {f"{shelf.root}/{model.name}" for model in models}:
        command += f" && rmdir --ignore-fail-on-non-empty {shlex.quote(parent)}"
    return command


class Fetch(StringCommand):
    """Runs the download and shows its lines as they come, then locks what it found.

    The models and the token travel over standard input: they are in no argument and no log.
    """

    def __init__(self, models: Sequence[Download], shelf: Shelf, token: SecretStr | None) -> None:
        given = {
            "root": shelf.root,
            "reserve_bytes": shelf.reserve_bytes,
            "token": token.get_secret_value() if token else None,
            "models": [asdict(model) for model in models],
        }
        exported = [f"{name}={shlex.quote(text)}" for name, text in shelf.environment.items()]
        super().__init__("env", *exported, shelf.fetch, _stdin=json.dumps(given))
        self.models, self.lock = {model.name: model for model in models}, shelf.lock

    @override
    def execute(
        self, state: State, host: Host, connector_arguments: ConnectorArguments
    ) -> tuple[bool, CommandOutput]:
        connector_arguments.update(self.connector_arguments)
        succeeded, output = host.run_shell_command(
            self, print_output=True, print_input=state.print_input, **connector_arguments
        )
        contradictions = model_lock.record(self.lock, self._found(output.stdout_lines))
        for text in contradictions:
            host.log_styled(text, fg="red")
        # Every line was shown when it came: pyinfra would show those of a failure again.
        return succeeded and not contradictions, CommandOutput([])

    def _found(self, lines: Sequence[str]) -> Locked:
        found: Locked = {}
        for line in lines:
            if match := _FOUND.fullmatch(line):
                name, path, size, sha256 = match.groups()
                source = found.setdefault(self.models[name].source, {})
                source[path] = Found(int(size), sha256)
        return found


def _state(models: Sequence[Download], shelf: Shelf) -> Shelved | None:
    request = state_request(
        (shelf.folder(model), file.path) for model in models for file in model.files
    )
    state: Shelved | None = host.get_fact(ModelState, root=shelf.root, _stdin=request)
    return state


def _locked(file: Wanted, known: Mapping[str, Found]) -> Wanted:
    if file.sha256 is not None or file.path not in known:
        return file
    return Wanted(file.path, known[file.path].bytes, known[file.path].sha256)


def _changes(model: Download, shelf: Shelf, found: Shelved) -> list[Change]:
    """What a run does to a model: nothing, or all of it at once."""
    folder = shelf.folder(model)
    states = {file: found.files.get(f"{folder}/{file.path}") for file in model.files}
    if not any(states.values()):
        return [Change("model", "download", model.name, _detail(model, folder))]
    wrong = {file: state for file, state in states.items() if not _is_good(file, state)}
    if wrong:
        readers = found.mapping(folder, running=True)
        return [
            Change("model", "replace", model.name, _detail(model, folder), _diff(wrong)),
            *(Change("container", "restart", reader) for reader in readers),
        ]
    return [
        *_ownerships(model, folder, states),
        *([] if _is_marked(states) else [Change("model", "mark as verified", model.name)]),
        *([Change("model", "lock its sha256", model.name)] if _is_open(model) else []),
    ]


def _is_good(file: Wanted, state: FileState | None) -> bool:
    return state is not None and state.sha256 == (file.sha256 or state.verified)


def _is_marked(states: Mapping[Wanted, FileState | None]) -> bool:
    return all(state is not None and state.marked for state in states.values())


def _is_open(model: Download) -> bool:
    return any(file.sha256 is None for file in model.files)


def _detail(model: Download, folder: str) -> dict[str, str]:
    """What an observer finds: the checksum of each path."""
    return {f"{folder}/{file.path}": file.sha256 or LOCKED_BY_THE_RUN for file in model.files}


def _diff(wrong: Mapping[Wanted, FileState | None]) -> str:
    return "".join(
        f"- {file.path} {f'sha256 {state.sha256}' if state else 'is missing'}\n"
        f"+ {file.path} sha256 {file.sha256 or (state.verified if state else '')}\n"
        for file, state in wrong.items()
    )


def _ownerships(
    model: Download, folder: str, states: Mapping[Wanted, FileState | None]
) -> list[Change]:
    return [
        Change(
            "file",
            "modify",
            f"{folder}/{file.path}",
            {"sha256": state.sha256, "mode": "0644", "owner": "root:root"},
            f"- {state.ownership}\n+ {OWNERSHIP}\n",
        )
        for file, state in states.items()
        if state is not None and state.ownership != OWNERSHIP
    ]
