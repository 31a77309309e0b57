"""Shelf: where a host keeps its models, and which files of a hub belong to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from operations.model_lock import Found, Locked


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


def _locked(file: Wanted, known: Mapping[str, Found]) -> Wanted:
    if file.sha256 is not None or file.path not in known:
        return file
    return Wanted(file.path, known[file.path].bytes, known[file.path].sha256)
