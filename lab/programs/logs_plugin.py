"""Grafana's plugin for VictoriaLogs: an archive with its name and its place, and no program."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

from deploys.grafana_data_sources import LOGS_PLUGIN
from group_data.grafana import grafana as production
from lab import images


def definition() -> bytes:
    """What it is made from."""
    return images.content(Path(__file__)) + production.logs_plugin().url.encode()


def archives() -> dict[str, bytes]:
    """By address; the same bytes each time."""
    version = production.logs_plugin_version
    described = {"type": "datasource", "id": LOGS_PLUGIN, "info": {"version": version}}
    files = {
        "plugin.json": json.dumps(described, indent=2),
        "MANIFEST.txt": "In the lab: the stand-in for Grafana looks whether it is there.\n",
    }
    return {
        production.logs_plugin().url: _packed(
            {f"{LOGS_PLUGIN}/{name}": text.encode() for name, text in files.items()}
        )
    }


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)
