"""Completion of a desk: what bash offers after `make` in a checkout of this project."""

from __future__ import annotations

from pathlib import Path

from operations.entries import Entry, File

SOURCE = Path(__file__).parent.parent / "files" / "workstation" / "make-completion.bash"
PATH = "/etc/bash_completion.d/ai-idp-make"
"""Read with each shell: from 2.12 on bash-completion looks into /usr/local after a program's own
folder (`_comp_load`), so a file of the same name there would not be found."""


def entries() -> list[Entry]:
    return [File(PATH, SOURCE.read_bytes())]
