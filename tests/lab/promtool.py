"""promtool, by the one of the host that loads the rules, in a folder that it has to itself."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from lab.checkout import ROOT
from tests.lab.conftest import shell

HOST = "sclimers-observation"


def promtool(arguments: str, files: Mapping[Path, str]) -> str:
    """What it says of `files`, also where it finds something wrong.

    They are texts by the paths that they have in this checkout; the folder has them at the same
    ones, from which `arguments` and the files name each other.
    """
    packed = base64.b64encode(_packed(files)).decode()
    prepare = f'place=$(mktemp -d) && cd "$place" && printf %s {packed} | base64 -d | tar -xz'
    return shell(HOST, f'{prepare} && promtool {arguments} 2>&1; cd / && rm -r "$place"', False)


def within(path: Path) -> str:
    """How `arguments` name a file."""
    return str(path.relative_to(ROOT))


def _packed(files: Mapping[Path, str]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(within(path))
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return held.getvalue()
