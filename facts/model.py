"""Models on a host: which files are there, whether they were verified, and who has them mapped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("model_state.sh")


@dataclass(frozen=True)
class FileState:
    """A model's file. `sha256` is that of its bytes now, `verified` that of its mark ("" if none).

    `marked`: it is, by size, time and inode, the very file that the mark was made for.
    """

    sha256: str
    marked: bool
    verified: str
    bytes: int
    ownership: str


@dataclass(frozen=True)
class Mount:
    """A container that maps `source`; `service` is its project/service, "/" outside of Compose."""

    source: str
    service: str
    container: str
    running: bool

    @property
    def reader(self) -> str:
        return self.container if self.service == "/" else self.service


@dataclass(frozen=True)
class Shelved:
    """What lies below a models' directory.

    `files` are those that were asked for and are there, by path. `sizes` are bytes of all files.
    """

    files: dict[str, FileState] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()

    def mapping(self, path: str, running: bool = False) -> list[str]:
        """Who maps `path` or what lies below it; only `running` containers, or all."""
        return [
            mount.reader
            for mount in self.mounts
            if mount.source == path or mount.source.startswith(f"{path}/")
            if mount.running or not running
        ]


class ModelState(FactBase[Shelved | None]):
    """The models below `root`; None where they could not be read.

    The files to look at come over standard input (`state_request`).
    """

    @override
    def command(self, root: str) -> str:
        return f"root={shlex.quote(root)}\n{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> Shelved:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the models ended in the middle")
        rows = [line.split("\t") for line in output[:-1]]
        return Shelved(
            files={row[1]: _file(row[2:]) for row in rows if row[0] == "file"},
            sizes={row[1]: int(row[2]) for row in rows if row[0] == "found"},
            mounts=tuple(_mount(row[1:]) for row in rows if row[0] == "mount"),
        )


def state_request(files: Iterable[tuple[str, str]]) -> str:
    """Standard input of `ModelState`: folders and paths below them."""
    return "".join(f"{folder}\t{path}\n" for folder, path in files)


def _file(columns: list[str]) -> FileState:
    sha256, marked, verified, size, ownership = columns
    return FileState(sha256, marked == "yes", verified, int(size), ownership)


def _mount(columns: list[str]) -> Mount:
    source, service, container, running = columns
    return Mount(source, service, container.removeprefix("/"), running == "true")
