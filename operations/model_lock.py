"""The models' lock file: sizes and checksums found at a first download, held to ever after.

It lies on the control machine and is meant to be committed:
`{"owner/name@revision": {"path": {"bytes": 10, "sha256": "..."}}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import DeployError

import atomic_file

ROOT = Path(__file__).parent.parent
READABLE = 0o644


@dataclass(frozen=True)
class Found:
    """What one file of a commit turned out to be."""

    bytes: int
    sha256: str


Locked = dict[str, dict[str, Found]]
"""By `owner/name@revision`, then by path."""


def path_in(data: Any) -> Path:
    """The lock file that a host's data name; relative paths start at the root of this checkout."""
    value = data.get("model_lock")
    if not isinstance(value, str):
        raise DeployError("the data lack `model_lock`; set it in group_data/all.py")
    return ROOT / Path(value).expanduser()


def read(path: Path) -> Locked:
    """What is locked; DeployError where the file is damaged."""
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_bytes())
        return {
            source: {name: Found(**found) for name, found in files.items()}
            for source, files in entries.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise DeployError(f"{path} is damaged; restore it from your repository") from error


def record(path: Path, found: Locked) -> list[str]:
    """Add what is not locked yet; returns what contradicts it, which stays out."""
    with atomic_file.locked(path.parent):
        locked, before = read(path), read(path)
        contradictions = []
        for source, files in found.items():
            entries = locked.setdefault(source, {})
            for name, file in files.items():
                if entries.setdefault(name, file) != file:
                    contradictions.append(
                        f"{path} has the sha256 {entries[name].sha256} for {name} of {source}, "
                        f"but {file.sha256} was found: compare both with the file's page on the "
                        "hub, and remove the wrong one"
                    )
        if locked != before:
            text = json.dumps(_plain(locked), indent=2, sort_keys=True) + "\n"
            atomic_file.write(path, text.encode(), READABLE)
    return contradictions


def _plain(locked: Mapping[str, Mapping[str, Found]]) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        source: {name: vars(found) for name, found in files.items()}
        for source, files in locked.items()
    }
