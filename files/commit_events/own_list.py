"""Own list: the repositories that somebody watches on a workstation, in their own home."""

from __future__ import annotations

import json
import os
from pathlib import Path

from . import spool


def read() -> list[Path]:
    """The folders of watched repositories; none where there is no list that could be read."""
    try:
        return [Path(path) for path in json.loads(_path().read_text())]
    except (OSError, ValueError, TypeError):
        return []


def add(folder: Path) -> None:
    _write(sorted({*read(), folder}))


def remove(folder: Path) -> None:
    if folder in (known := read()):
        _write([path for path in known if path != folder])


def _write(folders: list[Path]) -> None:
    _path().parent.mkdir(parents=True, exist_ok=True)
    spool.put(_path(), [os.fspath(folder) for folder in folders])


def _path() -> Path:
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "ai-idp" / "watched-repositories.json"
