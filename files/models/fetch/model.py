"""A model: its files, where it belongs, and where it waits until all of it is verified."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .disk import sync

MARKS = ".verified"


class Failure(Exception):
    """Why a model is not brought; the text says what to do."""


@dataclass(frozen=True)
class File:
    """One file of a model; without `sha256` its `bytes` are an estimate."""

    path: str
    bytes: int
    sha256: str | None


@dataclass
class Model:
    """One model, where it belongs, and where it waits until all of it is verified.

    `marks` are the verified files: sha256, size, time and inode by path.
    """

    name: str
    repository: str
    revision: str
    gated: bool
    files: list[File]
    root: Path
    missing: list[File] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path:
        return self.root / self.name / self.revision

    @property
    def incoming(self) -> Path:
        return self.root / ".incoming" / self.name / self.revision

    @property
    def source(self) -> str:
        return f"{self.repository}@{self.revision}"


def read_marks(folder: Path) -> dict[str, str]:
    return dict(_marks(folder / MARKS))


def _marks(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        mark, _, of = line.rpartition(" ")
        yield of, mark


def write_marks(model: Model, folder: Path) -> None:
    """Write the marks of the files that the model has; nothing where they stand already."""
    paths = [file.path for file in model.files if file.path in model.marks]
    text = "".join(f"{model.marks[path]} {path}\n" for path in paths)
    target = folder / MARKS
    if target.exists() and target.read_text() == text:
        return
    draft = folder / f"{MARKS}.new"
    draft.write_text(text)
    sync(draft)
    draft.replace(target)
