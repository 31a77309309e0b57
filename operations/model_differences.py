"""Differences of models: how a shelf departs from what is declared, as changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from changes import Change
from facts.model import FileState, Shelved
from operations.model_shelf import Download, Shelf, Wanted

OWNERSHIP = "644 root:root"
LOCKED_BY_THE_RUN = "locked by the run"


def changes_of(model: Download, shelf: Shelf, found: Shelved) -> list[Change]:
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
