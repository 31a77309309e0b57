"""Python environments: what a program is made of, locked with hashes, in a folder for each lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from deploys.rendering import render
from operations.entries import Entry, File, Link

PACKAGES = ("python3-venv", "ca-certificates")
"""What a host needs to make one."""


@dataclass(frozen=True)
class PythonEnvironment:
    """One below `directory`, where the link `program` leads to the one in force.

    `requirements` is a whole lock: nothing that it does not name is installed, and nothing is
    built from source.
    """

    directory: str
    program: str
    requirements: bytes

    @property
    def name(self) -> str:
        """Of the folder: an environment knows its own path, so another lock has another one."""
        return f"{self.program}-{hashlib.sha256(self.requirements).hexdigest()[:12]}"

    @property
    def folder(self) -> str:
        return f"{self.directory}/{self.name}"

    @property
    def link(self) -> str:
        return f"{self.directory}/{self.program}"

    @property
    def live(self) -> str:
        """A shell command that says which lock the environment in force was made from."""
        return f"cat {self.link}/complete"

    def entries(self) -> list[Entry]:
        """The lock, and the link to what `preparation` makes of it."""
        return [
            File(f"{self.directory}/requirements.txt", self.requirements),
            Link(self.link, self.name),
        ]

    def preparation(self) -> str:
        """A shell text that makes it beside the one in force, and removes those before that."""
        return render("python_environment/prepare.sh.j2", environment=self).decode()
