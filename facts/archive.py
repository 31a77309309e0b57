"""Release archives: what they are, and which of them lie unpacked on a host."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

ROOT = "/opt/ai-idp/archives"
CONTENTS = Path(__file__).with_name("archive_contents.sh").read_text()
"""Shell functions that describe an unpacked folder; the operation that unpacks has them too."""
SCRIPT = Path(__file__).with_name("archive_state.sh")
KINDS = (".tar.gz", ".zip", ".deb")


@dataclass(frozen=True)
class Archive:
    """A release of a program: where its archive is, and the sha256 of exactly these bytes.

    ValueError where one of them is not so.
    """

    name: str
    version: str
    url: str
    sha256: str

    def __post_init__(self) -> None:
        for text, pattern in ((self.name, r"[a-z0-9][a-z0-9_-]*"), (self.version, r"[\w.+-]+")):
            if not re.fullmatch(pattern, text):
                raise ValueError(f"archive `{self.name}` of version `{self.version}`: no such name")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(
                f"archive {self.name}: `{self.sha256}` is no sha256; write its 64 small hex digits"
            )
        if not re.fullmatch(r"https://\S+", self.url) or not self.url.endswith(KINDS):
            raise ValueError(
                f"archive {self.name}: `{self.url}` is no https address of a {' or '.join(KINDS)}"
            )

    @property
    def folder(self) -> str:
        """Where it lies unpacked; other bytes lie in another folder."""
        return f"{ROOT}/{self.name}/{self.version}-{self.sha256[:12]}"


class ArchiveState(FactBase[dict[str, bool] | None]):
    """Folders of unpacked archives, and whether each is as it was unpacked; None: unreadable.

    Sample: {"/opt/ai-idp/archives/victoria-logs/1.52.0-d14f585144b8": True}
    """

    @override
    def command(self, names: Iterable[str]) -> str:
        folders = " ".join(shlex.quote(f"{ROOT}/{name}") for name in names)
        return f"folders={shlex.quote(folders)}\n{CONTENTS}{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> dict[str, bool]:
        if not output or output[-1] != "end of archives":
            raise FactProcessError("the state of the archives ended in the middle")
        rows = [line.split("\t") for line in output[:-1]]
        return {folder: state == "whole" for state, folder in rows}
