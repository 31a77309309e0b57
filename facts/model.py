"""Models on a host: which files are there, whether they were verified, and who has them mapped."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("model_state.sh")


@dataclass(frozen=True)
class ModelFile:
    """A model file. `sha256` is that of its bytes now, `verified` that of its mark ("" if none).

    `marked`: it is, by size, time and inode, the very file that the mark was made for.
    `readers`: ids of running containers that mount its folder, by project/service.
    """

    sha256: str
    marked: bool
    verified: str
    ownership: str
    readers: dict[str, str] = field(default_factory=dict)


class ModelState(FactBase[dict[str, ModelFile] | None]):
    """Model files below `root` by name; None where they could not be read.

    Names come over standard input (`state_request`). A model that is not there is not in the
    result.
    """

    @override
    def command(self, root: str) -> str:
        return f"root={shlex.quote(root)}\n{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> dict[str, ModelFile]:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the models ended in the middle")
        return dict(_model(line.split("\t")) for line in output[:-1])


def state_request(files: dict[str, str]) -> str:
    """Standard input of `ModelState`: file names by model name."""
    return "".join(f"{name}\t{file}\n" for name, file in files.items())


def _model(columns: list[str]) -> tuple[str, ModelFile]:
    _, name, sha256, marked, verified, ownership, readers = columns
    pairs = (reader.split("=", 1) for reader in readers.split())
    return name, ModelFile(sha256, marked == "yes", verified, ownership, dict(pairs))
