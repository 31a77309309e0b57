"""Releases: archives that projects keep beside their code, under the addresses of production."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from lab import images
from lab.checkout import LAB
from lab.programs import logs_plugin, n8n, npu_driver, victoria_logs

PROGRAMS = (victoria_logs, logs_plugin, n8n, npu_driver)
HOSTS = ("github.com", "nodejs.org")


def hosts() -> tuple[str, ...]:
    """The host names under which they are served."""
    return HOSTS


def definition() -> bytes:
    """What they are made from: a change of it changes the outside world's image."""
    own = images.content(LAB / "releases.py")
    return own + b"".join(program.definition() for program in PROGRAMS)


def write(directory: Path) -> dict[str, str]:
    """Write all of them below `directory`, by host and path; returns the sha256 of each address."""
    archives = {url: text for program in PROGRAMS for url, text in program.archives().items()}
    for url, content in archives.items():
        parts = urlsplit(url)
        file = directory / str(parts.hostname) / parts.path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return {url: hashlib.sha256(content).hexdigest() for url, content in archives.items()}
