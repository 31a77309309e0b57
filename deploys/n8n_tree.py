"""n8n's tree: the packages that it is made of, locked, in a folder for each lock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from operations.entries import Directory, Entry, File

OWN_FILES = Path(__file__).parent.parent / "files" / "n8n"
DIRECTORY = "/opt/ai-idp/n8n"
"""Where each lock's tree lies; a program knows its own path, so each has a folder of its own."""
SOURCE = f"{DIRECTORY}/source"


def tree_files() -> dict[str, bytes]:
    """What the tree is made from, by path: what npm reads, and stand-ins for what is left out."""
    names = [OWN_FILES / name for name in (".npmrc", "package.json", "package-lock.json")]
    found = [*names, *sorted(x for x in (OWN_FILES / "left-out").rglob("*") if x.is_file())]
    return {str(file.relative_to(OWN_FILES)): file.read_bytes() for file in found}


def tree_hash(made_from: Mapping[str, bytes], addon_sha256: str) -> str:
    parts = [*made_from.items(), ("addon", addon_sha256.encode())]
    text = b"".join(f"{name} {len(content)}\n".encode() + content for name, content in parts)
    return hashlib.sha256(text).hexdigest()[:12]


def tree_sources() -> list[Entry]:
    made_from = tree_files()
    folders = sorted({str(Path(name).parent) for name in made_from} - {"."})
    return [
        Directory(SOURCE),
        *(Directory(f"{SOURCE}/{name}") for name in folders),
        *(File(f"{SOURCE}/{name}", content) for name, content in made_from.items()),
    ]
